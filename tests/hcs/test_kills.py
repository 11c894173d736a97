"""SIGKILL of everything at any instant: the next command puts in order what is left."""

import os
import random
import signal
import subprocess
import time

import pytest

import leftovers
from service import kill, processes_with, wait_until

KILLS = int(os.environ.get("HCS_KILLS", "200"))


def supervisors(service) -> list:
    return processes_with(str(service.run_root))


def settle(service):
    """After a kill: no command must fail for it, and removing all leaves nothing."""
    for _ in range(3):
        service.remove_all()
        # What was half made or half removed is swept by whoever makes one.
        service("run", "--rm", "nano", "true")
        leftovers.reap()
        if not service.left():
            return
        time.sleep(0.2)
    service.assert_nothing_left()


def test_supervisor(service):
    service.started("widow", "sleep", "1000")
    state = service.state("widow")
    kill(state["Supervisor"])
    assert service("wait", "widow").stdout == "137\n"
    after = service.state("widow")
    assert (after["Status"], after["ExitCode"], after["Error"]) == (
        "exited", 137, "its supervisor was killed")
    wait_until(lambda: leftovers.reap() or not os.path.exists(f"/proc/{state['Pid']}"), "it has gone")
    service("start", "widow")
    assert service.status("widow") == "running"


def test_supervisor_of_one_that_is_to_be_removed(service):
    cid = service.started("brief", "sleep", "1000", flags=["--rm"])
    kill(service.state("brief")["Supervisor"])
    assert "No such container" in service.fails("wait", cid)
    service.assert_nothing_left()


def test_supervisor_that_has_told_of_the_end_already(service):
    """It takes the network off, and removes the files, when the user has his prompt again."""
    for _ in range(10):
        service("run", "--rm", "--name", "told", "nano", "true")
        for pid in supervisors(service):
            kill(pid)
    settle(service)
    service("run", "--name", "kept", "nano", "true")
    for pid in supervisors(service):
        kill(pid)
    assert service.status("kept") == "exited"
    settle(service)


def test_supervisor_while_somebody_is_attached(service):
    process = service.popen("run", "--name", "seen", "nano", "sh", "-c", "echo up; sleep 1000")
    assert process.stdout.readline() == b"up\n"
    kill(service.state("seen")["Supervisor"])
    _, err = process.communicate(timeout=30)
    assert b"supervisor was killed" in err and process.returncode == 125
    assert service("wait", "seen").stdout == "137\n"


def test_supervisor_while_it_waits_to_restart(service):
    service("run", "-d", "--name", "loop", "--restart", "always", "nano", "false")
    wait_until(lambda: service.status("loop") == "restarting", "it waits")
    kill(service.state("loop")["Supervisor"])
    assert service("wait", "loop").stdout == "137\n"
    assert service.status("loop") == "exited"


@pytest.mark.host_view("the process in a VM is the guest's")
def test_init(service):
    service.started("beheaded", "sleep", "1000")
    kill(service.state("beheaded")["Pid"])
    service.await_status("beheaded", "exited")
    assert service.state("beheaded")["ExitCode"] == 137


def rounds(service, share) -> int:
    number = max(1, int(KILLS * share))
    return number if service.isolation == "process" else max(1, number // 20)


def one_kill(service, argv, longest):
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    time.sleep(random.random() * longest)
    process.kill()
    process.wait()


def test_run_at_random_instants(service):
    longest = 0.15 if service.isolation == "process" else 1.5
    for i in range(rounds(service, 0.3)):
        one_kill(service, service.argv("run", "--name", "mayfly", *(["--rm"] if i % 2 else []), "nano",
                                       "true"), longest)
        # Whatever is left of it, the name can be had again.
        service("rm", "-f", "mayfly", check=False)
        assert service("run", "--rm", "--name", "mayfly", "nano", "echo", i).stdout == f"{i}\n"
    settle(service)


def test_supervisors_at_random_instants(service):
    longest = 0.1 if service.isolation == "process" else 1.5
    for i in range(rounds(service, 0.35)):
        process = service.popen("run", "--name", "mayfly", *(["--rm"] if i % 2 else []), "nano",
                                "sh", "-c", "seq 1 1000")
        time.sleep(random.random() * longest)
        for pid in supervisors(service):
            if pid != process.pid:
                kill(pid)
        process.communicate(timeout=60)
        leftovers.reap()
        service("rm", "-f", "mayfly", check=False)
        assert service("run", "--rm", "--name", "mayfly", "nano", "echo", i).stdout == f"{i}\n"
    settle(service)


@pytest.mark.parametrize("command", ["stop", "rm", "kill", "restart", "pause", "start", "rename"])
def test_other_commands_at_random_instants(service, command):
    arguments = {"stop": ["-t", "0", "mayfly"], "rm": ["-f", "mayfly"], "restart": ["-t", "0", "mayfly"],
                 "rename": ["mayfly", "butterfly"]}.get(command, ["mayfly"])
    for _ in range(rounds(service, 0.05)):
        service.started("mayfly", "sleep", "1000")
        if command == "start":
            service("kill", "mayfly")
        one_kill(service, service.argv(command, *arguments), 0.06)
        names = [n for n in ("mayfly", "butterfly") if service.exists(n)]
        assert names or command == "rm"
        for name in names:
            service("unpause", name, check=False)
            service("rm", "-f", name, check=False)
        service.started("mayfly", "sleep", "1000")
        service("rm", "-f", "mayfly")
    settle(service)


def test_conversion_at_random_instants(service):
    """In one isolation or the other, and what it wrote is there."""
    other = "process" if service.isolation == "hyperv" else "hyperv"
    service("run", "--name", "mayfly", "nano", "sh", "-c", "[ -e /mark ] && cat /mark; echo kept >/mark",
            check=False)
    for _ in range(rounds(service, 0.05)):
        one_kill(service, service.argv("set", "mayfly", "--isolation", other),
                 0.1 if service.isolation == "process" else 1.5)
        service("set", "mayfly", "--isolation", service.isolation, timeout=120)
        assert service("start", "-a", "mayfly", timeout=120).stdout == "kept\n"
    settle(service)


def test_everything_at_once_at_random_instants(service):
    """The caller, the supervisor and the container's process, in any order."""
    for i in range(rounds(service, 0.1)):
        process = service.popen("run", "--name", "mayfly", "nano", "sleep", "1000")
        time.sleep(random.random() * 0.2)
        victims = supervisors(service)
        random.shuffle(victims)
        for pid in victims:
            kill(pid, signal.SIGKILL)
        process.communicate(timeout=60)
        leftovers.reap()
        service("rm", "-f", "mayfly", check=False)
        assert service("run", "--rm", "nano", "echo", i).stdout == f"{i}\n"
    settle(service)

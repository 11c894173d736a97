"""What happens to a container between create and rm, as its record and its processes tell."""

import os
import threading
import time

import pytest

from service import processes_with, wait_until

SLEEPER = ("sh", "-c", "trap 'exit 0' TERM; echo up; while :; do sleep 0.1; done")


def await_output(service, name, text="up"):
    wait_until(lambda: text in service("logs", name).stdout, f"{name} says {text}")


def test_created_then_started(service):
    service("create", "--name", "later", "nano", "sh", "-c", "echo ran")
    assert service.status("later") == "created"
    assert service("start", "-a", "later").stdout == "ran\n"
    assert service.status("later") == "exited"


def test_what_it_wrote_is_there_at_the_next_start(service):
    service("run", "--name", "again", "nano", "sh", "-c", "echo x >>/file; wc -l </file")
    assert service("start", "-a", "again").stdout.strip() == "2"


def test_a_name_an_id_and_the_beginning_of_one(service):
    cid = service.started("named", "sleep", "1000")
    for word in ("named", "/named", cid, cid[:12]):
        assert service("pause", word).returncode == 0
        service("unpause", word)


@pytest.mark.parametrize("name", ["nobody", "0123456789ab", "../etc", ".", "a/b", "", "x" * 300])
def test_no_such_container(service, name):
    assert service.fails("stop", name).startswith("No such container: " + name[:100])


def test_the_beginning_of_two_ids(service):
    ids = [service("create", "nano", "true").stdout.strip() for _ in range(17)]
    first = next(i for i in ids if sum(j[0] == i[0] for j in ids) > 1)
    assert "Multiple IDs found" in service.fails("start", first[0])


@pytest.mark.parametrize("name", ["a", "-x", "a b", "a/b", "ü1", "x:y", "x" * 201])
def test_names_that_are_none(service, name):
    assert "Invalid container name" in service.fails("create", f"--name={name}", "nano", "true")
    assert service.containers() == []


def test_made_up_names_differ(service):
    for _ in range(30):
        service("create", "nano", "true")
    names = [n for n in os.listdir(service.root / "names") if n[0] != ":"]
    assert len(set(names)) == 30 and all("_" in n for n in names)


def test_stop_sends_the_stop_signal(service):
    service.started("polite", *SLEEPER)
    await_output(service, "polite")
    began = time.monotonic()
    service("stop", "polite")
    assert time.monotonic() - began < 8
    assert (service.status("polite"), service.state("polite")["ExitCode"]) == ("exited", 0)


def test_stop_kills_what_does_not_listen(service):
    service.started("deaf", "sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.1; done")
    await_output(service, "deaf")
    service("stop", "-t", "1", "deaf")
    assert service.state("deaf")["ExitCode"] == 137


def test_stop_signal_of_its_own(service):
    service.started("own", "sh", "-c", "trap 'exit 6' USR1; echo up; while :; do sleep 0.1; done",
                    flags=["--stop-signal", "USR1"])
    await_output(service, "own")
    service("stop", "own")
    assert service.state("own")["ExitCode"] == 6


def test_stop_of_one_that_has_stopped_is_nothing(service):
    service("run", "--name", "over", "nano", "true")
    assert service("stop", "over").returncode == 0


def test_stop_ends_a_paused_one(service):
    service.started("frozen", *SLEEPER)
    await_output(service, "frozen")
    service("pause", "frozen")
    assert service.status("frozen") == "paused"
    service("stop", "frozen")
    assert service.state("frozen")["ExitCode"] == 0


def test_paused_does_nothing(service):
    service.started("still", "sh", "-c", "while :; do echo tick; sleep 0.1; done")
    await_output(service, "still", "tick")
    service("pause", "still")
    before = service("logs", "still").stdout
    time.sleep(0.5)
    assert service("logs", "still").stdout == before
    assert "already paused" in service.fails("pause", "still")
    assert "unpause" in service.fails("start", "still")
    service("unpause", "still")
    wait_until(lambda: service("logs", "still").stdout != before, "it goes on")
    assert "not paused" in service.fails("unpause", "still")


@pytest.mark.parametrize("sig, status", [(None, 137), ("KILL", 137), ("9", 137), ("TERM", 0)])
def test_kill(service, sig, status):
    service.started("victim", *SLEEPER)
    await_output(service, "victim")
    service("kill", *(["-s", sig] if sig else []), "victim")
    service.await_status("victim", "exited")
    assert service.state("victim")["ExitCode"] == status
    assert "is not running" in service.fails("kill", "victim")


def test_a_signal_that_is_none(service):
    service.started("x1", "sleep", "1000")
    assert "Invalid signal: NONE" in service.fails("kill", "-s", "NONE", "x1")


def test_restart(service):
    service.started("phoenix", "sh", "-c", "echo $$ >>/starts; wc -l </starts; sleep 1000")
    await_output(service, "phoenix", "1")
    service("restart", "-t", "0", "phoenix")
    await_output(service, "phoenix", "2")
    assert service.status("phoenix") == "running"


def test_remove_wants_force_for_a_running_one(service):
    service.started("busy", "sleep", "1000")
    assert "Stop the container before" in service.fails("rm", "busy")
    service("rm", "-f", "busy")
    service.assert_nothing_left()
    again = service("rm", "-f", "busy")
    assert again.stdout == "" and "No such container: busy" in again.stderr


def test_remove_by_rm_and_by_rm_at_once(service):
    service.started("both", "sleep", "1000", flags=["--rm"])
    racers = [service.popen("rm", "-f", "both") for _ in range(4)]
    for racer in racers:
        racer.communicate(timeout=60)
    service.assert_nothing_left()


def test_rename(service):
    cid = service.started("old", "sleep", "1000")
    service("create", "--name", "taken", "nano", "true")
    assert "already in use" in service.fails("rename", "old", "taken")
    service("rename", "old", "new")
    assert not service.exists("old") and service.directory("new").name == cid
    service("create", "--name", "old", "nano", "true")
    assert "same name" in service.fails("rename", "new", "new")


def test_wait_gives_the_status(service):
    service.started("slow", "sh", "-c", "sleep 1; exit 23")
    assert service("wait", "slow").stdout == "23\n"
    assert service("wait", "slow").stdout == "23\n"


def test_wait_for_removal_and_the_next_exit(service):
    service("create", "--name", "awaited", "nano", "sh", "-c", "exit 5")
    import subprocess
    results = {}

    def wait(condition):
        results[condition] = subprocess.run(
            service.argv("wait", "--condition", condition, "awaited"), capture_output=True, text=True,
            timeout=60, check=False)

    threads = [threading.Thread(target=wait, args=(c,)) for c in ("next-exit", "removed")]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    service("start", "-a", "awaited", check=False)
    threads[0].join(60)
    assert results["next-exit"].stdout == "5\n"
    assert "removed" not in results
    service("rm", "awaited")
    threads[1].join(60)
    assert results["removed"].stdout == "5\n"


def test_exec_runs_beside_it(service):
    service.started("host1", "sleep", "1000")
    result = service("exec", "-e", "A=b", "-w", "/tmp", "host1", "sh", "-c", "echo $A $PWD; exit 3",
                     check=False)
    assert (result.stdout, result.returncode) == ("b /tmp\n", 3)
    assert service("exec", "-i", "host1", "cat", input="through").stdout == "through"
    assert service("exec", "host1", "wc", "-c", input="not read").stdout.strip() == "0"
    assert service("exec", "host1", "nowhere", check=False).returncode == 127
    assert service("exec", "-u", "maria", "host1", "sh", "-c", "id -u; echo $HOME").stdout == "1234\n/tmp\n"


def test_exec_detached(service):
    service.started("host2", "sleep", "1000")
    service("exec", "-d", "host2", "sh", "-c", "echo x >/made")
    wait_until(lambda: service("exec", "host2", "cat", "/made", check=False).stdout == "x\n", "it ran")


def test_exec_wants_a_running_one(service):
    service("run", "--name", "gone1", "nano", "true")
    assert "is not running" in service.fails("exec", "gone1", "true")
    service.started("gone2", "sleep", "1000")
    service("pause", "gone2")
    assert "unpause" in service.fails("exec", "gone2", "true")


def test_update_at_once_and_later(service):
    service.started("sized", "sleep", "1000", flags=["--memory", "64m", "--memory-swap", "64m"])
    service("update", "--pids-limit", "50", "--restart", "on-failure:2", "sized")
    stored = (service.directory("sized") / "container.json").read_text()
    assert '"PidsLimit":50' in stored.replace(" ", "") and "on-failure" in stored


def test_memory_of_the_supervisor(service):
    """Not a daemon, and no weight: at most 2 MB for each running container."""
    service.started("light", "sh", "-c", "while :; do echo line; sleep 0.05; done")
    time.sleep(1)
    service("logs", "light")
    pid = service.state("light")["Supervisor"]
    with open(f"/proc/{pid}/status", encoding="utf-8") as status:
        resident = next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))
    assert resident <= 2048, f"{resident} kB"


def test_no_process_stays_when_nothing_runs(service):
    service("run", "--name", "short", "nano", "true")
    wait_until(lambda: not processes_with(str(service.run_root)), "the supervisor has gone")


def test_reboot(service):
    """After it nothing runs, whatever was stored."""
    import json
    cid = service.started("before", "sleep", "1000")
    path = service.directory("before") / "state.json"
    service("kill", "before")
    state = json.loads(path.read_text())
    state.update({"Status": "running", "Pid": 1, "Supervisor": 1, "SupervisorStart": 1,
                  "BootId": "00000000-0000-0000-0000-000000000000"})
    path.write_text(json.dumps(state))
    assert service("wait", cid).stdout == "137\n"
    state = service.state("before")
    assert (state["Status"], state["Error"]) == ("exited", "the host was restarted")
    service("start", "before")
    assert service.status("before") == "running"


def test_exec_cannot_be_left(service):
    """Nobody would hold its terminal: refused by name, not accepted and forgotten."""
    service.started("host9", "sleep", "1000")
    refused = service("exec", "--detach-keys", "ctrl-a", "host9", "true", check=False)
    assert refused.returncode != 0 and "--detach-keys" in refused.stderr
    assert service("exec", "--detach-keys", "", "host9", "echo", "ran").stdout == "ran\n"

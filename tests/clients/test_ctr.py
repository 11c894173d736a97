"""What a user of containerd's `ctr run --runc-binary` relies on."""

import json
import re
from pathlib import Path

import pytest

from .cgroup import UNIFIED
from .sandbox import wait_for

SERVICE = ("sh", "-c", "while :; do sleep 1; done")


def start(containerd, *command, options=()):
    id = containerd.new_id()
    containerd.run(id, *(command or SERVICE), options=("--detach", *options))
    return id


def state(containerd, id):
    return containerd.tasks().get(id)


def wait_for_state(containerd, id, wanted):
    wait_for(lambda: state(containerd, id) == wanted, f"{id} to be {wanted}")


def delete(containerd, id):
    """Delete the stopped task; return the exit status that ctr warns about."""
    warning = containerd.ctr("tasks", "delete", id).stderr
    match = re.search("exit with non-zero exit code ([0-9]+)", warning)
    return int(match[1]) if match else 0


def execute(containerd, id, *command, options=(), **kwargs):
    return containerd.ctr("tasks", "exec", "--exec-id", f"e{containerd.new_id()}",
                          *options, id, *command, **kwargs)


def test_output_and_exit_status_come_back(containerd):
    result = containerd.run(containerd.new_id(), "sh", "-c", "echo out; echo err >&2; exit 3",
                            options=("--rm",), check=False)
    assert (result.stdout, result.stderr, result.returncode) == ("out\n", "err\n", 3)


def test_input_reaches_the_container(containerd):
    result = containerd.run(containerd.new_id(), "head", "-n", "1", options=("--rm",),
                            input="through\n")
    assert result.stdout == "through\n"


def test_death_by_signal_is_128_and_the_signal(containerd):
    # From a child, for the kernel shields the first process of a pid namespace from its own.
    id = start(containerd)
    result = execute(containerd, id, "sh", "-c", "kill -KILL $$", check=False)
    assert result.returncode == 128 + 9


def test_program_that_is_not_there(containerd):
    result = containerd.run(containerd.new_id(), "no-such-program", options=("--rm",),
                            check=False)
    assert result.returncode != 0
    assert '"no-such-program": executable file not found in $PATH' in result.stderr


def test_exec_shares_the_container_and_passes_the_status_on(containerd):
    id = start(containerd)
    result = execute(containerd, id, "sh", "-c", "echo $FROM_IMAGE; id -u; pwd; hostname; exit 5",
                     options=("--user", "1000:1000", "--cwd", "/home/app"), check=False)
    hostname = execute(containerd, id, "hostname").stdout.strip()
    assert result.stdout.split() == ["yes", "1000", "/home/app", hostname]
    assert result.returncode == 5
    assert "sleep 1; done" in execute(containerd, id, "cat", "/proc/1/cmdline").stdout


def test_detached_exec_runs_on(containerd):
    id = start(containerd)
    execute(containerd, id, "sh", "-c", "echo $$ >/tmp/pid; exec sleep 600",
            options=("--detach",))
    wait_for(lambda: execute(containerd, id, "sh", "-c", "kill -0 $(cat /tmp/pid)",
                             check=False).returncode == 0, "the detached exec")


def test_exec_of_a_program_that_is_not_there(containerd):
    id = start(containerd)
    result = execute(containerd, id, "no-such-program", check=False)
    assert result.returncode != 0
    assert "executable file not found in $PATH" in result.stderr
    assert state(containerd, id) == "RUNNING"


def test_run_on_a_terminal(containerd, sandbox):
    argv = containerd.argv(*containerd.run_args(containerd.new_id(), ("sh",), "--rm", "--tty"))
    with sandbox.terminal(argv, rows=31, columns=97) as terminal:
        terminal.expect("# ")
        terminal.send("tty; ls -l /dev/console | cut -c1; stty size\n")
        terminal.expect("/dev/(pts/0|console)")
        terminal.expect("c")
        # The client sets the size after the start: the first answers may be 0 0.
        terminal.send("until stty size | grep '31 97'; do sleep 0.1; done; echo size-is-$?\n")
        terminal.expect("size-is-0")
        terminal.resize(40, 120)
        terminal.send("until stty size | grep '40 120'; do sleep 0.1; done; echo now-$?\n")
        terminal.expect("now-0")
        terminal.send("exit 7\n")
        assert terminal.wait() == 7
        assert terminal.restored()


def test_exec_on_a_terminal(containerd, sandbox):
    id = start(containerd)
    argv = containerd.argv("tasks", "exec", "--tty", "--exec-id", "terminal", id, "sh")
    with sandbox.terminal(argv) as terminal:
        terminal.expect("# ")
        terminal.send("test -t 0 && echo is-a-$((1+1))-tty\n")
        terminal.expect("is-a-2-tty")
        terminal.send("sh -c 'echo now-$((1+1)); exec sleep 100'\n")
        terminal.expect("now-2")
        terminal.send("\x03")  # the line discipline inside makes it SIGINT
        terminal.expect("# ")
        terminal.send("echo status-$?\n")
        terminal.expect("status-130")
        terminal.send("exit 4\n")
        assert terminal.wait() == 4
        assert terminal.restored()


def test_pause_stops_time_and_resume_starts_it(containerd):
    id = start(containerd, "sh", "-c", "while :; do echo >>/tmp/ticks; usleep 20000; done")

    def ticks():
        rootfs = containerd.bundle(id) / "rootfs" / "tmp" / "ticks"
        return containerd.sandbox.run(["stat", "-c", "%s", rootfs]).stdout

    wait_for(lambda: execute(containerd, id, "test", "-s", "/tmp/ticks",
                             check=False).returncode == 0, "the first tick")
    containerd.ctr("tasks", "pause", id)
    assert state(containerd, id) == "PAUSED"
    before = ticks()
    containerd.sandbox.run(["sleep", "0.3"])
    assert ticks() == before
    containerd.ctr("tasks", "resume", id)
    assert state(containerd, id) == "RUNNING"
    wait_for(lambda: ticks() != before, "time to go on")


def test_exec_in_a_paused_container_is_refused(containerd):
    id = start(containerd)
    containerd.ctr("tasks", "pause", id)
    result = execute(containerd, id, "true", check=False)
    assert result.returncode != 0
    assert "paused" in result.stderr
    containerd.ctr("tasks", "resume", id)


def test_kill_delivers_the_signal_and_delete_reports_the_status(containerd):
    id = start(containerd, "sh", "-c", "trap 'exit 42' TERM; touch /tmp/ready; while :; do "
                                       "sleep 1 & wait $!; done")
    wait_for(lambda: execute(containerd, id, "test", "-e", "/tmp/ready",
                             check=False).returncode == 0, "the trap")
    containerd.ctr("tasks", "kill", "--signal", "SIGTERM", id)
    wait_for_state(containerd, id, "STOPPED")
    assert delete(containerd, id) == 42
    assert id not in containerd.tasks()


def test_kill_all_reaches_every_process(containerd):
    id = start(containerd)
    execute(containerd, id, "sleep", "600", options=("--detach",))
    containerd.ctr("tasks", "kill", "--all", "--signal", "SIGKILL", id)
    wait_for_state(containerd, id, "STOPPED")
    assert delete(containerd, id) == 128 + 9
    assert "sleep 600" not in containerd.sandbox.processes().values()


def test_forced_delete_of_a_running_task(containerd):
    id = start(containerd)
    containerd.ctr("tasks", "delete", "--force", id, check=False)
    assert id not in containerd.tasks()


def test_processes_are_listed_with_pids_of_the_host(containerd, isolation):
    """In a VM those that stand for them."""
    id = start(containerd)
    execute(containerd, id, "sleep", "600", options=("--detach",))
    rows = containerd.ctr("tasks", "ps", id).stdout.splitlines()[1:]
    pids = {int(row.split()[0]) for row in rows}
    commands = [containerd.sandbox.processes().get(pid, "") for pid in pids]
    if isolation == "hyperv":
        assert len(commands) == 2 and all("vmproc" in command for command in commands)
        return
    assert "sleep 600" in commands
    assert any("sleep 1; done" in command for command in commands)


def test_metrics_come_from_the_containers_cgroup(containerd, isolation):
    id = start(containerd, options=("--memory-limit", "67108864"))
    metrics = json.loads(containerd.ctr("tasks", "metrics", "--format", "json", id).stdout)
    assert metrics["pids"]["current"] >= 1
    memory, cpu = metrics["memory"], metrics["cpu"]
    if UNIFIED:
        limit, usage, time = memory["usage_limit"], memory["usage"], cpu["usage_usec"]
    else:
        limit, usage = memory["usage"]["limit"], memory["usage"]["usage"]
        time = cpu["usage"]["total"]
    if isolation == "process":  # of a VM there is no limit but its size
        assert limit == 67108864
    assert 0 < usage < limit
    assert time > 0


@pytest.mark.parametrize("options, command, answer", [
    (("--read-only",), "touch /tmp/x 2>/dev/null; echo $?", "1"),
    (("--env", "A=b c"), "echo $A", "b c"),
    (("--cwd", "/home/app"), "pwd", "/home/app"),
    (("--seccomp",), "grep Seccomp: /proc/self/status", "Seccomp: 2"),
    (("--cap-drop", "CAP_CHOWN"), "chown app /tmp 2>/dev/null; echo $?", "1"),
    (("--mount", "type=tmpfs,dst=/var,options=size=1m"), "grep -c ' /var tmpfs' /proc/mounts",
     "1"),
    (("--no-pivot",), "echo in", "in"),
], ids=lambda value: value[0].strip("-") if isinstance(value, tuple) else None)
def test_options(containerd, options, command, answer):
    output = containerd.run(containerd.new_id(), "sh", "-c", command,
                            options=("--rm", *options)).stdout
    assert " ".join(output.split()) == answer


@pytest.mark.host_view("the host's network cannot be a VM's")
def test_host_network(containerd):
    output = containerd.run(containerd.new_id(), "readlink", "/proc/self/ns/net",
                            options=("--rm", "--net-host")).stdout
    assert output == containerd.sandbox.run(["readlink", "/proc/self/ns/net"]).stdout


def test_privileged_has_every_capability_that_we_have(containerd):
    # Not all that exist: containerd asks for those of its own bounding set.
    output = containerd.run(containerd.new_id(), "grep", "CapEff", "/proc/self/status",
                            options=("--rm", "--privileged")).stdout
    ours = re.search("CapEff:.*", Path("/proc/self/status").read_text())[0]
    assert output.split() == ours.split()


@pytest.mark.host_view("the network of a VM is in the VM")
def test_network_namespace_of_another_container_is_joined(containerd):
    first = start(containerd)
    row = next(row for row in containerd.ctr("tasks", "ls").stdout.splitlines()
               if row.split()[0] == first)
    path = f"/proc/{row.split()[1]}/ns/net"
    output = containerd.run(containerd.new_id(), "readlink", "/proc/self/ns/net",
                            options=("--rm", "--with-ns", f"network:{path}")).stdout
    assert output == execute(containerd, first, "readlink", "/proc/self/ns/net").stdout


def test_user_namespace(containerd):
    output = containerd.run(containerd.new_id(), "sh", "-c", "id -u; cat /proc/self/uid_map",
                            options=("--rm", "--uidmap", "0:100000:65536",
                                     "--gidmap", "0:100000:65536")).stdout
    assert output.split() == ["0", "0", "100000", "65536"]


def test_same_id_again_after_removal(containerd):
    id = containerd.new_id()
    for word in ("one", "two"):
        assert containerd.run(id, "echo", word, options=("--rm",)).stdout == word + "\n"

"""What a user of `docker run --runtime hcs` relies on in a container's life."""

import json
import re
import time

import pytest

from .image import NOT_EXECUTABLE
from .sandbox import wait_for

SERVICE = ("catch-term",)


def start(docker, *options, command=SERVICE):
    return docker.start(*command, options=options)


def status(docker, id):
    return docker.inspect(id)["State"]["Status"]


def execute(docker, id, *command, options=(), **kwargs):
    return docker.docker("exec", *options, id, *command, **kwargs)


def wait_ready(docker, id):
    wait_for(lambda: "ready" in docker.docker("logs", id).stdout, "the service to be ready")


def test_output_and_exit_status_come_back(docker):
    result = docker.run("sh", "-c", "echo out; echo err >&2; exit 3", check=False)
    assert (result.stdout, result.stderr, result.returncode) == ("out\n", "err\n", 3)


def test_input_reaches_the_container(docker):
    result = docker.run("cat", options=("--rm", "--interactive"), input="line\n" * 20000)
    assert result.stdout == "line\n" * 20000


@pytest.mark.parametrize("program, code, reason", [
    # docker reads the reason in the runtime's message to tell 126 and 127 from 125.
    ("no-such-program", 127, "executable file not found"),
    ("/no/such/program", 127, "no such file or directory"),
    (f"/{NOT_EXECUTABLE}", 126, "permission denied"),
    ("/tmp", 126, ""),
])
def test_programs_that_cannot_run(docker, program, code, reason):
    result = docker.run(program, check=False)
    assert result.returncode == code
    assert reason in result.stderr


def test_interpreter_that_is_not_there(docker):
    # runc learns it from execve, after the start, and exits with 1; who looks earlier says 127.
    result = docker.run("/bin/no-interpreter", check=False)
    assert result.returncode in (1, 127)
    assert "/bin/no-interpreter" in result.stderr
    assert "no such file or directory" in result.stderr


def test_what_the_runtime_refuses_is_125(docker):
    # docker itself lets this pass; a /proc that is not the kernel's word is not to be had.
    result = docker.run("true", options=("--rm", "-v", "/etc/hostname:/proc/version"),
                        check=False)
    assert result.returncode == 125
    assert "/proc/version" in result.stderr


def test_run_on_a_terminal(docker, sandbox):
    argv = docker.argv(*docker.run_args(("sh",), ("--rm", "-it")))
    with sandbox.terminal(argv, rows=31, columns=97) as terminal:
        terminal.expect("# ")
        terminal.send("until stty size | grep '31 97'; do sleep 0.1; done; echo size-is-$?\n")
        terminal.expect("size-is-0")
        terminal.resize(40, 120)
        terminal.send("until stty size | grep '40 120'; do sleep 0.1; done; echo now-$?\n")
        terminal.expect("now-0")
        terminal.send("test -c /dev/console -a -t 0 && echo console-$((1+1))\n")
        terminal.expect("console-2")
        terminal.send("sh -c 'echo now-$((1+2)); exec sleep 100'\n")
        terminal.expect("now-3")
        terminal.send("\x03")  # the line discipline inside makes it SIGINT
        terminal.expect("# ")
        terminal.send("echo status-$?\n")
        terminal.expect("status-130")
        terminal.send("exit 7\n")
        assert terminal.wait() == 7
        assert terminal.restored()


def test_exec_on_a_terminal(docker, sandbox):
    id = start(docker)
    with sandbox.terminal(docker.argv("exec", "-it", id, "sh"), rows=33, columns=99) as terminal:
        terminal.expect("# ")
        terminal.send("until stty size | grep '33 99'; do sleep 0.1; done; echo size-is-$?\n")
        terminal.expect("size-is-0")
        terminal.send("exit 4\n")
        assert terminal.wait() == 4
        assert terminal.restored()


def test_detach_from_a_terminal_and_attach_again(docker, sandbox):
    argv = docker.argv(*docker.run_args(("sh",), ("-it", "--name", "detached")))
    with sandbox.terminal(argv) as terminal:
        terminal.expect("# ")
        terminal.send("A=kept\n")
        terminal.expect("# ")
        terminal.send("\x10\x11")  # ctrl-p ctrl-q
        assert terminal.wait() == 0
    assert status(docker, "detached") == "running"
    with sandbox.terminal(docker.argv("attach", "detached")) as terminal:
        terminal.send("\necho is-$A\n")
        terminal.expect("is-kept")
        terminal.send("exit 6\n")
        assert terminal.wait() == 6


def test_exec_enters_the_container(docker):
    id = start(docker, "--hostname", "box")
    result = execute(docker, id, "sh", "-c", "hostname; id -u; id -G; pwd; echo $A $FROM_IMAGE; "
                                             "cat /proc/1/comm; exit 5",
                     options=("--user", "app", "--workdir", "/home/app", "--env", "A=b"),
                     check=False)
    assert result.stdout.splitlines() == ["box", "1000", "1000 1234", "/home/app", "b yes",
                                          "catch-term"]
    assert result.returncode == 5


def test_exec_with_input(docker):
    id = start(docker)
    assert execute(docker, id, "cat", options=("--interactive",), input="in\n").stdout == "in\n"


def test_detached_exec(docker):
    id = start(docker)
    execute(docker, id, "sleep", "600", options=("--detach",))
    wait_for(lambda: "sleep 600" in execute(docker, id, "ps").stdout, "the detached exec")


@pytest.mark.parametrize("program, reason", [
    ("no-such-program", "executable file not found in $PATH"),
    ("/no/such/program", "no such file or directory"),
    (f"/{NOT_EXECUTABLE}", "permission denied")])
def test_exec_of_programs_that_cannot_run(docker, program, reason):
    id = start(docker)
    result = execute(docker, id, program, check=False)
    # docker 20.10 says 126 whatever the reason, later ones tell 127 from it.
    assert result.returncode in (126, 127)
    assert reason in result.stdout + result.stderr
    assert status(docker, id) == "running"


def test_privileged_exec_in_an_ordinary_container(docker, without_all_capabilities):
    id = start(docker)
    command = ("grep", "CapEff", "/proc/self/status")
    plain = int(execute(docker, id, *command).stdout.split()[1], 16)
    whole = int(execute(docker, id, *command, options=("--privileged",)).stdout.split()[1], 16)
    assert plain & whole == plain and plain != whole


def test_top_lists_the_processes_as_the_host_sees_them(docker, isolation):
    """In a VM those that stand for them."""
    id = start(docker)
    rows = docker.docker("top", id, "-eo", "pid,args").stdout.splitlines()[1:]
    pid = docker.inspect(id)["State"]["Pid"]
    name = "catch-term" if isolation == "process" else "vmproc"
    row = next(row for row in rows if name in row)
    assert int(row.split()[0]) == pid
    assert name in docker.sandbox.processes()[pid]


def test_stats_come_from_the_containers_cgroup(docker, isolation):
    id = start(docker, "--memory", "64m", "--pids-limit", "50")
    stats = json.loads(docker.docker("stats", "--no-stream", "--format", "{{json .}}", id).stdout)
    if isolation == "process":  # of a VM there is no limit but its size
        assert stats["MemUsage"].endswith("/ 64MiB")
    assert not stats["MemUsage"].startswith("0B")
    assert 1 <= int(stats["PIDs"]) <= 50
    assert stats["CPUPerc"].endswith("%")


def test_pause_stops_time_and_unpause_starts_it(docker):
    id = start(docker, command=("sh", "-c", "while :; do echo; usleep 20000; done"))

    def ticks():
        return len(docker.docker("logs", id).stdout)

    wait_for(ticks, "the first tick")
    docker.docker("pause", id)
    assert status(docker, id) == "paused"
    docker.sandbox.run(["sleep", "0.2"])  # what was written before is still on its way
    before = ticks()
    docker.sandbox.run(["sleep", "0.3"])
    assert ticks() == before
    assert execute(docker, id, "true", check=False).returncode == 1  # docker itself refuses
    docker.docker("unpause", id)
    assert status(docker, id) == "running"
    wait_for(lambda: ticks() > before, "time to go on")


def test_kill_and_remove_a_paused_container(docker):
    id = start(docker)
    docker.docker("pause", id)
    docker.docker("rm", "--force", id)
    assert id not in docker.docker("ps", "--all", "--quiet", "--no-trunc").stdout


def test_update_changes_the_limits_of_a_running_container(docker):
    id = start(docker, "--memory", "64m", "--cpus", "0.5", "--pids-limit", "50")
    cgroup = docker.cgroup(id)
    assert cgroup.memory_limit() == 64 << 20
    assert cgroup.cpu_quota() == 50000
    assert cgroup.process_limit() == 50
    docker.docker("update", "--memory", "96m", "--memory-swap", "96m", "--cpus", "0.25",
                  "--cpu-shares", "512", "--cpuset-cpus", "0", "--pids-limit", "60", id)
    assert cgroup.memory_limit() == 96 << 20
    assert cgroup.cpu_quota() == 25000
    # v2's weights are coarser than shares.
    assert abs(cgroup.cpu_shares() - 512) < 27
    assert cgroup.cpus() == "0"
    assert cgroup.process_limit() == 60
    # Down again as well: v1 wants memory and swap limits set in the right order.
    docker.docker("update", "--memory", "32m", "--memory-swap", "32m", id)
    assert cgroup.memory_limit() == 32 << 20
    assert status(docker, id) == "running"


def test_stop_lets_the_service_end_by_itself(docker):
    id = start(docker)
    wait_ready(docker, id)
    docker.docker("stop", "--time", "20", id)
    assert docker.inspect(id)["State"]["ExitCode"] == 42
    assert docker.docker("logs", id).stdout.split() == ["ready", "caught"]


def test_stop_kills_what_does_not_listen(docker):
    id = start(docker, command=("sleep", "600"))  # the first process ignores unhandled signals
    docker.docker("stop", "--time", "1", id)
    assert docker.inspect(id)["State"]["ExitCode"] == 128 + 9


def test_kill_with_a_signal_of_ones_own(docker):
    id = start(docker, command=("sh", "-c", "trap 'exit 10' USR1; echo ready; "
                                            "while :; do sleep 1 & wait $!; done"))
    wait_ready(docker, id)
    docker.docker("kill", "--signal", "USR1", id)
    assert docker.docker("wait", id).stdout.strip() == "10"


def test_stopped_container_starts_again_with_what_it_wrote(docker):
    id = start(docker, command=("sh", "-c", "echo x >>/root/runs; wc -l </root/runs"))
    docker.docker("wait", id)
    docker.docker("start", "--attach", id)
    assert docker.docker("logs", id).stdout.split() == ["1", "2"]


def test_restart_of_a_running_container(docker):
    id = start(docker)
    pid = docker.inspect(id)["State"]["Pid"]
    docker.docker("restart", "--time", "0", id)
    state = docker.inspect(id)["State"]
    assert state["Running"] and state["Pid"] != pid


def test_init_reaps_and_forwards(docker):
    id = start(docker, "--init")
    wait_ready(docker, id)
    assert "docker-init" in execute(docker, id, "cat", "/proc/1/cmdline").stdout
    docker.docker("stop", "--time", "20", id)
    assert docker.inspect(id)["State"]["ExitCode"] == 42


def test_too_much_memory_is_killed_and_said_so(docker, isolation):
    id = docker.start("eat-memory", options=("--memory", "24m", "--memory-swap", "24m"))
    assert docker.docker("wait", id).stdout.strip() == str(128 + 9)
    if isolation == "hyperv":  # containerd watches the cgroup on the host; the kill is the guest's
        return
    # The event may come a moment after the exit.
    wait_for(lambda: docker.inspect(id)["State"]["OOMKilled"], "OOMKilled")


def test_ten_at_once(docker):
    ids = [docker.start("sh", "-c", f"exit {n}") for n in range(10)]
    assert docker.docker("wait", *ids).stdout.split() == [str(n) for n in range(10)]


def test_info_names_the_runtime(docker):
    info = json.loads(docker.docker("info", "--format", "{{json .}}").stdout)
    assert "hcs" in info["Runtimes"]
    assert info["CgroupDriver"] == "cgroupfs"


def test_events_tell_the_life_of_a_container(docker):
    id = docker.start("true")
    docker.docker("wait", id)
    docker.docker("rm", id)
    events = docker.docker("events", "--since", "60s", "--until", str(time.time() + 0.2),
                           "--filter", f"container={id}", "--format", "{{.Action}}"
                           ).stdout.split()
    assert [e for e in events if re.match("create|start|die|destroy", e)] == [
        "create", "start", "die", "destroy"]

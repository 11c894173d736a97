"""run: streams, exit statuses, terminals, signals."""

import os
import signal
import subprocess
import time

import pytest

from service import wait_until
from terminal import Screen


def test_output_and_status_are_the_programs(service):
    result = service("run", "--rm", "nano", "sh", "-c", "echo out; echo err >&2; exit 7", check=False)
    assert (result.stdout, result.stderr, result.returncode) == ("out\n", "err\n", 7)


@pytest.mark.parametrize("command, status, says", [
    (["/nowhere"], 127, "no such file or directory"),
    (["nowhere"], 127, "not found"),
    (["/etc"], 126, "permission denied"),
])
def test_what_cannot_be_run_is_said_and_nothing_stays(service, command, status, says):
    assert says in service.fails("run", "--rm", "nano", *command, status=status)
    assert service.containers() == []


def test_what_could_not_be_run_is_kept_without_rm(service):
    service.fails("run", "--name", "broken", "nano", "/nowhere", status=127)
    state = service.state("broken")
    assert (state["Status"], state["ExitCode"]) == ("created", 127)
    assert "/nowhere" in state["Error"]


@pytest.mark.parametrize("size", [0, 1, 70000, 3000000])
def test_input_reaches_the_program_and_ends(service, size):
    data = os.urandom(size)
    result = service("run", "-i", "--rm", "nano", "cat", input=data, text=False)
    assert result.stdout == data


def test_without_interactive_there_is_no_input(service):
    assert service("run", "--rm", "nano", "wc", "-c", input="not read").stdout.strip() == "0"


def test_output_of_any_size_is_complete(service):
    result = service("run", "--rm", "nano", "sh", "-c", "seq 1 200000")
    assert result.stdout == "".join(f"{n}\n" for n in range(1, 200001))


def test_output_is_complete_whoever_reads_slowly(service):
    process = service.popen("run", "--rm", "nano", "seq", "1", "60000")
    time.sleep(1)
    assert process.stdout.read() == b"".join(b"%d\n" % n for n in range(1, 60001))
    assert process.wait(30) == 0


def test_a_reader_that_goes_away_ends_nothing(service):
    process = service.popen("run", "--name", "on", "nano", "sh", "-c",
                            "seq 1 100000; echo done >/done; exit 3")
    process.stdout.read(100)
    process.stdout.close()
    assert process.wait(60) == 3
    assert service.state("on")["ExitCode"] == 3


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_signals_go_to_the_program(service, sig):
    process = service.popen("run", "--rm", "nano", "sh", "-c",
                            f"trap 'echo got; exit 9' {int(sig)}; echo ready; while :; do sleep 0.1; done")
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(sig)
    assert process.stdout.readline() == b"got\n"
    assert process.wait(30) == 9


def test_signals_are_passed_on_although_input_is_stuck(service):
    reader, writer = os.pipe()
    process = service.popen("run", "-i", "--rm", "nano", "sh", "-c",
                            "trap 'exit 8' TERM; echo ready; while :; do sleep 0.1; done", stdin=reader)
    assert process.stdout.readline() == b"ready\n"
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b"x" * 65536)
            time.sleep(0.05)
    except BlockingIOError:
        pass
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 8
    os.close(writer)
    os.close(reader)


def test_detached_prints_the_id_and_goes_on(service):
    cid = service.started("web", "sleep", "1000")
    assert len(cid) == 64 and service.status("web") == "running"


def test_detached_holds_nothing_of_the_caller(service):
    """A shell's $(...) would wait for ever."""
    process = service.popen("run", "-d", "nano", "sleep", "1000")
    out, _ = process.communicate(timeout=30)
    assert len(out.strip()) == 64


def test_terminal(service):
    pid, master = service.terminal("run", "-it", "--rm", "nano", "sh")
    screen = Screen(master)
    screen.expect("# ")
    screen.type("tty; echo $((40+2)); exit 5\n")
    screen.expect("/dev/pts/0")
    screen.expect("42")
    screen.drain()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5


def test_terminal_has_the_size_from_the_start_and_follows_it(service):
    pid, master = service.terminal("run", "-it", "--name", "sized", "nano", "sh", "-c",
                                   "trap 'stty size' WINCH; stty size; while :; do sleep 0.1; done")
    screen = Screen(master)
    screen.expect("24 80")
    screen.resize(33, 77)
    screen.expect("33 77")
    service("kill", "sized")
    screen.drain()
    os.waitpid(pid, 0)


def test_output_of_a_terminal_is_complete(service):
    for _ in range(10):
        result = service("run", "-t", "--rm", "nano", "sh", "-c", "echo first; echo last", text=False)
        assert result.stdout == b"first\r\nlast\r\n"


def test_detach_and_attach_again(service):
    pid, master = service.terminal("run", "-it", "--name", "kept", "nano", "sh")
    screen = Screen(master)
    screen.expect("# ")
    screen.type("value=17\n")
    screen.expect("# ")
    screen.type("\x10\x11")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert service.status("kept") == "running"
    pid, master = service.terminal("attach", "kept")
    screen = Screen(master)
    screen.type("echo is$value\n")
    screen.expect("is17")
    screen.type("exit 4\n")
    screen.drain()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 4


def test_detach_keys_that_were_chosen(service):
    pid, master = service.terminal("run", "-it", "--detach-keys", "ctrl-a,d", "--name", "other", "nano",
                                   "cat")
    wait_until(lambda: service.exists("other") and service.status("other") == "running", "it runs")
    os.write(master, b"\x10\x11\x01x\x01d")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert service.status("other") == "running"
    os.close(master)


def test_rm_leaves_nothing(service):
    service("run", "--rm", "nano", "sh", "-c", "echo x >/file")
    service.assert_nothing_left()


def test_the_killed_caller_does_not_end_the_container(service):
    process = service.popen("run", "--name", "orphan", "nano", "sh", "-c", "echo up; sleep 1000")
    assert process.stdout.readline() == b"up\n"
    process.kill()
    process.wait()
    assert service.status("orphan") == "running"
    assert service("logs", "orphan").stdout == "up\n"


def test_two_of_one_name(service):
    service.started("same", "sleep", "1000")
    words = service.fails("run", "--name", "same", "nano", "true", status=125)
    assert 'The container name "/same" is already in use by container' in words


def test_many_of_one_name_at_once(service):
    racers = [service.popen("run", "-d", "--name", "one", "nano", "sleep", "1000") for _ in range(8)]
    ends = sorted(r.wait(60) for r in racers)
    assert ends == [0] + 7 * [125]
    assert len(service.containers()) == 1


def test_many_at_once(service):
    number = 4 if service.isolation == "hyperv" else 20
    racers = [service.popen("run", "--rm", "nano", "echo", n) for n in range(number)]
    outputs = [r.communicate(timeout=120)[0] for r in racers]
    assert outputs == [b"%d\n" % n for n in range(number)]
    assert [r.returncode for r in racers] == number * [0]


@pytest.mark.host_view("kills by the cgroup of the host")
def test_out_of_memory_is_said(service):
    service("run", "--name", "hungry", "--memory", "32m", "nano", "sh", "-c",
            "x=$(head -c 200000000 /dev/zero | tr '\\0' x)", check=False)
    state = service.state("hungry")
    assert state["ExitCode"] == 137 and state["OOMKilled"] is True


def test_nothing_runs_when_the_image_is_not_there(service):
    result = subprocess.run(service.argv("run", "--pull", "never", "nowhere", "true"), capture_output=True,
                            text=True, timeout=30, check=False)
    assert result.returncode == 125 and "No such image" in result.stderr


@pytest.mark.once("nothing is run")
def test_too_few_arguments_end_with_1_and_wrong_flags_with_125(service):
    for command in (["run"], ["wait"], ["exec", "one"], ["rename", "one"], ["cp", "one"]):
        assert "argument" in service.fails(*command, status=1)
        assert "unknown flag: --bad" in service.fails(command[0], "--bad", *command[1:], status=125)


@pytest.mark.once("nothing is run")
def test_wrong_detach_keys_leave_no_container(service):
    assert "not a sequence of keys" in service.fails("run", "--detach-keys", "bad", "nano", "true", status=125)
    assert service("ps", "-aq").stdout == ""

"""Terminals: foreground sessions, and the console socket of detached ones."""

import os
import signal
import socket
import time

import pytest

from runtime import until
from terminal import Terminal


def session(runtime, terminal, b, *options):
    """`run` in the foreground on our terminal."""
    b.process["terminal"] = True
    b.write()
    return runtime.spawn("run", "-b", b.path, *options, runtime.new_id(), **terminal.popen_args())


def exec_session(runtime, terminal, c, *argv, options=("-t",)):
    return runtime.spawn("exec", *options, c.id, *argv, **terminal.popen_args())


def test_foreground_session(runtime, bundle, terminal):
    run = session(runtime, terminal, bundle().sh("tty; test -t 0 -a -t 1 -a -t 2 && echo three"))
    terminal.expect(r"/dev/(pts/0|console)\r\n")
    terminal.expect("three\r\n")
    assert run.wait().rc == 0


def test_typing_reaches_the_container(runtime, bundle, terminal):
    run = session(runtime, terminal, bundle().sh("read line; echo \"<$line>\"; exit 5"))
    until(terminal.is_raw)
    terminal.type("hello\n")
    terminal.expect("<hello>")
    assert run.wait().rc == 5


def test_output_is_complete(runtime, bundle, terminal):
    """Everything written before the exit is passed on before the runtime ends."""
    run = session(runtime, terminal, bundle().sh("seq 1 5000; echo the-end"))
    terminal.expect("\r\n5000\r\nthe-end\r\n")
    assert run.wait().rc == 0


def test_raw_mode_while_it_runs_and_restored_after(runtime, bundle, terminal):
    run = session(runtime, terminal, bundle().sh("echo ready; read x"))
    terminal.expect("ready")
    assert terminal.is_raw()
    terminal.type("\n")
    run.wait()
    assert terminal.attributes() == terminal.before


@pytest.mark.parametrize("way", ["exit-failure", "killed-init", "missing-program", "term", "delete"])
def test_terminal_restored_on_every_way_out(runtime, bundle, terminal, way):
    script = {"exit-failure": "exit 3"}.get(way, "echo ready; exec sleep 1000")
    b = bundle().sh(script)
    if way == "missing-program":
        b.args("/no/such/program")
    run = session(runtime, terminal, b)
    if way not in ("exit-failure", "missing-program"):
        terminal.expect("ready")
        c = runtime.container(run.argv[-1])
        if way == "killed-init":
            c.kill("KILL")
        elif way == "delete":
            c.delete(force=True)
        else:  # init of a pid namespace without a handler ignores TERM; the runtime must not die
            os.kill(run.pid, signal.SIGTERM)
            time.sleep(0.05)
            assert terminal.is_raw()
            c.kill("KILL")
    result = run.wait()
    assert result.rc != 0
    assert terminal.attributes() == terminal.before


@pytest.mark.peer_lacks("runc sets the size a moment after the start")
def test_window_size_at_start_and_on_resize(runtime, bundle, terminal):
    terminal.resize(31, 97)
    run = session(runtime, terminal, bundle().sh(
        "stty size; trap 'stty size; exit 0' WINCH; echo ready; while :; do sleep 0.05; done"))
    terminal.expect("31 97")
    terminal.expect("ready")
    terminal.resize(50, 132)
    terminal.expect("50 132")
    assert run.wait().rc == 0


def test_console_size_of_the_config(runtime, bundle, console):
    b = bundle().sh("stty size; sleep 1000")
    b.process.update(terminal=True, consoleSize={"height": 40, "width": 111})
    runtime.start(b, "--console-socket", console.path)
    console.receive().expect("40 111")


def test_control_c_goes_through_the_terminal(runtime, bundle, terminal):
    run = session(runtime, terminal, bundle().sh(
        "trap 'echo interrupted; exit 7' INT; echo ready; while :; do sleep 0.05; done"))
    terminal.expect("ready")
    terminal.type("\x03")
    terminal.expect("interrupted")
    assert run.wait().rc == 7


def test_end_of_file_typed(runtime, bundle, terminal):
    run = session(runtime, terminal, bundle().sh("cat; echo done"))
    until(terminal.is_raw)
    terminal.type("line\n")
    terminal.expect("line")
    terminal.type("\x04")
    terminal.expect("done")
    assert run.wait().rc == 0


def test_exec_with_a_terminal(runtime, bundle, terminal):
    c = runtime.start(bundle())
    run = exec_session(runtime, terminal, c, "/bin/sh", "-c", "tty; read x; echo \"<$x>\"; exit 6")
    terminal.expect("/dev/pts/0")
    until(terminal.is_raw)
    terminal.type("abc\n")
    terminal.expect("<abc>")
    assert run.wait().rc == 6
    assert terminal.attributes() == terminal.before


def test_exec_session_follows_the_window(runtime, bundle, terminal):
    c = runtime.start(bundle())
    terminal.resize(20, 60)
    run = exec_session(runtime, terminal, c, "/bin/sh", "-c",
                       "trap 'stty size; exit 0' WINCH; stty size; echo ready; while :; do sleep 0.05; done")
    terminal.expect("20 60")
    terminal.resize(21, 61)
    terminal.expect("21 61")
    assert run.wait().rc == 0


def test_exec_job_control(runtime, bundle, terminal):
    """The terminal is the controlling terminal of the new session."""
    c = runtime.start(bundle())
    run = exec_session(runtime, terminal, c, "/bin/sh", "-c",
                       "ps -o pid,tty,comm >/dev/null; sleep 1000; echo not reached")
    until(terminal.is_raw)
    time.sleep(0.2)
    terminal.type("\x03")
    assert run.wait().rc == 128 + signal.SIGINT


def test_console_socket_with_create(runtime, bundle, console):
    b = bundle().sh("read x; echo \"<$x>\"; sleep 1000")
    b.process["terminal"] = True
    c = runtime.create(b, "--console-socket", console.path)
    screen = console.receive()
    c.start()
    screen.type("hi\n")
    screen.expect("<hi>")


def test_console_socket_with_run_detached(runtime, bundle, console):
    b = bundle().sh("tty; ls -l /dev/console; sleep 1000")
    b.process["terminal"] = True
    runtime.start(b, "--console-socket", console.path)
    screen = console.receive()
    screen.expect("/dev/(pts/0|console)")
    screen.expect(r"c\S+ .* /dev/console")


def test_console_socket_with_exec(runtime, bundle, console):
    c = runtime.start(bundle())
    runtime("exec", "-t", "-d", "--console-socket", console.path, c.id, "/bin/sh", "-c",
            "echo from-exec; sleep 1000")
    console.receive().expect("from-exec")


def test_dev_console_is_the_terminal(runtime, bundle, console):
    b = bundle().sh("echo through-console >/dev/console; sleep 1000")
    b.process["terminal"] = True
    runtime.start(b, "--console-socket", console.path)
    console.receive().expect("through-console")


def test_terminal_belongs_to_the_user(runtime, bundle, console):
    b = bundle().sh("stat -c %u $(tty); echo ok >/dev/pts/0; sleep 1000").user(1000, 1000)
    b.process["terminal"] = True
    runtime.start(b, "--console-socket", console.path)
    screen = console.receive()
    screen.expect("1000\r\n")
    screen.expect("ok")


def test_resize_through_the_received_master(runtime, bundle, console):
    b = bundle().sh("trap 'stty size' WINCH; echo ready; while :; do sleep 0.05; done")
    b.process["terminal"] = True
    runtime.start(b, "--console-socket", console.path)
    screen = console.receive()
    screen.expect("ready")
    screen.resize(33, 44)
    screen.expect("33 44")


@pytest.mark.peer_lacks("resize-tty")
def test_resize_tty_command(runtime, bundle, console):
    b = bundle().sh("trap 'stty size' WINCH; echo ready; while :; do sleep 0.05; done")
    b.process["terminal"] = True
    c = runtime.start(b, "--console-socket", console.path)
    screen = console.receive()
    screen.expect("ready")
    runtime("resize-tty", c.id, "123", "45")
    screen.expect("45 123")


@pytest.mark.peer_lacks("resize-tty")
@pytest.mark.parametrize("size", [("0x", "1"), ("70000", "1"), ("-1", "5"), ("", "2")])
def test_resize_tty_refuses_what_is_no_size(runtime, bundle, console, size):
    b = bundle()
    b.process["terminal"] = True
    c = runtime.start(b, "--console-socket", console.path)
    runtime.fails("resize-tty", "--", c.id, *size)


@pytest.mark.peer_lacks("resize-tty")
def test_resize_tty_without_a_terminal(runtime, bundle):
    runtime.fails("resize-tty", runtime.start(bundle()).id, "80", "24", says="terminal")


def test_detached_terminal_without_console_socket(runtime, bundle):
    b = bundle()
    b.process["terminal"] = True
    runtime.create_fails(b, says="--console-socket")
    runtime.run_fails(b, "-d", says="--console-socket")
    runtime.leftovers.assert_none()


def test_console_socket_without_terminal(runtime, bundle, console):
    runtime.create_fails(bundle(), "--console-socket", console.path, says="terminal")
    runtime.leftovers.assert_none()


def test_console_socket_that_is_missing_or_no_socket(runtime, bundle, work):
    b = bundle()
    b.process["terminal"] = True
    runtime.create_fails(b, "--console-socket", work / "none.sock", says="none.sock")
    (work / "file").write_text("")
    runtime.create_fails(b, "--console-socket", work / "file", says="file")
    runtime.leftovers.assert_none()


def test_console_socket_with_a_long_path(runtime, bundle, work):
    b = bundle()
    b.process["terminal"] = True
    runtime.create_fails(b, "--console-socket", work / ("x" * 200))
    runtime.leftovers.assert_none()


@pytest.mark.peer_lacks("runc changes to the bundle first")
def test_console_socket_by_relative_path(runtime, bundle, work, console):
    b = bundle()
    b.process["terminal"] = True
    runtime.create(b, "--console-socket", "console.sock", cwd=work)
    console.receive()


def test_foreground_terminal_when_stdin_is_not_one(runtime, bundle):
    """`run` with terminal: true under a script: output still arrives (through the pty)."""
    b = bundle().sh("tty; echo done")
    b.process["terminal"] = True
    result = runtime.run(b, check=False)
    if result.rc == 0:
        assert "done" in result.out
    else:
        runtime.assert_error(result, "terminal")


@pytest.mark.parametrize("sig", ["USR1", "HUP", "INT", "TERM", "QUIT", "USR2", "ALRM"])
def test_signals_are_forwarded(runtime, bundle, sig):
    b = bundle().sh(f"trap 'echo got; exit 8' {sig}; echo ready; while :; do sleep 0.05; done")
    b.write()
    run = runtime.spawn("run", "-b", b.path, runtime.new_id())
    run.until_output("ready")
    os.kill(run.pid, getattr(signal, "SIG" + sig))
    result = run.wait()
    assert (result.rc, result.out) == (8, "ready\ngot\n")


CATCH = r"""
#include <signal.h>
#include <stdio.h>
int main(void)
{
	sigset_t set;
	int sig;

	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	puts("ready");
	fflush(stdout);
	do
		sigwait(&set, &sig);
	while (sig == SIGCHLD || sig == SIGWINCH);
	printf("signal %d\n", sig);
	return sig;
}
"""


@pytest.mark.parametrize("number", [34, 35, 50, 64])
def test_realtime_signals_are_forwarded(runtime, bundle, compile_c, number):
    if runtime.standin and number == 34:
        pytest.skip("peer: Go's runtime keeps 34")
    b = bundle()
    b.args(b.install(compile_c("catch", CATCH))).write()
    run = runtime.spawn("run", "-b", b.path, runtime.new_id())
    run.until_output("ready")
    os.kill(run.pid, number)
    result = run.wait()
    assert (result.rc, result.out) == (number, f"ready\nsignal {number}\n")


def test_foreground_run_removes_the_container_when_the_client_hangs_up(runtime, bundle):
    """The terminal goes away: the session gets SIGHUP and must not linger for ever."""
    terminal = Terminal()
    run = session(runtime, terminal, bundle().sh("trap 'exit 0' HUP; echo ready; while :; do sleep 0.05; done"))
    terminal.expect("ready")
    terminal.close()
    run.wait()
    runtime.leftovers.assert_none()


def test_two_masters_are_never_sent(runtime, bundle, console):
    """Exactly one message with one descriptor arrives, and the connection is closed after."""
    b = bundle()
    b.process["terminal"] = True
    runtime.create(b, "--console-socket", console.path)
    console.receive()
    console.listener.settimeout(0.1)
    with pytest.raises(socket.timeout):
        console.listener.accept()

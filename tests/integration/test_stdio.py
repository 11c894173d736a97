"""Standard streams without a terminal."""

import os
import subprocess

import pytest

from runtime import until


def test_stdin_to_the_end(runtime, bundle):
    b = bundle().sh("wc -c")
    b.write()
    run = runtime.spawn("run", "-b", b.path, runtime.new_id(), stdin=subprocess.PIPE)
    run.popen.stdin.write(b"x" * 300000)
    run.popen.stdin.close()
    assert run.wait().out.strip() == "300000"


def test_large_output_is_complete(runtime, bundle):
    result = runtime.run(bundle().sh("dd if=/dev/zero bs=1M count=8 2>/dev/null | tr '\\0' x"))
    assert len(result.out) == 8 << 20


def test_binary_passes_unchanged(runtime, bundle):
    data = bytes(range(256)) * 100
    b = bundle().sh("cat | od -An -v -tx1 | tr -d ' \\n'")
    b.write()
    run = runtime.spawn("run", "-b", b.path, runtime.new_id(), stdin=subprocess.PIPE)
    run.popen.stdin.write(data)
    run.popen.stdin.close()
    assert run.wait().out == data.hex()


def test_stdout_and_stderr_stay_apart(runtime, bundle):
    result = runtime.run(bundle().sh("for i in 1 2 3; do echo o$i; echo e$i >&2; done"))
    assert (result.out, result.err) == ("o1\no2\no3\n", "e1\ne2\ne3\n")


@pytest.mark.parametrize("stream", [0, 1, 2])
def test_closed_standard_descriptor(runtime, bundle, stream):
    """A caller with a closed fd 0, 1 or 2 must not get a runtime's own file there."""
    b = bundle().sh("exit 11")
    b.write()
    run = runtime.spawn("run", "-b", b.path, runtime.new_id(),
                        preexec_fn=lambda: os.close(stream))
    assert run.wait().rc == 11


def test_closed_descriptors_do_not_become_secrets(runtime, bundle):
    b = bundle().sh("for i in 0 1 2; do readlink /proc/self/fd/$i; done >/tmp/out")
    b.tmpfs("/var").bind(b.path, "/tmp", "bind", "rw")
    b.write()
    run = runtime.spawn("run", "-b", b.path, runtime.new_id(),
                        preexec_fn=lambda: os.closerange(0, 3))
    run.wait()
    for line in (b.path / "out").read_text().splitlines():
        assert line in ("/dev/null", "/tmp/out") or line.startswith("pipe:"), line


def test_detached_writes_to_the_files_it_was_given(runtime, bundle, work):
    with open(work / "out", "wb") as out:
        runtime.start(bundle().sh("echo one; sleep 0.1; echo two; sleep 1000"), stdout=out)
    until(lambda: (work / "out").read_text() == "one\ntwo\n")


def test_create_start_uses_the_streams_of_create(runtime, bundle, work):
    with open(work / "in", "wb") as stdin:
        stdin.write(b"typed\n")
    with open(work / "in", "rb") as stdin, open(work / "out", "wb") as out:
        c = runtime.create(bundle().sh("cat; echo done"), stdin=stdin, stdout=out)
    c.start()
    until(lambda: (work / "out").read_text() == "typed\ndone\n")
    c.wait_stopped()


@pytest.mark.peer_lacks("runc drains the container's output itself")
def test_writer_into_a_closed_pipe_gets_sigpipe(runtime, bundle):
    """Signal dispositions are the default ones, whatever the caller (Python) ignored. The init of
    a pid namespace is immune to them, its child is not."""
    reader, writer = os.pipe()
    b = bundle().sh("yes; exit $?")
    b.write()
    run = runtime.spawn("run", "-b", b.path, runtime.new_id(), stdout=writer)
    os.close(writer)
    os.read(reader, 100)
    os.close(reader)
    assert run.wait().rc == 141


@pytest.mark.peer_lacks("resetting ignored signals and the mask")
def test_ignored_signals_and_mask_are_reset(runtime, bundle):
    """The caller's ignored signals and signal mask are none of the container's business."""
    import signal
    # Not through sh: busybox's ignores SIGQUIT itself.
    b = bundle().args("cat", "/proc/self/status")
    b.write()

    def meddle():
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGTERM})
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)

    run = runtime.spawn("run", "-b", b.path, runtime.new_id(), preexec_fn=meddle)
    lines = [line for line in run.wait().lines if line.startswith(("SigBlk", "SigIgn"))]
    assert len(lines) == 2
    for line in lines:
        assert int(line.split()[1], 16) == 0, line


def test_exec_streams(runtime, bundle):
    c = runtime.start(bundle())
    run = runtime.spawn("exec", c.id, "/bin/sh", "-c", "cat; echo e >&2", stdin=subprocess.PIPE)
    run.popen.stdin.write(b"y" * 100000)
    run.popen.stdin.close()
    result = run.wait()
    assert len(result.out) == 100000 and result.err == "e\n"


def test_exec_large_output(runtime, bundle):
    c = runtime.start(bundle())
    assert len(c.exec_sh("dd if=/dev/zero bs=1M count=4 2>/dev/null | tr '\\0' x").out) == 4 << 20

"""Odd surroundings that a caller may have left, and commands that hang."""

import os
import signal

import pytest


def ignore_children():
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)


def test_exit_status_when_the_caller_ignores_sigchld(runtime, bundle):
    assert runtime.run(bundle().sh("exit 7"), check=False, preexec_fn=ignore_children).rc == 7


def test_failing_hook_when_the_caller_ignores_sigchld(runtime, bundle):
    runtime.create_fails(bundle().sh_hook("createRuntime", "exit 3"), says="hooks.createRuntime[0]",
                         preexec_fn=ignore_children)


@pytest.mark.once("refused before anything is made")
def test_bundle_that_is_not_utf8(runtime, bundle, tmp_path):
    """What cannot be recorded is refused, before there is something that cannot be removed."""
    b = bundle()
    b.write()
    link = os.fsencode(tmp_path) + b"/bundle-\xff"
    os.rename(b.path, link)
    runtime.fails("create", "-b", os.fsdecode(link), runtime.new_id(), says="UTF-8")
    os.rename(link, b.path)


def test_state_while_init_is_stopped(runtime, bundle):
    c = runtime.create(bundle())
    os.kill(c.pid, signal.SIGSTOP)
    for _ in range(10):
        assert c.status == "created"
    os.kill(c.pid, signal.SIGCONT)


def test_forced_delete_while_a_hook_hangs(runtime, bundle):
    cid = runtime.new_id()
    b = bundle().sh_hook("createRuntime", "exec sleep 1000")
    b.write()
    create = runtime.spawn("create", "-b", str(b.path), cid)
    while runtime("state", cid, check=False).rc != 0:
        assert create.popen.poll() is None
    runtime("delete", "--force", cid)
    create.wait()
    runtime.leftovers.assert_none()


def test_created_container_holds_no_descriptors_of_the_caller(runtime, bundle):
    read, write = os.pipe()
    c = runtime.create(bundle(), pass_fds=[write])
    os.close(write)
    assert os.read(read, 1) == b"", "init must not keep the pipe open"
    os.close(read)
    c.start()

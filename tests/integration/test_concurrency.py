"""Commands at the same time: on one container, and on many."""

import os

import pytest

from runtime import PATIENCE, until


def spawn_create(runtime, b, cid):
    if not (b.path / "config.json").exists():  # never while another create reads it
        b.write()
    return runtime.spawn("create", "-b", b.path, cid)


def test_twenty_creates_at_once(runtime, bundle):
    b = bundle()
    b.write()
    ids = [runtime.new_id() for _ in range(20)]
    running = [runtime.spawn("create", "-b", b.path, cid) for cid in ids]
    assert [r.wait(60 * PATIENCE).rc for r in running] == [0] * 20
    assert sorted(runtime.ids()) == sorted(ids)
    running = [runtime.spawn("delete", "--force", cid) for cid in ids]
    assert [r.wait(60 * PATIENCE).rc for r in running] == [0] * 20
    runtime.leftovers.assert_none()


@pytest.mark.peer_lacks("a lock on the id (runc 1.1)")
def test_one_id_created_by_many(runtime, bundle):
    """Exactly one wins; the losers say so and do the winner no harm."""
    b = bundle()
    cid = runtime.new_id()
    running = [spawn_create(runtime, b, cid) for _ in range(8)]
    results = [r.wait(60 * PATIENCE) for r in running]
    assert sorted(r.rc == 0 for r in results) == [False] * 7 + [True]
    for result in results:
        if result.rc:
            runtime.assert_error(result, cid)
    c = runtime.container(cid)
    assert c.status == "created"
    c.start()
    assert c.status == "running"
    c.delete(force=True)
    runtime.leftovers.assert_none()


@pytest.mark.peer_lacks("a lock")
def test_started_by_many(runtime, bundle, work):
    log = work / "ran"
    log.mkdir()
    c = runtime.create(bundle().bind(log, "/log", "bind", "rw").sh("echo x >>/log/x; sleep 1000"))
    results = [r.wait() for r in [runtime.spawn("start", c.id) for _ in range(6)]]
    assert sum(r.rc == 0 for r in results) == 1
    for result in results:
        if result.rc:
            runtime.assert_error(result, c.id)
    until(lambda: (log / "x").exists() and (log / "x").read_text())
    assert (log / "x").read_text() == "x\n"


def test_deleted_by_many(runtime, bundle):
    c = runtime.start(bundle())
    results = [r.wait() for r in [runtime.spawn("delete", "--force", c.id) for _ in range(6)]]
    assert any(r.rc == 0 for r in results)
    if not runtime.standin:
        assert all(r.rc == 0 for r in results), "delete --force of what is gone succeeds"
    runtime.leftovers.assert_none()


def test_ten_execs_at_once(runtime, bundle):
    c = runtime.start(bundle())
    running = [runtime.spawn("exec", c.id, "echo", str(i)) for i in range(10)]
    assert [r.wait(60 * PATIENCE).out for r in running] == [f"{i}\n" for i in range(10)]


def test_exec_while_deleted(runtime, bundle):
    """Each exec either works, dies with the container or is told that it is gone."""
    for _ in range(5):
        c = runtime.start(bundle())
        execs = [runtime.spawn("exec", c.id, "echo", "x") for _ in range(4)]
        delete = runtime.spawn("delete", "--force", c.id)
        assert delete.wait().rc == 0
        for process in execs:
            process.wait()
        runtime("delete", "--force", c.id)
        runtime.leftovers.assert_none()


def test_create_while_deleted(runtime, bundle):
    b = bundle()
    cid = runtime.new_id()
    for _ in range(8):
        create = spawn_create(runtime, b, cid)
        delete = runtime.spawn("delete", "--force", cid)
        created = create.wait()
        delete.wait()
        # A forced delete ends, after a while, a create that goes on; one of a VM may take so long.
        if created.rc and (created.rc, runtime.isolation) != (-9, "hyperv"):
            runtime.assert_error(created)
        runtime("delete", "--force", cid)
        runtime.leftovers.assert_none()


@pytest.mark.peer_lacks("runc's list fails when a container goes away meanwhile")
def test_list_and_state_during_churn(runtime, bundle):
    """Readers never see a half-written state."""
    steady = runtime.start(bundle())
    b = bundle()
    for _ in range(6):
        cid = runtime.new_id()
        create = spawn_create(runtime, b, cid)
        while create.popen.poll() is None:
            listing = runtime("list", "-f", "json", check=False)
            assert steady.id in [e["id"] for e in listing.json], listing
        create.wait()
        delete = runtime.spawn("delete", "--force", cid)
        while delete.popen.poll() is None:
            assert steady.id in runtime("list", "-q", check=False).lines
        delete.wait()
    assert steady.status == "running"


def test_pause_and_exec_race(runtime, bundle):
    """An exec that slipped in before the pause is frozen with the rest and goes on after."""
    c = runtime.start(bundle())
    for _ in range(4):
        process = runtime.spawn("exec", c.id, "true")
        c.pause()
        c.resume()
        process.wait()
    assert c.exec("echo", "alive").out == "alive\n"


def test_kill_all_against_a_fork_loop(runtime, bundle):
    """--all must win against processes that keep forking."""
    b = bundle()
    if runtime.isolation == "process":  # a VM has no pid namespace of the host's to share
        b.without_namespace("pid")
    b.resources["pids"] = {"limit": 40}
    b.sh("loop() { while :; do sleep 1000 & [ $(jobs | wc -l) -gt 20 ] && wait; done; }; loop")
    c = runtime.start(b)
    c.delete(force=True)
    runtime.leftovers.assert_none()
    assert os.path.isdir(runtime.root)

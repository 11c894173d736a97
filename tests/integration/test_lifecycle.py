"""create, start, run, kill, delete: the life of a container as the runtime-spec orders it."""

import json
import os
import time

import pytest

import leftovers
from host import host
from runtime import TIMEOUT


def test_run_passes_output_and_leaves_nothing(runtime, bundle):
    result = runtime.run(bundle().sh("echo hello; echo oops >&2"))
    assert result.out == "hello\n"
    assert result.err == "oops\n"
    runtime.leftovers.assert_none()


@pytest.mark.parametrize("status", [0, 1, 42, 125, 255])
def test_run_passes_exit_status(runtime, bundle, status):
    assert runtime.run(bundle().sh(f"exit {status}"), check=False).rc == status


@pytest.mark.host_view("without a pid namespace of its own")
def test_run_reports_suicide_as_128_plus(runtime, bundle):
    b = bundle().sh("sleep 0.1; kill -9 $$ || true; exit 3")
    b.without_namespace("pid")  # the init of a pid namespace ignores signals from inside
    assert runtime.run(b, check=False).rc == 137


def test_run_reports_death_by_signal_as_128_plus(runtime, bundle):
    b = bundle().sh("echo up; exec sleep 1000")
    b.write()
    cid = runtime.new_id()
    run = runtime.spawn("run", "-b", b.path, cid)
    run.until_output("up")
    runtime("kill", cid, "KILL")
    assert run.wait().rc == 137


def test_create_waits_for_start(runtime, bundle):
    b = bundle().sh("echo ran")
    c = runtime.create(b)
    state = c.state()
    assert state["status"] == "created"
    assert state["pid"] > 0
    time.sleep(0.1)
    assert c.out == "", "the user's program must not run before start"
    c.start()
    c.until_output("ran")
    c.wait_stopped()
    c.delete()
    runtime.leftovers.assert_none()


def test_states_follow_the_spec(runtime, bundle):
    c = runtime.create(bundle())
    assert c.status == "created"
    c.start()
    assert c.status == "running"
    c.pause()
    assert c.status == "paused"
    c.resume()
    assert c.status == "running"
    c.kill("KILL")
    c.wait_stopped()
    assert c.status == "stopped"
    c.delete()
    runtime.fails("state", c.id, says=f'container "{c.id}" does not exist', rc=1)


def test_run_detached_returns_with_the_container_running(runtime, bundle):
    c = runtime.start(bundle().sh("echo up; exec sleep 1000"))
    assert c.status == "running"
    c.until_output("up")


def test_pid_file_holds_the_init_pid(runtime, bundle, work):
    pid_file = work / "pid"
    c = runtime.create(bundle(), "--pid-file", pid_file)
    assert pid_file.read_text() == str(c.pid)


def test_pid_file_of_run_detached(runtime, bundle, work):
    pid_file = work / "pid"
    c = runtime.start(bundle(), "--pid-file", pid_file)
    assert int(pid_file.read_text()) == c.pid


def test_bundle_defaults_to_the_current_directory(runtime, bundle):
    b = bundle().sh("echo here")
    b.write()
    assert runtime("run", runtime.new_id(), cwd=b.path).out == "here\n"


def test_bundle_may_be_relative(runtime, bundle, work):
    b = bundle("some bundle").sh("echo here")
    b.write()
    cid = runtime.new_id()
    runtime("create", "--bundle", "some bundle", cid, cwd=work)
    assert runtime.container(cid).state()["bundle"] == str(b.path)


def test_root_path_may_be_absolute(runtime, bundle):
    b = bundle().sh("echo here")
    b.spec["root"]["path"] = str(b.rootfs)
    assert runtime.run(b).out == "here\n"


def test_root_readonly(runtime, bundle):
    b = bundle().sh("touch /x 2>/dev/null && echo wrote || echo refused")
    assert runtime.run(b).out == "refused\n"
    b.writable()
    assert runtime.run(b).out == "wrote\n"
    assert (b.rootfs / "x").exists()


def test_create_with_the_config_changed_afterwards(runtime, bundle):
    """The spec: updates to config.json after create have no effect on the container."""
    b = bundle().sh("echo first")
    c = runtime.create(b)
    b.sh("echo second").write()
    c.start()
    assert c.until_output(".") == "first\n"
    c.wait_stopped()


def test_config_removed_after_create(runtime, bundle):
    b = bundle().sh("echo first")
    c = runtime.create(b)
    (b.path / "config.json").unlink()
    c.start()
    c.until_output("first")
    c.wait_stopped()
    c.delete()


def test_delete_after_the_bundle_is_gone(runtime, bundle):
    b = bundle()
    c = runtime.start(b)
    (b.path / "config.json").unlink()
    c.kill("KILL")
    c.wait_stopped()
    c.delete()
    runtime.leftovers.assert_none()


def test_delete_created_container(runtime, bundle):
    """runc and crun let a created container be deleted without force."""
    c = runtime.create(bundle())
    c.delete()
    runtime.leftovers.assert_none()


def test_delete_refuses_a_running_one(runtime, bundle):
    c = runtime.start(bundle())
    runtime.fails("delete", c.id, says=[c.id, "running", "--force"])
    assert c.status == "running"


def test_delete_refuses_a_paused_one(runtime, bundle):
    c = runtime.start(bundle())
    c.pause()
    runtime.fails("delete", c.id, says=[c.id, "paused"])
    assert c.status == "paused"


@pytest.mark.parametrize("state", ["created", "running", "paused", "stopped"])
def test_delete_force_from_any_state(runtime, bundle, state):
    b = bundle()
    c = runtime.create(b)
    if state != "created":
        c.start()
    if state == "paused":
        c.pause()
    if state == "stopped":
        c.kill("KILL")
        c.wait_stopped()
    assert c.status == state
    c.delete(force=True)
    runtime.leftovers.assert_none()


@pytest.mark.once("no container is made")
def test_delete_force_of_an_unknown_container_succeeds(runtime):
    """Engines call this to be sure; runc returns 0."""
    runtime("delete", "--force", runtime.new_id())


def test_delete_short_force(runtime, bundle):
    c = runtime.start(bundle())
    runtime("delete", "-f", c.id)
    runtime.leftovers.assert_none()


def test_delete_force_takes_every_process(runtime, bundle):
    c = runtime.start(bundle().sh("for i in 1 2 3 4; do sleep 1000 & done; echo up; wait"))
    c.until_output("up")
    runtime("exec", "-d", c.id, "sleep", "1000")
    c.delete(force=True)
    runtime.leftovers.assert_none()


def test_delete_force_without_pid_namespace(runtime, bundle):
    """Without a pid namespace the cgroup is what finds the rest (runc 4145)."""
    b = bundle().sh("trap '' TERM; for i in 1 2 3; do sleep 1000 & done; echo up; wait")
    if runtime.isolation == "process":  # a VM has no pid namespace of the host's to share
        b.without_namespace("pid")
    c = runtime.start(b)
    c.until_output("up")
    c.delete(force=True)
    runtime.leftovers.assert_none()


@pytest.mark.peer_lacks("delete by regular expression (crun's)")
def test_delete_by_regex(runtime, bundle):
    keep = runtime.create(bundle(), cid=runtime.new_id("-keep"))
    drop = [runtime.create(bundle(), cid=runtime.new_id(f"-drop{i}")) for i in range(3)]
    runtime("delete", "--force", "--regex", ".*-drop[0-9]")
    assert runtime.ids() == [keep.id]
    assert drop


@pytest.mark.peer_lacks("its own words")
def test_start_twice(runtime, bundle):
    c = runtime.create(bundle()).start()
    runtime.fails("start", c.id, says=[c.id, "cannot start a container in the running state"])
    assert c.status == "running"


def test_start_of_a_stopped_container(runtime, bundle):
    c = runtime.start(bundle().sh("true"))
    c.wait_stopped()
    runtime.fails("start", c.id, says=[c.id, "stopped"])


def test_second_create_of_the_same_id(runtime, bundle):
    c = runtime.start(bundle())
    other = bundle()
    runtime.create_fails(other, cid=c.id, says=[c.id, "already exists"])
    assert c.status == "running"
    assert c.state()["bundle"] == str(c.bundle.path)


def test_id_can_be_used_again_after_delete(runtime, bundle):
    b = bundle()
    cid = runtime.new_id()
    for _ in range(3):
        runtime.start(b, cid=cid).delete(force=True)
    runtime.leftovers.assert_none()


@pytest.mark.once("no container is made")
@pytest.mark.parametrize("command", ["state", "start", "pause", "resume", "ps", "delete", "kill"])
def test_unknown_container(runtime, command):
    cid = runtime.new_id()
    more = ["TERM"] if command == "kill" else []
    runtime.fails(command, cid, *more, says=f'container "{cid}" does not exist', rc=1)


@pytest.mark.once("no container is made")
def test_unknown_container_exec_update_events(runtime):
    cid = runtime.new_id()
    for argv in (["exec", cid, "true"], ["update", "--pids-limit", "9", cid],
                 ["events", "--stats", cid]):
        runtime.fails(*argv, says=f'container "{cid}" does not exist', rc=1)


@pytest.mark.peer_lacks("--keep")
def test_run_keep_leaves_the_stopped_container(runtime, bundle):
    cid = runtime.new_id()
    assert runtime.run(bundle().sh("exit 3"), "--keep", cid=cid, check=False).rc == 3
    c = runtime.container(cid)
    assert c.status == "stopped"
    c.delete()
    runtime.leftovers.assert_none()


def test_no_new_keyring_and_no_pivot_are_taken(runtime, bundle):
    b = bundle().sh("echo ok")
    assert runtime.run(b, "--no-new-keyring").out == "ok\n"
    assert runtime.run(b, "--no-pivot").out == "ok\n"


def test_new_session_keyring(runtime, bundle):
    """Without --no-new-keyring the container has a session keyring of its own."""
    b = bundle().sh("grep -c _ses /proc/keys; cat /proc/keys")
    b.linux["maskedPaths"] = []
    result = runtime.run(b)
    assert "_ses" in result.out


def test_hostname_and_domainname(runtime, bundle):
    b = bundle().sh("hostname; cat /proc/sys/kernel/domainname")
    b.spec["hostname"] = "box"
    if not runtime.standin:
        b.spec["domainname"] = "example.org"
    lines = runtime.run(b).lines
    assert lines[0] == "box"
    if not runtime.standin:
        assert lines[1] == "example.org"


def test_ids_may_hold_every_allowed_character(runtime, bundle):
    cid = runtime.new_id("-Az09_+.-x")
    c = runtime.start(bundle(), cid=cid)
    assert c.state()["id"] == cid


def test_annotations_appear_in_state(runtime, bundle):
    b = bundle()
    b.spec["annotations"] = {"org.example.key": "värde", "empty": ""}
    assert runtime.create(b).state()["annotations"]["org.example.key"] == "värde"


def test_root_in_a_shared_mount_does_not_reach_the_host(runtime, bundle):
    """Under systemd every host mount is shared; nothing may propagate back."""
    b = bundle()
    host("mount", "--bind", b.path, b.path)
    host("mount", "--make-shared", b.path)
    runtime.leftovers.rebase()
    c = runtime.start(b)
    assert not [f for f in runtime.leftovers.new() if f.startswith("mount")]
    c.delete(force=True)
    runtime.leftovers.assert_none()


def test_rootfs_itself_a_mount(runtime, bundle):
    b = bundle().sh("echo ok")
    host("mount", "--bind", b.rootfs, b.rootfs)
    runtime.leftovers.rebase()
    assert runtime.run(b).out == "ok\n"
    runtime.leftovers.assert_none()


def test_bundle_path_with_odd_characters(runtime, bundle):
    b = bundle("a b\tc\\d,é:'\"").sh("echo ok")
    b.writable()
    assert runtime.run(b).out == "ok\n"
    c = runtime.create(b)
    assert c.state()["bundle"] == str(b.path)
    c.delete()


def test_stopped_container_is_seen_before_it_is_reaped(runtime, bundle):
    """A zombie nobody has waited for yet is stopped, and can be deleted."""
    c = runtime.start(bundle())
    pid = c.pid
    leftovers.OWNED.add(pid)  # keeps the harness from collecting it
    c.kill("KILL")

    def zombie():
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] == "Z"

    deadline = time.monotonic() + TIMEOUT
    while not zombie():  # not until(): that would reap it
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert c.status == "stopped"
    c.delete()
    runtime.leftovers.assert_none()
    leftovers.OWNED.discard(pid)


def test_state_written_under_root_only(runtime, bundle):
    c = runtime.create(bundle())
    assert c.id in os.listdir(runtime.root)
    c.delete()
    assert c.id not in os.listdir(runtime.root)


def test_program_that_exits_before_start_returns_is_started(runtime, bundle):
    for _ in range(5):
        c = runtime.create(bundle().args("true")).start()
        c.wait_stopped()
        c.delete()


@pytest.mark.once("no container is made")
def test_help_and_version(runtime):
    assert runtime.name in runtime("--version", globals=[]).out
    for command in ("run", "create", "start", "exec", "delete", "list", "state", "kill"):
        out = runtime(command, "--help").out
        assert command in out.lower()


@pytest.mark.once("no container is made")
def test_version_names_the_spec(runtime):
    assert "spec: 1." in runtime("--version").out


def test_json_numbers_of_state_are_numbers(runtime, bundle):
    state = json.loads(runtime("state", runtime.create(bundle()).id).out)
    assert isinstance(state["pid"], int)

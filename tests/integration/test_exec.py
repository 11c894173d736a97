"""exec: more processes in a container that runs."""

import json
import os
import signal

import pytest

import cgroupfs
from runtime import until


def prepare(b):
    b.process["env"].append("FROM_CONFIG=1")
    return b


@pytest.fixture
def container(shared, runtime):
    return shared.container("exec", prepare, runtime)


@pytest.fixture
def fresh(runtime, bundle):
    """For tests that leave something running in it, or end it."""
    return runtime.start(prepare(bundle()))


def test_output_and_status(container):
    result = container.exec_sh("echo out; echo err >&2; exit 7", check=False)
    assert (result.rc, result.out, result.err) == (7, "out\n", "err\n")


def test_many_in_a_row(container):
    for i in range(10):
        assert container.exec("echo", str(i)).out == f"{i}\n"


def test_death_by_signal(container):
    assert container.exec_sh("kill -TERM $$", check=False).rc == 128 + signal.SIGTERM


def test_sees_the_containers_world(runtime, bundle):
    b = bundle()
    b.spec["hostname"] = "box"
    c = runtime.start(b)
    assert c.exec("hostname").out == "box\n"
    assert c.exec("cat", "/proc/1/comm").out == "sleep\n"
    init = c.exec_sh("readlink /proc/1/ns/* | sort").out
    assert c.exec_sh("readlink /proc/self/ns/* | sort").out == init


def test_stdin_passes_through(container):
    running = container.runtime.spawn("exec", container.id, "cat", stdin=-1)
    running.popen.stdin.write(b"some text\n")
    running.popen.stdin.close()
    result = running.wait()
    assert result.out == "some text\n"


def test_environment(container):
    out = container.exec("env", options=["-e", "A=1", "-e", "B=x=y z"]).lines
    assert "A=1" in out and "B=x=y z" in out
    assert "FROM_CONFIG=1" in out, "exec starts from the config's environment"


def test_environment_overrides_the_config(container):
    out = container.exec("env", options=["--env", "FROM_CONFIG=2"]).lines
    assert [l for l in out if l.startswith("FROM_CONFIG")] == ["FROM_CONFIG=2"]


def test_cwd(container):
    assert container.exec("pwd", options=["--cwd", "/etc"]).out == "/etc\n"


def test_cwd_that_is_missing_is_an_error(container):
    container.runtime.fails("exec", "--cwd", "/nowhere", container.id, "pwd", says="/nowhere")


@pytest.mark.parametrize("option,expected", [
    (["--user", "1000"], "1000 0"),
    (["-u", "1000:2000"], "1000 2000"),
    (["--user", "0:0"], "0 0"),
])
def test_user(container, option, expected):
    out = container.exec_sh("echo $(id -u) $(id -g)", options=option).out
    assert out == expected + "\n"


@pytest.mark.once("refused before anything is made")
@pytest.mark.peer_lacks("a strict parser")
@pytest.mark.parametrize("user", ["-1", "1x", "4294967296", "1:2:3", "1:", ":1", "99999999999999999999",
                                  " 1", "0x1", "1:-2"])
def test_user_that_is_not_a_number_is_refused(container, user):
    """CVE-2026-30892: a loose parser made uid 0 of what it could not read."""
    result = container.exec("id", options=[f"--user={user}"], check=False)
    assert result.rc != 0, result
    assert "uid=" not in result.out


def test_user_1_is_user_1(container):
    assert container.exec("id", "-u", options=["-u", "1"]).out == "1\n"


def test_additional_gids(container):
    out = container.exec("id", "-G", options=["--additional-gids", "5", "--additional-gids", "77",
                                              "-u", "1000:1000"]).out
    assert set(out.split()) == {"1000", "5", "77"}


def test_capabilities(container):
    script = "grep CapEff /proc/self/status"
    before = int(container.exec_sh(script).out.split()[1], 16)
    after = int(container.exec_sh(script, options=["--cap", "CAP_SYS_CHROOT"]).out.split()[1], 16)
    assert not before & 1 << 18
    assert after & 1 << 18


def test_inheritable_stays_empty(container):
    """CVE-2022-29162."""
    out = container.exec_sh("grep CapInh /proc/self/status", options=["--cap", "CAP_SYS_CHROOT"]).out
    assert int(out.split()[1], 16) == 0


def test_unknown_capability(container):
    result = container.exec("true", options=["--cap", "CAP_NOT_THERE"], check=False)
    if not container.runtime.standin:  # runc warns and goes on
        container.runtime.assert_error(result, "CAP_NOT_THERE")


def test_no_new_privs(runtime, bundle):
    b = bundle()
    b.process["noNewPrivileges"] = False
    c = runtime.start(b)
    script = "grep NoNewPrivs /proc/self/status"
    assert c.exec_sh(script).out.split()[1] == "0"
    assert c.exec_sh(script, options=["--no-new-privs"]).out.split()[1] == "1"


def test_pid_file_and_detach(container, work):
    pid_file = work / "exec.pid"
    container.runtime("exec", "-d", "--pid-file", pid_file, container.id, "sleep", "1234")
    pid = int(pid_file.read_text())
    assert pid != container.pid and os.path.exists(f"/proc/{pid}")
    if container.runtime.isolation == "process":
        with open(f"/proc/{pid}/cmdline", encoding="utf-8") as cmdline:
            assert cmdline.read() == "sleep\0001234\0"
    container.exec("killall", "sleep")  # init is shielded from signals of its own namespace
    until(lambda: not os.path.exists(f"/proc/{pid}"))


def test_detached_process_dies_with_the_container(fresh, work):
    fresh.exec("sleep", "1000", options=["-d"])
    fresh.delete(force=True)
    fresh.runtime.leftovers.assert_none()


def test_joins_the_containers_cgroups(fresh, work):
    """On the host as inside: what an exec costs is the container's, in a VM too."""
    script = "cat /proc/1/cgroup; echo; cat /proc/self/cgroup"
    init, own = fresh.exec_sh(script).out.split("\n\n")
    assert init.split() == own.split()
    pid_file = work / "exec.pid"
    fresh.exec("sleep", "1000", options=["-d", "--pid-file", pid_file])
    pid = int(pid_file.read_text())
    assert cgroupfs.membership(pid) == cgroupfs.membership(fresh.pid)


@pytest.mark.host_view("makes a cgroup on the host")
def test_cgroup_option_picks_a_child(runtime, bundle):
    c = runtime.start(bundle())
    controller = "pids" if cgroupfs.has_v1("pids") else ""
    child = cgroupfs.directory(c.pid, controller) / "child"
    child.mkdir()
    option = "pids:child" if controller else "child"
    out = c.exec("cat", "/proc/self/cgroup", options=["--cgroup", option]).out
    assert [line for line in out.splitlines() if line.endswith("/child")]
    child.rmdir()


@pytest.mark.hyperv
def test_cgroup_option_picks_a_child_in_the_guest(runtime, bundle):
    b = bundle().namespace("cgroup")
    b.mount_of("/sys/fs/cgroup")["options"] = ["nosuid", "noexec", "nodev", "relatime", "rw"]
    c = runtime.start(b)
    c.exec("mkdir", "/sys/fs/cgroup/child")
    assert c.exec("cat", "/proc/self/cgroup", options=["--cgroup", "child"]).out == "0::/child\n"


def test_process_file(container, work):
    process = work / "process.json"
    process.write_text(json.dumps({
        "user": {"uid": 1000, "gid": 1000, "additionalGids": [5]},
        "args": ["/bin/sh", "-c", "id -u; id -G; pwd; echo $A; umask"],
        "env": ["PATH=/bin", "A=b"],
        "cwd": "/etc",
    }))
    lines = container.runtime("exec", "--process", process, container.id).lines
    assert lines[:4] == ["1000", "1000 5", "/etc", "b"]


def test_process_file_does_not_inherit_the_configs_environment(container, work):
    process = work / "process.json"
    process.write_text(json.dumps({"args": ["/bin/env"], "env": ["ONLY=1"], "cwd": "/",
                                   "user": {"uid": 0, "gid": 0}}))
    lines = container.runtime("exec", "-p", process, container.id).lines
    assert "ONLY=1" in lines
    assert not [l for l in lines if l.startswith("FROM_CONFIG")]


@pytest.mark.once("refused before anything is made")
@pytest.mark.peer_lacks("checks of process.json by JSON path")
@pytest.mark.parametrize("change,where", [
    ({"args": "ls"}, "args"),
    ({"args": []}, "args"),
    ({"cwd": 3}, "cwd"),
    ({"env": ["A=1", 2]}, "env"),
    ({"user": {"uid": -1, "gid": 0}}, "uid"),
])
def test_process_file_with_wrong_types(container, work, change, where):
    process = work / "process.json"
    process.write_text(json.dumps({"args": ["true"], "cwd": "/", **change}))
    container.runtime.fails("exec", "--process", process, container.id, says=where)


@pytest.mark.once("refused before anything is made")
def test_process_file_missing_or_broken(container, work):
    container.runtime.fails("exec", "--process", work / "none.json", container.id, says="none.json")
    (work / "broken.json").write_text('{"args": ["true"')
    container.runtime.fails("exec", "--process", work / "broken.json", container.id,
                            says="broken.json")


@pytest.mark.parametrize("program,status,says", [
    ("nosuchprogram", 127, "executable file not found in $PATH"),
    ("/bin/nosuchprogram", 127, "no such file or directory"),
    ("/etc/passwd", 126, "permission denied"),
])
def test_program_missing_or_not_executable(container, program, status, says):
    result = container.exec(program, check=False)
    if container.runtime.standin:
        assert result.rc in (status, 1, 255)
    else:
        container.runtime.assert_error(result, says, program, rc=status)
    assert container.status == "running"


def test_directory_as_program(container):
    result = container.exec("/etc", check=False)
    container.runtime.assert_error(result, "/etc", rc=126)


@pytest.mark.peer_lacks("naming the interpreter (runc 3237)")
def test_missing_interpreter_is_named(runtime, bundle):
    b = bundle()
    b.put("/bin/script", "#!/no/such/interpreter\n", 0o755)
    c = runtime.start(b)
    runtime.assert_error(c.exec("/bin/script", check=False), "/bin/script", "/no/such/interpreter")


@pytest.mark.once("refused before anything is made")
def test_exec_without_a_command(container):
    container.runtime.fails("exec", container.id)


def test_exec_in_a_created_container(runtime, bundle):
    """runc allows it: the namespaces are there."""
    c = runtime.create(bundle())
    assert c.exec("echo", "early").out == "early\n"
    assert c.status == "created"


@pytest.mark.peer_lacks("its own words")
def test_exec_in_a_stopped_container(runtime, bundle):
    c = runtime.start(bundle().args("true"))
    c.wait_stopped()
    runtime.fails("exec", c.id, "true", says=[c.id, "cannot exec in a stopped container"])


@pytest.mark.peer_lacks("its own words")
def test_exec_in_a_paused_container(fresh):
    fresh.pause()
    fresh.runtime.fails("exec", fresh.id, "true",
                            says=[fresh.id, "cannot exec in a paused container"])
    fresh.resume()
    assert fresh.exec("echo", "again").out == "again\n"


def test_options_after_the_id_belong_to_the_command(container):
    assert container.exec("echo", "-d", "--pid-file", "-t").out == "-d --pid-file -t\n"


def test_signal_to_the_runtime_reaches_the_process(container):
    running = container.runtime.spawn(
        "exec", container.id, "/bin/sh", "-c",
        "trap 'echo got; exit 9' TERM; echo ready; while :; do sleep 0.05; done")
    running.until_output("ready")
    os.kill(running.pid, signal.SIGTERM)
    result = running.wait()
    assert (result.rc, result.out) == (9, "ready\ngot\n")


@pytest.mark.peer_lacks("runc waits for the pipe's last writer")
def test_process_ends_when_its_background_children_do_not(fresh):
    """exec returns with the process it started, not when the pipe is closed by the last one."""
    result = fresh.exec_sh("sleep 1000 & exit 4", check=False, timeout=5)
    assert result.rc == 4


def test_new_process_is_not_dumpable_by_the_container(runtime, bundle):
    """Nothing of the runtime may be seen: /proc/self/exe of an exec is the program itself."""
    c = runtime.start(bundle())
    assert c.exec("readlink", "/proc/self/exe").out == "/bin/busybox\n"


def test_exec_leaves_nothing(fresh):
    fresh.runtime.leftovers.rebase()
    before = set(os.listdir(fresh.runtime.root / fresh.id))
    fresh.exec("true")
    fresh.exec("nosuchprogram", check=False)
    until(lambda: set(os.listdir(fresh.runtime.root / fresh.id)) == before)
    found = [f for f in fresh.runtime.leftovers.new() if f.startswith(("mount", "process"))]
    assert not found


@pytest.mark.host_view("a VM's kernel has no policy: labels are left out there, and said so")
@pytest.mark.peer_lacks("apparmor and selinux here")
@pytest.mark.parametrize("option", ["--apparmor", "--process-label"])
def test_labels_that_the_kernel_lacks_are_refused(container, option):
    """Without the security module the label cannot be honoured, so it is refused by name."""
    if os.path.exists("/sys/kernel/security/apparmor") or os.path.exists("/sys/fs/selinux/enforce"):
        pytest.skip("this kernel has the module")
    word = "apparmor" if option == "--apparmor" else "selinux"
    container.runtime.fails("exec", option, "some_label", container.id, "true", says=word)

"""What goes wrong with a VM ends that VM and nothing else, and is told."""

import json
import os
import time

import pytest

import leftovers
import vm
from host import host
from runtime import PATIENCE, until

pytestmark = pytest.mark.hyperv
MIB = 1 << 20


def told(c) -> str:
    """What `state` says of the container, whole."""
    return json.dumps(c.state())


def assert_ended(c, everything, *words):
    """The VM is gone, the state knows it and says why; commands fail with one line; delete works."""
    c.wait_stopped()
    vm.until_gone(everything)
    for word in words:
        assert word.lower() in told(c).lower(), told(c)
    c.runtime.fails("exec", c.id, "true", says=c.id)
    assert c.runtime("ps", "-f", "json", c.id, check=False).out.strip() in ("", "[]", "null")
    assert c.id in c.runtime.ids()
    c.delete()
    c.runtime.leftovers.assert_none()


# A helper of the VM is killed

@pytest.mark.parametrize("name,words", [
    ("vmwp", ["VM"]), ("qemu", ["QEMU", "KILL"]), ("virtiofsd", ["virtiofsd"]), ("vmproc", [])])
def test_helper_killed(runtime, bundle, name, words):
    c = runtime.start(bundle())
    everything = vm.everything(c)
    os.kill(vm.part(c, name).pid, 9)
    assert_ended(c, everything, *words)


@pytest.mark.parametrize("name", ["vmwp", "qemu", "virtiofsd"])
def test_helper_killed_under_a_foreground_run(runtime, bundle, name):
    """The session ends as for a killed process, at once, with a word on why."""
    b = bundle().sh("echo up; exec sleep 1000")
    b.write()
    cid = runtime.new_id()
    run = runtime.spawn("run", "-b", b.path, cid)
    run.until_output("up")
    os.kill(vm.part(runtime.container(cid), name).pid, 9)
    result = run.wait()
    assert result.rc != 0
    assert "VM" in result.err or name.lower() in result.err.lower(), result
    runtime("delete", "--force", cid)
    runtime.leftovers.assert_none()


@pytest.mark.parametrize("name", ["vmwp", "qemu", "virtiofsd", "vmproc"])
def test_helper_killed_before_start(runtime, bundle, name):
    c = runtime.create(bundle())
    everything = vm.everything(c)
    os.kill(vm.part(c, name).pid, 9)
    c.wait_stopped()
    vm.until_gone(everything)
    runtime.fails("start", c.id, says=c.id)
    c.delete()
    runtime.leftovers.assert_none()


@pytest.mark.parametrize("name", ["vmwp", "qemu", "virtiofsd"])
def test_helper_killed_while_execs_run(runtime, bundle, name):
    c = runtime.start(bundle())
    execs = [runtime.spawn("exec", c.id, "/bin/sh", "-c", "echo up; exec sleep 1000") for _ in range(3)]
    for process in execs:
        process.until_output("up")
    os.kill(vm.part(c, name).pid, 9)
    for process in execs:
        assert process.wait().rc != 0
    c.delete(force=True)
    runtime.leftovers.assert_none()


@pytest.mark.parametrize("name", ["vmwp", "qemu", "virtiofsd"])
def test_helper_stopped_does_not_hang_delete(runtime, bundle, name):
    """SIGSTOP in place of SIGKILL: the worst that is not yet an end."""
    c = runtime.start(bundle())
    everything = vm.everything(c)
    os.kill(vm.part(c, name).pid, 19)
    c.delete(force=True)
    vm.until_gone(everything)
    runtime.leftovers.assert_none()


def test_killed_exec_process_ends_its_process_in_the_guest_only(runtime, bundle, work):
    c = runtime.start(bundle())
    runtime("exec", "-d", "--pid-file", work / "pid", c.id, "sleep", "1234")
    assert "sleep 1234" in runtime("ps", c.id).out
    os.kill(int((work / "pid").read_text()), 9)
    until(lambda: "sleep 1234" not in runtime("ps", c.id).out)
    assert c.status == "running"


# Kernels

def test_kernel_that_panics_while_it_boots(runtime, bundle):
    """Its last words are in the error."""
    b = bundle()
    b.spec["vm"] = {"kernel": {"path": vm.installed_kernel(runtime, bundle), "parameters": ["rdinit=/no/such/init"]}}
    before = time.monotonic()
    runtime.create_fails(b, says=["panic"])
    assert time.monotonic() - before < 30 * PATIENCE, "a panic is noticed, not waited out"
    runtime.leftovers.assert_none()


# Loads as a kernel does (a PVH note), says nothing, and turns round for ever.
SPINNING = r"""
	.section .note.Xen, "a", @note
	.align 4
	.long 4, 8, 18
	.asciz "Xen"
	.quad _start
	.section .rodata
	.asciz "Linux version 6.12.0-spinning"
	.text
	.code32
	.globl _start
_start:
	pause
	jmp _start
"""


@pytest.fixture
def spinning_kernel(work):
    import subprocess
    path = work / "spinning"
    subprocess.run(["cc", "-nostdlib", "-static", "-Wl,-Ttext=0x1000000", "-Wl,--build-id=none", "-no-pie",
                    "-x", "assembler", "-o", path, "-"], input=SPINNING.encode(), check=True)
    path.chmod(0o644)
    return path


def test_kernel_that_never_comes_up(runtime, bundle, work, spinning_kernel):
    """The wait is bounded, and its bound can be set."""
    env = vm.configured(work, {"hyperv": {"bootTimeout": 2}})
    before = time.monotonic()
    runtime.create_fails(bundle(), "--kernel", spinning_kernel, says=["agent", "2"], env=env)
    assert time.monotonic() - before < 2 + 10 * PATIENCE
    runtime.leftovers.assert_none()


@pytest.mark.parametrize("what", ["text", "empty", "zeros", "program", "truncated", "missing", "directory", "fifo", "endless"])
def test_not_a_kernel(runtime, bundle, work, what):
    """Said before a VM is started, by the path; never waited for."""
    path = work / "no-kernel"
    if what == "text":
        path.write_text("#!/bin/sh\necho kernel\n")
    elif what == "empty":
        path.write_bytes(b"")
    elif what == "zeros":
        path.write_bytes(bytes(1 << 20))
    elif what == "program":
        path.write_bytes(open("/bin/busybox", "rb").read())
    elif what == "truncated":
        path.write_bytes(open(vm.installed_kernel(runtime, bundle), "rb").read(4096))
    elif what == "directory":
        path.mkdir()
    elif what == "fifo":
        os.mkfifo(path)
    elif what == "endless":
        path = "/dev/zero"
    before = time.monotonic()
    runtime.create_fails(bundle(), "--kernel", path, says=[str(path)])
    assert time.monotonic() - before < 5 * PATIENCE
    runtime.leftovers.assert_none()


def privileged(b):
    """All that a container can be given; what it can break with it is its own VM."""
    caps = ["CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_DAC_OVERRIDE", "CAP_SYS_RAWIO", "CAP_SYS_PTRACE",
            "CAP_SYS_MODULE", "CAP_KILL", "CAP_MKNOD", "CAP_SYS_RESOURCE"]
    b.caps(*caps)
    b.process["noNewPrivileges"] = False
    b.linux["maskedPaths"], b.linux["readonlyPaths"] = [], []
    b.resources["devices"] = [{"allow": True, "access": "rwm"}]
    return b


def test_guest_panics_while_it_runs(runtime, bundle):
    """A privileged container can end its own VM: the neighbour's goes on."""
    other = runtime.start(bundle())
    b = privileged(bundle()).sh("echo up; read x; echo 2 >/proc/sys/vm/panic_on_oom; tail /dev/zero; tail /dev/zero")
    b.resources["memory"] = {"limit": 64 * MIB}
    b.sh("echo 1 >/proc/sys/vm/panic_on_oom; echo 2 >/proc/sys/vm/panic_on_oom; echo up; sleep 1; tail /dev/zero")
    c = runtime.start(b)
    everything = vm.everything(c)
    assert_panicked(c, everything)
    assert other.status == "running"
    assert other.exec("echo", "well").out == "well\n"


def assert_panicked(c, everything):
    c.wait_stopped()
    vm.until_gone(everything)
    assert "panic" in told(c).lower() or "powered off" in told(c).lower(), told(c)
    c.runtime.fails("exec", c.id, "true", says=c.id)


# A container's own way to the guest's real root: the kernel runs the helper of core_pattern there,
# under PID 1's namespaces, as root.
ESCAPE = """
cat >/escape <<'END'
#!/run/hcs/share/%(id)s/rootfs/bin/sh
exec >/run/hcs/share/%(id)s/rootfs/report 2>&1
PATH=/run/hcs/share/%(id)s/rootfs/bin
%(script)s
END
chmod 755 /escape
echo '|/run/hcs/share/%(id)s/rootfs/escape' >/proc/sys/kernel/core_pattern
ulimit -c unlimited
echo up
sleep 1
sh -c 'kill -SEGV $$'
sleep 1000
"""


def escaping(runtime, b, script):
    cid = runtime.new_id()
    b.process["rlimits"] = []
    privileged(b).writable().sh(ESCAPE % {"id": cid, "script": script})
    return runtime.start(b, cid=cid)


def test_agent_killed_in_the_guest(runtime, bundle):
    """Its memory is overwritten: it dies as it would of a fault of its own."""
    other = runtime.start(bundle())
    c = escaping(runtime, bundle(own_files=True), """
        grep -m1 r-xp /proc/1/maps | { read range rest; start=$((0x${range%%-*} / 4096));
        busybox dd if=/dev/zero of=/proc/1/mem bs=4096 seek=$start count=200 conv=notrunc; }""")
    everything = vm.everything(c)
    c.wait_stopped()
    vm.until_gone(everything)
    assert "VM" in told(c) or "panic" in told(c).lower()
    c.delete()
    assert other.exec("echo", "well").out == "well\n"


def test_guest_powered_off_from_inside(runtime, bundle):
    c = escaping(runtime, bundle(own_files=True), "busybox reboot -f")
    everything = vm.everything(c)
    assert_ended(c, everything, "VM")


def test_agent_stopped_answering(runtime, bundle):
    """A guest that is alive and says nothing: delete and kill still end it, within bounds."""
    c = runtime.start(bundle())
    os.kill(vm.part(c, "qemu").pid, 19)
    before = time.monotonic()
    c.kill("KILL", timeout=30 * PATIENCE)
    c.wait_stopped()
    c.delete()
    assert time.monotonic() - before < 30 * PATIENCE
    runtime.leftovers.assert_none()


@pytest.mark.parametrize("with_hook", [False, True])
def test_agent_that_does_not_answer_start(runtime, bundle, work, with_hook):
    """Start does not wait for ever; the time that a hook in the guest may take is its own."""
    env = vm.configured(work, {"hyperv": {"requestTimeout": 8}})
    b = bundle()
    if with_hook:
        b.sh_hook("startContainer", "true", timeout=4)
    c = runtime.create(b, env=env)
    everything = vm.everything(c)
    os.kill(vm.part(c, "qemu").pid, 19)
    before = time.monotonic()
    c.runtime.fails("start", c.id, says=["does not answer", "requestTimeout"])
    took = time.monotonic() - before
    assert took > (11.5 if with_hook else 7.5) and took < 30 * PATIENCE
    assert_ended(c, everything, "does not answer")


def test_agent_that_does_not_answer_create_and_exec(runtime, bundle, work):
    """In another's VM, which goes on."""
    env = vm.configured(work, {"hyperv": {"requestTimeout": 1}})
    c = runtime.start(bundle())
    os.kill(vm.part(c, "qemu").pid, 19)
    b = bundle()
    b.spec["annotations"] = {"io.hcs.host": c.id}
    runtime.create_fails(b, says=["utility VM", "does not answer"], env=env)
    runtime.fails("exec", c.id, "true", says=["utility VM", "does not answer"], env=env)
    os.kill(vm.part(c, "qemu").pid, 18)
    assert c.exec("echo", "well").out == "well\n"


# The guest runs out of something

def test_guest_without_memory_limit_runs_out(runtime, bundle):
    """No limit of the container's: the VM's size is. The agent survives what the kernel then kills."""
    c = runtime.start(bundle().sh("echo up; tail /dev/zero; echo killed $?; sleep 1000"))
    c.until_output("killed", timeout=120 * PATIENCE)
    assert c.exec("echo", "well").out == "well\n"


def test_limit_of_memory_and_oom_in_exec(runtime, bundle):
    b = bundle()
    b.resources["memory"] = {"limit": 32 * MIB, "swap": 32 * MIB}
    c = runtime.start(b)
    for _ in range(3):
        assert c.exec("tail", "/dev/zero", check=False).rc == 137
    assert c.status == "running"
    assert c.exec("echo", "well").out == "well\n"


BOMB = "bomb() { bomb | bomb & }; bomb; sleep 3; echo over"


def test_fork_bomb_within_its_limit(runtime, bundle):
    b = bundle()
    b.resources["pids"] = {"limit": 60}
    b.resources["memory"] = {"limit": 64 * MIB}
    c = runtime.start(b)
    bomb = runtime.spawn("exec", c.id, "/bin/sh", "-c", BOMB)
    time.sleep(2)
    assert runtime("events", "--stats", c.id).json["data"]["pids"]["current"] <= 60
    assert c.status == "running"
    c.delete(force=True)
    bomb.wait()
    runtime.leftovers.assert_none()


def test_fork_bomb_without_a_limit(runtime, bundle):
    """The guest is full; the host's commands still see it and end it."""
    c = runtime.start(bundle())
    bomb = runtime.spawn("exec", c.id, "/bin/sh", "-c", BOMB)
    time.sleep(3)
    before = time.monotonic()
    assert c.status in ("running", "stopped")
    c.delete(force=True)
    assert time.monotonic() - before < 20 * PATIENCE
    bomb.wait()
    runtime.leftovers.assert_none()


def test_volume_without_space(runtime, bundle, work):
    """ENOSPC of the host's file system is the container's, and is all that happens."""
    small = work / "small"
    small.mkdir()
    host("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small)
    runtime.leftovers.rebase()
    script = "dd if=/dev/zero of=/vol/x bs=64k count=100 2>&1 | grep -o 'No space left'; stat -c %s /vol/x; rm /vol/x; echo again >/vol/y; cat /vol/y"
    assert runtime.run(bundle().bind(small, "/vol", "bind", "rw").sh(script)).lines == [
        "No space left", str(MIB), "again"]


def test_host_without_descriptors_to_spare(runtime, bundle, work):
    """A guest that opens files until something gives way: it gets EMFILE, and the rest goes on."""
    volume = work / "volume"
    volume.mkdir()
    for i in range(3000):
        (volume / str(i)).touch()
    b = bundle().bind(volume, "/vol", "bind", "rw")
    b.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 4096, "hard": 4096}]
    c = runtime.start(b.sh("i=0; exec 2>/dev/null; for f in /vol/*; do sleep 1000 <$f & i=$((i+1)); [ $i -ge 300 ] && break; done; echo opened; wait"))
    c.until_output("opened")
    assert c.exec("cat", "/etc/group").out.startswith("root:")
    c.delete(force=True)


# Many

def test_twenty_vms_at_once(runtime, bundle):
    """Each comes up, none takes another's place; then all are gone at once."""
    b = bundle().sh("echo $((6 * 7)); sleep 1000")
    b.write()
    ids = [runtime.new_id() for _ in range(20)]
    running = [runtime.spawn("run", "-d", "-b", b.path, cid) for cid in ids]
    results = [r.wait(120 * PATIENCE) for r in running]
    assert [r.rc for r in results] == [0] * 20, [r for r in results if r.rc]
    until(lambda: all(r.out == "42\n" for r in results), 60 * PATIENCE)
    assert sorted(runtime.ids()) == sorted(ids)
    users = [part.ids for cid in ids for part in vm.parts(runtime.container(cid))["vmwp"]]
    assert len(set.union(*users)) == 20
    deletes = [runtime.spawn("delete", "--force", cid) for cid in ids]
    assert [r.wait(120 * PATIENCE).rc for r in deletes] == [0] * 20
    runtime.leftovers.assert_none(patience=3)


def test_creation_that_is_interrupted(runtime, bundle):
    """Ctrl-C while the VM boots: the command ends, and so does the VM."""
    b = bundle()
    b.write()
    for delay in (0.05, 0.3, 0.6):
        cid = runtime.new_id()
        create = runtime.spawn("create", "-b", b.path, cid)
        time.sleep(delay)
        os.kill(create.pid, 2)
        create.wait()
        runtime("delete", "--force", cid)
        runtime.leftovers.assert_none()


def test_killed_worker_while_it_boots(runtime, bundle):
    """Not the command but the VM under it is killed: the command says so."""
    b = bundle()
    b.write()
    for name in ("vmwp", "qemu"):
        cid = runtime.new_id()
        create = runtime.spawn("create", "-b", b.path, cid)
        pid = until(lambda: [pid for pid, comm in leftovers.descendants().items()
                             if comm.startswith(vm.PARTS[name])], what=f"no {name}")[0]
        os.kill(pid, 9)
        result = create.wait()
        runtime.assert_error(result)
        runtime("delete", "--force", cid, check=False)
        runtime.leftovers.assert_none()

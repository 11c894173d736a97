"""What cannot hold in a VM is refused by its JSON path or option, before a VM is started."""

import os
import socket
import time

import pytest

import leftovers
import vm
from host import host
from runtime import PATIENCE

pytestmark = pytest.mark.hyperv


def refused(runtime, b, *says, options=(), **popen):
    before = time.monotonic()
    runtime.create_fails(b, *options, says=says, **popen)
    assert time.monotonic() - before < PATIENCE, "before a VM is started"
    runtime.leftovers.assert_none()


@pytest.mark.parametrize("kind", ["ipc", "uts", "pid", "mount", "cgroup", "user", "time"])
def test_namespace_of_the_host_by_path(runtime, bundle, kind):
    name = {"mount": "mnt"}.get(kind, kind)
    b = bundle()
    if kind == "uts":
        del b.spec["hostname"]
    b.namespace(kind, f"/proc/self/ns/{name}")
    index = len(b.linux["namespaces"]) - 1
    refused(runtime, b, f"linux.namespaces[{index}].path")


@pytest.mark.parametrize("kind", ["pid", "network", "ipc", "uts", "mount"])
def test_namespace_shared_with_the_host(runtime, bundle, kind):
    """Left out of the list means the host's: `docker run --pid host`."""
    b = bundle().without_namespace(kind)
    if kind == "uts":
        del b.spec["hostname"]
    if kind == "mount":
        b.spec["root"]["readonly"] = False
        b.spec["mounts"] = []
        b.linux["maskedPaths"] = b.linux["readonlyPaths"] = []
    refused(runtime, b, "linux.namespaces")


@pytest.mark.parametrize("propagation", ["shared", "rshared"])
def test_shared_root(runtime, bundle, propagation):
    b = bundle()
    b.linux["rootfsPropagation"] = propagation
    refused(runtime, b, "linux.rootfsPropagation")


@pytest.mark.parametrize("option", ["shared", "rshared"])
def test_shared_mount(runtime, bundle, work, option):
    volume = work / "volume"
    volume.mkdir()
    host("mount", "-t", "tmpfs", "tmpfs", volume)
    host("mount", "--make-shared", volume)
    runtime.leftovers.rebase()
    refused(runtime, bundle().bind(volume, "/vol", "rbind", option), "mounts[7]", "shared")


def test_preserve_fds(runtime, bundle):
    refused(runtime, bundle(), "--preserve-fds", options=("--preserve-fds", "1"), pass_fds=())


def test_listen_fds(runtime, bundle):
    """Socket activation is descriptors too."""
    refused(runtime, bundle(), "LISTEN_FDS",
            prefix=["sh", "-c", 'LISTEN_FDS=1 LISTEN_PID=$$ exec "$@" 3</dev/null', "sh"])


def test_preserve_fds_of_exec(runtime, bundle):
    c = runtime.start(bundle())
    runtime.fails("exec", "--preserve-fds", "1", c.id, "true", says="--preserve-fds")
    assert c.status == "running"


def test_seccomp_listener(runtime, bundle, work):
    b = bundle()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(work / "seccomp.sock"))
        listener.listen()
        b.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": str(work / "seccomp.sock"),
                              "syscalls": [{"names": ["getpgid"], "action": "SCMP_ACT_NOTIFY"}]}
        refused(runtime, b, "linux.seccomp.listenerPath")


def test_net_devices(runtime, bundle):
    b = bundle()
    b.linux["netDevices"] = {"lo": {"name": "eth7"}}
    refused(runtime, b, "linux.netDevices")


def test_intel_rdt(runtime, bundle):
    b = bundle()
    b.linux["intelRdt"] = {"closID": "group"}
    refused(runtime, b, "linux.intelRdt")


def test_socket_of_the_host(runtime, bundle, work):
    """A file that is a door to the host: it would be there and lead nowhere."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(work / "door"))
        refused(runtime, bundle().bind(work / "door", "/run/door"), "mounts[7]", "socket")


@pytest.mark.parametrize("source", ["/proc", "/sys", "/dev/pts"])
def test_kernel_file_system_of_the_host(runtime, bundle, source):
    refused(runtime, bundle().bind(source, "/mnt", "rbind"), "mounts[7]", source)


def test_kernel_file_systems_below_a_bind_stay_out(runtime, bundle, work):
    """A directory that is bound whole comes without what the host's kernel shows of itself below it."""
    volume = work / "volume"
    (volume / "proc").mkdir(parents=True)
    (volume / "file").touch()
    host("mount", "-t", "proc", "proc", volume / "proc")
    runtime.leftovers.rebase()
    out = runtime.run(bundle().bind(volume, "/vol", "rbind").sh("ls /vol; ls /vol/proc | wc -l")).lines
    assert "file" in out and out[-1] == "0"


@pytest.mark.parametrize("kind,source", [
    ("overlay", "overlay"), ("ext4", "/dev/sda"), ("nfs", "server:/x"), ("nosuchfs", "x"), ("fuse", "x")])
def test_file_system_that_the_host_would_mount(runtime, bundle, kind, source):
    refused(runtime, bundle().mount("/vol", kind, source, []), "mounts[7]", kind)


@pytest.mark.parametrize("field,value", [
    ("hypervisor", {"path": "/usr/bin/qemu-system-x86_64", "parameters": ["-monitor", "stdio"]}),
    ("hypervisor", {"path": "/opt/other/monitor"}), ("image", {"path": "/disk.raw", "format": "raw"}),
    ("hwConfig", {"deviceTree": "/x.dtb"}), ("hwConfig", {"dtdevs": ["/x"]}),
    ("hwConfig", {"iomems": [{"firstMFN": 1, "nrMFNs": 1}]}), ("hwConfig", {"irqs": [5]})],
    ids=["parameters", "monitor", "image", "deviceTree", "dtdevs", "iomems", "irqs"])
def test_machine_that_is_not_ours_to_change(runtime, bundle, field, value):
    """Words of a configuration never reach the monitor's command line."""
    b = bundle()
    b.spec["vm"] = {"kernel": {"path": "/boot/vmlinuz"}, field: value}
    refused(runtime, b, f"vm.{field}")


@pytest.mark.parametrize("section,where", [
    ({"hwConfig": {"memory": 1 << 20}}, "vm.hwConfig.memory"), ({"hwConfig": {"vcpus": 0}}, "vm.hwConfig.vcpus"),
    ({"hwConfig": {"vcpus": 100000}}, "vm.hwConfig.vcpus"), ({"hwConfig": {"memory": 1 << 60}}, "vm.hwConfig.memory")],
    ids=["small", "none", "many", "huge"])
def test_impossible_sizes(runtime, bundle, section, where):
    b = bundle()
    b.spec["vm"] = {"kernel": {"path": "/boot/vmlinuz"}, **section}
    refused(runtime, b, where)


@pytest.mark.parametrize("parameter", ["a\nb", "x\u0000", 'say="x y"; reboot', "a" * 5000, "ü"])
def test_kernel_parameters_are_words(runtime, bundle, parameter):
    """What would be cut off, or read as another option, is refused; else it arrives as it is."""
    b = bundle().sh("cat /proc/cmdline")
    b.spec["vm"] = {"kernel": {"path": vm.installed_kernel(runtime, bundle), "parameters": [parameter]}}
    result = runtime.run(b, check=False)
    if result.rc:
        runtime.assert_error(result)
    else:
        assert parameter in result.out
    runtime.leftovers.assert_none()


def test_checkpoint_and_restore(runtime, bundle, work):
    c = runtime.start(bundle())
    runtime.fails("checkpoint", "--image-path", work / "images", c.id, says=["checkpoint", "hyperv"])
    assert c.status == "running"


@pytest.mark.parametrize("name", ["", "windows", "hyper-v", "process,hyperv", "HYPERV\n"])
def test_isolation_that_does_not_exist(runtime, bundle, name):
    b = bundle()
    b.write()
    runtime.isolation = "process"  # ours is in the options
    runtime.fails("create", "--isolation", name, "-b", b.path, runtime.new_id(), says="--isolation")
    b.spec["annotations"] = {"io.hcs.isolation": name}
    runtime.create_fails(b, says="io.hcs.isolation")
    runtime.leftovers.assert_none()


def test_vm_section_with_process_isolation(runtime, bundle):
    """What was to run in a VM is not run on the host's kernel."""
    b = bundle()
    b.spec["vm"] = {"kernel": {"path": "/boot/vmlinuz"}}
    runtime.isolation = "process"
    runtime.create_fails(b, "--isolation", "process", says="vm")
    runtime.leftovers.assert_none()


def test_ordinary_user(runtime, bundle, work):
    """The share's daemon gives out files as any user: that takes root. Said in one line."""
    b = bundle()
    b.write()
    home = work / "home"
    home.mkdir()
    os.chown(home, 4242, 4242)
    runtime.root = home / "root"
    import shutil
    binary = work / runtime.name
    shutil.copy2(runtime.binary, binary)
    runtime.binary = str(binary)
    result = runtime("create", "-b", b.path, runtime.new_id(), check=False,
                     prefix=["setpriv", "--reuid", "4242", "--regid", "4242", "--clear-groups"])
    runtime.assert_error(result, "hyperv", "root")
    runtime.leftovers.assert_none()


def test_labels_are_left_out_and_said_so(runtime, bundle):
    """The guest has no such policy; the wall that they are for is another one here."""
    if os.path.exists("/sys/kernel/security/apparmor"):
        pytest.skip("this machine has AppArmor")
    b = bundle().sh("echo ran")
    b.process["apparmorProfile"] = "docker-default"
    result = runtime.run(b)
    assert result.out == "ran\n"
    assert "apparmorProfile" in result.err


def test_nothing_is_left_by_a_refusal(runtime, bundle):
    """Also none of what comes first: no record, no cgroup, no socket."""
    for _ in range(5):
        refused(runtime, bundle().without_namespace("pid"), "linux.namespaces")
    assert runtime.ids() == []
    assert leftovers.named(runtime.mark) == {}

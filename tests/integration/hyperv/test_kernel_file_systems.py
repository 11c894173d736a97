"""What the host's kernel shows of itself stays out of a VM's share, wherever it is mounted: the daemon
that serves the share is root, and the guest's word is not trusted."""

import pytest

import vm
from host import host

pytestmark = pytest.mark.hyperv
KERNELS = {"proc", "sysfs", "cgroup", "cgroup2", "devpts", "mqueue", "debugfs", "tracefs", "securityfs", "bpf"}


@pytest.fixture
def volume(work):
    """A directory with a file, and proc, sysfs and a tmpfs mounted below it."""
    path = work / "volume"
    for kind in ("proc", "sysfs", "tmpfs"):
        (path / kind).mkdir(parents=True)
        host("mount", "-t", kind, kind, path / kind)
    (path / "file").touch()
    (path / "tmpfs/file").touch()
    return path


def served(c) -> dict:
    """Mount point, as the daemon sees it, -> type, of what it serves."""
    found = {}
    for line in vm.part(c, "virtiofsd").path("mountinfo").read_text().splitlines():
        fields, rest = line.split(" - ")
        point = fields.split()[4]
        if "/rootfs" in point or "/mounts/" in point:
            found[point] = rest.split()[0]
    return found


def assert_no_kernel(c):
    assert served(c), "nothing served?"
    assert not [point for point, kind in served(c).items() if kind in KERNELS]


def look(runtime, b, script):
    """What the script prints in a running container, and the container."""
    c = runtime.start(b.sh(script + "; echo END; sleep 1000"))
    return c.until_output("END").split()[:-1], c


def test_below_a_bind(runtime, bundle, volume):
    runtime.leftovers.rebase()
    out, c = look(runtime, bundle().bind(volume, "/vol", "rbind"),
                  "ls /vol; ls /vol/proc | wc -l; ls /vol/sysfs | wc -l; ls /vol/tmpfs")
    assert out == ["file", "proc", "sysfs", "tmpfs", "0", "0", "file"]
    assert_no_kernel(c)


@pytest.mark.parametrize("option", ["rbind", "ridmap"])
def test_below_a_bind_in_a_user_namespace(runtime, bundle, work, option):
    """Whose sources are opened by another way."""
    volume = work / "volume"
    (volume / "proc").mkdir(parents=True)
    host("mount", "-t", "proc", "proc", volume / "proc")
    runtime.leftovers.rebase()
    b = bundle(own_files=True).map_user().give_to(100000, 100000)
    out, c = look(runtime, b.bind(volume, "/vol", "rbind", option), "ls /vol/proc | wc -l")
    assert out == ["0"]
    assert_no_kernel(c)


def test_below_the_root(runtime, bundle):
    """A root file system that somebody works in by chroot."""
    b = bundle(own_files=True)
    for kind in ("proc", "sysfs"):
        (b.rootfs / kind).mkdir(exist_ok=True)
        host("mount", "-t", kind, kind, b.rootfs / kind)
    host("mount", "-t", "proc", "proc", b.rootfs / "proc")
    runtime.leftovers.rebase()
    out, c = look(runtime, b, "ls /proc | grep -c cmdline; ls /sysfs | wc -l")
    assert out == ["1", "0"]
    assert_no_kernel(c)


def test_the_whole_host(runtime, bundle, template, work):
    """With its /proc, which the share is put together by; over layers, which need it as well."""
    (work / "scratch").mkdir()
    b = bundle()
    del b.spec["root"]
    b.spec["windows"] = {"layerFolders": [str(template), str(work / "scratch")]}
    out, c = look(runtime, b.bind("/", "/host", "rbind", "ro"), f"ls /host/proc | wc -l; ls /host{work}")
    assert out[0] == "0" and "scratch" in out
    assert_no_kernel(c)


def test_covered(runtime, bundle, work):
    """What another mount covers cannot be reached, and does not get uncovered."""
    volume = work / "volume"
    (volume / "deep/proc").mkdir(parents=True)
    host("mount", "-t", "proc", "proc", volume / "deep/proc")
    host("mount", "-t", "tmpfs", "tmpfs", volume / "deep/proc")
    (volume / "deep/proc/over").touch()
    host("mount", "-t", "proc", "proc", volume / "deep/proc")
    host("mount", "-t", "tmpfs", "tmpfs", volume / "deep")
    (volume / "deep/top").touch()
    runtime.leftovers.rebase()
    out, c = look(runtime, bundle().bind(volume, "/vol", "rbind"), "ls /vol/deep")
    assert out == ["top"]
    c.delete(force=True)
    host("umount", volume / "deep")
    runtime.leftovers.rebase()
    assert look(runtime, bundle().bind(volume, "/vol", "rbind"), "ls /vol/deep/proc")[0] == ["over"]

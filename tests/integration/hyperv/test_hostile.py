"""A guest that has turned against its host: what it may write to, and what others may keep it waiting."""

import os
import signal
import time

import pytest

import vm

pytestmark = pytest.mark.hyperv

ALL = ("CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE", "CAP_MKNOD", "CAP_CHOWN")


@pytest.fixture
def master(bundle):
    """A bundle whose container may mount, as one that has taken its kernel may."""
    b = bundle().caps(*ALL)
    b.process["noNewPrivileges"] = False
    return b


def test_readonly_root_is_the_hosts_word(runtime, master):
    master.spec["root"]["readonly"] = True
    master.tmpfs("/made/by/the/engine")
    master.process["cwd"] = "/work/directory"
    c = runtime.start(master)
    root = master.path / "rootfs"
    before = sorted(os.listdir(root))
    script = """pwd
        mount -o remount,rw / ; touch /new
        mkdir /dev/again && mount -t virtiofs hcs /dev/again
        for d in /dev/again /dev/again/*/rootfs; do touch $d/new; mkdir $d/newer; done"""
    result = c.exec_sh(script, check=False)
    assert result.out.splitlines()[0] == "/work/directory"
    assert sorted(os.listdir(root)) == before
    assert c.exec_sh("touch /made/by/the/engine/file /dev/shm/file", check=False).rc == 0


def test_writable_root_stays_writable(runtime, bundle):
    b = bundle(own_files=True).writable()
    c = runtime.start(b)
    assert c.exec_sh("echo yes >/new").rc == 0
    assert (b.path / "rootfs/new").read_text() == "yes\n"


def test_bind_made_readonly_by_a_remount(runtime, master, work):
    volume = work / "volume"
    volume.mkdir()
    master.bind(volume, "/vol", "bind").mount("/vol", "bind", str(volume), ["bind", "remount", "ro"])
    c = runtime.start(master)
    c.exec_sh("mount -o remount,bind,rw /vol; touch /vol/new; mkdir /dev/s; mount -t virtiofs hcs /dev/s;"
              "for d in /dev/s/*/mounts/*; do touch $d/new; done", check=False)
    assert os.listdir(volume) == []


def test_devices_and_set_id_programs_are_nothing_to_the_daemon(runtime, bundle, work):
    c = runtime.start(bundle().bind(work, "/vol"))
    lines = vm.part(c, "virtiofsd").path("mountinfo").read_text().splitlines()
    shown = [line.split()[5].split(",") for line in lines if f"/{c.id}/" in line.split()[4]]
    assert len(shown) == 2
    assert all("nosuid" in options and "nodev" in options for options in shown), shown


def test_labels_of_a_container_do_not_stand_in_the_way_of_exec(runtime, bundle):
    b = bundle()
    b.process["apparmorProfile"] = "docker-default"
    c = runtime.start(b)
    assert c.exec_sh("echo in").out == "in\n"


@pytest.mark.parametrize("command", [["exec", "ID", "true"], ["ps", "ID"], ["events", "--stats", "ID"],
                                     ["kill", "ID", "TERM"], ["pause", "ID"]], ids=lambda c: c[0])
def test_guest_that_stands_still_keeps_nobody(runtime, bundle, command):
    """The host's own words come at once, and delete --force ends what waits for the guest."""
    c = runtime.start(bundle())
    monitor = vm.part(c, "qemu")
    os.kill(monitor.pid, signal.SIGSTOP)
    waiting = runtime.spawn(*[c.id if word == "ID" else word for word in command])
    try:
        time.sleep(0.5)
        before = time.monotonic()
        assert c.status in ("running", "paused")
        runtime("list")
        c.delete(force=True)
        assert time.monotonic() - before < 15
        waiting.wait()
    finally:
        waiting.stop()

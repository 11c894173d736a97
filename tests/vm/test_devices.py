# SPDX-License-Identifier: Apache-2.0
"""Disks and interfaces that a VM is given as descriptors, its memory and processors."""
import array
import fcntl
import os
import socket
import struct
import subprocess

import pytest

import machine

MIB = 1 << 20


@pytest.fixture
def images(tmp_path):
    """Descriptors of two disk images that nobody but root may open: writable, read-only."""
    opened = []
    for name, flags in (("scratch", os.O_RDWR), ("layer", os.O_RDONLY)):
        (tmp_path / name).write_bytes(name.encode() + b"\n" + b"\0" * (4 * MIB - len(name) - 1))
        (tmp_path / name).chmod(0o600)
        opened.append(os.open(tmp_path / name, flags))
    yield opened, tmp_path
    for fd in opened:
        os.close(fd)


def test_disks(make_vm, images):
    fds, path = images
    vm = make_vm(*fds, disks=[{"fd": 6, "readonly": False, "serial": "scratch-1"},
                              {"fd": 7, "readonly": True, "serial": "layer-1"}])
    vm.ready()
    client = vm.connect()
    client.hello()
    serials, status = client.sh("cd /sys/block; for d in vd*; do echo $d $(cat $d/serial) "
                                "$(cat $d/size) $(cat $d/ro); done")
    assert status == 0
    disks = {line.split()[1]: line.split() for line in serials.splitlines()}
    assert set(disks) == {"scratch-1", "layer-1"}
    assert disks["scratch-1"][2:] == ["8192", "0"]
    assert disks["layer-1"][2:] == ["8192", "1"]
    scratch, layer = disks["scratch-1"][0], disks["layer-1"][0]
    assert client.sh(f"head -n 1 /dev/{layer}") == ("layer\n", 0)
    assert client.sh(f"head -n 1 /dev/{scratch}; printf changed | dd of=/dev/{scratch} conv=fsync "
                     "2>/dev/null") == ("scratch\n", 0)
    assert (path / "scratch").read_bytes()[:7] == b"changed"
    # A guest that does not keep to the flag gets an error from the monitor.
    client.sh(f"blockdev --setrw /dev/{layer}; echo changed > /dev/{layer}; sync")
    assert (path / "layer").read_bytes()[:6] == b"layer\n"


def test_one_disk_of_several_files(make_vm, tmp_path):
    """What the layers of an image are: no byte of them means anything to the monitor."""
    contents = [b"# Disk DescriptorFile\nRW 8 FLAT /etc/passwd 0\n", b"QFI\xfb\0\0\0\3", b"third"]
    sizes = [4096, 512, 8192]
    fds = []
    for i, (content, size) in enumerate(zip(contents, sizes)):
        (tmp_path / str(i)).write_bytes(content.ljust(size, b"."))
        (tmp_path / str(i)).chmod(0o600)
        fds.append(os.open(tmp_path / str(i), os.O_RDONLY))
    vm = make_vm(*fds, disks=[{"fd": 6, "extents": 3, "readonly": True, "serial": "layers"}])
    vm.ready()
    client = vm.connect()
    client.hello()
    assert client.sh("cat /sys/block/vda/size /sys/block/vda/ro /sys/block/vda/serial") == ("25\n1\nlayers", 0)
    assert client.sh("head -n 1 /dev/vda") == ("# Disk DescriptorFile\n", 0)
    assert client.sh("dd if=/dev/vda bs=512 skip=8 count=1 2>/dev/null | head -c 3") == ("QFI", 0)
    assert client.sh("dd if=/dev/vda bs=512 skip=9 count=1 2>/dev/null | head -c 5") == ("third", 0)
    # A guest that does not keep to the flag gets an error from the monitor.
    client.sh("blockdev --setrw /dev/vda; echo changed > /dev/vda; sync")
    assert (tmp_path / "0").read_bytes() == contents[0].ljust(4096, b".")
    for fd in fds:
        os.close(fd)


def test_as_many_files_as_can_be(make_vm, tmp_path):
    fds = []
    for i in range(127):
        (tmp_path / str(i)).write_bytes(str(i).encode().ljust(512, b"."))
        fds.append(os.open(tmp_path / str(i), os.O_RDONLY))
    vm = make_vm(*fds, disks=[{"fd": 6, "extents": 127, "readonly": True, "serial": "layers"}])
    vm.ready()
    client = vm.connect()
    client.hello()
    assert client.sh("dd if=/dev/vda bs=512 skip=126 2>/dev/null | head -c 4") == ("126.", 0)
    for fd in fds:
        os.close(fd)


def test_discarded_blocks_go_back_to_the_host(make_vm, images):
    fds, path = images
    vm = make_vm(fds[0], disks=[{"fd": 6, "readonly": False, "serial": "scratch"}])
    vm.ready()
    client = vm.connect()
    client.hello()
    client.sh("dd if=/dev/urandom of=/dev/vda bs=1M count=4 conv=fsync")
    full = (path / "scratch").stat().st_blocks
    assert client.sh("/bin/busybox blkdiscard /dev/vda")[1] == 0
    assert (path / "scratch").stat().st_blocks < full / 2


class NetworkNamespace:
    """A process in a network namespace of its own, with one tap device."""

    def __init__(self):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.pid = os.fork()
        if self.pid == 0:
            try:
                ours.close()
                self._run(theirs)
            finally:
                os._exit(1)
        theirs.close()
        self.sock = ours
        _, control, _, _ = ours.recvmsg(1, socket.CMSG_SPACE(4))
        self.tap = array.array("i", control[0][2])[0]

    def _run(self, sock):
        machine.libc.unshare(0x40000000)  # CLONE_NEWNET
        tap = os.open("/dev/net/tun", os.O_RDWR)
        # TUNSETIFF; IFF_TAP, IFF_NO_PI, IFF_VNET_HDR
        fcntl.ioctl(tap, 0x400454ca, struct.pack("16sH22x", b"tap0", 2 | 0x1000 | 0x4000))
        for command in ("addr add 10.9.8.1/24 dev tap0", "link set tap0 up"):
            subprocess.run(["ip", *command.split()], check=True)
        sock.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [tap]))])
        sock.recv(1)
        os._exit(0)

    def close(self):
        self.sock.close()
        os.close(self.tap)
        os.waitpid(self.pid, 0)


def test_interfaces(make_vm):
    namespace = NetworkNamespace()
    try:
        vm = make_vm(namespace.tap, nics=[{"fd": 6, "mac": "02:00:00:00:00:99"}])
        vm.ready()
        client = vm.connect()
        client.hello()
        assert client.sh("cat /sys/class/net/eth0/address") == ("02:00:00:00:00:99\n", 0)
        client.sh("ip addr add 10.9.8.2/24 dev eth0; ip link set eth0 up")
        output, status = client.sh("ping -c 2 -W 5 10.9.8.1")
        assert status == 0, output
    finally:
        namespace.close()


@pytest.mark.parametrize("megabytes,cpus", [(64, 1), (256, 2)])
def test_size(make_vm, megabytes, cpus):
    vm = make_vm(memory=megabytes * MIB, cpus=cpus)
    vm.ready()
    client = vm.connect()
    client.hello()
    assert client.sh("nproc") == (f"{cpus}\n", 0)
    kilobytes = int(client.sh("head -n 1 /proc/meminfo")[0].split()[1])
    assert megabytes * 1024 * 0.6 < kilobytes < megabytes * 1024


def test_clock(make_vm):
    """The guest's seconds are the host's."""
    vm = make_vm()
    vm.ready()
    client = vm.connect()
    client.hello()

    def uptimes():
        before = os.times().elapsed
        guest = float(client.sh("cat /proc/uptime")[0].split()[0])
        return (before + os.times().elapsed) / 2, guest
    host, guest = uptimes()
    client.sh("sleep 3")
    later, guest_later = uptimes()
    assert abs((guest_later - guest) - (later - host)) < 0.3


def test_kernel_parameters(make_vm):
    vm = make_vm(kernel_parameters='hcs.test="one two" quiet')
    vm.ready()
    client = vm.connect()
    client.hello()
    line = client.sh("cat /proc/cmdline")[0]
    assert ' hcs.test="one two" quiet' in line


@pytest.mark.parametrize("settings,said", [
    ({"disks": 6}, "6 disks and interfaces: the VM has room for 5"),
    ({"disks": 5, "kernel_parameters": "a" * 1024}, None),
    ({"disks": 17}, "disks: "),
    ({"kernel_parameters": "a" * 1025}, "kernel_parameters: longer than 1024"),
])
def test_bounds(make_vm, images, settings, said):
    fds, _ = images
    count = settings.get("disks", 0)
    vm = make_vm(*([fds[1]] * count), **{**settings, "disks": [
        {"fd": 6 + i, "readonly": True, "serial": f"d{i}"} for i in range(count)]})
    if said is None:
        vm.ready()
        return
    with pytest.raises(machine.VmwpError) as caught:
        vm.ready()
    assert said in str(caught.value)


@pytest.mark.parametrize("count", [1, 5])
def test_many_disks(make_vm, images, count):
    fds, _ = images
    vm = make_vm(*([fds[1]] * count), disks=[
        {"fd": 6 + i, "readonly": True, "serial": f"d{i}"} for i in range(count)])
    vm.ready()
    client = vm.connect()
    client.hello()
    names = client.sh("for d in /sys/block/vd*; do echo $(cat $d/serial); done")[0].split()
    assert sorted(names) == sorted(f"d{i}" for i in range(count))

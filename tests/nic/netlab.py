"""Network namespaces of the test's own, and a guest behind a tap in one of them.

`pod` is the namespace that a runtime would be given; `peer` is what it is connected to. The guest is a
virtual machine (`vm`) or, where the network alone is looked at, a namespace whose tap is wired to the
pod's by a program that carries frames as a virtual machine's device would (`wire`).
"""

import itertools
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.append(str(REPOSITORY / "tests/vm"))
import initrd as cpio  # noqa: E402
BUILD = Path(os.environ.get("HCS_BUILD", REPOSITORY / "build"))
TOOL = BUILD / "tests/nic/net_tool"
SERIAL = itertools.count(1)


def guest_kernel():
    for path in (os.environ.get("HCS_GUEST_KERNEL"),
                 os.path.join(os.environ.get("HCS_LIBEXECDIR", BUILD / "guest"), "vmlinux")):
        if path and os.path.exists(path):
            return path
    return None


def sh(command: str) -> str:
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


class Namespace:
    def __init__(self, lab, label):
        self.name = f"hcsvm-{os.getpid()}-{next(SERIAL)}-{label}"
        self.path = f"/run/netns/{self.name}"
        self.lab = lab
        sh(f"ip netns add {self.name}")

    def popen(self, *argv, **options):
        process = subprocess.Popen(["nsenter", f"--net={self.path}", *map(str, argv)], **options)
        self.lab.processes.append(process)
        return process

    def run(self, command: str) -> str:
        return sh(f"nsenter --net={self.path} sh -c '{command}'")

    def ip(self, *commands: str) -> None:
        for command in commands:
            self.run(f"ip {command}")

    def serve(self) -> None:
        process = self.popen(TOOL, "serve", stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "serving\n"

    def ask(self, protocol: str, address: str, size: int = 5000) -> float:
        """Sends size bytes to the echo at address and gets them back. Mbit/s."""
        return float(self.run(f"{TOOL} ask {protocol} {address} {size}"))


class WireGuest:
    """A namespace in the place of a virtual machine."""

    def __init__(self, lab, request, taps, macs):
        self.init, self.inside = lab.namespace("init"), lab.namespace("guest")
        words = [str(word) for pair in zip(taps, macs) for word in pair]
        if words:
            wire = self.init.popen(TOOL, "wire", *words, stdout=subprocess.PIPE, text=True, pass_fds=taps)
            assert wire.stdout.readline() == "wired\n"
        done = subprocess.run(["nsenter", f"--net={self.init.path}", TOOL, "configure", self.inside.path],
                              input=json.dumps(request), text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        self.run, self.ask = self.inside.run, self.inside.ask
        self.inside.serve()


class VmGuest:
    """A virtual machine; commands go to its PID 1 over a port."""

    def __init__(self, lab, request, taps, macs):
        ours, theirs = socket.socketpair()
        ours.settimeout(30)
        argv = ["qemu-system-x86_64", "-M", "microvm,accel=tcg,x-option-roms=off,rtc=on,acpi=off,"
                "isa-serial=off", "-cpu", "max", "-m", "192M", "-smp", "1", "-nodefaults",
                "-no-user-config", "-display", "none", "-no-reboot", "-global",
                "virtio-mmio.force-legacy=false", "-kernel", guest_kernel(), "-initrd",
                str(self.initrd(lab, request)), "-device", "virtio-serial-device", "-chardev",
                f"socket,id=port,fd={theirs.fileno()}", "-device", "virtserialport,chardev=port,name=test",
                "-append", "quiet reboot=t panic=-1 lapic_timer_khz=1000000 no_timer_check"]
        for i, (tap, mac) in enumerate(zip(taps, macs)):
            argv += ["-netdev", f"tap,id=nic{i},fd={tap}",
                     "-device", f"virtio-net-device,netdev=nic{i},mac={mac}"]
        # Where a monitor runs: not in the namespace of the network.
        process = subprocess.Popen(argv, pass_fds=[theirs.fileno(), *taps])
        lab.processes.append(process)
        theirs.close()
        self.port = ours.makefile("rwb")
        text, status = self.answer()
        assert (text, status) == ("configured", 0)
        # A process that the guest's PID 1 has just begun.
        for _ in range(50):
            if "0007" in self.run("cat /proc/net/udp6"):
                break
            time.sleep(0.1)

    def initrd(self, lab, request) -> Path:
        path = lab.work / "initrd.cpio"
        program, link = stat.S_IFREG | 0o755, stat.S_IFLNK | 0o777
        archive = cpio.entry("bin", stat.S_IFDIR | 0o755)
        archive += cpio.entry("init", program, TOOL.read_bytes())
        archive += cpio.entry("bin/busybox", program, Path("/bin/busybox").read_bytes())
        for name in ("ip", "ping", "sh", "cat"):
            archive += cpio.entry(f"bin/{name}", link, b"busybox")
        archive += cpio.entry("request.json", stat.S_IFREG | 0o644, json.dumps(request).encode())
        path.write_bytes(archive + cpio.entry("TRAILER!!!", 0))
        return path

    def answer(self):
        text = b""
        while not text.endswith(b"\n") or b"\x01" not in text:
            line = self.port.readline()
            assert line, f"the guest has ended: {text}"
            text += line
        text, status = text.rsplit(b"\x01", 1)
        return text.decode(), int(status)

    def run(self, command: str) -> str:
        self.port.write(f"export PATH=/bin; {command}\n".encode())
        self.port.flush()
        text, status = self.answer()
        assert status == 0, f"{command}: {text}"
        return text

    def ask(self, protocol: str, address: str, size: int = 5000) -> float:
        return float(self.run(f"/init ask {protocol} {address} {size}"))


class Lab:
    def __init__(self, kind: str):
        self.kind = {"vm": VmGuest, "wire": WireGuest}[kind]
        self.processes, self.namespaces = [], []
        self.work = Path(tempfile.mkdtemp(prefix="hcsvm-"))
        self.pod, self.peer = self.namespace("pod"), self.namespace("peer")
        self.taps = []
        # As in production hosts that have IPv6 on.
        for ns in (self.pod, self.peer):
            ns.ip("link set lo up")

    def namespace(self, label: str) -> Namespace:
        ns = Namespace(self, label)
        self.namespaces.append(ns)
        return ns

    def veth(self, name: str = "eth0", mac: str = "0a:58:0a:01:00:02", mtu: int = 1500) -> None:
        """A veth pair: `name` in the pod, `p-name` in the peer."""
        self.pod.ip(f"link add {name} mtu {mtu} address {mac} type veth peer name p-{name} mtu {mtu} "
                    f"netns {self.peer.name}")
        self.peer.ip(f"link set p-{name} up")

    def attach(self):
        """nic_attach on the pod: request, taps, macs; or the error's text."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        done = subprocess.run([TOOL, "attach", self.pod.path, str(theirs.fileno())], text=True,
                              capture_output=True, pass_fds=[theirs.fileno()], check=False)
        theirs.close()
        if done.returncode != 0:
            return done.stderr.strip()
        text, fds, _, _ = socket.recv_fds(ours, 1 << 20, 8)
        message = json.loads(text)
        self.taps = fds
        return message["request"], fds, message["macs"]

    def detach(self) -> None:
        self.close_taps()
        sh(f"{TOOL} detach {self.pod.path}")

    def close_taps(self) -> None:
        for fd in self.taps:
            os.close(fd)
        self.taps = []

    def guest(self):
        attached = self.attach()
        assert not isinstance(attached, str), attached
        return self.kind(self, *attached)

    def done(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
        self.close_taps()
        for ns in self.namespaces:
            sh(f"ip netns del {ns.name}")
        shutil.rmtree(self.work)

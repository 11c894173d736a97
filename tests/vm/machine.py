# SPDX-License-Identifier: Apache-2.0
"""Starts vmwp as vmproc does, speaks its frames, and looks at its processes."""
import ctypes
import json
import os
import shutil
import signal
import socket
import struct
import tempfile
import time
import traceback

HELLO, REQUEST, RESPONSE, EXIT, EVENT, GONE, END = range(1, 8)
DATA, EOF, STOP, WINDOW = range(16, 20)
HEADER = struct.Struct("<IIII")
WINDOW_SIZE = 128 << 10
DATA_MAX = 32768 - 16
VM_READY, SYNC_ERROR = 65, 9
CLONE_NEWNS, CLONE_NEWPID = 0x00020000, 0x20000000
libc = ctypes.CDLL(None, use_errno=True)


class VmwpError(Exception):
    """What vmwp said in place of READY."""


class Connection:
    """A client of the control socket."""

    def __init__(self, path, timeout=30):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(timeout)
        self.sock.connect(path)

    def send(self, kind, number=0, body=b"", client=0):
        self.sock.sendall(HEADER.pack(kind, len(body), client, number) + body)

    def request(self, number, **fields):
        self.send(REQUEST, number, json.dumps(fields).encode())

    def ask(self, text, number=1):
        """The answer of the tests' guest to one of its commands."""
        self.send(REQUEST, number, text.encode())
        got, body = self.expect(RESPONSE)
        assert got == number
        return body

    def sh(self, script):
        """Runs script in the guest; output and status."""
        output, _, status = self.ask("sh " + script).decode().rpartition("status ")
        return output, int(status)

    def read(self, size):
        data = b""
        while len(data) < size:
            more = self.sock.recv(size - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def receive(self):
        """type, number, body"""
        kind, size, client, number = HEADER.unpack(self.read(16))
        assert client == 0
        return kind, number, self.read(size)

    def expect(self, kind):
        got, number, body = self.receive()
        assert got == kind, (got, number, body)
        return number, body

    def hello(self):
        return json.loads(self.expect(HELLO)[1])

    def end_reason(self):
        """Skips what else comes; the reason of the VM's end."""
        while True:
            kind, _, body = self.receive()
            if kind == END:
                return json.loads(body)["reason"]

    def close(self):
        self.sock.close()


class Vm:
    """One vmwp; its parent stands for vmproc."""

    def __init__(self, vmwp, fds=(), **settings):
        self.directory = tempfile.mkdtemp(prefix="vmwp-test-")
        self.socket_path = self.directory + "/vm.sock"
        self.settings = {
            "name": "test", "monitor": "qemu", "accelerator": "tcg", "kernel_boot": "pvh",
            "memory": 128 << 20, "cpus": 1, "boot_timeout_ms": 20000, "uid": 200000,
            "disks": [], "nics": [], **settings}
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(self.socket_path)
        listener.listen(64)
        memfd = os.memfd_create("settings")
        os.write(memfd, json.dumps(self.settings).encode())
        self.owner, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        null = os.open("/dev/null", os.O_RDWR)
        told, tell = os.pipe()
        self.started = time.monotonic()
        self.parent = os.fork()
        if self.parent == 0:
            self._be_parent(vmwp, tell, [null, null, null, theirs.fileno(), listener.fileno(),
                                         memfd, *fds])
        for fd in (memfd, null, tell):
            os.close(fd)
        theirs.close()
        listener.close()
        self.pid = struct.unpack("i", os.read(told, 4))[0]
        os.close(told)
        self.connections = []

    def _be_parent(self, vmwp, tell, fds):
        try:
            self.owner.close()
            if libc.unshare(CLONE_NEWPID) != 0:
                os._exit(99)
            pid = os.fork()
            if pid == 0:
                high = [os.dup(fd) for fd in fds for _ in range(1)]
                base = 600
                for i, fd in enumerate(high):
                    os.dup2(fd, base + i)
                for i in range(len(high)):
                    os.dup2(base + i, i)
                os.closerange(len(high), 4096)
                os.execv(vmwp, ["vmwp", self.settings["name"]])
            os.write(tell, struct.pack("i", pid))
            os.closerange(3, 4096)
            status = os.waitpid(pid, 0)[1]
            os._exit(os.waitstatus_to_exitcode(status) & 0xff)
        finally:
            os._exit(98)

    def ready(self):
        """Waits for READY; the seconds since the start."""
        self.owner.settimeout(20)
        message = self.owner.recv(8192)
        if not message:
            raise VmwpError("ended without a word")
        kind, _, _ = struct.unpack_from("Iii", message)
        if kind == SYNC_ERROR:
            raise VmwpError(message[12:].decode())
        assert kind == VM_READY, kind
        return time.monotonic() - self.started

    def connect(self, **options):
        connection = Connection(self.socket_path, **options)
        self.connections.append(connection)
        return connection

    def wait(self, timeout=10):
        """Until vmwp's parent has reaped it; its exit status."""
        deadline = time.monotonic() + timeout
        while self.parent:
            pid, status = os.waitpid(self.parent, os.WNOHANG)
            if pid:
                self.parent = 0
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() > deadline:
                raise TimeoutError("vmwp is still there")
            time.sleep(0.01)
        return None

    def helpers(self):
        """Processes of its pid namespace and below: {pid: name}."""
        found, parents = {}, {self.pid}
        while parents:
            children = set()
            for parent in parents:
                for task in os.listdir(f"/proc/{parent}/task"):
                    with open(f"/proc/{parent}/task/{task}/children", encoding="ascii") as f:
                        children |= {int(pid) for pid in f.read().split()}
            for pid in children:
                with open(f"/proc/{pid}/comm", encoding="ascii") as f:
                    found[pid] = f.read().strip()
            parents = children
        return found

    def close(self):
        for connection in self.connections:
            connection.close()
        self.owner.close()
        if self.parent:
            try:
                self.wait(5)
            except TimeoutError:
                os.kill(self.pid, signal.SIGKILL)
                self.wait(5)
        shutil.rmtree(self.directory)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def in_mount_namespace(pid, function):
    """Runs function in a child that has entered the mount namespace of pid; its exit status."""
    namespace = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            if libc.setns(namespace, CLONE_NEWNS) != 0:
                raise OSError(ctypes.get_errno(), "setns")
            function()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(namespace)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def attach(pid, source, target):
    """Binds the host's source at target in the mount namespace of pid, as runhcs does."""
    open_tree, move_mount = 428, 429
    tree = libc.syscall(open_tree, -100, source.encode(), 0x80000 | 1 | 0x8000)
    if tree < 0:
        raise OSError(ctypes.get_errno(), "open_tree")
    is_directory = os.path.isdir(source)

    def bind():
        if is_directory:
            os.makedirs(target)
        else:
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
        if libc.syscall(move_mount, tree, b"", -100, target.encode(), 4) != 0:
            raise OSError(ctypes.get_errno(), "move_mount")
    status = in_mount_namespace(pid, bind)
    os.close(tree)
    assert status == 0

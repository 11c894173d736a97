"""vmproc from both sides: the command that starts it, and the utility VM's end of its connection."""

import array
import functools
import json
import os
import select
import signal
import socket
import struct
import subprocess
import time

TIMEOUT = 20.0
WINDOW = 128 << 10
DATA_MAX = 32768 - 16

HELLO, REQUEST, RESPONSE, EXIT, EVENT, GONE, END = 1, 2, 3, 4, 5, 6, 7
DATA, EOF, STOP, WINDOW_GRANT = 16, 17, 18, 19

# container/sync.h, vmproc/protocol.h
READY, COMMIT, START, ERROR, WARNING = 4, 5, 6, 9, 10
VM, VM_READY, BEGIN, SILENCE = 64, 65, 66, 67
START_SOCKET, CONSOLE, REASON = 1, 2, 4


@functools.cache
def is_sanitized(program: str) -> bool:
    """Built with AddressSanitizer: it has more memory, and no filter of system calls."""
    with open(program, "rb") as f:
        return b"__asan_init" in f.read()


class Guest:
    """vmwp's end of the connection."""

    def __init__(self, sock: socket.socket):
        self.sock = sock
        self.sock.settimeout(TIMEOUT)
        self.buffer = b""
        self.granted = {0: WINDOW}

    def send(self, kind: int, number=0, body=b"", client=0) -> None:
        if isinstance(body, dict):
            body = json.dumps(body).encode()
        self.sock.sendall(struct.pack("<IIII", kind, len(body), client, number) + body)

    def recv(self):
        """(type, number, body) of the next frame, None at the end."""
        while True:
            if len(self.buffer) >= 16:
                kind, size, client, number = struct.unpack_from("<IIII", self.buffer)
                assert client == 0
                if len(self.buffer) >= 16 + size:
                    body = self.buffer[16:16 + size]
                    self.buffer = self.buffer[16 + size:]
                    return kind, number, body
            try:
                data = self.sock.recv(1 << 16)
            except ConnectionResetError:
                data = b""
            if not data:
                assert not self.buffer, "the connection ended within a frame"
                return None
            self.buffer += data

    def expect(self, kind: int, number=None) -> bytes:
        frame = self.recv()
        assert frame, "the connection ended"
        assert frame[0] == kind and number in (None, frame[1]), frame
        return frame[2]

    def request(self, op=None) -> tuple:
        """(number, request) of the next request."""
        frame = self.recv()
        assert frame and frame[0] == REQUEST, frame
        request = json.loads(frame[2])
        assert op in (None, request["op"]), request
        return frame[1], request

    def answer(self, number: int, **result) -> None:
        self.send(RESPONSE, number, {"result": result})

    def refuse(self, number: int, code: int, message: str, status=0) -> None:
        self.send(RESPONSE, number,
                  {"error": {"code": code, "message": message, "status": status}})

    def serve(self, op: str, **result) -> dict:
        number, request = self.request(op)
        self.answer(number, **result)
        return request

    def quiet(self, seconds=0.2) -> bool:
        """Nothing comes for so long."""
        return not self.buffer and not select.select([self.sock], [], [], seconds)[0]

    def stream_in(self, until_eof=True, length=None) -> bytes:
        """stdin as it arrives, granting what was taken."""
        data = b""
        while length is None or len(data) < length:
            frame = self.recv()
            assert frame, "the connection ended"
            if frame[0] == EOF:
                assert until_eof and frame[1] == 0
                return data
            assert frame[0] == DATA and frame[1] == 0, frame[:2]
            data += frame[2]
            self.send(WINDOW_GRANT, 0, struct.pack("<I", len(frame[2])))
        return data

    def write(self, number: int, data: bytes) -> None:
        """Output that fits the window."""
        for at in range(0, len(data), DATA_MAX):
            self.send(DATA, number, data[at:at + DATA_MAX])


class Vmproc:
    """One vmproc, as the command that runs it sees it."""

    def __init__(self, program: str, kind="create", cid="test", stdin=None, stdout=None,
                 stderr=None, env=None, before=None):
        self.program, self.kind, self.cid = program, kind, cid
        self.has_stdin = stdin is not None
        self.sync, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sync.settimeout(TIMEOUT)
        self.guest = None

        def arrange():
            os.dup2(theirs.fileno(), 3)
            if before:
                before()

        null = subprocess.DEVNULL
        self.process = subprocess.Popen(
            [program, cid, kind], stdin=null if stdin is None else stdin,
            stdout=null if stdout is None else stdout, stderr=null if stderr is None else stderr,
            pass_fds=(3,), preexec_fn=arrange, env={**os.environ, **(env or {})})
        theirs.close()
        self.pid = self.process.pid

    def send_fds(self, message: bytes, fds) -> None:
        self.sync.sendmsg([message], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                       array.array("i", fds))])

    def start_vm(self, settings: int, control: int, fds=()) -> None:
        self.send_fds(struct.pack("<IiI", VM, 0, 0), [control, settings, *fds])

    def begin(self, requests=None, listen=None, console=None, reason=None, uid=0, rows=0,
              columns=0, create_ms=0, start_ms=0) -> Guest:
        """Sends BEGIN; the guest's side is not yet served."""
        if requests is None:
            requests = [{"op": self.kind, "id": self.cid}]
        memfd = os.memfd_create("requests")
        for request in requests:
            text = request if isinstance(request, bytes) else json.dumps(request).encode()
            os.write(memfd, struct.pack("<I", len(text)) + text)
        ours, theirs = socket.socketpair()
        fds, flags = [memfd, theirs.fileno()], 0
        for flag, fd in ((START_SOCKET, listen), (CONSOLE, console), (REASON, reason)):
            if fd is not None:
                flags |= flag
                fds.append(fd if isinstance(fd, int) else fd.fileno())
        self.send_fds(struct.pack("<IIIHHII", BEGIN, flags, uid, rows, columns, create_ms, start_ms), fds)
        os.close(memfd)
        theirs.close()
        self.guest = Guest(ours)
        return self.guest

    def receive(self):
        """(type, code, exit status, text) of the next message, None at the end."""
        return receive_sync(self.sync)

    def created(self, **how) -> Guest:
        """Up to READY."""
        guest = self.begin(**how)
        guest.send(HELLO, 0, {"protocol": 1})
        guest.serve(self.kind, pid=7)
        message = self.receive()
        assert message and message[0] == READY and message[1] == 7, message
        return guest

    def running(self, **how) -> Guest:
        """Up to the point where the program runs."""
        guest = self.created(**how)
        if self.kind == "create":
            self.send_sync(START)
            guest.serve("start")
        assert self.receive() is None
        if not self.has_stdin and "console" not in how:
            guest.expect(EOF, 0)  # /dev/null
        return guest

    def send_sync(self, kind: int) -> None:
        self.sync.send(struct.pack("<Iii", kind, 0, 0))

    def wait(self, timeout=TIMEOUT) -> int:
        return self.process.wait(timeout)

    def status(self, field: str) -> str:
        with open(f"/proc/{self.pid}/status", encoding="ascii") as f:
            for line in f:
                name, _, value = line.partition(":")
                if name == field:
                    return value.strip()
        raise KeyError(field)

    def memory(self) -> int:
        """KiB resident; 0 for a sanitized build, whose shadow memory grows with what it has seen."""
        return 0 if is_sanitized(self.program) else int(self.status("VmRSS").split()[0])

    def close(self) -> None:
        self.sync.close()
        if self.guest:
            self.guest.sock.close()
        if self.process.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
            self.process.wait()


def receive_sync(sock: socket.socket):
    try:
        data = sock.recv(8192)
    except ConnectionResetError:
        data = b""
    if not data:
        return None
    kind, code, status = struct.unpack_from("<Iii", data)
    return kind, code, status, data[12:].decode()


def eventually(condition, timeout=TIMEOUT) -> None:
    """Waits for what another process is about to do."""
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)

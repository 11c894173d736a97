"""The host's side of the wire (src/wire/frame.h), to drive an agent: a thread-free client that
multiplexes over one socket as vmwp does, with connections that have requests, streams and an end.
"""

import json
import select
import socket
import struct
import time

HELLO, REQUEST, RESPONSE, EXIT, EVENT, GONE, END = range(1, 8)
DATA, EOF, STOP, WINDOW = range(16, 20)
DATA_MAX = 32768 - 16
WINDOW_SIZE = 128 << 10
TIMEOUT = 60.0


class Refused(Exception):
    """An answer with an error in it."""

    def __init__(self, error):
        super().__init__(error["message"])
        self.code, self.message, self.status = error["code"], error["message"], error["status"]


class Ended(Exception):
    """The agent closed the wire."""


class Link:
    """The socket to the agent, and the frames over it."""

    def __init__(self, sock):
        self.sock = sock
        sock.setblocking(False)
        self.incoming = bytearray()
        self.outgoing = bytearray()
        self.connections = {}
        self.strays = 0
        self.hello = None
        self.next_number = 1

    def send(self, kind, client, number, body=b""):
        self.outgoing += struct.pack("<IIII", kind, len(body), client, number) + body
        self.flush()

    def raw(self, data):
        self.outgoing += data
        self.flush()

    def flush(self):
        while self.outgoing:
            try:
                sent = self.sock.send(memoryview(self.outgoing)[:1 << 18])
            except BlockingIOError:
                return
            except (BrokenPipeError, ConnectionResetError):
                raise Ended from None
            del self.outgoing[:sent]

    def turn(self, timeout):
        """Waits for input (or for output to leave) and dispatches what came."""
        readable, writable, _ = select.select([self.sock], [self.sock] if self.outgoing else [],
                                              [], timeout)
        if writable:
            self.flush()
        if not readable:
            return bool(writable)
        try:
            data = self.sock.recv(1 << 18)
        except ConnectionResetError:
            data = b""
        if not data:
            raise Ended
        self.incoming += data
        at = 0
        while len(self.incoming) - at >= 16:
            kind, size, client, number = struct.unpack_from("<IIII", self.incoming, at)
            if len(self.incoming) - at - 16 < size:
                break
            body = bytes(self.incoming[at + 16:at + 16 + size])
            at += 16 + size
            self.dispatch(kind, client, number, body)
        del self.incoming[:at]
        return True

    def dispatch(self, kind, client, number, body):
        if kind == HELLO:
            self.hello = json.loads(body)
        elif client in self.connections:
            self.connections[client].frame(kind, number, body)
        else:
            self.strays += 1

    def wait(self, condition, timeout=TIMEOUT, what="an answer", outside=False):
        """Until condition() is true; outside: it may become so without a frame."""
        deadline = time.monotonic() + timeout
        while not (result := condition()):
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"no {what} in {timeout} s")
            self.turn(min(left, 0.02) if outside else left)
        return result

    def greet(self, clock=None, timeout=TIMEOUT):
        self.wait(lambda: self.hello, timeout, "HELLO")
        now = clock if clock is not None else time.time_ns()
        self.send(HELLO, 0, 0, json.dumps({"protocol": 1, "time": now}).encode())
        return self.hello

    def connect(self, **options):
        return Connection(self, **options)


class Connection:
    """One client: requests, and the streams of its process. Output is kept unless a sink takes it;
    credit is granted as it comes unless hold is set."""

    def __init__(self, link, hold=False):
        self.link, self.hold = link, hold
        self.number = link.next_number
        link.next_number += 1
        link.connections[self.number] = self
        self.requests = 0
        self.answers = {}
        self.events = []
        self.output = {1: bytearray(), 2: bytearray()}
        self.sink = {}
        self.eof = set()
        self.stopped = set()
        self.exit = None
        self.after_exit = 0
        self.credit = WINDOW_SIZE  # of stdin
        self.owed = {1: 0, 2: 0}
        self.received = {1: 0, 2: 0}

    def frame(self, kind, number, body):
        if self.exit is not None:
            self.after_exit += 1
        if kind == RESPONSE:
            self.answers[number] = json.loads(body)
        elif kind == EVENT:
            self.events.append(json.loads(body))
        elif kind == EXIT:
            self.exit = json.loads(body)
        elif kind == DATA:
            assert number in (1, 2) and number not in self.eof and 0 < len(body) <= DATA_MAX
            self.received[number] += len(body)
            self.owed[number] += len(body)
            assert self.owed[number] <= WINDOW_SIZE, "more than was granted"
            if number in self.sink:
                self.sink[number](body)
            else:
                self.output[number] += body
            if not self.hold and self.owed[number] >= WINDOW_SIZE // 2:
                self.grant(number)
        elif kind == EOF:
            assert number not in self.eof
            self.eof.add(number)
        elif kind == STOP:
            self.stopped.add(number)
        elif kind == WINDOW:
            self.credit += struct.unpack("<I", body)[0]
            assert number == 0 and self.credit <= WINDOW_SIZE
        else:
            raise AssertionError(f"frame of type {kind} from the agent")

    def grant(self, number):
        owed, self.owed[number] = self.owed[number], 0
        if owed:
            self.link.send(WINDOW, self.number, number, struct.pack("<I", owed))

    def release(self):
        self.hold = False
        for number in (1, 2):
            self.grant(number)

    def post(self, op, **fields):
        """Sends a request; its number."""
        self.requests += 1
        body = json.dumps({"op": op, **fields}).encode()
        self.link.send(REQUEST, self.number, self.requests, body)
        return self.requests

    def answer(self, number, timeout=TIMEOUT):
        answer = self.link.wait(lambda: self.answers.pop(number, None), timeout,
                                f"answer to request {number}")
        if "error" in answer:
            raise Refused(answer["error"])
        return answer["result"]

    def call(self, op, timeout=TIMEOUT, **fields):
        return self.answer(self.post(op, **fields), timeout)

    def write(self, data, timeout=TIMEOUT):
        """All of it to stdin, as credit comes."""
        view = memoryview(data)
        while view:
            self.link.wait(lambda: self.credit or 0 in self.stopped, timeout, "credit")
            if 0 in self.stopped:
                return
            n = min(len(view), self.credit, DATA_MAX)
            self.credit -= n
            self.link.send(DATA, self.number, 0, bytes(view[:n]))
            view = view[n:]

    def close_stdin(self):
        self.link.send(EOF, self.number, 0)

    def stop(self, number):
        self.link.send(STOP, self.number, number)

    def gone(self):
        self.link.send(GONE, self.number, 0)
        del self.link.connections[self.number]

    def wait_exit(self, timeout=TIMEOUT):
        return self.link.wait(lambda: self.exit, timeout, "EXIT")

    def wait_output(self, text, number=1, timeout=TIMEOUT):
        self.link.wait(lambda: text in self.output[number], timeout, f"output {text!r}")


def pair():
    """The host's end as a Link, and the agent's socket."""
    host, agent = socket.socketpair()
    for sock in host, agent:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    return Link(host), agent

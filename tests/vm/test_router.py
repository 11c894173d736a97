# SPDX-License-Identifier: Apache-2.0
"""Frames between clients and a guest that may be hostile."""
import re
import struct
import time

import pytest

from machine import (DATA, DATA_MAX, END, EOF, EVENT, EXIT, GONE, HEADER, HELLO, REQUEST, RESPONSE,
                     STOP, WINDOW, WINDOW_SIZE)


def resident_kb(vm):
    with open(f"/proc/{vm.pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1])


def frame(kind, client=0, number=0, body=b"", size=None):
    return (HEADER.pack(kind, len(body) if size is None else size, client, number) + body).hex()


def echo(client, data):
    """data through the guest and back, by the rules of credit; what came."""
    credit, back = WINDOW_SIZE, bytearray()
    sent = 0
    while True:
        while sent < len(data) and credit > 0:
            n = min(DATA_MAX, credit, len(data) - sent)
            client.send(DATA, 0, data[sent:sent + n])
            sent += n
            credit -= n
            if sent == len(data):
                client.send(EOF, 0)
        kind, number, body = client.receive()
        if kind == DATA:
            assert number == 1
            back += body
            client.send(WINDOW, 1, struct.pack("<I", len(body)))
        elif kind == WINDOW:
            assert number == 0
            credit += struct.unpack("<I", body)[0]
        elif kind == EXIT:
            return bytes(back)
        else:
            assert kind == EOF, kind


def test_clients_before_and_after_the_agent(vm):
    early = vm.connect()
    early.send(REQUEST, 7, b"echo early")
    hello = early.hello()
    assert hello == {"protocol": 1, "minimum": 1, "kernel": "test", "monitor": "qemu",
                     "accelerator": "tcg"}
    assert early.expect(RESPONSE) == (7, b"early")
    late = vm.connect()
    assert late.hello() == hello
    assert late.ask("echo late") == b"late"


def test_answers_find_their_clients(vm):
    clients = [vm.connect() for _ in range(20)]
    for i, client in enumerate(clients):
        client.hello()
        client.send(REQUEST, i + 1000, b"echo to %d" % i)
    for i, client in reversed(list(enumerate(clients))):
        assert client.expect(RESPONSE) == (i + 1000, b"to %d" % i)


def test_agent_hears_of_clients_that_go(vm, client):
    known, unknown = vm.connect(), vm.connect()
    known.hello()
    unknown.hello()
    known.ask("echo hello")
    known.close()
    unknown.close()  # has asked nothing: the agent need not know
    deadline = time.monotonic() + 5
    while client.ask("gone") == b"0 gone" and time.monotonic() < deadline:
        pass
    assert client.ask("gone") == b"1 gone"


@pytest.mark.parametrize("hello,protocol", [
    ("1:{~protocol~:1,~minimum~:1,~kernel~:~k~}", 1),
    ("1:{~protocol~:7,~minimum~:1,~kernel~:~k~,~new~:[]}", 1),
])
def test_version_that_both_speak(make_vm, hello, protocol):
    vm = make_vm(kernel_parameters="hcs.hello=" + hello)
    vm.ready()
    assert vm.connect().hello() == {"protocol": protocol, "minimum": 1, "kernel": "k",
                                    "monitor": "qemu", "accelerator": "tcg"}


@pytest.mark.parametrize("hello,said", [
    ("1:{~protocol~:3,~minimum~:2,~kernel~:~k~}",
     "the guest's agent speaks protocol 2 and up, vmwp 1 at most"),
    ("1:{~protocol~:1,~minimum~:2,~kernel~:~k~}", "its HELLO is none"),
    ("1:{~protocol~:1,~minimum~:0,~kernel~:~k~}", "its HELLO is none"),
    ("1:{~protocol~:~1~,~minimum~:1,~kernel~:~k~}", "its HELLO is none"),
    ("1:{~protocol~:1,~minimum~:1}", "its HELLO is none"),
    ("1:[]", "its HELLO is none"),
    ("1:{}}", "its HELLO is none"),
    ("3:{}", "it did not begin with HELLO"),
    ("16:{}", "it did not begin with HELLO"),
])
def test_agent_that_does_not_introduce_itself(make_vm, hello, said):
    vm = make_vm(kernel_parameters="hcs.hello=" + hello)
    vm.ready()
    assert said in vm.connect().end_reason()


def test_large_request_and_answer(client):
    text = "a" * (1 << 20)
    assert client.ask("echo " + text[:1 << 20]) == text.encode()
    assert client.ask("x" * (6 << 20)) == b"??"


def test_streams_both_ways(vm, client):
    assert client.ask("cat") == b"{}"
    data = bytes(range(256)) * (3 << 12)  # 3 MiB
    assert echo(client, data) == data
    assert resident_kb(vm) < 4096


def test_too_many_clients(vm, client):
    others = [vm.connect(timeout=5) for _ in range(63)]
    for other in others:
        other.hello()
    with pytest.raises((EOFError, ConnectionResetError)):
        vm.connect(timeout=5).hello()
    others[0].close()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            vm.connect(timeout=5).hello()
            break
        except (EOFError, ConnectionResetError):
            pass
    assert client.ask("echo still") == b"still"


@pytest.mark.parametrize("bad", [
    HEADER.pack(99, 0, 0, 0),                          # no such type
    HEADER.pack(REQUEST, 9 << 20, 0, 1),               # too long
    HEADER.pack(REQUEST, 2, 5, 1) + b"{}",             # another's number
    HEADER.pack(HELLO, 2, 0, 0) + b"{}",               # the agent's
    HEADER.pack(GONE, 0, 0, 0),                        # vmwp's
    HEADER.pack(RESPONSE, 2, 0, 1) + b"{}",            # the guest's
    HEADER.pack(DATA, 1, 0, 1) + b"x",                 # into stdout
    HEADER.pack(WINDOW, 4, 0, 1) + b"\1\0\0\0",        # more than was taken
    HEADER.pack(WINDOW, 4, 0, 0) + b"\0\0\0\0",        # for its own stdin
], ids=["type", "long", "number", "hello", "gone", "response", "data", "window", "stdin"])
def test_client_that_breaks_the_protocol(vm, client, bad):
    """It is cut off; nobody else notices."""
    broken = vm.connect(timeout=5)
    broken.hello()
    broken.sock.sendall(bad)
    with pytest.raises((EOFError, ConnectionResetError)):
        broken.receive()
    assert client.ask("echo fine") == b"fine"


@pytest.mark.parametrize("raw,what", [
    ("ff" * 64, "a broken frame"),
    (frame(RESPONSE, 1, 1, size=2 << 20), "a broken frame"),
    (frame(77, 1), "a broken frame"),
    (frame(REQUEST, 1, 1, b"{}"), "a broken frame"),
    (frame(GONE, 1), "a broken frame"),
    (frame(HELLO, 0, 0, b"{}"), "a message to nobody"),
    (frame(HELLO, 1, 0, b"{}"), "a message that is not the agent's"),
    (frame(END, 1, 0, b"{}"), "a message that is not the agent's"),
    (frame(RESPONSE, 4000, 1, b"{}"), "a message to nobody"),
    (frame(RESPONSE, 0, 1, b"{}"), "a message to nobody"),
    (frame(RESPONSE, 1, 1, b"{}") * 2, "an answer without a request"),
    (frame(DATA, 1, 0, b"x"), "output on stdin"),
    (frame(WINDOW, 1, 1, b"\1\0\0\0"), "input from stdout"),
    (frame(STOP, 1, 2), "input from stdout"),
    (frame(EOF, 1, 3), "a broken frame"),
])
def test_guest_that_breaks_the_protocol(client, raw, what):
    client.send(REQUEST, 1, b"raw " + raw.encode())
    assert client.end_reason() == f"the guest's agent broke the protocol ({what})"


def test_more_output_than_was_granted(client):
    client.send(REQUEST, 1, b"pour 200000")
    assert client.end_reason() == \
        "the guest's agent broke the protocol (more output than was granted)"


def test_client_that_does_not_read(vm, client):
    """What a guest sends it beside streams has a bound; others go on."""
    idle = vm.connect()
    idle.hello()
    idle.send(REQUEST, 1, b"flood")
    deadline = time.monotonic() + 20
    with pytest.raises((EOFError, ConnectionResetError, BrokenPipeError)):
        while time.monotonic() < deadline:
            time.sleep(0.1)
            idle.send(WINDOW, 1, b"\0\0\0\0")
    assert resident_kb(vm) < 6144
    # The guest still floods, to nobody. Whoever comes is served.
    began = time.monotonic()
    assert vm.connect(timeout=5).hello()["kernel"] == "test"
    assert time.monotonic() - began < 2
    vm.owner.close()
    assert vm.wait(2) == 0


def test_guest_that_does_not_read(vm, client):
    """Clients wait for room, vmwp holds no more than its bounds."""
    assert client.ask("deaf") == b"{}"
    client.sock.settimeout(2)
    with pytest.raises(TimeoutError):
        for _ in range(4000):
            client.send(DATA, 0, b"x" * DATA_MAX)
    assert resident_kb(vm) < 4096 + 1024
    other = vm.connect(timeout=2)
    assert other.hello()["kernel"] == "test"
    other.sock.settimeout(1)
    with pytest.raises(TimeoutError):
        for _ in range(3):
            other.send(REQUEST, 1, b"x" * (7 << 20))
    assert resident_kb(vm) < 20 << 10
    vm.owner.close()
    assert vm.wait(2) == 0


def test_events_pass(client):
    client.send(REQUEST, 1, ("raw " + frame(EVENT, 1, 1, b'{"event":"oom"}')).encode())
    assert client.expect(EVENT) == (1, b'{"event":"oom"}')

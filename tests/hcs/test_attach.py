"""Several clients of one container: what they see, and what they may not do to it."""

import os
import time

from service import wait_until

READER = ("sh", "-c", "echo ready; while read x; do echo got $x; done; echo over; sleep 1000")


def await_output(service, name, text):
    wait_until(lambda: text in service("logs", name).stdout, f"{name} says {text}")


def test_all_see_the_output(service):
    service.started("loud", "sh", "-c", "while [ ! -e /go ]; do sleep 0.1; done; seq 1 20000; exit 3")
    clients = [service.popen("attach", "loud") for _ in range(5)]
    time.sleep(1 if service.isolation == "process" else 2)
    service("exec", "loud", "touch", "/go")
    outputs = [c.communicate(timeout=60)[0] for c in clients]
    assert all(o == b"".join(b"%d\n" % n for n in range(1, 20001)) for o in outputs)
    assert [c.returncode for c in clients] == 5 * [3]


def test_input_of_a_client_and_its_end(service):
    service.started("dialog", *READER, flags=["-i"])
    await_output(service, "dialog", "ready")
    reader, writer = os.pipe()
    client = service.popen("attach", "dialog", stdin=reader)
    os.write(writer, b"one\n")
    assert client.stdout.readline() == b"got one\n"
    os.close(writer)
    # The input of a container that was not started for one client goes on after it.
    time.sleep(0.3)
    second = service.popen("attach", "dialog", stdin=(r2w2 := os.pipe())[0])
    os.write(r2w2[1], b"two\n")
    assert second.stdout.readline() == b"got two\n"
    for client_of in (client, second):
        client_of.kill()
        client_of.communicate()
    os.close(reader)
    os.close(r2w2[0])
    os.close(r2w2[1])
    assert "over" not in service("logs", "dialog").stdout


def test_attach_wants_a_running_one(service):
    service("create", "--name", "idle", "nano", "true")
    assert "start it first" in service.fails("attach", "idle")


def test_a_client_that_does_not_read_stops_nobody_for_ever(service):
    service.started("flood", "sh", "-c", "while [ ! -e /go ]; do sleep 0.1; done; seq 1 300000; echo end >/end;"
                                         "sleep 1000")
    client = service.popen("attach", "flood")
    time.sleep(1 if service.isolation == "process" else 2)
    os.kill(client.pid, 19)
    service("exec", "flood", "touch", "/go")
    pid = service.state("flood")["Supervisor"]
    most = 0

    def ended():
        nonlocal most
        with open(f"/proc/{pid}/status", encoding="utf-8") as status:
            most = max(most, next(int(s.split()[1]) for s in status if s.startswith("VmRSS:")))
        return service("exec", "flood", "cat", "/end", check=False).stdout == "end\n"

    wait_until(ended, "the container goes on", 60)
    assert most < 4096, f"{most} kB"
    client.kill()
    client.communicate()
    assert service("logs", "--tail", "1", "flood").stdout == "300000\n"


def test_rubbish_at_the_socket_harms_nobody(service):
    import socket
    service.started("target", "sleep", "1000")
    path = service.run_root / "containers" / service.directory("target").name / "attach.sock"
    for packet in (b"", b"\0", b"A", b"A" * 9, b"A" + b"\xff" * 8, b"i" * 16385, b"r" * 5, b"X" * 5,
                   os.urandom(100), b"A" * 100000):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
            client.connect(os.fspath(path) if len(os.fspath(path)) < 100 else relative(path))
            try:
                client.send(packet)
                client.send(packet)
            except OSError:
                pass
    assert service.status("target") == "running"
    service("stop", "-t", "0", "target")


def relative(path):
    """Unix addresses have 107 bytes."""
    os.chdir(path.parent)
    return path.name


def test_more_clients_than_it_takes(service):
    service.started("popular", "sleep", "1000")
    clients = [service.popen("attach", "popular") for _ in range(70)]
    wait_until(lambda: sum(c.poll() is not None for c in clients) >= 6, "those too many are refused")
    refused = [c for c in clients if c.poll() is not None]
    assert all(b"attached already" in c.communicate()[1] for c in refused)
    service("kill", "popular")
    for client in clients:
        client.communicate(timeout=60)

"""The network namespace that was given is the container's, although its processes are not on the host."""

import os
import re

import pytest

import vm
from host import host
from runtime import until

pytestmark = pytest.mark.hyperv


class Network:
    """A pair of network namespaces as CNI makes one: `inner` for the container, `outer` for us, with
    a veth between them. The machine's own namespace is not touched."""

    def __init__(self, work):
        self.inner, self.outer = work / "netns-inner", work / "netns-outer"
        for file in (self.inner, self.outer):
            file.touch()
            host("unshare", f"--net={file}", "ip", "link", "set", "lo", "up")
        self.run("ip", "link", "add", "out0", "type", "veth", "peer", "name", "eth0", "netns", self.inner)
        self.run("ip", "addr", "add", "10.88.0.1/24", "dev", "out0")
        self.run("ip", "-6", "addr", "add", "fd88::1/64", "dev", "out0", "nodad")
        self.run("ip", "link", "set", "out0", "up")
        self.ip("addr", "add", "10.88.0.2/24", "dev", "eth0")
        self.ip("-6", "addr", "add", "fd88::2/64", "dev", "eth0", "nodad")
        self.ip("link", "set", "eth0", "up")
        self.ip("route", "add", "default", "via", "10.88.0.1")
        self.ip("-6", "route", "add", "default", "via", "fd88::1")

    def run(self, *argv, **kw) -> str:
        """On our side."""
        return host("nsenter", f"--net={self.outer}", *argv, **kw)

    def ip(self, *argv) -> str:
        """In the container's namespace, on the host."""
        return host("nsenter", f"--net={self.inner}", "ip", *argv)

    def links(self) -> list:
        return re.findall(r"^\d+: ([^:@]+)", self.ip("link"), re.M)

    def argv(self, *argv) -> list:
        return ["nsenter", f"--net={self.outer}", *argv]


@pytest.fixture
def network(work, runtime):
    made = Network(work)
    runtime.leftovers.rebase()
    return made


@pytest.fixture
def connected(bundle, network):
    """A bundle in the network."""
    return bundle().namespace("network", network.inner).caps("CAP_NET_RAW", "CAP_NET_BIND_SERVICE")


def test_without_one_there_is_loopback_only(runtime, bundle):
    out = runtime.run(bundle().caps("CAP_NET_RAW").sh(
        "ls /sys/class/net; ip -o addr; ping -c 1 127.0.0.1 | grep -c 'bytes from'; ping -c 1 -w 2 10.0.2.2 2>&1 | tail -1"))
    assert out.lines[0] == "lo"
    assert "127.0.0.1/8" in out.out and "\n1\n" in out.out
    assert "10.0.2.2" not in out.out or "nreachable" in out.out


def test_addresses_link_address_and_size(runtime, connected, network):
    network.ip("link", "set", "eth0", "mtu", "1400", "address", "02:11:22:33:44:55")
    out = runtime.run(connected.sh("ip addr show eth0")).out
    for text in ("10.88.0.2/24", "fd88::2/64", "mtu 1400", "02:11:22:33:44:55", "UP"):
        assert text in out, out


def test_several_addresses(runtime, connected, network):
    network.ip("addr", "add", "10.88.0.22/24", "dev", "eth0")
    network.ip("addr", "add", "192.0.2.7/32", "dev", "eth0")
    out = runtime.run(connected.sh("ip addr show eth0")).out
    for text in ("10.88.0.2/24", "10.88.0.22/24", "192.0.2.7/32"):
        assert text in out


def test_routes(runtime, connected, network):
    network.ip("route", "add", "198.51.100.0/24", "via", "10.88.0.9", "metric", "7")
    network.ip("route", "add", "unreachable", "203.0.113.0/24")
    out = runtime.run(connected.sh("ip route; ip -6 route")).out
    assert "default via 10.88.0.1 dev eth0" in out
    assert "default via fd88::1 dev eth0" in out
    assert re.search(r"198\.51\.100\.0/24 via 10\.88\.0\.9 .*metric 7", out)


@pytest.mark.parametrize("address", ["10.88.0.1", "fd88::1"])
def test_out(runtime, connected, address):
    result = runtime.run(connected.sh(f"ping -c 3 -W 5 {address}"), check=False)
    assert "3 packets received" in result.out, result


@pytest.mark.parametrize("address", ["10.88.0.2", "fd88::2"])
def test_in(runtime, connected, network, address):
    c = runtime.start(connected.sh("echo up; sleep 1000"))
    c.until_output("up")
    assert " 0% packet loss" in network.run("ping", "-c", "3", "-W", "5", address)


def test_connections_both_ways(runtime, connected, network, helper):
    c = runtime.start(connected.sh("while :; do echo from-inside | nc -l -p 80; done"))
    until(lambda: network.run("sh", "-c", "busybox nc -w 5 10.88.0.2 80 </dev/null || true") == "from-inside\n")
    helper(*network.argv("busybox", "nc", "-ll", "-p", "8080", "-e", "echo", "from-outside"))
    until(lambda: c.exec_sh("nc -w 5 10.88.0.1 8080 </dev/null", check=False).out == "from-outside\n")


TRANSFER = """
import hashlib, socket
data = bytes(range(256)) * (8 << 12)
listener = socket.create_server(("10.88.0.1", 9000))
print("ready", flush=True)
connection, _ = listener.accept()
connection.sendall(data)
connection.shutdown(socket.SHUT_WR)
connection, _ = listener.accept()
digest = hashlib.sha256()
while chunk := connection.recv(1 << 20):
    digest.update(chunk)
print("same" if digest.digest() == hashlib.sha256(data).digest() else "other", flush=True)
"""


def test_large_transfer_is_exact(runtime, connected, network, helper):
    """8 MiB through TCP and back: segments, checksums and offloads between a tap and a veth."""
    server = helper(*network.argv("/usr/bin/python3", "-c", TRANSFER))
    server.until_output("ready")
    connected.tmpfs("/tmp", "size=16m")
    runtime.run(connected.sh("nc 10.88.0.1 9000 </dev/null >/tmp/x; nc 10.88.0.1 9000 </tmp/x"))
    server.until_output("same")


def test_datagrams_up_to_the_largest(runtime, connected, network):
    c = runtime.start(connected.sh("echo up; sleep 1000"))
    c.until_output("up")
    for size in (0, 1, 1472, 1473, 8000, 60000):
        assert " 0% packet loss" in network.run("ping", "-c", "1", "-W", "5", "-s", size, "10.88.0.2"), size


def test_names_are_the_mounted_files_business(runtime, connected, work):
    (work / "resolv.conf").write_text("nameserver 10.88.0.1\n")
    (work / "hosts").write_text("10.88.0.1 gateway\n")
    connected.bind(work / "resolv.conf", "/etc/resolv.conf", "bind", "ro").bind(work / "hosts", "/etc/hosts", "bind", "ro")
    out = runtime.run(connected.sh("cat /etc/resolv.conf; ping -c 1 -W 5 gateway | grep -o '1 packets received'"), check=False).lines
    assert out == ["nameserver 10.88.0.1", "1 packets received"]


def test_several_interfaces(runtime, connected, network):
    """As Multus gives them: each with its name and address."""
    network.ip("link", "add", "net1", "type", "veth", "peer", "name", "peer1")
    network.ip("addr", "add", "10.99.0.2/24", "dev", "net1")
    network.ip("link", "set", "net1", "up")
    out = runtime.run(connected.sh("ip -o addr show net1; ip -o addr show eth0")).out
    assert "10.99.0.2/24" in out and "10.88.0.2/24" in out


def test_the_containers_own_changes_hold(runtime, connected, network):
    """With the right to, a container changes its network: its own, nobody else's."""
    connected.caps("CAP_NET_RAW", "CAP_NET_ADMIN")
    c = runtime.start(connected)
    c.exec_sh("ip addr add 10.88.0.50/24 dev eth0")
    assert " 0% packet loss" in network.run("ping", "-c", "1", "-W", "5", "10.88.0.50")
    c.exec_sh("ip link set eth0 down")
    result = network.run("sh", "-c", "ping -c 1 -W 1 10.88.0.2 || true")
    assert "100% packet loss" in result or "1 errors" in result


def test_sysctl_of_the_network(runtime, connected):
    connected.linux["sysctl"] = {"net.ipv4.ip_forward": "1", "net.ipv4.conf.eth0.rp_filter": "2"}
    out = runtime.run(connected.sh("cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf/eth0/rp_filter")).lines
    assert out == ["1", "2"]


def test_namespace_is_as_before_when_it_is_gone(runtime, connected, network):
    """Taps and redirects go; what the caller made stays, and serves the next container."""
    def seen():
        return network.links(), network.ip("-4", "addr", "show", "eth0"), network.ip("route")

    before = seen()
    for _ in range(2):
        c = runtime.start(connected.sh("echo up; sleep 1000"))
        c.until_output("up")
        c.delete(force=True)
        assert seen() == before
        filters = host("nsenter", f"--net={network.inner}", "tc", "filter", "show", "dev", "eth0", "ingress")
        assert filters == ""
    runtime.leftovers.assert_none()


@pytest.mark.parametrize("name", ["vmproc", "qemu", "vmwp"])
def test_namespace_is_as_before_when_the_vm_was_killed(runtime, connected, network, name):
    before = network.links()
    c = runtime.start(connected)
    os.kill(vm.part(c, name).pid, 9)
    c.wait_stopped()
    c.delete()
    assert network.links() == before
    assert host("nsenter", f"--net={network.inner}", "tc", "filter", "show", "dev", "eth0", "ingress") == ""
    runtime.leftovers.assert_none()


def test_namespace_is_as_before_when_create_fails(runtime, connected, network):
    before = network.links()
    runtime.create_fails(connected.args("/no/such/program"), rc=127)
    assert network.links() == before
    runtime.leftovers.assert_none()


def test_namespace_may_be_gone_before_the_container(runtime, connected, network):
    """An engine takes the network down first, then deletes the container."""
    c = runtime.start(connected)
    host("umount", network.inner)
    c.delete(force=True)
    runtime.leftovers.rebase()
    runtime.leftovers.assert_none()


def test_addresses_stay_visible_on_the_host(runtime, connected, network):
    """Engines look them up there: docker network inspect, CNI's check."""
    runtime.start(connected)
    assert "10.88.0.2/24" in network.ip("addr", "show", "eth0")


def test_hook_that_makes_the_network(runtime, bundle):
    """Docker's way: a new namespace, and a prestart hook that fills it by the pid of the state."""
    b = bundle().caps("CAP_NET_RAW").sh("ip addr show eth0; sleep 1000")
    b.sh_hook("prestart", "pid=$(sed 's/.*\"pid\": *\\([0-9]*\\).*/\\1/' | head -1);"
              "nsenter -t $pid -n sh -c 'ip link add eth0 type veth peer name peer0; ip addr add 10.66.0.2/24 dev eth0;"
              "ip addr add 10.66.0.1/24 dev peer0; ip link set eth0 up; ip link set peer0 up'")
    c = runtime.start(b)
    c.until_output("10.66.0.2/24")


def test_flood_does_not_stop_the_container(runtime, connected, network):
    """More packets than the guest can take are lost, and nothing else is."""
    c = runtime.start(connected)
    network.run("sh", "-c", "ping -f -q -c 3000 -s 1000 10.88.0.2 >/dev/null || true")
    assert c.exec("echo", "well").out == "well\n"
    assert " 0% packet loss" in network.run("ping", "-c", "2", "-W", "5", "10.88.0.2")

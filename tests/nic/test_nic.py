"""A network namespace's interfaces in a virtual machine."""

import json
import re
import time

import pytest

both = pytest.mark.parametrize("lab", ["wire", "vm"], indirect=True)


def links(ns) -> dict:
    return {link["ifname"]: link for link in json.loads(ns.run("ip -j addr"))}


def settle(ns, *devices) -> None:
    """Until the kernel has made the link-local addresses, which it does once it knows of the carrier."""
    until = time.monotonic() + 10
    while any("inet6 fe80" not in ns.run(f"ip addr show {d}") for d in devices):
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.fixture
def wired(lab):
    """What a CNI plugin makes: IPv4 and IPv6, default routes."""
    lab.veth()
    lab.peer.ip("addr add 10.1.0.1/24 dev p-eth0", "addr add fd00:1::1/64 dev p-eth0 nodad",
                "addr add 192.0.2.1/32 dev lo", "addr add 2001:db8::1/128 dev lo")
    lab.pod.ip("addr add 10.1.0.2/24 brd + dev eth0", "addr add fd00:1::2/64 dev eth0 nodad",
               "link set eth0 up", "route add default via 10.1.0.1", "route add default via fd00:1::1")
    lab.peer.serve()
    settle(lab.pod, "eth0")
    return lab


@both
def test_guest_speaks_with_the_network(wired):
    guest = wired.guest()
    for address in ("192.0.2.1", "2001:db8::1"):
        guest.ask("tcp", address)
    for address in ("10.1.0.1", "fd00:1::1"):
        guest.ask("tcp", address)
        for size in (1, 1000, 1472, 9000):
            guest.ask("udp", address, size)
    for address in ("10.1.0.2", "fd00:1::2"):
        wired.peer.ask("tcp", address)
        for size in (1, 1000, 1472, 9000):
            wired.peer.ask("udp", address, size)


@both
def test_ping_of_any_size(wired):
    guest = wired.guest()
    for address in ("10.1.0.1", "fd00:1::1"):
        for size in (56, 1400, 1500, 9000):
            assert " 0% packet loss" in guest.run(f"ping -c 2 -s {size} {address}")


@both
def test_throughput(wired, record_property):
    guest = wired.guest()
    for name, asker, address in (("out", guest, "10.1.0.1"), ("in", wired.peer, "10.1.0.2")):
        rate = asker.ask("tcp", address, 20_000_000)
        record_property(f"Mbit/s {name}", rate)
        print(f"{name}: {rate} Mbit/s")
        assert rate > 50


@both
def test_jumbo_frames(lab):
    lab.veth(mtu=9000)
    lab.peer.ip("addr add 10.1.0.1/24 dev p-eth0")
    lab.pod.ip("addr add 10.1.0.2/24 dev eth0", "link set eth0 up")
    lab.peer.serve()
    guest = lab.guest()
    assert "mtu 9000" in guest.run("ip link show eth0")
    guest.ask("udp", "10.1.0.1", 8900)
    lab.peer.ask("udp", "10.1.0.2", 8900)
    guest.ask("tcp", "10.1.0.1", 1_000_000)


@both
def test_guest_has_what_the_namespace_has(wired):
    """Name, addresses, MAC, mtu and routes, the link-local address included."""
    before = wired.pod.run("ip -o addr show eth0"), wired.pod.run("ip -o -6 route; ip -o route")
    guest = wired.guest()
    out = guest.run("ip addr show eth0")
    assert "0a:58:0a:01:00:02" in out and "mtu 1500" in out
    for line in ("inet 10.1.0.2/24 brd 10.1.0.255 scope global eth0", "inet6 fd00:1::2/64 scope global",
                 "inet6 fe80::858:aff:fe01:2/64 scope link"):
        assert line in out
    assert "default via 10.1.0.1 dev eth0" in guest.run("ip route")
    assert "default via fd00:1::1 dev eth0" in guest.run("ip -6 route")
    assert "LOOPBACK,UP" in guest.run("ip link show lo")
    after = wired.pod.run("ip -o addr show eth0"), wired.pod.run("ip -o -6 route; ip -o route")
    assert [re.sub(r"\s*(tentative)?\s*\\.*", "", t) for t in after] == \
           [re.sub(r"\s*(tentative)?\s*\\.*", "", t) for t in before]


def test_duplicate_address_detection_on_both_sides(lab):
    """A CNI plugin has hardly finished: the host's copy still asks whether an address is somebody else's
    when the guest does so too. Neither hears the other."""
    lab.veth()
    lab.peer.ip("addr add fd00:1::1/64 dev p-eth0 nodad")
    lab.pod.ip("addr add fd00:1::2/64 dev eth0", "link set eth0 up")
    lab.peer.serve()
    assert "tentative" in lab.pod.run("ip addr show eth0")
    guest = lab.guest()
    until = time.monotonic() + 10
    while any("tentative" in ns.run("ip addr show eth0") for ns in (guest, lab.pod)):
        assert time.monotonic() < until
        time.sleep(0.1)
    for ns in (guest, lab.pod):
        assert "dadfailed" not in ns.run("ip addr show eth0")
    assert "fe80::858:aff:fe01:2/64" in guest.run("ip addr show eth0")
    guest.ask("udp", "fd00:1::1")
    lab.peer.ask("tcp", "fd00:1::2")


def test_host_does_not_answer(wired):
    """The addresses stay in the namespace; while the guest says nothing, nobody does."""
    wired.peer.ip("neigh flush all")
    attached = wired.attach()
    assert not isinstance(attached, str), attached
    for address in ("10.1.0.2", "fd00:1::2"):
        with pytest.raises(AssertionError, match="100% packet loss"):
            wired.peer.run(f"ping -c 2 -W 1 {address}")
    states = wired.peer.run("ip neigh show dev p-eth0")
    assert "REACHABLE" not in states and "0a:58:0a:01:00:02" not in states
    # With the link-layer address known, it is the answer of TCP that must not come.
    wired.peer.ip("neigh replace 10.1.0.2 lladdr 0a:58:0a:01:00:02 dev p-eth0 nud permanent")
    with pytest.raises(AssertionError, match="timed out|100% packet loss"):
        wired.peer.run("timeout 3 nc -w 2 10.1.0.2 9 </dev/null || { echo timed out; false; }")
    counters = wired.pod.run("cat /proc/net/snmp")
    tcp = [line.split() for line in counters.splitlines() if line.startswith("Tcp:")]
    assert dict(zip(*tcp))["OutRsts"] == "0"


def test_the_host_is_back_after_detach(wired):
    wired.attach()
    wired.detach()
    assert " 0% packet loss" in wired.peer.run("ping -c 1 -W 2 10.1.0.2")
    assert wired.pod.run("tc qdisc show dev eth0 ingress") == ""
    assert "hcstap" not in wired.pod.run("ip link")


def test_detach_of_nothing(lab):
    lab.veth()
    lab.detach()


def test_a_killed_machine_is_replaced(wired):
    """Its taps are gone with it; its redirect is not, and the next machine takes its place."""
    wired.attach()
    wired.close_taps()
    guest = wired.guest()
    guest.ask("tcp", "10.1.0.1")


def test_one_machine_a_namespace(wired):
    wired.attach()
    assert "another virtual machine" in wired.attach()


@both
def test_static_neighbour_and_link_route(lab):
    """calico and ptp: a gateway outside of the subnet, by a fixed hardware address."""
    lab.veth()
    lab.peer.ip("link set p-eth0 address ee:ee:ee:ee:ee:ee", "addr add 10.9.9.9/32 dev lo",
                "route add 10.1.0.2/32 dev p-eth0", "link set p-eth0 arp off",
                "neigh add 10.1.0.2 lladdr 0a:58:0a:01:00:02 dev p-eth0")
    lab.pod.ip("addr add 10.1.0.2/32 dev eth0", "link set eth0 up",
               "route add 169.254.1.1 dev eth0 scope link",
               "neigh add 169.254.1.1 lladdr ee:ee:ee:ee:ee:ee dev eth0 nud permanent",
               "route add default via 169.254.1.1 dev eth0 src 10.1.0.2 metric 50")
    lab.peer.serve()
    guest = lab.guest()
    guest.ask("tcp", "10.9.9.9")
    guest.ask("udp", "10.9.9.9")
    assert "169.254.1.1 dev eth0 scope link" in guest.run("ip route")
    assert re.search(r"default via 169.254.1.1 dev eth0 +(src 10.1.0.2 +)?metric 50", guest.run("ip route"))


def test_prefix_route_that_was_taken_away(lab):
    """The ptp plugin does so: the subnet goes through the gateway."""
    lab.veth()
    lab.pod.ip("addr add 10.1.0.2/24 dev eth0", "link set eth0 up", "route del 10.1.0.0/24 dev eth0",
               "route add 10.1.0.1 dev eth0 scope link", "route add 10.1.0.0/24 via 10.1.0.1 src 10.1.0.2")
    guest = lab.guest()
    assert [line.split() for line in guest.run("ip route").splitlines()] == \
           [line.split() for line in lab.pod.run("ip route").splitlines()]


def test_routes_of_all_kinds(lab):
    lab.veth()
    lab.veth("eth1", "0a:58:0a:02:00:02")
    lab.pod.ip("addr add 10.1.0.2/24 dev eth0", "addr add 10.2.0.2/24 dev eth1 noprefixroute",
               "addr add 10.3.0.2 peer 10.3.0.9 dev eth1", "addr add 10.1.0.3/24 dev eth0 label eth0:web",
               "addr add fd00:2::2/64 dev eth1 nodad metric 77", "link set eth0 up", "link set eth1 up",
               "route add 10.20.0.0/16 via 10.99.0.1 dev eth1 onlink mtu 1300 advmss 1200",
               "route add 10.30.0.0/16 nexthop via 10.1.0.1 weight 3 nexthop via 10.1.0.254",
               "route add blackhole 10.40.0.0/16", "route add unreachable fd00:40::/32",
               "route add fd00:30::/32 nexthop via fd00:2::3 nexthop via fd00:2::4 weight 2",
               "route add 10.50.0.0/16 via inet6 fd00:2::1 dev eth1", "route add default via 10.1.0.1 metric 9",
               "route add default via 10.2.0.1 dev eth1 onlink table 100",
               "rule add from 10.2.0.0/24 table 100 priority 500", "rule add fwmark 0x10/0xf0 lookup 100 priority 600",
               "rule add iif eth1 to 10.0.0.0/8 prohibit priority 700", "-6 rule add from fd00:2::/64 lookup 100 priority 500")
    settle(lab.pod, "eth0", "eth1")
    guest = lab.guest()
    for what in ("route show table all", "-6 route show table all", "rule", "-6 rule"):
        ours, theirs = (sorted(re.sub(r" (table local.*|linkdown|pref medium|proto ra.*)", "", line).rstrip()
                               for line in ns.run(f"ip {what}").splitlines()
                               if not re.search("hcstap|multicast|anycast", line))
                        for ns in (lab.pod, guest))
        assert ours == theirs, what
    assert "secondary eth0:web" in guest.run("ip addr show eth0")
    assert "10.3.0.2 peer 10.3.0.9/32" in guest.run("ip addr show eth1")


def test_link_local_made_by_hand(lab):
    lab.veth()
    lab.pod.ip("link set eth0 addrgenmode none", "addr add fe80::77/64 dev eth0 nodad", "link set eth0 up")
    guest = lab.guest()
    found = re.findall(r"inet6 (\S+)", guest.run("ip addr show eth0"))
    assert found == ["fe80::77/64"]


def test_ipv6_that_is_disabled_stays_so(lab):
    lab.veth()
    lab.pod.run("echo 1 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6")
    lab.pod.ip("addr add 10.1.0.2/24 dev eth0", "link set eth0 up")
    guest = lab.guest()
    assert "inet6" not in guest.run("ip addr show eth0")


def test_link_that_is_down_stays_so(lab):
    lab.veth()
    guest = lab.guest()
    assert "UP" not in guest.run("ip link show eth0").split(">")[0]


@pytest.mark.parametrize("kind", ["macvlan", "tap"])
def test_other_devices(lab, kind):
    """A macvlan's lower device is outside; a tap has a program as its other end."""
    if kind == "macvlan":
        lab.peer.ip("link add low type veth peer name low-peer", "link set low up", "link set low-peer up",
                    f"link add eth0 link low netns {lab.pod.name} type macvlan mode bridge",
                    "link add gw link low type macvlan mode bridge", "addr add 10.1.0.1/24 dev gw", "link set gw up")
        lab.peer.serve()
    else:
        lab.pod.ip("tuntap add eth0 mode tap")
    lab.pod.ip("addr add 10.1.0.2/24 dev eth0", "link set eth0 up")
    guest = lab.guest()
    assert "10.1.0.2/24" in guest.run("ip addr show eth0")
    if kind == "macvlan":
        guest.ask("tcp", "10.1.0.1")
        lab.peer.ask("udp", "10.1.0.2")


@pytest.mark.parametrize("setup, words", [
    ("link add over link eth0 type macvlan", "over: a macvlan on another interface"),
    ("link add br0 type bridge; ip link set eth0 master br0", "eth0: is a port"),
    ("tuntap add l3 mode tun; ip link set l3 up", "l3: not an Ethernet one"),
    ("link add eth1 address 0a:58:0a:01:00:02 type veth peer name other", "same hardware address"),
])
def test_what_a_machine_cannot_have_is_named(lab, setup, words):
    lab.veth()
    lab.pod.ip(*setup.split("; ip ")) if ";" in setup else lab.pod.ip(setup)
    error = lab.attach()
    assert words in error and error.count("\n") == 0
    # Nothing is left of the attempt.
    assert "hcstap" not in lab.pod.run("ip link")
    assert lab.pod.run("tc qdisc show dev eth0 ingress") == ""


def test_filters_of_others_are_not_touched(lab):
    lab.veth()
    lab.pod.run("tc qdisc add dev eth0 ingress")
    lab.pod.run("tc filter add dev eth0 parent ffff: protocol all prio 7 u32 match u32 0 0 flowid ffff:1")
    assert "eth0 has traffic control filters" in lab.attach()
    assert "pref 7" in lab.pod.run("tc filter show dev eth0 ingress")
    lab.detach()
    assert "pref 7" in lab.pod.run("tc filter show dev eth0 ingress")


def test_no_interfaces(lab):
    request, taps, macs = lab.attach()
    assert (request, taps, macs) == (None, [], [])


@pytest.mark.parametrize("change, place", [
    ({"links": [{"mac": "0a:58:0a:01:00:0g", "name": "eth0", "mtu": 1500}]}, "network.links[0].mac"),
    ({"links": [{"mac": "0a:58:0a:01:00:02", "name": "../x", "mtu": 1500}]}, "network.links[0].name"),
    ({"links": [{"mac": "0a:58:0a:01:00:02", "name": "eth0", "mtu": 70000}]}, "network.links[0].mtu"),
    ({"links": [{"mac": "0a:58:0a:01:00:02", "name": "eth0", "mtu": 1500, "color": 1}]}, "network.links[0].color"),
    ({"routes": [{"destination": "10.0.0.0/33", "type": 1, "table": 254, "protocol": 3, "scope": 0}]},
     "network.routes[0].destination"),
    ({"routes": [{"destination": "10.0.0.0/8", "type": 1, "table": 254, "protocol": 3, "scope": 0,
                  "hops": [{"device": "eth9"}]}]}, "network.routes[0].hops[0].device"),
    ({"rules": [{"family": 5, "priority": 1, "action": 1}]}, "network.rules[0].family"),
    ({"neighbors": [{"device": "eth0", "address": "10.0.0.1", "mac": "x"}]}, "network.neighbors[0].mac"),
    ({"links": [{"mac": "0a:58:0a:01:00:02", "name": "eth0", "mtu": 1500}]}, "no device for it"),
    ({"extra": 1}, "network.extra"),
])
def test_requests_are_checked(lab, change, place):
    with pytest.raises(AssertionError, match=re.escape(place)):
        lab.kind(lab, {"op": "network", **change}, [], [])

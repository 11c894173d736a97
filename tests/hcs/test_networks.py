"""Networks of containers as people use them: names, ports, addresses; the same in both isolations."""

import json
import subprocess

from service import wait_until

SERVE = ("sh", "-c", "while :; do echo hello | nc -l -p 80; done")


def ask(address: str, port: int) -> str:
    done = subprocess.run(["busybox", "nc", "-w", "5", address, str(port)], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=20, check=False)
    return done.stdout


def test_published_port(service):
    service.started("web", *SERVE, flags=("--network", "bridge", "-p", "8080:80", "--add-host", "db:10.0.0.9",
                                          "--dns", "9.9.9.9", "--hostname", "webbox"))
    (document,) = json.loads(service("inspect", "web").stdout)
    settings = document["NetworkSettings"]
    address = settings["Networks"]["bridge"]["IPAddress"]
    assert address.startswith("10.90.") and settings["IPAddress"] == address
    assert settings["Ports"]["80/tcp"] == [{"HostIp": "0.0.0.0", "HostPort": "8080"}]
    wait_until(lambda: ask("127.0.0.1", 8080) == "hello\n", "the published port answers")
    wait_until(lambda: ask(address, 80) == "hello\n", "its address answers")
    assert service("ps", "--format", "{{.Ports}}").stdout == "0.0.0.0:8080->80/tcp\n"
    assert service("port", "web").stdout == "80/tcp -> 0.0.0.0:8080\n"
    assert service("ps", "-q", "--filter", "publish=8080").stdout
    assert not service("ps", "-q", "--filter", "publish=8081").stdout
    assert f"inet {address}/16" in service("exec", "web", "ip", "addr", "show", "eth0").stdout
    hosts = service("exec", "web", "cat", "/etc/hosts").stdout
    assert "10.0.0.9\tdb\n" in hosts and f"{address}\twebbox\n" in hosts
    assert "nameserver 9.9.9.9\n" in service("exec", "web", "cat", "/etc/resolv.conf").stdout
    (network,) = json.loads(service("network", "inspect", "bridge").stdout)
    (on_it,) = network["Containers"].values()
    assert (on_it["Name"], on_it["IPv4Address"]) == ("web", f"{address}/16")
    assert "is taken by container" in service("run", "--rm", "--network", "bridge", "-p", "8080:80", "nano", "true",
                                              check=False).stderr
    service("stop", "-t", "0", "web")
    assert json.loads(service("inspect", "web").stdout)[0]["NetworkSettings"]["Ports"] == {}
    service("start", "web")
    wait_until(lambda: ask("127.0.0.1", 8080) == "hello\n", "it answers again")


def test_two_containers(service):
    service.started("web", *SERVE, flags=("--network", "bridge"))
    address = service("inspect", "-f", "{{.NetworkSettings.IPAddress}}", "web").stdout.strip()
    wait_until(lambda: service("run", "--rm", "--network", "bridge", "nano", "nc", "-w", "5", address, "80",
                               check=False).stdout == "hello\n", "one container reaches the other")


def test_without_a_network(service):
    out = service("run", "--rm", "--network", "none", "nano", "ip", "addr").stdout
    assert "127.0.0.1" in out and "eth0" not in out


def test_all_exposed_ports_are_published(service):
    service.started("web", *SERVE, flags=("--network", "bridge", "-P", "--expose", "80", "--expose", "53/udp",
                                          "-p", "8443:443"))
    ports = json.loads(service("inspect", "-f", "{{json .NetworkSettings.Ports}}", "web").stdout)
    assert set(ports) == {"80/tcp", "53/udp", "443/tcp"}
    assert ports["443/tcp"][0]["HostPort"] == "8443"
    chosen = int(ports["80/tcp"][0]["HostPort"])
    wait_until(lambda: ask("127.0.0.1", chosen) == "hello\n", "the chosen port answers")


def test_range_of_host_ports(service):
    """The first free one; the next container gets the next one, also after a restart."""
    for name in ("one", "two"):
        service.started(name, "sleep", "1000", flags=("--network", "bridge", "-p", "8000-8001:80"))
    assert service("port", "one").stdout == "80/tcp -> 0.0.0.0:8000\n"
    assert service("port", "two").stdout == "80/tcp -> 0.0.0.0:8001\n"
    assert "ports 8000-8001/tcp are all taken" in service.fails(
        "run", "--rm", "--network", "bridge", "-p", "8000-8001:80", "nano", "true", status=125)
    assert service("inspect", "-f", "{{json .HostConfig.PortBindings}}", "one").stdout == \
        '{"80/tcp":[{"HostIp":"","HostPort":"8000-8001"}]}\n'
    service("rm", "-f", "one")
    service("restart", "-t", "0", "two")
    assert service("port", "two").stdout == "80/tcp -> 0.0.0.0:8000\n"


def test_what_a_network_cannot_is_said(service):
    for flags, says in ((("--network", "nowhere"), "network nowhere not found"),
                        (("--network", "bridge", "--network-alias", "db"), 'the capability "aliases"'),
                        (("--network", "bridge", "--ip", "192.0.2.9"), "192.0.2.9")):
        assert says in service.fails("run", "--rm", *flags, "nano", "true", status=125)
    assert service.containers() == []

"""What a container has of its networks: addresses, ports, names, and what is left when it is gone."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest


def bridge_config(name, subnet, bridge, **more):
    return {"cniVersion": "1.0.0", "name": name, "plugins": [
        {"type": "bridge", "bridge": bridge, "isGateway": True, **more,
         "ipam": {"type": "host-local", "ranges": [[{"subnet": subnet}]], "dataDir": more.pop("dir", None),
                  "routes": [{"dst": "0.0.0.0/0"}]}}]}


def test_default_network(host):
    one, two = host.attach("one", "-n", "bridge"), host.attach("two", "-n", "bridge")
    endpoint = one["endpoints"][0]
    assert endpoint["network"] == "bridge" and endpoint["interface"] == "eth0"
    assert endpoint["gateway"] == "10.90.0.1" and endpoint["prefix"] == 16
    links = json.loads(host.sh("ip -j addr", one["netns"]))
    assert [link["ifname"] for link in links] == ["lo", "eth0"]
    assert "UP" in links[0]["flags"]
    assert links[1]["address"] == endpoint["mac"]
    assert endpoint["address"] in [a["local"] for a in links[1]["addr_info"]]
    assert host.sh("ip route get 192.0.2.2", one["netns"]).startswith("192.0.2.2 via 10.90.0.1")
    host.serve(two["netns"], "tcp", 7000)
    assert host.ask(one["netns"], "tcp", two["endpoints"][0]["address"], 7000) == endpoint["address"]
    host.tool("check", "one")
    host.end_servers()
    host.tool("detach", "one")
    host.tool("detach", "two")
    assert host.leftovers() == []


def test_outside_is_reached_by_nat(host):
    host.attach("zero", "-n", "bridge")  # makes the rules: the next one sees them, and remembers that
    one = host.attach("one", "-n", "bridge")
    host.serve(host.world_path, "tcp", 7000)
    assert host.ask(one["netns"], "tcp", "192.0.2.2", 7000) == "192.0.2.1"
    # Firewalls are reloaded: the next container brings back what it needs.
    host.sh("iptables -t nat -F && iptables -F FORWARD && iptables -P FORWARD DROP")
    two = host.attach("two", "-n", "bridge", "-p", "7001:7001")
    assert host.ask(two["netns"], "tcp", "192.0.2.2", 7000) == "192.0.2.1"
    host.serve(two["netns"], "tcp", 7001)
    assert host.ask(host.world_path, "tcp", "192.0.2.1", 7001)
    rules = host.sh("iptables-save")
    host.attach("three", "-n", "bridge")
    assert rules.count("MASQUERADE") == host.sh("iptables-save").count("MASQUERADE")


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_published_port(host, protocol):
    one = host.attach("one", "-n", "bridge", "-p", f"8080:80/{protocol}")
    assert one["ports"] == [{"container": 80, "host": 8080, "protocol": protocol, "ip": ""}]
    host.serve(one["netns"], protocol, 80)
    assert host.ask(host.world_path, protocol, "192.0.2.1", 8080) == "192.0.2.2"
    assert host.ask(host.path, protocol, "127.0.0.1", 8080)
    two = host.attach("two", "-n", "bridge")
    assert host.ask(two["netns"], protocol, "192.0.2.1", 8080)
    assert host.ask(one["netns"], protocol, "192.0.2.1", 8080)  # its own
    host.end_servers()
    host.tool("detach", "one")
    host.tool("detach", "two")
    assert host.leftovers() == []


def test_port_of_one_address(host):
    one = host.attach("one", "-n", "bridge", "-p", "192.0.2.1:8080:80")
    two = host.attach("two", "-n", "bridge", "-p", "127.0.0.1:8080:80")
    host.serve(one["netns"], "tcp", 80)
    host.serve(two["netns"], "tcp", 80)
    assert host.ask(host.world_path, "tcp", "192.0.2.1", 8080) == "192.0.2.2"
    assert "taken by container" in host.refused("attach", "three", "-n", "bridge", "-p", "8080:80")


def test_taken_ports(host):
    host.serve(host.path, "tcp", 8081)
    first = host.attach("first", "-n", "bridge", "-p", "8080:80")
    assert first["ports"][0]["host"] == 8080
    done = host.tool("attach", "second", "-n", "bridge", "-p", "8080:80", check=False)
    assert done.returncode == 3  # EADDRINUSE
    assert done.stderr == "port 8080/tcp is taken by container first (choose another host port)\n"
    assert "port 8081/tcp is taken by a program of the host" in host.refused(
        "attach", "second", "-n", "bridge", "-p", "8081:80")
    assert not Path(host.netns("second")).exists()
    ranged = host.attach("ranged", "-n", "bridge", "-p", "8080-8083:80", "-p", "8080:80/udp")
    assert [p["host"] for p in ranged["ports"]] == [8082, 8080]
    anything = host.attach("any", "-n", "bridge", "-p", "80", "-p", "81-82")
    assert [p["container"] for p in anything["ports"]] == [80, 81, 82]
    assert len({p["host"] for p in anything["ports"]} - {0}) == 3
    for name in ("first", "ranged", "any"):
        host.tool("detach", name)
    assert host.attach("second", "-n", "bridge", "-p", "8080:80")["ports"][0]["host"] == 8080


def test_asked_for_addresses(host):
    one = host.attach("one", "-n", "bridge", "-m", "02:42:ac:11:00:99", "-i", "10.90.3.4")["endpoints"][0]
    assert (one["mac"], one["address"]) == ("02:42:ac:11:00:99", "10.90.3.4")
    words = host.refused("attach", "two", "-n", "bridge", "-i", "10.90.3.4")
    assert words.startswith('network bridge: CNI plugin "bridge" failed (ADD): ') and "10.90.3.4" in words
    assert "10.99.0.1" in host.refused("attach", "two", "-n", "bridge", "-i", "10.99.0.1")
    host.tool("detach", "one")
    assert host.leftovers() == []


def test_no_network(host):
    none = host.attach("alone")
    assert none["endpoints"] == []
    assert [link["ifname"] for link in json.loads(host.sh("ip -j link", none["netns"]))] == ["lo"]
    assert "UP" in host.sh("ip -br link show lo", none["netns"])
    assert "need a network" in host.refused("attach", "other", "-p", "80:80")
    host.tool("detach", "alone")
    assert host.leftovers() == []


def test_detach_is_idempotent(host):
    host.tool("detach", "never-was")
    host.attach("one", "-n", "bridge", "-p", "8080:80")
    for _ in range(2):
        host.tool("detach", "one")
    assert host.leftovers() == []
    assert "on no network" in host.refused("check", "one")


def test_who_stays_in_the_namespace_has_no_address(host):
    one = host.attach("one", "-n", "bridge")
    other = host.popen(one["netns"], "sleep", "1000")
    host.tool("detach", "one")
    assert "inet " not in host.sh("ip addr show eth0", f"/proc/{other.pid}/ns/net")
    host.end_servers()
    assert host.leftovers() == []


def test_ids_are_checked(host):
    for name in ("../up", "a/b", ".hidden", "", "x" * 65, "a b"):
        assert "no id" in host.refused("attach", name)


def test_subnet_avoids_routes_and_networks(host):
    host.sh("ip route add 10.90.7.0/24 dev world && ip route add 10.90.0.0/15 via 192.0.2.2")
    host.write_config("other.conflist", bridge_config("other", "10.92.8.0/24", "other0"))  # not there yet
    assert host.attach("one", "-n", "bridge")["endpoints"][0]["address"].startswith("10.93.0.")
    # Chosen once: a route that comes later changes nothing.
    host.sh("ip route add 10.93.7.0/24 dev world")
    assert host.attach("two", "-n", "bridge")["endpoints"][0]["address"].startswith("10.93.0.")


def test_configured_subnet(host):
    one = host.attach("one", "-n", "bridge", "-s", "172.20.4.0/22")["endpoints"][0]
    assert (one["address"], one["gateway"], one["prefix"]) == ("172.20.4.2", "172.20.4.1", 22)
    bridge = next(n for n in json.loads(host.tool("list").stdout) if n["name"] == "bridge")
    assert (bridge["subnet"], bridge["gateway"]) == ("172.20.4.0/22", "172.20.4.1")
    for bad in ("172.20.4.0", "172.20.4.0/31", "x/16", "172.20.4.0/33", "::/64"):
        assert "must be like" in host.refused("attach", "two", "-n", "bridge", "-s", bad)


def test_named_networks(host):
    config = bridge_config("blue", "10.200.0.0/24", "blue0")
    config["plugins"][0]["ipam"]["dataDir"] = str(host.work / "leases")
    host.write_config("10-blue.conflist", config)
    host.write_config("20-old.conf", {"cniVersion": "0.3.1", "name": "old", "type": "ptp", "ipMasq": True,
                                      "ipam": {"type": "host-local", "subnet": "10.201.0.0/24",
                                               "dataDir": str(host.work / "leases"),
                                               "routes": [{"dst": "0.0.0.0/0"}]},
                                      "dns": {"nameservers": ["10.201.0.53"], "search": ["old.test"]}})
    host.write_config("30-broken.conf", "{")
    host.write_config("README", "no network")
    names = {n["name"]: n for n in json.loads(host.tool("list").stdout)}
    assert set(names) == {"blue", "old", "bridge", "host", "none"}
    assert names["blue"]["subnet"] == "10.200.0.0/24" and names["blue"]["file"].endswith("10-blue.conflist")
    one = host.attach("one", "-n", "old", "-n", "blue", "-n", "bridge")
    assert [e["interface"] for e in one["endpoints"]] == ["eth0", "eth1", "eth2"]
    assert [e["network"] for e in one["endpoints"]] == ["old", "blue", "bridge"]
    assert (one["nameservers"], one["searches"]) == (["10.201.0.53"], ["old.test"])
    # The first one's is the default route, and only that.
    default = json.loads(host.sh("ip -j route show default", one["netns"]))
    assert [route["dev"] for route in default] == ["eth0"]
    two = host.attach("two", "-n", "blue")
    host.serve(two["netns"], "tcp", 7000)
    assert host.ask(one["netns"], "tcp", two["endpoints"][0]["address"], 7000) == one["endpoints"][1]["address"]
    host.tool("detach", "one")
    host.tool("detach", "two")
    assert host.leftovers() == []
    assert not [p for p in (host.work / "leases").glob("*/*.*.*.*")]


def test_what_a_network_cannot_is_refused(host):
    host.write_config("blue.conflist", bridge_config("blue", "10.200.0.0/24", "blue0"))
    assert 'no plugin of' in host.refused("attach", "one", "-n", "blue", "-p", "80:80")
    assert 'capability "aliases"' in host.refused("attach", "one", "-n", "bridge", "-a", "db")
    assert "named twice" in host.refused("attach", "one", "-n", "bridge", "-n", "bridge")
    assert "network green not found in" in host.refused("attach", "one", "-n", "green")
    host.write_config("green.conflist", {"cniVersion": "9.0.0", "name": "green", "plugins": [{"type": "bridge"}]})
    assert '"cniVersion" 9.0.0 is not known' in host.refused("attach", "one", "-n", "green")
    host.write_config("green.conflist", {"cniVersion": "1.0.0", "name": "green", "plugins": [{"type": "../x"}]})
    assert "must be a file's name" in host.refused("attach", "one", "-n", "green")
    host.write_config("green.conflist", {"cniVersion": "1.0.0", "name": "green", "plugins": [{"type": "gone"}]})
    assert 'CNI plugin "gone" not found in' in host.refused("attach", "one", "-n", "green")
    assert host.leftovers() == []


RECORDER = """
{ echo "$CNI_COMMAND $CNI_CONTAINERID $CNI_IFNAME $CNI_ARGS"; cat; echo; } >>$LOG
[ $CNI_COMMAND = ADD ] || exit 0
echo '{"cniVersion": "1.0.0", "interfaces": [{"name": "eth0", "mac": "02:00:00:00:00:01", "sandbox": "x"}],
"ips": [{"address": "10.7.0.2/24", "gateway": "10.7.0.1", "interface": 0}], "dns": {"nameservers": ["10.7.0.1"]}}'
"""


def calls(log):
    lines = log.read_text().splitlines()
    return [(lines[i], json.loads(lines[i + 1])) for i in range(0, len(lines), 2)]


def test_what_plugins_are_told(host):
    log = host.plugin("recorder", RECORDER)
    host.write_config("rec.conflist", {"cniVersion": "1.0.0", "name": "rec", "plugins": [
        {"type": "recorder", "n": 1, "capabilities": {"mac": True}},
        {"type": "recorder", "n": 2, "capabilities": {"portMappings": True, "aliases": True}}]})
    host.attach("one", "-n", "rec", "-m", "02:00:00:00:00:01", "-p", "8080:80", "-a", "db")
    host.tool("check", "one")
    host.tool("detach", "one")
    told = calls(log)
    assert [(c.split()[0], conf["n"]) for c, conf in told] == [
        ("ADD", 1), ("ADD", 2), ("CHECK", 1), ("CHECK", 2), ("DEL", 2), ("DEL", 1)]
    assert all(c.startswith(("ADD one eth0", "CHECK one eth0", "DEL one eth0")) for c, _ in told)
    assert told[0][1]["runtimeConfig"] == {"mac": "02:00:00:00:00:01"}
    assert told[1][1]["runtimeConfig"] == {
        "portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}], "aliases": ["db"]}
    assert "prevResult" not in told[0][1]
    for _, conf in told:
        assert conf["name"] == "rec" and conf["cniVersion"] == "1.0.0" and "capabilities" not in conf
    for _, conf in told[1:]:
        assert conf["prevResult"]["ips"][0]["address"] == "10.7.0.2/24"
    assert told[0][0].endswith("IgnoreUnknown=1;MAC=02:00:00:00:00:01")


def test_old_plugins_get_no_result_with_del(host):
    log = host.plugin("recorder", RECORDER)
    host.write_config("rec.conf", {"cniVersion": "0.3.1", "name": "rec", "type": "recorder"})
    host.attach("one", "-n", "rec")
    host.tool("check", "one")
    host.tool("detach", "one")
    assert [(c.split()[0], "prevResult" in conf) for c, conf in calls(log)] == [("ADD", False), ("DEL", False)]


def test_wish_that_nobody_heard_is_refused(host):
    host.plugin("recorder", RECORDER)
    host.write_config("rec.conf", {"cniVersion": "1.0.0", "name": "rec", "type": "recorder"})
    assert "network rec cannot give the address 10.7.0.9" in host.refused("attach", "one", "-n", "rec", "-i", "10.7.0.9")
    assert "cannot give the MAC address" in host.refused("attach", "one", "-n", "rec", "-m", "02:00:00:00:00:02")
    assert host.leftovers() == []


@pytest.mark.parametrize("script, words", [
    ("""printf %s '{"cniVersion": "1.0.0", "code": 7, "msg": "no more", "details": "all\\nused"}'; exit 1""",
     'network bad: CNI plugin "bad" failed (ADD): no more: all used'),
    ("echo it broke >&2; exit 3", 'network bad: CNI plugin "bad" failed (ADD): it broke'),
    ("exit 4", 'network bad: CNI plugin "bad" failed (ADD): exit status 4'),
    ("exit 0", 'network bad: CNI plugin "bad" printed no result'),
    ("echo '[1]'", 'no object'),
    ("echo '{\"ips\": [{\"address\": \"10.0.0.300/8\"}]}'", "address 10.0.0.300/8 is none"),
    ("""printf %s '{"dns": {"nameservers": ["1.1.1.1\\noptions x"]}}'""", "DNS entry"),
])
def test_plugins_that_fail(host, script, words):
    host.plugin("bad", f"[ $CNI_COMMAND = ADD ] || exit 0\n{script}\n")
    host.write_config("bad.conf", {"cniVersion": "1.0.0", "name": "bad", "type": "bad"})
    assert words in host.refused("attach", "one", "-n", "bridge", "-n", "bad", "-p", "8080:80")
    assert host.leftovers() == []


def test_failed_del_is_tried_again(host):
    log = host.plugin("late", "[ $CNI_COMMAND = ADD ] && { echo '{}'; exit; }\n"
                      "[ -e $LOG ] || { touch $LOG; echo not yet >&2; exit 1; }\n")
    host.write_config("late.conf", {"cniVersion": "1.0.0", "name": "late", "type": "late"})
    host.attach("one", "-n", "late", "-n", "bridge")
    assert 'CNI plugin "late" failed (DEL): not yet' in host.refused("detach", "one")
    assert not Path(host.netns("one")).exists()
    assert log.exists()
    host.tool("detach", "one")
    assert host.leftovers() == []


def test_detach_waits_for_a_plugin_that_outlives_attach(host):
    """What a killed attach was doing goes on to its end; only then is it undone."""
    log = host.plugin("slow", "echo $CNI_COMMAND >>$LOG\n[ $CNI_COMMAND = DEL ] || { sleep 1; echo done >>$LOG; echo '{}'; }\n")
    host.write_config("slow.conf", {"cniVersion": "1.0.0", "name": "slow", "type": "slow"})
    process = host.popen(host.path, *host.argv("attach", "one", "-n", "slow")[2:],
                         env=host.environment())
    while not log.exists():
        time.sleep(0.01)
    process.kill()
    process.wait()
    host.tool("detach", "one")
    assert log.read_text().split() == ["ADD", "done", "DEL"]
    assert host.leftovers() == []


def test_half_made(host):
    """Each state that a kill can leave on disk."""
    (host.run_dir / "netns").mkdir()
    Path(host.netns("one")).touch()
    (host.run_dir / "cni/one").mkdir(parents=True)
    (host.run_dir / "cni/one/.0.json.new").write_text("{")
    host.tool("detach", "one")
    assert host.leftovers() == []
    (host.run_dir / "cni/two").mkdir(parents=True)
    (host.run_dir / "cni/ports").mkdir()
    (host.run_dir / "cni/ports/tcp:8080@").symlink_to("two")
    Path(host.netns("two")).touch()
    host.attach("two", "-n", "bridge", "-p", "8080:80")  # puts it in order first
    host.tool("detach", "two")
    assert host.leftovers() == []


def test_many_at_once(host):
    processes = [host.popen(host.path, *host.argv("attach", f"c{i}", "-n", "bridge", "-p", "80")[2:],
                            env=host.environment()) for i in range(8)]
    made = [json.loads(p.communicate(timeout=120)[0]) for p in processes]
    assert len({m["endpoints"][0]["address"] for m in made}) == 8
    assert len({m["ports"][0]["host"] for m in made}) == 8
    processes = [host.popen(host.path, *host.argv("detach", f"c{i}")[2:]) for i in range(8)]
    assert [p.wait(timeout=120) for p in processes] == [0] * 8
    assert host.leftovers() == []


def descendants(pid):
    """A process and all below it, while they are stopped one by one, so that none escapes."""
    try:
        os.kill(pid, signal.SIGSTOP)
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (ProcessLookupError, FileNotFoundError):
        children = []
    return [pid, *(below for child in children for below in descendants(int(child)))]


@pytest.mark.parametrize("whom", ["command", "all"])
def test_killed_at_any_point(host, whom):
    """100 attaches and detaches that are killed at points spread over their duration: the command alone,
    or the plugins that it runs as well."""
    start = time.monotonic()
    host.attach("warm", "-n", "bridge", "-p", "8080:80")
    attach_time = time.monotonic() - start
    start = time.monotonic()
    host.tool("detach", "warm")
    detach_time = time.monotonic() - start
    for i in range(50):
        for command, duration in (("attach", attach_time), ("detach", detach_time)):
            words = ["-n", "bridge", "-p", "8080:80"] if command == "attach" else []
            if command == "detach":
                host.attach("one", "-n", "bridge", "-p", "8080:80")
            process = subprocess.Popen(host.argv(command, "one", *words), env=host.environment(),
                                       stdout=subprocess.DEVNULL, start_new_session=True)
            time.sleep(duration * i / 50)
            for pid in descendants(process.pid) if whom == "all" else [process.pid]:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            process.wait()
            host.tool("detach", "one")
    assert host.leftovers() == []


FILES_HOSTS = """127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
ff00::0\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
"""


def test_files(host):
    out = host.work / "etc"
    out.mkdir()
    host.tool("files", out, "one", "-n", "bridge", "-h", "db:10.0.0.9", "-h", "six=[::9]", "-h",
              "up:host-gateway", "-d", "9.9.9.9", "-S", "a.test", "-S", "b.test", "-o", "ndots:2")
    assert (out / "hosts").read_text() == (
        FILES_HOSTS + "10.0.0.9\tdb\n::9\tsix\n10.90.0.1\tup\n10.90.0.2\tbox.example.org box\n")
    assert (out / "resolv.conf").read_text() == "search a.test b.test\nnameserver 9.9.9.9\noptions ndots:2\n"
    assert (out / "hostname").read_text() == "box\n"
    assert all((out / name).stat().st_mode & 0o777 == 0o644 for name in ("hosts", "resolv.conf", "hostname"))
    host.tool("files", out, "one", "-n", "bridge", "-S", ".")
    mine = Path("/etc/resolv.conf").read_text().splitlines()
    kept = [line for line in mine if line.startswith("nameserver") and "127." not in line]
    text = (out / "resolv.conf").read_text()
    assert [line for line in text.splitlines() if line.startswith("nameserver")] == kept
    assert "search" not in text
    host.tool("files", out, "one", "-H", "-h", "db:10.0.0.9")
    assert (out / "hosts").read_text().startswith(Path("/etc/hosts").read_text())
    assert (out / "hosts").read_text().endswith("10.0.0.9\tdb\n")


@pytest.mark.parametrize("words, complaint", [
    (["-h", "db"], "invalid IP address in add-host: db"),
    (["-h", ":10.0.0.1"], "bad format for add-host: :10.0.0.1"),
    (["-h", "db:10.0.0.1\nevil"], "invalid IP address in add-host"),
    (["-h", "up:host-gateway"], "the container's network has no gateway"),
    (["-d", "nine"], "dns: nine is no IP address"),
    (["-S", "a b"], "dns-search: a b is no single word"),
])
def test_files_refuse(host, words, complaint):
    assert complaint in host.refused("files", host.work, "one", *words)


@pytest.mark.parametrize("text, complaint", [
    ("", "no port specified: <empty>"),
    ("80:", "no port specified"),
    ("0", "invalid containerPort: 0"),
    ("70000", "invalid containerPort"),
    ("80x", "invalid containerPort"),
    ("x:80", "invalid hostPort"),
    ("90-80:80", "invalid hostPort"),
    ("80/icmp", "invalid proto: icmp"),
    ("1.2.3:80:80", "invalid ip address"),
    ("80-82:80-81", "invalid ranges specified"),
])
def test_bad_ports(host, text, complaint):
    assert complaint in host.refused("attach", "one", "-n", "bridge", "-p", text)


def test_ports(host):
    one = host.attach("one", "-n", "bridge", "-p", "[::1]:81:80", "-p", "0.0.0.0:82-83:82-83/UDP", "-p",
                      "127.0.0.1::84")
    ports = [(p["ip"], p["container"], p["protocol"]) for p in one["ports"]]
    assert ports == [("::1", 80, "tcp"), ("", 82, "udp"), ("", 83, "udp"), ("127.0.0.1", 84, "tcp")]
    assert [p["host"] for p in one["ports"]][:3] == [81, 82, 83] and one["ports"][3]["host"]

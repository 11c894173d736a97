"""Networks by CNI in a host of the test's own: a network namespace that stands for the machine, and
another one that stands for the world outside, so that nothing of the real one is touched."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

BUILD = Path(os.environ.get("HCS_BUILD", Path(__file__).resolve().parents[2] / "build"))
TOOL = BUILD / "tests/network/network_tool"
PLUGINS = Path("/usr/lib/cni")

# Answers each connection, or datagram, with the address that it comes from.
SERVER = """
import socket, sys
kind = socket.SOCK_DGRAM if sys.argv[1] == "udp" else socket.SOCK_STREAM
s = socket.socket(socket.AF_INET, kind)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("0.0.0.0", int(sys.argv[2])))
if kind == socket.SOCK_STREAM:
    s.listen()
print("ready", flush=True)
while True:
    if kind == socket.SOCK_STREAM:
        c, peer = s.accept()
        c.sendall(peer[0].encode())
        c.close()
    else:
        _, peer = s.recvfrom(100)
        s.sendto(peer[0].encode(), peer)
"""

CLIENT = """
import socket, sys
kind = socket.SOCK_DGRAM if sys.argv[1] == "udp" else socket.SOCK_STREAM
s = socket.socket(socket.AF_INET, kind)
s.settimeout(10)
s.connect((sys.argv[2], int(sys.argv[3])))
if kind == socket.SOCK_DGRAM:
    s.send(b"x")
print(s.recv(100).decode())
"""


def run(*argv, check=True, **options):
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=240,
                          check=False, **options)
    if check:
        assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
    return done


PREFIX, WORK = "hcsnet-", "hcs-network-"


def sweep():
    """What a session that was killed half-way left: its names hold its pid."""
    names = [p.name for p in Path("/run/netns").glob(f"{PREFIX}*")]
    works = list(Path(tempfile.gettempdir()).glob(f"{WORK}*"))
    for left in [*names, *(w.name for w in works)]:
        pid = left.removeprefix(PREFIX).removeprefix(WORK).partition("-")[0]
        if pid.isdigit() and os.path.exists(f"/proc/{pid}"):
            continue
        if left in names:
            run("ip", "netns", "del", left, check=False)
            continue
        work = Path(tempfile.gettempdir()) / left
        for pin in (work / "run/netns").glob("*"):
            run("umount", "-l", pin, check=False)
        shutil.rmtree(work, ignore_errors=True)


class Host:
    def __init__(self):
        sweep()
        self.name = f"{PREFIX}{os.getpid()}"
        self.path = f"/run/netns/{self.name}"
        self.world_path = f"{self.path}-w"
        self.work = Path(tempfile.mkdtemp(prefix=f"{WORK}{os.getpid()}-"))
        self.run_dir, self.config = self.work / "run", self.work / "net.d"
        self.run_dir.mkdir()
        self.config.mkdir()
        self.processes = []
        self.plugins = str(PLUGINS)
        for name in (self.name, f"{self.name}-w"):
            run("ip", "netns", "add", name)
        self.sh("ip link set lo up && ip link add world type veth peer name host "
                f"netns {self.name}-w && ip addr add 192.0.2.1/24 dev world && ip link set world up")
        self.sh("ip link set lo up && ip addr add 192.0.2.2/24 dev host && ip link set host up",
                self.world_path)

    def done(self):
        for process in self.processes:
            process.kill()
            process.wait()
        for pin in (self.run_dir / "netns").glob("*"):
            run("umount", "-l", pin, check=False)
        for name in (self.name, f"{self.name}-w"):
            run("ip", "netns", "del", name, check=False)
        shutil.rmtree(self.work)

    def sh(self, command, netns=None, check=True):
        return run("nsenter", f"--net={netns or self.path}", "sh", "-c", command, check=check).stdout

    def environment(self):
        return {**os.environ, "TEST_CNI_PATH": self.plugins}

    def argv(self, *words):
        return ["nsenter", f"--net={self.path}", str(TOOL), str(self.run_dir), str(self.config),
                *map(str, words)]

    def tool(self, *words, check=True):
        return run(*self.argv(*words), check=check, env=self.environment())

    def attach(self, name, *words):
        return json.loads(self.tool("attach", name, *words).stdout)

    def refused(self, *words):
        done = self.tool(*words, check=False)
        assert done.returncode not in (0, 2), done.stdout
        assert done.stderr.count("\n") == 1, done.stderr
        return done.stderr.strip()

    def netns(self, name):
        return str(self.run_dir / "netns" / name)

    def popen(self, netns, *argv, **options):
        process = subprocess.Popen(["nsenter", f"--net={netns}", *map(str, argv)], text=True,
                                   stdout=subprocess.PIPE, **options)
        self.processes.append(process)
        return process

    def serve(self, netns, protocol, port):
        process = self.popen(netns, "/usr/bin/python3", "-c", SERVER, protocol, port)
        assert process.stdout.readline() == "ready\n"

    def end_servers(self):
        for process in self.processes:
            process.kill()
            process.wait()

    def ask(self, netns, protocol, address, port):
        """What the server sees the client's address as."""
        return run("nsenter", f"--net={netns}", "/usr/bin/python3", "-c", CLIENT, protocol, address,
                   port).stdout.strip()

    def leftovers(self):
        """What containers have left: namespaces, interfaces, rules, addresses, ports, records."""
        found = [str(p) for p in (self.run_dir / "netns").glob("*")]
        found += [str(p) for p in (self.run_dir / "cni").glob("ports/*")]
        found += [str(p) for p in (self.run_dir / "cni").glob("leases/*/*.*.*.*")]
        usual = {"ports", "leases", "bridge.json", "rules.json"}
        found += [str(p) for p in (self.run_dir / "cni").glob("*") if p.name not in usual]
        found += [line for line in Path("/proc/self/mountinfo").read_text().splitlines()
                  if str(self.run_dir) in line]
        rules = self.sh("iptables-save; ip6tables-save")
        found += [line for line in rules.splitlines() if "dnat name" in line or "CNI-DN" in line]
        # A veth ends with its namespace, which the kernel takes down in the background.
        deadline = time.monotonic() + 30
        while "veth" in (links := self.sh("ip -br link | grep -v ^world || :")) and time.monotonic() < deadline:
            time.sleep(0.05)
        return found + [line for line in links.splitlines() if "veth" in line]

    def write_config(self, name, config):
        (self.config / name).write_text(config if isinstance(config, str) else json.dumps(config))

    def plugin(self, name, script):
        """A plugin of the test's own, beside the real ones; $LOG is a file for its words."""
        directory = self.work / "plugins"
        directory.mkdir(exist_ok=True)
        path = directory / name
        path.write_text(f"#!/bin/sh\nLOG={self.work}/{name}.log\n{script}")
        path.chmod(0o755)
        self.plugins = f"{directory}:{PLUGINS}"
        return self.work / f"{name}.log"


@pytest.fixture
def host():
    if os.geteuid() != 0:
        pytest.skip("makes network namespaces: needs root")
    made = Host()
    yield made
    made.done()

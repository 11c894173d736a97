"""A container of either isolation on the default network: runhcs gets the namespace by its path, and what is
reached, and what the container sees, is the same."""

import json
import os
import shutil
import subprocess
import time

import pytest

from conftest import BUILD, run

NAME = f"hcsnet-{os.getpid()}"
ISOLATIONS = ["process",
              pytest.param("hyperv", marks=pytest.mark.skipif(
                  not (BUILD / "guest/vmlinux").exists(), reason="no kernel for utility VMs: ./dev kernel"))]


@pytest.fixture
def runhcs(host):
    root = host.work / "root"

    def call(*words, **options):
        return run("nsenter", f"--net={host.path}", BUILD / "runhcs", "--root", root, *words, **options)

    yield call
    call("delete", "--force", NAME, check=False)


def make_bundle(host, netns, isolation):
    bundle = host.work / "bundle"
    for directory in ("rootfs/bin", "rootfs/etc", "rootfs/proc", "rootfs/sys", "rootfs/dev", "rootfs/www"):
        (bundle / directory).mkdir(parents=True)
    shutil.copy("/bin/busybox", bundle / "rootfs/bin/busybox")
    for name in ("sh", "ip", "httpd", "cat", "wget"):
        (bundle / "rootfs/bin" / name).symlink_to("busybox")
    (bundle / "rootfs/www/index.html").write_text("hello from the container\n")
    for name in ("hosts", "resolv.conf"):
        (bundle / "rootfs/etc" / name).touch()
    run(BUILD / "runhcs", "spec", "--bundle", bundle)
    config = json.loads((bundle / "config.json").read_text())
    config["process"].update(terminal=False, args=["httpd", "-f", "-p", "80", "-h", "/www"])
    config["root"]["readonly"] = False
    for namespace in config["linux"]["namespaces"]:
        if namespace["type"] == "network":
            namespace["path"] = netns
    for name in ("hosts", "resolv.conf"):
        config["mounts"].append({"destination": f"/etc/{name}", "type": "bind", "options": ["bind"],
                                 "source": str(host.work / "etc" / name)})
    (bundle / "config.json").write_text(json.dumps(config))
    return bundle


@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_container(host, runhcs, isolation):
    (host.work / "etc").mkdir()
    one = host.attach("one", "-n", "bridge", "-p", "8080:80", "-m", "02:42:00:00:00:07")
    endpoint = one["endpoints"][0]
    bundle = make_bundle(host, one["netns"], isolation)
    (host.work / "etc/hosts").write_text(f"{endpoint['address']}\tbox\n")
    (host.work / "etc/resolv.conf").write_text("nameserver 9.9.9.9\n")
    # Its output is the container's for as long as that runs: no pipe that somebody reads to the end.
    with (host.work / "output").open("w+") as output:
        done = subprocess.run(["nsenter", f"--net={host.path}", BUILD / "runhcs", "--root", host.work / "root",
                               "run", "--isolation", isolation, "-d", "--bundle", bundle, NAME], check=False,
                              stdin=subprocess.DEVNULL, stdout=output, stderr=output, timeout=120)
        output.seek(0)
        assert done.returncode == 0, output.read()
    for at in (host.world_path, host.path):
        address = "192.0.2.1" if at == host.world_path else "127.0.0.1"
        deadline = time.monotonic() + 60
        while "hello from the container" not in host.sh(
                f"busybox wget -q -O - http://{address}:8080/index.html", at, check=False):
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def inside(*words):
        return runhcs("exec", NAME, *words).stdout

    addresses = inside("ip", "addr", "show", "eth0")
    assert f"inet {endpoint['address']}/16" in addresses and endpoint["mac"] in addresses
    assert "default via 10.90.0.1 dev eth0" in inside("ip", "route")
    assert inside("cat", "/etc/hosts") == f"{endpoint['address']}\tbox\n"
    assert inside("cat", "/etc/resolv.conf") == "nameserver 9.9.9.9\n"
    host.serve(host.world_path, "tcp", 7000)
    assert inside("sh", "-c", "busybox nc 192.0.2.2 7000 </dev/null") == "192.0.2.1"
    runhcs("delete", "--force", NAME)
    host.tool("detach", "one")
    assert host.leftovers() == []

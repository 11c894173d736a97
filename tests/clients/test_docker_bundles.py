"""The same flags for dockerd and for hcs: both make a bundle, and what differs is explained here.

dockerd's is what it hands to its runtime; hcs's is made by print_bundle of the unit tests, which goes the
way of `hcs run` up to the bundle. A difference that is not explained fails.
"""

import json
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from .image import write_layout

BUILD = Path(os.environ.get("HCS_BUILD", Path(__file__).resolve().parents[2] / "build"))
PRINT_BUNDLE = BUILD / "tests/unit/bundle/print_bundle"
IMAGE_TOOL = BUILD / "tests/images/image_tool"

pytestmark = pytest.mark.host_view("bundles are the same for both isolations' runtimes")


class Ours:
    def __init__(self, path):
        self.path = path
        write_layout(path / "layout", "latest")
        archive = path / "image.tar"
        with tarfile.open(archive, "w") as tar:
            tar.add(path / "layout", arcname=".")
        done = subprocess.run([IMAGE_TOOL, path / "root", "load", archive], check=True, text=True,
                              stdout=subprocess.PIPE)
        self.image = done.stdout.split()[-1]
        (path / "container").mkdir()

    def bundle(self, flags, command):
        done = subprocess.run([PRINT_BUNDLE, self.path / "root", self.path / "run", self.path / "container",
                               "--isolation", "process", *flags, self.image, *command],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              env={**os.environ, "PRINT_BUNDLE_NETNS": "/run/netns/x"})
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["bundle"]


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    for program in (PRINT_BUNDLE, IMAGE_TOOL):
        if not program.exists():
            pytest.fail(f"{program} is not built")
    return Ours(tmp_path_factory.mktemp("bundles"))


def dockers(docker, flags, command):
    id = docker.start(*command, options=flags)
    try:
        found = docker.sandbox.run(["find", "/run", docker.dir, "-path", f"*{id}*", "-name", "config.json"])
        paths = [line for line in found.stdout.split() if "containers" not in line]
        assert paths, found.stdout
        return id, json.loads(docker.sandbox.run(["cat", paths[0]]).stdout)
    finally:
        docker.docker("rm", "--force", "--volumes", id)


# To the docker of Debian; and what the root of some machines lacks, which docker passes on to its runtime.
UNKNOWN_CAPABILITIES = {"CAP_BPF", "CAP_CHECKPOINT_RESTORE", "CAP_PERFMON", "CAP_SYS_RESOURCE"}


def process(bundle, id):
    """What of `process` must be equal. docker's HOSTNAME is its id's beginning, as ours is ours'."""
    p = bundle["process"]
    capabilities = p.get("capabilities") or {}
    return {
        "args": [a for a in p["args"] if a not in ("/sbin/docker-init", "/dev/init")],
        "cwd": p["cwd"],
        "terminal": p.get("terminal", False),
        "env": sorted(e.replace(id[:12], "ID") for e in p["env"]
                      # The runtime's to add, where docker leaves it out; with a user we know it.
                      if not e.startswith("HOME=")),
        "user": (p["user"]["uid"], p["user"]["gid"], sorted(set(p["user"].get("additionalGids") or [])
                                                           | {p["user"]["gid"]})),
        "rlimits": sorted((r["type"], r["soft"], r["hard"]) for r in p.get("rlimits") or []),
        "noNewPrivileges": p.get("noNewPrivileges", False),
        # docker always says it; 0 is what it is where nothing is said.
        "oomScoreAdj": p.get("oomScoreAdj", 0),
        **{kind: sorted(set(capabilities.get(kind) or []) - UNKNOWN_CAPABILITIES)
           for kind in ("bounding", "effective", "permitted", "inheritable", "ambient")},
    }


def mounts(bundle):
    found = {}
    for m in bundle["mounts"]:
        destination = {"/sbin/docker-init": "/dev/init"}.get(m["destination"], m["destination"])
        options = set(m.get("options") or [])
        # All below a read-only bind is read-only too, as in docker since 25.
        options = {"ro" if o == "rro" else o for o in options}
        # The default of this runtime and of docker's, said by one and not by the other.
        options -= {"rw", "rprivate", "bind", "rbind", "nosuid", "nodev"} if m["type"] == "bind" else {"rw"}
        # A tmpfs is nobody's peer either way.
        options.discard("rprivate")
        # Of the same size, written otherwise.
        options = {{"size=67108864": "size=65536k", "size=1048576": "size=1m"}.get(o, o) for o in options}
        found[destination] = (m["type"], tuple(sorted(options)))
    return found


def linux(bundle):
    l = bundle["linux"]
    r = l["resources"]
    cpu, memory = dict(r.get("cpu") or {}), dict(r.get("memory") or {})
    # docker writes what was not given as 0, or as the kernel's default.
    drop = lambda d: {k: v for k, v in d.items() if v not in (0, None, False, "")}
    if cpu.get("period") == 100000 and not cpu.get("quota"):
        cpu.pop("period")
    rules = {(rule["allow"], rule.get("type") or "a", rule.get("major", -1), rule.get("minor", -1),
              rule.get("access", "rwm")) for rule in r["devices"]}
    # docker forbids by name what its first rule forbids already.
    rules.discard((False, "c", 10, 229, "rwm"))
    namespaces = {n["type"] for n in l["namespaces"]}
    # The host's, which docker joins by a handle of its own.
    if any(n["type"] == "network" and n.get("path", "").endswith("/default") for n in l["namespaces"]):
        namespaces.discard("network")
    # With cgroup v1 docker's default is the host's cgroup namespace. Ours is always the container's own.
    namespaces.discard("cgroup")
    return {
        "namespaces": namespaces,
        "cpu": drop(cpu),
        "memory": drop(memory),
        "pids": (r.get("pids") or {}).get("limit") or 0,
        "blockIO": (r.get("blockIO") or {}).get("weight") or 0,
        "devices": sorted((d["path"], d["type"], d.get("major"), d.get("minor")) for d in l.get("devices") or []
                          if not d["path"].startswith(("/dev/loop", "/dev/mapper"))),  # others make those
        "rules": rules,
        # docker has no field for the domain's name yet.
        "sysctl": {k: v for k, v in (l.get("sysctl") or {}).items() if k != "kernel.domainname"},
        "readonlyPaths": sorted(l.get("readonlyPaths") or []),
    }


def allowed(bundle):
    """System calls that are allowed whatever their arguments are, and those that are for some."""
    seccomp = bundle["linux"].get("seccomp")
    if not seccomp:
        return None, None
    plain, some = set(), set()
    for rule in seccomp["syscalls"]:
        if rule["action"] == "SCMP_ACT_ALLOW":
            (some if rule.get("args") else plain).update(rule["names"])
    return plain, some - plain


# Allowed by docker's profile since the version that Debian has: newer calls.
NEWER = {"cachestat", "fchmodat2", "futex_requeue", "futex_wait", "futex_wake", "getxattrat", "listmount",
         "listxattrat", "lsm_get_self_attr", "lsm_list_modules", "lsm_set_self_attr", "map_shadow_stack", "mseal",
         "name_to_handle_at", "pkey_alloc", "pkey_free", "pkey_mprotect", "process_vm_readv",
         "process_vm_writev", "removexattrat", "riscv_hwprobe", "set_mempolicy_home_node", "setxattrat",
         "statmount"}
# Taken out of docker's since, for their holes; of socket the family AF_VSOCK, the way to a hypervisor.
OLDER = {"io_uring_enter", "io_uring_register", "io_uring_setup", "socket"}

FLAG_SETS = [
    "",
    "--init",
    "--privileged",
    "--read-only --tmpfs /tmp:size=1m",
    "--user app --group-add 77 --workdir /srv/x",
    "--user 123:456 --env A=b --hostname box --domainname example",
    "--cap-add SYS_TIME --cap-drop KILL --cap-drop NET_RAW",
    "--cap-drop ALL --cap-add CHOWN --security-opt no-new-privileges",
    "--security-opt seccomp=unconfined --security-opt systempaths=unconfined",
    "--memory 64m --memory-swap 128m --cpus 0.5 --cpu-shares 512 --cpuset-cpus 0 --pids-limit 100",
    "--cpu-period 50000 --cpu-quota 25000 --memory-reservation 32m --memory 64m",
    "--ulimit nofile=100:200 --ulimit core=0 --oom-score-adj 100",
    "--device /dev/null:/dev/other:r --device-cgroup-rule c=10:*=rwm",
    "--pid host --uts host --network host",
    "--ipc none",
    "--shm-size 1m --sysctl net.ipv4.ip_forward=1 --tty",
    "--volume /usr:/b:ro --volume named:/c --mount type=tmpfs,target=/t,tmpfs-size=1m --volume /d",
]


@pytest.mark.parametrize("flags", FLAG_SETS, ids=lambda f: f or "none")
def test_same_flags_same_bundle(docker, ours, flags):
    flags = [f.replace("c=10:*=rwm", "c 10:* rwm") for f in flags.split()]
    command = ["sleep", "1000"]
    id, theirs = dockers(docker, flags, command)
    # What docker's own default of the network is not: print_bundle has a namespace for bridge.
    mine = ours.bundle(flags, command)
    assert process(mine, "0123456789ab") == process(theirs, id)
    assert linux(mine) == linux(theirs)
    assert mounts(mine) == mounts(theirs)
    assert mine.get("domainname") == theirs["linux"].get("sysctl", {}).get("kernel.domainname")
    assert mine.get("root", {}).get("readonly", False) == theirs["root"].get("readonly", False)
    # More is masked than by the docker of Debian, nothing less.
    assert set(theirs["linux"].get("maskedPaths") or []) <= set(mine["linux"].get("maskedPaths") or [])
    assert bool(mine["linux"].get("maskedPaths")) == bool(theirs["linux"].get("maskedPaths"))


@pytest.mark.parametrize("flags", ["", "--cap-add SYS_ADMIN", "--cap-add SYS_PTRACE --cap-add SYS_NICE",
                                   "--cap-drop ALL", "--security-opt seccomp=unconfined"],
                         ids=lambda f: f or "none")
def test_same_system_calls(docker, ours, flags):
    _, theirs = dockers(docker, flags.split(), ["sleep", "1000"])
    mine_plain, mine_some = allowed(ours.bundle(flags.split(), ["sleep", "1000"]))
    theirs_plain, theirs_some = allowed(theirs)
    if theirs_plain is None:
        assert mine_plain is None
        return
    assert " ".join(sorted(mine_plain - theirs_plain - NEWER)) == ""
    assert " ".join(sorted(theirs_plain - mine_plain - OLDER)) == ""
    assert mine_some - OLDER == theirs_some

# SPDX-License-Identifier: Apache-2.0
"""What `hcs run` makes of its flags: the configuration it stores, and the OCI bundle."""
import io
import json
import os
import pathlib
import subprocess
import tarfile

import jsonschema
import pytest

SCHEMAS = pathlib.Path(__file__).parents[2] / "data/oci-schema"
PRINT = os.environ["PRINT_BUNDLE"]
IMAGE_TOOL = os.environ["IMAGE_TOOL"]

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="the image store belongs to root")

DEFAULT_CAPS = {"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID",
                "CAP_SETUID", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SYS_CHROOT",
                "CAP_MKNOD", "CAP_AUDIT_WRITE", "CAP_SETFCAP"}


def tar(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content, mode, uid in files:
            info = tarfile.TarInfo(name)
            info.mode, info.uid, info.gid = mode, uid, uid
            if content is None:
                info.type = tarfile.DIRTYPE
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


class Service:
    def __init__(self, path):
        self.path = path
        self.root, self.run_root = path / "root", path / "run"
        self.dir = path / "container"
        self.dir.mkdir()
        archive = path / "image.tar"
        archive.write_bytes(tar([
            ("etc", None, 0o755, 0),
            ("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n", 0o644, 0),
            ("etc/group", b"root:x:0:\napps:x:1001:\nwheel:x:10:app\nextra:x:55:\n", 0o644, 0),
            ("bin", None, 0o755, 0), ("bin/sh", b"#!", 0o755, 0),
            ("data", None, 0o750, 1000), ("data/file", b"content", 0o600, 1000),
        ]))
        self.image_tool("import", archive, "docker.io/library/test:latest", 'CMD ["sh"]', "ENV IMAGE=yes",
                        "LABEL from=image", "EXPOSE 80/tcp")
        self.image_tool("import", archive, "docker.io/library/bare:latest")
        self.image_tool("import", archive, "docker.io/library/future:latest", 'CMD ["sh"]',
                        "LABEL io.hcs.kernel.min=99.1")
        self.image_tool("import", archive, "docker.io/library/withvolume:latest", 'CMD ["sh"]',
                        "VOLUME /data", "USER app")

    def image_tool(self, *args):
        subprocess.run([IMAGE_TOOL, self.root, *map(str, args)], check=True, stdout=subprocess.PIPE)

    def run(self, *args, cwd=None, env=None):
        return subprocess.run([PRINT, self.root, self.run_root, self.dir, *map(str, args)], cwd=cwd,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              env={**os.environ, "CALLERS": "value", **(env or {})})

    def make(self, *args, **kwargs):
        """(stored configuration, bundle)"""
        done = self.run(*args, **kwargs)
        assert done.returncode == 0, done.stderr
        both = json.loads(done.stdout)
        return both["config"], both["bundle"]

    def bundle(self, *args, **kwargs):
        return self.make(*args, **kwargs)[1]

    def refused(self, *args, status=1):
        done = self.run(*args)
        assert done.returncode == status, (done.stdout, done.stderr)
        assert done.stderr.count("\n") == 1, done.stderr
        return done.stderr


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    return Service(tmp_path_factory.mktemp("bundle"))


def validate(bundle):
    path = SCHEMAS / "config-schema.json"
    schema = json.loads(path.read_text())
    resolver = jsonschema.RefResolver(path.as_uri(), schema)
    bundle = dict(bundle)
    # The schema's windows section has other required members; layerFolders alone is what we take.
    bundle.pop("windows")
    jsonschema.Draft4Validator(schema, resolver=resolver).validate(bundle)


def mount(bundle, destination):
    found = [m for m in bundle["mounts"] if m["destination"] == destination]
    assert len(found) == 1, (destination, bundle["mounts"])
    return found[0]


def namespaces(bundle):
    return {n["type"]: n.get("path") for n in bundle["linux"]["namespaces"]}


FLAG_SETS = [
    [],
    ["-it", "--rm"],
    ["--privileged"],
    ["--read-only", "--tmpfs", "/tmp:size=1m", "--tmpfs", "/run"],
    ["-m", "64m", "--memory-swap", "128m", "--memory-reservation", "32m", "--cpus", "0.5", "-c", "512",
     "--cpuset-cpus", "0", "--pids-limit", "100", "--blkio-weight", "300"],
    ["--cpu-period", "50000", "--cpu-quota", "25000", "--memory-swappiness", "0", "--oom-score-adj", "100"],
    ["-u", "app:wheel", "--group-add", "extra", "--group-add", "77", "-w", "/srv/x"],
    ["--cap-add", "SYS_ADMIN", "--cap-drop", "net_raw", "--cap-drop", "CAP_KILL"],
    ["--cap-drop", "ALL", "--cap-add", "CHOWN"],
    ["--security-opt", "no-new-privileges", "--security-opt", "seccomp=unconfined",
     "--security-opt", "systempaths=unconfined", "--security-opt", "label=disable"],
    ["--ulimit", "nofile=1024:2048", "--ulimit", "core=-1", "--ulimit", "nproc=64"],
    ["--device", "/dev/null:/dev/nil:r", "--device", "/dev/net", "--device-cgroup-rule", "c 10:* rwm"],
    ["--pid", "host", "--ipc", "host", "--uts", "host", "--network", "host", "--cgroupns", "host",
     "--userns", "host"],
    ["--network", "none", "--ipc", "none", "--init", "--hostname", "box", "--domainname", "dom"],
    ["--sysctl", "net.ipv4.ip_forward=1", "--shm-size", "1g", "--stop-signal", "INT", "--stop-timeout", "3"],
    ["-v", "vol1:/vol", "-v", "/anonymous", "--mount", "type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=700",
     "--mount", "type=volume,src=vol2,dst=/w,ro,volume-nocopy"],
    ["-p", "8080:80", "-p", "127.0.0.1:9000-9001:90-91/udp", "-P", "--expose", "70-71/udp",
     "--add-host", "a:1.2.3.4", "--dns", "1.1.1.1", "--dns-search", "x.y", "--dns-option", "ndots:2",
     "--network-alias", "n", "--ip", "10.1.2.3", "--mac-address", "02:42:ac:11:00:02"],
    ["--log-driver", "json-file", "--log-opt", "max-size=10m", "--log-opt", "max-file=3",
     "--restart", "on-failure:5", "--label", "a=b", "-l", "c", "--annotation", "x.y=z"],
    ["--network", "name=one,alias=x", "--network", "two", "--cgroup-parent", "/p/q", "--platform",
     "linux/amd64", "--no-healthcheck", "--oom-kill-disable", "-m", "1g", "--storage-opt=size=1G",
     "--isolation", "hyperv"],
]


@pytest.mark.parametrize("flags", FLAG_SETS, ids=lambda f: " ".join(f)[:60] or "none")
def test_bundles_hold_to_the_schema(service, flags):
    """... and what is stored of the flags is read back the same, which print_bundle sees to."""
    if "hyperv" in flags and subprocess.run(["sh", "-c", "command -v mkfs.erofs"],
                                            stdout=subprocess.DEVNULL).returncode != 0:
        pytest.skip("mkfs.erofs is not installed")
    done = service.run(*flags, "test")
    assert done.returncode == 0, done.stderr
    validate(json.loads(done.stdout)["bundle"])


def test_defaults(service):
    config, bundle = service.make("test")
    process = bundle["process"]
    assert process["args"] == ["sh"] and process["cwd"] == "/"
    assert process["env"][:2] == ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                                  "IMAGE=yes"]
    assert "HOSTNAME=0123456789ab" in process["env"] and bundle["hostname"] == "0123456789ab"
    assert process["user"] == {"uid": 0, "gid": 0, "additionalGids": [0]}
    for which in ("bounding", "effective", "permitted"):
        assert set(process["capabilities"][which]) == DEFAULT_CAPS
    assert "inheritable" not in process["capabilities"] and "ambient" not in process["capabilities"]
    assert set(namespaces(bundle)) == {"mount", "network", "pid", "ipc", "uts", "cgroup"}
    assert mount(bundle, "/sys")["options"] == ["nosuid", "noexec", "nodev", "ro"]
    assert "size=67108864" in mount(bundle, "/dev/shm")["options"]
    assert "/proc/kcore" in bundle["linux"]["maskedPaths"]
    assert "/proc/sys" in bundle["linux"]["readonlyPaths"]
    assert bundle["linux"]["seccomp"]["defaultAction"] == "SCMP_ACT_ERRNO"
    assert bundle["linux"]["resources"]["devices"][0] == {"allow": False, "access": "rwm"}
    assert bundle["linux"]["sysctl"]["net.ipv4.ip_unprivileged_port_start"] == "0"
    assert bundle["windows"]["layerFolders"][-1].endswith("/container/scratch")
    assert bundle["linux"]["cgroupsPath"].startswith("/hcs/")
    assert config["HostConfig"]["Isolation"] == "process"
    assert config["HostConfig"]["NetworkMode"] == "bridge"
    assert config["Config"]["Labels"] == {"from": "image"}
    assert config["Config"]["ExposedPorts"] == {"80/tcp": {}}
    for file in ("hosts", "hostname", "resolv.conf"):
        assert mount(bundle, "/etc/" + file)["source"] == f"{service.dir}/{file}"
        assert (service.dir / file).exists()


def all_caps():
    """How many there are to give here."""
    status = pathlib.Path("/proc/self/status").read_text()
    return bin(int(next(l.split()[1] for l in status.splitlines() if l.startswith("CapBnd")), 16)).count("1")


def test_privileged(service):
    bundle = service.bundle("--privileged", "test")
    assert len(bundle["process"]["capabilities"]["effective"]) == all_caps()
    assert "seccomp" not in bundle["linux"]
    assert "maskedPaths" not in bundle["linux"] and "readonlyPaths" not in bundle["linux"]
    assert bundle["linux"]["resources"]["devices"] == [{"allow": True, "access": "rwm", "type": "a"}]
    assert any(d["path"] == "/dev/null" for d in bundle["linux"]["devices"])
    assert not any(d["path"].startswith(("/dev/pts/", "/dev/shm/")) for d in bundle["linux"]["devices"])
    for path in ("/sys", "/sys/fs/cgroup"):
        assert "ro" not in mount(bundle, path)["options"]


@pytest.mark.parametrize("flags, caps", [
    (["--cap-drop", "ALL"], set()),
    (["--cap-drop", "all", "--cap-add", "chown"], {"CAP_CHOWN"}),
    (["--cap-add", "SYS_TIME"], DEFAULT_CAPS | {"CAP_SYS_TIME"}),
    (["--cap-drop", "CAP_KILL"], DEFAULT_CAPS - {"CAP_KILL"}),
])
def test_capabilities(service, flags, caps):
    assert set(service.bundle(*flags, "test")["process"]["capabilities"]["bounding"]) == caps


def test_all_but(service):
    caps = service.bundle("--cap-add", "ALL", "--cap-drop", "SYS_ADMIN", "test")["process"]["capabilities"]
    assert len(caps["bounding"]) == all_caps() - 1 and "CAP_SYS_ADMIN" not in caps["bounding"]


@pytest.mark.parametrize("user, uid, gid, groups", [
    ("app", 1000, 1001, [1001, 10]), ("1000", 1000, 1001, [1001, 10]), ("app:wheel", 1000, 10, [10]),
    ("app:77", 1000, 77, [77]), ("4242", 4242, 0, [0]), ("4242:4343", 4242, 4343, [4343]),
    ("root", 0, 0, [0]), (":wheel", 0, 10, [10]),
])
def test_users(service, user, uid, gid, groups):
    process = service.bundle("-u", user, "test")["process"]
    assert process["user"] == {"uid": uid, "gid": gid, "additionalGids": groups}
    assert ("effective" in process["capabilities"]) == (uid == 0)
    if uid == 1000:
        assert "HOME=/home/app" in process["env"]


def test_users_that_are_not_there(service):
    assert "unable to find user nobody:" in service.refused("-u", "nobody", "test")
    assert "unable to find group none:" in service.refused("-u", "app:none", "test")
    assert "unable to find group none:" in service.refused("--group-add", "none", "test")


def test_groups_are_added(service):
    user = service.bundle("-u", "app", "--group-add", "extra", "--group-add", "99", "test")["process"]["user"]
    assert user["additionalGids"] == [1001, 10, 55, 99]


def test_limits(service):
    resources = service.bundle("-m", "64m", "--cpus", "1.5", "--cpu-shares", "512", "--pids-limit", "50",
                               "--cpuset-cpus", "0", "test")["linux"]["resources"]
    assert resources["memory"]["limit"] == 64 << 20
    assert resources["memory"].get("swap", 128 << 20) == 128 << 20
    assert resources["cpu"] == {"shares": 512, "quota": 150000, "period": 100000, "cpus": "0"}
    assert resources["pids"] == {"limit": 50}


def test_ulimits(service):
    limits = service.bundle("--ulimit", "nofile=10:20", "--ulimit", "core=-1", "--ulimit", "nofile=30",
                            "test")["process"]["rlimits"]
    assert limits == [{"type": "RLIMIT_NOFILE", "soft": 30, "hard": 30},
                      {"type": "RLIMIT_CORE", "soft": 2**64 - 1, "hard": 2**64 - 1}]


def test_variables(service, tmp_path):
    file = tmp_path / "env"
    file.write_text("\ufeff# comment\n\n A=file\nCALLERS\nNOT_SET\nB=x=y\n", encoding="utf-8")
    env = service.bundle("--env-file", file, "-e", "A=flag", "-e", "CALLERS", "-e", "IMAGE", "-t",
                         "test")["process"]["env"]
    assert "A=flag" in env and "B=x=y" in env and "CALLERS=value" in env and "TERM=xterm" in env
    assert not any(v.startswith(("IMAGE=", "NOT_SET")) for v in env)


def test_labels(service, tmp_path):
    file = tmp_path / "labels"
    file.write_text("a=file\nb\n")
    config, _ = service.make("--label-file", file, "-l", "a=flag", "-l", "from=user", "test")
    assert config["Config"]["Labels"] == {"a": "flag", "b": "", "from": "user"}


def test_volume_is_filled_from_the_image(service):
    bundle = service.bundle("-v", "filled:/data", "test")
    source = pathlib.Path(mount(bundle, "/data")["source"])
    assert source == service.root / "volumes/filled/_data"
    assert source.stat().st_mode & 0o777 == 0o750 and source.stat().st_uid == 1000
    assert (source / "file").read_text() == "content"
    assert (source / "file").stat().st_mode & 0o777 == 0o600
    (source / "file").write_text("changed")
    service.bundle("-v", "filled:/data", "test")
    assert (source / "file").read_text() == "changed"


def test_volume_with_nocopy_stays_empty(service):
    source = pathlib.Path(mount(service.bundle("-v", "hollow:/data:nocopy", "test"), "/data")["source"])
    assert list(source.iterdir()) == []


def test_volume_that_was_half_filled_is_filled(service):
    volume = service.root / "volumes/half"
    (volume / ".filling/old").mkdir(parents=True)
    (volume / "_data").mkdir()
    source = pathlib.Path(mount(service.bundle("-v", "half:/data", "test"), "/data")["source"])
    assert [p.name for p in source.iterdir()] == ["file"]
    assert [p.name for p in volume.iterdir()] == ["_data"]


def test_volumes_of_the_image(service):
    config, bundle = service.make("withvolume")
    assert bundle["process"]["user"]["uid"] == 1000
    assert config["Config"]["Volumes"] == {"/data": {}}
    entry, = config["HostConfig"]["Mounts"]
    assert len(entry["Source"]) == 64 and entry["Target"] == "/data"
    assert pathlib.Path(mount(bundle, "/data")["source"], "file").exists()
    _, bundle = service.make("-v", "mine:/data", "withvolume")
    assert mount(bundle, "/data")["source"].endswith("/volumes/mine/_data")


def test_binds(service, tmp_path):
    bundle = service.bundle("-v", f"{tmp_path}/new:/b:ro", "-v", "./rel:/r:rslave", "test", cwd=tmp_path)
    assert mount(bundle, "/b") == {"destination": "/b", "type": "bind", "source": f"{tmp_path}/new",
                                   "options": ["rbind", "rprivate", "rro"]}
    assert mount(bundle, "/r")["options"] == ["rbind", "rslave"]
    assert mount(bundle, "/r")["source"] == f"{tmp_path}/rel"
    assert (tmp_path / "new").is_dir() and (tmp_path / "rel").is_dir()
    assert "bind source path does not exist" in service.refused(
        "--mount", f"type=bind,src={tmp_path}/absent,dst=/x", "test")


def test_mounts_do_not_cover_each_other(service):
    order = [m["destination"] for m in service.bundle("--tmpfs", "/etc/x/y", "--tmpfs", "/etc", "--tmpfs",
                                                      "/etc/x", "test")["mounts"]]
    assert order.index("/etc") < order.index("/etc/x") < order.index("/etc/x/y")
    assert order.index("/etc") < order.index("/etc/hosts")


def test_volume_in_the_place_of_a_default_mount(service):
    bundle = service.bundle("-v", "/dev:/dev", "-v", "/etc/hosts:/etc/hosts", "test")
    assert mount(bundle, "/dev")["source"] == "/dev"
    assert mount(bundle, "/etc/hosts")["source"] == "/etc/hosts"
    assert not any(m["destination"].startswith("/dev/") for m in bundle["mounts"])


def test_devices(service):
    bundle = service.bundle("--device", "/dev/null:/dev/nil:r", "--device", "/dev/zero", "test")
    devices = {d["path"]: d for d in bundle["linux"]["devices"]}
    assert (devices["/dev/nil"]["major"], devices["/dev/nil"]["minor"]) == (1, 3)
    rules = bundle["linux"]["resources"]["devices"]
    assert {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "r"} in rules
    assert {"allow": True, "type": "c", "major": 1, "minor": 5, "access": "rwm"} in rules
    assert "not a device node" in service.refused("--device", "/etc/passwd", "test")
    assert "/dev/absent" in service.refused("--device", "/dev/absent", "test")


def test_namespaces_of_the_host(service):
    bundle = service.bundle("--pid", "host", "--ipc", "host", "--uts", "host", "--network", "host",
                            "--cgroupns", "host", "test")
    assert set(namespaces(bundle)) == {"mount"}
    assert mount(bundle, "/dev/shm")["source"] == "/dev/shm"
    assert "hostname" not in bundle and bundle["linux"]["sysctl"] == {}


def test_network_by_path(service):
    bundle = service.bundle("test", env={"PRINT_BUNDLE_NETNS": "/run/hcs/netns/x"})
    assert namespaces(bundle)["network"] == "/run/hcs/netns/x"


def test_init(service):
    bundle = service.bundle("--init", "test", "prog", "arg")
    assert bundle["process"]["args"] == ["/dev/init", "--", "prog", "arg"]
    assert "ro" in mount(bundle, "/dev/init")["options"]


def test_entrypoint(service):
    assert service.bundle("--entrypoint", "e", "test")["process"]["args"] == ["e"]
    assert service.bundle("--entrypoint", "e", "test", "a")["process"]["args"] == ["e", "a"]
    assert "no command specified" in service.refused("bare")


def test_profile_of_a_file(service, tmp_path):
    profile = tmp_path / "profile.json"
    profile.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"name": "chmod", "action": "SCMP_ACT_ERRNO"}]}))
    config, bundle = service.make("--security-opt", f"seccomp={profile}", "test")
    assert bundle["linux"]["seccomp"]["syscalls"] == [{"action": "SCMP_ACT_ERRNO", "names": ["chmod"]}]
    profile.unlink()
    assert "chmod" in config["HostConfig"]["SeccompProfile"]
    assert "opening seccomp profile" in service.refused("--security-opt", f"seccomp={profile}", "test")


def test_image_that_asks_for_a_newer_kernel(service):
    message = service.refused("future")
    assert "a container's version must match the host's" in message and "--isolation hyperv" in message
    assert "--kernel" in service.refused("--isolation", "hyperv", "future")


REFUSED = [
    (["--gpus", "all"], "--gpus"), (["--link", "x"], "--link"), (["--runtime", "runc"], "--runtime"),
    (["--health-cmd", "true"], "--health-cmd"), (["--volumes-from", "x"], "--volumes-from"),
    (["--disable-content-trust=false"], "--disable-content-trust"), (["--use-api-socket"], "--use-api-socket"),
    (["--isolation", "jail"], "--isolation"), (["--isolation", "process", "--kernel", "/bin/sh"], "--kernel"),
    (["-m", "5m"], "6MB"), (["-m", "x"], "invalid size"), (["--memory-swap", "1g"], "Memory limit"),
    (["-m", "1g", "--memory-swap", "512m"], "memoryswap"), (["--cpus", "1000"], "Range of CPUs"),
    (["--cpus", "0.0000000001"], "too precise"), (["--cpus", "1", "--cpu-quota", "5000"], "Conflicting"),
    (["--cpu-period", "1"], "cfs period"), (["--blkio-weight", "5"], "blkio weight"),
    (["--cpuset-cpus", "a"], "cpuset"), (["--oom-score-adj", "2000"], "oom score"),
    (["--ulimit", "nonsense=1"], "ulimit"), (["--ulimit", "nofile=2:1"], "soft limit"),
    (["--ulimit", "nofile"], "ulimit"), (["--cap-add", "NOT_A_CAP"], "NOT_A_CAP"),
    (["--security-opt", "label=type:x"], "SELinux"), (["--security-opt", "nonsense"], "security-opt"),
    (["--security-opt", "no-new-privileges=maybe"], "security-opt"),
    (["--network", "host", "-p", "80:80"], "conflicting"), (["--network", "none", "--ip", "1.2.3.4"], "conflicting"),
    (["--network", "a", "--network", "host"], "conflicting"), (["--network", ""], "empty"),
    (["--pid", "nonsense"], "--pid"), (["--ipc", "nonsense"], "--ipc"), (["--userns", "auto"], "--userns"),
    (["--uts", "host", "--hostname", "x"], "UTS mode"), (["--hostname", "a b"], "hostname"),
    (["--hostname", "a" * 64], "hostname"), (["-w", "relative"], "working directory"),
    (["--stop-signal", "NOPE"], "signal"), (["--stop-timeout", "-2"], "stop-timeout"),
    (["-e", "=x"], "environment variable"), (["--env-file", "/absent"], "/absent"), (["-l", "=x"], "--label"),
    (["-v", "/a:/b", "-v", "/c:/b"], "Duplicate mount point: /b"), (["-v", "/a:/b:z"], "SELinux"),
    (["--device", "null"], "--device"), (["--device", "/dev/null:/dev/x:q"], "device mode"),
    (["--device-cgroup-rule", "x 1:3 r"], "device cgroup format"), (["--add-host", "x"], "add-host"),
    (["--add-host", "x:notip"], "add-host"), (["--dns", "notip"], "not an ip address"),
    (["--ip", "1.2.3"], "IPv4"), (["--mac-address", "x"], "mac address"), (["-p", "99999:1"], "hostPort"),
    (["--expose", "0"], "expose"), (["--expose", "80/xyz"], "proto"), (["--sysctl", "x"], "KEY=VALUE"),
    (["--log-driver", "syslog"], "syslog"), (["--log-opt", "tag=x"], "tag"), (["--log-opt", "max-size=x"], "max-size"),
    (["--restart", "always", "--rm"], "--restart and --rm"), (["--restart", "x"], "restart policy"),
    (["--storage-opt", "size=1G"], "--storage-opt"), (["-a", "stdnothing"], "STDIN"), (["-d", "-a", "stdin"], "-a and -d"),
    (["--annotation", "=x"], "--annotation"), (["--oom-kill-disable"], "--oom-kill-disable"),
    (["--init", "--pid", "host"], "--init"), (["--shm-size", "-1"], "shm-size"),
]


@pytest.mark.parametrize("flags, names", REFUSED, ids=lambda v: " ".join(v) if isinstance(v, list) else v)
def test_refused_by_name(service, flags, names):
    assert names in service.refused(*flags, "test")


@pytest.mark.parametrize("flags, names", [
    (["--pid", "host"], "--pid host"), (["--ipc", "host"], "--ipc host"), (["--uts", "host"], "--uts host"),
    (["--network", "host"], "--network host"), (["--cgroupns", "host"], "--cgroupns host"),
    (["--pid", "container:x"], "--network container:x"), (["--device", "/dev/sda"], "--device /dev/sda"),
    (["-v", "/a:/b:rshared"], "rshared"), (["--network", "container:x", "--kernel", "/bin/sh"], "--kernel"),
])
def test_refused_in_a_utility_vm(service, flags, names):
    assert names in service.refused("--isolation", "hyperv", *flags, "test")


@pytest.mark.parametrize("flags", [["--frob"], ["-y"], ["--memory"], ["--rm=maybe"]])
def test_bad_flags_have_dockers_status(service, flags):
    assert "see 'hcs run --help'" in service.refused(*flags, status=125)


def test_text_that_is_not_utf8(service):
    done = service.run("-e", os.fsdecode(b"X=\xff"), "test")
    assert done.returncode == 1 and "Config.Env[2]: not UTF-8" in done.stderr

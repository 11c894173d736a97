"""Bad input: one clear line on stderr, a non-zero status, nothing left behind."""

import copy
import json
import os
import time

import pytest

import leftovers
from host import host

strict = pytest.mark.peer_lacks("checks by JSON path")
once = pytest.mark.once("refused before anything is made")


def refused(runtime, b, *says, rc=None):
    """create refuses the bundle as it stands and leaves nothing."""
    runtime.create_fails(b, says=says, rc=rc)
    runtime.leftovers.assert_none()


def raw(bundle, data):
    b = bundle()
    b.raw = data if isinstance(data, bytes) else data.encode()
    return b


# The file itself

@once
def test_no_config(runtime, bundle):
    b = bundle()
    cid = runtime.new_id()
    runtime.fails("create", "-b", b.path, cid, says="config.json")
    runtime.leftovers.assert_none()


@once
def test_no_bundle(runtime, work):
    runtime.fails("create", "-b", work / "nothing", runtime.new_id(), says="nothing")
    runtime.leftovers.assert_none()


@once
def test_bundle_is_a_file(runtime, work):
    (work / "file").write_text("")
    runtime.fails("create", "-b", work / "file", runtime.new_id(), says="file")
    runtime.leftovers.assert_none()


@once
def test_config_is_a_directory(runtime, bundle):
    b = bundle()
    (b.path / "config.json").mkdir()
    runtime.fails("create", "-b", b.path, runtime.new_id(), says="config.json")
    runtime.leftovers.assert_none()


@once
@strict
def test_config_is_a_fifo(runtime, bundle):
    """Opening it must not block."""
    b = bundle()
    os.mkfifo(b.path / "config.json")
    runtime.fails("create", "-b", b.path, runtime.new_id(), says="config.json")
    runtime.leftovers.assert_none()


@once
@strict
def test_config_is_an_endless_device(runtime, bundle):
    b = bundle()
    (b.path / "config.json").symlink_to("/dev/zero")
    runtime.fails("create", "-b", b.path, runtime.new_id(), says="config.json")
    runtime.leftovers.assert_none()


@once
@pytest.mark.parametrize("text", ["", "   ", "{", "[]", "null", "3", '"x"', "{}}", "{'a': 1}",
                                  '{"ociVersion": "1.0.2",}', "\x00", '{"a": NaN}'])
def test_not_a_json_object(runtime, bundle, text):
    if runtime.standin and text == "null":
        pytest.skip("peer: takes it for empty")
    refused(runtime, raw(bundle, text), "config.json")


@once
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_truncated(runtime, bundle, share):
    text = json.dumps(bundle("whole").spec)
    refused(runtime, raw(bundle, text[: int(len(text) * share)]), "config.json")


@once
@strict
@pytest.mark.parametrize("junk", [b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xc0\xaf"])
def test_not_utf8(runtime, bundle, junk):
    b = bundle()
    text = json.dumps(b.spec).encode()
    refused(runtime, raw(bundle, text.replace(b'"runhcs"', b'"' + junk + b'"')), "config.json")


@once
@strict
@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_deeply_nested(runtime, bundle, opening):
    refused(runtime, raw(bundle, '{"ociVersion": "1.0.2", "annotations": ' + opening * 200000),
            "config.json")


@once
@strict
def test_100_megabytes(runtime, bundle):
    """Refused by its size, at once."""
    b = bundle()
    with open(b.path / "config.json", "wb") as config:
        config.write(b'{"ociVersion": "1.0.2", "annotations": {"x": "')
        for _ in range(100):
            config.write(b"y" * (1 << 20))
        config.write(b'"}}')
    before = time.monotonic()
    runtime.fails("create", "-b", b.path, runtime.new_id(), says="config.json")
    assert time.monotonic() - before < 5
    runtime.leftovers.assert_none()


def test_unknown_fields_are_passed_over(runtime, bundle):
    """The spec's extensibility rule: a property not in the spec is no error."""
    b = bundle().sh("echo ok")
    b.spec["org.example.new"] = {"a": [1]}
    b.process["somethingNew"] = True
    b.linux["somethingNew"] = [None]
    assert runtime.run(b).out == "ok\n"


# Fields of it

BAD_FIELDS = [
    # JSON path of the change, value (... removes the field), path that the message must hold
    ("ociVersion", ..., "ociVersion"),
    ("ociVersion", 1, "ociVersion"),
    ("ociVersion", "9.0.0", "ociVersion"),
    ("ociVersion", "one", "ociVersion"),
    ("root", [], "root"),
    ("root.path", 5, "root.path"),
    ("root.path", "", "root.path"),
    ("root.readonly", "yes", "root.readonly"),
    ("hostname", 7, "hostname"),
    ("hostname", "x" * 65, "hostname"),
    ("domainname", "x" * 65, "domainname"),
    ("process", "x", "process"),
    ("process.args", ..., "process.args"),
    ("process.args", [], "process.args"),
    ("process.args", "sh", "process.args"),
    ("process.args", [1], "process.args[0]"),
    ("process.args", ["sh", None], "process.args[1]"),
    ("process.args", [""], "process.args[0]"),
    ("process.args", ["a\u0000b"], "config.json"),
    ("process.env", ["A=1", 5], "process.env[1]"),
    ("process.env", {"A": "1"}, "process.env"),
    ("process.cwd", ..., "process.cwd"),
    ("process.cwd", "", "process.cwd"),
    ("process.cwd", None, "process.cwd"),
    ("process.terminal", 1, "process.terminal"),
    ("process.user.uid", "0", "process.user.uid"),
    ("process.user.uid", -1, "process.user.uid"),
    ("process.user.uid", 4294967296, "process.user.uid"),
    ("process.user.uid", 1.5, "process.user.uid"),
    ("process.user.gid", 10 ** 30, "process.user.gid"),
    ("process.user.umask", 0o1000, "process.user.umask"),
    ("process.user.additionalGids", [1, "2"], "process.user.additionalGids[1]"),
    ("process.capabilities", [], "process.capabilities"),
    ("process.capabilities.bounding", "CAP_KILL", "process.capabilities.bounding"),
    ("process.capabilities.effective", [3], "process.capabilities.effective[0]"),
    ("process.rlimits", {}, "process.rlimits"),
    ("process.rlimits", [{"type": "RLIMIT_CORE", "soft": -1, "hard": 1}], "process.rlimits[0].soft"),
    ("process.rlimits", [{"soft": 1, "hard": 1}], "process.rlimits[0].type"),
    ("process.oomScoreAdj", "1", "process.oomScoreAdj"),
    ("process.oomScoreAdj", -1001, "process.oomScoreAdj"),
    ("process.noNewPrivileges", "true", "process.noNewPrivileges"),
    ("process.consoleSize", {"height": -1, "width": 1}, "process.consoleSize.height"),
    ("mounts", {}, "mounts"),
    ("mounts[0]", "x", "mounts[0]"),
    ("mounts[1].options", "ro", "mounts[1].options"),
    ("mounts[1].options", [1], "mounts[1].options[0]"),
    ("mounts[1].type", 1, "mounts[1].type"),
    ("mounts[1].destination", ["/dev"], "mounts[1].destination"),
    ("annotations", [], "annotations"),
    ("annotations", {"a": 1}, "annotations"),
    ("hooks", [], "hooks"),
    ("hooks", {"prestart": {}}, "hooks.prestart"),
    ("hooks", {"poststop": [{"path": 1}]}, "hooks.poststop[0].path"),
    ("linux", 5, "linux"),
    ("linux.namespaces", {}, "linux.namespaces"),
    ("linux.namespaces[0].type", "nosuch", "linux.namespaces[0].type"),
    ("linux.namespaces[0].type", ..., "linux.namespaces[0].type"),
    ("linux.namespaces[1].path", 3, "linux.namespaces[1].path"),
    ("linux.namespaces[1].path", "relative/path", "linux.namespaces[1].path"),
    ("linux.devices", [1], "linux.devices[0]"),
    ("linux.cgroupsPath", 1, "linux.cgroupsPath"),
    ("linux.resources", [], "linux.resources"),
    ("linux.resources.devices[0].access", "rwx", "linux.resources.devices[0].access"),
    ("linux.resources.devices[0].type", "q", "linux.resources.devices[0].type"),
    ("linux.resources.devices[0].major", 1 << 40, "linux.resources.devices[0].major"),
    ("linux.resources.devices[0].allow", 0, "linux.resources.devices[0].allow"),
    ("linux.resources.pids", {"limit": "x"}, "linux.resources.pids.limit"),
    ("linux.resources.cpu", {"shares": -1}, "linux.resources.cpu.shares"),
    ("linux.resources.cpu", {"period": 1.5}, "linux.resources.cpu.period"),
    ("linux.resources.blockIO", {"weight": 70000}, "linux.resources.blockIO.weight"),
    ("linux.resources.blockIO", {"throttleReadBpsDevice": [{"major": 1}]},
     "linux.resources.blockIO.throttleReadBpsDevice[0]"),
    ("linux.sysctl", {"net.ipv4.ip_forward": 1}, "linux.sysctl"),
    ("linux.seccomp", {"defaultAction": "SCMP_ACT_NOSUCH"}, "linux.seccomp.defaultAction"),
    ("linux.seccomp", {}, "linux.seccomp.defaultAction"),
    ("linux.seccomp", {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_VAX"]},
     "linux.seccomp.architectures[0]"),
    ("linux.seccomp", {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": []}]},
     "linux.seccomp.syscalls[0]"),
    ("linux.seccomp", {"defaultAction": "SCMP_ACT_ALLOW",
                       "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ERRNO",
                                     "args": [{"index": 6, "value": 1, "op": "SCMP_CMP_EQ"}]}]},
     "linux.seccomp.syscalls[0].args[0].index"),
    ("linux.seccomp", {"defaultAction": "SCMP_ACT_ALLOW",
                       "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ERRNO",
                                     "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_XX"}]}]},
     "linux.seccomp.syscalls[0].args[0].op"),
    ("linux.seccomp", {"defaultAction": "SCMP_ACT_ALLOW", "flags": ["SECCOMP_FILTER_FLAG_X"]},
     "linux.seccomp.flags[0]"),
    ("linux.maskedPaths", "x", "linux.maskedPaths"),
    ("linux.maskedPaths", [1], "linux.maskedPaths[0]"),
    ("linux.readonlyPaths", [None], "linux.readonlyPaths[0]"),
    ("linux.rootfsPropagation", 1, "linux.rootfsPropagation"),
    ("linux.uidMappings", [{"containerID": -1, "hostID": 0, "size": 1}], "linux.uidMappings[0]"),
    ("linux.timeOffsets", {"boottime": {"secs": "x"}}, "linux.timeOffsets"),
    ("linux.intelRdt", {"closID": 4}, "linux.intelRdt.closID"),
    ("vm", "x", "vm"),
]


def steps(path: str):
    for part in path.split("."):
        name, *indexes = part.replace("]", "").split("[")
        yield name
        yield from map(int, indexes)


def change(spec: dict, path: str, value) -> None:
    keys = list(steps(path))
    at = spec
    for key in keys[:-1]:
        at = at.setdefault(key, {}) if isinstance(at, dict) else at[key]
    if value is ...:
        del at[keys[-1]]
    else:
        at[keys[-1]] = copy.deepcopy(value)


@once
@strict
@pytest.mark.parametrize("path,value,named", BAD_FIELDS,
                         ids=[f"{p}={str(v)[:20]}" for p, v, _n in BAD_FIELDS])
def test_field(runtime, bundle, path, value, named):
    b = bundle()
    change(b.spec, path, value)
    refused(runtime, b, named)


@once
@pytest.mark.parametrize("field", ["root", "process"])
def test_section_missing(runtime, bundle, field):
    """process may be left out of the spec for start, but then there is nothing to run."""
    b = bundle()
    del b.spec[field]
    refused(runtime, b, field)


def test_linux_section_for_another_platform(runtime, bundle):
    """Without a linux section nothing asks for isolation: works without, or is refused by name."""
    b = bundle()
    del b.spec["linux"]
    b.spec["mounts"] = []
    result = runtime.run(b.args("true"), check=False)
    if result.rc:
        runtime.assert_error(result)
    runtime.leftovers.assert_none()


# Identities

@once
@pytest.mark.parametrize("cid", ["", ".", "..", "a/b", "../x", "/abs", "x" * 1024, "a b", "a\nb",
                                 "ü", "a\x01", "*", "a:b", "a\\b"],
                         ids=lambda c: repr(c)[:12])
@pytest.mark.parametrize("command", ["create", "run"])
def test_id(runtime, bundle, cid, command):
    b = bundle()
    b.write()
    if runtime.standin and cid in ("a:b", ".", "", "x" * 1024):
        pytest.skip("peer: its own rules for ids")
    result = runtime(command, "-b", b.path, "--", cid, check=False)
    runtime.assert_error(result, "id")
    runtime.leftovers.assert_none()


@once
@pytest.mark.parametrize("command", ["state", "start", "delete", "pause", "ps"])
@pytest.mark.parametrize("cid", ["../x", "", "a/b", ".."])
def test_id_of_other_commands(runtime, command, cid, work):
    """delete with `..` must not remove anything above the root."""
    (work / "x").mkdir()
    (work / "x/state.json").write_text("{}")
    runtime.root.mkdir(exist_ok=True)
    runtime.fails(command, cid)
    assert (work / "x/state.json").exists()
    runtime("delete", "--force", cid, check=False)
    assert (work / "x/state.json").exists()
    assert runtime.root.exists()


def test_longest_id_that_is_a_file_name(runtime, bundle):
    """Whatever the limit is, an id at or above it is refused with one line."""
    for length in (200, 256, 1025):
        cid = (runtime.mark + "-" + "x" * length)[:length]
        b = bundle()
        b.write()
        result = runtime("create", "-b", b.path, cid, check=False)
        if result.rc:
            runtime.assert_error(result, "id" if length > 255 else "")
        else:
            assert length <= 255
            runtime("delete", "--force", cid)
    runtime.leftovers.assert_none()


# What it points to

def test_rootfs_missing(runtime, bundle):
    b = bundle()
    b.spec["root"]["path"] = "nowhere"
    refused(runtime, b, "nowhere")


def test_rootfs_is_a_file(runtime, bundle):
    b = bundle()
    (b.path / "file").write_text("")
    b.spec["root"]["path"] = "file"
    refused(runtime, b, "file")


def test_rootfs_empty_directory(runtime, bundle):
    b = bundle()
    (b.path / "empty").mkdir()
    b.spec["root"]["path"] = "empty"
    b.args("/bin/sh")
    refused(runtime, b, "/bin/sh", rc=127)


def test_rootfs_symlink_loop(runtime, bundle):
    b = bundle()
    (b.path / "loop").symlink_to("loop")
    b.spec["root"]["path"] = "loop"
    refused(runtime, b, "loop")


# The state directory

def test_root_not_writable(runtime, bundle, work):
    ro = work / "ro"
    ro.mkdir()
    host("mount", "-t", "tmpfs", "-o", "ro", "tmpfs", ro)
    runtime.leftovers.rebase()
    runtime.root = ro / "root"
    refused(runtime, bundle(), str(ro))
    runtime.root = work / "root"


@once
def test_root_is_a_file(runtime, bundle, work):
    (work / "file").write_text("")
    runtime.root = work / "file"
    runtime.create_fails(bundle(), says="file")
    runtime.root = work / "root"
    runtime.leftovers.assert_none()


@once
def test_root_cannot_be_made(runtime, bundle, work):
    runtime.root = "/proc/nowhere/root"
    runtime.create_fails(bundle(), says="/proc/nowhere")
    runtime.root = work / "root"
    runtime.leftovers.assert_none()


@pytest.fixture
def small_disk(runtime, work):
    """--root on a file system of which `free` KiB are left."""
    path = work / "small"
    path.mkdir()

    def make(free: int):
        host("mount", "-t", "tmpfs", "-o", f"size={free}k,nr_inodes=64", "tmpfs", path)
        runtime.leftovers.rebase()
        runtime.root = path / "root"
        runtime.leftovers.root = runtime.root

    return make


@pytest.mark.parametrize("free", [4, 8])
def test_disk_full_while_writing_state(runtime, bundle, small_disk, free):
    """Either it fits or create fails with one line and takes everything back."""
    small_disk(free)
    runtime.root.mkdir()
    filler = runtime.root.parent / "filler"
    out = os.open(filler, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        while True:
            os.write(out, b"x" * 4096)
    except OSError:
        os.close(out)
    b = bundle()
    b.spec["annotations"] = {"big": "x" * 20000}
    result = runtime_create(runtime, b)
    assert result.rc != 0
    runtime.assert_error(result, "no space left")
    runtime.leftovers.assert_none()


def runtime_create(runtime, b):
    b.write()
    return runtime("create", "-b", b.path, runtime.new_id(), check=False)


def test_no_inodes_left(runtime, bundle, small_disk):
    small_disk(512)
    runtime.root.mkdir()
    for i in range(64):
        try:
            (runtime.root.parent / f"f{i}").touch()
        except OSError:
            break
    result = runtime_create(runtime, bundle())
    assert result.rc != 0
    runtime.assert_error(result, "no space left")
    runtime.leftovers.assert_none()


def test_pid_file_that_cannot_be_written(runtime, bundle, work):
    runtime.create_fails(bundle(), "--pid-file", work / "no/such/dir/pid", says="pid")
    runtime.leftovers.assert_none()


@pytest.mark.peer_lacks("its own words")
@pytest.mark.parametrize("text", ["", "{", "{}", "[]", '{"pid": "x"}', "\x00" * 100], ids=["empty", "open", "object", "array", "type", "zeros"])
def test_damaged_state_file(runtime, bundle, text):
    """list goes on, state says what is wrong, delete --force removes it."""
    c = runtime.start(bundle())
    pid = c.pid
    other = runtime.start(bundle())
    for base, _dirs, files in os.walk(runtime.root / c.id):
        for name in files:
            if name.endswith(".json"):
                with open(os.path.join(base, name), "w", encoding="ascii") as state:
                    state.write(text)
    runtime.fails("state", c.id, says=c.id)
    assert other.id in runtime("list", "-q", check=False).lines
    try:
        runtime("delete", "--force", c.id)
        assert c.id not in os.listdir(runtime.root)
    finally:  # where its cgroup was is known to nobody any more
        leftovers.kill(pid)
        other.delete(force=True)
        leftovers.remove_cgroups(runtime.mark)


# The command line

@once
@pytest.mark.parametrize("argv", [
    ["nosuchcommand"], ["--nosuchoption"], ["state"], ["state", "a", "b"], ["create"],
    ["create", "--nosuchoption", "x"], ["start"], ["kill"], ["exec"], ["delete"], ["pause"],
    ["list", "--format", "xml"], ["--log-format", "xml", "list"], ["ps"], ["update"],
    ["create", "-b"], ["list", "extra"], ["events"]], ids=" ".join)
def test_usage(runtime, argv):
    """Usage errors are one line too (with a pointer to --help), status non-zero."""
    if runtime.standin:
        pytest.skip("peer: prints its help")
    result = runtime(*argv, check=False)
    runtime.assert_error(result)


@pytest.mark.once("how state prints")
def test_output_that_cannot_be_written(runtime, bundle):
    """state >/dev/full is a failure."""
    c = runtime.create(bundle())
    if runtime.standin:
        pytest.skip("peer: does not look")
    with open("/dev/full", "wb") as full:
        result = runtime("state", c.id, check=False, stdout=full)
    assert result.rc != 0

"""What commands print: state, list, ps, events, features, spec."""

import datetime
import json
import os
import re
import time

import pytest

from bundle import DEFAULT_SPEC
from runtime import until

MIB = 1 << 20


def instant(text: str) -> datetime.datetime:
    """RFC 3339 with any number of fractional digits."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)", text)
    assert match, text
    return datetime.datetime.fromisoformat(match.group(1) + match.group(3).replace("Z", "+00:00"))


def test_state(runtime, bundle):
    b = bundle()
    b.spec["annotations"] = {"k": "v"}
    before = time.time()
    c = runtime.start(b)
    state = c.state()
    assert state["ociVersion"].startswith("1.")
    assert state["id"] == c.id
    assert state["status"] == "running"
    assert state["bundle"] == str(b.path)
    assert state["rootfs"] == str(b.rootfs)
    assert state["annotations"] == {"k": "v"}
    assert os.path.exists(f"/proc/{state['pid']}")
    assert abs(instant(state["created"]).timestamp() - before) < 5
    assert "owner" in state
    if not runtime.standin:
        assert state["owner"] == "root"
        assert state["isolation"] == runtime.isolation


def test_state_of_a_stopped_container_has_no_pid(runtime, bundle):
    c = runtime.start(bundle().args("true"))
    c.wait_stopped()
    assert c.state()["pid"] == 0


@pytest.mark.once("the list is the store's")
@pytest.mark.peer_lacks("--owner")
def test_owner_option(runtime, bundle):
    runtime.globals = ["--owner", "alice"]
    c = runtime.create(bundle())
    runtime.globals = []
    assert c.state()["owner"] == "alice"
    assert "alice" in runtime("list").out


@pytest.mark.once("the list is the store's")
def test_list_of_nothing(runtime):
    """Without any container: the header alone, an empty JSON list, and no error."""
    assert runtime("list").out.split()[:6] == ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]
    assert runtime("list", "-q").out == ""
    assert runtime("list", "-f", "json").json in ([], None)


def test_list_table(runtime, bundle):
    running = runtime.start(bundle())
    created = runtime.create(bundle())
    lines = runtime("list").lines
    assert lines[0].split()[:6] == ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]
    rows = {line.split()[0]: line.split() for line in lines[1:]}
    assert set(rows) == {running.id, created.id}
    for c, status in ((running, "running"), (created, "created")):
        row = rows[c.id]
        assert row[1:4] == [str(c.pid), status, str(c.bundle.path)]
        instant(row[4])
        assert row[5] == "root"
        if not runtime.standin:
            assert row[6] == runtime.isolation


@pytest.mark.once("the list is the store's")
def test_list_columns_line_up(runtime, bundle):
    runtime.create(bundle(), cid=runtime.new_id("-a-long-name-that-is-wider-than-the-header"))
    runtime.create(bundle(), cid=runtime.new_id())
    lines = runtime("list").lines
    column = lines[0].index("PID")
    assert all(line[column - 1] == " " and line[column] != " " for line in lines)


def test_list_json(runtime, bundle):
    c = runtime.start(bundle())
    (entry,) = runtime("list", "--format", "json").json
    state = c.state()
    for key in ("id", "pid", "status", "bundle", "rootfs", "created", "owner"):
        if key in entry or not runtime.standin:
            assert entry[key] == state[key] or key == "owner"
    assert entry["owner"] == "root"


@pytest.mark.once("the list is the store's")
def test_list_quiet(runtime, bundle):
    ids = sorted(runtime.create(bundle()).id for _ in range(3))
    assert sorted(runtime("list", "--quiet").lines) == ids


@pytest.mark.once("the list is the store's")
def test_list_passes_over_strangers(runtime, bundle):
    """A file or an empty directory in the root is no container and no reason to fail."""
    c = runtime.create(bundle())
    (runtime.root / "stray-file").write_text("")
    (runtime.root / "stray-directory").mkdir()
    assert c.id in runtime("list", "-q", check=False).lines
    (runtime.root / "stray-file").unlink()
    (runtime.root / "stray-directory").rmdir()


def test_ps_table(runtime, bundle):
    c = runtime.start(bundle().sh("sleep 1001 & sleep 1002 & wait"))
    until(lambda: len(runtime("ps", c.id).lines) == 4)
    lines = runtime("ps", c.id).lines
    assert "PID" in lines[0] and "CMD" in lines[0]
    assert len(lines) == 4
    assert str(c.init_in_ps) in lines[1]
    assert runtime("ps", "-f", "table", c.id).lines[0] == lines[0]


def test_ps_json(runtime, bundle):
    """Pids of the host, where engines look them up: in a VM those that stand for the processes."""
    c = runtime.start(bundle())
    c.exec("sleep", "1001", options=["-d"])
    until(lambda: len(runtime("ps", "-f", "json", c.id).json) == 2)
    pids = runtime("ps", "--format", "json", c.id).json
    assert c.pid in pids
    assert all(os.path.exists(f"/proc/{pid}") for pid in pids)


def test_ps_options(runtime, bundle):
    c = runtime.start(bundle())
    out = runtime("ps", c.id, "-o", "pid,comm").lines
    assert out[0].split() == ["PID", "COMMAND"]
    assert out[1].split() == [str(c.init_in_ps), "sleep"]


def test_ps_of_a_stopped_container(runtime, bundle):
    c = runtime.start(bundle().args("true"))
    c.wait_stopped()
    result = runtime("ps", "-f", "json", c.id, check=False)
    assert result.rc != 0 or result.json in ([], None)


def test_events_stats(runtime, bundle):
    b = bundle()
    b.resources["memory"] = {"limit": 64 * MIB}
    b.resources["pids"] = {"limit": 20}
    c = runtime.start(b)
    event = runtime("events", "--stats", c.id).json
    assert event["type"] == "stats"
    assert event["id"] == c.id
    data = event["data"]
    assert data["memory"]["usage"]["limit"] == 64 * MIB
    assert data["memory"]["usage"]["usage"] > 0
    assert data["pids"]["current"] == 1
    assert data["pids"]["limit"] == 20
    assert data["cpu"]["usage"]["total"] > 0
    assert "throttling" in data["cpu"]
    assert "blkio" in data


def test_events_stats_count(runtime, bundle):
    """The figures move with what the container does."""
    c = runtime.start(bundle().sh("i=0; while [ $i -lt 50000 ]; do i=$((i+1)); done; echo done; sleep 1000"))
    first = runtime("events", "--stats", c.id).json["data"]["cpu"]["usage"]["total"]
    c.until_output("done")
    assert runtime("events", "--stats", c.id).json["data"]["cpu"]["usage"]["total"] > first


def test_events_repeat(runtime, bundle):
    c = runtime.start(bundle())
    events = runtime.spawn("events", "--interval", "100ms", c.id)
    until(lambda: len([l for l in events.out.splitlines() if l]) >= 3)
    for line in events.out.splitlines():
        assert json.loads(line)["type"] == "stats"
    c.kill("KILL")
    if runtime.standin:
        events.stop()  # runc on v1 goes on for ever
    else:
        events.wait()


@pytest.mark.once("refused before anything is made")
@pytest.mark.parametrize("interval", ["0", "-1s", "x", "0ms", "99999999999999h"])
def test_events_interval_refused(runtime, bundle, interval):
    c = runtime.start(bundle())
    if runtime.standin and interval == "0":
        pytest.skip("peer")
    runtime.fails("events", f"--interval={interval}", c.id, says="interval", timeout=5)


def test_events_oom(runtime, bundle):
    b = bundle()
    b.resources["memory"] = {"limit": 16 * MIB, "swap": 16 * MIB}
    c = runtime.start(b)
    events = runtime.spawn("events", "--interval", "1h", c.id)
    time.sleep(0.2)
    c.exec("tail", "/dev/zero", check=False)

    def oom():
        return [line for line in events.out.splitlines() if json.loads(line)["type"] == "oom"]

    assert json.loads(until(oom)[0])["id"] == c.id
    events.stop()


@pytest.mark.peer_lacks("features is newer than 1.1")
class TestFeatures:
    @pytest.fixture
    def features(self, runtime):
        return runtime("features").json

    @pytest.mark.once("no container is made")
    def test_versions(self, features):
        assert features["ociVersionMin"].startswith("1.0")
        assert features["ociVersionMax"].startswith("1.3")

    @pytest.mark.once("no container is made")
    def test_hooks(self, features):
        assert set(features["hooks"]) == {"prestart", "createRuntime", "createContainer",
                                          "startContainer", "poststart", "poststop"}

    @pytest.mark.once("no container is made")
    def test_mount_options(self, features):
        assert {"ro", "rw", "bind", "rbind", "nosuid", "rro", "rslave", "idmap", "ridmap",
                "tmpcopyup"} <= set(features["mountOptions"])

    @pytest.mark.once("no container is made")
    def test_namespaces(self, features):
        assert set(features["linux"]["namespaces"]) == {
            "pid", "network", "ipc", "uts", "mount", "user", "cgroup", "time"}

    @pytest.mark.once("no container is made")
    def test_capabilities(self, features):
        names = features["linux"]["capabilities"]
        assert "CAP_SYS_ADMIN" in names and "CAP_CHECKPOINT_RESTORE" in names

    @pytest.mark.once("no container is made")
    def test_cgroup(self, features):
        cgroup = features["linux"]["cgroup"]
        assert cgroup["v1"] is True and cgroup["v2"] is True and cgroup["systemd"] is True

    @pytest.mark.once("no container is made")
    def test_seccomp(self, features):
        seccomp = features["linux"]["seccomp"]
        assert seccomp["enabled"] is True
        assert {"SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_NOTIFY"} <= set(seccomp["actions"])
        assert "SCMP_CMP_MASKED_EQ" in seccomp["operators"]
        assert "SCMP_ARCH_X86_64" in seccomp["archs"]

    @pytest.mark.once("no container is made")
    def test_extensions(self, features):
        assert features["linux"]["mountExtensions"]["idmap"]["enabled"] is True
        assert isinstance(features["linux"]["apparmor"]["enabled"], bool)
        assert isinstance(features["linux"]["selinux"]["enabled"], bool)
        assert features["linux"]["netDevices"]["enabled"] is True

    def test_claims_hold(self, runtime, bundle, features):
        """Every namespace that features lists can be asked for."""
        b = bundle().sh("echo ok").map_user()
        for kind in features["linux"]["namespaces"]:
            b.namespace(kind)
        assert runtime.run(b).out == "ok\n"


@pytest.mark.once("no container is made")
def test_spec(runtime, work):
    runtime("spec", cwd=work)
    spec = json.loads((work / "config.json").read_text())
    spec["process"]["capabilities"].pop("ambient", None)
    spec["process"]["capabilities"].pop("inheritable", None)
    expected = json.loads(json.dumps(DEFAULT_SPEC))
    assert spec.pop("ociVersion").startswith("1.")
    expected.pop("ociVersion")
    assert spec.pop("hostname")
    expected.pop("hostname")
    for s in (spec, expected):  # order and newer members of these lists are the runtime's choice
        s["linux"]["maskedPaths"] = [p for p in s["linux"]["maskedPaths"]
                                     if p in DEFAULT_SPEC["linux"]["maskedPaths"]]
        s["linux"]["namespaces"] = [n for n in s["linux"]["namespaces"] if n["type"] != "cgroup"]
        s["linux"]["maskedPaths"].sort()
        s["linux"]["namespaces"].sort(key=lambda n: n["type"])
    assert spec == expected


@pytest.mark.once("no container is made")
def test_spec_bundle_option(runtime, work):
    (work / "b").mkdir()
    runtime("spec", "--bundle", work / "b")
    assert (work / "b/config.json").exists()


@pytest.mark.once("no container is made")
def test_spec_does_not_overwrite(runtime, work):
    (work / "config.json").write_text("mine")
    runtime.fails("spec", cwd=work, says="config.json")
    assert (work / "config.json").read_text() == "mine"


def test_spec_runs(runtime, bundle):
    """What spec prints is a container that works."""
    b = bundle()
    runtime("spec", "-b", b.path)
    b.spec = json.loads((b.path / "config.json").read_text())
    b.process["terminal"] = False
    assert runtime.run(b.sh("echo ok")).out == "ok\n"


@pytest.mark.once("no container is made")
def test_spec_rootless(runtime, work):
    runtime("spec", "--rootless", cwd=work)
    spec = json.loads((work / "config.json").read_text())
    assert "user" in [n["type"] for n in spec["linux"]["namespaces"]]
    assert spec["linux"]["uidMappings"][0]["containerID"] == 0
    assert "resources" not in spec["linux"]

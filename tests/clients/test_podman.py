"""What a user of `podman --runtime` relies on."""

import json
import re

import pytest

from .cgroup import MEMORY_LIMIT_INSIDE, UNIFIED
from .image import NOT_EXECUTABLE
from .registry import IMAGE
from .sandbox import wait_for

SYSTEMD_CGROUP = "/sys/fs/cgroup" if UNIFIED else "/sys/fs/cgroup/systemd"
SERVICE = ("catch-term",)


def start(podman, *options, command=SERVICE):
    return podman.start(*command, options=options)


def status(podman, id):
    return podman.inspect(id)["State"]["Status"]


def execute(podman, id, *command, options=(), **kwargs):
    return podman.podman("exec", *options, id, *command, **kwargs)


def output(podman, command, *options):
    return " ".join(podman.run("sh", "-c", command, options=("--rm", *options)).stdout.split())


def wait_ready(podman, id):
    wait_for(lambda: "ready" in podman.podman("logs", id).stdout, "the service to be ready")


def test_output_and_exit_status_come_back(podman):
    result = podman.run("sh", "-c", "echo out; echo err >&2; exit 3", check=False)
    assert (result.stdout, result.stderr, result.returncode) == ("out\n", "err\n", 3)


def test_input_reaches_the_container(podman):
    result = podman.run("cat", options=("--rm", "--interactive"), input="line\n" * 20000)
    assert result.stdout == "line\n" * 20000


@pytest.mark.parametrize("program, code, reason", [
    # podman matches the runtime's message against these to tell 126 and 127 from 125.
    ("no-such-program", 127, "executable file .?no-such-program.? not found|"
                             "executable file not found in [$]PATH"),
    ("/no/such/program", 127, "(?i)no such file or directory"),
    (f"/{NOT_EXECUTABLE}", 126, "(?i)permission denied"),
])
def test_programs_that_cannot_run(podman, program, code, reason):
    result = podman.run(program, check=False)
    assert result.returncode == code
    assert re.search(reason, result.stderr)


def test_run_on_a_terminal(podman):
    with podman.terminal(*podman.run_args(("sh",), ("--rm", "-it")), rows=31,
                         columns=97) as terminal:
        terminal.expect("# ")
        terminal.send("until stty size | grep '31 97'; do sleep 0.1; done; echo size-is-$?\n")
        terminal.expect("size-is-0")
        terminal.resize(40, 120)
        terminal.send("until stty size | grep '40 120'; do sleep 0.1; done; echo now-$?\n")
        terminal.expect("now-0")
        terminal.send("sh -c 'echo now-$((1+2)); exec sleep 100'\n")
        terminal.expect("now-3")
        terminal.send("\x03")  # the line discipline inside makes it SIGINT
        terminal.expect("# ")
        terminal.send("echo status-$?\n")
        terminal.expect("status-130")
        terminal.send("exit 7\n")
        assert terminal.wait() == 7
        assert terminal.restored()


def test_exec_on_a_terminal(podman):
    id = start(podman)
    with podman.terminal("exec", "-it", id, "sh", rows=33, columns=99) as terminal:
        terminal.expect("# ")
        terminal.send("until stty size | grep '33 99'; do sleep 0.1; done; echo size-is-$?\n")
        terminal.expect("size-is-0")
        terminal.send("exit 4\n")
        assert terminal.wait() == 4
        assert terminal.restored()


def test_exec_enters_the_container(podman):
    id = start(podman, "--hostname", "box")
    result = execute(podman, id, "sh", "-c", "hostname; id -u; id -G; pwd; echo $A $FROM_IMAGE; "
                                             "cat /proc/1/comm; exit 5",
                     options=("--user", "app", "--workdir", "/home/app", "--env", "A=b"),
                     check=False)
    assert result.stdout.splitlines() == ["box", "1000", "1000 1234", "/home/app", "b yes",
                                          "catch-term"]
    assert result.returncode == 5


def test_exec_with_input(podman):
    id = start(podman)
    assert execute(podman, id, "cat", options=("--interactive",), input="in\n").stdout == "in\n"


def test_detached_exec(podman):
    id = start(podman)
    execute(podman, id, "sleep", "600", options=("--detach",))
    wait_for(lambda: "sleep 600" in execute(podman, id, "ps").stdout, "the detached exec")


@pytest.mark.parametrize("program, code", [
    ("no-such-program", 127), (f"/{NOT_EXECUTABLE}", 126)])
def test_exec_of_programs_that_cannot_run(podman, program, code):
    id = start(podman)
    assert execute(podman, id, program, check=False).returncode == code
    assert status(podman, id) == "running"


def test_logs_hold_both_streams(podman):
    id = podman.start("sh", "-c", "echo out; echo err >&2")
    podman.podman("wait", id)
    logs = podman.podman("logs", id)
    assert (logs.stdout, logs.stderr) == ("out\n", "err\n")


def test_stop_lets_the_service_end_by_itself(podman):
    id = start(podman)
    wait_ready(podman, id)
    podman.podman("stop", "--time", "20", id)
    assert podman.inspect(id)["State"]["ExitCode"] == 42
    assert podman.podman("logs", id).stdout.split() == ["ready", "caught"]


def test_stop_kills_what_does_not_listen(podman):
    id = start(podman, command=("sleep", "600"))
    podman.podman("stop", "--time", "1", id)
    assert podman.inspect(id)["State"]["ExitCode"] == 128 + 9


def test_kill_with_a_signal_of_ones_own(podman):
    id = start(podman, command=("sh", "-c", "trap 'exit 10' USR1; echo ready; "
                                            "while :; do sleep 1 & wait $!; done"))
    wait_ready(podman, id)
    podman.podman("kill", "--signal", "USR1", id)
    assert podman.podman("wait", id).stdout.strip() == "10"


def test_remove_needs_force_while_it_runs(podman):
    id = start(podman)
    assert podman.podman("rm", id, check=False).returncode != 0
    podman.podman("rm", "--force", "--time", "0", id)
    assert podman.podman("ps", "--all", "--quiet").stdout == ""


def test_created_container_starts_later(podman):
    id = podman.podman("create", "--cgroup-parent", podman.cgroup_parent, "--network", "none",
                       IMAGE, "echo", "late").stdout.strip()
    assert status(podman, id) == "created"
    assert podman.podman("start", "--attach", id).stdout == "late\n"


def test_initialised_container_waits_for_start(podman):
    # podman init is the runtime's create without its start.
    id = podman.podman("create", "--cgroup-parent", podman.cgroup_parent, "--network", "none",
                       IMAGE, "touch", "/root/ran").stdout.strip()
    podman.podman("init", id)
    assert status(podman, id) == "initialized"
    assert "/root/ran" not in podman.podman("diff", id).stdout
    podman.podman("start", id)
    podman.podman("wait", id)
    assert "/root/ran" in podman.podman("diff", id).stdout


def test_stopped_container_starts_again(podman):
    id = start(podman, command=("sh", "-c", "echo x >>/root/runs; wc -l </root/runs"))
    podman.podman("wait", id)
    podman.podman("start", "--attach", id)
    assert podman.podman("logs", id).stdout.split() == ["1", "2"]


def test_pause_stops_time_and_unpause_starts_it(podman):
    id = start(podman, command=("sh", "-c", "while :; do echo; usleep 20000; done"))

    def ticks():
        return len(podman.podman("logs", id).stdout)

    wait_for(ticks, "the first tick")
    podman.podman("pause", id)
    assert status(podman, id) == "paused"
    podman.sandbox.run(["sleep", "0.2"])  # what was written before is still on its way
    before = ticks()
    podman.sandbox.run(["sleep", "0.3"])
    assert ticks() == before
    podman.podman("unpause", id)
    assert status(podman, id) == "running"
    wait_for(lambda: ticks() > before, "time to go on")


def test_inspect_knows_process_and_runtime(podman, isolation):
    id = start(podman)
    inspected = podman.inspect(id)
    assert inspected["OCIRuntime"] == podman.runtime
    name = "catch-term" if isolation == "process" else "vmproc"
    assert name in podman.sandbox.processes()[inspected["State"]["Pid"]]
    assert inspected["State"]["Running"]


def test_top_and_stats(podman, isolation):
    id = start(podman, "--memory", "64m")
    name = "catch-term" if isolation == "process" else "vmproc"
    assert name in podman.podman("top", id, "pid", "args").stdout
    stats = json.loads(podman.podman("stats", "--no-stream", "--format", "json", id).stdout)[0]
    if isolation == "process":  # of a VM there is no limit but its size
        assert stats["mem_usage"].endswith("/ 67.11MB")
    assert int(stats["pids"]) >= 1


def test_too_much_memory_is_killed_and_noticed(podman, isolation):
    # conmon looks up the memory cgroup by /proc/PID/cgroup between create and start. Debian's
    # writes the news to its working directory, where Debian's podman does not look for it:
    # so not OOMKilled in podman inspect, but the file is the proof.
    news = podman.sandbox.workdir / "oom"
    news.unlink(missing_ok=True)
    id = podman.start("eat-memory", options=("--memory", "24m", "--memory-swap", "24m"))
    assert podman.podman("wait", id).stdout.strip() == str(128 + 9)
    # It watches the cgroup on the host; in a VM the kill is the guest's.
    assert news.exists() or isolation == "hyperv"


def test_health_check(podman):
    # An exec as the health check does it; there is no systemd timer to call it.
    id = start(podman, "--health-cmd", "test -e /tmp/healthy", "--health-interval", "disable",
               "--health-retries", "1")
    assert podman.podman("healthcheck", "run", id, check=False).returncode == 1
    execute(podman, id, "touch", "/tmp/healthy")
    assert podman.podman("healthcheck", "run", id, check=False).returncode == 0


@pytest.mark.parametrize("options, command, answer", [
    ("--user app", "id -u; id -g; id -G", "1000 1000 1000 1234"),
    ("--read-only", "touch /x 2>/dev/null; echo $?; touch /tmp/x; echo $?", "1 0"),
    ("--tmpfs /new:size=1m,mode=700", "stat -c %a /new; df -k /new | awk 'END {print $2}'",
     "700 1024"),
    ("--cap-drop ALL", "grep -E 'Cap(Inh|Prm|Eff|Bnd|Amb)' /proc/self/status | cut -f2",
     " ".join(["0" * 16] * 5)),
    # podman makes the capabilities of an ordinary user ambient.
    ("--user app --cap-add NET_RAW", "grep -E 'CapAmb' /proc/self/status | cut -f2",
     f"{1 << 13:016x}"),
    ("--security-opt no-new-privileges", "grep NoNewPrivs /proc/self/status", "NoNewPrivs: 1"),
    # Its own program for this, catatonit, is only recommended by podman's package.
    ("--init --init-path /usr/bin/docker-init", "cat /proc/1/comm", "podman-init"),
    # Both: one --ulimit alone makes podman ask for 1048576 processes again.
    ("--ulimit nofile=100:200 --ulimit nproc=500:1000", "ulimit -Sn; ulimit -Hn", "100 200"),
    ("--sysctl net.ipv4.ip_default_ttl=33", "cat /proc/sys/net/ipv4/ip_default_ttl", "33"),
    ("--memory 32m", MEMORY_LIMIT_INSIDE, str(32 << 20)),
    ("--shm-size 1m", "df -k /dev/shm | awk 'END {print $2}'", "1024"),
    ("--network none", "ls /sys/class/net", "lo"),
    ("--cgroupns private", "grep -vc ':/$' /proc/self/cgroup", "0"),
    ("--uidmap 0:100000:65536 --gidmap 0:200000:65536",
     "id -u; cat /proc/self/uid_map /proc/self/gid_map; stat -c %u:%g /bin/busybox",
     "0 0 100000 65536 0 200000 65536 0:0"),
    pytest.param("--systemd=always", "mount | grep -c 'on /run type tmpfs'; test -w "
                 f"{SYSTEMD_CGROUP}/cgroup.procs; echo $?", "1 0",
                 marks=pytest.mark.host_view("podman binds the host's cgroups")),
    ("--mount type=tmpfs,destination=/dst,ro", "touch /dst/x 2>/dev/null; echo $?", "1"),
    ("--umask 0077", "umask", "0077"),
    pytest.param("--pid host", "test -d /proc/$PPID; cat /proc/1/comm", "docker-init",
                 marks=pytest.mark.host_view("the host's processes cannot be a VM's")),
    ("--security-opt seccomp=unconfined", "grep Seccomp: /proc/self/status", "Seccomp: 0"),
    ("", "grep Seccomp: /proc/self/status", "Seccomp: 2"),
    ("--security-opt mask=/etc/group", "wc -c </etc/group", "0"),
])
def test_options(podman, options, command, answer):
    assert output(podman, command + " || true", *options.split()) == answer


def test_bind_mount_with_options(podman):
    shared = podman.dir / "shared"
    shared.mkdir(exist_ok=True)
    (shared / "from-host").write_text("host\n")
    assert output(podman, "cat /mnt/from-host; touch /mnt/x 2>/dev/null; echo $?; "
                          "grep ' /mnt ' /proc/mounts | grep -c noexec",
                  "-v", f"{shared}:/mnt:ro,noexec") == "host 1 1"


def test_hook_from_a_hooks_directory(podman):
    hooks = podman.dir / "hooks"
    hooks.mkdir(exist_ok=True)
    seen = podman.dir / "hook-state.json"
    script = hooks / "save-state"
    script.write_text(f"#!/bin/sh\ncat >{seen}\n")
    script.chmod(0o755)
    (hooks / "save.json").write_text(json.dumps({
        "version": "1.0.0", "hook": {"path": str(script)}, "when": {"always": True},
        "stages": ["createRuntime"]}))
    id = podman.podman("--hooks-dir", hooks, *podman.run_args(("true",), ("--detach",))
                       ).stdout.strip()
    state = json.loads(seen.read_text())
    assert state["id"] == id
    assert state["pid"] > 0


def test_bridge_network(podman):
    server = start(podman, "--network", "bridge", "--publish", "127.0.0.1:8081:80", command=(
        "sh", "-c", "echo page >/tmp/index.html; exec httpd -f -p 80 -h /tmp"))
    address = podman.inspect(server)["NetworkSettings"]["IPAddress"]
    assert wait_for(lambda: podman.sandbox.fetch(f"http://{address}/"), "the server") == "page\n"
    assert output(podman, f"wget -q -O - http://{address}/", "--network", "bridge") == "page"


@pytest.fixture
def pod(podman):
    # podman's own infra image is made of catatonit; any program that waits will do.
    podman.podman("pod", "create", "--name", "pod", "--cgroup-parent", podman.cgroup_parent,
                  "--network", "none", "--infra-image", IMAGE, "--infra-command", "catch-term")
    return "pod"


NAMESPACES = "for n in net ipc uts; do readlink /proc/self/ns/$n; done"


def test_containers_of_a_pod_share_namespaces(podman, pod):
    start(podman, "--pod", pod, "--name", "one", command=(
        "sh", "-c", "echo page >/tmp/index.html; exec httpd -f -p 8000 -h /tmp"))
    start(podman, "--pod", pod, "--name", "two", command=("sleep", "600"))
    shared = [execute(podman, name, "sh", "-c", NAMESPACES).stdout for name in ("one", "two")]
    assert shared[0] == shared[1]
    assert len(shared[0].split()) == 3
    for kind in ("pid", "mnt"):
        own = {execute(podman, name, "readlink", f"/proc/self/ns/{kind}").stdout
               for name in ("one", "two")}
        assert len(own) == 2
    assert wait_for(lambda: execute(podman, "two", "wget", "-q", "-O", "-",
                                    "http://127.0.0.1:8000/", check=False).stdout,
                    "the neighbour to answer") == "page\n"
    assert execute(podman, "two", "hostname").stdout.strip() == "pod"


def test_pod_is_paused_stopped_started_and_removed_whole(podman, pod, isolation):
    for name in ("one", "two"):
        start(podman, "--pod", pod, "--name", name)
        wait_ready(podman, name)
    podman.podman("pod", "pause", pod)
    assert [status(podman, name) for name in ("one", "two")] == ["paused"] * 2
    podman.podman("pod", "unpause", pod)
    podman.podman("pod", "stop", "--time", "20", pod)
    codes = [podman.inspect(name)["State"]["ExitCode"] for name in ("one", "two")]
    # podman tells the infra container to end at the same time; the pod's VM ends with it.
    assert codes == [42, 42] or isolation == "hyperv" and set(codes) <= {42, 137}
    podman.podman("pod", "start", pod)
    assert [status(podman, name) for name in ("one", "two")] == ["running"] * 2
    podman.podman("pod", "rm", "--force", "--time", "0", pod)
    assert podman.podman("ps", "--all", "--quiet").stdout == ""

"""run and create: what their flags promise, as it is seen from inside, in either isolation.

What the flags become in the bundle, and what is refused, is in tests/unit/bundle.
"""

import os
import signal
import time

import pytest

from terminal import Screen


def inside(service, command, *flags, **options):
    return " ".join(service("run", "--rm", *flags, "nano", "sh", "-c", command, **options).stdout.split())


# One container for many flags: in a utility VM each costs a boot.
def test_process_and_limits(service):
    answer = inside(service, "id -u; id -g; id -G; pwd; echo $A $B $HOSTNAME; hostname; ulimit -n; ulimit -Hn; "
                    "touch /x 2>/dev/null; echo ro=$?; touch /run/x; echo run=$?; "
                    "cat /proc/sys/net/ipv4/ip_default_ttl; grep -c other /etc/hosts; ls /dev/nil; "
                    "sed -n 's/NoNewPrivs:.//p;s/Seccomp:.//p;s/CapBnd:.//p' /proc/self/status",
                    "-u", "maria", "--group-add", "77", "-w", "/new/dir", "-e", "A=1", "-e", "B=x y",
                    "--hostname", "box", "--ulimit", "nofile=100:200", "--read-only", "--tmpfs", "/run:mode=1777",
                    "--sysctl", "net.ipv4.ip_default_ttl=33", "--add-host", "other:10.0.0.1",
                    "--security-opt", "no-new-privileges", "--cap-drop", "ALL", "--cap-add", "CHOWN",
                    "--device", "/dev/null:/dev/nil")
    assert answer == ("1234 1234 1234 50 77 /new/dir 1 x y box box 100 200 ro=1 run=0 33 1 /dev/nil "
                      "0000000000000001 1 2")


def test_memory_and_shm(service):
    answer = inside(service, "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes "
                    "2>/dev/null; cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max 2>/dev/null; "
                    "dd if=/dev/zero of=/dev/shm/x bs=1k count=2000 2>/dev/null; wc -c </dev/shm/x",
                    "-m", "64m", "--pids-limit", "50", "--shm-size", "1m")
    assert answer == f"{64 << 20} 50 {1 << 20}"


def test_volumes(service, tmp_path):
    (tmp_path / "given").write_text("from the host\n")
    answer = inside(service, "cat /ro/given; touch /ro/x 2>/dev/null; echo $?; echo back >/rw/file; echo kept >/vol/file",
                    "-v", f"{tmp_path}:/ro:ro", "-v", f"{tmp_path}/made:/rw", "-v", "vol1:/vol")
    assert answer == "from the host 1"
    assert (tmp_path / "made/file").read_text() == "back\n"
    assert inside(service, "cat /again/file", "--mount", "type=volume,src=vol1,dst=/again,ro") == "kept"


def test_volume_has_what_the_image_has(service):
    assert inside(service, "cat /etc/passwd | wc -l; echo x >/etc/new", "-v", "etc1:/etc") == "2"
    assert inside(service, "cat /etc/new", "-v", "etc1:/etc") == "x"
    assert inside(service, "ls /etc/new 2>&1 | wc -l; ls /mnt | wc -l", "-v", "etc2:/mnt:nocopy") == "1 0"


def test_anonymous_volumes_go_with_the_container(service):
    volumes = service.root / "volumes"
    before = set(os.listdir(volumes)) if volumes.exists() else set()
    service("run", "--rm", "-v", "/anonymous", "nano", "true")
    assert set(os.listdir(volumes)) == before


def test_init_passes_signals_on_and_reaps(service):
    process = service.popen("run", "--rm", "--init", "nano", "sh", "-c",
                            "trap 'exit 9' TERM; (sh -c 'sleep 0.1 & exit' &); echo $$; "
                            "while :; do sleep 0.1; done")
    assert process.stdout.readline() != b"1\n"
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 9


def test_init_ends_as_the_program(service):
    assert service("run", "--rm", "--init", "nano", "sh", "-c", "exit 7", check=False).returncode == 7
    assert service("run", "--rm", "--init", "nano", "sh", "-c", "kill -KILL $$", check=False).returncode == 137
    done = service("run", "--rm", "--init", "nano", "/nowhere", check=False)
    assert done.returncode == 127 and "/nowhere" in done.stderr


def test_without_network_there_is_loopback(service):
    assert inside(service, "ip -o link | cut -d: -f2") == "lo"


def test_network_of_another_container(service):
    service.started("first", "sh", "-c", "while :; do echo hello | nc -l -p 7000; done")
    answer = inside(service, "until nc 127.0.0.1 7000 </dev/null 2>/dev/null; do sleep 0.1; done; hostname",
                    "--network", "container:first")
    assert answer == "hello " + service.directory("first").name[:12]


def test_conversion_of_one_that_joins(service):
    """It writes to a directory in either isolation."""
    service.started("first", "sleep", "1000")
    service("run", "--name", "joins", "--network", "container:first", "nano", "sh", "-c", "echo kept >/file")
    other = "process" if service.isolation == "hyperv" else "hyperv"
    service("set", "joins", "--isolation", other)
    assert (service.directory("joins") / "scratch/upper/file").read_text() == "kept\n"
    service("set", "joins", "--isolation", service.isolation)
    assert (service.directory("joins") / "scratch/upper/file").read_text() == "kept\n"


@pytest.mark.host_view("pid namespaces are joined within one VM only")
def test_processes_of_another_container(service):
    service.started("first", "sleep", "1234")
    assert "sleep 1234" in inside(service, "ps", "--pid", "container:first")


@pytest.mark.once("the container does not run")
def test_joining_what_does_not_run(service):
    service("create", "--name", "asleep", "nano")
    assert "asleep" in service.fails("run", "--rm", "--network", "container:asleep", "nano", "true", status=125)
    assert "No such container" in service.fails("run", "--rm", "--network", "container:none", "nano", "true",
                                                status=125)


@pytest.mark.host_view("the guest's privileges are its own")
def test_privileged(service):
    answer = inside(service, "sed -n 's/Seccomp:.//p' /proc/self/status; mkdir /m && mount -t tmpfs x /m && echo mounted; "
                    "ls /dev | wc -l", "--privileged")
    seccomp, mounted, devices = answer.split()
    assert (seccomp, mounted) == ("0", "mounted") and int(devices) > 20


def test_cidfile(service, tmp_path):
    file = tmp_path / "cid"
    service("run", "--cidfile", file, "--name", "named", "nano", "true")
    assert file.read_text() == service.directory("named").name
    assert "container ID file found" in service.fails("run", "--cidfile", file, "nano", "true", status=125)
    service("rm", "named")


@pytest.mark.once("nothing is run")
def test_cidfile_of_what_was_not_made(service, tmp_path):
    service.fails("run", "--cidfile", tmp_path / "cid", "--pull", "never", "absent", "true", status=125)
    assert not (tmp_path / "cid").exists()


@pytest.mark.once("nothing is run")
def test_what_does_not_fit_is_said_before_anything_is_made(service):
    for flags, word in ((["--gpus", "all"], "--gpus"), (["-m", "1m"], "6MB"), (["--frob"], "--frob"),
                        (["--device", "/dev/none"], "/dev/none")):
        assert word in service.fails("run", "--rm", *flags, "nano", "true", status=125)
    # One that is just going has another name.
    assert [c for c in service.containers() if not c.startswith(":")] == []


@pytest.mark.once("nothing is run")
def test_commands_of_dockers_that_are_not_here(service):
    assert "built by other tools" in service.fails("build", ".")
    assert "swarm" in service.fails("swarm")


def test_groups_of_commands(service):
    service("container", "create", "--isolation", service.isolation, "--network", "none", "--name", "grouped", "nano")
    service("container", "rm", "grouped")
    assert not service.exists("grouped")


def test_enter_shows_the_name(service):
    service.started("inner", "sleep", "1000")
    pid, master = service.terminal("enter", "inner")
    screen = Screen(master)
    screen.expect(r"\[inner\]: /# ")
    screen.type("echo $((6*7)); exit 3\n")
    screen.expect("42")
    screen.drain()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3


def test_exec_as_another_user_is_in_its_groups_alone(service):
    service.started("multi", "sleep", "1000", flags=("--group-add", "4"))
    assert set(service("exec", "-u", "maria", "multi", "id", "-G").stdout.split()) == {"1234", "50", "4"}
    assert service("exec", "-w", "/tmp", "-e", "X=1", "multi", "sh", "-c", "pwd; echo $X").stdout.split() == ["/tmp", "1"]


@pytest.mark.host_view("in hyperv isolation /dev/shm is each container's own")
def test_ipc_of_a_container_is_joined_with_its_shared_memory(service):
    service.started("donor", "sh", "-c", "echo shared >/dev/shm/word; sleep 1000", flags=("--ipc", "shareable"))
    service("exec", "donor", "sh", "-c", "until test -s /dev/shm/word; do sleep 0.1; done")
    out = service("run", "--rm", "--ipc", "container:donor", "nano", "sh", "-c",
                  "cat /dev/shm/word; echo back >/dev/shm/answer; stat -L -c %i /proc/self/ns/ipc").stdout.split()
    assert out[0] == "shared"
    assert service("exec", "donor", "sh", "-c", "cat /dev/shm/answer; stat -L -c %i /proc/self/ns/ipc"
                   ).stdout.split() == ["back", out[1]]


@pytest.mark.host_view("a container in a utility VM is joined with its network only")
@pytest.mark.parametrize("mode", ["private", "none"])
def test_ipc_that_is_not_shared_is_not_joined(service, mode):
    service.started("donor", "sleep", "1000", flags=("--ipc", mode))
    assert "non-shareable IPC" in service.fails("run", "--rm", "--ipc", "container:donor", "nano", "true", status=125)

"""What `docker run --runtime hcs` options promise about a container's isolation."""

import os

import pytest

from .cgroup import MEMORY_LIMIT_INSIDE
from .sandbox import wait_for


def output(docker, command, *options):
    return " ".join(docker.run("sh", "-c", command, options=("--rm", *options)).stdout.split())


@pytest.mark.parametrize("options, command, answer", [
    ("--user app", "id -u; id -g; id -G", "1000 1000 1000 1234"),
    ("--user 123:456", "id -u; id -g", "123 456"),
    ("--user app --group-add 77", "id -G", "1000 77 1234"),
    ("--workdir /new/dir", "pwd", "/new/dir"),
    ("--env A=b", "echo $A", "b"),
    ("--hostname box --domainname example", "hostname", "box"),
    ("--hostname box --add-host other:10.0.0.1", "grep -c other /etc/hosts", "1"),
    ("--read-only", "touch /x 2>/dev/null; echo $?; touch /dev/shm/x; echo $?", "1 0"),
    ("--read-only --tmpfs /new:size=1m,mode=700", "touch /new/x && stat -c %a /new", "700"),
    # Without a mode it has that of the directory it covers, which in the image is 755.
    ("--tmpfs /home/app", "stat -c %a /home/app", "755"),
    ("--tmpfs /var:size=1m", "head -c 2000000 /dev/zero 2>/dev/null >/var/x; stat -c %s /var/x",
     "1048576"),
    ("--shm-size 1m", "df -k /dev/shm | awk 'END {print $2}'", "1024"),
    ("--ulimit nofile=100:200", "ulimit -Sn; ulimit -Hn", "100 200"),
    ("--oom-score-adj 500", "cat /proc/self/oom_score_adj", "500"),
    ("--sysctl net.ipv4.ip_default_ttl=33", "cat /proc/sys/net/ipv4/ip_default_ttl", "33"),
    ("--sysctl kernel.shmmax=12345", "cat /proc/sys/kernel/shmmax", "12345"),
    ("--security-opt no-new-privileges", "grep NoNewPrivs /proc/self/status", "NoNewPrivs: 1"),
    ("--cpuset-cpus 0", "grep Cpus_allowed_list /proc/self/status", "Cpus_allowed_list: 0"),
    ("--cap-drop ALL", "grep -E 'Cap(Inh|Prm|Eff|Bnd|Amb)' /proc/self/status | cut -f2",
     " ".join(["0" * 16] * 5)),
    ("--cap-drop ALL --cap-add CHOWN", "grep -E 'Cap(Inh|Prm|Eff|Bnd|Amb)' /proc/self/status "
     "| cut -f2", " ".join(f"{bits:016x}" for bits in (0, 1, 1, 1, 0))),
    ("--cap-drop CHOWN", "chown 1 /tmp 2>/dev/null; echo $?", "1"),
    ("--user app", "grep -E 'Cap(Inh|Prm|Eff|Amb)' /proc/self/status | cut -f2",
     " ".join(["0" * 16] * 4)),
    ("--device /dev/null:/dev/other", "stat -c '%t %T' /dev/other; echo x >/dev/other; echo $?",
     "1 3 0"),
    ("--network none", "ls /sys/class/net", "lo"),
    ("--cgroupns private", "grep -vc ':/$' /proc/self/cgroup", "0"),
    pytest.param("--uts host", "test $(readlink /proc/1/ns/uts) = $(readlink /proc/self/ns/uts); echo $?", "0",
                 marks=pytest.mark.host_view("the host's name cannot be a VM's")),
])
def test_options(docker, options, command, answer):
    assert output(docker, command + " || true", *options.split()) == answer


def test_memory_limit_reaches_the_kernel(docker):
    assert output(docker, MEMORY_LIMIT_INSIDE + " || true", "--memory", "32m") == str(32 << 20)


def test_process_limit_holds(docker):
    result = docker.run("sh", "-c", "for i in $(seq 30); do sleep 1 & done; wait",
                        options=("--rm", "--pids-limit", "10"), check=False)
    assert "can't fork" in result.stderr


@pytest.mark.host_view("namespaces of two kernels have numbers of their own")
def test_default_namespaces_are_the_containers_own(docker):
    kinds = ("mnt", "uts", "ipc", "pid", "net")
    command = " ".join(f"/proc/self/ns/{kind}" for kind in kinds)
    inside = output(docker, f"for f in {command}; do readlink $f; done").split()
    outside = docker.sandbox.run(["sh", "-c", f"for f in {command}; do readlink $f; done"])
    assert len(set(inside) | set(outside.stdout.split())) == 2 * len(kinds)


@pytest.mark.host_view("namespaces of a VM are in the VM")
def test_namespaces_of_another_container_are_shared(docker):
    first = docker.start("sleep", "600", options=("--ipc", "shareable"))
    command = "readlink /proc/self/ns/net; readlink /proc/self/ns/ipc; readlink /proc/self/ns/pid"
    shared = output(docker, command, "--network", f"container:{first}", "--ipc",
                    f"container:{first}", "--pid", f"container:{first}")
    own = docker.docker("exec", first, "sh", "-c", command).stdout
    assert shared.split() == own.split()


@pytest.mark.host_view("the host's processes cannot be a VM's")
def test_host_pid_namespace_and_the_end_of_all_its_processes(docker):
    id = docker.start("sh", "-c", "sleep 601 & exec sleep 602", options=("--pid", "host"))
    wait_for(lambda: "sleep 601" in docker.sandbox.processes().values(), "both processes")
    docker.docker("rm", "--force", id)
    assert not {"sleep 601", "sleep 602"} & set(docker.sandbox.processes().values())


@pytest.mark.host_view("a VM's processes are not the host's")
def test_host_sees_the_process_and_its_user(docker):
    id = docker.start("sleep", "603", options=("--user", "1000"))
    pid = docker.inspect(id)["State"]["Pid"]
    assert docker.sandbox.processes()[pid] == "sleep 603"
    owner = docker.sandbox.run(["stat", "-c", "%u", f"/proc/{pid}"]).stdout
    assert owner.strip() == "1000"


def test_default_profile_filters_system_calls(docker):
    # The profile lets nobody without CAP_SYS_ADMIN unshare; unconfined leaves it to the kernel.
    command = "grep Seccomp: /proc/self/status; unshare -U true 2>/dev/null; echo $?"
    assert output(docker, command) == "Seccomp: 2 1"
    assert output(docker, command, "--security-opt", "seccomp=unconfined") == "Seccomp: 0 0"


def test_profile_of_ones_own(docker):
    profile = docker.dir / "profile.json"
    profile.write_text('{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["chmod", '
                       '"fchmodat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 111}]}')
    assert "Connection refused" in output(docker, "chmod 700 /tmp 2>&1 || true",
                                          "--security-opt", f"seccomp={profile}")


def test_paths_of_the_kernel_are_masked_and_read_only(docker):
    assert output(docker, "cat /proc/kcore | wc -c; ls /proc/acpi /sys/firmware | grep -v : | "
                          "wc -w; echo 1 2>/dev/null >/proc/sys/kernel/panic || echo refused; "
                          "mkdir /sys/x 2>/dev/null || echo refused") == "0 0 refused refused"


def test_privileged(docker, without_all_capabilities):
    command = ("grep Seccomp: /proc/self/status; mount -t tmpfs x /tmp; echo $?; "
               "test -w /proc/sys/kernel/panic; echo $?; test -b /dev/$(ls /sys/block | head -1) && "
               "echo disk; true")
    words = output(docker, command, "--privileged").split()
    assert words[:4] == ["Seccomp:", "0", "0", "0"]


def test_bind_mounts(docker):
    shared = docker.dir / "shared"
    shared.mkdir(exist_ok=True)
    (shared / "from-host").write_text("host\n")
    assert output(docker, "cat /mnt/from-host; echo container >/mnt/back", "-v",
                  f"{shared}:/mnt") == "host"
    assert (shared / "back").read_text() == "container\n"
    assert output(docker, "cat /deep/er/file; touch /mnt/x 2>/dev/null; echo $?",
                  "-v", f"{shared}:/mnt:ro", "-v", f"{shared}/from-host:/deep/er/file"
                  ) == "host 1"


def test_read_only_root_with_a_writable_volume(docker):
    assert output(docker, "touch /x 2>/dev/null; echo $?; touch /data/x; echo $?",
                  "--read-only", "-v", "/data") == "1 0"


@pytest.mark.host_view("a mount of the host's is no mount of the guest's")
def test_propagation_of_mounts_made_later(docker):
    # Propagation needs a shared mount to begin with.
    outer = docker.dir / "outer"
    outer.mkdir(exist_ok=True)
    sandbox = docker.sandbox
    sandbox.run(["sh", "-c", f"mount --bind {outer} {outer} && mount --make-shared {outer}"])
    try:
        (outer / "late").mkdir(exist_ok=True)
        id = docker.start("sleep", "600", options=(
            "--mount", f"type=bind,source={outer},target=/mnt,bind-propagation=rslave"))
        sandbox.run(["mount", "-t", "tmpfs", "late", outer / "late"])
        assert "/mnt/late" in docker.docker("exec", id, "cat", "/proc/mounts").stdout
    finally:
        sandbox.run(["umount", "-R", outer])


def test_disk_speed_limit(docker):
    disk = os.stat(docker.dir).st_dev
    number = f"{os.major(disk)}:{os.minor(disk)}"
    name = os.path.realpath(f"/sys/dev/block/{number}").rsplit("/", 1)[1]
    id = docker.start("sleep", "600", options=("--device-read-bps", f"/dev/{name}:1mb"))
    assert docker.cgroup(id).read_speed_limit(number) == 1 << 20


def test_bridge_network(docker):
    # docker gives the namespace to the container by a prestart hook that reads the state.
    server = docker.start("sh", "-c", "echo page >/tmp/index.html; exec httpd -f -p 80 -h /tmp",
                          options=("--network", "bridge", "--publish", "127.0.0.1:8080:80"))
    address = docker.inspect(server)["NetworkSettings"]["IPAddress"]
    assert wait_for(lambda: docker.sandbox.fetch("http://127.0.0.1:8080/"),
                    "the published port") == "page\n"
    assert output(docker, f"wget -q -O - http://{address}/", "--network", "bridge") == "page"


@pytest.mark.host_view("docker's resolver listens in the namespace, on a loopback that is the host's")
def test_network_of_ones_own_resolves_names(docker):
    docker.docker("network", "create", "own")
    try:
        docker.start("sleep", "600", options=("--network", "own", "--name", "first"))
        assert "1 packets received" in output(docker, "ping -c 1 first", "--network", "own")
        docker.remove_all()
    finally:
        docker.docker("network", "rm", "own")

"""What clients see of hyperv isolation beyond what they see of any container."""

import json

import pytest

from .sandbox import wait_for

pytestmark = pytest.mark.hyperv



def own_kernel(sandbox):
    return sandbox.run(["cat", "/proc/sys/kernel/random/boot_id"]).stdout


BOOT_ID = ("cat", "/proc/sys/kernel/random/boot_id")


def test_containers_of_docker_have_kernels_of_their_own(docker):
    seen = {docker.run(*BOOT_ID).stdout for _ in range(2)}
    assert len(seen) == 2 and own_kernel(docker.sandbox) not in seen


def test_containers_of_ctr_have_kernels_of_their_own(containerd):
    out = containerd.run(containerd.new_id(), *BOOT_ID, options=("--rm",)).stdout
    assert len(out) == 37 and out != own_kernel(containerd.sandbox)


def test_containers_of_podman_have_kernels_of_their_own(podman):
    assert podman.run(*BOOT_ID).stdout != own_kernel(podman.sandbox)


def test_processes_are_not_on_the_host(docker):
    id = docker.start("sleep", "603", options=("--user", "1000"))
    commands = docker.sandbox.processes().values()
    assert not [c for c in commands if c.startswith("sleep 603")]
    assert [c for c in commands if "vmwp" in c and id in c]
    assert "sleep 603" in docker.docker("exec", id, "ps").stdout


def test_pods_of_podman_are_one_vm(podman):
    from .registry import IMAGE
    podman.podman("pod", "create", "--name", "pod", "--cgroup-parent", podman.cgroup_parent,
                  "--network", "none", "--infra-image", IMAGE, "--infra-command", "catch-term")
    for name in ("one", "two"):
        podman.start("sleep", "600", options=("--pod", "pod", "--name", name))
    seen = {podman.podman("exec", name, *BOOT_ID).stdout for name in ("one", "two")}
    assert len(seen) == 1
    workers = [c for c in podman.sandbox.processes().values() if "qemu-system" in c]
    assert len(workers) == 1


@pytest.mark.parametrize("options", [("--pid", "host"), ("--ipc", "host"), ("--uts", "host"),
                                     ("--network", "host")], ids=lambda o: o[0].strip("-"))
def test_what_is_the_hosts_is_refused_by_name(docker, options):
    result = docker.run("true", options=("--rm", *options), check=False)
    assert result.returncode == 125
    assert "linux.namespaces" in result.stderr


def test_namespaces_of_another_container_are_refused(docker):
    first = docker.start("sleep", "600", options=("--ipc", "shareable"))
    result = docker.run("true", options=("--rm", "--ipc", f"container:{first}"), check=False)
    assert result.returncode == 125
    assert "linux.namespaces" in result.stderr


def test_state_tells_the_isolation(docker):
    id = docker.start("sleep", "600")
    state = json.loads(docker.sandbox.run([docker.runtime, *docker.runtime_options, "state", id]).stdout)
    assert state["isolation"] == "hyperv"
    assert state["vm"]["monitor"] == "qemu"


def test_one_container_by_annotation(containerd, runtime):
    """ctr passes annotations on: one container in the other isolation, whatever is the default."""
    out = containerd.run(containerd.new_id(), *BOOT_ID,
                         options=("--rm", "--annotation", "io.hcs.isolation=process")).stdout
    assert out == own_kernel(containerd.sandbox)


def test_what_a_killed_worker_does_is_told(docker):
    id = docker.start("sleep", "600")
    worker = next(pid for pid, c in docker.sandbox.processes().items() if "vmwp" in c and id in c)
    docker.sandbox.run(["kill", "-KILL", str(worker)])
    wait_for(lambda: not docker.inspect(id)["State"]["Running"], "the end")
    assert docker.inspect(id)["State"]["ExitCode"] == 128 + 9

"""dockerd with the runtime added under the name `hcs`, and the docker client."""

import json

from .cgroup import Cgroup, GuestCgroup
from .registry import IMAGE

RUNTIME_NAME = "hcs"


class Docker:
    def __init__(self, sandbox, containerd, runtime, isolation):
        self.sandbox = sandbox
        self.isolation = isolation
        self.runtime = runtime
        self.dir = sandbox.dir / "docker"
        self.dir.mkdir(mode=0o711)
        # dockerd's handle of its own network namespace, once a container has asked for that.
        self.own_mounts = {str(self.dir / "exec" / "netns" / "default")}
        self.socket = self.dir / "sock"
        self.cgroup_parent = f"/{sandbox.name}/docker"
        # dockerd's choice, whatever the runtime is called.
        self.runtime_options = ("--root", self.dir / "exec" / "runtime-runc" / "moby")
        # --oom-score-adjust: the default, -500, needs CAP_SYS_RESOURCE.
        self._process = sandbox.daemon("dockerd", [
            "dockerd", "--host", f"unix://{self.socket}",
            "--data-root", self.dir / "data", "--exec-root", self.dir / "exec",
            "--pidfile", self.dir / "pid", "--containerd", containerd.socket,
            "--add-runtime", f"{RUNTIME_NAME}={runtime}",
            "--exec-opt", "native.cgroupdriver=cgroupfs",
            "--cgroup-parent", self.cgroup_parent,
            "--oom-score-adjust", "0", "--storage-driver", "overlay2",
        ])
        sandbox.daemon_ready(self._process, "dockerd",
                             lambda: self.docker("version", check=False).returncode == 0)

    def argv(self, *args):
        # Not the name alone: what /usr/local holds is not Debian's.
        return ["/usr/bin/docker", "--host", f"unix://{self.socket}",
                "--config", self.dir / "client", *args]

    def docker(self, *args, **kwargs):
        return self.sandbox.run(self.argv(*args), **kwargs)

    def pull(self):
        self.docker("pull", "--quiet", IMAGE)

    def run_args(self, command, options):
        # The bridge is tested by itself: the others need no network.
        network = () if "--network" in options else ("--network", "none")
        return ("run", "--runtime", RUNTIME_NAME, *network, *options, IMAGE, *command)

    def run(self, *command, options=("--rm",), **kwargs):
        return self.docker(*self.run_args(command, options), **kwargs)

    def start(self, *command, options=()):
        """Start a container that stays; return its id."""
        return self.run(*command, options=("--detach", *options)).stdout.strip()

    def inspect(self, id):
        return json.loads(self.docker("inspect", id).stdout)[0]

    def cgroup(self, id):
        path = f"{self.cgroup_parent}/{id}"
        if self.isolation == "process":
            return Cgroup(path)
        return GuestCgroup(path, lambda *command: self.docker("exec", id, *command))

    @staticmethod
    def keeps_cgroup(path):
        return path.name == "docker"

    def remove_all(self):
        ids = self.docker("ps", "--all", "--quiet").stdout.split()
        if ids:
            self.docker("rm", "--force", "--volumes", *ids)

    def close(self):
        self.sandbox.stop_daemon(self._process)

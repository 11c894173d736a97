"""containerd and its client `ctr`, with the runtime given by --runc-binary."""

import itertools

from .registry import IMAGE

CONFIG = """\
version = 2
root = "{dir}/root"
state = "{dir}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.btrfs",
    "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper",
    "io.containerd.snapshotter.v1.aufs"]
[grpc]
address = "{socket}"
[ttrpc]
address = "{socket}.ttrpc"
[plugins."io.containerd.internal.v1.opt"]
path = "{dir}/opt"
"""


class Containerd:
    def __init__(self, sandbox, runtime):
        self.sandbox = sandbox
        self.runtime = runtime
        self.dir = sandbox.dir / "ctrd"
        self.dir.mkdir(mode=0o711)
        self.own_mounts = set()
        self.socket = self.dir / "sock"
        # ctr's default cgroup is /NAMESPACE/ID: this keeps it below the sandbox's.
        self.namespace = sandbox.name
        # The shim gives every namespace a root of its own.
        self.runtime_options = ("--root", f"/run/containerd/runc/{self.namespace}")
        self._numbers = itertools.count(1)
        config = self.dir / "config.toml"
        config.write_text(CONFIG.format(dir=self.dir, socket=self.socket))
        self._process = sandbox.daemon("containerd", ["containerd", "--config", config])
        sandbox.daemon_ready(self._process, "containerd",
                             lambda: self.ctr("version", check=False).returncode == 0)

    def argv(self, *args):
        return ["ctr", "--address", self.socket, "--namespace", self.namespace, *args]

    def ctr(self, *args, **kwargs):
        return self.sandbox.run(self.argv(*args), **kwargs)

    def pull(self):
        self.ctr("images", "pull", "--plain-http", IMAGE)

    def new_id(self):
        return f"c{next(self._numbers)}"

    def run_args(self, id, command, *options):
        return ("run", "--runc-binary", self.runtime, *options, IMAGE, id, *command)

    def run(self, id, *command, options=(), **kwargs):
        return self.ctr(*self.run_args(id, command, *options), **kwargs)

    def tasks(self):
        """id → state of every task, e.g. RUNNING."""
        rows = self.ctr("tasks", "ls").stdout.splitlines()[1:]
        return {row.split()[0]: row.split()[2] for row in rows}

    def bundle(self, id):
        return self.dir / "state" / "io.containerd.runtime.v2.task" / self.namespace / id

    @staticmethod
    def keeps_cgroup(path):
        return False

    def remove_all(self):
        for id in self.tasks():
            self.ctr("tasks", "rm", "--force", id, check=False)
        for id in self.ctr("containers", "ls", "-q").stdout.split():
            self.ctr("containers", "rm", id)

    def close(self):
        self.sandbox.stop_daemon(self._process)

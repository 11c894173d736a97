"""podman with the runtime given by --runtime."""

import json
import resource
from pathlib import Path

from .registry import IMAGE

# default_ulimits: podman would otherwise ask for 1048576 open files and processes, more
# than a root without CAP_SYS_RESOURCE may give. Log driver and events: there is no journal.
# runtime_supports_json: podman names runtimes it asks to log as JSON by their base name.
CONFIG = """\
[containers]
default_ulimits = ["nofile={nofile}:{nofile}", "nproc={nproc}:{nproc}"]
log_driver = "k8s-file"
pids_limit = 2048
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime_supports_json = ["{runtime_name}"]
[network]
network_backend = "netavark"
network_config_dir = "{dir}/networks"
"""


class Podman:
    def __init__(self, sandbox, runtime):
        self.sandbox = sandbox
        self.runtime = runtime
        self.dir = sandbox.dir / "podman"
        self.dir.mkdir(mode=0o711)
        # podman binds its storage onto itself now and then.
        self.own_mounts = {str(self.dir / "root" / "overlay")}
        self.cgroup_parent = f"/{sandbox.name}/podman"
        # podman passes no --root: the runtime's default, hidden by the sandbox's /run.
        self.runtime_options = ()
        config = self.dir / "containers.conf"
        config.write_text(CONFIG.format(dir=self.dir, nofile=hard_limit(resource.RLIMIT_NOFILE),
                                        nproc=hard_limit(resource.RLIMIT_NPROC),
                                        runtime_name=Path(runtime).name))
        self.env = {"CONTAINERS_CONF": str(config)}

    def argv(self, *args):
        return ["podman", "--runtime", self.runtime, "--root", self.dir / "root",
                "--runroot", self.dir / "run", "--tmpdir", self.dir / "tmp", *args]

    def podman(self, *args, **kwargs):
        return self.sandbox.run(self.argv(*args), env=self.env, **kwargs)

    def terminal(self, *args, **kwargs):
        return self.sandbox.terminal(self.argv(*args), env=self.env, **kwargs)

    def pull(self):
        self.podman("pull", "--quiet", "--tls-verify=false", IMAGE)

    def run_args(self, command, options):
        own = () if "--pod" in options else ("--cgroup-parent", self.cgroup_parent)
        # The bridge is tested by itself: the others need no network.
        if not {"--pod", "--network"} & set(options):
            own += ("--network", "none")
        return ("run", *own, *options, IMAGE, *command)

    def run(self, *command, options=("--rm",), **kwargs):
        return self.podman(*self.run_args(command, options), **kwargs)

    def start(self, *command, options=()):
        """Start a container that stays; return its id."""
        return self.run(*command, options=("--detach", *options)).stdout.strip()

    def inspect(self, id):
        return json.loads(self.podman("inspect", "--type", "container", id).stdout)[0]

    @staticmethod
    def keeps_cgroup(path):
        """What podman leaves after the last container and pod.

        It removes a pod's cgroup from the hierarchies of the controllers only; where the
        runtime made it elsewhere (to put a container below), it stays.
        """
        container = path.name.startswith("libpod-")
        return path.name in ("podman", "conmon") or (
            not container and path.parts[4] in ("systemd", "unified"))

    def remove_all(self):
        self.podman("pod", "rm", "--force", "--all", "--time", "0")
        self.podman("rm", "--force", "--all", "--time", "0")


def hard_limit(which):
    limit = resource.getrlimit(which)[1]
    return 1048576 if limit == resource.RLIM_INFINITY else limit

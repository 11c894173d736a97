"""Bundles: a busybox root file system and a config.json, made fresh for every test.

The root file system is a template built once a session and hard-linked for each bundle, so that a
bundle costs a few milliseconds. The default spec is what `runhcs spec` prints, without a terminal.
"""

import copy
import json
import os
import shutil
import stat
from pathlib import Path

BUSYBOX_CANDIDATES = ("/bin/busybox", "/usr/bin/busybox")

APPLETS = """
[ awk basename cat chgrp chmod chown chrt clear cp cut date dd df dirname dmesg echo env expr
false find free fuser grep head hostname id ifconfig ionice ip kill killall less ln ls lsof mkdir mkfifo mknod
mktemp more mount mountpoint mv nc nice nohup nproc od pgrep pidof ping printenv printf ps pwd
readlink realpath renice reset rm rmdir sed seq setpriv setsid sh sha256sum sleep sort stat stty
swapoff sync sysctl tail tar taskset tee test time timeout top touch tr true truncate tty umount
uname unshare uniq uptime usleep vi wc which whoami xargs yes
""".split()

PASSWD = """root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/:/bin/false
app:x:1000:1000:app:/home/app:/bin/sh
nobody:x:65534:65534:nobody:/:/bin/false
"""
GROUP = """root:x:0:
daemon:x:1:
tty:x:5:
app:x:1000:
extra:x:2000:app
nogroup:x:65534:
"""

PATH_ENV = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
DEFAULT_CAPS = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]

# The spec that `runc spec` prints; test_output.py holds `runhcs spec` to it.
DEFAULT_SPEC = {
    "ociVersion": "1.0.2",
    "process": {
        "terminal": True,
        "user": {"uid": 0, "gid": 0},
        "args": ["sh"],
        "env": [PATH_ENV, "TERM=xterm"],
        "cwd": "/",
        "capabilities": {
            "bounding": DEFAULT_CAPS,
            "effective": DEFAULT_CAPS,
            "permitted": DEFAULT_CAPS,
        },
        "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
        "noNewPrivileges": True,
    },
    "root": {"path": "rootfs", "readonly": True},
    "hostname": "runhcs",
    "mounts": [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {
            "destination": "/dev",
            "type": "tmpfs",
            "source": "tmpfs",
            "options": ["nosuid", "strictatime", "mode=755", "size=65536k"],
        },
        {
            "destination": "/dev/pts",
            "type": "devpts",
            "source": "devpts",
            "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
        },
        {
            "destination": "/dev/shm",
            "type": "tmpfs",
            "source": "shm",
            "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"],
        },
        {
            "destination": "/dev/mqueue",
            "type": "mqueue",
            "source": "mqueue",
            "options": ["nosuid", "noexec", "nodev"],
        },
        {
            "destination": "/sys",
            "type": "sysfs",
            "source": "sysfs",
            "options": ["nosuid", "noexec", "nodev", "ro"],
        },
        {
            "destination": "/sys/fs/cgroup",
            "type": "cgroup",
            "source": "cgroup",
            "options": ["nosuid", "noexec", "nodev", "relatime", "ro"],
        },
    ],
    "linux": {
        "resources": {"devices": [{"allow": False, "access": "rwm"}]},
        "namespaces": [
            {"type": "pid"},
            {"type": "network"},
            {"type": "ipc"},
            {"type": "uts"},
            {"type": "mount"},
        ],
        "maskedPaths": [
            "/proc/acpi",
            "/proc/asound",
            "/proc/kcore",
            "/proc/keys",
            "/proc/latency_stats",
            "/proc/timer_list",
            "/proc/timer_stats",
            "/proc/sched_debug",
            "/sys/firmware",
            "/proc/scsi",
        ],
        "readonlyPaths": [
            "/proc/bus",
            "/proc/fs",
            "/proc/irq",
            "/proc/sys",
            "/proc/sysrq-trigger",
        ],
    },
}


def busybox() -> str:
    """The host's static busybox (Debian's busybox-static)."""
    for candidate in BUSYBOX_CANDIDATES:
        if os.path.exists(candidate):
            return candidate
    raise RuntimeError("the integration tests need busybox-static")


def build_template(path: Path) -> Path:
    """Lay out the template root file system at `path`."""
    for directory in ("bin", "etc", "dev", "proc", "sys", "root", "home/app", "run", "var", "mnt"):
        (path / directory).mkdir(parents=True)
    (path / "tmp").mkdir(mode=0o1777)
    (path / "tmp").chmod(0o1777)
    os.chown(path / "home/app", 1000, 1000)
    shutil.copy2(busybox(), path / "bin/busybox")
    for applet in APPLETS:
        (path / "bin" / applet).symlink_to("busybox")
    (path / "etc/passwd").write_text(PASSWD)
    (path / "etc/group").write_text(GROUP)
    return path


def link_tree(source: Path, target: Path) -> None:
    """Copy a tree with hard links for everything that is not a directory."""
    target.mkdir(parents=True)
    info = source.stat()
    os.chmod(target, stat.S_IMODE(info.st_mode))
    os.chown(target, info.st_uid, info.st_gid)
    for entry in os.scandir(source):
        destination = target / entry.name
        if entry.is_dir(follow_symlinks=False):
            link_tree(Path(entry.path), destination)
        else:
            os.link(entry.path, destination, follow_symlinks=False)


class Bundle:
    """A bundle directory; edit `spec`, the runtime wrapper writes it before each create."""

    def __init__(self, path: Path, template: Path, own_files: bool = False):
        self.path = Path(path)
        self.rootfs = self.path / "rootfs"
        if own_files:  # for tests that change owners or let a container damage its binaries
            shutil.copytree(template, self.rootfs, symlinks=True)
        else:
            link_tree(template, self.rootfs)
        self.spec = copy.deepcopy(DEFAULT_SPEC)
        self.process["terminal"] = False
        self.process["args"] = ["sleep", "1000"]
        self.raw = None  # bytes to write in place of the spec

    @property
    def process(self) -> dict:
        return self.spec["process"]

    @property
    def linux(self) -> dict:
        return self.spec["linux"]

    @property
    def resources(self) -> dict:
        return self.linux["resources"]

    def write(self) -> None:
        data = self.raw if self.raw is not None else json.dumps(self.spec, indent=1).encode()
        (self.path / "config.json").write_bytes(data)

    def args(self, *args: str) -> "Bundle":
        self.process["args"] = list(args)
        return self

    def sh(self, script: str) -> "Bundle":
        """Run a shell script as the container's process."""
        return self.args("/bin/sh", "-c", script)

    def writable(self) -> "Bundle":
        self.spec["root"]["readonly"] = False
        return self

    def user(self, uid: int, gid: int, **more) -> "Bundle":
        self.process["user"] = {"uid": uid, "gid": gid, **more}
        return self

    def caps(self, *names: str, **sets) -> "Bundle":
        """The given capabilities in bounding, effective and permitted; keyword sets override."""
        every = {kind: list(names) for kind in ("bounding", "effective", "permitted")}
        every.update(sets)
        self.process["capabilities"] = every
        return self

    def mount(self, destination, type=None, source=None, options=None, **more) -> "Bundle":
        entry = {"destination": str(destination)}
        if type:
            entry["type"] = type
        if source is not None:
            entry["source"] = str(source)
        if options is not None:
            entry["options"] = list(options)
        entry.update(more)
        self.spec["mounts"].append(entry)
        return self

    def bind(self, source, destination, *options, **more) -> "Bundle":
        return self.mount(destination, "bind", source, options or ("bind",), **more)

    def tmpfs(self, destination, *options) -> "Bundle":
        return self.mount(destination, "tmpfs", "tmpfs", options)

    def without_mount(self, destination: str) -> "Bundle":
        self.spec["mounts"] = [m for m in self.spec["mounts"] if m["destination"] != destination]
        return self

    def mount_of(self, destination: str) -> dict:
        return next(m for m in self.spec["mounts"] if m["destination"] == destination)

    def namespace(self, kind: str, path=None) -> "Bundle":
        """Ask for a new namespace, or for the one at `path`."""
        self.without_namespace(kind)
        entry = {"type": kind}
        if path is not None:
            entry["path"] = str(path)
        self.linux["namespaces"].append(entry)
        return self

    def without_namespace(self, kind: str) -> "Bundle":
        self.linux["namespaces"] = [n for n in self.linux["namespaces"] if n["type"] != kind]
        return self

    def map_user(self, uid=100000, gid=100000, size=65536) -> "Bundle":
        """A user namespace with one range for users and groups; the rootfs changes hands."""
        self.namespace("user")
        self.linux["uidMappings"] = [{"containerID": 0, "hostID": uid, "size": size}]
        self.linux["gidMappings"] = [{"containerID": 0, "hostID": gid, "size": size}]
        return self

    def hook(self, kind: str, path="/bin/sh", args=None, **more) -> "Bundle":
        entry = {"path": str(path)}
        if args is not None:
            entry["args"] = [str(a) for a in args]
        entry.update(more)
        self.spec.setdefault("hooks", {}).setdefault(kind, []).append(entry)
        return self

    def sh_hook(self, kind: str, script: str, **more) -> "Bundle":
        return self.hook(kind, "/bin/sh", ["sh", "-c", script], **more)

    def give_to(self, uid: int, gid: int) -> "Bundle":
        """Change the owner of everything in the root file system (needs own_files)."""
        os.chown(self.rootfs, uid, gid)
        for base, dirs, files in os.walk(self.rootfs):
            for name in dirs + files:
                os.lchown(os.path.join(base, name), uid, gid)
        return self

    def put(self, path: str, content, mode=0o644) -> Path:
        """A file inside the root file system."""
        target = self.rootfs / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_symlink() or target.exists():
            target.unlink()
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        target.chmod(mode)
        return target

    def install(self, program: Path, path: str = None) -> str:
        """Copy a host program into the root file system; returns its path inside."""
        path = path or "/bin/" + Path(program).name
        target = self.rootfs / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(program, target)
        target.chmod(0o755)
        return path

"""hcs as a person calls it, and what it has on disk and on the machine."""

import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path

import leftovers

TIMEOUT = 60


def wait_until(condition, what: str, timeout=TIMEOUT):
    end = time.monotonic() + timeout
    while not (result := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout} s: {what}")
        time.sleep(0.01)
    return result


def processes_with(argument: str) -> list:
    """Pids of the processes that have it among their arguments."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                arguments = Path("/proc", entry, "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if argument.encode() in arguments:
                found.append(int(entry))
    return found


class Service:
    def __init__(self, hcs: str, directory: Path, isolation: str, mark: str):
        self.hcs, self.isolation, self.mark = hcs, isolation, mark
        self.root, self.run_root = directory / "root", directory / "run"

    # --- commands ---

    def argv(self, command: str, *args) -> list:
        argv = [self.hcs, "--root", str(self.root), "--runroot", str(self.run_root), command]
        if command in ("run", "create"):
            # By the name of the cgroup what is left of a container is found.
            argv += ["--isolation", self.isolation, "--cgroup-parent", "/" + self.mark]
            if not any(str(a).startswith("--network") for a in args):
                argv += ["--network", "none"]
        return argv + [str(a) for a in args]

    def __call__(self, command: str, *args, check=True, text=True, **options):
        options.setdefault("timeout", TIMEOUT)
        if "input" not in options:
            options.setdefault("stdin", subprocess.DEVNULL)
        result = subprocess.run(self.argv(command, *args), capture_output=True, text=text, check=False,
                                **options)
        if check and result.returncode != 0:
            raise AssertionError(f"hcs {command} {args} ended with {result.returncode}: "
                                 f"{result.stderr!r} {result.stdout!r}")
        return result

    def popen(self, command: str, *args, **options) -> subprocess.Popen:
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
                   **options}
        return subprocess.Popen(self.argv(command, *args), **options)

    def terminal(self, command: str, *args):
        """The command on a terminal of its own: (pid, master)."""
        argv = self.argv(command, *args)
        pid, master = pty.fork()
        if pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
            os.execv(argv[0], argv)
        return pid, master

    def started(self, name: str, *command, flags=()) -> str:
        """A running container; its id."""
        return self("run", "-d", "--name", name, *flags, "nano", *command).stdout.strip()

    def fails(self, command: str, *args, status=1, **options) -> str:
        """What it says when it fails; one line."""
        result = self(command, *args, check=False, **options)
        assert result.returncode == status, (result.returncode, result.stdout, result.stderr)
        assert result.stderr.startswith("hcs: ") and result.stderr.count("\n") == 1, result.stderr
        return result.stderr[5:-1]

    # --- what is stored ---

    def directory(self, name: str) -> Path:
        cid = name if len(name) == 64 else os.readlink(self.root / "names" / name)
        return self.root / "containers" / cid

    def state(self, name: str) -> dict:
        return json.loads((self.directory(name) / "state.json").read_text())

    def status(self, name: str) -> str:
        path = self.directory(name) / "state.json"
        return json.loads(path.read_text())["Status"] if path.exists() else "created"

    def await_status(self, name: str, status: str):
        wait_until(lambda: self.status(name) == status, f"{name} is {status}")

    def exists(self, name: str) -> bool:
        return os.path.lexists(self.root / "names" / name)

    def log_records(self, name: str, number=0) -> list:
        directory = self.directory(name)
        path = directory / f"{directory.name}-json.log{f'.{number}' if number else ''}"
        return [json.loads(line) for line in path.read_text().splitlines()]

    def containers(self) -> list:
        path = self.root / "containers"
        return sorted(os.listdir(path)) if path.exists() else []

    # --- what must not be left ---

    def remove_all(self):
        for cid in self.containers():
            if not cid.startswith(":"):
                subprocess.run(self.argv("rm", "-f", "-v", cid), capture_output=True, timeout=TIMEOUT,
                               stdin=subprocess.DEVNULL, check=False)

    def left(self) -> list:
        """Everything that is there although no container is."""
        found = [f"container {c}" for c in self.containers()]
        for directory in ("names",):
            found += [f"{directory}/{n}" for n in os.listdir(self.root / directory) if n[0] != ":"]
        found += [f"pin {p}" for p in os.listdir(self.root / "images/pins")]
        for directory in ("compute", "containers", "netns", "cni"):
            path = self.run_root / directory
            if path.exists():
                found += [f"{path}/{n}" for n in os.listdir(path)
                          if n[0] != ":" and (directory != "cni" or len(n) == 64)]
        found += [f"process {p}" for p in processes_with(str(self.run_root))]
        found += [f"cgroup {c}" for c in leftovers.cgroup_dirs(self.mark) if not c.endswith(self.mark)]
        found += [f"mount {m}" for m in leftovers.mounts()
                  if m.startswith((str(self.root) + "/", str(self.run_root) + "/containers"))]
        return found

    def assert_nothing_left(self, patience=10):
        end = time.monotonic() + patience
        while left := self.left():
            leftovers.reap()
            if time.monotonic() > end:
                raise AssertionError(f"left behind: {left}")
            time.sleep(0.05)


def kill(pid: int, sig=signal.SIGKILL):
    try:
        os.kill(pid, sig)
    except ProcessLookupError:
        pass

"""The runtime's command line, wrapped: run commands, read results, clean up.

Output goes to unlinked temporary files rather than pipes, so that a container that outlives its
command (create, run -d) cannot make us wait, and its later output can still be read.
"""

import json
import os
import re
import select
import subprocess
import tempfile
import time
from pathlib import Path

import leftovers

def patience() -> float:
    """A VM boots in a second on an idle machine; two on each of two busy cores take their time."""
    slow = 6 if "hyperv" in os.environ.get("HCS_ISOLATIONS", "") else 1
    return slow * float(os.environ.get("HCS_PATIENCE", "1"))


PATIENCE = patience()
TIMEOUT = 10.0 * PATIENCE
POLL = 0.01
OUTPUT_LIMIT = 64 << 20  # a container gone wild must not take the test session with it


def shorten(text: str, most=1500) -> str:
    return text if len(text) <= most else f"{text[:most]}... ({len(text)} characters)"


class Result:
    """A finished command."""

    def __init__(self, argv, rc, out, err):
        self.argv, self.rc, self._out, self._err = argv, rc, out, err

    @staticmethod
    def _text(stream) -> str:
        data, offset = b"", 0
        while offset < OUTPUT_LIMIT and (chunk := os.pread(stream.fileno(), 1 << 20, offset)):
            data += chunk
            offset += len(chunk)
        return data.decode("utf-8", "replace")

    @property
    def out(self) -> str:
        return self._text(self._out)

    @property
    def err(self) -> str:
        return self._text(self._err)

    @property
    def lines(self) -> list:
        return self.out.splitlines()

    @property
    def json(self):
        return json.loads(self.out)

    def __repr__(self):
        return (f"{' '.join(map(str, self.argv))}\n rc={self.rc}\n out={shorten(self.out)!r}"
                f"\n err={shorten(self.err)!r}")


class Running:
    """A command that has been started and not yet waited for."""

    def __init__(self, argv, **popen):
        self.argv = [str(a) for a in argv]
        self.outfile = tempfile.TemporaryFile()
        self.errfile = tempfile.TemporaryFile()
        popen.setdefault("stdin", subprocess.DEVNULL)
        popen.setdefault("stdout", self.outfile)
        popen.setdefault("stderr", self.errfile)
        self.popen = subprocess.Popen(self.argv, **popen)
        self.pid = self.popen.pid
        leftovers.OWNED.add(self.pid)

    def result(self) -> Result:
        return Result(self.argv, self.popen.returncode, self.outfile, self.errfile)

    @property
    def out(self) -> str:
        return Result._text(self.outfile)

    @property
    def err(self) -> str:
        return Result._text(self.errfile)

    def wait(self, timeout=TIMEOUT) -> Result:
        # Orphans are collected meanwhile, as an engine's shim does: the init of a pid namespace
        # does not end before every process of the namespace has been waited for.
        end = time.monotonic() + timeout
        pidfd = os.pidfd_open(self.pid) if self.popen.returncode is None else -1
        try:
            while pidfd >= 0 and not select.select([pidfd], [], [], 0.02)[0]:
                leftovers.reap()
                if time.monotonic() > end:
                    self.stop()
                    raise AssertionError(f"no end after {timeout} s: {self.result()!r}")
        finally:
            if pidfd >= 0:
                os.close(pidfd)
        self.popen.wait()
        leftovers.OWNED.discard(self.pid)
        return self.result()

    def stop(self) -> None:
        if self.popen.returncode is None:
            self.popen.kill()
            self.popen.wait()
        leftovers.OWNED.discard(self.pid)

    def until_output(self, pattern: str, timeout=TIMEOUT) -> str:
        return until(lambda: re.search(pattern, self.out) and self.out, timeout,
                     lambda: f"no {pattern!r} in {self.result()!r}")


def until(condition, timeout=TIMEOUT, what=lambda: "condition not met"):
    """Wait for a true value of condition() and return it."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(what() if callable(what) else what)
        leftovers.reap()
        time.sleep(POLL)


class Container:
    """A container by id; made by Runtime.create, .start or .container."""

    def __init__(self, runtime, cid, bundle=None, result=None):
        self.runtime, self.id, self.bundle, self.created = runtime, cid, bundle, result

    def start(self, **kw) -> "Container":
        self.runtime("start", self.id, **kw)
        return self

    def state(self) -> dict:
        return self.runtime("state", self.id).json

    @property
    def status(self) -> str:
        return self.state()["status"]

    @property
    def pid(self) -> int:
        return self.state()["pid"]

    def ps(self) -> list:
        """Pids as the table of `ps` tells them: in a VM the guest's, where init is the lowest. As
        JSON they are always the host's: engines look them up there."""
        return sorted(map(int, self.runtime("ps", self.id, "-e", "-o", "pid").lines[1:]))

    @property
    def init_in_ps(self) -> int:
        return self.pid if self.runtime.isolation == "process" else self.ps()[0]

    @property
    def out(self) -> str:
        return self.created.out

    @property
    def err(self) -> str:
        return self.created.err

    def until_output(self, pattern: str, timeout=TIMEOUT) -> str:
        return until(lambda: re.search(pattern, self.out, re.M) and self.out, timeout,
                     lambda: f"no {pattern!r} in {self.created!r}")

    def wait_stopped(self, timeout=TIMEOUT) -> "Container":
        pid = self.pid

        def stopped():
            leftovers.reap()
            try:
                text = Path(f"/proc/{pid}/stat").read_text()
            except (FileNotFoundError, ProcessLookupError):
                return True
            return text.rsplit(")", 1)[1].split()[0] in "ZX"

        if pid > 0:
            until(stopped, timeout, lambda: f"{self.id} (pid {pid}) does not stop")
        until(lambda: self.status == "stopped", timeout, lambda: f"{self.state()}")
        return self

    def exec(self, *argv, options=(), **kw) -> Result:
        return self.runtime("exec", *options, self.id, *argv, **kw)

    def exec_sh(self, script, options=(), **kw) -> Result:
        return self.exec("/bin/sh", "-c", script, options=options, **kw)

    def kill(self, sig=None, *options, **kw) -> Result:
        return self.runtime("kill", *options, self.id, *([] if sig is None else [str(sig)]), **kw)

    def pause(self):
        return self.runtime("pause", self.id)

    def resume(self):
        return self.runtime("resume", self.id)

    def delete(self, force=False, **kw) -> Result:
        return self.runtime("delete", *(["--force"] if force else []), self.id, **kw)

    def update(self, *options, **kw) -> Result:
        return self.runtime("update", *options, self.id, **kw)


class Runtime:
    """One runtime binary with a --root of its own."""

    def __init__(self, binary: str, work: Path, isolation: str, mark: str, snapshot):
        self.binary, self.work, self.isolation, self.mark = binary, work, isolation, mark
        self.name = os.path.basename(binary)
        self.standin = self.name != "runhcs"  # a peer that calibrates the tests
        self.root = work / "root"
        self.globals = []
        self.leftovers = snapshot
        self.serial = 0
        self.running = []

    def new_id(self, tail="") -> str:
        self.serial += 1
        return f"{self.mark}-{self.serial}{tail}"

    def argv(self, *args, globals=None) -> list:
        options = self.globals if globals is None else globals
        args = list(args)
        if args and args[0] in ("run", "create") and self.isolation != "process":
            args[1:1] = ["--isolation", self.isolation]
        return [self.binary, "--root", str(self.root), *options, *args]

    def spawn(self, *args, globals=None, prefix=(), **popen) -> Running:
        process = Running([*prefix, *self.argv(*args, globals=globals)], **popen)
        self.running.append(process)
        return process

    def __call__(self, *args, check=True, timeout=TIMEOUT, **popen) -> Result:
        """Run one command to its end; with check, demand success."""
        process = self.spawn(*args, **popen)
        result = process.wait(timeout)
        self.running.remove(process)
        if check and result.rc != 0:
            raise AssertionError(f"failed: {result!r}")
        return result

    def fails(self, *args, says=(), rc=None, **popen) -> Result:
        """Run a command that must fail as the requirement says errors look."""
        result = self(*args, check=False, **popen)
        self.assert_error(result, *([says] if isinstance(says, str) else says), rc=rc)
        return result

    def assert_error(self, result: Result, *says: str, rc=None) -> None:
        """Non-zero status and one clear line on stderr holding every one of `says`."""
        assert result.rc not in (0, None) and result.rc > 0, repr(result)
        if self.standin:  # peers word their errors in their own way
            return
        if rc is not None:
            assert result.rc == rc, repr(result)
        lines = result.err.splitlines()
        assert len(lines) == 1, f"one line on stderr: {result!r}"
        assert lines[0].startswith("runhcs: "), repr(result)
        assert len(lines[0]) < 1000, repr(result)
        for text in says:
            assert text.lower() in lines[0].lower(), f"{text!r} is missing: {result!r}"

    def container(self, cid) -> Container:
        return Container(self, cid)

    def run(self, bundle, *options, cid=None, check=True, timeout=TIMEOUT, **popen) -> Result:
        """Foreground `run` to the end."""
        bundle.write()
        return self("run", "-b", bundle.path, *options, cid or self.new_id(), check=check,
                    timeout=timeout, **popen)

    def run_fails(self, bundle, *options, says=(), rc=None, cid=None, **popen) -> Result:
        bundle.write()
        return self.fails("run", "-b", bundle.path, *options, cid or self.new_id(), says=says,
                          rc=rc, **popen)

    def create_fails(self, bundle, *options, says=(), rc=None, cid=None, **popen) -> Result:
        bundle.write()
        return self.fails("create", "-b", bundle.path, *options, cid or self.new_id(), says=says,
                          rc=rc, **popen)

    def create(self, bundle, *options, cid=None, **popen) -> Container:
        bundle.write()
        cid = cid or self.new_id()
        result = self("create", "-b", bundle.path, *options, cid, **popen)
        return Container(self, cid, bundle, result)

    def start(self, bundle, *options, cid=None, **popen) -> Container:
        """`run --detach`."""
        bundle.write()
        cid = cid or self.new_id()
        result = self("run", "-d", "-b", bundle.path, *options, cid, **popen)
        return Container(self, cid, bundle, result)

    def ids(self) -> list:
        return self("list", "-q").lines

    def close(self) -> None:
        """Remove every container under our root, by the runtime's own `delete --force`."""
        for process in self.running:
            process.stop()
        if not self.root.is_dir():
            return
        for entry in sorted(os.listdir(self.root)):
            if entry[0] not in leftovers.RUNTIMES_OWN:
                self("delete", "--force", entry, check=False)

"""hcs-image as hcs calls it, and what it leaves in its store."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]


def program() -> Path:
    build = Path(os.environ.get("HCS_BUILD", REPOSITORY / "build"))
    return Path(os.environ.get("HCS_LIBEXECDIR", build / "libexec/hcs")) / "hcs-image"


class Tool:
    def __init__(self, directory):
        self.root = directory / "root"
        self.home = directory / "home"
        self.home.mkdir(parents=True)
        self.config = directory / "config.json"
        self.configure({})
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(self.home),
                            "HCS_CONFIG": str(self.config), "LC_ALL": "C.UTF-8",
                            **{k: v for k, v in os.environ.items() if "SAN_OPTIONS" in k}}

    def configure(self, registries) -> None:
        self.config.write_text(json.dumps({"registries": registries}))

    def command(self, *arguments) -> list:
        return [str(program()), "--root", str(self.root), *map(str, arguments)]

    def start(self, *arguments, **options) -> subprocess.Popen:
        return subprocess.Popen(self.command(*arguments), env=self.environment,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, **options)

    def run(self, *arguments, input=None, timeout=180):
        return subprocess.run(self.command(*arguments), env=self.environment, text=True,
                              input=input, stdin=None if input is not None else subprocess.DEVNULL,
                              capture_output=True, timeout=timeout)

    def ok(self, *arguments, **options) -> str:
        result = self.run(*arguments, **options)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def fails(self, *arguments, status=1, **options) -> str:
        """The one line of the error."""
        result = self.run(*arguments, **options)
        assert result.returncode == status, (result.returncode, result.stdout, result.stderr)
        lines = [line for line in result.stderr.splitlines() if not line.startswith("WARNING!")]
        assert len(lines) == 1, result.stderr
        assert lines[0].startswith("hcs: ")
        return lines[0]

    # The store, as image/store.h says it is.

    @property
    def images(self) -> Path:
        return self.root / "images"

    def remove(self) -> None:
        """Everything that was ever pulled."""
        shutil.rmtree(self.root, ignore_errors=True)

    def blobs(self) -> set:
        """The digests of all blobs; each is checked to be what it is called."""
        found = set()
        for path in (self.images / "blobs/sha256").glob("*"):
            with open(path, "rb") as f:
                assert hashlib.file_digest(f, "sha256").hexdigest() == path.name
            found.add("sha256:" + path.name)
        return found

    def names(self) -> str:
        path = self.images / "names.json"
        return path.read_text() if path.exists() else ""

    def layer(self, diff_id) -> Path:
        return self.images / "layers" / diff_id.split(":")[1] / "fs"

    def unpacked(self) -> set:
        return {"sha256:" + p.parent.name for p in (self.images / "layers").glob("*/fs")}

    def unfinished(self) -> list:
        """What is still being fetched or made."""
        return [p for d in ("ingest", "tmp") for p in (self.images / d).glob("*")]

    def assert_whole(self, image, name) -> None:
        """The image is there to the last byte, and name stands for it."""
        assert set(image.blobs) <= self.blobs()
        for n, diff_id in enumerate(image.diff_ids):
            assert diff_id in self.unpacked(), f"layer {n}"
        for path, data in image.files.items():
            assert any((self.layer(d) / path).is_file() and (self.layer(d) / path).read_bytes() == data
                       for d in image.diff_ids), path
        assert name in self.names()

    def assert_nothing(self) -> None:
        """No name, and no layer of which not all is verified."""
        assert "manifest" not in self.names()
        self.blobs()


def kill(process) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()

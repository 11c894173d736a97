"""The image library through image_tool, beside the tools that others have for the same formats."""
import os
import pathlib
import shutil
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("HCS_BUILD", HERE.parents[2] / "build"))
TOOL = BUILD / "tests/images/image_tool"


class Store:
    """An image store of the test's own."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.images = self.path / "images"

    def start(self, *args, **kwargs):
        return subprocess.Popen([TOOL, self.path, *map(str, args)], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, **kwargs)

    def run(self, *args, **kwargs):
        return subprocess.run([TOOL, self.path, *map(str, args)], capture_output=True, timeout=120,
                              **kwargs)

    def __call__(self, *args, **kwargs):
        result = self.run(*args, **kwargs)
        assert result.returncode == 0, result.stderr.decode()
        return result.stdout.decode()

    def fails(self, *args, **kwargs):
        """The message, one line, of a command that must fail by itself."""
        result = self.run(*args, **kwargs)
        message = result.stderr.decode()
        assert result.returncode == 1, message
        assert message.count("\n") == 1 and message.endswith("\n")
        return message

    def files(self):
        """What there is below images/ besides what every store has."""
        fixed = {"lock", "gc", "names.json"}
        return sorted(str(p.relative_to(self.images)) for kind in ("blobs/*", "layers", "ingest", "tmp", "pins")
                      for p in self.images.glob(kind + "/*") if p.name not in fixed)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture
def mounted(tmp_path):
    """mounted(folders): the layers as a container would see them, read-only."""
    points = []

    def mount(folders):
        point = tmp_path / f"mounted{len(points)}"
        point.mkdir()
        if len(folders) == 1:
            subprocess.run(["mount", "--bind", folders[0], point], check=True)
        else:
            # From within the directory: one page is all that mount(2) takes.
            layers = pathlib.Path(folders[0]).parent.parent
            lower = ":".join(str(pathlib.Path(f).relative_to(layers)) for f in folders)
            subprocess.run(["mount", "-t", "overlay", "-o", f"ro,lowerdir={lower}", "overlay", point], check=True,
                           cwd=layers)
        points.append(point)
        return point

    yield mount
    for point in points:
        subprocess.run(["umount", point], check=False)


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")

"""Programs in volumes: the guest's kernel keeps the pages of what it executes, and only of what has not changed."""

import os
import shutil
import time

import pytest

import vm
from runtime import until

pytestmark = pytest.mark.hyperv

WORD = b"word-0000-drow"
SOURCE = r"""
#include <unistd.h>
const volatile char word[] = "word-0000-drow\n";
int main(void) { return write(1, (const char *)word, 15) != 15; }
"""
SETTLED = 2.5  # seconds after which pages are kept: guest/kernel/patches


@pytest.fixture(scope="module")
def volume(shared):
    path = shared.runtime.work / "volume"
    path.mkdir()
    return path


@pytest.fixture
def c(volume, shared, runtime):
    return shared.container("programs", lambda b: b.bind(volume, "/vol", "bind", "rw"), runtime)


@pytest.fixture
def program(volume, compile_c):
    path = volume / "program"
    shutil.copyfile(compile_c("word", SOURCE), path)
    path.chmod(0o755)
    yield path
    path.unlink(missing_ok=True)


def patch(path, number, keep_times=True):
    """Another word in its place: the same file, as long as before, its mtime put back."""
    before = path.stat()
    data = path.read_bytes()
    at = data.index(b"word-") + 5
    with open(path, "r+b", buffering=0) as file:
        file.seek(at)
        file.write(b"%04d" % number)
    if keep_times:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def says(c) -> str:
    return c.exec("/vol/program").out.strip()


def settle(c, expected):
    """From the second look on its pages stay."""
    assert says(c) == expected
    time.sleep(SETTLED)
    for _ in range(3):
        assert says(c) == expected


def test_changed_in_place_by_the_host(c, program):
    """Seen at the next exec, though neither size nor mtime tells."""
    settle(c, "word-0000-drow")
    for number in range(1, 6):
        patch(program, number)
        assert says(c) == f"word-{number:04d}-drow"
    settle(c, "word-0005-drow")
    patch(program, 6)
    assert says(c) == "word-0006-drow"


def test_changed_at_once_after_it_was_executed(c, program):
    """Within the granularity of times, again and again, before and after the pages are kept."""
    settle(c, "word-0000-drow")
    for number in range(1, 25):
        patch(program, number, keep_times=number % 2 == 0)
        assert says(c) == f"word-{number:04d}-drow"


def test_changed_by_the_container(c, program):
    settle(c, "word-0000-drow")
    at = program.read_bytes().index(b"word-") + 5
    c.exec_sh(f"printf 0007 | dd of=/vol/program bs=1 seek={at} conv=notrunc 2>/dev/null")
    assert says(c) == "word-0007-drow"
    assert b"word-0007-drow" in program.read_bytes()


def test_replaced_and_removed(c, program, volume):
    """Another file of that name is another program; without the name there is none."""
    settle(c, "word-0000-drow")
    other = volume / "other"
    shutil.copy(program, other)
    patch(other, 8)
    other.rename(program)
    assert says(c) == "word-0008-drow"
    program.unlink()
    assert c.exec("/vol/program", check=False).rc == 127


def test_no_longer_executable(c, program):
    settle(c, "word-0000-drow")
    program.chmod(0o644)
    assert c.exec("/vol/program", check=False).rc == 126
    program.chmod(0o755)
    assert says(c) == "word-0000-drow"


def test_a_removed_program_is_given_back(c, program):
    """Its file is held no longer than until its name is found gone: else the disk stays full."""
    settle(c, "word-0000-drow")
    mine = identity(program)
    assert mine in held(c)
    program.unlink()
    assert c.exec("/vol/program", check=False).rc == 127
    until(lambda: mine not in held(c), what=lambda: f"{mine} is held yet")


def identity(path):
    found = os.stat(path)
    return found.st_dev, found.st_ino


def held(c) -> set:
    """Files that the share's daemon has open."""
    directory = vm.part(c, "virtiofsd").path("fd")
    found = set()
    for name in os.listdir(directory):
        try:
            found.add(identity(directory / name))
        except OSError:
            pass
    return found

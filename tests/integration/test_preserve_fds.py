"""--preserve-fds and the descriptors of socket activation; nothing else passes."""

import os

import pytest

LIST_FDS = r"""
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	char link[4096];

	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || atoi(entry->d_name) == dirfd(dir))
			continue;
		ssize_t n = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);
		link[n > 0 ? n : 0] = 0;
		printf("%s=%s\n", entry->d_name, link);
	}
}
"""


@pytest.fixture
def list_fds(compile_c):
    """A program that prints its own open descriptors, as nothing but a shell's would."""
    return compile_c("list_fds", LIST_FDS)


def inherit(*paths):
    """A preexec function that puts the files at 3, 4, ... and those descriptors."""
    files = [os.open(path, os.O_RDWR) for path in paths]

    def place():
        spare = [os.dup2(fd, 100 + i, inheritable=True) for i, fd in enumerate(files)]
        for i, fd in enumerate(spare):
            os.dup2(fd, 3 + i, inheritable=True)
            os.close(fd)

    return place, files


def run_with_fds(runtime, b, paths, *options, **popen):
    place, files = inherit(*paths)
    b.write()
    run = runtime.spawn("run", "-b", b.path, *options, runtime.new_id(), preexec_fn=place,
                        close_fds=False, **popen)
    for fd in files:
        os.close(fd)
    return run.wait()


@pytest.fixture
def files(work):
    paths = [work / "file-a", work / "file-b", work / "file-c"]
    for path in paths:
        path.write_text(f"content of {path.name}\n")
    return paths


@pytest.mark.host_view("descriptors cannot pass into a VM")
def test_the_first_n_pass(runtime, bundle, files):
    result = run_with_fds(runtime, bundle().sh("cat <&3; cat <&4"), files, "--preserve-fds", "2")
    assert result.out == "content of file-a\ncontent of file-b\n"


@pytest.mark.host_view("descriptors cannot pass into a VM")
def test_the_rest_does_not(runtime, bundle, files, list_fds):
    b = bundle()
    result = run_with_fds(runtime, b.args(b.install(list_fds)), files, "--preserve-fds", "1")
    assert "file-a" in result.out
    assert "file-b" not in result.out and "file-c" not in result.out


def test_none_pass_by_default(runtime, bundle, files, list_fds):
    """CVE-2024-21626: what the caller has open must not reach the container."""
    b = bundle()
    result = run_with_fds(runtime, b.args(b.install(list_fds)), files)
    names = {line.split("=")[0] for line in result.out.splitlines()}
    assert names <= {"0", "1", "2"}, result.out


@pytest.mark.host_view("descriptors cannot pass into a VM")
def test_exec_preserves_too(runtime, bundle, files, list_fds):
    b = bundle()
    b.install(list_fds)
    c = runtime.start(b)
    place, fds = inherit(*files)
    run = runtime.spawn("exec", "--preserve-fds", "1", c.id, "/bin/sh", "-c",
                        "cat <&3; list_fds", preexec_fn=place, close_fds=False)
    for fd in fds:
        os.close(fd)
    result = run.wait()
    assert "content of file-a\n" in result.out
    assert "file-b" not in result.out


@pytest.mark.host_view("descriptors cannot pass into a VM")
def test_listen_fds(runtime, bundle, files):
    """Socket activation: LISTEN_FDS of the caller counts before --preserve-fds, and LISTEN_PID
    inside is the container's own first process."""
    result = run_with_fds(
        runtime, bundle().sh("echo $LISTEN_FDS $LISTEN_PID; cat <&3"), files,
        prefix=["sh", "-c", 'LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"', "sh"])
    assert result.out == "1 1\ncontent of file-a\n"


def test_more_than_there_are(runtime, bundle):
    """A descriptor that is not open is an error that names it."""
    b = bundle()
    runtime.run_fails(b, "--preserve-fds", "500")
    runtime.leftovers.assert_none()


@pytest.mark.once("refused before anything is made")
@pytest.mark.parametrize("count", ["-1", "x", "99999999999999999999", "1.5"])
def test_count_that_is_none(runtime, bundle, count):
    if runtime.standin:
        pytest.skip("peer: other parser")
    runtime.run_fails(bundle(), f"--preserve-fds={count}", says="preserve-fds")
    runtime.leftovers.assert_none()

"""The same layers are the same root file system in each isolation, and as directories and images: every name,
type, mode, owner, time, attribute, link and byte."""

import os
import shutil
import subprocess

import pytest

from runtime import TIMEOUT, until
from test_scratch import loops

pytestmark = [pytest.mark.peer_lacks("layerFolders"), pytest.mark.hyperv]

# Prints one line for each file below a directory, but for what is mounted there.
WALK = r"""
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>
static void print(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		printf(text[i] > ' ' && text[i] < 127 && text[i] != '%' ? "%c" : "%%%02x", (unsigned char)text[i]);
}
static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}
static void attributes(const char *path)
{
	static char list[65536], value[65536];
	ssize_t n = llistxattr(path, list, sizeof(list));
	char *names[1024];
	size_t len = 0;
	for (char *p = list; n > 0 && p < list + n && len < 1024; p += strlen(p) + 1)
		names[len++] = p;
	qsort(names, len, sizeof(*names), by_name);
	for (size_t i = 0; i < len; i++) {
		ssize_t size = lgetxattr(path, names[i], value, sizeof(value));
		printf(" %s=", names[i]);
		print(value, size > 0 ? size : 0);
	}
	if (n < 0)
		printf(" attributes:%s", strerror(errno));
}
static void content(const char *path, const struct stat *st)
{
	static char buf[1 << 16];
	unsigned long long hash = 14695981039346656037ull, total = 0;
	ssize_t n;
	int fd;
	if (S_ISLNK(st->st_mode)) {
		n = readlink(path, buf, sizeof(buf));
		printf(" -> ");
		print(buf, n > 0 ? n : 0);
		return;
	}
	if (!S_ISREG(st->st_mode))
		return;
	fd = open(path, O_RDONLY);
	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			hash = (hash ^ (unsigned char)buf[i]) * 1099511628211ull;
		total += n;
	}
	printf(" %llu %llx%s", total, hash, n < 0 ? strerror(errno) : "");
	close(fd);
}
static void links(const char *path, const struct stat *st)
{
	static struct { unsigned long long ino; char *path; } seen[4096];
	static size_t len;
	if (S_ISDIR(st->st_mode))
		return;
	printf(" links=%lu", (unsigned long)st->st_nlink);
	if (st->st_nlink < 2)
		return;
	for (size_t i = 0; i < len; i++)
		if (seen[i].ino == st->st_ino) {
			printf(" same=");
			print(seen[i].path, strlen(seen[i].path));
			return;
		}
	if (len < 4096) {
		seen[len].ino = st->st_ino;
		seen[len++].path = strdup(path);
	}
}
static void walk(const char *path)
{
	struct dirent **names;
	struct stat st;
	if (!strcmp(path, "/proc") || !strcmp(path, "/dev") || !strcmp(path, "/sys"))
		return;
	if (lstat(path, &st)) {
		print(path, strlen(path));
		printf(" %s\n", strerror(errno));
		return;
	}
	print(path, strlen(path));
	printf(" %o %u:%u", st.st_mode, st.st_uid, st.st_gid);
	if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
		printf(" dev=%u:%u", major(st.st_rdev), minor(st.st_rdev));
	if (strcmp(path, "/")) /* that of the scratch */
		printf(" %lld.%09ld", (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	links(path, &st);
	attributes(path);
	content(path, &st);
	printf("\n");
	if (!S_ISDIR(st.st_mode))
		return;
	int n = scandir(path, &names, NULL, alphasort);
	if (n < 0)
		printf("scandir: %s\n", strerror(errno));
	for (int i = 0; i < n; i++) {
		char *below;
		if (!strcmp(names[i]->d_name, ".") || !strcmp(names[i]->d_name, ".."))
			continue;
		if (asprintf(&below, "%s/%s", strcmp(path, "/") ? path : "", names[i]->d_name) > 0)
			walk(below);
	}
}
int main(void)
{
	walk("/");
	return fflush(stdout) ? 1 : 0;
}
"""


def attribute(path, name, value):
    os.setxattr(path, name, value, follow_symlinks=False)


def whiteout(path):
    os.mknod(path, 0o020000, os.makedev(0, 0))


def times(path, seconds, nanoseconds):
    stamp = seconds * 10**9 + nanoseconds
    os.utime(path, ns=(stamp, stamp), follow_symlinks=False)


def base_layer(path):
    """Whatever an image may have."""
    odd = path / "odd"
    odd.mkdir()
    (odd / "plain").write_bytes(b"plain\n" * 1000)
    for i in range(3):
        os.link(odd / "plain", odd / f"link{i}")
    (odd / ("n" * 254)).write_text("long")
    (odd / "name with spaces, \n, \\ and \xff".encode("latin-1").decode("utf-8", "surrogateescape")).write_text("x")
    (odd / "empty").write_bytes(b"")
    (odd / "short-link").symlink_to("plain")
    (odd / "long-link").symlink_to("/" + "y" * 4000)
    with open(odd / "sparse", "wb") as sparse:
        sparse.write(b"begin")
        sparse.truncate(20 << 20)
        sparse.seek(10 << 20)
        sparse.write(b"middle")
    for i, size in enumerate((1, 100, 4095, 4096, 4097, 8192 + 17, 1 << 20)):
        (odd / f"sized{i}").write_bytes(os.urandom(size))
    os.mkfifo(odd / "fifo", 0o600)
    os.mknod(odd / "null", 0o020666, os.makedev(1, 3))
    os.mknod(odd / "disk", 0o060640, os.makedev(259, 70000))
    shutil.copy(odd / "plain", odd / "capable")
    attribute(odd / "capable", "security.capability", bytes.fromhex("0100000200200000000000000000000000000000"))
    (odd / "attributed").write_text("a")
    attribute(odd / "attributed", "user.small", b"v")
    attribute(odd / "attributed", "user.large", os.urandom(2000))
    attribute(odd / "attributed", "user." + "k" * 200, b"")
    for mode in (0o4755, 0o2755, 0o1777, 0o000, 0o6711):
        (odd / f"mode{mode:o}").write_text("m")
        (odd / f"mode{mode:o}").chmod(mode)
    (odd / "sgid").mkdir()
    (odd / "sgid").chmod(0o2775)
    for i, (uid, gid) in enumerate(((1, 2), (65535, 65536), (2**31, 2**32 - 2))):
        (odd / f"owner{i}").write_text("o")
        os.chown(odd / f"owner{i}", uid, gid)
    for i, (seconds, nanoseconds) in enumerate(((0, 0), (1, 1), (-5, 250000000), (2**31 + 7, 999999999))):
        (odd / f"time{i}").write_text("t")
        times(odd / f"time{i}", seconds, nanoseconds)
    many = odd / "many"
    many.mkdir()
    for i in range(1500):
        (many / f"entry-{i:05}").write_text(str(i))
    for name in ("gone", "kept", "hidden", "replaced", "once-a-directory"):
        (odd / name).mkdir()
        (odd / name / "lower").write_text("lower")
    (odd / "once-a-file").write_text("f")


def middle_layer(path):
    odd = path / "odd"
    odd.mkdir(mode=0o711)
    whiteout(odd / "gone")
    whiteout(odd / "empty")
    for name in ("hidden", "kept"):
        (odd / name).mkdir()
        (odd / name / "upper").write_text("upper")
    attribute(odd / "hidden", "trusted.overlay.opaque", b"y")
    (odd / "once-a-directory").write_text("a file now")
    (odd / "once-a-file").mkdir()
    (odd / "link1").write_text("no link any more")


def top_layer(path):
    odd = path / "odd"
    (odd / "gone").mkdir(parents=True)
    (odd / "gone/again").write_text("again")
    whiteout(odd / "kept")
    odd.chmod(0o755)
    times(odd, 1000000000, 123456789)


@pytest.fixture
def layered(runtime, bundle, work, template, compile_c):
    """A bundle of three layers, as directories and as images."""
    folders = work / "layers"
    folders.mkdir()
    shutil.copytree(template, folders / "base", symlinks=True)
    shutil.copy2(compile_c("walk", WALK), folders / "base/bin/walk")
    for name, fill in (("base", base_layer), ("middle", middle_layer), ("top", top_layer)):
        (folders / name).mkdir(exist_ok=True)
        fill(folders / name)
        subprocess.run(["mkfs.erofs", "--quiet", "-Eforce-inode-extended", folders / f"{name}.erofs",
                        folders / name], check=True, capture_output=True)
    b = bundle()
    shutil.rmtree(b.rootfs)
    del b.spec["root"]
    b.layers = folders
    # Attributes of every namespace are seen, and devices are no more than names.
    b.caps("CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH").args("/bin/walk")
    yield b
    runtime.close()
    for name in ("top", "middle", "base"):
        until(lambda name=name: loops(folders / f"{name}.erofs") == "")


def walked(runtime, b, isolation, suffix) -> list:
    scratch = b.layers / f"scratch-{isolation}{suffix}"
    if suffix:
        runtime("create-scratch", "--destpath", scratch, "--sizeGB", 1)
    else:
        scratch.mkdir()
    b.spec["windows"] = {"layerFolders": [*(str(b.layers / f"{name}{suffix}") for name in ("top", "middle", "base")),
                                          str(scratch)]}
    runtime.isolation = isolation
    try:
        return runtime.run(b, timeout=6 * TIMEOUT).lines
    finally:
        runtime.isolation = "hyperv"


def test_the_same_in_each_isolation(runtime, layered):
    expected = walked(runtime, layered, "process", "")
    assert len(expected) > 1600
    assert not any(line.startswith(("/odd/empty ", "/odd/hidden/lower ", "/odd/kept ", "/odd/gone/lower "))
                   for line in expected)
    assert sum("same=/odd/link0" in line for line in expected) == 2
    for isolation, suffix in (("process", ".erofs"), ("hyperv", ".erofs")):
        found = walked(runtime, layered, isolation, suffix)
        assert not sorted(set(found) ^ set(expected))[:10], (isolation, suffix)
        assert len(found) == len(expected)

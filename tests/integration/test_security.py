"""The security record of container runtimes: each known hole is a test.

The image (root file system) and the container's processes are hostile here; the bundle's config
and the caller are not.
"""

import hashlib
import ctypes
import os
import shutil
import socket
import time

import pytest

from host import host
from runtime import PATIENCE, until


@pytest.fixture
def outside(work):
    """A host directory that nothing in a container may reach or change."""
    path = work / "outside"
    path.mkdir()
    (path / "marker").write_text("HOST-SECRET")
    (path / "sub").mkdir()
    return path


def untouched(outside) -> bool:
    return (sorted(os.listdir(outside)) == ["marker", "sub"] and os.listdir(outside / "sub") == []
            and (outside / "marker").read_text() == "HOST-SECRET")


def tries(runtime, b) -> str:
    """Run what may succeed or be refused, with one line if refused; its output."""
    result = runtime.run(b, check=False)
    if result.rc and not result.out and result.err.startswith("runhcs: "):
        runtime.assert_error(result)
    return result.out


# CVE-2019-5736: the runtime's own binary

SCAN_EXE = r"""
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
/* scan INODE SECONDS: look for a process whose exe is that file, and open it for writing. */
int main(int argc, char **argv)
{
	unsigned long inode = strtoul(argv[1], NULL, 10);
	time_t end = time(NULL) + atoi(argv[2]);
	char path[64], fd_path[64];

	puts("ready");
	fflush(stdout);
	while (time(NULL) <= end) {
		DIR *proc = opendir("/proc");
		struct dirent *entry;

		while ((entry = readdir(proc))) {
			struct stat st;
			int fd, writable;

			if (atoi(entry->d_name) <= 1)
				continue;
			snprintf(path, sizeof(path), "/proc/%s/exe", entry->d_name);
			fd = open(path, O_PATH);
			if (fd < 0)
				continue;
			if (!fstat(fd, &st) && st.st_ino == inode) {
				snprintf(fd_path, sizeof(fd_path), "/proc/self/fd/%d", fd);
				writable = open(fd_path, O_WRONLY | O_TRUNC);
				printf("SEEN %s\n", writable >= 0 ? "AND WRITABLE" : "");
				fflush(stdout);
			}
			close(fd);
		}
		closedir(proc);
	}
	puts("end");
	return 0;
}
"""


@pytest.fixture
def own_runtime(runtime, work):
    """A copy of the runtime's binary that a test may put at risk."""
    copy = work / "bin" / runtime.name
    copy.parent.mkdir()
    shutil.copy2(runtime.binary, copy)
    runtime.binary = str(copy)
    digest = hashlib.sha256(copy.read_bytes()).hexdigest()
    yield copy
    assert hashlib.sha256(copy.read_bytes()).hexdigest() == digest, "the binary was overwritten"


@pytest.mark.host_view("the host's runtime is not in the guest's /proc")
def test_runtime_binary_cannot_be_written_from_inside(runtime, bundle, own_runtime, compile_c):
    b = bundle()
    b.install(compile_c("scan", SCAN_EXE))
    b.caps("CAP_SYS_PTRACE", "CAP_DAC_OVERRIDE", "CAP_SYS_ADMIN")
    c = runtime.start(b.args("scan", str(own_runtime.stat().st_ino), "2"))
    c.until_output("ready")
    while "end" not in c.out:
        runtime("exec", c.id, "true", check=False)
    # a read-only clone of its mount may be seen; what counts is that no way to write leads there
    assert "WRITABLE" not in c.out


@pytest.mark.parametrize("program", ["/proc/self/exe", "/evil-link", "/evil-script"])
def test_runtime_as_the_containers_program(runtime, bundle, own_runtime, program):
    """The program is a way to /proc/self/exe: what runs is not the host's runtime file."""
    b = bundle()
    (b.rootfs / "evil-link").symlink_to("/proc/self/exe")
    b.put("/evil-script", "#!/proc/self/exe\n", 0o755)
    tries(runtime, b.args(program, "--version"))
    c = runtime.start(b.args("sleep", "1000"))
    c.exec(program, "--version", check=False)
    assert c.status == "running"


def test_runtime_library_planted_in_the_image(runtime, bundle, own_runtime):
    """Nothing of the image is loaded into the runtime: no ld.so.preload, no locale, no NSS."""
    b = bundle()
    b.put("/etc/ld.so.preload", "/evil.so\n")
    b.put("/evil.so", b"\x7fELF not really", 0o755)
    b.put("/etc/nsswitch.conf", "passwd: evil\n")
    assert runtime.run(b.sh("echo fine")).out == "fine\n"


# CVE-2024-21626: leaked descriptors and the working directory

CWDS = [f"/proc/self/fd/{n}" for n in range(3, 16)] + ["/proc/1/cwd/..", "/proc/self/fd/../root/.."]


@pytest.mark.parametrize("where", CWDS)
def test_cwd_through_a_descriptor(runtime, bundle, outside, where):
    b = bundle().sh(f"cat ./../../../../../../..{outside}/marker 2>/dev/null; ls -id / . 2>/dev/null; true")
    b.process["cwd"] = where
    assert "HOST-SECRET" not in tries(runtime, b)
    runtime.leftovers.assert_none()


def test_exec_cwd_through_a_descriptor(runtime, bundle, outside):
    b = bundle()
    for n in range(3, 16):
        (b.rootfs / f"fd{n}").symlink_to(f"/proc/self/fd/{n}")
    c = runtime.start(b)
    for where in CWDS + [f"/fd{n}" for n in range(3, 16)]:
        out = c.exec_sh(f"cat ../../../../../../../..{outside}/marker 2>/dev/null; true",
                        options=["--cwd", where], check=False).out
        assert "HOST-SECRET" not in out


LIST_FDS = r"""
#include <stdio.h>
#include <stdlib.h>
#include <fcntl.h>
int main(void)
{
	for (int fd = 0; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			printf("%d\n", fd);
}
"""


def test_only_three_descriptors(runtime, bundle, compile_c):
    b = bundle()
    program = b.install(compile_c("fds", LIST_FDS))
    assert runtime.run(b.args(program)).out.split() == ["0", "1", "2"]
    c = runtime.start(b.args("sleep", "1000"))
    assert c.exec(program).out.split() == ["0", "1", "2"]
    assert c.exec_sh("echo /proc/1/fd/*").out.split() == [f"/proc/1/fd/{n}" for n in range(3)]
    if runtime.isolation == "process":
        assert sorted(os.listdir(f"/proc/{c.pid}/fd")) == ["0", "1", "2"]


def test_only_three_descriptors_with_a_terminal(runtime, bundle, compile_c, console):
    b = bundle()
    b.args(b.install(compile_c("fds", LIST_FDS + "\n"))).process["terminal"] = True
    c = runtime.create(b, "--console-socket", console.path)
    screen = console.receive()
    c.start()
    assert screen.drain().split() == ["0", "1", "2"]


SCAN_PROC = r"""
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
/* scan_proc MARKER SECONDS: reach MARKER through root, cwd or descriptors of every process. */
static char *marker;
static void try_at(const char *base)
{
	char path[512], data[64] = "";
	int fd;

	snprintf(path, sizeof(path), "%s/%s", base, marker);
	fd = open(path, O_RDONLY);
	if (fd >= 0 && read(fd, data, 11) == 11 && !strcmp(data, "HOST-SECRET")) {
		printf("LEAK %s\n", path);
		fflush(stdout);
	}
	if (fd >= 0)
		close(fd);
}
int main(int argc, char **argv)
{
	time_t end = time(NULL) + atoi(argv[2]);
	char path[64];

	marker = argv[1];
	puts("ready");
	fflush(stdout);
	while (time(NULL) <= end) {
		DIR *proc = opendir("/proc");
		struct dirent *entry;

		while ((entry = readdir(proc))) {
			if (atoi(entry->d_name) <= 1 || atoi(entry->d_name) == getpid())
				continue;
			snprintf(path, sizeof(path), "/proc/%s/root", entry->d_name);
			try_at(path);
			snprintf(path, sizeof(path), "/proc/%s/cwd/../../../../..", entry->d_name);
			try_at(path);
			for (int fd = 3; fd < 20; fd++) {
				snprintf(path, sizeof(path), "/proc/%s/fd/%d/../../../../..", entry->d_name, fd);
				try_at(path);
			}
		}
		closedir(proc);
	}
	puts("end");
	return 0;
}
"""


@pytest.mark.parametrize("caps", [["CAP_DAC_OVERRIDE"], ["CAP_DAC_OVERRIDE", "CAP_SYS_PTRACE"]],
                         ids=["plain", "ptrace"])
def test_joining_process_gives_no_way_out(runtime, bundle, outside, compile_c, caps):
    """CVE-2016-9962: while exec joins the container its descriptors and root are not for it, even
    where the container may look into every process that it sees."""
    b = bundle().caps(*caps)
    b.install(compile_c("scan_proc", SCAN_PROC))
    c = runtime.start(b.args("scan_proc", str(outside / "marker"), "2"))
    c.until_output("ready")
    while "end" not in c.out:
        runtime("exec", c.id, "true", check=False)
    assert "LEAK" not in c.out


SESSION_KEYRING = r"""
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(void)
{
	char text[256] = "";
	syscall(SYS_keyctl, 6 /* KEYCTL_DESCRIBE */, -3L /* session */, text, sizeof(text) - 1);
	puts(text);
}
"""


def test_exec_is_in_the_containers_session_keyring(runtime, bundle, compile_c):
    """The keys of whoever calls exec are not the container's."""
    b = bundle()
    program = b.install(compile_c("session_keyring", SESSION_KEYRING))
    c = runtime.start(b.args("sleep", "1000"))

    def own_keyring():
        ctypes.CDLL(None).syscall(250, 1, b"hcsit-callers-keys")  # KEYCTL_JOIN_SESSION_KEYRING

    assert f";_ses.{c.id}" in runtime("exec", c.id, program, preexec_fn=own_keyring).out


# Fake and symlinked /proc and /sys: 2019-16884, 2019-19921, 2023-27561, 2023-28642

def fake_proc(b, name="fakeproc"):
    for path in ("self/attr/exec", "self/status", "1/status", "sys/kernel/hostname", "keys"):
        b.put(f"/{name}/{path}", "fake")
    return b


@pytest.mark.parametrize("link", ["/fakeproc", "fakeproc", "../../fakeproc"])
def test_symlinked_proc(runtime, bundle, link):
    b = fake_proc(bundle())
    (b.rootfs / "proc").rmdir()
    (b.rootfs / "proc").symlink_to(link)
    out = tries(runtime, b.sh("cat /proc/self/status | head -1; wc -c </proc/keys"))
    assert out == "", "a symlinked /proc must be refused"
    runtime.leftovers.assert_none()


def test_symlinked_sys(runtime, bundle):
    b = bundle()
    (b.rootfs / "sys").rmdir()
    (b.rootfs / "fakesys").mkdir()
    (b.rootfs / "sys").symlink_to("/fakesys")
    out = tries(runtime, b.sh("echo ran"))
    assert out == "", "a symlinked /sys must be refused"
    runtime.leftovers.assert_none()


@pytest.mark.parametrize("kind", ["bind", "tmpfs"])
def test_proc_that_is_no_proc(runtime, bundle, work, kind):
    """CVE-2019-16884: a volume over /proc must not swallow the writes of labels and masks."""
    b = fake_proc(bundle())
    if kind == "bind":
        b.bind(b.rootfs / "fakeproc", "/proc")
    else:
        b.tmpfs("/proc")
    out = tries(runtime, b.sh("echo ran"))
    assert out == ""
    runtime.leftovers.assert_none()


@pytest.mark.parametrize("target", ["/proc/self", "/proc/self/attr", "/proc/sys", "/proc/sys/kernel",
                                    "/proc/1/attr/exec", "/proc/./self/../self/attr"])
def test_volume_inside_proc(runtime, bundle, work, target):
    """CVE-2025-52881: the runtime's own writes must land on a real procfs."""
    (work / "fake").mkdir()
    b = bundle().bind(work / "fake", target)
    assert tries(runtime, b.sh("echo ran")) == ""
    runtime.leftovers.assert_none()


def test_lxcfs_files_may_cover_their_proc_files(runtime, bundle, work):
    names = ["cpuinfo", "meminfo", "stat", "uptime", "loadavg", "swaps", "diskstats"]
    b = bundle().sh("cd /proc; cat " + " ".join(names))
    for name in names:
        (work / name).write_text(f"{name} from lxcfs\n")
        b.bind(work / name, f"/proc/{name}")
    assert runtime.run(b).lines == [f"{name} from lxcfs" for name in names]


@pytest.mark.host_view("a VM cannot be given the host's procfs")
def test_real_proc_of_the_host_may_be_bound(runtime, bundle):
    """What privileged pods do: it is a procfs."""
    b = bundle().without_mount("/proc").without_namespace("pid")
    b.spec["mounts"].insert(0, {"destination": "/proc", "type": "bind", "source": "/proc",
                                "options": ["rbind"]})
    b.linux["maskedPaths"] = b.linux["readonlyPaths"] = []
    assert runtime.run(b.sh("test -e /proc/self/status && echo ok")).out == "ok\n"


def test_exec_into_a_container_that_hid_its_proc(runtime, bundle):
    """exec must not be steered by what the container mounted over /proc."""
    b = bundle().caps("CAP_SYS_ADMIN")
    c = runtime.start(b.sh("mount -t tmpfs fake /proc && mkdir -p /proc/self/attr /proc/sys /proc/self/fd && "
                           "echo x >/proc/self/status; echo hidden; sleep 1000"))
    c.until_output("hidden")
    result = c.exec("echo", "in", check=False)
    if result.rc:
        runtime.assert_error(result)
    else:
        assert result.out == "in\n"
    c.delete(force=True)
    runtime.leftovers.assert_none()


# Mount targets and paths in the image: 2019-18837, 2021-30465, 2024-45310 and their kin

SWAP = r"""
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
/* swap A B: exchange the two names for ever. */
int main(int argc, char **argv)
{
	puts("ready");
	fflush(stdout);
	for (;;)
		renameat2(AT_FDCWD, argv[1], AT_FDCWD, argv[2], RENAME_EXCHANGE);
}
"""


@pytest.fixture
def swap(compile_c, helper):
    program = compile_c("swap", SWAP)

    def start(one, two):
        process = helper(program, one, two)
        process.until_output("ready")
        return process

    return start


def race(runtime, b, rounds=15):
    """Runs that may succeed or fail; what matters is what they do outside. In a VM the engine that
    walks these paths sees nothing of the host's but the share."""
    for _ in range(rounds if runtime.isolation == "process" else rounds // 5):
        b.write()
        runtime("run", "-b", b.path, runtime.new_id(), check=False)


@pytest.mark.parametrize("kind", ["bind", "tmpfs", "new"])
def test_mount_target_swapped_while_it_runs(runtime, bundle, outside, work, swap, kind):
    if runtime.standin and kind == "new":
        pytest.skip("peer: CVE-2024-45310 is open in runc 1.1.5")
    b = bundle()
    (b.rootfs / "vol/sub").mkdir(parents=True)
    climb = "../" * 20 + str(outside).lstrip("/")
    (b.rootfs / "vol-link").symlink_to(climb)
    (work / "data").mkdir()
    (work / "data/file").write_text("x")
    if kind == "bind":
        b.bind(work / "data", "/vol/sub").bind(work / "data/file", "/vol/made-file")
    elif kind == "tmpfs":
        b.tmpfs("/vol/sub", "mode=755")
    else:
        b.bind(work / "data", "/vol/a/b/c/d").bind(work / "data/file", "/vol/e/f/file")
    b.sh("true")
    before = swap(b.rootfs / "vol", b.rootfs / "vol-link")
    runtime.leftovers.rebase()
    race(runtime, b)
    before.stop()
    assert untouched(outside)
    assert not [f for f in runtime.leftovers.new() if f.startswith("mount")]


def test_masked_path_swapped_while_it_runs(runtime, bundle, outside, swap):
    b = bundle()
    b.put("/etc/secret/file", "x")
    (b.rootfs / "etc/secret-link").symlink_to(outside)
    b.linux["maskedPaths"] += ["/etc/secret", "/etc/secret/file"]
    b.linux["readonlyPaths"] += ["/etc/secret"]
    b.sh("true")
    process = swap(b.rootfs / "etc/secret", b.rootfs / "etc/secret-link")
    runtime.leftovers.rebase()
    race(runtime, b)
    process.stop()
    assert untouched(outside)
    host("touch", outside / "sub/still-writable")


@pytest.mark.peer_lacks("fixed after runc 1.1.5")
@pytest.mark.parametrize("name", ["dev", "proc", "sys", "etc", "tmp"])
def test_top_directory_swapped_with_a_link_out(runtime, bundle, outside, swap, name):
    b = bundle().writable()
    (b.rootfs / "tmp").mkdir(exist_ok=True)
    (b.rootfs / "link").symlink_to("../" * 20 + str(outside).lstrip("/"))
    b.linux["devices"] = [{"path": "/dev/sub/node", "type": "c", "major": 1, "minor": 3}]
    b.tmpfs("/tmp").sh("true")
    process = swap(b.rootfs / name, b.rootfs / "link")
    runtime.leftovers.rebase()
    race(runtime, b, 10)
    process.stop()
    assert untouched(outside)
    assert not [f for f in runtime.leftovers.new() if f.startswith("mount")]


@pytest.mark.peer_lacks("fixed after runc 1.1.5")
def test_rootfs_dev_is_a_symlink(runtime, bundle, outside):
    """CVE-2026-41579, 2026-47766."""
    for link in (str(outside), "../" * 20 + str(outside).lstrip("/"), "/outside-inside"):
        b = bundle()
        (b.rootfs / "dev").rmdir()
        (b.rootfs / "dev").symlink_to(link)
        tries(runtime, b.sh("ls /dev/"))
        assert untouched(outside)
    runtime.leftovers.assert_none()


@pytest.mark.peer_lacks("fixed after runc 1.1.5")
def test_rootfs_dev_is_a_symlink_and_nothing_is_mounted_there(runtime, bundle, outside):
    b = bundle()
    for point in ("/dev/pts", "/dev/shm", "/dev/mqueue", "/dev"):
        b.without_mount(point)
    (b.rootfs / "dev").rmdir()
    (b.rootfs / "dev").symlink_to("../" * 20 + str(outside).lstrip("/"))
    tries(runtime, b.sh("ls /dev/"))
    assert untouched(outside)


def test_device_path_through_a_link(runtime, bundle, outside):
    b = bundle()
    (b.rootfs / "nodes").symlink_to("../" * 20 + str(outside).lstrip("/"))
    b.linux["devices"] = [{"path": "/nodes/null", "type": "c", "major": 1, "minor": 3},
                          {"path": f"/dev/../../../..{outside}/null2", "type": "c", "major": 1, "minor": 3}]
    tries(runtime, b.sh("true"))
    assert untouched(outside)


def test_cwd_is_made_inside(runtime, bundle, outside):
    b = bundle().writable()
    (b.rootfs / "link").symlink_to("../" * 20 + str(outside).lstrip("/"))
    b.process["cwd"] = "/link/new/deep"
    tries(runtime, b.sh("pwd"))
    assert untouched(outside)


def test_tmpcopyup_copies_from_inside(runtime, bundle, outside):
    b = bundle()
    (b.rootfs / "copied").symlink_to("../" * 20 + str(outside).lstrip("/"))
    b.tmpfs("/copied", "tmpcopyup")
    assert "HOST-SECRET" not in tries(runtime, b.sh("cat /copied/marker 2>/dev/null; true"))
    assert untouched(outside)


@pytest.mark.peer_lacks("runc cannot copy a fifo")
def test_tmpcopyup_does_not_follow_links_in_the_tree(runtime, bundle, outside):
    b = bundle()
    (b.rootfs / "tree").mkdir()
    (b.rootfs / "tree/out").symlink_to("../" * 20 + str(outside).lstrip("/"))
    (b.rootfs / "tree/file").symlink_to(outside / "marker")
    os.mkfifo(b.rootfs / "tree/fifo")
    b.tmpfs("/tree", "tmpcopyup")
    out = runtime.run(b.sh("readlink /tree/file; test -p /tree/fifo && echo fifo; cat /tree/out/marker 2>/dev/null; true")).out
    assert "HOST-SECRET" not in out and str(outside) in out and "fifo" in out


@pytest.mark.parametrize("what", ["link", "fifo", "device", "directory", "huge"])
@pytest.mark.peer_lacks("a guarded look at the image's passwd")
def test_passwd_planted(runtime, bundle, outside, what):
    """HOME and groups are looked up in the image's files: never on the host, never for ever."""
    b = bundle().sh("echo HOME=$HOME")
    passwd = b.rootfs / "etc/passwd"
    passwd.unlink()
    if what == "link":
        (outside / "marker").write_text("HOST-SECRET")
        (outside.parent / "passwd").write_text("root:x:0:0:root:/HOST-SECRET:/bin/sh\n")
        passwd.symlink_to("../" * 20 + str(outside.parent / "passwd").lstrip("/"))
    elif what == "fifo":
        os.mkfifo(passwd)
    elif what == "device":
        os.mknod(passwd, 0o666 | 0o020000, os.makedev(1, 5))  # zero: endless
    elif what == "directory":
        passwd.mkdir()
    else:
        with open(passwd, "wb") as out:
            out.truncate(1 << 32)
    result = runtime.run(b, check=False, timeout=10)
    assert "HOST-SECRET" not in result.out
    if result.rc:
        runtime.assert_error(result)


# Masks and consoles with wrong objects: 2025-31133, 2025-52565

def bare_dev(b):
    """No tmpfs over /dev: the image's own nodes are all there is."""
    for point in ("/dev/pts", "/dev/shm", "/dev/mqueue", "/dev"):
        b.without_mount(point)
    return b


@pytest.mark.peer_lacks("fixed after runc 1.1.5")
@pytest.mark.parametrize("null", ["link", "file", "wrong-device"])
def test_masking_with_a_planted_dev_null(runtime, bundle, null):
    b = bare_dev(bundle()).writable()
    b.put("/etc/secret", "secret")
    b.put("/etc/bait", "bait")
    path = b.rootfs / "dev/null"
    if null == "link":
        path.symlink_to("/etc/bait")
    elif null == "file":
        path.write_text("bait")
    else:
        os.mknod(path, 0o666 | 0o020000, os.makedev(1, 5))
    b.linux["maskedPaths"] += ["/etc/secret"]
    out = tries(runtime, b.sh("stat -c '%t %T' /etc/secret; test -c /etc/secret || cat /etc/secret"))
    assert out in ("", "1 3\n")


@pytest.mark.parametrize("target", ["/etc/bait", "/proc/sys/kernel/core_pattern", "link-out"])
def test_console_planted_in_the_image(runtime, bundle, outside, console, target):
    b = bare_dev(bundle()).writable()
    b.mount("/dev/pts", "devpts", "devpts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666"])
    b.put("/etc/bait", "bait")
    (b.rootfs / "dev/pts").mkdir()
    link = "../" * 20 + str(outside / "marker").lstrip("/") if target == "link-out" else target
    (b.rootfs / "dev/console").symlink_to(link)
    b.process["terminal"] = True
    b.sh("test -c /etc/bait && echo WRONG; test -c /proc/sys/kernel/core_pattern && echo WRONG; echo done; sleep 1000")
    b.write()
    result = runtime("run", "-d", "-b", b.path, "--console-socket", console.path, runtime.new_id(), check=False)
    if result.rc == 0:
        screen = console.receive()
        screen.expect("done")
        assert "WRONG" not in screen.text
    assert untouched(outside)


def test_ptmx_planted_in_the_image(runtime, bundle, outside, console):
    """The terminal comes from the container's own devpts, whatever /dev/ptmx of the image is."""
    b = bare_dev(bundle()).writable()
    b.mount("/dev/pts", "devpts", "devpts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666"])
    (b.rootfs / "dev/pts").mkdir()
    (b.rootfs / "dev/ptmx").symlink_to("../" * 20 + str(outside / "marker").lstrip("/"))
    b.process["terminal"] = True
    b.sh("tty; echo done; sleep 1000").write()
    result = runtime("run", "-d", "-b", b.path, "--console-socket", console.path, runtime.new_id(), check=False)
    if result.rc == 0:
        console.receive().expect("done")
    else:
        runtime.assert_error(result)
    assert untouched(outside)


def test_container_cannot_replace_dev_under_exec(runtime, bundle, terminal, outside):
    """exec -t into a container that put links where devpts was."""
    b = bundle().caps("CAP_SYS_ADMIN")
    c = runtime.start(b.sh("umount /dev/pts; rmdir /dev/pts; ln -s /etc /dev/pts; rm /dev/ptmx; ln -s /etc/passwd /dev/ptmx;"
                           "echo ready; sleep 1000"))
    c.until_output("ready")
    process = runtime.spawn("exec", "-t", c.id, "echo", "in", **terminal.popen_args())
    process.wait()
    assert (b.rootfs / "etc/passwd").read_text().startswith("root:x:0:0")
    assert terminal.attributes() == terminal.before


# Locked flags, capabilities, isolation

@pytest.mark.host_view("the guest's mount has its own attributes; read-only holds on the host's side")
@pytest.mark.parametrize("options", [("bind",), ("bind", "rw"), ("bind", "exec", "suid", "dev", "rw"),
                                     ("rbind", "rrw", "rexec", "rsuid", "rdev")])
def test_locked_flags_hold_in_a_user_namespace(runtime, bundle, work, options):
    """What the host's mount forbids, a container in a user namespace cannot be given back
    without its owner's word... and never by default."""
    if runtime.standin and options[0] == "rbind":
        pytest.skip("peer: no recursive attributes")
    volume = work / "volume"
    volume.mkdir()
    host("mount", "-t", "tmpfs", "-o", "ro,nosuid,nodev,noexec", "tmpfs", volume)
    runtime.leftovers.rebase()
    b = bundle(own_files=True).map_user().give_to(100000, 100000).bind(volume, "/vol", *options)
    result = runtime.run(b.sh("grep ' /vol ' /proc/self/mountinfo; mount -o remount,bind,rw /vol 2>/dev/null && echo REMOUNTED; true"),
                         check=False)
    if result.rc:
        runtime.assert_error(result, "/vol")
    elif len(options) == 1:
        assert {"ro", "nosuid", "nodev", "noexec"} <= set(result.out.split()[5].split(","))
        assert "REMOUNTED" not in result.out


def test_masks_and_readonly_cannot_be_undone_with_user_namespace_capabilities(runtime, bundle):
    b = bundle(own_files=True).map_user().give_to(100000, 100000).caps("CAP_SYS_ADMIN")
    out = runtime.run(b.sh("umount /proc/keys 2>/dev/null && echo UNMASKED;"
                           "mount -o remount,bind,rw /proc/sys 2>/dev/null && echo WRITABLE;"
                           "umount /proc/sys 2>/dev/null; echo x 2>/dev/null >/proc/sys/kernel/core_pattern && echo WROTE; true"))
    assert "WROTE" not in out.out


def test_inheritable_capabilities_are_empty(runtime, bundle):
    """CVE-2022-29162, 2022-24769, 2022-27650."""
    c = runtime.start(bundle())
    assert "CapInh:\t0000000000000000" in c.exec("cat", "/proc/1/status").out
    assert "CapInh:\t0000000000000000" in c.exec("cat", "/proc/self/status", options=["--cap", "CAP_KILL"]).out


def test_host_mounts_are_not_visible(runtime, bundle, work):
    (work / "private").mkdir()
    host("mount", "-t", "tmpfs", "hostprivate", work / "private")
    runtime.leftovers.rebase()
    out = runtime.run(bundle().sh("cat /proc/self/mountinfo")).out
    assert "hostprivate" not in out
    assert len(out.splitlines()) < 45


def test_old_root_is_out_of_reach(runtime, bundle, outside):
    b = bundle().caps("CAP_SYS_ADMIN", "CAP_SYS_CHROOT", "CAP_DAC_OVERRIDE")
    out = runtime.run(b.sh(f"cat /..{outside}/marker /../..{outside}/marker /proc/1/root{outside}/marker 2>/dev/null;"
                           f"umount -l / 2>/dev/null; cat {outside}/marker 2>/dev/null; true"), check=False)
    assert "HOST-SECRET" not in out.out


@pytest.mark.host_view("a VM cannot share the host's network namespace")
def test_abstract_sockets_of_the_runtime_do_not_exist(runtime, bundle):
    """CVE-2020-15257: with the host's network namespace nothing of ours can be connected to."""
    b = bundle().without_namespace("network").without_mount("/sys").without_mount("/sys/fs/cgroup")
    def ours() -> set:
        with open("/proc/net/unix", encoding="utf-8", errors="replace") as table:
            return {line.split()[-1] for line in table if line.split()[-1].startswith("@") and "hcs" in line.split()[-1]}
    before = ours()
    runtime.start(b)
    assert ours() <= before


@pytest.mark.peer_lacks("runc's exec.fifo is open to writers")
def test_state_directory_is_closed_to_others(runtime, bundle):
    c = runtime.create(bundle())
    for path in (runtime.root / c.id, *(runtime.root / c.id).iterdir()):
        assert path.lstat().st_mode & 0o022 == 0, path
    assert (runtime.root / c.id).stat().st_mode & 0o005 in (0, 1), "not listable by others"


@pytest.mark.peer_lacks("a bounded message")
@pytest.mark.parametrize("size", [70000, 1 << 20])
def test_large_fields_do_not_overflow_a_message(runtime, bundle, size):
    """CVE-2021-43784: lengths between the runtime's processes are 32 bits and checked."""
    b = bundle().sh("echo ${#BIG}")
    b.process["env"] += [f"BIG={'x' * (min(size, 130000))}"] + [f"V{i}={'y' * 100000}" for i in range(size // 100000)]
    result = runtime.run(b, check=False)
    if result.rc:
        runtime.assert_error(result)
    else:
        assert result.out.strip() == str(min(size, 130000))
    runtime.leftovers.assert_none()


def test_many_mappings(runtime, bundle):
    """The kernel takes 340, and a page of text; more is refused, and nothing is cut off."""
    for count in (300, 400):
        b = bundle().map_user()
        ranges = [{"containerID": i, "hostID": 100000 + i * 2, "size": 1} for i in range(count)]
        b.linux["uidMappings"] = b.linux["gidMappings"] = ranges
        result = runtime.run(b.sh("wc -l </proc/self/uid_map"), check=False)
        if count == 300:
            assert result.out.strip() == "300", result
        else:
            runtime.assert_error(result)
    runtime.leftovers.assert_none()


def test_rootfs_swapped_before_delete(runtime, bundle, outside):
    """delete must not follow a rootfs that became a link."""
    b = bundle()
    c = runtime.start(b)
    b.rootfs.rename(b.path / "moved")
    b.rootfs.symlink_to(outside)
    c.delete(force=True)
    assert untouched(outside)
    runtime.leftovers.assert_none()


def test_state_directory_replaced_by_a_link(runtime, bundle, outside):
    """An id whose entry in the root is a link is no container; delete removes nothing behind it."""
    runtime.root.mkdir(exist_ok=True)
    cid = runtime.new_id()
    (runtime.root / cid).symlink_to(outside)
    runtime("delete", "--force", cid, check=False)
    assert untouched(outside)
    if (runtime.root / cid).is_symlink():
        (runtime.root / cid).unlink()


def test_cgroup_of_the_container_cannot_steer_delete(runtime, bundle):
    """A container that can write its cgroup moves itself to the top: delete still ends it, and
    kills nothing of the host's."""
    b = bundle().namespace("cgroup")
    b.mount_of("/sys/fs/cgroup")["options"] = ["nosuid", "noexec", "nodev", "relatime", "rw"]
    b.sh("for d in /sys/fs/cgroup/* /sys/fs/cgroup; do test -f $d/cgroup.procs && { mkdir $d/in; echo $$ >$d/in/cgroup.procs; }; "
         "done 2>/dev/null; echo moved; sleep 1000")
    c = runtime.start(b)
    c.until_output("moved")
    c.delete(force=True)
    runtime.leftovers.assert_none()


@pytest.mark.peer_lacks("runc waits for the notification")
def test_notify_socket_is_not_handed_in(runtime, bundle, work):
    """NOTIFY_SOCKET and other variables of the caller stay with the caller unless supported."""
    path = str(work / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(path)
        env = dict(os.environ, NOTIFY_SOCKET=path)
        out = runtime.run(bundle().sh("env"), env=env).out
    assert path not in out


def test_time_is_bounded_when_init_is_stopped(runtime, bundle):
    """A stopped (SIGSTOP) container can still be deleted."""
    c = runtime.start(bundle())
    c.kill("STOP")
    until(lambda: c.exec("cat", "/proc/1/stat").out.split()[2] in "Tt")
    before = time.monotonic()
    c.delete(force=True)
    assert time.monotonic() - before < 5 * PATIENCE

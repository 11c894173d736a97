"""Volumes: what a container in a VM and the host do to the same files is one and the same."""

import hashlib
import os
import shutil
import stat
import subprocess
import time

import pytest

import vm
from host import host

pytestmark = pytest.mark.hyperv
MIB = 1 << 20


def fill(path):
    (path / "file").write_text("from the host\n")
    (path / "dir").mkdir()
    return path


@pytest.fixture
def volume(work):
    path = work / "volume"
    path.mkdir()
    return fill(path)


@pytest.fixture
def common(shared):
    """The one that the container `c` has, as if it were new."""
    path = shared.runtime.work / "volume"
    path.mkdir(exist_ok=True)
    path.chmod(0o755)
    for entry in path.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    return fill(path)


@pytest.fixture
def c(common, shared, runtime):
    """A container that has the volume read-write at /vol, and read-only at /ro: one for all tests
    that do no more than look and write."""
    return shared.container("volumes", lambda b: with_volume(b, common), runtime)


def with_volume(b, volume):
    b.bind(volume, "/vol", "bind", "rw").bind(volume, "/ro", "bind", "ro")
    b.caps("CAP_CHOWN", "CAP_FOWNER", "CAP_DAC_OVERRIDE", "CAP_SETFCAP", "CAP_MKNOD", "CAP_FSETID", "CAP_SYS_ADMIN")
    b.process["noNewPrivileges"] = False
    b.resources["devices"] = [{"allow": True, "access": "rwm"}]
    return b


def sh(c, script) -> str:
    return c.exec_sh(script).out


# What the host does is seen inside

def test_written_on_the_host(c, common):
    assert sh(c, "cat /vol/file") == "from the host\n"
    (common / "file").write_text("changed, and longer than before\n")
    assert sh(c, "cat /vol/file /ro/file") == "changed, and longer than before\n" * 2


def test_made_renamed_and_removed_on_the_host(c, common):
    (common / "new").write_text("new")
    assert sh(c, "cat /vol/new") == "new"
    (common / "new").rename(common / "dir/renamed")
    assert sh(c, "ls /vol; cat /vol/dir/renamed") == "dir\nfile\nnew"
    (common / "dir/renamed").unlink()
    assert sh(c, "ls /vol/dir") == ""


def test_replaced_by_rename_on_the_host(c, common):
    """How editors and Kubernetes' config maps change a file."""
    for text in ("first", "second", "third"):
        (common / "next").write_text(text)
        os.replace(common / "next", common / "file")
        assert sh(c, "cat /vol/file") == text


def test_truncated_and_appended_on_the_host(c, common):
    assert sh(c, "stat -c %s /vol/file") == "14\n"
    os.truncate(common / "file", 4)
    assert sh(c, "cat /vol/file") == "from"
    with open(common / "file", "a", encoding="ascii") as out:
        out.write(" here\n")
    assert sh(c, "cat /vol/file") == "from here\n"


def test_followed_while_it_grows(c, common):
    """tail -f on a log that the host writes."""
    (common / "log.txt").write_text("")
    follow = c.runtime.spawn("exec", c.id, "tail", "-f", "/vol/log.txt")
    for number in range(5):
        with open(common / "log.txt", "a", encoding="ascii") as out:
            out.write(f"line {number}\n")
        follow.until_output(f"line {number}\n")
    c.exec("killall", "tail")
    follow.wait()


# What the container does is seen on the host

def test_written_inside(c, common):
    sh(c, "echo inside >/vol/made; echo more >>/vol/file; mkdir -p /vol/a/b; mv /vol/dir /vol/moved; : >/vol/empty")
    assert (common / "made").read_text() == "inside\n"
    assert (common / "file").read_text() == "from the host\nmore\n"
    assert (common / "a/b").is_dir() and (common / "moved").is_dir() and not (common / "dir").exists()
    assert (common / "empty").stat().st_size == 0


def test_appended_by_both_sides(c, common):
    for number in range(5):
        sh(c, f"echo guest{number} >>/vol/both")
        with open(common / "both", "a", encoding="ascii") as out:
            out.write(f"host{number}\n")
    expected = "".join(f"guest{n}\nhost{n}\n" for n in range(5))
    assert (common / "both").read_text() == sh(c, "cat /vol/both") == expected


def test_modes_owners_and_times(c, common):
    sh(c, "cd /vol; touch f; chown 12:34 f; chmod 4751 f; touch -d '2001-02-03 04:05:06' f; mkdir -m 1777 d")
    info = (common / "f").stat()
    assert (stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid) == (0o4751, 12, 34)
    assert time.gmtime(info.st_mtime)[:6] == (2001, 2, 3, 4, 5, 6)
    assert stat.S_IMODE((common / "d").stat().st_mode) == 0o1777
    os.chown(common / "f", 56, 78)
    (common / "f").chmod(0o640)
    assert sh(c, "stat -c '%a %u %g' /vol/f") == "640 56 78\n"


def test_owner_of_what_a_user_makes(c, common):
    common.chmod(0o777)
    c.exec("touch", "/vol/mine", options=["-u", "1000:2000"])
    info = (common / "mine").stat()
    assert (info.st_uid, info.st_gid) == (1000, 2000)


def test_permissions_hold_for_users(c, common):
    (common / "secret").write_text("secret")
    (common / "secret").chmod(0o600)
    result = c.exec("cat", "/vol/secret", options=["-u", "1000"], check=False)
    assert result.rc != 0 and "secret" not in result.out
    os.chown(common / "secret", 1000, 1000)
    assert c.exec("cat", "/vol/secret", options=["-u", "1000"]).out == "secret"


def test_additional_groups_count(c, common):
    (common / "shared").write_text("for the group")
    os.chown(common / "shared", 0, 77)
    (common / "shared").chmod(0o640)
    result = c.exec("cat", "/vol/shared", options=["-u", "1000:1000", "--additional-gids", "77"])
    assert result.out == "for the group"


def test_links(c, common):
    sh(c, "cd /vol; ln file hard; ln -s file soft; ln -s /etc/passwd out; ln -s nowhere dangling")
    assert (common / "hard").samefile(common / "file")
    assert (common / "file").stat().st_nlink == 2
    assert os.readlink(common / "soft") == "file"
    assert sh(c, "stat -c %h /vol/file; cat /vol/soft; readlink /vol/dangling") == "2\nfrom the host\nnowhere\n"
    assert sh(c, "head -1 /vol/out").startswith("root:x:0:0"), "of the container, not of the host"


def test_links_of_the_host_lead_nowhere_new(c, common, work):
    """A link in the volume is followed inside, where the host's file is not."""
    (work / "outside").write_text("HOST-SECRET")
    (common / "abs").symlink_to(work / "outside")
    (common / "rel").symlink_to("../outside")
    out = c.exec_sh("cat /vol/abs /vol/rel /vol/../outside /vol/dir/../../outside 2>/dev/null", check=False).out
    assert out == ""


def test_special_files(c, common):
    sh(c, "cd /vol; mkfifo fifo; mknod null c 1 3")
    assert stat.S_ISFIFO((common / "fifo").stat().st_mode)
    assert (common / "null").stat().st_rdev == os.makedev(1, 3)
    out = sh(c, "cd /vol; (echo through >fifo &); cat fifo; echo x >null; stat -c %F null")
    assert out == "through\ncharacter special file\n"


def test_extended_attributes_and_capabilities(c, common, compile_c):
    os.setxattr(common / "file", "user.of", b"host")
    program = compile_c("xattr", XATTR)
    c.bundle.install(program)
    assert sh(c, "xattr get /vol/file user.of; xattr set /vol/file user.back guest") == "host\n"
    assert os.getxattr(common / "file", "user.back") == b"guest"
    # cap_net_raw+ep, version 2
    value = bytes.fromhex("0100000200200000000000000000000000000000")
    os.setxattr(common / "file", "security.capability", value)
    assert sh(c, "xattr size /vol/file security.capability") == f"{len(value)}\n"


XATTR = r"""
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
int main(int argc, char **argv)
{
	char value[256] = "";
	long n;

	if (!strcmp(argv[1], "set"))
		return setxattr(argv[2], argv[3], argv[4], strlen(argv[4]), 0) ? 1 : 0;
	n = getxattr(argv[2], argv[3], value, sizeof(value) - 1);
	if (!strcmp(argv[1], "size"))
		printf("%ld\n", n);
	else
		puts(value);
	return n < 0;
}
"""


def test_unlinked_while_open(c, common):
    out = sh(c, "cd /vol; exec 3<>file; rm file; echo appended >&3; echo 0 >/dev/null; test -e file || echo gone")
    assert out == "gone\n"
    assert not (common / "file").exists()
    out = sh(c, "cd /vol; echo one >x; exec 3<x; rm x; echo two >x; cat <&3; cat x")
    assert out == "one\ntwo\n"


def test_unlinked_on_the_host_while_open_inside(c, common):
    reader = c.runtime.spawn("exec", c.id, "/bin/sh", "-c", "exec 3</vol/file; echo open; read x; cat <&3", stdin=-1)
    reader.until_output("open")
    (common / "file").unlink()
    reader.popen.stdin.write(b"\n")
    reader.popen.stdin.close()
    assert reader.wait().out == "open\nfrom the host\n"


MMAP = r"""
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
/* mapped FILE: write through a shared mapping, then tell what a new mapping shows. */
int main(int argc, char **argv)
{
	int fd = open(argv[1], O_RDWR);
	char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	memcpy(p, "MAPPED", 6);
	msync(p, 4096, MS_SYNC);
	munmap(p, 4096);
	p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	printf("%.6s\n", p);
	return 0;
}
"""


def test_memory_mapped(c, common, compile_c):
    c.bundle.install(compile_c("mapped", MMAP))
    (common / "page").write_bytes(b"x" * 4096)
    assert sh(c, "mapped /vol/page") == "MAPPED\n"
    assert (common / "page").read_bytes() == b"MAPPED" + b"x" * 4090


LOCKS = r"""
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	struct flock whole = { .l_type = F_WRLCK };
	int first = open(argv[1], O_RDWR), second = open(argv[1], O_RDWR);

	printf("%d ", flock(first, LOCK_EX | LOCK_NB));
	printf("%d ", flock(second, LOCK_EX | LOCK_NB));
	printf("%d ", flock(first, LOCK_UN));
	printf("%d ", fcntl(first, F_SETLK, &whole));
	fflush(stdout);
	if (!fork()) {
		printf("%d\n", fcntl(open(argv[1], O_RDWR), F_SETLK, &whole));
		fflush(stdout);
		_exit(0);
	}
	wait(NULL);
	return 0;
}
"""


def test_locks_hold_inside(c, compile_c):
    c.bundle.install(compile_c("locks", LOCKS))
    assert sh(c, "locks /vol/file").split() == ["0", "-1", "0", "0", "-1"]


def test_many_files(c, common):
    sh(c, "mkdir /vol/many; cd /vol/many; i=0; while [ $i -lt 500 ]; do : >f$i; i=$((i+1)); done")
    assert len(os.listdir(common / "many")) == 500
    for i in range(1000):
        (common / "many" / f"host{i}").touch()
    assert sh(c, "ls /vol/many | wc -l; rm -r /vol/many; ls /vol") == "1500\ndir\nfile\n"
    assert not (common / "many").exists()


def test_large_file_is_exact(c, common):
    data = os.urandom(MIB) * 24
    (common / "large").write_bytes(data)
    out = sh(c, "sha256sum /vol/large; cp /vol/large /vol/copy; sync").split()
    assert out[0] == hashlib.sha256(data).hexdigest()
    assert (common / "copy").read_bytes() == data


def test_sparse_and_seek(c, common):
    sh(c, "dd if=/dev/zero of=/vol/sparse bs=1 count=1 seek=1000000000 2>/dev/null; truncate -s 2000000000 /vol/sparse")
    info = (common / "sparse").stat()
    assert info.st_size == 2000000000 and info.st_blocks < 1000


@pytest.mark.parametrize("name", ["ünï-cödé", "with space", "a" * 255, "-dash", "new\nline", "quote'\"\\"])
def test_names(c, common, name):
    (common / "names").mkdir()
    (common / "names" / name).write_text("x")
    assert sh(c, "cd /vol/names; for f in *; do cp -- \"$f\" /vol/copied; done; cat /vol/copied") == "x"


def test_space_is_the_hosts(c, common):
    blocks, free = map(int, sh(c, "stat -f -c '%b %a' /vol").split())
    info = os.statvfs(common)
    assert blocks == info.f_blocks
    assert abs(free - info.f_bavail) < max(info.f_bavail // 10, 100000)


# Read-only: the host's word, not the guest's

def test_read_only_inside(c, common):
    out = sh(c, "exec 2>/dev/null; touch /ro/x || echo no; rm /ro/file || echo no; echo x >/ro/file || echo no;"
                "mv /ro/dir /ro/d || echo no; chmod 777 /ro/file || echo no; ln /ro/file /ro/l || echo no")
    assert out == "no\n" * 6
    assert (common / "file").read_text() == "from the host\n"


def test_read_only_although_the_guest_remounts_it(runtime, bundle, volume):
    """The container is root with every right in its kernel: it can take off the flag of its own
    mount, and still not write."""
    b = bundle().bind(volume, "/ro", "bind", "ro")
    b.caps("CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE")
    out = runtime.run(b.sh("mount -o remount,bind,rw /ro && echo remounted; touch /ro/x 2>&1; rm /ro/file 2>&1;"
                           "echo y >/ro/file; mount | grep ' /ro '"), check=False)
    assert "remounted" in out.out, out
    assert "(rw" in out.out
    assert sorted(os.listdir(volume)) == ["dir", "file"]
    assert (volume / "file").read_text() == "from the host\n"


def test_read_only_on_the_hosts_side_by_its_mounts(runtime, bundle, volume):
    """What the daemon serves is mounted read-only for the daemon itself."""
    c = runtime.start(bundle().bind(volume, "/ro", "bind", "ro").bind(volume, "/rw", "bind", "rw"))
    daemon = vm.part(c, "virtiofsd").path("mountinfo").read_text().splitlines()
    found = sorted("ro" in line.split()[5].split(",") for line in daemon if "/mounts/" in line.split()[4])
    assert found == [False, True]


def test_read_only_file(runtime, bundle, volume):
    b = bundle().bind(volume / "file", "/etc/fixed", "bind", "ro").caps("CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE")
    runtime.run(b.sh("mount -o remount,bind,rw /etc/fixed; echo x >/etc/fixed; : >/etc/fixed"), check=False)
    assert (volume / "file").read_text() == "from the host\n"


def test_host_mount_that_is_read_only_stays_so(runtime, bundle, volume):
    host("mount", "-t", "tmpfs", "tmpfs", volume)
    (volume / "file").write_text("kept")
    host("mount", "-o", "remount,ro", volume)
    runtime.leftovers.rebase()
    b = bundle().bind(volume, "/vol", "bind", "rw")
    assert runtime.run(b.sh("touch /vol/x 2>/dev/null || echo no; cat /vol/file")).out == "no\nkept"


# Single files, and what is next to them

def test_single_file(runtime, bundle, volume):
    b = bundle().bind(volume / "file", "/etc/one", "bind", "rw")
    c = runtime.start(b)
    sh(c, "echo inside >>/etc/one")
    assert (volume / "file").read_text() == "from the host\ninside\n"
    with open(volume / "file", "a", encoding="ascii") as out:
        out.write("outside\n")
    assert sh(c, "cat /etc/one") == "from the host\ninside\noutside\n"


def test_neighbours_of_a_single_file_are_out_of_reach(runtime, bundle, volume):
    (volume / "neighbour").write_text("HOST-SECRET")
    b = bundle().bind(volume / "file", "/mnt/one", "bind", "rw").caps("CAP_SYS_ADMIN", "CAP_DAC_READ_SEARCH", "CAP_DAC_OVERRIDE")
    out = runtime.run(b.sh("cat /mnt/../neighbour /mnt/neighbour /run/hcs/share/*/mounts/*/neighbour 2>/dev/null; ls /mnt"), check=False).out
    assert out == "one\n"


def test_same_directory_twice(runtime, bundle, volume):
    c = runtime.start(bundle().bind(volume, "/one", "bind", "rw").bind(volume, "/two", "bind", "rw"))
    assert sh(c, "echo x >/one/x; cat /two/x; echo y >/two/x; cat /one/x") == "x\ny\n"


def test_mount_below_the_volume(runtime, bundle, volume):
    """rbind takes what is mounted below; files of both with the same number are not mixed up."""
    host("mount", "-t", "tmpfs", "tmpfs", volume / "dir")
    (volume / "dir/inner").write_text("inner\n")
    runtime.leftovers.rebase()
    c = runtime.start(bundle().bind(volume, "/vol", "rbind", "rw"))
    assert sh(c, "cat /vol/dir/inner /vol/file; echo back >/vol/dir/back") == "inner\nfrom the host\n"
    assert (volume / "dir/back").read_text() == "back\n"


def test_everything_is_written_when_it_ends(runtime, bundle, volume):
    """No cache of the guest's is lost with it, even if it is killed."""
    c = runtime.start(bundle().bind(volume, "/vol", "bind", "rw").sh("echo last >/vol/last; echo done; sleep 1000"))
    c.until_output("done")
    c.delete(force=True)
    assert (volume / "last").read_text() == "last\n"


def test_rootfs_is_coherent_too(runtime, bundle):
    b = bundle().writable()
    c = runtime.start(b)
    sh(c, "echo inside >/made")
    assert (b.rootfs / "made").read_text() == "inside\n"
    b.put("/from-host", "outside")
    assert sh(c, "cat /from-host") == "outside"


def test_share_is_not_in_the_containers_view(runtime, bundle, volume):
    """The container has its mounts, not the directory that they come from."""
    out = runtime.run(bundle().bind(volume, "/vol").sh("ls -A /run; cat /proc/self/mountinfo | wc -l; umount /vol 2>/dev/null; ls /run/hcs 2>/dev/null; true")).out
    assert out.splitlines()[0].isdigit(), out


# create-scratch

def test_scratch_disk(runtime, bundle, work, template):
    """A disk image as the writable layer, made by the runtime."""
    runtime("create-scratch", "--destpath", work / "scratch.img", "--sizeGB", "1")
    assert (work / "scratch.img").stat().st_size == 1 << 30
    assert (work / "scratch.img").stat().st_blocks * 512 < 128 * MIB, "sparse"
    b = bundle()
    del b.spec["root"]
    b.spec["windows"] = {"layerFolders": [str(template), str(work / "scratch.img")]}
    b.sh("cat /kept 2>/dev/null || echo first; echo kept >/kept; df -k / | tail -1")
    first, size = runtime.run(b).lines
    assert first == "first" and 800_000 < int(size.split()[1]) < 1_100_000
    assert runtime.run(b).lines[0] == "kept"
    assert not (template / "kept").exists()
    done = subprocess.run(["e2fsck", "-fn", work / "scratch.img"], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout


def test_scratch_disk_in_two_vms_is_refused(runtime, bundle, work, template):
    """One file system in two kernels is the end of it."""
    runtime("create-scratch", "--destpath", work / "scratch.img", "--sizeGB", "1")

    def layered():
        b = bundle()
        del b.spec["root"]
        b.spec["windows"] = {"layerFolders": [str(template), str(work / "scratch.img")]}
        return b

    runtime.start(layered())
    runtime.create_fails(layered(), says="scratch.img")


@pytest.mark.parametrize("options,says", [
    (["--sizeGB", "1"], "--destpath"), (["--destpath", "/no/such/dir/x", "--sizeGB", "1"], "/no/such/dir/x"),
    (["--destpath", "X", "--sizeGB", "0"], "--sizeGB"), (["--destpath", "X", "--sizeGB", "-1"], "--sizeGB"),
    (["--destpath", "X", "--sizeGB", "many"], "--sizeGB"), (["--destpath", "X", "--sizeGB", "99999999999"], "--sizeGB")],
    ids=lambda v: "-".join(v) if isinstance(v, list) else None)
def test_scratch_disk_refused(runtime, work, options, says):
    options = [str(work / "x") if o == "X" else o for o in options]
    runtime.fails("create-scratch", *options, says=says)
    assert not (work / "x").exists()


def test_scratch_disk_does_not_overwrite(runtime, work):
    (work / "mine").write_text("mine")
    runtime.fails("create-scratch", "--destpath", work / "mine", "--sizeGB", "1", says="mine")
    assert (work / "mine").read_text() == "mine"

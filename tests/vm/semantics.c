/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program can see of a file system, one line an observation: run in a directory of the host and
 * in the same directory shared into a guest, the lines are to be the same. Run as root, in an empty
 * directory, which it empties again. Names of lines that are known to differ come as arguments.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define USER 1000
#define GROUP 1234

static int skipped_len;
static char **skipped;

static void say(const char *name, long value)
{
	for (int i = 0; i < skipped_len; i++)
		if (strcmp(skipped[i], name) == 0)
			return;
	if (value < 0)
		(void)printf("%s: %s\n", name, strerrorname_np((int)-value));
	else
		(void)printf("%s: %ld\n", name, value);
}

static long or_errno(long r)
{
	return r < 0 ? -errno : r;
}

static void make(const char *name, mode_t mode, const char *text)
{
	int fd = open(name, O_CREAT | O_TRUNC | O_WRONLY, 0600);

	(void)!write(fd, text, strlen(text));
	(void)fchmod(fd, mode);
	(void)close(fd);
}

static long mode_of(const char *name)
{
	struct stat st;

	return lstat(name, &st) < 0 ? -errno : (long)st.st_mode;
}

/* The value of an operation by another user. */
static long as_user(gid_t extra, long (*operation)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (setgroups(extra ? 1 : 0, &extra) < 0 || setresgid(USER, USER, USER) < 0 ||
		    setresuid(USER, USER, USER) < 0)
			_exit(255);
		_exit((int)(-operation() & 0xff));
	}
	(void)waitpid(pid, &status, 0);
	return -(long)WEXITSTATUS(status);
}

static long append_to_f(void)
{
	int fd = open("f", O_WRONLY | O_APPEND);

	return fd < 0 ? -errno : write(fd, "x", 1) == 1 ? 0 : -errno;
}

static long truncate_f(void)
{
	return or_errno(truncate("f", 1));
}

static long read_f(void)
{
	int fd = open("f", O_RDONLY);
	char c;

	return fd < 0 ? -errno : or_errno(read(fd, &c, 1)) - 1;
}

static long chmod_f(void)
{
	return or_errno(chmod("f", 0777));
}

static long unlink_in_d(void)
{
	return or_errno(unlink("d/f"));
}

static long create_in_d(void)
{
	int fd = open("d/new", O_CREAT | O_EXCL | O_WRONLY, 0666);

	return fd < 0 ? -errno : 0;
}

static long mkdir_in_d(void)
{
	return or_errno(mkdir("d/dir", 0777));
}

static void permissions(void)
{
	make("f", 06777, "text");
	say("setuid by root's write", append_to_f() == 0 ? mode_of("f") : -1);
	say("user's write", as_user(0, append_to_f));
	say("setuid after user's write", mode_of("f"));
	make("f", 06777, "text");
	say("user's truncate", as_user(0, truncate_f));
	say("setuid after truncate", mode_of("f"));
	make("f", 06755, "text");
	say("chown", or_errno(chown("f", 5, 6)));
	say("setuid after chown", mode_of("f"));
	make("f", 0640, "text");
	(void)chown("f", 0, GROUP);
	say("read without the group", as_user(0, read_f));
	say("read with the group", as_user(GROUP, read_f));
	say("write with the group", as_user(GROUP, append_to_f));
	say("chmod of another's", as_user(0, chmod_f));
	(void)mkdir("d", 0700);
	(void)chmod("d", 01777);
	make("d/f", 0644, "");
	say("unlink in a sticky directory", as_user(0, unlink_in_d));
	(void)chown("d", 0, GROUP);
	(void)chmod("d", 02770);
	say("create without the group", as_user(0, create_in_d));
	say("create with the group", as_user(GROUP, create_in_d));
	say("mkdir with the group", as_user(GROUP, mkdir_in_d));
	say("mode of what was created", mode_of("d/new"));
	make("d/root", 0644, "");
	{
		struct stat st = { 0 };

		say("group inherited", stat("d/root", &st) == 0 ? (long)st.st_gid : -1);
		say("setgid inherited", mkdir("d/sub", 0755) == 0 ? mode_of("d/sub") : -errno);
	}
	(void)unlink("d/f");
	(void)unlink("d/new");
	(void)unlink("d/root");
	(void)rmdir("d/sub");
	(void)rmdir("d/dir");
	say("rmdir", or_errno(rmdir("d")));
}

/* cap_net_raw+ep, version 2. */
static const unsigned char file_caps[20] = { 1, 0, 0, 2, 0, 0x20 };

static void attributes(void)
{
	char value[64], list[256];

	make("f", 0755, "text");
	say("user xattr", or_errno(setxattr("f", "user.a", "value", 5, 0)));
	say("user xattr again", or_errno(setxattr("f", "user.a", "value", 5, XATTR_CREATE)));
	say("user xattr's size", or_errno(getxattr("f", "user.a", value, sizeof(value))));
	say("no such xattr", or_errno(getxattr("f", "user.b", value, sizeof(value))));
	say("list", or_errno(listxattr("f", list, sizeof(list))));
	say("remove", or_errno(removexattr("f", "user.a")));
	say("capability set",
	    or_errno(setxattr("f", "security.capability", file_caps, sizeof(file_caps), 0)));
	say("capability", or_errno(getxattr("f", "security.capability", value, sizeof(value))));
	say("capability's write", append_to_f());
	say("capability after write",
	    or_errno(getxattr("f", "security.capability", value, sizeof(value))));
	(void)setxattr("f", "security.capability", file_caps, sizeof(file_caps), 0);
	(void)chown("f", 1, 1);
	say("capability after chown",
	    or_errno(getxattr("f", "security.capability", value, sizeof(value))));
	say("trusted xattr", or_errno(setxattr("f", "trusted.a", "value", 5, 0)));
	say("acl", or_errno(getxattr("f", "system.posix_acl_access", value, sizeof(value))));
	say("times",
	    or_errno(utimensat(AT_FDCWD, "f", (struct timespec[]){ { 1, 2 }, { 3, 4 } }, 0)));
	{
		struct stat st = { 0 };

		(void)stat("f", &st);
		say("mtime", st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec);
		say("atime", st.st_atim.tv_sec * 1000000000 + st.st_atim.tv_nsec);
	}
	say("symlink", or_errno(symlink("f", "l")));
	say("symlink's owner", or_errno(lchown("l", 7, 8)));
	say("symlink's times",
	    or_errno(utimensat(AT_FDCWD, "l", (struct timespec[]){ { 1, 2 }, { 3, 4 } },
			       AT_SYMLINK_NOFOLLOW)));
	say("readlink", or_errno(readlink("l", value, sizeof(value))));
	(void)unlink("l");
	(void)unlink("f");
}

static void names(void)
{
	char longest[257];
	struct stat st = { 0 };
	int fd, n = 0;
	DIR *dir;

	make("a", 0644, "a");
	make("b", 0644, "bb");
	say("link", or_errno(link("a", "c")));
	say("links", stat("a", &st) == 0 ? (long)st.st_nlink : -errno);
	say("noreplace", or_errno(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE)));
	say("exchange", or_errno(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_EXCHANGE)));
	say("size after exchange", stat("a", &st) == 0 ? (long)st.st_size : -errno);
	say("rename", or_errno(rename("a", "b")));
	say("after rename", or_errno(access("a", F_OK)));
	memset(longest, 'n', 256);
	longest[256] = '\0';
	say("name of 256", or_errno(mknod(longest, S_IFREG | 0644, 0)));
	longest[255] = '\0';
	say("name of 255", or_errno(mknod(longest, S_IFREG | 0644, 0)));
	say("its unlink", or_errno(unlink(longest)));
	say("odd name", or_errno(mkdir("\xff\n \x01", 0755)));
	say("its rmdir", or_errno(rmdir("\xff\n \x01")));
	fd = open("b", O_RDWR);
	say("unlink of an open file", or_errno(unlink("b")));
	say("its size", fstat(fd, &st) == 0 ? (long)st.st_size : -errno);
	say("its links", (long)st.st_nlink);
	say("its write", or_errno(write(fd, "xyz", 3)));
	(void)close(fd);
	(void)unlink("c");
	(void)mkdir("many", 0755);
	for (int i = 0; i < 3000; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "many/%d", i);
		(void)mknod(name, S_IFREG | 0600, 0);
	}
	say("rmdir of a full directory", or_errno(rmdir("many")));
	dir = opendir("many");
	for (struct dirent *e; (e = readdir(dir));)
		if (e->d_name[0] != '.' && e->d_type == DT_REG &&
		    unlinkat(dirfd(dir), e->d_name, 0) == 0)
			n++;
	(void)closedir(dir);
	say("unlinked while reading", n);
	say("rmdir when empty", or_errno(rmdir("many")));
}

static void kinds(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "socket" };
	int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0), r,
	    w;
	struct stat st = { 0 };
	char c;

	say("bind", or_errno(bind(server, (struct sockaddr *)&address, sizeof(address))));
	say("listen", or_errno(listen(server, 1)));
	say("connect", or_errno(connect(client, (struct sockaddr *)&address, sizeof(address))));
	say("socket's mode", mode_of("socket"));
	(void)unlink("socket");
	say("mkfifo", or_errno(mkfifo("fifo", 0600)));
	r = open("fifo", O_RDONLY | O_NONBLOCK);
	w = open("fifo", O_WRONLY | O_NONBLOCK);
	say("fifo's write", or_errno(write(w, "x", 1)));
	say("fifo's read", or_errno(read(r, &c, 1)));
	(void)unlink("fifo");
	say("device", or_errno(mknod("null", S_IFCHR | 0666, makedev(1, 3))));
	say("device's number", stat("null", &st) == 0 ? (long)st.st_rdev : -errno);
	(void)unlink("null");
	say("whiteout", or_errno(mknod("white", S_IFCHR | 0666, makedev(0, 0))));
	(void)unlink("white");
}

static long lock_f(void)
{
	int fd = open("f", O_RDWR);

	return fd < 0 ? -errno : or_errno(flock(fd, LOCK_EX | LOCK_NB));
}

static long record_lock_f(void)
{
	struct flock lock = { .l_type = F_WRLCK };
	int fd = open("f", O_RDWR);

	return fd < 0 ? -errno : or_errno(fcntl(fd, F_SETLK, &lock));
}

static void contents(void)
{
	struct flock lock = { .l_type = F_WRLCK };
	struct stat st = { 0 };
	char *map, buf[64] = "";
	int fd, other;

	make("f", 0666, "0123456789");
	fd = open("f", O_RDWR);
	map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	say("mmap", map == MAP_FAILED ? -errno : 0);
	if (map != MAP_FAILED) {
		map[3] = 'x';
		other = open("f", O_RDONLY);
		say("read", or_errno(read(other, buf, sizeof(buf))));
		say("mapped write seen", buf[3]);
		say("write", or_errno(pwrite(fd, "y", 1, 5)));
		say("write seen in the map", map[5]);
		say("msync", or_errno(msync(map, 4096, MS_SYNC)));
		(void)munmap(map, 4096);
		(void)close(other);
	}
	say("flock", or_errno(flock(fd, LOCK_EX)));
	say("flock of another", as_user(0, lock_f));
	say("record lock", or_errno(fcntl(fd, F_SETLK, &lock)));
	say("record lock of another", as_user(0, record_lock_f));
	say("ftruncate", or_errno(ftruncate(fd, 1 << 20)));
	say("pwrite far", or_errno(pwrite(fd, "z", 1, 3 << 20)));
	say("size", fstat(fd, &st) == 0 ? (long)st.st_size : -errno);
	say("few blocks", st.st_blocks < 100);
	say("hole", or_errno(lseek(fd, 0, SEEK_HOLE)) < 3 << 20);
	say("data", or_errno(lseek(fd, 1 << 20, SEEK_DATA)) >= 3 << 20);
	say("fallocate", or_errno(fallocate(fd, 0, 0, 1 << 16)));
	say("punch",
	    or_errno(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 1 << 16)));
	say("fsync", or_errno(fsync(fd)));
	other = open("copy", O_CREAT | O_RDWR, 0600);
	say("copy_file_range",
	    or_errno(copy_file_range(fd, &(off_t){ 3 << 20 }, other, NULL, 1, 0)));
	say("copied", pread(other, buf, 1, 0) == 1 ? buf[0] : -errno);
	(void)close(other);
	(void)close(fd);
	(void)unlink("copy");
	fd = open(".", O_TMPFILE | O_RDWR, 0600);
	say("tmpfile", or_errno(fd));
	fd = open("f", O_RDONLY | O_DIRECT);
	say("direct", fd < 0 ? -errno : 0);
	(void)unlink("f");
}

int main(int argc, char **argv)
{
	skipped_len = argc - 1;
	skipped = argv + 1;
	umask(0);
	permissions();
	attributes();
	names();
	kinds();
	contents();
	return 0;
}

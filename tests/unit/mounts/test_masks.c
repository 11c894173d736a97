/* SPDX-License-Identifier: Apache-2.0 */
/* Masked and read-only paths, devices, terminals: the right object, whatever the image has there.
 */
#include <fcntl.h>
#include <linux/magic.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <cmocka.h>

#include "scene.h"

static bool is_device(const char *path, mode_t type, unsigned major_, unsigned minor_)
{
	struct stat st;

	return lstat(path, &st) == 0 && (st.st_mode & S_IFMT) == type &&
	       st.st_rdev == makedev(major_, minor_);
}

static void host_masks(void)
{
	put_dir("root/proc", 0755);
	put_dir("root/secrets/below", 0755);
	put_file("root/secrets/below/file", "secret");
	put_dir("root/more", 0755);
	put_file("root/more/file", "secret");
	put_file("root/secret", "secret");
	put_link("root/link", "secret");
	put_dir("root/config/below", 0755);
}

static void init_masks(void)
{
	struct error err = ERROR_INIT;
	struct stat a, b;

	CHECK_OK(rootfs_setup(&scene_fs, &err), &err);
	/* CVE-2025-31133: what the container calls /dev/null is something else by now. */
	CHECK(unlink(at("root/dev/null")) == 0);
	put_file("root/dev/null", "not null");
	CHECK_OK(rootfs_pivot(&scene_fs, &err), &err);
	CHECK_OK(rootfs_finish(&scene_fs, &err), &err);

	CHECK(is_device("/secret", S_IFCHR, 1, 3) && file_is("/secret", ""));
	CHECK(file_is("/link", ""));
	CHECK(is_device("/proc/timer_list", S_IFCHR, 1, 3) &&
	      is_device("/proc/keys", S_IFCHR, 1, 3));
	CHECK(access("/secrets/below", F_OK) < 0 && access("/more/file", F_OK) < 0);
	CHECK(mkdir("/secrets/new", 0755) < 0 && errno == EROFS);
	/* One empty file system for all of them. */
	CHECK(stat("/secrets", &a) == 0 && stat("/more", &b) == 0 && a.st_dev == b.st_dev);
	/* Read-only, with what is mounted below. */
	CHECK(open("/proc/sys/kernel/hostname", O_WRONLY | O_CLOEXEC) < 0 && errno == EROFS);
	CHECK(mkdir("/config/new", 0755) < 0 && errno == EROFS);
	CHECK(mkdir("/config/below/new", 0755) < 0 && errno == EROFS);
	CHECK(mkdir("/writable", 0755) == 0);
}

static void test_masks(void **state)
{
	static const struct scene scene = {
		.mounts = "[{\"destination\":\"/proc\",\"type\":\"proc\"},"
			  "{\"destination\":\"/config/below\",\"type\":\"tmpfs\"}]",
		.linux_ = ",\"maskedPaths\":[\"/proc/timer_list\",\"/proc/keys\",\"/secrets\",\"/"
			  "link\","
			  "\"/more\",\"/absent\",\"/secret/absent\",\"/proc/absent\"],"
			  "\"readonlyPaths\":[\"/proc/sys\",\"/config\",\"/absent\"]",
		.host = host_masks,
		.init = init_masks,
	};

	(void)state;
	scene_need_root();
	scene_play(&scene);
}

static void host_proc_links(void)
{
	put_dir("root/proc/real", 0755);
	put_link("root/proc/sys", "real");
}

static void init_proc_links(void)
{
	struct error err = ERROR_INIT;

	CHECK_OK(rootfs_setup(&scene_fs, &err), &err);
	CHECK_OK(rootfs_pivot(&scene_fs, &err), &err);
	CHECK(rootfs_finish(&scene_fs, &err) == -ELOOP);
	CHECK(strstr(error_text(&err), "linux.readonlyPaths[0] (/proc/sys)"));
}

static void test_links_in_proc(void **state)
{
	static const struct scene scene = {
		.linux_ = ",\"readonlyPaths\":[\"/proc/sys\"]",
		.host = host_proc_links,
		.init = init_proc_links,
	};

	(void)state;
	scene_need_root();
	scene_play(&scene);
}

static void inside_readonly(void)
{
	struct stat st;

	CHECK(mkdir("/new", 0755) < 0 && errno == EROFS);
	CHECK(mkdir("/tmp/new", 0755) == 0);
	CHECK(stat("/tmp", &st) == 0);
}

static void test_readonly_root(void **state)
{
	static const struct scene scene = {
		.mounts = "[{\"destination\":\"/tmp\",\"type\":\"tmpfs\"}]",
		.readonly = true,
		.inside = inside_readonly,
	};

	(void)state;
	scene_need_root();
	scene_play(&scene);
}

static void host_devices(void)
{
	put_dir("root/dev", 0755);
	put_file("root/dev/null", "planted");
	put_link("root/dev/zero", "../../outside");
	put_file("root/dev/stdin", "planted");
	CHECK(mknod(at("root/dev/full"), S_IFBLK | 0666, makedev(7, 0)) == 0);
	put_file("outside", "host");
	CHECK(chmod(at("outside"), 0600) == 0);
	CHECK(mknod(at("root/dev/random"), S_IFCHR | 0600, makedev(1, 8)) == 0);
}

static void inside_devices(void)
{
	char target[64];
	struct stat st;

	CHECK(is_device("/dev/null", S_IFCHR, 1, 3) && is_device("/dev/zero", S_IFCHR, 1, 5) &&
	      is_device("/dev/full", S_IFCHR, 1, 7) && is_device("/dev/random", S_IFCHR, 1, 8) &&
	      is_device("/dev/urandom", S_IFCHR, 1, 9) && is_device("/dev/tty", S_IFCHR, 5, 0));
	CHECK(stat("/dev/null", &st) == 0 && (st.st_mode & 07777) == 0666);
	CHECK(stat("/dev/random", &st) == 0 && (st.st_mode & 07777) == 0666);
	CHECK(is_device("/dev/block", S_IFBLK, 7, 1));
	CHECK(stat("/dev/block", &st) == 0 && st.st_uid == 5 && st.st_gid == 6 &&
	      (st.st_mode & 07777) == 0640);
	CHECK(lstat("/run/pipe", &st) == 0 && S_ISFIFO(st.st_mode));
	CHECK(readlink("/dev/fd", target, sizeof(target)) == strlen("/proc/self/fd"));
	CHECK(readlink("/dev/stdin", target, sizeof(target)) == strlen("/proc/self/fd/0"));
	CHECK(readlink("/dev/ptmx", target, sizeof(target)) == strlen("pts/ptmx"));
}

static void test_devices(void **state)
{
	static const struct scene scene = {
		.linux_ = ",\"devices\":[{\"path\":\"/dev/"
			  "block\",\"type\":\"b\",\"major\":7,\"minor\":1,"
			  "\"fileMode\":416,\"uid\":5,\"gid\":6},"
			  "{\"path\":\"/run/pipe\",\"type\":\"p\"}]",
		.host = host_devices,
		.inside = inside_devices,
	};

	(void)state;
	scene_need_root();
	scene_play(&scene);
}

static void inside_userns_devices(void)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	CHECK(fd >= 0 && write(fd, "x", 1) == 1);
	CHECK(is_device("/dev/null", S_IFCHR, 1, 3) && is_device("/dev/tty", S_IFCHR, 5, 0));
	CHECK(access("/run/pipe", F_OK) == 0);
}

/* No device can be made in a user namespace: the host's are bound. */
static void test_devices_in_userns(void **state)
{
	static const struct scene scene = {
		.mounts =
			"[{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"options\":[\"mode=755\"]},"
			"{\"destination\":\"/dev/"
			"pts\",\"type\":\"devpts\",\"options\":[\"newinstance\","
			"\"gid=70005\"]}]",
		.linux_ = ",\"devices\":[{\"path\":\"/run/pipe\",\"type\":\"p\"}]",
		.flags = CLONE_NEWUSER,
		.inside = inside_userns_devices,
	};
	static const struct scene other = {
		.mounts = "[{\"destination\":\"/dev\",\"type\":\"tmpfs\"}]",
		.linux_ = ",\"devices\":[{\"path\":\"/dev/"
			  "full\",\"type\":\"c\",\"major\":1,\"minor\":1}]",
		.flags = CLONE_NEWUSER,
		.refused = "the host has another device of that name",
	};

	(void)state;
	scene_need_root();
	scene_play(&scene);
	scene_play(&other);
}

static void inside_terminal(void)
{
	struct error err = ERROR_INIT;
	int master, slave, console;
	struct stat a, b;

	CHECK_OK(rootfs_open_pty(&scene_fs, &master, &slave, &err), &err);
	CHECK_OK(rootfs_bind_console(&scene_fs, slave, &err), &err);
	CHECK(fstat(slave, &a) == 0 && stat("/dev/console", &b) == 0 && a.st_rdev == b.st_rdev);
	console = open("/dev/console", O_WRONLY | O_NOCTTY | O_CLOEXEC);
	CHECK(console >= 0 && write(console, "x", 1) == 1);
	CHECK(isatty(console));
}

static void init_planted_terminal(void)
{
	struct error err = ERROR_INIT;
	int master, slave, null;

	CHECK_OK(rootfs_setup(&scene_fs, &err), &err);
	CHECK_OK(rootfs_pivot(&scene_fs, &err), &err);
	/* The name leads elsewhere, the terminal is the devpts's all the same (CVE-2025-52565). */
	CHECK(unlink("/dev/ptmx") == 0 && symlink("/dev/null", "/dev/ptmx") == 0);
	CHECK_OK(rootfs_open_pty(&scene_fs, &master, &slave, &err), &err);
	/* Nothing but a terminal of a devpts goes on /dev/console, and not through a link. */
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	CHECK(rootfs_bind_console(&scene_fs, null, &err) == -ENOTTY);
	CHECK(symlink("/etc-of-image", "/dev/console") == 0);
	error_done(&err);
	CHECK(rootfs_bind_console(&scene_fs, slave, &err) == -ELOOP);
	CHECK(access("/etc-of-image", F_OK) < 0);
}

static void test_terminal(void **state)
{
#define DEV                                                                                        \
	"[{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"options\":[\"mode=755\"]},"               \
	"{\"destination\":\"/dev/pts\",\"type\":\"devpts\",\"options\":[\"newinstance\","          \
	"\"ptmxmode=0666\"]}]"
	static const struct scene scene = { .mounts = DEV, .inside = inside_terminal };
	static const struct scene userns = { .mounts = DEV,
					     .flags = CLONE_NEWUSER,
					     .inside = inside_terminal };
	static const struct scene planted = { .mounts = DEV, .init = init_planted_terminal };

	(void)state;
	scene_need_root();
	scene_play(&scene);
	scene_play(&userns);
	scene_play(&planted);
}

static void init_proc(void)
{
	struct error err = ERROR_INIT;
	struct statfs fs;

	CHECK_OK(rootfs_setup(&scene_fs, &err), &err);
	CHECK_OK(rootfs_pivot(&scene_fs, &err), &err);
	/* An image without /proc, or with files in it: the runtime's own is a procfs. */
	CHECK_OK(rootfs_open_proc(&scene_fs, &err), &err);
	CHECK(fstatfs(scene_fs.proc_fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC);
	CHECK(faccessat(scene_fs.proc_fd, "self/status", R_OK, 0) == 0);
}

static void host_fake_proc(void)
{
	put_dir("root/proc/self", 0755);
	put_file("root/proc/self/status", "planted");
}

/* CVE-2019-16884, CVE-2025-52881 */
static void test_own_proc(void **state)
{
	static const struct scene scene = { .host = host_fake_proc, .init = init_proc };

	(void)state;
	scene_need_root();
	scene_play(&scene);
}

static void init_no_pivot(void)
{
	struct error err = ERROR_INIT;

	scene_fs.no_pivot = true;
	CHECK_OK(rootfs_setup(&scene_fs, &err), &err);
	CHECK_OK(rootfs_pivot(&scene_fs, &err), &err);
	CHECK_OK(rootfs_finish(&scene_fs, &err), &err);
	CHECK(file_is("/marker", "image") && access("/tmp", F_OK) < 0);
	CHECK(chdir("..") == 0 && file_is("marker", "image"));
	CHECK(access("/proc/self/status", F_OK) == 0);
}

static void host_marker(void)
{
	put_file("root/marker", "image");
}

static void test_no_pivot(void **state)
{
	static const struct scene scene = {
		.mounts = "[{\"destination\":\"/proc\",\"type\":\"proc\"}]",
		.linux_ = ",\"maskedPaths\":[\"/proc/keys\"]",
		.host = host_marker,
		.init = init_no_pivot,
	};

	(void)state;
	scene_need_root();
	scene_play(&scene);
}

#define DESCRIPTORS 256

static unsigned open_descriptors(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < DESCRIPTORS; fd++) {
		int flags = fcntl(fd, F_GETFD);

		if (flags < 0)
			continue;
		n++;
		CHECK(fd < 3 || flags & FD_CLOEXEC);
	}
	return n;
}

static void init_descriptors(void)
{
	struct error err = ERROR_INIT;
	int master, slave;
	unsigned before;

	/* What the test has from its own parents. */
	for (int fd = 3; fd < DESCRIPTORS; fd++)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	before = open_descriptors();
	CHECK_OK(rootfs_setup(&scene_fs, &err), &err);
	CHECK_OK(rootfs_open_proc(&scene_fs, &err), &err);
	CHECK_OK(rootfs_pivot(&scene_fs, &err), &err);
	CHECK_OK(rootfs_open_pty(&scene_fs, &master, &slave, &err), &err);
	CHECK_OK(rootfs_bind_console(&scene_fs, slave, &err), &err);
	CHECK_OK(rootfs_finish(&scene_fs, &err), &err);
	(void)open_descriptors();
	CHECK(close(master) == 0 && close(slave) == 0);
	rootfs_done(&scene_fs);
	CHECK(open_descriptors() == before);
}

/* CVE-2024-21626: no descriptor of the host outlives an execve(2), and none is forgotten. */
static void test_descriptors(void **state)
{
	static const struct scene scene = {
		.mounts = "[{\"destination\":\"/proc\",\"type\":\"proc\"},"
			  "{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"options\":[\"ro\"]},"
			  "{\"destination\":\"/dev/pts\",\"type\":\"devpts\"},"
			  "{\"destination\":\"/v\",\"source\":\"/"
			  "tmp\",\"options\":[\"rbind\",\"ro\"]},"
			  "{\"destination\":\"/"
			  "etc\",\"type\":\"tmpfs\",\"options\":[\"tmpcopyup\"]}]",
		.linux_ = ",\"maskedPaths\":[\"/proc/keys\",\"/secrets\",\"/more\"],"
			  "\"readonlyPaths\":[\"/proc/sys\"]",
		.host = host_masks,
		.init = init_descriptors,
	};

	(void)state;
	scene_need_root();
	scene_play(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_masks),
		cmocka_unit_test(test_links_in_proc),
		cmocka_unit_test(test_readonly_root),
		cmocka_unit_test(test_devices),
		cmocka_unit_test(test_devices_in_userns),
		cmocka_unit_test(test_terminal),
		cmocka_unit_test(test_own_proc),
		cmocka_unit_test(test_no_pivot),
		cmocka_unit_test(test_descriptors),
	};

	return cmocka_run_group_tests_name("masks, devices, terminals", tests, NULL, NULL);
}

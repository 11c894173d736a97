/* SPDX-License-Identifier: Apache-2.0 */
/* What options do to the mounts that a container sees. */
#include <fcntl.h>
#include <linux/magic.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <cmocka.h>

#include "scene.h"

static bool has(const char *path, unsigned long flags)
{
	struct statvfs st;

	CHECK(statvfs(path, &st) == 0);
	return (st.f_flag & flags) == flags;
}

static void host_tree(void)
{
	put_dir("tree/sub", 0755);
	CHECK(mount("t", at("tree"), "tmpfs", MS_NOSUID | MS_NODEV, NULL) == 0);
	put_dir("tree/sub", 0755);
	CHECK(mount("t", at("tree/sub"), "tmpfs", 0, NULL) == 0);
	put_file("tree/sub/file", "x");
}

static void inside_rro(void)
{
	CHECK(has("/rro", ST_RDONLY) && has("/rro/sub", ST_RDONLY));
	CHECK(open("/rro/sub/new", O_CREAT | O_WRONLY | O_CLOEXEC, 0600) < 0 && errno == EROFS);
	/* ro is for the top mount only. */
	CHECK(has("/ro", ST_RDONLY) && !has("/ro/sub", ST_RDONLY));
	CHECK(open("/ro/new", O_CREAT | O_WRONLY | O_CLOEXEC, 0600) < 0 && errno == EROFS);
	/* What no option names is as at the source; what one names is changed, for good or ill. */
	CHECK(has("/plain", ST_NOSUID | ST_NODEV) && !has("/plain", ST_RDONLY));
	CHECK(has("/cleared", ST_NODEV) && !has("/cleared", ST_NOSUID));
	/* A bind without r leaves out what is mounted below. */
	CHECK(access("/plain/sub/file", F_OK) < 0 && access("/rro/sub/file", F_OK) == 0);
	CHECK(has("/again", ST_RDONLY | ST_NOEXEC));
}

static void test_bind(void **state)
{
	static const struct scene scene = {
		.mounts = "[{\"destination\":\"/"
			  "rro\",\"source\":\"tree\",\"options\":[\"rbind\",\"rro\"]},"
			  "{\"destination\":\"/"
			  "ro\",\"source\":\"tree\",\"options\":[\"rbind\",\"ro\"]},"
			  "{\"destination\":\"/plain\",\"source\":\"tree\",\"options\":[\"bind\"]},"
			  "{\"destination\":\"/"
			  "cleared\",\"source\":\"tree\",\"options\":[\"bind\",\"suid\"]},"
			  "{\"destination\":\"again\",\"source\":\"tree\",\"options\":[\"bind\"]},"
			  "{\"destination\":\"/"
			  "again\",\"options\":[\"bind\",\"remount\",\"ro\",\"noexec\"]}]",
		.host = host_tree,
		.inside = inside_rro,
	};

	(void)state;
	scene_need_root();
	scene_play(&scene);
}

static void host_locked(void)
{
	host_tree();
	CHECK(chmod(at("tree"), 0777) == 0);
}

static void inside_locked(void)
{
	CHECK(has("/kept", ST_NOSUID | ST_NODEV | ST_RDONLY));
	/* Nor can the container take them away later. */
	CHECK(mount(NULL, "/kept", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) < 0 &&
	      errno == EPERM);
}

/* Flags of the source are locked in a user namespace. */
static void test_locked(void **state)
{
	static const struct scene kept = {
		.mounts = "[{\"destination\":\"/"
			  "kept\",\"source\":\"tree\",\"options\":[\"rbind\",\"ro\"]}]",
		.flags = CLONE_NEWUSER,
		.host = host_locked,
		.inside = inside_locked,
	};
	static const struct scene refused = {
		.mounts = "[{\"destination\":\"/"
			  "t\",\"source\":\"tree\",\"options\":[\"rbind\",\"suid\"]}]",
		.flags = CLONE_NEWUSER,
		.host = host_locked,
		.refused = "mounts[0] (/t): the source is mounted nosuid by the host",
	};

	(void)state;
	scene_need_root();
	scene_play(&kept);
	scene_play(&refused);
}

static void host_unreachable(void)
{
	put_dir("secret", 0700);
	put_dir("secret/volume", 0755);
	put_file("secret/volume/file", "reached");
}

static void inside_unreachable(void)
{
	CHECK(file_is("/v/file", "reached") && has("/v", ST_RDONLY | ST_NODEV));
}

/* A kubelet's volumes lie behind a directory that the container's root may not enter. */
static void test_unreachable_source(void **state)
{
	static const struct scene scene = {
		.mounts = "[{\"destination\":\"/v\",\"source\":\"secret/"
			  "volume\",\"options\":[\"rbind\","
			  "\"rro\",\"nodev\"]}]",
		.flags = CLONE_NEWUSER,
		.host = host_unreachable,
		.inside = inside_unreachable,
	};

	(void)state;
	scene_need_root();
	scene_play(&scene);
}

static void inside_tmpfs(void)
{
	struct stat st;

	CHECK(has("/ro", ST_RDONLY | ST_NOEXEC) && access("/ro/below", F_OK) == 0);
	CHECK(!has("/ro/below", ST_RDONLY));
	CHECK(stat("/sticky", &st) == 0 && (st.st_mode & 07777) == 01770);
	CHECK(stat("/given", &st) == 0 && (st.st_mode & 07777) == 0711);
	CHECK(stat("/fresh", &st) == 0 && (st.st_mode & 07777) == 01777);
}

static void host_sticky(void)
{
	put_dir("root/sticky", 01770);
	put_dir("root/given", 0700);
}

static void test_tmpfs(void **state)
{
	static const struct scene scene = {
		.mounts = "[{\"destination\":\"/"
			  "ro\",\"type\":\"tmpfs\",\"options\":[\"ro\",\"noexec\"]},"
			  "{\"destination\":\"/ro/below\",\"type\":\"tmpfs\"},"
			  "{\"destination\":\"/sticky\",\"type\":\"tmpfs\"},"
			  "{\"destination\":\"/"
			  "given\",\"type\":\"tmpfs\",\"options\":[\"mode=711\"]},"
			  "{\"destination\":\"/"
			  "fresh\",\"type\":\"tmpfs\",\"options\":[\"size=1m\"]}]",
		.host = host_sticky,
		.inside = inside_tmpfs,
	};

	(void)state;
	scene_need_root();
	scene_play(&scene);
}

static void host_link(void)
{
	put_link("link", "../a/target");
}

static void inside_symlink_and_size(void)
{
	struct statvfs st;
	char target[32];

	CHECK(readlink("/sub/copied", target, sizeof(target)) == strlen("../a/target"));
	CHECK(statvfs("/t", &st) == 0 && st.f_blocks * st.f_frsize == 2 << 20);
}

static void test_symlink_and_remount(void **state)
{
	static const struct scene scene = {
		.mounts = "[{\"destination\":\"/sub/"
			  "copied\",\"source\":\"link\",\"options\":[\"bind\","
			  "\"copy-symlink\"]},"
			  "{\"destination\":\"/t\",\"type\":\"tmpfs\",\"options\":[\"size=1m\"]},"
			  "{\"destination\":\"/"
			  "t\",\"type\":\"tmpfs\",\"options\":[\"remount\",\"size=2m\"]}]",
		.host = host_link,
		.inside = inside_symlink_and_size,
	};

	(void)state;
	scene_need_root();
	scene_play(&scene);
}

static void test_messages(void **state)
{
	static const struct scene scenes[] = {
		{ .mounts = "[{\"destination\":\"/"
			    "t\",\"type\":\"tmpfs\",\"options\":[\"size=many\"]}]",
		  .refused = "mounts[0] (/t): options[0]: option \"size=many\": tmpfs: Bad value "
			     "for 'size'" },
		{ .mounts = "[{\"destination\":\"/"
			    "t\",\"type\":\"tmpfs\",\"options\":[\"ro\",\"fast\"]}]",
		  .refused = "mounts[0] (/t): options[1]: option \"fast\": tmpfs: Unknown "
			     "parameter 'fast'" },
		{ .mounts = "[{\"destination\":\"/t\",\"type\":\"nosuchfs\"}]",
		  .refused = "no file system type \"nosuchfs\"" },
		{ .mounts =
			  "[{\"destination\":\"/t\",\"source\":\"absent\",\"options\":[\"bind\"]}]",
		  .refused = "absent: No such file or directory" },
	};

	(void)state;
	scene_need_root();
	for (size_t i = 0; i < ARRAY_SIZE(scenes); i++)
		scene_play(&scenes[i]);
}

static bool mountinfo_has(const char *path, const char *word)
{
	char line[1024], needle[256];
	FILE *f = fopen("/proc/self/mountinfo", "re");
	bool found = false;

	CHECK(f != NULL);
	(void)snprintf(needle, sizeof(needle), " %s ", path);
	while (fgets(line, sizeof(line), f))
		if (strstr(line, needle) && strstr(line, word))
			found = true;
	(void)fclose(f);
	return found;
}

static void host_shared(void)
{
	host_tree();
	CHECK(mount(NULL, at("tree"), NULL, MS_SHARED, NULL) == 0);
}

static void inside_propagation(void)
{
	CHECK(mountinfo_has("/shared", "shared:") && !mountinfo_has("/shared", "master:"));
	CHECK(mountinfo_has("/slave", "master:") && !mountinfo_has("/slave", "shared:"));
	CHECK(mountinfo_has("/private", " - ") && !mountinfo_has("/private", "master:") &&
	      !mountinfo_has("/private", "shared:"));
	CHECK(mountinfo_has("/plain", "shared:"));
	CHECK(mountinfo_has("/", "shared:"));
}

static void inside_no_propagation(void)
{
	CHECK(mountinfo_has("/plain", " - ") && !mountinfo_has("/plain", "master:") &&
	      !mountinfo_has("/plain", "shared:"));
	CHECK(mountinfo_has("/slave", "master:"));
}

static void test_propagation(void **state)
{
	static const struct scene shared = {
		.mounts =
			"[{\"destination\":\"/proc\",\"type\":\"proc\"},"
			"{\"destination\":\"/"
			"shared\",\"source\":\"tree\",\"options\":[\"rbind\",\"rshared\"]},"
			"{\"destination\":\"/"
			"slave\",\"source\":\"tree\",\"options\":[\"rbind\",\"rslave\"]},"
			"{\"destination\":\"/plain\",\"source\":\"tree\",\"options\":[\"rbind\"]},"
			"{\"destination\":\"/"
			"private\",\"source\":\"tree\",\"options\":[\"bind\",\"private\"]}]",
		.linux_ = ",\"rootfsPropagation\":\"shared\"",
		.host = host_shared,
		.inside = inside_propagation,
	};
	static const struct scene none = {
		.mounts =
			"[{\"destination\":\"/proc\",\"type\":\"proc\"},"
			"{\"destination\":\"/"
			"slave\",\"source\":\"tree\",\"options\":[\"rbind\",\"rslave\"]},"
			"{\"destination\":\"/plain\",\"source\":\"tree\",\"options\":[\"rbind\"]}]",
		.host = host_shared,
		.inside = inside_no_propagation,
	};

	(void)state;
	scene_need_root();
	scene_play(&shared);
	scene_play(&none);
}

static void host_all_shared(void)
{
	put_dir("root/sub", 0755);
	CHECK(mount(NULL, scene_dir, NULL, MS_SHARED, NULL) == 0);
	put_dir("volume", 0755);
}

static void init_all_shared(void)
{
	struct error err = ERROR_INIT;

	CHECK_OK(rootfs_setup(&scene_fs, &err), &err);
	CHECK_OK(rootfs_pivot(&scene_fs, &err), &err);
	CHECK_OK(rootfs_finish(&scene_fs, &err), &err);
}

/* Mounts may be shared with the host, the container's own are not for it to see. */
static void test_host_stays_clean(void **state)
{
	static const struct scene scene = {
		.mounts = "[{\"destination\":\"/proc\",\"type\":\"proc\"},"
			  "{\"destination\":\"/sub\",\"type\":\"tmpfs\"},"
			  "{\"destination\":\"/v\",\"source\":\"volume\",\"options\":[\"rbind\"]}]",
		.linux_ = ",\"rootfsPropagation\":\"rshared\"",
		.host = host_all_shared,
		.init = init_all_shared,
		.mounts_left = 1,
	};

	(void)state;
	scene_need_root();
	scene_play(&scene);
}

static void inside_fallbacks(void)
{
	struct statfs fs;

	CHECK(statfs("/sys", &fs) == 0 && fs.f_type == SYSFS_MAGIC);
	CHECK(has("/sys", ST_RDONLY | ST_NOSUID));
	CHECK(statfs("/bound", &fs) == 0 && fs.f_type == SYSFS_MAGIC && has("/bound", ST_RDONLY));
	/* Nor is anything of the host's below it writable. */
	CHECK(has("/sys/fs/cgroup", ST_RDONLY) && has("/bound/fs/cgroup", ST_RDONLY));
	CHECK(statfs("/proc", &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC);
}

/* With the host's network and pids there is nothing that a user namespace could mount: it gets
 * the host's. */
static void test_fallbacks(void **state)
{
	static const struct scene scene = {
		.mounts = "[{\"destination\":\"/proc\",\"type\":\"proc\"},"
			  "{\"destination\":\"/sys\",\"type\":\"sysfs\",\"options\":[\"nosuid\"]},"
			  "{\"destination\":\"/bound\",\"source\":\"/"
			  "sys\",\"options\":[\"rbind\",\"ro\"]}]",
		.flags = CLONE_NEWUSER,
		.inside = inside_fallbacks,
	};

	(void)state;
	scene_need_root();
	scene_play(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bind),
		cmocka_unit_test(test_locked),
		cmocka_unit_test(test_unreachable_source),
		cmocka_unit_test(test_tmpfs),
		cmocka_unit_test(test_symlink_and_remount),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_propagation),
		cmocka_unit_test(test_host_stays_clean),
		cmocka_unit_test(test_fallbacks),
	};

	return cmocka_run_group_tests_name("mount attributes", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What is found in mounts that the runtime fills or puts together. */
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
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <cmocka.h>

#include "fake_cgroup.h"
#include "scene.h"

static void host_copyup(void)
{
	const struct timespec old[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };

	put_dir("root/etc/sub/deep", 0750);
	CHECK(chown(at("root/etc"), 9, 10) == 0);
	CHECK(chmod(at("root/etc"), 02771) == 0);
	put_file("root/etc/file", "content");
	CHECK(chown(at("root/etc/file"), 12, 34) == 0 && chmod(at("root/etc/file"), 04751) == 0);
	CHECK(setxattr(at("root/etc/file"), "trusted.test", "value", 5, 0) == 0);
	put_file("root/etc/sub/deep/file", "deep");
	put_link("root/etc/link", "../../../outside");
	CHECK(lchown(at("root/etc/link"), 56, 78) == 0);
	CHECK(mkfifo(at("root/etc/fifo"), 0600) == 0);
	put_file("outside", "host");
	CHECK(utimensat(AT_FDCWD, at("root/etc/sub"), old, 0) == 0);
}

static void inside_copyup(void)
{
	char value[16], target[64];
	struct statfs fs;
	struct stat st;

	CHECK(statfs("/etc", &fs) == 0 && fs.f_type == TMPFS_MAGIC && fs.f_blocks == 256);
	CHECK(stat("/etc", &st) == 0 && st.st_uid == 9 && st.st_gid == 10 &&
	      (st.st_mode & 07777) == 02771);
	CHECK(file_is("/etc/file", "content") && file_is("/etc/sub/deep/file", "deep"));
	CHECK(stat("/etc/file", &st) == 0 && st.st_uid == 12 && st.st_gid == 34 &&
	      (st.st_mode & 07777) == 04751);
	CHECK(getxattr("/etc/file", "trusted.test", value, sizeof(value)) == 5);
	CHECK(readlink("/etc/link", target, sizeof(target)) == strlen("../../../outside"));
	CHECK(lstat("/etc/link", &st) == 0 && st.st_uid == 56 && st.st_gid == 78);
	CHECK(lstat("/etc/fifo", &st) == 0 && S_ISFIFO(st.st_mode));
	CHECK(stat("/etc/sub", &st) == 0 && st.st_mtime == 1000000000);
	CHECK(stat("/etc/sub/deep", &st) == 0 && (st.st_mode & 07777) == 0750);
}

static void test_tmpcopyup(void **state)
{
	static const struct scene scene = {
		.mounts =
			"[{\"destination\":\"/etc\",\"type\":\"tmpfs\",\"options\":[\"tmpcopyup\","
			"\"size=1m\"]}]",
		.host = host_copyup,
		.inside = inside_copyup,
	};

	(void)state;
	scene_need_root();
	scene_play(&scene);
}

static void host_too_big(void)
{
	FILE *f;

	put_dir("root/data", 0755);
	f = fopen(at("root/data/big"), "we");
	CHECK(f && ftruncate(fileno(f), 8 << 20) == 0 && fclose(f) == 0);
}

static void host_too_deep(void)
{
	char path[512] = "root/data";

	for (int i = 0; i < 70; i++)
		(void)strcat(path, "/d");
	put_dir(path, 0755);
}

static void test_tmpcopyup_limits(void **state)
{
	static const struct scene scenes[] = {
		{ .mounts = "[{\"destination\":\"/"
			    "data\",\"type\":\"tmpfs\",\"options\":[\"tmpcopyup\","
			    "\"size=1m\"]}]",
		  .host = host_too_big,
		  .refused = "mounts[0] (/data): tmpcopyup: big: copy content: No space left" },
		{ .mounts = "[{\"destination\":\"/"
			    "data\",\"type\":\"tmpfs\",\"options\":[\"tmpcopyup\"]}]",
		  .host = host_too_deep,
		  .refused = "more than 64 levels" },
	};

	(void)state;
	scene_need_root();
	for (size_t i = 0; i < ARRAY_SIZE(scenes); i++)
		scene_play(&scenes[i]);
}

static void host_layers(void)
{
	put_dir("top/etc", 0755);
	put_file("top/etc/which", "top");
	CHECK(chmod(at("top"), 0711) == 0);
	put_dir("base/etc", 0755);
	put_file("base/etc/which", "base");
	put_file("base/etc/base", "base");
	put_dir("scratch", 0755);
}

static void init_layers(void)
{
	struct error err = ERROR_INIT;
	int scratch = open(at("scratch"), O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct statfs fs;
	struct stat st;
	FILE *f;

	CHECK_OK(rootfs_setup(&scene_fs, &err), &err);
	CHECK_OK(rootfs_pivot(&scene_fs, &err), &err);
	CHECK_OK(rootfs_finish(&scene_fs, &err), &err);
	CHECK(statfs("/", &fs) == 0 && fs.f_type == OVERLAYFS_SUPER_MAGIC);
	CHECK(file_is("/etc/which", "top") && file_is("/etc/base", "base"));
	CHECK(stat("/", &st) == 0 && (st.st_mode & 07777) == 0711);
	f = fopen("/etc/which", "we");
	CHECK(f && fputs("written", f) >= 0 && fclose(f) == 0);
	/* It went to the scratch. */
	CHECK(fstatat(scratch, "upper/etc/which", &st, 0) == 0 && st.st_size == 7);
}

static void test_layers(void **state)
{
	static const struct scene scene = {
		.layers = "[\"top\",\"base\",\"scratch\"]",
		.host = host_layers,
		.init = init_layers,
		.mounts_left = 1,
	};
	static const struct scene missing = {
		.layers = "[\"top\",\"absent\",\"scratch\"]",
		.host = host_layers,
		.refused = "windows.layerFolders[1] (",
	};

	(void)state;
	scene_need_root();
	scene_play(&scene);
	scene_play(&missing);
}

#define MANY 150

static void host_many(void)
{
	char path[64];

	for (int i = 0; i < MANY; i++) {
		(void)snprintf(path, sizeof(path), "layer-with-a-long-name-%d", i);
		put_dir(path, 0755);
		(void)snprintf(path, sizeof(path), "layer-with-a-long-name-%d/file%d", i, i);
		put_file(path, "x");
	}
	put_dir("scratch", 0755);
}

static void inside_many(void)
{
	CHECK(access("/file0", F_OK) == 0 && access("/file149", F_OK) == 0);
}

static void test_many_layers(void **state)
{
	static char layers[8192] = "[";
	struct scene scene = { .layers = layers, .host = host_many, .inside = inside_many };
	size_t used = 1;

	(void)state;
	scene_need_root();
	for (int i = 0; i < MANY; i++)
		used += (size_t)snprintf(layers + used, sizeof(layers) - used,
					 "\"layer-with-a-long-name-%d\",", i);
	(void)snprintf(layers + used, sizeof(layers) - used, "\"scratch\"]");
	scene_play(&scene);
}

static void host_volume(void)
{
	put_dir("volume", 0755);
	put_file("volume/file", "x");
	CHECK(chown(at("volume/file"), 1000, 2000) == 0);
}

static void inside_mapped(void)
{
	struct stat st;

	CHECK(stat("/v/file", &st) == 0 && st.st_uid == 5000 && st.st_gid == 6000);
	CHECK(stat("/t", &st) == 0 && st.st_uid == 5000 - 1000);
	CHECK(stat("/again/file", &st) == 0 && st.st_uid == 5000);
}

/* mounts[].uidMappings: an id of the file system appears as another on the mount. */
static void test_idmap(void **state)
{
#define MAPS                                                                                       \
	"\"uidMappings\":[{\"containerID\":0,\"hostID\":4000,\"size\":2000}],"                     \
	"\"gidMappings\":[{\"containerID\":0,\"hostID\":4000,\"size\":3000}]"
	static const struct scene scene = {
		.mounts =
			"[{\"destination\":\"/"
			"v\",\"source\":\"volume\",\"options\":[\"bind\"]," MAPS "},"
			"{\"destination\":\"/t\",\"type\":\"tmpfs\"," MAPS "},"
			"{\"destination\":\"/again\",\"source\":\"volume\",\"options\":[\"rbind\","
			"\"ridmap\"]," MAPS "}]",
		.host = host_volume,
		.inside = inside_mapped,
	};
	static const struct scene without = {
		.mounts = "[{\"destination\":\"/"
			  "v\",\"source\":\"volume\",\"options\":[\"bind\",\"idmap\"]}]",
		.host = host_volume,
		.plan_refused = "mounts[0] (/v): idmap needs uidMappings and gidMappings",
	};

	(void)state;
	scene_need_root();
	scene_play(&scene);
	scene_play(&without);
}

static void inside_userns_idmap(void)
{
	struct stat st;

	/* The host's 1000 is the container's 1000 although its own is the host's 101000. */
	CHECK(stat("/v/file", &st) == 0 && st.st_uid == 1000 && st.st_gid == 2000);
}

static void test_idmap_of_container(void **state)
{
	static const struct scene scene = {
		.mounts = "[{\"destination\":\"/"
			  "v\",\"source\":\"volume\",\"options\":[\"bind\",\"idmap\"]}]",
		.flags = CLONE_NEWUSER,
		.host = host_volume,
		.inside = inside_userns_idmap,
	};

	(void)state;
	scene_need_root();
	scene_play(&scene);
}

static void host_v1(void)
{
	static char pids[128], cpu[128];

	put_dir("pids/c/1", 0755);
	put_file("pids/c/1/pids.max", "7");
	put_dir("cpu/c/1", 0755);
	(void)snprintf(pids, sizeof(pids), "%s", at("pids"));
	(void)snprintf(cpu, sizeof(cpu), "%s", at("cpu"));
	fake_cgroup_v1(pids, cpu);
}

static void host_v2(void)
{
	static char unified[128];

	put_dir("unified/c/1", 0755);
	put_file("unified/c/1/pids.max", "7");
	(void)snprintf(unified, sizeof(unified), "%s", at("unified"));
	fake_cgroup_v2(unified);
}

static void inside_v1(void)
{
	char target[32];
	struct statvfs st;

	CHECK(file_is("/sys/fs/cgroup/pids/pids.max", "7"));
	CHECK(readlink("/sys/fs/cgroup/cpu", target, sizeof(target)) == 11);
	CHECK(readlink("/sys/fs/cgroup/cpuacct", target, sizeof(target)) == 11);
	CHECK(access("/sys/fs/cgroup/cpu,cpuacct", F_OK) == 0);
	CHECK(access("/sys/fs/cgroup/memory", F_OK) < 0);
	CHECK(statvfs("/sys/fs/cgroup", &st) == 0 && st.f_flag & ST_RDONLY);
	CHECK(statvfs("/sys/fs/cgroup/pids", &st) == 0 && st.f_flag & ST_RDONLY &&
	      st.f_flag & ST_NOEXEC);
}

static void inside_v2(void)
{
	CHECK(file_is("/sys/fs/cgroup/pids.max", "7"));
	CHECK(open("/sys/fs/cgroup/new", O_CREAT | O_WRONLY | O_CLOEXEC, 0600) < 0 &&
	      errno == EROFS);
}

static void test_cgroup(void **state)
{
#define CGROUP                                                                                     \
	"[{\"destination\":\"/sys/fs/"                                                             \
	"cgroup\",\"type\":\"cgroup\",\"options\":[\"ro\",\"noexec\"]}]"
	static const struct scene v1 = { .mounts = CGROUP, .host = host_v1, .inside = inside_v1 };
	static const struct scene v2 = { .mounts = CGROUP, .host = host_v2, .inside = inside_v2 };

	(void)state;
	scene_need_root();
	scene_play(&v1);
	scene_play(&v2);
}

static void host_long(void)
{
	char path[300];

	for (int i = 0; i < 4; i++) {
		(void)snprintf(path, sizeof(path), "lower-%d-with-%0100d", i, 0);
		put_dir(path, 0755);
	}
	put_dir("upper", 0755);
	put_dir("work", 0755);
	put_file("marker", "x");
}

static void init_long(void)
{
	static char lower[1024], upper[128], work[128];
	static char *items[] = { lower, upper, work, "nodev", "private", NULL };
	struct error err = ERROR_INIT;
	struct statvfs st;
	struct statfs fs;
	struct mount_plan *plan;
	size_t used = (size_t)snprintf(lower, sizeof(lower), "lowerdir=");

	for (int i = 0; i < 4; i++)
		used += (size_t)snprintf(lower + used, sizeof(lower) - used,
					 "%s%s/lower-%d-with-%0100d", i ? ":" : "", scene_dir, i,
					 0);
	(void)snprintf(upper, sizeof(upper), "upperdir=%s", at("upper"));
	(void)snprintf(work, sizeof(work), "workdir=%s", at("work"));
	scene_spec.mounts.items[0].options = (struct strv){ items, 5 };
	CHECK_OK(mount_plan_parse(&scene_spec, &plan, &err), &err);
	scene_fs.mounts = plan;
	CHECK_OK(rootfs_setup(&scene_fs, &err), &err);
	CHECK_OK(rootfs_pivot(&scene_fs, &err), &err);
	CHECK(statfs("/merged", &fs) == 0 && fs.f_type == OVERLAYFS_SUPER_MAGIC);
	CHECK(statvfs("/merged", &st) == 0 && st.f_flag & ST_NODEV);
}

/* podman's `:O` volumes: longer than the 255 bytes that fsconfig(2) takes. */
static void test_long_options(void **state)
{
	static const struct scene scene = {
		.mounts = "[{\"destination\":\"/"
			  "merged\",\"type\":\"overlay\",\"source\":\"overlay\"}]",
		.host = host_long,
		.init = init_long,
	};

	(void)state;
	scene_need_root();
	scene_play(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tmpcopyup), cmocka_unit_test(test_tmpcopyup_limits),
		cmocka_unit_test(test_layers),    cmocka_unit_test(test_many_layers),
		cmocka_unit_test(test_idmap),     cmocka_unit_test(test_idmap_of_container),
		cmocka_unit_test(test_cgroup),    cmocka_unit_test(test_long_options),
	};

	return cmocka_run_group_tests_name("mount contents", tests, NULL, NULL);
}

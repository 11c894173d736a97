/* SPDX-License-Identifier: Apache-2.0 */
/* Links that an image plants, or that someone swaps while the runtime mounts, never lead outside.
 */
#include <fcntl.h>
#include <linux/magic.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <cmocka.h>

#include "scene.h"

#define RENAME_EXCHANGE_FLAG 2 /* RENAME_EXCHANGE, which <linux/fs.h> defines beside much else */

static long type_of(const char *path)
{
	struct statfs st;

	return statfs(path, &st) < 0 ? -1 : st.f_type;
}

static void proc_is_link(void)
{
	put_dir("root/etc", 0755);
	put_link("root/proc", "etc");
}

static void sys_through_link(void)
{
	put_dir("root/elsewhere/sys", 0755);
	put_link("root/a", "elsewhere");
}

static void dev_is_link(void)
{
	put_dir("root/host", 0755);
	put_link("root/dev", "/host");
}

/* CVE-2019-19921, CVE-2023-27561, CVE-2023-28642, CVE-2026-41579 */
static void test_planted(void **state)
{
	static const struct scene scenes[] = {
		{ .mounts = "[{\"destination\":\"/proc\",\"type\":\"proc\"}]",
		  .host = proc_is_link,
		  .refused = "/proc in the root is or goes through a symbolic link" },
		{ .mounts = "[{\"destination\":\"/proc\",\"source\":\"/"
			    "proc\",\"options\":[\"rbind\"]}]",
		  .host = proc_is_link,
		  .refused = "/proc in the root is or goes through a symbolic link" },
		{ .mounts = "[{\"destination\":\"/a/sys\",\"type\":\"sysfs\"}]",
		  .host = sys_through_link,
		  .refused = "/a/sys in the root is or goes through a symbolic link" },
		{ .mounts = "[{\"destination\":\"/dev\",\"type\":\"tmpfs\"}]",
		  .host = dev_is_link,
		  .refused = "/dev in the root is or goes through a symbolic link" },
		{ .host = dev_is_link,
		  .refused = "/dev in the root is or goes through a symbolic link" },
		{ .mounts = "[{\"destination\":\"/proc\",\"source\":\"/"
			    "tmp\",\"options\":[\"bind\"]}]",
		  .refused = "only procfs" },
		{ .mounts = "[{\"destination\":\"/proc/self\",\"source\":\"/"
			    "tmp\",\"options\":[\"bind\"]}]",
		  .refused = "only procfs" },
	};

	(void)state;
	scene_need_root();
	for (size_t i = 0; i < ARRAY_SIZE(scenes); i++)
		scene_play(&scenes[i]);
}

static void climbing_links(void)
{
	put_dir("outside", 0755);
	put_dir("root/x", 0755);
	put_link("root/x/up", "../../../../../../../outside");
	put_link("root/x/abs", "/outside");
	put_link("root/dangling", "../../outside/made");
	put_link("root/file", "../../outside/file");
}

static void init_climbing(void)
{
	struct error err = ERROR_INIT;

	CHECK_OK(rootfs_setup(&scene_fs, &err), &err);
	/* Nothing was made or mounted outside, all of it inside. */
	CHECK(access(at("outside/made"), F_OK) < 0 && access(at("outside/sub"), F_OK) < 0 &&
	      access(at("outside/file"), F_OK) < 0);
	CHECK(type_of(at("outside")) == TMPFS_MAGIC && access(at("outside/canary"), F_OK) < 0);
	CHECK(file_is("outside/sub/canary", "inside"));
	CHECK(file_is("outside/sub2/canary", "inside"));
	CHECK(file_is("outside/made/canary", "inside"));
	CHECK(file_is("outside/file", "inside"));
}

static void host_climbing(void)
{
	climbing_links();
	put_dir("volume", 0755);
	put_file("volume/canary", "inside");
}

/* CVE-2019-18837: made inside the root, wherever the links point. */
static void test_climbing(void **state)
{
	static const struct scene scene = {
		.mounts = "[{\"destination\":\"/x/up/"
			  "sub\",\"source\":\"volume\",\"options\":[\"bind\"]},"
			  "{\"destination\":\"/x/abs/"
			  "sub2\",\"source\":\"volume\",\"options\":[\"bind\"]},"
			  "{\"destination\":\"/"
			  "dangling\",\"source\":\"volume\",\"options\":[\"bind\"]},"
			  "{\"destination\":\"/file\",\"source\":\"volume/"
			  "canary\",\"options\":[\"bind\"]}]",
		.host = host_climbing,
		.init = init_climbing,
	};

	(void)state;
	scene_need_root();
	scene_play(&scene);
}

static void host_racing(void)
{
	put_dir("outside/target", 0755);
	put_file("outside/target/canary", "host");
	put_dir("root/volume/target", 0755);
	put_link("root/volume/link", "../../outside/target");
	put_dir("root/volume/real", 0755);
	put_link("root/volume/top", "/../outside");
	put_dir("payload", 0755);
	put_file("payload/canary", "payload");
}

static bool outside_is_unchanged(void)
{
	struct stat st;

	return file_is(at("outside/target/canary"), "host") &&
	       stat(at("outside/target"), &st) == 0 && st.st_nlink == 2 &&
	       access(at("outside/made"), F_OK) < 0 && access(at("outside/made-file"), F_OK) < 0;
}

/* Swaps a directory with a link that leads out, as fast as it can: a second container does so on a
 * shared volume. */
static pid_t start_swapper(void)
{
	pid_t swapper = fork();

	CHECK(swapper >= 0);
	if (swapper == 0) {
		int dir = open(at("root/volume"), O_PATH | O_DIRECTORY | O_CLOEXEC);

		/* Ends with the scene, also when that fails. */
		CHECK(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
		for (;;) {
			(void)syscall(SYS_renameat2, dir, "target", dir, "link",
				      RENAME_EXCHANGE_FLAG);
			(void)syscall(SYS_renameat2, dir, "real", dir, "top", RENAME_EXCHANGE_FLAG);
		}
	}
	return swapper;
}

static void init_racing(void)
{
	pid_t swapper = start_swapper();
	struct timespec now, end;
	unsigned rounds = 0, mounted = 0;

	CHECK(clock_gettime(CLOCK_MONOTONIC, &end) == 0);
	end.tv_sec += 2;
	scene_fs.root_fd = open(at("root"), O_PATH | O_DIRECTORY | O_CLOEXEC);
	CHECK(scene_fs.root_fd >= 0);
	do {
		for (size_t i = 0; i < scene_plan->len; i++) {
			_cleanup_error_ struct error err = ERROR_INIT;

			/* It may fail when it loses the race; it may not go outside. */
			if (mount_step_run(&scene_fs, &scene_plan->steps[i], &err) == 0)
				mounted++;
			CHECK(outside_is_unchanged());
		}
		/* Detached in bulk, so that the kernel's limit on mounts is not met. */
		if (++rounds % 64 == 0)
			while (umount2(at("root/volume/target"), MNT_DETACH | UMOUNT_NOFOLLOW) ==
				       0 ||
			       umount2(at("root/volume/link"), MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
				;
		CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
	} while (now.tv_sec < end.tv_sec ||
		 (now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec));
	CHECK(rounds > 20 && mounted > 0);
	CHECK(kill(swapper, SIGKILL) == 0 && waitpid(swapper, NULL, 0) == swapper);
}

/* CVE-2021-30465, CVE-2024-45310 */
static void test_race(void **state)
{
	static const struct scene scene = {
		.mounts =
			"[{\"destination\":\"/volume/"
			"target\",\"source\":\"payload\",\"options\":[\"bind\"]},"
			"{\"destination\":\"/volume/real/"
			"made\",\"source\":\"payload\",\"options\":[\"bind\"]},"
			"{\"destination\":\"/volume/real/made-file\",\"source\":\"payload/canary\","
			"\"options\":[\"bind\"]},"
			"{\"destination\":\"/volume/target/sub/dir\",\"type\":\"tmpfs\"}]",
		.host = host_racing,
		.init = init_racing,
	};

	(void)state;
	scene_need_root();
	scene_play(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_planted),
		cmocka_unit_test(test_climbing),
		cmocka_unit_test(test_race),
	};

	return cmocka_run_group_tests_name("mount targets", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "scene.h"

#include <fcntl.h>
#include <ftw.h>
#include <linux/sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "container/mounts.h"
#include "fake_cgroup.h"
#include "oci/parse.h"

char scene_dir[64];
struct rootfs scene_fs;
struct oci_spec scene_spec;
struct mount_plan *scene_plan;

_Noreturn void scene_fail(const char *file, int line, const char *what, const char *more)
{
	fprintf(stderr, "%s:%d: %s: %s (errno %s)\n", file, line, what, more, strerror(errno));
	_exit(1);
}

const char *at(const char *path)
{
	static char bufs[8][512];
	static unsigned next;
	char *buf = bufs[next++ % 8];

	(void)snprintf(buf, sizeof(bufs[0]), "%s/%s", scene_dir, path);
	return buf;
}

void put_dir(const char *path, unsigned mode)
{
	char buf[512];

	(void)snprintf(buf, sizeof(buf), "%s", at(path));
	for (char *p = buf + strlen(scene_dir) + 1; *p; p++)
		if (*p == '/') {
			*p = '\0';
			(void)mkdir(buf, 0755);
			*p = '/';
		}
	CHECK(mkdir(buf, mode) == 0 || errno == EEXIST);
	CHECK(chmod(buf, mode) == 0);
}

void put_file(const char *path, const char *text)
{
	FILE *f = fopen(at(path), "we");

	CHECK(f != NULL);
	CHECK(fputs(text, f) >= 0 && fclose(f) == 0);
}

void put_link(const char *path, const char *target)
{
	CHECK(symlink(target, at(path)) == 0);
}

bool file_is(const char *path, const char *text)
{
	char buf[4096];
	size_t n;
	FILE *f = fopen(path, "re");

	if (!f)
		return false;
	n = fread(buf, 1, sizeof(buf) - 1, f);
	(void)fclose(f);
	buf[n] = '\0';
	return strcmp(buf, text) == 0;
}

void scene_need_root(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(unshare(CLONE_NEWNS) < 0);
	if (waitpid(pid, &status, 0) != pid || status != 0) {
		print_message("skipped: making a mount namespace needs root\n");
		skip();
	}
}

static void parse(const struct scene *scene)
{
	static char text[32768];
	struct error err = ERROR_INIT;
	const char *users = scene->flags & CLONE_NEWUSER ? ",{\"type\":\"user\"}" : "";
	const char *maps =
		scene->flags & CLONE_NEWUSER
			? ",\"uidMappings\":[{\"containerID\":0,\"hostID\":100000,\"size\":65536}],"
			  "\"gidMappings\":[{\"containerID\":0,\"hostID\":100000,\"size\":65536}]"
			: "";

	if (scene->config)
		(void)snprintf(text, sizeof(text), "%s", scene->config);
	else
		(void)snprintf(
			text, sizeof(text),
			"{\"ociVersion\":\"1.2.0\",\"root\":{\"path\":\"root\",\"readonly\":%s},"
			"%s%s%s\"mounts\":%s,\"linux\":{\"namespaces\":[{\"type\":\"mount\"}%s%s%s]"
			"%s%s}}",
			scene->readonly ? "true" : "false",
			scene->layers ? "\"windows\":{\"layerFolders\":" : "",
			scene->layers ? scene->layers : "", scene->layers ? "}," : "",
			scene->mounts ? scene->mounts : "[]", users,
			scene->flags & CLONE_NEWPID ? ",{\"type\":\"pid\"}" : "",
			scene->flags & CLONE_NEWIPC ? ",{\"type\":\"ipc\"}" : "", maps,
			scene->linux_ ? scene->linux_ : "");
	CHECK_OK(oci_spec_parse(text, strlen(text), &scene_spec, &err), &err);
}

static _Noreturn void play_inside(const struct scene *scene, int go)
{
	struct error err = ERROR_INIT;
	char c;
	int r;

	CHECK(read(go, &c, 1) == 1);
	CHECK(close(go) == 0);
	if (scene->flags & CLONE_NEWUSER)
		CHECK(setresgid(0, 0, 0) == 0 && setresuid(0, 0, 0) == 0);
	scene_fs.userns = scene->flags & CLONE_NEWUSER;
	scene_fs.new_netns = scene->flags & CLONE_NEWNET;
	if (scene->init) {
		scene->init();
		_exit(0);
	}
	r = rootfs_setup(&scene_fs, &err);
	if (scene->refused) {
		if (r == 0 || !strstr(error_text(&err), scene->refused))
			scene_fail(__FILE__, __LINE__, scene->refused, error_text(&err));
		_exit(0);
	}
	CHECK_OK(r, &err);
	CHECK_OK(rootfs_pivot(&scene_fs, &err), &err);
	CHECK_OK(rootfs_finish(&scene_fs, &err), &err);
	if (scene->inside)
		scene->inside();
	_exit(0);
}

static void write_map(pid_t pid, const char *file)
{
	char path[64];
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	f = fopen(path, "we");
	CHECK(f != NULL);
	CHECK(fputs("0 100000 65536\n", f) >= 0 && fclose(f) == 0);
}

static int give_away(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return lchown(path, 100000, 100000);
}

/* Mounts on and below the scene's directory in this mount namespace. */
static unsigned count_mounts(void)
{
	char line[1024];
	unsigned n = 0;
	FILE *f = fopen("/proc/self/mountinfo", "re");

	CHECK(f != NULL);
	while (fgets(line, sizeof(line), f))
		n += strstr(line, scene_dir) != NULL;
	(void)fclose(f);
	return n;
}

static _Noreturn void play_host(const struct scene *scene)
{
	struct error err = ERROR_INIT;
	struct clone_args args = { .flags = scene->flags | CLONE_NEWNS, .exit_signal = SIGCHLD };
	int status, go[2], r;
	pid_t pid;

	CHECK(unshare(CLONE_NEWNS) == 0);
	CHECK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	CHECK(mount("scene", scene_dir, "tmpfs", 0, "mode=755") == 0);
	put_dir("root", 0755);
	if (scene->host)
		scene->host();
	/* The image belongs to the container's root. */
	if (scene->flags & CLONE_NEWUSER)
		CHECK(nftw(at("root"), give_away, 16, FTW_PHYS) == 0);
	parse(scene);
	rootfs_init(&scene_fs);
	CHECK_OK(mount_plan_parse(&scene_spec, &scene_plan, &err), &err);
	r = mount_plan_open_userns(scene_plan, &err);
	if (r == 0)
		r = mount_plan_open_sources(scene_plan, scene_dir, &err);
	if (scene->plan_refused) {
		CHECK(r < 0);
		if (!strstr(error_text(&err), scene->plan_refused))
			scene_fail(__FILE__, __LINE__, scene->plan_refused, error_text(&err));
		_exit(0);
	}
	CHECK_OK(r, &err);
	scene_fs.spec = &scene_spec;
	scene_fs.mounts = scene_plan;
	scene_fs.path = at("root");
	scene_fs.bundle = scene_dir;
	scene_fs.cgroup = fake_cgroup();
	CHECK(pipe2(go, O_CLOEXEC) == 0);
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	CHECK(pid >= 0);
	if (pid == 0)
		play_inside(scene, go[0]);
	if (scene->flags & CLONE_NEWUSER) {
		write_map(pid, "uid_map");
		write_map(pid, "gid_map");
	}
	CHECK(write(go[1], "", 1) == 1);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(scene->mounts_left == 0 || count_mounts() == scene->mounts_left);
	mount_plan_free(scene_plan);
	oci_spec_done(&scene_spec);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

void scene_play(const struct scene *scene)
{
	int status = -1;
	pid_t pid;

	(void)strcpy(scene_dir, "/tmp/mounts-test-XXXXXX");
	assert_non_null(mkdtemp(scene_dir));
	(void)fflush(NULL);
	pid = fork();
	if (pid == 0)
		play_host(scene);
	(void)waitpid(pid, &status, 0);
	assert_int_equal(rmdir(scene_dir), 0);
	assert_int_equal(status, 0);
}

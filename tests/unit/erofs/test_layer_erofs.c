/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "container/layer_file.h"
#include "image/layer_erofs.h"

static char root[] = "/tmp/layer-erofs-XXXXXX";

static int run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static int run(const char *fmt, ...)
{
	char command[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	return system(command);
}

/* A layer's directory of that name, with an unpacked layer. */
static int layer(const char *name)
{
	char path[256];
	int dir;

	assert_int_equal(
		run("mkdir -p %s/%s/fs/etc && cd %s/%s/fs && echo a >etc/a && ln etc/a b && "
		    "ln -s a etc/c && touch -d '2001-02-03 04:05:06.123456789' etc/a etc",
		    root, name, root, name),
		0);
	snprintf(path, sizeof(path), "%s/%s", root, name);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(dir >= 0);
	return dir;
}

static void make(int dir)
{
	struct error err = ERROR_INIT;
	int r = layer_erofs_make(dir, &err);

	if (r < 0)
		print_error("%s\n", error_text(&err));
	assert_int_equal(r, 0);
}

static void test_is_an_image_that_can_be_mounted(void **state)
{
	int dir = layer("plain"), mount, fd;
	struct layer_mounts mounts = LAYER_MOUNTS_INIT;
	struct error err = ERROR_INIT;
	char path[256], scratch[] = "/tmp", *folders[] = { path, scratch, NULL };
	struct oci_spec spec = { .layer_folders = { folders, 2 } };
	struct stat st, link;

	(void)state;
	make(dir);
	snprintf(path, sizeof(path), "%s/plain/" LAYER_EROFS, root);
	fd = layer_file_open("/", path, &err);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(layer_mounts_open(&spec, "/", &mounts, &err), 0);
	mount = mounts.layers[0];
	assert_int_equal(fstatat(mount, "etc/a", &st, 0), 0);
	assert_int_equal(fstatat(mount, "b", &link, 0), 0);
	assert_int_equal(st.st_ino, link.st_ino);
	assert_int_equal(st.st_mtim.tv_nsec, 123456789);
	assert_int_equal(fstatat(mount, "etc", &st, 0), 0);
	assert_int_equal(st.st_mtim.tv_nsec, 123456789);
	layer_mounts_done(&mounts);
	close(dir);
}

static void test_depends_on_the_layer_alone(void **state)
{
	int first = layer("first"), second = -1;
	struct timespec second_later = { .tv_sec = 1, .tv_nsec = 100000000 };

	(void)state;
	make(first);
	assert_int_equal(
		run("cp -a %s/first %s/second && rm %s/second/" LAYER_EROFS, root, root, root), 0);
	nanosleep(&second_later, NULL);
	second = open(root, O_RDONLY | O_DIRECTORY);
	assert_true(second >= 0);
	int dir = openat(second, "second", O_RDONLY | O_DIRECTORY);
	make(dir);
	assert_int_equal(run("cmp %s/first/" LAYER_EROFS " %s/second/" LAYER_EROFS, root, root), 0);
	close(dir);
	close(second);
	close(first);
}

static void test_made_once(void **state)
{
	int dir = layer("once"), status;
	struct stat before, after;

	(void)state;
	for (int i = 0; i < 4; i++)
		if (fork() == 0) {
			struct error err = ERROR_INIT;

			_exit(layer_erofs_make(dir, &err) == 0 ? 0 : 1);
		}
	for (int i = 0; i < 4; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_int_equal(fstatat(dir, LAYER_EROFS, &before, 0), 0);
	make(dir);
	assert_int_equal(fstatat(dir, LAYER_EROFS, &after, 0), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(run("test $(ls -A %s/once | wc -l) = 2", root), 0);
	close(dir);
}

/* Ten gigabytes of zeros in a layer are as many in no file of the store. */
static void test_holes_take_no_room(void **state)
{
	int dir = layer("holes");
	struct stat st;

	(void)state;
	assert_int_equal(run("truncate -s 64M %s/holes/fs/zeros && echo end >>%s/holes/fs/zeros",
			     root, root),
			 0);
	make(dir);
	assert_int_equal(fstatat(dir, LAYER_EROFS, &st, 0), 0);
	assert_true(st.st_size < 1 << 20);
	close(dir);
}

static void test_name_too_long_for_mkfs(void **state)
{
	int dir = layer("long");
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(run("touch %s/long/fs/$(printf 'n%%.0s' $(seq 255))", root), 0);
	assert_int_equal(layer_erofs_make(dir, &err), -ENAMETOOLONG);
	assert_int_equal(err.code, 0);
	assert_int_equal(run("test $(ls -A %s/long | wc -l) = 1", root), 0);
	close(dir);
}

static void test_failure_leaves_nothing(void **state)
{
	int dir = layer("bad");
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(run("rm -r %s/bad/fs", root), 0);
	assert_int_equal(layer_erofs_make(dir, &err), -ENOENT);
	assert_non_null(strstr(error_text(&err), "unpacked layer"));
	error_done(&err);
	setenv("PATH", "/nowhere", 1);
	mkdirat(dir, "fs", 0755);
	assert_int_equal(layer_erofs_make(dir, &err), -ENOENT);
	assert_non_null(strstr(error_text(&err), "erofs-utils"));
	error_done(&err);
	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	assert_int_equal(run("test $(ls -A %s/bad | wc -l) = 1", root), 0);
	close(dir);
}

static int set_up(void **state)
{
	(void)state;
	return mkdtemp(root) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	return run("rm -r %s", root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_is_an_image_that_can_be_mounted),
		cmocka_unit_test(test_depends_on_the_layer_alone),
		cmocka_unit_test(test_made_once),
		cmocka_unit_test(test_holes_take_no_room),
		cmocka_unit_test(test_name_too_long_for_mkfs),
		cmocka_unit_test(test_failure_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}

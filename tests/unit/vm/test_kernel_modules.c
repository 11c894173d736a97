/* SPDX-License-Identifier: Apache-2.0 */
/* The initramfs for a kernel whose drivers are modules: what is in it, in which order, and that it is
 * made once. The modules are files of text: nothing here loads them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "guest/modules.h"
#include "vm/kernel_modules.h"

#define VERSION "6.1.0-test"

/* A little of what depmod writes for Debian's kernel: "-" in one name, a built-in, a compressed one. */
static const char dep[] =
	"kernel/drivers/virtio/virtio_ring.ko:\n"
	"kernel/drivers/virtio/virtio.ko: kernel/drivers/virtio/virtio_ring.ko\n"
	"kernel/drivers/virtio/virtio_mmio.ko: kernel/drivers/virtio/virtio.ko "
	"kernel/drivers/virtio/virtio_ring.ko\n"
	"kernel/drivers/char/virtio_console.ko: kernel/drivers/virtio/virtio.ko "
	"kernel/drivers/virtio/virtio_ring.ko\n"
	"kernel/drivers/char/hw_random/virtio-rng.ko.gz: kernel/drivers/virtio/virtio.ko\n"
	"kernel/drivers/block/virtio_blk.ko:\n"
	"kernel/drivers/net/virtio_net.ko: kernel/net/core/failover.ko\n"
	"kernel/net/core/failover.ko:\n"
	"kernel/fs/fuse/fuse.ko:\n"
	"kernel/fs/fuse/virtiofs.ko: kernel/fs/fuse/fuse.ko\n"
	"kernel/fs/overlayfs/overlay.ko:\n";
static const char builtin[] = "kernel/fs/ext4/ext4.ko\n";

static const char order[] =
	"virtio_ring.ko\nvirtio.ko\nvirtio_mmio.ko\nvirtio_console.ko\nfuse.ko\n"
	"virtiofs.ko\noverlay.ko\nvirtio_blk.ko\nfailover.ko\nvirtio_net.ko\n"
	"-virtio-rng.ko\n";

struct scene {
	char root[32];
	char kernel[64], initramfs[64], modules[96], cache[64];
	struct kernel_modules m;
};

static void put(const char *path, const char *text)
{
	char *copy = strdup(path);
	FILE *file;

	for (char *p = copy + 1; (p = strchr(p, '/')); *p++ = '/') {
		*p = '\0';
		if (mkdir(copy, 0755) < 0)
			assert_int_equal(errno, EEXIST);
	}
	free(copy);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void put_module(const struct scene *s, const char *file, size_t len)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%.*s", s->modules, (int)len, file);
	if (len > 3 && !memcmp(file + len - 3, ".gz", 3)) {
		char command[600];

		path[strlen(path) - 3] = '\0';
		put(path, path);
		(void)snprintf(command, sizeof(command), "gzip %s", path);
		assert_int_equal(system(command), 0);
	} else {
		put(path, path);
	}
}

static int setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));
	char path[128];

	strcpy(s->root, "/tmp/hcs-modules.XXXXXX");
	assert_non_null(mkdtemp(s->root));
	(void)snprintf(s->kernel, sizeof(s->kernel), "%s/boot/vmlinuz", s->root);
	(void)snprintf(s->initramfs, sizeof(s->initramfs), "%s/initramfs", s->root);
	(void)snprintf(s->modules, sizeof(s->modules), "%s/lib/modules/" VERSION, s->root);
	(void)snprintf(s->cache, sizeof(s->cache), "%s/a/cache", s->root);
	put(s->kernel, "kernel");
	put(s->initramfs, "initramfs");
	(void)snprintf(path, sizeof(path), "%s/modules.dep", s->modules);
	put(path, dep);
	(void)snprintf(path, sizeof(path), "%s/modules.builtin", s->modules);
	put(path, builtin);
	for (const char *line = dep; *line; line = strchr(line, '\n') + 1)
		put_module(s, line, strcspn(line, ":"));
	s->m = (struct kernel_modules){ .kernel_path = s->kernel,
					.initramfs = s->initramfs,
					.cache = s->cache };
	*state = s;
	return 0;
}

static int take_away(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static int teardown(void **state)
{
	struct scene *s = *state;
	int r = nftw(s->root, take_away, 8, FTW_DEPTH | FTW_PHYS);

	free(s);
	return r;
}

static int make(struct scene *s, char **ret, struct error *err)
{
	const struct kernel kernel = { .version = VERSION };

	return kernel_modules_initrd(&s->m, &kernel, ret, err);
}

static size_t field(const char *header, int index)
{
	char text[9] = { 0 };

	memcpy(text, header + 6 + 8 * index, 8);
	return strtoul(text, NULL, 16);
}

/* The content of an entry of the archive behind the first offset bytes; NULL: not in it. */
static char *entry(const char *path, size_t offset, const char *wanted, size_t *ret_entries)
{
	_cleanup_free_ char *all = NULL;
	char *found = NULL;
	size_t len, at = offset;

	*ret_entries = 0;
	assert_int_equal(file_read(AT_FDCWD, path, 1 << 20, &all, &len), 0);
	for (;;) {
		size_t size, name, data;

		assert_true(at + 110 <= len);
		assert_memory_equal(all + at, "070701", 6);
		size = field(all + at, 6);
		name = at + 110;
		data = (name + field(all + at, 11) - offset + 3) / 4 * 4 + offset;
		assert_true(data + size <= len);
		if (!strcmp(all + name, "TRAILER!!!"))
			return found;
		++*ret_entries;
		if (!strcmp(all + name, wanted))
			found = strndup(all + data, size);
		at = data + (size + 3) / 4 * 4;
	}
}

static void modules_come_behind_what_they_need(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_free_ char *path = NULL, *list = NULL, *ring = NULL, *rng = NULL;
	struct scene *s = *state;
	size_t entries;

	assert_int_equal(make(s, &path, &err), 0);
	/* The next archive begins on four bytes: "initramfs" has nine. */
	list = entry(path, 12, "modules/load", &entries);
	assert_string_equal(list, order);
	assert_int_equal(entries, 13); /* the directory, the list, eleven modules */
	ring = entry(path, 12, "modules/virtio_ring.ko", &entries);
	assert_non_null(strstr(ring, "drivers/virtio/virtio_ring.ko"));
	/* Unpacked here, once, and not at every boot. */
	rng = entry(path, 12, "modules/virtio-rng.ko", &entries);
	assert_non_null(strstr(rng, "hw_random/virtio-rng.ko"));
}

static void it_is_made_once_for_what_it_is_made_of(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_free_ char *first = NULL, *second = NULL, *third = NULL;
	struct stat before, after;
	struct scene *s = *state;

	assert_int_equal(make(s, &first, &err), 0);
	assert_int_equal(stat(first, &before), 0);
	assert_int_equal(make(s, &second, &err), 0);
	assert_string_equal(first, second);
	assert_int_equal(stat(first, &after), 0);
	assert_true(before.st_ino == after.st_ino);
	put(s->initramfs, "another initramfs");
	assert_int_equal(make(s, &third, &err), 0);
	assert_string_not_equal(first, third);
}

static void the_cache_does_not_grow_for_ever(void **state)
{
	struct scene *s = *state;
	size_t entries = 0;

	for (int i = 0; i < 20; i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		_cleanup_free_ char *path = NULL;

		put(s->initramfs, "another initramfs" + i % 16);
		assert_int_equal(make(s, &path, &err), 0);
		/* What was just made is what stays. */
		assert_int_equal(access(path, R_OK), 0);
	}
	_cleanup_closedir_ DIR *dir = opendir(s->cache);
	for (struct dirent *e; (e = readdir(dir));)
		entries += e->d_name[0] != '.';
	assert_in_range(entries, 1, 8);
}

static void a_kernel_without_modules_takes_the_initramfs(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	const struct kernel kernel = { .version = "6.1.0-nowhere" };
	_cleanup_free_ char *path = NULL;
	struct scene *s = *state;

	assert_int_equal(kernel_modules_initrd(&s->m, &kernel, &path, &err), 0);
	assert_string_equal(path, s->initramfs);
	assert_int_not_equal(access(s->cache, F_OK), 0);
}

static void refused(struct scene *s, int code, const char *why)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_closedir_ DIR *dir = NULL;
	char *path = NULL;

	assert_int_equal(make(s, &path, &err), -code);
	assert_null(path);
	if (!strstr(error_text(&err), why))
		fail_msg("\"%s\" does not say \"%s\"", error_text(&err), why);
	/* And nothing half made is left behind. */
	dir = opendir(s->cache);
	for (struct dirent *e; dir && (e = readdir(dir));)
		assert_true(!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."));
}

static void what_is_missing_is_named(void **state)
{
	struct scene *s = *state;
	char path[256], nowhere[] = "/nowhere/modules";

	(void)snprintf(path, sizeof(path), "%s/kernel/fs/fuse/fuse.ko", s->modules);
	assert_int_equal(unlink(path), 0);
	refused(s, ENOENT, "kernel/fs/fuse/fuse.ko");
	(void)snprintf(path, sizeof(path), "%s/modules.builtin", s->modules);
	assert_int_equal(unlink(path), 0);
	refused(s, ENOENT, "no module ext4");
	(void)snprintf(path, sizeof(path), "%s/modules.dep", s->modules);
	put(path, "");
	refused(s, ENOENT, "no module virtio_mmio");
	assert_int_equal(unlink(path), 0);
	refused(s, ENOENT, "depmod");
	s->m.directory = nowhere;
	refused(s, ENOENT, nowhere);
}

static void nothing_else_of_the_host_gets_in(void **state)
{
	struct scene *s = *state;
	char path[256], text[4096];

	(void)snprintf(path, sizeof(path), "%s/kernel/fs/fuse/fuse.ko", s->modules);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	refused(s, ENOENT, "kernel/fs/fuse/fuse.ko");
	assert_int_equal(unlink(path), 0);
	put(path, "fuse");
	(void)snprintf(path, sizeof(path), "%s/modules.dep", s->modules);
	(void)snprintf(text, sizeof(text), "%s%s",
		       "x/virtio-rng.ko: ../../../../../../etc/passwd\n", dep);
	put(path, text);
	refused(s, ENOENT, "../etc/passwd");
}

static void a_module_gets_its_parameters(void **state)
{
	static const struct {
		const char *line, *module, *expected;
	} cases[] = {
		{ "quiet virtio_mmio.device=1 x virtio-mmio.device=2\n", "virtio_mmio",
		  "device=1 device=2" },
		{ "virtio_rng.a=\"b c\" d", "virtio-rng", "a=\"b c\"" },
		{ "virtio.a=1 virtio_mmio.b=2 xvirtio.c=3", "virtio", "a=1" },
		{ "virtio. virtio virtio", "virtio", "" },
		{ "", "virtio", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *found = module_parameters(cases[i].line, cases[i].module);

		assert_string_equal(found, cases[i].expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(modules_come_behind_what_they_need, setup,
						teardown),
		cmocka_unit_test_setup_teardown(it_is_made_once_for_what_it_is_made_of, setup,
						teardown),
		cmocka_unit_test_setup_teardown(the_cache_does_not_grow_for_ever, setup, teardown),
		cmocka_unit_test_setup_teardown(a_kernel_without_modules_takes_the_initramfs, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_is_missing_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_else_of_the_host_gets_in, setup, teardown),
		cmocka_unit_test(a_module_gets_its_parameters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

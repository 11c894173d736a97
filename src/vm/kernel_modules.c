/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/kernel_modules.h"

#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/subprocess.h"
#include "vm/cpio.h"
#include "vm/modules_dep.h"
#include "vm/modules_layout.h"

#define MODULE_SIZE_MAX (64u << 20)
#define UNPACK_TIMEOUT_MS 10000
#define ENTRIES_KEPT 8
#define UNFINISHED_AGE 3600 /* s: what is older was left by someone who was killed */

/* What a utility VM is made of. Without the first ones the agent is never heard or the container has
 * no files; the others are there when the kernel has them. */
static const struct {
	const char *name;
	bool optional;
} wanted[] = {
	{ "virtio_mmio", false },   { "virtio_console", false }, { "virtiofs", false },
	{ "overlay", false },       { "virtio_blk", false },     { "virtio_net", false },
	{ "ext4", false },          { "erofs", true },           { "virtio_rng", true },
	{ "virtio_balloon", true },
};

static int open_directory(const char *path, int *ret)
{
	*ret = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret < 0 ? -errno : 0;
}

/* -ENOENT: the kernel has no modules anywhere. */
static int find_directory(const struct kernel_modules *modules, const char *version,
			  char **ret_path, int *ret, struct error *err)
{
	_cleanup_free_ char *copy = strdup(modules->kernel_path), *path = NULL;
	int r;

	if (!copy)
		return error_oom(err);
	if (modules->directory)
		path = strdup(modules->directory);
	else if (asprintf(&path, "%s/../lib/modules/%s", dirname(copy), version) < 0)
		path = NULL;
	if (!path)
		return error_oom(err);
	r = open_directory(path, ret);
	if (r == -ENOENT && !modules->directory) {
		free(path);
		if (asprintf(&path, "/lib/modules/%s", version) < 0) {
			path = NULL;
			return error_oom(err);
		}
		r = open_directory(path, ret);
		if (r == -ENOENT)
			return r;
	}
	if (r < 0)
		return error_sys(err, -r, "%s", path);
	*ret_path = TAKE_PTR(path);
	return 0;
}

static int order_modules(int dir_fd, struct modules_order *ret, struct error *err)
{
	_cleanup_(modules_dep_done) struct modules_dep dep = { 0 };
	int r = modules_dep_read(dir_fd, &dep, err);

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(wanted); i++) {
		r = modules_order_add(ret, &dep, wanted[i].name, wanted[i].optional, err);
		if (r == MODULES_NONE && !wanted[i].optional)
			return error_set(err, ENOENT,
					 "has no module %s, which a utility VM cannot do without",
					 wanted[i].name);
	}
	return r < 0 ? r : 0;
}

/* What program makes of the len bytes: into *data again. */
static int unpack(const char *program, char **data, size_t *len, struct error *err)
{
	_cleanup_close_ int plain = memfd_create("module", MFD_CLOEXEC);
	_cleanup_free_ char *said = NULL, *packed = *data;
	char *const argv[] = { (char *)program, (char *)"-dc", NULL };
	struct subprocess sp = {
		.path = program,
		.argv = argv,
		.input = packed,
		.input_len = *len,
		.timeout_ms = UNPACK_TIMEOUT_MS,
		.stdout_fd = plain,
		.stderr_fd = -1,
		.cwd_fd = -1,
	};
	int r;

	*data = NULL;
	if (plain < 0)
		return error_sys(err, errno, "anonymous file");
	r = subprocess_run(&sp, &said, err);
	if (r < 0)
		return r;
	if (r > 0)
		return error_set(err, EIO, "%s failed (status %d): %.200s", program, r,
				 said ? said : "");
	if (lseek(plain, 0, SEEK_SET) < 0)
		return error_sys(err, errno, "anonymous file");
	r = fd_read_all(plain, MODULE_SIZE_MAX, data, len);
	return r < 0 ? error_sys(err, -r, "unpacked") : 0;
}

static const char *decompressor(const char *file)
{
	const char *dot = strrchr(file, '.');

	if (dot && !strcmp(dot, ".xz"))
		return "/usr/bin/xz";
	if (dot && !strcmp(dot, ".zst"))
		return "/usr/bin/zstd";
	return dot && !strcmp(dot, ".gz") ? "/usr/bin/gzip" : NULL;
}

/* Adds one module; name: what it is called in the archive. */
static int add_module(struct cpio *cpio, int dir_fd, const char *file, char *name, size_t size,
		      struct error *err)
{
	const char *base = strrchr(file, '/'), *program = decompressor(file);
	char path[sizeof(MODULES_DIR) + NAME_MAX + 1];
	/* Links among modules stay inside: nothing else of the host goes into a guest. */
	_cleanup_close_ int fd = path_open(dir_fd, file, O_RDONLY);
	_cleanup_free_ char *data = NULL;
	size_t len;
	int r;

	if (fd < 0)
		return error_sys(err, -fd, "%s", file);
	r = fd_read_all(fd, MODULE_SIZE_MAX, &data, &len);
	if (r < 0)
		return error_sys(err, -r, "%s", file);
	r = program ? unpack(program, &data, &len, err) : 0;
	if (r < 0)
		return error_wrap(err, r, "%s", file);
	base = base ? base + 1 : file;
	/* "virtio.ko.xz" is "virtio.ko" from here on. */
	(void)snprintf(name, size, "%.*s.ko", (int)strcspn(base, "."), base);
	(void)snprintf(path, sizeof(path), "%s/%s", MODULES_DIR + 1, name);
	r = cpio_add(cpio, path, S_IFREG | 0600, data, len);
	return r < 0 ? error_sys(err, -r, "write the initramfs") : 0;
}

static int add_modules(struct cpio *cpio, int dir_fd, const struct modules_order *order,
		       struct error *err)
{
	_cleanup_free_ char *list = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&list, &len);
	int r = 0;

	if (!out)
		return error_oom(err);
	r = cpio_add(cpio, MODULES_DIR + 1, S_IFDIR | 0700, NULL, 0);
	if (r < 0)
		(void)error_sys(err, -r, "write the initramfs");
	for (size_t i = 0; r == 0 && i < order->len; i++) {
		char name[NAME_MAX];

		r = add_module(cpio, dir_fd, order->files[i], name, sizeof(name), err);
		(void)fprintf(out, "%s%s\n", order->optional[i] ? "-" : "", name);
	}
	if (fclose(out) != 0 && r == 0)
		r = error_oom(err);
	if (r < 0)
		return r;
	r = cpio_add(cpio, &MODULES_DIR "/" MODULES_LIST[1], S_IFREG | 0600, list, len);
	if (r == 0)
		r = cpio_finish(cpio);
	return r < 0 ? error_sys(err, -r, "write the initramfs") : 0;
}

static int append_file(int to, const char *path, struct error *err)
{
	_cleanup_close_ int from = open(path, O_RDONLY | O_CLOEXEC);
	char block[65536];
	ssize_t n;
	off_t end;
	int r;

	if (from < 0)
		return error_sys(err, errno, "%s", path);
	while ((n = read(from, block, sizeof(block))) != 0) {
		if (n < 0 && errno != EINTR)
			return error_sys(err, errno, "%s", path);
		r = n > 0 ? fd_write_all(to, block, (size_t)n) : 0;
		if (r < 0)
			return error_sys(err, -r, "write the initramfs");
	}
	/* The next archive has to begin on four bytes. */
	end = lseek(to, 0, SEEK_CUR);
	r = end < 0 ? -errno : fd_write_all(to, "\0\0\0", -(size_t)end & 3);
	return r < 0 ? error_sys(err, -r, "write the initramfs") : 0;
}

/* Keeps made and the other entries that were used last; takes away what others left unfinished. */
static void prune(int cache_fd, const char *made)
{
	struct {
		char name[NAME_MAX + 1];
		int64_t used; /* ns since 1970 */
	} kept[ENTRIES_KEPT - 1] = { 0 };
	int copy = fcntl(cache_fd, F_DUPFD_CLOEXEC, 0);
	_cleanup_closedir_ DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	time_t now = time(NULL);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		size_t oldest = 0;
		struct stat st;
		int64_t used;

		if (fstatat(cache_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !S_ISREG(st.st_mode) || !strcmp(entry->d_name, made))
			continue;
		used = st.st_mtim.tv_sec * 1000000000ll + st.st_mtim.tv_nsec;
		if (entry->d_name[0] == '.') {
			if (now - st.st_mtime > UNFINISHED_AGE)
				(void)unlinkat(cache_fd, entry->d_name, 0);
			continue;
		}
		for (size_t i = 1; i < ARRAY_SIZE(kept); i++)
			if (kept[i].used < kept[oldest].used)
				oldest = i;
		if (used <= kept[oldest].used) {
			(void)unlinkat(cache_fd, entry->d_name, 0);
			continue;
		}
		if (kept[oldest].name[0])
			(void)unlinkat(cache_fd, kept[oldest].name, 0);
		(void)snprintf(kept[oldest].name, sizeof(kept[oldest].name), "%s", entry->d_name);
		kept[oldest].used = used;
	}
}

/* Device, inode, size and time: a file that was replaced or written to has another. */
static int append_identity(char *name, size_t size, int dir_fd, const char *path, struct error *err)
{
	size_t len = strlen(name);
	struct stat st;

	if (fstatat(dir_fd, path, &st, 0) < 0)
		return error_sys(err, errno, "%s", path);
	(void)snprintf(name + len, size - len, "-%jx.%jx.%jx.%jx%08lx", (uintmax_t)st.st_dev,
		       (uintmax_t)st.st_ino, (uintmax_t)st.st_size, (uintmax_t)st.st_mtim.tv_sec,
		       (unsigned long)st.st_mtim.tv_nsec);
	return 0;
}

static int make(const struct kernel_modules *modules, int dir_fd, int cache_fd, const char *name,
		struct error *err)
{
	_cleanup_(modules_order_done) struct modules_order order = { 0 };
	_cleanup_close_ int fd = -1;
	char partial[64];
	int r;

	r = order_modules(dir_fd, &order, err);
	if (r < 0)
		return r;
	(void)snprintf(partial, sizeof(partial), ".%d.%jx", (int)getpid(), (uintmax_t)time(NULL));
	fd = openat(cache_fd, partial, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return error_sys(err, errno, "%s", modules->cache);
	r = append_file(fd, modules->initramfs, err);
	if (r == 0)
		r = add_modules(&(struct cpio){ .fd = fd }, dir_fd, &order, err);
	/* Whoever makes the same at this time makes the same bytes: either may stay. */
	if (r == 0 && renameat(cache_fd, partial, cache_fd, name) < 0)
		r = error_sys(err, errno, "%s/%s", modules->cache, name);
	if (r < 0)
		(void)unlinkat(cache_fd, partial, 0);
	return r;
}

static int make_cache(const char *path, int *ret, struct error *err)
{
	_cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = root < 0 ? -errno : path_mkdirs(root, path, 0755, err);

	if (fd < 0)
		return error_wrap(err, fd, "cache %s", path);
	(void)close_fd(fd);
	fd = open_directory(path, ret);
	return fd < 0 ? error_sys(err, -fd, "%s", path) : 0;
}

int kernel_modules_initrd(const struct kernel_modules *modules, const struct kernel *kernel,
			  char **ret, struct error *err)
{
	_cleanup_close_ int dir_fd = -1, cache_fd = -1;
	_cleanup_free_ char *directory = NULL, *path = NULL;
	char name[NAME_MAX + 1];
	int r;

	r = find_directory(modules, kernel->version, &directory, &dir_fd, err);
	if (r == -ENOENT && !err->code) {
		*ret = strdup(modules->initramfs);
		return *ret ? 0 : error_oom(err);
	}
	if (r < 0)
		return r;
	(void)snprintf(name, sizeof(name), "%.60s", kernel->version);
	r = append_identity(name, sizeof(name), AT_FDCWD, modules->kernel_path, err);
	if (r == 0)
		r = append_identity(name, sizeof(name), AT_FDCWD, modules->initramfs, err);
	if (r < 0)
		return r;
	r = append_identity(name, sizeof(name), dir_fd, "modules.dep", err);
	if (r < 0)
		return error_wrap(err, r, "modules of the kernel %s (depmod makes modules.dep)",
				  directory);
	r = make_cache(modules->cache, &cache_fd, err);
	if (r < 0)
		return r;
	if (asprintf(&path, "%s/%s", modules->cache, name) < 0) {
		path = NULL;
		return error_oom(err);
	}
	/* The time of its last use decides what stays in the cache. */
	if (utimensat(cache_fd, name, NULL, 0) < 0) {
		r = make(modules, dir_fd, cache_fd, name, err);
		if (r < 0)
			return error_wrap(err, r, "modules of the kernel %s", directory);
		prune(cache_fd, name);
	}
	*ret = TAKE_PTR(path);
	return 0;
}

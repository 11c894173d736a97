/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/scratch.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "base/subprocess.h"
#include "compute/scratch_ext4.h"
#include "container/layer_file.h"

/* What a new scratch is to be. */
struct making {
	uint64_t size_gb;
	int source; /* directory whose content becomes the upper one's; -1: none */
};

/* A command's complaint: its first line. */
static int complain(int r, char *output, const char *program, struct error *err)
{
	if (r < 0)
		return error_wrap(err, r, "%s", program);
	if (output)
		output[strcspn(output, "\n")] = '\0';
	return error_set(err, EIO, "%s", output && *output ? output : program);
}

/* cp keeps what an upper directory is made of: owners, times to the nanosecond, attributes of any
 * namespace, devices, hard links, holes. (mke2fs -d drops the nanoseconds.) */
static int copy_tree(int source, int mount, struct error *err)
{
	_cleanup_free_ char *program = NULL, *output = NULL;
	char from[48], to[64];
	const char *const argv[] = { "cp",
				     "-dRT",
				     "--preserve=mode,ownership,timestamps,links,xattr",
				     "--sparse=always",
				     "--",
				     from,
				     to,
				     NULL };
	char *const environment[] = { (char *)"LC_ALL=C", NULL };
	struct subprocess sp = {
		.argv = (char *const *)argv,
		.envp = environment,
		.timeout_ms = -1,
		.stdout_fd = -1,
		.stderr_fd = -1,
		.cwd_fd = -1,
	};
	int r = subprocess_find("cp", &program);

	if (r < 0)
		return error_sys(err, -r, "cp (coreutils)");
	sp.path = program;
	(void)snprintf(from, sizeof(from), "/proc/%d/fd/%d/", (int)getpid(), source);
	(void)snprintf(to, sizeof(to), "/proc/%d/fd/%d/upper", (int)getpid(), mount);
	r = subprocess_run(&sp, &output, err);
	return r == 0 ? 0 : complain(r, output, "cp", err);
}

/* It is new and no guest has had it: the host's kernel may mount it. */
static int populate(int fd, int source, struct error *err)
{
	_cleanup_close_ int mount = scratch_file_mount(fd, err), root = -1;
	int r;

	if (mount < 0)
		return mount;
	/* One that is more than a name, for syncfs(2). */
	root = openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return error_sys(err, errno, "open it");
	r = copy_tree(source, root, err);
	if (r == 0 && syncfs(root) < 0)
		r = error_sys(err, errno, "write it");
	return r;
}

static int fill(int fd, const struct making *making, struct error *err)
{
	int r = scratch_ext4_make(fd, making->size_gb, err);

	return r == 0 && making->source >= 0 ? populate(fd, making->source, err) : r;
}

/* Named first, then written: one commit of the file system's journal has both. Named it is whole; durable it
 * is when this returns. */
static int settle(int dir, int fd, struct error *err)
{
	if (fsync(fd) < 0)
		return error_sys(err, errno, "write it to the disk");
	if (fsync(dir) < 0)
		return error_sys(err, errno, "write its directory to the disk");
	return 0;
}

/* Without a name until it is whole: a command that is killed leaves nothing. */
static int make_unnamed(int dir, const char *name, const struct making *making, struct error *err)
{
	_cleanup_close_ int fd = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char via[FD_PATH_MAX];
	int r;

	if (fd < 0) /* the file system knows no such files: not the user's concern */
		return -EOPNOTSUPP;
	r = fill(fd, making, err);
	if (r < 0)
		return r;
	if (linkat(AT_FDCWD, fd_path(fd, via), dir, name, AT_SYMLINK_FOLLOW) < 0)
		return error_sys(err, errno, "give it its name");
	r = settle(dir, fd, err);
	if (r < 0)
		(void)unlinkat(dir, name, 0);
	return r;
}

static int make_named(int dir, const char *name, const struct making *making, struct error *err)
{
	_cleanup_close_ int fd =
		openat(dir, name, O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return error_sys(err, errno, "make the file");
	r = fill(fd, making, err);
	if (r == 0)
		r = settle(dir, fd, err);
	if (r < 0)
		(void)unlinkat(dir, name, 0);
	return r;
}

static int create(const char *path, const struct making *making, struct error *err)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	_cleanup_free_ char *parent = NULL;
	_cleanup_close_ int dir = -1;
	struct stat st;
	int r;

	if (making->size_gb < COMPUTE_SCRATCH_GB_MIN || making->size_gb > COMPUTE_SCRATCH_GB_MAX)
		return error_set(err, EINVAL, "its size must be from %d to %d GB",
				 COMPUTE_SCRATCH_GB_MIN, COMPUTE_SCRATCH_GB_MAX);
	if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return error_set(err, EINVAL, "not the path of a file");
	parent = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	if (!parent)
		return error_oom(err);
	dir = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return error_sys(err, errno, "open its directory");
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return error_set(err, EEXIST, "exists already; remove it first");
	r = make_unnamed(dir, name, making, err);
	if (r == -EOPNOTSUPP && !err->code)
		r = make_named(dir, name, making, err);
	return r;
}

int compute_create_scratch(const char *path, uint64_t size_gb, struct error *err)
{
	const struct making making = { .size_gb = size_gb, .source = -1 };
	int r = create(path, &making, err);

	return r < 0 ? error_wrap(err, r, "scratch %s", path) : 0;
}

int compute_create_scratch_from(const char *path, uint64_t size_gb, const char *directory,
				struct error *err)
{
	_cleanup_close_ int source = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct making making = { .size_gb = size_gb, .source = source };
	int r;

	if (source < 0)
		return error_sys(err, errno, "%s", directory);
	r = create(path, &making, err);
	return r < 0 ? error_wrap(err, r, "scratch %s", path) : 0;
}

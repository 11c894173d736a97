/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/scratch.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/path.h"
#include "base/subprocess.h"

#define MKFS_TIMEOUT_MS 120000

/* Features are named, and nothing of the host's mke2fs.conf counts: the guest's kernel, which may be an
 * older one, must know them all. A small journal, and no block kept back for root, who is the only user.
 * The file's holes read as zeros: so the tables of inodes are clean as they are, and nothing is left for
 * the kernel to do after the first mount. */
#define FEATURES                                                                                   \
	"has_journal,extent,huge_file,flex_bg,metadata_csum,64bit,dir_nlink,extra_isize,"          \
	"^resize_inode"

static int run_mkfs(int fd, struct error *err)
{
	char *const environment[] = { (char *)"MKE2FS_CONFIG=/dev/null", NULL };
	_cleanup_free_ char *program = NULL, *output = NULL;
	char file[48]; /* our descriptor, as the child sees it */
	/* By the name mke2fs it does not miss an "ext4" in the configuration. */
	const char *const argv[] = { "mke2fs",
				     "-q",
				     "-F",
				     "-b",
				     "4096",
				     "-I",
				     "256",
				     "-i",
				     "16384",
				     "-m",
				     "0",
				     "-J",
				     "size=64",
				     "-O",
				     FEATURES,
				     "-E",
				     "root_owner=0:0,lazy_journal_init=1",
				     file,
				     NULL };
	struct subprocess sp = {
		.argv = (char *const *)argv,
		.envp = environment,
		.timeout_ms = MKFS_TIMEOUT_MS,
		.stdout_fd = -1,
		.stderr_fd = -1,
		.cwd_fd = -1,
	};
	int r = subprocess_find("mkfs.ext4", &program);

	if (r == -ENOENT)
		return error_set(err, ENOENT,
				 "needs the mkfs.ext4 program: apt-get install e2fsprogs");
	if (r < 0)
		return error_oom(err);
	(void)snprintf(file, sizeof(file), "/proc/%d/fd/%d", (int)getpid(), fd);
	sp.path = program;
	r = subprocess_run(&sp, &output, err);
	if (r < 0)
		return error_wrap(err, r, "mkfs.ext4");
	if (r > 0) {
		if (output)
			output[strcspn(output, "\n")] = '\0';
		return error_set(err, EIO, "mkfs.ext4: %s",
				 output && *output ? output : "it failed");
	}
	return 0;
}

static int fill(int fd, uint64_t size_gb, struct error *err)
{
	int r;

	if (ftruncate(fd, (off_t)(size_gb << 30)) < 0)
		return error_sys(err, errno, "make it %llu GB large", (unsigned long long)size_gb);
	r = run_mkfs(fd, err);
	if (r == 0 && fsync(fd) < 0)
		r = error_sys(err, errno, "write it to the disk");
	return r;
}

/* Without a name until it is whole: a command that is killed leaves nothing. */
static int make_unnamed(int dir, const char *name, uint64_t size_gb, struct error *err)
{
	_cleanup_close_ int fd = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char via[FD_PATH_MAX];
	int r;

	if (fd < 0) /* the file system knows no such files: not the user's concern */
		return -EOPNOTSUPP;
	r = fill(fd, size_gb, err);
	if (r == 0 && linkat(AT_FDCWD, fd_path(fd, via), dir, name, AT_SYMLINK_FOLLOW) < 0)
		r = error_sys(err, errno, "give it its name");
	return r;
}

static int make_named(int dir, const char *name, uint64_t size_gb, struct error *err)
{
	_cleanup_close_ int fd =
		openat(dir, name, O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return error_sys(err, errno, "make the file");
	r = fill(fd, size_gb, err);
	if (r < 0)
		(void)unlinkat(dir, name, 0);
	return r;
}

int compute_create_scratch(const char *path, uint64_t size_gb, struct error *err)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	_cleanup_free_ char *parent = NULL;
	_cleanup_close_ int dir = -1;
	struct stat st;
	int r;

	if (size_gb < COMPUTE_SCRATCH_GB_MIN || size_gb > COMPUTE_SCRATCH_GB_MAX)
		return error_set(err, EINVAL, "scratch %s: its size must be from %d to %d GB", path,
				 COMPUTE_SCRATCH_GB_MIN, COMPUTE_SCRATCH_GB_MAX);
	if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return error_set(err, EINVAL, "scratch \"%s\": not the path of a file", path);
	parent = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	if (!parent)
		return error_oom(err);
	dir = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return error_sys(err, errno, "scratch %s: open its directory", path);
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return error_set(err, EEXIST, "scratch %s: exists already; remove it first", path);
	r = make_unnamed(dir, name, size_gb, err);
	if (r == -EOPNOTSUPP && !err->code)
		r = make_named(dir, name, size_gb, err);
	if (r == 0 && fsync(dir) < 0) {
		r = error_sys(err, errno, "write its directory to the disk");
		(void)unlinkat(dir, name, 0);
	}
	return r < 0 ? error_wrap(err, r, "scratch %s", path) : 0;
}

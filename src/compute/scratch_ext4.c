/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/scratch_ext4.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/subprocess.h"

#define MKFS_TIMEOUT_MS 120000
#define TEMPLATES "/var/cache/hcs/scratch"
/* Of FEATURES and the arguments: a change of them is another template. */
#define TEMPLATE_VERSION 1

/* Features are named, and nothing of the host's mke2fs.conf counts: the guest's kernel, which may be an
 * older one, must know them all. A small journal, and no block kept back for root, who is the only user.
 * The file's holes read as zeros: so the tables of inodes are clean as they are, and nothing is left for
 * the kernel to do after the first mount. */
#define FEATURES                                                                                   \
	"has_journal,ext_attr,extent,huge_file,flex_bg,metadata_csum,64bit,dir_nlink,extra_isize," \
	"^resize_inode"

static int run_mkfs(const char *program, int fd, struct error *err)
{
	char *const environment[] = { (char *)"MKE2FS_CONFIG=/dev/null", NULL };
	_cleanup_free_ char *output = NULL;
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
		.path = program,
		.argv = (char *const *)argv,
		.envp = environment,
		.timeout_ms = MKFS_TIMEOUT_MS,
		.stdout_fd = -1,
		.stderr_fd = -1,
		.cwd_fd = -1,
	};
	int r;

	(void)snprintf(file, sizeof(file), "/proc/%d/fd/%d", (int)getpid(), fd);
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

static int make(const char *program, int fd, uint64_t size_gb, struct error *err)
{
	if (ftruncate(fd, (off_t)(size_gb << 30)) < 0)
		return error_sys(err, errno, "make it %" PRIu64 " GB large", size_gb);
	return run_mkfs(program, fd, err);
}

/* Only root's own directory: what is in it becomes a container's file system. */
static int open_templates(void)
{
	_cleanup_close_ int dir = -1;
	struct stat st;

	(void)mkdir("/var/cache/hcs", 0755);
	(void)mkdir(TEMPLATES, 0700);
	dir = open(TEMPLATES, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0 || fstat(dir, &st) < 0 || st.st_uid != 0 || (st.st_mode & 022))
		return -1;
	return TAKE_FD(dir);
}

/* The template is of this very program. */
static int template_name(const char *program, uint64_t size_gb, char name[128])
{
	struct stat st;

	if (stat(program, &st) < 0)
		return -errno;
	(void)snprintf(name, 128, "%d-%" PRIu64 "-%jx-%jx-%jx-%jx.%lx", TEMPLATE_VERSION, size_gb,
		       (uintmax_t)st.st_dev, (uintmax_t)st.st_ino, (uintmax_t)st.st_size,
		       (uintmax_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	return 0;
}

/* A killed one leaves nothing; two at once make two, and one gets the name. */
static int make_template(int dir, const char *name, const char *program, uint64_t size_gb,
			 struct error *err)
{
	_cleanup_close_ int fd = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char via[FD_PATH_MAX];
	int r;

	if (fd < 0)
		return -EOPNOTSUPP;
	r = make(program, fd, size_gb, err);
	if (r < 0)
		return r;
	/* Whole on the disk before it has a name. */
	if (fsync(fd) < 0 ||
	    (linkat(AT_FDCWD, fd_path(fd, via), dir, name, AT_SYMLINK_FOLLOW) < 0 &&
	     errno != EEXIST))
		return -EOPNOTSUPP;
	return TAKE_FD(fd);
}

/* One stretch of data, wherever both are. */
static int copy_range(int from, int to, off_t start, off_t end)
{
	off_t in = start, out = start;
	char buf[16384];

	while (in < end) {
		ssize_t n = copy_file_range(from, &in, to, &out, (size_t)(end - in), 0);

		if (n > 0)
			continue;
		/* Between file systems that cannot: by hand. */
		n = pread(from, buf, sizeof(buf), in);
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		if (n > end - in)
			n = (ssize_t)(end - in);
		if (pwrite(to, buf, (size_t)n, out) != n)
			return -EIO;
		in += n;
		out += n;
	}
	return 0;
}

static int copy(int from, int to)
{
	off_t start, end = 0;
	struct stat st;
	int r = 0;

	if (ioctl(to, FICLONE, from) == 0)
		return 0;
	if (fstat(from, &st) < 0 || ftruncate(to, st.st_size) < 0)
		return -errno;
	while (r == 0 && (start = lseek(from, end, SEEK_DATA)) >= 0) {
		end = lseek(from, start, SEEK_HOLE);
		if (end < 0)
			return -errno;
		r = copy_range(from, to, start, end);
	}
	return r;
}

/* -EOPNOTSUPP, and no error: no template can be had here. */
static int from_template(const char *program, int fd, uint64_t size_gb, struct error *err)
{
	_cleanup_close_ int dir = open_templates(), template = -1;
	char name[128];
	struct stat st;
	int r;

	if (dir < 0 || template_name(program, size_gb, name) < 0)
		return -EOPNOTSUPP;
	template = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (template <0)
		template = make_template(dir, name, program, size_gb, err);
	if (template <0)
		return template;
	if (fstat(template, &st) < 0 || !S_ISREG(st.st_mode) ||
	    st.st_size != (off_t)(size_gb << 30))
		return -EOPNOTSUPP;
	r = copy(template, fd);
	return r < 0 ? error_sys(err, -r, "copy the file system") : 0;
}

int scratch_ext4_make(int fd, uint64_t size_gb, struct error *err)
{
	_cleanup_free_ char *program = NULL;
	int r = subprocess_find("mkfs.ext4", &program);

	if (r == -ENOENT)
		return error_set(err, ENOENT,
				 "needs the mkfs.ext4 program: apt-get install e2fsprogs");
	if (r < 0)
		return error_oom(err);
	r = from_template(program, fd, size_gb, err);
	if (r == -EOPNOTSUPP && !err->code)
		r = make(program, fd, size_gb, err);
	return r;
}

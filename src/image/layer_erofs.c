/* SPDX-License-Identifier: Apache-2.0 */
#include "image/layer_erofs.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/subprocess.h"

#define NEW "." LAYER_EROFS ".new"
/* Any; a new one each time would make the same layer another file. */
#define UUID "9f3c7d0e-5a41-4b6e-8d5f-68637300e0f5"
/* of struct erofs_super_block (fs/erofs/erofs_fs.h): build_time and build_time_nsec */
#define BUILD_TIME_OFFSET (1024 + 24)
#define BUILD_TIME_SIZE 12
/* What a file has less on the disk than it is long. */
#define HOLES_MIN (1 << 20)
#define DEPTH_MAX 4096

/* What mkfs.erofs has to be told, or cannot do. */
struct survey {
	bool holes;     /* a file with large ones */
	bool long_name; /* of NAME_MAX bytes: mkfs.erofs (1.5) cuts it, and does not find the file */
};

/* Of everything below dir (taken). */
static int look(int dir_fd, unsigned depth, struct survey *survey, struct error *err)
{
	_cleanup_closedir_ DIR *dir = fdopendir(dir_fd);
	struct dirent *entry;
	int r = 0;

	if (!dir) {
		r = errno;
		(void)close_fd(dir_fd);
		return error_sys(err, r, "read the unpacked layer");
	}
	if (depth > DEPTH_MAX)
		return error_set(err, ELOOP, "directories nested deeper than %d", DEPTH_MAX);
	while (r == 0 && (entry = readdir(dir))) {
		struct stat st;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return error_sys(err, errno, "read the unpacked layer");
		survey->long_name |= strlen(entry->d_name) >= NAME_MAX;
		survey->holes |=
			S_ISREG(st.st_mode) && st.st_size - st.st_blocks * 512 >= HOLES_MIN;
		if (!S_ISDIR(st.st_mode))
			continue;
		r = openat(dirfd(dir), entry->d_name,
			   O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		r = r < 0 ? error_sys(err, errno, "read the unpacked layer")
			  : look(r, depth + 1, survey, err);
	}
	return r;
}

/* "<E> erofs: …": what the program complains of first. */
static const char *complaint(char *output)
{
	const char *colon = output ? strstr(output, "erofs: ") : NULL;

	if (!output || !*output)
		return "it failed";
	output[strcspn(output, "\n")] = '\0';
	return colon && *colon ? colon + strlen("erofs: ") : output;
}

/*
 * Not compressed: its pages are the host's page cache as they are. Inodes in their long form, which alone has
 * the time of each. Where there are holes files are kept in chunks, of which equal ones are kept once: zeros
 * take no room then, whatever size an image says that they have.
 */
static int run_mkfs(int folder, int fd, bool holes, struct error *err)
{
	_cleanup_free_ char *program = NULL, *output = NULL;
	char file[48];
	const char *argv[] = { "mkfs.erofs", "-U", UUID, "-Enosbcrc,force-inode-extended",
			       file,         ".",  NULL, NULL };
	char *const environment[] = { (char *)"LC_ALL=C", NULL };
	struct subprocess sp = {
		.argv = (char *const *)argv,
		.envp = environment,
		.timeout_ms = -1,
		.stdout_fd = -1,
		.stderr_fd = -1,
		.cwd_fd = folder,
	};
	int r = subprocess_find("mkfs.erofs", &program);

	if (r == -ENOENT)
		return error_set(err, ENOENT,
				 "needs the mkfs.erofs program: apt-get install erofs-utils");
	if (r < 0)
		return error_oom(err);
	(void)snprintf(file, sizeof(file), "/proc/%d/fd/%d", (int)getpid(), fd);
	if (holes) {
		argv[4] = "--chunksize=65536";
		argv[5] = file;
		argv[6] = ".";
	}
	sp.path = program;
	r = subprocess_run(&sp, &output, err);
	if (r < 0)
		return error_wrap(err, r, "mkfs.erofs");
	return r > 0 ? error_set(err, EIO, "mkfs.erofs: %s", complaint(output)) : 0;
}

static int fill(int dir, int fd, struct error *err)
{
	static const char never[BUILD_TIME_SIZE] = "";
	_cleanup_close_ int folder =
		openat(dir, LAYER_FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct survey survey = { 0 };
	int copy, r;

	if (folder < 0)
		return error_sys(err, errno, "open the unpacked layer");
	copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = copy < 0 ? error_sys(err, errno, "open the unpacked layer")
		     : look(copy, 0, &survey, err);
	if (r == 0 && survey.long_name)
		return -ENAMETOOLONG;
	if (r == 0)
		r = run_mkfs(folder, fd, survey.holes, err);
	if (r < 0)
		return r;
	if (pwrite(fd, never, sizeof(never), BUILD_TIME_OFFSET) != (ssize_t)sizeof(never) ||
	    fsync(fd) < 0)
		return error_sys(err, errno, "write it to the disk");
	return 0;
}

/* Without a name until it is whole; where there are no such files, under one that is overwritten by the next
 * who finds it, since the directory is locked. */
static int make(int dir, struct error *err)
{
	_cleanup_close_ int fd = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	bool unnamed = fd >= 0;
	char via[FD_PATH_MAX];
	int r;

	if (!unnamed)
		fd = openat(dir, NEW, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_sys(err, errno, "make it");
	r = fill(dir, fd, err);
	if (r == 0 &&
	    (unnamed ? linkat(AT_FDCWD, fd_path(fd, via), dir, LAYER_EROFS, AT_SYMLINK_FOLLOW)
		     : renameat(dir, NEW, dir, LAYER_EROFS)) < 0)
		r = error_sys(err, errno, "give it its name");
	if (r < 0 && !unnamed)
		(void)unlinkat(dir, NEW, 0);
	if (r == 0 && fsync(dir) < 0)
		r = error_sys(err, errno, "write its directory to the disk");
	return r;
}

int layer_erofs_make(int dir, struct error *err)
{
	_cleanup_close_ int lock = -1;
	int r;

	if (faccessat(dir, LAYER_EROFS, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	/* A descriptor of our own: the lock goes with it. */
	lock = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	do
		r = lock < 0 ? -1 : flock(lock, LOCK_EX);
	while (lock >= 0 && r < 0 && errno == EINTR);
	if (r < 0)
		return error_sys(err, errno, "lock the layer");
	if (faccessat(dir, LAYER_EROFS, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	return make(dir, err);
}

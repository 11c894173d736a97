/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An archive, unpacked: the first byte chooses how. Whatever it says, beside the root nothing is made, and
 * nothing that is there is touched.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/archive.h"
#include "base/fd.h"
#include "base/remove.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *data;
	size_t size, piece;
};

static ssize_t read_input(void *data, const void **ret, struct error *err)
{
	struct input *input = data;
	size_t n = input->piece && input->piece < input->size ? input->piece : input->size;

	(void)err;
	*ret = input->data;
	input->data += n;
	input->size -= n;
	return (ssize_t)n;
}

/* The directory around the root has it and a witness, and no more. */
static void check_outside(int top)
{
	struct stat st;
	DIR *dir = fdopendir(dup(top));
	struct dirent *entry;
	size_t n = 0;

	if (!dir)
		abort();
	rewinddir(dir);
	while ((entry = readdir(dir)))
		n++;
	(void)closedir(dir);
	if (n != 4 || fstatat(top, "witness", &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    st.st_mode != (S_IFREG | 0600) || st.st_nlink != 1 || st.st_size != 0)
		abort();
}

static char name[] = "/tmp/fuzz-archive-XXXXXX";

static void remove_top(void)
{
	(void)remove_tree(AT_FDCWD, name);
}

static int make_top(void)
{
	int top, fd;

	if (!mkdtemp(name) || atexit(remove_top) != 0)
		abort();
	top = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fd = openat(top, "witness", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (top < 0 || fd < 0)
		abort();
	(void)close(fd);
	return top;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int top = -1;
	struct error err = ERROR_INIT;
	struct archive_extract how = { .limits = { .bytes = 1 << 20, .entries = 200 } };
	struct input input = { .data = data + 1, .size = size - 1, .piece = size % 3 ? 777 : 0 };
	struct archive_source source = { .read = read_input, .data = &input };
	int root, r;

	if (size < 1)
		return 0;
	if (top < 0)
		top = make_top();
	if (mkdirat(top, "root", 0755) < 0)
		abort();
	root = openat(top, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	how.root = root;
	how.whiteout = data[0] & 1 ? ARCHIVE_WHITEOUT_OVERLAY : ARCHIVE_WHITEOUT_NONE;
	how.same_owner = data[0] & 2;
	how.no_overwrite_dir = data[0] & 4;
	if (data[0] & 8) {
		int fd = memfd_create("archive", MFD_CLOEXEC);

		if (fd < 0 || fd_write_all(fd, data + 1, size - 1) < 0 ||
		    lseek(fd, 0, SEEK_SET) < 0)
			abort();
		r = archive_extract(fd, &how, NULL, &err);
		(void)close(fd);
	} else {
		r = archive_extract_from(&source, &how, NULL, &err);
	}
	if ((r < 0) != (err.code != 0))
		abort();
	check_outside(top);
	error_done(&err);
	(void)close(root);
	if (remove_tree(top, "root") < 0)
		abort();
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/kernel.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "vm/kernel_format.h"

/* Debug kernels with all symbols in them have 500 MB. */
#define KERNEL_SIZE_MAX (1ull << 30)
#define KERNEL_SIZE_MIN 4096u
#define BLOCK (1u << 20)

static const char banner[] = "Linux version ";

int kernel_take_version(struct kernel *ret, const char *text, size_t max)
{
	size_t len = 0;

	while (len < max && text[len] > ' ' && text[len] < 0x7f)
		len++;
	/* It becomes the name of a directory (/lib/modules/VERSION) and is shown to people. */
	if (!len || len == max || len >= sizeof(ret->version) || text[0] < '0' || text[0] > '9' ||
	    memchr(text, '/', len))
		return -EINVAL;
	memcpy(ret->version, text, len);
	ret->version[len] = '\0';
	return 0;
}

int kernel_read(const struct kernel_file *file, uint64_t offset, void *buf, size_t len)
{
	size_t done = 0;

	if (offset > file->size || len > file->size - offset)
		return -ENODATA;
	while (done < len) {
		ssize_t n = pread(file->fd, (char *)buf + done, len - done, (off_t)(offset + done));

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return -ENODATA;
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* Format strings ("Linux version %s") come up too: what has no number after it is none. */
static bool version_in(struct kernel *ret, const char *text, size_t len)
{
	const char *at = text, *end = text + len;

	while ((at = memmem(at, (size_t)(end - at), banner, sizeof(banner) - 1))) {
		at += sizeof(banner) - 1;
		if (kernel_take_version(ret, at, (size_t)(end - at)) == 0)
			return true;
	}
	return false;
}

int kernel_find_version(struct kernel *ret, const struct kernel_file *file)
{
	/* Blocks overlap by what the longest version takes, so that none is cut at a border. */
	const size_t overlap = sizeof(banner) + sizeof(ret->version);
	_cleanup_free_ char *block = malloc(BLOCK);

	if (!block)
		return -ENOMEM;
	for (uint64_t offset = 0; offset < file->size; offset += BLOCK - overlap) {
		size_t len = file->size - offset < BLOCK ? (size_t)(file->size - offset) : BLOCK;
		int r = kernel_read(file, offset, block, len);

		if (r < 0)
			return r;
		if (version_in(ret, block, len))
			return 0;
	}
	return -ENOENT;
}

/* What people give by mistake, named. */
static const char *other_kind(const struct kernel_file *file)
{
	char start[64];

	static const struct {
		const char *magic;
		size_t len, offset;
		const char *name;
	} kinds[] = {
		{ "\x1f\x8b", 2, 0, "gzip-compressed file" },
		{ "\xfd"
		  "7zXZ",
		  5, 0, "xz-compressed file" },
		{ "\x28\xb5\x2f\xfd", 4, 0, "zstd-compressed file" },
		{ "070701", 6, 0, "cpio archive (an initrd?)" },
		{ "!<arch>\n", 8, 0, "ar archive (a Debian package?)" },
		{ "#!", 2, 0, "script" },
		{ "ARM\x64", 4, 0x38, "kernel for aarch64" },
		{ "MZ", 2, 0, "EFI program" },
	};

	if (kernel_read(file, 0, start, sizeof(start)) < 0)
		return "file that cannot be read";
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!memcmp(start + kinds[i].offset, kinds[i].magic, kinds[i].len))
			return kinds[i].name;
	return "file of an unknown kind";
}

static int identify(const struct kernel_file *file, struct kernel *ret, struct error *err)
{
	for (const struct kernel_format *format = kernel_formats; format->name; format++) {
		struct kernel found = { 0 };
		int r = format->identify(file, &found, err);

		if (r < 0)
			return r;
		if (r > 0) {
			*ret = found;
			return 0;
		}
	}
	return error_set(err, ENOEXEC, "%s: not a kernel for this machine (%s or %s) but a %s",
			 file->path, kernel_formats[0].name, kernel_formats[1].name,
			 other_kind(file));
}

int kernel_identify(const char *path, struct kernel *ret, struct error *err)
{
	/* A FIFO would keep open waiting. */
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return error_sys(err, errno, "%s", path);
	if (fstat(fd, &st) < 0)
		return error_sys(err, errno, "%s", path);
	if (!S_ISREG(st.st_mode))
		return error_set(err, ENOEXEC, "%s: not a regular file, so not a kernel", path);
	if ((uint64_t)st.st_size < KERNEL_SIZE_MIN || (uint64_t)st.st_size > KERNEL_SIZE_MAX)
		return error_set(err, ENOEXEC, "%s: %lld bytes are not the size of a kernel", path,
				 (long long)st.st_size);
	return identify(&(struct kernel_file){ fd, (uint64_t)st.st_size, path }, ret, err);
}

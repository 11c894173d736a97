/* SPDX-License-Identifier: Apache-2.0 */
#include "tar_build.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/remove.h"

void tar_begin(struct tar *tar)
{
	*tar = (struct tar){ 0 };
	tar->out = open_memstream(&tar->bytes, &tar->size);
	assert(tar->out);
}

static void octal(char *field, size_t size, uint64_t value)
{
	char text[32];

	/* In base 256 where octal has no room. */
	if (value >> (3 * (size - 1))) {
		memset(field, 0, size);
		for (size_t i = size; i-- > size - 8;) {
			field[i] = (char)(value & 0xff);
			value >>= 8;
		}
		field[0] |= (char)0x80;
		return;
	}
	(void)snprintf(text, sizeof(text), "%0*llo", (int)size - 1, (unsigned long long)value);
	memcpy(field, text, size - 1);
}

static void pad(struct tar *tar, size_t len)
{
	static const char zeros[512];

	if (len % 512)
		(void)fwrite(zeros, 1, 512 - len % 512, tar->out);
}

static void header(struct tar *tar, const struct tar_entry *entry, uint64_t size)
{
	char block[512] = { 0 };
	unsigned sum = 0;

	(void)snprintf(block, 100, "%s", entry->name);
	octal(block + 100, 8, entry->mode ? entry->mode : entry->type == '5' ? 0755 : 0644);
	octal(block + 108, 8, entry->uid);
	octal(block + 116, 8, entry->gid);
	octal(block + 124, 12, size);
	octal(block + 136, 12, (uint64_t)entry->mtime);
	memset(block + 148, ' ', 8);
	block[156] = entry->type;
	if (entry->link)
		(void)snprintf(block + 157, 100, "%s", entry->link);
	memcpy(block + 257, "ustar\00000", 8);
	octal(block + 329, 8, entry->major);
	octal(block + 337, 8, entry->minor);
	for (size_t i = 0; i < sizeof(block); i++)
		sum += (unsigned char)block[i];
	(void)snprintf(block + 148, 8, "%06o", sum);
	(void)fwrite(block, 1, sizeof(block), tar->out);
}

void tar_add(struct tar *tar, const struct tar_entry *entry)
{
	size_t len = entry->content ? strlen(entry->content) : 0;

	header(tar, entry, entry->size ? entry->size : len);
	if (len) {
		(void)fwrite(entry->content, 1, len, tar->out);
		pad(tar, len);
	}
}

void tar_pax(struct tar *tar, const char *key, const void *value, size_t len)
{
	struct tar_entry entry = { .name = "PaxHeader", .type = 'x' };
	/* The length counts its own digits. */
	size_t rest = strlen(key) + len + 3, total = rest + 1;
	char digits[24];

	while (total != rest + (size_t)snprintf(digits, sizeof(digits), "%zu", total))
		total = rest + strlen(digits);
	header(tar, &entry, total);
	(void)fprintf(tar->out, "%s %s=", digits, key);
	(void)fwrite(value, 1, len, tar->out);
	(void)fputc('\n', tar->out);
	pad(tar, total);
}

int tar_end(struct tar *tar)
{
	static const char zeros[1024];
	int fd = memfd_create("tar", MFD_CLOEXEC);

	(void)fwrite(zeros, 1, sizeof(zeros), tar->out);
	(void)fclose(tar->out);
	assert(fd >= 0 && fd_write_all(fd, tar->bytes, tar->size) == 0);
	assert(lseek(fd, 0, SEEK_SET) == 0);
	free(tar->bytes);
	return fd;
}

int scratch_make(char name[32])
{
	int fd;

	(void)snprintf(name, 32, "scratch-XXXXXX");
	assert(mkdtemp(name));
	fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert(fd >= 0);
	return fd;
}

void scratch_remove(int fd, const char *name)
{
	(void)close(fd);
	assert(remove_tree(AT_FDCWD, name) == 0);
}

int unpack(struct tar *tar, const struct archive_extract *how, char *message)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_close_ int fd = tar_end(tar);
	int r = archive_extract(fd, how, NULL, &err);

	(void)snprintf(message, 256, "%s", r < 0 ? error_text(&err) : "");
	return r;
}

const char *text_of(int root, const char *path)
{
	static char text[256];
	char *read = NULL;
	size_t len;

	if (file_read(root, path, sizeof(text) - 1, &read, &len) < 0)
		return "";
	(void)snprintf(text, sizeof(text), "%s", read);
	free(read);
	return text;
}

bool exists(int root, const char *path)
{
	return faccessat(root, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

struct stat stat_of(int root, const char *path)
{
	struct stat st = { 0 };

	assert(fstatat(root, path, &st, AT_SYMLINK_NOFOLLOW) == 0);
	return st;
}

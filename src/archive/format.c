/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/format.h"

#include <string.h>

#include "base/json.h"

#define BUFFER ((size_t)1024 * 1024)

_Static_assert(FORMAT_NAME_SIZE == JSON_PRINTABLE_SIZE,
	       "format_name fills what json_printable fills");

const char *format_name(const char *name, char buf[FORMAT_NAME_SIZE])
{
	return json_printable(name, buf);
}

int format_error(struct archive *archive, const char *name, struct error *err)
{
	const char *text = archive_error_string(archive);
	int code = archive_errno(archive);
	char buf[FORMAT_NAME_SIZE], where[FORMAT_NAME_SIZE];

	/* Its own codes: -1, and EILSEQ for a damaged archive. */
	if (code == ENOMEM)
		return error_oom(err);
	if (code <= 0 || code == EILSEQ)
		code = EBADMSG;
	text = format_name(text ? text : "damaged", buf);
	if (name)
		return error_set(err, code, "archive: %s: %s", format_name(name, where), text);
	return error_set(err, code, "archive: %s", text);
}

bool format_warning_of_charset(struct archive *archive)
{
	const char *text = archive_error_string(archive);

	return text && (strstr(text, "can't be converted") || strstr(text, "t translate") ||
			strstr(text, "Can't convert"));
}

int format_locale_enter(struct format_locale *locale, struct error *err)
{
	locale->ours = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	/* In a guest there are no locales: then libarchive warns that it converts nothing, which is what
	 * is wanted (format_warning_of_charset). */
	if (!locale->ours && errno == ENOENT)
		return 0;
	if (!locale->ours)
		return error_sys(err, errno, "archive: the locale C.UTF-8");
	locale->before = uselocale(locale->ours);
	return 0;
}

void format_locale_leave(struct format_locale *locale)
{
	if (!locale->ours)
		return;
	(void)uselocale(locale->before);
	freelocale(locale->ours);
	locale->ours = (locale_t)0;
}

static la_ssize_t read_fd(struct archive *archive, void *data, const void **ret)
{
	struct format_reader *reader = data;
	ssize_t n;

	do
		n = read(reader->fd, reader->buffer, BUFFER);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		(void)error_sys(&reader->failure, errno, "read the archive");
		archive_set_error(archive, errno, "read");
		return -1;
	}
	reader->read += (uint64_t)n;
	*ret = reader->buffer;
	return n;
}

static la_ssize_t read_source(struct archive *archive, void *data, const void **ret)
{
	struct format_reader *reader = data;
	ssize_t n = reader->source->read(reader->source->data, ret, &reader->failure);

	if (n < 0) {
		archive_set_error(archive, (int)-n, "read");
		return -1;
	}
	reader->read += (uint64_t)n;
	return n;
}

/* The source's own error before libarchive's echo of it. */
static int reader_error(struct format_reader *reader, const char *name, struct error *err)
{
	if (!reader->failure.code)
		return format_error(reader->archive, name, err);
	error_move(err, &reader->failure);
	return -err->code;
}

int format_reader_open(struct format_reader *reader, int fd, const struct archive_source *source,
		       struct error *err)
{
	struct archive *archive = archive_read_new();

	*reader = (struct format_reader){ .archive = archive, .fd = fd, .source = source };
	if (!archive)
		return error_oom(err);
	if (archive_read_support_format_tar(archive) != ARCHIVE_OK ||
	    archive_read_support_format_empty(archive) != ARCHIVE_OK)
		return reader_error(reader, NULL, err);
	if (fd < 0)
		return archive_read_open(archive, reader, NULL, read_source, NULL) == ARCHIVE_OK
			       ? 0
			       : reader_error(reader, NULL, err);
	reader->buffer = malloc(BUFFER);
	if (!reader->buffer)
		return error_oom(err);
	if (archive_read_support_filter_gzip(archive) != ARCHIVE_OK ||
	    archive_read_support_filter_zstd(archive) != ARCHIVE_OK ||
	    archive_read_open(archive, reader, NULL, read_fd, NULL) != ARCHIVE_OK)
		return reader_error(reader, NULL, err);
	return 0;
}

void format_reader_close(struct format_reader *reader)
{
	if (reader->archive)
		(void)archive_read_free(reader->archive);
	free(reader->buffer);
	error_done(&reader->failure);
	*reader = (struct format_reader){ .fd = -1 };
}

int format_reader_next(struct format_reader *reader, struct archive_entry **ret, struct error *err)
{
	switch (archive_read_next_header(reader->archive, ret)) {
	case ARCHIVE_EOF:
		return 0;
	case ARCHIVE_OK:
		return 1;
	case ARCHIVE_WARN:
		if (format_warning_of_charset(reader->archive))
			return 1;
		return format_error(reader->archive, archive_entry_pathname(*ret), err);
	default:
		return reader_error(reader, NULL, err);
	}
}

int format_reader_data(struct format_reader *reader, const void **ret, size_t *ret_len,
		       int64_t *ret_offset, struct error *err)
{
	la_int64_t offset;
	int r = archive_read_data_block(reader->archive, ret, ret_len, &offset);

	if (r == ARCHIVE_EOF)
		return 0;
	if (r != ARCHIVE_OK)
		return reader_error(reader, NULL, err);
	*ret_offset = offset;
	return 1;
}

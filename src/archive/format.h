/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* libarchive, as far as it is ours: which formats, how it is fed, what of its complaints counts. */
#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <stdbool.h>

#include "archive/archive.h"

struct format_reader {
	struct archive *archive;
	int fd; /* borrowed; -1: source */
	const struct archive_source *source;
	char *buffer;
	struct error failure; /* of the source: says more than libarchive's */
	uint64_t read;
};

/* Opens an archive of fd, tar as it is or by gzip or zstd, or, with fd -1, of source, plain. reader must
 * stay where it is. */
int format_reader_open(struct format_reader *reader, int fd, const struct archive_source *source,
		       struct error *err);
void format_reader_close(struct format_reader *reader);
#define _cleanup_format_reader_ _cleanup_(format_reader_close)
/* The next entry, borrowed; 1, 0 at the end. */
int format_reader_next(struct format_reader *reader, struct archive_entry **ret, struct error *err);
/* The next piece of the entry's data and where it goes; 1, 0 at the end. */
int format_reader_data(struct format_reader *reader, const void **ret, size_t *ret_len,
		       int64_t *ret_offset, struct error *err);

/* libarchive converts names by the thread's locale: UTF-8 as it is while this holds. */
struct format_locale {
	locale_t ours, before;
};
int format_locale_enter(struct format_locale *locale, struct error *err);
void format_locale_leave(struct format_locale *locale);
#define _cleanup_format_locale_ _cleanup_(format_locale_leave)

/* Is a warning of libarchive's only that a name is not UTF-8? Names are bytes: it is kept as it is. */
bool format_warning_of_charset(struct archive *archive);
/* Sets err to what libarchive says, with a name that may be any bytes. */
int format_error(struct archive *archive, const char *name, struct error *err);
/* name for a message. */
#define FORMAT_NAME_SIZE 96
const char *format_name(const char *name, char buf[FORMAT_NAME_SIZE]);

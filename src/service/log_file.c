/* SPDX-License-Identifier: Apache-2.0 */
#include "service/log_file.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/timestamp.h"

/* Six bytes for one: "\u0001"; and what is around the text. */
#define RECORD_MAX (6 * LOG_LINE_MAX + 128)
#define BATCH_MAX (2 * RECORD_MAX)

char *log_file_name(const char *id)
{
	char *name = NULL;

	return asprintf(&name, "%s-json.log", id) < 0 ? NULL : name;
}

static int open_file(struct log_file *log)
{
	struct stat st;

	log->fd = openat(log->dir_fd, log->name,
			 O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (log->fd < 0 || fstat(log->fd, &st) < 0)
		return -errno;
	log->size = (uint64_t)st.st_size;
	return 0;
}

/* A record without its end would swallow the next one. */
static void end_cut_line(struct log_file *log)
{
	char last;

	if (log->size > 0 && pread(log->fd, &last, 1, (off_t)log->size - 1) == 1 && last != '\n' &&
	    fd_write_all(log->fd, "\n", 1) == 0)
		log->size++;
}

int log_file_open(int dir_fd, const char *id, uint64_t max_size, unsigned max_file,
		  struct log_file *ret, struct error *err)
{
	struct log_file log = { .dir_fd = dir_fd,
				.fd = -1,
				.max_size = max_size,
				.max_file = max_file > 0 ? max_file : 1 };
	int r;

	log.name = log_file_name(id);
	if (!log.name)
		return error_oom(err);
	r = open_file(&log);
	if (r < 0) {
		(void)error_sys(err, -r, "open the log %s", log.name);
		log_file_done(&log);
		return r;
	}
	end_cut_line(&log);
	*ret = log;
	return 0;
}

void log_file_done(struct log_file *log)
{
	log->fd = close_fd(log->fd);
	free(TAKE_PTR(log->name));
	for (size_t i = 0; i < ARRAY_SIZE(log->parts); i++)
		free(TAKE_PTR(log->parts[i].text));
	free(TAKE_PTR(log->text));
}

static void rotate(struct log_file *log)
{
	char from[256], to[256];

	log->fd = close_fd(log->fd);
	/* Alone it is emptied: there is no other to keep. */
	if (log->max_file <= 1) {
		(void)unlinkat(log->dir_fd, log->name, 0);
	} else {
		for (unsigned i = log->max_file - 1; i > 0; i--) {
			if (i > 1)
				(void)snprintf(from, sizeof(from), "%s.%u", log->name, i - 1);
			else
				(void)snprintf(from, sizeof(from), "%s", log->name);
			(void)snprintf(to, sizeof(to), "%s.%u", log->name, i);
			(void)renameat(log->dir_fd, from, log->dir_fd, to);
		}
	}
	if (open_file(log) < 0) {
		log->fd = close_fd(log->fd);
		log->failed = true;
	}
}

/* Whole, or nothing of it: a reader must not meet half a record. */
static void write_out(struct log_file *log, size_t len)
{
	if (len == 0 || log->fd < 0)
		return;
	if (log->max_size > 0 && log->size >= log->max_size)
		rotate(log);
	if (log->fd < 0)
		return;
	if (fd_write_all(log->fd, log->text, len) == 0) {
		log->size += len;
		return;
	}
	log->failed = true;
	(void)!ftruncate(log->fd, (off_t)log->size);
}

/* Bytes of the UTF-8 sequence at text, 0: none is. */
static size_t utf8_length(const unsigned char *text, size_t len)
{
	unsigned char c = text[0];
	size_t n = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;

	if (n == 0 || n > len)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	/* Overlong, surrogates, beyond U+10FFFF */
	if ((c == 0xe0 && text[1] < 0xa0) || (c == 0xed && text[1] > 0x9f) ||
	    (c == 0xf0 && text[1] < 0x90) || (c == 0xf4 && text[1] > 0x8f))
		return 0;
	return n;
}

static size_t put(char *to, const char *text)
{
	size_t len = strlen(text);

	memcpy(to, text, len);
	return len;
}

static size_t put_escaped(char *to, unsigned char c)
{
	static const char digits[] = "0123456789abcdef";
	char escape[] = { '\\', 'u', '0', '0', digits[c >> 4], digits[c & 15], '\0' };

	switch (c) {
	case '\n':
		return put(to, "\\n");
	case '\r':
		return put(to, "\\r");
	case '\t':
		return put(to, "\\t");
	case '"':
		return put(to, "\\\"");
	case '\\':
		return put(to, "\\\\");
	default:
		return put(to, escape);
	}
}

static size_t put_json(char *to, const char *text, size_t len)
{
	const unsigned char *at = (const unsigned char *)text;
	char *start = to;

	while (len > 0) {
		size_t n = utf8_length(at, len);

		if (n == 0) {
			to += put(to, "\\ufffd");
			n = 1;
		} else if (n == 1 &&
			   (at[0] < 0x20 || at[0] == '"' || at[0] == '\\' || at[0] == 0x7f)) {
			to += put_escaped(to, at[0]);
		} else {
			memcpy(to, at, n);
			to += n;
		}
		at += n;
		len -= n;
	}
	return (size_t)(to - start);
}

static size_t put_record(char *to, enum log_stream stream, const char *text, size_t len,
			 const char *time)
{
	char *start = to;

	to += put(to, "{\"log\":\"");
	to += put_json(to, text, len);
	to += put(to, stream == LOG_STDERR ? "\",\"stream\":\"stderr\",\"time\":\""
					   : "\",\"stream\":\"stdout\",\"time\":\"");
	to += put(to, time);
	to += put(to, "\"}\n");
	return (size_t)(to - start);
}

static bool make_room(struct log_file *log, struct log_part *part)
{
	if (!log->text) {
		log->text = malloc(BATCH_MAX);
		log->text_size = BATCH_MAX;
	}
	if (!part->text)
		part->text = malloc(LOG_LINE_MAX);
	if (!log->text || !part->text)
		log->failed = true;
	return log->text && part->text;
}

/* A long line must not be cut within a character. */
static size_t whole_characters(const char *text, size_t len)
{
	for (size_t back = 1; back < 4 && back < len; back++) {
		unsigned char c = (unsigned char)text[len - back];

		if ((c & 0xc0) == 0x80)
			continue;
		if (c >= 0xc0 && back < (c < 0xe0 ? 2u : c < 0xf0 ? 3u : 4u))
			return len - back;
		break;
	}
	return len;
}

void log_file_write(struct log_file *log, enum log_stream stream, const char *data, size_t len)
{
	struct log_part *part = &log->parts[stream];
	char time[TIMESTAMP_SIZE];
	size_t at = 0;

	if (log->fd < 0 || len == 0 || !make_room(log, part))
		return;
	(void)timestamp_now(time);
	while (len > 0) {
		const char *end = memchr(data, '\n', len);
		size_t line = end ? (size_t)(end - data) + 1 : len;
		size_t n = line < LOG_LINE_MAX - part->len ? line : LOG_LINE_MAX - part->len;

		memcpy(part->text + part->len, data, n);
		part->len += n;
		data += n;
		len -= n;
		if (part->len == LOG_LINE_MAX || (end && n == line)) {
			size_t whole = part->text[part->len - 1] == '\n'
					       ? part->len
					       : whole_characters(part->text, part->len);

			if (at + RECORD_MAX > log->text_size ||
			    (log->max_size > 0 && log->size + at >= log->max_size)) {
				write_out(log, at);
				at = 0;
			}
			at += put_record(log->text + at, stream, part->text, whole, time);
			memmove(part->text, part->text + whole, part->len - whole);
			part->len -= whole;
		}
	}
	write_out(log, at);
}

void log_file_flush(struct log_file *log)
{
	char time[TIMESTAMP_SIZE];

	if (log->fd < 0)
		return;
	(void)timestamp_now(time);
	for (size_t i = 0; i < ARRAY_SIZE(log->parts); i++) {
		struct log_part *part = &log->parts[i];

		if (part->len == 0)
			continue;
		write_out(log,
			  put_record(log->text, (enum log_stream)i, part->text, part->len, time));
		part->len = 0;
	}
}

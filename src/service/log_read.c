/* SPDX-License-Identifier: Apache-2.0 */
#include "service/log_read.h"

#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

#include "base/timestamp.h"

#define BLOCK ((size_t)64 * 1024)
/* Of one record; docker's own are below 100 KiB. */
#define LINE_MAX_BYTES ((size_t)1 << 20)
#define FILES_MAX 1000
/* A rotation takes as many renames as there are files; no more than a few can meet one look. */
#define TRIES_MAX 100

static void file_name(const struct log_reader *reader, unsigned number, char *name, size_t size)
{
	if (number == 0)
		(void)snprintf(name, size, "%s", reader->name);
	else
		(void)snprintf(name, size, "%s.%u", reader->name, number);
}

static int open_file(const struct log_reader *reader, unsigned number)
{
	char name[256];
	int fd;

	file_name(reader, number, name, sizeof(name));
	fd = openat(reader->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

void log_reader_done(struct log_reader *reader)
{
	reader->fd = close_fd(reader->fd);
	free(TAKE_PTR(reader->name));
	free(TAKE_PTR(reader->data));
}

void log_record_done(struct log_record *record)
{
	json_decref(record->json);
	record->json = NULL;
}

/* Goes back wanted lines from the end of the file; fewer are taken off *wanted when it has fewer. Returns
 * the offset. */
static off_t seek_back(int fd, int64_t *wanted)
{
	char block[4096];
	struct stat st;
	off_t end;

	if (fstat(fd, &st) < 0)
		return 0;
	for (end = st.st_size; end > 0;) {
		size_t n = (size_t)end < sizeof(block) ? (size_t)end : sizeof(block);
		off_t start = end - (off_t)n;

		if (pread(fd, block, n, start) != (ssize_t)n)
			return 0;
		for (size_t i = n; i-- > 0;) {
			/* The last one's own end does not count. */
			if (block[i] != '\n' || start + (off_t)i + 1 == st.st_size)
				continue;
			if (--*wanted == 0)
				return start + (off_t)i + 1;
		}
		end = start;
	}
	if (st.st_size > 0)
		--*wanted;
	return 0;
}

/* From the newest file to the one where tail lines are reached. */
static void find_tail(struct log_reader *reader, unsigned oldest, int64_t tail)
{
	for (unsigned i = 0; i <= oldest; i++) {
		_cleanup_close_ int fd = open_file(reader, i);
		off_t at;

		if (fd < 0)
			break;
		at = seek_back(fd, &tail);
		if (tail <= 0 || i == oldest) {
			(void)lseek(fd, at, SEEK_SET);
			reader->fd = TAKE_FD(fd);
			return;
		}
	}
}

int log_reader_open(int dir_fd, const char *id, int64_t tail, struct log_reader *ret,
		    struct error *err)
{
	struct log_reader reader = { .dir_fd = dir_fd, .fd = -1, .name = log_file_name(id) };
	unsigned oldest = 0;

	reader.data = malloc(BLOCK);
	reader.size = BLOCK;
	if (!reader.name || !reader.data) {
		log_reader_done(&reader);
		return error_oom(err);
	}
	while (oldest < FILES_MAX) {
		int fd = open_file(&reader, oldest + 1);

		if (fd < 0)
			break;
		(void)close_fd(fd);
		oldest++;
	}
	if (tail == 0) {
		reader.fd = open_file(&reader, 0);
		if (reader.fd >= 0)
			(void)lseek(reader.fd, 0, SEEK_END);
	} else if (tail > 0) {
		find_tail(&reader, oldest, tail);
	}
	if (reader.fd < 0)
		reader.fd = open_file(&reader, tail == 0 ? 0 : oldest);
	*ret = reader;
	return 0;
}

/* Which number the file that is read has by now: rotation renames it. -1: it is not there any more. */
static int number_of(const struct log_reader *reader)
{
	unsigned missing = 0;
	struct stat ours, st;
	char name[256];

	if (fstat(reader->fd, &ours) < 0)
		return -1;
	/* While it is under way a number may be free, and the one behind it is not. */
	for (unsigned i = 0; i < FILES_MAX && missing < 2; i++) {
		file_name(reader, i, name, sizeof(name));
		if (fstatat(reader->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
			missing += i > 0;
			continue;
		}
		missing = 0;
		if (st.st_ino == ours.st_ino && st.st_dev == ours.st_dev)
			return (int)i;
	}
	return -1;
}

/* true: another file is open. At the end of one that is rotated already, the next newer one. */
static bool next_file(struct log_reader *reader)
{
	int number, fd;

	if (reader->fd < 0) {
		fd = open_file(reader, 0);
		reader->fd = fd < 0 ? -1 : fd;
		return fd >= 0;
	}
	for (unsigned tries = 0; tries < TRIES_MAX; tries++) {
		number = number_of(reader);
		if (number == 0)
			return false;
		/* Nowhere: looked for again, unless it has really gone. */
		if (number < 0 && tries + 1 < TRIES_MAX)
			continue;
		fd = open_file(reader, number > 0 ? (unsigned)number - 1 : 0);
		if (fd < 0)
			continue;
		/* Had it been renamed meanwhile, this would be a newer one than the next. */
		if (number < 0 || number_of(reader) == number) {
			(void)close_fd(reader->fd);
			reader->fd = fd;
			return true;
		}
		(void)close_fd(fd);
	}
	return false;
}

/* 1: more is there; 0: not yet; -errno. */
static int fill(struct log_reader *reader)
{
	ssize_t n;

	if (reader->at > 0) {
		memmove(reader->data, reader->data + reader->at, reader->len - reader->at);
		reader->len -= reader->at;
		reader->at = 0;
	}
	if (reader->len == reader->size) {
		char *more;

		if (reader->size >= LINE_MAX_BYTES) {
			reader->len = 0; /* no record of ours */
			return 1;
		}
		more = realloc(reader->data, reader->size * 2);
		if (!more)
			return -ENOMEM;
		reader->data = more;
		reader->size *= 2;
	}
	for (;;) {
		n = reader->fd < 0 ? 0
				   : read(reader->fd, reader->data + reader->len,
					  reader->size - reader->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0) {
			bool rotated = reader->fd >= 0 && number_of(reader) != 0;

			/* What was written between our last read and the rename comes first. */
			if (rotated && !reader->rotated) {
				reader->rotated = true;
				continue;
			}
			if (!next_file(reader))
				return 0;
			reader->rotated = false;
			continue;
		}
		reader->len += (size_t)n;
		return 1;
	}
}

static bool parse(const char *line, size_t len, struct log_record *ret)
{
	json_t *json = json_loadb(line, len, JSON_ALLOW_NUL, NULL);
	json_t *text = json_object_get(json, "log");
	const char *stream = json_string_value(json_object_get(json, "stream"));

	*ret = (struct log_record){ .json = json };
	ret->time = json_string_value(json_object_get(json, "time"));
	if (!json_is_string(text) || !stream || !ret->time ||
	    timestamp_parse(ret->time, strlen(ret->time), &ret->time_ns) < 0) {
		log_record_done(ret);
		return false;
	}
	ret->stream = strcmp(stream, "stderr") == 0 ? LOG_STDERR : LOG_STDOUT;
	ret->text = json_string_value(text);
	ret->len = json_string_length(text);
	return true;
}

int log_reader_next(struct log_reader *reader, struct log_record *ret, struct error *err)
{
	for (;;) {
		char *line = reader->data + reader->at;
		char *end = memchr(line, '\n', reader->len - reader->at);
		int r;

		if (end) {
			reader->at += (size_t)(end - line) + 1;
			if (parse(line, (size_t)(end - line), ret))
				return 1;
			continue;
		}
		r = fill(reader);
		if (r < 0)
			return error_sys(err, -r, "read the log");
		if (r == 0)
			return 0;
	}
}

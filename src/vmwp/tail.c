/* SPDX-License-Identifier: Apache-2.0 */
#include "vmwp/tail.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define JOINT " | "
#define CHUNK 4096

void tail_add(struct tail *tail, const char *data, size_t len)
{
	size_t keep;

	if (len > TAIL_SIZE) {
		data += len - TAIL_SIZE;
		len = TAIL_SIZE;
	}
	keep = tail->len < TAIL_SIZE - len ? tail->len : TAIL_SIZE - len;
	memmove(tail->data, tail->data + tail->len - keep, keep);
	memcpy(tail->data + keep, data, len);
	tail->len = keep + len;
}

bool tail_read(struct tail *tail, int fd)
{
	char chunk[CHUNK];
	ssize_t n = read(fd, chunk, sizeof(chunk));

	if (n > 0)
		tail_add(tail, chunk, (size_t)n);
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* One line without what is not printable; the length that it has in out. */
static size_t put_line(const char *line, size_t len, char *out, size_t room)
{
	size_t n = 0;

	for (size_t i = 0; i < len && n < room; i++)
		if (line[i] >= ' ' && line[i] < 0x7f)
			out[n++] = line[i];
	while (n > 0 && out[n - 1] == ' ')
		n--;
	return n;
}

/* The end of the line that begins at data[i]. */
static size_t line_end(const struct tail *tail, size_t i)
{
	const char *end = memchr(tail->data + i, '\n', tail->len - i);

	return end ? (size_t)(end - tail->data) : tail->len;
}

/* Joins the lines from data[i] on; false when they do not fit. */
static bool join(const struct tail *tail, size_t i, char *buf, size_t size)
{
	size_t n = 0, end;

	for (; i < tail->len; i = end + 1) {
		char line[TAIL_SIZE];
		size_t len;

		end = line_end(tail, i);
		len = put_line(tail->data + i, end - i, line, sizeof(line));
		if (len == 0)
			continue;
		if (n + len + sizeof(JOINT) > size) {
			buf[n] = '\0';
			return false;
		}
		if (n > 0) {
			memcpy(buf + n, JOINT, sizeof(JOINT) - 1);
			n += sizeof(JOINT) - 1;
		}
		memcpy(buf + n, line, len);
		n += len;
	}
	buf[n] = '\0';
	return true;
}

char *tail_lines(const struct tail *tail, const char *word, char *buf, size_t size)
{
	const char *found = word ? memmem(tail->data, tail->len, word, strlen(word)) : NULL;
	size_t i = 0;

	buf[0] = '\0';
	if (found) {
		const char *start = memrchr(tail->data, '\n', (size_t)(found - tail->data));

		(void)join(tail, start ? (size_t)(start + 1 - tail->data) : 0, buf, size);
		return buf;
	}
	while (i < tail->len && !join(tail, i, buf, size))
		i = line_end(tail, i) + 1;
	return buf;
}

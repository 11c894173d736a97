/* SPDX-License-Identifier: Apache-2.0 */
#include "image/transfer/inflate.h"

#include <fcntl.h>
#include <isa-l/igzip_lib.h>
#include <stdatomic.h>
#include <string.h>
#include <zstd.h>

#include "image/transfer/decode.h"

#define INPUT ((size_t)256 * 1024)

struct inflate {
	int fd;
	enum { PLAIN, GZIP, ZSTD } kind;
	_Atomic uint64_t consumed;
	char *input; /* INPUT */
	size_t at, len;
	bool end;    /* of the file */
	bool within; /* a member or frame that is not complete */
	struct inflate_state *gzip;
	ZSTD_DStream *zstd;
};

static bool begins(const unsigned char *head, size_t len, const char *magic, size_t magic_len)
{
	return len >= magic_len && memcmp(head, magic, magic_len) == 0;
}

/* zstd may begin with a frame that is skipped: 0x184D2A5? in little endian. */
static bool is_zstd(const unsigned char *head, size_t len)
{
	return begins(head, len, "\x28\xb5\x2f\xfd", 4) ||
	       (len >= 4 && (head[0] & 0xf0) == 0x50 &&
		begins(head + 1, len - 1, "\x2a\x4d\x18", 3));
}

const char *decode_kind(int fd, struct error *err)
{
	unsigned char head[4];
	ssize_t n;

	do
		n = pread(fd, head, sizeof(head), 0);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		(void)error_sys(err, errno, "read a layer");
		return NULL;
	}
	return begins(head, (size_t)n, "\x1f\x8b", 2) ? "gzip"
	       : is_zstd(head, (size_t)n)             ? "zstd"
						      : "";
}

void inflate_free(struct inflate *inflate)
{
	if (!inflate)
		return;
	(void)ZSTD_freeDStream(inflate->zstd);
	free(inflate->gzip);
	free(inflate->input);
	free(inflate);
}

int inflate_begin(int fd, struct inflate **ret, struct error *err)
{
	const char *kind = decode_kind(fd, err);
	struct inflate *inflate;

	if (!kind)
		return -err->code;
	inflate = calloc(1, sizeof(*inflate));
	if (!inflate)
		return error_oom(err);
	inflate->fd = fd;
	inflate->kind = *kind == 'g' ? GZIP : *kind == 'z' ? ZSTD : PLAIN;
	inflate->input = malloc(INPUT);
	if (inflate->kind == GZIP)
		inflate->gzip = malloc(sizeof(*inflate->gzip));
	if (inflate->kind == ZSTD)
		inflate->zstd = ZSTD_createDStream();
	if (!inflate->input || (inflate->kind == GZIP && !inflate->gzip) ||
	    (inflate->kind == ZSTD && !inflate->zstd)) {
		inflate_free(inflate);
		return error_oom(err);
	}
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	*ret = inflate;
	return 0;
}

uint64_t inflate_consumed(const struct inflate *inflate)
{
	return atomic_load_explicit(&inflate->consumed, memory_order_relaxed);
}

/* By offset: the descriptor's position may be anybody's. */
static ssize_t read_file(struct inflate *inflate, void *buffer, size_t size, struct error *err)
{
	uint64_t at = inflate_consumed(inflate);
	ssize_t n;

	do
		n = pread(inflate->fd, buffer, size, (off_t)at);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return error_sys(err, errno, "read a layer");
	if (n == 0)
		inflate->end = true;
	atomic_store_explicit(&inflate->consumed, at + (uint64_t)n, memory_order_relaxed);
	return n;
}

static int fill(struct inflate *inflate, struct error *err)
{
	ssize_t n;

	if (inflate->at < inflate->len || inflate->end)
		return 0;
	n = read_file(inflate, inflate->input, INPUT, err);
	if (n < 0)
		return (int)n;
	inflate->at = 0;
	inflate->len = (size_t)n;
	return 0;
}

static int damaged(const char *what, struct error *err)
{
	return error_set(err, EBADMSG, "damaged layer: %s", what);
}

/* Between members: the next one's beginning, or padding of zeros. */
static int next_member(struct inflate *inflate, struct error *err)
{
	while (inflate->at < inflate->len && !inflate->input[inflate->at])
		inflate->at++;
	if (inflate->at == inflate->len)
		return 0;
	if ((unsigned char)inflate->input[inflate->at] != 0x1f)
		return damaged("what follows the gzip stream is none", err);
	isal_inflate_init(inflate->gzip);
	inflate->gzip->crc_flag = ISAL_GZIP; /* header and checksum are looked at */
	inflate->within = true;
	return 0;
}

static ssize_t read_gzip(struct inflate *inflate, void *buffer, size_t size, struct error *err)
{
	struct inflate_state *state = inflate->gzip;
	size_t done = 0;

	while (done < size) {
		int r = fill(inflate, err);

		if (r == 0 && !inflate->within)
			r = next_member(inflate, err);
		if (r < 0)
			return r;
		if (!inflate->within) {
			if (inflate->end)
				break;
			continue;
		}
		state->next_in = (uint8_t *)inflate->input + inflate->at;
		state->avail_in = (uint32_t)(inflate->len - inflate->at);
		state->next_out = (uint8_t *)buffer + done;
		state->avail_out = (uint32_t)(size - done);
		r = isal_inflate(state);
		if (r < 0 || r == ISAL_NEED_DICT)
			return damaged(r == ISAL_INCORRECT_CHECKSUM ? "its gzip checksum is wrong"
								    : "it is no gzip stream",
				       err);
		if (inflate->end && size - done == state->avail_out &&
		    state->block_state != ISAL_BLOCK_FINISH)
			return damaged("the gzip stream ends too early", err);
		inflate->at = inflate->len - state->avail_in;
		done = size - state->avail_out;
		inflate->within = state->block_state != ISAL_BLOCK_FINISH;
	}
	return (ssize_t)done;
}

static ssize_t read_zstd(struct inflate *inflate, void *buffer, size_t size, struct error *err)
{
	ZSTD_outBuffer out = { .dst = buffer, .size = size };

	while (out.pos < out.size) {
		ZSTD_inBuffer in;
		size_t hint, before = out.pos;
		int r = fill(inflate, err);

		if (r < 0)
			return r;
		if (inflate->end && inflate->at == inflate->len && !inflate->within)
			break;
		in = (ZSTD_inBuffer){ inflate->input, inflate->len, inflate->at };
		hint = ZSTD_decompressStream(inflate->zstd, &out, &in);
		if (ZSTD_isError(hint))
			return damaged(ZSTD_getErrorName(hint), err);
		if (inflate->end && in.pos == inflate->at && out.pos == before && hint > 0)
			return damaged("the zstd stream ends too early", err);
		inflate->at = in.pos;
		inflate->within = hint > 0;
	}
	return (ssize_t)out.pos;
}

ssize_t inflate_read(struct inflate *inflate, void *buffer, size_t size, struct error *err)
{
	switch (inflate->kind) {
	case GZIP:
		return read_gzip(inflate, buffer, size, err);
	case ZSTD:
		return read_zstd(inflate, buffer, size, err);
	default:
		return read_file(inflate, buffer, size, err);
	}
}

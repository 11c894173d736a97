/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The bytes of a layer unpacked: plain, gzip (over ISA-L, three times as fast as zlib) or zstd, told by
 * how they begin. In a thread of its own, which hashes them too, a few blocks ahead of who takes them.
 */
#include <stdint.h>
#include <sys/types.h>

#include "archive/archive.h"
#include "base/error.h"
#include "image/transfer/digest.h"

struct decode;

/* How the file fd begins: "", "gzip" or "zstd"; NULL and err set where it cannot be read. */
const char *decode_kind(int fd, struct error *err);

/* Begins to decode fd (borrowed, read from its beginning on) at once. like: as of
 * digest_begin. */
int decode_begin(int fd, const char *like, struct decode **ret, struct error *err);
/* The next bytes, as in struct archive_source. */
ssize_t decode_read(void *decode, const void **ret, struct error *err);
/* Bytes of fd that are through. */
uint64_t decode_progress(const struct decode *decode);
/* Takes what is left, at most max bytes (-EFBIG), and tells the digest of all. */
int decode_end(struct decode *decode, uint64_t max, char ret[DIGEST_SIZE], struct error *err);
void decode_free(struct decode *decode);
static inline void decode_freep(struct decode **decode)
{
	decode_free(*decode);
}
#define _cleanup_decode_ _cleanup_(decode_freep)

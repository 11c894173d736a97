/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* One stream of compressed bytes, from a file into buffers. */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct inflate;

int inflate_begin(int fd, struct inflate **ret, struct error *err);
void inflate_free(struct inflate *inflate);
/* Fills the buffer, as far as there is something: bytes, 0 at the end. */
ssize_t inflate_read(struct inflate *inflate, void *buffer, size_t size, struct error *err);
/* Bytes read from the file so far; for any thread. */
uint64_t inflate_consumed(const struct inflate *inflate);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a command prints: collected, then written at once, so that a full disk or a closed pipe is
 * noticed and reported. A failed allocation is remembered and reported by output_flush.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct output {
	char *data;
	size_t len, size;
	bool failed; /* memory ran out */
};

#define OUTPUT_INIT ((struct output){ 0 })
void output_done(struct output *out);
#define _cleanup_output_ _cleanup_(output_done)

void output_bytes(struct output *out, const char *data, size_t len);
void output_text(struct output *out, const char *text);
void output_format(struct output *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* len bytes that a container, an image or a guest chose: what would move the cursor, or make the terminal
 * do something, is '?'. */
void output_printable(struct output *out, const char *text, size_t len);
/* n spaces */
void output_pad(struct output *out, size_t n);
/* Writes all to the standard output and empties the buffer. 0 or -errno. */
int output_flush(struct output *out, struct error *err);

/*
 * Compact JSON (the names keep clear of jansson's). Commas come by themselves. key: NULL in arrays
 * and at the top. Strings may hold any bytes: what is not UTF-8 becomes U+FFFD.
 */
void put_open(struct output *out, const char *key, char bracket); /* '{' or '[' */
void put_close(struct output *out, char bracket);                 /* '}' or ']' */
void put_string(struct output *out, const char *key, const char *value);
void put_unsigned(struct output *out, const char *key, uint64_t value);
void put_signed(struct output *out, const char *key, int64_t value);
void put_number(struct output *out, const char *key, double value);
void put_null(struct output *out, const char *key);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Memory that is freed all at once: what one parsed document owns. Not safe for several threads.
 */
#include <stddef.h>

#include "base/cleanup.h"

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks;
};

/* Zeroed memory for count objects of size bytes, aligned for any type; NULL when memory runs out
 * or the product overflows. Belongs to the arena. */
void *arena_alloc(struct arena *arena, size_t count, size_t size)
	__attribute__((malloc, nonnull(1)));

/* Copy of the first len bytes of text, terminated; NULL when memory runs out. */
char *arena_strndup(struct arena *arena, const char *text, size_t len)
	__attribute__((nonnull(1, 2)));

/* Copy of text; NULL when memory runs out. */
char *arena_strdup(struct arena *arena, const char *text) __attribute__((nonnull(1, 2)));

/* Formatted text; NULL when memory runs out. */
char *arena_printf(struct arena *arena, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), nonnull(1)));

/* Frees everything; the arena may be used again. */
void arena_done(struct arena *arena) __attribute__((nonnull(1)));

#define arena_new(arena, type) ((type *)arena_alloc((arena), 1, sizeof(type)))
#define arena_array(arena, type, n) ((type *)arena_alloc((arena), (n), sizeof(type)))
#define _cleanup_arena_ _cleanup_(arena_done)

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The sequence of keys that leaves a container's terminal without ending it: "ctrl-p,ctrl-q". */
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define DETACH_KEYS_MAX 16
#define DETACH_KEYS_DEFAULT "ctrl-p,ctrl-q"

struct detach_keys {
	unsigned char keys[DETACH_KEYS_MAX];
	size_t len;     /* 0: none */
	size_t matched; /* of them that have come, and are kept back */
};

/* text as docker has it: keys separated by commas, each a character or ctrl- and one of a-z @ [ \ ] ^ _;
 * NULL: the default; "": none. -EINVAL names it. */
int detach_keys_parse(const char *text, struct detach_keys *ret, struct error *err);
/* Takes what was typed (len bytes at data, with room for DETACH_KEYS_MAX more) and leaves what is to be
 * passed on. true: the sequence is complete. */
bool detach_keys_filter(struct detach_keys *keys, unsigned char *data, size_t *len);

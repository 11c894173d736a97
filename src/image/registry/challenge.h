/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* WWW-Authenticate: what a registry wants to see (RFC 9110 section 11; distribution's token scheme). */
#include <stddef.h>

#include "base/error.h"

enum challenge_kind {
	CHALLENGE_NONE,
	CHALLENGE_BASIC,
	CHALLENGE_BEARER,
};

struct challenge {
	enum challenge_kind kind;
	char *realm, *service, *scope; /* NULL: not said */
};

/* The best of those in n header values that hcs can meet; none: CHALLENGE_NONE. */
void challenge_parse(char *const *headers, size_t n, struct challenge *ret);
void challenge_done(struct challenge *challenge);
#define _cleanup_challenge_ _cleanup_(challenge_done)

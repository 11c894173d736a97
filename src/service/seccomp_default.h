/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The default seccomp profile as data: what docker documents of its own ("Seccomp security profiles for
 * Docker"), in rules that depend on the architecture and on the capabilities granted. What no rule
 * allows fails with EPERM. */
#include <stddef.h>
#include <stdint.h>

struct seccomp_default_arg {
	unsigned index;
	uint64_t value, value_two;
	const char *op;
};

struct seccomp_default_rule {
	const char *names;              /* separated by spaces */
	const char *archs;              /* "amd64 x32": only on these; NULL: all */
	const char *not_archs;          /* not on these */
	const char *caps;               /* only with one of these; NULL: always */
	const char *not_caps;           /* only without these */
	int errno_ret;                  /* 0: allowed */
	struct seccomp_default_arg arg; /* op NULL: whatever the arguments are */
};

extern const struct seccomp_default_rule seccomp_default_rules[];
extern const size_t seccomp_default_rules_len;

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Numbers as callers write them. Strict: nothing but what is described is taken, since a number
 * that was half understood is how `exec -u 1` once ran as root (CVE-2026-30892).
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* Decimal digits only, at most max. 0, -EINVAL (no such number) or -ERANGE. */
int number_unsigned(const char *text, uint64_t max, uint64_t *ret);
/* The same with an optional leading "-". */
int number_signed(const char *text, int64_t *ret);
/* Bytes: decimal digits, perhaps with a fraction, perhaps with one of k m g t p (powers of 1024;
 * either case; also "kb", "KiB", "b"); or "-1", unlimited. As docker and runc read them. 0,
 * -EINVAL, -ERANGE. */
int number_size(const char *text, int64_t *ret);
/* A duration as Go writes it ("5s", "1m30s", "1.5h", "300ms", "0"), in nanoseconds; units ns us µs
 * ms s m h. 0, -EINVAL, -ERANGE. */
int number_duration(const char *text, int64_t *ret);
/* "UID" or "UID:GID", each below 2^32-1, which the kernel takes for "unchanged". 0, -EINVAL,
 * -ERANGE. */
int number_user(const char *text, uint32_t *ret_uid, bool *ret_has_gid, uint32_t *ret_gid);

/* The value of an option, in [min, max]; the message names the option. 0 or -EINVAL. */
int option_unsigned(const char *option, const char *text, uint64_t min, uint64_t max, uint64_t *ret,
		    struct error *err);
int option_signed(const char *option, const char *text, int64_t min, int64_t max, int64_t *ret,
		  struct error *err);

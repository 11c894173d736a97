/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Points in time as text: RFC 3339. Not by gmtime(3), which reads /etc/localtime first. */
#include <stddef.h>
#include <stdint.h>

#define TIMESTAMP_SIZE 64

/* ns since the epoch, in UTC with all nine digits: "2026-11-27T03:10:38.000000001Z". Returns buf. */
char *timestamp_text(int64_t ns, char buf[TIMESTAMP_SIZE]);
/* The same of now. */
char *timestamp_now(char buf[TIMESTAMP_SIZE]);
/* Nanoseconds since the epoch, now. */
int64_t timestamp_now_ns(void);
/* len bytes of RFC 3339, with "Z" or an offset. 0, or -EINVAL for what is none, or is out of range. */
int timestamp_parse(const char *text, size_t len, int64_t *ret_ns);

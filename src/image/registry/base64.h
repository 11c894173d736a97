/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>

/* Base64 of RFC 4648 section 4. Owned; NULL without memory. */
char *base64_text(const void *data, size_t len);
/* The reverse, terminated by a NUL; padding may be left out. -EINVAL: it is none; -ENOMEM. */
int base64_data(const char *text, char **ret, size_t *ret_len);

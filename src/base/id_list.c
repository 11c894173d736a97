/* SPDX-License-Identifier: Apache-2.0 */
#include "base/id_list.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

static const char *skip_space(const char *p)
{
	while (isspace((unsigned char)*p))
		p++;
	return p;
}

/* Reads digits at *p; saturates above max, so that no length of digits overflows. */
static bool read_number(const char **p, size_t max, size_t *ret)
{
	const char *s = skip_space(*p);
	size_t n = 0;

	if (!isdigit((unsigned char)*s))
		return false;
	for (; isdigit((unsigned char)*s); s++)
		if (n <= max)
			n = n * 10 + (size_t)(*s - '0');
	*ret = n;
	*p = skip_space(s);
	return true;
}

int id_list_parse(const char *list, unsigned long *bits, size_t max)
{
	const char *p = list;
	int count = 0;

	memset(bits, 0, ID_LIST_WORDS(max + 1) * sizeof(*bits));
	for (;;) {
		size_t first, last;

		if (!read_number(&p, max, &first))
			return -EINVAL;
		last = first;
		if (*p == '-') {
			p++;
			if (!read_number(&p, max, &last))
				return -EINVAL;
		}
		if (last > max || first > last)
			return -ERANGE;
		for (size_t n = first; n <= last; n++) {
			unsigned long bit = 1UL << (n % ID_LIST_WORD_BITS);

			count += !(bits[n / ID_LIST_WORD_BITS] & bit);
			bits[n / ID_LIST_WORD_BITS] |= bit;
		}
		if (*p == '\0')
			return count;
		if (*p++ != ',')
			return -EINVAL;
	}
}

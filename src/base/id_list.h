/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Lists of numbers as cpuset(7) "List format" has them: "0-2,5". */
#include <stddef.h>

#define ID_LIST_WORD_BITS (8 * sizeof(unsigned long))
#define ID_LIST_WORDS(n) (((n) + ID_LIST_WORD_BITS - 1) / ID_LIST_WORD_BITS)

/* Sets in bits (ID_LIST_WORDS(max + 1) words, zeroed here) the numbers of list; each at most max.
 * White space around numbers is allowed. How many numbers are set, or -EINVAL for what is no list
 * or is empty, -ERANGE for a number above max, or a range that runs backwards. */
int id_list_parse(const char *list, unsigned long *bits, size_t max);

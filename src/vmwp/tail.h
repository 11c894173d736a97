/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The last bytes of what somebody wrote without end: the guest on its console, a helper on its
 * stderr. What is taken out is one line of printable ASCII. */
#include <stdbool.h>
#include <stddef.h>

#define TAIL_SIZE 8192

struct tail {
	char data[TAIL_SIZE];
	size_t len;
};

/* Appends; what is oldest goes. */
void tail_add(struct tail *tail, const char *data, size_t len);
/* Reads once what fd has (non-blocking). false at its end. */
bool tail_read(struct tail *tail, int fd);
/* The last lines, as many as fit size with their joints " | "; empty lines left out. From the first
 * line that has word, if any does (NULL: none). Returns buf. */
char *tail_lines(const struct tail *tail, const char *word, char *buf, size_t size);

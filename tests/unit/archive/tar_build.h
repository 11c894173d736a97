/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Archives made byte by byte, so that a test can have what no tool would write; and a directory to unpack
 * them in. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include "archive/archive.h"

struct tar {
	char *bytes;
	size_t size;
	FILE *out;
};

struct tar_entry {
	const char *name;
	char type; /* '0' file, '1' hard link, '2' symbolic link, '3' '4' devices, '5' directory, '6' FIFO */
	const char *link;    /* target */
	const char *content; /* of a file */
	unsigned mode;       /* 0: 0644, directories 0755 */
	unsigned uid, gid, major, minor;
	long mtime;
	uint64_t size; /* said; 0: the content's */
};

void tar_begin(struct tar *tar);
void tar_add(struct tar *tar, const struct tar_entry *entry);
/* A pax header for the next entry: one record. */
void tar_pax(struct tar *tar, const char *key, const void *value, size_t len);
/* A descriptor with the archive; the caller closes it. Ends tar. */
int tar_end(struct tar *tar);

/* A new directory below the working directory; its descriptor. */
int scratch_make(char name[32]);
/* Removes it. */
void scratch_remove(int fd, const char *name);

/* Unpacks what tar has (and ends it) into root: the result; the message goes to message (256 bytes). */
int unpack(struct tar *tar, const struct archive_extract *how, char *message);
/* Text of root/path, "" when it is not there; static. */
const char *text_of(int root, const char *path);
bool exists(int root, const char *path);
struct stat stat_of(int root, const char *path);

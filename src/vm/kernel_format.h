/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The image formats of one architecture: each reads a file of which nothing is trusted. Read, not
 * mapped: who can shorten the file must not be able to kill us by SIGBUS. */
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "vm/kernel.h"

struct kernel_file {
	int fd;
	uint64_t size;
	const char *path; /* for messages */
};

/* len bytes at offset. -ENODATA when they are not all inside the file, or another -errno. */
int kernel_read(const struct kernel_file *file, uint64_t offset, void *buf, size_t len);
/* Takes the version, which ends at a blank or NUL within max bytes. -EINVAL when there is none. */
int kernel_take_version(struct kernel *ret, const char *text, size_t max);
/* The text after "Linux version " in the file. -ENOENT when it is not there. */
int kernel_find_version(struct kernel *ret, const struct kernel_file *file);

struct kernel_format {
	const char *name;
	/* 1: it is one, ret is filled; 0: something else; negative errno with err: it is one that
	 * cannot be booted. */
	int (*identify)(const struct kernel_file *file, struct kernel *ret, struct error *err);
};
/* Ends with one without a name. */
extern const struct kernel_format kernel_formats[];

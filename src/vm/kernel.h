/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a kernel image is, found out before a monitor is given it: the file may be any path that a
 * user names, and what a monitor says of a wrong one is of no help.
 */
#include "base/error.h"
#include "vm/settings.h"

struct kernel {
	enum vm_kernel_boot boot;
	char version[128]; /* "6.1.0-56-cloud-amd64", as uname -r will say; printable */
};

/* Reads path, an image for this machine's architecture. Refused (-ENOEXEC, err says what it is
 * instead): what is neither a kernel nor one for this machine. Reads no more than the headers and,
 * in an ELF image, the text up to its version. */
int kernel_identify(const char *path, struct kernel *ret, struct error *err);

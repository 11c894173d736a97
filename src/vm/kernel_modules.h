/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The initramfs for a kernel that has its drivers as modules, as distributions build them: ours plus
 * an archive of what a utility VM cannot do without (guest/modules.h loads it). The kernel unpacks
 * archives one after the other.
 */
#include "vm/kernel.h"

struct kernel_modules {
	const char *kernel_path; /* of the image that kernel was found in */
	const char *directory;   /* its modules (".../lib/modules/VERSION"); NULL: looked for in
				  * ../lib/modules beside the kernel and in /lib/modules */
	const char *initramfs;   /* ours */
	const char *cache;       /* directory, made when missing */
};

/* *ret: the initramfs to boot with, caller frees: a file in the cache, made once for each kernel, set
 * of modules and initramfs, and safe against others who make the same; or initramfs itself when the
 * kernel has no directory of modules (then it has to have all built in). -errno with err naming the
 * module that is missing, unreadable or too large. */
int kernel_modules_initrd(const struct kernel_modules *modules, const struct kernel *kernel,
			  char **ret, struct error *err);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* linux.seccomp → BPF by libseccomp, cached: compiling Docker's profile costs 15 ms. */
#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "oci/spec.h"

struct seccomp_filter {
	struct sock_filter *insns; /* owned */
	unsigned short len;        /* instructions */
	unsigned int flags;        /* SECCOMP_FILTER_FLAG_* for seccomp(2) */
	bool notify;               /* some action is SCMP_ACT_NOTIFY: a listener is made */
};

/* Compiles, or takes from the cache directory (cache_fd -1: no cache; one that others than the
 * caller may write is not used). The cached file holds the whole canonical input beside the
 * program, and is compared byte for byte, so a chosen profile cannot collide with another; written
 * by rename. That the cache cannot be read or written is no error. Refuses by JSON path what cannot
 * be honoured: unknown action, operator, architecture or flag, an errno with an action that takes
 * none, SCMP_ACT_NOTIFY without listenerPath, by default or on write(2) (the handshake that hands
 * the listener over needs it). Unknown system call names are left out, as runc does: profiles name
 * calls of newer kernels. Calls newer than the profile get ENOSYS: seccomp_program.h. The native
 * architecture is always in. */
int seccomp_compile(const struct oci_seccomp *oci, int cache_fd, struct seccomp_filter *ret,
		    struct error *err);
/* Installs on the calling thread; *ret_listener gets the notify descriptor (close-on-exec) or -1.
 * Needs no_new_privs or CAP_SYS_ADMIN. */
int seccomp_install(const struct seccomp_filter *filter, int *ret_listener, struct error *err);
/* Frees what the filter owns. */
void seccomp_filter_done(struct seccomp_filter *filter);

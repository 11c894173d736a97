/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A program that serves a VM beside vmwp: started with nothing but what is named here. It dies with
 * its parent, cannot gain privileges, and cannot make the system calls that only attacks on the
 * kernel would want, whatever its own sandbox does later.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* What it says on stderr is kept for explanations: its last bytes. */
#define HELPER_TAIL 1024

struct helper_spec {
	const char *path;    /* absolute */
	const char *package; /* Debian's, that has it */
	char *const *argv;   /* NULL-terminated */
	const int *fds;      /* stay open, under their numbers; -1: none */
	size_t fds_len;
	uint32_t uid;    /* and gid; 0: keep */
	uint64_t caps;   /* bit n: capability n that it may keep (uid 0) */
	bool keeps_caps; /* also while it acts as another user (SECBIT_NO_SETUID_FIXUP) */
	uint64_t nofile; /* limit of open files, as far as we may; 0: the hard limit */
	/* A mount of the caller's namespace that it does not see, or sees read-only (what is mounted
	 * below stays as it is, and what will be comes too), in a namespace of its own; NULL: none. */
	const char *hide, *readonly;
};

struct helper {
	const char *name; /* for messages: base name of the program, static */
	pid_t pid;
	int pidfd;   /* owned; readable when it has ended */
	int errors;  /* owned, non-blocking: its stderr */
	int started; /* owned: says why it could not be executed, or ends */
};
#define HELPER_INIT ((struct helper){ .pidfd = -1, .errors = -1, .started = -1 })

/* Forks it and returns; whether it could be executed is what helper_confirm waits for, so that
 * several can start at once. On failure nothing is left. */
int helper_start(const struct helper_spec *spec, struct helper *ret, struct error *err);
/* Its program runs, or err has the reason that it does not; then it has been reaped. */
int helper_confirm(struct helper *helper, const struct helper_spec *spec, struct error *err);
/* Kills and reaps it if it is still there, and closes all. */
void helper_done(struct helper *helper);

#define _cleanup_helper_ _cleanup_(helper_done)

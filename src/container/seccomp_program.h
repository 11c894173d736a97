/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The parts that seccomp_compile is put together from. */
#include <linux/filter.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "oci/spec.h"

struct seccomp_program {
	struct sock_filter *insns; /* owned */
	size_t len;                /* instructions, at most BPF_MAXINSNS */
};

/* A profile whose words are all known: what the rules mean to libseccomp. */
struct seccomp_profile {
	const struct oci_seccomp *oci;
	uint32_t default_action;
	uint32_t *archs; /* SCMP_ARCH_*, native first, each once; owned */
	size_t archs_len;
	uint32_t *actions;  /* of each of oci->syscalls; owned */
	unsigned int flags; /* SECCOMP_FILTER_FLAG_* */
	bool notify;
};
void seccomp_profile_done(struct seccomp_profile *profile);

/* Checks every word of the profile, by JSON path. Cheap: it does not look at system call names. */
int seccomp_profile_parse(const struct oci_seccomp *oci, struct seccomp_profile *ret,
			  struct error *err);
/* The comparison operator of that name, or -EINVAL. */
int seccomp_operator(const char *name);
/* Compiles with libseccomp, the stub of seccomp_enosys.c in front. */
int seccomp_program_make(const struct seccomp_profile *profile, struct seccomp_program *ret,
			 struct error *err);

/* Room that seccomp_enosys_stub may need for n architectures. */
#define SECCOMP_STUB_MAX(n) (1 + 10 * (n))
/*
 * BPF that goes before the filter: ENOSYS for system calls newer than the profile, as runc does
 * since 1.0-rc93. A profile that denies by default with EPERM was written against the system calls
 * of its day; a C library that tries a newer one first (clone3, faccessat2 …) falls back to the old
 * one on ENOSYS but takes EPERM for an answer. "Newer" is a number above the greatest one that the
 * profile names, on that architecture. Only for SCMP_ACT_ERRNO by default: what was to be killed,
 * trapped or traced still is. Writes to insns and returns how many (0: none needed).
 */
size_t seccomp_enosys_stub(const struct seccomp_profile *profile, struct sock_filter *insns);

/* The same filter in fewer steps: seccomp_tree.c. in stays the caller's. 0, or -errno where it
 * cannot be done, and in is to be used as it is. */
int seccomp_tree_make(const struct seccomp_profile *profile, const struct seccomp_program *in,
		      struct seccomp_program *ret);

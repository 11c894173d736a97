/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Compiled filters on disk. Each file is named by a hash of the profile and holds the profile in a
 * canonical form beside the program; the two profiles are compared byte for byte, so that the hash
 * needs no strength and one profile cannot be made to collide with another. Any doubt about a file
 * counts as "not there": it is then written anew.
 */
#include <stdint.h>

#include "container/seccomp_program.h"

/* Files kept; storing one more drops those written longest ago. */
#define SECCOMP_CACHE_FILES 64

/* Canonical form: every word and number that the program depends on. */
struct seccomp_key {
	char *data; /* owned */
	size_t len, size;
	uint64_t hash;
};
int seccomp_key_make(const struct oci_seccomp *oci, struct seccomp_key *ret);
void seccomp_key_done(struct seccomp_key *key);

/* Room for the name of a file of the cache. */
#define SECCOMP_CACHE_NAME_SIZE 32
void seccomp_cache_name(const struct seccomp_key *key, char *name);

/* Takes the program from the cache directory. 0, -ENOENT: not there or not to be trusted (not a
 * regular file of mode 0600, of the caller, with the whole of what was written), or -errno. */
int seccomp_cache_load(int cache_fd, const struct seccomp_key *key, struct seccomp_program *ret);
/* Puts it there, whole or not at all. 0 or -errno. */
int seccomp_cache_store(int cache_fd, const struct seccomp_key *key,
			const struct seccomp_program *program);

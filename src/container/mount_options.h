/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The options of a mount, as the runtime-spec lists them, sorted into what each one acts on: the
 * mount (attributes, propagation), its whole tree (the r* forms), the superblock, or the file
 * system's own parser (everything that is in no table).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "oci/spec.h"

/* For mount_setattr(2); set wins over clr, as there. Nothing that the options do not name is in
 * either, so that a bind keeps the flags of its source. */
struct mount_attrs {
	uint64_t set, clr;
};

enum mount_sb_flag { /* fsconfig(2) flags; a bind has no superblock of its own */
		     MOUNT_SB_SYNC = 1 << 0,
		     MOUNT_SB_DIRSYNC = 1 << 1,
		     MOUNT_SB_MAND = 1 << 2,
		     MOUNT_SB_LAZYTIME = 1 << 3,
		     MOUNT_SB_IVERSION = 1 << 4,
};

enum mount_idmap { MOUNT_IDMAP_NONE, MOUNT_IDMAP_TOP, MOUNT_IDMAP_RECURSIVE };

/* One option for the file system: key=value, or a flag when value is NULL. */
struct mount_data {
	const char *key, *value;
	size_t index; /* in the spec's options */
};

struct mount_propagation {
	uint64_t type; /* MS_SHARED, MS_SLAVE, MS_PRIVATE or MS_UNBINDABLE */
	bool recursive;
};

#define MOUNT_PROPAGATIONS_MAX 4

struct mount_options {
	struct mount_attrs attrs;                                      /* of the top mount */
	struct mount_attrs rec_attrs;                                  /* of the whole tree */
	struct mount_propagation propagations[MOUNT_PROPAGATIONS_MAX]; /* in this order */
	size_t propagations_len;
	unsigned sb_flags; /* enum mount_sb_flag */
	size_t sb_index;   /* of the last option that set one */
	enum mount_idmap idmap;
	bool bind, rbind; /* rbind implies bind */
	bool remount, tmpcopyup, copy_symlink;
	struct mount_data *data; /* in the arena */
	size_t data_len;
};

/* Sorts options into ret; what is kept belongs to arena (option texts are borrowed). The message
 * names the option as "options[1]: …". 0 or -errno. */
int mount_options_parse(const struct strv *options, struct arena *arena, struct mount_options *ret,
			struct error *err);
/* The i-th option known by name, NULL past the last: for `features`. */
const char *mount_option_name(size_t i);
/* fsconfig(2) name of one superblock flag. */
const char *mount_sb_flag_name(enum mount_sb_flag flag);
/* Readable names of the attributes in attrs ("ro,nosuid") into buf; returns buf. */
char *mount_attrs_text(uint64_t attrs, char *buf, size_t size);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The tree that is unpacked into: where a name is, as a descriptor of its directory and the last
 * component, never leaving the root; and what stands there already.
 */
#include <stdbool.h>
#include <sys/stat.h>
#include <time.h>

#include "archive/archive.h"

struct attributes { /* what an archive says of a file besides its content */
	mode_t mode;
	uid_t uid;
	gid_t gid;
	bool owner; /* uid and gid are to be set */
	struct timespec times[2];
	struct attribute {
		char *name;
		void *value;
		size_t len;
	} * xattrs;
	size_t xattrs_len;
};
void attributes_done(struct attributes *attributes);
/* Sets all but the xattrs of an open file, in the order that keeps them (chown(2) clears set-id bits). */
int attributes_apply(int fd, const struct attributes *attributes, const char *name,
		     struct error *err);
/* The same of dir/base, no directory and no regular file: a link itself, not what it points to. */
int attributes_apply_at(int dir, const char *base, const struct attributes *attributes,
			const char *name, struct error *err);

struct late_directory { /* its attributes, to be set when all is in it */
	char *name;
	dev_t dev;
	ino_t ino;
	size_t order;
	struct attributes attributes;
};

struct tree {
	int root; /* borrowed */
	bool overlay;
	struct timespec time; /* of the entry that directories are made for */
	char *parent_name;    /* the directory of the last entry, and its descriptor */
	int parent;
	struct late_directory *late;
	size_t late_len, late_size, late_bytes;
};
#define TREE_INIT ((struct tree){ .root = -1, .parent = -1 })
void tree_done(struct tree *tree);
#define _cleanup_tree_ _cleanup_(tree_done)

struct place {
	int dir;          /* O_PATH, the tree's until the next call */
	const char *base; /* in the name; "" is the root itself */
};
/* Where name (cleaned, "/a/b") is to be; missing directories on the way are made, 0755,
 * with the tree's time. */
int tree_place(struct tree *tree, const char *name, struct place *ret, struct error *err);
/* The directory fd, called name, gets these in the end; they are the tree's on return of 0. */
int tree_later(struct tree *tree, const char *name, const struct stat *st,
	       struct attributes *attributes, struct error *err);
/* Sets what tree_later was told. */
int tree_finish(struct tree *tree, struct error *err);

/* Is this overlayfs's sign of something that was removed? */
static inline bool is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == 0;
}
/* Marks the directory dir/base (base "": dir) as hiding all of it in the layers below. */
int tree_make_opaque(int dir, const char *base, struct error *err);

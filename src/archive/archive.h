/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Trees of files as tar archives and back, over libarchive's formats but with a walk of our own: by
 * descriptors, never leaving the root, whatever the archive or whoever changes the tree meanwhile does.
 * Used for image layers on the host and for copies in and out of containers, also in the guest. Small
 * and static: no filter but those that layers have.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

enum archive_whiteout {
	ARCHIVE_WHITEOUT_NONE, /* ".wh." is a name like any other */
	/* Of layers. In archives ".wh.NAME" and ".wh..wh..opq" (image-spec layer.md); in directories overlayfs's 0/0
	 * devices and trusted.overlay.opaque. A root without an entry is 0755, of time 0. */
	ARCHIVE_WHITEOUT_OVERLAY,
};

struct archive_limits {   /* 0: the default */
	uint64_t bytes;   /* of all files (1 TiB) */
	uint64_t entries; /* (10 million) */
};

struct archive_extract {
	int root; /* directory that nothing leaves */
	enum archive_whiteout whiteout;
	struct archive_limits limits;
	bool same_owner; /* ids as in the archive, else the caller's */
	bool devices;    /* make device nodes; else they are refused by name */
	bool no_rights;  /* whoever made the archive gives nobody rights: no set-user-ID and
				* set-group-ID bits, no capabilities, device nodes for the owner alone */
	const char
		*only; /* an entry that is neither this name nor below it is refused; may be NULL */
	bool no_overwrite_dir; /* docker cp: a directory over a file, or the reverse, is an error */
	/* Called now and then with the bytes read so far; may be NULL. */
	void (*progress)(uint64_t bytes, void *data);
	void *data;
};

/* Unpacks what fd gives (tar: ustar, pax, GNU; plain, gzip or zstd) into the root: files, directories,
 * links, FIFOs, devices, with owner, mode, times, xattrs and capabilities, sparse files sparse. Names
 * with "..", absolute ones, and links on the way are resolved within the root; a hard link's target too.
 * What an archive says of a directory holds at the end, when all is in it; a later entry of the same name
 * replaces an earlier one. Long runs of zeros become holes. Extended attributes of overlayfs
 * ("trusted.overlay.") are refused by name; SELinux labels are left to the host's policy, POSIX ACLs
 * count where they are extended attributes.
 * *ret_bytes (may be NULL): what the files have together. -EFBIG, -E2BIG past a limit. */
int archive_extract(int fd, const struct archive_extract *how, uint64_t *ret_bytes,
		    struct error *err);

/* Where the bytes of an archive come from when it is not a descriptor. */
struct archive_source {
	/* The next bytes, which stay until the next call: their number, 0 at the end, -errno with err set. */
	ssize_t (*read)(void *data, const void **ret, struct error *err);
	void *data;
};
/* The same of bytes that are plain tar: nothing is decompressed. What follows the end of the archive is
 * not read. */
int archive_extract_from(const struct archive_source *source, const struct archive_extract *how,
			 uint64_t *ret_bytes, struct error *err);

struct archive_create {
	int root; /* directory below which path is resolved */
	const char *
		path; /* what to pack; a directory with all below it, not crossing into other mounts
			   * unless mounts */
	const char *
		name; /* what path is called in the archive; NULL: entries relative to it ("./…") */
	enum archive_whiteout whiteout;
	bool mounts;
	bool follow; /* if path is a symbolic link: what it points to, within the root */
	const char *const
		*exclude; /* NULL-terminated: left out, by path below path ("/a/b"); may be NULL */
};
/* Writes a pax tar to fd: sorted by name within each directory, so the same tree gives the same bytes.
 * Sockets are left out, as tar does; so are overlayfs's attributes and SELinux labels. A file that changes
 * meanwhile is cut or filled up with zeros to the size that it had. */
int archive_create(int fd, const struct archive_create *how, struct error *err);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Files of a created or running container, as archives (archive/archive.h), and what is to be known
 * before: by a descriptor of its root as its init sees it, mounts included. No process of ours enters
 * it, so nothing of the container is loaded or run (CVE-2019-14271).
 */
#include "container/container.h"

enum container_files_kind {
	CONTAINER_FILES_STAT,   /* what is at path, as JSON: see container_files */
	CONTAINER_FILES_PACK,   /* path and all below it, to fd */
	CONTAINER_FILES_UNPACK, /* from fd, into the directory path */
	CONTAINER_FILES_CHANGES, /* what the container has changed of its layers, with whiteouts, to fd */
	CONTAINER_FILES_KINDS
};
const char *container_files_name(enum container_files_kind kind); /* "stat", "pack", … */
/* -EINVAL: none by that name. */
int container_files_parse(const char *name, enum container_files_kind *ret);

struct container_files {
	enum container_files_kind kind;
	const char *path;           /* as the container sees it */
	const char *name;           /* pack: what path is called in the archive; NULL: "." */
	bool follow;                /* stat, pack: if path is a link, what it points to */
	bool mounts;                /* pack: what is mounted below it, too */
	bool same_owner;            /* unpack: ids as in the archive, else root's */
	const char *const *exclude; /* changes: paths to leave out, NULL-terminated; may be NULL */
	int fd;                     /* borrowed */
};

/* stat writes {"mode", "size", "mtime", "uid", "gid", "link" (target, if it is one)}; -ENOENT, -ENOTDIR
 * in one line that names the path. changes wants windows.layerFolders. */
int container_files(const struct container *c, const struct oci_spec *spec,
		    const struct container_files *files, struct error *err);

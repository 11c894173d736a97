/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A test of mounts is a scene: an image laid out on a tmpfs of its own, a config, and what is to be
 * seen in the container. It plays in child processes with their own mount namespaces, so that
 * nothing remains of it and a failure cannot harm the host.
 */
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "container/mount_plan.h"
#include "container/rootfs.h"
#include "oci/spec.h"

struct scene {
	const char *mounts; /* JSON array of mounts; NULL: none */
	const char *linux_; /* more members of the linux object, beginning with ","; NULL: none */
	const char *config; /* the whole config instead of the two above */
	const char *layers; /* JSON array for windows.layerFolders; NULL: none */
	bool readonly;      /* root.readonly */
	unsigned flags;     /* CLONE_NEW* beside CLONE_NEWNS */
	/* On the "host": lays out the image and what is outside of it. May be NULL. */
	void (*host)(void);
	/* In the container's init, instead of setup, pivot and finish in a row. */
	void (*init)(void);
	/* In the container, when all is done. Not called with init. */
	void (*inside)(void);
	unsigned mounts_left; /* after init, that many mounts are below the scene's directory on the
				 host */
	const char *plan_refused; /* as refused, in the parent */
	const char *refused;      /* setup fails, and its message has this in it */
};

/* In all children: the directory of the scene (host side; image in DIR/root), and what is built. */
extern char scene_dir[64];
extern struct rootfs scene_fs;
extern struct oci_spec scene_spec;
extern struct mount_plan *scene_plan;

/* Plays it; fails the calling cmocka test when a CHECK in it failed. */
void scene_play(const struct scene *scene);
/* Skips the calling test, saying why, when not root with the right to mount. */
void scene_need_root(void);

/* Path below the scene's directory, in a static buffer (8 of them in turn). */
const char *at(const char *path);
void put_dir(const char *path, unsigned mode);
void put_file(const char *path, const char *text);
void put_link(const char *path, const char *target);
bool file_is(const char *path, const char *text);

_Noreturn void scene_fail(const char *file, int line, const char *what, const char *more);
#define CHECK(x)                                                                                   \
	do {                                                                                       \
		if (!(x))                                                                          \
			scene_fail(__FILE__, __LINE__, #x, "");                                    \
	} while (0)
#define CHECK_OK(call, err)                                                                        \
	do {                                                                                       \
		if ((call) < 0)                                                                    \
			scene_fail(__FILE__, __LINE__, #call, error_text(err));                    \
	} while (0)

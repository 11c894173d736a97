/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The state on disk: <root>/<id>/ with state.json (replaced by rename, so always whole),
 * config.json (the spec as it was at create) and the start socket; of a hyperv container also the
 * control socket of its VM, the mark that it is paused, and why its VM ended. The directory is locked by
 * flock(2) while a command changes it, so a killed command's lock goes with it. A directory without
 * state.json is what a killed create or delete left before it made, or after it removed,
 * everything.
 */
#include <stdbool.h>

#include "base/error.h"
#include "compute/stored_vm.h"
#include "compute/system.h"
#include "container/container.h"

struct stored {
	int dir_fd;                          /* of <root>/<id>, owned */
	struct container container;          /* pid 0: creating, or creating was killed */
	char *created, *owner, *oci_version; /* owned */
	enum compute_isolation isolation;
	struct stored_vm vm; /* hyperv only */
};

/* Files of a hyperv container in its directory. */
#define STORE_VM_SOCKET "vm.sock" /* vmwp listens there */
#define STORE_PAUSED "paused"     /* there while it is paused */
#define STORE_REASON "reason"     /* why the VM ended before the container; vmproc writes it */
#define STORE_REASON_MAX 4096

void stored_done(struct stored *stored);

/* Opens the root directory, made 0700 when make. */
int store_open_root(const struct compute_host *host, bool make, struct error *err);
/* A directory for a new id, locked. -EEXIST when the id is taken; what a killed command left empty
 * is used again. */
int store_make(const struct compute_host *host, const char *id, int *ret_dir_fd, struct error *err);
enum store_lock { STORE_READ, STORE_LOCK };
/* Opens what is stored of id; with STORE_LOCK waits for other commands on it. -ENOENT: "container
 * "x" does not exist". */
int store_open(const struct compute_host *host, const char *id, enum store_lock lock,
	       struct stored *ret, struct error *err);
/* As store_open of an entry of the root directory, without its complaint. 0 or -errno. */
int store_read(int root_fd, const char *id, struct stored *ret);
/* Gives the lock up, and takes it again, while the directory stays open. */
void store_unlock(const struct stored *stored);
void store_relock(const struct stored *stored);
/* Ends the init of id so that a start waiting for it ends too, and the command that has its lock when that does not
 * give it up soon (a hook without a timeout hangs); before a forced delete. Nothing there is fine. */
void store_break(const struct compute_host *host, const char *id);
/* Whether another command has removed it since it was opened. */
bool store_is_gone(const struct stored *stored);
/* Opens and locks the directory of id whatever is in it: for a forced delete of a damaged state. */
int store_make_anew(const struct compute_host *host, const char *id, int *ret_dir_fd,
		    struct error *err);
/* Removes a directory without state that a killed command left; nothing there is fine. */
int store_sweep(const struct compute_host *host, const char *id, struct error *err);
/* Replaces state.json. */
int store_save(const struct stored *stored, struct error *err);
/* Removes all files, state.json last, and the directory; dir_fd stays open. */
int store_remove(const struct compute_host *host, const char *id, int dir_fd, struct error *err);
/* Makes or removes the mark of a paused hyperv container. */
int store_mark_paused(const struct stored *stored, bool paused, struct error *err);
/* Why its VM ended, as one printable line; NULL when nobody wrote that, or memory ran out. Caller
 * frees. */
char *store_reason(const struct stored *stored);
/* Keeps the spec's text; reads it back, parsed. */
int store_save_config(int dir_fd, const char *text, size_t len, struct error *err);
int store_load_config(int dir_fd, struct oci_spec *ret, struct error *err);
/* Directory of compiled seccomp profiles below the root, or -1 when it cannot be had. */
int store_seccomp_cache(const struct compute_host *host);

#define _cleanup_stored_ _cleanup_(stored_done)

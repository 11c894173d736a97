/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What is stored of a container (service.h says where), read, changed and written. */
#include <stdbool.h>
#include <sys/types.h>

#include "service/container_config.h"
#include "service/service.h"

#define RECORD_ID_LEN 64

enum record_status {
	RECORD_CREATED,
	RECORD_RUNNING,
	RECORD_PAUSED,
	RECORD_RESTARTING,
	RECORD_REMOVING,
	RECORD_EXITED,
	RECORD_DEAD
};
const char *record_status_name(enum record_status status); /* docker's words */

struct record_state { /* owned strings */
	enum record_status status;
	pid_t pid, supervisor;     /* 0: none; pid of the host that stands for its init */
	uint64_t supervisor_start; /* base/pid.h */
	int exit_code;
	bool oom_killed;
	bool stopped_by_user; /* no restart under unless-stopped, and none of on-failure */
	char *error;          /* why it could not be started, or ended; NULL */
	char *started_at, *finished_at; /* RFC 3339 with nanoseconds; NULL: never */
	unsigned restart_count;
	char *boot_id; /* of the host when it was started: after a reboot nothing runs */
	struct network_attachment network; /* while it runs */
};

struct record {
	int dir_fd;      /* owned, ROOT/containers/ID */
	int lock_fd;     /* owned; -1: only read */
	char *id, *name; /* 64 hex digits; without docker's "/" */
	char *created;   /* RFC 3339 with nanoseconds */
	char *image_id;  /* "sha256:…" */
	char *path;      /* directory, absolute */
	struct container_config config;
	struct record_state state;
};
#define RECORD_INIT ((struct record){ .dir_fd = -1, .lock_fd = -1 })
void record_done(struct record *record);
#define _cleanup_record_ _cleanup_(record_done)

enum record_lock { RECORD_READ, RECORD_LOCK };
/* By name, id, or the beginning of an id. With RECORD_LOCK waits for others. What a killed supervisor,
 * or a reboot, left behind is put in order first (reconcile.h). -ENOENT: "No such container: x". */
int record_open(const struct service *service, const char *name, enum record_lock lock,
		struct record *ret, struct error *err);
/* All, newest first; what cannot be read is left out. Caller: record_done each, free. */
int record_list(const struct service *service, struct record **ret, size_t *ret_len,
		struct error *err);
/* Takes an id and a name (NULL: one is made up), makes the directory, stores config (moved into *ret).
 * -EEXIST in docker's words: 'Conflict. The container name "/x" is already in use by container "…"'.
 * Locked on return. */
int record_make(const struct service *service, const char *name, struct container_config *config,
		const char *image_id, struct record *ret, struct error *err);
int record_store_config(const struct service *service, struct record *record, struct error *err);
int record_store_state(struct record *record, struct error *err);
int record_rename(const struct service *service, struct record *record, const char *name,
		  struct error *err);
/* Name, directory, image pin, anonymous volumes (when volumes): all of it, the directory last. */
int record_remove(const struct service *service, struct record *record, bool volumes,
		  struct error *err);
/* The same in two steps. Retired it is gone for everybody, its name and its image free; what is left are the
 * files, for record_discard or, by whoever next makes, removes or lists containers, for record_sweep. */
int record_retire(const struct service *service, struct record *record, bool volumes,
		  struct error *err);
int record_discard(const struct service *service, struct record *record, bool volumes,
		   struct error *err);

/* Gives the lock up; the record stays as it was read. */
void record_unlock(struct record *record);
/* Takes the lock and reads both files again. -ENOENT: it has been removed. */
int record_relock(const struct service *service, struct record *record, struct error *err);
/* Opens the record of id, locked by lock_fd (taken, also on failure), which the caller was handed. */
int record_adopt(const struct service *service, const char *id, int lock_fd, struct record *ret,
		 struct error *err);
/* Running, paused or restarting. */
bool record_is_up(const struct record *record);
/* Error, in docker's words, owned by the state; text NULL: none. */
int record_set_error(struct record *record, const char *text, struct error *err);
/* The first 12 digits of an id, for messages. */
#define RECORD_SHORT "%.12s"

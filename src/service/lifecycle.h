/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What can be done with a container of the service; each call is one of hcs's commands without its words. */
#include <stdint.h>

#include "service/record.h"

/* Makes a container from an image that is here: configuration merged with the image's and checked,
 * record, pin, scratch. name NULL: one is made up. config is taken. *ret_id: owned, 64 digits. */
int service_create(const struct service *service, const char *name, struct container_config *config,
		   const struct image *image, char **ret_id, struct error *err);

struct service_attach {
	bool stdin_, stdout_, stderr_;
	bool sig_proxy;          /* signals go to the container */
	const char *detach_keys; /* "ctrl-p,ctrl-q"; NULL: that; "": none */
};
/* Starts a created or exited container: its supervisor is started and outlives the caller. attach NULL:
 * returns when it runs. Else relays until it ends (*ret_status: its exit status) or is detached from
 * (*ret_detached). err->exit_status is 125, or 126 and 127 as docker has them. */
int service_start(const struct service *service, const char *name,
		  const struct service_attach *attach, int *ret_status, bool *ret_detached,
		  struct error *err);
int service_attach(const struct service *service, const char *name,
		   const struct service_attach *attach, int *ret_status, bool *ret_detached,
		   struct error *err);
/* timeout in seconds, -1: no end to the wait, INT64_MIN: the container's own. signal NULL: its own. */
int service_stop(const struct service *service, const char *name, const char *signal,
		 int64_t timeout, struct error *err);
int service_restart(const struct service *service, const char *name, const char *signal,
		    int64_t timeout, struct error *err);
int service_kill(const struct service *service, const char *name, const char *signal,
		 struct error *err);
int service_pause(const struct service *service, const char *name, bool pause, struct error *err);
int service_remove(const struct service *service, const char *name, bool force, bool volumes,
		   struct error *err);
/* condition: "not-running", "next-exit", "removed"; NULL: the first. */
int service_wait(const struct service *service, const char *name, const char *condition,
		 int *ret_status, struct error *err);
int service_rename(const struct service *service, const char *name, const char *new_name,
		   struct error *err);
/* Changes limits and restart policy: of a running container at once. limits: those set in mask. */
int service_update(const struct service *service, const char *name,
		   const struct container_config *limits, uint64_t mask, struct error *err);
#define UPDATE_MEMORY (1u << 0)
#define UPDATE_MEMORY_RESERVATION (1u << 1)
#define UPDATE_MEMORY_SWAP (1u << 2)
#define UPDATE_CPUS (1u << 3)
#define UPDATE_CPU_SHARES (1u << 4)
#define UPDATE_CPU_PERIOD (1u << 5)
#define UPDATE_CPU_QUOTA (1u << 6)
#define UPDATE_CPUSET_CPUS (1u << 7)
#define UPDATE_CPUSET_MEMS (1u << 8)
#define UPDATE_PIDS (1u << 9)
#define UPDATE_RESTART (1u << 10)
#define UPDATE_BLKIO_WEIGHT (1u << 11)
/* hcs set --isolation: what it wrote, its configuration and name stay. -EBUSY names the state. */
int service_set_isolation(const struct service *service, const char *name,
			  enum compute_isolation isolation, struct error *err);

struct service_exec {
	bool tty, interactive, detach, privileged;
	const char *user, *workdir;
	const char *const *env; /* "K=V" or "K" (the caller's), NULL-terminated; may be NULL */
	char *const *args;      /* NULL-terminated */
};
int service_exec(const struct service *service, const char *name, const struct service_exec *exec,
		 int *ret_status, struct error *err);

struct service_logs {
	bool follow, stdout_, stderr_, timestamps, details;
	int64_t tail;               /* lines from the end; -1: all */
	int64_t since_ns, until_ns; /* of the epoch; 0: no bound */
};
/* Writes to the caller's descriptors 1 and 2 as the container did. */
int service_logs(const struct service *service, const char *name, const struct service_logs *logs,
		 struct error *err);

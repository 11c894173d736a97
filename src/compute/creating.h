/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* One create, run or restore: what they share from the bundle to the state on disk. */
#include <stdbool.h>

#include "compute/console.h"
#include "compute/isolation.h"
#include "compute/session.h"
#include "compute/store.h"

struct creating {
	const struct compute_host *host;
	const struct compute_create *create;
	const struct isolation_ops *ops;
	struct oci_spec spec;
	char *config, *bundle; /* text of config.json; absolute path */
	size_t config_len;
	struct stored s;
	struct console console;
	int pidfd, init, cache_fd;
	bool stored, recorded;
};

#define CREATING_INIT(h, cr)                                                                       \
	{                                                                                          \
		.host = (h), .create = (cr), .s = { .dir_fd = -1 }, .console = CONSOLE_INIT,       \
		.pidfd = -1, .init = -1, .cache_fd = -1                                            \
	}

/* Reads and checks the bundle, opens the console, takes the id. */
int creating_prepare(struct creating *c, bool detach, struct error *err);
/* container_create.record; data: struct creating. */
int creating_record(const struct container *container, void *data, struct error *err);
/* Nothing stays of a system that could not be made. */
void creating_undo(struct creating *c);
/* Stays with the running container, a child, to its end. */
int creating_follow(struct creating *c, struct session *session, int *ret_status,
		    struct error *err);
/* Destroys what is stored, runs poststop hooks, removes the state. */
int creating_end(const struct compute_host *host, struct stored *s, const struct isolation_ops *ops,
		 const struct oci_spec *spec, struct error *err);
void creating_done(struct creating *c);

#define _cleanup_creating_ _cleanup_(creating_done)

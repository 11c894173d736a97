/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Starting a container's supervisor (the program hcs-supervisor), and speaking to one that runs. */
#include "service/attach_protocol.h"
#include "service/record.h"

#define SUPERVISOR_PROGRAM "hcs-supervisor"
/* What it is started with beside /dev/null as 0, 1 and 2. */
#define SUPERVISOR_FD_CLIENT 3 /* its first client: attach_protocol.h */
#define SUPERVISOR_FD_LOCK 4   /* the record's lock, held */

/* Starts it, in a session of its own and nobody's child, with the lock of the record, which is given away.
 * request: what the caller wants to be attached to. Returns the caller's end of the connection. */
int supervisor_spawn(const struct service *service, struct record *record,
		     const struct attach_request *request, struct error *err);
/* Connects to one that runs. -ENOENT, -ECONNREFUSED: there is none (any more). */
int supervisor_connect(const struct service *service, const struct record *record,
		       const struct attach_request *request, struct error *err);
/* It looks at the record again: whether the user has stopped it. */
void supervisor_wake(const struct record *record);
/* Its pidfd, or -ESRCH. */
int supervisor_open(const struct record *record);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Requests of a command to the agent in a container's VM, through vmwp's control socket. */
#include <jansson.h>

#include "compute/store.h"

/* Connects to the VM of s: a descriptor, or -errno with the VM's end explained. */
int hyperv_connect(const struct stored *s, struct error *err);
/* Sends one request (taken) and waits for its answer, owned by the caller. A VM whose agent says
 * nothing for long is an error, -ETIMEDOUT. */
int hyperv_request(const struct stored *s, json_t *request, json_t **ret_result, struct error *err);
/* The same with a bound of the caller's, in milliseconds. */
int hyperv_request_within(const struct stored *s, json_t *request, int timeout_ms,
			  json_t **ret_result, struct error *err);
/* {"op": op, "id": id of s}: to be completed. */
json_t *hyperv_op(const char *op, const struct stored *s);
/* A descriptor that becomes readable at each OOM kill in the container: isolation_ops.oom_fd. What it
 * carries only wakes; the statistics count. */
int hyperv_watch(const struct stored *s, struct error *err);
/* isolation_ops.oom_drain */
int hyperv_watch_drain(int fd, bool *ret_gone);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * ps(1) for processes that this host does not have: what the guest's /proc says of them is laid out
 * as a file tree, and the host's ps reads that in place of /proc. The guest may say anything, and
 * ps was not written to be lied to by /proc: it runs as nobody, without capabilities, in namespaces
 * of its own where no process but itself is, with bounds on all it can use.
 */
#include <jansson.h>

#include "base/error.h"

#define PS_SNAPSHOT_PROCESSES_MAX 32768
#define PS_SNAPSHOT_FILE_MAX 16384
#define PS_SNAPSHOT_SIZE_MAX ((size_t)64 << 20)   /* of all files */
#define PS_SNAPSHOT_OUTPUT_MAX ((size_t)16 << 20) /* of ps */

/* answer: the result of the agent's "processes" (wire/message.h), of all its parts together:
 * {"processes": [{"pid": n, FILE: base64, …}, …], "system": {FILE: base64, …}}. A file that ps has
 * no use for is passed over; a pid, size or encoding that cannot be is -EPROTO.
 * program: path of ps; args: its options, NULL-terminated, as argv from 1 on. *ret: what it printed,
 * caller frees: the processes of answer, and itself as pid 1, which the caller takes out. Needs
 * CAP_SYS_ADMIN. */
int ps_snapshot_run(const json_t *answer, const char *program, char *const *args, char **ret,
		    size_t *ret_len, struct error *err);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The foreground of run, start -a and attach: the caller's descriptors 0, 1, 2 and its signals on one
 * side, the container's supervisor on the other. */
#include "compute/session.h"
#include "service/detach_keys.h"
#include "service/lifecycle.h"
#include "service/record.h"

struct attach_client {
	const struct service *service;
	const char *id; /* of the container; borrowed from the record */
	int sock;
	bool tty, input, output, error_output, sig_proxy;
	struct detach_keys detach;
	struct session session;
};

/* What the supervisor is to be asked for. */
struct attach_request attach_request_of(const struct record *record,
					const struct service_attach *attach);
/* From here signals wait. sock: connected, taken; -1: set later. */
int attach_client_begin(const struct service *service, const struct record *record,
			const struct service_attach *attach, int sock, struct attach_client *ret,
			struct error *err);
/* Until the container ends (*ret_status) or is detached from. */
int attach_client_run(struct attach_client *client, int *ret_status, bool *ret_detached,
		      struct error *err);
void attach_client_done(struct attach_client *client);
#define _cleanup_attach_client_ _cleanup_(attach_client_done)

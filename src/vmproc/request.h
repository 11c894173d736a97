/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Requests to the agent, and its answers. */
#include "vmproc/vmproc.h"

/* Sends the next of BEGIN's requests: 1, or 0 when there is none left. */
int request_send_next(struct vmproc *p, struct error *err);
int request_start(struct vmproc *p, struct error *err);
/* One at a time, so that they take effect in order: only while p->control is 0. */
int request_signal(struct vmproc *p, int signal, struct error *err);
int request_resize(struct vmproc *p, const struct winsize *size, struct error *err);
int request_hangup(struct vmproc *p, struct error *err);
/* Whether one of those can be sent now. */
bool request_possible(const struct vmproc *p);

/* An answer: warnings in it go to the command when one listens; *ret_pid (may be NULL) is its
 * "pid". 0, or -errno with the guest's error. */
int request_result(struct vmproc *p, const uint8_t *body, size_t len, int *ret_pid,
		   struct error *err);
/* EXIT's body: kind and number. -EPROTO. */
int request_parse_exit(const uint8_t *body, size_t len, enum end_kind *ret_kind, int *ret_number);
/* END's body: its reason, one printable line. */
void request_parse_end(const uint8_t *body, size_t len, char *reason, size_t size);

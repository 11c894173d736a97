/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Every frame that arrives at one interface leaves at another, by traffic control at its ingress:
 * tc-mirred(8). That is before the host's protocols see it, so that the host, whose addresses stay on
 * the interface, answers nothing; and checksums and segments that are still to be made stay so.
 */
#include "base/error.h"
#include "base/netlink.h"

/* Redirects what arrives at from to to (indexes; name is from's, for errors). What a redirect of a VM
 * that is gone has left is replaced; with filters of others there, -EBUSY. */
int nic_redirect(struct netlink *nl, int from, const char *name, int to, struct error *err);
/* Takes it away. No error: there is none. */
int nic_redirect_remove(struct netlink *nl, int from, const char *name, struct error *err);

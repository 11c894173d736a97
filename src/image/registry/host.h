/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What is known of a registry's host before it is spoken to: whether it may be trusted without TLS,
 * and which certificates are for it. A host is "name[:port]", an IPv6 address in brackets. */
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* "localhost", names below it, 127.0.0.0/8 and [::1]: what never leaves this machine. */
bool host_is_loopback(const char *host);
/* Is host in the list (NULL, or NULL-terminated)? An entry without a port is for every port. */
bool host_is_listed(const char *host, const char *const *list);

/* /etc/docker/certs.d/HOST, as docker reads it. */
struct host_certificates {
	char *authorities; /* PEM, all *.crt one after the other; NULL: none */
	size_t authorities_len;
	char *certificate, *key; /* paths of the first *.cert and its *.key; NULL: none */
};
/* No directory: all NULL. A certificate without its key is an error by name. */
int host_certificates_load(const char *host, struct host_certificates *ret, struct error *err);
void host_certificates_done(struct host_certificates *certificates);
#define _cleanup_host_certificates_ _cleanup_(host_certificates_done)

/* The parts of a URL that say who is spoken to. */
struct origin {
	char *scheme, *host; /* host: with its port, unless it is the scheme's own */
};
/* -EINVAL: no URL, another scheme than http and https, or one with a user in it. */
int origin_parse(const char *url, struct origin *ret, struct error *err);
bool origin_same(const struct origin *a, const struct origin *b);
void origin_done(struct origin *origin);
#define _cleanup_origin_ _cleanup_(origin_done)

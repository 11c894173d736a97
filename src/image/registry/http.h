/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One HTTP exchange with a registry, redirects included. What a registry may not do with us: send our
 * credentials to another host, lead us from https to http, to plain http elsewhere than on hosts that
 * are trusted so, or keep us for ever. A struct http holds the connections of one thread.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "image/registry/stop.h"

#define HTTP_CHALLENGES_MAX 8

struct http;
struct http_settings {
	const char *const *insecure; /* hosts, see host.h; borrowed */
	unsigned stall_seconds;      /* a transfer that hardly moves for so long has failed */
	struct stop *stop;           /* borrowed; NULL: none */
};
int http_open(const struct http_settings *settings, struct http **ret, struct error *err);
void http_close(struct http *http);
static inline void http_closep(struct http **http)
{
	http_close(*http);
}
#define _cleanup_http_ _cleanup_(http_closep)

struct http_response {
	long status;
	char *content_type; /* without parameters; NULL: not said. All owned. */
	char *location;     /* of a 201 or 202, absolute */
	char *digest;       /* Docker-Content-Digest */
	char *content_range, *link;
	char *challenges[HTTP_CHALLENGES_MAX]; /* WWW-Authenticate */
	size_t challenges_len;
	unsigned retry_after_ms; /* 0: not said */
	char *body;              /* what no sink took; never NULL on success */
	size_t body_len;
};
void http_response_done(struct http_response *response);
#define _cleanup_http_response_ _cleanup_(http_response_done)

struct http_request {
	const char *method; /* GET, HEAD, POST or PUT */
	const char *url;
	const char *authorization;  /* value of the header, NULL: none */
	const char *const *headers; /* whole lines, NULL-terminated; NULL: none */
	const char *body;           /* of a POST or PUT; NULL: none, or from body_fd */
	size_t body_len;
	int body_fd; /* read by pread(2) from its beginning; with body NULL and size > 0 only */
	uint64_t body_size;
	void (*sent)(uint64_t bytes, void *data); /* of body_fd; NULL: nobody wants to know */
	/* Takes what a successful answer holds, piece by piece. NULL: it is kept in body. */
	int (*sink)(const struct http_response *response, const void *piece, size_t len, void *data,
		    struct error *err);
	void *data;
	size_t max;             /* without a sink: bytes that the answer may have (-EFBIG) */
	unsigned stall_seconds; /* 0: as in the settings */
};

/*
 * 0 with whatever status the last host answered; its body, unless it went to the sink, is kept (of an
 * answer that is no success at most 64 KiB). Otherwise -errno:
 *   -ECONNREFUSED, -EHOSTUNREACH  cannot be connected to, or its name is not known
 *   -ECONNRESET, -ETIMEDOUT       broken off, or stalled: worth another try
 *   -EPROTONOSUPPORT              no TLS there; -EKEYREJECTED: a certificate that nobody vouches for
 *   -ECANCELED                    asked to stop
 *   -ELOOP, -EPERM                too many redirects, or one that is not followed
 *   what the sink returned
 */
int http_send(struct http *http, const struct http_request *request, struct http_response *ret,
	      struct error *err);

/* Other attempts: for how long, after which failures. */
struct retry {
	unsigned attempts; /* in a row without getting on */
};
#define RETRY_ATTEMPTS_MAX 5
/* http_send, and again after what may pass: failed and broken connections, 5xx, 429. Not with a sink. */
int http_send_again(struct http *http, const struct http_request *request,
		    struct http_response *ret, struct error *err);
/* r, response: what the attempt came to. Milliseconds to wait before another one; 0: none is worth it. */
unsigned retry_delay(struct retry *retry, int r, const struct http_response *response);
/* The same, and waits; false: no other attempt. */
bool retry_wait(struct retry *retry, int r, const struct http_response *response,
		struct stop *stop);

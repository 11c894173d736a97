/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "image/registry/fetch.h"
#include "image/registry/refusal.h"

#define TOLD_EVERY_MS 100
/* Less than this is not getting on: a registry could keep us with a byte for each attempt. */
#define WORTH_BYTES ((uint64_t)256 * 1024)

struct fetching {
	struct image_ingest *ingest;
	const struct image_descriptor *blob;
	fetch_told_fn told;
	void *data;
	int64_t told_at;
	bool answered; /* the first piece of an answer was looked at */
	bool joined;   /* pieces of several answers */
};

/* "bytes 100-199/200": where what was sent begins. */
static bool range_begins(const char *range, uint64_t at)
{
	char *end;
	unsigned long long first;

	if (!range || strncmp(range, "bytes ", 6) != 0)
		return false;
	errno = 0;
	first = strtoull(range + 6, &end, 10);
	return !errno && *end == '-' && first == at;
}

static int take_up(struct fetching *f, const struct http_response *response, struct error *err)
{
	const uint64_t at = image_ingest_offset(f->ingest);

	f->answered = true;
	if (at == 0 && response->status == 200)
		return 0;
	if (response->status == 206 && range_begins(response->content_range, at)) {
		f->joined |= at > 0;
		return 0;
	}
	if (response->status != 200)
		return error_set(err, EPROTO, "the registry sent another part than was asked for");
	return image_ingest_restart(f->ingest, err);
}

static int on_piece(const struct http_response *response, const void *piece, size_t len, void *data,
		    struct error *err)
{
	struct fetching *f = data;
	int64_t now;
	int r = f->answered ? 0 : take_up(f, response, err);

	if (r == 0)
		r = image_ingest_write(f->ingest, piece, len, err);
	if (r < 0)
		return r;
	now = clock_ms();
	if (f->told && now - f->told_at >= TOLD_EVERY_MS) {
		f->told(image_ingest_offset(f->ingest), 0, f->data);
		f->told_at = now;
	}
	return 0;
}

static int refuse(const struct http_response *response, struct error *err)
{
	_cleanup_free_ char *text = NULL;

	if (refusal_text(response, &text) < 0)
		return error_oom(err);
	return error_set(err,
			 response->status == 401 || response->status == 403 ? EACCES
			 : response->status == 404                          ? ENOENT
									    : EPROTO,
			 "%s", text);
}

/* What one answer brought; -ECONNRESET when it was too little. */
static int attempt(struct session *session, struct http *http, struct fetching *f, const char *url,
		   struct http_response *response, struct error *err)
{
	const uint64_t at = image_ingest_offset(f->ingest);
	char range[64];
	const char *headers[] = { at ? range : NULL, NULL };
	int r;

	(void)snprintf(range, sizeof(range), "Range: bytes=%" PRIu64 "-", at);
	f->answered = false;
	r = session_send(session, http,
			 &(struct http_request){ .method = "GET",
						 .url = url,
						 .headers = headers,
						 .sink = on_piece,
						 .data = f,
						 .body_fd = -1 },
			 response, err);
	if (r < 0)
		return r;
	if (response->status == 416 && at)
		return image_ingest_restart(f->ingest, err);
	if (response->status < 200 || response->status > 299)
		return 0;
	if (image_ingest_offset(f->ingest) < f->blob->size)
		return error_set(err, ECONNRESET, "%s ended after %" PRIu64 " of %" PRIu64 " bytes",
				 session_host(session), image_ingest_offset(f->ingest),
				 f->blob->size);
	return 0;
}

static int fetch_all(struct session *session, struct http *http, struct fetching *f,
		     const char *url, struct error *err)
{
	struct retry retry = { 0 };

	while (image_ingest_offset(f->ingest) < f->blob->size) {
		_cleanup_http_response_ struct http_response response = { 0 };
		_cleanup_error_ struct error now = ERROR_INIT;
		const uint64_t before = image_ingest_offset(f->ingest);
		int r = attempt(session, http, f, url, &response, &now);
		const uint64_t after = image_ingest_offset(f->ingest);
		unsigned ms;

		if (r == 0 && after == f->blob->size)
			break;
		if (after > before && after - before >= WORTH_BYTES)
			retry.attempts = 0;
		if (r == 0 && response.status == 416 && before) {
			if (retry.attempts++ < RETRY_ATTEMPTS_MAX)
				continue;
			return refuse(&response, err);
		}
		ms = retry_delay(&retry, r, &response);
		if (ms >= 1000 && f->told)
			f->told(after, (ms + 999) / 1000, f->data);
		if (ms && stop_wait(session_stop(session), ms))
			continue;
		if (r == 0)
			return refuse(&response, err);
		error_move(err, &now);
		return r;
	}
	return 0;
}

static int fetch_once(struct session *session, struct http *http, struct image_store *store,
		      struct fetching *f, const char *url, bool *ret_fetched, struct error *err)
{
	int r = image_ingest_begin(store, f->blob->digest, f->blob->size, &f->ingest, err);

	*ret_fetched = r == 0 && f->ingest;
	if (r < 0 || !f->ingest)
		return r;
	f->joined = image_ingest_offset(f->ingest) > 0;
	r = fetch_all(session, http, f, url, err);
	if (r == 0 && f->told)
		f->told(f->blob->size, 0, f->data);
	if (r == 0)
		return image_ingest_commit(TAKE_PTR(f->ingest), NULL, err);
	image_ingest_close(TAKE_PTR(f->ingest));
	return r;
}

int fetch_blob(struct session *session, struct http *http, struct image_store *store,
	       const struct image_descriptor *blob, fetch_told_fn told, void *data,
	       bool *ret_fetched, struct error *err)
{
	struct fetching f = { .blob = blob, .told = told, .data = data };
	_cleanup_error_ struct error first = ERROR_INIT;
	_cleanup_free_ char *below = NULL;
	_cleanup_free_ char *url = NULL;
	int r;

	if (asprintf(&below, "/blobs/%s", blob->digest) < 0) {
		below = NULL;
		return error_oom(err);
	}
	url = session_url(session, below);
	if (!url)
		return error_oom(err);
	r = fetch_once(session, http, store, &f, url, ret_fetched, &first);
	/* What was left of another time, or of another answer, may have been the wrong part. */
	if (r == -EBADMSG && f.joined) {
		error_done(&first);
		r = fetch_once(session, http, store, &f, url, ret_fetched, &first);
	}
	if (r < 0)
		error_move(err, &first);
	return r;
}

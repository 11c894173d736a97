/* SPDX-License-Identifier: Apache-2.0 */
#include "image/registry/upload.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "image/registry/refusal.h"

#define ANSWER_MAX ((size_t)256 * 1024)
#define TOLD_EVERY_MS 100
/* A registry may take its time to store a layer that is all sent. */
#define STALL_SECONDS 300

struct uploading {
	struct session *session;
	struct http *http;
	const struct image_descriptor *blob;
	int fd;
	void (*told)(uint64_t done, void *data);
	void *data;
	int64_t told_at;
};

static int refuse(const struct http_response *response, struct error *err)
{
	_cleanup_free_ char *text = NULL;

	if (refusal_text(response, &text) < 0)
		return error_oom(err);
	return error_set(err, response->status == 401 || response->status == 403 ? EACCES : EPROTO,
			 "%s", text);
}

static int is_there(const struct uploading *u, bool *ret, struct error *err)
{
	_cleanup_http_response_ struct http_response response = { 0 };
	_cleanup_free_ char *below = NULL;
	_cleanup_free_ char *url = NULL;
	int r;

	if (asprintf(&below, "/blobs/%s", u->blob->digest) < 0) {
		below = NULL;
		return error_oom(err);
	}
	url = session_url(u->session, below);
	if (!url)
		return error_oom(err);
	r = session_send_again(
		u->session, u->http,
		&(struct http_request){
			.method = "HEAD", .url = url, .max = ANSWER_MAX, .body_fd = -1 },
		&response, err);
	if (r < 0)
		return r;
	if (response.status == 401 || response.status == 403)
		return refuse(&response, err);
	*ret = response.status == 200;
	return 0;
}

static void on_sent(uint64_t bytes, void *data)
{
	struct uploading *u = data;
	const int64_t now = clock_ms();

	if (u->told && now - u->told_at >= TOLD_EVERY_MS) {
		u->told(bytes, u->data);
		u->told_at = now;
	}
}

/* *ret_location: where to send it; NULL: it was mounted. */
static int begin(const struct uploading *u, const char *source, char **ret_location,
		 struct error *err)
{
	static const char *const headers[] = { "Content-Type: application/octet-stream", NULL };
	_cleanup_http_response_ struct http_response response = { 0 };
	_cleanup_free_ char *below = NULL;
	_cleanup_free_ char *url = NULL;
	int r = source ? asprintf(&below, "/blobs/uploads/?mount=%s&from=%s", u->blob->digest,
				  source)
		       : asprintf(&below, "/blobs/uploads/");

	if (r < 0) {
		below = NULL;
		return error_oom(err);
	}
	url = session_url(u->session, below);
	if (!url)
		return error_oom(err);
	r = session_send_again(u->session, u->http,
			       &(struct http_request){ .method = "POST",
						       .url = url,
						       .headers = headers,
						       .max = ANSWER_MAX,
						       .body_fd = -1 },
			       &response, err);
	if (r < 0)
		return r;
	if (source && response.status == 201)
		return 0;
	if (response.status != 202)
		return refuse(&response, err);
	if (!response.location)
		return error_set(err, EPROTO, "the registry does not say where to send the blob");
	*ret_location = TAKE_PTR(response.location);
	return 0;
}

static int send_once(struct uploading *u, const char *location, struct http_response *response,
		     struct error *err)
{
	static const char *const headers[] = { "Content-Type: application/octet-stream", NULL };
	_cleanup_free_ char *url = NULL;

	if (asprintf(&url, "%s%cdigest=%s", location, strchr(location, '?') ? '&' : '?',
		     u->blob->digest) < 0) {
		url = NULL;
		return error_oom(err);
	}
	return session_send(u->session, u->http,
			    &(struct http_request){ .method = "PUT",
						    .url = url,
						    .headers = headers,
						    .body = u->blob->size ? NULL : "",
						    .body_fd = u->fd,
						    .body_size = u->blob->size,
						    .sent = on_sent,
						    .data = u,
						    .max = ANSWER_MAX,
						    .stall_seconds = STALL_SECONDS },
			    response, err);
}

/* Each attempt has an upload of its own: what became of a broken one is not known. */
static int transmit(struct uploading *u, const char *source, enum upload_result *ret,
		    struct error *err)
{
	struct retry retry = { 0 };

	for (;;) {
		_cleanup_http_response_ struct http_response response = { 0 };
		_cleanup_error_ struct error now = ERROR_INIT;
		_cleanup_free_ char *location = NULL;
		int r = begin(u, retry.attempts ? NULL : source, &location, err);

		if (r < 0)
			return r;
		*ret = location ? UPLOAD_SENT : UPLOAD_MOUNTED;
		if (!location)
			return 0;
		r = send_once(u, location, &response, &now);
		if (r == 0 && (response.status == 201 || response.status == 204))
			return 0;
		if (retry_wait(&retry, r, &response, session_stop(u->session)))
			continue;
		if (r == 0)
			return refuse(&response, err);
		error_move(err, &now);
		return r;
	}
}

static int open_blob(struct image_store *store, const struct image_descriptor *blob, int *ret,
		     struct error *err)
{
	_cleanup_free_ char *path = NULL;
	struct stat st;
	char *colon;

	if (!image_digest_valid(blob->digest))
		return error_set(err, EINVAL, "the digest of a blob is malformed");
	if (asprintf(&path, "blobs/%s", blob->digest) < 0) {
		path = NULL;
		return error_oom(err);
	}
	colon = strchr(path, ':');
	*colon = '/';
	*ret = openat(image_store_fd(store), path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (*ret < 0)
		return error_sys(err, errno, "%s", blob->digest);
	if (fstat(*ret, &st) < 0)
		return error_sys(err, errno, "%s", blob->digest);
	if ((uint64_t)st.st_size != blob->size)
		return error_set(err, EBADMSG, "%s has %lld bytes in the store instead of %llu",
				 blob->digest, (long long)st.st_size,
				 (unsigned long long)blob->size);
	return 0;
}

int upload_blob(struct session *session, struct http *http, struct image_store *store,
		const struct image_descriptor *blob, const char *source,
		void (*told)(uint64_t done, void *data), void *data, enum upload_result *ret,
		struct error *err)
{
	struct uploading u = {
		.session = session, .http = http, .blob = blob, .fd = -1, .told = told, .data = data
	};
	_cleanup_close_ int fd = -1;
	bool there = false;
	int r = is_there(&u, &there, err);

	*ret = UPLOAD_WAS_THERE;
	if (r < 0 || there)
		return r;
	r = open_blob(store, blob, &fd, err);
	if (r < 0)
		return r;
	u.fd = fd;
	return transmit(&u, source, ret, err);
}

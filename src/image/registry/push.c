/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/json.h"
#include "image/registry/fetch.h"
#include "image/registry/refusal.h"
#include "image/registry/upload.h"
#include "image/transfer/registry.h"

#define SHORT_ID 12

struct pushing {
	struct image_store *store;
	const struct image_progress *progress;
	struct image_reference reference;
	char *familiar;
	struct image image;
	struct session *session;
	struct http *http;
};

static void pushing_done(struct pushing *p)
{
	image_reference_done(&p->reference);
	free(p->familiar);
	image_done(&p->image);
	http_close(p->http);
	session_close(p->session);
}

static void tell(const struct pushing *p, const char *which, const char *what, uint64_t done,
		 uint64_t of)
{
	if (p->progress && p->progress->step)
		p->progress->step(which, what, done, of, p->progress->data);
}

static void short_id(const char *digest, char ret[SHORT_ID + 1])
{
	const char *colon = strchr(digest, ':');

	(void)snprintf(ret, SHORT_ID + 1, "%s", colon ? colon + 1 : digest);
}

/* Another repository of this registry that the image came from: its blobs need not be sent again. */
static int find_source(const struct pushing *p, char **ret, struct error *err)
{
	const size_t len = strlen(p->reference.domain);

	*ret = NULL;
	for (size_t i = 0; i < p->image.repo_digests_len; i++) {
		const char *name = p->image.repo_digests[i];
		const char *at = strchr(name, '@');

		if (!at || strncmp(name, p->reference.domain, len) != 0 || name[len] != '/')
			continue;
		name += len + 1;
		if (strlen(p->reference.repository) == (size_t)(at - name) &&
		    strncmp(name, p->reference.repository, (size_t)(at - name)) == 0)
			continue;
		*ret = strndup(name, (size_t)(at - name));
		return *ret ? 0 : error_oom(err);
	}
	return 0;
}

struct sending {
	const struct pushing *push;
	const char *id;
	uint64_t size;
};

static void tell_sent(uint64_t done, void *data)
{
	const struct sending *s = data;

	tell(s->push, s->id, "Pushing", done, s->size);
}

static int push_layer(struct pushing *p, const struct image_descriptor *blob, const char *diff_id,
		      const char *source, struct error *err)
{
	char id[SHORT_ID + 1];
	struct sending sending = { .push = p, .id = id, .size = blob->size };
	enum upload_result result;
	int r;

	short_id(diff_id, id);
	r = upload_blob(p->session, p->http, p->store, blob, source, tell_sent, &sending, &result,
			err);
	if (r < 0)
		return error_wrap(err, r, "layer %s", id);
	if (result == UPLOAD_MOUNTED) {
		_cleanup_free_ char *what = NULL;

		if (asprintf(&what, "Mounted from %s", source) < 0) {
			what = NULL;
			return error_oom(err);
		}
		tell(p, id, what, 0, 0);
	} else {
		tell(p, id, result == UPLOAD_WAS_THERE ? "Layer already exists" : "Pushed", 0, 0);
	}
	return 0;
}

static int refuse(const struct pushing *p, const struct http_response *response, struct error *err)
{
	_cleanup_free_ char *text = NULL;

	if (refusal_text(response, &text) < 0)
		return error_oom(err);
	return error_set(err, response->status == 401 || response->status == 403 ? EACCES : EPROTO,
			 "%s: manifest: %s", p->familiar, text);
}

static int put_manifest(struct pushing *p, struct error *err)
{
	const struct image_descriptor *manifest = &p->image.manifest;
	_cleanup_http_response_ struct http_response response = { 0 };
	_cleanup_free_ char *text = NULL, *below = NULL, *url = NULL, *type = NULL;
	const char *headers[] = { NULL, NULL };
	char buf[JSON_PRINTABLE_SIZE];
	size_t len;
	int r = image_store_blob(p->store, manifest->digest, MANIFEST_MAX, &text, &len, err);

	if (r < 0)
		return r;
	if (asprintf(&below, "/manifests/%s", p->reference.tag) < 0) {
		below = NULL;
		return error_oom(err);
	}
	if (asprintf(&type, "Content-Type: %s", manifest->media_type) < 0) {
		type = NULL;
		return error_oom(err);
	}
	headers[0] = type;
	url = session_url(p->session, below);
	if (!url)
		return error_oom(err);
	r = session_send_again(p->session, p->http,
			       &(struct http_request){ .method = "PUT",
						       .url = url,
						       .headers = headers,
						       .body = text,
						       .body_len = len,
						       .body_fd = -1,
						       .max = MANIFEST_MAX },
			       &response, err);
	if (r < 0)
		return r;
	if (response.status != 201 && response.status != 200)
		return refuse(p, &response, err);
	/* Registries that convert what they get would say another one. */
	if (response.digest && strncmp(response.digest, "sha256:", 7) == 0 &&
	    strcmp(response.digest, manifest->digest) != 0)
		return error_set(err, EBADMSG, "%s: the registry made another manifest of it, %s",
				 p->familiar, json_printable(response.digest, buf));
	return 0;
}

static int open_session(struct pushing *p, const struct image_registry_config *registries,
			struct error *err)
{
	int r = session_open(&(struct session_settings){ .config = registries,
							 .domain = p->reference.domain,
							 .repository = p->reference.repository,
							 .actions = "pull,push" },
			     &p->session, err);

	return r < 0 ? r : session_http(p->session, &p->http, err);
}

static int push_all(struct pushing *p, struct error *err)
{
	_cleanup_image_manifest_ struct image_manifest manifest = { 0 };
	_cleanup_free_ char *text = NULL;
	_cleanup_free_ char *source = NULL;
	enum upload_result result;
	size_t len;
	int r = image_store_blob(p->store, p->image.manifest.digest, MANIFEST_MAX, &text, &len,
				 err);

	if (r == 0)
		r = image_manifest_parse(text, len, p->image.manifest.media_type, &manifest, err);
	if (r == 0)
		r = find_source(p, &source, err);
	for (size_t i = 0; r == 0 && i < manifest.layers_len; i++) {
		char id[SHORT_ID + 1];

		short_id(p->image.config.diff_ids.items[i], id);
		tell(p, id, "Preparing", 0, 0);
	}
	for (size_t i = 0; r == 0 && i < manifest.layers_len; i++)
		r = push_layer(p, &manifest.layers[i], p->image.config.diff_ids.items[i], source,
			       err);
	if (r == 0) {
		r = upload_blob(p->session, p->http, p->store, &manifest.config, NULL, NULL, NULL,
				&result, err);
		if (r < 0)
			(void)error_wrap(err, r, "configuration");
	}
	if (r == 0)
		r = put_manifest(p, err);
	return r;
}

int image_push(struct image_store *store, const struct image_registry_config *registries,
	       const char *reference, const struct image_progress *progress, char **ret_digest,
	       uint64_t *ret_size, struct error *err)
{
	_cleanup_(pushing_done) struct pushing p = { .store = store, .progress = progress };
	_cleanup_free_ char *name = NULL;
	_cleanup_free_ char *what = NULL;
	int r = image_reference_parse(reference, &p.reference, err);

	if (r < 0)
		return r;
	if (p.reference.digest || !p.reference.tag)
		return error_set(err, EINVAL, "%s: cannot push a digest reference", reference);
	name = image_reference_name(&p.reference);
	p.familiar = image_reference_familiar(&p.reference);
	if (!name || !p.familiar ||
	    asprintf(&what, "The push refers to repository [%s/%s]", p.reference.domain,
		     p.reference.repository) < 0) {
		what = NULL;
		return error_oom(err);
	}
	r = image_store_find(store, name, NULL, &p.image, err);
	if (r < 0)
		return r;
	tell(&p, NULL, what, 0, 0);
	r = open_session(&p, registries, err);
	if (r == 0)
		r = push_all(&p, err);
	if (r < 0)
		return error_wrap(err, r, "push of %s", p.familiar);
	*ret_size = p.image.manifest.size;
	*ret_digest = strdup(p.image.manifest.digest);
	return *ret_digest ? 0 : error_oom(err);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <string.h>

#include "base/json.h"
#include "image/registry/fetch.h"
#include "image/registry/refusal.h"

void fetched_manifest_done(struct fetched_manifest *manifest)
{
	image_descriptor_done(&manifest->descriptor);
	free(manifest->text);
	*manifest = (struct fetched_manifest){ 0 };
}

static bool is_known(const char *media_type)
{
	return image_media_type_is_index(media_type) ||
	       strcmp(media_type, MEDIA_TYPE_MANIFEST) == 0 ||
	       strcmp(media_type, MEDIA_TYPE_DOCKER_MANIFEST) == 0;
}

static void decref(json_t **value)
{
	json_decref(*value);
}

/* A registry that does not know, or says no more than JSON, leaves it to the document. What says both
 * must say the same: two readers could take it for two things otherwise (CVE-2021-41190). */
static int check_type(const struct http_response *response, char **ret, struct error *err)
{
	_cleanup_(decref) json_t *root =
		json_loadb(response->body, response->body_len, JSON_REJECT_DUPLICATES, NULL);
	const char *own = json_string_value(json_object_get(root, "mediaType"));
	const char *said = response->content_type;
	char a[JSON_PRINTABLE_SIZE], b[JSON_PRINTABLE_SIZE];

	if (said && strstr(said, "vnd.docker.distribution.manifest.v1"))
		return error_set(
			err, EPROTO,
			"the image has the old manifest schema 1 (%s), which is not supported: "
			"push it again with a current tool",
			json_printable(said, a));
	if (!root)
		return error_set(err, EPROTO, "the manifest is not JSON, but \"%s\"",
				 json_printable(said ? said : "", a));
	if (!said || !*said || strcmp(said, "application/json") == 0)
		said = own;
	if (json_integer_value(json_object_get(root, "schemaVersion")) == 1)
		return error_set(err, EPROTO,
				 "the image has the old manifest schema 1, which is not supported: "
				 "push it again with a current tool");
	if (!said || !is_known(said))
		return error_set(err, EPROTO,
				 "the manifest's media type \"%s\" is not that of an image",
				 json_printable(said ? said : "", a));
	if (own && strcmp(own, said) != 0)
		return error_set(
			err, EPROTO,
			"the manifest calls itself \"%s\", but its registry calls it \"%s\"",
			json_printable(own, a), json_printable(said, b));
	*ret = strdup(said);
	return *ret ? 0 : error_oom(err);
}

static int refuse(const struct http_response *response, const char *familiar, struct error *err)
{
	_cleanup_free_ char *text = NULL;

	if (refusal_text(response, &text) < 0)
		return error_oom(err);
	switch (refusal_code(response)) {
	case REFUSAL_DENIED:
		return error_set(
			err, EACCES,
			"pull access denied for %s, repository does not exist or may require "
			"'hcs login': %s",
			familiar, text);
	case REFUSAL_UNAUTHORIZED:
		return error_set(err, EACCES, "%s: %s", familiar, text);
	case REFUSAL_MANIFEST_UNKNOWN:
		return error_set(err, ENOENT, "manifest for %s not found: %s", familiar, text);
	case REFUSAL_NAME_UNKNOWN:
		return error_set(err, ENOENT, "repository of %s not found: %s", familiar, text);
	default:
		return error_set(err, EPROTO, "%s: %s", familiar, text);
	}
}

/* Under the digest that is wanted, or with none wanted under its own. */
static int keep(struct image_store *store, const char *digest, const struct http_response *response,
		char **ret_digest, struct error *err)
{
	struct image_ingest *ingest = NULL;
	int r;

	if (!digest)
		return image_ingest_blob(store, response->body, response->body_len, ret_digest,
					 err);
	r = image_ingest_begin(store, digest, response->body_len, &ingest, err);
	if (r < 0)
		return r;
	if (!ingest) { /* it is there; what came now has to be the same all the same */
		*ret_digest = strdup(digest);
		return *ret_digest ? 0 : error_oom(err);
	}
	r = image_ingest_restart(ingest, err);
	if (r == 0)
		r = image_ingest_write(ingest, response->body, response->body_len, err);
	if (r == 0)
		return image_ingest_commit(ingest, ret_digest, err);
	image_ingest_close(ingest);
	return r;
}

/* In place of what was sent, what the store has: the one thing that is known to be right. */
static int take(struct image_store *store, struct fetched_manifest *to, struct error *err)
{
	int r = image_store_blob(store, to->descriptor.digest, MANIFEST_MAX, &to->text, &to->len,
				 err);

	to->descriptor.size = to->len;
	return r;
}

static int check(const struct http_response *response, const char *digest, uint64_t size,
		 struct error *err)
{
	if (size != UINT64_MAX && response->body_len != size)
		return error_set(err, EBADMSG, "%s has %zu bytes instead of %llu", digest,
				 response->body_len, (unsigned long long)size);
	return 0;
}

int fetch_manifest(struct session *session, struct http *http, struct image_store *store,
		   const char *reference, uint64_t size, const char *familiar,
		   struct fetched_manifest *ret, struct error *err)
{
	static const char *const headers[] = {
		"Accept: " MEDIA_TYPE_INDEX ", " MEDIA_TYPE_DOCKER_LIST ", " MEDIA_TYPE_MANIFEST
		", " MEDIA_TYPE_DOCKER_MANIFEST,
		NULL,
	};
	_cleanup_http_response_ struct http_response response = { 0 };
	_cleanup_fetched_manifest_ struct fetched_manifest found = { 0 };
	_cleanup_free_ char *below = NULL;
	_cleanup_free_ char *url = NULL;
	const char *digest = image_digest_valid(reference) ? reference : NULL;
	char buf[JSON_PRINTABLE_SIZE];
	int r;

	if (asprintf(&below, "/manifests/%s", reference) < 0) {
		below = NULL;
		return error_oom(err);
	}
	url = session_url(session, below);
	if (!url)
		return error_oom(err);
	r = session_send_again(session, http,
			       &(struct http_request){ .method = "GET",
						       .url = url,
						       .headers = headers,
						       .max = MANIFEST_MAX,
						       .body_fd = -1 },
			       &response, err);
	if (r < 0)
		return error_wrap(err, r, "%s", familiar);
	if (response.status != 200)
		return refuse(&response, familiar, err);
	r = check_type(&response, &found.descriptor.media_type, err);
	if (r == 0)
		r = check(&response, reference, size, err);
	if (r == 0)
		r = keep(store, digest, &response, &found.descriptor.digest, err);
	if (r == 0 && !digest && response.digest && strncmp(response.digest, "sha256:", 7) == 0 &&
	    strcmp(response.digest, found.descriptor.digest) != 0)
		r = error_set(err, EBADMSG, "the manifest is not the one with the digest %s",
			      json_printable(response.digest, buf));
	if (r == 0)
		r = take(store, &found, err);
	if (r < 0)
		return error_wrap(err, r, "%s", familiar);
	*ret = found;
	found = (struct fetched_manifest){ 0 };
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/json.h"
#include "image/registry/fetch.h"
#include "image/registry/layers.h"
#include "image/transfer/registry.h"

struct pulling {
	struct image_store *store;
	const struct image_registry_config *config;
	const struct image_pull *pull;
	const struct image_progress *progress;
	struct image_reference reference;
	struct image_platform platform;
	char *name, *familiar;
	struct stop *stop;
	char *digest; /* the result */
};

static void pulling_done(struct pulling *p)
{
	image_reference_done(&p->reference);
	free(p->name);
	free(p->familiar);
	free(p->digest);
}

/* An index leads to the manifest of the platform. chosen: that, or the target itself. */
static int choose(struct pulling *p, struct session *session, struct http *http,
		  const struct fetched_manifest *target, struct fetched_manifest *ret_chosen,
		  struct error *err)
{
	_cleanup_image_descriptor_ struct image_descriptor entry = { 0 };
	int r;

	if (!image_media_type_is_index(target->descriptor.media_type))
		return 0;
	r = image_index_choose(target->text, target->len, &p->platform, &entry, err);
	if (r < 0)
		return error_wrap(err, r, "%s", p->familiar);
	r = fetch_manifest(session, http, p->store, entry.digest, entry.size, p->familiar,
			   ret_chosen, err);
	if (r < 0)
		return r;
	if (image_media_type_is_index(ret_chosen->descriptor.media_type))
		return error_set(err, EPROTO, "%s: an index within an index, which is no image",
				 p->familiar);
	return 0;
}

static int check_platform(const struct pulling *p, const struct image_config *config,
			  struct error *err)
{
	const struct image_platform *have = &config->platform;

	if (!p->pull->platform.os[0] || image_platform_match(&p->pull->platform, have))
		return 0;
	return error_set(err, ENOENT,
			 "%s is for %s/%s%s%s, not for the platform that was asked for, %s/%s%s%s",
			 p->familiar, have->os, have->architecture, have->variant[0] ? "/" : "",
			 have->variant, p->platform.os, p->platform.architecture,
			 p->platform.variant[0] ? "/" : "", p->platform.variant);
}

static int fetch_config(struct pulling *p, struct session *session, struct http *http,
			const struct image_manifest *manifest, struct image_config *ret,
			struct error *err)
{
	_cleanup_free_ char *text = NULL;
	bool fetched;
	size_t len;
	int r;

	r = fetch_blob(session, http, p->store, &manifest->config, NULL, NULL, &fetched, err);
	if (r < 0)
		return error_wrap(err, r, "configuration");
	r = image_store_blob(p->store, manifest->config.digest, IMAGE_DOCUMENT_MAX, &text, &len,
			     err);
	if (r == 0)
		r = image_config_parse(text, len, ret, err);
	if (r < 0)
		return error_wrap(err, r, "configuration");
	if (ret->diff_ids.len != manifest->layers_len)
		return error_set(err, EPROTO, "the configuration has %zu layers, the manifest %zu",
				 ret->diff_ids.len, manifest->layers_len);
	return check_platform(p, ret, err);
}

static void tell_beginning(const struct pulling *p)
{
	const struct image_reference *ref = &p->reference;
	_cleanup_free_ char *what = NULL;

	if (!p->progress || !p->progress->step)
		return;
	if (asprintf(&what, "Pulling from %s", ref->repository) < 0) {
		what = NULL;
		return;
	}
	p->progress->step(ref->digest ? p->familiar : ref->tag, what, 0, 0, p->progress->data);
}

static int add(struct pulling *p, const struct fetched_manifest *target,
	       const struct fetched_manifest *chosen, struct error *err)
{
	_cleanup_free_ char *repo_digest = NULL;

	if (asprintf(&repo_digest, "%s/%s@%s", p->reference.domain, p->reference.repository,
		     target->descriptor.digest) < 0) {
		repo_digest = NULL;
		return error_oom(err);
	}
	return image_store_add(p->store, p->name, &target->descriptor, &chosen->descriptor,
			       repo_digest, err);
}

static int pull_image(struct pulling *p, struct session *session, struct http *http,
		      const struct fetched_manifest *target, const struct fetched_manifest *chosen,
		      struct error *err)
{
	_cleanup_image_manifest_ struct image_manifest manifest = { 0 };
	_cleanup_(image_config_done) struct image_config config = { 0 };
	int r = image_manifest_parse(chosen->text, chosen->len, chosen->descriptor.media_type,
				     &manifest, err);

	if (r < 0)
		return error_wrap(err, r, "%s", p->familiar);
	tell_beginning(p);
	r = fetch_config(p, session, http, &manifest, &config, err);
	if (r == 0)
		r = layers_fetch(session, p->store,
				 &(struct layers_wish){ .manifest = &manifest,
							.diff_ids = &config.diff_ids,
							.parallel = p->config->parallel,
							.progress = p->progress },
				 err);
	if (r == 0)
		r = add(p, target, chosen, err);
	return r < 0 ? error_wrap(err, r, "%s", p->familiar) : 0;
}

static int pull_from(struct pulling *p, const char *mirror, struct error *err)
{
	_cleanup_fetched_manifest_ struct fetched_manifest target = { 0 };
	_cleanup_fetched_manifest_ struct fetched_manifest chosen = { 0 };
	_cleanup_session_ struct session *session = NULL;
	_cleanup_http_ struct http *http = NULL;
	const struct image_reference *ref = &p->reference;
	int r = session_open(&(struct session_settings){ .config = p->config,
							 .domain = ref->domain,
							 .mirror = mirror,
							 .repository = ref->repository,
							 .actions = "pull",
							 .stop = p->stop },
			     &session, err);

	if (r == 0)
		r = session_http(session, &http, err);
	if (r < 0)
		return error_wrap(err, r, "%s", p->familiar);
	r = fetch_manifest(session, http, p->store, ref->digest ? ref->digest : ref->tag,
			   UINT64_MAX, p->familiar, &target, err);
	if (r == 0)
		r = choose(p, session, http, &target, &chosen, err);
	if (r == 0)
		r = pull_image(p, session, http, &target, chosen.text ? &chosen : &target, err);
	if (r == 0)
		p->digest = TAKE_PTR(target.descriptor.digest);
	return r;
}

/* What another registry could not better. */
static bool is_local(int r)
{
	return r == -ENOMEM || r == -ENOSPC || r == -EDQUOT || r == -EROFS || r == -ECANCELED ||
	       r == -EMFILE;
}

static int pull_from_any(struct pulling *p, struct error *err)
{
	const bool mirrored = strcmp(p->reference.domain, "docker.io") == 0;

	for (const char *const *m = p->config->mirrors; mirrored && m && *m; m++) {
		_cleanup_error_ struct error ignored = ERROR_INIT;
		int r = pull_from(p, *m, &ignored);

		if (r == 0)
			return 0;
		if (is_local(r)) {
			error_move(err, &ignored);
			return r;
		}
		/* A failed layer has asked the others to stop. */
		atomic_store(&p->stop->asked, false);
	}
	return pull_from(p, NULL, err);
}

/* What the name stands for before; NULL: nothing. */
static int digest_before(struct pulling *p, char **ret, struct error *err)
{
	_cleanup_image_ struct image image = { 0 };
	_cleanup_error_ struct error ignored = ERROR_INIT;
	int r = image_store_find(p->store, p->name, &p->platform, &image, &ignored);

	*ret = NULL;
	if (r < 0)
		return 0;
	*ret = strdup(image.target.digest);
	return *ret ? 0 : error_oom(err);
}

int image_pull(struct image_store *store, const struct image_registry_config *registries,
	       const struct image_pull *pull, const struct image_progress *progress,
	       char **ret_digest, bool *ret_new, struct error *err)
{
	_cleanup_(pulling_done) struct pulling p = {
		.store = store, .config = registries, .pull = pull, .progress = progress
	};
	_cleanup_free_ char *before = NULL;
	struct stop stop;
	int r = image_reference_parse(pull->reference, &p.reference, err);

	if (r < 0)
		return r;
	p.platform = pull->platform.os[0] ? pull->platform : image_platform_host();
	p.name = image_reference_name(&p.reference);
	p.familiar = image_reference_familiar(&p.reference);
	if (!p.name || !p.familiar)
		return error_oom(err);
	r = stop_init(&stop);
	if (r < 0)
		return error_sys(err, -r, "threads");
	p.stop = &stop;
	r = digest_before(&p, &before, err);
	if (r == 0)
		r = image_ingest_hold(store, err);
	if (r == 0)
		r = pull_from_any(&p, err);
	stop_done(&stop);
	if (r < 0)
		return r;
	*ret_new = !before || strcmp(before, p.digest) != 0;
	*ret_digest = TAKE_PTR(p.digest);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "image/registry/layers.h"

#include <limits.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "image/layout.h"
#include "image/registry/fetch.h"

#define SHORT_ID 12
#define UNPACKERS_MAX 4

enum layer_state {
	LAYER_WAITS,
	LAYER_FETCHING,
	LAYER_FETCHED,
	LAYER_UNPACKING,
	LAYER_DONE,
};

struct layer {
	const struct image_descriptor *blob;
	const char *diff_id;
	char id[SHORT_ID + 1];
	enum layer_state state;
	bool was_there;
};

struct work {
	struct session *session;
	const struct layers_wish *wish;
	char *root; /* the store's: each thread opens its own */
	struct layer *layers;
	size_t len;
	pthread_mutex_t lock; /* of the layers' states, unfetched, failed and error */
	pthread_cond_t changed;
	size_t unfetched;
	bool failed;
	struct error error;
	pthread_mutex_t telling; /* calls of progress come one at a time */
	struct image_progress progress;
};

/* For libraries that tell from any thread. */
static void tell(const char *which, const char *what, uint64_t done, uint64_t of, void *data)
{
	struct work *work = data;
	const struct image_progress *to = work->wish->progress;

	if (!to || !to->step)
		return;
	(void)pthread_mutex_lock(&work->telling);
	to->step(which, what, done, of, to->data);
	(void)pthread_mutex_unlock(&work->telling);
}

static void fail(struct work *work, struct error *error)
{
	(void)pthread_mutex_lock(&work->lock);
	if (!work->failed)
		error_move(&work->error, error);
	work->failed = true;
	(void)pthread_cond_broadcast(&work->changed);
	(void)pthread_mutex_unlock(&work->lock);
	stop_ask(session_stop(work->session));
}

static struct layer *find_in_state(struct work *work, enum layer_state state)
{
	for (size_t i = 0; i < work->len; i++)
		if (work->layers[i].state == state)
			return &work->layers[i];
	return NULL;
}

static struct layer *next_to_fetch(struct work *work)
{
	struct layer *layer;

	(void)pthread_mutex_lock(&work->lock);
	layer = work->failed ? NULL : find_in_state(work, LAYER_WAITS);
	if (layer)
		layer->state = LAYER_FETCHING;
	(void)pthread_mutex_unlock(&work->lock);
	return layer;
}

/* Waits for a layer that is here; NULL: there will be no more. */
static struct layer *next_to_unpack(struct work *work)
{
	struct layer *layer = NULL;

	(void)pthread_mutex_lock(&work->lock);
	while (!work->failed) {
		layer = find_in_state(work, LAYER_FETCHED);
		if (layer || work->unfetched == 0)
			break;
		(void)pthread_cond_wait(&work->changed, &work->lock);
	}
	if (work->failed)
		layer = NULL;
	if (layer)
		layer->state = LAYER_UNPACKING;
	(void)pthread_mutex_unlock(&work->lock);
	return layer;
}

static void set_state(struct work *work, struct layer *layer, enum layer_state state)
{
	(void)pthread_mutex_lock(&work->lock);
	layer->state = state;
	work->unfetched -= state == LAYER_FETCHED;
	(void)pthread_cond_broadcast(&work->changed);
	(void)pthread_mutex_unlock(&work->lock);
}

struct telling {
	struct work *work;
	const struct layer *layer;
};

static void tell_bytes(uint64_t done, unsigned wait_seconds, void *data)
{
	const struct telling *t = data;
	char what[64];

	if (wait_seconds) {
		(void)snprintf(what, sizeof(what), "Retrying in %u second%s", wait_seconds,
			       wait_seconds == 1 ? "" : "s");
		tell(t->layer->id, what, 0, 0, t->work);
		return;
	}
	tell(t->layer->id, "Downloading", done, t->layer->blob->size, t->work);
}

static int fetch_layer(struct work *work, struct image_store *store, struct http *http,
		       struct layer *layer, struct error *err)
{
	struct telling telling = { .work = work, .layer = layer };
	bool fetched = false;
	int r = fetch_blob(work->session, http, store, layer->blob, tell_bytes, &telling, &fetched,
			   err);

	if (r < 0)
		return error_wrap(err, r, "layer %s", layer->id);
	layer->was_there = !fetched;
	if (fetched)
		tell(layer->id, "Download complete", 0, 0, work);
	return 0;
}

static void *fetcher(void *data)
{
	struct work *work = data;
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_image_store_ struct image_store *store = NULL;
	_cleanup_http_ struct http *http = NULL;
	struct layer *layer;
	int r = image_store_open(work->root, &store, &error);

	if (r == 0)
		r = session_http(work->session, &http, &error);
	while (r == 0 && (layer = next_to_fetch(work))) {
		r = fetch_layer(work, store, http, layer, &error);
		if (r == 0)
			set_state(work, layer, LAYER_FETCHED);
	}
	if (r < 0)
		fail(work, &error);
	return NULL;
}

static void *unpacker(void *data)
{
	struct work *work = data;
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_image_store_ struct image_store *store = NULL;
	struct layer *layer = NULL;
	int r = image_store_open(work->root, &store, &error);

	while (r == 0 && (layer = next_to_unpack(work))) {
		r = image_unpack_layer(store, layer->blob, layer->diff_id, &work->progress,
				       layer->id, &error);
		if (r < 0)
			break;
		set_state(work, layer, LAYER_DONE);
		tell(layer->id, layer->was_there ? "Already exists" : "Pull complete", 0, 0, work);
	}
	if (r < 0)
		fail(work, &error);
	return NULL;
}

static bool same_layer(const struct layer *a, const struct layer *b)
{
	return strcmp(a->blob->digest, b->blob->digest) == 0 && strcmp(a->diff_id, b->diff_id) == 0;
}

/* The same layer may be in an image several times; its work is done once. */
static int list_layers(struct work *work, struct error *err)
{
	const struct image_manifest *manifest = work->wish->manifest;

	work->layers = calloc(manifest->layers_len + 1, sizeof(*work->layers));
	if (!work->layers)
		return error_oom(err);
	for (size_t i = 0; i < manifest->layers_len; i++) {
		struct layer *layer = &work->layers[work->len];
		const char *hex = strchr(manifest->layers[i].digest, ':');
		size_t before = 0;

		*layer = (struct layer){ .blob = &manifest->layers[i],
					 .diff_id = work->wish->diff_ids->items[i] };
		(void)snprintf(layer->id, sizeof(layer->id), "%s", hex ? hex + 1 : "");
		while (before < work->len && !same_layer(layer, &work->layers[before]))
			before++;
		if (before < work->len)
			continue;
		work->len++;
		tell(layer->id, "Pulling fs layer", 0, 0, work);
	}
	work->unfetched = work->len;
	return 0;
}

static void run_threads(struct work *work)
{
	const unsigned parallel = work->wish->parallel ? work->wish->parallel : 3;
	const int processors = get_nprocs();
	const size_t unpackers = processors < 2               ? 1
				 : processors > UNPACKERS_MAX ? UNPACKERS_MAX
							      : (size_t)processors;
	pthread_t threads[16 + UNPACKERS_MAX];
	size_t n = 0, started[2] = { 0, 0 };
	const size_t wanted[2] = { parallel > 16 ? 16 : parallel, unpackers };

	for (int kind = 0; kind < 2; kind++)
		for (size_t i = 0; i < wanted[kind] && i < work->len; i++)
			if (pthread_create(&threads[n], NULL, kind ? unpacker : fetcher, work) ==
			    0) {
				n++;
				started[kind]++;
			}
	/* Without threads of their own, here: slower, but whole. */
	if (!started[0] && work->len)
		(void)fetcher(work);
	if (!started[1] && work->len)
		(void)unpacker(work);
	for (size_t i = 0; i < n; i++)
		(void)pthread_join(threads[i], NULL);
}

int layers_fetch(struct session *session, struct image_store *store, const struct layers_wish *wish,
		 struct error *err)
{
	struct work work = {
		.session = session,
		.wish = wish,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER,
		.telling = PTHREAD_MUTEX_INITIALIZER,
	};
	int r;

	work.progress = (struct image_progress){ .step = tell, .data = &work };
	/* Without "/images". */
	work.root = strndup(store->path, strlen(store->path) - strlen("/images"));
	r = work.root ? list_layers(&work, err) : error_oom(err);
	if (r == 0) {
		run_threads(&work);
		if (work.failed) {
			r = work.error.code ? -work.error.code : -EIO;
			error_move(err, &work.error);
		}
	}
	free(work.layers);
	free(work.root);
	return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "image/manifest.h"

#include <string.h>

#include "base/json.h"
#include "image/reference.h"

#define ENTRIES_MAX 1024 /* of an index */

static const char *const config_types[] = {
	MEDIA_TYPE_CONFIG,
	"application/vnd.docker.container.image.v1+json",
};
static const char *const layer_types[] = {
	MEDIA_TYPE_LAYER,
	"application/vnd.oci.image.layer.nondistributable.v1.tar",
	"application/vnd.docker.image.rootfs.diff.tar",
	"application/vnd.docker.image.rootfs.foreign.diff.tar",
};
/* Docker's begin with a point. */
static const char *const compressions[] = { "", "+gzip", "+zstd", ".gzip", ".zstd" };

int image_descriptor_copy(const struct image_descriptor *from, struct image_descriptor *ret,
			  struct error *err)
{
	struct image_descriptor copy = {
		.media_type = strdup(from->media_type),
		.digest = strdup(from->digest),
		.size = from->size,
	};

	if (!copy.media_type || !copy.digest) {
		image_descriptor_done(&copy);
		return error_oom(err);
	}
	*ret = copy;
	return 0;
}

void image_descriptor_done(struct image_descriptor *descriptor)
{
	free(descriptor->media_type);
	free(descriptor->digest);
	*descriptor = (struct image_descriptor){ 0 };
}

bool image_media_type_is_index(const char *media_type)
{
	return strcmp(media_type, MEDIA_TYPE_INDEX) == 0 ||
	       strcmp(media_type, MEDIA_TYPE_DOCKER_LIST) == 0;
}

static bool is_layer(const char *media_type)
{
	for (size_t i = 0; i < ARRAY_SIZE(layer_types); i++) {
		size_t len = strlen(layer_types[i]);

		if (strncmp(media_type, layer_types[i], len) != 0)
			continue;
		for (size_t j = 0; j < ARRAY_SIZE(compressions); j++)
			if (strcmp(media_type + len, compressions[j]) == 0)
				return true;
	}
	return false;
}

static bool is_config(const char *media_type)
{
	for (size_t i = 0; i < ARRAY_SIZE(config_types); i++)
		if (strcmp(media_type, config_types[i]) == 0)
			return true;
	return false;
}

static int parse_descriptor(const struct json_at *at, struct arena *arena,
			    struct image_descriptor *ret, struct error *err)
{
	struct json_at type = json_member(at, "mediaType"), digest = json_member(at, "digest"),
		       size = json_member(at, "size");
	size_t n;
	int r = json_get_object(at, &n, err);

	if (r == 0)
		r = json_get_string(&type, arena, &ret->media_type, err);
	if (r == 0)
		r = json_get_string(&digest, arena, &ret->digest, err);
	if (r == 0)
		r = json_get_u64(&size, 0, INT64_MAX, &ret->size, err);
	if (r == 0 && !image_digest_valid(ret->digest))
		r = json_error(&digest, err, "no digest (sha256: and 64 hexadecimal digits)");
	return r;
}

static int not_an_image(const struct image_descriptor *what, const char *which, struct error *err)
{
	char buf[JSON_PRINTABLE_SIZE];

	return error_set(err, EPROTONOSUPPORT,
			 "manifest: %s has the media type %s: this is not a container's image",
			 which, json_printable(what->media_type, buf));
}

/* What the document calls itself, and that it is one thing only (CVE-2021-41190). */
static int check_kind(const struct json_at *root, const char *media_type, bool index,
		      struct arena *arena, struct error *err)
{
	struct json_at version = json_member(root, "schemaVersion"),
		       type = json_member(root, "mediaType"), layers = json_member(root, "layers"),
		       manifests = json_member(root, "manifests");
	char *said = NULL;
	uint64_t schema;
	size_t n;
	int r = json_get_object(root, &n, err);

	if (r == 0)
		r = json_get_u64(&version, 1, 2, &schema, err);
	if (r < 0)
		return r;
	if (schema == 1)
		return error_set(err, EPROTO,
				 "Docker Image Format v1 and Docker Image manifest version 2, "
				 "schema 1 are not supported. Ask the author of the image to "
				 "upgrade it to the OCI Format or Docker Image manifest v2, "
				 "schema 2");
	if (type.value)
		r = json_get_string(&type, arena, &said, err);
	if (r < 0)
		return r;
	if (said && media_type && strcmp(said, media_type) != 0)
		return json_error(&type, err, "is not what it was sent as");
	if (layers.value && manifests.value)
		return json_error(root, err, "is a manifest and an index");
	if (!said)
		said = (char *)media_type;
	if (said && image_media_type_is_index(said) != index)
		return json_error(root, err, index ? "is no index" : "is an index, no manifest");
	return 0;
}

static int parse_manifest(const struct json_at *root, const char *media_type,
			  struct image_manifest *manifest, struct error *err)
{
	struct json_at config = json_member(root, "config"), layers = json_member(root, "layers");
	int r = check_kind(root, media_type, false, &manifest->arena, err);

	if (r == 0)
		r = parse_descriptor(&config, &manifest->arena, &manifest->config, err);
	if (r == 0)
		r = json_get_array(&layers, IMAGE_LAYERS_MAX, &manifest->layers_len, err);
	if (r < 0)
		return r;
	if (!is_config(manifest->config.media_type))
		return not_an_image(&manifest->config, "the configuration", err);
	if (manifest->config.size > IMAGE_DOCUMENT_MAX)
		return json_error(&config, err, "longer than %zu bytes", IMAGE_DOCUMENT_MAX);
	manifest->layers =
		arena_array(&manifest->arena, struct image_descriptor, manifest->layers_len + 1);
	if (!manifest->layers)
		return error_oom(err);
	for (size_t i = 0; i < manifest->layers_len; i++) {
		struct json_at layer = json_element(&layers, i);

		r = parse_descriptor(&layer, &manifest->arena, &manifest->layers[i], err);
		if (r < 0)
			return r;
		if (!is_layer(manifest->layers[i].media_type))
			return not_an_image(&manifest->layers[i], "a layer", err);
	}
	manifest->docker = strcmp(manifest->config.media_type, MEDIA_TYPE_CONFIG) != 0;
	return 0;
}

int image_manifest_parse(const char *text, size_t len, const char *media_type,
			 struct image_manifest *ret, struct error *err)
{
	_cleanup_image_manifest_ struct image_manifest manifest = { 0 };
	_cleanup_json_doc_ struct json_doc doc = { 0 };
	struct json_at root;
	int r = json_doc_parse(text, len, &doc, err);

	if (r < 0)
		return error_wrap(err, r, "manifest");
	root = json_root(&doc, "manifest");
	r = parse_manifest(&root, media_type, &manifest, err);
	if (r < 0)
		return r;
	*ret = manifest;
	manifest = (struct image_manifest){ 0 };
	return 0;
}

void image_manifest_done(struct image_manifest *manifest)
{
	arena_done(&manifest->arena);
	*manifest = (struct image_manifest){ 0 };
}

struct candidate {
	struct image_descriptor descriptor;
	struct image_platform platform;
	bool says_platform, left_out;
};

static int optional_part(const struct json_at *object, const char *key, struct arena *arena,
			 const char **ret, struct error *err)
{
	struct json_at at = json_member(object, key);
	char *text = NULL;
	int r;

	*ret = "";
	if (!at.value)
		return 0;
	r = json_get_string(&at, arena, &text, err);
	if (r < 0)
		return r;
	if (strlen(text) >= sizeof(((struct image_platform *)0)->os))
		return json_error(&at, err, "too long");
	*ret = text;
	return 0;
}

static int parse_candidate(const struct json_at *at, struct arena *arena, struct candidate *ret,
			   struct error *err)
{
	struct json_at platform = json_member(at, "platform"),
		       annotations = json_member(at, "annotations"),
		       type = json_member(&annotations, "vnd.docker.reference.type");
	const char *os = "", *architecture = "", *variant = "";
	struct image_platform *to = &ret->platform;
	int r = parse_descriptor(at, arena, &ret->descriptor, err);

	if (r < 0)
		return r;
	ret->left_out = type.value != NULL;
	if (!platform.value)
		return 0;
	r = optional_part(&platform, "os", arena, &os, err);
	if (r == 0)
		r = optional_part(&platform, "architecture", arena, &architecture, err);
	if (r == 0)
		r = optional_part(&platform, "variant", arena, &variant, err);
	if (r < 0)
		return r;
	ret->says_platform = true;
	(void)snprintf(to->os, sizeof(to->os), "%s", os);
	(void)snprintf(to->architecture, sizeof(to->architecture), "%s", architecture);
	(void)snprintf(to->variant, sizeof(to->variant), "%s", variant);
	ret->left_out |= !*os || !*architecture || strcmp(os, "unknown") == 0;
	return 0;
}

static int none_fits(const struct image_platform *wanted, const struct candidate *candidates,
		     size_t len, struct error *err)
{
	_cleanup_free_ char *there = NULL;
	char buf[JSON_PRINTABLE_SIZE];
	size_t size;
	FILE *out = open_memstream(&there, &size);

	if (!out)
		return error_oom(err);
	for (size_t i = 0, n = 0; i < len; i++) {
		const struct image_platform *p = &candidates[i].platform;
		char text[ARRAY_SIZE(p->os) * 3 + 2];

		if (candidates[i].left_out || !candidates[i].says_platform)
			continue;
		(void)snprintf(text, sizeof(text), "%s/%s%s%s", p->os, p->architecture,
			       *p->variant ? "/" : "", p->variant);
		(void)fprintf(out, "%s%s", n++ ? ", " : "", json_printable(text, buf));
	}
	if (fclose(out) != 0)
		return error_oom(err);
	return error_set(err, ENOENT,
			 "no matching manifest for %s/%s%s%s in the manifest list entries (there "
			 "are: %s)",
			 wanted->os, wanted->architecture, *wanted->variant ? "/" : "",
			 wanted->variant, *there ? there : "none");
}

/* The one for the newest machine that still runs here: a is better than b. */
static bool is_better(const struct candidate *a, const struct candidate *b)
{
	if (a->says_platform != b->says_platform)
		return a->says_platform;
	return a->says_platform && image_platform_match(&a->platform, &b->platform) &&
	       !image_platform_match(&b->platform, &a->platform);
}

static int choose(const struct json_at *root, const struct image_platform *wanted,
		  struct arena *arena, struct image_descriptor *ret, struct error *err)
{
	struct json_at manifests = json_member(root, "manifests");
	const struct candidate *best = NULL;
	struct candidate *candidates;
	size_t len;
	int r = check_kind(root, NULL, true, arena, err);

	if (r == 0)
		r = json_get_array(&manifests, ENTRIES_MAX, &len, err);
	if (r < 0)
		return r;
	candidates = arena_array(arena, struct candidate, len + 1);
	if (!candidates)
		return error_oom(err);
	for (size_t i = 0; i < len; i++) {
		struct json_at at = json_element(&manifests, i);
		struct candidate *candidate = &candidates[i];

		r = parse_candidate(&at, arena, candidate, err);
		if (r < 0)
			return r;
		if (candidate->left_out || (candidate->says_platform &&
					    !image_platform_match(wanted, &candidate->platform)))
			continue;
		if (!best || is_better(candidate, best))
			best = candidate;
	}
	if (!best)
		return none_fits(wanted, candidates, len, err);
	return image_descriptor_copy(&best->descriptor, ret, err);
}

int image_index_choose(const char *text, size_t len, const struct image_platform *platform,
		       struct image_descriptor *ret, struct error *err)
{
	const struct image_platform host = image_platform_host();
	_cleanup_json_doc_ struct json_doc doc = { 0 };
	_cleanup_arena_ struct arena arena = { 0 };
	struct json_at root;
	int r = json_doc_parse(text, len, &doc, err);

	if (r < 0)
		return error_wrap(err, r, "index");
	root = json_root(&doc, "index");
	return choose(&root, platform ? platform : &host, &arena, ret, err);
}

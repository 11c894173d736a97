/* SPDX-License-Identifier: Apache-2.0 */
/* docker's inspect of an image. */
#include <string.h>

#include "base/json_tree.h"
#include "hcs/view.h"
#include "image/reference.h"

#define CONFIG_MAX ((size_t)16 * 1024 * 1024)

/* As docker writes names: without docker.io/library/. */
static json_t *familiar_list(char *const *names, size_t len)
{
	json_t *list = json_array();

	for (size_t i = 0; i < len && list; i++) {
		_cleanup_image_reference_ struct image_reference ref = IMAGE_REFERENCE_INIT;
		_cleanup_error_ struct error ignored = ERROR_INIT;
		_cleanup_free_ char *familiar = NULL;

		if (image_reference_parse(names[i], &ref, &ignored) == 0) {
			/* The parser's tag beside a digest was not written. */
			if (ref.digest) {
				free(ref.tag);
				ref.tag = NULL;
			}
			familiar = image_reference_familiar(&ref);
		}
		if (json_array_append_new(list, json_string(familiar ? familiar : names[i])) < 0) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}

json_t *view_image(struct image_store *store, const struct image *image, struct error *err)
{
	const struct image_config *config = &image->config;
	_cleanup_free_ char *text = NULL;
	struct view view;
	json_t *own = NULL, *inner;
	size_t len;
	int r = image_store_blob(store, image->id, CONFIG_MAX, &text, &len, err);

	if (r == 0)
		r = json_tree_parse(text, len, &own, err);
	if (r < 0)
		return NULL;
	inner = json_object_get(own, "config");
	view = view_new();
	view_text(&view, "Id", image->id);
	view_json(&view, "RepoTags", familiar_list(image->names, image->names_len));
	view_json(&view, "RepoDigests",
		  familiar_list(image->repo_digests, image->repo_digests_len));
	view_text(&view, "Parent", "");
	view_text(&view, "Comment",
		  config->history_len ? config->history[config->history_len - 1].comment : NULL);
	view_text(&view, "Created", config->created);
	view_text(&view, "Author", config->author);
	view_json(&view, "Config", inner ? json_incref(inner) : json_object());
	view_text(&view, "Architecture", config->platform.architecture);
	if (*config->platform.variant)
		view_text(&view, "Variant", config->platform.variant);
	view_text(&view, "Os", config->platform.os);
	view_number(&view, "Size", (int64_t)image->size);
	view_number(&view, "VirtualSize", (int64_t)image->size);
	view_json(
		&view, "RootFS",
		json_pack("{s:s, s:o*}", "Type", "layers", "Layers", view_list(&config->diff_ids)));
	view_json(&view, "Descriptor",
		  json_pack("{s:s, s:s, s:I}", "mediaType", image->target.media_type, "digest",
			    image->target.digest, "size", (json_int_t)image->target.size));
	json_decref(own);
	if (view.failed) {
		json_decref(view.json);
		(void)error_oom(err);
		return NULL;
	}
	return view.json;
}

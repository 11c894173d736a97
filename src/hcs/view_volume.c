/* SPDX-License-Identifier: Apache-2.0 */
/* docker's inspect of a volume. */
#include <sys/stat.h>

#include "base/timestamp.h"
#include "hcs/view.h"
#include "service/volume_spec.h"

json_t *view_volume(const struct service *service, const char *name, struct error *err)
{
	struct view view;
	_cleanup_free_ char *path = NULL;
	char created[TIMESTAMP_SIZE];
	struct stat st;

	if (asprintf(&path, "%s/volumes/%s", service->root, name) < 0) {
		path = NULL;
		(void)error_oom(err);
		return NULL;
	}
	if (!volume_name_valid(name) || lstat(path, &st) < 0 || !S_ISDIR(st.st_mode)) {
		(void)error_set(err, ENOENT, "no such volume: %s", name);
		return NULL;
	}
	view = view_new();
	view_text(&view, "CreatedAt",
		  timestamp_text((int64_t)st.st_ctim.tv_sec * 1000000000, created));
	view_text(&view, "Driver", "local");
	view_json(&view, "Labels", json_object());
	view_format(&view, "Mountpoint", "%s/_data", path);
	view_text(&view, "Name", name);
	view_json(&view, "Options", json_object());
	view_text(&view, "Scope", "local");
	if (view.failed) {
		json_decref(view.json);
		(void)error_oom(err);
		return NULL;
	}
	return view.json;
}

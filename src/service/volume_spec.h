/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* How volumes are written: -v, --mount and --tmpfs, and back. */
#include "service/container_config.h"

/* "[SOURCE:]DESTINATION[:OPTIONS]" of -v; a source that begins with a dot is below cwd (NULL: none of
 * that kind is taken). Memory from arena. -EINVAL in docker's words. */
int volume_parse_short(const char *text, const char *cwd, struct arena *arena,
		       struct container_volume *ret, struct error *err);
/* "type=bind,source=…,target=…" of --mount. */
int volume_parse_long(const char *text, struct arena *arena, struct container_volume *ret,
		      struct error *err);
/* "DESTINATION[:OPTIONS]" of --tmpfs. */
int volume_parse_tmpfs(const char *text, struct arena *arena, struct container_volume *ret,
		       struct error *err);
/* What volume_parse_short reads as volume again; a volume of -v, or of an image. */
char *volume_format_short(const struct container_volume *volume, struct arena *arena);
/* One option of -v's third part, or of a mount: "ro", "rslave", "nocopy", … */
int volume_set_option(struct container_volume *volume, const char *option, struct arena *arena,
		      struct error *err);
/* Names of volumes: [a-zA-Z0-9][a-zA-Z0-9_.-]+ */
bool volume_name_valid(const char *name);
/* An absolute path, cleaned, that is not the root. */
int volume_set_destination(struct container_volume *volume, const char *path, const char *text,
			   struct arena *arena, struct error *err);

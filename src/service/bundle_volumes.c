/* SPDX-License-Identifier: Apache-2.0 */
/* The user's mounts: directories of the host, volumes, tmpfs. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/path.h"
#include "service/bundle_parts.h"
#include "service/lists.h"
#include "service/volumes.h"

/* docker makes a directory of the host that is not there, when -v names it. */
static int prepare_bind(const struct container_volume *volume, struct error *err)
{
	_cleanup_close_ int root = -1, made = -1;
	struct stat st;

	if (stat(volume->source, &st) == 0)
		return 0;
	if (errno != ENOENT)
		return error_sys(err, errno, "bind source %s", volume->source);
	if (!volume->create_source)
		return error_set(
			err, ENOENT,
			"invalid mount config for type \"bind\": bind source path does not "
			"exist: %s",
			volume->source);
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	made = root < 0 ? error_sys(err, errno, "open /")
			: path_mkdirs(root, volume->source, 0755, err);
	return made < 0 ? error_wrap(err, made, "make bind source %s", volume->source) : 0;
}

static int mount_bind(struct bundle *bundle, const struct container_volume *volume,
		      const char *source, struct error *err)
{
	const bool alone = strv_has(&volume->options, "bind");
	const bool top_only = strv_has(&volume->options, "ro");
	const char *options[5] = { alone ? "bind" : "rbind" };
	size_t n = 1;

	if (volume->propagation)
		options[n++] = volume->propagation;
	else
		options[n++] = "rprivate";
	/* With what is mounted below it, which would else be a way to write. */
	if (volume->readonly)
		options[n++] = top_only || alone ? "ro" : "rro";
	return bundle_mount(bundle, volume->destination, "bind", source, options, err);
}

static int mount_tmpfs(struct bundle *bundle, const struct container_volume *volume,
		       struct error *err)
{
	static char *const usual[] = { (char *)"nosuid", (char *)"nodev", (char *)"noexec" };
	struct strv options = { 0 };
	int r = strv_append(&bundle->arena, &options, usual, ARRAY_SIZE(usual), err);

	if (r == 0)
		r = strv_append(&bundle->arena, &options, volume->options.items,
				volume->options.len, err);
	if (r == 0 && volume->readonly && !strv_has(&options, "ro"))
		r = strv_add(&bundle->arena, &options, "ro", err);
	if (r < 0)
		return r;
	return bundle_mount(bundle, volume->destination, "tmpfs", "tmpfs",
			    (const char *const *)options.items, err);
}

static int mount_named(struct bundle *bundle, const struct container_volume *volume,
		       struct error *err)
{
	char *source;
	int r = volume_prepare(bundle->service, volume, bundle->record, bundle->layers,
			       &bundle->arena, &source, err);

	return r < 0 ? error_wrap(err, r, "volume %s", volume->source)
		     : mount_bind(bundle, volume, source, err);
}

static size_t depth(const char *path)
{
	size_t n = 0;

	for (; *path; path++)
		n += *path == '/';
	return n;
}

/* A mount must not cover one that was made below it before. */
static int by_depth(const void *a, const void *b)
{
	const struct container_volume *const *va = a, *const *vb = b;
	const size_t da = depth((*va)->destination), db = depth((*vb)->destination);

	return da != db ? (da > db ? 1 : -1) : strcmp((*va)->destination, (*vb)->destination);
}

int bundle_volumes(struct bundle *bundle, struct error *err)
{
	const struct container_config *c = bundle->config;
	const struct container_volume **sorted =
		arena_array(&bundle->arena, const struct container_volume *, c->volumes_len + 1);
	int r = 0;

	if (!sorted)
		return error_oom(err);
	for (size_t i = 0; i < c->volumes_len; i++)
		sorted[i] = &c->volumes[i];
	qsort(sorted, c->volumes_len, sizeof(*sorted), by_depth);
	for (size_t i = 0; r == 0 && i < c->volumes_len; i++) {
		const struct container_volume *volume = sorted[i];

		switch (volume->kind) {
		case VOLUME_BIND:
			r = prepare_bind(volume, err);
			if (r == 0)
				r = mount_bind(bundle, volume, volume->source, err);
			break;
		case VOLUME_NAMED:
			r = mount_named(bundle, volume, err);
			break;
		case VOLUME_TMPFS:
			r = mount_tmpfs(bundle, volume, err);
			break;
		}
	}
	return r;
}

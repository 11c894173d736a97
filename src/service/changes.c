/* SPDX-License-Identifier: Apache-2.0 */
#include "service/changes.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "archive/list.h"
#include "base/child_task.h"
#include "base/fd.h"
#include "base/path.h"
#include "image/store.h"
#include "service/files.h"

#define CONFIG_MAX ((size_t)16 * 1024 * 1024)
#define CHANGES_MAX ((size_t)1000 * 1000)
#define CHANGES_BYTES_MAX                                                                          \
	((size_t)256 * 1024 * 1024) /* of their paths: a guest's are as long as it likes */

struct listing {
	struct service_files *files;
	int *layers; /* topmost first */
	size_t layers_len;
	char **mounts; /* where something is mounted, owned */
	size_t mounts_len;
	struct change *changes;
	size_t len, room, bytes;
};

void changes_free(struct change *changes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		free(changes[i].path);
	free(changes);
}

static void listing_done(struct listing *l)
{
	for (size_t i = 0; i < l->layers_len; i++)
		(void)close_fd(l->layers[i]);
	free(l->layers);
	for (size_t i = 0; i < l->mounts_len; i++)
		free(l->mounts[i]);
	free(l->mounts);
	changes_free(l->changes, l->len);
}

static int open_layers(struct listing *l, struct error *err)
{
	const struct record *record = &l->files->record;
	_cleanup_image_store_ struct image_store *images = NULL;
	_cleanup_image_ struct image image = { 0 };
	char **folders = NULL;
	size_t len = 0;
	int r;

	r = service_images(l->files->service, &images, err);
	if (r == 0)
		r = image_store_find(images, record->image_id, NULL, &image, err);
	if (r == 0)
		r = image_store_folders(images, &image, &folders, &len, err);
	if (r < 0)
		return r;
	l->layers = calloc(len + 1, sizeof(*l->layers));
	for (size_t i = 0; i < len; i++) {
		int fd = l->layers && r == 0 ? open(folders[i], O_PATH | O_DIRECTORY | O_CLOEXEC)
					     : -1;

		if (fd < 0 && r == 0)
			r = error_sys(err, l->layers ? errno : ENOMEM, "%s", folders[i]);
		if (fd >= 0)
			l->layers[l->layers_len++] = fd;
		free(folders[i]);
	}
	free(folders);
	return r;
}

/* A whiteout, as overlayfs has it: hides what layers below have. */
static bool is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == 0;
}

/* Did the image have path? A directory of it that hides those below is rare, and then the answer is that it
 * was there: no more than a letter depends on it. */
static bool in_image(const struct listing *l, const char *path)
{
	struct stat st;

	for (size_t i = 0; i < l->layers_len; i++) {
		_cleanup_close_ int fd = path_open(l->layers[i], path, O_PATH | O_NOFOLLOW);

		if (fd >= 0 && fstat(fd, &st) == 0)
			return !is_whiteout(&st);
	}
	return false;
}

static int add(struct listing *l, const char *path, enum change_kind kind, struct error *err)
{
	l->bytes += strlen(path) + 1;
	if (l->len == CHANGES_MAX || l->bytes > CHANGES_BYTES_MAX)
		return error_set(err, E2BIG, "more than %zu changes, or %zu bytes of their names",
				 CHANGES_MAX, CHANGES_BYTES_MAX);
	if (l->len == l->room) {
		size_t room = l->room ? 2 * l->room : 64;
		struct change *changes = reallocarray(l->changes, room, sizeof(*changes));

		if (!changes)
			return error_oom(err);
		l->changes = changes;
		l->room = room;
	}
	l->changes[l->len].path = strdup(path);
	l->changes[l->len].kind = kind;
	return l->changes[l->len++].path ? 0 : error_oom(err);
}

static int take(const struct archive_listed *listed, void *data, struct error *err)
{
	struct listing *l = data;

	if (strcmp(listed->path, "/") == 0 || listed->opaque)
		return 0;
	if (listed->whiteout)
		return add(l, listed->path, CHANGE_DELETED, err);
	if (in_image(l, listed->path))
		return add(l, listed->path, CHANGE_MODIFIED, err);
	return add(l, listed->path, CHANGE_ADDED, err);
}

/* A directory, what is below it, and then what only begins with its name. */
static int by_path(const void *a, const void *b)
{
	const char *x = ((const struct change *)a)->path, *y = ((const struct change *)b)->path;

	while (*x && *x == *y) {
		x++;
		y++;
	}
	return (*x == '/' ? 1 : (unsigned char)*x) - (*y == '/' ? 1 : (unsigned char)*y);
}

/* The stored configuration names every place, those that are ours too. */
static int find_mounts(struct listing *l, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	size_t len, n;
	json_t *config, *mounts;
	int r;

	r = file_read(l->files->record.dir_fd, "bundle/config.json", CONFIG_MAX, &text, &len);
	if (r == -ENOENT)
		return 0; /* it was never started */
	if (r < 0)
		return error_sys(err, -r, "%s/bundle/config.json", l->files->record.path);
	config = json_loadb(text, len, 0, NULL);
	mounts = json_object_get(config, "mounts");
	n = json_array_size(mounts);
	l->mounts = calloc(n + 1, sizeof(*l->mounts));
	for (size_t i = 0; l->mounts && i < n; i++) {
		const char *to = json_string_value(
			json_object_get(json_array_get(mounts, i), "destination"));

		l->mounts[l->mounts_len] = to ? path_clean(to) : NULL;
		if (l->mounts[l->mounts_len])
			l->mounts_len++;
	}
	json_decref(config);
	return l->mounts ? 0 : error_oom(err);
}

struct packing {
	struct service_files *files;
	const char *const *exclude; /* made by us, for something to be mounted on it */
	int fd;
};

static int pack(void *data, struct error *err)
{
	const struct packing *packing = data;
	const struct container_files what = { .kind = CONTAINER_FILES_CHANGES,
					      .exclude = packing->exclude,
					      .fd = packing->fd };

	return service_files(packing->files, &what, err);
}

/* Packed by a process of its own; the list is read here. */
static int read_changes(struct listing *l, struct error *err)
{
	_cleanup_error_ struct error pack_err = ERROR_INIT, list_err = ERROR_INIT;
	struct packing packing = { .files = l->files, .exclude = (const char *const *)l->mounts };
	struct child_task task = CHILD_TASK_INIT;
	int pipes[2], listed, packed, r;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return error_sys(err, errno, "pipe");
	packing.fd = pipes[1];
	r = child_task_start(&task, pack, &packing, pipes[0], err);
	(void)close(pipes[1]);
	if (r < 0) {
		(void)close(pipes[0]);
		return r;
	}
	listed = archive_list(pipes[0], take, l, &list_err);
	(void)close(pipes[0]);
	packed = child_task_end(&task, &pack_err);
	/* Whoever broke first has the cause. */
	if (packed < 0 && packed != -EPIPE) {
		error_move(err, &pack_err);
		return packed;
	}
	if (listed < 0)
		error_move(err, &list_err);
	return listed;
}

/* Directories that are said to be changed only because something was made in them for a mount. */
static void drop_parents_of_mounts(struct listing *l)
{
	for (size_t i = l->len; i-- > 0;) {
		struct change *c = &l->changes[i];
		const size_t len = strlen(c->path);
		bool mounted = false, other;

		if (c->kind != CHANGE_MODIFIED)
			continue;
		for (size_t m = 0; m < l->mounts_len && !mounted; m++)
			mounted = strncmp(l->mounts[m], c->path, len) == 0 &&
				  l->mounts[m][len] == '/';
		other = i + 1 < l->len && strncmp(l->changes[i + 1].path, c->path, len) == 0 &&
			l->changes[i + 1].path[len] == '/';
		if (!mounted || other)
			continue;
		free(c->path);
		memmove(c, c + 1, (l->len - i - 1) * sizeof(*c));
		l->len--;
	}
}

int service_changes(const struct service *service, const char *name, struct change **ret,
		    size_t *ret_len, struct error *err)
{
	_cleanup_service_files_ struct service_files files = SERVICE_FILES_INIT;
	struct listing l = { .files = &files };
	int r;

	r = service_files_open(service, name, &files, err);
	if (r == 0)
		r = open_layers(&l, err);
	if (r == 0)
		r = find_mounts(&l, err);
	if (r == 0)
		r = read_changes(&l, err);
	if (r == 0) {
		if (l.len > 0)
			qsort(l.changes, l.len, sizeof(*l.changes), by_path);
		drop_parents_of_mounts(&l);
		*ret = TAKE_PTR(l.changes);
		*ret_len = l.len;
		l.len = 0;
	}
	listing_done(&l);
	return r;
}

int service_changes_layer(const struct service *service, const char *name, int fd,
			  struct error *err)
{
	_cleanup_service_files_ struct service_files files = SERVICE_FILES_INIT;
	_cleanup_(listing_done) struct listing l = { .files = &files };
	struct packing packing = { .files = &files, .fd = fd };
	int r = service_files_open(service, name, &files, err);

	if (r == 0)
		r = find_mounts(&l, err);
	packing.exclude = (const char *const *)l.mounts;
	return r < 0 ? r : pack(&packing, err);
}

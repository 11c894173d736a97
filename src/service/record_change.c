/* SPDX-License-Identifier: Apache-2.0 */
/* Making, renaming and removing records: what any instant of it leaves is put in order by the next. */
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/remove.h"
#include "base/timestamp.h"
#include "service/names.h"
#include "service/reconcile.h"
#include "service/record_store.h"

#define INVENTED_MAX 1000

/* Shared by those that make: what lies about half made is then somebody's. Exclusive for those that take
 * a dangling name, or sweep. */
static int lock_names(const struct service *service, int operation, struct error *err)
{
	_cleanup_close_ int fd = openat(service->root_fd, RECORD_NAMES_LOCK,
					O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r = fd < 0 ? -errno : record_flock(fd, operation);

	return r < 0 ? error_sys(err, -r, "lock %s/" RECORD_NAMES_LOCK, service->root)
		     : TAKE_FD(fd);
}

static void name_path(char *path, size_t size, const char *name)
{
	(void)snprintf(path, size, RECORD_NAMES "/%.*s", NAME_MAX_LEN, name);
}

/* The id that has the name; "" when nobody has it, or a container that is not there. */
static void owner_of(const struct service *service, const char *name, char id[RECORD_ID_LEN + 1])
{
	char path[sizeof(RECORD_NAMES) + NAME_MAX_LEN + 2];
	char dir[sizeof(RECORD_CONTAINERS) + RECORD_ID_LEN + 2];
	ssize_t n;

	name_path(path, sizeof(path), name);
	n = readlinkat(service->root_fd, path, id, RECORD_ID_LEN);
	id[n > 0 ? n : 0] = '\0';
	(void)snprintf(dir, sizeof(dir), RECORD_CONTAINERS "/%s", id);
	if (n <= 0 || faccessat(service->root_fd, dir, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		id[0] = '\0';
}

/* 0; -EEXIST with err set. names_lock is held shared, and exclusively on return where that was needed. */
static int take_name(const struct service *service, int names_lock, const char *name,
		     const char *id, struct error *err)
{
	char path[sizeof(RECORD_NAMES) + NAME_MAX_LEN + 2], owner[RECORD_ID_LEN + 1];
	int r;

	name_path(path, sizeof(path), name);
	if (symlinkat(id, service->root_fd, path) == 0)
		return 0;
	if (errno != EEXIST)
		return error_sys(err, errno, "make %s/%s", service->root, path);
	owner_of(service, name, owner);
	if (!*owner) {
		/* Of a command that was killed, or one that has its directory in a moment. */
		r = record_flock(names_lock, LOCK_EX);
		if (r < 0)
			return error_sys(err, -r, "lock " RECORD_NAMES_LOCK);
		owner_of(service, name, owner);
	}
	if (*owner)
		return error_set(err, EEXIST,
				 "Conflict. The container name \"/%s\" is already in use by "
				 "container \"%s\". You have to remove (or rename) that container "
				 "to be able to reuse that name.",
				 name, owner);
	if (unlinkat(service->root_fd, path, 0) < 0 && errno != ENOENT)
		return error_sys(err, errno, "remove %s/%s", service->root, path);
	if (symlinkat(id, service->root_fd, path) < 0)
		return error_sys(err, errno, "make %s/%s", service->root, path);
	return 0;
}

static void give_name_back(const struct service *service, const char *name, const char *id)
{
	char path[sizeof(RECORD_NAMES) + NAME_MAX_LEN + 2], owner[RECORD_ID_LEN + 1];
	ssize_t n;

	name_path(path, sizeof(path), name);
	n = readlinkat(service->root_fd, path, owner, RECORD_ID_LEN);
	if (n == RECORD_ID_LEN && memcmp(owner, id, RECORD_ID_LEN) == 0)
		(void)unlinkat(service->root_fd, path, 0);
}

static int invent_name(const struct service *service, int names_lock, struct record *record,
		       struct error *err)
{
	for (unsigned i = 0; i < INVENTED_MAX; i++) {
		_cleanup_free_ char *name = name_invent(i);
		int r;

		if (!name)
			return error_oom(err);
		error_done(err);
		r = take_name(service, names_lock, name, record->id, err);
		if (r == 0)
			record->name = TAKE_PTR(name);
		if (r != -EEXIST)
			return r;
	}
	return error_set(err, EEXIST, "cannot find a name that is free: give one with --name");
}

/* The directory under its first name, locked. */
static int make_dir(const struct service *service, const char *path, struct record *record,
		    struct error *err)
{
	if (mkdirat(service->root_fd, path, 0700) < 0)
		return error_sys(err, errno, "make %s/%s", service->root, path);
	record->dir_fd =
		openat(service->root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (record->dir_fd < 0)
		return error_sys(err, errno, "open %s/%s", service->root, path);
	record->lock_fd =
		openat(record->dir_fd, RECORD_LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (record->lock_fd < 0 || record_flock(record->lock_fd, LOCK_EX) < 0)
		return error_sys(err, errno, "lock %s/%s", service->root, path);
	return 0;
}

static int make_named(const struct service *service, int names_lock, const char *name,
		      const char *path, struct record *record, struct error *err)
{
	char final[sizeof(RECORD_CONTAINERS) + RECORD_ID_LEN + 2];
	int r = 0;

	if (name) {
		record->name = strdup(name);
		r = record->name ? take_name(service, names_lock, name, record->id, err)
				 : error_oom(err);
	} else {
		r = invent_name(service, names_lock, record, err);
	}
	if (r == 0)
		r = record_write_config(record, !record->config.auto_remove, err);
	(void)snprintf(final, sizeof(final), RECORD_CONTAINERS "/%s", record->id);
	if (r == 0 && renameat(service->root_fd, path, service->root_fd, final) < 0)
		r = error_sys(err, errno, "make %s/%s", service->root, final);
	return r;
}

int record_make(const struct service *service, const char *name, struct container_config *config,
		const char *image_id, struct record *ret, struct error *err)
{
	char path[sizeof(RECORD_CONTAINERS) + sizeof(RECORD_NEW) + RECORD_ID_LEN + 2];
	_cleanup_record_ struct record record = RECORD_INIT;
	char id[RECORD_ID_LEN + 1], now[TIMESTAMP_SIZE];
	_cleanup_close_ int names_lock = -1;
	int r;

	if (name && *name == '/')
		name++;
	r = name ? name_check(name, err) : 0;
	if (r < 0)
		return r;
	random_hex(id, RECORD_ID_LEN / 2);
	r = record_name_paths(service, id, &record, err);
	if (r < 0)
		return r;
	record.created = strdup(timestamp_now(now));
	record.image_id = strdup(image_id);
	if (!record.created || !record.image_id)
		return error_oom(err);
	names_lock = lock_names(service, LOCK_SH, err);
	if (names_lock < 0)
		return names_lock;
	(void)snprintf(path, sizeof(path), RECORD_CONTAINERS "/" RECORD_NEW "%s", id);
	record.config = container_config_take(config);
	r = make_dir(service, path, &record, err);
	if (r == 0)
		r = make_named(service, names_lock, name, path, &record, err);
	if (r < 0) {
		if (record.name)
			give_name_back(service, record.name, id);
		(void)remove_tree(service->root_fd, path);
		return r;
	}
	names_lock = close_fd(names_lock);
	record_sweep(service);
	*ret = record;
	record = RECORD_INIT;
	return 0;
}

int record_rename(const struct service *service, struct record *record, const char *name,
		  struct error *err)
{
	_cleanup_free_ char *old = NULL, *copy = NULL;
	_cleanup_close_ int names_lock = -1;
	int r;

	if (*name == '/')
		name++;
	r = name_check(name, err);
	if (r < 0)
		return r;
	if (strcmp(name, record->name) == 0)
		return error_set(err, EINVAL,
				 "Renaming a container with the same name as its current name");
	copy = strdup(name);
	if (!copy)
		return error_oom(err);
	names_lock = lock_names(service, LOCK_SH, err);
	if (names_lock < 0)
		return names_lock;
	r = take_name(service, names_lock, name, record->id, err);
	if (r < 0)
		return r;
	old = record->name;
	record->name = TAKE_PTR(copy);
	r = record_store_config(service, record, err);
	if (r < 0) {
		give_name_back(service, name, record->id);
		free(record->name);
		record->name = TAKE_PTR(old);
		return r;
	}
	/* Killed before this, both names lead to it, and go with it. */
	give_name_back(service, old, record->id);
	return 0;
}

/* Every name that leads to id: a rename that was killed leaves two. */
static void give_names_back(const struct service *service, const char *id)
{
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *entry;
	int fd = openat(service->root_fd, RECORD_NAMES, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		(void)close_fd(fd);
		return;
	}
	while ((entry = readdir(dir)))
		if (entry->d_type == DT_LNK)
			give_name_back(service, entry->d_name, id);
}

static int remove_volumes(const struct service *service, const struct container_config *config,
			  struct error *err)
{
	for (size_t i = 0; i < config->volumes_len; i++) {
		const struct container_volume *volume = &config->volumes[i];
		char path[sizeof("volumes/") + 64];
		int r;

		if (volume->kind != VOLUME_NAMED || !volume->anonymous || !volume->source ||
		    strlen(volume->source) > 64 || strchr(volume->source, '/') ||
		    volume->source[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), "volumes/%s", volume->source);
		r = remove_tree(service->root_fd, path);
		if (r < 0)
			return error_sys(err, -r, "remove the volume %s", volume->source);
	}
	return 0;
}

/* What else a record holds whose directory has been renamed, and that has no name any more. */
static int release(const struct service *service, const struct record *record, bool volumes,
		   struct error *err)
{
	_cleanup_image_store_ struct image_store *images = NULL;
	int r = service_images(service, &images, err);

	if (r == 0)
		r = image_store_unpin(images, record->id, err);
	return r == 0 && volumes ? remove_volumes(service, &record->config, err) : r;
}

static int remove_directory(const struct service *service, const char *path, struct error *err)
{
	int r = remove_tree(service->root_fd, path);

	return r < 0 ? error_sys(err, -r, "remove %s/%s", service->root, path) : 0;
}

#define REMOVED_PATH_SIZE                                                                          \
	(sizeof(RECORD_CONTAINERS) + sizeof(RECORD_REMOVED_VOLUMES) + RECORD_ID_LEN + 2)

static void removed_path(const struct record *record, bool volumes, char path[REMOVED_PATH_SIZE])
{
	(void)snprintf(path, REMOVED_PATH_SIZE, RECORD_CONTAINERS "/%s%s",
		       volumes ? RECORD_REMOVED_VOLUMES : RECORD_REMOVED, record->id);
}

int record_retire(const struct service *service, struct record *record, bool volumes,
		  struct error *err)
{
	char from[sizeof(RECORD_CONTAINERS) + RECORD_ID_LEN + 2], to[REMOVED_PATH_SIZE];
	_cleanup_close_ int names_lock = -1;
	int r;

	(void)snprintf(from, sizeof(from), RECORD_CONTAINERS "/%s", record->id);
	removed_path(record, volumes, to);
	/* From here it is removed for everybody, and whoever lists the containers can finish it. */
	if (renameat(service->root_fd, from, service->root_fd, to) < 0)
		return error_sys(err, errno, "remove %s/%s", service->root, from);
	names_lock = lock_names(service, LOCK_EX, err);
	if (names_lock < 0)
		return names_lock;
	give_name_back(service, record->name, record->id);
	names_lock = close_fd(names_lock);
	r = release(service, record, volumes, err);
	return r < 0 ? error_wrap(err, r, "remove container " RECORD_SHORT, record->id) : 0;
}

int record_discard(const struct service *service, struct record *record, bool volumes,
		   struct error *err)
{
	char path[REMOVED_PATH_SIZE];
	int r;

	removed_path(record, volumes, path);
	r = remove_directory(service, path, err);
	if (r < 0)
		return error_wrap(err, r, "remove container " RECORD_SHORT, record->id);
	record_sweep(service);
	return 0;
}

int record_remove(const struct service *service, struct record *record, bool volumes,
		  struct error *err)
{
	int r = record_retire(service, record, volumes, err);

	return r < 0 ? r : record_discard(service, record, volumes, err);
}

static const char *after(const char *text, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(text, prefix, len) == 0 ? text + len : NULL;
}

static const char *id_of(const char *name)
{
	const char *id = after(name, RECORD_REMOVED_VOLUMES);

	if (!id)
		id = after(name, RECORD_REMOVED);
	return id ? id : after(name, RECORD_NEW);
}

/* Opens and locks it unless somebody is at it: those that make one have the lock of names until theirs is
 * locked. */
static bool take_left(const struct service *service, const char *path, struct record *record)
{
	_cleanup_error_ struct error ignored = ERROR_INIT;
	_cleanup_close_ int names_lock = lock_names(service, LOCK_EX, &ignored);

	if (names_lock < 0)
		return false;
	record->dir_fd =
		openat(service->root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (record->dir_fd < 0)
		return false;
	record->lock_fd = openat(record->dir_fd, RECORD_LOCK_FILE,
				 O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (record->lock_fd < 0 || record_flock(record->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return false;
	give_names_back(service, record->id);
	return true;
}

static void sweep_entry(const struct service *service, const char *name)
{
	char path[sizeof(RECORD_CONTAINERS) + 256 + 1];
	_cleanup_record_ struct record record = RECORD_INIT;
	_cleanup_error_ struct error ignored = ERROR_INIT, unreadable = ERROR_INIT;
	const char *id = id_of(name);

	(void)snprintf(path, sizeof(path), RECORD_CONTAINERS "/%.255s", name);
	if (!id || record_name_paths(service, id, &record, &ignored) < 0 ||
	    !take_left(service, path, &record))
		return;
	(void)record_load(&record, &unreadable);
	/* A supervisor retires the record before it has cleared all away: killed then, that is done here. */
	if (reconcile_clean(service, &record, &ignored) == 0 &&
	    release(service, &record, after(name, RECORD_REMOVED_VOLUMES) != NULL, &ignored) == 0)
		(void)remove_directory(service, path, &ignored);
}

void record_sweep(const struct service *service)
{
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *entry;
	int fd = openat(service->root_fd, RECORD_CONTAINERS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		(void)close_fd(fd);
		return;
	}
	while ((entry = readdir(dir)))
		if (entry->d_name[0] == ':')
			sweep_entry(service, entry->d_name);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Finding and opening records. */
#include "service/record.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "service/names.h"
#include "service/reconcile.h"
#include "service/record_store.h"

static bool is_hex(const char *text)
{
	return text[strspn(text, "0123456789abcdef")] == '\0';
}

static int none(const char *name, struct error *err)
{
	return error_set(err, ENOENT, "No such container: %.200s", name);
}

static bool is_there(const struct service *service, const char *id)
{
	char path[sizeof(RECORD_CONTAINERS) + 1 + RECORD_ID_LEN + 1];

	(void)snprintf(path, sizeof(path), RECORD_CONTAINERS "/%.64s", id);
	return faccessat(service->root_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int open_containers(const struct service *service, DIR **ret)
{
	int fd = openat(service->root_fd, RECORD_CONTAINERS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	*ret = fdopendir(fd);
	if (*ret)
		return 0;
	(void)close_fd(fd);
	return -ENOMEM;
}

static int find_by_prefix(const struct service *service, const char *prefix,
			  char id[RECORD_ID_LEN + 1], struct error *err)
{
	_cleanup_closedir_ DIR *dir = NULL;
	size_t len = strlen(prefix), found = 0;
	struct dirent *entry;
	int r = open_containers(service, &dir);

	if (r < 0)
		return error_sys(err, -r, "open %s/" RECORD_CONTAINERS, service->root);
	while ((entry = readdir(dir)))
		if (strncmp(entry->d_name, prefix, len) == 0 &&
		    strlen(entry->d_name) == RECORD_ID_LEN && ++found == 1)
			memcpy(id, entry->d_name, RECORD_ID_LEN + 1);
	if (found > 1)
		return error_set(err, ENOTUNIQ, "Multiple IDs found with provided prefix: %s",
				 prefix);
	return found == 1 ? 0 : none(prefix, err);
}

/* An id, a name, the beginning of an id. */
static int find(const struct service *service, const char *name, char id[RECORD_ID_LEN + 1],
		struct error *err)
{
	char path[sizeof(RECORD_NAMES) + 1 + NAME_MAX_LEN + 1];
	size_t len = strlen(name);
	ssize_t n;

	if (len == RECORD_ID_LEN && is_hex(name) && is_there(service, name)) {
		memcpy(id, name, RECORD_ID_LEN + 1);
		return 0;
	}
	if (name[0] == '/')
		name++;
	if (len == 0 || strchr(name, '/') || name[0] == '.' || strchr(name, ':') ||
	    len > NAME_MAX_LEN)
		return none(name, err);
	(void)snprintf(path, sizeof(path), RECORD_NAMES "/%s", name);
	n = readlinkat(service->root_fd, path, id, RECORD_ID_LEN + 1);
	if (n == RECORD_ID_LEN) {
		id[n] = '\0';
		if (is_hex(id) && is_there(service, id))
			return 0;
	}
	if (len > RECORD_ID_LEN || !is_hex(name))
		return none(name, err);
	return find_by_prefix(service, name, id, err);
}

static bool is_gone(const struct service *service, const struct record *record)
{
	char path[sizeof(RECORD_CONTAINERS) + 1 + RECORD_ID_LEN + 1];
	struct stat opened, named;

	(void)snprintf(path, sizeof(path), RECORD_CONTAINERS "/%s", record->id);
	return fstat(record->dir_fd, &opened) < 0 ||
	       fstatat(service->root_fd, path, &named, AT_SYMLINK_NOFOLLOW) < 0 ||
	       opened.st_ino != named.st_ino || opened.st_dev != named.st_dev;
}

static int take_lock(struct record *record, int operation)
{
	_cleanup_close_ int fd = openat(record->dir_fd, RECORD_LOCK_FILE,
					O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r = fd < 0 ? -errno : record_flock(fd, operation);

	if (r == 0)
		record->lock_fd = TAKE_FD(fd);
	return r;
}

void record_unlock(struct record *record)
{
	record->lock_fd = close_fd(record->lock_fd);
}

int record_relock(const struct service *service, struct record *record, struct error *err)
{
	int r = record->lock_fd >= 0 ? 0 : take_lock(record, LOCK_EX);

	if (r < 0 && r != -ENOENT)
		return error_sys(err, -r, "lock container " RECORD_SHORT, record->id);
	if (r < 0 || is_gone(service, record)) {
		record_unlock(record);
		return none(record->id, err);
	}
	return record_load(record, err);
}

static int open_dir(const struct service *service, const char *id, struct record *record,
		    struct error *err)
{
	char path[sizeof(RECORD_CONTAINERS) + 1 + RECORD_ID_LEN + 1];

	(void)snprintf(path, sizeof(path), RECORD_CONTAINERS "/%s", id);
	record->dir_fd =
		openat(service->root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (record->dir_fd < 0)
		return errno == ENOENT ? none(id, err)
				       : error_sys(err, errno, "open %s/%s", service->root, path);
	return record_name_paths(service, id, record, err);
}

/* What only reads must not wait: where somebody has the lock, he puts things in order. */
static int reconcile_read(const struct service *service, struct record *record, struct error *err)
{
	bool removed;
	int r;

	if (!reconcile_is_due(service, record) || reconcile_is_alive(record) ||
	    take_lock(record, LOCK_EX | LOCK_NB) < 0)
		return 0;
	r = record_relock(service, record, err);
	if (r == 0)
		r = reconcile(service, record, &removed, err);
	if (r == 0 && removed)
		r = none(record->id, err);
	record_unlock(record);
	return r;
}

static int open_id(const struct service *service, const char *id, enum record_lock lock,
		   struct record *record, struct error *err)
{
	bool removed = false;
	int r = open_dir(service, id, record, err);

	if (r < 0)
		return r;
	if (lock == RECORD_READ) {
		r = record_load(record, err);
		return r == 0 ? reconcile_read(service, record, err) : r;
	}
	r = record_relock(service, record, err);
	if (r == 0)
		r = reconcile(service, record, &removed, err);
	return r == 0 && removed ? none(id, err) : r;
}

int record_open(const struct service *service, const char *name, enum record_lock lock,
		struct record *ret, struct error *err)
{
	char id[RECORD_ID_LEN + 1];
	int r = find(service, name, id, err);

	*ret = RECORD_INIT;
	if (r < 0)
		return r;
	r = open_id(service, id, lock, ret, err);
	if (r < 0)
		record_done(ret);
	/* The user knows it by the word he gave. */
	if (r == -ENOENT && strcmp(id, name) != 0) {
		error_done(err);
		return none(name, err);
	}
	return r;
}

int record_adopt(const struct service *service, const char *id, int lock_fd, struct record *ret,
		 struct error *err)
{
	int r;

	*ret = RECORD_INIT;
	ret->lock_fd = lock_fd;
	r = strlen(id) == RECORD_ID_LEN && is_hex(id) ? open_dir(service, id, ret, err)
						      : none(id, err);
	if (r == 0)
		r = record_load(ret, err);
	if (r < 0)
		record_done(ret);
	return r;
}

static int newest_first(const void *a, const void *b)
{
	return strcmp(((const struct record *)b)->created, ((const struct record *)a)->created);
}

int record_list(const struct service *service, struct record **ret, size_t *ret_len,
		struct error *err)
{
	_cleanup_closedir_ DIR *dir = NULL;
	struct record *items = NULL;
	size_t len = 0, room = 0;
	struct dirent *entry;
	bool sweep = false;
	int r = open_containers(service, &dir);

	*ret = NULL;
	*ret_len = 0;
	if (r < 0)
		return error_sys(err, -r, "open %s/" RECORD_CONTAINERS, service->root);
	while ((entry = readdir(dir))) {
		_cleanup_error_ struct error ignored = ERROR_INIT;
		struct record record = RECORD_INIT;

		sweep |= entry->d_name[0] == ':';
		if (strlen(entry->d_name) != RECORD_ID_LEN || !is_hex(entry->d_name))
			continue;
		if (open_id(service, entry->d_name, RECORD_READ, &record, &ignored) < 0) {
			record_done(&record);
			continue;
		}
		/* A thousand open directories would be too many. */
		record.dir_fd = close_fd(record.dir_fd);
		if (len == room) {
			struct record *more;

			room = room ? room * 2 : 32;
			more = realloc(items, room * sizeof(*items));
			if (!more) {
				record_done(&record);
				for (size_t i = 0; i < len; i++)
					record_done(&items[i]);
				free(items);
				return error_oom(err);
			}
			items = more;
		}
		items[len++] = record;
	}
	if (len > 1)
		qsort(items, len, sizeof(*items), newest_first);
	if (sweep)
		record_sweep(service);
	*ret = items;
	*ret_len = len;
	return 0;
}

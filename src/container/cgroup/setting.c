/* SPDX-License-Identifier: Apache-2.0 */
/* Writing one file of a cgroup, with what is needed to undo it. */
#include <inttypes.h>
#include <string.h>

#include "base/fd.h"
#include "container/cgroup/private.h"

#define JOURNAL_VALUE_MAX 4096

struct journal_entry {
	struct journal_entry *next; /* older */
	struct hierarchy *h;
	char *file, *value;
};

struct journal {
	struct journal_entry *newest;
};

struct journal *journal_new(void)
{
	return calloc(1, sizeof(struct journal));
}

void journal_free(struct journal *journal)
{
	if (!journal)
		return;
	while (journal->newest) {
		struct journal_entry *entry = journal->newest;

		journal->newest = entry->next;
		free(entry->file);
		free(entry->value);
		free(entry);
	}
	free(journal);
}

void journal_undo(struct journal *journal)
{
	for (struct journal_entry *e = journal->newest; e; e = e->next) {
		int fd = hierarchy_dir(e->h);

		if (fd >= 0)
			(void)file_write(fd, e->file, e->value, strlen(e->value));
	}
}

static int journal_add(struct target *t, const char *file, const char *value)
{
	struct journal_entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return -ENOMEM;
	entry->h = t->h;
	entry->file = strdup(file);
	entry->value = strdup(value);
	if (!entry->file || !entry->value) {
		free(entry->file);
		free(entry->value);
		free(entry);
		return -ENOMEM;
	}
	entry->next = t->journal->newest;
	t->journal->newest = entry;
	return 0;
}

int target_try(struct target *t, const char *file, const char *value)
{
	int fd = hierarchy_dir(t->h);
	char old[JOURNAL_VALUE_MAX];

	if (fd < 0)
		return fd;
	/* What cannot be read (devices.allow) cannot be undone either. */
	if (t->journal && hierarchy_read(t->h, file, old, sizeof(old)) > 0) {
		int r = journal_add(t, file, old);

		if (r < 0)
			return r;
	}
	return file_write(fd, file, value, strlen(value));
}

/* The line of text that starts with key and a blank, cut off in place; or NULL. */
static char *find_line(char *text, const char *key)
{
	size_t len = strlen(key);

	for (char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, len) == 0 && line[len] == ' ') {
			line[strcspn(line, "\n")] = 0;
			return line;
		}
	}
	return NULL;
}

int target_try_keyed(struct target *t, const char *file, const char *key, const char *value,
		     const char *reset)
{
	_cleanup_free_ char *line = NULL;
	int fd = hierarchy_dir(t->h);
	char old[JOURNAL_VALUE_MAX];

	if (fd < 0)
		return fd;
	if (t->journal && hierarchy_read(t->h, file, old, sizeof(old)) >= 0) {
		_cleanup_free_ char *undo = NULL;
		const char *was = find_line(old, key);
		int r;

		if (!was) {
			if (asprintf(&undo, "%s %s", key, reset) < 0) {
				undo = NULL;
				return -ENOMEM;
			}
			was = undo;
		}
		r = journal_add(t, file, was);
		if (r < 0)
			return r;
	}
	if (asprintf(&line, "%s %s", key, value) < 0) {
		line = NULL;
		return -ENOMEM;
	}
	return file_write(fd, file, line, strlen(line));
}

int target_error(const struct target *t, const char *property, const char *file, const char *value,
		 int r, struct error *err)
{
	switch (-r) {
	case ENOENT:
		return error_set(
			err, ENOENT, "%s: %s/%s does not exist: this kernel does not offer it%s",
			property, t->h->dir, file,
			t->h->v2 ? " on cgroup v2, or the controller is not enabled there" : "");
	case EOPNOTSUPP:
		return error_set(err, EOPNOTSUPP, "%s: this kernel no longer honours %s", property,
				 file);
	case EBUSY:
		return error_set(err, EBUSY,
				 "%s: cannot set %s of %s to %s: more than that is in use",
				 property, file, t->h->dir, value);
	default:
		return error_sys(err, -r, "%s: cannot set %s of %s to '%s'", property, file,
				 t->h->dir, value);
	}
}

int target_set(struct target *t, const char *property, const char *file, const char *value,
	       struct error *err)
{
	int r = target_try(t, file, value);

	return r < 0 ? target_error(t, property, file, value, r, err) : 0;
}

int target_set_i64(struct target *t, const char *property, const char *file, int64_t value,
		   struct error *err)
{
	char buf[24];

	(void)snprintf(buf, sizeof(buf), "%" PRId64, value);
	return target_set(t, property, file, buf, err);
}

int target_set_limit(struct target *t, const char *property, const char *file, int64_t value,
		     const char *word, struct error *err)
{
	if (value < 0)
		return target_set(t, property, file, word, err);
	return target_set_i64(t, property, file, value, err);
}

int target_set_keyed(struct target *t, const char *property, const char *file, const char *key,
		     const char *value, const char *reset, struct error *err)
{
	_cleanup_free_ char *shown = NULL;
	int r = target_try_keyed(t, file, key, value, reset);

	if (r == 0)
		return 0;
	if (r == -ENODEV || r == -ENXIO)
		return error_set(err, -r, "%s: there is no block device %s (of %s)", property, key,
				 file);
	if (asprintf(&shown, "%s %s", key, value) < 0) {
		shown = NULL;
		return error_oom(err);
	}
	return target_error(t, property, file, shown, r, err);
}

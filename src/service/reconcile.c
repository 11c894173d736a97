/* SPDX-License-Identifier: Apache-2.0 */
#include "service/reconcile.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#include "base/fd.h"
#include "base/remove.h"
#include "base/timestamp.h"
#include "service/files.h"
#include "service/record_store.h"

#define EXIT_KILLED 137

char *reconcile_boot_id(void)
{
	char *text;
	size_t len;

	if (file_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 128, &text, &len) < 0)
		return NULL;
	text[strcspn(text, "\n")] = '\0';
	return text;
}

/* The supervisor makes its run directory first, and removes it last. */
static bool has_run_dir(const struct service *service, const char *id)
{
	char path[sizeof(RECORD_CONTAINERS) + 1 + RECORD_ID_LEN + 1];

	(void)snprintf(path, sizeof(path), RECORD_CONTAINERS "/%s", id);
	return faccessat(service->run_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* A system that was made to read its files (files.h), by a command that was killed. */
static bool has_files_system(const struct service *service, const char *id)
{
	char path[sizeof("compute/") + RECORD_ID_LEN + sizeof(".files")];

	(void)snprintf(path, sizeof(path), "compute/%s.files", id);
	return faccessat(service->run_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

bool reconcile_is_due(const struct service *service, const struct record *record)
{
	return record_is_up(record) || has_run_dir(service, record->id) ||
	       has_files_system(service, record->id);
}

bool reconcile_is_alive(const struct record *record)
{
	_cleanup_close_ int fd =
		openat(record->dir_fd, RECORD_ALIVE_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	/* Shared, so that two that look at once do not take each other for it. */
	return fd >= 0 && record_flock(fd, LOCK_SH | LOCK_NB) == -EWOULDBLOCK;
}

void reconcile_await_death(const struct record *record)
{
	_cleanup_close_ int fd =
		openat(record->dir_fd, RECORD_ALIVE_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd >= 0)
		(void)record_flock(fd, LOCK_SH);
}

int reconcile_clean(const struct service *service, const struct record *record, struct error *err)
{
	char path[sizeof(RECORD_CONTAINERS) + 1 + RECORD_ID_LEN + 1];
	int r = compute_delete(&service->host, record->id, true, err);

	/* The root of all compute systems is not there before the first. */
	if (r == -ENOENT) {
		error_done(err);
		r = 0;
	}
	if (r == 0)
		r = network_detach(&service->network, record->id, err);
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), RECORD_CONTAINERS "/%s", record->id);
	r = remove_tree(service->run_fd, path);
	return r < 0 ? error_sys(err, -r, "remove %s/%s", service->run_root, path) : 0;
}

static int set_ended(struct record *record, struct error *err)
{
	_cleanup_free_ char *boot = reconcile_boot_id();
	struct record_state *state = &record->state;
	bool rebooted = boot && state->boot_id && strcmp(boot, state->boot_id) != 0;
	char now[TIMESTAMP_SIZE];

	free(state->finished_at);
	state->finished_at = strdup(timestamp_now(now));
	if (!state->finished_at)
		return error_oom(err);
	state->status = RECORD_EXITED;
	state->exit_code = EXIT_KILLED;
	state->pid = 0;
	state->supervisor = 0;
	state->supervisor_start = 0;
	network_attachment_done(&state->network);
	state->network = (struct network_attachment){ 0 };
	return record_set_error(
		record, rebooted ? "the host was restarted" : "its supervisor was killed", err);
}

int reconcile(const struct service *service, struct record *record, bool *ret_removed,
	      struct error *err)
{
	int r;

	*ret_removed = false;
	/* Whoever makes such a system has the record locked as long as he needs it. */
	if (has_files_system(service, record->id)) {
		r = service_files_sweep(service, record, err);
		if (r < 0)
			return r;
	}
	if (!(record_is_up(record) || has_run_dir(service, record->id)) ||
	    reconcile_is_alive(record))
		return 0;
	r = reconcile_clean(service, record, err);
	if (r < 0)
		return error_wrap(err, r,
				  "container " RECORD_SHORT ": its supervisor was killed; cleaning "
				  "up after it",
				  record->id);
	if (record->config.auto_remove) {
		r = record_remove(service, record, true, err);
		*ret_removed = r == 0;
		return r;
	}
	if (!record_is_up(record))
		return 0;
	r = set_ended(record, err);
	return r == 0 ? record_store_state(record, err) : r;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "container/caps.h"
#include "service/bundle.h"
#include "service/lifecycle.h"
#include "service/record.h"

#define EXIT_NOT_RUN 126

struct execution {
	struct arena arena;
	struct oci_user user;
	char *home; /* of user; NULL: the container's own user */
	char **env;
	size_t env_len;
};

static void execution_done(struct execution *x)
{
	arena_done(&x->arena);
}

static void folders_done(char ***folders)
{
	for (char **f = *folders; f && *f; f++)
		free(*f);
	free(*folders);
}

static int find_user(const struct service *service, const struct record *record, const char *user,
		     struct execution *x, struct error *err)
{
	_cleanup_image_store_ struct image_store *images = NULL;
	_cleanup_image_ struct image image = { 0 };
	_cleanup_(folders_done) char **layers = NULL;
	size_t len;
	int r = service_images(service, &images, err);

	if (r == 0)
		r = image_store_find(images, record->image_id, NULL, &image, err);
	if (r == 0)
		r = image_store_folders(images, &image, &layers, &len, err);
	if (r == 0)
		r = bundle_user(record, layers, user, &x->user, &x->home, &x->arena, err);
	return r;
}

static bool is_named(const struct execution *x, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < x->env_len; i++)
		if (strncmp(x->env[i], name, len) == 0 && x->env[i][len] == '=')
			return true;
	return false;
}

static int add_env(struct execution *x, const char *name, const char *value, struct error *err)
{
	char *text = arena_printf(&x->arena, "%s=%s", name, value);

	if (!text)
		return error_oom(err);
	x->env[x->env_len++] = text;
	return 0;
}

static int make_env(struct execution *x, const struct service_exec *exec, struct error *err)
{
	size_t n = 0;
	int r = 0;

	while (exec->env && exec->env[n])
		n++;
	x->env = arena_array(&x->arena, char *, n + 3);
	if (!x->env)
		return error_oom(err);
	for (size_t i = 0; i < n && r == 0; i++) {
		if (strchr(exec->env[i], '='))
			x->env[x->env_len++] = (char *)(uintptr_t)exec->env[i];
		else if (getenv(exec->env[i]))
			r = add_env(x, exec->env[i], getenv(exec->env[i]), err);
	}
	if (r == 0 && exec->tty && !is_named(x, "TERM"))
		r = add_env(x, "TERM", "xterm", err);
	if (r == 0 && x->home && !is_named(x, "HOME"))
		r = add_env(x, "HOME", x->home, err);
	return r;
}

static int all_caps(struct execution *x, char ***ret, struct error *err)
{
	char **names;
	size_t n = 0;

	while (caps_name((unsigned)n))
		n++;
	names = arena_array(&x->arena, char *, n + 1);
	if (!names)
		return error_oom(err);
	for (size_t i = 0; i < n; i++)
		names[i] = (char *)(uintptr_t)caps_name((unsigned)i);
	*ret = names;
	return 0;
}

/* Descriptors 0, 1 and 2 as the process is to have them, while it is made; and back. */
struct standard {
	int saved[3], held; /* held: the end of a pipe that nothing is written to */
};

static void standard_restore(struct standard *standard)
{
	for (int i = 0; i < 3; i++)
		if (standard->saved[i] >= 0) {
			(void)dup2(standard->saved[i], i);
			standard->saved[i] = close_fd(standard->saved[i]);
		}
	standard->held = close_fd(standard->held);
}

static int replace(struct standard *standard, int fd, int with, struct error *err)
{
	standard->saved[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (standard->saved[fd] < 0 || dup2(with, fd) < 0)
		return error_sys(err, errno, "the process's stdio");
	return 0;
}

static int standard_set(const struct service_exec *exec, struct standard *standard,
			struct error *err)
{
	_cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int r = 0, pipe_fds[2];

	if (null < 0)
		return error_sys(err, errno, "open /dev/null");
	if (exec->interactive && !exec->detach)
		return 0;
	/* A terminal that nobody types at is not one whose input is over. */
	if (exec->tty && !exec->detach) {
		if (pipe2(pipe_fds, O_CLOEXEC) < 0)
			return error_sys(err, errno, "pipe");
		standard->held = pipe_fds[1];
		r = replace(standard, 0, pipe_fds[0], err);
		(void)close_fd(pipe_fds[0]);
		return r;
	}
	r = replace(standard, 0, null, err);
	for (int i = 1; i < 3 && r == 0 && exec->detach; i++)
		r = replace(standard, i, null, err);
	return r;
}

static int check(const struct record *record, const struct service_exec *exec, struct error *err)
{
	if (record->state.status == RECORD_PAUSED)
		return error_set(err, EBUSY,
				 "Container %s is paused, unpause the container before exec",
				 record->name);
	if (record->state.status == RECORD_RESTARTING)
		return error_set(err, EBUSY,
				 "Container %s is restarting, wait until the container is running",
				 record->id);
	if (record->state.status != RECORD_RUNNING)
		return error_set(err, ESRCH, "Container %s is not running", record->id);
	if (exec->detach && exec->tty)
		return error_set(err, EOPNOTSUPP,
				 "--detach with --tty: nobody would hold the terminal; leave out "
				 "one of the two");
	return 0;
}

int service_exec(const struct service *service, const char *name, const struct service_exec *exec,
		 int *ret_status, struct error *err)
{
	_cleanup_(execution_done) struct execution x = { 0 };
	_cleanup_(standard_restore) struct standard standard = { .saved = { -1, -1, -1 },
								 .held = -1 };
	_cleanup_record_ struct record record = RECORD_INIT;
	struct compute_exec how = {
		.args = exec->args,
		.cwd = exec->workdir,
		.tty = exec->tty,
		.detach = exec->detach,
	};
	char **caps = NULL;
	int r = record_open(service, name, RECORD_READ, &record, err);

	if (r == 0)
		r = check(&record, exec, err);
	if (r == 0 && exec->user)
		r = find_user(service, &record, exec->user, &x, err);
	if (r == 0)
		r = make_env(&x, exec, err);
	if (r == 0 && exec->privileged)
		r = all_caps(&x, &caps, err);
	if (r == 0)
		r = standard_set(exec, &standard, err);
	if (r < 0)
		return r;
	how.id = record.id;
	how.env = x.env;
	how.caps = caps;
	if (exec->user) {
		how.has_user = how.has_gid = true;
		how.uid = x.user.uid;
		how.gid = x.user.gid;
		how.additional_gids = x.user.additional_gids;
		how.additional_gids_len = x.user.additional_gids_len;
		how.gids_replace = true; /* another user is not in groups of the container's */
	}
	r = compute_exec(&service->host, &how, ret_status, err);
	if (r < 0 && err->exit_status == 0)
		err->exit_status = EXIT_NOT_RUN;
	return r;
}

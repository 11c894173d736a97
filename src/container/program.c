/* SPDX-License-Identifier: Apache-2.0 */
/* Which file process.args[0] is, and why it cannot be executed when it cannot. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/path.h"
#include "container/process.h"
#include "container/rootfs.h"

#define PASSWD_MAX ((size_t)4 * 1024 * 1024)

static const char *env_value(const struct strv *env, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < env->len; i++)
		if (strncmp(env->items[i], name, len) == 0 && env->items[i][len] == '=')
			return env->items[i] + len + 1;
	return NULL;
}

static int refuse(struct error *err, int exit_status, int code, const char *name, const char *why)
{
	(void)error_set(err, code, "exec: \"%s\": %s", name, why);
	err->exit_status = exit_status;
	return -code;
}

/* 0: a file with an execute bit. Whether this user may use that bit only execve can tell. */
static int check_file(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	return st.st_mode & 0111 ? 0 : -EACCES;
}

static int find_by_path(struct process_plan *plan, const char *name, struct error *err)
{
	const char *dir = env_value(&plan->env, "PATH"), *end;
	bool denied = false;

	for (dir = dir ? dir : ""; *dir; dir = *end ? end + 1 : end) {
		_cleanup_free_ char *path = NULL;
		int r;

		end = strchrnul(dir, ':');
		/* A relative entry would find programs in whatever directory the image chose. */
		if (*dir != '/')
			continue;
		if (asprintf(&path, "%.*s/%s", (int)(end - dir), dir, name) < 0) {
			path = NULL;
			return error_oom(err);
		}
		r = check_file(path);
		if (r == 0) {
			plan->path = TAKE_PTR(path);
			return 0;
		}
		denied |= r == -EACCES;
	}
	if (denied)
		return refuse(err, 126, EACCES, name, "permission denied");
	return refuse(err, 127, ENOENT, name, "executable file not found in $PATH");
}

int process_find(struct process_plan *plan, struct error *err)
{
	const char *name = plan->oci->args.items[0];
	int r;

	if (!*name)
		return refuse(err, 127, ENOENT, name, "executable file not found in $PATH");
	if (!strchr(name, '/'))
		return find_by_path(plan, name, err);
	r = check_file(name);
	if (r == -EISDIR)
		return refuse(err, 126, EISDIR, name, "is a directory: permission denied");
	if (r == -EACCES)
		return refuse(err, 126, EACCES, name, "permission denied");
	if (r < 0) {
		_cleanup_free_ char *why = NULL;

		if (asprintf(&why, "stat %s: %s", name,
			     r == -ENOENT ? "no such file or directory" : strerror(-r)) < 0)
			why = NULL;
		return refuse(err, 127, -r, name, why ? why : "no such file or directory");
	}
	plan->path = strdup(name);
	return plan->path ? 0 : error_oom(err);
}

/* The interpreter a script asks for, into buf; false when it is no script. */
static bool script_interpreter(const char *path, char *buf, size_t size)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);
	char *start;

	if (n < 3 || buf[0] != '#' || buf[1] != '!')
		return false;
	buf[n] = '\0';
	start = buf + 2 + strspn(buf + 2, " \t");
	start[strcspn(start, " \t\r\n")] = '\0';
	memmove(buf, start, strlen(start) + 1);
	return true;
}

int process_explain_exec(const struct process_plan *plan, int code, struct error *err)
{
	const char *name = plan->oci->args.items[0];
	char interpreter[128];
	_cleanup_free_ char *why = NULL;

	if (code == ENOENT && access(plan->path, F_OK) == 0) {
		/* The file is there: what is missing is what shall run it. */
		bool script = script_interpreter(plan->path, interpreter, sizeof(interpreter));

		if (asprintf(&why, "its interpreter %s%sis missing: no such file or directory",
			     script ? interpreter : "(the dynamic loader) ", script ? " " : "") < 0)
			why = NULL;
		return refuse(err, 127, ENOENT, name, why ? why : "no such file or directory");
	}
	if (code == ENOENT)
		return refuse(err, 127, ENOENT, name, "no such file or directory");
	if (code == ENOEXEC)
		return refuse(
			err, 126, ENOEXEC, name,
			"exec format error (for another architecture, or a script without #!)");
	if (code == EACCES)
		return refuse(err, 126, EACCES, name, "permission denied");
	return refuse(err, 126, code, name, strerror(code));
}

/* The home directory of uid in the container's /etc/passwd, or "/". */
static char *lookup_home(struct rootfs *fs, uint32_t uid)
{
	_cleanup_close_ int fd =
		path_open(fs->root_fd, "/etc/passwd", O_RDONLY | O_NONBLOCK | O_NOCTTY);
	_cleanup_free_ char *text = NULL;
	char *line, *next, *home = NULL;
	size_t len;

	if (fd < 0 || fd_read_all(fd, PASSWD_MAX, &text, &len) < 0)
		text = NULL;
	for (line = text; line && *line; line = next) {
		char *field[7] = { NULL }, *rest = line, *end;

		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		for (size_t i = 0; i < ARRAY_SIZE(field) && rest; i++)
			field[i] = strsep(&rest, ":");
		if (!field[5] || !field[2][0])
			continue;
		if (strtoul(field[2], &end, 10) == uid && !*end) {
			home = field[5];
			break;
		}
	}
	if (asprintf(&line, "HOME=%s", home && *home ? home : "/") < 0)
		return NULL;
	return line;
}

int process_complete_env(struct process_plan *plan, struct rootfs *fs, struct error *err)
{
	struct strv env = plan->env;
	size_t n = 0;
	char **items;

	if (!env_value(&env, "HOME")) {
		plan->added[n] = lookup_home(fs, plan->oci->user.uid);
		if (!plan->added[n++])
			return error_oom(err);
	}
	if (plan->listen_fds > 0) {
		/* The program is what the pid must name: pid 1 of its namespace, or as it comes. */
		if (asprintf(&plan->added[n++], "LISTEN_FDS=%u", plan->listen_fds) < 0 ||
		    asprintf(&plan->added[n++], "LISTEN_PID=%d", (int)getpid()) < 0) {
			plan->added[n - 1] = NULL;
			return error_oom(err);
		}
	}
	if (n == 0)
		return 0;
	/* Freed by the execve that follows; the child has no other way out than _exit. */
	items = calloc(env.len + n + 1, sizeof(*items));
	if (!items)
		return error_oom(err);
	if (env.len > 0)
		memcpy(items, env.items, env.len * sizeof(*items));
	memcpy(items + env.len, plan->added, n * sizeof(*items));
	plan->env = (struct strv){ .items = items, .len = env.len + n };
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The systemd cgroup manager: a scope unit for the container, made by the program hcs-systemd. That
 * is a program of its own because libsystemd exists only as a shared library, whose loading would
 * cost every start of the runtime milliseconds. */
#include "container/cgroup/systemd.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/subprocess.h"

#ifndef HCS_LIBEXECDIR
#define HCS_LIBEXECDIR "/usr/local/libexec/hcs"
#endif
#define JOB_TIMEOUT_S 30

bool systemd_is_user(const struct cgroup *cg)
{
	/* A loaded one tells by where it is. */
	return cg->rootless || geteuid() != 0 ||
	       (cg->loaded && cg->path && strstr(cg->path, "/user@"));
}

int systemd_add(json_t *properties, const char *name, const char *signature, json_t *value)
{
	json_t *entry = json_pack("[sso]", name, signature, value);

	return entry && json_array_append_new(properties, entry) == 0 ? 0 : -ENOMEM;
}

/* secure_getenv: nobody chooses the program of a set-id runtime. */
static char *helper_path(void)
{
	const char *dir = secure_getenv("HCS_LIBEXECDIR");
	char *path = NULL;

	return asprintf(&path, "%s/hcs-systemd", dir && *dir == '/' ? dir : HCS_LIBEXECDIR) < 0
		       ? NULL
		       : path;
}

static int run_helper(const char *request, struct error *err)
{
	_cleanup_free_ char *path = helper_path(), *output = NULL;
	char *argv[] = { path, NULL };
	const struct subprocess sp = {
		.path = path,
		.argv = argv,
		.input = request,
		.input_len = strlen(request),
		/* It keeps the time itself, and says more about it. */
		.timeout_ms = (JOB_TIMEOUT_S * 2 + 5) * 1000,
		.stdout_fd = -1,
		.stderr_fd = -1,
		.cwd_fd = -1,
	};
	int r;

	if (!path)
		return error_oom(err);
	if (access(path, X_OK) < 0)
		return error_set(
			err, errno,
			"systemd cgroup manager: %s cannot be run: %s; use --cgroup-manager "
			"cgroupfs or install it",
			path, strerror(errno));
	r = subprocess_run(&sp, &output, err);
	if (r < 0)
		return error_wrap(err, r, "systemd cgroup manager");
	if (r == 0)
		return 0;
	if (output)
		output[strcspn(output, "\n")] = 0;
	return error_set(err, EIO, "systemd cgroup manager: %s",
			 output && *output ? output : "hcs-systemd failed without a word");
}

/* Steals properties. */
static int request(const struct cgroup *cg, const char *action, json_t *properties,
		   struct error *err)
{
	json_t *root =
		json_pack("{s:s, s:s, s:b, s:i, s:o}", "action", action, "unit", cg->scope, "user",
			  systemd_is_user(cg), "timeout", JOB_TIMEOUT_S, "properties", properties);
	_cleanup_free_ char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;

	json_decref(root);
	return text ? run_helper(text, err) : error_oom(err);
}

static int add_basics(json_t *p, const struct cgroup *cg, pid_t pid)
{
	static const char *const accounting[] = { "CPUAccounting", "MemoryAccounting",
						  "IOAccounting", "TasksAccounting" };
	_cleanup_free_ char *description = NULL;
	int r;

	if (asprintf(&description, "hcs container %s", cg->id ? cg->id : cg->scope) < 0) {
		description = NULL;
		return -ENOMEM;
	}
	r = systemd_add(p, "Description", "s", json_string(description));
	if (r == 0)
		r = systemd_add(p, "Slice", "s", json_string(cg->slice));
	if (r == 0)
		r = systemd_add(p, "PIDs", "au", json_pack("[i]", pid));
	/* The container's cgroup is ours and the container's: systemd leaves what is below alone.
	 */
	if (r == 0)
		r = systemd_add(p, "Delegate", "b", json_true());
	/* Not stopped before others at shutdown, and not waiting for basic.target. */
	if (r == 0)
		r = systemd_add(p, "DefaultDependencies", "b", json_false());
	/* A scope that an OOM kill made fail is forgotten too, once it is empty. */
	if (r == 0)
		r = systemd_add(p, "CollectMode", "s", json_string("inactive-or-failed"));
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(accounting); i++)
		r = systemd_add(p, accounting[i], "b", json_true());
	return r;
}

/* Where systemd put the process: below a user's manager the path begins with what only that knows.
 */
static int learn_path(struct cgroup *cg, pid_t pid, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	char file[40], *line, *rest = NULL;
	size_t len = 0;
	int r;

	(void)snprintf(file, sizeof(file), "/proc/%d/cgroup", pid);
	r = file_read(AT_FDCWD, file, 64 * 1024, &text, &len);
	if (r < 0)
		return error_sys(err, -r, "cannot read %s", file);
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char *path = strstr(line, ":/"), *unit;

		if (!path || (strncmp(line, "0::", 3) != 0 && !strstr(line, ":name=systemd:")))
			continue;
		path++;
		unit = strrchr(path, '/') + 1;
		if (strcmp(unit, cg->scope) != 0 || strcmp(path, cg->path) == 0)
			continue;
		return cgroup_set_path(cg, path) < 0 ? error_oom(err) : 0;
	}
	return 0;
}

int systemd_start(struct cgroup *cg, pid_t pid, const struct oci_resources *resources,
		  struct error *err)
{
	json_t *properties = json_array();
	int r;

	if (!properties || add_basics(properties, cg, pid) < 0) {
		json_decref(properties);
		return error_oom(err);
	}
	r = systemd_add_limits(properties, cg, resources, err);
	if (r == 0 && resources)
		r = systemd_add_devices(properties, resources, err);
	/* Last, so that the annotation decides where both speak. */
	if (r == 0 && cg->spec)
		r = systemd_add_annotations(properties, cg->spec, err);
	if (r < 0) {
		json_decref(properties);
		return r;
	}
	r = request(cg, "start", properties, err);
	return r < 0 ? r : learn_path(cg, pid, err);
}

int systemd_update(struct cgroup *cg, const struct oci_resources *resources, struct error *err)
{
	json_t *properties = json_array();
	int r = properties ? systemd_add_limits(properties, cg, resources, err) : error_oom(err);

	if (r < 0 || json_array_size(properties) == 0) {
		json_decref(properties);
		return r;
	}
	return request(cg, "update", properties, err);
}

int systemd_stop(struct cgroup *cg, struct error *err)
{
	json_t *none = json_array();

	return none ? request(cg, "stop", none, err) : error_oom(err);
}

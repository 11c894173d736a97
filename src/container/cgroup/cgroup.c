/* SPDX-License-Identifier: Apache-2.0 */
/* The cgroup object: where the container's cgroups are, made or not. */
#include "container/cgroup/cgroup.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "base/path.h"
#include "container/cgroup/private.h"

struct hierarchy *cgroup_find(const struct cgroup *cg, unsigned controller)
{
	for (size_t i = 0; i < cg->n; i++)
		if (!cg->h[i].absent && (cg->h[i].controllers & controller))
			return &cg->h[i];
	return NULL;
}

struct hierarchy *cgroup_find_v2(const struct cgroup *cg)
{
	for (size_t i = 0; i < cg->n; i++)
		if (!cg->h[i].absent && cg->h[i].v2)
			return &cg->h[i];
	return NULL;
}

int hierarchy_dir(struct hierarchy *h)
{
	if (h->dir_fd < 0) {
		h->dir_fd = open(h->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (h->dir_fd < 0)
			return -errno;
	}
	return h->dir_fd;
}

ssize_t read_text(int dir_fd, const char *file, char *buf, size_t size)
{
	_cleanup_close_ int fd = openat(dir_fd, file, O_RDONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		return -errno;
	do
		len = read(fd, buf, size - 1);
	while (len < 0 && errno == EINTR);
	if (len < 0)
		return -errno;
	while (len > 0 && buf[len - 1] == '\n')
		len--;
	buf[len] = 0;
	return len;
}

ssize_t hierarchy_read(struct hierarchy *h, const char *file, char *buf, size_t size)
{
	int fd = hierarchy_dir(h);

	return fd < 0 ? fd : read_text(fd, file, buf, size);
}

int hierarchy_read_u64(struct hierarchy *h, const char *file, uint64_t *ret)
{
	char buf[64], *end;
	ssize_t len = hierarchy_read(h, file, buf, sizeof(buf));
	uint64_t value;

	if (len < 0)
		return (int)len;
	if (strcmp(buf, "max") == 0) {
		*ret = UINT64_MAX;
		return 0;
	}
	errno = 0;
	value = strtoull(buf, &end, 10);
	if (errno || end == buf || *end)
		return -EINVAL;
	*ret = value;
	return 0;
}

/* --- paths --- */

static int set_hierarchy_path(struct hierarchy *h, const char *path)
{
	char *copy = strdup(path), *dir = NULL;

	if (!copy || asprintf(&dir, "%s%s", h->mountpoint, path) < 0) {
		free(copy);
		return -ENOMEM;
	}
	free(h->path);
	free(h->dir);
	h->path = copy;
	h->dir = dir;
	h->dir_fd = close_fd(h->dir_fd);
	return 0;
}

static int set_freezer(struct cgroup *cg)
{
	struct hierarchy *h = cgroup_find(cg, CONTROLLER_FREEZER);

	if (!h)
		h = cgroup_find_v2(cg);
	free(cg->freezer_dir);
	cg->freezer_dir = NULL;
	if (!h || !h->dir)
		return 0;
	cg->freezer_dir = strdup(h->dir);
	return cg->freezer_dir ? 0 : -ENOMEM;
}

int cgroup_set_path(struct cgroup *cg, const char *path)
{
	char *copy = strdup(path);

	if (!copy)
		return -ENOMEM;
	free(cg->path);
	cg->path = copy;
	for (size_t i = 0; i < cg->n; i++)
		if (set_hierarchy_path(&cg->h[i], path) < 0)
			return -ENOMEM;
	return set_freezer(cg);
}

static bool has_dotdot(const char *path)
{
	for (const char *p = path; (p = strstr(p, "..")) != NULL; p += 2)
		if ((p == path || p[-1] == '/') && (p[2] == 0 || p[2] == '/'))
			return true;
	return false;
}

/* Where an ordinary user may make cgroups on v2: beside its own, whose processes keep it from
 * having controllers below. Elsewhere: the root of every hierarchy. */
static char *default_parent(const struct cgroup *cg)
{
	const struct hierarchy *v2 = cgroup_find_v2(cg);
	char *parent, *slash;

	if (!cg->rootless || !cg->unified || !v2 || v2->own[0] != '/' || has_dotdot(v2->own))
		return strdup("");
	parent = strdup(v2->own);
	slash = parent ? strrchr(parent, '/') : NULL;
	if (slash)
		*slash = 0;
	return parent;
}

static int plan_cgroupfs(struct cgroup *cg, const struct cgroup_options *o, struct error *err)
{
	_cleanup_free_ char *joined = NULL, *clean = NULL, *parent = NULL;
	bool given = o->path && *o->path;

	if (given && has_dotdot(o->path))
		return error_set(err, EINVAL, "linux.cgroupsPath: '%s' must not contain '..'",
				 o->path);
	parent = given && o->path[0] == '/' ? strdup("") : default_parent(cg);
	if (!parent || asprintf(&joined, "%s/%s", parent, given ? o->path : o->id) < 0) {
		joined = NULL;
		return error_oom(err);
	}
	clean = path_clean(joined);
	if (!clean)
		return error_oom(err);
	if (strcmp(clean, "/") == 0)
		return error_set(err, EINVAL,
				 "linux.cgroupsPath: '%s' is the root cgroup, which holds the host",
				 given ? o->path : "/");
	return cgroup_set_path(cg, clean) < 0 ? error_oom(err) : 0;
}

static int plan_systemd(struct cgroup *cg, const struct cgroup_options *o, struct error *err)
{
	_cleanup_free_ char *slice_path = NULL, *path = NULL;
	int r = scope_parse(o->path, o->id, systemd_is_user(cg), &cg->slice, &cg->scope, err);

	if (r < 0)
		return r;
	r = scope_expand_slice(cg->slice, &slice_path);
	if (r == -ENOMEM)
		return error_oom(err);
	if (r < 0)
		return error_set(err, EINVAL, "linux.cgroupsPath: '%s' is no slice name",
				 cg->slice);
	if (asprintf(&path, "%s/%s", slice_path, cg->scope) < 0) {
		path = NULL;
		return error_oom(err);
	}
	/* Below a user's manager the whole path is known when the scope runs. */
	return cgroup_set_path(cg, path) < 0 ? error_oom(err) : 0;
}

/* Without cgroups of its own the container stays in ours. */
static int plan_disabled(struct cgroup *cg, struct error *err)
{
	for (size_t i = 0; i < cg->n; i++)
		if (set_hierarchy_path(&cg->h[i], cg->h[i].own) < 0)
			return error_oom(err);
	return 0;
}

/* What controllers cgroup2 has, where somebody may need to know. */
static void read_v2_controllers(struct cgroup *cg)
{
	struct hierarchy *h = cgroup_find_v2(cg);
	_cleanup_free_ char *file = NULL;
	char list[256];

	if (!h)
		return;
	if (asprintf(&file, "%s/cgroup.controllers", h->mountpoint) < 0) {
		file = NULL;
		return;
	}
	if (read_text(AT_FDCWD, file, list, sizeof(list)) > 0)
		h->controllers = controllers_from_list(list);
}

static unsigned v1_controllers(const struct cgroup *cg)
{
	unsigned bits = 0;

	for (size_t i = 0; i < cg->n; i++)
		bits |= cg->h[i].v2 ? 0 : cg->h[i].controllers;
	return bits;
}

static int make_list(struct cgroup *cg)
{
	cg->list = calloc(cg->n ? cg->n : 1, sizeof(*cg->list));
	return cg->list ? 0 : -ENOMEM;
}

static int new_cgroup(enum cgroup_manager manager, bool rootless, struct cgroup **ret,
		      struct error *err)
{
	_cleanup_cgroup_ struct cgroup *cg = calloc(1, sizeof(*cg));
	int r;

	if (!cg)
		return error_oom(err);
	cg->manager = manager;
	cg->rootless = rootless;
	r = hierarchies_find(&cg->h, &cg->n, &cg->unified, err);
	if (r < 0)
		return r;
	if (make_list(cg) < 0)
		return error_oom(err);
	*ret = TAKE_PTR(cg);
	return 0;
}

int cgroup_plan(const struct cgroup_options *options, const struct oci_resources *resources,
		struct cgroup **ret, struct error *err)
{
	_cleanup_cgroup_ struct cgroup *cg = NULL;
	int r = new_cgroup(options->manager, options->rootless, &cg, err);

	if (r < 0)
		return r;
	cg->spec = options->spec;
	cg->id = strdup(options->id);
	if (!cg->id)
		return error_oom(err);
	/* Beside v1, three system calls are saved where nobody asks for what v1 has not. */
	if (cg->unified || (cgroup_wanted(resources) & ~v1_controllers(cg)) ||
	    (resources && resources->unified.len > 0))
		read_v2_controllers(cg);
	if (cg->manager == CGROUP_SYSTEMD)
		r = plan_systemd(cg, options, err);
	else if (cg->manager == CGROUP_DISABLED)
		r = plan_disabled(cg, err);
	else
		r = plan_cgroupfs(cg, options, err);
	if (r == 0)
		r = cgroup_check_resources(cg, resources, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(cg);
	return 0;
}

void cgroup_note_absent(struct cgroup *cg)
{
	for (size_t i = 0; i < cg->n; i++)
		if (hierarchy_dir(&cg->h[i]) < 0)
			cg->h[i].absent = true;
}

/* "path" goes to all hierarchies, "cpu,memory:path" to those. */
static int apply_subpath(struct cgroup *cg, const char *subpath, struct error *err)
{
	const char *colon = strchr(subpath, ':');
	const char *below = colon ? colon + 1 : subpath;
	_cleanup_free_ char *list = colon ? strndup(subpath, (size_t)(colon - subpath)) : NULL;
	bool any = false;

	if (colon && !list)
		return error_oom(err);
	if (has_dotdot(below))
		return error_set(err, EINVAL, "--cgroup: '%s' must not contain '..'", below);
	for (size_t i = 0; i < cg->n; i++) {
		struct hierarchy *h = &cg->h[i];
		_cleanup_free_ char *joined = NULL, *clean = NULL;

		if (list && !h->v2 && !(h->controllers & controllers_from_list(list)) &&
		    strcmp(h->name, list) != 0)
			continue;
		if (list && h->v2)
			continue;
		if (h->absent)
			continue;
		any = true;
		if (asprintf(&joined, "%s/%s", h->path, below) < 0) {
			joined = NULL;
			return error_oom(err);
		}
		clean = path_clean(joined);
		if (!clean || set_hierarchy_path(h, clean) < 0)
			return error_oom(err);
		if (hierarchy_dir(h) >= 0)
			continue;
		/* Beside v1 the sub-cgroup is usually made in v1 alone. */
		if (h->v2 && !cg->unified) {
			if (set_hierarchy_path(h, cg->path) < 0)
				return error_oom(err);
			continue;
		}
		return error_sys(err, ENOENT, "--cgroup: no cgroup %s", h->dir);
	}
	if (!any)
		return error_set(err, EINVAL, "--cgroup: no hierarchy here has the controller '%s'",
				 list ? list : "");
	return 0;
}

int cgroup_load(enum cgroup_manager manager, const char *path, const char *scope,
		const char *subpath, struct cgroup **ret, struct error *err)
{
	_cleanup_cgroup_ struct cgroup *cg = NULL;
	int r = new_cgroup(manager, false, &cg, err);

	if (r < 0)
		return r;
	cg->loaded = true;
	read_v2_controllers(cg);
	if (manager == CGROUP_DISABLED || !path || path[0] != '/') {
		cg->manager = CGROUP_DISABLED;
		r = plan_disabled(cg, err);
		if (r < 0)
			return r;
		*ret = TAKE_PTR(cg);
		return 0;
	}
	if (scope && !(cg->scope = strdup(scope)))
		return error_oom(err);
	if (cgroup_set_path(cg, path) < 0)
		return error_oom(err);
	if (subpath && *subpath) {
		cgroup_note_absent(cg);
		r = apply_subpath(cg, subpath, err);
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(cg);
	return 0;
}

void cgroup_free(struct cgroup *cg)
{
	if (!cg)
		return;
	hierarchies_free(cg->h, cg->n);
	free(cg->path);
	free(cg->id);
	free(cg->scope);
	free(cg->slice);
	free(cg->freezer_dir);
	free(cg->list);
	free(cg);
}

enum cgroup_manager cgroup_get_manager(const struct cgroup *cg)
{
	return cg->manager;
}

const char *cgroup_path(const struct cgroup *cg)
{
	return cg->path;
}

const char *cgroup_scope(const struct cgroup *cg)
{
	return cg->scope;
}

const char *cgroup_freezer_dir(const struct cgroup *cg)
{
	return cg->freezer_dir;
}

bool cgroup_is_unified(const struct cgroup *cg)
{
	return cg->unified;
}

size_t cgroup_hierarchies(const struct cgroup *cg, const struct cgroup_hierarchy **ret)
{
	size_t n = 0;

	for (size_t i = 0; i < cg->n; i++) {
		const struct hierarchy *h = &cg->h[i];

		if (h->absent)
			continue;
		cg->list[n++] = (struct cgroup_hierarchy){
			.name = h->name,
			.mountpoint = h->mountpoint,
			.path = h->path,
			.v2 = h->v2,
		};
	}
	*ret = cg->list;
	return n;
}

/* --- making --- */

int cgroup_create_v2(struct cgroup *cg, const struct oci_resources *resources, struct error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < cg->n; i++) {
		if (cg->manager != CGROUP_CGROUPFS || !cg->h[i].v2)
			continue;
		r = hierarchy_make(cg, &cg->h[i], resources, err);
		if (r < 0)
			hierarchy_unmake(&cg->h[i]);
		cg->h[i].early = r == 0;
	}
	return r;
}

int cgroup_create(struct cgroup *cg, const struct oci_resources *resources, struct error *err)
{
	int r = 0;

	if (cg->manager != CGROUP_CGROUPFS)
		return 0;
	for (size_t i = 0; r == 0 && i < cg->n; i++)
		r = hierarchy_make(cg, &cg->h[i], resources, err);
	if (r == 0)
		r = cgroup_apply(cg, resources, ~0u, NULL, true, err);
	if (r < 0) {
		for (size_t i = 0; i < cg->n; i++)
			if (!cg->h[i].early)
				hierarchy_unmake(&cg->h[i]);
		return r;
	}
	/* Rootless may have left out the one with the freezer. */
	return set_freezer(cg) < 0 ? error_oom(err) : 0;
}

int cgroup_update(struct cgroup *cg, const struct oci_resources *resources, struct error *err)
{
	struct journal *journal;
	int r;

	if (cg->manager == CGROUP_DISABLED)
		return error_set(
			err, EOPNOTSUPP,
			"the container has no cgroup of its own (cgroup manager disabled): "
			"it has no limits to update");
	cgroup_note_absent(cg);
	journal = journal_new();
	if (!journal)
		return error_oom(err);
	r = cgroup_apply(cg, resources, ~0u, journal, false, err);
	if (r == 0 && cg->manager == CGROUP_SYSTEMD)
		r = systemd_update(cg, resources, err);
	if (r < 0)
		journal_undo(journal);
	journal_free(journal);
	return r;
}

bool cgroup_is_absent(const struct cgroup *cg)
{
	for (size_t i = 0; i < cg->n; i++)
		if (!cg->h[i].absent)
			return false;
	return cg->manager == CGROUP_CGROUPFS;
}

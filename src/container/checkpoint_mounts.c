/* SPDX-License-Identifier: Apache-2.0 */
#include "container/checkpoint_mounts.h"

#include <fcntl.h>
#include <jansson.h>
#include <linux/stat.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/fd.h"
#include "base/path.h"
#include "container/criu.h"

#define MOUNTS_FILE "mounts.json"
#define MOUNTS_MAX ((size_t)16 * 1024 * 1024)

#define HOST_NULL "/dev/null"

/* Bound where the container cannot make them: in a user namespace. */
static const char *const default_devices[] = { "/dev/null",   "/dev/zero",    "/dev/full",
					       "/dev/random", "/dev/urandom", "/dev/tty" };

/* While a dump's mounts are named. */
struct naming {
	const struct mount_table *table;
	const struct mount_plan *plan;
	const struct mount_entry **entry_of; /* of each step; NULL: none */
	int root_fd;
	bool *named; /* of each entry of the table */
	json_t *list;
	struct criu_message *opts;
};

static void naming_done(struct naming *n)
{
	free((void *)n->entry_of);
	free(n->named);
	json_decref(n->list);
	n->root_fd = close_fd(n->root_fd);
}

static bool path_is(const char *path, const char *dir)
{
	return strcmp(path, dir) == 0;
}

/* The mount that path in the container leads to, when path is where it is mounted. */
static const struct mount_entry *entry_at(const struct naming *n, const char *path,
					  struct stat *ret_st)
{
	_cleanup_close_ int fd = path_open(n->root_fd, path, O_PATH);
	struct statx stx;

	if (fd < 0 || statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &stx) < 0 ||
	    !(stx.stx_mask & STATX_MNT_ID) || !(stx.stx_attributes & STATX_ATTR_MOUNT_ROOT))
		return NULL;
	if (ret_st && fstat(fd, ret_st) < 0)
		return NULL;
	return mount_table_find(n->table, (int)stx.stx_mnt_id);
}

/* key: as restore is given it. mount: destination in the spec, NULL: key is the path on the host
 * too. */
static void name(struct naming *n, const struct mount_entry *entry, const char *key,
		 const char *mount, const char *below)
{
	json_t *o;

	if (n->named[entry - n->table->items])
		return;
	n->named[entry - n->table->items] = true;
	criu_put_pair(n->opts, OPT_EXT_MNT, entry->point, key);
	o = json_object();
	(void)json_object_set_new(o, "key", json_string(key));
	if (mount)
		(void)json_object_set_new(o, "mount", json_string(mount));
	if (below && *below)
		(void)json_object_set_new(o, "below", json_string(below));
	(void)json_array_append_new(n->list, o);
}

static bool is_outside(const struct mount_step *step, const struct mount_entry *entry, bool cgroup2)
{
	if (step->kind == MOUNT_KIND_BIND)
		return true;
	/* A cgroup2 mount of the container's own is made again by criu. */
	return step->kind == MOUNT_KIND_CGROUP && strncmp(entry->fstype, "cgroup", 6) == 0 &&
	       !cgroup2;
}

/* Every mount belongs to the step that is nearest above it: below a recursive bind there may be
 * the host's others, and steps of their own. */
static void name_steps(struct naming *n, bool cgroup2)
{
	for (size_t i = 0; i < n->table->len; i++) {
		const struct mount_entry *entry = &n->table->items[i];
		const struct mount_step *nearest = NULL;
		size_t longest = 0;

		for (size_t s = 0; s < n->plan->len; s++) {
			const struct mount_entry *at = n->entry_of[s];

			if (!at || path_is(at->point, "/") ||
			    !mount_path_below(entry->point, at->point) ||
			    strlen(at->point) < longest)
				continue;
			longest = strlen(at->point);
			nearest = &n->plan->steps[s];
		}
		if (nearest && is_outside(nearest, entry, cgroup2))
			name(n, entry, entry->point, nearest->target, entry->point + longest);
	}
}

static void name_masks(struct naming *n, const struct oci_linux *l)
{
	for (size_t i = 0; i < l->masked_paths.len; i++) {
		struct stat st;
		const struct mount_entry *entry = entry_at(n, l->masked_paths.items[i], &st);

		if (entry && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3))
			name(n, entry, HOST_NULL, NULL, NULL);
	}
}

static void name_device(struct naming *n, const char *path)
{
	struct stat st;
	const struct mount_entry *entry = entry_at(n, path, &st);

	if (entry && (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) &&
	    strcmp(entry->fstype, "devpts") != 0)
		name(n, entry, path, NULL, NULL);
}

static int refuse_what_changes(const struct mount_plan *plan, struct error *err)
{
	for (size_t i = 0; i < plan->len; i++)
		if (plan->steps[i].idmapped)
			return error_set(err, ENOTSUP,
					 "mounts[%zu]: criu cannot bring back an id-mapped mount",
					 plan->steps[i].index);
	return 0;
}

static int keep(int image_fd, const json_t *list, struct error *err)
{
	_cleanup_free_ char *text = json_dumps(list, JSON_COMPACT);
	int r;

	if (!text)
		return error_oom(err);
	r = file_replace(image_fd, MOUNTS_FILE, text, strlen(text), 0600);
	return r < 0 ? error_sys(err, -r, "write " MOUNTS_FILE) : 0;
}

static int dump(struct naming *n, const struct container *c, const struct oci_spec *spec,
		struct error *err)
{
	const struct oci_linux *l = spec->linux_;
	_cleanup_cgroup_ struct cgroup *cgroup = NULL;
	bool own_cgroup2 = false;
	char path[32];
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d/root", (int)c->pid);
	n->root_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (n->root_fd < 0)
		return error_sys(err, errno, "open %s", path);
	n->entry_of = calloc(n->plan->len + 1, sizeof(const struct mount_entry *));
	n->named = calloc(n->table->len + 1, sizeof(*n->named));
	n->list = json_array();
	if (!n->entry_of || !n->named || !n->list)
		return error_oom(err);
	for (size_t s = 0; s < n->plan->len; s++)
		n->entry_of[s] = entry_at(n, n->plan->steps[s].target, NULL);
	if (c->cgroup_manager != CGROUP_DISABLED && c->cgroup_path) {
		r = container_cgroup(c, &cgroup, err);
		if (r < 0)
			return r;
		own_cgroup2 =
			cgroup_is_unified(cgroup) && l && l->namespaces[OCI_NS_CGROUP].present;
	}
	if (l)
		name_masks(n, l);
	for (size_t i = 0; i < ARRAY_SIZE(default_devices); i++)
		name_device(n, default_devices[i]);
	for (size_t i = 0; l && i < l->devices.len; i++)
		name_device(n, l->devices.items[i].path);
	name_steps(n, own_cgroup2);
	return 0;
}

int checkpoint_mounts_dump(const struct container *c, const struct oci_spec *spec,
			   const struct mount_table *table, int image_fd, struct criu_message *opts,
			   struct error *err)
{
	_cleanup_(naming_done) struct naming n = { .table = table, .root_fd = -1, .opts = opts };
	struct mount_plan *plan = NULL;
	int r = mount_plan_parse(spec, &plan, err);

	if (r < 0)
		return r;
	n.plan = plan;
	r = refuse_what_changes(plan, err);
	if (r == 0)
		r = dump(&n, c, spec, err);
	if (r == 0)
		r = keep(image_fd, n.list, err);
	mount_plan_free(plan);
	return r;
}

static const struct mount_step *step_for(const struct mount_plan *plan, const char *target)
{
	for (size_t i = plan->len; i > 0; i--)
		if (strcmp(plan->steps[i - 1].target, target) == 0)
			return &plan->steps[i - 1];
	return NULL;
}

/* The host's directory for what is `below` a mount of type cgroup: see cgroup_mount. */
static char *cgroup_source(const struct cgroup *cgroup, const char *below)
{
	const struct cgroup_hierarchy *h;
	size_t len = cgroup ? cgroup_hierarchies(cgroup, &h) : 0;
	char *source = NULL;

	if (len == 0)
		return asprintf(&source, "/sys/fs/cgroup%s", below) < 0 ? NULL : source;
	for (size_t i = 0; i < len; i++)
		if (strcmp(h[i].name, *below == '/' ? below + 1 : below) == 0)
			return asprintf(&source, "%s%s", h[i].mountpoint, h[i].path) < 0 ? NULL
											 : source;
	errno = ENOENT;
	return NULL;
}

static char *source_of(const struct mount_step *step, const char *bundle,
		       const struct cgroup *cgroup, const char *below)
{
	_cleanup_free_ char *top = NULL;
	char *source = NULL;

	if (step->kind == MOUNT_KIND_CGROUP)
		return cgroup_source(cgroup, below);
	top = path_join(bundle, step->mount->source);
	if (!top || asprintf(&source, "%s%s", top, below) < 0)
		return NULL;
	return source;
}

static int hand_in(const struct mount_plan *plan, const char *bundle, const struct cgroup *cgroup,
		   const json_t *o, struct criu_message *opts, struct error *err)
{
	const char *key = json_string_value(json_object_get(o, "key"));
	const char *mount = json_string_value(json_object_get(o, "mount"));
	const char *below = json_string_value(json_object_get(o, "below"));
	_cleanup_free_ char *source = NULL, *clean = NULL;
	const struct mount_step *step;

	if (!key)
		return error_set(err, EPROTO, MOUNTS_FILE ": a mount without a key");
	if (!mount) {
		criu_put_pair(opts, OPT_EXT_MNT, key, key);
		return 0;
	}
	step = step_for(plan, mount);
	if (!step || !step->mount->source)
		return error_set(
			err, EINVAL,
			"mounts: the checkpoint has a mount at %s, the bundle's config.json has "
			"none",
			mount);
	/* Below the source, and nowhere else. */
	clean = below ? path_clean(below) : strdup("");
	if (!clean)
		return error_oom(err);
	source = source_of(step, bundle, cgroup, clean);
	if (!source)
		return error_set(err, ENOENT, "mounts[%zu]: no cgroup hierarchy here for %s",
				 step->index, key);
	criu_put_pair(opts, OPT_EXT_MNT, key, source);
	return 0;
}

int checkpoint_mounts_restore(const struct mount_plan *plan, const char *bundle,
			      const struct cgroup *cgroup, int image_fd, struct criu_message *opts,
			      struct error *err)
{
	_cleanup_free_ char *text = NULL;
	json_t *list;
	size_t len;
	int r = file_read(image_fd, MOUNTS_FILE, MOUNTS_MAX, &text, &len);

	if (r < 0)
		return error_sys(err, -r, "--image-path: read " MOUNTS_FILE);
	list = json_loadb(text, len, 0, NULL);
	if (!json_is_array(list))
		r = error_set(err, EPROTO, MOUNTS_FILE ": not a list");
	for (size_t i = 0; r == 0 && i < json_array_size(list); i++)
		r = hand_in(plan, bundle, cgroup, json_array_get(list, i), opts, err);
	json_decref(list);
	return r;
}

static bool source_is_directory(const struct mount_step *step, const char *bundle)
{
	_cleanup_free_ char *source = NULL;
	struct stat st;

	if (step->kind != MOUNT_KIND_BIND)
		return true;
	source = path_join(bundle, step->mount->source ? step->mount->source : "");
	return !source || stat(source, &st) < 0 || S_ISDIR(st.st_mode);
}

static int make_target(const struct mount_plan *plan, const struct mount_step *step,
		       const char *bundle, int root_fd, struct error *err)
{
	_cleanup_close_ int source_fd = -1, fd = -1;
	const struct mount_step *parent = NULL;
	const char *target = step->target;

	for (const struct mount_step *s = plan->steps; s < step; s++)
		if (mount_path_below(step->target, s->target) && !path_is(step->target, s->target))
			parent = s;
	/* criu brings the content of the others back: it is in the images. */
	if (parent && parent->kind != MOUNT_KIND_BIND)
		return 0;
	if (parent) {
		_cleanup_free_ char *source = path_join(bundle, parent->mount->source);

		source_fd = source ? open(source, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
		if (source_fd < 0)
			return error_sys(err, errno, "open the source of mounts[%zu]",
					 parent->index);
		root_fd = source_fd;
		target += strcmp(parent->target, "/") == 0 ? 0 : strlen(parent->target);
	}
	fd = path_open(root_fd, target, O_PATH);
	/* Also one that was there is left as it is: a root may be read-only. */
	if (fd >= 0)
		return 0;
	fd = source_is_directory(step, bundle) ? path_mkdirs(root_fd, target, 0755, err)
					       : path_make_file(root_fd, target, 0755, err);
	return fd < 0 ? fd : 0;
}

int checkpoint_mounts_make_targets(const struct mount_plan *plan, const char *bundle, int root_fd,
				   struct error *err)
{
	for (size_t i = 0; i < plan->len; i++) {
		int r = make_target(plan, &plan->steps[i], bundle, root_fd, err);

		if (r < 0)
			return error_wrap(err, r, "mounts[%zu] (%s)", plan->steps[i].index,
					  plan->steps[i].target);
	}
	return 0;
}

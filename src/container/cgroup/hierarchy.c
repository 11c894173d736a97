/* SPDX-License-Identifier: Apache-2.0 */
#include "container/cgroup/hierarchy.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>

#include "base/fd.h"

#define CGROUP_ROOT "/sys/fs/cgroup"
#define MOUNTINFO_MAX ((size_t)64 * 1024 * 1024)

static const struct {
	unsigned bit;
	const char *v1, *v2;
} controller_names[] = {
	{ CONTROLLER_CPU, "cpu", "cpu" },
	{ CONTROLLER_CPUACCT, "cpuacct", NULL },
	{ CONTROLLER_CPUSET, "cpuset", "cpuset" },
	{ CONTROLLER_MEMORY, "memory", "memory" },
	{ CONTROLLER_DEVICES, "devices", NULL },
	{ CONTROLLER_FREEZER, "freezer", NULL },
	{ CONTROLLER_IO, "blkio", "io" },
	{ CONTROLLER_PIDS, "pids", "pids" },
	{ CONTROLLER_HUGETLB, "hugetlb", "hugetlb" },
	{ CONTROLLER_RDMA, "rdma", "rdma" },
	{ CONTROLLER_NET_CLS, "net_cls", NULL },
	{ CONTROLLER_NET_PRIO, "net_prio", NULL },
	{ CONTROLLER_PERF_EVENT, "perf_event", NULL },
	{ CONTROLLER_MISC, "misc", "misc" },
	{ CONTROLLER_DMEM, "dmem", "dmem" },
};

static bool name_is(const char *candidate, const char *name, size_t len)
{
	return candidate && strncmp(candidate, name, len) == 0 && candidate[len] == 0;
}

unsigned controller_from_name(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(controller_names); i++)
		if (name_is(controller_names[i].v1, name, len) ||
		    name_is(controller_names[i].v2, name, len))
			return controller_names[i].bit;
	return 0;
}

const char *controller_name(unsigned bit, bool v2)
{
	for (size_t i = 0; i < ARRAY_SIZE(controller_names); i++)
		if (controller_names[i].bit == bit)
			return v2 && controller_names[i].v2 ? controller_names[i].v2
							    : controller_names[i].v1;
	return "unknown";
}

unsigned controllers_from_list(const char *list)
{
	unsigned bits = 0;

	while (*list) {
		size_t len = strcspn(list, ", \n");

		bits |= controller_from_name(list, len);
		list += len;
		list += strspn(list, ", \n");
	}
	return bits;
}

void hierarchies_free(struct hierarchy *h, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		free(h[i].name);
		free(h[i].mountpoint);
		free(h[i].own);
		free(h[i].path);
		free(h[i].dir);
		free(h[i].refused_at);
		close_fd(h[i].dir_fd);
		close_fd(h[i].enter_fd);
	}
	free(h);
}

/* One line of /proc/self/cgroup: "4:cpu,cpuacct:/path", "1:name=systemd:/path" or "0::/path". */
static int parse_self_line(const char *line, size_t len, struct hierarchy *ret)
{
	const char *list = memchr(line, ':', len), *own, *end = line + len;
	size_t list_len;

	if (!list)
		return -EINVAL;
	list++;
	own = memchr(list, ':', (size_t)(end - list));
	if (!own)
		return -EINVAL;
	list_len = (size_t)(own - list);
	own++;

	*ret = (struct hierarchy){ .dir_fd = -1, .enter_fd = -1, .v2 = list_len == 0 };
	if (list_len > 5 && strncmp(list, "name=", 5) == 0) {
		list += 5;
		list_len -= 5;
		ret->name = strndup(list, list_len);
	} else {
		ret->name = strndup(list, list_len);
		if (ret->name)
			ret->controllers = controllers_from_list(ret->name);
	}
	ret->own = strndup(own, (size_t)(end - own));
	return ret->name && ret->own ? 0 : -ENOMEM;
}

int hierarchies_parse_self(const char *text, struct hierarchy **ret, size_t *ret_len)
{
	struct hierarchy *list = NULL;
	size_t n = 0, room = 0;

	while (*text) {
		size_t len = strcspn(text, "\n");
		int r = 0;

		if (len > 0) {
			if (n == room) {
				struct hierarchy *more;

				room = room ? room * 2 : 16;
				more = reallocarray(list, room, sizeof(*list));
				if (!more) {
					hierarchies_free(list, n);
					return -ENOMEM;
				}
				list = more;
			}
			list[n] = (struct hierarchy){ .dir_fd = -1, .enter_fd = -1 };
			r = parse_self_line(text, len, &list[n++]);
		}
		if (r < 0) {
			hierarchies_free(list, n);
			return r;
		}
		text += len;
		text += *text == '\n';
	}
	*ret = list;
	*ret_len = n;
	return 0;
}

/* Undoes mountinfo's octal escapes of space, tab, newline and backslash. */
static char *unescape(const char *text, size_t len)
{
	char *out = malloc(len + 1), *p = out;

	if (!out)
		return NULL;
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\\' && len - i > 3) {
			*p++ = (char)((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
				      (text[i + 3] - '0'));
			i += 3;
		} else {
			*p++ = text[i];
		}
	}
	*p = 0;
	return out;
}

/* Whether the v1 super options ("rw,xattr,name=systemd", "rw,cpu,cpuacct") are those of h. */
static bool options_match(const struct hierarchy *h, const char *options, size_t len)
{
	unsigned bits = 0;
	bool named = false;

	while (len > 0) {
		const char *comma = memchr(options, ',', len);
		size_t one = comma ? (size_t)(comma - options) : len;

		if (one > 5 && strncmp(options, "name=", 5) == 0)
			named = strlen(h->name) == one - 5 &&
				strncmp(h->name, options + 5, one - 5) == 0;
		else
			bits |= controller_from_name(options, one);
		options += one + (comma ? 1 : 0);
		len -= one + (comma ? 1 : 0);
	}
	return h->controllers ? bits == h->controllers : named;
}

/* Gives the mount on one line to the hierarchy it belongs to, unless that has one already. */
static int parse_mountinfo_line(const char *line, const char *type, const char *end,
				struct hierarchy *h, size_t n)
{
	const char *mountpoint = line, *space, *source, *options;
	bool v2 = strncmp(type, "cgroup2 ", 8) == 0;

	if (!v2 && strncmp(type, "cgroup ", 7) != 0)
		return 0;
	for (int field = 0; field < 4; field++) {
		mountpoint = memchr(mountpoint, ' ', (size_t)(type - mountpoint));
		if (!mountpoint)
			return -EINVAL;
		mountpoint++;
	}
	space = memchr(mountpoint, ' ', (size_t)(type - mountpoint));
	source = type + (v2 ? 8 : 7);
	options = memchr(source, ' ', (size_t)(end - source));
	if (!space || !options)
		return -EINVAL;
	options++;
	for (size_t i = 0; i < n; i++) {
		if (h[i].mountpoint || h[i].v2 != v2)
			continue;
		if (!v2 && !options_match(&h[i], options, (size_t)(end - options)))
			continue;
		h[i].mountpoint = unescape(mountpoint, (size_t)(space - mountpoint));
		return h[i].mountpoint ? 0 : -ENOMEM;
	}
	return 0;
}

int hierarchies_parse_mountinfo(const char *text, struct hierarchy *h, size_t len)
{
	static const char mark[] = " - cgroup";
	const char *hit = text;

	/* Blanks inside fields are escaped, so " - " can only be the separator. */
	while ((hit = strstr(hit, mark)) != NULL) {
		const char *line = hit, *end = hit + strcspn(hit, "\n");
		int r;

		while (line > text && line[-1] != '\n')
			line--;
		r = parse_mountinfo_line(line, hit + 3, end, h, len);
		if (r < 0)
			return r;
		hit = end;
	}
	return 0;
}

/* Also tells a mount point that another mount hides from a real one. */
static bool is_mount_of(const char *path, bool v2)
{
	struct statfs sfs;

	return statfs(path, &sfs) == 0 &&
	       (unsigned long)sfs.f_type == (v2 ? CGROUP2_SUPER_MAGIC : CGROUP_SUPER_MAGIC);
}

static int find_customary(struct hierarchy *h, size_t n, bool *ret_all)
{
	*ret_all = true;
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *path = NULL;

		if (asprintf(&path, CGROUP_ROOT "/%s", h[i].v2 ? "unified" : h[i].name) < 0) {
			path = NULL;
			return -ENOMEM;
		}
		if (is_mount_of(path, h[i].v2))
			h[i].mountpoint = TAKE_PTR(path);
		else
			*ret_all = false;
	}
	return 0;
}

/* The directory's name below /sys/fs/cgroup is what the mount point is called, not the list. */
static int set_name(struct hierarchy *h, bool unified)
{
	char *name = strdup(unified && h->v2 ? "" : strrchr(h->mountpoint, '/') + 1);

	if (!name)
		return -ENOMEM;
	free(h->name);
	h->name = name;
	return 0;
}

/* Drops hierarchies that are mounted nowhere visible; pure v2 drops all v1. */
static size_t keep_mounted(struct hierarchy *h, size_t n, bool unified)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		if (h[i].mountpoint && h[i].mountpoint[0] == '/' && (h[i].v2 || !unified)) {
			struct hierarchy moved = h[i];

			h[i] = (struct hierarchy){ .dir_fd = -1, .enter_fd = -1 };
			h[kept++] = moved;
		} else {
			free(h[i].name);
			free(h[i].mountpoint);
			free(h[i].own);
			h[i] = (struct hierarchy){ .dir_fd = -1, .enter_fd = -1 };
		}
	}
	return kept;
}

static int find_by_mountinfo(struct hierarchy *h, size_t n, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	int r = file_read(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &text, &len);

	if (r < 0)
		return error_sys(err, -r, "cgroups: cannot read /proc/self/mountinfo");
	r = hierarchies_parse_mountinfo(text, h, n);
	if (r < 0)
		return error_sys(err, -r, "cgroups: cannot understand /proc/self/mountinfo");
	for (size_t i = 0; i < n; i++) {
		if (h[i].mountpoint && !is_mount_of(h[i].mountpoint, h[i].v2)) {
			free(h[i].mountpoint);
			h[i].mountpoint = NULL;
		}
	}
	return 0;
}

static int find_mounts(struct hierarchy *h, size_t n, bool *ret_unified, struct error *err)
{
	bool all = false, v1 = false, v2 = false;
	int r;

	if (is_mount_of(CGROUP_ROOT, true)) {
		for (size_t i = 0; i < n; i++)
			if (h[i].v2 && !(h[i].mountpoint = strdup(CGROUP_ROOT)))
				return error_oom(err);
		*ret_unified = true;
		return 0;
	}
	r = find_customary(h, n, &all);
	if (r < 0)
		return error_oom(err);
	if (!all) {
		r = find_by_mountinfo(h, n, err);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < n; i++) {
		v1 |= h[i].mountpoint && !h[i].v2;
		v2 |= h[i].mountpoint && h[i].v2;
	}
	*ret_unified = v2 && !v1;
	return 0;
}

int hierarchies_find(struct hierarchy **ret, size_t *ret_len, bool *ret_unified, struct error *err)
{
	_cleanup_free_ char *self = NULL;
	struct hierarchy *h = NULL;
	size_t n = 0, len = 0;
	bool unified = false;
	int r = file_read(AT_FDCWD, "/proc/self/cgroup", 1024 * 1024, &self, &len);

	if (r == -ENOENT) { /* a kernel without cgroups */
		*ret = NULL;
		*ret_len = 0;
		*ret_unified = false;
		return 0;
	}
	if (r < 0)
		return error_sys(err, -r, "cgroups: cannot read /proc/self/cgroup");
	r = hierarchies_parse_self(self, &h, &n);
	if (r < 0)
		return error_sys(err, -r, "cgroups: cannot understand /proc/self/cgroup");
	r = find_mounts(h, n, &unified, err);
	if (r < 0) {
		hierarchies_free(h, n);
		return r;
	}
	n = keep_mounted(h, n, unified);
	for (size_t i = 0; i < n; i++) {
		if (set_name(&h[i], unified) < 0) {
			hierarchies_free(h, n);
			return error_oom(err);
		}
	}
	*ret = h;
	*ret_len = n;
	*ret_unified = unified;
	return 0;
}

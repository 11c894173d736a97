/* SPDX-License-Identifier: Apache-2.0 */
#include "container/rdt.h"

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/fd.h"

#define RESCTRL_MAGIC 0x7655821
#define MONITORS "mon_groups"
#define DEFAULT_CLOS "/"
#define LINE_MAX_LEN 4000 /* the kernel takes at most a page in one write */
#define FILE_MAX ((size_t)64 * 1024)

static bool given(const char *text)
{
	return text && *text;
}

static bool has_schema(const struct oci_intel_rdt *rdt)
{
	return given(rdt->l3_cache_schema) || given(rdt->mem_bw_schema) || rdt->schemata.len > 0;
}

/* enableCMT and enableMBM, before spec 1.3, asked for one kind of monitoring; there is but all of
 * it. */
static bool has_monitoring(const struct oci_intel_rdt *rdt)
{
	return rdt->enable_monitoring || rdt->enable_cmt || rdt->enable_mbm;
}

/* A group of its own, and not a file or directory of the kernel's beside the groups. */
static bool valid_group(const char *name)
{
	static const char *const reserved[] = { ".", "..", "info", "mon_groups", "mon_data" };

	for (size_t i = 0; i < ARRAY_SIZE(reserved); i++)
		if (strcmp(name, reserved[i]) == 0)
			return false;
	return *name && strlen(name) <= NAME_MAX && !strpbrk(name, "/\n");
}

static int check_line(const char *line, const char *where, struct error *err)
{
	if (strchr(line, '\n'))
		return error_set(err, EINVAL, "linux.intelRdt.%s: must be one line", where);
	if (strlen(line) > LINE_MAX_LEN)
		return error_set(err, EINVAL, "linux.intelRdt.%s: longer than %d bytes", where,
				 LINE_MAX_LEN);
	return 0;
}

int rdt_check(const struct oci_intel_rdt *rdt, struct error *err)
{
	int r = 0;

	if (!rdt)
		return 0;
	if (given(rdt->clos_id) && strcmp(rdt->clos_id, DEFAULT_CLOS) != 0 &&
	    !valid_group(rdt->clos_id))
		return error_set(err, EINVAL, "linux.intelRdt.closID: \"%s\" cannot name a group",
				 rdt->clos_id);
	if (given(rdt->l3_cache_schema))
		r = check_line(rdt->l3_cache_schema, "l3CacheSchema", err);
	if (r == 0 && given(rdt->mem_bw_schema)) {
		if (strncmp(rdt->mem_bw_schema, "MB:", 3) != 0)
			return error_set(err, EINVAL,
					 "linux.intelRdt.memBwSchema: must start with "
					 "\"MB:\"");
		r = check_line(rdt->mem_bw_schema, "memBwSchema", err);
	}
	for (size_t i = 0; r == 0 && i < rdt->schemata.len; i++) {
		char where[64];

		(void)snprintf(where, sizeof(where), "schemata[%zu]", i);
		r = check_line(rdt->schemata.items[i], where, err);
	}
	return r;
}

/* " <status>" with what the kernel said of the last request, "" when it says nothing. */
static void last_status(int root_fd, char *text, size_t size)
{
	_cleanup_free_ char *status = NULL;
	size_t len = 0;

	*text = '\0';
	if (file_read(root_fd, "info/last_cmd_status", 1024, &status, &len) < 0)
		return;
	while (len > 0 && isspace((unsigned char)status[len - 1]))
		status[--len] = '\0';
	for (size_t i = 0; i < len; i++)
		if (status[i] == '\n')
			status[i] = ' ';
	if (len > 0 && strcmp(status, "ok") != 0)
		(void)snprintf(text, size, " (%s)", status);
}

static int open_group(int root_fd, const char *name)
{
	int fd = openat(root_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? -errno : fd;
}

/* Opens the group, made first where the spec says so. Returns the descriptor. */
static int enter_group(int root_fd, const struct oci_intel_rdt *rdt, const char *id, bool *ret_made,
		       struct error *err)
{
	const bool named = given(rdt->clos_id);
	const char *clos = named ? rdt->clos_id : id;
	char status[256];
	int fd;

	*ret_made = false;
	if (named && strcmp(clos, DEFAULT_CLOS) == 0) {
		fd = open_group(root_fd, ".");
		return fd < 0 ? error_sys(err, -fd, "linux.intelRdt.closID: open the default group")
			      : fd;
	}
	if (!valid_group(clos))
		return error_set(err, EINVAL,
				 "linux.intelRdt.closID: not given, and the id \"%s\" cannot "
				 "name a group",
				 id);
	if (!named || has_schema(rdt)) {
		if (mkdirat(root_fd, clos, 0755) == 0) {
			*ret_made = true;
		} else if (errno == ENOSPC) {
			return error_set(err, ENOSPC,
					 "linux.intelRdt.closID: the processor has no class "
					 "of service left for group \"%s\"",
					 clos);
		} else if (errno != EEXIST) {
			int code = errno;

			last_status(root_fd, status, sizeof(status));
			return error_set(err, code,
					 "linux.intelRdt.closID: make group \"%s\": %s%s", clos,
					 strerror(code), status);
		}
	}
	fd = open_group(root_fd, clos);
	if (fd == -ENOENT)
		return error_set(err, ENOENT,
				 "linux.intelRdt.closID: group \"%s\" does not exist, and no "
				 "schema is given to make it with",
				 clos);
	if (fd < 0)
		return error_sys(err, -fd, "linux.intelRdt.closID: open group \"%s\"", clos);
	return fd;
}

/* One "id=value" of a schema, the value in the base of its resource. */
static bool take_pair(const char **p, int base, unsigned long *ret_id, unsigned long *ret_value)
{
	char *end;

	while (isspace((unsigned char)**p) || **p == ';')
		(*p)++;
	if (!isdigit((unsigned char)**p))
		return false;
	*ret_id = strtoul(*p, &end, 10);
	if (*end++ != '=')
		return false;
	end += strspn(end, " "); /* the kernel aligns to the right */
	if (!isxdigit((unsigned char)*end))
		return false;
	*ret_value = strtoul(end, &end, base);
	*p = end;
	return true;
}

/* Whether the pairs of the present line of the resource hold all of the wanted ones. They are
 * compared as numbers, since the kernel pads them and puts the caches in its own order. */
static bool line_holds(const char *present, const char *wanted, int base)
{
	unsigned long id, value, there, found;

	while (take_pair(&wanted, base, &id, &value)) {
		const char *p = present;
		bool same = false;

		while (take_pair(&p, base, &there, &found))
			if (there == id)
				same = found == value;
		if (!same)
			return false;
	}
	return true;
}

/* Compares one schema ("L3:0=ff;1=f") with a schemata file. */
static bool schemata_hold(const char *file, const char *schema)
{
	const char *colon = strchr(schema, ':');
	size_t len = colon ? (size_t)(colon - schema) : 0;
	/* Bandwidths are decimal, cache masks hexadecimal. */
	const int base = strncmp(schema, "MB", 2) == 0 ? 10 : 16;

	for (const char *line = file; colon && *line; line += strcspn(line, "\n")) {
		line += strspn(line, " \t\n");
		if (strncmp(line, schema, len) == 0 && line[len] == ':')
			return line_holds(line + len + 1, colon + 1, base);
	}
	return false;
}

/* Others may run in a group that was there before: it must be what the spec takes it for. */
static int compare_schemata(int group_fd, const struct oci_intel_rdt *rdt, struct error *err)
{
	_cleanup_free_ char *file = NULL;
	size_t len;
	int r = file_read(group_fd, "schemata", FILE_MAX, &file, &len);

	if (r < 0)
		return error_sys(err, -r, "linux.intelRdt.closID: read the group's schemata");
	if (given(rdt->l3_cache_schema) && !schemata_hold(file, rdt->l3_cache_schema))
		return error_set(err, EINVAL,
				 "linux.intelRdt.l3CacheSchema: group \"%s\" exists with "
				 "another schema",
				 rdt->clos_id);
	if (given(rdt->mem_bw_schema) && !schemata_hold(file, rdt->mem_bw_schema))
		return error_set(err, EINVAL,
				 "linux.intelRdt.memBwSchema: group \"%s\" exists with "
				 "another schema",
				 rdt->clos_id);
	return 0;
}

static int write_line(int root_fd, int fd, const char *line, const char *where, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	char status[256];
	int len = asprintf(&text, "%s\n", line), code;
	ssize_t n;

	if (len < 0) {
		text = NULL;
		return error_oom(err);
	}
	n = write(fd, text, (size_t)len);
	if (n == len)
		return 0;
	code = n < 0 ? errno : EIO;
	last_status(root_fd, status, sizeof(status));
	return error_set(err, code, "linux.intelRdt.%s: the kernel refuses \"%s\": %s%s", where,
			 line, strerror(code), status);
}

/* Line by line, in the spec's order: L3, memory bandwidth, then the lines of schemata. */
static int write_schemata(int root_fd, int group_fd, const struct oci_intel_rdt *rdt, bool made,
			  struct error *err)
{
	_cleanup_close_ int fd = -1;
	int r = 0;

	if (!has_schema(rdt))
		return 0;
	if (!made && given(rdt->clos_id)) {
		r = compare_schemata(group_fd, rdt, err);
		if (r < 0)
			return r;
	}
	fd = openat(group_fd, "schemata", O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return error_sys(err, errno, "linux.intelRdt: open the group's schemata");
	if (given(rdt->l3_cache_schema))
		r = write_line(root_fd, fd, rdt->l3_cache_schema, "l3CacheSchema", err);
	if (r == 0 && given(rdt->mem_bw_schema))
		r = write_line(root_fd, fd, rdt->mem_bw_schema, "memBwSchema", err);
	for (size_t i = 0; r == 0 && i < rdt->schemata.len; i++) {
		char where[64];

		(void)snprintf(where, sizeof(where), "schemata[%zu]", i);
		r = write_line(root_fd, fd, rdt->schemata.items[i], where, err);
	}
	return r;
}

static int add_task(int root_fd, int group_fd, pid_t pid, struct error *err)
{
	char text[16], status[256];
	int len = snprintf(text, sizeof(text), "%d", (int)pid);
	int r = file_write(group_fd, "tasks", text, (size_t)len);

	if (r == 0)
		return 0;
	last_status(root_fd, status, sizeof(status));
	return error_set(err, -r, "linux.intelRdt: add process %d to its group: %s%s", (int)pid,
			 strerror(-r), status);
}

static int monitor(int root_fd, int group_fd, const char *id, pid_t pid, struct error *err)
{
	_cleanup_close_ int all = -1, own = -1;
	int r;

	if (!valid_group(id))
		return error_set(err, EINVAL,
				 "linux.intelRdt.enableMonitoring: the id \"%s\" cannot name a "
				 "group",
				 id);
	all = open_group(group_fd, MONITORS);
	if (all == -ENOENT)
		return error_set(err, ENOTSUP,
				 "linux.intelRdt.enableMonitoring: this host's resctrl has no "
				 "monitoring");
	if (all < 0)
		return error_sys(err, -all, "linux.intelRdt.enableMonitoring: open mon_groups");
	if (mkdirat(all, id, 0755) < 0 && errno != EEXIST)
		return error_sys(err, errno,
				 "linux.intelRdt.enableMonitoring: make a monitoring group%s",
				 errno == ENOSPC ? " (all are in use)" : "");
	own = open_group(all, id);
	if (own < 0)
		return error_sys(err, -own,
				 "linux.intelRdt.enableMonitoring: open the monitoring group");
	r = add_task(root_fd, own, pid, err);
	if (r < 0)
		(void)unlinkat(all, id, AT_REMOVEDIR);
	return r;
}

int rdt_apply_at(int root_fd, const struct oci_intel_rdt *rdt, const char *id, pid_t pid,
		 bool *ret_made, struct error *err)
{
	_cleanup_close_ int group = -1;
	bool made = false;
	int r;

	r = rdt_check(rdt, err);
	if (r < 0)
		return r;
	group = enter_group(root_fd, rdt, id, &made, err);
	r = group < 0 ? group : write_schemata(root_fd, group, rdt, made, err);
	if (r == 0)
		r = add_task(root_fd, group, pid, err);
	if (r == 0 && has_monitoring(rdt))
		r = monitor(root_fd, group, id, pid, err);
	if (r < 0) {
		if (made)
			(void)unlinkat(root_fd, given(rdt->clos_id) ? rdt->clos_id : id,
				       AT_REMOVEDIR);
		return r;
	}
	*ret_made = made && !given(rdt->clos_id);
	return 0;
}

int rdt_remove_at(int root_fd, const struct oci_intel_rdt *rdt, const char *id, bool made,
		  struct error *err)
{
	const bool named = given(rdt->clos_id);
	_cleanup_free_ char *path = NULL;
	const char *clos;

	if (made && !named) { /* its monitoring groups go with it */
		if (unlinkat(root_fd, id, AT_REMOVEDIR) < 0 && errno != ENOENT)
			return error_sys(err, errno, "remove resctrl group \"%s\"", id);
		return 0;
	}
	if (!has_monitoring(rdt))
		return 0;
	clos = !named ? id : strcmp(rdt->clos_id, DEFAULT_CLOS) == 0 ? "." : rdt->clos_id;
	if (asprintf(&path, "%s/" MONITORS "/%s", clos, id) < 0) {
		path = NULL;
		return error_oom(err);
	}
	if (unlinkat(root_fd, path, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return error_sys(err, errno, "remove resctrl monitoring group \"%s\"", path);
	return 0;
}

/* mountinfo writes blanks and backslashes as "\040". */
static void unescape(char *text)
{
	char *out = text;

	for (const char *in = text; *in; in++) {
		if (in[0] == '\\' && in[1] >= '0' && in[1] <= '3' && in[2] >= '0' && in[2] <= '7' &&
		    in[3] >= '0' && in[3] <= '7') {
			*out++ = (char)((in[1] - '0') << 6 | (in[2] - '0') << 3 | (in[3] - '0'));
			in += 3;
		} else {
			*out++ = *in;
		}
	}
	*out = '\0';
}

/* Opens the root of the mounted resctrl, or -ENOENT. */
static int open_root(void)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/mountinfo", "re");
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	if (!f)
		return -errno;
	while (getline(&line, &size, f) > 0) {
		char *point = NULL, *type = strstr(line, " - "), *rest = line;
		struct statfs fs;
		int fd;

		if (!type || strncmp(type + 3, "resctrl ", 8) != 0)
			continue;
		for (int field = 0; field < 5 && rest;
		     field++) /* the fifth: proc_pid_mountinfo(5) */
			point = strsep(&rest, " ");
		if (!rest || !point)
			continue;
		unescape(point);
		fd = open(point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0 && fstatfs(fd, &fs) == 0 && fs.f_type == RESCTRL_MAGIC)
			return fd;
		(void)close_fd(fd); /* hidden below another mount */
	}
	return -ENOENT;
}

int rdt_apply(const struct oci_intel_rdt *rdt, const char *id, pid_t pid, bool *ret_made,
	      struct error *err)
{
	_cleanup_close_ int root = open_root();

	if (root == -ENOENT)
		return error_set(err, ENOTSUP,
				 "linux.intelRdt: no resctrl file system is mounted on this "
				 "host");
	if (root < 0)
		return error_sys(err, -root, "linux.intelRdt: read /proc/self/mountinfo");
	return rdt_apply_at(root, rdt, id, pid, ret_made, err);
}

int rdt_remove(const struct oci_intel_rdt *rdt, const char *id, bool made, struct error *err)
{
	_cleanup_close_ int root = open_root();

	if (root == -ENOENT)
		return 0;
	if (root < 0)
		return error_sys(err, -root, "read /proc/self/mountinfo");
	return rdt_remove_at(root, rdt, id, made, err);
}

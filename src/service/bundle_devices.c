/* SPDX-License-Identifier: Apache-2.0 */
/* linux.devices, and which devices the container may use. */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "service/bundle_parts.h"

#define DEPTH_MAX 16
#define DEVICES_MAX ((size_t)16384)

static int add_rule(struct bundle *bundle, bool allow, const char *type, int64_t major,
		    int64_t minor, const char *access, struct error *err)
{
	json_t *rule = json_pack("{s:b,s:s}", "allow", allow, "access", access);
	int r = bundle_append(bundle->device_rules, rule, err);

	if (r == 0)
		r = bundle_put_text(rule, "type", type, err);
	if (r == 0 && major >= 0)
		r = bundle_put(rule, "major", json_integer(major), err);
	if (r == 0 && minor >= 0)
		r = bundle_put(rule, "minor", json_integer(minor), err);
	return r;
}

/* docker's: what every container has in /dev. Terminals and ptmx the engine allows itself. */
static int add_usual_rules(struct bundle *bundle, struct error *err)
{
	static const int usual[][2] = {
		{ 1, 5 }, { 1, 3 }, { 1, 9 }, { 1, 8 }, { 5, 0 }, { 5, 1 },
	};
	int r = add_rule(bundle, false, NULL, -1, -1, "rwm", err);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(usual); i++)
		r = add_rule(bundle, true, "c", usual[i][0], usual[i][1], "rwm", err);
	return r;
}

static int add_device(struct bundle *bundle, const char *path, const struct stat *st,
		      const char *access, struct error *err)
{
	const char *type = S_ISBLK(st->st_mode) ? "b" : "c";
	json_t *device;
	int r;

	if (json_array_size(bundle->devices) >= DEVICES_MAX)
		return error_set(err, E2BIG, "more than %zu devices", DEVICES_MAX);
	device = json_pack("{s:s,s:s,s:I,s:I,s:I,s:I,s:I}", "path", path, "type", type, "major",
			   (json_int_t)major(st->st_rdev), "minor", (json_int_t)minor(st->st_rdev),
			   "fileMode", (json_int_t)(st->st_mode & 0777), "uid",
			   (json_int_t)st->st_uid, "gid", (json_int_t)st->st_gid);
	r = bundle_append(bundle->devices, device, err);
	if (r == 0 && access)
		r = add_rule(bundle, true, type, (int64_t)major(st->st_rdev),
			     (int64_t)minor(st->st_rdev), access, err);
	return r;
}

/* Of the host's /dev: what is a file system of its own, or a terminal of somebody. */
static bool is_left_out(const char *name)
{
	static const char *const names[] = { "pts", "shm", "fd", "mqueue", "console" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return name[0] == '.';
}

/* All devices below a directory; access NULL: without rules. */
static int add_below(struct bundle *bundle, int at, const char *host, const char *container,
		     const char *access, unsigned depth, struct error *err)
{
	_cleanup_close_ int fd = openat(at, host, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_closedir_ DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *e;
	int r = 0;

	if (!d)
		return error_sys(err, errno, "open %s", host);
	(void)TAKE_FD(fd);
	if (depth > DEPTH_MAX)
		return error_set(err, ELOOP, "%s: directories are too deep", container);
	while (r == 0 && (e = readdir(d))) {
		struct stat st;
		char *path;

		if (is_left_out(e->d_name) ||
		    fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		path = arena_printf(&bundle->arena, "%s/%s", container, e->d_name);
		if (!path)
			return error_oom(err);
		if (S_ISDIR(st.st_mode))
			r = add_below(bundle, dirfd(d), e->d_name, path, access, depth + 1, err);
		else if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
			r = add_device(bundle, path, &st, access, err);
	}
	return r;
}

static int add_given(struct bundle *bundle, const struct container_device *device,
		     struct error *err)
{
	char *real = realpath(device->host, NULL);
	struct stat st;
	int r;

	if (!real || stat(real, &st) < 0) {
		r = error_sys(
			err, errno,
			"error gathering device information while adding custom device \"%s\"",
			device->host);
		free(real);
		return r;
	}
	if (S_ISDIR(st.st_mode))
		r = add_below(bundle, AT_FDCWD, real, device->container, device->permissions, 0,
			      err);
	else if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
		r = add_device(bundle, device->container, &st, device->permissions, err);
	else
		r = error_set(err, EINVAL,
			      "error gathering device information while adding custom device "
			      "\"%s\": not a device node",
			      device->host);
	free(real);
	return r;
}

/* Those of a guest's kernel: the numbers are the same everywhere, the host may not have them. */
static int add_of_guest(struct bundle *bundle, const struct container_device *device,
			struct error *err)
{
	static const struct {
		const char *path;
		unsigned major, minor;
	} known[] = {
		{ "/dev/null", 1, 3 },    { "/dev/zero", 1, 5 },       { "/dev/full", 1, 7 },
		{ "/dev/random", 1, 8 },  { "/dev/urandom", 1, 9 },    { "/dev/tty", 5, 0 },
		{ "/dev/fuse", 10, 229 }, { "/dev/net/tun", 10, 200 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		const struct stat st = { .st_mode = S_IFCHR | 0666,
					 .st_rdev = makedev(known[i].major, known[i].minor) };

		if (strcmp(known[i].path, device->host) == 0)
			return add_device(bundle, device->container, &st, device->permissions, err);
	}
	return error_set(err, ENOTSUP, "--device %s: not a device of a guest's kernel",
			 device->host);
}

static int add_user_rules(struct bundle *bundle, struct error *err)
{
	const struct oci_device_rules *rules = &bundle->config->device_cgroup_rules;
	int r = 0;

	for (size_t i = 0; r == 0 && i < rules->len; i++)
		r = add_rule(bundle, true, rules->items[i].type,
			     rules->items[i].major.set ? rules->items[i].major.value : -1,
			     rules->items[i].minor.set ? rules->items[i].minor.value : -1,
			     rules->items[i].access, err);
	return r;
}

int bundle_devices(struct bundle *bundle, struct error *err)
{
	const struct container_config *c = bundle->config;
	int r;

	if (c->privileged) {
		r = add_rule(bundle, true, "a", -1, -1, "rwm", err);
		if (r == 0 && !bundle->hyperv)
			r = add_below(bundle, AT_FDCWD, "/dev", "/dev", NULL, 0, err);
	} else {
		r = add_usual_rules(bundle, err);
	}
	/* Privileged has them already, unless they are to have another name. */
	for (size_t i = 0; r == 0 && i < c->devices_len; i++) {
		if (c->privileged && strcmp(c->devices[i].host, c->devices[i].container) == 0 &&
		    !bundle->hyperv)
			continue;
		r = bundle->hyperv ? add_of_guest(bundle, &c->devices[i], err)
				   : add_given(bundle, &c->devices[i], err);
	}
	return r < 0 || c->privileged ? r : add_user_rules(bundle, err);
}

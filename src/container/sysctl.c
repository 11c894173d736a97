/* SPDX-License-Identifier: Apache-2.0 */
#include "container/sysctl.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/path.h"

#define PREFIX "sys/"
#define PREFIX_LEN (sizeof(PREFIX) - 1)

/* Which namespace holds a setting. A name that ends with "/" stands for all below it. */
static const struct {
	const char *name;
	enum oci_namespace_kind kind;
} namespaced[] = {
	{ "kernel/msgmax", OCI_NS_IPC },   { "kernel/msgmnb", OCI_NS_IPC },
	{ "kernel/msgmni", OCI_NS_IPC },   { "kernel/sem", OCI_NS_IPC },
	{ "kernel/shmall", OCI_NS_IPC },   { "kernel/shmmax", OCI_NS_IPC },
	{ "kernel/shmmni", OCI_NS_IPC },   { "kernel/shm_rmid_forced", OCI_NS_IPC },
	{ "fs/mqueue/", OCI_NS_IPC },      { "net/", OCI_NS_NETWORK },
	{ "kernel/hostname", OCI_NS_UTS }, { "kernel/domainname", OCI_NS_UTS },
	{ "user/", OCI_NS_USER },
};

static const struct {
	const char *word; /* in linux.namespaces[].type */
	const char *own;
} namespace_names[OCI_NS_KINDS] = {
	[OCI_NS_NETWORK] = { "network", "/proc/self/ns/net" },
	[OCI_NS_IPC] = { "ipc", "/proc/self/ns/ipc" },
	[OCI_NS_UTS] = { "uts", "/proc/self/ns/uts" },
	[OCI_NS_USER] = { "user", "/proc/self/ns/user" },
};

/* PREFIX and key as a path into path (size bytes); refuses what would not name something below. */
static int make_path(const char *key, char *path, size_t size, struct error *err)
{
	const char *first = strpbrk(key, "./");
	const bool dotted = first && *first == '.';
	const size_t len = strlen(key);
	char *out = path + PREFIX_LEN;

	if (PREFIX_LEN + len >= size)
		return error_set(err, ENAMETOOLONG, "linux.sysctl: a name is longer than %d bytes",
				 PATH_MAX);
	memcpy(path, PREFIX, PREFIX_LEN);
	for (size_t i = 0; i < len; i++)
		out[i] = !dotted ? key[i] : key[i] == '.' ? '/' : key[i] == '/' ? '.' : key[i];
	out[len] = '\0';
	for (const char *part = out;; part++) {
		size_t n = strcspn(part, "/");

		if (n == 0 || (part[0] == '.' && (n == 1 || (n == 2 && part[1] == '.'))))
			return error_set(err, EINVAL, "linux.sysctl.%s: not the name of a setting",
					 key);
		part += n;
		if (!*part)
			return 0;
	}
}

static int namespace_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(namespaced); i++) {
		const char *known = namespaced[i].name;
		size_t len = strlen(known);

		if (known[len - 1] == '/' ? strncmp(name, known, len) == 0
					  : strcmp(name, known) == 0)
			return (int)namespaced[i].kind;
	}
	return -ENOENT;
}

/* Whether the container shares the namespace with the runtime: 1, 0 or an error. */
static int is_shared(const struct oci_spec *spec, enum oci_namespace_kind kind, struct error *err)
{
	const struct oci_namespace *ns = &spec->linux_->namespaces[kind];
	struct stat own, theirs;

	if (!ns->present)
		return 1;
	if (!ns->path || !*ns->path)
		return 0;
	if (stat(namespace_names[kind].own, &own) < 0)
		return error_sys(err, errno, "stat %s", namespace_names[kind].own);
	if (stat(ns->path, &theirs) < 0)
		return error_sys(err, errno, "linux.namespaces: stat %s", ns->path);
	return own.st_dev == theirs.st_dev && own.st_ino == theirs.st_ino;
}

/* kernel.hostname beside "hostname" would say two things of one. */
static int check_conflict(const char *name, const char *key, const char *value, const char *field,
			  const char *field_value, struct error *err)
{
	if (strcmp(name, field) != 0 || !field_value || strcmp(value, field_value) == 0)
		return 0;
	return error_set(err, EINVAL, "linux.sysctl.%s: contradicts the field %s", key,
			 strchr(field, '/') + 1);
}

int sysctl_check(const struct oci_spec *spec, struct error *err)
{
	const struct key_values *sysctl;
	int shared[OCI_NS_KINDS]; /* -1: not looked at */
	char path[PATH_MAX];

	if (!spec->linux_)
		return 0;
	sysctl = &spec->linux_->sysctl;
	for (size_t i = 0; i < OCI_NS_KINDS; i++)
		shared[i] = -1;
	for (size_t i = 0; i < sysctl->len; i++) {
		const struct key_value *kv = &sysctl->items[i];
		const char *name = path + PREFIX_LEN;
		int kind, r;

		r = make_path(kv->key, path, sizeof(path), err);
		if (r < 0)
			return r;
		kind = namespace_of(name);
		if (kind < 0)
			return error_set(err, EINVAL,
					 "linux.sysctl.%s: not of a namespace: it would "
					 "change the host",
					 kv->key);
		if (shared[kind] < 0)
			shared[kind] = is_shared(spec, (enum oci_namespace_kind)kind, err);
		if (shared[kind] < 0)
			return shared[kind];
		if (shared[kind])
			return error_set(err, EINVAL,
					 "linux.sysctl.%s: the container shares the %s "
					 "namespace of the host: it needs one of its own in "
					 "linux.namespaces",
					 kv->key, namespace_names[kind].word);
		r = check_conflict(name, kv->key, kv->value, "kernel/hostname", spec->hostname,
				   err);
		if (r < 0)
			return r;
		r = check_conflict(name, kv->key, kv->value, "kernel/domainname", spec->domainname,
				   err);
		if (r < 0)
			return r;
	}
	return 0;
}

int sysctl_apply(int proc_fd, const struct key_values *sysctl, struct error *err)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < sysctl->len; i++) {
		const struct key_value *kv = &sysctl->items[i];
		/* An empty write would change nothing; an empty line clears a list. */
		const char *value = *kv->value ? kv->value : "\n";
		_cleanup_close_ int fd = -1;
		ssize_t n;
		int r;

		r = make_path(kv->key, path, sizeof(path), err);
		if (r < 0)
			return r;
		fd = path_open_strict(proc_fd, path, O_WRONLY);
		if (fd == -ENOENT)
			return error_set(err, ENOENT,
					 "linux.sysctl.%s: the container's kernel and "
					 "namespaces have no such setting",
					 kv->key);
		if (fd < 0)
			return error_sys(err, -fd, "linux.sysctl.%s: open", kv->key);
		/* In one write: the kernel takes each as a whole value (proc(5),
		 * sysctl_writes_strict). */
		n = write(fd, value, strlen(value));
		if (n < 0)
			return error_sys(err, errno, "linux.sysctl.%s: set it to \"%s\"", kv->key,
					 kv->value);
		if ((size_t)n != strlen(value))
			return error_set(err, EINVAL, "linux.sysctl.%s: \"%s\" is too long",
					 kv->key, kv->value);
	}
	return 0;
}

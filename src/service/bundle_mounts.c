/* SPDX-License-Identifier: Apache-2.0 */
/* The mounts that every container has: kernel file systems, /dev/shm, names and name servers, init. */
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "base/libexec.h"
#include "base/path.h"
#include "service/bundle_parts.h"

#define SHM_SIZE ((uint64_t)64 << 20)

int bundle_mount(struct bundle *bundle, const char *destination, const char *type,
		 const char *source, const char *const *options, struct error *err)
{
	size_t len = 0;
	json_t *list;

	while (options[len])
		len++;
	list = bundle_strings((char *const *)options, len);
	if (!list)
		return error_oom(err);
	return bundle_append(bundle->mounts,
			     json_pack("{s:s,s:s,s:s,s:o}", "destination", destination, "type",
				       type, "source", source, "options", list),
			     err);
}

/* Does a volume take its place? One at /dev takes all below it too. */
static bool is_covered(const struct bundle *bundle, const char *destination)
{
	for (size_t i = 0; i < bundle->config->volumes_len; i++) {
		const char *volume = bundle->config->volumes[i].destination;

		if (strcmp(volume, destination) == 0)
			return true;
		if (strcmp(volume, "/dev") == 0 && strncmp(destination, "/dev/", 5) == 0)
			return true;
	}
	return false;
}

static int mount_kernel(struct bundle *bundle, struct error *err)
{
	static const struct {
		const char *destination, *type, *source, *options[8];
		bool readonly; /* unless privileged */
	} mounts[] = {
		{ "/proc", "proc", "proc", { "nosuid", "noexec", "nodev" }, false },
		{ "/dev",
		  "tmpfs",
		  "tmpfs",
		  { "nosuid", "strictatime", "mode=755", "size=65536k" },
		  false },
		{ "/dev/pts",
		  "devpts",
		  "devpts",
		  { "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5" },
		  false },
		{ "/sys", "sysfs", "sysfs", { "nosuid", "noexec", "nodev" }, true },
		{ "/sys/fs/cgroup", "cgroup", "cgroup", { "nosuid", "noexec", "nodev" }, true },
		{ "/dev/mqueue", "mqueue", "mqueue", { "nosuid", "noexec", "nodev" }, false },
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(mounts); i++) {
		const char *options[10] = { NULL };
		size_t n = 0;

		if (is_covered(bundle, mounts[i].destination))
			continue;
		while (mounts[i].options[n]) {
			options[n] = mounts[i].options[n];
			n++;
		}
		if (mounts[i].readonly && !bundle->config->privileged)
			options[n++] = "ro";
		r = bundle_mount(bundle, mounts[i].destination, mounts[i].type, mounts[i].source,
				 options, err);
	}
	return r;
}

/* That of the peer, whose root is its own to arrange: nothing there may lead elsewhere, and what is at
 * /dev/shm must be a tmpfs of its own. */
static int mount_peer_shm(struct bundle *bundle, struct error *err)
{
	static const char *const options[] = { "rbind", "nosuid", "noexec", "nodev", NULL };
	char *root = arena_printf(&bundle->arena, "/proc/%d/root", (int)bundle->ipc_peer.pid);
	char *shm = arena_printf(&bundle->arena, "%s/dev/shm", root ? root : "");
	_cleanup_close_ int root_fd = -1, dev = -1, fd = -1;

	if (!root || !shm)
		return error_oom(err);
	root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	dev = openat(root_fd, "dev", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	fd = openat(dev, "shm", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, errno, "--ipc: the /dev/shm of the other container");
	return bundle_mount(bundle, "/dev/shm", "bind", shm, options, err);
}

static int mount_shm(struct bundle *bundle, struct error *err)
{
	static const char *const host[] = { "rbind", "nosuid", "noexec", "nodev", NULL };
	const struct container_config *c = bundle->config;
	char *size =
		arena_printf(&bundle->arena, "size=%" PRIu64, c->shm_size ? c->shm_size : SHM_SIZE);
	const char *options[] = { "nosuid", "noexec", "nodev", "mode=1777", size, NULL };

	if (!size)
		return error_oom(err);
	if (is_covered(bundle, "/dev/shm") || mode_is(c->ipc_mode, "none"))
		return 0;
	if (mode_is(c->ipc_mode, "host"))
		return bundle_mount(bundle, "/dev/shm", "bind", "/dev/shm", host, err);
	if (bundle->ipc_peer.id && !bundle->hyperv)
		return mount_peer_shm(bundle, err);
	return bundle_mount(bundle, "/dev/shm", "tmpfs", "shm", options, err);
}

/* --- /etc/hosts and its like -------------------------------------------------------------------- */

static int write_files(struct bundle *bundle, struct error *err)
{
	const struct container_config *c = bundle->config;
	const bool host = mode_is(c->network_mode, "host");
	const char *name = json_string_value(json_object_get(bundle->spec, "hostname"));
	const struct network_files files = {
		.hostname = name ? name : "localhost",
		.domainname = c->domainname,
		.attachment = host ? NULL : &bundle->record->state.network,
		.extra_hosts = (const char *const *)c->extra_hosts.items,
		.extra_hosts_len = c->extra_hosts.len,
		.dns = (const char *const *)c->dns.items,
		.dns_search = (const char *const *)c->dns_search.items,
		.dns_options = (const char *const *)c->dns_options.items,
		.dns_len = c->dns.len,
		.dns_search_len = c->dns_search.len,
		.dns_options_len = c->dns_options.len,
		.host_network = host,
	};

	return network_files_write(bundle->record->dir_fd, &files, err);
}

static int mount_files(struct bundle *bundle, struct error *err)
{
	static const char *const files[][2] = {
		{ "/etc/resolv.conf", "resolv.conf" },
		{ "/etc/hostname", "hostname" },
		{ "/etc/hosts", "hosts" },
	};
	static const char *const writable[] = { "rbind", "rprivate", NULL };
	static const char *const readonly[] = { "rbind", "rprivate", "ro", NULL };
	/* Who shares a network shares these. */
	const char *dir =
		bundle->network_peer.id ? bundle->network_peer.path : bundle->record->path;
	int r = bundle->network_peer.id ? 0 : write_files(bundle, err);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(files); i++) {
		char *source;

		if (is_covered(bundle, files[i][0]))
			continue;
		source = arena_printf(&bundle->arena, "%s/%s", dir, files[i][1]);
		r = source ? bundle_mount(bundle, files[i][0], "bind", source,
					  bundle->config->readonly_rootfs ? readonly : writable,
					  err)
			   : error_oom(err);
	}
	return r;
}

static int mount_init(struct bundle *bundle, struct error *err)
{
	static const char *const options[] = { "bind", "ro", "nosuid", "nodev", NULL };
	_cleanup_free_ char *path = libexec_path("hcs-init"), *real = NULL;

	if (!bundle->config->init)
		return 0;
	if (!path)
		return error_oom(err);
	real = realpath(path, NULL);
	if (!real)
		return error_sys(err, errno, "--init: %s", path);
	return bundle_mount(bundle, "/dev/init", "bind", real, options, err);
}

int bundle_mounts(struct bundle *bundle, struct error *err)
{
	int r = mount_kernel(bundle, err);

	return r < 0 ? r : mount_shm(bundle, err);
}

int bundle_files(struct bundle *bundle, struct error *err)
{
	int r = mount_files(bundle, err);

	return r < 0 ? r : mount_init(bundle, err);
}

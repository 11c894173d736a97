/* SPDX-License-Identifier: Apache-2.0 */
/* linux.namespaces, and where the container's cgroup is. */
#include <string.h>

#include "service/bundle_parts.h"

#define CGROUP_PARENT "/hcs"
#define SYSTEMD_SLICE "system.slice"

/* path NULL: a new one. */
static int add(struct bundle *bundle, const char *type, const char *path, struct error *err)
{
	json_t *list = json_object_get(bundle->linux_, "namespaces");
	json_t *item = path ? json_pack("{s:s,s:s}", "type", type, "path", path)
			    : json_pack("{s:s}", "type", type);

	return bundle_append(list, item, err);
}

static int add_joined(struct bundle *bundle, const char *type, const char *file, pid_t pid,
		      struct error *err)
{
	char *path = arena_printf(&bundle->arena, "/proc/%d/ns/%s", (int)pid, file);

	return path ? add(bundle, type, path, err) : error_oom(err);
}

static int add_network(struct bundle *bundle, struct error *err)
{
	if (mode_is(bundle->config->network_mode, "host"))
		return 0;
	if (bundle->network_peer.id)
		return add_joined(bundle, "network", "net", bundle->network_peer.pid, err);
	return add(bundle, "network", bundle->record->state.network.netns, err);
}

/* In a VM that is joined network, IPC and names are shared without a word. */
static int add_of_vm(struct bundle *bundle, struct error *err)
{
	int r = add(bundle, "mount", NULL, err);

	if (r == 0)
		r = bundle->pid_peer.id
			    ? add_joined(bundle, "pid", "pid", bundle->pid_peer.pid, err)
			    : add(bundle, "pid", NULL, err);
	return r < 0 ? r : add(bundle, "cgroup", NULL, err);
}

static int add_all(struct bundle *bundle, struct error *err)
{
	const struct container_config *c = bundle->config;
	const struct {
		const char *type, *file, *mode;
		const struct bundle_peer *peer;
	} kinds[] = {
		{ "pid", "pid", c->pid_mode, &bundle->pid_peer },
		{ "ipc", "ipc", c->ipc_mode, &bundle->ipc_peer },
		{ "uts", "uts", c->uts_mode, NULL },
		{ "cgroup", "cgroup", c->cgroupns_mode, NULL },
	};
	int r = add(bundle, "mount", NULL, err);

	if (r == 0)
		r = add_network(bundle, err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(kinds); i++) {
		if (mode_is(kinds[i].mode, "host"))
			continue;
		if (kinds[i].peer && kinds[i].peer->id)
			r = add_joined(bundle, kinds[i].type, kinds[i].file, kinds[i].peer->pid,
				       err);
		else
			r = add(bundle, kinds[i].type, NULL, err);
	}
	return r;
}

static int put_cgroup(struct bundle *bundle, struct error *err)
{
	const char *parent = bundle->config->cgroup_parent, *id = bundle->record->id;
	const bool systemd = bundle->service->host.cgroup_manager == CGROUP_SYSTEMD;
	char *path;

	if (systemd)
		path = arena_printf(&bundle->arena, "%s:hcs:%s", parent ? parent : SYSTEMD_SLICE,
				    id);
	else
		path = arena_printf(&bundle->arena, "%s%s/%s",
				    parent && parent[0] != '/' ? "/" : "",
				    parent ? parent : CGROUP_PARENT, id);
	return path ? bundle_put_text(bundle->linux_, "cgroupsPath", path, err) : error_oom(err);
}

int bundle_namespaces(struct bundle *bundle, struct error *err)
{
	int r = bundle_put(bundle->linux_, "namespaces", json_array(), err);

	if (r == 0)
		r = bundle->hyperv && bundle->network_peer.id ? add_of_vm(bundle, err)
							      : add_all(bundle, err);
	return r < 0 ? r : put_cgroup(bundle, err);
}

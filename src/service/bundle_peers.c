/* SPDX-License-Identifier: Apache-2.0 */
/* The containers whose namespaces are joined ("container:NAME"): they must run. */
#include <string.h>

#include "service/bundle_parts.h"
#include "service/lists.h"

static int find(struct bundle *bundle, const char *mode, const char *flag, struct bundle_peer *ret,
		struct error *err)
{
	_cleanup_record_ struct record peer = RECORD_INIT;
	const char *name = mode_container(mode);
	int r;

	if (!name)
		return 0;
	r = record_open(bundle->service, name, RECORD_READ, &peer, err);
	if (r < 0)
		return error_wrap(err, r, "%s %s", flag, mode);
	if (strcmp(peer.id, bundle->record->id) == 0)
		return error_set(err, EINVAL, "%s %s: a container cannot join itself", flag, mode);
	if ((peer.state.status != RECORD_RUNNING && peer.state.status != RECORD_PAUSED) ||
	    peer.state.pid <= 0)
		return error_set(err, ESRCH, "cannot join %s of a non running container: %s",
				 flag + 2, peer.name);
	if (peer.config.isolation != bundle->config->isolation)
		return error_set(
			err, EINVAL,
			"%s %s: %s runs in %s isolation; what is shared must have the same "
			"kernel",
			flag, mode, peer.name, compute_isolation_name(peer.config.isolation));
	if (strcmp(flag, "--ipc") == 0 &&
	    (mode_is(peer.config.ipc_mode, "private") || mode_is(peer.config.ipc_mode, "none")))
		return error_set(err, EINVAL,
				 "can't join IPC of container %s: non-shareable IPC (make that one "
				 "with --ipc shareable)",
				 peer.name);
	ret->pid = peer.state.pid;
	ret->hostname = peer.config.hostname ? arena_strdup(&bundle->arena, peer.config.hostname)
					     : arena_strndup(&bundle->arena, peer.id, 12);
	if (!ret->hostname)
		return error_oom(err);
	r = text_set(&bundle->arena, &ret->id, peer.id, err);
	return r < 0 ? r : text_set(&bundle->arena, &ret->path, peer.path, err);
}

int bundle_peers(struct bundle *bundle, struct error *err)
{
	const struct container_config *config = bundle->config;
	int r = find(bundle, config->network_mode, "--network", &bundle->network_peer, err);

	if (r == 0)
		r = find(bundle, config->pid_mode, "--pid", &bundle->pid_peer, err);
	return r < 0 ? r : find(bundle, config->ipc_mode, "--ipc", &bundle->ipc_peer, err);
}

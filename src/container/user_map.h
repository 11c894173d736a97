/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* uid and gid maps of a new user namespace (user_namespaces(7)). */
#include <sys/types.h>

#include "base/error.h"
#include "oci/spec.h"

/* Writes both maps of pid's user namespace from its parent's side. An ordinary user's maps of more
 * than its own id go through newuidmap(1) and newgidmap(1), which check /etc/subuid and
 * /etc/subgid. */
int user_map_write(pid_t pid, const struct oci_id_mappings *uids,
		   const struct oci_id_mappings *gids, struct error *err);

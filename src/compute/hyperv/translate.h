/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A container's configuration as the engine in the guest gets it: what the host does itself is taken
 * out (its hooks, layers, id mapping of mounts, CPU pinning, block I/O), paths become those of the
 * share, namespaces those of the VM. What a VM cannot give is refused by its JSON path.
 */
#include <jansson.h>

#include "compute/store.h"
#include "container/mount_plan.h"
#include "oci/spec.h"

struct translation {
	const struct oci_spec *spec; /* validated */
	const struct mount_plan *mounts;
	const char *text; /* config.json, that spec was read from */
	size_t len;
	const char *id, *bundle;    /* bundle: absolute */
	const struct stored *owner; /* of the VM that is joined; NULL: it gets one of its own */
	/* In the owner's configuration, may be NULL. */
	const char *owner_hostname, *owner_domainname;
	bool has_disks; /* its layers are disks (layers.h): the guest makes its root */
	unsigned preserve_fds, listen_fds;
	/* Told of what has no meaning in a VM and is left out. */
	void (*warn)(const char *message, void *data);
	void *warn_data;
};

/* Everything that is refused, before anything is made. 0 or -errno. */
int translation_check(const struct translation *t, struct error *err);
/* The guest's configuration, owned by the caller. has_network: the VM has interfaces of a network
 * namespace that was given. */
int translation_make(const struct translation *t, bool has_network, json_t **ret,
		     struct error *err);

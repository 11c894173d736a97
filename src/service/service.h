/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Containers as people know them: made from images, with names, networks, logs and restarts. No daemon:
 * what one would remember is on disk below the data root, and every call opens, locks, acts and stores.
 *
 *   ROOT/containers/ID/container.json  what it is (docker's Config and HostConfig): changed by rename,
 *                                      update and set only
 *   ROOT/containers/ID/state.json      what became of it: pid, exit status, times, network
 *   ROOT/containers/ID/lock            flock(2): held by whoever changes the two
 *   ROOT/containers/ID/alive           flock(2): held by its supervisor as long as that lives
 *   ROOT/containers/ID/scratch/        upper/ and work/ of its overlay (process isolation)
 *   ROOT/containers/ID/scratch.ext4    the same as a disk (hyperv isolation)
 *   ROOT/containers/ID/bundle/         the OCI bundle it runs from
 *   ROOT/containers/ID/{hosts,hostname,resolv.conf}
 *   ROOT/containers/ID/ID-json.log     docker's json-file format, rotated as .1, .2, …
 *   ROOT/names/NAME                    link to ID: takes the name, or fails with EEXIST
 *   ROOT/volumes/NAME/_data            named volumes
 *   ROOT/images/…                      image/store.h
 *   RUN/compute/                       state of the compute systems (compute/store.h)
 *   RUN/containers/ID/attach.sock      its supervisor listens there
 *   RUN/netns/ID, RUN/cni/             networks
 */
#include <stdbool.h>

#include "base/error.h"
#include "compute/settings.h"
#include "compute/system.h"
#include "image/store.h"
#include "network/network.h"

#define SERVICE_ROOT "/var/lib/hcs"
#define SERVICE_RUN_ROOT "/run/hcs"
#define SERVICE_OWNER "hcs" /* of its compute systems */

struct service {
	char *root, *run_root;    /* owned, absolute */
	int root_fd, run_fd;      /* owned */
	char *compute_root;       /* RUN/compute */
	struct compute_host host; /* for calls of the compute layer; root is compute_root */
	struct compute_settings settings;
	struct network_paths network;
};

/* Opens, and makes what is missing. root and run_root NULL: what HCS_ROOT and HCS_RUN_ROOT in the
 * environment say, else the above. */
int service_open(const char *root, const char *run_root, struct service *ret, struct error *err);
void service_done(struct service *service);
#define _cleanup_service_ _cleanup_(service_done)
/* The image store of this service, opened when first asked for; caller closes. */
int service_images(const struct service *service, struct image_store **ret, struct error *err);

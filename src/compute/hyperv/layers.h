/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Layers that a VM gets as disks: windows.layerFolders names files, each layer an erofs image and the
 * scratch an ext4 file system. The layers together are one disk, read-only, whose pages the host caches
 * once for all VMs; the scratch is another. What names directories is served by share.h instead, its
 * overlay put together on the host.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "oci/spec.h"
#include "vm/settings.h"

#define LAYER_DISKS_MAX (VM_EXTENTS_MAX - 1) /* beside the scratch */

struct layer_disks {
	int fds[LAYER_DISKS_MAX]; /* owned; topmost first */
	uint64_t sizes[LAYER_DISKS_MAX];
	size_t len;  /* 0: there are none */
	int scratch; /* owned, locked; with layers only */
};
#define LAYER_DISKS_INIT ((struct layer_disks){ .scratch = -1 })

/* Opens and checks them. None, and no error, where a layer or the scratch is a directory. joined: the
 * container goes into a VM that runs, to which no disk can be added: its layers may be files
 * (which the host mounts), the scratch then not. -EBUSY: the scratch is in use. */
int layer_disks_open(const struct oci_spec *spec, const char *bundle, bool joined,
		     struct layer_disks *ret, struct error *err);
void layer_disks_done(struct layer_disks *disks);
/* Adds them to a VM's disks; fds (room for VM_EXTENTS_MAX) gets the descriptors that are to be sent,
 * which stay owned. How many. */
size_t layer_disks_attach(const struct layer_disks *disks, struct vm_settings *settings, int *fds);
/* What the guest is told of them (wire/message.h), into the "create" request. */
void layer_disks_describe(const struct layer_disks *disks, json_t *request);

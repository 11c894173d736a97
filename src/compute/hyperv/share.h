/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a container sees of the host: its root and the sources of its binds, mounted below
 * VM_SHARE_ROOT/ID in vmwp's mount namespace, where the share's daemon serves them. Read-only binds
 * are read-only here, whatever the guest does.
 */
#include "base/error.h"
#include "container/mount_plan.h"
#include "oci/spec.h"

struct share {
	const struct oci_spec *spec;
	struct mount_plan *mounts;
	const char *id, *bundle,
		*rootfs; /* absolute paths; rootfs NULL: the VM has a root of its own */
};

/* Mounts it. vmwp: pidfd. What was mounted goes with vmwp's namespace or by share_detach. Nothing
 * in the caller's mount namespace changes. 0 or -errno. */
int share_attach(const struct share *share, int vmwp, struct error *err);
/* Takes a container's directory away from a VM that goes on. Nothing there is no error. */
int share_detach(const char *id, int vmwp, struct error *err);

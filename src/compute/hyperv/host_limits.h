/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the cgroup on the host limits, where the VM is: which processors it runs on, its share of them
 * and of the disks. How much memory and time the container has, and how many processes, is for the
 * guest's cgroup to say; where the spec limits memory or processes at all, the host's holds what the
 * VM as a whole may cost, so that a guest that turns on its host finds a bound there too.
 */
#include "container/cgroup/cgroup.h"
#include "oci/spec.h"
#include "vm/settings.h"

struct host_limits {
	struct oci_resources resources; /* what is used; the rest is what it points to */
	struct oci_cpu cpu;
	struct oci_memory memory;
};

/* settings: of the VM that is made; NULL for a container that joins one, whose own cgroup has no more
 * than its processes on the host. Strings and lists stay the spec's. */
void host_limits_of(const struct oci_spec *spec, const struct vm_settings *settings,
		    struct host_limits *ret);

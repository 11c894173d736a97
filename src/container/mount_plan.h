/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What mount_plan_parse makes of spec.mounts: see mounts.h for the functions. */
#include "base/arena.h"
#include "container/mount_step.h"
#include "container/mounts.h"

struct mount_plan {
	struct arena arena;
	const struct oci_spec *spec; /* borrowed; must outlive the plan */
	struct mount_step *steps;
	size_t len;
};

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The mounts of a spec: parsed in the parent into a plan, executed in the container's init.
 * Sources are opened before the pivot, targets are descriptors resolved inside the root.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "oci/spec.h"

struct mount_plan; /* mount_plan.h: one struct mount_step a mount */

/* Parses types and options of every mount; refuses an unknown option as
 * "mounts[3].options[1]: …". Nothing is touched. */
int mount_plan_parse(const struct oci_spec *spec, struct mount_plan **ret, struct error *err);
void mount_plan_free(struct mount_plan *plan);
/* Opens, in the parent (host side) before the clone, what the child has no right to. First the user
 * namespaces of idmapped mounts, which takes /proc; 0 or -errno. */
int mount_plan_open_userns(struct mount_plan *plan, struct error *err);
/* Then the sources of idmapped mounts; with a user namespace also the other bind sources, for
 * those that its root cannot reach. Relative sources start at bundle. The child inherits the
 * descriptors; the parent's go with mount_plan_free. 0 or -errno. */
int mount_plan_open_sources(struct mount_plan *plan, const char *bundle, struct error *err);

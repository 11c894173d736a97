/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* linux.rootfsPropagation, and keeping what the runtime mounts away from the host. */
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "oci/spec.h"

/* MS_SHARED, MS_SLAVE, MS_PRIVATE or MS_UNBINDABLE; 0 when the spec has none. */
uint64_t root_propagation(const struct oci_spec *spec, bool *ret_recursive);
/* First thing in a new mount namespace: what was inherited no longer passes mounts on to the host.
 * Under "shared" it goes on doing so, for binds that are to propagate; then
 * root_propagation_isolate is what protects the host. */
int root_propagation_begin(const struct oci_spec *spec, struct error *err);
/* Before the root is attached to target_fd: under "shared", the mount that target_fd is in and the
 * root mount (root_fd, detached; -1: not yet made) leave the host's peer groups. */
int root_propagation_isolate(const struct oci_spec *spec, int target_fd, int root_fd,
			     struct error *err);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* linux.sysctl: only what is of a namespace that the container has for itself. */
#include "base/error.h"
#include "oci/spec.h"

/* Refuses by name ("linux.sysctl.kernel.shmmax: …") what is not namespaced or whose namespace is
 * the host's (absent from linux.namespaces, or a path to the runtime's own namespace). */
int sysctl_check(const struct oci_spec *spec, struct error *err);
/* Writes them below proc_fd/sys, without following links, inside the container's namespaces. */
int sysctl_apply(int proc_fd, const struct key_values *sysctl, struct error *err);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A VM keeps the size that it was made with. */
#include "base/error.h"
#include "compute/store.h"
#include "oci/spec.h"

/* Refuses by name limits beyond the VM: they would be accepted by the guest's cgroup and hold nothing.
 * No limit at all (-1) is none of these: the VM's size is the limit then. 0 or -EINVAL. */
int vm_size_check(const struct stored *s, const struct oci_resources *resources, struct error *err);

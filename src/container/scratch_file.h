/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A scratch that is a file with an ext4 file system (as `create-scratch` makes), in place of a
 * directory. */
#include "base/error.h"
#include "oci/spec.h"

/* Opens the scratch of spec's layers, the last one (relative to bundle). *ret_fd: a detached mount of
 * the file system in it, -1 where the scratch is anything but a regular file. The loop device behind it
 * ends with the mount, and the file can be in one mount at a time (-EBUSY). To be called by a process
 * that the container's device rules do not bind; needs CAP_SYS_ADMIN in the host's user namespace. */
int scratch_file_open(const struct oci_spec *spec, const char *bundle, int *ret_fd,
		      struct error *err);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* linux.intelRdt through resctrl: docs.kernel.org/filesystems/resctrl, config-linux.md#intelrdt. */
#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "oci/spec.h"

/* Refuses by JSON path what names no group or would be more than one line of schemata. NULL is
 * fine. */
int rdt_check(const struct oci_intel_rdt *rdt, struct error *err);
/* Makes or joins the CLOS group (clos_id or the container's id), writes schemata, adds pid, makes a
 * monitoring group when asked. *ret_made: the group was made here and rdt_remove shall remove it.
 * On failure what was made is removed. */
int rdt_apply(const struct oci_intel_rdt *rdt, const char *id, pid_t pid, bool *ret_made,
	      struct error *err);
/* Removes what rdt_apply made: the group, unless the spec names it, and the monitoring group.
 * Nothing there is no error. */
int rdt_remove(const struct oci_intel_rdt *rdt, const char *id, bool made, struct error *err);

/* The same below root_fd, the root of a resctrl file system. */
int rdt_apply_at(int root_fd, const struct oci_intel_rdt *rdt, const char *id, pid_t pid,
		 bool *ret_made, struct error *err);
int rdt_remove_at(int root_fd, const struct oci_intel_rdt *rdt, const char *id, bool made,
		  struct error *err);

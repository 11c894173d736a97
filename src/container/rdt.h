/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* linux.intelRdt through resctrl. */
#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "oci/spec.h"

/* Makes or joins the CLOS group (clos_id or the container's id), writes schemata, adds pid, makes a
 * monitoring group when asked. *ret_made: the group was made here and rdt_remove shall remove it. */
int rdt_apply(const struct oci_intel_rdt *rdt, const char *id, pid_t pid, bool *ret_made,
	      struct error *err);
/* Removes what rdt_apply made; nothing there is no error. */
int rdt_remove(const struct oci_intel_rdt *rdt, const char *id, bool made, struct error *err);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>

/* The default config.json for `spec`, as text the caller frees; NULL when memory runs out.
 * rootless: with a user namespace mapping uid/gid 0 to the caller's ids and no cgroup resources. */
char *oci_template(bool rootless, unsigned uid, unsigned gid);

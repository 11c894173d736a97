/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Programs and files of the project's own that no user calls. */

/* Path of name in $HCS_LIBEXECDIR (absolute, not for set-id programs) or where the build installs
 * it. Caller frees; NULL without memory. */
char *libexec_path(const char *name);

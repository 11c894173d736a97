/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Files in and out of a created or running container of either isolation, as tar archives. */
#include "compute/system.h"
#include "container/files.h"

/* See container_files; of a hyperv container the guest's agent does it, and the archive goes over a
 * stream. What comes from there is the guest's: nobody checks it. fd of files: anything that can be
 * read or written, of a stopped reader -EPIPE. Works on a paused container too (-EBUSY in a VM). */
int compute_files(const struct compute_host *host, const char *id,
		  const struct container_files *files, struct error *err);

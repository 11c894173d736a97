/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Where what a container writes is kept: a directory in process isolation, a disk in hyperv isolation. */
#include "service/record.h"

#define SCRATCH_DIRECTORY "scratch" /* upper/ and work/ of an overlay */
#define SCRATCH_DISK "scratch.ext4"

/* Makes the one that the container's isolation has, where it is missing. */
int scratch_make(const struct record *record, struct error *err);
/* Size of the disk in GiB, as --storage-opt size says, or the default. */
int scratch_size_gb(const struct record *record, uint64_t *ret, struct error *err);

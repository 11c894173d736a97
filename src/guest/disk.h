/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The VM's disks, by the serial numbers that the host gave them. */
#include <stdint.h>

#include "base/error.h"

#define DISK_NAME_MAX 32

/* The kernel's name ("vda") of the disk with that serial number. */
int disk_find(const char *serial, char name[DISK_NAME_MAX], struct error *err);
/* Partition number (from 1 on) of the disk is size bytes from start on, both whole sectors: made where
 * there is none. -EBUSY: another one is in the way. */
int disk_partition(const char *name, unsigned number, uint64_t start, uint64_t size,
		   struct error *err);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The VM that a configuration asks for: its size, kernel, monitor and accelerator. */
#include "compute/isolation.h"
#include "vm/settings.h"

/* Fills ret: the --kernel flag, then the annotation io.hcs.kernel, then vm.kernel.path, then the
 * configuration file, then the kernel that was installed; memory and CPUs from vm.hwConfig, or from
 * linux.resources with room for the guest itself, or from the file. Devices are the caller's to
 * add. Owned by the caller (vm_settings_done). */
int machine_settings_make(const struct isolation_create *create, struct vm_settings *ret,
			  struct error *err);

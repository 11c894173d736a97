/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Modules of a kernel that is not ours: a distribution's has its virtio drivers and file systems as
 * modules, which the host puts into the initramfs in the order of loading (vm/modules_layout.h).
 */
#include "base/error.h"

/* Loads them all and removes the files, which are memory. To be called by PID 1 with /proc mounted
 * (parameters on the kernel's command line, "module.parameter=value", are given to the module) and
 * before any device is looked for. 0, also when there is no list; -errno with the module's name. */
int guest_load_modules(struct error *err);

/* The parameters that a command line has for the module: "parameter=value parameter=value"; "-" and
 * "_" are the same in names, as for modprobe. Caller frees; NULL: out of memory. */
char *module_parameters(const char *command_line, const char *module);

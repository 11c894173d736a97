/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What a virtual machine on QEMU needs to know of the architecture: one machine_arch_*.c for each,
 * the build takes the host's. */
#include <stddef.h>

#include "base/error.h"
#include "vm/settings.h"

struct machine_arch {
	const char *program; /* QEMU's, absolute */
	const char *package; /* Debian's */
	/* -machine of the accelerator, without the memory backend. */
	const char *machine[2];
	const char *cpu[2];
	/* Kernel command line of the accelerator. */
	const char *parameters[2];
	size_t device_parameter; /* bytes that QEMU itself appends for each device */
	size_t devices_max;
	size_t parameters_max; /* of the kernel's whole command line */
	const char *const *extra;       /* further arguments; NULL-terminated */
	const char *const *kvm_modules; /* hardware behind KVM: /sys/module/…; NULL-terminated */
};
extern const struct machine_arch machine_arch;

/* Runs a little in a virtual machine of /dev/kvm. NULL, or why it is not to be trusted (static). */
const char *kvm_probe(int kvm);

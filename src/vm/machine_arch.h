/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What a virtual machine on QEMU, and KVM, need to know of the architecture: one machine_arch_*.c for
 * each, the build takes the host's. */
#include <stddef.h>

#include "base/error.h"
#include "vm/settings.h"

#define MACHINE_ARCH_TEXT 2048

struct machine_arch {
	const char *program;            /* QEMU's, absolute */
	const char *package;            /* Debian's */
	const char *cpu[2];             /* of the accelerator */
	const char *const *kvm_modules; /* hardware behind KVM: /sys/module/…; NULL-terminated */
};
extern const struct machine_arch machine_arch;

/* -machine for the accelerator and the kernel's kind, without the memory backend. */
int machine_arch_machine(const struct vm_settings *settings, char buf[MACHINE_ARCH_TEXT],
			 struct error *err);
/* How many virtio devices it has room for. */
size_t machine_arch_devices_max(const struct vm_settings *settings);
/* The kernel's command line: the machine's own, then what settings have. Refused when it is too long
 * beside what QEMU adds for the devices. */
int machine_arch_parameters(const struct vm_settings *settings, size_t devices,
			    char buf[MACHINE_ARCH_TEXT], struct error *err);

/* Runs a little in a virtual machine of /dev/kvm. NULL, or why it is not to be trusted (static). */
const char *kvm_probe(int kvm);

/* SPDX-License-Identifier: Apache-2.0 */
/* An architecture that nobody has described yet: process isolation only. */
#include "vm/kernel_format.h"
#include "vm/machine_arch.h"

const struct kernel_format kernel_formats[] = { { 0 } };

static const char *const no_modules[] = { NULL };

const struct machine_arch machine_arch = { .kvm_modules = no_modules };

int machine_arch_machine(const struct vm_settings *settings, char buf[MACHINE_ARCH_TEXT],
			 struct error *err)
{
	(void)settings;
	(void)buf;
	return error_set(err, ENOTSUP, "hyperv isolation is not there for this architecture yet");
}

size_t machine_arch_devices_max(const struct vm_settings *settings)
{
	(void)settings;
	return 0;
}

int machine_arch_parameters(const struct vm_settings *settings, size_t devices,
			    char buf[MACHINE_ARCH_TEXT], struct error *err)
{
	(void)devices;
	return machine_arch_machine(settings, buf, err);
}

const char *kvm_probe(int kvm)
{
	(void)kvm;
	return "KVM is not known on this architecture";
}

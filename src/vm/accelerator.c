/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/accelerator.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vm/machine_arch.h"

static bool has_module(const char *name)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/sys/module/%s", name);
	return access(path, F_OK) == 0;
}

static const char *why_no_kvm(void)
{
	_cleanup_close_ int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	const char *const *module = machine_arch.kvm_modules;

	if (kvm < 0)
		return errno == ENOENT ? "there is no /dev/kvm" : "/dev/kvm cannot be opened";
	if (ioctl(kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		return "/dev/kvm speaks another version of its interface";
	while (*module && !has_module(*module))
		module++;
	/* kvm_pvm and the like: virtualization in software, on which guests hang or die. */
	if (!*module)
		return "/dev/kvm is not backed by the processor's virtualization";
	return kvm_probe(kvm);
}

enum vm_accelerator accelerator_choose(const char **ret_reason)
{
	*ret_reason = why_no_kvm();
	return *ret_reason ? VM_TCG : VM_KVM;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/machine_arch.h"

#include <string.h>

#include "vm/tsc_x86_64.h"

#define COMMAND_LINE_MAX 2047 /* COMMAND_LINE_SIZE of arch/x86, without its end */
/* What QEMU appends for each device. */
#define DEVICE_PARAMETER (sizeof(" virtio_mmio.device=512@0xfeb00e00:12") - 1)
/* A TSC delay's loops in a jiffy: both our kernel and Debian's have 250 of these a second. */
#define LOOPS_PER_KHZ 4

static const char *const kvm_modules[] = { "kvm_intel", "kvm_amd", NULL };

const struct machine_arch machine_arch = {
	.program = "/usr/bin/qemu-system-x86_64",
	.package = "qemu-system-x86",
	/* TCG executes "rep movsb" byte by byte, and a kernel that sees ERMS or FSRM copies with it:
	 * three times slower than by words. */
	.cpu = { [VM_TCG] = "max,-erms,-fsrm", [VM_KVM] = "host" },
	.kvm_modules = kvm_modules,
};

/*
 * microvm: no PCI, and for a vmlinux no firmware but the few instructions that enter it by its PVH
 * note; the devices are named on the command line, the processors in an MP table. A distribution's
 * bzImage needs ACPI to find its devices, the option ROM that loads it, and a PIT.
 * rtc=on: without one the kernel waits a second for it.
 */
int machine_arch_machine(const struct vm_settings *settings, char buf[MACHINE_ARCH_TEXT],
			 struct error *err)
{
	const char *kernel = settings->kernel_boot == VM_KERNEL_PVH
				     ? "x-option-roms=off,acpi=off,pit=off"
				     : "x-option-roms=on,acpi=on,pit=on";

	(void)err;
	(void)snprintf(buf, MACHINE_ARCH_TEXT,
		       "microvm,accel=%s,%s,pic=off,rtc=on,isa-serial=on,usb=off,graphics=off",
		       vm_accelerator_name(settings->accelerator), kernel);
	return 0;
}

size_t machine_arch_devices_max(const struct vm_settings *settings)
{
	/* microvm has a second interrupt controller only where ACPI can tell of it. */
	return settings->kernel_boot == VM_KERNEL_PVH ? 8 : 24;
}

int machine_arch_parameters(const struct vm_settings *settings, size_t devices,
			    char buf[MACHINE_ARCH_TEXT], struct error *err)
{
	const char *own = settings->kernel_parameters ? settings->kernel_parameters : "";
	unsigned khz = settings->accelerator == VM_TCG ? tsc_khz() : 0;
	char clocks[160] = "";
	int n;

	/* TCG hands out the host's TSC, and counts its APIC timer at 1 GHz; the guest has nothing to
	 * measure either with (lapic_timer_khz: our kernel's own). KVM tells by itself. */
	if (khz)
		(void)snprintf(clocks, sizeof(clocks),
			       " tsc=reliable tsc_early_khz=%u lpj=%llu lapic_timer_khz=1000000 "
			       "no_timer_check%s",
			       khz, (unsigned long long)khz * LOOPS_PER_KHZ,
			       /* Patching the kernel for one processor costs TCG 0.2 s. */
			       settings->cpus == 1 ? " noreplace-smp" : "");
	n = snprintf(buf, MACHINE_ARCH_TEXT, "console=ttyS0 quiet reboot=t panic=-1%s%s%s", clocks,
		     *own ? " " : "", own);
	if (n < 0 || n + devices * DEVICE_PARAMETER > COMMAND_LINE_MAX)
		return error_set(
			err, E2BIG,
			"kernel parameters: too long beside the VM's own and its devices'");
	return 0;
}

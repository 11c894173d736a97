/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/machine_arch.h"

/*
 * microvm: no PCI, no ACPI, no firmware but the few instructions that enter the kernel by its PVH
 * note; devices are named on the kernel's command line, interrupts in an MP table.
 *
 * tsc_early_khz, lpj: without a PIT the kernel would wait for ever for a clock to calibrate the TSC
 * with; TCG's TSC runs at 1 GHz of the virtual clock.
 */
#define MACHINE "microvm,x-option-roms=off,acpi=off,pic=off,pit=off,rtc=on,usb=off,graphics=off,"
#define PARAMETERS                                                                                 \
	"console=ttyS0 quiet loglevel=4 panic=-1 reboot=t random.trust_cpu=on tsc=reliable "       \
	"no_timer_check noreplace-smp rcupdate.rcu_expedited=1 "

static const char *const extra[] = { NULL };
static const char *const kvm_modules[] = { "kvm_intel", "kvm_amd", NULL };

const struct machine_arch machine_arch = {
	.program = "/usr/bin/qemu-system-x86_64",
	.package = "qemu-system-x86",
	.machine = { [VM_TCG] = MACHINE "accel=tcg", [VM_KVM] = MACHINE "accel=kvm" },
	/* TCG executes "rep movsb" byte by byte, and a kernel that sees ERMS or FSRM copies with it:
	 * three times slower than by words. */
	.cpu = { [VM_TCG] = "max,-erms,-fsrm", [VM_KVM] = "host" },
	.parameters = { [VM_TCG] = PARAMETERS "tsc_early_khz=1000000 lpj=1000000",
			[VM_KVM] = PARAMETERS },
	.device_parameter = sizeof(" virtio_mmio.device=512@0xfeb00e00:12") - 1,
	.devices_max = 24,
	.parameters_max = 2047, /* COMMAND_LINE_SIZE of arch/x86 */
	.extra = extra,
	.kvm_modules = kvm_modules,
};

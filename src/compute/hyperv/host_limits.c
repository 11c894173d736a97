/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/hyperv/host_limits.h"

#define MIB ((uint64_t)1 << 20)
/* QEMU's own heap, the programs, and page cache of the guest's files to breathe in, which is given back
 * under pressure. */
#define MONITOR_OWN (512 * MIB)
/* QEMU's emulation keeps what it has translated: 1 GiB at most. */
#define TRANSLATED (1024 * MIB)
/* Threads: QEMU's beside its processors (64 for files at most, and a few), virtiofsd's, vmwp, and a
 * vmproc for each of a container's processes that was started from here, of which a VM has 64. */
#define TASKS 256

/*
 * The guest's memory may all be in use, and cannot be given back. As much again may be the kernel's:
 * virtiofsd holds an inode open (1.7 KiB) for each that the guest remembers (1 KiB), and the guest has
 * more in its memory than inodes.
 */
static uint64_t memory_of(const struct vm_settings *vm)
{
	return 2 * vm->memory + MONITOR_OWN + (vm->accelerator == VM_TCG ? TRANSLATED : 0);
}

void host_limits_of(const struct oci_spec *spec, const struct vm_settings *vm,
		    struct host_limits *ret)
{
	const struct oci_resources *res = spec->linux_ ? spec->linux_->resources : NULL;

	*ret = (struct host_limits){ 0 };
	if (!res)
		return;
	ret->resources.block_io = res->block_io;
	if (res->cpu) {
		ret->cpu.shares = res->cpu->shares;
		ret->cpu.cpus = res->cpu->cpus;
		ret->cpu.mems = res->cpu->mems;
		ret->resources.cpu = &ret->cpu;
	}
	if (vm && res->memory && res->memory->limit.set && res->memory->limit.value > 0) {
		ret->memory.limit.set = true;
		ret->memory.limit.value = (int64_t)memory_of(vm);
		ret->resources.memory = &ret->memory;
	}
	if (res->pids_limit.set && res->pids_limit.value > 0) {
		ret->resources.pids_limit.set = true;
		ret->resources.pids_limit.value = TASKS + (vm ? (int64_t)vm->cpus : 0);
	}
}

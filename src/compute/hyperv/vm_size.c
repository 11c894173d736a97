/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/hyperv/vm_size.h"

#include <inttypes.h>
#include <sys/sysinfo.h>

#define MIB (1 << 20)
#define PERIOD_DEFAULT 100000

static int check_memory(const struct stored_vm *vm, const struct oci_memory *memory,
			struct error *err)
{
	if (!memory || !memory->limit.set || memory->limit.value <= 0 || !vm->memory ||
	    (uint64_t)memory->limit.value <= vm->memory)
		return 0;
	return error_set(err, EINVAL,
			 "linux.resources.memory.limit: %" PRId64 " bytes: its VM has %" PRIu64
			 " MiB and does not grow: make the container "
			 "anew with that limit",
			 memory->limit.value, vm->memory / MIB);
}

static int check_cpu(const struct stored_vm *vm, const struct oci_cpu *cpu, struct error *err)
{
	uint64_t quota, period, wanted;

	if (!cpu || !cpu->quota.set || cpu->quota.value <= 0 || !vm->cpus)
		return 0;
	period = cpu->period.set && cpu->period.value ? cpu->period.value : PERIOD_DEFAULT;
	quota = (uint64_t)cpu->quota.value;
	wanted = quota / period + (quota % period != 0);
	/* On the host a quota beyond its processors is accepted, too. */
	if (wanted <= vm->cpus || vm->cpus >= (unsigned)get_nprocs())
		return 0;
	return error_set(
		err, EINVAL,
		"linux.resources.cpu.quota: the time of %" PRIu64
		" processors: its VM has %u and does not grow: make the container anew with "
		"that limit",
		wanted, vm->cpus);
}

int vm_size_check(const struct stored *s, const struct oci_resources *resources, struct error *err)
{
	int r = check_memory(&s->vm, resources->memory, err);

	return r < 0 ? r : check_cpu(&s->vm, resources->cpu, err);
}

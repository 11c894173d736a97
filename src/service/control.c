/* SPDX-License-Identifier: Apache-2.0 */
/* What changes a container without starting or ending it. */
#include <string.h>

#include "service/lifecycle.h"
#include "service/record.h"

int service_pause(const struct service *service, const char *name, bool pause, struct error *err)
{
	_cleanup_record_ struct record record = RECORD_INIT;
	int r = record_open(service, name, RECORD_LOCK, &record, err);

	if (r < 0)
		return r;
	if (!pause && record.state.status != RECORD_PAUSED)
		return error_set(err, EINVAL, "Container %s is not paused", record.id);
	if (pause && record.state.status == RECORD_PAUSED)
		return error_set(err, EINVAL, "Container %s is already paused", record.id);
	if (pause && record.state.status != RECORD_RUNNING)
		return error_set(err, ESRCH, "Container %s is %s, not running", record.id,
				 record_status_name(record.state.status));
	r = pause ? compute_pause(&service->host, record.id, err)
		  : compute_resume(&service->host, record.id, err);
	if (r < 0)
		return r;
	record.state.status = pause ? RECORD_PAUSED : RECORD_RUNNING;
	return record_store_state(&record, err);
}

int service_rename(const struct service *service, const char *name, const char *new_name,
		   struct error *err)
{
	_cleanup_record_ struct record record = RECORD_INIT;
	int r = record_open(service, name, RECORD_LOCK, &record, err);

	return r < 0 ? r : record_rename(service, &record, new_name, err);
}

static void take_limits(struct container_config *to, const struct container_config *from,
			uint64_t mask)
{
	if (mask & UPDATE_MEMORY)
		to->memory = from->memory;
	if (mask & UPDATE_MEMORY_RESERVATION)
		to->memory_reservation = from->memory_reservation;
	if (mask & UPDATE_MEMORY_SWAP)
		to->memory_swap = from->memory_swap;
	if (mask & UPDATE_CPUS)
		to->nano_cpus = from->nano_cpus;
	if (mask & UPDATE_CPU_SHARES)
		to->cpu_shares = from->cpu_shares;
	if (mask & UPDATE_CPU_PERIOD)
		to->cpu_period = from->cpu_period;
	if (mask & UPDATE_CPU_QUOTA)
		to->cpu_quota = from->cpu_quota;
	if (mask & UPDATE_PIDS)
		to->pids_limit = from->pids_limit;
	if (mask & UPDATE_BLKIO_WEIGHT)
		to->blkio_weight = from->blkio_weight;
	if (mask & UPDATE_RESTART)
		to->restart = from->restart;
}

static int take_text(struct arena *arena, char **to, const char *from, bool wanted,
		     struct error *err)
{
	if (!wanted)
		return 0;
	*to = from ? arena_strdup(arena, from) : NULL;
	return from && !*to ? error_oom(err) : 0;
}

static int check_limits(const struct container_config *config, uint64_t mask, struct error *err)
{
	if (mask & UPDATE_RESTART && config->auto_remove && config->restart.policy != RESTART_NO)
		return error_set(err, EINVAL,
				 "Restart policy cannot be updated because AutoRemove is enabled "
				 "for the container");
	if (config->nano_cpus > 0 && (config->cpu_period > 0 || config->cpu_quota > 0))
		return error_set(err, EINVAL,
				 "Conflicting options: CPU Quota and CPU Period cannot be updated "
				 "as NanoCPUs has already been set");
	/* Docker's rule for a limit above the one of memory and swap that is in force. */
	if (mask & UPDATE_MEMORY && !(mask & UPDATE_MEMORY_SWAP) && config->memory_swap > 0 &&
	    config->memory > config->memory_swap)
		return error_set(err, EINVAL,
				 "Memory limit should be smaller than already set memoryswap "
				 "limit, update the memoryswap at the same time");
	return 0;
}

static void set_i64(struct opt_i64 *to, int64_t value)
{
	to->set = true;
	to->value = value;
}

/* What of it the compute layer is told: the changed ones alone. */
static bool resources_of(const struct container_config *config, uint64_t mask,
			 struct oci_resources *resources, struct oci_memory *memory,
			 struct oci_cpu *cpu, struct oci_block_io *io)
{
	if (mask & (UPDATE_MEMORY | UPDATE_MEMORY_RESERVATION | UPDATE_MEMORY_SWAP))
		resources->memory = memory;
	if (mask & UPDATE_MEMORY)
		set_i64(&memory->limit, config->memory > 0 ? config->memory : -1);
	if (mask & UPDATE_MEMORY_RESERVATION)
		set_i64(&memory->reservation, config->memory_reservation);
	if (mask & UPDATE_MEMORY_SWAP)
		set_i64(&memory->swap, config->memory_swap);
	if (mask & (UPDATE_CPUS | UPDATE_CPU_SHARES | UPDATE_CPU_PERIOD | UPDATE_CPU_QUOTA |
		    UPDATE_CPUSET_CPUS | UPDATE_CPUSET_MEMS))
		resources->cpu = cpu;
	if (mask & UPDATE_CPUS) {
		cpu->period.set = true;
		cpu->period.value = 100000;
		set_i64(&cpu->quota, config->nano_cpus > 0 ? config->nano_cpus / 10000 : -1);
	}
	if (mask & UPDATE_CPU_SHARES) {
		cpu->shares.set = true;
		cpu->shares.value = (uint64_t)config->cpu_shares;
	}
	if (mask & UPDATE_CPU_PERIOD) {
		cpu->period.set = true;
		cpu->period.value = (uint64_t)config->cpu_period;
	}
	if (mask & UPDATE_CPU_QUOTA)
		set_i64(&cpu->quota, config->cpu_quota);
	if (mask & UPDATE_CPUSET_CPUS)
		cpu->cpus = config->cpuset_cpus;
	if (mask & UPDATE_CPUSET_MEMS)
		cpu->mems = config->cpuset_mems;
	if (mask & UPDATE_PIDS)
		set_i64(&resources->pids_limit, config->pids_limit > 0 ? config->pids_limit : -1);
	if (mask & UPDATE_BLKIO_WEIGHT) {
		resources->block_io = io;
		io->weight.set = true;
		io->weight.value = config->blkio_weight;
	}
	return mask & ~(uint64_t)UPDATE_RESTART;
}

int service_update(const struct service *service, const char *name,
		   const struct container_config *limits, uint64_t mask, struct error *err)
{
	_cleanup_record_ struct record record = RECORD_INIT;
	struct oci_resources resources = { 0 };
	struct oci_memory memory = { 0 };
	struct oci_cpu cpu = { 0 };
	struct oci_block_io io = { 0 };
	struct container_config *config = &record.config;
	int r = record_open(service, name, RECORD_LOCK, &record, err);

	if (r < 0)
		return r;
	take_limits(config, limits, mask);
	r = take_text(&config->arena, &config->cpuset_cpus, limits->cpuset_cpus,
		      mask & UPDATE_CPUSET_CPUS, err);
	if (r == 0)
		r = take_text(&config->arena, &config->cpuset_mems, limits->cpuset_mems,
			      mask & UPDATE_CPUSET_MEMS, err);
	if (r == 0)
		r = check_limits(config, mask, err);
	if (r == 0)
		r = container_config_check(config, err);
	/* Applied first: what the kernel refuses is not stored. */
	if (r == 0 && resources_of(config, mask, &resources, &memory, &cpu, &io) &&
	    (record.state.status == RECORD_RUNNING || record.state.status == RECORD_PAUSED))
		r = compute_update(&service->host, record.id, &resources, NULL, NULL, err);
	return r < 0 ? r : record_store_config(service, &record, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "hcs/hcs.h"
#include "hcs/run_flags.h"

struct values {
	struct limit_flags limits;
	const char *refused[4];
};

#define LIMIT(name, letter, member, value, help)                                                   \
	FLAG(STRING, name, letter, struct values, limits.member, value, help)

static const struct flag flags[] = {
	LIMIT("blkio-weight", 0, blkio_weight, "N", "block I/O weight, 10 to 1000"),
	LIMIT("cpu-period", 0, cpu_period, "USEC", "length of a CPU period"),
	LIMIT("cpu-quota", 0, cpu_quota, "USEC", "CPU time in each period"),
	LIMIT("cpu-shares", 'c', cpu_shares, "N", "CPU weight against others"),
	LIMIT("cpus", 0, cpus, "N", "number of CPUs, such as 1.5"),
	LIMIT("cpuset-cpus", 0, cpuset_cpus, "LIST", "CPUs to run on, such as 0-3,8"),
	LIMIT("cpuset-mems", 0, cpuset_mems, "LIST", "memory nodes to use"),
	LIMIT("memory", 'm', memory, "BYTES", "memory limit; k, m, g after the number"),
	LIMIT("memory-reservation", 0, memory_reservation, "BYTES", "soft memory limit"),
	LIMIT("memory-swap", 0, memory_swap, "BYTES",
	      "limit of memory and swap together; -1: no limit of swap"),
	LIMIT("pids-limit", 0, pids_limit, "N", "number of processes and threads; -1: no limit"),
	LIMIT("restart", 0, restart, "POLICY", "no, on-failure[:N], always or unless-stopped"),
	FLAG(STRING, "cpu-rt-period", 0, struct values, refused[0], "", NULL),
	FLAG(STRING, "cpu-rt-runtime", 0, struct values, refused[1], "", NULL),
	FLAG(STRING, "kernel-memory", 0, struct values, refused[2], "", NULL),
	FLAGS_END,
};

struct change {
	struct container_config limits;
	uint64_t mask;
};

static int one(const struct service *service, const char *name, void *data, struct error *err)
{
	const struct change *change = data;

	return service_update(service, name, &change->limits, change->mask, err);
}

static int run(const struct cli *cli, int argc, char **argv, int *ret_status, struct error *err)
{
	struct change change = { 0 };
	struct values values = { 0 };
	struct flag_args args;
	int r = flags_parse(&command_update, argc, argv, &values, &args, err);

	if (r)
		return r;
	if (values.refused[0] || values.refused[1])
		return error_set(err, ENOTSUP,
				 "--cpu-rt-period, --cpu-rt-runtime are not "
				 "supported: nor are realtime groups");
	if (values.refused[2])
		return error_set(err, ENOTSUP,
				 "--kernel-memory is not supported: the kernel no "
				 "longer limits its memory apart");
	r = limit_flags_apply(&values.limits, &change.limits, &change.mask, err);
	if (r == 0 && !change.mask)
		r = flags_error(&command_update, err,
				"you must provide one or more flags when using this command");
	if (r == 0)
		r = each_container(cli, &args, one, &change, ret_status, err);
	container_config_done(&change.limits);
	return r;
}

const struct cli_command command_update = {
	.name = "update",
	.summary = "change the limits and the restart policy of containers",
	.usage = "[OPTIONS] CONTAINER [CONTAINER...]",
	.description =
		"Changes limits, of running containers at once. What is not named stays as it "
		"is. A utility VM does not grow: its limits change within its size.",
	.examples = "  hcs update -m 512m --memory-swap 1g web\n",
	.flags = flags,
	.min_args = 1,
	.max_args = -1,
	.run = run,
};

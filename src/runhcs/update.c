/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "oci/parse.h"
#include "runhcs/command.h"
#include "cli/number.h"

struct values {
	const char *resources, *blkio_weight, *cpu_period, *cpu_quota, *cpu_burst, *cpu_rt_period,
		*cpu_rt_runtime, *cpu_share, *cpu_idle, *cpuset_cpus, *cpuset_mems, *memory,
		*memory_reservation, *memory_swap, *kernel_memory, *kernel_memory_tcp, *pids_limit,
		*l3_cache_schema, *mem_bw_schema;
};

#define VALUE(name, letter, member, value, help)                                                   \
	OPT_VALUE(name, letter, struct values, member, value, help)

static const struct option options[] = {
	VALUE("resources", 'r', resources, "FILE",
	      "take the limits from FILE (\"-\": standard input), a JSON object as "
	      "linux.resources in config.json"),
	VALUE("memory", 0, memory, "BYTES", "memory limit; k, m, g after the number; -1: none"),
	VALUE("memory-reservation", 0, memory_reservation, "BYTES", "soft memory limit"),
	VALUE("memory-swap", 0, memory_swap, "BYTES",
	      "limit of memory and swap together; -1: none"),
	VALUE("cpu-quota", 0, cpu_quota, "USEC", "CPU time in each period; -1: no limit"),
	VALUE("cpu-period", 0, cpu_period, "USEC", "length of a period"),
	VALUE("cpu-burst", 0, cpu_burst, "USEC", "unused CPU time that may be saved up"),
	VALUE("cpu-share", 0, cpu_share, "N", "CPU weight against others, 2 to 262144"),
	VALUE("cpu-idle", 0, cpu_idle, "0|1", "1: run only when the CPU would idle"),
	VALUE("cpu-rt-period", 0, cpu_rt_period, "USEC", "length of a realtime period"),
	VALUE("cpu-rt-runtime", 0, cpu_rt_runtime, "USEC", "realtime CPU time in each period"),
	VALUE("cpuset-cpus", 0, cpuset_cpus, "LIST", "CPUs to run on, such as 0-3,8"),
	VALUE("cpuset-mems", 0, cpuset_mems, "LIST", "memory nodes to use"),
	VALUE("pids-limit", 0, pids_limit, "N", "number of processes and threads; -1: no limit"),
	VALUE("blkio-weight", 0, blkio_weight, "N", "block IO weight, 10 to 1000"),
	VALUE("l3-cache-schema", 0, l3_cache_schema, "SCHEMA", "Intel RDT cache allocation"),
	VALUE("mem-bw-schema", 0, mem_bw_schema, "SCHEMA", "Intel RDT memory bandwidth"),
	VALUE("kernel-memory", 0, kernel_memory, "BYTES", NULL),
	VALUE("kernel-memory-tcp", 0, kernel_memory_tcp, "BYTES", NULL),
	OPT_END,
};

static int take_size(const char *option, const char *text, struct opt_i64 *ret, struct error *err)
{
	if (!text)
		return 0;
	if (number_size(text, &ret->value) < 0)
		return error_set(err, EINVAL,
				 "%s: expected bytes such as 536870912, 512m or -1, got \"%s\"",
				 option, text);
	ret->set = true;
	return 0;
}

static int take_unsigned(const char *option, const char *text, uint64_t min, uint64_t max,
			 struct opt_u64 *ret, struct error *err)
{
	int r;

	if (!text)
		return 0;
	r = option_unsigned(option, text, min, max, &ret->value, err);
	if (r < 0)
		return r;
	ret->set = true;
	return 0;
}

static int take_signed(const char *option, const char *text, int64_t min, int64_t max,
		       struct opt_i64 *ret, struct error *err)
{
	int r;

	if (!text)
		return 0;
	r = option_signed(option, text, min, max, &ret->value, err);
	if (r < 0)
		return r;
	ret->set = true;
	return 0;
}

/* What oci_resources points to; the strings in it are arguments. */
struct limits {
	struct oci_resources resources;
	struct oci_memory memory;
	struct oci_cpu cpu;
	struct oci_block_io block_io;
	char *cpus, *mems; /* owned: the struct wants them writable */
};

static void limits_done(struct limits *limits)
{
	free(limits->cpus);
	free(limits->mems);
}

static int take_memory(const struct values *given, struct oci_memory *memory, struct error *err)
{
	int r;

	r = take_size("--memory", given->memory, &memory->limit, err);
	if (r < 0)
		return r;
	r = take_size("--memory-swap", given->memory_swap, &memory->swap, err);
	if (r < 0)
		return r;
	return take_size("--memory-reservation", given->memory_reservation, &memory->reservation,
			 err);
}

static int take_cpu(const struct values *given, struct oci_cpu *cpu, struct error *err)
{
	const struct {
		const char *option, *text;
		struct opt_u64 *target;
	} counts[] = {
		{ "--cpu-share", given->cpu_share, &cpu->shares },
		{ "--cpu-period", given->cpu_period, &cpu->period },
		{ "--cpu-burst", given->cpu_burst, &cpu->burst },
		{ "--cpu-rt-period", given->cpu_rt_period, &cpu->realtime_period },
	};
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		r = take_unsigned(counts[i].option, counts[i].text, 0, INT64_MAX, counts[i].target,
				  err);
		if (r < 0)
			return r;
	}
	r = take_signed("--cpu-quota", given->cpu_quota, -1, INT64_MAX, &cpu->quota, err);
	if (r < 0)
		return r;
	r = take_signed("--cpu-rt-runtime", given->cpu_rt_runtime, -1, INT64_MAX,
			&cpu->realtime_runtime, err);
	if (r < 0)
		return r;
	return take_signed("--cpu-idle", given->cpu_idle, 0, 1, &cpu->idle, err);
}

static int take_text(const char *text, char **copy, char **target, struct error *err)
{
	if (!text)
		return 0;
	*copy = strdup(text);
	if (!*copy)
		return error_oom(err);
	*target = *copy;
	return 0;
}

static bool any_cpu(const struct oci_cpu *cpu)
{
	return cpu->shares.set || cpu->period.set || cpu->burst.set || cpu->realtime_period.set ||
	       cpu->quota.set || cpu->realtime_runtime.set || cpu->idle.set || cpu->cpus ||
	       cpu->mems;
}

static int limits_from_options(const struct values *given, struct limits *limits, struct error *err)
{
	int r;

	r = take_memory(given, &limits->memory, err);
	if (r < 0)
		return r;
	r = take_cpu(given, &limits->cpu, err);
	if (r < 0)
		return r;
	r = take_text(given->cpuset_cpus, &limits->cpus, &limits->cpu.cpus, err);
	if (r < 0)
		return r;
	r = take_text(given->cpuset_mems, &limits->mems, &limits->cpu.mems, err);
	if (r < 0)
		return r;
	r = take_unsigned("--blkio-weight", given->blkio_weight, 10, 1000, &limits->block_io.weight,
			  err);
	if (r < 0)
		return r;
	r = take_signed("--pids-limit", given->pids_limit, -1, INT64_MAX,
			&limits->resources.pids_limit, err);
	if (r < 0)
		return r;
	if (given->memory || given->memory_swap || given->memory_reservation)
		limits->resources.memory = &limits->memory;
	if (any_cpu(&limits->cpu))
		limits->resources.cpu = &limits->cpu;
	if (limits->block_io.weight.set)
		limits->resources.block_io = &limits->block_io;
	return 0;
}

/* The first option given that a resources file excludes, or NULL. */
static const char *first_limit_option(const struct values *given)
{
	for (const struct option *o = options; o->kind != OPTION_END; o++) {
		const char *value = *(const char *const *)((const char *)given + o->offset);

		if (value && strcmp(o->name, "resources") != 0 &&
		    strcmp(o->name, "l3-cache-schema") != 0 &&
		    strcmp(o->name, "mem-bw-schema") != 0)
			return o->name;
	}
	return NULL;
}

static int limits_from_file(const char *path, struct arena *arena, struct oci_resources **ret,
			    struct error *err)
{
	const bool standard_input = !strcmp(path, "-");
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r;

	r = standard_input ? fd_read_all(STDIN_FILENO, OCI_CONFIG_MAX, &text, &len)
			   : file_read(AT_FDCWD, path, OCI_CONFIG_MAX, &text, &len);
	if (standard_input)
		path = "standard input";
	if (r < 0)
		return error_sys(err, -r, "cannot read the resources from %s", path);
	r = oci_resources_parse(text, len, arena, ret, err);
	if (r < 0)
		return error_wrap(err, r, "%s", path);
	return 0;
}

/* v1 refuses memory without a limit while memory and swap together have one. */
static void lift_swap(struct oci_resources *resources)
{
	struct oci_memory *memory = resources->memory;

	if (memory && memory->limit.set && memory->limit.value == -1 && !memory->swap.set)
		memory->swap = (struct opt_i64){ .set = true, .value = -1 };
}

static void warn_ignored(const struct values *given, const struct log *log)
{
	if (given->kernel_memory || given->kernel_memory_tcp)
		log_message(log, LOG_LEVEL_WARNING,
			    "--kernel-memory and --kernel-memory-tcp have no effect: the kernel no "
			    "longer limits its memory apart");
}

static int run(const struct invocation *invocation, int argc, char **argv, int *ret_status,
	       struct error *err)
{
	_cleanup_(limits_done) struct limits limits = { 0 };
	_cleanup_arena_ struct arena arena = { 0 };
	struct oci_resources *resources = &limits.resources;
	struct values given = { 0 };
	struct arguments arguments;
	const char *excluded;
	int r;

	(void)ret_status;
	r = options_parse(&command_update, argc, argv, &given, &arguments, err);
	if (r)
		return r;
	excluded = first_limit_option(&given);
	if (given.resources && excluded)
		return usage_error(&command_update, err, "--resources and --%s cannot be combined",
				   excluded);
	r = given.resources ? limits_from_file(given.resources, &arena, &resources, err)
			    : limits_from_options(&given, &limits, err);
	if (r < 0)
		return r;
	warn_ignored(&given, invocation->log);
	lift_swap(resources);
	return compute_update(&invocation->host, arguments.items[0], resources,
			      given.l3_cache_schema, given.mem_bw_schema, err);
}

const struct command command_update = {
	.name = "update",
	.summary = "change the resource limits of a container",
	.usage = "[options] ID",
	.description =
		"Changes limits of a created or running container. What is not named stays as "
		"it is.",
	.examples = "  runhcs update --memory 512m --memory-swap 1g web\n"
		    "  runhcs update --cpu-quota 50000 --cpu-period 100000 web\n"
		    "  echo '{\"pids\": {\"limit\": 100}}' | runhcs update -r - web\n",
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};

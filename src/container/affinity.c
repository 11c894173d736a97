/* SPDX-License-Identifier: Apache-2.0 */
/* CPU affinity: process.execCPUAffinity. */
#include <string.h>
#include <sys/syscall.h>

#include "base/id_list.h"
#include "container/sched.h"

#define CPU_MAX 65535 /* far above any kernel's NR_CPUS (8192), and 8 KiB of mask */

static int parse(const char *list, unsigned long *bits, const char *where, struct error *err)
{
	int n = id_list_parse(list, bits, CPU_MAX);

	if (n == -ERANGE)
		return error_set(err, EINVAL,
				 "%s: \"%s\" has a CPU above %d, or a range that runs "
				 "backwards",
				 where, list, CPU_MAX);
	if (n < 0)
		return error_set(err, EINVAL, "%s: \"%s\" is not a list of CPUs such as \"0-2,5\"",
				 where, list);
	return 0;
}

int cpu_affinity_check(const char *list, const char *where, struct error *err)
{
	unsigned long bits[ID_LIST_WORDS(CPU_MAX + 1)];

	return list && *list ? parse(list, bits, where, err) : 0;
}

int cpu_affinity_apply(const char *list, struct error *err)
{
	unsigned long bits[ID_LIST_WORDS(CPU_MAX + 1)];
	int r;

	if (!list || !*list)
		return 0;
	r = parse(list, bits, "process.execCPUAffinity", err);
	if (r < 0)
		return r;
	/* The bare call: the kernel looks at as much of the mask as it has CPUs. */
	if (syscall(SYS_sched_setaffinity, 0, sizeof(bits), bits) == 0)
		return 0;
	if (errno == EINVAL)
		return error_set(err, EINVAL,
				 "process.execCPUAffinity: none of the CPUs \"%s\" is there "
				 "and allowed by the cpuset cgroup",
				 list);
	return error_sys(err, errno, "process.execCPUAffinity: run on CPUs \"%s\"", list);
}

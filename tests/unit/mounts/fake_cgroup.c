/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_cgroup.h"

#include <stddef.h>

#include "container/cgroup/cgroup.h"

struct cgroup {
	struct cgroup_hierarchy hierarchies[3];
	size_t len;
	bool unified;
};

static struct cgroup fake;

struct cgroup *fake_cgroup(void)
{
	return fake.len ? &fake : NULL;
}

void fake_cgroup_v1(const char *pids, const char *cpu)
{
	fake = (struct cgroup){
		.hierarchies = { { .name = "pids", .mountpoint = pids, .path = "/c/1" },
				 { .name = "cpu,cpuacct", .mountpoint = cpu, .path = "/c/1" },
				 { .name = "memory", .mountpoint = cpu, .path = "/absent" } },
		.len = 3,
	};
}

void fake_cgroup_v2(const char *unified)
{
	fake = (struct cgroup){
		.hierarchies = { { .name = "",
				   .mountpoint = unified,
				   .path = "/c/1",
				   .v2 = true } },
		.len = 1,
		.unified = true,
	};
}

size_t cgroup_hierarchies(const struct cgroup *cg, const struct cgroup_hierarchy **ret)
{
	*ret = cg->hierarchies;
	return cg->len;
}

bool cgroup_is_unified(const struct cgroup *cg)
{
	return cg->unified;
}

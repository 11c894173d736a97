/* SPDX-License-Identifier: Apache-2.0 */
#include "container/limits.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/fd.h"
#include "container/proc_self.h"

static const struct {
	const char *name;
	int resource;
} limits[] = {
	{ "RLIMIT_AS", RLIMIT_AS },
	{ "RLIMIT_CORE", RLIMIT_CORE },
	{ "RLIMIT_CPU", RLIMIT_CPU },
	{ "RLIMIT_DATA", RLIMIT_DATA },
	{ "RLIMIT_FSIZE", RLIMIT_FSIZE },
	{ "RLIMIT_LOCKS", RLIMIT_LOCKS },
	{ "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK },
	{ "RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE },
	{ "RLIMIT_NICE", RLIMIT_NICE },
	{ "RLIMIT_NOFILE", RLIMIT_NOFILE },
	{ "RLIMIT_NPROC", RLIMIT_NPROC },
	{ "RLIMIT_RSS", RLIMIT_RSS },
	{ "RLIMIT_RTPRIO", RLIMIT_RTPRIO },
	{ "RLIMIT_RTTIME", RLIMIT_RTTIME },
	{ "RLIMIT_SIGPENDING", RLIMIT_SIGPENDING },
	{ "RLIMIT_STACK", RLIMIT_STACK },
};
_Static_assert(ARRAY_SIZE(limits) == RLIM_NLIMITS, "every limit of the kernel has a name");

static int limit_number(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
		if (strcmp(name, limits[i].name) == 0)
			return limits[i].resource;
	return -EINVAL;
}

static const char *limit_name(int resource)
{
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
		if (limits[i].resource == resource)
			return limits[i].name;
	return "RLIMIT_?";
}

int rlimits_parse(const struct oci_rlimits *oci, const char *where, struct rlimit_plan *ret,
		  struct error *err)
{
	struct rlimit_plan plan = { .len = 0 };

	for (size_t i = 0; i < oci->len; i++) {
		const struct oci_rlimit *l = &oci->items[i];
		int resource = l->type ? limit_number(l->type) : -EINVAL;

		if (resource < 0)
			return error_set(err, EINVAL, "%s[%zu].type: unknown limit \"%s\"", where,
					 i, l->type ? l->type : "");
		for (size_t k = 0; k < plan.len; k++)
			if (plan.resource[k] == resource)
				return error_set(err, EINVAL, "%s[%zu].type: %s is given twice",
						 where, i, l->type);
		if (l->soft > l->hard)
			return error_set(err, EINVAL, "%s[%zu].soft: %llu is above hard, %llu",
					 where, i, (unsigned long long)l->soft,
					 (unsigned long long)l->hard);
		plan.resource[plan.len] = resource;
		plan.value[plan.len++] =
			(struct rlimit){ .rlim_cur = l->soft, .rlim_max = l->hard };
	}
	*ret = plan;
	return 0;
}

static bool may_raise(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { { 0 } };

	return syscall(SYS_capget, &header, data) == 0 &&
	       (data[0].effective & (1U << CAP_SYS_RESOURCE));
}

static int explain(int code, int resource, const struct rlimit *value, struct error *err)
{
	unsigned long long hard = value->rlim_max;
	struct rlimit present;

	if (code == EPERM && getrlimit((__rlimit_resource_t)resource, &present) == 0) {
		if (resource == RLIMIT_NOFILE && may_raise())
			return error_set(err, EPERM,
					 "process.rlimits: RLIMIT_NOFILE hard limit %llu is "
					 "above what the sysctl fs.nr_open allows",
					 hard);
		if (value->rlim_max > present.rlim_max)
			return error_set(err, EPERM,
					 "process.rlimits: %s hard limit %llu is above the "
					 "present one (%llu): raising it needs CAP_SYS_RESOURCE",
					 limit_name(resource), hard,
					 (unsigned long long)present.rlim_max);
	}
	return error_sys(err, code, "process.rlimits: set %s to %llu:%llu", limit_name(resource),
			 (unsigned long long)value->rlim_cur, hard);
}

int rlimits_apply(const struct rlimit_plan *plan, struct error *err)
{
	for (size_t i = 0; i < plan->len; i++)
		if (setrlimit((__rlimit_resource_t)plan->resource[i], &plan->value[i]) < 0)
			return explain(errno, plan->resource[i], &plan->value[i], err);
	return 0;
}

int oom_score_adj_apply(int proc_fd, int value, struct error *err)
{
	_cleanup_close_ int fd = -1;
	char text[16];
	ssize_t n;
	int len;

	fd = proc_self_open(proc_fd, "self/oom_score_adj", O_RDWR);
	if (fd < 0)
		return error_sys(err, -fd, "process.oomScoreAdj: open /proc/self/oom_score_adj");
	n = read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return error_sys(err, errno, "process.oomScoreAdj: read the present value");
	text[n] = '\0';
	if (n > 0 && strtol(text, NULL, 10) == value)
		return 0;
	len = snprintf(text, sizeof(text), "%d", value);
	if (pwrite(fd, text, (size_t)len, 0) == len)
		return 0;
	if (errno == EACCES)
		return error_set(err, EACCES,
				 "process.oomScoreAdj: %d is below the least value allowed "
				 "here: going lower needs CAP_SYS_RESOURCE",
				 value);
	return error_sys(err, errno, "process.oomScoreAdj: set it to %d", value);
}

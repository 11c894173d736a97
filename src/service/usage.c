/* SPDX-License-Identifier: Apache-2.0 */
#include "service/usage.h"

#include <fcntl.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <time.h>

#include "base/fd.h"
#include "base/netns.h"

#define NET_DEV_MAX ((size_t)1024 * 1024)

static int64_t now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static uint64_t raw(const struct cgroup_stats *stats, const char *name)
{
	for (size_t i = 0; i < stats->memory_raw_len; i++)
		if (strcmp(stats->memory_raw[i].name, name) == 0)
			return stats->memory_raw[i].value;
	return 0;
}

static void take_memory(const struct cgroup_stats *stats, uint64_t machine, struct usage *ret)
{
	/* v1 sums the cgroups below under another name. */
	uint64_t cache = raw(stats, "total_inactive_file");

	if (cache == 0)
		cache = raw(stats, "inactive_file");
	ret->memory = stats->memory.usage > cache ? stats->memory.usage - cache : 0;
	ret->memory_limit = stats->memory.limit;
	if (ret->memory_limit == 0 || ret->memory_limit > machine)
		ret->memory_limit = machine;
}

static void take_io(const struct cgroup_stats *stats, struct usage *ret)
{
	for (size_t i = 0; i < stats->io_bytes_len; i++) {
		const struct cgroup_io_entry *entry = &stats->io_bytes[i];

		if (strcasecmp(entry->op, "read") == 0)
			ret->read += entry->value;
		else if (strcasecmp(entry->op, "write") == 0)
			ret->written += entry->value;
	}
}

static int open_net_dev(void *data)
{
	int fd = open("/proc/self/net/dev", O_RDONLY | O_CLOEXEC);

	(void)data;
	return fd < 0 ? -errno : fd;
}

/* proc_net(5), dev: two lines of headings, then NAME: and sixteen numbers, the first and the ninth bytes. */
static void take_net(const char *text, struct usage *ret)
{
	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		unsigned long long received, sent;
		char name[32];

		line += *line == '\n';
		if (sscanf(line, " %31[^:]: %llu %*u %*u %*u %*u %*u %*u %*u %llu", name, &received,
			   &sent) != 3 ||
		    strcmp(name, "lo") == 0)
			continue;
		ret->received += received;
		ret->sent += sent;
	}
}

/* In both isolations the interfaces are in the namespace that was made for it: those of a VM are
 * mirrored from there. Without one, the host's traffic is not the container's. */
static void read_net(const struct record *record, struct usage *ret)
{
	_cleanup_close_ int netns = -1, fd = -1;
	_cleanup_free_ char *text = NULL;
	size_t len;

	if (!record->state.network.netns)
		return;
	netns = open(record->state.network.netns, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (netns < 0)
		return;
	fd = netns_call(netns, open_net_dev, NULL);
	if (fd >= 0 && fd_read_all(fd, NET_DEV_MAX, &text, &len) == 0)
		take_net(text, ret);
}

static int read_vm(const struct service *service, const struct record *record,
		   uint64_t container_memory, uint64_t *machine, struct usage *ret,
		   struct error *err)
{
	struct compute_vm_stats vm = { 0 };
	int r = compute_vm_stats(&service->host, record->id, &vm, err);

	if (r < 0 || !vm.set)
		return r;
	*machine = vm.guest_memory;
	ret->vm.set = true;
	ret->vm.memory =
		vm.memory_usage > container_memory ? vm.memory_usage - container_memory : 0;
	ret->vm.cpu = vm.cpu_total > ret->cpu ? vm.cpu_total - ret->cpu : 0;
	return 0;
}

int service_usage(const struct service *service, const struct record *record, struct usage *ret,
		  struct error *err)
{
	struct cgroup_stats stats = { 0 };
	struct usage usage = { .at = now() };
	struct sysinfo info;
	uint64_t machine;
	int r;

	r = compute_stats(&service->host, record->id, &stats, err);
	if (r < 0)
		return r;
	machine = sysinfo(&info) == 0 ? (uint64_t)info.totalram * info.mem_unit : UINT64_MAX;
	usage.cpu = stats.cpu_total;
	usage.pids = stats.pids_current;
	if (record->config.isolation == ISOLATION_HYPERV)
		r = read_vm(service, record, stats.memory.usage, &machine, &usage, err);
	if (r == 0) {
		take_memory(&stats, machine, &usage);
		take_io(&stats, &usage);
		read_net(record, &usage);
		*ret = usage;
	}
	cgroup_stats_done(&stats);
	return r;
}

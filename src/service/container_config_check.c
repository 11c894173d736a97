/* SPDX-License-Identifier: Apache-2.0 */
/* What does not go together, and what is out of range: docker's rules, mostly in its words. */
#include <arpa/inet.h>
#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "base/signal_name.h"
#include "container/caps.h"
#include "oci/property.h"
#include "oci/words.h"
#include "service/container_config_hyperv.h"
#include "service/lists.h"

#define HOSTNAME_MAX 63
#define MEMORY_MIN ((int64_t)6 << 20)
#define CPU_PERIOD_MIN 1000
#define CPU_PERIOD_MAX 1000000

static int check_names(const struct container_config *config, struct error *err)
{
	const char *name = config->hostname;

	if (name && strlen(name) > HOSTNAME_MAX)
		return error_set(err, EINVAL, "invalid hostname format: %s: longer than %d", name,
				 HOSTNAME_MAX);
	for (const char *c = name; c && *c; c++)
		if (!isalnum((unsigned char)*c) && *c != '-' && *c != '.' && *c != '_')
			return error_set(err, EINVAL, "invalid hostname format: %s", name);
	if (config->working_dir && config->working_dir[0] != '/')
		return error_set(
			err, EINVAL,
			"the working directory '%s' is invalid, it needs to be an absolute "
			"path",
			config->working_dir);
	if (config->stop_signal && signal_from_name(config->stop_signal) < 0)
		return error_set(err, EINVAL, "invalid signal: %s", config->stop_signal);
	for (size_t i = 0; i < config->env.len; i++)
		if (config->env.items[i][0] == '=' || !config->env.items[i][0])
			return error_set(err, EINVAL, "invalid environment variable: %s",
					 config->env.items[i]);
	return 0;
}

/* --- limits ------------------------------------------------------------------------------------- */

static int check_memory(const struct container_config *c, struct error *err)
{
	if (c->memory != 0 && c->memory < MEMORY_MIN)
		return error_set(err, EINVAL, "Minimum memory limit allowed is 6MB");
	if (c->memory > 0 && c->memory_swap > 0 && c->memory_swap < c->memory)
		return error_set(err, EINVAL,
				 "Minimum memoryswap limit should be larger than memory limit, see "
				 "usage");
	if (c->memory == 0 && c->memory_swap > 0)
		return error_set(err, EINVAL,
				 "You should always set the Memory limit when using Memoryswap "
				 "limit, see usage");
	if (c->memory_swap < -1 || c->memory_reservation < 0)
		return error_set(err, EINVAL, "a memory limit is negative");
	if (c->memory_reservation > 0 && c->memory_reservation < MEMORY_MIN)
		return error_set(err, EINVAL, "Minimum memory reservation allowed is 6MB");
	if (c->memory > 0 && c->memory_reservation > c->memory)
		return error_set(err, EINVAL,
				 "Minimum memory limit can not be less than memory reservation "
				 "limit, see usage");
	if (c->memory_swappiness.set &&
	    (c->memory_swappiness.value < 0 || c->memory_swappiness.value > 100))
		return error_set(err, EINVAL,
				 "Invalid value: %" PRId64 ", valid memory swappiness range is "
				 "0-100",
				 c->memory_swappiness.value);
	if (c->shm_size > INT64_MAX)
		return error_set(err, EINVAL, "--shm-size: too large");
	return 0;
}

static int check_cpuset(const char *what, const char *list, struct error *err)
{
	if (!list || (*list && !list[strspn(list, "0123456789,-")]))
		return 0;
	return error_set(err, EINVAL, "Invalid value %s for cpuset %s", list, what);
}

static int check_cpu(const struct container_config *c, struct error *err)
{
	const int cpus = get_nprocs();

	if (c->nano_cpus && (c->cpu_period || c->cpu_quota))
		return error_set(err, EINVAL,
				 "Conflicting options: Nano CPUs and CPU %s cannot both be set.",
				 c->cpu_period ? "Period" : "Quota");
	if (c->nano_cpus < 0 || (c->nano_cpus > 0 && c->nano_cpus < 10000000) ||
	    c->nano_cpus > (int64_t)cpus * 1000000000)
		return error_set(err, EINVAL,
				 "Range of CPUs is from 0.01 to %d.00, as there are only %d CPUs "
				 "available",
				 cpus, cpus);
	if (c->cpu_shares < 0)
		return error_set(err, EINVAL, "shares must be greater than or equal to 0");
	if (c->cpu_period && (c->cpu_period < CPU_PERIOD_MIN || c->cpu_period > CPU_PERIOD_MAX))
		return error_set(
			err, EINVAL,
			"CPU cfs period can not be less than 1ms (i.e. 1000) or larger than "
			"1s (i.e. 1000000)");
	if (c->cpu_quota > 0 && c->cpu_quota < CPU_PERIOD_MIN)
		return error_set(err, EINVAL, "CPU cfs quota can not be less than 1ms (i.e. 1000)");
	if (c->blkio_weight && (c->blkio_weight < 10 || c->blkio_weight > 1000))
		return error_set(err, EINVAL, "Range of blkio weight is from 10 to 1000");
	if (check_cpuset("cpus", c->cpuset_cpus, err) < 0)
		return -EINVAL;
	return check_cpuset("mems", c->cpuset_mems, err);
}

static int check_limits(const struct container_config *c, struct error *err)
{
	int r = check_memory(c, err);

	if (r == 0)
		r = check_cpu(c, err);
	if (r < 0)
		return r;
	if (c->oom_score_adj.set &&
	    (c->oom_score_adj.value < -1000 || c->oom_score_adj.value > 1000))
		return error_set(err, EINVAL,
				 "Invalid value %" PRId64 ", range for oom score adj is [-1000, "
				 "1000]",
				 c->oom_score_adj.value);
	for (size_t i = 0; i < c->ulimits.len; i++) {
		const struct oci_rlimit *limit = &c->ulimits.items[i];

		if (!word_known(oci_rlimit_names, limit->type))
			return error_set(err, EINVAL, "invalid ulimit type: %s", limit->type);
		if (limit->soft > limit->hard)
			return error_set(err, EINVAL,
					 "ulimit soft limit must be less than or equal to hard "
					 "limit: %" PRIu64 " > %" PRIu64 " (%s)",
					 limit->soft, limit->hard, limit->type);
	}
	return 0;
}

/* --- what contradicts --------------------------------------------------------------------------- */

static int conflict(const char *what, struct error *err)
{
	return error_set(err, EINVAL, "conflicting options: %s", what);
}

static int check_network(const struct container_config *c, struct error *err)
{
	const bool joined = mode_container(c->network_mode);
	const bool host = mode_is(c->network_mode, "host");
	unsigned char address[16];

	if (joined && c->hostname)
		return conflict("hostname and the network mode", err);
	if (joined && c->dns.len)
		return conflict("dns and the network mode", err);
	if (joined && c->extra_hosts.len)
		return conflict("custom host-to-IP mapping and the network mode", err);
	if (joined && (c->ports_len || c->publish_all))
		return conflict("port publishing and the container type network mode", err);
	if (host && (c->ports_len || c->publish_all))
		return conflict("port publishing and the host's network", err);
	if ((joined || host) && c->mac_address)
		return conflict("mac-address and the network mode", err);
	if ((joined || host || mode_is(c->network_mode, "none")) &&
	    (c->ip_address || c->network_aliases.len || c->networks.len))
		return conflict("--ip, --network-alias or another network and a network mode that "
				"is no network",
				err);
	if (c->networks.len + 1 > NETWORK_ENDPOINTS_MAX)
		return error_set(err, E2BIG, "more than %d networks", NETWORK_ENDPOINTS_MAX);
	if (c->ip_address && inet_pton(AF_INET, c->ip_address, address) != 1)
		return error_set(err, EINVAL, "invalid IPv4 address: %s", c->ip_address);
	for (size_t i = 0; i < c->dns.len; i++)
		if (inet_pton(AF_INET, c->dns.items[i], address) != 1 &&
		    inet_pton(AF_INET6, c->dns.items[i], address) != 1)
			return error_set(err, EINVAL, "%s is not an ip address", c->dns.items[i]);
	return 0;
}

static int check_mode(const char *flag, const char *mode, const char *const *words,
		      struct error *err)
{
	const char *container = mode_container(mode);

	if (!mode || (container && *container) || word_known(words, mode))
		return 0;
	return error_set(err, EINVAL, "%s: invalid %s mode: %s", flag, flag + 2, mode);
}

static int check_modes(const struct container_config *c, struct error *err)
{
	static const char *const pid[] = { "", "host", NULL };
	static const char *const ipc[] = { "", "none", "private", "shareable", "host", NULL };
	static const char *const uts[] = { "", "host", NULL };
	static const char *const cgroup[] = { "", "private", "host", NULL };
	static const char *const user[] = { "", "host", NULL };
	int r = check_mode("--pid", c->pid_mode, pid, err);

	if (r == 0)
		r = check_mode("--ipc", c->ipc_mode, ipc, err);
	if (r == 0)
		r = check_mode("--uts", c->uts_mode, uts, err);
	if (r == 0)
		r = check_mode("--cgroupns", c->cgroupns_mode, cgroup, err);
	if (r < 0)
		return r;
	if (c->userns_mode && !word_known(user, c->userns_mode))
		return error_set(err, ENOTSUP,
				 "--userns %s: only host is supported, which every container has; "
				 "use --isolation hyperv for a stronger wall",
				 c->userns_mode);
	if (mode_container(c->uts_mode) || mode_container(c->cgroupns_mode))
		return error_set(err, EINVAL,
				 "--uts, --cgroupns: another container's cannot be joined");
	if (mode_is(c->uts_mode, "host") && (c->hostname || c->domainname))
		return conflict("hostname and the UTS mode", err);
	if (c->shm_size && (mode_is(c->ipc_mode, "host") || mode_container(c->ipc_mode)))
		return conflict("--shm-size and the IPC mode, which has its own", err);
	return 0;
}

static int check_volumes(const struct container_config *c, struct error *err)
{
	for (size_t i = 0; i < c->volumes_len; i++)
		for (size_t k = 0; k < i; k++)
			if (strcmp(c->volumes[i].destination, c->volumes[k].destination) == 0)
				return error_set(err, EINVAL, "Duplicate mount point: %s",
						 c->volumes[i].destination);
	return 0;
}

static int check_caps(const char *which, const struct strv *list, struct error *err)
{
	for (size_t i = 0; i < list->len; i++)
		if (strcasecmp(list->items[i], "ALL") != 0 && caps_number(list->items[i]) < 0)
			return error_set(err, EINVAL, "invalid %s: unknown capability: \"%s\"",
					 which, list->items[i]);
	return 0;
}

/* An option of --security-opt; *ret_value: what follows "=" or ":", NULL: nothing. */
static bool is_option(const char *text, const char *name, const char **ret_value)
{
	const size_t len = strlen(name);

	if (strncmp(text, name, len) != 0 || (text[len] && text[len] != '=' && text[len] != ':'))
		return false;
	*ret_value = text[len] ? text + len + 1 : NULL;
	return true;
}

static int check_security(const struct container_config *c, struct error *err)
{
	for (size_t i = 0; i < c->security_opt.len; i++) {
		const char *text = c->security_opt.items[i], *value;

		if (is_option(text, "seccomp", &value) && value && *value)
			continue;
		if (is_option(text, "no-new-privileges", &value) &&
		    (!value || strcmp(value, "true") == 0 || strcmp(value, "false") == 0))
			continue;
		if (is_option(text, "systempaths", &value) && mode_is(value, "unconfined"))
			continue;
		if (is_option(text, "apparmor", &value) && value) {
			if (strcmp(value, "unconfined") == 0)
				continue;
			if (access("/sys/kernel/security/apparmor", F_OK) == 0)
				continue;
			return error_set(err, ENOTSUP,
					 "--security-opt %s: this host has no AppArmor", text);
		}
		if (is_option(text, "label", &value) && value) {
			if (strcmp(value, "disable") == 0)
				continue;
			return error_set(err, ENOTSUP,
					 "--security-opt %s: labels of SELinux are not supported; "
					 "\"label=disable\" is what every container has",
					 text);
		}
		return error_set(err, EINVAL, "invalid --security-opt: \"%s\"", text);
	}
	return 0;
}

static int check_storage(const struct container_config *c, struct error *err)
{
	for (size_t i = 0; i < c->storage_opt.len; i++) {
		if (strcmp(c->storage_opt.items[i].key, "size") != 0)
			return error_set(err, EINVAL,
					 "--storage-opt %s: unknown option; there is size",
					 c->storage_opt.items[i].key);
		if (c->isolation == ISOLATION_PROCESS)
			return error_set(
				err, ENOTSUP,
				"--storage-opt size: in process isolation a container "
				"writes to a directory, which has no size; use --isolation "
				"hyperv");
	}
	return 0;
}

static int check_together(const struct container_config *c, struct error *err)
{
	if (c->auto_remove && c->restart.policy != RESTART_NO)
		return conflict("cannot specify both --restart and --rm", err);
	if (c->init && c->pid_mode)
		return conflict("--init and --pid: process 1 is another's", err);
	if (c->kernel && c->isolation == ISOLATION_PROCESS)
		return error_set(err, EINVAL,
				 "--kernel: in process isolation the kernel is the host's; use "
				 "--isolation hyperv");
	if (c->oom_kill_disable && c->memory == 0)
		return error_set(err, EINVAL,
				 "--oom-kill-disable: without --memory it would be the host that "
				 "runs out");
	return 0;
}

int container_config_check(const struct container_config *config, struct error *err)
{
	static int (*const checks[])(const struct container_config *, struct error *) = {
		check_names,   check_limits,   check_network,
		check_modes,   check_volumes,  check_security,
		check_storage, check_together, container_config_check_text,
	};
	int r = check_caps("CapAdd", &config->cap_add, err);

	if (r == 0)
		r = check_caps("CapDrop", &config->cap_drop, err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(checks); i++)
		r = checks[i](config, err);
	if (r == 0 && config->isolation == ISOLATION_HYPERV)
		r = container_config_check_hyperv(config, err);
	return r;
}

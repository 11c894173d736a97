/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The flags of run and create: docker's, and --isolation and --kernel. */
#include "cli/command.h"
#include "service/container_config.h"

/* docker's that are refused by name: see run_flags_refused.c. */
enum refused_flag {
	REFUSED_BLKIO_WEIGHT_DEVICE,
	REFUSED_CPU_COUNT,
	REFUSED_CPU_PERCENT,
	REFUSED_CPU_RT_PERIOD,
	REFUSED_CPU_RT_RUNTIME,
	REFUSED_DEVICE_READ_BPS,
	REFUSED_DEVICE_READ_IOPS,
	REFUSED_DEVICE_WRITE_BPS,
	REFUSED_DEVICE_WRITE_IOPS,
	REFUSED_GPUS,
	REFUSED_HEALTH_CMD,
	REFUSED_HEALTH_INTERVAL,
	REFUSED_HEALTH_RETRIES,
	REFUSED_HEALTH_START_INTERVAL,
	REFUSED_HEALTH_START_PERIOD,
	REFUSED_HEALTH_TIMEOUT,
	REFUSED_IO_MAXBANDWIDTH,
	REFUSED_IO_MAXIOPS,
	REFUSED_IP6,
	REFUSED_KERNEL_MEMORY,
	REFUSED_LINK,
	REFUSED_LINK_LOCAL_IP,
	REFUSED_RUNTIME,
	REFUSED_VOLUME_DRIVER,
	REFUSED_VOLUMES_FROM,
	REFUSED_FLAGS
};

/* Limits, which update has too. */
struct limit_flags {
	const char *memory, *memory_reservation, *memory_swap, *memory_swappiness;
	const char *cpus, *cpu_shares, *cpu_period, *cpu_quota, *cpuset_cpus, *cpuset_mems;
	const char *pids_limit, *blkio_weight, *restart;
};

struct run_flags {
	struct limit_flags limits;
	const char *name, *isolation, *kernel, *platform, *pull, *cidfile;
	const char *hostname, *domainname, *user, *workdir, *entrypoint;
	const char *stop_signal, *stop_timeout, *detach_keys;
	const char *pid, *ipc, *uts, *userns, *cgroupns, *cgroup_parent;
	const char *ip, *mac_address, *shm_size, *oom_score_adj, *log_driver;
	struct flag_list networks, network_aliases, publish, expose, dns, dns_search, dns_options;
	struct flag_list add_hosts, env, env_files, labels, label_files, annotations;
	struct flag_list volumes, mounts, tmpfs, devices, device_cgroup_rules, attach;
	struct flag_list cap_add, cap_drop, group_add, security_opt, sysctls, ulimits;
	struct flag_list log_opt, storage_opt;
	bool detach, interactive, tty, rm, init, privileged, read_only, publish_all;
	bool oom_kill_disable, quiet, no_healthcheck;
	int sig_proxy;             /* 1 unless said otherwise */
	int disable_content_trust; /* 1 unless said otherwise */
	bool use_api_socket;
	const char *refused[REFUSED_FLAGS];
};
#define RUN_FLAGS_INIT ((struct run_flags){ .sig_proxy = 1, .disable_content_trust = 1 })
void run_flags_done(struct run_flags *flags);
#define _cleanup_run_flags_ _cleanup_(run_flags_done)

/* What run has; from RUN_FLAGS_OF_CREATE on, what create has too. */
extern const struct flag run_flags_table[];
#define RUN_FLAGS_OF_CREATE 3

/* Flags and what follows them (image, then command) → configuration, without what the image says and
 * with isolation as given (ISOLATION_DEFAULT: not). */
int run_flags_config(const struct cli_command *command, const struct run_flags *flags,
		     const struct flag_args *args, struct container_config *ret, struct error *err);

/* Parts of it, a file each. */
int run_flags_check_refused(const struct run_flags *flags, struct error *err);
int run_flags_environment(const struct run_flags *flags, struct container_config *config,
			  struct error *err);
int run_flags_files(const struct run_flags *flags, struct container_config *config,
		    struct error *err);
int run_flags_network(const struct run_flags *flags, struct container_config *config,
		      struct error *err);
int run_flags_security(const struct run_flags *flags, struct container_config *config,
		       struct error *err);
int run_flags_log(const struct run_flags *flags, struct container_config *config,
		  struct error *err);
int run_flags_ulimits(const struct run_flags *flags, struct container_config *config,
		      struct error *err);
/* *ret_mask: UPDATE_* of those that were given (service/lifecycle.h); may be NULL. */
int limit_flags_apply(const struct limit_flags *flags, struct container_config *config,
		      uint64_t *ret_mask, struct error *err);

/* -e and --env-file: all of them in one list in arena, files first. A name alone takes the caller's value,
 * and is left out where the caller has none (keep_unset: kept as a bare name). */
int environment_read(const struct flag_list *entries, const struct flag_list *files,
		     bool keep_unset, struct arena *arena, struct strv *ret, struct error *err);

/* invalid argument "x" for "--flag" flag: … */
int flag_invalid(struct error *err, const char *flag, const char *text, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

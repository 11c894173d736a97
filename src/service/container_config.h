/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a container is to be: docker's Config and HostConfig as plain structs, one field a property, in
 * its words and units. Filled by `run` and `create` from flags over the image's own configuration; kept
 * in container.json in docker's own JSON shape, so that `inspect` shows what is stored.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "compute/system.h"
#include "image/config.h"
#include "network/network.h"
#include "oci/spec.h"

struct container_volume { /* -v, --mount */
	enum { VOLUME_BIND, VOLUME_NAMED, VOLUME_TMPFS } kind;
	char *source; /* host path; name of the volume (anonymous ones have 64 hex digits) */
	char *destination;
	bool readonly, anonymous, nocopy;
	char *propagation;   /* "rprivate" … ; NULL */
	struct strv options; /* tmpfs: "size=64m" … */
	bool create_source;  /* -v makes a missing directory of the host, --mount refuses */
};

struct container_device {                     /* --device */
	char *host, *container, *permissions; /* "rwm" */
};

enum restart_policy { RESTART_NO, RESTART_ON_FAILURE, RESTART_ALWAYS, RESTART_UNLESS_STOPPED };

struct container_config {
	struct arena arena; /* owns all of the below */

	/* Config */
	char *image; /* as the user wrote it */
	char *hostname, *domainname;
	char *user, *working_dir; /* NULL: root, "/" */
	struct strv env, entrypoint, cmd;
	struct strv exposed_ports, volumes_of_image; /* "80/tcp"; paths with anonymous volumes */
	struct key_values labels;
	bool tty, open_stdin, stdin_once;
	bool attach_stdin, attach_stdout, attach_stderr;
	char *stop_signal;           /* NULL: SIGTERM */
	struct opt_i64 stop_timeout; /* seconds; -1: for ever */

	/* HostConfig */
	enum compute_isolation isolation; /* never ISOLATION_DEFAULT */
	char *kernel;                     /* hyperv: another kernel; NULL */
	bool auto_remove, init, privileged, readonly_rootfs, publish_all;
	struct {
		enum restart_policy policy;
		unsigned max_retries;
	} restart;
	struct container_volume *volumes;
	size_t volumes_len;
	struct container_device *devices;
	size_t devices_len;
	char *network_mode;   /* "bridge", "none", "host", "container:ID", a network's name */
	struct strv networks; /* beyond the first */
	char *mac_address, *ip_address;
	struct network_port *ports;
	size_t ports_len;
	struct strv dns, dns_search, dns_options, extra_hosts, network_aliases;
	struct strv cap_add, cap_drop, group_add;
	struct strv
		security_opt; /* as docker has them: "seccomp=unconfined", "no-new-privileges", … */
	char *seccomp_profile; /* text of the profile that seccomp=FILE named; NULL: the default */
	char *pid_mode, *ipc_mode, *uts_mode, *userns_mode, *cgroupns_mode; /* NULL: private */
	char *cgroup_parent;
	struct key_values sysctls, annotations, storage_opt; /* storage_opt: "size" */
	struct oci_rlimits ulimits;
	uint64_t shm_size; /* bytes; 0: 64 MiB */
	struct oci_device_rules device_cgroup_rules;
	struct opt_i64 oom_score_adj;
	bool oom_kill_disable;
	/* Limits, as update changes them: docker's units. 0: none. */
	int64_t memory, memory_reservation, memory_swap; /* bytes; swap with memory, -1 unlimited */
	int64_t memory_swappiness;                       /* -1: none */
	int64_t nano_cpus, cpu_shares, cpu_period, cpu_quota;
	char *cpuset_cpus, *cpuset_mems;
	int64_t pids_limit;
	uint16_t blkio_weight;
	/* Logs: docker's json-file, or none. */
	struct {
		char *driver;      /* "json-file", "none" */
		uint64_t max_size; /* bytes; 0: no rotation */
		unsigned max_file;
	} log;
};

void container_config_done(struct container_config *config);
#define _cleanup_container_config_ _cleanup_(container_config_done)
/* To docker's JSON ({"Config": {…}, "HostConfig": {…}} and what else container.json has of it) and
 * back; owned, NULL without memory. from_json refuses what to_json would not write. */
json_t *container_config_json(const struct container_config *config);
int container_config_from_json(const json_t *json, struct container_config *ret, struct error *err);
/* What the image says, below what the user said: env, entrypoint and cmd (docker's rules), user,
 * directory, ports, volumes, labels, stop signal. -EINVAL: no command specified. */
int container_config_merge_image(struct container_config *config, const struct image_config *image,
				 struct error *err);
/* What does not go together, and what the isolation cannot do, refused by the flag's name, before
 * anything is made. */
int container_config_check(const struct container_config *config, struct error *err);

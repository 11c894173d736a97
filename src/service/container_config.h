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
#include <string.h>

#include "base/arena.h"
#include "compute/system.h"
#include "image/config.h"
#include "network/network.h"
#include "oci/spec.h"

struct container_volume { /* -v, --mount */
	enum { VOLUME_BIND, VOLUME_NAMED, VOLUME_TMPFS } kind;
	char *source; /* host path; name of the volume (anonymous ones have 64 hex digits once the
		       * image is merged, NULL before) */
	char *destination;
	bool readonly, anonymous, nocopy;
	char *propagation; /* "rprivate" … ; NULL */
	struct strv
		options; /* tmpfs: "size=64m" …; bind: "bind" (not what is mounted below), "ro" and
			      * "rro" (read-only alone, or with what is mounted below) */
	bool create_source; /* -v makes a missing directory of the host, --mount refuses */
	bool short_form;    /* given by -v or --tmpfs: shown as docker shows those */
};

struct container_device {                     /* --device */
	char *host, *container, *permissions; /* "rwm" */
};

/* Of a namespace mode ("container:web"): "web"; NULL: it is another one, or none. */
static inline const char *mode_container(const char *mode)
{
	return mode && strncmp(mode, "container:", strlen("container:")) == 0
		       ? mode + strlen("container:")
		       : NULL;
}
static inline bool mode_is(const char *mode, const char *word)
{
	return mode && strcmp(mode, word) == 0;
}

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
		uint32_t max_retries;
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
	struct opt_i64 memory_swappiness;                /* 0 to 100 */
	int64_t nano_cpus, cpu_shares, cpu_period, cpu_quota;
	char *cpuset_cpus, *cpuset_mems;
	int64_t pids_limit;
	uint32_t blkio_weight;
	/* Logs: docker's json-file, or none. */
	struct {
		char *driver;      /* "json-file", "none" */
		uint64_t max_size; /* bytes; 0: no rotation */
		unsigned max_file;
	} log;
};

void container_config_done(struct container_config *config);
#define _cleanup_container_config_ _cleanup_(container_config_done)
/* To docker's JSON ({"Config": {…}, "HostConfig": {…}, "NetworkingConfig": {…}}, every key there) and
 * back; owned, NULL without memory, and for text that is no UTF-8, which container_config_check has
 * refused. from_json refuses by path what to_json would not write. */
json_t *container_config_json(const struct container_config *config);
int container_config_from_json(const json_t *json, struct container_config *ret, struct error *err);
/* What the image says, below what the user said: env, entrypoint and cmd (docker's rules: an entrypoint
 * of one empty string is none, and the image's cmd goes with the image's entrypoint), user, directory,
 * ports, volumes, labels, stop signal. A variable without "=" is taken away. Anonymous volumes get their
 * names. -EINVAL: no command specified. */
int container_config_merge_image(struct container_config *config, const struct image_config *image,
				 struct error *err);
/* What does not go together, and what the isolation cannot do, refused by the flag's name, before
 * anything is made. */
int container_config_check(const struct container_config *config, struct error *err);
/* Whether all of it is UTF-8, which is all that JSON can carry: -EILSEQ names the property. */
int container_config_check_text(const struct container_config *config, struct error *err);
/* Moves it: from is empty afterwards. */
static inline struct container_config container_config_take(struct container_config *from)
{
	struct container_config config = *from;

	*from = (struct container_config){ 0 };
	return config;
}
/* "no", "on-failure", … */
const char *restart_policy_name(enum restart_policy policy);
/* "always", "on-failure:3"; -EINVAL in docker's words. */
int restart_policy_parse(const char *text, enum restart_policy *ret, uint32_t *ret_max,
			 struct error *err);

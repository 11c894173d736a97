/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What an isolation mode has to be able to do: the same for both, so that no command knows which it
 * has before it. All work on what is stored of a system; none locks or stores.
 */
#include <jansson.h>

#include "base/error.h"
#include "compute/store.h"
#include "container/container.h"

/* What is to be made. */
struct isolation_create {
	struct container_create engine; /* what the engine is told, here or in the guest */
	const struct compute_host *host;
	const struct compute_create *request;
	const char *config; /* text of config.json, as engine.spec was read from it */
	size_t config_len;
	struct stored *stored; /* to be recorded: what only this mode knows goes in here */
};

struct isolation_ops {
	/* See container_create. */
	int (*create)(const struct isolation_create *create, struct container *ret, int *ret_pidfd,
		      int *ret_init, struct error *err);
	int (*start)(const struct stored *s, const struct oci_spec *spec, struct error *err);
	int (*init_start)(const struct stored *s, const struct oci_spec *spec, int init,
			  struct error *err);
	int (*exec)(const struct stored *s, const struct container_exec *exec, pid_t *ret_pid,
		    int *ret_pidfd, struct error *err);
	int (*signal)(const struct stored *s, int sig, bool all, struct error *err);
	int (*freeze)(const struct stored *s, bool freeze, struct error *err);
	int (*update)(const struct stored *s, const struct oci_resources *resources,
		      const struct oci_intel_rdt *rdt, struct error *err);
	int (*pids)(const struct stored *s, pid_t **ret, size_t *ret_len, struct error *err);
	/* What the agent says of the processes, for ps_snapshot_run; owned. NULL where the host's own ps
	 * sees them. */
	json_t *(*processes)(const struct stored *s, struct error *err);
	int (*stats)(const struct stored *s, struct cgroup_stats *ret, struct error *err);
	/* Of the VM, on the host. NULL where there is none. */
	int (*vm_stats)(const struct stored *s, struct compute_vm_stats *ret, struct error *err);
	int (*resize)(const struct stored *s, pid_t pid, uint16_t width, uint16_t height,
		      struct error *err);
	/* See cgroup_oom_fd, cgroup_oom_drain. */
	int (*oom_fd)(const struct stored *s, struct error *err);
	int (*oom_drain)(int fd, bool *ret_gone);
	int (*oom_count)(const struct stored *s, uint64_t *ret, struct error *err);
	int (*destroy)(const struct stored *s, const struct oci_spec *spec, struct error *err);
};

extern const struct isolation_ops process_isolation, hyperv_isolation;

const struct isolation_ops *isolation_get(enum compute_isolation isolation);

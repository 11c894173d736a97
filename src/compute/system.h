/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Compute systems: every command over either isolation, and the state on disk behind them. What
 * tools share is here; tools parse, call and print. No daemon: each call opens, locks, acts and
 * stores.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "container/cgroup/cgroup.h"
#include "container/cgroup/stats.h"
#include "oci/spec.h"

enum compute_isolation { ISOLATION_DEFAULT, ISOLATION_PROCESS, ISOLATION_HYPERV };
enum compute_status {
	STATUS_CREATING,
	STATUS_CREATED,
	STATUS_RUNNING,
	STATUS_PAUSED,
	STATUS_STOPPED
};

const char *compute_isolation_name(enum compute_isolation isolation); /* "process", "hyperv" */
/* "default", "process", "hyperv", and "vm" for the last; -EINVAL for others. */
int compute_isolation_parse(const char *name, enum compute_isolation *ret);
const char *compute_status_name(enum compute_status status); /* OCI's words; "paused" */

/* Where the state lives and how this caller works; filled by the tool, owned by it. */
struct compute_host {
	const char *root; /* directory of all state, made 0700 when needed */
	enum cgroup_manager cgroup_manager;
	bool rootless;
	/* Told of what went wrong but does not stop the command (a failing poststop hook); may be
	 * NULL. */
	void (*warn)(const char *message, void *data);
	void *warn_data;
};

/* The default root: /run/runhcs, or $XDG_RUNTIME_DIR/runhcs for an ordinary user. Caller frees. */
char *compute_default_root(void);
/* Ids are 1–1023 characters of [A-Za-z0-9_+.-], not "." or "..": anything else could name a path.
 */
int compute_check_id(const char *id, struct error *err);

struct compute_create {
	const char *id, *bundle; /* bundle may be relative */
	const char *owner;       /* NULL: the caller's user name */
	const char *console_socket, *pid_file;
	enum compute_isolation isolation;
	/* hyperv only; NULL: not said. The guest's kernel, and the container whose VM this one joins. */
	const char *kernel, *vm_host;
	unsigned preserve_fds;
	unsigned listen_fds; /* of them passed as sd_listen_fds(3) does: LISTEN_FDS in the container
			      */
	bool no_pivot, no_new_keyring;
	bool keep;              /* run: keep the stopped container */
	bool detach;            /* run */
	bool no_subreaper;      /* run */
	bool files_only;        /* for compute_files alone: never started; no program of it runs */
	uint16_t rows, columns; /* launch: of the terminal; 0: not known */
	/* In a guest: see struct container_create. */
	bool hooks_in_root;
	const char *hooks_bundle;
};

int compute_create(const struct compute_host *host, const struct compute_create *create,
		   struct error *err);
int compute_start(const struct compute_host *host, const char *id, struct error *err);
/* create + start; without detach also the foreground session: raw terminal, window size, signals
 * forwarded, exit status in *ret_status, then delete unless keep. */
int compute_run(const struct compute_host *host, const struct compute_create *create,
		int *ret_status, struct error *err);

/* A started process, a child of the caller. */
struct compute_launched {
	pid_t pid;
	int pidfd;    /* owned; reaped by pidfd_reap */
	int terminal; /* owned: master of its terminal; -1: it has none */
};
/* create + start for a caller that stays with the container and serves its stdio itself: the process
 * inherits descriptors 0, 1 and 2 as they are during the call, unless it has a terminal. In the end the
 * caller reaps it and calls compute_delete. On failure nothing is left; err->exit_status tells programs
 * that are not there (127) or cannot be executed (126). */
int compute_launch(const struct compute_host *host, const struct compute_create *create,
		   struct compute_launched *ret, struct error *err);

struct compute_exec {
	const char *id;
	/* Either a parsed process (exec --process), or NULL and the fields below over the
	 * container's own process as the base. */
	const struct oci_process *process;
	char *const *args; /* NULL-terminated */
	const char *cwd;   /* NULL: the container's */
	char *const *env;  /* added "K=V", NULL-terminated, may be NULL */
	bool has_user;
	uint32_t uid, gid;
	bool has_gid;
	const uint32_t *additional_gids;
	size_t additional_gids_len;
	bool gids_replace; /* instead of the container's own; else, as in runc, added to them */
	char *const *caps; /* added to the container's sets except inheritable; may be NULL */
	const char *apparmor, *process_label;
	bool no_new_privs, tty;
	const char *console_socket, *pid_file, *cgroup;
	unsigned preserve_fds;
	bool detach, ignore_paused;
};
int compute_exec(const struct compute_host *host, const struct compute_exec *exec, int *ret_status,
		 struct error *err);

/* all: every process of it. A stopped container: -ESRCH, "container not running" (runc's words,
 * which containerd looks for). */
int compute_signal(const struct compute_host *host, const char *id, int sig, bool all,
		   struct error *err);
int compute_pause(const struct compute_host *host, const char *id, struct error *err);
int compute_resume(const struct compute_host *host, const char *id, struct error *err);
/* force: kill first, and clean what a killed command left; an absent container is then no error. */
int compute_delete(const struct compute_host *host, const char *id, bool force, struct error *err);
int compute_update(const struct compute_host *host, const char *id,
		   const struct oci_resources *resources, const char *l3_cache_schema,
		   const char *mem_bw_schema, struct error *err);
/* Window size of a process's terminal; pid 0: init; pid as seen by the host. */
int compute_resize(const struct compute_host *host, const char *id, pid_t pid, uint16_t width,
		   uint16_t height, struct error *err);

struct compute_state {
	char *id, *bundle, *rootfs, *created, *owner,
		*oci_version; /* owned; created: RFC 3339 UTC */
	pid_t pid;            /* 0 when stopped */
	enum compute_status status;
	enum compute_isolation isolation;
	/* Of the utility VM, owned; NULL in process isolation. vm_host: id of the container whose VM
	 * it is, NULL: its own. reason: why the VM ended, when that stopped the container. */
	char *monitor, *accelerator, *kernel, *vm_host, *reason;
	struct key_value *annotations; /* owned with their strings; not filled by compute_list */
	size_t annotations_len;
};
void compute_state_done(struct compute_state *state);
int compute_state(const struct compute_host *host, const char *id, struct compute_state *ret,
		  struct error *err);
/* Sorted by id; an entry that cannot be read is left out. Caller: compute_state_done each, free. */
int compute_list(const struct compute_host *host, struct compute_state **ret, size_t *ret_len,
		 struct error *err);
/* The OCI state document (indented, with rootfs, created, owner, isolation; for hyperv "vm" and
 * "reason"); caller frees. */
char *compute_state_json(const struct compute_state *state);

/* Host pids of its processes; of a hyperv container those that stand for them. Caller frees. */
int compute_pids(const struct compute_host *host, const char *id, pid_t **ret, size_t *ret_len,
		 struct error *err);
/* What ps (its path) with args (NULL-terminated) prints of the processes of a hyperv container in the
 * guest, and of itself as pid 1; caller frees. -EOPNOTSUPP: the host's own ps sees them. */
int compute_ps(const struct compute_host *host, const char *id, const char *ps, char *const *args,
	       char **ret, size_t *ret_len, struct error *err);
/* What the container's own cgroup counts; in the guest, of a hyperv container. */
int compute_stats(const struct compute_host *host, const char *id, struct cgroup_stats *ret,
		  struct error *err);

/* What the utility VM costs the host: its monitor with the guest's memory, vmwp, the share daemon, as
 * the container's cgroup on the host counts them. */
struct compute_vm_stats {
	bool set;              /* false: process isolation, or another container's VM */
	uint64_t memory_usage; /* bytes */
	uint64_t memory_limit; /* bytes; 0: none */
	uint64_t cpu_total;    /* nanoseconds */
	uint64_t guest_memory; /* bytes that the guest was given */
};
int compute_vm_stats(const struct compute_host *host, const char *id, struct compute_vm_stats *ret,
		     struct error *err);

/* Calls event for each OOM kill ("oom") and when interval_ms passes ("stats"), until the container
 * ends or event returns non-zero. */
typedef int (*compute_event_fn)(const char *type, const struct cgroup_stats *stats,
				const struct compute_vm_stats *vm, void *data, struct error *err);
int compute_events(const struct compute_host *host, const char *id, int interval_ms,
		   compute_event_fn event, void *data, struct error *err);

/* How many processes the kernel killed for want of memory in it, so far; also of one that has ended and is
 * not deleted yet, in process isolation. 0 where no memory cgroup counts. */
int compute_oom_count(const struct compute_host *host, const char *id, uint64_t *ret,
		      struct error *err);
/* A descriptor that becomes readable when that may have changed. -EOPNOTSUPP: no memory cgroup. */
int compute_oom_watch(const struct compute_host *host, const char *id, struct error *err);
/* Reads it empty. 1: a process was killed; 0: no; -ENOENT: nothing more will come. */
int compute_oom_drain(enum compute_isolation isolation, int fd);

struct compute_checkpoint { /* crun's and runc's options of the same names */
	const char *image_path, *work_path, *parent_path;
	bool leave_running, tcp_established, ext_unix_sk, shell_job, file_locks, pre_dump,
		auto_dedup, lazy_pages;
	const char *manage_cgroups_mode, *status_fd, *page_server, *lsm_profile, *lsm_mount_context;
};
int compute_checkpoint(const struct compute_host *host, const char *id,
		       const struct compute_checkpoint *options, struct error *err);
int compute_restore(const struct compute_host *host, const struct compute_create *create,
		    const struct compute_checkpoint *options, int *ret_status, struct error *err);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The criu program as a worker ("criu swrk"): we start it, send one request over a Unix socket,
 * answer its notifications and read the result. Unlike its command line this hands over descriptors
 * (a restored terminal's master) and makes a restored init our child.
 */
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "container/criu_message.h"

/* criu_req_type of rpc.proto. */
enum criu_request_type {
	CRIU_DUMP = 1,
	CRIU_RESTORE = 2,
	CRIU_PRE_DUMP = 4,
	CRIU_NOTIFY = 6,
	CRIU_FEATURE_CHECK = 9,
	CRIU_VERSION = 10,
};

/* Fields of criu_opts in rpc.proto that are used here. */
enum criu_opt {
	OPT_IMAGES_DIR_FD = 1,
	OPT_PID = 2,
	OPT_LEAVE_RUNNING = 3,
	OPT_EXT_UNIX_SK = 4,
	OPT_TCP_ESTABLISHED = 5,
	OPT_EVASIVE_DEVICES = 6,
	OPT_SHELL_JOB = 7,
	OPT_FILE_LOCKS = 8,
	OPT_LOG_LEVEL = 9,
	OPT_LOG_FILE = 10,
	OPT_PAGE_SERVER = 11,
	OPT_NOTIFY_SCRIPTS = 12,
	OPT_ROOT = 13,
	OPT_PARENT_IMG = 14,
	OPT_TRACK_MEM = 15,
	OPT_AUTO_DEDUP = 16,
	OPT_WORK_DIR_FD = 17,
	OPT_EXT_MNT = 23,
	OPT_CG_ROOT = 25,
	OPT_RST_SIBLING = 26,
	OPT_INHERIT_FD = 27,
	OPT_MANAGE_CGROUPS_MODE = 34,
	OPT_EXTERNAL = 37,
	OPT_JOIN_NS = 39,
	OPT_FREEZE_CGROUP = 44,
	OPT_LAZY_PAGES = 48,
	OPT_ORPHAN_PTS_MASTER = 50,
	OPT_CONFIG_FILE = 51,
	OPT_LSM_PROFILE = 53,
	OPT_LSM_MOUNT_CONTEXT = 63,
};

/* The numbers that criu_launch.fds have in criu, in their order. The first two are always the
 * directories of the images and of the log. */
#define CRIU_IMAGE_FD 4
#define CRIU_WORK_FD 5
#define CRIU_MORE_FDS 6

struct criu_launch {
	const char *program; /* of criu_find */
	const int *fds;      /* borrowed; enter may change what is there */
	size_t fds_len;
	bool keep_stdio; /* it has our stdin, stdout, stderr; else /dev/null */
	/* Runs in the child before criu does; may be NULL. */
	int (*enter)(void *data, struct error *err);
	void *data;
};

struct criu {
	pid_t pid;
	int pidfd, sock; /* owned */
};
#define CRIU_INIT ((struct criu){ .pidfd = -1, .sock = -1 })

struct criu_exchange {
	enum criu_request_type type;
	const struct criu_message *opts;
	/* Answers a notification; pid: of the restored init, or 0; fd: what came with it, or -1,
	 * stays the caller's. A failure makes criu give up. */
	int (*notify)(const char *script, pid_t pid, int fd, void *data, struct error *err);
	void *data;
	pid_t pid; /* set: of the restored init */
};

/* What an option needs of criu and the kernel. */
struct criu_needs {
	unsigned version; /* major * 10000 + minor * 100 */
	bool mem_track, lazy_pages;
};

/* Looks for criu in $PATH; its absolute path, which the caller frees. command: "checkpoint",
 * "restore". */
int criu_find(const char *command, char **ret, struct error *err);
/* Whether it has what is needed, asked of the program itself. */
int criu_check(const char *program, const struct criu_needs *needs, struct error *err);
/* Starts it, a child of ours. */
int criu_launch(const struct criu_launch *launch, struct criu *ret, struct error *err);
/* One request. -EREMOTEIO: criu says that it failed (criu_explain knows why); what notify or the
 * socket reports otherwise. */
int criu_request(struct criu *criu, struct criu_exchange *exchange, struct error *err);
/* The reason in criu's log, in place of err's text, with the path of the log. */
void criu_explain(int work_fd, const char *log, struct error *err);
/* Closes the conversation, which ends it, and reaps it. */
void criu_done(struct criu *criu);

#define _cleanup_criu_ _cleanup_(criu_done)

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The log that engines read: containerd's shim takes the error from the last JSON line of level
 * "error", podman likewise. Lines look as logrus writes them, since that is what is parsed.
 */
#include <stdbool.h>

#include "base/error.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_DEBUG };

struct log {
	int fd; /* -1: no file; what is logged then goes to stderr */
	bool json;
	enum log_level level; /* the least important level that is written */
};

#define LOG_INIT ((struct log){ .fd = -1, .level = LOG_LEVEL_WARNING })

/* path: appended to, made 0600; NULL: stderr only. "file:" before it is taken as crun does. format:
 * "text", "json" or NULL. level: "error", "warning", "debug" or NULL. 0 or -errno. */
int log_open(struct log *log, const char *path, const char *format, const char *level,
	     struct error *err);
void log_done(struct log *log);
#define _cleanup_log_ _cleanup_(log_done)

void log_message(const struct log *log, enum log_level level, const char *message);
/* The error a command ends with: to the log as a line of level "error", and to stderr as
 * "runhcs: message". */
void log_failure(const struct log *log, const char *message);

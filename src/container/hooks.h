/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Lifecycle hooks (runtime-spec config.md#posix-platform-hooks). */
#include "base/error.h"
#include "oci/spec.h"

/* What a hook reads on stdin: the state document. */
struct hook_state {
	const char *oci_version, *id, *bundle;
	const char *status; /* "creating", "created", "running", "stopped" */
	pid_t pid;          /* 0: left out */
	const struct key_values *annotations;
};

/* Runs the hooks of one kind in order; stops at the first that fails: its JSON path, path, status
 * and last line of output are in the message. Hooks run in the caller's namespaces with cwd_fd as
 * working directory (the bundle; -1: keep). */
int hooks_run(const struct oci_spec *spec, enum oci_hook_kind kind, const struct hook_state *state,
	      int cwd_fd, struct error *err);
/* The poststop hooks: one that fails is told to warn and the rest are run all the same. warn may be
 * NULL. */
void hooks_run_poststop(const struct oci_spec *spec, const struct hook_state *state,
			void (*warn)(const char *message, void *data), void *data);
/* "hooks.createRuntime" */
const char *hook_kind_name(enum oci_hook_kind kind);
/* Whether there is any of that kind. */
static inline bool hooks_any(const struct oci_spec *spec, enum oci_hook_kind kind)
{
	return spec->hooks[kind].len > 0;
}

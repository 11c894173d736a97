/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "oci/validate.h"

/* (uid_t)-1 means "leave as it is" to setresuid(2) and chown(2). */
#define NO_ID UINT32_MAX

static int check_user(const struct oci_user *user, const char *where, struct error *err)
{
	if (user->uid == NO_ID)
		return error_set(err, EINVAL, "%s.user.uid: %u is not an id", where, NO_ID);
	if (user->gid == NO_ID)
		return error_set(err, EINVAL, "%s.user.gid: %u is not an id", where, NO_ID);
	for (size_t i = 0; i < user->additional_gids_len; i++)
		if (user->additional_gids[i] == NO_ID)
			return error_set(err, EINVAL,
					 "%s.user.additionalGids[%zu]: %u is not an id", where, i,
					 NO_ID);
	if (user->username)
		return error_set(err, EINVAL,
				 "%s.user.username: for Windows only, give uid and gid", where);
	return 0;
}

static int check_env(const struct strv *env, const char *where, struct error *err)
{
	for (size_t i = 0; i < env->len; i++) {
		const char *equals = strchr(env->items[i], '=');

		if (!equals || equals == env->items[i])
			return error_set(err, EINVAL, "%s.env[%zu]: expected NAME=value", where, i);
	}
	return 0;
}

static int check_rlimits(const struct oci_rlimits *rlimits, const char *where, struct error *err)
{
	for (size_t i = 0; i < rlimits->len; i++) {
		const struct oci_rlimit *rlimit = &rlimits->items[i];

		if (rlimit->soft > rlimit->hard)
			return error_set(err, EINVAL,
					 "%s.rlimits[%zu].soft: %llu is above hard, %llu", where, i,
					 (unsigned long long)rlimit->soft,
					 (unsigned long long)rlimit->hard);
		/* The types are few, so a list without duplicates is short, and this loop with it.
		 */
		for (size_t j = 0; j < i; j++)
			if (strcmp(rlimits->items[j].type, rlimit->type) == 0)
				return error_set(err, EINVAL,
						 "%s.rlimits[%zu].type: duplicate \"%s\"", where, i,
						 rlimit->type);
	}
	return 0;
}

static int check_scheduling(const struct oci_process *process, const char *where, struct error *err)
{
	const struct oci_scheduler *scheduler = process->scheduler;
	const struct oci_io_priority *io = process->io_priority;
	const struct opt_i64 *oom = &process->oom_score_adj;

	if (scheduler && (scheduler->nice < -20 || scheduler->nice > 19))
		return error_set(err, EINVAL, "%s.scheduler.nice: %d is not from -20 to 19", where,
				 scheduler->nice);
	if (io && (io->priority < 0 || io->priority > 7))
		return error_set(err, EINVAL, "%s.ioPriority.priority: %lld is not from 0 to 7",
				 where, (long long)io->priority);
	if (oom->set && (oom->value < -1000 || oom->value > 1000))
		return error_set(err, EINVAL, "%s.oomScoreAdj: %lld is not from -1000 to 1000",
				 where, (long long)oom->value);
	return 0;
}

static int check_cpu_list(const char *list, const char *where, const char *key, struct error *err)
{
	if (list && list[strspn(list, "0123456789, -")])
		return error_set(err, EINVAL,
				 "%s.execCPUAffinity.%s: expected a list of CPUs such as \"0-3,7\"",
				 where, key);
	return 0;
}

int oci_process_validate(const struct oci_process *process, const char *where, struct error *err)
{
	const struct oci_cpu_affinity *affinity = process->exec_cpu_affinity;
	int r;

	if (process->command_line)
		return error_set(err, EINVAL, "%s.commandLine: for Windows only, give args", where);
	if (process->args.len == 0)
		return error_set(err, EINVAL, "%s.args: required", where);
	if (!process->args.items[0][0])
		return error_set(err, EINVAL, "%s.args[0]: empty", where);
	if (!process->cwd)
		return error_set(err, EINVAL, "%s.cwd: required", where);
	if (process->cwd[0] != '/')
		return error_set(err, EINVAL, "%s.cwd: expected an absolute path", where);
	/* The kernel keeps a terminal's size in 16 bits. Without a terminal the spec has it
	 * ignored. */
	if (process->terminal && process->console_size.set &&
	    (process->console_size.height > UINT16_MAX || process->console_size.width > UINT16_MAX))
		return error_set(err, EINVAL, "%s.consoleSize: larger than %u", where, UINT16_MAX);
	if ((r = check_user(&process->user, where, err)) < 0 ||
	    (r = check_env(&process->env, where, err)) < 0 ||
	    (r = check_rlimits(&process->rlimits, where, err)) < 0 ||
	    (r = check_scheduling(process, where, err)) < 0)
		return r;
	if (affinity && ((r = check_cpu_list(affinity->initial, where, "initial", err)) < 0 ||
			 (r = check_cpu_list(affinity->final, where, "final", err)) < 0))
		return r;
	return 0;
}

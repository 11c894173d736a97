/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <linux/seccomp.h>
#include <string.h>

#include "container/seccomp_program.h"

#define ARCH_PREFIX "SCMP_ARCH_"
#define ARCHS_MAX 64 /* more than there are; repeated ones count */
#define SYSCALLS_MAX 16384
#define ERRNO_MAX 4095 /* the kernel's MAX_ERRNO */

/* By number, since linux/seccomp.h of 5.10 lacks the last. */
static const struct {
	const char *name;
	unsigned int value;
} flag_words[] = {
	{ "SECCOMP_FILTER_FLAG_TSYNC", 1U << 0 },
	{ "SECCOMP_FILTER_FLAG_LOG", 1U << 1 },
	{ "SECCOMP_FILTER_FLAG_SPEC_ALLOW", 1U << 2 },
	{ "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", 1U << 5 },
};
#define FLAG_TSYNC (1U << 0)
#define FLAG_NEW_LISTENER (1U << 3)
#define FLAG_TSYNC_ESRCH (1U << 4)
#define FLAG_WAIT_KILLABLE_RECV (1U << 5)

static const struct {
	const char *name;
	uint32_t value;
	uint32_t data_max; /* greatest errnoRet, 0: takes none */
} action_words[] = {
	{ "SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD, 0 },
	{ "SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS, 0 },
	{ "SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD, 0 },
	{ "SCMP_ACT_TRAP", SCMP_ACT_TRAP, 0 },
	{ "SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(0), ERRNO_MAX },
	{ "SCMP_ACT_TRACE", SCMP_ACT_TRACE(0), SECCOMP_RET_DATA },
	{ "SCMP_ACT_ALLOW", SCMP_ACT_ALLOW, 0 },
	{ "SCMP_ACT_LOG", SCMP_ACT_LOG, 0 },
	{ "SCMP_ACT_NOTIFY", SCMP_ACT_NOTIFY, 0 },
};

static const struct {
	const char *name;
	int value;
} operators[] = {
	{ "SCMP_CMP_NE", SCMP_CMP_NE },
	{ "SCMP_CMP_LT", SCMP_CMP_LT },
	{ "SCMP_CMP_LE", SCMP_CMP_LE },
	{ "SCMP_CMP_EQ", SCMP_CMP_EQ },
	{ "SCMP_CMP_GE", SCMP_CMP_GE },
	{ "SCMP_CMP_GT", SCMP_CMP_GT },
	{ "SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ },
};

int seccomp_operator(const char *name)
{
	for (size_t i = 0; name && i < ARRAY_SIZE(operators); i++)
		if (strcmp(name, operators[i].name) == 0)
			return operators[i].value;
	return -EINVAL;
}

/* Action and errno as libseccomp wants them together; EPERM when none is given. */
static int parse_action(const char *name, const struct opt_u64 *errno_ret, uint32_t *ret,
			const char **ret_why)
{
	for (size_t i = 0; name && i < ARRAY_SIZE(action_words); i++) {
		if (strcmp(name, action_words[i].name) != 0)
			continue;
		*ret = action_words[i].value;
		if (action_words[i].data_max) {
			uint64_t data = errno_ret->set ? errno_ret->value : EPERM;

			if (data > action_words[i].data_max) {
				*ret_why = "too great a number";
				return -ERANGE;
			}
			*ret |= (uint32_t)data;
		} else if (errno_ret->set) {
			*ret_why = "this action takes no errno";
			return -ERANGE;
		}
		return 0;
	}
	return -EINVAL;
}

static int parse_default(const struct oci_seccomp *oci, uint32_t *ret, struct error *err)
{
	const char *why = NULL;
	int r = parse_action(oci->default_action, &oci->default_errno_ret, ret, &why);

	if (r == -ERANGE)
		return error_set(err, EINVAL, "linux.seccomp.defaultErrnoRet: %s (%s)", why,
				 oci->default_action);
	if (r < 0)
		return error_set(err, EINVAL, "linux.seccomp.defaultAction: unknown action \"%s\"",
				 oci->default_action ? oci->default_action : "");
	/* It would catch the write(2) by which the listener is announced, and wait for itself. */
	if (*ret == SCMP_ACT_NOTIFY)
		return error_set(err, EINVAL,
				 "linux.seccomp.defaultAction: SCMP_ACT_NOTIFY cannot be "
				 "the default action");
	return 0;
}

static int parse_archs(const struct oci_seccomp *oci, struct seccomp_profile *p, struct error *err)
{
	const struct strv *names = &oci->architectures;

	if (names->len > ARCHS_MAX)
		return error_set(err, E2BIG, "linux.seccomp.architectures: more than %d",
				 ARCHS_MAX);
	p->archs = calloc(names->len + 1, sizeof(*p->archs));
	if (!p->archs)
		return error_oom(err);
	/* Always, as libseccomp and runc do: without it nothing could run at all. */
	p->archs[p->archs_len++] = seccomp_arch_native();
	for (size_t i = 0; i < names->len; i++) {
		const char *name = names->items[i];
		char word[32] = "";
		uint32_t arch = 0;
		bool known = false;

		if (strncmp(name, ARCH_PREFIX, sizeof(ARCH_PREFIX) - 1) == 0 &&
		    strlen(name) - (sizeof(ARCH_PREFIX) - 1) < sizeof(word)) {
			const char *bare = name + sizeof(ARCH_PREFIX) - 1;

			for (size_t k = 0; bare[k]; k++)
				word[k] = islower((unsigned char)bare[k])
						  ? '?'
						  : (char)tolower((unsigned char)bare[k]);
			arch = strcmp(word, "native") ? seccomp_arch_resolve_name(word) : 0;
		}
		if (arch == 0)
			return error_set(err, EINVAL,
					 "linux.seccomp.architectures[%zu]: unknown "
					 "architecture \"%s\"",
					 i, name);
		for (size_t k = 0; k < p->archs_len; k++)
			known = known || p->archs[k] == arch;
		if (!known)
			p->archs[p->archs_len++] = arch;
	}
	return 0;
}

static int parse_flags(const struct oci_seccomp *oci, struct seccomp_profile *p, struct error *err)
{
	for (size_t i = 0; i < oci->flags.len; i++) {
		size_t k = 0;

		while (k < ARRAY_SIZE(flag_words) &&
		       strcmp(flag_words[k].name, oci->flags.items[i]) != 0)
			k++;
		if (k == ARRAY_SIZE(flag_words))
			return error_set(err, EINVAL,
					 "linux.seccomp.flags[%zu]: unknown flag \"%s\"", i,
					 oci->flags.items[i]);
		p->flags |= flag_words[k].value;
	}
	if (p->notify) {
		p->flags |= FLAG_NEW_LISTENER;
		/* seccomp(2): the two share the return value otherwise. */
		if (p->flags & FLAG_TSYNC)
			p->flags |= FLAG_TSYNC_ESRCH;
	} else if (p->flags & FLAG_WAIT_KILLABLE_RECV) {
		return error_set(err, EINVAL,
				 "linux.seccomp.flags: SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV "
				 "needs a rule with SCMP_ACT_NOTIFY");
	}
	return 0;
}

static int check_args(const struct oci_seccomp_syscall *rule, size_t i, struct error *err)
{
	for (size_t k = 0; k < rule->args_len; k++) {
		const struct oci_seccomp_arg *arg = &rule->args[k];
		int op = seccomp_operator(arg->op);

		if (arg->index > 5)
			return error_set(err, EINVAL,
					 "linux.seccomp.syscalls[%zu].args[%zu].index: %u "
					 "is above 5",
					 i, k, arg->index);
		if (op < 0)
			return error_set(err, EINVAL,
					 "linux.seccomp.syscalls[%zu].args[%zu].op: "
					 "unknown operator \"%s\"",
					 i, k, arg->op ? arg->op : "");
		if (op != SCMP_CMP_MASKED_EQ && arg->value_two != 0)
			return error_set(err, EINVAL,
					 "linux.seccomp.syscalls[%zu].args[%zu].valueTwo: "
					 "only SCMP_CMP_MASKED_EQ has one",
					 i, k);
	}
	return 0;
}

static int parse_rule(const struct oci_seccomp *oci, size_t i, struct seccomp_profile *p,
		      struct error *err)
{
	const struct oci_seccomp_syscall *rule = &oci->syscalls[i];
	const char *why = NULL;
	int r = parse_action(rule->action, &rule->errno_ret, &p->actions[i], &why);

	if (r == -ERANGE)
		return error_set(err, EINVAL, "linux.seccomp.syscalls[%zu].errnoRet: %s (%s)", i,
				 why, rule->action);
	if (r < 0)
		return error_set(err, EINVAL,
				 "linux.seccomp.syscalls[%zu].action: unknown action \"%s\"", i,
				 rule->action ? rule->action : "");
	if (rule->names.len == 0)
		return error_set(err, EINVAL,
				 "linux.seccomp.syscalls[%zu].names: must name at least one", i);
	for (size_t k = 0; k < rule->names.len; k++) {
		if (!*rule->names.items[k])
			return error_set(err, EINVAL,
					 "linux.seccomp.syscalls[%zu].names[%zu]: empty", i, k);
		if (p->actions[i] == SCMP_ACT_NOTIFY && strcmp(rule->names.items[k], "write") == 0)
			return error_set(
				err, EINVAL,
				"linux.seccomp.syscalls[%zu].names[%zu]: write "
				"cannot have SCMP_ACT_NOTIFY: the listener is announced by it",
				i, k);
	}
	if (p->actions[i] == SCMP_ACT_NOTIFY) {
		p->notify = true;
		if (!oci->listener_path || !*oci->listener_path)
			return error_set(err, EINVAL,
					 "linux.seccomp.syscalls[%zu].action: "
					 "SCMP_ACT_NOTIFY needs linux.seccomp.listenerPath",
					 i);
	}
	return check_args(rule, i, err);
}

int seccomp_profile_parse(const struct oci_seccomp *oci, struct seccomp_profile *ret,
			  struct error *err)
{
	_cleanup_(seccomp_profile_done) struct seccomp_profile p = { .oci = oci };
	int r;

	if (oci->syscalls_len > SYSCALLS_MAX)
		return error_set(err, E2BIG, "linux.seccomp.syscalls: more than %d", SYSCALLS_MAX);
	if (oci->listener_metadata && *oci->listener_metadata &&
	    !(oci->listener_path && *oci->listener_path))
		return error_set(err, EINVAL,
				 "linux.seccomp.listenerMetadata: there is no listenerPath");
	p.actions = calloc(oci->syscalls_len + 1, sizeof(*p.actions));
	if (!p.actions)
		return error_oom(err);
	r = parse_default(oci, &p.default_action, err);
	if (r < 0)
		return r;
	r = parse_archs(oci, &p, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < oci->syscalls_len; i++) {
		r = parse_rule(oci, i, &p, err);
		if (r < 0)
			return r;
	}
	r = parse_flags(oci, &p, err);
	if (r < 0)
		return r;
	*ret = p;
	p = (struct seccomp_profile){ 0 };
	return 0;
}

void seccomp_profile_done(struct seccomp_profile *profile)
{
	free(profile->archs);
	free(profile->actions);
	*profile = (struct seccomp_profile){ 0 };
}

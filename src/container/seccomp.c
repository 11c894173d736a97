/* SPDX-License-Identifier: Apache-2.0 */
#include "container/seccomp.h"

#include <linux/seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "container/seccomp_cache.h"
#include "container/seccomp_program.h"

/* libseccomp's binary tree pays from about here, and is broken in 2.5.4 for no rules at all. */
#define TREE_FROM 32
#define ARGS_MAX 6

static void release_context(scmp_filter_ctx *ctx)
{
	if (*ctx)
		seccomp_release(*ctx);
}

static void program_done(struct seccomp_program *program)
{
	free(program->insns);
	program->insns = NULL;
}

static struct scmp_arg_cmp condition(const struct oci_seccomp_arg *arg)
{
	int op = seccomp_operator(arg->op);

	/* The library has the mask first, as the spec's `value`, then what is left of it. */
	return (struct scmp_arg_cmp){
		.arg = arg->index,
		.op = (enum scmp_compare)op,
		.datum_a = arg->value,
		.datum_b = op == SCMP_CMP_MASKED_EQ ? arg->value_two : 0,
	};
}

/* Adds one rule of one system call. */
static int add_rule(scmp_filter_ctx ctx, uint32_t action, int nr,
		    const struct oci_seccomp_syscall *rule)
{
	struct scmp_arg_cmp all[ARGS_MAX];
	unsigned int seen = 0;
	bool repeated = false;
	int r = 0;

	for (size_t i = 0; i < rule->args_len; i++) {
		repeated = repeated || (seen & (1U << rule->args[i].index));
		seen |= 1U << rule->args[i].index;
	}
	if (!repeated) {
		for (size_t i = 0; i < rule->args_len; i++)
			all[i] = condition(&rule->args[i]);
		return seccomp_rule_add_array(ctx, action, nr, (unsigned int)rule->args_len, all);
	}
	/* libseccomp takes one condition an argument. Where a profile has more on one, runc takes
	 * each for a rule of its own (any of them matches), and profiles are written to that. */
	for (size_t i = 0; r == 0 && i < rule->args_len; i++) {
		struct scmp_arg_cmp one = condition(&rule->args[i]);

		r = seccomp_rule_add_array(ctx, action, nr, 1, &one);
		if (r == -EEXIST)
			r = 0;
	}
	return r;
}

static int add_rules(scmp_filter_ctx ctx, const struct seccomp_profile *p, struct error *err)
{
	for (size_t i = 0; i < p->oci->syscalls_len; i++) {
		const struct oci_seccomp_syscall *rule = &p->oci->syscalls[i];

		/* The library refuses what says no more than the default. */
		if (p->actions[i] == p->default_action)
			continue;
		for (size_t k = 0; k < rule->names.len; k++) {
			int nr = seccomp_syscall_resolve_name(rule->names.items[k]);
			int r;

			if (nr == __NR_SCMP_ERROR)
				continue; /* of a newer kernel than the library's */
			r = add_rule(ctx, p->actions[i], nr, rule);
			if (r == -EEXIST)
				return error_set(err, EEXIST,
						 "linux.seccomp.syscalls[%zu].names[%zu]: "
						 "an earlier rule has another action for \"%s\"",
						 i, k, rule->names.items[k]);
			if (r < 0)
				return error_sys(err, -r,
						 "linux.seccomp.syscalls[%zu].names[%zu]: add a "
						 "rule for \"%s\"",
						 i, k, rule->names.items[k]);
		}
	}
	return 0;
}

static int fill_context(scmp_filter_ctx ctx, const struct seccomp_profile *p, struct error *err)
{
	int r;

	for (size_t i = 1; i < p->archs_len; i++) { /* the first is native: there already */
		r = seccomp_arch_add(ctx, p->archs[i]);
		if (r == -EDOM)
			return error_set(err, EINVAL,
					 "linux.seccomp.architectures: one of the other byte "
					 "order than this host's cannot run here");
		if (r < 0 && r != -EEXIST)
			return error_sys(err, -r,
					 "linux.seccomp.architectures: add one to the filter");
	}
	if (p->oci->syscalls_len > TREE_FROM)
		(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	return add_rules(ctx, p, err);
}

/* The compiled filter as instructions, with the ENOSYS stub in front. */
static int export_program(scmp_filter_ctx ctx, const struct seccomp_profile *p,
			  struct seccomp_program *ret, struct error *err)
{
	_cleanup_(program_done) struct seccomp_program program = { .insns = NULL };
	_cleanup_close_ int fd = memfd_create("seccomp", MFD_CLOEXEC);
	size_t stub, len, done = 0;
	struct stat st;
	char *into;
	int r;

	if (fd < 0)
		return error_sys(err, errno, "linux.seccomp: memfd_create");
	r = seccomp_export_bpf(ctx, fd);
	if (r < 0)
		return error_sys(err, -r, "linux.seccomp: compile the filter");
	if (fstat(fd, &st) < 0)
		return error_sys(err, errno, "linux.seccomp: stat the filter");
	len = (size_t)st.st_size / sizeof(*program.insns);
	program.insns = calloc(SECCOMP_STUB_MAX(p->archs_len) + len, sizeof(*program.insns));
	if (!program.insns)
		return error_oom(err);
	stub = seccomp_enosys_stub(p, program.insns);
	program.len = stub + len;
	if (program.len > BPF_MAXINSNS)
		return error_set(err, E2BIG,
				 "linux.seccomp: the filter needs %zu instructions, the kernel "
				 "takes %d",
				 program.len, BPF_MAXINSNS);
	into = (char *)(program.insns + stub);
	while (done < len * sizeof(*program.insns)) {
		ssize_t n =
			pread(fd, into + done, len * sizeof(*program.insns) - done, (off_t)done);

		if (n <= 0)
			return error_sys(err, n < 0 ? errno : EIO,
					 "linux.seccomp: read the filter");
		done += (size_t)n;
	}
	*ret = program;
	program.insns = NULL;
	return 0;
}

int seccomp_program_make(const struct seccomp_profile *profile, struct seccomp_program *ret,
			 struct error *err)
{
	_cleanup_(release_context) scmp_filter_ctx ctx = seccomp_init(profile->default_action);
	int r;

	if (!ctx)
		return error_set(err, ENOTSUP,
				 "linux.seccomp.defaultAction: this kernel does not have "
				 "%s",
				 profile->oci->default_action);
	r = fill_context(ctx, profile, err);
	if (r < 0)
		return r;
	return export_program(ctx, profile, ret, err);
}

/* The program to load: libseccomp's, made shorter to run where that can be done. */
static int compile(const struct seccomp_profile *profile, struct seccomp_program *ret,
		   struct error *err)
{
	_cleanup_(program_done) struct seccomp_program plain = { .insns = NULL };
	int r = seccomp_program_make(profile, &plain, err);

	if (r < 0)
		return r;
	if (seccomp_tree_make(profile, &plain, ret) < 0) {
		*ret = plain;
		plain.insns = NULL;
	}
	return 0;
}

int seccomp_compile(const struct oci_seccomp *oci, int cache_fd, struct seccomp_filter *ret,
		    struct error *err)
{
	_cleanup_(seccomp_profile_done) struct seccomp_profile profile = { .oci = NULL };
	_cleanup_(seccomp_key_done) struct seccomp_key key = { .data = NULL };
	struct seccomp_program program = { .insns = NULL };
	int r;

	r = seccomp_profile_parse(oci, &profile, err);
	if (r < 0)
		return r;
	/* The cache saves time and nothing else: whatever is wrong with it, there is the other way.
	 */
	if (cache_fd >= 0 && seccomp_key_make(oci, &key) < 0)
		cache_fd = -1;
	if (cache_fd < 0 || seccomp_cache_load(cache_fd, &key, &program) < 0) {
		r = compile(&profile, &program, err);
		if (r < 0)
			return r;
		if (cache_fd >= 0)
			(void)seccomp_cache_store(cache_fd, &key, &program);
	}
	*ret = (struct seccomp_filter){
		.insns = program.insns,
		.len = (unsigned short)program.len,
		.flags = profile.flags,
		.notify = profile.notify,
	};
	return 0;
}

int seccomp_install(const struct seccomp_filter *filter, int *ret_listener, struct error *err)
{
	struct sock_fprog program = { .len = filter->len, .filter = filter->insns };
	long r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, filter->flags, &program);

	if (r < 0 && errno == EACCES)
		return error_set(err, EACCES,
				 "linux.seccomp: loading a filter needs "
				 "process.noNewPrivileges or CAP_SYS_ADMIN");
	if (r < 0 && errno == EINVAL && filter->flags)
		return error_set(err, EINVAL,
				 "linux.seccomp.flags: this kernel does not know one of them "
				 "(0x%x)",
				 filter->flags);
	if (r < 0 && errno == EBUSY)
		return error_set(err, EBUSY,
				 "linux.seccomp: a filter with SCMP_ACT_NOTIFY is in force "
				 "already: the kernel allows one");
	if (r < 0)
		return error_sys(err, errno, "linux.seccomp: load the filter");
	*ret_listener = filter->notify ? (int)r : -1;
	return 0;
}

void seccomp_filter_done(struct seccomp_filter *filter)
{
	free(filter->insns);
	*filter = (struct seccomp_filter){ 0 };
}

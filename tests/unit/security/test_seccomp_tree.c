/* SPDX-License-Identifier: Apache-2.0 */
/* The rewritten filter is run beside libseccomp's, over all that could tell them apart. */
#include "child.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdbool.h>

#include "container/seccomp_program.h"

/* The kernel's classic BPF, as far as filters of libseccomp go; counts steps. */
static uint32_t run(const struct seccomp_program *p, const struct seccomp_data *data, size_t *steps)
{
	uint32_t a = 0;

	for (size_t pc = 0; pc < p->len; pc++) {
		const struct sock_filter *i = &p->insns[pc];

		++*steps;
		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			assert_true(i->k + sizeof(a) <= sizeof(*data));
			memcpy(&a, (const unsigned char *)data + i->k, sizeof(a));
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= i->k;
			break;
		case BPF_JMP | BPF_JA:
			pc += i->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			pc += a == i->k ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			pc += a > i->k ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			pc += a >= i->k ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			pc += a & i->k ? i->jt : i->jf;
			break;
		case BPF_RET | BPF_K:
			return i->k;
		default:
			fail_msg("instruction %x", i->code);
		}
	}
	fail_msg("ran off the end");
	return 0;
}

struct programs {
	struct seccomp_profile profile;
	struct seccomp_program plain, tree;
};

static void make(const struct oci_seccomp *oci, struct programs *ret)
{
	struct error err = ERROR_INIT;

	*ret = (struct programs){ 0 };
	assert_int_equal(seccomp_profile_parse(oci, &ret->profile, &err), 0);
	assert_int_equal(seccomp_program_make(&ret->profile, &ret->plain, &err), 0);
	assert_int_equal(seccomp_tree_make(&ret->profile, &ret->plain, &ret->tree), 0);
}

static void done(struct programs *p)
{
	seccomp_profile_done(&p->profile);
	free(p->plain.insns);
	free(p->tree.insns);
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Values at which a filter may change its mind: its own constants, and their neighbours. */
static uint64_t interesting(const struct seccomp_program *p, uint64_t *state)
{
	uint64_t r = next_random(state), low = p->insns[r % p->len].k + (r >> 32) % 3 - 1;

	switch ((r >> 16) % 4) {
	case 0:
		return low & UINT32_MAX;
	case 1:
		return low << 32 | (p->insns[(r >> 24) % p->len].k);
	case 2:
		return (r >> 40) % 8;
	default:
		return (uint64_t)p->insns[(r >> 20) % p->len].k << 32;
	}
}

static void agree(const struct programs *p, uint32_t arch, uint32_t nr, uint64_t *state)
{
	size_t steps = 0;

	for (int round = 0; round < 4; round++) {
		struct seccomp_data data = { .nr = (int)nr, .arch = arch };

		for (int i = 0; i < 6; i++)
			data.args[i] = round ? interesting(&p->plain, state) : 0;
		if (run(&p->plain, &data, &steps) != run(&p->tree, &data, &steps))
			fail_msg("arch %x nr %u args %llx %llx %llx", arch, nr,
				 (unsigned long long)data.args[0], (unsigned long long)data.args[1],
				 (unsigned long long)data.args[2]);
	}
}

static void agree_everywhere(const struct programs *p)
{
	static const uint32_t archs[] = { AUDIT_ARCH_X86_64, AUDIT_ARCH_I386,    AUDIT_ARCH_AARCH64,
					  AUDIT_ARCH_ARM,    AUDIT_ARCH_RISCV64, 0,
					  UINT32_MAX };
	uint64_t state = 88172645463325252;

	for (size_t i = 0; i < ARRAY_SIZE(archs); i++) {
		for (uint32_t nr = 0; nr < 600; nr++) {
			agree(p, archs[i], nr, &state);
			agree(p, archs[i], nr | 0x40000000, &state);
			agree(p, archs[i], nr | 0x80000000, &state);
			agree(p, archs[i], UINT32_MAX - nr, &state);
		}
		for (size_t k = 0; k < p->plain.len; k++)
			for (uint32_t d = 0; d < 3; d++)
				agree(p, archs[i], p->plain.insns[k].k + d - 1, &state);
		for (int k = 0; k < 200; k++)
			agree(p, archs[i], (uint32_t)next_random(&state), &state);
	}
}

#define RULES 400
static char names[RULES][64];
static char *name_lists[RULES][2];
static struct oci_seccomp_syscall rules[RULES];
static struct oci_seccomp_arg args[RULES][4];

static const char *const operators[] = { "SCMP_CMP_NE",       "SCMP_CMP_LT", "SCMP_CMP_LE",
					 "SCMP_CMP_EQ",       "SCMP_CMP_GE", "SCMP_CMP_GT",
					 "SCMP_CMP_MASKED_EQ" };

/* A profile of the size of Docker's; one rule in `conditional` looks at arguments. */
static size_t make_rules(uint64_t seed, unsigned conditional, bool many_actions)
{
	static const char *const actions[] = { "SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRAP",
					       "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRACE" };
	uint64_t state = seed;
	size_t n = 0;

	for (int nr = 0; nr < 460 && n < RULES; nr++) {
		char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, nr);
		uint64_t r = next_random(&state);
		size_t n_args = conditional && r % conditional == 0 ? 1 + (r >> 8) % 3 : 0;

		if (!name || (r >> 40) % 5 == 0 || strlen(name) >= sizeof(names[n])) {
			free(name);
			continue;
		}
		strcpy(names[n], name);
		free(name);
		name_lists[n][0] = names[n];
		rules[n] = (struct oci_seccomp_syscall){
			.names = { .items = name_lists[n], .len = 1 },
			.action = (char *)(uintptr_t)actions[many_actions ? (r >> 32) % 5 : 0],
			.args = args[n],
			.args_len = n_args,
		};
		for (size_t k = 0; k < n_args; k++) {
			const char *op = operators[(r >> (12 + 4 * k)) % ARRAY_SIZE(operators)];

			args[n][k] = (struct oci_seccomp_arg){
				.index = (uint32_t)((r >> 50) + k) % 6,
				.value = next_random(&state) >> ((r >> 20) % 64),
				.op = (char *)(uintptr_t)op,
			};
			if (strcmp(op, "SCMP_CMP_MASKED_EQ") == 0)
				args[n][k].value_two = args[n][k].value & next_random(&state);
		}
		n++;
	}
	return n;
}

static void profiles_keep_their_meaning(void **state)
{
	static const struct {
		const char *action;
		unsigned conditional;
		bool many_actions;
	} kinds[] = {
		{ "SCMP_ACT_ERRNO", 0, false },
		{ "SCMP_ACT_ERRNO", 40, false },
		{ "SCMP_ACT_ERRNO", 6, true },
		{ "SCMP_ACT_KILL_PROCESS", 10, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct oci_seccomp oci = { .default_action = (char *)(uintptr_t)kinds[i].action,
					   .syscalls = rules };
		struct programs p;

		oci.syscalls_len =
			make_rules(1234567 + i, kinds[i].conditional, kinds[i].many_actions);
		make(&oci, &p);
		agree_everywhere(&p);
		done(&p);
#ifdef __x86_64__
		oci.architectures = STRV("SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32");
		if (kinds[i].conditional == 0 || kinds[i].conditional > 9) { /* else above 4096 */
			make(&oci, &p);
			agree_everywhere(&p);
			done(&p);
		}
#endif
	}
}

static void small_profiles_keep_their_meaning(void **state)
{
	struct oci_seccomp_arg arg = { .index = 1,
				       .value = UINT64_C(0x100000005),
				       .op = "SCMP_CMP_GE" };
	struct oci_seccomp_syscall one = {
		.names = STRV("read"), .action = "SCMP_ACT_ERRNO", .args = &arg, .args_len = 1
	};
	struct oci_seccomp oci = { .default_action = "SCMP_ACT_ALLOW" };
	struct programs p;

	(void)state;
	make(&oci, &p); /* no rule at all */
	agree_everywhere(&p);
	done(&p);
	oci.syscalls = &one;
	oci.syscalls_len = 1;
	make(&oci, &p);
	agree_everywhere(&p);
	done(&p);
}

/* A rule whose conditions are too long to keep: the call goes through the whole filter. */
static void a_long_condition_goes_the_old_way(void **state)
{
	static struct oci_seccomp_syscall many[60];
	static struct oci_seccomp_arg values[60];
	char *ioctl_only[] = { "ioctl", NULL };
	struct oci_seccomp oci = { .default_action = "SCMP_ACT_ERRNO",
				   .syscalls = many,
				   .syscalls_len = 60 };
	struct programs p;

	(void)state;
	for (size_t i = 0; i < 60; i++) {
		values[i] = (struct oci_seccomp_arg){ .index = (uint32_t)(i % 6),
						      .value = i * 7919 << (i % 33),
						      .op = "SCMP_CMP_EQ" };
		many[i] = (struct oci_seccomp_syscall){ .names = { .items = ioctl_only, .len = 1 },
							.action = "SCMP_ACT_ALLOW",
							.args = &values[i],
							.args_len = 1 };
	}
	make(&oci, &p);
	assert_true(p.tree.len > p.plain.len);
	agree_everywhere(&p);
	done(&p);
}

/* More conditions than fit into a program twice: it stays as it was. */
static void a_filter_too_large_stays_as_it_was(void **state)
{
	struct oci_seccomp oci = { .default_action = "SCMP_ACT_KILL_THREAD", .syscalls = rules };
	struct seccomp_program tree = { 0 };
	struct seccomp_profile profile;
	struct seccomp_program plain;
	struct error err = ERROR_INIT;

	(void)state;
	oci.syscalls_len = make_rules(1234571, 2, true);
	assert_int_equal(seccomp_profile_parse(&oci, &profile, &err), 0);
	assert_int_equal(seccomp_program_make(&profile, &plain, &err), 0);
	assert_int_equal(seccomp_tree_make(&profile, &plain, &tree), -E2BIG);
	assert_null(tree.insns);
	free(plain.insns);
	seccomp_profile_done(&profile);
}

/* What it is for: few steps for each number, and a program that is not longer. */
static void the_tree_is_shallow(void **state)
{
	struct oci_seccomp oci = { .default_action = "SCMP_ACT_ERRNO", .syscalls = rules };
	size_t before = 0, after = 0;
	struct programs p;

	(void)state;
	oci.syscalls_len = make_rules(42, 40, false);
	make(&oci, &p);
	for (int nr = 0; nr < 460; nr++) {
		struct seccomp_data data = { .nr = nr, .arch = seccomp_arch_native() };

		(void)run(&p.plain, &data, &before);
		(void)run(&p.tree, &data, &after);
	}
	assert_true(after < before);
	assert_true(after / 460 < 14);
	assert_true(p.tree.len <= p.plain.len);
	done(&p);
}

static void what_is_not_understood_is_left_alone(void **state)
{
	struct sock_filter unknown[] = {
		{ .code = BPF_LD | BPF_W | BPF_ABS, .k = 0 },
		{ .code = BPF_ALU | BPF_RSH | BPF_K, .k = 1 },
		{ .code = BPF_RET | BPF_K, .k = SECCOMP_RET_ALLOW },
	};
	struct sock_filter masked[] = {
		{ .code = BPF_LD | BPF_W | BPF_ABS, .k = 0 },
		{ .code = BPF_JMP | BPF_JSET | BPF_K, .k = 3, .jt = 0, .jf = 1 },
		{ .code = BPF_RET | BPF_K, .k = SECCOMP_RET_ALLOW },
		{ .code = BPF_RET | BPF_K, .k = SECCOMP_RET_KILL_PROCESS },
	};
	struct sock_filter ranged[] = {
		/* an order of architectures */
		{ .code = BPF_LD | BPF_W | BPF_ABS, .k = 4 },
		{ .code = BPF_JMP | BPF_JGT | BPF_K, .k = 3, .jt = 0, .jf = 1 },
		{ .code = BPF_RET | BPF_K, .k = SECCOMP_RET_ALLOW },
		{ .code = BPF_RET | BPF_K, .k = SECCOMP_RET_KILL_PROCESS },
	};
	const struct seccomp_program programs[] = {
		{ unknown, 3 }, { masked, 4 },  { ranged, 4 },
		{ unknown, 1 }, { unknown, 0 }, { unknown + 2, 1 },
	};
	struct oci_seccomp oci = { .default_action = "SCMP_ACT_ALLOW" };
	struct seccomp_program tree = { 0 };
	struct error err = ERROR_INIT;
	struct seccomp_profile profile;

	(void)state;
	assert_int_equal(seccomp_profile_parse(&oci, &profile, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		assert_int_equal(seccomp_tree_make(&profile, &programs[i], &tree), -ENOTSUP);
		assert_null(tree.insns);
	}
	seccomp_profile_done(&profile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(profiles_keep_their_meaning),
		cmocka_unit_test(small_profiles_keep_their_meaning),
		cmocka_unit_test(a_long_condition_goes_the_old_way),
		cmocka_unit_test(a_filter_too_large_stays_as_it_was),
		cmocka_unit_test(the_tree_is_shallow),
		cmocka_unit_test(what_is_not_understood_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

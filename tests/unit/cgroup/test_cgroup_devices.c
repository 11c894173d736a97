/* SPDX-License-Identifier: Apache-2.0 */
/* Device rules: what v1 is told, and what the eBPF program of v2 decides (run here by a small
 * interpreter of the few instructions it uses). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "container/cgroup/devices.h"

#define RULE(a, t, ma, mi, acc)                                                                    \
	{                                                                                          \
		.allow = a, .type = (char *)t, .major = { ma >= 0, ma }, .minor = { mi >= 0, mi }, \
		.access = (char *)acc                                                              \
	}
#define RULES(list) (&(struct oci_device_rules){ list, ARRAY_SIZE(list) })

static bool run(const struct bpf_insn *insns, size_t len, const struct bpf_cgroup_dev_ctx *ctx)
{
	uint64_t reg[11] = { 0 };

	for (size_t pc = 0; pc < len; pc++) {
		const struct bpf_insn *i = &insns[pc];
		uint64_t *dst = &reg[i->dst_reg];
		uint64_t value = (i->code & BPF_X) ? reg[i->src_reg] : (uint64_t)(int64_t)i->imm;

		switch (i->code) {
		case BPF_LDX | BPF_W | BPF_MEM:
			assert_true((size_t)i->off + 4 <= sizeof(*ctx));
			*dst = *(const uint32_t *)((const char *)ctx + i->off);
			break;
		case BPF_ALU64 | BPF_MOV | BPF_K:
		case BPF_ALU64 | BPF_MOV | BPF_X:
			*dst = value;
			break;
		case BPF_ALU64 | BPF_AND | BPF_K:
			*dst &= value;
			break;
		case BPF_ALU64 | BPF_RSH | BPF_K:
			*dst >>= value;
			break;
		case BPF_JMP | BPF_JNE | BPF_K:
			pc += *dst != value ? (size_t)i->off : 0;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			pc += *dst == value ? (size_t)i->off : 0;
			break;
		case BPF_JMP | BPF_EXIT:
			return reg[0] != 0;
		default:
			fail_msg("instruction %#x", i->code);
		}
	}
	fail_msg("ran off the end");
	return false;
}

static bool allowed(const struct oci_device_rules *rules, char type, uint32_t major, uint32_t minor,
		    unsigned access)
{
	struct bpf_cgroup_dev_ctx ctx = {
		.access_type =
			(access << 16) | (type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR),
		.major = major,
		.minor = minor,
	};
	_cleanup_device_list_ struct device_list list = { 0 };
	_cleanup_error_ struct error err = ERROR_INIT;
	struct bpf_insn *insns = NULL;
	size_t len = 0;
	bool result;

	assert_int_equal(device_list_build(rules, &list, &err), 0);
	assert_int_equal(device_list_compile(&list, &insns, &len), 0);
	result = run(insns, len, &ctx);
	free(insns);
	return result;
}

static void program_grants_the_usual_devices(void **state)
{
	struct oci_device_rule deny[] = { RULE(false, "a", -1, -1, "rwm") };

	(void)state;
	assert_true(allowed(RULES(deny), 'c', 1, 3, DEVICE_ALL));
	assert_true(allowed(RULES(deny), 'c', 136, 77, DEVICE_READ | DEVICE_WRITE));
	assert_true(allowed(RULES(deny), 'b', 8, 0, DEVICE_MKNOD));
	assert_false(allowed(RULES(deny), 'b', 8, 0, DEVICE_READ));
	assert_false(allowed(RULES(deny), 'c', 1, 1, DEVICE_READ));
	assert_false(allowed(RULES(deny), 'c', 1, 1, DEVICE_READ | DEVICE_MKNOD));
}

static void program_lets_the_last_rule_decide(void **state)
{
	struct oci_device_rule rules[] = {
		RULE(false, "a", -1, -1, "rwm"), RULE(true, "c", 10, -1, "rw"),
		RULE(false, "c", 10, 200, "w"),  RULE(true, "b", 7, 1, "r"),
		RULE(true, "b", 7, -1, "w"),
	};

	(void)state;
	assert_true(allowed(RULES(rules), 'c', 10, 1, DEVICE_READ | DEVICE_WRITE));
	assert_true(allowed(RULES(rules), 'c', 10, 200, DEVICE_READ));
	assert_false(allowed(RULES(rules), 'c', 10, 200, DEVICE_READ | DEVICE_WRITE));
	/* Each asked right may come from another rule. */
	assert_true(allowed(RULES(rules), 'b', 7, 1, DEVICE_READ | DEVICE_WRITE));
	assert_false(allowed(RULES(rules), 'b', 7, 2, DEVICE_READ | DEVICE_WRITE));
}

static void program_allows_all_when_told(void **state)
{
	struct oci_device_rule all[] = { RULE(false, "a", -1, -1, "rwm"),
					 RULE(true, NULL, -1, -1, NULL) };
	struct oci_device_rule but[] = { RULE(true, "a", -1, -1, "rwm"),
					 RULE(false, "b", 8, -1, "w") };

	(void)state;
	assert_true(device_rules_allow_all(RULES(all)));
	assert_true(allowed(RULES(all), 'b', 8, 0, DEVICE_ALL));
	assert_false(device_rules_allow_all(RULES(but)));
	assert_true(allowed(RULES(but), 'b', 8, 0, DEVICE_READ));
	assert_false(allowed(RULES(but), 'b', 8, 0, DEVICE_WRITE));
	assert_true(allowed(RULES(but), 'b', 9, 0, DEVICE_WRITE));
}

static bool policy_has(const struct device_policy *p, const char *text)
{
	char buf[DEVICE_TEXT_MAX];

	for (size_t i = 0; i < p->exceptions.len; i++)
		if (strcmp(device_rule_text(&p->exceptions.items[i], buf), text) == 0)
			return true;
	return false;
}

static void policy_merges_and_takes_back(void **state)
{
	struct oci_device_rule rules[] = {
		RULE(false, "a", -1, -1, "rwm"), RULE(true, "c", 10, 200, "r"),
		RULE(true, "c", 10, 200, "w"),   RULE(true, "c", 4, 64, "rw"),
		RULE(false, "c", 4, -1, "rwm"),
	};
	_cleanup_error_ struct error err = ERROR_INIT;
	struct device_policy p = { 0 };

	(void)state;
	assert_int_equal(device_policy_build(RULES(rules), &p, &err), 0);
	assert_false(p.allow);
	assert_true(policy_has(&p, "c 10:200 rw"));
	assert_false(policy_has(&p, "c 4:64 rw"));
	assert_true(policy_has(&p, "c 1:3 rwm"));
	assert_true(policy_has(&p, "c *:* m"));
	device_list_done(&p.exceptions);
}

/* v1 drops such a rule without a word, which would leave the device open. */
static void policy_refuses_a_hole(void **state)
{
	struct oci_device_rule rules[] = { RULE(true, "c", 10, -1, "rw"),
					   RULE(false, "c", 10, 200, "rw") };
	_cleanup_error_ struct error err = ERROR_INIT;
	struct device_policy p = { 0 };

	(void)state;
	assert_int_equal(device_policy_build(RULES(rules), &p, &err), -EOPNOTSUPP);
	assert_non_null(strstr(error_text(&err), "linux.resources.devices[1]"));
}

static void refuses_bad_rules_by_path(void **state)
{
	struct oci_device_rule type[] = { RULE(true, "x", 1, 1, "r") };
	struct oci_device_rule access[] = { RULE(true, "c", 1, 1, "rq") };
	struct oci_device_rule number[] = { RULE(true, "c", 1 << 12, 1, "r") };
	const struct {
		const struct oci_device_rules rules;
		const char *text;
	} cases[] = { { { type, 1 }, "linux.resources.devices[0].type" },
		      { { access, 1 }, "linux.resources.devices[0].access" },
		      { { number, 1 }, "linux.resources.devices[0]" } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		struct device_list list = { 0 };

		assert_true(device_list_build(&cases[i].rules, &list, &err) < 0);
		assert_non_null(strstr(error_text(&err), cases[i].text));
		assert_false(device_rules_allow_all(&cases[i].rules));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(program_grants_the_usual_devices),
		cmocka_unit_test(program_lets_the_last_rule_decide),
		cmocka_unit_test(program_allows_all_when_told),
		cmocka_unit_test(policy_merges_and_takes_back),
		cmocka_unit_test(policy_refuses_a_hole),
		cmocka_unit_test(refuses_bad_rules_by_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

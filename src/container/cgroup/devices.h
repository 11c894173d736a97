/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Device access as the spec gives it: an ordered list, the last matching rule decides, and nothing
 * is allowed that no rule allows. The devices every container needs (runtime-spec "Default
 * Devices") and making nodes without opening them are allowed after all other rules.
 */
#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "oci/spec.h"

enum device_access { DEVICE_MKNOD = 1, DEVICE_READ = 2, DEVICE_WRITE = 4, DEVICE_ALL = 7 };

struct device_rule {
	bool allow;
	char type;            /* 'a', 'b', 'c' */
	int64_t major, minor; /* -1: any */
	unsigned access;      /* of enum device_access */
};

struct device_list {
	struct device_rule *items; /* owned */
	size_t len;
};

/* Whether nothing is restricted: no rules, or in the end everything is allowed. */
bool device_rules_allow_all(const struct oci_device_rules *rules);

/* The ordered list with the defaults at its end. */
int device_list_build(const struct oci_device_rules *rules, struct device_list *ret,
		      struct error *err);
void device_list_done(struct device_list *list);

/* What cgroup v1 can hold: a default, and exceptions to it that do not overlap with each other's
 * opposite. Refuses, by JSON path, a rule that cuts a hole into a wider one: the kernel would drop
 * it in silence. */
struct device_policy {
	bool allow; /* what is not listed */
	struct device_list exceptions;
};
int device_policy_build(const struct oci_device_rules *rules, struct device_policy *ret,
			struct error *err);

/* "c 1:3 rwm" */
#define DEVICE_TEXT_MAX 64
const char *device_rule_text(const struct device_rule *rule, char *buf);

/* The eBPF program (BPF_PROG_TYPE_CGROUP_DEVICE) for the list: caller frees *ret. 0 or -ENOMEM,
 * -E2BIG. */
int device_list_compile(const struct device_list *list, struct bpf_insn **ret, size_t *ret_len);

#define _cleanup_device_list_ _cleanup_(device_list_done)

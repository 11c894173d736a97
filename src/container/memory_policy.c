/* SPDX-License-Identifier: Apache-2.0 */
/* NUMA memory policy: linux.memoryPolicy. */
#include <linux/mempolicy.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/id_list.h"
#include "container/sched.h"

#define NODE_MAX 1023 /* the kernel's largest MAX_NUMNODES is 1024 */
#define NODE_WORDS ID_LIST_WORDS(NODE_MAX + 1)

enum nodes { NODES_NONE, NODES_ANY, NODES_NEEDED };

/* By number, since linux/mempolicy.h of 6.1 lacks the last. */
static const struct mode {
	const char *name;
	int value;
	enum nodes nodes;
} modes[] = {
	{ "MPOL_DEFAULT", 0, NODES_NONE },
	{ "MPOL_PREFERRED", 1, NODES_ANY },
	{ "MPOL_BIND", 2, NODES_NEEDED },
	{ "MPOL_INTERLEAVE", 3, NODES_NEEDED },
	{ "MPOL_LOCAL", 4, NODES_NONE },
	{ "MPOL_PREFERRED_MANY", 5, NODES_NEEDED },
	{ "MPOL_WEIGHTED_INTERLEAVE", 6, NODES_NEEDED },
};

static const struct {
	const char *name;
	int value;
} mode_flags[] = {
	{ "MPOL_F_NUMA_BALANCING", 1 << 13 },
	{ "MPOL_F_RELATIVE_NODES", 1 << 14 },
	{ "MPOL_F_STATIC_NODES", 1 << 15 },
};
#define F_BALANCING (1 << 13)
#define F_NODES (1 << 14 | 1 << 15)

struct policy {
	int mode; /* with flags */
	int nodes_len;
	unsigned long nodes[NODE_WORDS];
};

static int parse_flags(const struct strv *flags, const char *where, int *ret, struct error *err)
{
	for (size_t i = 0; i < flags->len; i++) {
		size_t k = 0;

		while (k < ARRAY_SIZE(mode_flags) &&
		       strcmp(mode_flags[k].name, flags->items[i]) != 0)
			k++;
		if (k == ARRAY_SIZE(mode_flags))
			return error_set(err, EINVAL, "%s.flags[%zu]: unknown flag \"%s\"", where,
					 i, flags->items[i]);
		*ret |= mode_flags[k].value;
	}
	return 0;
}

static int parse_nodes(const struct oci_memory_policy *p, enum nodes need, const char *where,
		       struct policy *ret, struct error *err)
{
	const bool given = p->nodes && *p->nodes;

	if (need == NODES_NONE && given)
		return error_set(err, EINVAL, "%s.nodes: %s takes none", where, p->mode);
	if (need == NODES_NEEDED && !given)
		return error_set(err, EINVAL, "%s.nodes: %s needs at least one", where, p->mode);
	if (!given)
		return 0;
	ret->nodes_len = id_list_parse(p->nodes, ret->nodes, NODE_MAX);
	if (ret->nodes_len == -ERANGE)
		return error_set(err, EINVAL,
				 "%s.nodes: \"%s\" has a node above %d, or a range that "
				 "runs backwards",
				 where, p->nodes, NODE_MAX);
	if (ret->nodes_len < 0)
		return error_set(err, EINVAL,
				 "%s.nodes: \"%s\" is not a list of nodes such as "
				 "\"0-3,7\"",
				 where, p->nodes);
	return 0;
}

static int parse(const struct oci_memory_policy *p, const char *where, struct policy *ret,
		 struct error *err)
{
	const struct mode *mode = NULL;
	int flags = 0, r;

	*ret = (struct policy){ 0 };
	for (size_t i = 0; p->mode && i < ARRAY_SIZE(modes); i++)
		if (strcmp(modes[i].name, p->mode) == 0)
			mode = &modes[i];
	if (!mode)
		return error_set(err, EINVAL, "%s.mode: unknown mode \"%s\"", where,
				 p->mode ? p->mode : "");
	r = parse_flags(&p->flags, where, &flags, err);
	if (r < 0)
		return r;
	r = parse_nodes(p, mode->nodes, where, ret, err);
	if (r < 0)
		return r;
	/* set_mempolicy(2): the kernel overlooks some of these, and answers the others with EINVAL.
	 */
	if ((flags & F_NODES) == F_NODES)
		return error_set(err, EINVAL,
				 "%s.flags: MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES "
				 "exclude each other",
				 where);
	if (flags && ret->nodes_len == 0)
		return error_set(err, EINVAL, "%s.flags: %s without nodes takes none", where,
				 p->mode);
	if ((flags & F_BALANCING) && strcmp(p->mode, "MPOL_BIND") != 0 &&
	    strcmp(p->mode, "MPOL_PREFERRED_MANY") != 0)
		return error_set(err, EINVAL,
				 "%s.flags: MPOL_F_NUMA_BALANCING is for MPOL_BIND and "
				 "MPOL_PREFERRED_MANY",
				 where);
	ret->mode = mode->value | flags;
	return 0;
}

int memory_policy_check(const struct oci_memory_policy *p, const char *where, struct error *err)
{
	struct policy policy;

	return p ? parse(p, where, &policy, err) : 0;
}

int memory_policy_apply(const struct oci_memory_policy *p, struct error *err)
{
	struct policy policy;
	int r;

	if (!p)
		return 0;
	r = parse(p, "linux.memoryPolicy", &policy, err);
	if (r < 0)
		return r;
	/* The kernel takes one off the number of bits it is given. */
	if (syscall(SYS_set_mempolicy, policy.mode, policy.nodes_len ? policy.nodes : NULL,
		    policy.nodes_len ? NODE_MAX + 2 : 0) == 0)
		return 0;
	if (errno == ENOSYS)
		return error_set(err, ENOSYS,
				 "linux.memoryPolicy: this kernel has no NUMA policies");
	if (errno == EINVAL)
		return error_set(
			err, EINVAL,
			"linux.memoryPolicy: the kernel refuses %s: it does not "
			"know the mode or flag, or none of the nodes \"%s\" is there and allowed",
			p->mode, p->nodes ? p->nodes : "");
	return error_sys(err, errno, "linux.memoryPolicy: set %s", p->mode);
}

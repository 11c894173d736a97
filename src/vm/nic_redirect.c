/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/nic_redirect.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <stdbool.h>
#include <string.h>

#include "vm/nic_read.h"

/* By its priority a filter is known as ours. First of all: nothing is to reach the host. */
#define PRIORITY 0x4863
#define INGRESS_HANDLE TC_H_MAKE(TC_H_INGRESS, 0)
#define INGRESS_FILTERS TC_H_MAKE(TC_H_INGRESS, TC_H_MIN_INGRESS)

static struct tcmsg qdisc_header(int index)
{
	return (struct tcmsg){
		.tcm_family = AF_UNSPEC,
		.tcm_ifindex = index,
		.tcm_handle = INGRESS_HANDLE,
		.tcm_parent = TC_H_INGRESS,
	};
}

static int qdisc_add(struct netlink *nl, int index)
{
	const struct tcmsg header = qdisc_header(index);
	struct netlink_request rq;

	netlink_begin(&rq, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, &header, sizeof(header));
	netlink_put_string(&rq, TCA_KIND, "ingress");
	return netlink_transact(nl, &rq, NULL, NULL, NULL);
}

/* A clsact of others has the same handle, but is of another kind, and stays. */
static int qdisc_remove(struct netlink *nl, int index)
{
	const struct tcmsg header = qdisc_header(index);
	struct netlink_request rq;

	netlink_begin(&rq, RTM_DELQDISC, 0, &header, sizeof(header));
	netlink_put_string(&rq, TCA_KIND, "ingress");
	return netlink_transact(nl, &rq, NULL, NULL, NULL);
}

static void put_mirred(struct netlink_request *rq, uint16_t type, int to)
{
	const struct tc_mirred mirred = {
		.action = TC_ACT_STOLEN,
		.eaction = TCA_EGRESS_REDIR,
		.ifindex = (uint32_t)to,
	};
	size_t actions = netlink_nest(rq, type), action = netlink_nest(rq, 1), options;

	netlink_put_string(rq, TCA_ACT_KIND, "mirred");
	options = netlink_nest(rq, TCA_ACT_OPTIONS);
	netlink_put(rq, TCA_MIRRED_PARMS, &mirred, sizeof(mirred));
	netlink_nest_end(rq, options);
	netlink_nest_end(rq, action);
	netlink_nest_end(rq, actions);
}

static void put_matchall(struct netlink_request *rq, int to)
{
	put_mirred(rq, TCA_MATCHALL_ACT, to);
}

/* One key whose mask is nothing matches everything. */
static void put_u32(struct netlink_request *rq, int to)
{
	struct {
		struct tc_u32_sel sel;
		struct tc_u32_key key;
	} match = { .sel = { .flags = TC_U32_TERMINAL, .nkeys = 1 } };

	netlink_put(rq, TCA_U32_SEL, &match, sizeof(match));
	put_mirred(rq, TCA_U32_ACT, to);
}

/* Best first; either may be missing from a kernel. */
static const struct {
	const char *kind;
	void (*put)(struct netlink_request *rq, int to);
} classifiers[] = {
	{ "matchall", put_matchall },
	{ "u32", put_u32 },
};

static struct tcmsg filter_header(int index)
{
	return (struct tcmsg){
		.tcm_family = AF_UNSPEC,
		.tcm_ifindex = index,
		.tcm_parent = INGRESS_FILTERS,
		.tcm_info = TC_H_MAKE((uint32_t)PRIORITY << 16, htons(ETH_P_ALL)),
	};
}

static int filter_remove(struct netlink *nl, int index)
{
	const struct tcmsg header = filter_header(index);
	struct netlink_request rq;

	netlink_begin(&rq, RTM_DELTFILTER, 0, &header, sizeof(header));
	return netlink_transact(nl, &rq, NULL, NULL, NULL);
}

static int filter_add(struct netlink *nl, int from, int to, const char *kind,
		      void (*put)(struct netlink_request *rq, int to), char **ret_why)
{
	const struct tcmsg header = filter_header(from);
	struct netlink_request rq;
	size_t options;

	netlink_begin(&rq, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, &header, sizeof(header));
	netlink_put_string(&rq, TCA_KIND, kind);
	options = netlink_nest(&rq, TCA_OPTIONS);
	put(&rq, to);
	netlink_nest_end(&rq, options);
	return netlink_transact(nl, &rq, NULL, NULL, ret_why);
}

static int filter_add_any(struct netlink *nl, int from, const char *name, int to, struct error *err)
{
	int r = -ENOENT;

	for (size_t i = 0; r == -ENOENT && i < ARRAY_SIZE(classifiers); i++) {
		_cleanup_free_ char *why = NULL;

		r = filter_add(nl, from, to, classifiers[i].kind, classifiers[i].put, &why);
		if (r < 0 && r != -ENOENT)
			return error_sys(err, -r, "redirect %s by tc's %s%s%s", name,
					 classifiers[i].kind, why ? ": " : "", why ? why : "");
	}
	if (r < 0)
		return error_set(
			err, EOPNOTSUPP,
			"redirect %s: this kernel has no cls_matchall or cls_u32 with "
			"act_mirred (CONFIG_NET_CLS_MATCHALL, CONFIG_NET_ACT_MIRRED), which "
			"a network in hyperv isolation needs",
			name);
	return 0;
}

struct filters {
	bool ours, others;
};

static int read_filter(const struct netlink_message *message, void *data)
{
	struct filters *filters = data;
	struct tcmsg header;

	if (message->type != RTM_NEWTFILTER)
		return 0;
	if (message->len < sizeof(header))
		return -EBADMSG;
	memcpy(&header, message->data, sizeof(header));
	if (TC_H_MAJ(header.tcm_info) >> 16 == PRIORITY)
		filters->ours = true;
	else
		filters->others = true;
	return 0;
}

static void start(void *data)
{
	*(struct filters *)data = (struct filters){ 0 };
}

static int read_filters(struct netlink *nl, int index, struct filters *ret)
{
	const struct tcmsg header = {
		.tcm_family = AF_UNSPEC,
		.tcm_ifindex = index,
		.tcm_parent = INGRESS_FILTERS,
	};

	return nic_dump(nl, RTM_GETTFILTER, &header, sizeof(header), read_filter, start, ret);
}

int nic_redirect_remove(struct netlink *nl, int from, const char *name, struct error *err)
{
	struct filters filters = { 0 };
	int r = read_filters(nl, from, &filters);

	if (r == 0 && filters.ours)
		r = filter_remove(nl, from);
	if (r == 0 && filters.ours && !filters.others)
		(void)qdisc_remove(nl, from); /* without a filter it does nothing */
	/* The interface has gone, or this kernel has no such thing. */
	if (r < 0 && r != -ENOENT && r != -EINVAL && r != -ENODEV && r != -EOPNOTSUPP)
		return error_sys(err, -r, "take the redirect of %s away", name);
	return 0;
}

int nic_redirect(struct netlink *nl, int from, const char *name, int to, struct error *err)
{
	struct filters filters = { 0 };
	int r = qdisc_add(nl, from);

	if (r == -EEXIST) { /* of a VM that was killed, or of others */
		r = read_filters(nl, from, &filters);
		if (r == 0 && filters.others)
			return error_set(err, EBUSY,
					 "network interface %s has traffic control filters at its "
					 "ingress already, which hyperv isolation needs for itself",
					 name);
		if (r == 0 && filters.ours)
			r = filter_remove(nl, from);
	}
	if (r == -ENOENT || r == -EOPNOTSUPP)
		return error_set(
			err, EOPNOTSUPP,
			"redirect %s: this kernel has no sch_ingress "
			"(CONFIG_NET_SCH_INGRESS), which a network in hyperv isolation needs",
			name);
	if (r < 0)
		return error_sys(err, -r, "traffic control at the ingress of %s", name);
	r = filter_add_any(nl, from, name, to, err);
	if (r < 0)
		(void)qdisc_remove(nl, from);
	return r;
}

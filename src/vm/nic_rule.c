/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/nic_read.h"

#include <arpa/inet.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <string.h>

struct reading {
	json_t *rules;
	struct error *err;
};

/* The rules that every namespace begins with. */
static bool is_default(const struct fib_rule_hdr *header, const struct nlattr **table,
		       uint32_t priority, uint32_t to)
{
	static const struct {
		uint32_t priority, table;
	} defaults[] = { { 0, RT_TABLE_LOCAL },
			 { 32766, RT_TABLE_MAIN },
			 { 32767, RT_TABLE_DEFAULT } };

	if (header->action != FR_ACT_TO_TBL || header->src_len || header->dst_len || header->tos ||
	    (header->flags & FIB_RULE_INVERT) || table[FRA_IIFNAME] || table[FRA_OIFNAME] ||
	    table[FRA_FWMARK])
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(defaults); i++)
		if (defaults[i].priority == priority && defaults[i].table == to)
			return true;
	return false;
}

/* What is written as a rule of the guest; anything else that selects is refused. */
static int check(struct reading *reading, const struct fib_rule_hdr *header,
		 const struct nlattr **table, uint32_t priority)
{
	if (header->action == FR_ACT_GOTO || table[FRA_FLOW] || table[FRA_TUN_ID] ||
	    table[FRA_L3MDEV] || table[FRA_UID_RANGE] || table[FRA_IP_PROTO] ||
	    table[FRA_SPORT_RANGE] || table[FRA_DPORT_RANGE] ||
	    netlink_u32(table[FRA_SUPPRESS_IFGROUP], UINT32_MAX) != UINT32_MAX)
		return error_set(
			reading->err, EOPNOTSUPP,
			"the network's routing rule with priority %u selects in a way that "
			"hyperv isolation cannot carry over (use process isolation)",
			priority);
	return 0;
}

static int put_prefix(json_t *rule, const char *key, int family, const struct nlattr *attr,
		      unsigned length)
{
	char buf[INET6_ADDRSTRLEN], text[INET6_ADDRSTRLEN + 4];
	const char *address = nic_address_text(family, attr, buf);

	if (!address)
		return 0;
	(void)snprintf(text, sizeof(text), "%s/%u", address, length);
	return nic_put(rule, key, json_string(text));
}

static int put_number(json_t *rule, const char *key, const struct nlattr *attr)
{
	return attr ? nic_put(rule, key, json_integer(netlink_u32(attr, 0))) : 0;
}

static int put_name(json_t *rule, const char *key, const struct nlattr *attr)
{
	const char *name = netlink_string(attr);

	return name ? nic_put(rule, key, json_string(name)) : 0;
}

static int describe(const struct fib_rule_hdr *header, const struct nlattr **table,
		    uint32_t priority, uint32_t to, json_t *rule)
{
	int r = nic_put(rule, "family", json_integer(header->family == AF_INET6 ? 6 : 4));

	if (r == 0)
		r = nic_put(rule, "priority", json_integer(priority));
	if (r == 0)
		r = nic_put(rule, "action", json_integer(header->action));
	if (r == 0 && to)
		r = nic_put(rule, "table", json_integer(to));
	if (r == 0 && header->tos)
		r = nic_put(rule, "tos", json_integer(header->tos));
	if (r == 0 && (header->flags & FIB_RULE_INVERT))
		r = nic_put(rule, "invert", json_true());
	if (r == 0)
		r = put_prefix(rule, "from", header->family, table[FRA_SRC], header->src_len);
	if (r == 0)
		r = put_prefix(rule, "to", header->family, table[FRA_DST], header->dst_len);
	if (r == 0)
		r = put_name(rule, "input", table[FRA_IIFNAME]);
	if (r == 0)
		r = put_name(rule, "output", table[FRA_OIFNAME]);
	if (r == 0)
		r = put_number(rule, "mark", table[FRA_FWMARK]);
	if (r == 0)
		r = put_number(rule, "mask", table[FRA_FWMASK]);
	if (r == 0 && netlink_u32(table[FRA_SUPPRESS_PREFIXLEN], UINT32_MAX) != UINT32_MAX)
		r = put_number(rule, "suppress_prefix", table[FRA_SUPPRESS_PREFIXLEN]);
	return r;
}

static int read_rule(const struct netlink_message *message, void *data)
{
	const struct nlattr *table[FRA_DPORT_RANGE + 1];
	struct reading *reading = data;
	struct fib_rule_hdr header;
	uint32_t priority, to;
	json_t *rule;
	int r;

	if (message->type != RTM_NEWRULE)
		return 0;
	r = nic_attributes(message, sizeof(header), table, FRA_DPORT_RANGE);
	if (r < 0)
		return r;
	memcpy(&header, message->data, sizeof(header));
	priority = netlink_u32(table[FRA_PRIORITY], 0);
	to = netlink_u32(table[FRA_TABLE], header.table);
	/* Also those of multicast routing have a family of their own. */
	if ((header.family != AF_INET && header.family != AF_INET6) ||
	    is_default(&header, table, priority, to))
		return 0;
	r = check(reading, &header, table, priority);
	if (r < 0)
		return r;
	if (json_array_size(reading->rules) == NIC_RULES_MAX)
		return error_set(reading->err, E2BIG, "the network has more than %d routing rules",
				 NIC_RULES_MAX);
	rule = json_object();
	r = rule ? describe(&header, table, priority, to, rule) : -ENOMEM;
	if (r == 0 && json_array_append(reading->rules, rule) < 0)
		r = -ENOMEM;
	json_decref(rule);
	return r;
}

static void start(void *data)
{
	struct reading *reading = data;

	error_done(reading->err);
	(void)json_array_clear(reading->rules);
}

int nic_read_rules(struct netlink *nl, json_t **ret, struct error *err)
{
	_cleanup_error_ struct error found = ERROR_INIT;
	struct reading reading = { .rules = json_array(), .err = &found };
	const struct fib_rule_hdr header = { .family = AF_UNSPEC };
	int r = reading.rules ? 0 : -ENOMEM;

	if (r == 0)
		r = nic_dump(nl, RTM_GETRULE, &header, sizeof(header), read_rule, start, &reading);
	if (r == 0 || r == -EOPNOTSUPP) { /* the latter: no rules in this kernel */
		if (!found.code) {
			*ret = reading.rules;
			return 0;
		}
	}
	json_decref(reading.rules);
	if (found.code) {
		error_move(err, &found);
		return r;
	}
	return error_sys(err, -r, "read the routing rules of the network");
}

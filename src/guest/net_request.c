/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/net_request.h"

#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "base/json.h"

struct parse {
	struct arena *arena;
	struct error *err;
};

/* keys: the names that the object may have, with a space behind each. */
static int check_keys(const struct json_at *object, const char *keys, struct error *err)
{
	struct json_at member;
	void *iter = NULL;
	size_t len;
	int r = json_get_object(object, &len, err);

	if (r < 0)
		return r;
	while (json_next_member(object, &iter, &member)) {
		const size_t key_len = strlen(member.key);
		const char *found = keys;

		while (key_len > 0 && (found = strstr(found, member.key)) &&
		       ((found != keys && found[-1] != ' ') || found[key_len] != ' '))
			found += key_len;
		if (key_len == 0 || !found)
			return json_error(&member, err, "not known here");
	}
	return 0;
}

static int get_number(const struct json_at *object, const char *key, uint32_t max, bool required,
		      uint32_t *ret, struct error *err)
{
	struct json_at at = json_member(object, key);

	if (!at.value && !required)
		return 0;
	return json_get_u32(&at, 0, max, ret, err);
}

static int get_byte(const struct json_at *object, const char *key, bool required, uint8_t *ret,
		    struct error *err)
{
	uint32_t value = *ret;
	int r = get_number(object, key, UINT8_MAX, required, &value, err);

	*ret = (uint8_t)value;
	return r;
}

static int get_sysctl(const struct json_at *object, const char *key, int *ret, struct error *err)
{
	struct json_at at = json_member(object, key);
	int64_t value = 0;
	int r = json_get_i64(&at, INT32_MIN, INT32_MAX, &value, err);

	*ret = (int)value;
	return r;
}

static int get_flag(const struct json_at *object, const char *key, bool *ret, struct error *err)
{
	struct json_at at = json_member(object, key);

	return at.value ? json_get_bool(&at, ret, err) : 0;
}

static int get_text(struct parse *p, const struct json_at *object, const char *key, bool required,
		    char **ret)
{
	struct json_at at = json_member(object, key);

	*ret = NULL;
	return at.value || required ? json_get_string(&at, p->arena, ret, p->err) : 0;
}

/* The name of an interface; it goes into paths below /proc/sys, too. */
static int get_name(struct parse *p, const struct json_at *object, const char *key, bool required,
		    char ret[IFNAMSIZ])
{
	struct json_at at = json_member(object, key);
	char *text;
	int r = get_text(p, object, key, required, &text);

	if (r < 0 || !text)
		return r;
	if (!*text || strlen(text) >= IFNAMSIZ || strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
		return json_error(&at, p->err, "not the name of a network interface");
	for (const char *c = text; *c; c++)
		if (*c <= ' ' || *c == 0x7f || *c == '/' || *c == '%')
			return json_error(&at, p->err, "not the name of a network interface");
	memcpy(ret, text, strlen(text) + 1);
	return 0;
}

static int get_mac(struct parse *p, const struct json_at *object, unsigned char *ret)
{
	struct json_at at = json_member(object, "mac");
	unsigned int b[NET_MAC_LEN];
	char *text;
	int end = -1, r = get_text(p, object, "mac", true, &text);

	if (r < 0)
		return r;
	if (strlen(text) != 17 || strspn(text, "0123456789abcdef:") != 17 ||
	    sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
		   &end) != 6 ||
	    end != 17)
		return json_error(&at, p->err, "not a hardware address");
	for (size_t i = 0; i < NET_MAC_LEN; i++)
		ret[i] = (unsigned char)b[i];
	return 0;
}

static bool parse_ip(const char *text, struct net_ip *ret)
{
	struct net_ip ip = { .family = strchr(text, ':') ? AF_INET6 : AF_INET };

	if (inet_pton(ip.family, text, ip.bytes) != 1)
		return false;
	*ret = ip;
	return true;
}

/* family 0: either. */
static int get_ip(struct parse *p, const struct json_at *object, const char *key, bool required,
		  int family, struct net_ip *ret)
{
	struct json_at at = json_member(object, key);
	char *text;
	int r = get_text(p, object, key, required, &text);

	if (r < 0 || !text)
		return r;
	if (!parse_ip(text, ret) || (family && ret->family != family))
		return json_error(&at, p->err, "not an IP address that fits here");
	return 0;
}

static int get_prefix(struct parse *p, const struct json_at *object, const char *key, bool required,
		      int family, struct net_prefix *ret)
{
	struct json_at at = json_member(object, key);
	char *text, *slash, *end;
	unsigned long length;
	int r = get_text(p, object, key, required, &text);

	if (r < 0 || !text)
		return r;
	slash = strchr(text, '/');
	if (!slash || slash[1] < '0' || slash[1] > '9')
		return json_error(&at, p->err, "not a network prefix");
	*slash = '\0';
	length = strtoul(slash + 1, &end, 10);
	if (*end || !parse_ip(text, &ret->ip) || length > net_ip_len(&ret->ip) * 8 ||
	    (family && ret->ip.family != family))
		return json_error(&at, p->err, "not a network prefix that fits here");
	ret->length = (uint8_t)length;
	return 0;
}

typedef int (*element_parser)(struct parse *p, const struct json_at *at, void *element);

/* An array, absent as empty: each element into one of size bytes. */
static int get_array(struct parse *p, const struct json_at *object, const char *key, size_t max,
		     element_parser parser, size_t size, void **ret, size_t *ret_len)
{
	struct json_at at = json_member(object, key);
	unsigned char *items;
	size_t len;
	int r;

	*ret = NULL;
	*ret_len = 0;
	if (!at.value)
		return 0;
	r = json_get_array(&at, max, &len, p->err);
	if (r < 0)
		return r;
	items = arena_alloc(p->arena, len ? len : 1, size);
	if (!items)
		return error_oom(p->err);
	for (size_t i = 0; i < len; i++) {
		struct json_at element = json_element(&at, i);

		r = parser(p, &element, items + i * size);
		if (r < 0)
			return r;
	}
	*ret = items;
	*ret_len = len;
	return 0;
}

#define GET_ARRAY(p, object, key, max, parser, items, len)                                         \
	get_array(p, object, key, max, parser, sizeof(*(items)), (void **)&(items), &(len))

static int parse_address(struct parse *p, const struct json_at *at, void *element)
{
	struct net_address *a = element;
	int r = check_keys(at,
			   "address prefix scope peer broadcast label metric noprefixroute nodad ",
			   p->err);

	if (r == 0)
		r = get_ip(p, at, "address", true, 0, &a->local);
	if (r == 0)
		r = get_byte(at, "prefix", true, &a->prefix, p->err);
	if (r == 0 && a->prefix > net_ip_len(&a->local) * 8)
		r = json_error(at, p->err, "a prefix longer than the address");
	if (r == 0)
		r = get_byte(at, "scope", true, &a->scope, p->err);
	if (r == 0)
		r = get_ip(p, at, "peer", false, a->local.family, &a->peer);
	if (r == 0)
		r = get_ip(p, at, "broadcast", false, AF_INET, &a->broadcast);
	if (r == 0)
		r = get_name(p, at, "label", false, a->label);
	if (r == 0)
		r = get_number(at, "metric", UINT32_MAX, false, &a->metric, p->err);
	if (r == 0)
		r = get_flag(at, "noprefixroute", &a->noprefixroute, p->err);
	return r == 0 ? get_flag(at, "nodad", &a->nodad, p->err) : r;
}

static int parse_ipv6(struct parse *p, const struct json_at *link, struct net_link *l)
{
	struct json_at at = json_member(link, "ipv6");
	int r;

	if (!at.value)
		return 0;
	l->has_ipv6 = true;
	r = check_keys(&at,
		       "disabled accept_dad accept_ra accept_ra_defrtr forwarding "
		       "address_generation ",
		       p->err);
	if (r == 0)
		r = get_flag(&at, "disabled", &l->ipv6_disabled, p->err);
	if (r == 0)
		r = get_sysctl(&at, "accept_dad", &l->accept_dad, p->err);
	if (r == 0)
		r = get_sysctl(&at, "accept_ra", &l->accept_ra, p->err);
	if (r == 0)
		r = get_sysctl(&at, "accept_ra_defrtr", &l->accept_ra_defrtr, p->err);
	if (r == 0)
		r = get_sysctl(&at, "forwarding", &l->forwarding, p->err);
	return r == 0 ? get_byte(&at, "address_generation", true, &l->address_generation, p->err)
		      : r;
}

static int parse_link(struct parse *p, const struct json_at *at, void *element)
{
	struct net_link *l = element;
	int r = check_keys(at, "mac name mtu up arp ipv6 addresses ", p->err);

	l->arp = true;
	if (r == 0)
		r = get_mac(p, at, l->mac);
	if (r == 0)
		r = get_name(p, at, "name", true, l->name);
	if (r == 0 && strcmp(l->name, "lo") == 0)
		r = json_error(at, p->err, "the loopback interface is no link");
	if (r == 0)
		r = get_number(at, "mtu", UINT16_MAX, true, &l->mtu, p->err);
	if (r == 0)
		r = get_flag(at, "up", &l->up, p->err);
	if (r == 0)
		r = get_flag(at, "arp", &l->arp, p->err);
	if (r == 0)
		r = parse_ipv6(p, at, l);
	return r == 0 ? GET_ARRAY(p, at, "addresses", NET_ADDRESSES_MAX, parse_address,
				  l->addresses, l->addresses_len)
		      : r;
}

static int parse_hop(struct parse *p, const struct json_at *at, void *element)
{
	struct net_hop *h = element;
	uint32_t weight = 1;
	int r = check_keys(at, "device gateway onlink weight ", p->err);

	if (r == 0)
		r = get_name(p, at, "device", true, h->device);
	if (r == 0)
		r = get_ip(p, at, "gateway", false, 0, &h->gateway);
	if (r == 0)
		r = get_flag(at, "onlink", &h->onlink, p->err);
	if (r == 0)
		r = get_number(at, "weight", 256, false, &weight, p->err);
	h->weight = (uint8_t)(weight ? weight - 1 : 0);
	return r;
}

static int parse_metrics(struct parse *p, const struct json_at *route, struct net_route *t)
{
	struct json_at at = json_member(route, "metrics");
	int r;

	if (!at.value)
		return 0;
	r = json_get_array(&at, NET_METRICS_MAX, &t->metrics_len, p->err);
	for (size_t i = 0; r == 0 && i < t->metrics_len; i++) {
		struct json_at pair = json_element(&at, i), number, value;
		uint32_t n = 0;
		size_t len;

		r = json_get_array(&pair, 2, &len, p->err);
		if (r == 0 && len != 2)
			r = json_error(&pair, p->err, "expected a number and its value");
		if (r < 0)
			break;
		number = json_element(&pair, 0);
		value = json_element(&pair, 1);
		r = json_get_u32(&number, 1, RTAX_MAX, &n, p->err);
		if (r == 0)
			r = json_get_u32(&value, 0, UINT32_MAX, &t->metrics[i].value, p->err);
		t->metrics[i].number = (uint8_t)n;
	}
	return r;
}

static int parse_route(struct parse *p, const struct json_at *at, void *element)
{
	struct net_route *t = element;
	const struct json_at preference = json_member(at, "preference");
	int r = check_keys(
		at,
		"destination from type table protocol scope tos metric source preference "
		"metrics hops ",
		p->err);

	if (r == 0)
		r = get_prefix(p, at, "destination", true, 0, &t->destination);
	if (r == 0)
		r = get_prefix(p, at, "from", false, t->destination.ip.family, &t->from);
	if (r == 0)
		r = get_byte(at, "type", true, &t->type, p->err);
	if (r == 0)
		r = get_number(at, "table", UINT32_MAX, true, &t->table, p->err);
	if (r == 0)
		r = get_byte(at, "protocol", true, &t->protocol, p->err);
	if (r == 0)
		r = get_byte(at, "scope", true, &t->scope, p->err);
	if (r == 0)
		r = get_byte(at, "tos", false, &t->tos, p->err);
	if (r == 0)
		r = get_number(at, "metric", UINT32_MAX, false, &t->metric, p->err);
	if (r == 0)
		r = get_ip(p, at, "source", false, t->destination.ip.family, &t->source);
	t->has_preference = preference.value != NULL;
	if (r == 0)
		r = get_byte(at, "preference", false, &t->preference, p->err);
	if (r == 0)
		r = parse_metrics(p, at, t);
	return r == 0 ? GET_ARRAY(p, at, "hops", NET_HOPS_MAX, parse_hop, t->hops, t->hops_len) : r;
}

static int parse_rule_target(struct parse *p, const struct json_at *at, struct net_rule *u)
{
	int r = get_byte(at, "action", true, &u->action, p->err);

	if (r == 0)
		r = get_number(at, "priority", UINT32_MAX, true, &u->priority, p->err);
	if (r == 0)
		r = get_number(at, "table", UINT32_MAX, false, &u->table, p->err);
	if (r == 0)
		r = get_number(at, "suppress_prefix", UINT32_MAX, false, &u->suppress_prefix,
			       p->err);
	u->has_suppress = json_member(at, "suppress_prefix").value != NULL;
	return r;
}

static int parse_rule(struct parse *p, const struct json_at *at, void *element)
{
	struct net_rule *u = element;
	const struct json_at family = json_member(at, "family");
	uint32_t version = 0;
	int r = check_keys(at,
			   "family priority action table tos invert from to input output mark mask "
			   "suppress_prefix ",
			   p->err);

	if (r == 0)
		r = get_number(at, "family", 6, true, &version, p->err);
	if (r == 0 && version != 4 && version != 6)
		r = json_error(&family, p->err, "4 or 6");
	u->family = version == 6 ? AF_INET6 : AF_INET;
	if (r == 0)
		r = parse_rule_target(p, at, u);
	if (r == 0)
		r = get_byte(at, "tos", false, &u->tos, p->err);
	if (r == 0)
		r = get_flag(at, "invert", &u->invert, p->err);
	if (r == 0)
		r = get_prefix(p, at, "from", false, u->family, &u->from);
	if (r == 0)
		r = get_prefix(p, at, "to", false, u->family, &u->to);
	if (r == 0)
		r = get_name(p, at, "input", false, u->input);
	if (r == 0)
		r = get_name(p, at, "output", false, u->output);
	if (r == 0)
		r = get_number(at, "mark", UINT32_MAX, false, &u->mark, p->err);
	if (r == 0)
		r = get_number(at, "mask", UINT32_MAX, false, &u->mask, p->err);
	u->has_mark = json_member(at, "mark").value != NULL;
	u->has_mask = json_member(at, "mask").value != NULL;
	return r;
}

static int parse_neighbor(struct parse *p, const struct json_at *at, void *element)
{
	struct net_neighbor *n = element;
	int r = check_keys(at, "device address mac ", p->err);

	if (r == 0)
		r = get_name(p, at, "device", true, n->device);
	if (r == 0)
		r = get_ip(p, at, "address", true, 0, &n->address);
	return r == 0 ? get_mac(p, at, n->mac) : r;
}

int net_request_parse(json_t *request, struct arena *arena, struct net_request *ret,
		      struct error *err)
{
	const struct json_doc doc = { .root = request };
	const struct json_at root = json_root(&doc, "network");
	struct parse p = { .arena = arena, .err = err };
	int r = check_keys(&root, "op links routes rules neighbors ", err);

	*ret = (struct net_request){ 0 };
	if (r == 0)
		r = GET_ARRAY(&p, &root, "links", NET_LINKS_MAX, parse_link, ret->links,
			      ret->links_len);
	if (r == 0)
		r = GET_ARRAY(&p, &root, "routes", NET_ROUTES_MAX, parse_route, ret->routes,
			      ret->routes_len);
	if (r == 0)
		r = GET_ARRAY(&p, &root, "rules", NET_RULES_MAX, parse_rule, ret->rules,
			      ret->rules_len);
	return r == 0 ? GET_ARRAY(&p, &root, "neighbors", NET_NEIGHBORS_MAX, parse_neighbor,
				  ret->neighbors, ret->neighbors_len)
		      : r;
}

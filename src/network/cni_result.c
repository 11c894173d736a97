/* SPDX-License-Identifier: Apache-2.0 */
#include "network/cni_result.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/json.h"
#include "base/json_tree.h"

#define RESULT_ADDRESSES_MAX 64
#define RESULT_DNS_MAX 16
#define RESULT_DNS_LENGTH_MAX 253 /* of a domain name */

void network_endpoint_done(struct network_endpoint *endpoint)
{
	free(endpoint->network);
	free(endpoint->interface);
	free(endpoint->mac);
	free(endpoint->address);
	free(endpoint->gateway);
	free(endpoint->address6);
	free(endpoint->gateway6);
	free(endpoint->result);
	*endpoint = (struct network_endpoint){ 0 };
}

static int refuse(const char *what, const char *value, struct error *err)
{
	char printable[JSON_PRINTABLE_SIZE];

	return error_set(err, EINVAL, "result of the network's plugin: %s %s is none", what,
			 json_printable(value, printable));
}

/* "10.1.0.5/16": the address, checked, and its length. */
static int split_address(const char *text, char address[INET6_ADDRSTRLEN], unsigned *ret_prefix,
			 int *ret_family, struct error *err)
{
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	unsigned char bytes[16];
	char *end;
	unsigned long prefix;

	if (len >= INET6_ADDRSTRLEN)
		return refuse("address", text, err);
	memcpy(address, text, len);
	address[len] = '\0';
	*ret_family = strchr(address, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(*ret_family, address, bytes) != 1)
		return refuse("address", text, err);
	prefix = *ret_family == AF_INET ? 32 : 128;
	if (slash) {
		const unsigned long max = prefix;

		prefix = strtoul(slash + 1, &end, 10);
		if (slash[1] < '0' || slash[1] > '9' || *end || prefix > max)
			return refuse("address", text, err);
	}
	*ret_prefix = (unsigned)prefix;
	return 0;
}

/* The first address of each family is the container's. */
static int take_address(const char *text, const char *gateway, struct network_endpoint *ep,
			struct error *err)
{
	char address[INET6_ADDRSTRLEN];
	unsigned char bytes[16];
	unsigned prefix = 0;
	int family = AF_INET, r = split_address(text, address, &prefix, &family, err);
	char **to = family == AF_INET ? &ep->address : &ep->address6;
	char **to_gateway = family == AF_INET ? &ep->gateway : &ep->gateway6;

	if (r < 0)
		return r;
	if (gateway && *gateway && inet_pton(family, gateway, bytes) != 1)
		return refuse("gateway", gateway, err);
	if (*to)
		return 0;
	*to = strdup(address);
	if (gateway && *gateway)
		*to_gateway = strdup(gateway);
	if (!*to || (gateway && *gateway && !*to_gateway))
		return error_oom(err);
	if (family == AF_INET)
		ep->prefix = prefix;
	else
		ep->prefix6 = prefix;
	return 0;
}

/* Whether an element of "interfaces" is in the container; the host's side of a veth is listed too. */
static bool is_inside(const json_t *interface)
{
	const char *sandbox = json_string_value(json_object_get(interface, "sandbox"));

	return sandbox && *sandbox;
}

static int take_interfaces(const json_t *result, const char *name, struct network_endpoint *ep,
			   struct error *err)
{
	const json_t *interfaces = json_object_get(result, "interfaces"), *interface;
	size_t i;

	json_array_foreach(interfaces, i, interface)
	{
		const char *own = json_string_value(json_object_get(interface, "name"));
		const char *mac = json_string_value(json_object_get(interface, "mac"));

		if (!is_inside(interface) || !own || strcmp(own, name) != 0 || !mac || !*mac)
			continue;
		if (strlen(mac) > 59 || mac[strspn(mac, "0123456789abcdefABCDEF:")])
			return refuse("mac", mac, err);
		free(ep->mac);
		ep->mac = strdup(mac);
		if (!ep->mac)
			return error_oom(err);
	}
	return 0;
}

static int take_ips(const json_t *result, struct network_endpoint *ep, struct error *err)
{
	const json_t *interfaces = json_object_get(result, "interfaces");
	const json_t *ips = json_object_get(result, "ips"), *ip;
	size_t i;

	if (json_array_size(ips) > RESULT_ADDRESSES_MAX)
		return error_set(err, E2BIG,
				 "result of the network's plugin: more than %d addresses",
				 RESULT_ADDRESSES_MAX);
	json_array_foreach(ips, i, ip)
	{
		const json_t *index = json_object_get(ip, "interface");
		const char *address = json_string_value(json_object_get(ip, "address"));
		const json_t *interface =
			json_is_integer(index) && json_integer_value(index) >= 0
				? json_array_get(interfaces, (size_t)json_integer_value(index))
				: NULL;
		int r;

		if (!address || (interface && !is_inside(interface)))
			continue;
		r = take_address(address, json_string_value(json_object_get(ip, "gateway")), ep,
				 err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Versions before 0.3.0: one address of each family. */
static int take_old_ips(const json_t *result, struct network_endpoint *ep, struct error *err)
{
	static const char *const families[] = { "ip4", "ip6" };

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		const json_t *ip = json_object_get(result, families[i]);
		const char *address = json_string_value(json_object_get(ip, "ip"));
		int r = 0;

		if (address)
			r = take_address(address, json_string_value(json_object_get(ip, "gateway")),
					 ep, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int append(struct strv *to, const char *text, struct error *err)
{
	char **items = realloc(to->items, (to->len + 2) * sizeof(*items)), *copy = strdup(text);

	if (items)
		to->items = items;
	if (!items || !copy) {
		free(copy);
		return error_oom(err);
	}
	items[to->len++] = copy;
	items[to->len] = NULL;
	return 0;
}

/* Words that go into resolv.conf: nothing that could begin another line of it. */
static bool is_word(const char *text)
{
	size_t len = strlen(text);

	if (len == 0 || len > RESULT_DNS_LENGTH_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] <= 0x20 || (unsigned char)text[i] >= 0x7f)
			return false;
	return true;
}

static int take_words(const json_t *words, struct strv *to, struct error *err)
{
	const json_t *word;
	size_t i;

	json_array_foreach(words, i, word)
	{
		const char *text = json_string_value(word);
		int r = 0;

		if (text && !is_word(text))
			return refuse("DNS entry", text, err);
		if (text && to->len < RESULT_DNS_MAX)
			r = append(to, text, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int cni_result_read(const json_t *result, const char *interface, struct network_endpoint *endpoint,
		    struct network_attachment *attachment, struct error *err)
{
	const json_t *dns = json_object_get(result, "dns");
	const json_t *domain = json_object_get(dns, "domain");
	int r = take_interfaces(result, interface, endpoint, err);

	if (r == 0)
		r = take_ips(result, endpoint, err);
	if (r == 0)
		r = take_old_ips(result, endpoint, err);
	if (r == 0)
		r = take_words(json_object_get(dns, "nameservers"), &attachment->nameservers, err);
	if (r == 0 && json_is_string(domain) && json_string_length(domain) > 0 &&
	    is_word(json_string_value(domain)))
		r = append(&attachment->searches, json_string_value(domain), err);
	if (r == 0)
		r = take_words(json_object_get(dns, "search"), &attachment->searches, err);
	if (r == 0) {
		endpoint->result = json_tree_text(result);
		if (!endpoint->result)
			r = error_oom(err);
	}
	return r;
}

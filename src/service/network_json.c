/* SPDX-License-Identifier: Apache-2.0 */
#include "service/network_json.h"

#include <string.h>

/* Array and back: struct strv whose strings are owned one by one. */
static json_t *list_json(const struct strv *list)
{
	json_t *array = json_array();

	for (size_t i = 0; i < list->len; i++)
		(void)json_array_append_new(array, json_string(list->items[i]));
	return array;
}

static json_t *endpoint_json(const struct network_endpoint *e)
{
	return json_pack("{s:s*, s:s*, s:s*, s:s*, s:s*, s:s*, s:s*, s:i, s:i, s:s*}", "Network",
			 e->network, "Interface", e->interface, "MacAddress", e->mac, "IPAddress",
			 e->address, "Gateway", e->gateway, "GlobalIPv6Address", e->address6,
			 "IPv6Gateway", e->gateway6, "IPPrefixLen", (int)e->prefix,
			 "GlobalIPv6PrefixLen", (int)e->prefix6, "Result", e->result);
}

json_t *network_attachment_json(const struct network_attachment *a)
{
	json_t *endpoints, *ports;

	if (!a->netns)
		return NULL;
	endpoints = json_array();
	ports = json_array();
	for (size_t i = 0; i < a->endpoints_len; i++)
		(void)json_array_append_new(endpoints, endpoint_json(&a->endpoints[i]));
	for (size_t i = 0; i < a->ports_len; i++)
		(void)json_array_append_new(ports, json_pack("{s:i, s:i, s:s, s:s}", "Container",
							     (int)a->ports[i].container, "Host",
							     (int)a->ports[i].host, "Protocol",
							     a->ports[i].protocol, "HostIp",
							     a->ports[i].host_ip));
	return json_pack("{s:s, s:o, s:o, s:o, s:o}", "Netns", a->netns, "Endpoints", endpoints,
			 "Ports", ports, "Nameservers", list_json(&a->nameservers), "Searches",
			 list_json(&a->searches));
}

static int parse_string(const json_t *from, const char *key, char **ret)
{
	const char *text = json_string_value(json_object_get(from, key));

	*ret = text ? strdup(text) : NULL;
	return text && !*ret ? -ENOMEM : 0;
}

static int parse_list(const json_t *from, struct strv *ret)
{
	size_t n = json_array_size(from);

	if (n == 0)
		return 0;
	ret->items = calloc(n + 1, sizeof(*ret->items));
	if (!ret->items)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const char *text = json_string_value(json_array_get(from, i));

		if (!text)
			return -EPROTO;
		ret->items[ret->len] = strdup(text);
		if (!ret->items[ret->len++])
			return -ENOMEM;
	}
	return 0;
}

static int parse_endpoint(const json_t *from, struct network_endpoint *e)
{
	e->prefix = (unsigned)json_integer_value(json_object_get(from, "IPPrefixLen"));
	e->prefix6 = (unsigned)json_integer_value(json_object_get(from, "GlobalIPv6PrefixLen"));
	if (parse_string(from, "Network", &e->network) < 0 ||
	    parse_string(from, "Interface", &e->interface) < 0 ||
	    parse_string(from, "MacAddress", &e->mac) < 0 ||
	    parse_string(from, "IPAddress", &e->address) < 0 ||
	    parse_string(from, "Gateway", &e->gateway) < 0 ||
	    parse_string(from, "GlobalIPv6Address", &e->address6) < 0 ||
	    parse_string(from, "IPv6Gateway", &e->gateway6) < 0 ||
	    parse_string(from, "Result", &e->result) < 0)
		return -ENOMEM;
	return 0;
}

static int parse_port(const json_t *from, struct network_port *port)
{
	const char *protocol = NULL, *ip = NULL;
	int container, host;

	if (json_unpack((json_t *)(uintptr_t)from, "{s:i, s:i, s:s, s:s}", "Container", &container,
			"Host", &host, "Protocol", &protocol, "HostIp", &ip) < 0 ||
	    strlen(protocol) >= sizeof(port->protocol) || strlen(ip) >= sizeof(port->host_ip))
		return -EPROTO;
	port->container = (uint16_t)container;
	port->host = (uint16_t)host;
	memcpy(port->protocol, protocol, strlen(protocol) + 1);
	memcpy(port->host_ip, ip, strlen(ip) + 1);
	return 0;
}

int network_attachment_parse(const json_t *json, struct network_attachment *ret)
{
	const json_t *endpoints, *ports;
	size_t n;

	if (!json)
		return 0;
	if (parse_string(json, "Netns", &ret->netns) < 0)
		return -ENOMEM;
	endpoints = json_object_get(json, "Endpoints");
	ports = json_object_get(json, "Ports");
	for (size_t i = 0; i < json_array_size(endpoints) && i < NETWORK_ENDPOINTS_MAX; i++)
		if (parse_endpoint(json_array_get(endpoints, i),
				   &ret->endpoints[ret->endpoints_len++]) < 0)
			return -ENOMEM;
	n = json_array_size(ports);
	if (n > 0 && !(ret->ports = calloc(n, sizeof(*ret->ports))))
		return -ENOMEM;
	for (; ret->ports_len < n; ret->ports_len++)
		if (parse_port(json_array_get(ports, ret->ports_len), &ret->ports[ret->ports_len]) <
		    0)
			return -EPROTO;
	if (parse_list(json_object_get(json, "Nameservers"), &ret->nameservers) < 0)
		return -ENOMEM;
	return parse_list(json_object_get(json, "Searches"), &ret->searches);
}

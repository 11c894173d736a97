/* SPDX-License-Identifier: Apache-2.0 */
/* Networks, ports and names. */
#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

#include "cli/number.h"
#include "hcs/run_flags.h"
#include "service/lists.h"

#define PORTS_MAX 65535

static int append(struct container_config *config, struct strv *to, const struct flag_list *from,
		  struct error *err)
{
	return from->len ? strv_append(&config->arena, to, from->items, from->len, err) : 0;
}

/* One of "name=…,alias=…,ip=…,mac-address=…". */
static int take_network_field(struct container_config *config, const char *field, bool first,
			      const char **name, const char *text, struct error *err)
{
	const char *value = strchr(field, '=');
	const size_t len = value ? (size_t)(value - field) : strlen(field);

	if (!value || !value[1])
		return flag_invalid(err, "--network", text, "invalid field %s", field);
	value++;
	if (len == 4 && strncmp(field, "name", 4) == 0) {
		*name = value;
		return 0;
	}
	if (len == 5 && strncmp(field, "alias", 5) == 0)
		return strv_add(&config->arena, &config->network_aliases, value, err);
	if (len == 2 && strncmp(field, "ip", 2) == 0 && first)
		return text_set(&config->arena, &config->ip_address, value, err);
	if (len == 11 && strncmp(field, "mac-address", 11) == 0 && first)
		return text_set(&config->arena, &config->mac_address, value, err);
	if (len == 2 || len == 11)
		return error_set(err, ENOTSUP,
				 "--network %s: an address can only be asked for in the first "
				 "network",
				 text);
	return error_set(err, ENOTSUP, "--network %s: %.*s is not supported", text, (int)len,
			 field);
}

static int take_network(struct container_config *config, const char *text, bool first,
			struct error *err)
{
	const char *name = text;
	char *copy = arena_strdup(&config->arena, text), *save = NULL;
	int r = 0;

	if (!copy)
		return error_oom(err);
	if (strchr(text, '=')) {
		name = NULL;
		for (char *f = strtok_r(copy, ",", &save); r == 0 && f;
		     f = strtok_r(NULL, ",", &save))
			r = take_network_field(config, f, first, &name, text, err);
	}
	if (r == 0 && (!name || !*name))
		r = flag_invalid(err, "--network", text, "network name is empty");
	if (r < 0)
		return r;
	if (strcmp(name, "default") == 0)
		name = NETWORK_DEFAULT;
	if (first)
		return text_set(&config->arena, &config->network_mode, name, err);
	if (strcmp(name, "host") == 0 || strcmp(name, "none") == 0 || mode_container(name))
		return error_set(err, EINVAL,
				 "conflicting options: --network %s cannot be one of several",
				 name);
	return strv_add(&config->arena, &config->networks, name, err);
}

static int take_networks(const struct run_flags *flags, struct container_config *config,
			 struct error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < flags->networks.len; i++)
		r = take_network(config, flags->networks.items[i], i == 0, err);
	if (r == 0 && !flags->networks.len)
		r = text_set(&config->arena, &config->network_mode, NETWORK_DEFAULT, err);
	return r;
}

/* --- ports -------------------------------------------------------------------------------------- */

static int expose(struct container_config *config, unsigned port, const char *protocol,
		  struct error *err)
{
	char *text = arena_printf(&config->arena, "%u/%s", port, protocol);

	if (!text)
		return error_oom(err);
	return strv_has(&config->exposed_ports, text)
		       ? 0
		       : strv_add(&config->arena, &config->exposed_ports, text, err);
}

/* "80", "80/udp", "8000-8010" */
static int take_expose(const char *text, struct container_config *config, struct error *err)
{
	_cleanup_free_ char *copy = strdup(text);
	const char *protocol = "tcp";
	char *slash, *dash;
	uint64_t from, to;
	int r = 0;

	if (!copy)
		return error_oom(err);
	slash = strchr(copy, '/');
	if (slash) {
		*slash = '\0';
		protocol = slash + 1;
	}
	dash = strchr(copy, '-');
	if (dash)
		*dash = '\0';
	if (strcmp(protocol, "tcp") != 0 && strcmp(protocol, "udp") != 0 &&
	    strcmp(protocol, "sctp") != 0)
		return flag_invalid(err, "--expose", text, "invalid proto: %s", protocol);
	if (number_unsigned(copy, PORTS_MAX, &from) < 0 || !from ||
	    number_unsigned(dash ? dash + 1 : copy, PORTS_MAX, &to) < 0 || to < from)
		return flag_invalid(err, "--expose", text, "invalid range format for --expose: %s",
				    text);
	for (; r == 0 && from <= to; from++)
		r = expose(config, (unsigned)from, protocol, err);
	return r;
}

static int take_ports(const struct run_flags *flags, struct container_config *config,
		      struct error *err)
{
	struct network_port *ports = NULL;
	size_t len = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < flags->publish.len; i++)
		r = network_port_parse(flags->publish.items[i], &ports, &len, err);
	if (r == 0 && len > 0) {
		config->ports = list_grow(&config->arena, ports, len, 0, sizeof(*ports));
		if (!config->ports)
			r = error_oom(err);
		else
			config->ports_len = len;
	}
	for (size_t i = 0; r == 0 && i < len; i++)
		r = expose(config, ports[i].container, ports[i].protocol, err);
	free(ports);
	for (size_t i = 0; r == 0 && i < flags->expose.len; i++)
		r = take_expose(flags->expose.items[i], config, err);
	return r;
}

/* --- names and addresses ------------------------------------------------------------------------ */

static int check_host(const char *text, struct error *err)
{
	const char *separator = strpbrk(text, "=:");
	char address[48] = "";
	unsigned char bytes[16];
	size_t len;

	if (!separator || separator == text || !separator[1])
		return flag_invalid(err, "--add-host", text, "bad format for add-host: \"%s\"",
				    text);
	separator++;
	if (strcmp(separator, "host-gateway") == 0)
		return 0;
	len = strlen(separator);
	if (separator[0] == '[' && separator[len - 1] == ']') {
		separator++;
		len -= 2;
	}
	if (len < sizeof(address))
		memcpy(address, separator, len);
	if (inet_pton(AF_INET, address, bytes) != 1 && inet_pton(AF_INET6, address, bytes) != 1)
		return flag_invalid(err, "--add-host", text,
				    "invalid IP address in add-host: \"%s\"", separator);
	return 0;
}

static int check_mac(const char *text, struct error *err)
{
	bool good = strlen(text) == 17;

	for (size_t i = 0; good && i < 17; i++)
		good = i % 3 == 2 ? text[i] == ':' : isxdigit((unsigned char)text[i]) != 0;
	/* The lowest bit of the first byte: a group's address. */
	if (good && strchr("13579bdfBDF", text[1]))
		good = false;
	return good ? 0 : error_set(err, EINVAL, "%s is not a valid mac address", text);
}

int run_flags_network(const struct run_flags *flags, struct container_config *config,
		      struct error *err)
{
	const struct {
		struct strv *to;
		const struct flag_list *from;
	} lists[] = {
		{ &config->dns, &flags->dns },
		{ &config->dns_search, &flags->dns_search },
		{ &config->dns_options, &flags->dns_options },
		{ &config->extra_hosts, &flags->add_hosts },
		{ &config->network_aliases, &flags->network_aliases },
	};
	int r = take_networks(flags, config, err);

	if (r == 0)
		r = take_ports(flags, config, err);
	for (size_t i = 0; r == 0 && i < flags->add_hosts.len; i++)
		r = check_host(flags->add_hosts.items[i], err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(lists); i++)
		r = append(config, lists[i].to, lists[i].from, err);
	if (r == 0 && flags->mac_address)
		r = check_mac(flags->mac_address, err);
	if (r == 0 && flags->mac_address)
		r = text_set(&config->arena, &config->mac_address, flags->mac_address, err);
	if (r == 0 && flags->ip)
		r = text_set(&config->arena, &config->ip_address, flags->ip, err);
	config->publish_all = flags->publish_all;
	return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <string.h>

#include "base/json.h"
#include "network/network.h"

#define PORTS_MAX 65536

struct range {
	unsigned first, last;
};

/* "80" or "80-90"; false: none. */
static bool parse_range(const char *text, size_t len, struct range *ret)
{
	unsigned long ends[2] = { 0, 0 };
	size_t n = 0, digits = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '-' && n == 0 && digits > 0) {
			n = 1;
			digits = 0;
			continue;
		}
		if (text[i] < '0' || text[i] > '9' || ++digits > 5)
			return false;
		ends[n] = ends[n] * 10 + (unsigned long)(text[i] - '0');
	}
	if (digits == 0 || ends[0] > 65535 || ends[n] > 65535 || ends[n] < ends[0])
		return false;
	*ret = (struct range){ .first = (unsigned)ends[0], .last = (unsigned)ends[n] };
	return true;
}

static int append(const struct network_port *port, struct network_port **ports, size_t *len,
		  struct error *err)
{
	struct network_port *more;

	if (*len >= PORTS_MAX)
		return error_set(err, E2BIG, "more than %d ports", PORTS_MAX);
	more = realloc(*ports, (*len + 1) * sizeof(*more));
	if (!more)
		return error_oom(err);
	*ports = more;
	more[(*len)++] = *port;
	return 0;
}

struct parts { /* of the text, up to the protocol */
	const char *ip, *host, *container;
	size_t ip_len, host_len, container_len;
};

static void split(const char *text, size_t len, struct parts *ret)
{
	const char *last = memrchr(text, ':', len), *before;

	*ret = (struct parts){ .container = text, .container_len = len };
	if (!last)
		return;
	ret->container = last + 1;
	ret->container_len = (size_t)(text + len - ret->container);
	ret->host = text;
	ret->host_len = (size_t)(last - text);
	before = memrchr(text, ':', ret->host_len);
	if (!before)
		return;
	ret->host = before + 1;
	ret->host_len = (size_t)(last - ret->host);
	ret->ip = text;
	ret->ip_len = (size_t)(before - text);
	if (ret->ip_len >= 2 && ret->ip[0] == '[' && ret->ip[ret->ip_len - 1] == ']') {
		ret->ip++;
		ret->ip_len -= 2;
	}
}

static int parse_protocol(const char *protocol, struct network_port *port, struct error *err)
{
	static const char *const known[] = { "tcp", "udp", "sctp" };
	char printable[JSON_PRINTABLE_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (strcasecmp(protocol, known[i]) == 0) {
			(void)snprintf(port->protocol, sizeof(port->protocol), "%s", known[i]);
			return 0;
		}
	return error_set(err, EINVAL, "invalid proto: %s", json_printable(protocol, printable));
}

static int parse_ip(const struct parts *parts, struct network_port *port)
{
	unsigned char bytes[16];

	if (parts->ip_len >= sizeof(port->host_ip))
		return -EINVAL;
	if (parts->ip_len == 0)
		return 0;
	memcpy(port->host_ip, parts->ip, parts->ip_len);
	port->host_ip[parts->ip_len] = '\0';
	if (inet_pton(strchr(port->host_ip, ':') ? AF_INET6 : AF_INET, port->host_ip, bytes) != 1)
		return -EINVAL;
	if (strcmp(port->host_ip, "0.0.0.0") == 0) /* all, in docker's words too */
		port->host_ip[0] = '\0';
	return 0;
}

int network_port_parse(const char *text, struct network_port **ports, size_t *len,
		       struct error *err)
{
	const char *slash = strchr(text, '/');
	const size_t front = slash ? (size_t)(slash - text) : strlen(text);
	struct network_port port = { .protocol = "tcp" };
	struct range container, host = { 0 };
	char printable[JSON_PRINTABLE_SIZE];
	struct parts parts;
	int r = 0;

	split(text, front, &parts);
	if (parts.container_len == 0)
		return error_set(err, EINVAL, "no port specified: %s<empty>",
				 json_printable(text, printable));
	if (slash)
		r = parse_protocol(slash + 1, &port, err);
	if (r < 0)
		return r;
	if (!parse_range(parts.container, parts.container_len, &container) || container.first == 0)
		return error_set(err, EINVAL, "invalid containerPort: %s",
				 json_printable(text, printable));
	if (parts.host_len > 0 && !parse_range(parts.host, parts.host_len, &host))
		return error_set(err, EINVAL, "invalid hostPort: %s",
				 json_printable(text, printable));
	if (parse_ip(&parts, &port) < 0)
		return error_set(err, EINVAL, "invalid ip address: %s",
				 json_printable(text, printable));
	if (container.first == container.last) {
		port.container = (uint16_t)container.first;
		port.host = (uint16_t)host.first;
		port.host_end = host.last > host.first ? (uint16_t)host.last : 0;
		return append(&port, ports, len, err);
	}
	if (parts.host_len > 0 && host.last - host.first != container.last - container.first)
		return error_set(err, EINVAL,
				 "invalid ranges specified for container and host Ports: %s",
				 json_printable(text, printable));
	for (unsigned i = 0; i <= container.last - container.first && r == 0; i++) {
		port.container = (uint16_t)(container.first + i);
		port.host = (uint16_t)(host.first ? host.first + i : 0);
		r = append(&port, ports, len, err);
	}
	return r;
}

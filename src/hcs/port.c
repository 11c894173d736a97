/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/number.h"
#include "hcs/hcs.h"

static void print_address(struct output *out, const struct network_port *port)
{
	const char *ip = port->host_ip[0] ? port->host_ip : "0.0.0.0";
	const bool v6 = strchr(ip, ':');

	output_format(out, "%s%s%s:%u\n", v6 ? "[" : "", ip, v6 ? "]" : "", port->host);
}

static int print_all(const struct record *record, struct error *err)
{
	_cleanup_output_ struct output out = OUTPUT_INIT;

	for (size_t i = 0; i < record->state.network.ports_len; i++) {
		const struct network_port *port = &record->state.network.ports[i];

		output_format(&out, "%u/%s -> ", port->container, port->protocol);
		print_address(&out, port);
	}
	return output_flush(&out, err);
}

/* "80", "80/udp" */
static int print_one(const struct record *record, const char *text, struct error *err)
{
	_cleanup_output_ struct output out = OUTPUT_INIT;
	_cleanup_free_ char *number = strndup(text, strcspn(text, "/"));
	const char *protocol = strchr(text, '/') ? strchr(text, '/') + 1 : "tcp";
	uint64_t container;

	if (!number)
		return error_oom(err);
	if (number_unsigned(number, UINT16_MAX, &container) < 0)
		return error_set(err, EINVAL, "invalid port: %s", text);
	for (size_t i = 0; i < record->state.network.ports_len; i++) {
		const struct network_port *port = &record->state.network.ports[i];

		if (port->container == container && strcmp(port->protocol, protocol) == 0)
			print_address(&out, port);
	}
	if (!out.len)
		return error_set(err, ENOENT, "no public port '%s/%s' published for %s", number,
				 protocol, record->name);
	return output_flush(&out, err);
}

static int run(const struct cli *cli, int argc, char **argv, int *ret_status, struct error *err)
{
	_cleanup_service_ struct service service = { 0 };
	_cleanup_record_ struct record record = RECORD_INIT;
	struct flag_args args;
	int r = flags_parse(&command_port, argc, argv, NULL, &args, err);

	(void)ret_status;
	if (r == 0)
		r = hcs_open(cli, &service, err);
	if (r == 0)
		r = record_open(&service, args.items[0], RECORD_READ, &record, err);
	if (r)
		return r;
	return args.len == 2 ? print_one(&record, args.items[1], err) : print_all(&record, err);
}

const struct cli_command command_port = {
	.name = "port",
	.summary = "show the published ports of a container",
	.usage = "CONTAINER [PORT[/PROTO]]",
	.min_args = 1,
	.max_args = 2,
	.run = run,
};

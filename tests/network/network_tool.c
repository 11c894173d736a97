/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls of network/network.h as commands, for test_network.py:
 *   network_tool RUN CONFIG attach ID [-n NETWORK]... [-p PORT]... [-m MAC] [-i IP] [-a ALIAS]... [-s SUBNET]
 *   network_tool RUN CONFIG detach|check ID
 *   network_tool RUN CONFIG list
 *   network_tool RUN CONFIG files DIRECTORY ID [as attach; -h EXTRA_HOST -d DNS -S SEARCH -o OPTION -H]
 */
#include <fcntl.h>
#include <jansson.h>
#include <string.h>

#include "network/network.h"

#define MANY 64

struct words {
	const char *items[MANY];
	size_t len;
};

static int fail(struct error *err)
{
	(void)fprintf(stderr, "%s\n", error_text(err));
	return err->code == EADDRINUSE ? 3 : 1;
}

static void put(json_t *to, const char *key, const char *value)
{
	(void)json_object_set_new(to, key, value ? json_string(value) : json_null());
}

static json_t *endpoint_json(const struct network_endpoint *ep)
{
	json_t *json = json_pack("{s:i, s:i}", "prefix", ep->prefix, "prefix6", ep->prefix6);

	put(json, "network", ep->network);
	put(json, "interface", ep->interface);
	put(json, "mac", ep->mac);
	put(json, "address", ep->address);
	put(json, "gateway", ep->gateway);
	put(json, "address6", ep->address6);
	put(json, "gateway6", ep->gateway6);
	(void)json_object_set_new(json, "result", json_loads(ep->result, 0, NULL));
	return json;
}

static json_t *words_json(const struct strv *words)
{
	json_t *json = json_array();

	for (size_t i = 0; i < words->len; i++)
		(void)json_array_append_new(json, json_string(words->items[i]));
	return json;
}

static void print(json_t *json)
{
	(void)json_dumpf(json, stdout, JSON_INDENT(1));
	(void)printf("\n");
	json_decref(json);
}

static void print_attachment(const struct network_attachment *at)
{
	json_t *endpoints = json_array(), *ports = json_array();

	for (size_t i = 0; i < at->endpoints_len; i++)
		(void)json_array_append_new(endpoints, endpoint_json(&at->endpoints[i]));
	for (size_t i = 0; i < at->ports_len; i++)
		(void)json_array_append_new(ports, json_pack("{s:i, s:i, s:s, s:s}", "container",
							     at->ports[i].container, "host",
							     at->ports[i].host, "protocol",
							     at->ports[i].protocol, "ip",
							     at->ports[i].host_ip));
	print(json_pack("{s:s, s:o, s:o, s:o, s:o}", "netns", at->netns, "endpoints", endpoints,
			"ports", ports, "nameservers", words_json(&at->nameservers), "searches",
			words_json(&at->searches)));
}

static int list(const struct network_paths *paths)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct network_info *infos;
	json_t *all = json_array();
	size_t len;

	if (network_list(paths, &infos, &len, &err) < 0)
		return fail(&err);
	for (size_t i = 0; i < len; i++) {
		json_t *one = json_object();

		put(one, "name", infos[i].name);
		put(one, "type", infos[i].type);
		put(one, "file", infos[i].file);
		put(one, "subnet", infos[i].subnet);
		put(one, "gateway", infos[i].gateway);
		(void)json_array_append_new(all, one);
		network_info_done(&infos[i]);
	}
	free(infos);
	print(all);
	return 0;
}

struct options {
	struct words networks, aliases, hosts, dns, searches, dns_options;
	struct network_request request;
	struct network_port *ports;
	bool host_network;
};

static struct words *words_of(struct options *o, int letter)
{
	switch (letter) {
	case 'n':
		return &o->networks;
	case 'a':
		return &o->aliases;
	case 'h':
		return &o->hosts;
	case 'd':
		return &o->dns;
	case 'S':
		return &o->searches;
	case 'o':
		return &o->dns_options;
	default:
		return NULL;
	}
}

static int parse(struct options *o, int argc, char **argv, struct error *err)
{
	struct network_request *rq = &o->request;
	int c;

	rq->id = argv[0];
	while ((c = getopt(argc, argv, "n:p:m:i:a:s:h:d:S:o:H")) != -1) {
		struct words *to = words_of(o, c);
		int r = 0;

		if (to && to->len < MANY)
			to->items[to->len++] = optarg;
		else if (c == 'p')
			r = network_port_parse(optarg, &o->ports, &rq->ports_len, err);
		else if (c == 'm')
			rq->mac = optarg;
		else if (c == 'i')
			rq->address = optarg;
		else if (c == 's')
			rq->subnet = optarg;
		else if (c == 'H')
			o->host_network = true;
		if (r < 0)
			return r;
	}
	rq->networks = o->networks.items;
	rq->networks_len = o->networks.len;
	rq->aliases = o->aliases.items;
	rq->aliases_len = o->aliases.len;
	rq->ports = o->ports;
	return 0;
}

static int write_files(const char *directory, const struct options *o,
		       const struct network_attachment *at, struct error *err)
{
	const struct network_files files = { .hostname = "box",
					     .domainname = "example.org",
					     .attachment = at,
					     .extra_hosts = o->hosts.items,
					     .extra_hosts_len = o->hosts.len,
					     .dns = o->dns.items,
					     .dns_len = o->dns.len,
					     .dns_search = o->searches.items,
					     .dns_search_len = o->searches.len,
					     .dns_options = o->dns_options.items,
					     .dns_options_len = o->dns_options.len,
					     .host_network = o->host_network };
	_cleanup_close_ int fd = open(directory, O_DIRECTORY | O_CLOEXEC);

	return network_files_write(fd, &files, err);
}

int main(int argc, char **argv)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct network_attachment at = { 0 };
	struct options o = { 0 };
	struct network_paths paths;
	const char *command, *directory = NULL;
	int r;

	if (argc < 4)
		return 2;
	paths = (struct network_paths){ .root = "/nonexistent",
					.run_root = argv[1],
					.config = argv[2],
					.plugins = getenv("TEST_CNI_PATH") };
	command = argv[3];
	argv += 4;
	argc -= 4;
	if (strcmp(command, "list") == 0)
		return list(&paths);
	if (strcmp(command, "files") == 0 && argc > 0) {
		directory = *argv++;
		argc--;
	}
	if (argc < 1)
		return 2;
	r = parse(&o, argc, argv, &err);
	if (r < 0)
		return fail(&err);
	if (strcmp(command, "detach") == 0)
		r = network_detach(&paths, o.request.id, &err);
	else if (strcmp(command, "check") == 0)
		r = network_check(&paths, o.request.id, &err);
	else if (!o.host_network)
		r = network_attach(&paths, &o.request, &at, &err);
	if (r == 0 && directory)
		r = write_files(directory, &o, &at, &err);
	else if (r == 0 && at.netns)
		print_attachment(&at);
	network_attachment_done(&at);
	free(o.ports);
	return r < 0 ? fail(&err) : 0;
}

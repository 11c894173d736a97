/* SPDX-License-Identifier: Apache-2.0 */
/* docker's inspect of a network; its configuration for CNI beside it. */
#include <string.h>

#include "base/json_tree.h"
#include "hcs/view.h"

static json_t *containers_view(const char *network, const struct record *records, size_t len)
{
	json_t *containers = json_object();

	for (size_t i = 0; i < len && containers; i++)
		for (size_t k = 0; k < records[i].state.network.endpoints_len; k++) {
			const struct network_endpoint *ep = &records[i].state.network.endpoints[k];
			struct view view;

			if (!record_is_up(&records[i]) || strcmp(ep->network, network) != 0)
				continue;
			view = view_new();
			view_text(&view, "Name", records[i].name);
			view_text(&view, "EndpointID", ep->interface);
			view_text(&view, "MacAddress", ep->mac);
			if (ep->address)
				view_format(&view, "IPv4Address", "%s/%u", ep->address, ep->prefix);
			else
				view_text(&view, "IPv4Address", "");
			if (ep->address6)
				view_format(&view, "IPv6Address", "%s/%u", ep->address6,
					    ep->prefix6);
			else
				view_text(&view, "IPv6Address", "");
			if (view.failed ||
			    json_object_set(containers, records[i].id, view.json) < 0) {
				json_decref(view.json);
				json_decref(containers);
				return NULL;
			}
			json_decref(view.json);
		}
	return containers;
}

static json_t *ipam_view(const struct network_info *network)
{
	json_t *config = json_array();
	struct view view;

	if (network->subnet && config) {
		view = view_new();
		view_text(&view, "Subnet", network->subnet);
		if (network->gateway)
			view_text(&view, "Gateway", network->gateway);
		if (view.failed || json_array_append(config, view.json) < 0) {
			json_decref(config);
			config = NULL;
		}
		json_decref(view.json);
	}
	return config ? json_pack("{s:s, s:o}", "Driver", "default", "Config", config) : NULL;
}

json_t *view_network(const struct service *service, const struct network_info *network,
		     const struct record *records, size_t records_len, struct error *err)
{
	struct view view = view_new();
	json_t *cni = NULL;

	(void)service;
	if (json_tree_parse(network->config, strlen(network->config), &cni, err) < 0) {
		json_decref(view.json);
		return NULL;
	}
	view_text(&view, "Name", network->name);
	view_text(&view, "Id", network->name); /* it has no other */
	view_text(&view, "Scope", "local");
	view_text(&view, "Driver", network->type);
	view_json(&view, "IPAM", ipam_view(network));
	view_json(&view, "Containers", containers_view(network->name, records, records_len));
	view_json(&view, "Labels", json_object());
	view_text(&view, "File", network->file);
	view_json(&view, "CNI", cni);
	if (view.failed) {
		json_decref(view.json);
		(void)error_oom(err);
		return NULL;
	}
	return view.json;
}

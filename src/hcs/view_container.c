/* SPDX-License-Identifier: Apache-2.0 */
/* docker's inspect of a container. */
#include <string.h>

#include "hcs/view.h"
#include "image/store.h"

#define NEVER "0001-01-01T00:00:00Z" /* Go's zero */

static json_t *state_view(const struct record *record)
{
	const struct record_state *state = &record->state;
	struct view view = view_new();

	view_text(&view, "Status", record_status_name(state->status));
	view_bool(&view, "Running", record_is_up(record));
	view_bool(&view, "Paused", state->status == RECORD_PAUSED);
	view_bool(&view, "Restarting", state->status == RECORD_RESTARTING);
	view_bool(&view, "OOMKilled", state->oom_killed);
	view_bool(&view, "Dead", state->status == RECORD_DEAD);
	view_number(&view, "Pid", record_is_up(record) ? state->pid : 0);
	view_number(&view, "ExitCode", state->exit_code);
	view_text(&view, "Error", state->error);
	view_text(&view, "StartedAt", state->started_at ? state->started_at : NEVER);
	view_text(&view, "FinishedAt", state->finished_at ? state->finished_at : NEVER);
	if (view.failed) {
		json_decref(view.json);
		return NULL;
	}
	return view.json;
}

static json_t *view_take(struct view *view)
{
	if (!view->failed)
		return view->json;
	json_decref(view->json);
	return NULL;
}

static json_t *endpoint_view(const struct network_endpoint *ep, const struct strv *aliases)
{
	struct view view = view_new();

	view_json(&view, "Aliases", aliases && aliases->len ? view_list(aliases) : json_null());
	view_text(&view, "NetworkID", ep->network);
	view_text(&view, "EndpointID", ep->interface);
	view_text(&view, "Gateway", ep->gateway);
	view_text(&view, "IPAddress", ep->address);
	view_number(&view, "IPPrefixLen", ep->prefix);
	view_text(&view, "IPv6Gateway", ep->gateway6);
	view_text(&view, "GlobalIPv6Address", ep->address6);
	view_number(&view, "GlobalIPv6PrefixLen", ep->prefix6);
	view_text(&view, "MacAddress", ep->mac);
	return view_take(&view);
}

/* {"80/tcp": [{"HostIp", "HostPort"}], "443/tcp": null} */
static json_t *ports_view(const struct record *record)
{
	const struct network_attachment *network = &record->state.network;
	const struct strv *exposed = &record->config.exposed_ports;
	json_t *ports = json_object();
	int r = ports ? 0 : -1;

	for (size_t i = 0; record_is_up(record) && i < exposed->len && r == 0; i++)
		r = json_object_set_new(ports, exposed->items[i], json_null());
	for (size_t i = 0; i < network->ports_len && r == 0; i++) {
		const struct network_port *port = &network->ports[i];
		char name[24], host[8];
		json_t *list;

		(void)snprintf(name, sizeof(name), "%u/%s", port->container, port->protocol);
		(void)snprintf(host, sizeof(host), "%u", port->host);
		list = json_object_get(ports, name);
		if (!json_is_array(list)) {
			list = json_array();
			r = json_object_set_new(ports, name, list);
		}
		if (r == 0)
			r = json_array_append_new(
				list, json_pack("{s:s, s:s}", "HostIp",
						*port->host_ip ? port->host_ip : "0.0.0.0",
						"HostPort", host));
	}
	if (r < 0) {
		json_decref(ports);
		return NULL;
	}
	return ports;
}

static json_t *network_settings(const struct record *record)
{
	const struct network_attachment *network = &record->state.network;
	const struct network_endpoint none = { 0 };
	const struct network_endpoint *first =
		network->endpoints_len ? &network->endpoints[0] : &none;
	struct view view = view_new();
	json_t *networks = json_object();

	view_text(&view, "SandboxKey", network->netns);
	view_json(&view, "Ports", ports_view(record));
	view_text(&view, "Gateway", first->gateway);
	view_text(&view, "IPAddress", first->address);
	view_number(&view, "IPPrefixLen", first->prefix);
	view_text(&view, "IPv6Gateway", first->gateway6);
	view_text(&view, "GlobalIPv6Address", first->address6);
	view_number(&view, "GlobalIPv6PrefixLen", first->prefix6);
	view_text(&view, "MacAddress", first->mac);
	for (size_t i = 0; i < network->endpoints_len && networks; i++) {
		const struct network_endpoint *ep = &network->endpoints[i];

		if (json_object_set_new(
			    networks, ep->network,
			    endpoint_view(ep, i ? NULL : &record->config.network_aliases)) < 0) {
			json_decref(networks);
			networks = NULL;
		}
	}
	view_json(&view, "Networks", networks);
	return view_take(&view);
}

static json_t *mount_view(const struct service *service, const struct container_volume *volume)
{
	static const char *const types[] = {
		[VOLUME_BIND] = "bind", [VOLUME_NAMED] = "volume", [VOLUME_TMPFS] = "tmpfs"
	};
	struct view view = view_new();

	view_text(&view, "Type", types[volume->kind]);
	if (volume->kind == VOLUME_NAMED) {
		view_text(&view, "Name", volume->source);
		view_format(&view, "Source", "%s/volumes/%s/_data", service->root,
			    volume->source ? volume->source : "");
		view_text(&view, "Driver", "local");
	} else {
		view_text(&view, "Source", volume->source);
	}
	view_text(&view, "Destination", volume->destination);
	view_text(&view, "Mode", volume->readonly ? "ro" : "");
	view_bool(&view, "RW", !volume->readonly);
	view_text(&view, "Propagation", volume->propagation);
	return view_take(&view);
}

static json_t *mounts_view(const struct service *service, const struct container_config *config)
{
	json_t *mounts = json_array();

	for (size_t i = 0; i < config->volumes_len && mounts; i++)
		if (json_array_append_new(mounts, mount_view(service, &config->volumes[i])) < 0) {
			json_decref(mounts);
			mounts = NULL;
		}
	return mounts;
}

static void put_process(struct view *view, const struct container_config *config)
{
	size_t len;
	_cleanup_free_ char **argv = view_argv(config, &len);
	struct strv args = { 0 };

	if (!argv) {
		view->failed = true;
		return;
	}
	view_text(view, "Path", len ? argv[0] : "");
	if (len > 1)
		args = (struct strv){ .items = argv + 1, .len = len - 1 };
	view_json(view, "Args", view_list(&args));
}

static void put_files(struct view *view, const struct record *record)
{
	view_format(view, "ResolvConfPath", "%s/resolv.conf", record->path);
	view_format(view, "HostnamePath", "%s/hostname", record->path);
	view_format(view, "HostsPath", "%s/hosts", record->path);
	if (record->config.log.driver && strcmp(record->config.log.driver, "none") == 0)
		view_text(view, "LogPath", "");
	else
		view_format(view, "LogPath", "%s/%s-json.log", record->path, record->id);
}

static int put_sizes(struct view *view, const struct service *service, const struct record *record,
		     struct error *err)
{
	_cleanup_image_store_ struct image_store *store = NULL;
	_cleanup_image_ struct image image = { 0 };
	uint64_t size = view_scratch_size(record);
	int r = service_images(service, &store, err);

	if (r == 0)
		r = image_store_find(store, record->image_id, NULL, &image, err);
	if (r < 0)
		return r;
	view_number(view, "SizeRw", (int64_t)size);
	view_number(view, "SizeRootFs", (int64_t)(size + image.size));
	return 0;
}

json_t *view_container(const struct service *service, const struct record *record, bool size,
		       struct error *err)
{
	const bool hyperv = record->config.isolation == ISOLATION_HYPERV;
	json_t *config = container_config_json(&record->config);
	struct view view = view_new();

	view_text(&view, "Id", record->id);
	view_text(&view, "Created", record->created);
	put_process(&view, &record->config);
	view_json(&view, "State", state_view(record));
	view_text(&view, "Image", record->image_id);
	put_files(&view, record);
	view_format(&view, "Name", "/%s", record->name);
	view_number(&view, "RestartCount", record->state.restart_count);
	/* What the layers are to the container: directories of an overlay, or disks of its VM. */
	view_text(&view, "Driver", hyperv ? "erofs" : "overlay");
	view_text(&view, "Platform", "linux");
	view_json(&view, "HostConfig", json_incref(json_object_get(config, "HostConfig")));
	view_json(&view, "Mounts", mounts_view(service, &record->config));
	view_json(&view, "Config", json_incref(json_object_get(config, "Config")));
	view_json(&view, "NetworkSettings", network_settings(record));
	json_decref(config);
	if (!view.failed && size && put_sizes(&view, service, record, err) < 0) {
		json_decref(view.json);
		return NULL;
	}
	if (view.failed) {
		json_decref(view.json);
		(void)error_oom(err);
		return NULL;
	}
	return view.json;
}

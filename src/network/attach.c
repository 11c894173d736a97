/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <net/if.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/json_tree.h"
#include "network/cni.h"
#include "network/cni_config.h"
#include "network/cni_result.h"
#include "network/default_network.h"
#include "network/namespace.h"
#include "network/network.h"
#include "network/port_claim.h"
#include "network/route.h"
#include "network/state.h"

#define PLUGINS "/usr/lib/cni:/opt/cni/bin"
#define ID_MAX 64

static const char *plugins_of(const struct network_paths *paths)
{
	return paths->plugins ? paths->plugins : PLUGINS;
}

static void strv_done(struct strv *strv)
{
	for (size_t i = 0; i < strv->len; i++)
		free(strv->items[i]);
	free(strv->items);
	*strv = (struct strv){ 0 };
}

void network_attachment_done(struct network_attachment *attachment)
{
	free(attachment->netns);
	for (size_t i = 0; i < attachment->endpoints_len; i++)
		network_endpoint_done(&attachment->endpoints[i]);
	free(attachment->ports);
	strv_done(&attachment->nameservers);
	strv_done(&attachment->searches);
	*attachment = (struct network_attachment){ 0 };
}

static int check_id(const char *id, struct error *err)
{
	char printable[JSON_PRINTABLE_SIZE];

	if (cni_name_is_valid(id, ID_MAX))
		return 0;
	return error_set(err, EINVAL, "%s is no id of a container on a network",
			 json_printable(id, printable));
}

static int netns_path(const struct network_paths *paths, const char *id, char **ret,
		      struct error *err)
{
	if (asprintf(ret, "%s/netns/%s", paths->run_root, id) < 0) {
		*ret = NULL;
		return error_oom(err);
	}
	return 0;
}

/* What is done with one network: one file of the state. */
struct entry {
	json_t *json;
	struct cni_attachment at; /* borrows from json */
};

static void entry_done(struct entry *entry)
{
	json_decref(entry->json);
	*entry = (struct entry){ 0 };
}

/* Takes json. */
static void entry_set(struct entry *entry, json_t *json, const struct network_paths *paths,
		      const char *id, const char *netns, int keep_fd)
{
	*entry = (struct entry){
		.json = json,
		.at = { .plugins = plugins_of(paths),
			.id = id,
			.interface = json_string_value(json_object_get(json, "interface")),
			.netns = netns,
			.args = json_string_value(json_object_get(json, "args")),
			.list = json_object_get(json, "list"),
			.runtime = json_object_get(json, "runtime"),
			.previous = json_object_get(json, "result"),
			.keep_fd = keep_fd },
	};
}

/* The default network's interface goes with the namespace, in the background: taken out by the plugin, the
 * kernel would let us wait 20 ms for it. The address, which the plugin gives back then, goes at once: who
 * else is in the namespace (--network container:) must not keep it. Not before the turn of the container's
 * other networks, whose plugins want the namespace. */
static int leave_default(const json_t *json, const char *netns, struct error *err)
{
	const json_t *result = json_object_get(json, "result");
	const char *interface = json_string_value(json_object_get(json, "interface"));
	struct network_attachment has = { .endpoints_len = 1 };
	_cleanup_error_ struct error ignored = ERROR_INIT;
	_cleanup_close_ int fd = open(netns, O_RDONLY | O_CLOEXEC);

	if (fd >= 0 && interface && result &&
	    cni_result_read(result, interface, &has.endpoints[0], &has, &ignored) == 0 &&
	    has.endpoints[0].address)
		(void)route_drop_address(fd, interface, has.endpoints[0].address,
					 has.endpoints[0].prefix);
	network_attachment_done(&has);
	return namespace_unpin(netns, err);
}

static int entry_delete(const struct network_paths *paths, const char *id, const char *netns,
			int container_fd, unsigned n, struct error *err)
{
	_cleanup_(entry_done) struct entry entry = { 0 };
	char name[STATE_ENTRY_MAX];
	json_t *json;
	int r = state_load(container_fd, state_entry(n, name), &json, err);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (n == 0 && netns && json_is_true(json_object_get(json, "default"))) {
		r = leave_default(json, netns, err);
		netns = NULL;
	}
	entry_set(&entry, json, paths, id, netns, container_fd);
	if (r < 0)
		return r;
	if (!entry.at.interface || !json_is_object(entry.at.list))
		return error_set(err, EINVAL, "cni/%s/%s: not what is written there", id, name);
	return cni_delete(&entry.at, err);
}

/* All that is there of the container, its directory locked; *ret_kept: a plugin failed, and the state is
 * kept for another try. */
static int take_off(const struct network_paths *paths, int cni_fd, int container_fd, const char *id,
		    struct error *err)
{
	_cleanup_free_ char *netns = NULL;
	int r = netns_path(paths, id, &netns, err), first = 0;

	if (r < 0)
		return r;
	for (unsigned n = NETWORK_ENDPOINTS_MAX; n > 0; n--) {
		_cleanup_error_ struct error why = ERROR_INIT;

		r = entry_delete(paths, id, namespace_is_pinned(netns) ? netns : NULL, container_fd,
				 n - 1, &why);
		if (r < 0 && first == 0) {
			first = r;
			error_move(err, &why);
		}
	}
	if (first == 0)
		first = port_release(cni_fd, id, err);
	/* Also where a plugin failed: the interfaces go with the namespace. */
	if (first == 0)
		first = namespace_unpin(netns, err);
	else {
		_cleanup_error_ struct error ignored = ERROR_INIT;

		(void)namespace_unpin(netns, &ignored);
	}
	return first < 0 ? first : state_remove_container(cni_fd, container_fd, id, err);
}

int network_detach(const struct network_paths *paths, const char *id, struct error *err)
{
	_cleanup_close_ int cni_fd = -1, container_fd = -1;
	int r = check_id(id, err);

	if (r == 0)
		r = state_open(paths, false, &cni_fd, err);
	if (r == 0)
		r = state_open_container(cni_fd, id, false, &container_fd, err);
	if (r == -ENOENT && container_fd < 0 && cni_fd >= 0)
		return 0;
	if (r == 0)
		r = take_off(paths, cni_fd, container_fd, id, err);
	return r < 0 ? error_wrap(err, r, "take container %.12s off its networks", id) : 0;
}

int network_check(const struct network_paths *paths, const char *id, struct error *err)
{
	_cleanup_close_ int cni_fd = -1, container_fd = -1;
	_cleanup_free_ char *netns = NULL;
	int r = check_id(id, err);

	if (r == 0)
		r = netns_path(paths, id, &netns, err);
	if (r == 0)
		r = state_open(paths, false, &cni_fd, err);
	if (r == 0)
		r = state_open_container(cni_fd, id, false, &container_fd, err);
	if (r == -ENOENT && cni_fd >= 0)
		return error_set(err, ENOENT, "container %.12s is on no network", id);
	if (r == 0 && !namespace_is_pinned(netns))
		r = error_set(err, ENOENT, "container %.12s: its namespace %s is gone", id, netns);
	for (unsigned n = 0; n < NETWORK_ENDPOINTS_MAX && r == 0; n++) {
		_cleanup_(entry_done) struct entry entry = { 0 };
		char name[STATE_ENTRY_MAX];
		json_t *json;

		r = state_load(container_fd, state_entry(n, name), &json, err);
		if (r < 0)
			return r == -ENOENT ? 0 : r;
		entry_set(&entry, json, paths, id, netns, container_fd);
		r = cni_check(&entry.at, err);
	}
	return r;
}

/* What is being attached. */
struct attaching {
	const struct network_paths *paths;
	const struct network_request *request;
	struct cni_config configs[NETWORK_ENDPOINTS_MAX];
	int cni_fd, container_fd, netns_fd;
	struct network_attachment *to;
};

static void attaching_done(struct attaching *a)
{
	for (size_t i = 0; i < ARRAY_SIZE(a->configs); i++)
		cni_config_done(&a->configs[i]);
	a->netns_fd = close_fd(a->netns_fd);
	a->container_fd = close_fd(a->container_fd);
	a->cni_fd = close_fd(a->cni_fd);
}

static int load_config(struct attaching *a, size_t i, struct error *err)
{
	const char *name = a->request->networks[i];
	const char *directory = a->paths->config ? a->paths->config : CNI_CONFIG_DIRECTORY;
	int r;

	if (strcmp(name, "host") == 0 || strcmp(name, "none") == 0)
		return error_set(err, EINVAL, "network %s cannot be one of several", name);
	for (size_t k = 0; k < i; k++)
		if (strcmp(a->request->networks[k], name) == 0)
			return error_set(err, EINVAL, "network %s is named twice", name);
	/* An administrator's network of that name replaces the default one. */
	if (strcmp(name, NETWORK_DEFAULT) == 0) {
		_cleanup_error_ struct error none = ERROR_INIT;

		r = cni_config_find(directory, name, &a->configs[i], &none);
		if (r == -ENOENT)
			return default_network_config(a->paths, a->cni_fd, a->request->subnet,
						      i == 0 && a->request->ports_len > 0,
						      &a->configs[i], err);
		if (r < 0)
			error_move(err, &none);
		return r;
	}
	return cni_config_find(directory, name, &a->configs[i], err);
}

/* What was asked for and nobody would do is refused. */
static int check_request(const struct attaching *a, struct error *err)
{
	const struct network_request *rq = a->request;
	const struct {
		bool wanted;
		const char *capability, *what;
	} needs[] = {
		{ rq->ports_len > 0, "portMappings", "publish ports" },
		{ rq->aliases_len > 0, "aliases", "give aliases" },
	};
	const struct cni_config *first = &a->configs[0];

	if (rq->networks_len > 0) {
		for (size_t i = 0; i < ARRAY_SIZE(needs); i++)
			if (needs[i].wanted && !cni_config_can(first, needs[i].capability))
				return error_set(err, EOPNOTSUPP,
						 "network %s cannot %s: no plugin of %s has the "
						 "capability \"%s\"",
						 cni_config_name(first), needs[i].what,
						 first->file ? first->file : "the default network",
						 needs[i].capability);
		return 0;
	}
	if (rq->ports_len > 0 || rq->aliases_len > 0 || rq->mac || rq->address)
		return error_set(err, EINVAL,
				 "ports, aliases and addresses need a network (--network)");
	return 0;
}

static int plan(struct attaching *a, struct error *err)
{
	int r = check_id(a->request->id, err);

	if (r == 0 && a->request->networks_len > NETWORK_ENDPOINTS_MAX)
		r = error_set(err, E2BIG, "more than %d networks", NETWORK_ENDPOINTS_MAX);
	if (r == 0)
		r = state_open(a->paths, false, &a->cni_fd, err);
	for (size_t i = 0; i < a->request->networks_len && r == 0; i++)
		r = load_config(a, i, err);
	for (size_t i = 0; i < a->request->networks_len && r == 0; i++)
		r = cni_find(plugins_of(a->paths), a->configs[i].list, err);
	return r < 0 ? r : check_request(a, err);
}

static json_t *port_mappings(const struct network_attachment *to)
{
	json_t *list = json_array();

	for (size_t i = 0; i < to->ports_len && list; i++) {
		const struct network_port *p = &to->ports[i];
		json_t *one = json_pack("{s:i, s:i, s:s}", "hostPort", p->host, "containerPort",
					p->container, "protocol", p->protocol);

		if (!one || json_array_append(list, one) < 0 ||
		    (*p->host_ip &&
		     json_object_set_new(one, "hostIP", json_string(p->host_ip)) < 0)) {
			json_decref(list);
			list = NULL;
		}
		json_decref(one);
	}
	return list;
}

/* As the conventions have it, a list; the one plugin that there is wants a table of networks. */
static json_t *aliases(const struct attaching *a)
{
	const json_t *plugins = json_object_get(a->configs[0].list, "plugins"), *plugin;
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < a->request->aliases_len && list; i++)
		if (json_array_append_new(list, json_string(a->request->aliases[i])) < 0) {
			json_decref(list);
			return NULL;
		}
	json_array_foreach(plugins, i, plugin)
	{
		const char *type = json_string_value(json_object_get(plugin, "type"));

		if (list && strcmp(type, "dnsname") == 0)
			return json_pack("{s:o}", cni_config_name(&a->configs[0]), list);
	}
	return list;
}

/* The values that only the first network gets. */
static int put_runtime(const struct attaching *a, json_t *entry)
{
	const struct network_request *rq = a->request;
	json_t *runtime = json_object();
	_cleanup_free_ char *args = NULL;
	int r = runtime ? 0 : -1;

	if (r == 0 && rq->ports_len > 0)
		r = json_object_set_new(runtime, "portMappings", port_mappings(a->to));
	if (r == 0 && rq->aliases_len > 0)
		r = json_object_set_new(runtime, "aliases", aliases(a));
	if (r == 0 && rq->mac)
		r = json_object_set_new(runtime, "mac", json_string(rq->mac));
	if (r == 0 && rq->address)
		r = json_object_set_new(runtime, "ips", json_pack("[s]", rq->address));
	/* For plugins that know no capability for it but the older way; see check_wish. */
	if (r == 0 && (rq->mac || rq->address)) {
		r = asprintf(&args, "IgnoreUnknown=1%s%s%s%s", rq->address ? ";IP=" : "",
			     rq->address ? rq->address : "", rq->mac ? ";MAC=" : "",
			     rq->mac ? rq->mac : "");
		if (r < 0)
			args = NULL;
		else
			r = json_object_set_new(entry, "args", json_string(args));
	}
	if (r == 0)
		r = json_object_set(entry, "runtime", runtime);
	json_decref(runtime);
	return r < 0 ? -ENOMEM : 0;
}

/* A plugin that does not know a wish lets it pass in silence. */
static int check_wish(const struct network_request *rq, const struct network_endpoint *ep,
		      struct error *err)
{
	if (rq->address && (!ep->address || strcmp(rq->address, ep->address) != 0) &&
	    (!ep->address6 || strcmp(rq->address, ep->address6) != 0))
		return error_set(err, EOPNOTSUPP, "network %s cannot give the address %s",
				 ep->network, rq->address);
	if (rq->mac && (!ep->mac || strcasecmp(rq->mac, ep->mac) != 0))
		return error_set(err, EOPNOTSUPP, "network %s cannot give the MAC address %s",
				 ep->network, rq->mac);
	return 0;
}

static int add_network(struct attaching *a, unsigned n, struct error *err)
{
	struct network_endpoint *ep = &a->to->endpoints[n];
	char interface[IFNAMSIZ], name[STATE_ENTRY_MAX];
	_cleanup_(entry_done) struct entry entry = { 0 };
	json_t *json, *result = NULL;
	int r;

	(void)snprintf(interface, sizeof(interface), "eth%u", n);
	json = json_pack("{s:O, s:s, s:b}", "list", a->configs[n].list, "interface", interface,
			 "default", !a->configs[n].file);
	if (!json || (n == 0 && put_runtime(a, json) < 0)) {
		json_decref(json);
		return error_oom(err);
	}
	entry_set(&entry, json, a->paths, a->request->id, a->to->netns, a->container_fd);
	r = state_store(a->container_fd, state_entry(n, name), json, err);
	if (r == 0 && !a->configs[n].file)
		r = default_network_open_host(a->paths, &a->configs[n], err);
	if (r == 0)
		r = cni_add(&entry.at, &result, err);
	if (r == 0 && json_object_set_new(json, "result", result) < 0)
		r = error_oom(err);
	if (r == 0)
		r = state_store(a->container_fd, name, json, err);
	if (r < 0)
		return r;
	a->to->endpoints_len = n + 1;
	ep->network = strdup(cni_config_name(&a->configs[n]));
	ep->interface = strdup(interface);
	if (!ep->network || !ep->interface)
		return error_oom(err);
	r = cni_result_read(result, interface, ep, a->to, err);
	if (r == 0 && n == 0)
		r = check_wish(a->request, ep, err);
	if (r == 0 && n > 0) {
		r = route_drop_default(a->netns_fd, interface);
		if (r < 0)
			r = error_sys(err, -r, "remove the default route of %s", interface);
	}
	return r;
}

static int make_namespace(struct attaching *a, struct error *err)
{
	_cleanup_free_ char *directory = NULL;
	int r;

	if (asprintf(&directory, "%s/netns", a->paths->run_root) < 0) {
		directory = NULL;
		return error_oom(err);
	}
	if (mkdir(directory, 0755) < 0 && errno != EEXIST)
		return error_sys(err, errno, "make %s", directory);
	r = netns_path(a->paths, a->request->id, &a->to->netns, err);
	if (r == 0)
		r = namespace_make(&a->netns_fd, err);
	return r < 0 ? r : namespace_pin(a->netns_fd, a->to->netns, err);
}

static int take_ports(struct attaching *a, struct error *err)
{
	const struct network_request *rq = a->request;
	_cleanup_close_ int locked_fd = -1;
	int r;

	if (rq->ports_len == 0)
		return 0;
	a->to->ports = calloc(rq->ports_len, sizeof(*rq->ports));
	if (!a->to->ports)
		return error_oom(err);
	memcpy(a->to->ports, rq->ports, rq->ports_len * sizeof(*rq->ports));
	a->to->ports_len = rq->ports_len;
	r = state_open(a->paths, true, &locked_fd, err);
	return r < 0 ? r : port_claim(locked_fd, rq->id, a->to->ports, a->to->ports_len, err);
}

static int execute(struct attaching *a, struct error *err)
{
	int r = take_ports(a, err);

	if (r == 0)
		r = make_namespace(a, err);
	for (unsigned n = 0; n < a->request->networks_len && r == 0; n++) {
		r = add_network(a, n, err);
		if (r < 0)
			return error_wrap(err, r, "network %s", a->request->networks[n]);
	}
	return r;
}

int network_attach(const struct network_paths *paths, const struct network_request *request,
		   struct network_attachment *ret, struct error *err)
{
	struct network_attachment to = { 0 };
	_cleanup_(attaching_done) struct attaching a = { .paths = paths,
							 .request = request,
							 .cni_fd = -1,
							 .container_fd = -1,
							 .netns_fd = -1,
							 .to = &to };
	int r = plan(&a, err);

	if (r == 0)
		r = state_open_container(a.cni_fd, request->id, true, &a.container_fd, err);
	if (r < 0)
		return r;
	/* What one left behind that was killed. */
	r = take_off(paths, a.cni_fd, a.container_fd, request->id, err);
	a.container_fd = close_fd(a.container_fd);
	if (r == 0)
		r = state_open_container(a.cni_fd, request->id, true, &a.container_fd, err);
	if (r == 0)
		r = execute(&a, err);
	if (r < 0) {
		_cleanup_error_ struct error ignored = ERROR_INIT;

		if (a.container_fd >= 0)
			(void)take_off(paths, a.cni_fd, a.container_fd, request->id, &ignored);
		network_attachment_done(&to);
		return r;
	}
	*ret = to;
	return 0;
}

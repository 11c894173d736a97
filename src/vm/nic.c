/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/nic.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "vm/nic_read.h"
#include "vm/nic_redirect.h"
#include "vm/nic_tap.h"

static json_t *describe_ipv6(const struct nic_link *link)
{
	return json_pack("{s:b, s:i, s:i, s:i, s:i, s:i}", "disabled", link->ipv6_disabled,
			 "accept_dad", link->accept_dad, "accept_ra", link->accept_ra,
			 "accept_ra_defrtr", link->accept_ra_defrtr, "forwarding", link->forwarding,
			 "address_generation", (int)link->address_generation);
}

static json_t *describe_link(const struct nic_link *link, const char *mac, json_t *addresses)
{
	json_t *ipv6, *object = json_pack("{s:s, s:s, s:I, s:b, s:b, s:O}", "mac", mac, "name",
					  link->name, "mtu", (json_int_t)link->mtu, "up",
					  (link->flags & IFF_UP) != 0, "arp",
					  (link->flags & IFF_NOARP) == 0, "addresses", addresses);

	if (!object || !link->has_ipv6)
		return object;
	ipv6 = describe_ipv6(link);
	if (json_object_set_new(object, "ipv6", ipv6) < 0) {
		json_decref(object);
		return NULL;
	}
	return object;
}

static int describe_links(const struct nic_links *links, const struct nic_plan *plan,
			  json_t *addresses, json_t *request)
{
	json_t *array = json_array();
	int r = nic_put(request, "links", array);

	for (size_t i = 0; r == 0 && i < links->len; i++)
		if (json_array_append_new(array, describe_link(&links->items[i], plan->nics[i].mac,
							       json_array_get(addresses, i))) < 0)
			r = -ENOMEM;
	return r;
}

static int describe(struct netlink *nl, const struct nic_links *links, struct nic_plan *plan,
		    struct error *err)
{
	json_t *addresses = NULL, *routes = NULL, *rules = NULL, *neighbors = NULL;
	json_t *request = json_pack("{s:s}", "op", "network");
	int r = request ? 0 : error_oom(err);

	if (r == 0)
		r = nic_read_addresses(nl, links, &addresses, err);
	if (r == 0)
		r = nic_read_routes(nl, links, &routes, err);
	if (r == 0)
		r = nic_read_rules(nl, &rules, err);
	if (r == 0)
		r = nic_read_neighbors(nl, links, &neighbors, err);
	if (r == 0 && (describe_links(links, plan, addresses, request) < 0 ||
		       json_object_set(request, "routes", routes) < 0 ||
		       json_object_set(request, "rules", rules) < 0 ||
		       json_object_set(request, "neighbors", neighbors) < 0))
		r = error_oom(err);
	json_decref(addresses);
	json_decref(routes);
	json_decref(rules);
	json_decref(neighbors);
	if (r < 0)
		json_decref(request);
	else
		plan->request = request;
	return r;
}

/* The guest's redirect first: once the interface's is there, the host hears nothing more. */
static int attach(int netns_fd, struct netlink *nl, const struct nic_link *link, struct vm_nic *nic,
		  struct error *err)
{
	const unsigned char *m = link->mac;
	int tap = -1, r;

	(void)snprintf(nic->mac, sizeof(nic->mac), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1],
		       m[2], m[3], m[4], m[5]);
	r = nic_tap_make(netns_fd, nl, link->mtu, &tap, err);
	if (r < 0)
		return error_wrap(err, r, "network interface %s", link->name);
	nic->tap_fd = r;
	r = nic_redirect(nl, tap, "the tap", link->index, err);
	if (r == 0)
		r = nic_redirect(nl, link->index, link->name, tap, err);
	return r;
}

static int attach_all(int netns_fd, struct netlink *nl, const struct nic_links *links,
		      struct nic_plan *plan, struct error *err)
{
	int r = 0;

	for (; r == 0 && plan->len < links->len; plan->len++) {
		plan->nics[plan->len].tap_fd = -1;
		r = attach(netns_fd, nl, &links->items[plan->len], &plan->nics[plan->len], err);
	}
	/* Read last: what changes before the redirect is in it, what comes after is too late for
	 * process isolation's container as well. */
	if (r == 0)
		r = describe(nl, links, plan, err);
	return r;
}

int nic_attach(int netns_fd, struct nic_plan *ret, struct error *err)
{
	_cleanup_netlink_ struct netlink nl = NETLINK_INIT;
	struct nic_plan plan = NIC_PLAN_INIT;
	struct nic_links links = { 0 };
	int r = netlink_open_in(&nl, NETLINK_ROUTE, netns_fd);

	if (r < 0)
		return error_sys(err, -r, "enter the network namespace");
	r = nic_read_links(&nl, &links, err);
	if (r < 0)
		return r;
	if (links.has_taps)
		return error_set(err, EBUSY,
				 "the network namespace belongs to another virtual machine already "
				 "(a pod's containers share one: --host)");
	if (links.len > 0)
		r = attach_all(netns_fd, &nl, &links, &plan, err);
	if (r < 0) {
		_cleanup_error_ struct error ignored = ERROR_INIT;

		/* Only what this call got to: the rest has a redirect of others, if any. */
		for (size_t i = 0; i < plan.len; i++)
			(void)nic_redirect_remove(&nl, links.items[i].index, links.items[i].name,
						  &ignored);
		nic_plan_done(&plan);
		return r;
	}
	*ret = plan;
	return 0;
}

/* Every interface of a namespace, whatever it is. */
struct present {
	struct {
		int index;
		char name[IFNAMSIZ];
	} * items; /* owned */
	size_t len;
};

static int read_present(const struct netlink_message *message, void *data)
{
	const struct nlattr *table[IFLA_IFNAME + 1];
	struct present *present = data;
	struct ifinfomsg info;
	const char *name;
	void *more;
	int r;

	if (message->type != RTM_NEWLINK)
		return 0;
	r = nic_attributes(message, sizeof(info), table, IFLA_IFNAME);
	if (r < 0)
		return r;
	memcpy(&info, message->data, sizeof(info));
	name = netlink_string(table[IFLA_IFNAME]);
	if (info.ifi_family != AF_UNSPEC || !name || strlen(name) >= IFNAMSIZ)
		return 0;
	more = reallocarray(present->items, present->len + 1, sizeof(*present->items));
	if (!more)
		return -ENOMEM;
	present->items = more;
	present->items[present->len].index = info.ifi_index;
	memcpy(present->items[present->len++].name, name, strlen(name) + 1);
	return 0;
}

static void start_present(void *data)
{
	((struct present *)data)->len = 0;
}

static int remove_tap(struct netlink *nl, int index, const char *name, struct error *err)
{
	const struct ifinfomsg header = { .ifi_family = AF_UNSPEC, .ifi_index = index };
	struct netlink_request rq;
	int r;

	netlink_begin(&rq, RTM_DELLINK, 0, &header, sizeof(header));
	r = netlink_transact(nl, &rq, NULL, NULL, NULL);
	/* It may have gone by itself, with the VM. */
	return r < 0 && r != -ENODEV ? error_sys(err, -r, "remove %s", name) : 0;
}

static bool has_tap(const struct present *present)
{
	for (size_t i = 0; i < present->len; i++)
		if (nic_tap_is(present->items[i].name))
			return true;
	return false;
}

static int detach(int netns_fd, bool unless_taken, struct error *err)
{
	_cleanup_netlink_ struct netlink nl = NETLINK_INIT;
	const struct ifinfomsg header = { .ifi_family = AF_UNSPEC };
	struct present present = { 0 };
	int first = 0, r = netlink_open_in(&nl, NETLINK_ROUTE, netns_fd);

	if (r < 0)
		return error_sys(err, -r, "enter the network namespace");
	r = nic_dump(&nl, RTM_GETLINK, &header, sizeof(header), read_present, start_present,
		     &present);
	if (r < 0)
		first = error_sys(err, -r, "read the network interfaces");
	if (r == 0 && unless_taken && has_tap(&present))
		present.len = 0;
	for (size_t i = 0; r == 0 && i < present.len; i++) {
		_cleanup_error_ struct error cause = ERROR_INIT;
		const int index = present.items[i].index;
		const char *name = present.items[i].name;
		int done = nic_tap_is(name) ? remove_tap(&nl, index, name, &cause)
					    : nic_redirect_remove(&nl, index, name, &cause);

		if (done < 0 && first == 0) {
			first = done;
			error_move(err, &cause);
		}
	}
	free(present.items);
	return first;
}

int nic_detach(int netns_fd, struct error *err)
{
	return detach(netns_fd, false, err);
}

int nic_give_back(int netns_fd, struct error *err)
{
	return detach(netns_fd, true, err);
}

void nic_plan_done(struct nic_plan *plan)
{
	for (size_t i = 0; i < plan->len; i++)
		(void)close_fd(plan->nics[i].tap_fd);
	json_decref(plan->request);
	*plan = NIC_PLAN_INIT;
}

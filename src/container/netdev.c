/* SPDX-License-Identifier: Apache-2.0 */
#include "container/netdev.h"

#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/netlink.h"

#define TEMPLATE "%d"
#define TEMPLATE_TRIES 4096 /* numbers tried for a template */
#define ADDRESSES_MAX 4096  /* of one interface */
#define DUMP_TRIES 8        /* a dump broken off by a change is asked for again */
/* States that the kernel gives; the others say how the address is meant, and are kept. */
#define ADDRESS_STATES                                                                             \
	(IFA_F_PERMANENT | IFA_F_TENTATIVE | IFA_F_DEPRECATED | IFA_F_DADFAILED | IFA_F_SECONDARY)

struct address {
	struct ifaddrmsg header;
	uint32_t flags, priority;
	unsigned char local[16], peer[16], broadcast[16];
	unsigned char local_len, peer_len, broadcast_len; /* 0: absent */
	char label[IFNAMSIZ];
};

/* One interface on its way. */
struct device {
	const char *host_name;
	char name[IFNAMSIZ]; /* in the container */
	int index;           /* on the host */
	bool was_up, moved;
	struct address *addresses; /* owned */
	size_t addresses_len;
};

struct move {
	struct netlink host, inside;
	int host_netns_fd, netns_fd;
	struct device *devices; /* owned */
	size_t len;
};

static void move_done(struct move *m)
{
	for (size_t i = 0; i < m->len; i++)
		free(m->devices[i].addresses);
	free(m->devices);
	netlink_close(&m->host);
	netlink_close(&m->inside);
	(void)close_fd(m->host_netns_fd);
}

/* As the kernel's dev_valid_name(), and without control characters. */
static bool valid_name(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len >= IFNAMSIZ || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	for (size_t i = 0; i < len; i++)
		if (name[i] <= ' ' || name[i] == 0x7f || name[i] == '/' || name[i] == ':')
			return false;
	return true;
}

static bool is_template(const char *name)
{
	return strchr(name, '%') != NULL;
}

static const char *target_name(const struct oci_net_device *d)
{
	return d->name && *d->name ? d->name : d->host_name;
}

int netdev_check(const struct oci_net_devices *devices, struct error *err)
{
	for (size_t i = 0; i < devices->len; i++) {
		const struct oci_net_device *d = &devices->items[i];
		const char *name = target_name(d), *percent = strchr(name, '%');

		if (!valid_name(d->host_name) || is_template(d->host_name))
			return error_set(err, EINVAL,
					 "linux.netDevices[\"%s\"]: not the name of a network "
					 "device",
					 d->host_name);
		/* "appending %d to the new name": once, and last. */
		if (!valid_name(name) || (percent && strcmp(percent, TEMPLATE) != 0))
			return error_set(err, EINVAL,
					 "linux.netDevices[\"%s\"].name: \"%s\" cannot name a "
					 "network device",
					 d->host_name, name);
		for (size_t k = 0; k < i && !percent; k++)
			if (strcmp(name, target_name(&devices->items[k])) == 0)
				return error_set(err, EINVAL,
						 "linux.netDevices[\"%s\"].name: \"%s\" is "
						 "taken by \"%s\"",
						 d->host_name, name, devices->items[k].host_name);
	}
	return 0;
}

/* The kernel's answer as an error that names the device. */
static int fail(struct error *err, int r, const struct device *d, const char *what, const char *why)
{
	if (why)
		return error_set(err, -r, "linux.netDevices[\"%s\"]: %s: %s: %s", d->host_name,
				 what, strerror(-r), why);
	return error_sys(err, -r, "linux.netDevices[\"%s\"]: %s", d->host_name, what);
}

struct link {
	int index;
	unsigned int flags;
};

static int read_link(const struct netlink_message *message, void *data)
{
	const struct ifinfomsg *info = message->data;
	struct link *link = data;

	if (message->type != RTM_NEWLINK)
		return 0;
	if (message->len < sizeof(*info))
		return -EBADMSG;
	*link = (struct link){ .index = info->ifi_index, .flags = info->ifi_flags };
	return 0;
}

/* -ENODEV: there is none of that name. */
static int find_link(struct netlink *nl, const char *name, struct link *ret)
{
	const struct ifinfomsg body = { .ifi_family = AF_UNSPEC };
	struct netlink_request rq;
	struct link link = { 0 };
	int r;

	netlink_begin(&rq, RTM_GETLINK, 0, &body, sizeof(body));
	netlink_put_string(&rq, IFLA_IFNAME, name);
	r = netlink_transact(nl, &rq, read_link, &link, NULL);
	if (r < 0)
		return r;
	if (link.index <= 0)
		return -ENODEV;
	*ret = link;
	return 0;
}

static void copy_attr(const struct nlattr *attr, unsigned char *data, unsigned char *len)
{
	size_t n = attr ? netlink_payload_len(attr) : 0;

	*len = 0;
	if (n > 0 && n <= 16) {
		memcpy(data, netlink_payload(attr), n);
		*len = (unsigned char)n;
	}
}

static int read_address(const struct netlink_message *message, void *data)
{
	const struct ifaddrmsg *info = message->data;
	const struct nlattr *table[IFA_RT_PRIORITY + 1];
	struct device *d = data;
	struct address a, *more;
	const char *label;
	int r;

	if (message->type != RTM_NEWADDR)
		return 0;
	if (message->len < sizeof(*info))
		return -EBADMSG;
	/* A kernel before 4.20 does not filter a dump by interface. */
	if ((int)info->ifa_index != d->index)
		return 0;
	r = netlink_parse((const unsigned char *)message->data + NLMSG_ALIGN(sizeof(*info)),
			  message->len - NLMSG_ALIGN(sizeof(*info)), table, IFA_RT_PRIORITY);
	if (r < 0)
		return r;
	a = (struct address){ .header = *info };
	a.flags = netlink_u32(table[IFA_FLAGS], info->ifa_flags);
	/* config-linux.md: "permanent IP addresses … of any family with global scope" */
	if (!(a.flags & IFA_F_PERMANENT) || info->ifa_scope != RT_SCOPE_UNIVERSE)
		return 0;
	a.priority = netlink_u32(table[IFA_RT_PRIORITY], 0);
	copy_attr(table[IFA_LOCAL], a.local, &a.local_len);
	copy_attr(table[IFA_ADDRESS], a.peer, &a.peer_len);
	copy_attr(table[IFA_BROADCAST], a.broadcast, &a.broadcast_len);
	label = netlink_string(table[IFA_LABEL]);
	if (label && strlen(label) < sizeof(a.label))
		strcpy(a.label, label);
	if (d->addresses_len == ADDRESSES_MAX)
		return -E2BIG;
	more = reallocarray(d->addresses, d->addresses_len + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	d->addresses = more;
	d->addresses[d->addresses_len++] = a;
	return 0;
}

/* What has to be known to bring the device to the other side, and back. */
static int read_device(struct move *m, struct device *d, struct error *err)
{
	struct ifaddrmsg body = { .ifa_family = AF_UNSPEC };
	struct link link;
	int r = find_link(&m->host, d->host_name, &link);

	if (r == -ENODEV)
		return error_set(err, ENODEV,
				 "linux.netDevices[\"%s\"]: the host has no such network "
				 "device",
				 d->host_name);
	if (r < 0)
		return fail(err, r, d, "look it up", NULL);
	if (link.flags & IFF_LOOPBACK)
		return error_set(err, EINVAL,
				 "linux.netDevices[\"%s\"]: a loopback device belongs to its "
				 "namespace",
				 d->host_name);
	d->index = link.index;
	d->was_up = link.flags & IFF_UP;
	body.ifa_index = (uint32_t)link.index;
	for (int i = 0; i < DUMP_TRIES; i++) {
		struct netlink_request rq;

		d->addresses_len = 0;
		netlink_begin(&rq, RTM_GETADDR, NLM_F_DUMP, &body, sizeof(body));
		r = netlink_transact(&m->host, &rq, read_address, d, NULL);
		if (r != -EINTR)
			break;
	}
	return r < 0 ? fail(err, r, d, "read its addresses", NULL) : 0;
}

/* Settles the name inside; the kernel would do so for a template, but not tell which it took. */
static int settle_name(struct move *m, struct device *d, const char *wanted, struct error *err)
{
	struct link link;
	int r;

	if (!is_template(wanted)) {
		strcpy(d->name, wanted); /* netdev_check: it fits */
		r = find_link(&m->inside, d->name, &link);
		if (r == 0)
			return error_set(err, EEXIST,
					 "linux.netDevices[\"%s\"].name: the container has a "
					 "network device \"%s\" already",
					 d->host_name, d->name);
		return r == -ENODEV ? 0
				    : fail(err, r, d, "look up the name in the container", NULL);
	}
	for (int i = 0; i < TEMPLATE_TRIES; i++) {
		char name[2 * IFNAMSIZ];

		(void)snprintf(name, sizeof(name), "%.*s%d",
			       (int)(strlen(wanted) - strlen(TEMPLATE)), wanted, i);
		if (strlen(name) >= IFNAMSIZ)
			break;
		strcpy(d->name, name);
		r = find_link(&m->inside, name, &link);
		if (r == -ENODEV)
			return 0;
		if (r < 0)
			return fail(err, r, d, "look up a name in the container", NULL);
	}
	return error_set(err, EEXIST, "linux.netDevices[\"%s\"].name: no number is free for \"%s\"",
			 d->host_name, wanted);
}

/* Asks the namespace of nl to hand interface index over to netns_fd under another name. */
static int hand_over(struct netlink *nl, int index, int netns_fd, const char *name, char **ret_why)
{
	const struct ifinfomsg body = { .ifi_family = AF_UNSPEC, .ifi_index = index };
	struct netlink_request rq;

	netlink_begin(&rq, RTM_NEWLINK, 0, &body, sizeof(body));
	netlink_put_u32(&rq, IFLA_NET_NS_FD, (uint32_t)netns_fd);
	netlink_put_string(&rq, IFLA_IFNAME, name);
	return netlink_transact(nl, &rq, NULL, NULL, ret_why);
}

static int set_up(struct netlink *nl, int index, char **ret_why)
{
	const struct ifinfomsg body = {
		.ifi_family = AF_UNSPEC,
		.ifi_index = index,
		.ifi_flags = IFF_UP,
		.ifi_change = IFF_UP,
	};
	struct netlink_request rq;

	netlink_begin(&rq, RTM_NEWLINK, 0, &body, sizeof(body));
	return netlink_transact(nl, &rq, NULL, NULL, ret_why);
}

/* Labels begin with the name of the interface: ip-address(8). */
static void put_label(struct netlink_request *rq, const struct address *a, const char *old_name,
		      const char *new_name)
{
	const size_t old_len = strlen(old_name);
	char label[2 * IFNAMSIZ];

	if (!a->label[0])
		return;
	if (strncmp(a->label, old_name, old_len) != 0) {
		netlink_put_string(rq, IFA_LABEL, a->label);
		return;
	}
	(void)snprintf(label, sizeof(label), "%s%s", new_name, a->label + old_len);
	label[IFNAMSIZ - 1] = '\0';
	netlink_put_string(rq, IFA_LABEL, label);
}

static int add_address(struct netlink *nl, int index, const struct address *a, const char *old_name,
		       const char *new_name, char **ret_why)
{
	struct ifaddrmsg body = a->header;
	const uint32_t flags = a->flags & ~(uint32_t)ADDRESS_STATES;
	struct netlink_request rq;
	int r;

	body.ifa_index = (uint32_t)index;
	body.ifa_flags = (uint8_t)flags;
	netlink_begin(&rq, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &body, sizeof(body));
	if (a->local_len)
		netlink_put(&rq, IFA_LOCAL, a->local, a->local_len);
	if (a->peer_len)
		netlink_put(&rq, IFA_ADDRESS, a->peer, a->peer_len);
	if (a->broadcast_len)
		netlink_put(&rq, IFA_BROADCAST, a->broadcast, a->broadcast_len);
	put_label(&rq, a, old_name, new_name);
	netlink_put_u32(&rq, IFA_FLAGS, flags);
	if (a->priority)
		netlink_put_u32(&rq, IFA_RT_PRIORITY, a->priority);
	r = netlink_transact(nl, &rq, NULL, NULL, ret_why);
	return r == -EEXIST ? 0 : r;
}

/* Addresses, then up: routes of the addresses appear with it. */
static int furnish(struct netlink *nl, const struct device *d, int index, bool up,
		   const char *new_name, struct error *err)
{
	_cleanup_free_ char *why = NULL;
	int r;

	for (size_t i = 0; i < d->addresses_len; i++) {
		r = add_address(nl, index, &d->addresses[i], d->host_name, new_name, &why);
		if (r < 0)
			return fail(err, r, d, "give it its address back", why);
	}
	r = up ? set_up(nl, index, &why) : 0;
	return r < 0 ? fail(err, r, d, "set it up", why) : 0;
}

static int move_in(struct move *m, struct device *d, struct error *err)
{
	_cleanup_free_ char *why = NULL;
	struct link link;
	int r = hand_over(&m->host, d->index, m->netns_fd, d->name, &why);

	if (r < 0) {
		/* The kernel moves first and renames then: it may be over there all the same. */
		d->moved = find_link(&m->inside, d->host_name, &link) == 0 &&
			   find_link(&m->host, d->host_name, &link) == -ENODEV;
		if (r == -EINVAL && !d->moved)
			return error_set(err, EINVAL,
					 "linux.netDevices[\"%s\"]: a device of this kind "
					 "cannot change its namespace%s%s",
					 d->host_name, why ? ": " : "", why ? why : "");
		return fail(err, r, d, "move it to the container", why);
	}
	d->moved = true;
	r = find_link(&m->inside, d->name, &link);
	if (r < 0)
		return fail(err, r, d, "find it in the container", NULL);
	return furnish(&m->inside, d, link.index, true, d->name, err);
}

/* As far as it goes: the error to report is the one that led here. */
static void move_back(struct move *m, const struct device *d)
{
	_cleanup_error_ struct error ignored = ERROR_INIT;
	struct link link;

	if (find_link(&m->inside, d->name, &link) < 0 &&
	    find_link(&m->inside, d->host_name, &link) < 0)
		return;
	if (hand_over(&m->inside, link.index, m->host_netns_fd, d->host_name, NULL) < 0)
		return;
	if (find_link(&m->host, d->host_name, &link) == 0)
		(void)furnish(&m->host, d, link.index, d->was_up, d->host_name, &ignored);
}

/* Sockets on both sides, and a descriptor of the host's namespace for the way back. */
static int open_sides(struct move *m, struct error *err)
{
	struct stat host, inside;
	int r = netlink_open(&m->host, NETLINK_ROUTE);

	if (r < 0)
		return error_sys(err, -r, "linux.netDevices: open a netlink socket");
	/* Of the socket itself, with no need of /proc. Close-on-exec. */
	m->host_netns_fd = ioctl(m->host.fd, SIOCGSKNS);
	if (m->host_netns_fd < 0)
		return error_sys(err, errno, "linux.netDevices: open the host's network namespace");
	if (fstat(m->host_netns_fd, &host) < 0 || fstat(m->netns_fd, &inside) < 0)
		return error_sys(err, errno, "linux.netDevices: stat a network namespace");
	if (host.st_dev == inside.st_dev && host.st_ino == inside.st_ino)
		return error_set(err, EINVAL,
				 "linux.netDevices: the container shares the host's network "
				 "namespace");
	r = netlink_open_in(&m->inside, NETLINK_ROUTE, m->netns_fd);
	if (r < 0)
		return error_sys(err, -r,
				 "linux.netDevices: open a netlink socket in the container");
	return 0;
}

int netdev_move(const struct oci_net_devices *devices, int netns_fd, struct error *err)
{
	_cleanup_(move_done) struct move m = {
		.host = NETLINK_INIT,
		.inside = NETLINK_INIT,
		.host_netns_fd = -1,
		.netns_fd = netns_fd,
	};
	int r;

	if (devices->len == 0)
		return 0;
	r = netdev_check(devices, err);
	if (r < 0)
		return r;
	r = open_sides(&m, err);
	if (r < 0)
		return r;
	m.devices = calloc(devices->len, sizeof(*m.devices));
	if (!m.devices)
		return error_oom(err);
	m.len = devices->len;
	for (size_t i = 0; i < m.len; i++) {
		m.devices[i].host_name = devices->items[i].host_name;
		r = read_device(&m, &m.devices[i], err);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < m.len && r == 0; i++) {
		r = settle_name(&m, &m.devices[i], target_name(&devices->items[i]), err);
		if (r == 0)
			r = move_in(&m, &m.devices[i], err);
	}
	for (size_t i = m.len; r < 0 && i-- > 0;)
		if (m.devices[i].moved)
			move_back(&m, &m.devices[i]);
	return r;
}

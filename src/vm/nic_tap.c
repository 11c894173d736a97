/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/nic_tap.h"

#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/netns.h"

bool nic_tap_is(const char *name)
{
	return strncmp(name, NIC_TAP_NAME, strlen(NIC_TAP_NAME)) == 0;
}

struct opening {
	struct ifreq request;
	int fd, index;
	const char *what; /* that failed */
};

/* A tap belongs to the namespace in which its descriptor was opened. */
static int open_there(void *data)
{
	struct opening *o = data;
	struct ifreq query = { 0 };
	_cleanup_close_ int fd = -1, sock = -1;

	o->what = "open /dev/net/tun";
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	o->what = "make a tap device";
	if (ioctl(fd, TUNSETIFF, &o->request) < 0)
		return -errno;
	sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	memcpy(query.ifr_name, o->request.ifr_name, sizeof(query.ifr_name));
	if (sock < 0 || ioctl(sock, SIOCGIFINDEX, &query) < 0)
		return -errno;
	o->index = query.ifr_ifindex;
	o->fd = TAKE_FD(fd);
	return 0;
}

static int set_up(struct netlink *nl, int index, uint32_t mtu)
{
	/* No ARP, no IPv6 address: else the host would speak to the guest on the wire. */
	const struct ifinfomsg down = { .ifi_family = AF_UNSPEC, .ifi_index = index };
	const struct ifinfomsg up = {
		.ifi_family = AF_UNSPEC,
		.ifi_index = index,
		.ifi_flags = IFF_UP | IFF_NOARP,
		.ifi_change = IFF_UP | IFF_NOARP,
	};
	const uint8_t mode = IN6_ADDR_GEN_MODE_NONE;
	struct netlink_request rq;
	size_t spec, inet6;
	int r;

	netlink_begin(&rq, RTM_NEWLINK, 0, &down, sizeof(down));
	spec = netlink_nest(&rq, IFLA_AF_SPEC);
	inet6 = netlink_nest(&rq, AF_INET6);
	netlink_put(&rq, IFLA_INET6_ADDR_GEN_MODE, &mode, sizeof(mode));
	netlink_nest_end(&rq, inet6);
	netlink_nest_end(&rq, spec);
	r = netlink_transact(nl, &rq, NULL, NULL, NULL);
	if (r < 0 && r != -EAFNOSUPPORT) /* the latter: a kernel without IPv6 */
		return r;
	/* By itself: flags come before the rest of a request. */
	netlink_begin(&rq, RTM_NEWLINK, 0, &up, sizeof(up));
	netlink_put_u32(&rq, IFLA_MTU, mtu);
	return netlink_transact(nl, &rq, NULL, NULL, NULL);
}

int nic_tap_make(int netns_fd, struct netlink *nl, uint32_t mtu, int *ret_index, struct error *err)
{
	struct opening o = {
		/* With a header for each frame: checksums and segments are left undone as far
		 * as the guest's driver, which says so to the device, can take them. */
		.request = { .ifr_name = NIC_TAP_NAME "%d",
			     .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR },
		.fd = -1,
		.what = "enter the network namespace",
	};
	_cleanup_close_ int fd = -1;
	int r = netns_call(netns_fd, open_there, &o);

	fd = o.fd;
	if (r < 0)
		return error_sys(err, -r, "%s", o.what);
	r = set_up(nl, o.index, mtu);
	if (r < 0)
		return error_sys(err, -r, "bring %s up", o.request.ifr_name);
	*ret_index = o.index;
	return TAKE_FD(fd);
}

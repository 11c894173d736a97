/* SPDX-License-Identifier: Apache-2.0 */
/* Network devices are moved between two namespaces made for the test; `ip` says what became of
 * them. */
#include "child.h"

#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>

#include "container/netdev.h"

/* The child is the "host"; a process of its own holds the container's namespace. */
static int container_netns(void)
{
	int host = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), fd;

	CHECK(host >= 0 && unshare(CLONE_NEWNET) == 0);
	fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0 && setns(host, CLONE_NEWNET) == 0);
	(void)close(host);
	return fd;
}

static void make_host(void)
{
	CHECK(unshare(CLONE_NEWNET) == 0);
}

/* Output of a shell command in the namespace (-1: here). */
static char *run_in(int netns, const char *command)
{
	char line[2048], *out = calloc(1, 65536);
	FILE *f;

	(void)snprintf(line, sizeof(line), "%s%s 2>&1",
		       netns < 0 ? "" : "nsenter --net=/proc/self/fd/9 ", command);
	if (netns >= 0)
		CHECK(dup2(netns, 9) == 9);
	f = popen(line, "r");
	CHECK(out && f);
	(void)fread(out, 1, 65535, f);
	if (pclose(f) != 0) {
		dprintf(2, "%s: %s\n", line, out);
		_exit(1);
	}
	(void)close(9);
	return out;
}

static bool shows(int netns, const char *command, const char *text)
{
	char *out = run_in(netns, command);
	bool found = strstr(out, text);

	if (!found)
		dprintf(2, "no \"%s\" in: %s\n", text, out);
	free(out);
	return found;
}

static bool has_device(int netns, const char *name)
{
	char *out = run_in(netns, "ip -o link"), text[64];
	bool found;

	(void)snprintf(text, sizeof(text), ": %s", name);
	found = false;
	for (char *p = out; (p = strstr(p, text)); p++)
		found = found || p[strlen(text)] == ':' || p[strlen(text)] == '@';
	free(out);
	return found;
}

static struct oci_net_devices one(struct oci_net_device *d)
{
	return (struct oci_net_devices){ .items = d, .len = 1 };
}

static void a_device_moves_with_what_it_has(void *arg)
{
	struct oci_net_device d = { .host_name = "eth9", .name = "inside0" };
	struct oci_net_devices devices = one(&d);
	struct error err = ERROR_INIT;
	int ns;

	(void)arg;
	make_host();
	ns = container_netns();
	free(run_in(-1,
		    "sh -c 'ip link add eth9 type veth peer name peer9; ip link set eth9 mtu 1400 "
		    "address 02:00:00:00:00:09; ip link set peer9 up; ip link set eth9 up; "
		    "ip addr add 192.0.2.5/24 broadcast 192.0.2.255 label eth9:a dev eth9; "
		    "ip addr add 192.0.2.6/24 dev eth9; "
		    "ip addr add 198.51.100.1 peer 198.51.100.2/32 dev eth9; "
		    "ip addr add 169.254.7.7/16 scope link dev eth9; "
		    "ip addr add 203.0.113.9/24 valid_lft 500 preferred_lft 500 dev eth9; "
		    "ip -6 addr add 2001:db8::5/64 nodad dev eth9'"));
	CHECK_OK(netdev_move(&devices, ns, &err), &err);
	CHECK(!has_device(-1, "eth9") && has_device(ns, "inside0"));
	CHECK(shows(ns, "ip -o link show dev inside0", "mtu 1400"));
	CHECK(shows(ns, "ip -o link show dev inside0", "02:00:00:00:00:09"));
	CHECK(shows(ns, "ip -o link show dev inside0", ",UP"));
	CHECK(shows(ns, "ip -o -4 addr",
		    "inet 192.0.2.5/24 brd 192.0.2.255 scope global inside0:a"));
	CHECK(shows(ns, "ip -o -4 addr", "inet 192.0.2.6/24 scope global secondary inside0"));
	CHECK(shows(ns, "ip -o -4 addr", "inet 198.51.100.1 peer 198.51.100.2/32 scope global"));
	CHECK(shows(ns, "ip -o -6 addr", "inet6 2001:db8::5/64 scope global nodad"));
	/* Neither what is of the link alone nor what was lent for a time. */
	CHECK(!strstr(run_in(ns, "ip -o -4 addr"), "169.254.7.7"));
	CHECK(!strstr(run_in(ns, "ip -o -4 addr"), "203.0.113.9"));
}

static void many_addresses_come_along(void *arg)
{
	struct oci_net_device d = { .host_name = "eth9" };
	struct oci_net_devices devices = one(&d);
	struct error err = ERROR_INIT;
	int ns;

	(void)arg;
	make_host();
	ns = container_netns();
	free(run_in(
		-1,
		"sh -c 'ip link add eth9 type veth peer name peer9; for i in $(seq 1 250); do "
		"echo addr add 10.1.$i.1/24 dev eth9; echo addr add 2001:db8:$i::1/64 dev eth9; "
		"done | ip -batch -'"));
	CHECK_OK(netdev_move(&devices, ns, &err), &err);
	CHECK(shows(ns, "sh -c 'ip -o -4 addr show dev eth9 | wc -l'", "250\n"));
	CHECK(shows(ns, "sh -c 'ip -o -6 addr show dev eth9 scope global | wc -l'", "250\n"));
}

static void templates_take_the_first_free_number(void *arg)
{
	struct oci_net_device d[] = { { .host_name = "a0", .name = "eth%d" },
				      { .host_name = "a1", .name = "eth%d" } };
	struct oci_net_devices devices = { .items = d, .len = 2 };
	struct error err = ERROR_INIT;
	int ns;

	(void)arg;
	make_host();
	ns = container_netns();
	free(run_in(-1, "ip link add a0 type veth peer name a1"));
	free(run_in(ns, "ip link add eth0 type veth peer name a0"));
	CHECK_OK(netdev_move(&devices, ns, &err), &err); /* a0 there is no hindrance */
	CHECK(has_device(ns, "eth0") && has_device(ns, "eth1") && has_device(ns, "eth2"));
	CHECK(!has_device(-1, "a0") && !has_device(-1, "a1"));
}

static void a_failure_brings_all_back(void *arg)
{
	struct oci_net_device d[] = { { .host_name = "eth9", .name = "inside0" },
				      { .host_name = "eth8", .name = "taken" } };
	struct oci_net_devices devices = { .items = d, .len = 2 };
	struct error err = ERROR_INIT;
	int ns;

	(void)arg;
	make_host();
	ns = container_netns();
	free(run_in(-1, "sh -c 'ip link add eth9 type veth peer name eth8; ip link set eth8 up; "
			"ip link set eth9 up; ip addr add 192.0.2.5/24 dev eth9; "
			"ip -6 addr add 2001:db8::5/64 nodad dev eth9'"));
	free(run_in(ns, "ip link add taken type veth peer name other"));
	CHECK(netdev_move(&devices, ns, &err) == -EEXIST);
	CHECK(strcmp(error_text(&err),
		     "linux.netDevices[\"eth8\"].name: the container has a network "
		     "device \"taken\" already") == 0);
	CHECK(has_device(-1, "eth9") && has_device(-1, "eth8"));
	CHECK(!has_device(ns, "inside0") && !has_device(ns, "eth9"));
	CHECK(shows(-1, "ip -o link show dev eth9", ",UP"));
	CHECK(shows(-1, "ip -o -4 addr", "inet 192.0.2.5/24 scope global eth9"));
	CHECK(shows(-1, "ip -o -6 addr", "inet6 2001:db8::5/64 scope global nodad"));
}

static void what_cannot_move_is_named(void *arg)
{
	struct oci_net_device absent = { .host_name = "eth9" },
			      lo = { .host_name = "lo", .name = "l1" };
	struct oci_net_device bridge = { .host_name = "br9" };
	struct oci_net_devices devices = one(&absent);
	struct error err = ERROR_INIT;
	int ns, own;

	(void)arg;
	make_host();
	ns = container_netns();
	free(run_in(-1, "ip link add br9 type bridge"));
	CHECK(netdev_move(&devices, ns, &err) == -ENODEV);
	CHECK(strcmp(error_text(&err),
		     "linux.netDevices[\"eth9\"]: the host has no such network device") == 0);
	devices = one(&lo);
	CHECK(netdev_move(&devices, ns, &err) == -EINVAL);
	CHECK(strstr(error_text(&err), "linux.netDevices[\"lo\"]: a loopback device"));
	devices = one(&bridge);
	CHECK(netdev_move(&devices, ns, &err) == -EINVAL);
	CHECK(strstr(error_text(&err),
		     "linux.netDevices[\"br9\"]: a device of this kind cannot change "
		     "its namespace"));
	own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	CHECK(netdev_move(&devices, own, &err) == -EINVAL);
	CHECK(strstr(error_text(&err), "shares the host's network namespace"));
}

static void names_are_checked(void **state)
{
	static const struct {
		const char *host, *name, *text;
	} bad[] = {
		{ "", NULL, "linux.netDevices[\"\"]: not the name of a network device" },
		{ "..", NULL, "linux.netDevices[\"..\"]: not the name of a network device" },
		{ "a/b", NULL, "linux.netDevices[\"a/b\"]: not the name of a network device" },
		{ "eth%d", NULL, "linux.netDevices[\"eth%d\"]: not the name of a network device" },
		{ "eth0", "0123456789abcdef",
		  "linux.netDevices[\"eth0\"].name: \"0123456789abcdef\" cannot name a network "
		  "device" },
		{ "eth0", "a b",
		  "linux.netDevices[\"eth0\"].name: \"a b\" cannot name a network device" },
		{ "eth0", "%s",
		  "linux.netDevices[\"eth0\"].name: \"%s\" cannot name a network device" },
		{ "eth0", "a%d%d",
		  "linux.netDevices[\"eth0\"].name: \"a%d%d\" cannot name a network device" },
	};
	struct oci_net_device twice[] = { { .host_name = "a", .name = "x" },
					  { .host_name = "b", .name = "x" } };
	struct oci_net_devices two = { .items = twice, .len = 2 };
	struct error err = ERROR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct oci_net_device d = { .host_name = (char *)(uintptr_t)bad[i].host,
					    .name = (char *)(uintptr_t)bad[i].name };
		struct oci_net_devices devices = one(&d);

		assert_refused(netdev_check(&devices, &err), &err, bad[i].text);
	}
	assert_refused(netdev_check(&two, &err), &err,
		       "linux.netDevices[\"b\"].name: \"x\" is taken by \"a\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_CHILD(a_device_moves_with_what_it_has),
		IN_CHILD(many_addresses_come_along),
		IN_CHILD(templates_take_the_first_free_number),
		IN_CHILD(a_failure_brings_all_back),
		IN_CHILD(what_cannot_move_is_named),
		cmocka_unit_test(names_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

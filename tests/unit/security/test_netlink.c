/* SPDX-License-Identifier: Apache-2.0 */
#include "child.h"

#include <linux/rtnetlink.h>
#include <net/if.h>

#include "base/netlink.h"

static void a_long_attribute_cannot_wrap_its_length(void **state)
{
	static unsigned char data[70000];
	struct netlink_request rq;
	size_t len;

	(void)state;
	netlink_begin(&rq, RTM_GETLINK, 0, NULL, 0);
	len = rq.len;
	/* 65536 + 4 in 16 bits is 4: "no payload", and the payload read as attributes. */
	netlink_put(&rq, IFLA_IFNAME, data, 65536);
	assert_int_equal(rq.error, -EMSGSIZE);
	assert_int_equal(rq.len, len);
	netlink_put_u32(&rq, IFLA_MTU, 1); /* nothing more is added to a request that failed */
	assert_int_equal(rq.len, len);
	netlink_begin(&rq, RTM_GETLINK, 0, NULL, 0);
	netlink_put(&rq, IFLA_IFNAME, data, SIZE_MAX - 2);
	assert_int_equal(rq.error, -EMSGSIZE);
	netlink_begin(&rq, RTM_GETLINK, 0, data, NETLINK_REQUEST_MAX);
	assert_int_equal(rq.error, -EMSGSIZE);
}

static void a_request_ends_with_its_room(void **state)
{
	unsigned char data[100] = { 0 };
	struct netlink_request rq;
	struct netlink nl = NETLINK_INIT;

	(void)state;
	netlink_begin(&rq, RTM_GETLINK, 0, NULL, 0);
	for (int i = 0; i < NETLINK_REQUEST_MAX / 104; i++)
		netlink_put(&rq, 1, data, sizeof(data));
	assert_true(rq.len <= NETLINK_REQUEST_MAX);
	netlink_put(&rq, 1, data, sizeof(data));
	assert_int_equal(rq.error, -EMSGSIZE);
	assert_int_equal(netlink_transact(&nl, &rq, NULL, NULL, NULL), -EMSGSIZE);
}

static void attributes_are_read_within_bounds(void **state)
{
	union {
		struct nlattr attr;
		unsigned char bytes[32];
	} u = { .attr = { .nla_len = 8, .nla_type = 2 } };
	const struct nlattr *table[4];

	(void)state;
	assert_int_equal(netlink_parse(u.bytes, 8, table, 3), 0);
	assert_ptr_equal(table[2], &u.attr);
	assert_null(table[1]);
	assert_int_equal(netlink_parse(u.bytes, 7, table, 3),
			 -EBADMSG); /* longer than what is there */
	assert_int_equal(netlink_parse(u.bytes, 0, table, 3), 0);
	assert_int_equal(netlink_parse(u.bytes, 3, table, 3), -EBADMSG);
	u.attr.nla_len = 3; /* shorter than its own header: would never end */
	assert_int_equal(netlink_parse(u.bytes, 8, table, 3), -EBADMSG);
	u.attr.nla_len = 0;
	assert_int_equal(netlink_parse(u.bytes, 32, table, 3), -EBADMSG);
	u.attr = (struct nlattr){ .nla_len = 8, .nla_type = 9 }; /* unknown: left out */
	assert_int_equal(netlink_parse(u.bytes, 8, table, 3), 0);
	u.attr = (struct nlattr){ .nla_len = 6, .nla_type = 1 };
	u.bytes[4] = 'e';
	u.bytes[5] = 't';
	assert_int_equal(netlink_parse(u.bytes, 8, table, 3), 0);
	assert_null(netlink_string(table[1]));         /* not terminated */
	assert_int_equal(netlink_u32(table[1], 7), 7); /* not four bytes */
}

static int count(const struct netlink_message *message, void *data)
{
	if (message->type == RTM_NEWLINK)
		(*(int *)data)++;
	return 0;
}

static int stop(const struct netlink_message *message, void *data)
{
	(void)message;
	(void)data;
	return -ECANCELED;
}

static void requests_are_answered(void **state)
{
	const struct ifinfomsg body = { .ifi_family = AF_UNSPEC };
	struct netlink nl = NETLINK_INIT;
	struct netlink_request rq;
	char *why = NULL;
	int links = 0;

	(void)state;
	assert_int_equal(netlink_open(&nl, NETLINK_ROUTE), 0);
	netlink_begin(&rq, RTM_GETLINK, NLM_F_DUMP, &body, sizeof(body));
	assert_int_equal(netlink_transact(&nl, &rq, count, &links, NULL), 0);
	assert_true(links >= 1);
	/* A reader that gives up does not disturb the next request. */
	assert_int_equal(netlink_transact(&nl, &rq, stop, NULL, NULL), -ECANCELED);
	links = 0;
	netlink_begin(&rq, RTM_GETLINK, 0, &body, sizeof(body));
	netlink_put_string(&rq, IFLA_IFNAME, "lo");
	assert_int_equal(netlink_transact(&nl, &rq, count, &links, NULL), 0);
	assert_int_equal(links, 1);
	/* The kernel's own words on what is wrong. */
	netlink_begin(&rq, RTM_GETLINK, 0, &body, sizeof(body));
	netlink_put(&rq, IFLA_MTU, "x", 1);
	assert_true(netlink_transact(&nl, &rq, NULL, NULL, &why) < 0);
	assert_non_null(why);
	free(why);
	netlink_begin(&rq, RTM_GETLINK, 0, &body, sizeof(body));
	netlink_put_string(&rq, IFLA_IFNAME, "no-such-device");
	assert_int_equal(netlink_transact(&nl, &rq, NULL, NULL, NULL), -ENODEV);
	netlink_close(&nl);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_long_attribute_cannot_wrap_its_length),
		cmocka_unit_test(a_request_ends_with_its_room),
		cmocka_unit_test(attributes_are_read_within_bounds),
		cmocka_unit_test(requests_are_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

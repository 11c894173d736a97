/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "service/attach_protocol.h"

static int pair[2];

static int set_up(void **state)
{
	(void)state;
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair);
}

static int tear_down(void **state)
{
	(void)state;
	(void)close(pair[0]);
	(void)close(pair[1]);
	return 0;
}

static void packets(void **state)
{
	static struct attach_packet packet;
	static unsigned char most[ATTACH_DATA_MAX];

	(void)state;
	memset(most, 'x', sizeof(most));
	assert_int_equal(attach_receive(pair[1], &packet, MSG_DONTWAIT), -EAGAIN);
	assert_int_equal(attach_send(pair[0], ATTACH_INPUT, NULL, 0, 0), 0);
	assert_int_equal(attach_send(pair[0], ATTACH_OUTPUT, most, sizeof(most), 0), 0);
	assert_int_equal(attach_receive(pair[1], &packet, 0), 1);
	assert_int_equal(packet.type, ATTACH_INPUT);
	assert_int_equal(packet.len, 0);
	assert_int_equal(attach_receive(pair[1], &packet, 0), 1);
	assert_int_equal(packet.len, sizeof(most));
	assert_memory_equal(packet.data, most, sizeof(most));
}

static void what_is_none_of_ours(void **state)
{
	static char long_one[ATTACH_DATA_MAX + 2];
	static struct attach_packet packet;

	(void)state;
	assert_int_equal(send(pair[0], long_one, sizeof(long_one), 0), sizeof(long_one));
	assert_int_equal(attach_receive(pair[1], &packet, 0), -EPROTO);
	(void)shutdown(pair[0], SHUT_RDWR);
	assert_int_equal(attach_receive(pair[1], &packet, 0), 0);
	assert_int_equal(attach_send(pair[1], ATTACH_INPUT, "x", 1, 0), -EPIPE);
}

static void the_last_words_of_one_that_did_not_listen(void **state)
{
	static struct attach_packet packet;
	int32_t status = 5;

	(void)state;
	assert_int_equal(attach_send(pair[0], ATTACH_INPUT, "unread", 6, 0), 0);
	assert_int_equal(attach_send(pair[1], ATTACH_EXIT, &status, sizeof(status), 0), 0);
	(void)close(pair[1]);
	pair[1] = -1;
	assert_int_equal(attach_receive(pair[0], &packet, 0), 1);
	assert_int_equal(packet.type, ATTACH_EXIT);
	assert_int_equal(attach_receive(pair[0], &packet, 0), 0);
}

static void failures(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT, got = ERROR_INIT, cut = ERROR_INIT;
	static struct attach_packet packet;

	(void)state;
	(void)error_set(&err, ENOENT, "no such thing");
	err.exit_status = 127;
	assert_int_equal(attach_send_failure(pair[0], &err), 0);
	assert_int_equal(attach_receive(pair[1], &packet, 0), 1);
	assert_int_equal(attach_failure_read(&packet, &got), -ENOENT);
	assert_int_equal(got.exit_status, 127);
	assert_string_equal(error_text(&got), "no such thing");
	packet.len = 3;
	assert_int_equal(attach_failure_read(&packet, &cut), -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(packets, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_none_of_ours, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_last_words_of_one_that_did_not_listen, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(failures, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

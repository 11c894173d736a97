/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "wire/message.h"

static void test_result(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	json_t *message = message_result(json_pack("{s:i}", "pid", 7)), *result;
	char *text = json_dumps(message, JSON_COMPACT);

	(void)state;
	result = message_parse(text, strlen(text), &err);
	assert_non_null(result);
	assert_int_equal(json_integer_value(json_object_get(result, "pid")), 7);
	json_decref(result);
	json_decref(message);
	free(text);

	message = message_result(NULL);
	text = json_dumps(message, JSON_COMPACT);
	assert_string_equal(text, "{\"result\":{}}");
	json_decref(message);
	free(text);
}

static void test_error(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT, back = ERROR_INIT;
	json_t *message;
	char *text;

	(void)state;
	(void)error_set(&err, ENOENT, "process.args[0]: no such \xff\n\"program\"");
	err.exit_status = 127;
	message = message_error(&err);
	text = json_dumps(message, JSON_COMPACT);
	assert_null(message_parse(text, strlen(text), &back));
	assert_int_equal(back.code, ENOENT);
	assert_int_equal(back.exit_status, 127);
	assert_string_equal(error_text(&back), "process.args[0]: no such ?\\x0a\"program\"");
	json_decref(message);
	free(text);
}

/* Whatever a guest says, the host prints one bounded line of ASCII. */
static void test_hostile(void **state)
{
	static const char *const texts[] = {
		"",
		"{}",
		"[]",
		"{\"result\":7}",
		"{\"result\":",
		"{\"error\":7}",
		"{\"error\":{}}",
		"{\"error\":{\"code\":-1,\"message\":\"\\u001b[2J\\n\",\"status\":900}}",
		"{\"error\":{\"code\":99999999999,\"message\":7,\"status\":-1}}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		_cleanup_error_ struct error err = ERROR_INIT;

		assert_null(message_parse(texts[i], strlen(texts[i]), &err));
		assert_in_range(err.code, 1, 4095);
		assert_in_range(err.exit_status, 0, 255);
		assert_true(*error_text(&err));
		for (const char *c = error_text(&err); *c; c++)
			assert_in_range(*c, 0x20, 0x7e);
	}
}

static void test_long(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	static char text[100000];
	int n = snprintf(text, sizeof(text), "{\"error\":{\"code\":5,\"message\":\"");

	(void)state;
	memset(text + n, 'x', 90000);
	strcpy(text + n + 90000, "\"}}");
	assert_null(message_parse(text, strlen(text), &err));
	assert_int_equal(strlen(error_text(&err)), MESSAGE_TEXT_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_result),
		cmocka_unit_test(test_error),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

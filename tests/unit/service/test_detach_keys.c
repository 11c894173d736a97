/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "service/detach_keys.h"

static void parse(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct detach_keys keys;

	(void)state;
	assert_int_equal(detach_keys_parse(NULL, &keys, &err), 0);
	assert_int_equal(keys.len, 2);
	assert_int_equal(keys.keys[0], 16);
	assert_int_equal(keys.keys[1], 17);
	assert_int_equal(detach_keys_parse("", &keys, &err), 0);
	assert_int_equal(keys.len, 0);
	assert_int_equal(detach_keys_parse("a,ctrl-@,ctrl-[,ctrl-_,b", &keys, &err), 0);
	assert_int_equal(keys.len, 5);
	assert_memory_equal(keys.keys,
			    "a\0\x1b\x1f"
			    "b",
			    5);
}

static void refused(void **state)
{
	static const char *const bad[] = {
		"ctrl-",    "ctrl-A",    "ctrl-1",  "ctrl-pp",
		"nonsense", "ctrl-p,xx", "shift-a", "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q",
	};
	struct detach_keys keys;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_error_ struct error err = ERROR_INIT;

		assert_int_equal(detach_keys_parse(bad[i], &keys, &err), -EINVAL);
		assert_non_null(strstr(error_text(&err), "--detach-keys"));
	}
}

/* What comes out of what is typed, in pieces of every size; '!' in expected: detached there. */
static void check(const char *sequence, const char *typed, const char *expected)
{
	for (size_t piece = 1; piece <= strlen(typed); piece++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		struct detach_keys keys;
		char out[256] = "";
		size_t out_len = 0;
		bool detached = false;

		assert_int_equal(detach_keys_parse(sequence, &keys, &err), 0);
		for (size_t at = 0; at < strlen(typed) && !detached; at += piece) {
			unsigned char data[64 + DETACH_KEYS_MAX];
			size_t len = strnlen(typed + at, piece);

			memcpy(data, typed + at, len);
			detached = detach_keys_filter(&keys, data, &len);
			memcpy(out + out_len, data, len);
			out_len += len;
		}
		if (detached)
			out[out_len] = '!';
		assert_string_equal(out, expected);
	}
}

static void filter(void **state)
{
	(void)state;
	check("p,q", "hello", "hello");
	check("p,q", "pq", "!");
	check("p,q", "abpq", "ab!");
	check("p,q", "papq", "pa!");
	check("p,q", "ppq", "p!");
	check("p,q", "pppx", "pppx");
	check("a,b,c", "ababc", "ab!");
	check("a,b,c", "abxabyabc", "abxaby!");
	check("x", "abcx", "abc!");
	check("", "pq", "pq");
	check(NULL,
	      "\x10"
	      "a\x10\x11",
	      "\x10"
	      "a!");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse),
		cmocka_unit_test(refused),
		cmocka_unit_test(filter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

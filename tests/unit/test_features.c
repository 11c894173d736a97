/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <string.h>

#include "oci/features.h"
#include "oci/parse.h"

static json_t *features(void)
{
	_cleanup_free_ char *text = oci_features(NULL);
	json_t *doc;

	assert_non_null(text);
	doc = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(doc);
	return doc;
}

static json_t *at(json_t *doc, const char *a, const char *b, const char *c)
{
	json_t *value = json_object_get(doc, a);

	if (b)
		value = json_object_get(value, b);
	if (c)
		value = json_object_get(value, c);
	assert_non_null(value);
	return value;
}

static bool has(json_t *array, const char *word)
{
	size_t i;
	json_t *item;

	json_array_foreach(array, i,
			   item) if (strcmp(json_string_value(item), word) == 0) return true;
	return false;
}

static void versions_are_the_range_that_validate_accepts(void **state)
{
	json_t *doc = features();

	(void)state;
	assert_string_equal(json_string_value(at(doc, "ociVersionMin", NULL, NULL)), "1.0.0");
	assert_string_equal(json_string_value(at(doc, "ociVersionMax", NULL, NULL)), "1.3.0");
	json_decref(doc);
}

static void the_lists_are_whole(void **state)
{
	json_t *doc = features();

	(void)state;
	assert_int_equal(json_array_size(at(doc, "hooks", NULL, NULL)), OCI_HOOK_KINDS);
	assert_int_equal(json_array_size(at(doc, "linux", "namespaces", NULL)), OCI_NS_KINDS);
	assert_int_equal(json_array_size(at(doc, "linux", "capabilities", NULL)), 41);
	assert_int_equal(json_array_size(at(doc, "linux", "seccomp", "actions")), 9);
	assert_int_equal(json_array_size(at(doc, "linux", "seccomp", "operators")), 7);
	assert_true(has(at(doc, "linux", "seccomp", "archs"), "SCMP_ARCH_X86_64"));
	assert_true(has(at(doc, "linux", "seccomp", "knownFlags"),
			"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"));
	assert_true(has(at(doc, "mountOptions", NULL, NULL), "ridmap"));
	assert_true(has(at(doc, "mountOptions", NULL, NULL), "rro"));
	assert_true(json_is_true(at(doc, "linux", "cgroup", "v1")));
	assert_true(json_is_true(at(doc, "linux", "cgroup", "v2")));
	assert_true(json_is_true(
		json_object_get(at(doc, "linux", "mountExtensions", "idmap"), "enabled")));
	assert_non_null(at(doc, "annotations", "io.hcs.version", NULL));
	json_decref(doc);
}

/* Parses one config per word; fmt has the word's place as its only %s. */
static void assert_words_parse(json_t *words, const char *fmt)
{
	size_t i;
	json_t *word;

	json_array_foreach(words, i, word)
	{
		_cleanup_oci_spec_ struct oci_spec spec = { 0 };
		_cleanup_error_ struct error err = ERROR_INIT;
		const char *place = strchr(fmt, '@');
		_cleanup_free_ char *text = NULL;

		assert_true(asprintf(&text, "%.*s%s%s", (int)(place - fmt), fmt,
				     json_string_value(word), place + 1) > 0);
		if (oci_spec_parse(text, strlen(text), &spec, &err) < 0)
			fail_msg("%s: %s", text, error_text(&err));
	}
}

/* features-linux.md: "The runtime MUST recognize the elements in this array". */
static void what_features_lists_the_parser_recognizes(void **state)
{
	json_t *doc = features();

	(void)state;
	assert_words_parse(
		at(doc, "hooks", NULL, NULL),
		"{\"ociVersion\":\"1.3.0\",\"hooks\":{\"@\":[{\"path\":\"/bin/true\"}]}}");
	assert_words_parse(
		at(doc, "linux", "namespaces", NULL),
		"{\"ociVersion\":\"1.3.0\",\"linux\":{\"namespaces\":[{\"type\":\"@\"}]}}");
	assert_words_parse(
		at(doc, "linux", "seccomp", "actions"),
		"{\"ociVersion\":\"1.3.0\",\"linux\":{\"seccomp\":{\"defaultAction\":\"@\"}}}");
	assert_words_parse(at(doc, "linux", "seccomp", "archs"),
			   "{\"ociVersion\":\"1.3.0\",\"linux\":{\"seccomp\":"
			   "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"@\"]}}}");
	assert_words_parse(at(doc, "linux", "seccomp", "knownFlags"),
			   "{\"ociVersion\":\"1.3.0\",\"linux\":{\"seccomp\":"
			   "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"@\"]}}}");
	assert_words_parse(
		at(doc, "linux", "memoryPolicy", "modes"),
		"{\"ociVersion\":\"1.3.0\",\"linux\":{\"memoryPolicy\":{\"mode\":\"@\"}}}");
	json_decref(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions_are_the_range_that_validate_accepts),
		cmocka_unit_test(the_lists_are_whole),
		cmocka_unit_test(what_features_lists_the_parser_recognizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

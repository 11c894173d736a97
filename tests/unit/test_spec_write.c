/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <glob.h>
#include <string.h>

#include "base/fd.h"
#include "base/json_tree.h"
#include "oci/parse.h"
#include "oci/sections.h"
#include "oci/write.h"

static json_t *read_tree(const char *path)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_free_ char *text = NULL;
	json_t *tree = NULL;
	size_t len;

	assert_int_equal(file_read(AT_FDCWD, path, OCI_CONFIG_MAX, &text, &len), 0);
	if (json_tree_parse(text, len, &tree, &err) < 0)
		fail_msg("%s: %s", path, error_text(&err));
	return tree;
}

static json_t *must(json_t *object, struct error *err)
{
	if (!object)
		fail_msg("%s", error_text(err));
	assert_int_equal(err->code, 0);
	return object;
}

/* Parsed and written again; owned. */
static json_t *process_again(const json_t *from)
{
	_cleanup_free_ char *text = json_tree_text(from);
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_arena_ struct arena arena = { 0 };
	struct oci_process *process = NULL;

	if (oci_process_parse(text, strlen(text), &arena, &process, &err) < 0)
		fail_msg("%s: %s", text, error_text(&err));
	return must(oci_process_json(process, &err), &err);
}

static json_t *resources_again(const json_t *from)
{
	_cleanup_free_ char *text = json_tree_text(from);
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_arena_ struct arena arena = { 0 };
	struct oci_resources *resources = NULL;

	if (oci_resources_parse(text, strlen(text), &arena, &resources, &err) < 0)
		fail_msg("%s: %s", text, error_text(&err));
	return must(oci_resources_json(resources, &err), &err);
}

static void assert_same(const json_t *a, const json_t *b)
{
	_cleanup_free_ char *text_a = json_dumps(a, JSON_SORT_KEYS);
	_cleanup_free_ char *text_b = json_dumps(b, JSON_SORT_KEYS);

	assert_int_equal(!a, !b);
	if (a)
		assert_string_equal(text_a, text_b);
}

/* A row of the tables that the document does not have would not be tested below. */
static void assert_has_all(const struct object_type *type, const json_t *object, const char *where)
{
	for (size_t i = 0; i < type->len; i++) {
		const struct property *p = &type->properties[i];
		const json_t *value = NULL, *part, *given = json_object_get(object, p->name);
		const char *key;
		size_t j;

		/* Of a list, any of its objects may have it. */
		json_array_foreach((json_t *)object, j, part) if (!given) given =
			json_object_get(part, p->name);
		if (!given)
			fail_msg("%s.%s is not in everything.json", where, p->name);
		if (p->type == PROPERTY_CUSTOM && !p->write)
			fail_msg("%s.%s cannot be written", where, p->name);
		if (!p->object)
			continue;
		if (p->type == PROPERTY_CUSTOM) { /* a map of objects */
			json_t *objects = json_array();

			json_object_foreach((json_t *)given, key, value)
				assert_int_equal(json_array_append(objects, (json_t *)value), 0);
			assert_has_all(p->object, objects, p->name);
			json_decref(objects);
		} else {
			assert_has_all(p->object, given, p->name);
		}
	}
}

static void every_property_is_written(void **state)
{
	json_t *tree = read_tree(TEST_DATA "/everything.json"), *process, *resources, *again;

	(void)state;
	process = json_object_get(tree, "process");
	assert_has_all(&oci_process_type, process, "process");
	again = process_again(process);
	assert_same(again, process);
	json_decref(again);

	resources = json_object_get(json_object_get(tree, "linux"), "resources");
	assert_has_all(&oci_resources_type, resources, "resources");
	again = resources_again(resources);
	assert_same(again, resources);
	json_decref(again);
	json_decref(tree);
}

static void the_struct_is_the_same_after_a_round(void **state)
{
	static const char text[] =
		"{\"cwd\":\"/w\",\"args\":[\"a\",\"\"],\"capabilities\":{},\"env\":[],"
		"\"rlimits\":[{\"type\":\"RLIMIT_CORE\",\"hard\":18446744073709551615,\"soft\":0}],"
		"\"consoleSize\":{\"height\":0,\"width\":0},\"oomScoreAdj\":0,"
		"\"user\":{\"uid\":4294967295,\"umask\":0}}";
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_arena_ struct arena arena = { 0 };
	json_t *from = json_object(), *again;
	_cleanup_free_ char *written = NULL;
	struct oci_process *p;

	(void)state;
	json_decref(from);
	assert_int_equal(json_tree_parse(text, strlen(text), &from, &err), 0);
	again = process_again(from);
	written = json_tree_text(again);
	assert_int_equal(oci_process_parse(written, strlen(written), &arena, &p, &err), 0);
	assert_string_equal(p->cwd, "/w");
	assert_int_equal(p->args.len, 2);
	assert_string_equal(p->args.items[1], "");
	assert_non_null(p->capabilities); /* none, which is not the same as not said */
	assert_true(p->rlimits.items[0].hard == UINT64_MAX);
	assert_true(p->rlimits.items[0].soft == 0);
	assert_true(p->console_size.set);
	assert_true(p->oom_score_adj.set && p->oom_score_adj.value == 0);
	assert_true(p->user.uid == UINT32_MAX && p->user.gid == 0);
	assert_true(p->user.umask.set && p->user.umask.value == 0);
	assert_null(p->scheduler);
	json_decref(again);
	json_decref(from);
}

static void only_what_was_given_is_written(void **state)
{
	json_t *bare = json_pack("{s:s}", "cwd", "/"), *empty = json_object(), *again;
	_cleanup_error_ struct error err = ERROR_INIT;
	struct oci_resources none = { 0 };

	(void)state;
	again = process_again(bare);
	assert_same(again, bare);
	json_decref(again);
	again = must(oci_resources_json(&none, &err), &err);
	assert_same(again, empty);
	json_decref(again);
	json_decref(bare);
	json_decref(empty);
}

/* Writing what was written gives the same, whatever the spec's authors thought of. */
static void the_spec_s_own_examples_survive(void **state)
{
	size_t processes = 0, resources = 0;
	glob_t paths;

	(void)state;
	assert_int_equal(glob(TEST_DATA "/oci-schema/test/config/good/*.json", 0, NULL, &paths), 0);
	for (size_t i = 0; i < paths.gl_pathc; i++) {
		json_t *tree = read_tree(paths.gl_pathv[i]), *first, *second;
		json_t *process = json_object_get(tree, "process");
		json_t *limits = json_object_get(json_object_get(tree, "linux"), "resources");

		if (process) {
			first = process_again(process);
			second = process_again(first);
			assert_same(first, second);
			assert_same(json_object_get(first, "args"),
				    json_object_get(process, "args"));
			json_decref(first);
			json_decref(second);
			processes++;
		}
		if (limits) {
			first = resources_again(limits);
			second = resources_again(first);
			assert_same(first, second);
			assert_same(json_object_get(first, "memory"),
				    json_object_get(limits, "memory"));
			json_decref(first);
			json_decref(second);
			resources++;
		}
		json_decref(tree);
	}
	globfree(&paths);
	assert_true(processes > 0 && resources > 0);
}

static void text_that_json_cannot_carry_is_named(void **state)
{
	char *args[] = { "prog", "caf\xe9", NULL };
	struct oci_process process = { .cwd = "/", .args = { args, 2 } };
	_cleanup_error_ struct error err = ERROR_INIT;

	(void)state;
	assert_null(oci_process_json(&process, &err));
	assert_int_equal(err.code, EILSEQ);
	assert_string_equal(error_text(&err),
			    "process.args[1]: not UTF-8, which is all that JSON can carry");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_property_is_written),
		cmocka_unit_test(the_struct_is_the_same_after_a_round),
		cmocka_unit_test(only_what_was_given_is_written),
		cmocka_unit_test(the_spec_s_own_examples_survive),
		cmocka_unit_test(text_that_json_cannot_carry_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

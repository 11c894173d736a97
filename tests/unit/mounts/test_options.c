/* SPDX-License-Identifier: Apache-2.0 */
/* Every option of a mount means what config.md says, and an unknown one is refused by its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>
#include <cmocka.h>

#include "container/mount_options.h"
#include "container/mount_plan.h"
#include "oci/parse.h"

static struct mount_options parse(const char *first, const char *second)
{
	static struct arena arena;
	char *items[] = { (char *)first, (char *)second, NULL };
	struct strv options = { items, second ? 2 : 1 };
	struct mount_options ret;
	struct error err = ERROR_INIT;

	arena_done(&arena);
	assert_int_equal(mount_options_parse(&options, &arena, &ret, &err), 0);
	return ret;
}

static void test_attributes(void **state)
{
	static const struct {
		const char *option;
		uint64_t set, clr;
	} expected[] = {
		{ "ro", MOUNT_ATTR_RDONLY, 0 },
		{ "rw", 0, MOUNT_ATTR_RDONLY },
		{ "nosuid", MOUNT_ATTR_NOSUID, 0 },
		{ "suid", 0, MOUNT_ATTR_NOSUID },
		{ "nodev", MOUNT_ATTR_NODEV, 0 },
		{ "dev", 0, MOUNT_ATTR_NODEV },
		{ "noexec", MOUNT_ATTR_NOEXEC, 0 },
		{ "exec", 0, MOUNT_ATTR_NOEXEC },
		{ "nodiratime", MOUNT_ATTR_NODIRATIME, 0 },
		{ "diratime", 0, MOUNT_ATTR_NODIRATIME },
		{ "nosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0 },
		{ "symfollow", 0, MOUNT_ATTR_NOSYMFOLLOW },
		{ "noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME },
		{ "atime", 0, MOUNT_ATTR__ATIME },
		{ "relatime", 0, MOUNT_ATTR__ATIME },
		{ "norelatime", 0, MOUNT_ATTR__ATIME },
		{ "strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME },
		{ "nostrictatime", 0, MOUNT_ATTR__ATIME },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		char recursive[32];
		struct mount_options top = parse(expected[i].option, NULL), tree;

		assert_int_equal(top.attrs.set, expected[i].set);
		assert_int_equal(top.attrs.clr, expected[i].clr);
		assert_int_equal(top.rec_attrs.set | top.rec_attrs.clr, 0);
		assert_int_equal(top.data_len, 0);
		(void)snprintf(recursive, sizeof(recursive), "r%s", expected[i].option);
		tree = parse(recursive, NULL);
		assert_int_equal(tree.rec_attrs.set, expected[i].set);
		assert_int_equal(tree.rec_attrs.clr, expected[i].clr);
		assert_int_equal(tree.attrs.set | tree.attrs.clr, 0);
	}
}

static void test_last_one_wins(void **state)
{
	struct mount_options options = parse("ro", "rw");

	(void)state;
	assert_int_equal(options.attrs.set, 0);
	assert_int_equal(options.attrs.clr, MOUNT_ATTR_RDONLY);
	options = parse("rw", "ro");
	assert_int_equal(options.attrs.set, MOUNT_ATTR_RDONLY);
	assert_int_equal(options.attrs.clr, 0);
	options = parse("noatime", "strictatime");
	assert_int_equal(options.attrs.set, MOUNT_ATTR_STRICTATIME);
	options = parse("sync", "async");
	assert_int_equal(options.sb_flags, 0);
}

static void test_superblock(void **state)
{
	static const struct {
		const char *set, *clear;
		unsigned flag;
	} expected[] = {
		{ "sync", "async", MOUNT_SB_SYNC },
		{ "dirsync", "nodirsync", MOUNT_SB_DIRSYNC },
		{ "mand", "nomand", MOUNT_SB_MAND },
		{ "lazytime", "nolazytime", MOUNT_SB_LAZYTIME },
		{ "iversion", "noiversion", MOUNT_SB_IVERSION },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		assert_int_equal(parse(expected[i].set, NULL).sb_flags, expected[i].flag);
		assert_int_equal(parse(expected[i].set, expected[i].clear).sb_flags, 0);
	}
	assert_int_equal(parse("silent", "loud").data_len, 0);
	assert_int_equal(parse("defaults", NULL).data_len, 0);
}

static void test_propagation(void **state)
{
	static const struct {
		const char *option;
		uint64_t type;
	} expected[] = { { "shared", MS_SHARED },
			 { "slave", MS_SLAVE },
			 { "private", MS_PRIVATE },
			 { "unbindable", MS_UNBINDABLE } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		char recursive[32];
		struct mount_options options;

		(void)snprintf(recursive, sizeof(recursive), "r%s", expected[i].option);
		options = parse(expected[i].option, recursive);
		assert_int_equal(options.propagations_len, 2);
		assert_int_equal(options.propagations[0].type, expected[i].type);
		assert_false(options.propagations[0].recursive);
		assert_int_equal(options.propagations[1].type, expected[i].type);
		assert_true(options.propagations[1].recursive);
	}
}

static void test_the_rest(void **state)
{
	struct mount_options options = parse("size=64k", "newinstance");

	(void)state;
	assert_int_equal(options.data_len, 2);
	assert_string_equal(options.data[0].key, "size");
	assert_string_equal(options.data[0].value, "64k");
	assert_string_equal(options.data[1].key, "newinstance");
	assert_null(options.data[1].value);
	assert_true(parse("bind", NULL).bind && !parse("bind", NULL).rbind);
	assert_true(parse("rbind", NULL).bind && parse("rbind", NULL).rbind);
	assert_true(parse("remount", NULL).remount);
	assert_true(parse("tmpcopyup", NULL).tmpcopyup);
	assert_true(parse("copy-symlink", NULL).copy_symlink);
	assert_int_equal(parse("idmap", NULL).idmap, MOUNT_IDMAP_TOP);
	assert_int_equal(parse("ridmap", NULL).idmap, MOUNT_IDMAP_RECURSIVE);
}

/* The lookup is a binary search. */
static void test_table_sorted(void **state)
{
	(void)state;
	for (size_t i = 1; mount_option_name(i); i++)
		assert_true(strcmp(mount_option_name(i - 1), mount_option_name(i)) < 0);
}

static void test_refused(void **state)
{
	static const struct {
		const char *mount, *message;
	} refused[] = {
		{ "{\"destination\":\"/a\",\"source\":\"/b\",\"options\":[\"rbind\",\"size=1\"]}",
		  "mounts[0].options[1]: \"size\" is no option of a bind mount" },
		{ "{\"destination\":\"/a\",\"source\":\"/b\",\"options\":[\"rbind\",\"sync\"]}",
		  "mounts[0].options[1]: \"sync\" acts on a whole file system" },
		{ "{\"destination\":\"/a\",\"options\":[\"rbind\"]}", "mounts[0].source: missing" },
		{ "{\"destination\":\"/a\",\"source\":\"/b\"}", "mounts[0].type: missing" },
		{ "{\"destination\":\"/a/..\",\"type\":\"tmpfs\"}", "is the root itself" },
		{ "{\"destination\":\"/proc\",\"type\":\"tmpfs\"}", "only procfs" },
		{ "{\"destination\":\"proc/../proc/self\",\"type\":\"tmpfs\"}", "only procfs" },
		{ "{\"destination\":\"/a\",\"type\":\"proc\",\"options\":[\"tmpcopyup\"]}",
		  "tmpcopyup needs type tmpfs" },
		{ "{\"destination\":\"/a\",\"type\":\"tmpfs\",\"options\":[\"=x\"]}",
		  "mounts[0].options[0]: \"=x\" has no name" },
		{ "{\"destination\":\"/a\",\"type\":\"cgroup\",\"options\":[\"ro\",\"xattr\"]}",
		  "mounts[0].options[1]" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		struct error err = ERROR_INIT;
		struct mount_plan *plan = NULL;
		struct oci_spec spec;
		char text[512];

		(void)snprintf(
			text, sizeof(text),
			"{\"ociVersion\":\"1.2.0\",\"root\":{\"path\":\"r\"},\"mounts\":[%s]}",
			refused[i].mount);
		assert_int_equal(oci_spec_parse(text, strlen(text), &spec, &err), 0);
		assert_true(mount_plan_parse(&spec, &plan, &err) < 0);
		assert_null(plan);
		if (!strstr(error_text(&err), refused[i].message))
			fail_msg("\"%s\" has not \"%s\"", error_text(&err), refused[i].message);
		error_done(&err);
		oci_spec_done(&spec);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_attributes), cmocka_unit_test(test_last_one_wins),
		cmocka_unit_test(test_superblock), cmocka_unit_test(test_propagation),
		cmocka_unit_test(test_the_rest),   cmocka_unit_test(test_table_sorted),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests_name("mount options", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <malloc.h>
#include <string.h>

#include "service/container_config.h"
#include "service/lists.h"
#include "service/volume_spec.h"

static struct container_config parsed(const char *text)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct container_config config;
	json_t *json = json_loads(text, 0, NULL);

	assert_non_null(json);
	if (container_config_from_json(json, &config, &err) < 0)
		fail_msg("%s", error_text(&err));
	json_decref(json);
	return config;
}

#define MINIMAL                                                                                    \
	"{\"Config\": {}, \"HostConfig\": {\"Isolation\": \"process\"}, \"NetworkingConfig\": {}}"

static void test_docker_shape(void **state)
{
	struct container_config config = parsed(MINIMAL);
	json_t *json = container_config_json(&config), *host = json_object_get(json, "HostConfig");

	(void)state;
	assert_string_equal(json_string_value(json_object_get(host, "Isolation")), "process");
	assert_int_equal(json_integer_value(json_object_get(host, "Memory")), 0);
	assert_true(json_is_integer(json_object_get(host, "Memory")));
	assert_true(json_is_null(json_object_get(host, "Binds")));
	assert_true(json_is_false(json_object_get(host, "Privileged")));
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(host, "RestartPolicy"), "Name")),
		"no");
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(json, "Config"), "Hostname")),
		"");
	json_decref(json);
	container_config_done(&config);
}

static void test_broken_json_is_refused_by_path(void **state)
{
	static const struct {
		const char *text, *path;
	} cases[] = {
		{ "{}", "Config" },
		{ "{\"Config\": {}, \"HostConfig\": {}, \"NetworkingConfig\": {}}", "Isolation" },
		{ "{\"Config\": {\"Env\": 1}, \"HostConfig\": {\"Isolation\": \"process\"}, "
		  "\"NetworkingConfig\": {}}",
		  "Config.Env" },
		{ "{\"Config\": {}, \"HostConfig\": {\"Isolation\": \"jail\"}, "
		  "\"NetworkingConfig\": {}}",
		  "HostConfig.Isolation" },
		{ "{\"Config\": {}, \"HostConfig\": {\"Isolation\": \"process\", \"Memory\": "
		  "\"1\"}, "
		  "\"NetworkingConfig\": {}}",
		  "HostConfig.Memory" },
		{ "{\"Config\": {}, \"HostConfig\": {\"Isolation\": \"process\", \"PortBindings\": "
		  "{\"x\": [{}]}}, \"NetworkingConfig\": {}}",
		  "HostConfig.PortBindings.x" },
		{ "{\"Config\": {}, \"HostConfig\": {\"Isolation\": \"process\", \"PortBindings\": "
		  "{\"80/abcdefghi\": [{}]}}, \"NetworkingConfig\": {}}",
		  "HostConfig.PortBindings" },
		{ "{\"Config\": {}, \"HostConfig\": {\"Isolation\": \"process\", \"Mounts\": "
		  "[{\"Type\": \"volume\", \"Source\": \"../x\", \"Target\": \"/y\"}]}, "
		  "\"NetworkingConfig\": {}}",
		  "HostConfig.Mounts[0]" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		struct container_config config;
		json_t *json = json_loads(cases[i].text, 0, NULL);

		assert_non_null(json);
		assert_true(container_config_from_json(json, &config, &err) < 0);
		if (!strstr(error_text(&err), cases[i].path))
			fail_msg("\"%s\" does not name %s", error_text(&err), cases[i].path);
		json_decref(json);
	}
}

/* --- merging with the image --------------------------------------------------------------------- */

struct commands {
	const char *user_entrypoint, *user_cmd, *image_entrypoint, *image_cmd;
	const char *entrypoint, *cmd; /* NULL: an error */
};

static struct strv words(struct arena *arena, const char *text)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct strv list = { 0 };

	if (text)
		assert_int_equal(strv_add(arena, &list, text, &err), 0);
	return list;
}

static void check_word(const struct strv *list, const char *text)
{
	assert_int_equal(list->len, text && *text ? 1 : 0);
	if (list->len)
		assert_string_equal(list->items[0], text);
}

static void test_entrypoint_and_cmd(void **state)
{
	static const struct commands cases[] = {
		{ NULL, NULL, NULL, "ic", "", "ic" },   { NULL, "uc", NULL, "ic", "", "uc" },
		{ NULL, NULL, "ie", "ic", "ie", "ic" }, { NULL, "uc", "ie", "ic", "ie", "uc" },
		{ "ue", NULL, "ie", "ic", "ue", "" },   { "ue", "uc", "ie", "ic", "ue", "uc" },
		{ "", "uc", "ie", "ic", "", "uc" },     { "", NULL, "ie", "ic", NULL, NULL },
		{ NULL, NULL, NULL, NULL, NULL, NULL }, { NULL, NULL, "ie", NULL, "ie", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		_cleanup_arena_ struct arena arena = { 0 };
		struct container_config config = { 0 };
		struct image_config image = { 0 };
		int r;

		config.entrypoint = words(&config.arena, cases[i].user_entrypoint);
		config.cmd = words(&config.arena, cases[i].user_cmd);
		image.entrypoint = words(&arena, cases[i].image_entrypoint);
		image.cmd = words(&arena, cases[i].image_cmd);
		r = container_config_merge_image(&config, &image, &err);
		if (!cases[i].entrypoint) {
			assert_int_equal(r, -EINVAL);
			assert_string_equal(error_text(&err), "no command specified");
		} else {
			assert_int_equal(r, 0);
			check_word(&config.entrypoint, cases[i].entrypoint);
			check_word(&config.cmd, cases[i].cmd);
		}
		container_config_done(&config);
	}
}

static void test_image_is_below_the_user(void **state)
{
	static char *const image_env[] = { (char *)"A=1", (char *)"B=2", (char *)"C=3" };
	static char *const user_env[] = { (char *)"B=x", (char *)"C" };
	_cleanup_error_ struct error err = ERROR_INIT;
	struct container_config config = { 0 };
	struct image_config image = { 0 };

	(void)state;
	image.env = (struct strv){ (char **)image_env, 3 };
	image.user = (char *)"app";
	image.working_dir = (char *)"/srv";
	image.stop_signal = (char *)"SIGQUIT";
	image.cmd = words(&config.arena, "x");
	image.volumes = words(&config.arena, "/data/");
	image.exposed_ports = words(&config.arena, "80/tcp");
	assert_int_equal(strv_append(&config.arena, &config.env, user_env, 2, &err), 0);
	assert_int_equal(key_values_set(&config.arena, &image.labels, "l", "image", &err), 0);
	assert_int_equal(key_values_set(&config.arena, &config.labels, "l", "user", &err), 0);
	config.working_dir = (char *)"/tmp";
	assert_int_equal(container_config_merge_image(&config, &image, &err), 0);
	assert_int_equal(config.env.len, 3);
	assert_memory_equal(config.env.items[0], "PATH=/", 6);
	assert_string_equal(config.env.items[1], "A=1");
	assert_string_equal(config.env.items[2], "B=x");
	assert_string_equal(config.user, "app");
	assert_string_equal(config.working_dir, "/tmp");
	assert_string_equal(config.stop_signal, "SIGQUIT");
	assert_string_equal(key_values_get(&config.labels, "l"), "user");
	assert_string_equal(config.exposed_ports.items[0], "80/tcp");
	assert_int_equal(config.volumes_len, 1);
	assert_string_equal(config.volumes[0].destination, "/data");
	assert_true(config.volumes[0].anonymous);
	assert_int_equal(strlen(config.volumes[0].source), 64);
	container_config_done(&config);
}

static size_t memory_in_use(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

/* As many as a document may have: lists that grow by copies would take gigabytes. */
static void test_what_an_image_has_is_not_squared(void **state)
{
	enum { MANY = 60000 };
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_arena_ struct arena arena = { 0 };
	struct container_config config = { 0 };
	struct image_config image = { 0 };
	size_t before;

	(void)state;
	image.cmd = words(&arena, "x");
	image.labels.items = arena_array(&arena, struct key_value, MANY);
	image.exposed_ports.items = arena_array(&arena, char *, MANY);
	for (int i = 0; i < MANY; i++) {
		char *text = arena_printf(&arena, "%d/tcp", i + 1);

		image.labels.items[i] = (struct key_value){ text, text };
		image.exposed_ports.items[i] = text;
	}
	image.labels.len = image.exposed_ports.len = MANY;
	before = memory_in_use();
	assert_int_equal(container_config_merge_image(&config, &image, &err), 0);
	assert_int_equal(config.labels.len, MANY);
	assert_int_equal(config.exposed_ports.len, MANY);
	assert_true(memory_in_use() - before < (size_t)64 * 1024 * 1024);
	container_config_done(&config);
	/* Each volume would be a directory, and a mount. */
	config = (struct container_config){ 0 };
	image.volumes = image.exposed_ports;
	for (int i = 0; i < MANY; i++)
		image.volumes.items[i] = arena_printf(&arena, "/v/%d", i);
	assert_int_equal(container_config_merge_image(&config, &image, &err), -E2BIG);
	assert_string_equal(error_text(&err), "the image has 60000 volumes, more than 1024");
	container_config_done(&config);
}

/* --- volumes ------------------------------------------------------------------------------------ */

static void test_short_volumes(void **state)
{
	static const struct {
		const char *text, *again; /* again NULL: refused */
	} cases[] = {
		{ "/a:/b", "/a:/b" },
		{ "/a/../c:/b/", "/c:/b" },
		{ "vol:/b:ro", "vol:/b:ro" },
		{ "vol:/b:ro,nocopy", "vol:/b:ro,nocopy" },
		{ "/a:/b:rw,rslave", "/a:/b:rslave" },
		{ "/a:/b:ro,shared", "/a:/b:ro,shared" },
		{ "./d:/b", "/cwd/d:/b" },
		{ "a:b:c:d", NULL },
		{ "", NULL },
		{ ":/b", NULL },
		{ "/a:", NULL },
		{ "/a:b", NULL },
		{ "/a:/", NULL },
		{ "x:/b", NULL },
		{ "a/b:/c", NULL },
		{ "../x:/b", "/x:/b" },
		{ "vol:/b:z", NULL },
		{ "vol:/b:rslave", NULL },
		{ "vol:/b:cached", NULL },
		{ "vol:/b:nonsense", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		_cleanup_arena_ struct arena arena = { 0 };
		struct container_volume volume;
		int r = volume_parse_short(cases[i].text, "/cwd", &arena, &volume, &err);

		if (r == 0 && !cases[i].again)
			fail_msg("%s is taken", cases[i].text);
		if (r < 0 && cases[i].again)
			fail_msg("%s: %s", cases[i].text, error_text(&err));
		if (r == 0)
			assert_string_equal(volume_format_short(&volume, &arena), cases[i].again);
	}
}

static void test_long_volumes(void **state)
{
	static const char *const good[] = {
		"type=bind,source=/a,target=/b",
		"type=bind,src=/a,dst=/b,readonly,bind-propagation=rslave",
		"type=volume,src=vol,destination=/b,volume-nocopy=true",
		"target=/b",
		"type=tmpfs,target=/b,tmpfs-size=1m,tmpfs-mode=1770",
		"type=bind,\"source=/a,b\",target=/c",
		"type=bind,source=/a,target=/b,ro=false,bind-recursive=disabled",
	};
	static const char *const bad[] = {
		"type=bind,source=/a",
		"type=bind,target=/b",
		"type=bind,source=a,target=/b",
		"type=bind,source=/a,target=b",
		"type=nfs,source=/a,target=/b",
		"type=tmpfs,source=/a,target=/b",
		"type=tmpfs,target=/b,tmpfs-size=x",
		"type=tmpfs,target=/b,tmpfs-mode=9",
		"type=volume,source=/a,target=/b",
		"type=volume,source=v1,target=/b,bind-propagation=shared",
		"type=bind,source=/a,target=/b,readonly=maybe",
		"type=bind,source=/a,target=/b,unknown=1",
		"type=bind,source=/a,target=/b,consistency=cached",
		"type=bind,source=/a,target=/b,bind-recursive=readonly",
		"type=volume,source=v1,target=/b,volume-driver=nfs",
		"\"type=bind",
		"",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		_cleanup_arena_ struct arena arena = { 0 };
		struct container_volume volume;

		if (volume_parse_long(good[i], &arena, &volume, &err) < 0)
			fail_msg("%s: %s", good[i], error_text(&err));
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		_cleanup_arena_ struct arena arena = { 0 };
		struct container_volume volume;

		if (volume_parse_long(bad[i], &arena, &volume, &err) == 0)
			fail_msg("%s is taken", bad[i]);
	}
}

static void test_restart_policies(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	enum restart_policy policy;
	uint32_t max;

	(void)state;
	assert_int_equal(restart_policy_parse("on-failure:3", &policy, &max, &err), 0);
	assert_int_equal(policy, RESTART_ON_FAILURE);
	assert_int_equal(max, 3);
	assert_int_equal(restart_policy_parse("unless-stopped", &policy, &max, &err), 0);
	assert_int_equal(policy, RESTART_UNLESS_STOPPED);
	assert_true(restart_policy_parse("always:3", &policy, &max, &err) < 0);
	error_done(&err);
	assert_true(restart_policy_parse("on-failure:x", &policy, &max, &err) < 0);
	error_done(&err);
	assert_true(restart_policy_parse("sometimes", &policy, &max, &err) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_docker_shape),
		cmocka_unit_test(test_broken_json_is_refused_by_path),
		cmocka_unit_test(test_entrypoint_and_cmd),
		cmocka_unit_test(test_image_is_below_the_user),
		cmocka_unit_test(test_what_an_image_has_is_not_squared),
		cmocka_unit_test(test_short_volumes),
		cmocka_unit_test(test_long_volumes),
		cmocka_unit_test(test_restart_policies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

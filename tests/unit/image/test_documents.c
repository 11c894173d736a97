/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations, manifests and indexes: what is read of them, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "image/config.h"
#include "image/manifest.h"

#define A "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C "sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

static void a_docker_configuration(void **state)
{
	static const char text[] =
		"{\"architecture\":\"arm\",\"variant\":\"v7\",\"os\":\"linux\","
		"\"created\":\"2024-01-02T03:04:05Z\",\"author\":\"me\",\"config\":{"
		"\"User\":\"1:2\",\"Env\":[\"A=b\"],\"Cmd\":null,\"Entrypoint\":[\"/e\",\"x\"],"
		"\"WorkingDir\":\"\",\"StopSignal\":\"SIGINT\",\"Labels\":{\"k\":\"v\"},"
		"\"ExposedPorts\":{\"80/tcp\":{}},\"Volumes\":{\"/data\":{}},"
		"\"Healthcheck\":{\"Test\":[\"CMD\",\"t\"],\"Interval\":30000000000,"
		"\"Retries\":3},\"ArgsEscaped\":true},\"rootfs\":{\"type\":\"layers\","
		"\"diff_ids\":[\"" A "\",\"" B "\"]},\"history\":[{\"created_by\":\"ADD x\"},"
		"{\"created_by\":\"CMD\",\"empty_layer\":true}],\"docker_version\":\"20\"}";
	_cleanup_image_config_ struct image_config config = { 0 };
	_cleanup_error_ struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(image_config_parse(text, strlen(text), &config, &err), 0);
	assert_string_equal(config.platform.architecture, "arm");
	assert_string_equal(config.platform.variant, "v7");
	assert_string_equal(config.created, "2024-01-02T03:04:05Z");
	assert_string_equal(config.user, "1:2");
	assert_int_equal(config.env.len, 1);
	assert_int_equal(config.cmd.len, 0);
	assert_string_equal(config.entrypoint.items[1], "x");
	assert_null(config.working_dir);
	assert_string_equal(config.stop_signal, "SIGINT");
	assert_string_equal(config.labels.items[0].value, "v");
	assert_string_equal(config.exposed_ports.items[0], "80/tcp");
	assert_string_equal(config.volumes.items[0], "/data");
	assert_true(config.healthcheck->interval == 30000000000);
	assert_int_equal(config.healthcheck->retries, 3);
	assert_int_equal(config.diff_ids.len, 2);
	assert_string_equal(config.diff_ids.items[1], B);
	assert_int_equal(config.history_len, 2);
	assert_true(config.history[1].empty_layer);
}

static void broken_configurations_name_the_place(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{ "", "invalid JSON" },
		{ "[]", "expected an object" },
		{ "{\"architecture\":\"a\",\"rootfs\":{}}", "os: required" },
		{ "{\"os\":\"l\",\"architecture\":7,\"rootfs\":{}}",
		  "architecture: expected a string" },
		{ "{\"os\":\"l\",\"architecture\":\"a\"}", "rootfs: required" },
		{ "{\"os\":\"l\",\"architecture\":\"a\",\"rootfs\":{\"type\":\"x\"}}",
		  "rootfs: type is not" },
		{ "{\"os\":\"l\",\"architecture\":\"a\",\"rootfs\":{\"diff_ids\":[\"../x\"]}}",
		  "rootfs.diff_ids[0]: no digest" },
		{ "{\"os\":\"l\",\"architecture\":\"a\",\"rootfs\":{},\"config\":{\"Env\":[1]}}",
		  "config.Env[0]: expected a string" },
		{ "{\"os\":\"l\",\"architecture\":\"a\",\"rootfs\":{},\"config\":{\"Labels\":[]}}",
		  "config.Labels: expected an object" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_image_config_ struct image_config config = { 0 };
		_cleanup_error_ struct error err = ERROR_INIT;

		assert_int_equal(
			image_config_parse(cases[i].text, strlen(cases[i].text), &config, &err),
			-EINVAL);
		if (!strstr(error_text(&err), cases[i].why))
			fail_msg("%s: %s", cases[i].text, error_text(&err));
	}
}

#define CONFIG                                                                                     \
	"\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"digest\":\"" A   \
	"\",\"size\":3}"
#define LAYER(type) "{\"mediaType\":\"" type "\",\"digest\":\"" B "\",\"size\":5}"

static void manifests(void **state)
{
	static const struct {
		const char *text, *type;
		int result;
		const char *why;
	} cases[] = {
		{ "{\"schemaVersion\":2," CONFIG
		  ",\"layers\":[" LAYER("application/vnd.oci.image.layer.v1.tar+zstd") "]}",
		  MEDIA_TYPE_MANIFEST, 0, "" },
		{ "{\"schemaVersion\":2," CONFIG
		  ",\"layers\":[" LAYER("application/vnd.docker.image.rootfs.diff.tar.gzip") "]}",
		  NULL, 0, "" },
		{ "{\"schemaVersion\":1,\"fsLayers\":[]}", NULL, -EPROTO, "schema 1" },
		{ "{\"schemaVersion\":2," CONFIG ",\"layers\":[" LAYER("text/plain") "]}", NULL,
		  -EPROTONOSUPPORT, "a layer has the media type text/plain" },
		{ "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"application/"
		  "vnd.oci.empty.v1+json\",\"digest\":\"" A "\",\"size\":2},\"layers\":[]}",
		  NULL, -EPROTONOSUPPORT, "the configuration has the media type" },
		{ "{\"schemaVersion\":2," CONFIG ",\"layers\":[],\"manifests\":[]}", NULL, -EINVAL,
		  "is a manifest and an index" },
		{ "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_TYPE_DOCKER_MANIFEST "\"," CONFIG
		  ",\"layers\":[]}",
		  MEDIA_TYPE_MANIFEST, -EINVAL, "mediaType: is not what it was sent as" },
		{ "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_TYPE_INDEX "\"}", NULL, -EINVAL,
		  "is an index" },
		{ "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"x\",\"digest\":\"sha256:zz\","
		  "\"size\":3},\"layers\":[]}",
		  NULL, -EINVAL, "config.digest: no digest" },
		{ "{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"mediaType\":\"x\",\"digest\":\"" B
		  "\",\"size\":-1}]}",
		  NULL, -EINVAL, "layers[0].size" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_image_manifest_ struct image_manifest manifest = { 0 };
		_cleanup_error_ struct error err = ERROR_INIT;
		int r = image_manifest_parse(cases[i].text, strlen(cases[i].text), cases[i].type,
					     &manifest, &err);

		if (r != cases[i].result || !strstr(error_text(&err), cases[i].why))
			fail_msg("%s: %d %s", cases[i].text, r, error_text(&err));
		if (r == 0) {
			assert_int_equal(manifest.layers_len, 1);
			assert_string_equal(manifest.layers[0].digest, B);
			assert_int_equal(manifest.layers[0].size, 5);
		}
	}
}

static void at_most_127_layers(void **state)
{
	_cleanup_free_ char *text = NULL;

	(void)state;
	for (size_t n = 127; n <= 128; n++) {
		_cleanup_image_manifest_ struct image_manifest manifest = { 0 };
		_cleanup_error_ struct error err = ERROR_INIT;
		size_t size;
		FILE *out = open_memstream(&text, &size);

		(void)fputs("{\"schemaVersion\":2," CONFIG ",\"layers\":[", out);
		for (size_t i = 0; i < n; i++)
			(void)fprintf(out, "%s%s", i ? "," : "",
				      LAYER("application/vnd.oci.image.layer.v1.tar"));
		(void)fputs("]}", out);
		(void)fclose(out);
		assert_int_equal(image_manifest_parse(text, size, NULL, &manifest, &err) == 0,
				 n == 127);
		free(TAKE_PTR(text));
	}
}

#define ENTRY(digest, platform, more)                                                              \
	"{\"mediaType\":\"" MEDIA_TYPE_MANIFEST "\",\"digest\":\"" digest "\",\"size\":9"          \
	",\"platform\":" platform more "}"
#define INDEX(entries) "{\"schemaVersion\":2,\"manifests\":[" entries "]}"

static void the_platform_chooses(void **state)
{
	static const char index[] =
		INDEX(ENTRY(A, "{\"os\":\"linux\",\"architecture\":\"amd64\"}", "") "," ENTRY(
			B, "{\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v6\"}",
			"") "," ENTRY(C,
				      "{\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":"
				      "\"v7\"}",
				      "") "," ENTRY(B,
						    "{\"os\":\"unknown\",\"architecture\":"
						    "\"unknown\"}",
						    ",\"annotations\":{\"vnd.docker.reference."
						    "type\":\"attestation-manifest\"}"));
	static const struct {
		const char *platform, *digest;
	} cases[] = { { "linux/amd64", A },
		      { "linux/arm/v7", C },
		      { "linux/arm/v6", B },
		      { "linux/arm/v8", C },
		      { "linux/s390x", NULL } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_image_descriptor_ struct image_descriptor chosen = { 0 };
		_cleanup_error_ struct error err = ERROR_INIT;
		struct image_platform platform;
		int r;

		assert_int_equal(image_platform_parse(cases[i].platform, &platform, &err), 0);
		r = image_index_choose(index, strlen(index), &platform, &chosen, &err);
		if (cases[i].digest) {
			assert_int_equal(r, 0);
			assert_string_equal(chosen.digest, cases[i].digest);
			continue;
		}
		assert_int_equal(r, -ENOENT);
		assert_string_equal(error_text(&err),
				    "no matching manifest for linux/s390x in the manifest list "
				    "entries (there are: linux/amd64, linux/arm/v6, linux/arm/v7)");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_docker_configuration),
		cmocka_unit_test(broken_configurations_name_the_place),
		cmocka_unit_test(manifests),
		cmocka_unit_test(at_most_127_layers),
		cmocka_unit_test(the_platform_chooses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What the engine in a guest is told of a container, and what is refused before that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compute/hyperv/translate.h"
#include "oci/parse.h"
#include "oci/template.h"
#include "oci/validate.h"
#include "wire/message.h"

/* Takes target; RFC 7386. */
static json_t *merged(json_t *target, json_t *patch)
{
	const char *key;
	json_t *value;

	if (!json_is_object(patch)) {
		json_decref(target);
		return json_incref(patch);
	}
	if (!json_is_object(target)) {
		json_decref(target);
		target = json_object();
	}
	json_object_foreach(patch, key, value)
	{
		json_t *old = json_object_get(target, key);

		if (json_is_null(value))
			(void)json_object_del(target, key);
		else
			(void)json_object_set_new(target, key, merged(json_incref(old), value));
	}
	return target;
}

struct scene {
	struct translation t;
	struct oci_spec spec;
	struct mount_plan *mounts;
	char *text;
	json_t *guest;
	struct error err;
	char warning[256];
};

static void warn(const char *message, void *data)
{
	struct scene *scene = data;

	(void)snprintf(scene->warning, sizeof(scene->warning), "%s", message);
}

static void open_scene(struct scene *scene, const char *change)
{
	_cleanup_free_ char *template = oci_template(false, 0, 0);
	json_t *config = json_loads(template, 0, NULL), *patch = json_loads(change, 0, NULL);

	*scene = (struct scene){ 0 };
	if (!patch)
		fail_msg("the test's own JSON is broken: %s", change);
	config = merged(config, patch);
	json_decref(patch);
	scene->text = json_dumps(config, 0);
	json_decref(config);
	if (oci_spec_parse(scene->text, strlen(scene->text), &scene->spec, &scene->err) < 0 ||
	    oci_validate(&scene->spec, &scene->err) < 0 ||
	    mount_plan_parse(&scene->spec, &scene->mounts, &scene->err) < 0)
		fail_msg("%s: %s", change, error_text(&scene->err));
	scene->t = (struct translation){ .spec = &scene->spec,
					 .mounts = scene->mounts,
					 .text = scene->text,
					 .len = strlen(scene->text),
					 .id = "one",
					 .bundle = "/bundle",
					 .warn = warn,
					 .warn_data = scene };
}

static void close_scene(struct scene *scene)
{
	json_decref(scene->guest);
	mount_plan_free(scene->mounts);
	oci_spec_done(&scene->spec);
	free(scene->text);
	error_done(&scene->err);
}

static void translate(struct scene *scene, bool has_network)
{
	if (translation_check(&scene->t, &scene->err) < 0 ||
	    translation_make(&scene->t, has_network, &scene->guest, &scene->err) < 0)
		fail_msg("%s", error_text(&scene->err));
}

static const char *text_at(const struct scene *scene, const char *path)
{
	json_t *value = scene->guest;
	char part[64];

	while (*path && value) {
		size_t len = strcspn(path, ".");

		(void)snprintf(part, sizeof(part), "%.*s", (int)len, path);
		value = json_is_array(value) ? json_array_get(value, strtoul(part, NULL, 10))
					     : json_object_get(value, part);
		path += len + (path[len] == '.');
	}
	return json_string_value(value);
}

static const char *namespace_path(const struct scene *scene, const char *type)
{
	json_t *list = json_object_get(json_object_get(scene->guest, "linux"), "namespaces"), *ns;
	size_t i;

	json_array_foreach(
		list, i, ns) if (strcmp(json_string_value(json_object_get(ns, "type")), type) == 0)
	{
		const char *path = json_string_value(json_object_get(ns, "path"));

		return path ? path : "new";
	}
	return NULL;
}

static void paths_become_the_guests(void **state)
{
	struct scene scene;

	(void)state;
	open_scene(&scene, "{\"mounts\": [{\"destination\": \"/a\", \"source\": \"/host/a\", "
			   "\"options\": [\"rbind\", \"ro\"]}, {\"destination\": \"/t\", \"type\": "
			   "\"tmpfs\", \"source\": \"tmpfs\"}], \"linux\": {\"cgroupsPath\": "
			   "\"/pods/one\"}}");
	translate(&scene, false);
	assert_string_equal(text_at(&scene, "root.path"), "/run/hcs/share/one/rootfs");
	assert_string_equal(text_at(&scene, "mounts.0.source"), "/run/hcs/share/one/mounts/0");
	assert_string_equal(text_at(&scene, "mounts.0.options.1"), "ro");
	assert_string_equal(text_at(&scene, "mounts.1.source"), "tmpfs");
	assert_string_equal(text_at(&scene, "linux.cgroupsPath"), "/hcs/one");
	close_scene(&scene);
}

static void layers_that_are_disks_are_the_guests_to_mount(void **state)
{
	struct scene scene;

	(void)state;
	open_scene(&scene, "{\"windows\": {\"layerFolders\": [\"/host/a\", \"/host/scratch\"]}}");
	scene.t.has_disks = true;
	translate(&scene, false);
	assert_string_equal(text_at(&scene, "root.path"), "/run/hcs/scratch/one");
	assert_null(json_object_get(scene.guest, "windows"));
	close_scene(&scene);
}

static void host_hooks_stay_on_the_host(void **state)
{
	struct scene scene;

	(void)state;
	open_scene(&scene, "{\"hooks\": {\"prestart\": [{\"path\": \"/a\"}], \"createRuntime\": "
			   "[{\"path\": \"/a\"}], \"createContainer\": [{\"path\": \"/c\"}], "
			   "\"startContainer\": [{\"path\": \"/s\"}], \"poststart\": [{\"path\": "
			   "\"/a\"}], \"poststop\": [{\"path\": \"/a\"}]}}");
	translate(&scene, false);
	assert_int_equal(json_object_size(json_object_get(scene.guest, "hooks")), 2);
	assert_string_equal(text_at(&scene, "hooks.createContainer.0.path"), "/c");
	assert_string_equal(text_at(&scene, "hooks.startContainer.0.path"), "/s");
	close_scene(&scene);
}

static void the_vm_has_one_network(void **state)
{
	struct scene scene;

	(void)state;
	open_scene(&scene, "{}");
	translate(&scene, false);
	assert_string_equal(namespace_path(&scene, "network"), GUEST_NETNS);
	assert_string_equal(namespace_path(&scene, "pid"), "new");
	close_scene(&scene);
}

static void a_pod_shares_the_owners_namespaces(void **state)
{
	struct stored owner = { .dir_fd = -1 };
	struct scene scene;

	(void)state;
	open_scene(&scene, "{\"hostname\": \"pod\", \"linux\": {\"namespaces\": [{\"type\": "
			   "\"pid\"}, {\"type\": \"mount\"}, {\"type\": \"uts\"}, {\"type\": "
			   "\"ipc\", \"path\": \"/proc/7/ns/ipc\"}]}}");
	scene.t.owner = &owner;
	scene.t.owner_hostname = "pod";
	translate(&scene, false);
	assert_string_equal(namespace_path(&scene, "network"), GUEST_POD "/net");
	assert_string_equal(namespace_path(&scene, "ipc"), GUEST_POD "/ipc");
	assert_string_equal(namespace_path(&scene, "uts"), GUEST_POD "/uts");
	assert_string_equal(namespace_path(&scene, "pid"), "new");
	assert_null(json_object_get(scene.guest, "hostname"));
	close_scene(&scene);
}

static void numbers_of_the_host_stay_there(void **state)
{
	struct scene scene;
	json_t *resources;

	(void)state;
	open_scene(&scene, "{\"linux\": {\"resources\": {\"cpu\": {\"cpus\": \"1\", \"mems\": "
			   "\"0\", \"quota\": 5000, \"shares\": 10}, \"blockIO\": {\"weight\": "
			   "100}, \"memory\": {\"limit\": 1000000}}}}");
	translate(&scene, false);
	resources = json_object_get(json_object_get(scene.guest, "linux"), "resources");
	assert_null(json_object_get(resources, "blockIO"));
	assert_null(json_object_get(json_object_get(resources, "cpu"), "cpus"));
	assert_null(json_object_get(json_object_get(resources, "cpu"), "mems"));
	assert_non_null(json_object_get(json_object_get(resources, "cpu"), "quota"));
	assert_non_null(json_object_get(resources, "memory"));
	close_scene(&scene);
}

static void labels_are_left_out_and_told(void **state)
{
	struct scene scene;

	(void)state;
	open_scene(&scene, "{\"process\": {\"apparmorProfile\": \"docker-default\"}}");
	translate(&scene, false);
	assert_null(text_at(&scene, "process.apparmorProfile"));
	assert_non_null(strstr(scene.warning, "apparmorProfile"));
	close_scene(&scene);
}

static void what_a_vm_cannot_give_is_refused_by_name(void **state)
{
	static const struct {
		const char *change, *path;
	} cases[] = {
		{ "{\"hostname\": null, \"linux\": {\"namespaces\": [{\"type\": \"mount\"}, "
		  "{\"type\": \"network\"}]}}",
		  "linux.namespaces: no pid namespace" },
		{ "{\"linux\": {\"namespaces\": [{\"type\": \"mount\"}, {\"type\": \"pid\"}, "
		  "{\"type\": \"ipc\"}, {\"type\": \"uts\"}]}}",
		  "linux.namespaces: no net namespace" },
		{ "{\"linux\": {\"namespaces\": [{\"type\": \"mount\"}, {\"type\": \"pid\", "
		  "\"path\": \"/proc/1/ns/pid\"}, {\"type\": \"network\"}, {\"type\": \"ipc\"}, "
		  "{\"type\": \"uts\"}]}}",
		  "linux.namespaces[1].path" },
		{ "{\"linux\": {\"rootfsPropagation\": \"rshared\"}}", "linux.rootfsPropagation" },
		{ "{\"linux\": {\"netDevices\": {\"eth0\": {}}}}", "linux.netDevices" },
		{ "{\"linux\": {\"intelRdt\": {\"closID\": \"a\"}}}", "linux.intelRdt" },
		{ "{\"linux\": {\"seccomp\": {\"defaultAction\": \"SCMP_ACT_ALLOW\", "
		  "\"listenerPath\": \"/run/l\"}}}",
		  "linux.seccomp.listenerPath" },
		{ "{\"mounts\": [{\"destination\": \"/a\", \"source\": \"/tmp\", \"options\": "
		  "[\"bind\", \"shared\"]}]}",
		  "mounts[0] (/a): options: shared" },
		{ "{\"mounts\": [{\"destination\": \"/a\", \"source\": \"/proc/sys\", \"options\": "
		  "[\"bind\"]}]}",
		  "mounts[0] (/a): source /proc/sys" },
		{ "{\"mounts\": [{\"destination\": \"/a\", \"type\": \"ext4\", \"source\": "
		  "\"/dev/sda\"}]}",
		  "mounts[0] (/a): type ext4" },
		{ "{\"vm\": {\"kernel\": {\"path\": \"/k\"}, \"hypervisor\": {\"path\": \"/h\", "
		  "\"parameters\": [\"-x\"]}}}",
		  "vm.hypervisor.parameters" },
		{ "{\"vm\": {\"kernel\": {\"path\": \"/k\"}, \"image\": {\"path\": \"/i\", "
		  "\"format\": \"raw\"}}}",
		  "vm.image" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct scene scene;

		open_scene(&scene, cases[i].change);
		if (translation_check(&scene.t, &scene.err) == 0)
			fail_msg("not refused: %s", cases[i].change);
		if (strncmp(error_text(&scene.err), cases[i].path, strlen(cases[i].path)) != 0)
			fail_msg("%s: %s", cases[i].change, error_text(&scene.err));
		close_scene(&scene);
	}
}

static void a_second_host_name_is_refused(void **state)
{
	struct stored owner = { .dir_fd = -1 };
	struct scene scene;

	(void)state;
	open_scene(&scene, "{\"hostname\": \"other\"}");
	scene.t.owner = &owner;
	scene.t.owner_hostname = "pod";
	assert_int_equal(translation_check(&scene.t, &scene.err), -EINVAL);
	assert_non_null(strstr(error_text(&scene.err), "hostname: other"));
	close_scene(&scene);
}

static void the_vm_that_is_joined_is_as_it_is(void **state)
{
	static const struct {
		const char *change, *path;
	} cases[] = {
		{ "{\"vm\": {\"kernel\": {\"path\": \"/k\"}}}", "vm: " },
		{ "{\"annotations\": {\"io.hcs.kernel\": \"/k\"}}", "annotations.io.hcs.kernel: " },
	};
	char id[] = "pod", hostname[] = "runhcs";
	struct stored owner = { .dir_fd = -1, .container = { .id = id } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct scene scene;

		open_scene(&scene, cases[i].change);
		assert_int_equal(translation_check(&scene.t, &scene.err), 0);
		scene.t.owner = &owner;
		scene.t.owner_hostname = hostname;
		assert_int_equal(translation_check(&scene.t, &scene.err), -EINVAL);
		assert_ptr_equal(strstr(error_text(&scene.err), cases[i].path),
				 error_text(&scene.err));
		close_scene(&scene);
	}
}

static void a_fifo_of_the_host_is_refused(void **state)
{
	char dir[] = "/tmp/hcs-translate-XXXXXX", path[64], change[256];
	struct scene scene;

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/fifo", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	(void)snprintf(change, sizeof(change),
		       "{\"mounts\": [{\"destination\": \"/a\", \"source\": \"%s\", "
		       "\"options\": [\"bind\"]}]}",
		       path);
	open_scene(&scene, change);
	assert_int_equal(translation_check(&scene.t, &scene.err), -ENOTSUP);
	assert_non_null(strstr(error_text(&scene.err), "FIFO"));
	close_scene(&scene);
	(void)unlink(path);
	(void)rmdir(dir);
}

static void descriptors_are_refused(void **state)
{
	struct scene scene;

	(void)state;
	open_scene(&scene, "{}");
	scene.t.preserve_fds = 1;
	assert_int_equal(translation_check(&scene.t, &scene.err), -ENOTSUP);
	assert_non_null(strstr(error_text(&scene.err), "--preserve-fds"));
	close_scene(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_become_the_guests),
		cmocka_unit_test(layers_that_are_disks_are_the_guests_to_mount),
		cmocka_unit_test(host_hooks_stay_on_the_host),
		cmocka_unit_test(the_vm_has_one_network),
		cmocka_unit_test(a_pod_shares_the_owners_namespaces),
		cmocka_unit_test(numbers_of_the_host_stay_there),
		cmocka_unit_test(labels_are_left_out_and_told),
		cmocka_unit_test(what_a_vm_cannot_give_is_refused_by_name),
		cmocka_unit_test(a_second_host_name_is_refused),
		cmocka_unit_test(the_vm_that_is_joined_is_as_it_is),
		cmocka_unit_test(a_fifo_of_the_host_is_refused),
		cmocka_unit_test(descriptors_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

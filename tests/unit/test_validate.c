/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <string.h>

#include "oci/parse.h"
#include "oci/template.h"
#include "oci/validate.h"

/* target, taken over, with the patch applied: RFC 7386, in which null takes away. */
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

/* Validates the default config with the change; NULL, or the message (in err). */
static const char *validate_with(const char *change, struct error *err)
{
	_cleanup_free_ char *template = oci_template(false, 0, 0), *text = NULL;
	_cleanup_oci_spec_ struct oci_spec spec = { 0 };
	json_t *config = json_loads(template, 0, NULL), *patch = json_loads(change, 0, NULL);

	if (!patch)
		fail_msg("the test's own JSON is broken: %s", change);
	config = merged(config, patch);
	json_decref(patch);
	text = json_dumps(config, 0);
	json_decref(config);
	error_done(err);
	if (oci_spec_parse(text, strlen(text), &spec, err) < 0)
		fail_msg("not parsed with %s: %s", change, error_text(err));
	return oci_validate(&spec, err) < 0 ? error_text(err) : NULL;
}

struct refusal {
	const char *change, *message;
};

static void assert_refused(const struct refusal *cases, size_t n)
{
	_cleanup_error_ struct error err = ERROR_INIT;

	for (size_t i = 0; i < n; i++) {
		const char *message = validate_with(cases[i].change, &err);

		if (!message)
			fail_msg("accepted: %s", cases[i].change);
		assert_string_equal(message, cases[i].message);
		assert_int_equal(err.code, EINVAL);
	}
}

static void assert_accepted(const char *const *changes, size_t n)
{
	_cleanup_error_ struct error err = ERROR_INIT;

	for (size_t i = 0; i < n; i++) {
		const char *message = validate_with(changes[i], &err);

		if (message)
			fail_msg("refused: %s: %s", changes[i], message);
	}
}

static void every_version_1_is_read_and_no_other(void **state)
{
	static const char *const good[] = {
		"{}",
		"{\"ociVersion\":\"1.0.0\"}",
		"{\"ociVersion\":\"1.0.0-rc5\"}",
		"{\"ociVersion\":\"1.0.2-dev\"}",
		"{\"ociVersion\":\"1.2.1+build.7\"}",
		"{\"ociVersion\":\"1.3.0\"}",
	};
	static const struct refusal bad[] = {
		{ "{\"ociVersion\":\"2.0.0\"}",
		  "ociVersion: \"2.0.0\" is not supported, this runtime reads 1.x" },
		{ "{\"ociVersion\":\"0.5.0-dev\"}",
		  "ociVersion: \"0.5.0-dev\" is not supported, this runtime reads 1.x" },
		{ "{\"ociVersion\":\"10.0.0\"}",
		  "ociVersion: \"10.0.0\" is not supported, this runtime reads 1.x" },
		{ "{\"ociVersion\":\"1.3\"}",
		  "ociVersion: \"1.3\" is not a version such as \"1.3.0\"" },
		{ "{\"ociVersion\":\"1.03.0\"}",
		  "ociVersion: \"1.03.0\" is not a version such as \"1.3.0\"" },
		{ "{\"ociVersion\":\"1.3.0\\n\"}",
		  "ociVersion: \"1.3.0\\x0a\" is not a version such as \"1.3.0\"" },
	};

	(void)state;
	assert_accepted(good, ARRAY_SIZE(good));
	assert_refused(bad, ARRAY_SIZE(bad));
}

static void other_platforms_are_refused_by_section(void **state)
{
	static const struct refusal bad[] = {
		{ "{\"freebsd\":{\"jail\":{}}}", "freebsd: this runtime is for Linux" },
		{ "{\"solaris\":{}}", "solaris: this runtime is for Linux" },
		{ "{\"zos\":{\"namespaces\":[]}}", "zos: this runtime is for Linux" },
		{ "{\"windows\":{\"layerFolders\":[\"/a\",\"/b\"],\"hyperv\":{}}}",
		  "windows.hyperv: this runtime is for Linux; of windows it takes layerFolders "
		  "only" },
		{ "{\"process\":{\"commandLine\":\"cmd\"}}",
		  "process.commandLine: for Windows only, give args" },
		{ "{\"process\":{\"user\":{\"username\":\"me\"}}}",
		  "process.user.username: for Windows only, give uid and gid" },
	};

	(void)state;
	assert_refused(bad, ARRAY_SIZE(bad));
}

static void process_is_required_and_whole(void **state)
{
	static const struct refusal bad[] = {
		{ "{\"process\":null}", "process: required" },
		{ "{\"process\":{\"args\":null}}", "process.args: required" },
		{ "{\"process\":{\"args\":[]}}", "process.args: required" },
		{ "{\"process\":{\"args\":[\"\"]}}", "process.args[0]: empty" },
		{ "{\"process\":{\"cwd\":\"tmp\"}}", "process.cwd: expected an absolute path" },
		{ "{\"process\":{\"env\":[\"A=1\",\"=x\"]}}",
		  "process.env[1]: expected NAME=value" },
		{ "{\"process\":{\"env\":[\"PATH\"]}}", "process.env[0]: expected NAME=value" },
		{ "{\"process\":{\"user\":{\"uid\":4294967295}}}",
		  "process.user.uid: 4294967295 is not an id" },
		{ "{\"process\":{\"user\":{\"gid\":4294967295}}}",
		  "process.user.gid: 4294967295 is not an id" },
		{ "{\"process\":{\"user\":{\"additionalGids\":[1,4294967295]}}}",
		  "process.user.additionalGids[1]: 4294967295 is not an id" },
		{ "{\"process\":{\"consoleSize\":{\"height\":65536,\"width\":1}}}",
		  "process.consoleSize: larger than 65535" },
		{ "{\"process\":{\"oomScoreAdj\":1001}}",
		  "process.oomScoreAdj: 1001 is not from -1000 to 1000" },
		{ "{\"process\":{\"scheduler\":{\"policy\":\"SCHED_OTHER\",\"nice\":20}}}",
		  "process.scheduler.nice: 20 is not from -20 to 19" },
		{ "{\"process\":{\"ioPriority\":{\"class\":\"IOPRIO_CLASS_BE\",\"priority\":8}}}",
		  "process.ioPriority.priority: 8 is not from 0 to 7" },
		{ "{\"process\":{\"execCPUAffinity\":{\"final\":\"0-x\"}}}",
		  "process.execCPUAffinity.final: expected a list of CPUs such as \"0-3,7\"" },
		{ "{\"process\":{\"rlimits\":[{\"type\":\"RLIMIT_CPU\",\"soft\":2,\"hard\":1}]}}",
		  "process.rlimits[0].soft: 2 is above hard, 1" },
		{ "{\"process\":{\"rlimits\":[{\"type\":\"RLIMIT_CPU\",\"soft\":1,\"hard\":1},"
		  "{\"type\":\"RLIMIT_CPU\",\"soft\":1,\"hard\":1}]}}",
		  "process.rlimits[1].type: duplicate \"RLIMIT_CPU\"" },
	};
	static const char *const good[] = {
		"{\"process\":{\"env\":[\"EMPTY=\",\"A=b=c\"]}}",
		"{\"process\":{\"terminal\":false,\"consoleSize\":{\"height\":65536,\"width\":1}}}",
		"{\"process\":{\"execCPUAffinity\":{\"initial\":\"0\",\"final\":\"0-3, 7\"}}}",
	};

	(void)state;
	assert_refused(bad, ARRAY_SIZE(bad));
	assert_accepted(good, ARRAY_SIZE(good));
}

static void a_root_or_layers_are_required(void **state)
{
	static const struct refusal bad[] = {
		{ "{\"root\":null}", "root: required" },
		{ "{\"windows\":{\"layerFolders\":[\"/scratch\"]}}",
		  "windows.layerFolders: expected at least a layer and the scratch" },
		{ "{\"windows\":{\"layerFolders\":[\"\",\"/scratch\"]}}",
		  "windows.layerFolders[0]: empty" },
	};
	static const char *const good[] = {
		"{\"root\":null,\"windows\":{\"layerFolders\":[\"/layer\",\"/scratch\"]}}",
		"{\"root\":{\"path\":\"/srv/rootfs\"}}",
	};

	(void)state;
	assert_refused(bad, ARRAY_SIZE(bad));
	assert_accepted(good, ARRAY_SIZE(good));
}

#define NAMESPACES(list) "\"namespaces\":[" list "]"
#define MOUNT_NS "{\"type\":\"mount\"}"
#define PATHLESS "\"mounts\":null,\"root\":{\"readonly\":null},"

/* What would change the host when the container has no namespace of its own for it. */
static void what_needs_a_namespace_says_which(void **state)
{
	static const struct refusal bad[] = {
		{ "{\"linux\":{" NAMESPACES(MOUNT_NS) "}}",
		  "hostname: needs a uts namespace in linux.namespaces" },
		{ "{\"hostname\":null,\"domainname\":\"d\",\"linux\":{" NAMESPACES(MOUNT_NS) "}}",
		  "domainname: needs a uts namespace in linux.namespaces" },
		{ "{\"linux\":null}",
		  "root.readonly: needs a mount namespace in linux.namespaces" },
		{ "{\"root\":{\"readonly\":false},\"hostname\":null,\"linux\":null}",
		  "mounts: need a mount namespace in linux.namespaces" },
		{ "{" PATHLESS "\"hostname\":null,\"linux\":{" NAMESPACES("") "}}",
		  "linux.maskedPaths: needs a mount namespace in linux.namespaces" },
		{ "{" PATHLESS
		  "\"hostname\":null,\"linux\":{\"maskedPaths\":null," NAMESPACES("") "}}",
		  "linux.readonlyPaths: needs a mount namespace in linux.namespaces" },
		{ "{" PATHLESS
		  "\"hostname\":null,\"linux\":{\"maskedPaths\":null,\"readonlyPaths\":null,"
		  "\"rootfsPropagation\":\"shared\"," NAMESPACES("") "}}",
		  "linux.rootfsPropagation: needs a mount namespace in linux.namespaces" },
		{ "{\"linux\":{\"timeOffsets\":{\"monotonic\":{\"secs\":1}}}}",
		  "linux.timeOffsets: needs a new time namespace in linux.namespaces" },
		{ "{\"hostname\":null,\"linux\":{\"timeOffsets\":{\"boottime\":{\"secs\":1}}"
		  "," NAMESPACES(MOUNT_NS ",{\"type\":\"time\",\"path\":\"/proc/1/ns/time\"}") "}}",
		  "linux.timeOffsets: needs a new time namespace in linux.namespaces" },
		{ "{\"hostname\":null,\"linux\":{\"netDevices\":{\"eth0\":{}}," NAMESPACES(
			  MOUNT_NS) "}}",
		  "linux.netDevices: needs a network namespace in linux.namespaces" },
		{ "{\"hostname\":null,\"linux\":{" NAMESPACES(
			  MOUNT_NS ",{\"type\":\"pid\",\"path\":\"ns/pid\"}") "}}",
		  "linux.namespaces[1].path: expected an absolute path" },
	};
	static const char *const good[] = {
		"{\"linux\":{" NAMESPACES(MOUNT_NS
					  ",{\"type\":\"uts\",\"path\":\"/proc/1/ns/uts\"}") "}}",
		"{\"hostname\":null,\"linux\":{\"timeOffsets\":{\"boottime\":{\"secs\":-1}}"
		"," NAMESPACES(MOUNT_NS ",{\"type\":\"time\"}") "}}",
		"{" PATHLESS "\"hostname\":null,\"linux\":null}",
	};

	(void)state;
	assert_refused(bad, ARRAY_SIZE(bad));
	assert_accepted(good, ARRAY_SIZE(good));
}

#define USER_NS "\"hostname\":null,\"linux\":{" NAMESPACES(MOUNT_NS ",{\"type\":\"user\"}") ","
#define MAP(c, h, s) "{\"containerID\":" c ",\"hostID\":" h ",\"size\":" s "}"

static void mappings_and_user_namespaces_go_together(void **state)
{
	static const struct refusal bad[] = {
		{ "{\"linux\":{\"uidMappings\":[" MAP("0", "0", "1") "]}}",
		  "linux.uidMappings: needs a user namespace in linux.namespaces" },
		{ "{" USER_NS "\"uidMappings\":[" MAP("0", "0", "1") "]}}",
		  "linux.gidMappings: required for a new user namespace" },
		{ "{" USER_NS "\"uidMappings\":[]}}",
		  "linux.uidMappings: required for a new user namespace" },
		{ "{" USER_NS "\"uidMappings\":[" MAP("0", "0", "0") "],\"gidMappings\":[" MAP(
			  "0", "0", "1") "]}}",
		  "linux.uidMappings[0].size: must not be 0" },
		{ "{" USER_NS "\"uidMappings\":[" MAP("0", "0", "1") "],\"gidMappings\":[" MAP(
			  "0", "4294967295", "1") "]}}",
		  "linux.gidMappings[0].hostID: with size beyond the last id" },
		{ "{" USER_NS "\"uidMappings\":[" MAP(
			  "1", "0", "4294967295") "],\"gidMappings\":[" MAP("0", "0", "1") "]}}",
		  "linux.uidMappings[0].containerID: with size beyond the last id" },
		{ "{" USER_NS "\"uidMappings\":[" MAP("0", "1000", "10") "," MAP(
			  "9", "5000", "1") "],\"gidMappings\":[" MAP("0", "0", "1") "]}}",
		  "linux.uidMappings[1].containerID: overlaps that of entry 0" },
		{ "{" USER_NS "\"uidMappings\":[" MAP("0", "1000", "10") "," MAP(
			  "10", "1009", "1") "],\"gidMappings\":[" MAP("0", "0", "1") "]}}",
		  "linux.uidMappings[1].hostID: overlaps that of entry 0" },
		{ "{\"mounts\":[{\"destination\":\"/m\",\"uidMappings\":[" MAP("0", "0",
									       "1") "]}]}",
		  "mounts[0].gidMappings: required beside uidMappings" },
		{ "{\"mounts\":[{\"destination\":\"/m\",\"uidMappings\":[" MAP(
			  "0", "0", "1") "],\"gidMappings\":[" MAP("0", "0", "0") "]}]}",
		  "mounts[0].gidMappings[0].size: must not be 0" },
	};
	static const char *const good[] = {
		"{" USER_NS
		"\"uidMappings\":[" MAP("0", "0", "4294967295") "],\"gidMappings\":[" MAP(
			"0", "1000", "10") "," MAP("10", "1010", "1") "]}}",
		/* With a namespace by path, engines write mappings that say nothing. */
		"{\"hostname\":null,\"linux\":{\"uidMappings\":[" MAP(
			"0", "0", "1") "]," NAMESPACES(MOUNT_NS ",{\"type\":\"user\",\"path\":\"/"
								"proc/1/ns/user\"}") "}}",
	};

	(void)state;
	assert_refused(bad, ARRAY_SIZE(bad));
	assert_accepted(good, ARRAY_SIZE(good));
}

static void paths_and_devices_are_checked(void **state)
{
	static const struct refusal bad[] = {
		{ "{\"hooks\":{\"poststop\":[{\"path\":\"/a\"},{\"path\":\"b\"}]}}",
		  "hooks.poststop[1].path: expected an absolute path" },
		{ "{\"linux\":{\"maskedPaths\":[\"/a\",\"b\"]}}",
		  "linux.maskedPaths[1]: expected an absolute path" },
		{ "{\"linux\":{\"readonlyPaths\":[\"\"]}}",
		  "linux.readonlyPaths[0]: expected an absolute path" },
		{ "{\"linux\":{\"devices\":[{\"path\":\"dev/x\",\"type\":\"c\"}]}}",
		  "linux.devices[0].path: expected an absolute path" },
		{ "{\"linux\":{\"devices\":[{\"path\":\"/dev/x\",\"type\":\"c\",\"major\":4096}]}}",
		  "linux.devices[0].major: not from 0 to 4095" },
		{ "{\"linux\":{\"devices\":[{\"path\":\"/dev/x\",\"type\":\"b\",\"minor\":1}]}}",
		  "linux.devices[0].major: required" },
		{ "{\"linux\":{\"devices\":[{\"path\":\"/dev/"
		  "x\",\"type\":\"b\",\"major\":1,\"minor\":-1}]}}",
		  "linux.devices[0].minor: not from 0 to 1048575" },
		{ "{\"linux\":{\"devices\":[{\"path\":\"/dev/"
		  "x\",\"type\":\"p\",\"gid\":4294967295}]}}",
		  "linux.devices[0].gid: 4294967295 is not an id" },
		{ "{\"vm\":{\"kernel\":{\"path\":\"bzImage\"}}}",
		  "vm.kernel.path: expected an absolute path" },
	};
	static const char *const good[] = {
		"{\"linux\":{\"devices\":[{\"path\":\"/dev/x\",\"type\":\"p\",\"major\":-1}]}}",
	};

	(void)state;
	assert_refused(bad, ARRAY_SIZE(bad));
	assert_accepted(good, ARRAY_SIZE(good));
}

static void names_that_reach_elsewhere_are_refused(void **state)
{
	static const struct refusal bad[] = {
		{ "{\"linux\":{\"netDevices\":{\"..\":{}}}}",
		  "linux.netDevices...: not an interface name" },
		{ "{\"linux\":{\"netDevices\":{\"eth0\":{\"name\":\"a/b\"}}}}",
		  "linux.netDevices.eth0.name: \"a/b\" is not an interface name" },
		{ "{\"linux\":{\"netDevices\":{\"eth0\":{\"name\":\"sixteencharacter\"}}}}",
		  "linux.netDevices.eth0.name: \"sixteencharacter\" is not an interface name" },
		{ "{\"linux\":{\"netDevices\":{\"eth0\":{},\"eth1\":{\"name\":\"eth0\"}}}}",
		  "linux.netDevices.eth1.name: duplicate \"eth0\"" },
		{ "{\"linux\":{\"sysctl\":{\"net/../../self/attr/exec\":\"x\"}}}",
		  "linux.sysctl.net/../../self/attr/exec: not a name of a sysctl" },
		{ "{\"linux\":{\"sysctl\":{\"net..ipv4\":\"x\"}}}",
		  "linux.sysctl.net..ipv4: not a name of a sysctl" },
		{ "{\"linux\":{\"sysctl\":{\"/net\":\"x\"}}}",
		  "linux.sysctl./net: not a name of a sysctl" },
		{ "{\"linux\":{\"cgroupsPath\":\"/a/../../b\"}}",
		  "linux.cgroupsPath: \"/a/../../b\" must not have \"..\"" },
		{ "{\"linux\":{\"cgroupsPath\":\"/a\\nb\"}}",
		  "linux.cgroupsPath: must not have a line break" },
		{ "{\"linux\":{\"intelRdt\":{\"closID\":\"../x\"}}}",
		  "linux.intelRdt.closID: expected a directory's name or \"/\"" },
		{ "{\"linux\":{\"intelRdt\":{\"schemata\":[\"L3:0=f\",\"a\\nb\"]}}}",
		  "linux.intelRdt.schemata[1]: must not have a line break" },
		{ "{\"linux\":{\"intelRdt\":{\"memBwSchema\":\"L3:0=f\"}}}",
		  "linux.intelRdt.memBwSchema: expected one line that begins with \"MB:\"" },
		{ "{\"linux\":{\"personality\":{\"domain\":\"LINUX\",\"flags\":[\"x\"]}}}",
		  "linux.personality.flags[0]: the spec defines no flag" },
	};
	static const char *const good[] = {
		"{\"linux\":{\"netDevices\":{\"eth0\":{\"name\":\"e%d\"},\"eth1\":{\"name\":\"e%"
		"d\"}}}}",
		"{\"linux\":{\"sysctl\":{\"net.ipv4.ip_forward\":\"1\",\"net/ipv4/conf/eth0.1/"
		"mtu\":\"1\"}}}",
		"{\"linux\":{\"cgroupsPath\":\"system.slice:runhcs:..a\"}}",
		"{\"linux\":{\"intelRdt\":{\"closID\":\"/\",\"memBwSchema\":\"MB:0=50\"}}}",
	};

	(void)state;
	assert_refused(bad, ARRAY_SIZE(bad));
	assert_accepted(good, ARRAY_SIZE(good));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_version_1_is_read_and_no_other),
		cmocka_unit_test(other_platforms_are_refused_by_section),
		cmocka_unit_test(process_is_required_and_whole),
		cmocka_unit_test(a_root_or_layers_are_required),
		cmocka_unit_test(what_needs_a_namespace_says_which),
		cmocka_unit_test(mappings_and_user_namespaces_go_together),
		cmocka_unit_test(paths_and_devices_are_checked),
		cmocka_unit_test(names_that_reach_elsewhere_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

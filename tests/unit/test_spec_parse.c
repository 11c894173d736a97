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
#include "oci/parse.h"
#include "oci/validate.h"

static struct oci_spec spec_of(const char *text)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct oci_spec spec = { 0 };

	if (oci_spec_parse(text, strlen(text), &spec, &err) < 0)
		fail_msg("%s: %s", text, error_text(&err));
	return spec;
}

static struct oci_spec everything(void)
{
	_cleanup_free_ char *text = NULL;
	size_t len;

	assert_int_equal(
		file_read(AT_FDCWD, TEST_DATA "/everything.json", OCI_CONFIG_MAX, &text, &len), 0);
	return spec_of(text);
}

static void assert_strv(const struct strv *list, const char *first, size_t len)
{
	assert_int_equal(list->len, len);
	assert_string_equal(list->items[0], first);
	assert_null(list->items[len]);
}

static void process_is_parsed_whole(void **state)
{
	_cleanup_oci_spec_ struct oci_spec spec = everything();
	const struct oci_process *p = spec.process;

	(void)state;
	assert_true(p->terminal && p->no_new_privileges && p->console_size.set);
	assert_int_equal(p->console_size.height, 25);
	assert_int_equal(p->console_size.width, 80);
	assert_int_equal(p->user.uid, 1);
	assert_int_equal(p->user.gid, 2);
	assert_true(p->user.umask.set && p->user.umask.value == 022);
	assert_int_equal(p->user.additional_gids_len, 2);
	assert_int_equal(p->user.additional_gids[1], 6);
	assert_string_equal(p->user.username, "u");
	assert_strv(&p->args, "sh", 3);
	assert_string_equal(p->args.items[2], "");
	assert_strv(&p->env, "A=b", 1);
	assert_string_equal(p->command_line, "sh -c");
	assert_string_equal(p->cwd, "/home");
	assert_strv(&p->capabilities->bounding, "CAP_KILL", 1);
	assert_strv(&p->capabilities->effective, "CAP_CHOWN", 1);
	assert_strv(&p->capabilities->inheritable, "CAP_SETUID", 1);
	assert_strv(&p->capabilities->permitted, "CAP_SETGID", 1);
	assert_strv(&p->capabilities->ambient, "CAP_FOWNER", 1);
	assert_string_equal(p->apparmor_profile, "docker-default");
	assert_string_equal(p->selinux_label, "system_u:system_r:svirt_lxc_net_t:s0");
	assert_true(p->oom_score_adj.set && p->oom_score_adj.value == -500);
	assert_string_equal(p->scheduler->policy, "SCHED_DEADLINE");
	assert_strv(&p->scheduler->flags, "SCHED_FLAG_RECLAIM", 1);
	assert_int_equal(p->scheduler->nice, -3);
	assert_int_equal(p->scheduler->priority, 9);
	assert_int_equal(p->scheduler->runtime, 1000);
	assert_int_equal(p->scheduler->deadline, 2000);
	assert_true(p->scheduler->period == UINT64_MAX);
	assert_string_equal(p->io_priority->class, "IOPRIO_CLASS_IDLE");
	assert_int_equal(p->io_priority->priority, 4);
	assert_string_equal(p->exec_cpu_affinity->initial, "0-1");
	assert_string_equal(p->exec_cpu_affinity->final, "2");
}

/* RLIM_INFINITY and seccomp masks are beyond int64: every digit counts. */
static void large_integers_are_exact(void **state)
{
	_cleanup_oci_spec_ struct oci_spec spec = everything();
	const struct oci_rlimits *rlimits = &spec.process->rlimits;
	const struct oci_seccomp_arg *arg = &spec.linux_->seccomp->syscalls[0].args[0];

	(void)state;
	assert_int_equal(rlimits->len, 2);
	assert_string_equal(rlimits->items[0].type, "RLIMIT_NOFILE");
	assert_true(rlimits->items[0].hard == UINT64_MAX);
	assert_true(rlimits->items[0].soft == (uint64_t)1 << 63);
	assert_true(rlimits->items[1].hard == INT64_MAX);
	assert_true(arg->value == UINT64_MAX);
	assert_true(arg->value_two == (uint64_t)1 << 63);
	assert_true(spec.linux_->resources->hugepage_limits.items[0].limit == 9223372036854771712U);
	assert_true(spec.linux_->resources->block_io->throttle_write_iops.items[0].rate ==
		    UINT64_MAX);
}

static void mounts_hooks_and_annotations_are_parsed_whole(void **state)
{
	static const char *const hook_paths[] = { "/prestart",        "/createRuntime",
						  "/createContainer", "/startContainer",
						  "/poststart",       "/poststop" };
	_cleanup_oci_spec_ struct oci_spec spec = everything();
	const struct oci_mount *mount = &spec.mounts.items[1];
	const struct oci_hook *hook = &spec.hooks[OCI_HOOK_CREATE_RUNTIME].items[0];

	(void)state;
	assert_string_equal(spec.oci_version, "1.3.0");
	assert_string_equal(spec.root->path, "rootfs");
	assert_true(spec.root->readonly);
	assert_string_equal(spec.hostname, "h");
	assert_string_equal(spec.domainname, "d");
	assert_int_equal(spec.mounts.len, 2);
	assert_string_equal(spec.mounts.items[0].type, "proc");
	assert_int_equal(spec.mounts.items[0].options.len, 0);
	assert_string_equal(mount->destination, "/data");
	assert_null(mount->type);
	assert_string_equal(mount->source, "/srv");
	assert_strv(&mount->options, "rbind", 2);
	assert_int_equal(mount->uid_mappings.items[0].host_id, 1000);
	assert_int_equal(mount->uid_mappings.items[0].size, UINT32_MAX);
	assert_int_equal(mount->gid_mappings.items[0].container_id, 1);
	for (int kind = 0; kind < OCI_HOOK_KINDS; kind++)
		assert_string_equal(spec.hooks[kind].items[0].path, hook_paths[kind]);
	assert_int_equal(spec.hooks[OCI_HOOK_START_CONTAINER].len, 2);
	assert_strv(&hook->args, "a", 2);
	assert_strv(&hook->env, "K=v", 1);
	assert_true(hook->timeout.set && hook->timeout.value == 5);
	assert_false(spec.hooks[OCI_HOOK_POSTSTOP].items[0].timeout.set);
	assert_string_equal(oci_annotation(&spec, "a.b"), "c");
	assert_string_equal(oci_annotation(&spec, "empty"), "");
	assert_null(oci_annotation(&spec, "none"));
	assert_strv(&spec.layer_folders, "/layer", 2);
	assert_null(spec.foreign_section);
}

static void linux_is_parsed_whole(void **state)
{
	_cleanup_oci_spec_ struct oci_spec spec = everything();
	const struct oci_linux *l = spec.linux_;

	(void)state;
	for (int kind = 0; kind < OCI_NS_KINDS; kind++)
		assert_true(l->namespaces[kind].present);
	assert_string_equal(l->namespaces[OCI_NS_NETWORK].path, "/var/run/netns/x");
	assert_null(l->namespaces[OCI_NS_PID].path);
	assert_int_equal(l->uid_mappings.len, 2);
	assert_int_equal(l->uid_mappings.items[1].size, 65536);
	assert_int_equal(l->gid_mappings.items[0].host_id, 100);
	assert_int_equal(l->devices.len, 3);
	assert_string_equal(l->devices.items[0].path, "/dev/fuse");
	assert_int_equal(l->devices.items[0].minor.value, 229);
	assert_true(l->devices.items[0].file_mode.set &&
		    l->devices.items[0].file_mode.value == 0666);
	assert_true(l->devices.items[0].gid.set && l->devices.items[0].gid.value == 8);
	assert_false(l->devices.items[1].file_mode.set);
	assert_int_equal(l->devices.items[2].file_mode.value, 0666);
	assert_string_equal(l->net_devices.items[0].host_name, "eth0");
	assert_string_equal(l->net_devices.items[0].name, "ctr0");
	assert_null(l->net_devices.items[1].name);
	assert_string_equal(l->cgroups_path, "/my/group");
	assert_string_equal(l->intel_rdt->clos_id, "guaranteed");
	assert_strv(&l->intel_rdt->schemata, "L3:0=7f0", 1);
	assert_string_equal(l->intel_rdt->l3_cache_schema, "L3:0=7f0;1=1f");
	assert_string_equal(l->intel_rdt->mem_bw_schema, "MB:0=20;1=70");
	assert_true(l->intel_rdt->enable_monitoring && l->intel_rdt->enable_cmt &&
		    l->intel_rdt->enable_mbm);
	assert_string_equal(l->memory_policy->mode, "MPOL_INTERLEAVE");
	assert_string_equal(l->memory_policy->nodes, "0-1");
	assert_strv(&l->memory_policy->flags, "MPOL_F_STATIC_NODES", 1);
	assert_string_equal(l->sysctl.items[0].key, "net.ipv4.ip_forward");
	assert_string_equal(l->sysctl.items[0].value, "1");
	assert_string_equal(l->rootfs_propagation, "rslave");
	assert_strv(&l->masked_paths, "/proc/kcore", 1);
	assert_strv(&l->readonly_paths, "/proc/sys", 1);
	assert_string_equal(l->mount_label, "system_u:object_r:svirt_sandbox_file_t:s0");
	assert_string_equal(l->personality->domain, "LINUX32");
	assert_int_equal(l->time_offset_monotonic.secs, -10);
	assert_int_equal(l->time_offset_monotonic.nanosecs, 999999999);
	assert_true(l->time_offset_boottime.set && l->time_offset_boottime.secs == 20);
}

static void seccomp_is_parsed_whole(void **state)
{
	_cleanup_oci_spec_ struct oci_spec spec = everything();
	const struct oci_seccomp *s = spec.linux_->seccomp;

	(void)state;
	assert_string_equal(s->default_action, "SCMP_ACT_ERRNO");
	assert_true(s->default_errno_ret.set && s->default_errno_ret.value == 38);
	assert_strv(&s->architectures, "SCMP_ARCH_X86_64", 2);
	assert_strv(&s->flags, "SECCOMP_FILTER_FLAG_LOG", 1);
	assert_string_equal(s->listener_path, "/run/agent.sock");
	assert_string_equal(s->listener_metadata, "m");
	assert_int_equal(s->syscalls_len, 2);
	assert_strv(&s->syscalls[0].names, "clone", 2);
	assert_string_equal(s->syscalls[0].action, "SCMP_ACT_TRACE");
	assert_true(s->syscalls[0].errno_ret.set && s->syscalls[0].errno_ret.value == 1);
	assert_int_equal(s->syscalls[0].args_len, 1);
	assert_int_equal(s->syscalls[0].args[0].index, 5);
	assert_string_equal(s->syscalls[0].args[0].op, "SCMP_CMP_MASKED_EQ");
	assert_false(s->syscalls[1].errno_ret.set);
}

static void resources_are_parsed_whole(void **state)
{
	_cleanup_oci_spec_ struct oci_spec spec = everything();
	const struct oci_resources *r = spec.linux_->resources;
	const struct oci_memory *m = r->memory;
	const struct oci_cpu *c = r->cpu;
	const struct oci_block_io *b = r->block_io;

	(void)state;
	assert_false(r->devices.items[0].allow || r->devices.items[0].type ||
		     r->devices.items[0].major.set || r->devices.items[0].access);
	assert_true(r->devices.items[1].allow && r->devices.items[1].minor.value == -1);
	assert_string_equal(r->devices.items[1].type, "c");
	assert_string_equal(r->devices.items[1].access, "rw");
	assert_int_equal(m->limit.value, 1048576);
	assert_int_equal(m->reservation.value, -1);
	assert_int_equal(m->swap.value, 2097152);
	assert_int_equal(m->kernel.value, 3);
	assert_int_equal(m->kernel_tcp.value, 4);
	assert_int_equal(m->swappiness.value, 60);
	assert_true(m->disable_oom_killer.set && m->disable_oom_killer.value);
	assert_true(m->use_hierarchy.set && !m->use_hierarchy.value);
	assert_true(m->check_before_update.set && m->check_before_update.value);
	assert_int_equal(c->shares.value, 1024);
	assert_int_equal(c->quota.value, -1);
	assert_int_equal(c->burst.value, 6);
	assert_int_equal(c->period.value, 100000);
	assert_int_equal(c->realtime_runtime.value, 8);
	assert_int_equal(c->realtime_period.value, 9);
	assert_string_equal(c->cpus, "0-1");
	assert_string_equal(c->mems, "0");
	assert_true(c->idle.set && c->idle.value == 1);
	assert_true(r->pids_limit.set && r->pids_limit.value == -1);
	assert_int_equal(b->weight.value, 10);
	assert_int_equal(b->leaf_weight.value, 11);
	assert_true(b->weight_device.items[0].weight.set &&
		    !b->weight_device.items[0].leaf_weight.set);
	assert_int_equal(b->weight_device.items[1].leaf_weight.value, 600);
	assert_int_equal(b->throttle_read_bps.items[0].rate, 100);
	assert_int_equal(b->throttle_write_bps.items[0].minor, 3);
	assert_int_equal(b->throttle_read_iops.items[0].rate, 300);
	assert_int_equal(b->throttle_write_iops.items[0].major, 8);
	assert_string_equal(r->hugepage_limits.items[0].page_size, "2MB");
	assert_int_equal(r->network->class_id.value, 1048577);
	assert_string_equal(r->network->priorities[0].name, "eth0");
	assert_int_equal(r->network->priorities[0].priority, 500);
	assert_string_equal(r->rdma.items[0].device, "mlx5_1");
	assert_int_equal(r->rdma.items[0].hca_handles.value, 3);
	assert_false(r->rdma.items[1].hca_handles.set);
	assert_int_equal(r->rdma.items[1].hca_objects.value, 1000);
	assert_string_equal(r->unified.items[0].key, "memory.high");
	assert_string_equal(r->unified.items[1].value, "8:0 rbps=1\n8:1 wbps=2");
}

static void vm_is_parsed_whole(void **state)
{
	_cleanup_oci_spec_ struct oci_spec spec = everything();
	const struct oci_vm *vm = spec.vm;

	(void)state;
	assert_string_equal(vm->hypervisor_path, "/usr/bin/qemu");
	assert_strv(&vm->hypervisor_parameters, "opt1=foo", 1);
	assert_string_equal(vm->kernel_path, "/boot/vmlinuz");
	assert_strv(&vm->kernel_parameters, "quiet", 1);
	assert_string_equal(vm->kernel_initrd, "/boot/initrd");
	assert_string_equal(vm->image_path, "/images/root.raw");
	assert_string_equal(vm->image_format, "raw");
	assert_int_equal(vm->vcpus.value, 2);
	assert_true(vm->memory.set && vm->memory.value == (uint64_t)4 << 30);
	assert_string_equal(vm->device_tree, "/dt.dtb");
	assert_strv(&vm->dtdevs, "path", 1);
	assert_int_equal(vm->iomems_len, 2);
	assert_false(vm->iomems[0].has_first_gfn);
	assert_true(vm->iomems[1].has_first_gfn);
	assert_int_equal(vm->iomems[1].nr_mfns, 6);
	assert_int_equal(vm->irqs_len, 2);
	assert_int_equal(vm->irqs[1], 12);
}

/* Go's encoder and decoder do not tell these from absence. */
static void null_and_empty_strings_are_absent(void **state)
{
	_cleanup_oci_spec_ struct oci_spec spec = spec_of(
		"{\"ociVersion\":\"1.3.0\",\"process\":null,\"hostname\":\"\",\"mounts\":null,"
		"\"linux\":{\"namespaces\":[{\"type\":\"pid\",\"path\":\"\"}],\"cgroupsPath\":\"\","
		"\"resources\":{\"pids\":{},\"devices\":[{\"allow\":false,\"type\":\"\"}]}},"
		"\"windows\":{\"layerFolders\":null,\"servicing\":false},"
		"\"vm\":{\"hypervisor\":{\"path\":\"\"},\"kernel\":{\"path\":\"/k\"},"
		"\"image\":{\"path\":\"\",\"format\":\"\"},\"hwconfig\":{\"vcpus\":3}}}");

	(void)state;
	assert_null(spec.process);
	assert_null(spec.hostname);
	assert_int_equal(spec.mounts.len, 0);
	assert_true(spec.linux_->namespaces[OCI_NS_PID].present);
	assert_null(spec.linux_->namespaces[OCI_NS_PID].path);
	assert_null(spec.linux_->cgroups_path);
	assert_false(spec.linux_->resources->pids_limit.set);
	assert_null(spec.linux_->resources->devices.items[0].type);
	assert_null(spec.layer_folders.items);
	assert_null(spec.foreign_section);
	assert_null(spec.vm->image_path);
	assert_int_equal(spec.vm->vcpus.value, 3);
}

static void unknown_properties_are_passed_over(void **state)
{
	_cleanup_oci_spec_ struct oci_spec spec =
		spec_of("{\"ociVersion\":\"1.3.0\",\"x\":1.5,\"linux\":{\"y\":[{}],\"resources\":{"
			"\"z\":1e5}}}");

	(void)state;
	assert_non_null(spec.linux_->resources);
}

struct refusal {
	const char *text, *message;
};

/* text: the members of a config beside ociVersion. */
static void assert_refused(const struct refusal *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_oci_spec_ struct oci_spec spec = { 0 };
		_cleanup_error_ struct error err = ERROR_INIT;
		_cleanup_free_ char *text = NULL;

		assert_true(asprintf(&text, "{\"ociVersion\":\"1.3.0\",%s}", cases[i].text) > 0);
		if (oci_spec_parse(text, strlen(text), &spec, &err) == 0)
			fail_msg("accepted: %s", text);
		assert_string_equal(error_text(&err), cases[i].message);
		assert_null(spec.arena.chunks);
	}
}

static void wrong_types_are_refused_by_path(void **state)
{
	static const struct refusal cases[] = {
		{ "\"process\":[]", "process: expected an object" },
		{ "\"process\":{\"cwd\":\"/\",\"args\":\"sh\"}",
		  "process.args: expected an array" },
		{ "\"process\":{\"cwd\":\"/\",\"args\":[\"a\",1]}",
		  "process.args[1]: expected a string" },
		{ "\"process\":{\"cwd\":\"/\",\"terminal\":1}",
		  "process.terminal: expected true or false" },
		{ "\"process\":{}", "process.cwd: required" },
		{ "\"process\":{\"cwd\":\"\"}", "process.cwd: required" },
		{ "\"process\":{\"cwd\":\"/"
		  "\",\"rlimits\":[{\"type\":\"RLIMIT_CPU\",\"hard\":1,\"soft\":1},{}]}",
		  "process.rlimits[1].type: required" },
		{ "\"process\":{\"cwd\":\"/\",\"consoleSize\":{\"height\":1}}",
		  "process.consoleSize.width: required" },
		{ "\"root\":{}", "root.path: required" },
		{ "\"mounts\":[{\"type\":\"proc\"}]", "mounts[0].destination: required" },
		{ "\"mounts\":{}", "mounts: expected an array" },
		{ "\"hooks\":{\"poststop\":[{}]}", "hooks.poststop[0].path: required" },
		{ "\"annotations\":{\"a\":1}", "annotations.a: expected a string" },
		{ "\"annotations\":{\"\":\"x\"}", "annotations: a key is empty" },
		{ "\"linux\":{\"resources\":{\"memory\":{\"limit\":\"1G\"}}}",
		  "linux.resources.memory.limit: expected an integer" },
		{ "\"linux\":{\"resources\":{\"memory\":{\"limit\":1.0}}}",
		  "linux.resources.memory.limit: expected an integer" },
		{ "\"linux\":{\"resources\":{\"devices\":[{}]}}",
		  "linux.resources.devices[0].allow: required" },
		{ "\"linux\":{\"timeOffsets\":{\"realtime\":{}}}",
		  "linux.timeOffsets.realtime: unknown clock, known are monotonic and boottime" },
		{ "\"vm\":{}", "vm.kernel: required" },
		{ "\"vm\":{\"kernel\":{\"path\":\"/k\"},\"image\":{\"path\":\"/i\"}}",
		  "vm.image.format: required" },
	};

	(void)state;
	assert_refused(cases, ARRAY_SIZE(cases));
}

static void wrong_ranges_are_refused_by_path(void **state)
{
	static const struct refusal cases[] = {
		{ "\"process\":{\"cwd\":\"/\",\"user\":{\"uid\":-1}}",
		  "process.user.uid: expected an integer from 0 to 4294967295" },
		{ "\"process\":{\"cwd\":\"/\",\"user\":{\"gid\":4294967296}}",
		  "process.user.gid: expected an integer from 0 to 4294967295" },
		{ "\"process\":{\"cwd\":\"/\",\"user\":{\"umask\":512}}",
		  "process.user.umask: expected an integer from 0 to 511" },
		{ "\"process\":{\"cwd\":\"/\",\"user\":{\"additionalGids\":[0,-1]}}",
		  "process.user.additionalGids[1]: expected an integer from 0 to 4294967295" },
		{ "\"process\":{\"cwd\":\"/"
		  "\",\"rlimits\":[{\"type\":\"RLIMIT_CPU\",\"hard\":-1,\"soft\":0}]}",
		  "process.rlimits[0].hard: expected an integer from 0 to 18446744073709551615" },
		{ "\"process\":{\"cwd\":\"/"
		  "\",\"rlimits\":[{\"type\":\"RLIMIT_CPU\",\"hard\":18446744073709551616}]}",
		  "process.rlimits[0].hard: expected an integer from 0 to 18446744073709551615" },
		{ "\"hooks\":{\"prestart\":[{\"path\":\"/a\",\"timeout\":0}]}",
		  "hooks.prestart[0].timeout: expected an integer from 1 to 2147483" },
		{ "\"linux\":{\"uidMappings\":[{\"containerID\":0,\"hostID\":0,\"size\":4294967296}"
		  "]}",
		  "linux.uidMappings[0].size: expected an integer from 0 to 4294967295" },
		{ "\"linux\":{\"resources\":{\"blockIO\":{\"weight\":65536}}}",
		  "linux.resources.blockIO.weight: expected an integer from 0 to 65535" },
		{ "\"linux\":{\"resources\":{\"cpu\":{\"quota\":9223372036854775808}}}",
		  "linux.resources.cpu.quota: expected an integer from -9223372036854775808 to "
		  "9223372036854775807" },
		{ "\"linux\":{\"timeOffsets\":{\"boottime\":{\"nanosecs\":1000000000}}}",
		  "linux.timeOffsets.boottime.nanosecs: expected an integer from 0 to 999999999" },
		{ "\"linux\":{\"devices\":[{\"path\":\"/d\",\"type\":\"c\",\"fileMode\":24992}]}",
		  "linux.devices[0].fileMode: not the mode of a device of type \"c\"" },
		{ "\"linux\":{\"devices\":[{\"path\":\"/d\",\"type\":\"c\",\"fileMode\":512}]}",
		  "linux.devices[0].fileMode: expected permission bits, from 0 to 511 (0777)" },
	};

	(void)state;
	assert_refused(cases, ARRAY_SIZE(cases));
}

static void unknown_words_are_refused_by_path(void **state)
{
	static const struct refusal cases[] = {
		{ "\"process\":{\"cwd\":\"/"
		  "\",\"rlimits\":[{\"type\":\"RLIMIT_X\",\"hard\":1,\"soft\":1}]}",
		  "process.rlimits[0].type: unknown value \"RLIMIT_X\"" },
		{ "\"process\":{\"cwd\":\"/\",\"scheduler\":{\"policy\":\"SCHED_FAIR\"}}",
		  "process.scheduler.policy: unknown value \"SCHED_FAIR\"" },
		{ "\"process\":{\"cwd\":\"/\",\"ioPriority\":{\"class\":\"\\u001b]0;x\"}}",
		  "process.ioPriority.class: unknown value \"\\x1b]0;x\"" },
		{ "\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"net\"}]}",
		  "linux.namespaces[1].type: unknown value \"net\"" },
		{ "\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"uts\"},{\"type\":"
		  "\"ipc\"},"
		  "{\"type\":\"pid\",\"path\":\"/x\"}]}",
		  "linux.namespaces[3].type: duplicate namespace \"pid\"" },
		{ "\"linux\":{\"rootfsPropagation\":\"public\"}",
		  "linux.rootfsPropagation: unknown value \"public\"" },
		{ "\"linux\":{\"devices\":[{\"path\":\"/d\",\"type\":\"x\"}]}",
		  "linux.devices[0].type: unknown value \"x\"" },
		{ "\"linux\":{\"memoryPolicy\":{\"mode\":\"MPOL_BIND\",\"flags\":[\"x\"]}}",
		  "linux.memoryPolicy.flags[0]: unknown value \"x\"" },
		{ "\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":["
		  "\"x86\"]}}",
		  "linux.seccomp.architectures[0]: unknown value \"x86\"" },
		{ "\"linux\":{\"seccomp\":{}}", "linux.seccomp.defaultAction: required" },
		{ "\"linux\":{\"resources\":{\"devices\":[{\"allow\":true,\"access\":\"rx\"}]}}",
		  "linux.resources.devices[0].access: expected letters of \"rwm\"" },
		{ "\"vm\":{\"kernel\":{\"path\":\"/k\"},\"image\":{\"path\":\"/"
		  "i\",\"format\":\"iso\"}}",
		  "vm.image.format: unknown value \"iso\"" },
	};

	(void)state;
	assert_refused(cases, ARRAY_SIZE(cases));
}

static void what_the_spec_forbids_in_resources_and_seccomp_is_refused(void **state)
{
	static const struct refusal cases[] = {
		{ "\"linux\":{\"resources\":{\"unified\":{\"../memory.max\":\"1\"}}}",
		  "linux.resources.unified.../memory.max: not a cgroup v2 file, such as "
		  "\"memory.high\"" },
		{ "\"linux\":{\"resources\":{\"unified\":{\"cgroup.procs\":\"1\"}}}",
		  "linux.resources.unified.cgroup.procs: cgroup.* files are the runtime's, not a "
		  "resource" },
		{ "\"linux\":{\"resources\":{\"rdma\":{\"mlx5_1\":{}}}}",
		  "linux.resources.rdma.mlx5_1: hcaHandles or hcaObjects required" },
		{ "\"linux\":{\"resources\":{\"rdma\":{\"a b\":{\"hcaHandles\":1}}}}",
		  "linux.resources.rdma.a b: not the name of a device" },
		{ "\"linux\":{\"resources\":{\"blockIO\":{\"weightDevice\":[{\"major\":8,\"minor\":"
		  "0}]}}}",
		  "linux.resources.blockIO.weightDevice[0]: weight or leafWeight required" },
		{ "\"linux\":{\"resources\":{\"hugepageLimits\":[{\"pageSize\":\"02MB\",\"limit\":"
		  "1}]}}",
		  "linux.resources.hugepageLimits[0].pageSize: expected a number and KB, MB or GB, "
		  "such as "
		  "\"2MB\"" },
		{ "\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\","
		  "\"listenerMetadata\":\"x\"}}",
		  "linux.seccomp.listenerMetadata: needs listenerPath" },
		{ "\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\","
		  "\"defaultErrnoRet\":1}}",
		  "linux.seccomp.defaultErrnoRet: SCMP_ACT_ALLOW returns no errno" },
		{ "\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":"
		  "[{\"names\":[],\"action\":\"SCMP_ACT_KILL\"}]}}",
		  "linux.seccomp.syscalls[0].names: expected at least one name" },
		{ "\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":"
		  "[{\"names\":[\"a\"],\"action\":\"SCMP_ACT_KILL\",\"errnoRet\":1}]}}",
		  "linux.seccomp.syscalls[0].errnoRet: SCMP_ACT_KILL returns no errno" },
	};

	(void)state;
	assert_refused(cases, ARRAY_SIZE(cases));
}

static void sections_of_other_platforms_are_noted(void **state)
{
	static const char *const texts[][2] = {
		{ "{\"ociVersion\":\"1.3.0\",\"freebsd\":{}}", "freebsd" },
		{ "{\"ociVersion\":\"1.3.0\",\"solaris\":{\"milestone\":\"x\"}}", "solaris" },
		{ "{\"ociVersion\":\"1.3.0\",\"zos\":{}}", "zos" },
		{ "{\"ociVersion\":\"1.3.0\",\"windows\":{\"network\":{}}}", "windows.network" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_cleanup_oci_spec_ struct oci_spec spec = spec_of(texts[i][0]);

		assert_string_equal(spec.foreign_section, texts[i][1]);
	}
}

static void the_number_of_mappings_is_the_kernel_s(void **state)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_error_ struct error err = ERROR_INIT;
	struct oci_spec spec = { 0 };
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	(void)fputs("{\"ociVersion\":\"1.3.0\",\"linux\":{\"uidMappings\":[", out);
	for (int i = 0; i < 341; i++)
		(void)fprintf(out, "%s{\"containerID\":%d,\"hostID\":%d,\"size\":1}", i ? "," : "",
			      i, i);
	(void)fputs("]}}", out);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(oci_spec_parse(text, size, &spec, &err), -E2BIG);
	assert_string_equal(error_text(&err),
			    "linux.uidMappings: 341 entries, at most 340 are allowed");
}

static void a_config_has_a_largest_size(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_free_ char *text = malloc(OCI_CONFIG_MAX + 1);
	_cleanup_oci_spec_ struct oci_spec spec = { 0 };
	static const char config[] = "{\"ociVersion\":\"1.3.0\"}";

	(void)state;
	memset(text, ' ', OCI_CONFIG_MAX + 1);
	memcpy(text, config, strlen(config));
	assert_int_equal(oci_spec_parse(text, OCI_CONFIG_MAX + 1, &spec, &err), -EFBIG);
	assert_string_equal(error_text(&err), "longer than 16 MiB");
	error_done(&err);
	assert_int_equal(oci_spec_parse(text, OCI_CONFIG_MAX, &spec, &err), 0);
}

static void parts_alone_name_their_place_in_a_config(void **state)
{
	static const char process[] = "{\"cwd\":\"/\",\"args\":[1]}";
	static const char resources[] = "{\"memory\":{\"limit\":true}}";
	static const char good[] = "{\"memory\":{\"limit\":512}}";
	_cleanup_arena_ struct arena arena = { 0 };
	_cleanup_error_ struct error err = ERROR_INIT;
	struct oci_process *p = NULL;
	struct oci_resources *r = NULL;

	(void)state;
	assert_int_equal(oci_process_parse(process, strlen(process), &arena, &p, &err), -EINVAL);
	assert_string_equal(error_text(&err), "process.args[0]: expected a string");
	assert_null(p);
	error_done(&err);
	assert_int_equal(oci_resources_parse(resources, strlen(resources), &arena, &r, &err),
			 -EINVAL);
	assert_string_equal(error_text(&err), "linux.resources.memory.limit: expected an integer");
	error_done(&err);
	assert_int_equal(oci_resources_parse(good, strlen(good), &arena, &r, &err), 0);
	assert_int_equal(r->memory->limit.value, 512);
}

static void assert_examples(const char *pattern, bool good)
{
	glob_t paths;

	assert_int_equal(glob(pattern, 0, NULL, &paths), 0);
	for (size_t i = 0; i < paths.gl_pathc; i++) {
		_cleanup_oci_spec_ struct oci_spec spec = { 0 };
		_cleanup_error_ struct error err = ERROR_INIT;
		_cleanup_free_ char *text = NULL;
		size_t len;
		int r;

		assert_int_equal(
			file_read(AT_FDCWD, paths.gl_pathv[i], OCI_CONFIG_MAX, &text, &len), 0);
		r = oci_spec_parse(text, len, &spec, &err);
		/* Sections of other platforms are refused by validation, not by the parser. */
		if (!good && r == 0)
			r = oci_validate(&spec, &err);
		if ((r == 0) != good)
			fail_msg("%s: %s", paths.gl_pathv[i], error_text(&err));
		assert_null(strchr(error_text(&err), '\n'));
	}
	globfree(&paths);
}

static void the_spec_s_own_examples_are_told_apart(void **state)
{
	(void)state;
	assert_examples(TEST_DATA "/oci-schema/test/config/good/*.json", true);
	assert_examples(TEST_DATA "/oci-schema/test/config/bad/*.json", false);
}

/* A file cut at any byte is refused, and what was read until there is given back. */
static void a_truncated_config_is_refused(void **state)
{
	_cleanup_free_ char *text = NULL;
	size_t len;

	(void)state;
	assert_int_equal(
		file_read(AT_FDCWD, TEST_DATA "/everything.json", OCI_CONFIG_MAX, &text, &len), 0);
	while (len && (text[len - 1] == '\n' || text[len - 1] == ' '))
		len--;
	for (size_t cut = 0; cut < len; cut += 7) {
		_cleanup_free_ char *part =
			malloc(cut + 1); /* so that a sanitizer sees a read beyond */
		_cleanup_error_ struct error err = ERROR_INIT;
		struct oci_spec spec = { 0 };

		memcpy(part, text, cut);
		assert_int_equal(oci_spec_parse(part, cut, &spec, &err), -EINVAL);
		assert_memory_equal(error_text(&err), "invalid JSON at line ", 21);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(process_is_parsed_whole),
		cmocka_unit_test(large_integers_are_exact),
		cmocka_unit_test(mounts_hooks_and_annotations_are_parsed_whole),
		cmocka_unit_test(linux_is_parsed_whole),
		cmocka_unit_test(seccomp_is_parsed_whole),
		cmocka_unit_test(resources_are_parsed_whole),
		cmocka_unit_test(vm_is_parsed_whole),
		cmocka_unit_test(null_and_empty_strings_are_absent),
		cmocka_unit_test(unknown_properties_are_passed_over),
		cmocka_unit_test(wrong_types_are_refused_by_path),
		cmocka_unit_test(wrong_ranges_are_refused_by_path),
		cmocka_unit_test(unknown_words_are_refused_by_path),
		cmocka_unit_test(what_the_spec_forbids_in_resources_and_seccomp_is_refused),
		cmocka_unit_test(sections_of_other_platforms_are_noted),
		cmocka_unit_test(the_number_of_mappings_is_the_kernel_s),
		cmocka_unit_test(a_config_has_a_largest_size),
		cmocka_unit_test(parts_alone_name_their_place_in_a_config),
		cmocka_unit_test(the_spec_s_own_examples_are_told_apart),
		cmocka_unit_test(a_truncated_config_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

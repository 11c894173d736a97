/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The OCI runtime-spec 1.3.0 configuration as plain structs: one field for each property, in the
 * spec's words. Everything a spec points to belongs to its arena; absent strings and objects are
 * NULL, absent numbers have `set` false. Read-only once parsed.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"

struct opt_bool {
	bool set, value;
};
struct opt_i64 {
	bool set;
	int64_t value;
};
struct opt_u64 {
	bool set;
	uint64_t value;
};

struct strv {
	char **items;
	size_t len;
}; /* items[len] is NULL, so it can go to execve */
struct key_value {
	char *key, *value;
};
struct key_values {
	struct key_value *items;
	size_t len;
};

struct oci_id_mapping {
	uint32_t container_id, host_id, size;
};
struct oci_id_mappings {
	struct oci_id_mapping *items;
	size_t len;
};

struct oci_rlimit {
	char *type;
	uint64_t hard, soft;
};
struct oci_rlimits {
	struct oci_rlimit *items;
	size_t len;
};

struct oci_capabilities {
	struct strv bounding, effective, inheritable, permitted, ambient;
};

struct oci_scheduler { /* sched_setattr(2) */
	char *policy;
	struct strv flags;
	int32_t nice;
	int32_t priority;
	uint64_t runtime, deadline, period; /* nanoseconds */
};

struct oci_io_priority {
	char *class;
	int64_t priority;
};
struct oci_cpu_affinity {
	char *initial, *final;
}; /* cpuset lists */

struct oci_user {
	uint32_t uid, gid;
	struct opt_u64 umask;
	uint32_t *additional_gids;
	size_t additional_gids_len;
	char *username; /* Windows only */
};

struct oci_process {
	bool terminal;
	struct {
		bool set;
		uint32_t height, width;
	} console_size;
	struct oci_user user;
	struct strv args, env;
	char *command_line; /* Windows only */
	char *cwd;
	struct oci_capabilities *capabilities;
	struct oci_rlimits rlimits;
	bool no_new_privileges;
	char *apparmor_profile, *selinux_label;
	struct opt_i64 oom_score_adj;
	struct oci_scheduler *scheduler;
	struct oci_io_priority *io_priority;
	struct oci_cpu_affinity *exec_cpu_affinity;
};

struct oci_root {
	char *path;
	bool readonly;
};

struct oci_mount {
	char *destination, *type, *source;
	struct strv options;
	struct oci_id_mappings uid_mappings, gid_mappings;
};
struct oci_mounts {
	struct oci_mount *items;
	size_t len;
};

struct oci_hook {
	char *path;
	struct strv args, env;
	struct opt_i64 timeout; /* seconds, > 0 */
};
struct oci_hook_list {
	struct oci_hook *items;
	size_t len;
};
enum oci_hook_kind {
	OCI_HOOK_PRESTART,
	OCI_HOOK_CREATE_RUNTIME,
	OCI_HOOK_CREATE_CONTAINER,
	OCI_HOOK_START_CONTAINER,
	OCI_HOOK_POSTSTART,
	OCI_HOOK_POSTSTOP,
	OCI_HOOK_KINDS
};

enum oci_namespace_kind {
	OCI_NS_PID,
	OCI_NS_NETWORK,
	OCI_NS_MOUNT,
	OCI_NS_IPC,
	OCI_NS_UTS,
	OCI_NS_USER,
	OCI_NS_CGROUP,
	OCI_NS_TIME,
	OCI_NS_KINDS
};
struct oci_namespace {
	bool present;
	char *path;   /* NULL: a new one */
	size_t index; /* in linux.namespaces, for messages */
};

struct oci_device {
	char *path, *type;           /* "c" "b" "u" "p" */
	struct opt_i64 major, minor; /* not of a FIFO */
	struct opt_u64 file_mode;
	struct opt_u64 uid, gid;
};
struct oci_devices {
	struct oci_device *items;
	size_t len;
};

struct oci_net_device {
	char *host_name, *name;
}; /* name NULL: keep the host's */
struct oci_net_devices {
	struct oci_net_device *items;
	size_t len;
};

struct oci_time_offset {
	bool set;
	int64_t secs;
	uint32_t nanosecs;
};

struct oci_device_rule {
	bool allow;
	char *type;                  /* "a" "c" "b"; NULL is "a" */
	struct opt_i64 major, minor; /* unset or -1: any */
	char *access;                /* of "rwm"; NULL is all */
};
struct oci_device_rules {
	struct oci_device_rule *items;
	size_t len;
};

struct oci_memory {
	struct opt_i64 limit, reservation, swap, kernel, kernel_tcp; /* bytes, -1 unlimited */
	struct opt_u64 swappiness;
	struct opt_bool disable_oom_killer, use_hierarchy, check_before_update;
};

struct oci_cpu {
	struct opt_u64 shares;
	struct opt_i64 quota; /* microseconds */
	struct opt_u64 burst, period;
	struct opt_i64 realtime_runtime;
	struct opt_u64 realtime_period;
	char *cpus, *mems;
	struct opt_i64 idle;
};

struct oci_weight_device {
	int64_t major, minor;
	struct opt_u64 weight, leaf_weight;
};
struct oci_weight_devices {
	struct oci_weight_device *items;
	size_t len;
};
struct oci_throttle_device {
	int64_t major, minor;
	uint64_t rate;
};
struct oci_throttle_devices {
	struct oci_throttle_device *items;
	size_t len;
};

struct oci_block_io {
	struct opt_u64 weight, leaf_weight;
	struct oci_weight_devices weight_device;
	struct oci_throttle_devices throttle_read_bps, throttle_write_bps, throttle_read_iops,
		throttle_write_iops;
};

struct oci_hugepage_limit {
	char *page_size;
	uint64_t limit;
};
struct oci_hugepage_limits {
	struct oci_hugepage_limit *items;
	size_t len;
};
struct oci_rdma_limit {
	char *device;
	struct opt_u64 hca_handles, hca_objects;
};
struct oci_rdma_limits {
	struct oci_rdma_limit *items;
	size_t len;
};
struct oci_if_priority {
	char *name;
	uint32_t priority;
};
struct oci_network {
	struct opt_u64 class_id;
	struct oci_if_priority *priorities;
	size_t priorities_len;
};

struct oci_resources {
	struct oci_device_rules devices;
	struct oci_memory *memory;
	struct oci_cpu *cpu;
	struct opt_i64 pids_limit; /* pids.limit; -1 (or 0 or less) unlimited */
	struct oci_block_io *block_io;
	struct oci_hugepage_limits hugepage_limits;
	struct oci_network *network;
	struct oci_rdma_limits rdma;
	struct key_values unified; /* cgroup v2 file → content */
};

struct oci_seccomp_arg {
	uint32_t index;
	uint64_t value, value_two;
	char *op;
};
struct oci_seccomp_syscall {
	struct strv names;
	char *action;
	struct opt_u64 errno_ret;
	struct oci_seccomp_arg *args;
	size_t args_len;
};
struct oci_seccomp {
	char *default_action;
	struct opt_u64 default_errno_ret;
	struct strv architectures, flags;
	char *listener_path, *listener_metadata;
	struct oci_seccomp_syscall *syscalls;
	size_t syscalls_len;
};

struct oci_intel_rdt {
	char *clos_id, *l3_cache_schema, *mem_bw_schema;
	struct strv schemata;
	bool enable_monitoring, enable_cmt, enable_mbm;
};

struct oci_memory_policy {
	char *mode, *nodes;
	struct strv flags;
};
struct oci_personality {
	char *domain;
	struct strv flags;
};

struct oci_linux {
	struct oci_namespace namespaces[OCI_NS_KINDS];
	struct oci_id_mappings uid_mappings, gid_mappings;
	struct oci_devices devices;
	struct oci_net_devices net_devices;
	char *cgroups_path;
	struct oci_resources *resources;
	struct oci_intel_rdt *intel_rdt;
	struct oci_memory_policy *memory_policy;
	struct key_values sysctl;
	struct oci_seccomp *seccomp;
	char *rootfs_propagation; /* "shared" "slave" "private" "unbindable", with "r" or not */
	struct strv masked_paths, readonly_paths;
	char *mount_label;
	struct oci_personality *personality;
	struct oci_time_offset time_offset_monotonic, time_offset_boottime;
};

struct oci_vm_iomem {
	uint64_t first_gfn, first_mfn, nr_mfns;
	bool has_first_gfn;
};
struct oci_vm { /* parsed and kept for hyperv isolation */
	char *hypervisor_path;
	struct strv hypervisor_parameters;
	char *kernel_path, *kernel_initrd;
	struct strv kernel_parameters;
	char *image_path, *image_format;
	struct opt_u64 vcpus, memory; /* hwConfig; memory in bytes as the spec has it */
	char *device_tree;
	struct strv dtdevs;
	struct oci_vm_iomem *iomems;
	size_t iomems_len;
	uint32_t *irqs;
	size_t irqs_len;
};

struct oci_spec {
	struct arena arena; /* owns all of the below */
	char *oci_version;
	struct oci_process *process;
	struct oci_root *root;
	char *hostname, *domainname;
	struct oci_mounts mounts;
	struct oci_hook_list hooks[OCI_HOOK_KINDS];
	struct key_values annotations;
	struct oci_linux *linux_; /* `linux` is a macro in GNU dialects */
	struct oci_vm *vm;
	struct strv layer_folders; /* windows.layerFolders: topmost first, scratch last */
	/* A platform section that is not for us, or a windows property other than layerFolders:
	 * its JSON path, for oci_validate to refuse. NULL when there is none. */
	char *foreign_section;
};

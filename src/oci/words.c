/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/words.h"

#include "oci/spec.h"

/* clang-format off */
const char *const oci_hook_names[] = {
	[OCI_HOOK_PRESTART] = "prestart",
	[OCI_HOOK_CREATE_RUNTIME] = "createRuntime",
	[OCI_HOOK_CREATE_CONTAINER] = "createContainer",
	[OCI_HOOK_START_CONTAINER] = "startContainer",
	[OCI_HOOK_POSTSTART] = "poststart",
	[OCI_HOOK_POSTSTOP] = "poststop",
	[OCI_HOOK_KINDS] = NULL,
};

const char *const oci_namespace_names[] = {
	[OCI_NS_PID] = "pid",       [OCI_NS_NETWORK] = "network", [OCI_NS_MOUNT] = "mount",
	[OCI_NS_IPC] = "ipc",       [OCI_NS_UTS] = "uts",         [OCI_NS_USER] = "user",
	[OCI_NS_CGROUP] = "cgroup", [OCI_NS_TIME] = "time",       [OCI_NS_KINDS] = NULL,
};

const char *const oci_rlimit_names[] = {
	"RLIMIT_AS",     "RLIMIT_CORE",     "RLIMIT_CPU",    "RLIMIT_DATA",
	"RLIMIT_FSIZE",  "RLIMIT_LOCKS",    "RLIMIT_MEMLOCK", "RLIMIT_MSGQUEUE",
	"RLIMIT_NICE",   "RLIMIT_NOFILE",   "RLIMIT_NPROC",  "RLIMIT_RSS",
	"RLIMIT_RTPRIO", "RLIMIT_RTTIME",   "RLIMIT_SIGPENDING", "RLIMIT_STACK",
	NULL,
};

const char *const oci_propagation_names[] = {
	"shared",  "rshared",  "slave",      "rslave",
	"private", "rprivate", "unbindable", "runbindable",
	NULL,
};

const char *const oci_personality_domains[] = { "LINUX", "LINUX32", NULL };

const char *const oci_io_priority_classes[] = {
	"IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE", NULL,
};

const char *const oci_scheduler_policies[] = {
	"SCHED_OTHER", "SCHED_FIFO", "SCHED_RR",       "SCHED_BATCH",
	"SCHED_ISO",   "SCHED_IDLE", "SCHED_DEADLINE", NULL,
};

const char *const oci_scheduler_flags[] = {
	"SCHED_FLAG_RESET_ON_FORK",
	"SCHED_FLAG_RECLAIM",
	"SCHED_FLAG_DL_OVERRUN",
	"SCHED_FLAG_KEEP_POLICY",
	"SCHED_FLAG_KEEP_PARAMS",
	"SCHED_FLAG_UTIL_CLAMP_MIN",
	"SCHED_FLAG_UTIL_CLAMP_MAX",
	NULL,
};

const char *const oci_memory_policy_modes[] = {
	"MPOL_DEFAULT",
	"MPOL_BIND",
	"MPOL_INTERLEAVE",
	"MPOL_WEIGHTED_INTERLEAVE",
	"MPOL_PREFERRED",
	"MPOL_PREFERRED_MANY",
	"MPOL_LOCAL",
	NULL,
};

const char *const oci_memory_policy_flags[] = {
	"MPOL_F_NUMA_BALANCING", "MPOL_F_RELATIVE_NODES", "MPOL_F_STATIC_NODES", NULL,
};

const char *const oci_seccomp_actions[] = {
	"SCMP_ACT_KILL",  "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_TRAP",
	"SCMP_ACT_ERRNO", "SCMP_ACT_TRACE",        "SCMP_ACT_ALLOW",       "SCMP_ACT_LOG",
	"SCMP_ACT_NOTIFY", NULL,
};

const char *const oci_seccomp_operators[] = {
	"SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE",        "SCMP_CMP_EQ",
	"SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ", NULL,
};

const char *const oci_seccomp_archs[] = {
	"SCMP_ARCH_X86",         "SCMP_ARCH_X86_64",      "SCMP_ARCH_X32",
	"SCMP_ARCH_ARM",         "SCMP_ARCH_AARCH64",     "SCMP_ARCH_LOONGARCH64",
	"SCMP_ARCH_M68K",        "SCMP_ARCH_MIPS",        "SCMP_ARCH_MIPS64",
	"SCMP_ARCH_MIPS64N32",   "SCMP_ARCH_MIPSEL",      "SCMP_ARCH_MIPSEL64",
	"SCMP_ARCH_MIPSEL64N32", "SCMP_ARCH_PPC",         "SCMP_ARCH_PPC64",
	"SCMP_ARCH_PPC64LE",     "SCMP_ARCH_S390",        "SCMP_ARCH_S390X",
	"SCMP_ARCH_SH",          "SCMP_ARCH_SHEB",        "SCMP_ARCH_PARISC",
	"SCMP_ARCH_PARISC64",    "SCMP_ARCH_RISCV64",     NULL,
};

const char *const oci_seccomp_flags[] = {
	"SECCOMP_FILTER_FLAG_TSYNC",
	"SECCOMP_FILTER_FLAG_LOG",
	"SECCOMP_FILTER_FLAG_SPEC_ALLOW",
	"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
	NULL,
};

const char *const oci_vm_image_formats[] = { "raw", "qcow2", "vdi", "vmdk", "vhd", NULL };

const char *const oci_device_types[] = { "c", "b", "u", "p", NULL };
const char *const oci_device_rule_types[] = { "a", "c", "b", NULL };

const char *const oci_capability_names[] = {
	"CAP_CHOWN",            "CAP_DAC_OVERRIDE",   "CAP_DAC_READ_SEARCH",
	"CAP_FOWNER",           "CAP_FSETID",         "CAP_KILL",
	"CAP_SETGID",           "CAP_SETUID",         "CAP_SETPCAP",
	"CAP_LINUX_IMMUTABLE",  "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST",
	"CAP_NET_ADMIN",        "CAP_NET_RAW",        "CAP_IPC_LOCK",
	"CAP_IPC_OWNER",        "CAP_SYS_MODULE",     "CAP_SYS_RAWIO",
	"CAP_SYS_CHROOT",       "CAP_SYS_PTRACE",     "CAP_SYS_PACCT",
	"CAP_SYS_ADMIN",        "CAP_SYS_BOOT",       "CAP_SYS_NICE",
	"CAP_SYS_RESOURCE",     "CAP_SYS_TIME",       "CAP_SYS_TTY_CONFIG",
	"CAP_MKNOD",            "CAP_LEASE",          "CAP_AUDIT_WRITE",
	"CAP_AUDIT_CONTROL",    "CAP_SETFCAP",        "CAP_MAC_OVERRIDE",
	"CAP_MAC_ADMIN",        "CAP_SYSLOG",         "CAP_WAKE_ALARM",
	"CAP_BLOCK_SUSPEND",    "CAP_AUDIT_READ",     "CAP_PERFMON",
	"CAP_BPF",              "CAP_CHECKPOINT_RESTORE", NULL,
};
/* clang-format on */

/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/syscall_filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#define X32_BIT 0x40000000u
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#else
#define NATIVE 0 /* not described yet, nor is its machine: everything is refused */
#endif

/* A jump's distance is one byte, so every match returns on the spot: two instructions a call. */
#define RULES_MAX 96

static const int denied_to_helpers[] = {
	SYS_acct,
	SYS_add_key,
	SYS_bpf,
	SYS_clock_adjtime,
	SYS_clock_settime,
	SYS_delete_module,
	SYS_fanotify_init,
	SYS_finit_module,
	SYS_fsconfig,
	SYS_fsmount,
	SYS_fsopen,
	SYS_fspick,
	SYS_init_module,
	SYS_io_uring_enter,
	SYS_io_uring_register,
	SYS_io_uring_setup,
	SYS_kcmp,
	SYS_kexec_load,
	SYS_keyctl,
	SYS_lookup_dcookie,
	SYS_mount_setattr,
	SYS_move_mount,
	SYS_open_by_handle_at,
	SYS_open_tree,
	SYS_perf_event_open,
	SYS_pidfd_getfd,
	SYS_process_vm_readv,
	SYS_process_vm_writev,
	SYS_ptrace,
	SYS_quotactl,
	SYS_reboot,
	SYS_request_key,
	SYS_setdomainname,
	SYS_sethostname,
	SYS_setns,
	SYS_settimeofday,
	SYS_swapoff,
	SYS_swapon,
	SYS_syslog,
	SYS_userfaultfd,
	SYS_vhangup,
};

/* Of one without capabilities: not even in a user namespace of its own making, where much of the
 * kernel is open to it. */
static const int denied_to_unprivileged[] = {
	SYS_chroot,     SYS_kexec_file_load, SYS_mount,   SYS_name_to_handle_at,
	SYS_pivot_root, SYS_socket,          SYS_umount2, SYS_unshare,
};

struct program {
	struct sock_filter insns[2 * RULES_MAX + 8];
	unsigned short len;
};

static void add(struct program *p, struct sock_filter insn)
{
	p->insns[p->len++] = insn;
}

static int install(const int *calls, size_t n, uint32_t match, uint32_t other)
{
	struct program p = { .len = 0 };
	struct sock_fprog prog;

	if (n > RULES_MAX)
		return -E2BIG;
	add(&p, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
					     offsetof(struct seccomp_data, arch)));
	add(&p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE, 1, 0));
	add(&p, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
	add(&p, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
					     offsetof(struct seccomp_data, nr)));
#ifdef X32_BIT
	/* The same architecture to audit, other numbers for the same calls. */
	add(&p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1));
	add(&p, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
#endif
	for (size_t i = 0; i < n; i++) {
		add(&p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)calls[i],
						     0, 1));
		add(&p, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, match));
	}
	add(&p, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, other));
	prog = (struct sock_fprog){ .len = p.len, .filter = p.insns };
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0 ? -errno : 0;
}

int syscall_filter_helper(bool privileged)
{
	int r = 0;

	if (!privileged)
		r = install(denied_to_unprivileged, ARRAY_SIZE(denied_to_unprivileged),
			    SECCOMP_RET_ERRNO | EPERM, SECCOMP_RET_ALLOW);
	return r < 0 ? r
		     : install(denied_to_helpers, ARRAY_SIZE(denied_to_helpers),
			       SECCOMP_RET_ERRNO | EPERM, SECCOMP_RET_ALLOW);
}

int syscall_filter_only(const int *allowed, size_t n)
{
	return install(allowed, n, SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS);
}

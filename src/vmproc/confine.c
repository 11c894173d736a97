/* SPDX-License-Identifier: Apache-2.0 */
#include "vmproc/confine.h"

#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "vm/syscall_filter.h"

#ifndef __SANITIZE_ADDRESS__
/* Carrying bytes, waiting for vmwp, and ending; the rest is malloc's. */
static const int allowed[] = {
	SYS_ppoll,
	SYS_read,
	SYS_write,
	SYS_preadv2,
	SYS_pwritev2,
	SYS_pread64,
	SYS_recvfrom,
	SYS_recvmsg,
	SYS_sendto,
	SYS_sendmsg,
	SYS_accept4,
	SYS_newfstatat,
	SYS_lseek,
	SYS_close,
	SYS_ioctl,
	SYS_fcntl,
	SYS_signalfd4,
	SYS_rt_sigaction,
	SYS_rt_sigprocmask,
	SYS_rt_sigreturn,
	SYS_restart_syscall,
	SYS_kill,
	SYS_getpid,
	SYS_gettid,
	SYS_tgkill,
	SYS_pidfd_send_signal,
	SYS_waitid,
	SYS_prctl,
	SYS_clock_gettime,
	SYS_getrandom,
	SYS_brk,
	SYS_mmap,
	SYS_mremap,
	SYS_munmap,
	SYS_madvise,
	SYS_futex,
	SYS_exit,
	SYS_exit_group,
#ifdef SYS_poll
	SYS_poll,
#endif
};
#endif

static int drop_capabilities(struct error *err)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { 0 };

	return syscall(SYS_capset, &header, none) < 0 ? error_sys(err, errno, "capset") : 0;
}

int confine(uint32_t uid, struct error *err)
{
	int r;

	if (uid && (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 ||
		    setresuid(uid, uid, uid) < 0))
		return error_sys(err, errno, "become the utility VM's user %u", uid);
	r = drop_capabilities(err);
	if (r < 0)
		return r;
	if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_sys(err, errno, "prctl");
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
#ifndef __SANITIZE_ADDRESS__
	r = syscall_filter_only(allowed, sizeof(allowed) / sizeof(allowed[0]));
	if (r < 0)
		return error_sys(err, -r, "set the filter of system calls");
#endif
	return 0;
}

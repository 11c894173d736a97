/* SPDX-License-Identifier: Apache-2.0 */
#include "vmwp/confine.h"

#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "container/caps.h"
#include "vm/syscall_filter.h"

/* The loop, memory, the end. */
static const int allowed[] = {
#ifdef SYS_poll
	SYS_poll,
#endif
	SYS_ppoll,          SYS_read,     SYS_write,         SYS_recvfrom,        SYS_recvmsg,
	SYS_sendto,         SYS_sendmsg,  SYS_accept4,       SYS_fcntl,           SYS_close,
	SYS_wait4,          SYS_waitid,   SYS_clock_gettime, SYS_restart_syscall, SYS_rt_sigreturn,
	SYS_rt_sigprocmask, SYS_brk,      SYS_mmap,          SYS_munmap,          SYS_mremap,
	SYS_madvise,        SYS_mprotect, SYS_futex,         SYS_getrandom,       SYS_getpid,
	SYS_gettid,         SYS_tgkill,   SYS_exit,          SYS_exit_group,
};

int confine_self(uint32_t uid, struct error *err)
{
	const struct caps none = { 0 };
	struct rlimit no_core = { 0 };
	int r;

	if (setrlimit(RLIMIT_CORE, &no_core) < 0)
		return error_sys(err, errno, "forbid core dumps");
	r = caps_drop_bounding(&none, err);
	if (r < 0)
		return r;
	if (setgroups(0, NULL) < 0)
		return error_sys(err, errno, "drop supplementary groups");
	if (uid && (setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0))
		return error_sys(err, errno, "become user %u", uid);
	r = caps_apply(&none, 0, err);
	if (r < 0)
		return r;
	/* The change of user has cleared it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_DUMPABLE, 0) < 0)
		return error_sys(err, errno, "give up privileges");
	r = syscall_filter_only(allowed, ARRAY_SIZE(allowed));
	return r < 0 ? error_sys(err, -r, "filter system calls") : 0;
}

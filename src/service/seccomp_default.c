/* SPDX-License-Identifier: Apache-2.0 */
#include "service/seccomp_default.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/cleanup.h"

/* CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET: namespaces are not for who may not
 * administrate them. */
#define CLONE_NAMESPACES UINT64_C(0x7e020000)

/* clang-format off */
const struct seccomp_default_rule seccomp_default_rules[] = {
	/* Files. */
	{ .names = "access chdir chmod chown chown32 close close_range copy_file_range creat dup dup2 dup3 "
		   "faccessat faccessat2 fadvise64 fadvise64_64 fallocate fanotify_mark fchdir fchmod fchmodat "
		   "fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr flistxattr flock "
		   "fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 "
		   "futimesat getcwd getdents getdents64 getxattr getxattrat inotify_add_watch inotify_init "
		   "inotify_init1 inotify_rm_watch ioctl lchown lchown32 lgetxattr link linkat listxattr "
		   "listxattrat llistxattr _llseek lremovexattr lseek lsetxattr lstat lstat64 mkdir mkdirat mknod "
		   "mknodat name_to_handle_at newfstatat open openat openat2 pipe pipe2 pread64 preadv preadv2 "
		   "pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv removexattr removexattrat "
		   "rename renameat renameat2 rmdir sendfile sendfile64 setxattr setxattrat splice stat stat64 "
		   "statfs statfs64 statx symlink symlinkat sync sync_file_range syncfs tee truncate truncate64 "
		   "umask unlink unlinkat utime utimensat utimensat_time64 utimes vmsplice write writev" },
	/* Waiting for descriptors. */
	{ .names = "epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait "
		   "epoll_wait_old eventfd eventfd2 _newselect poll ppoll ppoll_time64 pselect6 pselect6_time64 "
		   "select signalfd signalfd4" },
	/* Asynchronous I/O of old; io_uring is left out, as docker has since its holes were found. */
	{ .names = "io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 ioprio_get "
		   "ioprio_set io_setup io_submit" },
	/* Memory. */
	{ .names = "brk cachestat madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mlock "
		   "mlock2 mlockall mmap mmap2 mprotect mremap mseal msync munlock munlockall munmap pkey_alloc "
		   "pkey_free pkey_mprotect remap_file_pages" },
	/* Processes and threads. */
	{ .names = "alarm capget capset execve execveat exit exit_group fork futex futex_requeue futex_time64 "
		   "futex_wait futex_waitv futex_wake getcpu getegid getegid32 geteuid geteuid32 getgid getgid32 "
		   "getgroups getgroups32 getitimer getpgid getpgrp getpid getppid getpriority getresgid "
		   "getresgid32 getresuid getresuid32 getrlimit get_robust_list getrusage getsid get_thread_area "
		   "gettid getuid getuid32 kill landlock_add_rule landlock_create_ruleset "
		   "landlock_restrict_self pause pidfd_open pidfd_send_signal prctl prlimit64 process_mrelease "
		   "restart_syscall riscv_hwprobe rseq sched_getaffinity sched_getattr sched_getparam "
		   "sched_get_priority_max sched_get_priority_min sched_getscheduler sched_rr_get_interval "
		   "sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam "
		   "sched_setscheduler sched_yield seccomp setfsgid setfsgid32 setfsuid setfsuid32 setgid "
		   "setgid32 setgroups setgroups32 setitimer setpgid setpriority setregid setregid32 setresgid "
		   "setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit set_robust_list setsid "
		   "set_thread_area set_tid_address setuid setuid32 sysinfo tgkill times tkill ugetrlimit uname "
		   "vfork wait4 waitid waitpid" },
	/* Signals. */
	{ .names = "rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend "
		   "rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sigaltstack sigprocmask sigreturn" },
	/* Time. */
	{ .names = "adjtimex clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime "
		   "clock_gettime64 clock_nanosleep clock_nanosleep_time64 gettimeofday nanosleep time "
		   "timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime "
		   "timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime "
		   "timerfd_settime64" },
	/* Communication. */
	{ .names = "accept accept4 bind connect getpeername getrandom getsockname getsockopt ipc listen "
		   "mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend "
		   "mq_timedsend_time64 mq_unlink msgctl msgget msgrcv msgsnd recv recvfrom recvmmsg "
		   "recvmmsg_time64 recvmsg semctl semget semop semtimedop semtimedop_time64 send sendmmsg "
		   "sendmsg sendto setsockopt shmat shmctl shmdt shmget shutdown socketcall socketpair" },
	{ .names = "process_vm_readv process_vm_writev ptrace" },
	/* Of any family but the one that reaches a hypervisor. */
	{ .names = "socket", .arg = { 0, AF_VSOCK, 0, "SCMP_CMP_NE" } },
	{ .names = "personality", .arg = { 0, 0x0, 0, "SCMP_CMP_EQ" } },        /* PER_LINUX */
	{ .names = "personality", .arg = { 0, 0x8, 0, "SCMP_CMP_EQ" } },        /* PER_LINUX32 */
	{ .names = "personality", .arg = { 0, 0x20000, 0, "SCMP_CMP_EQ" } },    /* UNAME26 */
	{ .names = "personality", .arg = { 0, 0x20008, 0, "SCMP_CMP_EQ" } },    /* both */
	{ .names = "personality", .arg = { 0, 0xffffffff, 0, "SCMP_CMP_EQ" } }, /* only to ask */

	/* Of single architectures. */
	{ .names = "sync_file_range2 swapcontext", .archs = "ppc64le" },
	{ .names = "arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls",
	  .archs = "arm arm64" },
	{ .names = "arch_prctl", .archs = "amd64 x32" },
	{ .names = "modify_ldt", .archs = "amd64 x32 x86" },
	{ .names = "s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr", .archs = "s390 s390x" },
	{ .names = "riscv_flush_icache", .archs = "riscv64" },

	/* With capabilities. */
	{ .names = "open_by_handle_at", .caps = "CAP_DAC_READ_SEARCH" },
	{ .names = "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick listmount lookup_dcookie "
		   "lsm_get_self_attr lsm_list_modules lsm_set_self_attr mount mount_setattr move_mount "
		   "open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname setns statmount "
		   "syslog umount umount2 unshare",
	  .caps = "CAP_SYS_ADMIN" },
	{ .names = "clone", .not_archs = "s390 s390x", .not_caps = "CAP_SYS_ADMIN",
	  .arg = { 0, CLONE_NAMESPACES, 0, "SCMP_CMP_MASKED_EQ" } },
	/* There the first two arguments are the other way round. */
	{ .names = "clone", .archs = "s390 s390x", .not_caps = "CAP_SYS_ADMIN",
	  .arg = { 1, CLONE_NAMESPACES, 0, "SCMP_CMP_MASKED_EQ" } },
	/* Its flags are in memory, where a filter cannot look: the C library then takes clone. */
	{ .names = "clone3", .not_caps = "CAP_SYS_ADMIN", .errno_ret = ENOSYS },
	{ .names = "reboot", .caps = "CAP_SYS_BOOT" },
	{ .names = "chroot", .caps = "CAP_SYS_CHROOT" },
	{ .names = "delete_module init_module finit_module", .caps = "CAP_SYS_MODULE" },
	{ .names = "acct", .caps = "CAP_SYS_PACCT" },
	{ .names = "kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace",
	  .caps = "CAP_SYS_PTRACE" },
	{ .names = "iopl ioperm", .caps = "CAP_SYS_RAWIO" },
	{ .names = "settimeofday stime clock_settime clock_settime64", .caps = "CAP_SYS_TIME" },
	{ .names = "vhangup", .caps = "CAP_SYS_TTY_CONFIG" },
	{ .names = "get_mempolicy mbind set_mempolicy set_mempolicy_home_node", .caps = "CAP_SYS_NICE" },
	{ .names = "syslog", .caps = "CAP_SYSLOG" },
	{ .names = "bpf", .caps = "CAP_BPF" },
	{ .names = "perf_event_open", .caps = "CAP_PERFMON" },
};
/* clang-format on */

const size_t seccomp_default_rules_len = ARRAY_SIZE(seccomp_default_rules);

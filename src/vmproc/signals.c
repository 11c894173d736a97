/* SPDX-License-Identifier: Apache-2.0 */
#include "vmproc/signals.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>

#include "vmproc/request.h"

/* As the kernel has it: sigset_t leaves out what the C library uses (32, 33), and its own
 * functions take them out of any mask. */
typedef uint64_t mask;
#define ALL (~(mask)0)
#define BIT(signal) ((mask)1 << ((signal)-1))

/* See die_when_told in the engine's init. */
#define ENDING (BIT(SIGTERM) | BIT(SIGINT) | BIT(SIGHUP) | BIT(SIGQUIT))

static int set_descriptor(struct vmproc *p, mask which, struct error *err)
{
	int fd = (int)syscall(SYS_signalfd4, p->signals, &which, sizeof(which),
			      O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return error_sys(err, errno, "signalfd");
	p->signals = fd;
	return 0;
}

int signals_open(struct vmproc *p, struct error *err)
{
	const mask all = ALL;

	if (syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, sizeof(all)) < 0)
		return error_sys(err, errno, "block signals");
	return set_descriptor(p, ENDING, err);
}

int signals_until_start(struct vmproc *p, struct error *err)
{
	return set_descriptor(p, ENDING | BIT(SIGWINCH), err);
}

static bool take(const struct vmproc *p, struct signalfd_siginfo *ret)
{
	return read(p->signals, ret, sizeof(*ret)) == (ssize_t)sizeof(*ret);
}

void signals_drop(struct vmproc *p)
{
	_cleanup_error_ struct error ignored = ERROR_INIT;
	struct signalfd_siginfo info;

	if (set_descriptor(p, ALL & ~ENDING & ~BIT(SIGWINCH), &ignored) == 0)
		while (take(p, &info))
			;
	(void)signals_until_start(p, &ignored);
}

int signals_forward(struct vmproc *p, struct error *err)
{
	return set_descriptor(p, ALL, err);
}

/* What the kernel tells vmproc about its own terminal, child and pipes. */
static bool is_own(struct vmproc *p, const struct signalfd_siginfo *info)
{
	bool kernel = info->ssi_code > 0;

	switch (info->ssi_signo) {
	case SIGCHLD:
		return kernel;
	case SIGPIPE: /* of a write of ours: the kernel says that we sent it */
		return kernel || (info->ssi_code == SI_USER && (pid_t)info->ssi_pid == getpid());
	case SIGWINCH:
		p->resize_due |= kernel;
		return kernel;
	case SIGHUP:
		p->hangup_due |= kernel && p->tty >= 0;
		return kernel;
	case SIGCONT: /* follows the SIGHUP of a terminal */
		return kernel;
	default:
		return false;
	}
}

int signals_step(struct vmproc *p, struct error *err)
{
	struct signalfd_siginfo info;
	int signal;

	if (!take(p, &info))
		return 0;
	signal = (int)info.ssi_signo;
	if (p->phase == PHASE_RUNNING)
		return is_own(p, &info) ? 0 : request_signal(p, signal, err);
	if (signal == SIGWINCH)
		p->resize_due = true;
	else if (BIT(signal) & ENDING)
		vmproc_end(p, END_STATUS, 128 + signal);
	return 0;
}

/* Those that do not end a process by default: stop it, or nothing. */
static bool kills(int signal)
{
	switch (signal) {
	case SIGCHLD:
	case SIGCONT:
	case SIGSTOP:
	case SIGTSTP:
	case SIGTTIN:
	case SIGTTOU:
	case SIGURG:
	case SIGWINCH:
		return false;
	default:
		return true;
	}
}

_Noreturn void signals_die(int signal)
{
	/* The kernel's struct sigaction, all zero: SIG_DFL. 32 bytes on every 64-bit machine. */
	const unsigned long standard[4] = { 0 };
	const mask others = ALL & ~BIT(signal); /* one that is pending shall not kill first */

	if (kills(signal) && getpid() != 1) {
		(void)syscall(SYS_rt_sigaction, signal, standard, NULL, sizeof(mask));
		(void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &others, NULL, sizeof(others));
		(void)kill(getpid(), signal);
	}
	_exit(128 + signal);
}

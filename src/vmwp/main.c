/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmwp ID: the host's process for one utility VM. Executed by the vmproc of the container that owns
 * the VM, as the first process of a new pid namespace: when it ends, by whatever cause, the kernel
 * ends its helpers before anybody can notice. Descriptors:
 *
 *   3   SOCK_SEQPACKET to vmproc: VMPROC_VM_READY or SYNC_ERROR once; its end is ours
 *   4   control socket, listening
 *   5   settings (vm/settings.h), and what they refer to from 6 on
 */
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "vmproc/protocol.h"
#include "vmwp/confine.h"
#include "vmwp/jail.h"
#include "vmwp/worker.h"

#define OWNER_FD 3
#define LISTENER_FD 4
#define SETTINGS_MAX ((size_t)64 * 1024)

static void on_child(int sig)
{
	(void)sig; /* poll(2) returns, and the child is reaped */
}

static int prepare_process(struct error *err)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	const struct sigaction child = { .sa_handler = on_child, .sa_flags = SA_NOCLDSTOP };
	struct pollfd owner = { .fd = OWNER_FD, .events = POLLIN };
	sigset_t none;

	(void)sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL) < 0 || sigaction(SIGPIPE, &ignore, NULL) < 0 ||
	    sigaction(SIGCHLD, &child, NULL) < 0)
		return error_sys(err, errno, "set signals");
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_NAME, "vmwp") < 0)
		return error_sys(err, errno, "prctl");
	/* It may have died before that. */
	if (poll(&owner, 1, 0) != 0)
		return error_set(err, EOWNERDEAD, "the owner has gone");
	if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0 ||
	    fcntl(LISTENER_FD, F_SETFL, O_NONBLOCK) < 0)
		return error_sys(err, errno, "descriptors 3 to 5");
	umask(0022);
	return 0;
}

static int read_settings(struct vm_settings *ret, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r;

	if (lseek(VM_FD_SETTINGS, 0, SEEK_SET) < 0)
		return error_sys(err, errno, "the VM's settings");
	r = fd_read_all(VM_FD_SETTINGS, SETTINGS_MAX, &text, &len);
	if (r < 0)
		return error_sys(err, -r, "the VM's settings");
	(void)close_fd(VM_FD_SETTINGS);
	return vm_settings_parse(text, len, ret, err);
}

/* Both helpers start at once; the monitor waits for the daemon by itself. */
static int start_helpers(struct worker *worker, const struct vm_settings *settings,
			 const struct machine_ops *monitor, struct error *err)
{
	struct machine_host host = { .uid = settings->uid ? settings->uid + 1 : 0 };
	int r = share_daemon_start(&worker->share, err);

	if (r < 0)
		return r;
	host.share_fd = TAKE_FD(worker->share.connection);
	r = monitor->start(settings, &host, &worker->machine, err);
	if (r < 0)
		return r;
	r = share_daemon_confirm(&worker->share, err);
	if (r < 0)
		return r;
	return router_init(&worker->router, TAKE_FD(worker->machine.agent), monitor->name,
			   vm_accelerator_name(settings->accelerator), err);
}

static int start(struct worker *worker, struct vm_settings *settings, struct error *err)
{
	const struct machine_ops *monitor;
	int r = prepare_process(err);

	if (r == 0)
		r = read_settings(settings, err);
	if (r < 0)
		return r;
	monitor = machine_get(settings->monitor, err);
	if (!monitor)
		return -err->code;
	worker->owner = OWNER_FD;
	worker->listener = LISTENER_FD;
	worker->boot_timeout_ms = settings->boot_timeout_ms;
	r = jail_enter(settings, err);
	if (r == 0)
		r = start_helpers(worker, settings, monitor, err);
	return r < 0 ? r : confine_self(settings->uid, err);
}

int main(int argc, char **argv)
{
	static struct worker worker; /* too large for a stack */
	_cleanup_error_ struct error err = ERROR_INIT;
	struct vm_settings settings = { 0 };

	if (argc != 2 || getpid() != 1) {
		(void)fprintf(stderr, "%s: started by runhcs, not by hand\n", argv[0]);
		return 2;
	}
	worker.share = SHARE_DAEMON_INIT;
	worker.machine = MACHINE_INIT;
	worker.router.agent = WIRE_LINK_INIT;
	if (start(&worker, &settings, &err) < 0) {
		sync_send_error(OWNER_FD, &err);
		return 1;
	}
	vm_settings_done(&settings);
	if (sync_send(OWNER_FD, (enum sync_type)VMPROC_VM_READY, 0) < 0)
		return 1;
	return worker_run(&worker) == 0 ? 0 : 1;
}

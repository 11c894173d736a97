/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * virtiofsd, which serves VM_SHARE_ROOT to one VM. It runs as root, since what it makes for the
 * guest has the guest's owners; with few capabilities, in namespaces of its own, below a seccomp
 * filter. What is attached below VM_SHARE_ROOT later appears in its mounts too, as long as that is a
 * shared mount.
 */
#include "vm/helper.h"

struct share_daemon {
	struct helper helper;
	int connection; /* owned: the monitor's end of vhost-user, until it is handed on */
};
#define SHARE_DAEMON_INIT ((struct share_daemon){ .helper = HELPER_INIT, .connection = -1 })

/* Starts it, in the caller's namespaces and root; needs root there. It has been executed when
 * share_daemon_confirm says so. On failure nothing is left. */
int share_daemon_start(struct share_daemon *ret, struct error *err);
int share_daemon_confirm(struct share_daemon *daemon, struct error *err);
void share_daemon_done(struct share_daemon *daemon);

#define _cleanup_share_daemon_ _cleanup_(share_daemon_done)

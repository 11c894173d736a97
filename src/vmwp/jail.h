/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The world of vmwp and of its helpers: namespaces, and a root with nothing of the host's but
 * programs, libraries and a few devices, all read-only. */
#include "base/error.h"
#include "vm/settings.h"

/* Moves the caller into new mount, network, IPC, UTS and cgroup namespaces, and into a root of its
 * own: /usr, what else programs load from, /dev with null, zero, urandom (and kvm when settings use
 * it), the kernel and the initramfs (MACHINE_KERNEL, MACHINE_INITRD), and VM_SHARE_ROOT: empty, and
 * a shared mount, so that what is attached there later reaches the copies that the share's daemon
 * makes. Needs root. */
int jail_enter(const struct vm_settings *settings, struct error *err);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* linux.sysctl: only what is of a namespace that the container has for itself. Names are spelt as
 * sysctl.d(5) has it: the first separator, "." or "/", is the separator, and the other one is then
 * a "." within a name ("net.ipv4.conf.eth0/100.forwarding", "net/ipv4/conf/eth0.100/forwarding").
 */
#include "base/error.h"
#include "oci/spec.h"

/* Refuses by name ("linux.sysctl.kernel.shmmax: …") what is not namespaced or whose namespace is
 * the host's (absent from linux.namespaces, or a path to the runtime's own namespace); also
 * kernel.hostname and kernel.domainname that contradict the fields of that name. */
int sysctl_check(const struct oci_spec *spec, struct error *err);
/* Writes them below proc_fd/sys, without following links, inside the container's namespaces. */
int sysctl_apply(int proc_fd, const struct key_values *sysctl, struct error *err);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* AppArmor profile and SELinux label of the process to be executed. */
#include "base/error.h"

/* Whether the host can honour the two (either may be NULL or ""); refuses by JSON path under where
 * ("process") when the module is not enabled. Host side, before anything is made. */
int lsm_check(const char *apparmor_profile, const char *selinux_label, const char *where,
	      struct error *err);
/* linux.mountLabel (NULL or "": none), refused where SELinux is not enabled. */
int lsm_check_mount_label(const char *label, struct error *err);
/* Sets the label for the next execve of the calling thread, through proc_fd: the root of a procfs
 * known to be one (CVE-2019-16884: an image can plant /proc). */
int lsm_set_exec(int proc_fd, const char *apparmor_profile, const char *selinux_label,
		 struct error *err);

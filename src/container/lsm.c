/* SPDX-License-Identifier: Apache-2.0 */
#include "container/lsm.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/vfs.h>

#include "base/fd.h"
#include "container/proc_self.h"

#define SELINUX_SUPER_MAGIC 0xf97cff8c
#define UNCONFINED "unconfined"

static bool given(const char *text)
{
	return text && *text;
}

static bool apparmor_enabled(void)
{
	_cleanup_free_ char *text = NULL;
	size_t len;

	if (file_read(AT_FDCWD, "/sys/module/apparmor/parameters/enabled", 16, &text, &len) < 0)
		return false;
	/* Without its securityfs this is a container whose host keeps AppArmor to itself. */
	return len > 0 && text[0] == 'Y' && access("/sys/kernel/security/apparmor", F_OK) == 0;
}

static bool selinux_enabled(void)
{
	struct statfs fs;

	return statfs("/sys/fs/selinux", &fs) == 0 &&
	       (unsigned long)fs.f_type == SELINUX_SUPER_MAGIC;
}

int lsm_check(const char *apparmor_profile, const char *selinux_label, const char *where,
	      struct error *err)
{
	/* "unconfined" holds by itself where there is no AppArmor. */
	if (given(apparmor_profile) && strcmp(apparmor_profile, UNCONFINED) != 0) {
		/* The kernel splits the command at white space. */
		if (apparmor_profile[strcspn(apparmor_profile, "\n\r\t")])
			return error_set(err, EINVAL,
					 "%s.apparmorProfile: control characters are "
					 "not allowed",
					 where);
		if (!apparmor_enabled())
			return error_set(err, ENOTSUP,
					 "%s.apparmorProfile: AppArmor is not enabled on "
					 "this host",
					 where);
	}
	if (given(selinux_label) && !selinux_enabled())
		return error_set(err, ENOTSUP,
				 "%s.selinuxLabel: SELinux is not enabled on this host", where);
	return 0;
}

static int set_apparmor(int proc_fd, const char *profile, struct error *err)
{
	_cleanup_free_ char *command = NULL;
	int len = asprintf(&command, "exec %s", profile);
	int r;

	if (len < 0) {
		command = NULL;
		return error_oom(err);
	}
	/* Its own file since Linux 5.8; the common one belongs to the first LSM of the kernel. */
	r = proc_self_write(proc_fd, "thread-self/attr/apparmor/exec", command, (size_t)len);
	if (r == -ENOENT && strcmp(profile, UNCONFINED) == 0 && !apparmor_enabled())
		return 0;
	if (r == -ENOENT)
		r = proc_self_write(proc_fd, "thread-self/attr/exec", command, (size_t)len);
	if (r == -ENOENT)
		return error_set(err, ENOENT,
				 "AppArmor profile \"%s\" is not loaded on this host "
				 "(apparmor_parser -r loads one)",
				 profile);
	if (r < 0)
		return error_sys(err, -r, "set AppArmor profile \"%s\"", profile);
	return 0;
}

int lsm_check_mount_label(const char *label, struct error *err)
{
	if (given(label) && !selinux_enabled())
		return error_set(err, ENOTSUP,
				 "linux.mountLabel: SELinux is not enabled on this host");
	return 0;
}

int lsm_set_exec(int proc_fd, const char *apparmor_profile, const char *selinux_label,
		 struct error *err)
{
	int r;

	if (given(apparmor_profile)) {
		r = set_apparmor(proc_fd, apparmor_profile, err);
		if (r < 0)
			return r;
	}
	if (given(selinux_label)) {
		r = proc_self_write(proc_fd, "thread-self/attr/exec", selinux_label,
				    strlen(selinux_label));
		if (r < 0)
			return error_sys(err, -r, "set SELinux label \"%s\"", selinux_label);
	}
	return 0;
}

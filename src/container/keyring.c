/* SPDX-License-Identifier: Apache-2.0 */
#include "container/keyring.h"

#include <linux/keyctl.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>

#define KEY_USR_SEARCH UINT32_C(0x00080000) /* linux/key.h has no uapi header */

/* Lets other processes of the same user find the keyring by its name: exec joins it so. */
static int allow_search(long keyring)
{
	char text[512], *perm;
	long n = syscall(SYS_keyctl, KEYCTL_DESCRIBE, keyring, text, sizeof(text) - 1);
	unsigned long mask;
	int fields = 0;

	if (n < 0)
		return -errno;
	/* "keyring;uid;gid;perm;name", and a name may be longer than the room. */
	text[(size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1] = '\0';
	for (perm = text; fields < 3; fields++) {
		perm = strchr(perm, ';');
		if (!perm)
			return -EBADMSG;
		perm++;
	}
	mask = strtoul(perm, NULL, 16) | KEY_USR_SEARCH;
	return syscall(SYS_keyctl, KEYCTL_SETPERM, keyring, mask) < 0 ? -errno : 0;
}

int keyring_join_session(const char *id, struct error *err)
{
	_cleanup_free_ char *name = NULL;
	long keyring;
	int r;

	if (asprintf(&name, "_ses.%s", id) < 0) {
		name = NULL;
		return error_oom(err);
	}
	keyring = syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name);
	if (keyring < 0) {
		if (errno == ENOSYS)
			return 0;
		return error_sys(err, errno,
				 "join session keyring %s (--no-new-keyring goes without)", name);
	}
	if (keyring == 0)
		return 0; /* the caller had joined it already */
	r = allow_search(keyring);
	/* Not the owner: it was made before by the container's init, which has set it. */
	if (r < 0 && r != -EACCES && r != -EPERM)
		return error_sys(err, -r, "set permissions of session keyring %s", name);
	return 0;
}

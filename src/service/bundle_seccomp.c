/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <sys/utsname.h>

#include "service/bundle_parts.h"
#include "service/seccomp_profile.h"

int bundle_seccomp(struct bundle *bundle, struct error *err)
{
	const struct container_config *c = bundle->config;
	struct seccomp_for who = {
		.arch = seccomp_native_arch(),
		.caps = bundle->caps,
		/* Of a utility VM's kernel. */
		.kernel_major = 6,
		.kernel_minor = 12,
	};
	struct utsname host;
	json_t *seccomp;

	/* A profile that was named counts for privileged containers too. */
	if (bundle_security_option(c, "seccomp", "unconfined", NULL) ||
	    (c->privileged && !c->seccomp_profile))
		return 0;
	if (!bundle->hyperv && uname(&host) == 0)
		(void)sscanf(host.release, "%9u.%9u", &who.kernel_major, &who.kernel_minor);
	seccomp = c->seccomp_profile ? seccomp_from_profile(c->seccomp_profile, &who, err)
				     : seccomp_default(&who, err);
	return seccomp ? bundle_put(bundle->linux_, "seccomp", seccomp, err) : -err->code;
}

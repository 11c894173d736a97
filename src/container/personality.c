/* SPDX-License-Identifier: Apache-2.0 */
/* Execution domain: linux.personality. */
#include <string.h>
#include <sys/personality.h>

#include "container/sched.h"

int personality_check(const struct oci_personality *p, const char *where, struct error *err)
{
	if (!p)
		return 0;
	if (!p->domain || (strcmp(p->domain, "LINUX") != 0 && strcmp(p->domain, "LINUX32") != 0))
		return error_set(err, EINVAL, "%s.domain: \"%s\" is neither LINUX nor LINUX32",
				 where, p->domain ? p->domain : "");
	/* config-linux.md#personality: "Currently no flag values are supported." */
	if (p->flags.len > 0)
		return error_set(err, EINVAL, "%s.flags[0]: unknown flag \"%s\"", where,
				 p->flags.items[0]);
	return 0;
}

int personality_apply(const struct oci_personality *p, struct error *err)
{
	int r;

	if (!p)
		return 0;
	r = personality_check(p, "linux.personality", err);
	if (r < 0)
		return r;
	if (personality(strcmp(p->domain, "LINUX32") == 0 ? PER_LINUX32 : PER_LINUX) < 0)
		return error_sys(err, errno, "linux.personality: set %s", p->domain);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* By themselves: who only reads the configuration file needs no engine. */
#include <string.h>

#include "compute/system.h"

const char *compute_isolation_name(enum compute_isolation isolation)
{
	return isolation == ISOLATION_HYPERV ? "hyperv" : "process";
}

int compute_isolation_parse(const char *name, enum compute_isolation *ret)
{
	if (strcmp(name, "default") == 0)
		*ret = ISOLATION_DEFAULT;
	else if (strcmp(name, "process") == 0)
		*ret = ISOLATION_PROCESS;
	else if (strcmp(name, "hyperv") == 0 || strcmp(name, "vm") == 0)
		*ret = ISOLATION_HYPERV;
	else
		return -EINVAL;
	return 0;
}

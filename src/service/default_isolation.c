/* SPDX-License-Identifier: Apache-2.0 */
#include "service/default_isolation.h"

#include <stdlib.h>

int service_default_isolation(const struct service *service, enum compute_isolation *ret,
			      struct error *err)
{
	const char *text = secure_getenv("HCS_DEFAULT_ISOLATION");
	enum compute_isolation isolation = ISOLATION_DEFAULT;

	if (text && *text && compute_isolation_parse(text, &isolation) < 0)
		return error_set(err, EINVAL,
				 "HCS_DEFAULT_ISOLATION: process or hyperv is expected, not \"%s\"",
				 text);
	*ret = isolation != ISOLATION_DEFAULT ? isolation : service->settings.isolation;
	return 0;
}

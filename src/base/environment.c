/* SPDX-License-Identifier: Apache-2.0 */
#include "base/environment.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_wanted(const char *variable)
{
	static const char *const prefixes[] = {
		"HCS_",
#ifdef __SANITIZE_ADDRESS__
		"ASAN_OPTIONS=",
		"LSAN_OPTIONS=",
		"UBSAN_OPTIONS=",
#endif
	};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (strncmp(variable, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

char **environment_for_helpers(void)
{
	static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	size_t n = 0;
	char **ret;

	for (char **v = environ; v && *v; v++)
		n += is_wanted(*v);
	ret = malloc((n + 2) * sizeof(*ret));
	if (!ret)
		return NULL;
	n = 0;
	ret[n++] = path;
	for (char **v = environ; v && *v; v++)
		if (is_wanted(*v))
			ret[n++] = *v;
	ret[n] = NULL;
	return ret;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/libexec.h"

#include <stdio.h>
#include <stdlib.h>

char *libexec_path(const char *name)
{
	/* secure_getenv: nobody chooses the program of a set-id runtime. */
	const char *dir = secure_getenv("HCS_LIBEXECDIR");
	char *path = NULL;

	if (asprintf(&path, "%s/%s", dir && *dir == '/' ? dir : HCS_LIBEXECDIR, name) < 0)
		return NULL;
	return path;
}

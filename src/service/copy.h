/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* docker cp: files between a container and the caller's file system, or a tar stream. */
#include "service/service.h"

struct service_copy {
	const char *container, *path; /* path in it; relative to "/" */
	const char *local;            /* NULL: a tar stream, stdin or stdout */
	bool to_container;
	bool archive; /* ids as they are, in place of root's, or the caller's */
	bool follow;  /* of a link that is named: what it points to */
};

/* By docker's rules of what exists, is a directory, ends with "/" or "/.". */
int service_copy(const struct service *service, const struct service_copy *copy, struct error *err);

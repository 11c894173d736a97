/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* docker diff: what a container has changed of its image. */
#include "service/service.h"

enum change_kind { CHANGE_MODIFIED, CHANGE_ADDED, CHANGE_DELETED };

struct change {
	char *path; /* owned */
	enum change_kind kind;
};

/* Sorted by path; without what was made for mounts to be mounted on. Caller: changes_free. */
int service_changes(const struct service *service, const char *name, struct change **ret,
		    size_t *ret_len, struct error *err);
void changes_free(struct change *changes, size_t len);

/* The same as a layer: a tar with whiteouts, to fd. */
int service_changes_layer(const struct service *service, const char *name, int fd,
			  struct error *err);

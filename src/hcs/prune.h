/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Removing what is not used. What was removed goes to out, as docker lists it; *freed grows by its bytes. */
#include "cli/filter.h"
#include "hcs/view.h"

int prune_containers(const struct service *service, const struct filter *filter, struct output *out,
		     uint64_t *freed, struct error *err);
/* all: also images with a name, as long as no container has them. */
int prune_images(const struct service *service, bool all, const struct filter *filter,
		 struct output *out, uint64_t *freed, struct error *err);
/* all: also volumes that have a name. */
int prune_volumes(const struct service *service, bool all, struct output *out, uint64_t *freed,
		  struct error *err);

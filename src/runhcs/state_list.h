/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What compute_list returns, with its owner. */
#include "compute/system.h"

struct state_list {
	struct compute_state *items;
	size_t len;
};

static inline void state_list_done(struct state_list *list)
{
	for (size_t i = 0; i < list->len; i++)
		compute_state_done(&list->items[i]);
	free(list->items);
	*list = (struct state_list){ 0 };
}
#define _cleanup_state_list_ _cleanup_(state_list_done)

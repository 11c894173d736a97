/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* depmod's files: which module needs which others, and what is built in (modules.dep(5)). */
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define MODULES_MAX 256 /* that are loaded; what a VM needs are some 30 */

struct modules_dep {
	char *dep, *builtin; /* owned texts of modules.dep and modules.builtin */
};

struct modules_order {
	char *files
		[MODULES_MAX]; /* owned; relative to the directory of modules, in order of loading */
	bool optional[MODULES_MAX];
	size_t len;
};

enum modules_found { MODULES_NONE, MODULES_BUILTIN, MODULES_LISTED };

/* Reads both files in the directory. */
int modules_dep_read(int dir_fd, struct modules_dep *ret, struct error *err);
/* Adds the module of that name ("virtio_mmio"; "-" and "_" are the same) and before it what it needs,
 * each once. Returns whether there is one (enum modules_found), or -errno. */
int modules_order_add(struct modules_order *order, const struct modules_dep *dep, const char *name,
		      bool optional, struct error *err);
void modules_dep_done(struct modules_dep *dep);
void modules_order_done(struct modules_order *order);

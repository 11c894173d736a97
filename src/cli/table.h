/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>

#include "cli/output.h"

/*
 * Columns as Go's tabwriter lays them out for runc: each as wide as its longest cell and three
 * spaces more, at least twelve; the last one not padded. cells: rows × columns strings, row by row,
 * borrowed.
 */
void table_print(struct output *out, const char *const *cells, size_t rows, size_t columns);
/* Lines (each ended) of cells with tabs between them, as Go's tabwriter lays them out for docker: at least
 * min wide, three spaces between; what no tab ends is not padded. */
void table_tabbed(struct output *out, const char *text, size_t min);

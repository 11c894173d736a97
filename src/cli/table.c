/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table.h"

#include <string.h>

#define CELL_MIN ((size_t)12)
#define CELL_PADDING ((size_t)3)

/* Characters, where each byte that continues none counts as one. */
static size_t text_width(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

/* A cell comes from a bundle's path or an owner's name: it must not move the cursor or start a
 * line. */
static void print_cell(struct output *out, const char *text)
{
	for (; *text; text++)
		output_bytes(out, (unsigned char)*text < 0x20 || *text == 0x7f ? "?" : text, 1);
}

void table_print(struct output *out, const char *const *cells, size_t rows, size_t columns)
{
	_cleanup_free_ size_t *widths = calloc(columns ? columns : 1, sizeof(*widths));

	if (!widths) {
		out->failed = true;
		return;
	}
	for (size_t i = 0; i < rows * columns; i++) {
		size_t width = text_width(cells[i]) + CELL_PADDING;
		size_t *widest = &widths[i % columns];

		if (width < CELL_MIN)
			width = CELL_MIN;
		if (width > *widest)
			*widest = width;
	}
	for (size_t i = 0; i < rows * columns; i++) {
		const size_t column = i % columns;

		print_cell(out, cells[i]);
		if (column + 1 == columns)
			output_text(out, "\n");
		else
			output_pad(out, widths[column] - text_width(cells[i]));
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table.h"

#include <string.h>

#define CELL_MIN ((size_t)12)
#define CELL_PADDING ((size_t)3)
#define COLUMNS_MAX ((size_t)1000)

/* Characters, where each byte that continues none counts as one. */
static size_t text_width(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
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

		output_printable(out, cells[i], strlen(cells[i]));
		if (column + 1 == columns)
			output_text(out, "\n");
		else
			output_pad(out, widths[column] - text_width(cells[i]));
	}
}

/* A line of text that is laid out: cells of bytes between tabs. */
struct line {
	size_t first, len; /* cells */
};
struct cell {
	const char *text;
	size_t len, width;
};
struct sheet {
	struct output *out;
	struct line *lines;
	struct cell *cells;
	size_t min, *widths, depth;
};

static void print_lines(const struct sheet *sheet, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		const struct line *line = &sheet->lines[i];

		for (size_t k = 0; k < line->len; k++) {
			const struct cell *cell = &sheet->cells[line->first + k];

			output_printable(sheet->out, cell->text, cell->len);
			if (k + 1 < line->len && k < sheet->depth)
				output_pad(sheet->out, sheet->widths[k] - cell->width);
		}
		output_text(sheet->out, "\n");
	}
}

/* As Go's tabwriter: a column is a block of consecutive lines that have a cell there that a tab ends. */
static void lay_out(struct sheet *sheet, size_t from, size_t to)
{
	const size_t column = sheet->depth;

	for (size_t i = from; i < to; i++) {
		size_t width = sheet->min, end;

		if (column + 1 >= sheet->lines[i].len)
			continue;
		print_lines(sheet, from, i);
		for (end = i; end < to && column + 1 < sheet->lines[end].len; end++) {
			const struct cell *cell = &sheet->cells[sheet->lines[end].first + column];

			if (cell->width + CELL_PADDING > width)
				width = cell->width + CELL_PADDING;
		}
		sheet->widths[sheet->depth++] = width;
		lay_out(sheet, i, end);
		sheet->depth--;
		from = end;
		i = end - 1;
	}
	print_lines(sheet, from, to);
}

static size_t bytes_width(const char *text, size_t len)
{
	size_t width = 0;

	for (size_t i = 0; i < len; i++)
		width += ((unsigned char)text[i] & 0xc0) != 0x80;
	return width;
}

void table_tabbed(struct output *out, const char *text, size_t min)
{
	_cleanup_free_ struct line *lines = NULL;
	_cleanup_free_ struct cell *cells = NULL;
	_cleanup_free_ size_t *widths = NULL;
	size_t n_lines = 0, n_cells = 0, most = 0;
	struct sheet sheet;

	for (const char *c = text; *c; c++) {
		n_lines += *c == '\n';
		n_cells += *c == '\n' || *c == '\t';
	}
	lines = calloc(n_lines + 1, sizeof(*lines));
	cells = calloc(n_cells + 1, sizeof(*cells));
	if (!lines || !cells) {
		out->failed = true;
		return;
	}
	n_lines = n_cells = 0;
	for (const char *c = text; *c;) {
		const size_t len = strcspn(c, "\t\n");
		struct line *line = &lines[n_lines];

		if (line->len == 0)
			line->first = n_cells;
		cells[n_cells++] =
			(struct cell){ .text = c, .len = len, .width = bytes_width(c, len) };
		line->len++;
		if (line->len > most)
			most = line->len;
		c += len;
		if (*c == '\n')
			n_lines++;
		c += *c != '\0';
	}
	/* Each column is one step deeper. */
	widths = most <= COLUMNS_MAX ? calloc(most + 1, sizeof(*widths)) : NULL;
	if (!widths) {
		out->failed = true;
		return;
	}
	sheet = (struct sheet){
		.out = out, .lines = lines, .cells = cells, .min = min, .widths = widths
	};
	lay_out(&sheet, 0, n_lines);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "hcsimage/progress.h"

#include <string.h>
#include <sys/ioctl.h>

#include "base/fd.h"
#include "cli/output.h"

#define BAR_MAX 50
#define BESIDE_BAR 58 /* id, word and numbers */

void progress_begin(struct progress *progress, bool quiet)
{
	*progress = (struct progress){ .quiet = quiet, .terminal = isatty(STDOUT_FILENO) };
}

void progress_done(struct progress *progress)
{
	for (size_t i = 0; i < progress->len; i++) {
		free(progress->lines[i].id);
		free(progress->lines[i].text);
	}
	free(progress->lines);
	*progress = (struct progress){ 0 };
}

char *progress_size(uint64_t bytes, char buf[32])
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 1000 && unit + 1 < ARRAY_SIZE(units)) {
		value /= 1000;
		unit++;
	}
	(void)snprintf(buf, 32, "%.4g%s", value, units[unit]);
	return buf;
}

static int terminal_width(void)
{
	struct winsize size = { 0 };

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;
}

static void draw_bar(struct output *out, uint64_t done, uint64_t of)
{
	int width = terminal_width() - BESIDE_BAR, full;
	char a[32], b[32];

	if (done > of)
		done = of;
	if (width > BAR_MAX)
		width = BAR_MAX;
	if (width >= 10) {
		full = (int)((double)done / (double)of * width);
		output_text(out, "[");
		for (int i = 0; i < width; i++)
			output_text(out, i < full ? "=" : i == full ? ">" : " ");
		output_text(out, "] ");
	}
	output_format(out, "%8s/%s", progress_size(done, a), progress_size(of, b));
}

/* Nobody is told when the terminal is gone: the transfer goes on. */
static void write_out(struct output *out)
{
	if (!out->failed)
		(void)fd_write_all(STDOUT_FILENO, out->data, out->len);
}

static struct progress_line *find_line(struct progress *progress, const char *id)
{
	struct progress_line *lines;

	for (size_t i = 0; i < progress->len; i++)
		if (strcmp(progress->lines[i].id, id) == 0)
			return &progress->lines[i];
	lines = reallocarray(progress->lines, progress->len + 1, sizeof(*lines));
	if (!lines)
		return NULL;
	progress->lines = lines;
	lines[progress->len] = (struct progress_line){ .id = strdup(id) };
	return lines[progress->len].id ? &lines[progress->len] : NULL;
}

static void redraw(struct progress *progress, const char *id, const char *what, uint64_t done,
		   uint64_t of)
{
	_cleanup_output_ struct output out = OUTPUT_INIT;
	const size_t before = progress->len;
	struct progress_line *line = find_line(progress, id);
	size_t up;

	if (!line)
		return;
	if (line == &progress->lines[before]) {
		progress->len++;
		output_text(&out, "\n");
	}
	up = progress->len - (size_t)(line - progress->lines);
	output_format(&out, "\033[%zuA\033[2K\r%s: %s ", up, id, what);
	if (of)
		draw_bar(&out, done, of);
	output_format(&out, "\r\033[%zuB", up);
	write_out(&out);
}

/* Anything but a layer's line ends those above: what comes then begins below. */
static void forget_lines(struct progress *progress)
{
	const bool terminal = progress->terminal, quiet = progress->quiet;

	progress_done(progress);
	*progress = (struct progress){ .terminal = terminal, .quiet = quiet };
}

static bool is_same(const struct progress_line *line, const char *what)
{
	return line->text && strcmp(line->text, what) == 0;
}

static void print_line(struct progress *progress, const char *id, const char *what)
{
	_cleanup_output_ struct output out = OUTPUT_INIT;
	const size_t before = progress->len;
	struct progress_line *line = find_line(progress, id);

	if (!line || is_same(line, what))
		return;
	if (line == &progress->lines[before])
		progress->len++;
	free(line->text);
	line->text = strdup(what);
	output_format(&out, "%s: %s\n", id, what);
	write_out(&out);
}

/* "Pulling from …" has the tag in front, but is no line that changes. */
static bool is_heading(const char *which, const char *what)
{
	return !which || strncmp(what, "Pulling from ", 13) == 0;
}

static void step(const char *which, const char *what, uint64_t done, uint64_t of, void *data)
{
	struct progress *progress = data;

	if (progress->quiet)
		return;
	if (is_heading(which, what)) {
		_cleanup_output_ struct output out = OUTPUT_INIT;

		forget_lines(progress);
		output_format(&out, "%s%s%s\n", which ? which : "", which ? ": " : "", what);
		write_out(&out);
	} else if (progress->terminal) {
		redraw(progress, which, what, done, of);
	} else if (of == 0) {
		print_line(progress, which, what);
	}
}

struct image_progress progress_steps(struct progress *progress)
{
	return (struct image_progress){ .step = step, .data = progress };
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/help.h"

#include <string.h>

#define PAGE_WIDTH ((size_t)80)
#define FLAG_COLUMN ((size_t)32)

void cli_wrap(struct output *out, const char *text, size_t indent)
{
	size_t column = indent;

	while (*text) {
		const size_t word = strcspn(text, " \n");

		if (column > indent && column + word > PAGE_WIDTH) {
			output_text(out, "\n");
			output_pad(out, indent);
			column = indent;
		}
		output_bytes(out, text, word);
		column += word;
		text += word;
		if (*text == '\n') {
			output_text(out, "\n");
			output_pad(out, indent);
			column = indent;
			text++;
		} else if (*text == ' ') {
			text++;
			if (column + 1 + strcspn(text, " \n") <= PAGE_WIDTH) {
				output_text(out, " ");
				column++;
			} else {
				output_text(out, "\n");
				output_pad(out, indent);
				column = indent;
			}
		}
	}
	output_text(out, "\n");
}

static void print_flag(struct output *out, const struct flag *flag)
{
	const size_t start = out->len;
	size_t used;

	if (flag->letter)
		output_format(out, "  -%c, ", flag->letter);
	else
		output_text(out, "      ");
	output_format(out, "--%s", flag->name);
	if (flag->value)
		output_format(out, " %s", flag->value);
	used = out->len - start;
	if (used + 2 > FLAG_COLUMN) {
		output_text(out, "\n");
		used = 0;
	}
	output_pad(out, FLAG_COLUMN - used);
	cli_wrap(out, flag->help, FLAG_COLUMN);
}

void cli_help(struct output *out, const struct cli_command *command)
{
	output_format(out, "Usage:  hcs %s%s%s\n\n", command->name, *command->name ? " " : "",
		      command->usage);
	cli_wrap(out, command->description ? command->description : command->summary, 0);
	output_text(out, "\nOptions:\n");
	for (const struct flag *f = command->flags; f && f->kind != FLAG_END; f++)
		if (f->help)
			print_flag(out, f);
	output_text(out, "      --help                    show this text\n");
	if (command->examples)
		output_format(out, "\nExamples:\n%s", command->examples);
}

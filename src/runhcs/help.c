/* SPDX-License-Identifier: Apache-2.0 */
#include "runhcs/help.h"

#include "cli/help.h"

#define OPTION_COLUMN ((size_t)30)

static void print_option(struct output *out, const struct option *option)
{
	const size_t start = out->len;
	size_t used;

	if (option->letter)
		output_format(out, "  -%c, ", option->letter);
	else
		output_text(out, "      ");
	output_format(out, "--%s", option->name);
	if (option->value)
		output_format(out, " %s", option->value);
	used = out->len - start;
	if (used + 2 > OPTION_COLUMN) {
		output_text(out, "\n");
		used = 0;
	}
	output_pad(out, OPTION_COLUMN - used);
	cli_wrap(out, option->help, OPTION_COLUMN);
}

static void print_options(struct output *out, const struct option *options, const char *title)
{
	output_format(out, "\n%s:\n", title);
	for (const struct option *o = options; o && o->kind != OPTION_END; o++)
		if (o->help)
			print_option(out, o);
	output_text(out, "  -h, --help                  show this text\n");
}

static void print_commands(struct output *out)
{
	output_text(out, "\nCommands:\n");
	for (const struct command *const *c = all_commands; *c; c++)
		output_format(out, "  %-16s%s\n", (*c)->name, (*c)->summary);
	output_text(out, "  help         show the help of a command\n");
}

void help_print(struct output *out, const struct command *command)
{
	if (command->name)
		output_format(out, "Usage: runhcs %s %s\n\n", command->name, command->usage);
	else
		output_format(out, "Usage: runhcs %s\n\n", command->usage);
	cli_wrap(out, command->description, 0);
	if (!command->name)
		print_commands(out);
	print_options(out, command->options, command->name ? "Options" : "Global options");
	if (command->examples)
		output_format(out, "\nExamples:\n%s", command->examples);
	if (!command->name)
		output_text(out, "\nSee \"runhcs COMMAND --help\" for a command's options, "
				 "and runhcs(8).\n");
}

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Options as docker's users write them (pflag): --name VALUE, --name=VALUE, -n VALUE, -nVALUE, -n=VALUE,
 * flags together (-it) and as --flag=false. Driven by a table; docker's words in the errors.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum flag_kind {
	FLAG_END,
	FLAG_BOOL,   /* bool */
	FLAG_TRI,    /* int: -1 as preset by the caller, 0 or 1 when given */
	FLAG_STRING, /* const char *; the last one given counts */
	FLAG_LIST,   /* struct flag_list; may be given again */
};

/* Borrowed strings; items[len] is NULL, items itself NULL when there is none. */
struct flag_list {
	char **items;
	size_t len;
};
void flag_list_done(struct flag_list *list);
#define _cleanup_flag_list_ _cleanup_(flag_list_done)

struct flag {
	enum flag_kind kind;
	const char *name;  /* without dashes */
	char letter;       /* 0: none */
	size_t offset;     /* of the destination in the command's values */
	const char *value; /* what help calls the value; NULL for bools */
	const char *help;  /* NULL: accepted, but not shown */
};

#define FLAG(k, n, l, type, member, v, h)                                                          \
	{                                                                                          \
		.kind = FLAG_##k, .name = (n), .letter = (l), .offset = offsetof(type, member),    \
		.value = (v), .help = (h)                                                          \
	}
#define FLAGS_END                                                                                  \
	{                                                                                          \
		.kind = FLAG_END                                                                   \
	}

/* Positional arguments: items[len] is NULL. */
struct flag_args {
	char **items;
	int len;
};

struct cli_command;

/* What flags_parse returns for --help and -h (unless a flag has that letter). */
#define FLAGS_HELP 1

/*
 * Sorts argv (after the command's name) into values (preset by the caller; the table's offsets refer to
 * it) and positional arguments, which are moved to the front of argv. "--" ends the options; with
 * command->options_first so does the first positional argument (run, exec: the rest is another
 * program's). Checks how many there are. 0, FLAGS_HELP, -ENOMEM, or -EINVAL with exit_status 125 and
 * one line that says where to read on.
 */
int flags_parse(const struct cli_command *command, int argc, char **argv, void *values,
		struct flag_args *ret, struct error *err);
/* Sets err to the formatted text and the hint where to read on; exit status 125. Returns -EINVAL. */
int flags_error(const struct cli_command *command, struct error *err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

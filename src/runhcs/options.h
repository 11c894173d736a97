/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One parser for the options of every command, driven by a table. It takes what runc's and crun's
 * callers write: --name VALUE, --name=VALUE, -name VALUE and -name=VALUE (Go's flag package knows
 * no difference between one dash and two), -n VALUE, and flags as --flag, --flag=true or
 * --flag=false.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct command;

enum option_kind {
	OPTION_END,
	OPTION_FLAG,  /* bool */
	OPTION_VALUE, /* const char *; the last one given counts */
	OPTION_TRUTH, /* const char *; may stand alone ("true") or before true, false, auto */
	OPTION_LIST,  /* struct string_list; may be given again */
};

/* Borrowed strings; items[len] is NULL, items itself NULL when there is none. */
struct string_list {
	char **items;
	size_t len;
};
void string_list_done(struct string_list *list);
#define _cleanup_string_list_ _cleanup_(string_list_done)

struct option {
	enum option_kind kind;
	const char *name;  /* without dashes */
	char letter;       /* 0: none */
	size_t offset;     /* of the destination in the command's values */
	const char *value; /* what help calls the value; NULL for flags */
	const char *help;  /* NULL: accepted, but not shown */
};

#define OPT_FLAG(name, letter, type, member, help)                                                 \
	{                                                                                          \
		OPTION_FLAG, name, letter, offsetof(type, member), NULL, help                      \
	}
#define OPT_VALUE(name, letter, type, member, value, help)                                         \
	{                                                                                          \
		OPTION_VALUE, name, letter, offsetof(type, member), value, help                    \
	}
#define OPT_TRUTH(name, letter, type, member, value, help)                                         \
	{                                                                                          \
		OPTION_TRUTH, name, letter, offsetof(type, member), value, help                    \
	}
#define OPT_LIST(name, letter, type, member, value, help)                                          \
	{                                                                                          \
		OPTION_LIST, name, letter, offsetof(type, member), value, help                     \
	}
#define OPT_END                                                                                    \
	{                                                                                          \
		0                                                                                  \
	}

/* Positional arguments: items[len] is NULL. */
struct arguments {
	char **items;
	int len;
};

/* What options_parse returns for --help, -h and -?. */
#define OPTIONS_HELP 1

/*
 * Sorts argv into values (a zeroed struct that the table's offsets refer to) and positional
 * arguments, which are moved to the front of argv. Options may stand anywhere before "--", until
 * the command's stop_after-th positional argument has been seen (0: no such end): from that one on,
 * all is positional, since it belongs to another program. With stop_after 1 argv is left as it was.
 * Checks the number of arguments. 0, OPTIONS_HELP, -EINVAL with one line that names the option and
 * where to read on, or -ENOMEM.
 */
int options_parse(const struct command *command, int argc, char **argv, void *values,
		  struct arguments *ret, struct error *err);

/* Sets err to the formatted text and the hint where to read on. Returns -EINVAL. */
int usage_error(const struct command *command, struct error *err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Go's strconv.ParseBool: 1, t, T, TRUE, true, True, and the same for false. 0 or -EINVAL. */
int truth_parse(const char *text, bool *ret);

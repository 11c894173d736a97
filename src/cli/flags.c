/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/flags.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"

#define USAGE_STATUS 125 /* docker's, of whatever was not the container's */

struct parse {
	const struct cli_command *command;
	char **argv;
	int argc, at; /* at: the argument that is looked at */
	void *values;
};

void flag_list_done(struct flag_list *list)
{
	free(list->items);
	*list = (struct flag_list){ 0 };
}

int flags_error(const struct cli_command *command, struct error *err, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list args;
	int r;

	va_start(args, fmt);
	r = vasprintf(&text, fmt, args);
	va_end(args);
	if (r < 0) {
		text = NULL;
		return error_oom(err);
	}
	r = error_set(err, EINVAL, "%s (see 'hcs %s%s--help')", text, command->name,
		      *command->name ? " " : "");
	err->exit_status = USAGE_STATUS;
	return r;
}

static int list_add(struct flag_list *list, char *item, struct error *err)
{
	char **items = reallocarray(list->items, list->len + 2, sizeof(*items));

	if (!items)
		return error_oom(err);
	items[list->len++] = item;
	items[list->len] = NULL;
	list->items = items;
	return 0;
}

/* Go's strconv.ParseBool. */
static int parse_bool(const char *text, bool *ret)
{
	static const char *const yes[] = { "1", "t", "T", "TRUE", "true", "True" };
	static const char *const no[] = { "0", "f", "F", "FALSE", "false", "False" };

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		if (strcmp(text, yes[i]) == 0) {
			*ret = true;
			return 0;
		}
		if (strcmp(text, no[i]) == 0) {
			*ret = false;
			return 0;
		}
	}
	return -EINVAL;
}

static bool is_switch(const struct flag *flag)
{
	return flag->kind == FLAG_BOOL || flag->kind == FLAG_TRI;
}

/* name: as the user wrote it, with its dashes. value NULL: a switch that stands alone. */
static int set(struct parse *p, const struct flag *flag, const char *name, char *value,
	       struct error *err)
{
	void *to = (char *)p->values + flag->offset;
	bool truth = true;

	switch (flag->kind) {
	case FLAG_BOOL:
	case FLAG_TRI:
		if (value && parse_bool(value, &truth) < 0)
			return flags_error(p->command, err,
					   "invalid argument \"%s\" for \"%s\" flag: true or false "
					   "is expected",
					   value, name);
		if (flag->kind == FLAG_BOOL)
			*(bool *)to = truth;
		else
			*(int *)to = truth;
		return 0;
	case FLAG_STRING:
		*(const char **)to = value;
		return 0;
	case FLAG_LIST:
		return list_add(to, value, err);
	case FLAG_END:
		break;
	}
	return -EINVAL;
}

static int parse_long(struct parse *p, char *arg, struct error *err)
{
	char *equals = strchr(arg, '=');
	size_t len = equals ? (size_t)(equals - arg) : strlen(arg);
	_cleanup_free_ char *name = strndup(arg, len);

	if (!name)
		return error_oom(err);
	for (const struct flag *f = p->command->flags; f && f->kind != FLAG_END; f++) {
		if (!f->name || strcmp(f->name, name + 2) != 0)
			continue;
		if (equals)
			return set(p, f, name, equals + 1, err);
		if (is_switch(f))
			return set(p, f, name, NULL, err);
		if (p->at + 1 >= p->argc)
			return flags_error(p->command, err, "flag needs an argument: %s", name);
		return set(p, f, name, p->argv[++p->at], err);
	}
	if (strcmp(name, "--help") == 0)
		return FLAGS_HELP;
	return flags_error(p->command, err, "unknown flag: %s", name);
}

static const struct flag *find_letter(const struct parse *p, char letter)
{
	for (const struct flag *f = p->command->flags; f && f->kind != FLAG_END; f++)
		if (f->letter == letter)
			return f;
	return NULL;
}

static int parse_short(struct parse *p, char *arg, struct error *err)
{
	for (char *c = arg + 1; *c; c++) {
		const struct flag *f = find_letter(p, *c);
		const char name[] = { '-', *c, '\0' };

		if (!f && *c == 'h')
			return FLAGS_HELP;
		if (!f)
			return flags_error(p->command, err, "unknown shorthand flag: '%c' in %s",
					   *c, arg);
		if (is_switch(f)) {
			int r = set(p, f, name, c[1] == '=' ? c + 2 : NULL, err);

			if (r < 0 || c[1] == '=')
				return r;
			continue;
		}
		if (c[1])
			return set(p, f, name, c[1] == '=' ? c + 2 : c + 1, err);
		if (p->at + 1 >= p->argc)
			return flags_error(p->command, err, "flag needs an argument: '%c' in %s",
					   *c, arg);
		return set(p, f, name, p->argv[++p->at], err);
	}
	return 0;
}

static int wrong_count(const struct cli_command *c, int n, struct error *err)
{
	const char *s;

	if (c->max_args == 0)
		return flags_error(c, err, "'hcs %s' accepts no arguments", c->name);
	if (c->max_args < 0 || c->min_args < c->max_args) {
		const bool few = n < c->min_args;
		const int limit = few ? c->min_args : c->max_args;

		s = limit == 1 ? "" : "s";
		return flags_error(c, err, "'hcs %s' requires at %s %d argument%s", c->name,
				   few ? "least" : "most", limit, s);
	}
	s = c->min_args == 1 ? "" : "s";
	return flags_error(c, err, "'hcs %s' requires %d argument%s", c->name, c->min_args, s);
}

static int check_count(const struct parse *p, int n, struct error *err)
{
	const struct cli_command *c = p->command;
	int r;

	if (n >= c->min_args && (c->max_args < 0 || n <= c->max_args))
		return 0;
	r = wrong_count(c, n, err);
	/* docker's: 125 is of flags alone. */
	err->exit_status = EXIT_FAILURE;
	return r;
}

int flags_parse(const struct cli_command *command, int argc, char **argv, void *values,
		struct flag_args *ret, struct error *err)
{
	struct parse p = { .command = command, .argv = argv, .argc = argc, .values = values };
	int n = 0, r = 0;

	for (; p.at < argc && r == 0; p.at++) {
		char *arg = argv[p.at];

		if (strcmp(arg, "--") == 0) {
			p.at++;
			break;
		}
		if (arg[0] == '-' && arg[1] == '-') {
			r = parse_long(&p, arg, err);
		} else if (arg[0] == '-' && arg[1]) {
			r = parse_short(&p, arg, err);
		} else {
			argv[n++] = arg;
			if (command->options_first) {
				p.at++;
				break;
			}
		}
	}
	if (r != 0)
		return r;
	while (p.at < argc)
		argv[n++] = argv[p.at++];
	argv[n] = NULL;
	*ret = (struct flag_args){ .items = argv, .len = n };
	return check_count(&p, n, err);
}

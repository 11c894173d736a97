/* SPDX-License-Identifier: Apache-2.0 */
#include "runhcs/options.h"

#include <stdarg.h>
#include <string.h>

#include "runhcs/command.h"

void string_list_done(struct string_list *list)
{
	free(list->items);
	*list = (struct string_list){ 0 };
}

int usage_error(const struct command *command, struct error *err, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	if (!text)
		return error_oom(err);
	if (!command->name)
		return error_set(err, EINVAL, "%s (see runhcs --help)", text);
	return error_set(err, EINVAL, "%s: %s (see runhcs %s --help)", command->name, text,
			 command->name);
}

int truth_parse(const char *text, bool *ret)
{
	static const char *const words[][2] = {
		{ "0", "1" },        { "f", "t" },        { "F", "T" },
		{ "false", "true" }, { "FALSE", "TRUE" }, { "False", "True" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		for (int value = 0; value < 2; value++)
			if (!strcmp(text, words[i][value])) {
				*ret = value;
				return 0;
			}
	return -EINVAL;
}

static const struct option *find_option(const struct option *options, const char *name, size_t len)
{
	for (const struct option *o = options; o && o->kind != OPTION_END; o++) {
		if (o->name && strlen(o->name) == len && !memcmp(o->name, name, len))
			return o;
		if (len == 1 && o->letter == name[0])
			return o;
	}
	return NULL;
}

static int append(struct string_list *list, char *value, int room, struct error *err)
{
	/* One allocation: there cannot be more values than arguments. */
	if (!list->items) {
		list->items = calloc((size_t)room + 1, sizeof(*list->items));
		if (!list->items)
			return error_oom(err);
	}
	list->items[list->len++] = value;
	return 0;
}

struct parser {
	const struct command *command;
	char **argv;
	int argc, next; /* next: index of the argument to look at */
	void *values;
};

static bool is_truth_word(const char *text)
{
	bool value;

	return text && (!strcmp(text, "auto") || truth_parse(text, &value) == 0);
}

/* inline_value: what stood after "=", or NULL. */
static int store(struct parser *p, const struct option *o, const char *shown, char *inline_value,
		 struct error *err)
{
	void *destination = (char *)p->values + o->offset;
	char *value = inline_value;

	if (o->kind == OPTION_FLAG) {
		if (!value) {
			*(bool *)destination = true;
			return 0;
		}
		if (truth_parse(value, destination) < 0)
			return usage_error(p->command, err, "%s is true or false, not \"%s\"",
					   shown, value);
		return 0;
	}
	if (!value && o->kind == OPTION_TRUTH && !is_truth_word(p->argv[p->next])) {
		static char bare[] = "true";
		value = bare;
	} else if (!value) {
		if (p->next >= p->argc)
			return usage_error(p->command, err, "%s needs a value", shown);
		value = p->argv[p->next++];
	}
	if (!*value)
		return usage_error(p->command, err, "%s needs a value that is not empty", shown);
	if (o->kind == OPTION_LIST)
		return append(destination, value, p->argc, err);
	*(const char **)destination = value;
	return 0;
}

/* arg begins with a dash and is neither "-" nor "--". */
static int parse_option(struct parser *p, char *arg, struct error *err)
{
	char *name = arg + (arg[1] == '-' ? 2 : 1);
	size_t len = strcspn(name, "=");
	char *value = name[len] ? name + len + 1 : NULL;
	const struct option *o = find_option(p->command->options, name, len);
	_cleanup_free_ char *shown = NULL;

	if (!o && ((len == 4 && !memcmp(name, "help", 4)) || (len == 1 && strchr("h?", *name))))
		return OPTIONS_HELP;
	shown = strndup(arg, (size_t)(name - arg) + len);
	if (!shown)
		return error_oom(err);
	if (!o)
		return usage_error(p->command, err, "unknown option %s", shown);
	return store(p, o, shown, value, err);
}

static int check_count(const struct command *command, int n, struct error *err)
{
	const int min = command->min_args, max = command->max_args;
	const char *how = min == max ? "exactly" : n < min ? "at least" : "at most";
	const int bound = n < min ? min : max;

	if (n >= min && (max < 0 || n <= max))
		return 0;
	if (max == 0)
		return usage_error(command, err, "takes no arguments, got %d", n);
	return usage_error(command, err, "needs %s %d argument%s, got %d", how, bound,
			   bound == 1 ? "" : "s", n);
}

static int finish(const struct command *command, char **items, int len, struct arguments *ret,
		  struct error *err)
{
	int r = check_count(command, len, err);

	if (r < 0)
		return r;
	*ret = (struct arguments){ .items = items, .len = len };
	return 0;
}

int options_parse(const struct command *command, int argc, char **argv, void *values,
		  struct arguments *ret, struct error *err)
{
	struct parser p = { .command = command, .argv = argv, .argc = argc, .values = values };
	bool options_end = false;
	int count = 0;
	int r;

	while (p.next < argc) {
		char *arg = argv[p.next++];

		if (!options_end && arg[0] == '-' && arg[1]) {
			if (!strcmp(arg, "--")) {
				options_end = true;
				continue;
			}
			r = parse_option(&p, arg, err);
			if (r)
				return r;
			continue;
		}
		/* From here on nothing is to be moved. */
		if (command->stop_after == 1)
			return finish(command, argv + p.next - 1, argc - p.next + 1, ret, err);
		argv[count++] = arg;
		/* What follows belongs to another program, its "--" included. */
		if (command->stop_after && count == command->stop_after)
			while (p.next < argc)
				argv[count++] = argv[p.next++];
	}
	if (command->stop_after == 1)
		return finish(command, argv + argc, 0, ret, err);
	argv[count] = NULL;
	return finish(command, argv, count, ret, err);
}

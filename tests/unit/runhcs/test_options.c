/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines as runc's and crun's callers write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "runhcs/command.h"

struct values {
	const char *bundle, *pid_file, *rootless;
	struct string_list env;
	bool detach, tty;
};

static const struct option table[] = {
	OPT_VALUE("bundle", 'b', struct values, bundle, "DIR", "bundle"),
	OPT_VALUE("pid-file", 0, struct values, pid_file, "FILE", "pid file"),
	OPT_TRUTH("rootless", 0, struct values, rootless, "WHEN", "rootless"),
	OPT_LIST("env", 'e', struct values, env, "K=V", "variable"),
	OPT_FLAG("detach", 'd', struct values, detach, "detach"),
	OPT_FLAG("tty", 't', struct values, tty, "terminal"),
	OPT_END,
};

#define WORDS_MAX 16

/* One parsed command line. */
struct line {
	char text[512];
	char *argv[WORDS_MAX + 1];
	int argc;
	struct values values;
	struct arguments arguments;
	struct error err;
	int result;
};

/* Splits text at spaces and parses it; '_' stands for a word that is empty. */
static void parse(struct line *line, const struct command *command, const char *text)
{
	char *rest = line->text, *word;

	*line = (struct line){ 0 };
	assert_true(strlen(text) < sizeof(line->text));
	memcpy(line->text, text, strlen(text) + 1);
	while ((word = strsep(&rest, " "))) {
		assert_true(line->argc < WORDS_MAX);
		if (!strcmp(word, "_"))
			*word = '\0';
		else if (!*word)
			continue;
		line->argv[line->argc++] = word;
	}
	line->result = options_parse(command, line->argc, line->argv, &line->values,
				     &line->arguments, &line->err);
}

static void line_done(struct line *line)
{
	string_list_done(&line->values.env);
	error_done(&line->err);
}
#define _cleanup_line_ _cleanup_(line_done)

static const struct command run_like = {
	.name = "run",
	.options = table,
	.min_args = 1,
	.max_args = 1,
};
static const struct command exec_like = {
	.name = "exec",
	.options = table,
	.min_args = 1,
	.max_args = -1,
	.stop_after = 2,
};
static const struct command ps_like = {
	.name = "ps",
	.options = table,
	.min_args = 1,
	.max_args = -1,
	.stop_after = 1,
};
static const struct command program_like = {
	.options = table,
	.max_args = -1,
	.stop_after = 1,
};

static void assert_arguments(const struct line *line, const char *expected)
{
	char joined[512] = "";

	assert_int_equal(line->result, 0);
	for (int i = 0; i < line->arguments.len; i++) {
		if (i)
			strcat(joined, " ");
		strcat(joined, line->arguments.items[i]);
	}
	assert_string_equal(joined, expected);
	assert_null(line->arguments.items[line->arguments.len]);
}

static void every_way_to_write_a_value(void **state)
{
	static const char *const lines[] = {
		"--bundle /srv id", "--bundle=/srv id", "-bundle /srv id",   "-bundle=/srv id",
		"-b /srv id",       "-b=/srv id",       "--b /srv id",       "id --bundle /srv",
		"id -b /srv",       "-b /srv -- id",    "-b /no -b /srv id",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		_cleanup_line_ struct line line;

		parse(&line, &run_like, lines[i]);
		assert_arguments(&line, "id");
		assert_string_equal(line.values.bundle, "/srv");
	}
}

static void values_may_look_like_options(void **state)
{
	_cleanup_line_ struct line line;

	(void)state;
	parse(&line, &run_like, "--bundle -d id --pid-file=a=b");
	assert_arguments(&line, "id");
	assert_string_equal(line.values.bundle, "-d");
	assert_string_equal(line.values.pid_file, "a=b");
	assert_false(line.values.detach);
}

static void flags_can_be_negated(void **state)
{
	static const struct {
		const char *text;
		bool detach;
	} lines[] = {
		{ "id", false },
		{ "-d id", true },
		{ "-detach id", true },
		{ "--detach=true id", true },
		{ "--detach=1 id", true },
		{ "--detach=false id", false },
		{ "-d --detach=F id", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		_cleanup_line_ struct line line;

		parse(&line, &run_like, lines[i].text);
		assert_arguments(&line, "id");
		assert_int_equal(line.values.detach, lines[i].detach);
	}
}

static void lists_keep_their_order(void **state)
{
	_cleanup_line_ struct line line;

	(void)state;
	parse(&line, &run_like, "-e A=1 --env B=2 id --env=A=3");
	assert_arguments(&line, "id");
	assert_int_equal(line.values.env.len, 3);
	assert_string_equal(line.values.env.items[0], "A=1");
	assert_string_equal(line.values.env.items[1], "B=2");
	assert_string_equal(line.values.env.items[2], "A=3");
	assert_null(line.values.env.items[3]);
}

static void truth_takes_the_next_word_only_if_it_is_one(void **state)
{
	static const struct {
		const char *text, *value, *arguments;
	} lines[] = {
		{ "--rootless list", "true", "list" },
		{ "--rootless true list", "true", "list" },
		{ "--rootless auto list -q", "auto", "list -q" },
		{ "--rootless=false list", "false", "list" },
		{ "--rootless", "true", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		_cleanup_line_ struct line line;

		parse(&line, &program_like, lines[i].text);
		assert_arguments(&line, lines[i].arguments);
		assert_string_equal(line.values.rootless, lines[i].value);
	}
}

static void a_command_keeps_its_own_options(void **state)
{
	static const struct {
		const struct command *command;
		const char *text, *arguments;
		bool tty;
	} lines[] = {
		{ &exec_like, "-t id sh -t -c x", "id sh -t -c x", true },
		{ &exec_like, "id -t sh -d", "id sh -d", true },
		{ &exec_like, "id sh -t", "id sh -t", false },
		{ &exec_like, "id -- -t", "id -t", false },
		{ &exec_like, "id sh -- -t", "id sh -- -t", false },
		{ &exec_like, "id sh --help", "id sh --help", false },
		{ &ps_like, "-t id -ef --foo", "id -ef --foo", true },
		{ &program_like, "-t state -t --unknown", "state -t --unknown", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		_cleanup_line_ struct line line;

		parse(&line, lines[i].command, lines[i].text);
		assert_arguments(&line, lines[i].arguments);
		assert_int_equal(line.values.tty, lines[i].tty);
		assert_false(line.values.detach);
	}
}

/* The program executes itself again with the same words. */
static void the_program_keeps_its_words(void **state)
{
	_cleanup_line_ struct line line;

	(void)state;
	parse(&line, &program_like, "--bundle /x -t -- create -b y id");
	assert_arguments(&line, "create -b y id");
	assert_int_equal(line.argc, 8);
	assert_string_equal(line.argv[0], "--bundle");
	assert_string_equal(line.argv[1], "/x");
	assert_string_equal(line.argv[2], "-t");
	assert_string_equal(line.argv[3], "--");
	assert_string_equal(line.argv[7], "id");
}

static void help_is_seen_anywhere(void **state)
{
	static const char *const lines[] = { "--help", "-h", "-?", "-help", "id --help", "-d -h" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		_cleanup_line_ struct line line;

		parse(&line, &run_like, lines[i]);
		assert_int_equal(line.result, OPTIONS_HELP);
	}
}

static void mistakes_are_told_in_one_line(void **state)
{
	static const struct {
		const struct command *command;
		const char *text, *message;
	} lines[] = {
		{ &run_like, "--bogus id", "run: unknown option --bogus (see runhcs run --help)" },
		{ &run_like, "--bogus=secret id",
		  "run: unknown option --bogus (see runhcs run --help)" },
		{ &run_like, "-x id", "run: unknown option -x (see runhcs run --help)" },
		{ &run_like, "--= id", "run: unknown option -- (see runhcs run --help)" },
		{ &run_like, "id --bundle", "run: --bundle needs a value (see runhcs run --help)" },
		{ &run_like, "-b _ id",
		  "run: -b needs a value that is not empty (see runhcs run --help)" },
		{ &run_like, "--bundle= id",
		  "run: --bundle needs a value that is not empty (see runhcs run --help)" },
		{ &run_like, "--detach=maybe id",
		  "run: --detach is true or false, not \"maybe\" (see runhcs run --help)" },
		{ &run_like, "-d", "run: needs exactly 1 argument, got 0 (see runhcs run --help)" },
		{ &run_like, "a b",
		  "run: needs exactly 1 argument, got 2 (see runhcs run --help)" },
		{ &exec_like, "-d",
		  "exec: needs at least 1 argument, got 0 (see runhcs exec --help)" },
		{ &program_like, "--bogus", "unknown option --bogus (see runhcs --help)" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		_cleanup_line_ struct line line;

		parse(&line, lines[i].command, lines[i].text);
		assert_int_equal(line.result, -EINVAL);
		assert_string_equal(error_text(&line.err), lines[i].message);
	}
}

static void a_dash_alone_is_an_argument(void **state)
{
	_cleanup_line_ struct line line;

	(void)state;
	parse(&line, &run_like, "--pid-file - -");
	assert_arguments(&line, "-");
	assert_string_equal(line.values.pid_file, "-");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_way_to_write_a_value),
		cmocka_unit_test(values_may_look_like_options),
		cmocka_unit_test(flags_can_be_negated),
		cmocka_unit_test(lists_keep_their_order),
		cmocka_unit_test(truth_takes_the_next_word_only_if_it_is_one),
		cmocka_unit_test(a_command_keeps_its_own_options),
		cmocka_unit_test(the_program_keeps_its_words),
		cmocka_unit_test(help_is_seen_anywhere),
		cmocka_unit_test(mistakes_are_told_in_one_line),
		cmocka_unit_test(a_dash_alone_is_an_argument),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

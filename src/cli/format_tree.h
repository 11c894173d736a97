/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Between parsing and evaluating a template. */
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "cli/format.h"

#define FORMAT_DEPTH_MAX 64
#define FORMAT_NODES_MAX 20000
#define FORMAT_STEPS_MAX 1000000
#define FORMAT_VARIABLES_MAX 64

enum format_word {
	WORD_DOT,      /* . */
	WORD_FIELD,    /* .A.B; base: what it is a field of, NULL: dot */
	WORD_VARIABLE, /* $x, $ */
	WORD_VALUE,    /* a literal */
	WORD_NAME,     /* a function */
	WORD_PIPE,     /* ( … ) */
};

/* An operand or function. */
struct format_term {
	enum format_word word;
	const char *name; /* of a variable or function */
	json_t *value;    /* owned by the format */
	struct format_term *base;
	char **fields; /* WORD_FIELD: one or more */
	size_t fields_len;
	struct format_pipe *pipe;
	size_t column; /* from 1, for messages */
};

struct format_command { /* terms[0] with the others as arguments */
	struct format_term **terms;
	size_t len;
	struct format_command *next; /* after "|" */
};

struct format_pipe {
	const char *declares[2]; /* variables */
	size_t declares_len;
	bool assigns; /* "=" in place of ":=" */
	struct format_command *first;
};

enum format_kind {
	NODE_TEXT,
	NODE_ACTION,
	NODE_IF,
	NODE_RANGE,
	NODE_WITH,
	NODE_BREAK,
	NODE_CONTINUE,
};

struct format_node {
	enum format_kind kind;
	const char *text;
	size_t text_len;
	struct format_pipe *pipe;
	struct format_node *then, *otherwise, *next;
};

struct format {
	struct arena arena;
	json_t *literals; /* array: keeps them */
	struct format_node *first;
};

/* Evaluating: format_eval.c and format_functions.c */
struct format_run {
	const json_t *root;
	struct output *out;
	struct error *err;
	size_t steps;
	bool printable; /* control characters of values are replaced: in tables */
	bool headers;   /* root has titles, not values */
	struct {
		const char *name;
		json_t *value; /* owned */
	} variables[FORMAT_VARIABLES_MAX];
	size_t variables_len;
};

/* Renders into run->out. */
int format_execute(struct format_run *run, const struct format *format);
/* Calls the function; arguments are borrowed, *ret is new. -EINVAL names what does not go. */
int format_call(struct format_run *run, const char *name, json_t *const *args, size_t len,
		json_t **ret);
bool format_function_known(const char *name);
/* Go's idea of true. */
bool format_truth(const json_t *value);
/* As Go's %v. */
void format_print_value(struct output *out, const json_t *value);
/* As {{json}}: HTML's characters as Go escapes them are left as they are. Owned; NULL without memory. */
char *format_json(const struct format_run *run, const json_t *value);
/* The function printf. args[0]: the format. */
int format_printf(struct format_run *run, json_t *const *args, size_t len, struct output *out);

/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <string.h>

#include "base/json.h"
#include "cli/format_tree.h"

struct parser {
	struct format *format;
	const char *text, *at; /* with "\t" and "\n" replaced; owned by the arena */
	struct error *err;
	size_t nodes, depth, loops;
	bool trim_next; /* the last action ended with "-}}" */
};

static int fail(const struct parser *p, const char *what)
{
	return error_set(p->err, EINVAL, "template, column %zu: %s", (size_t)(p->at - p->text) + 1,
			 what);
}

static int fail_word(const struct parser *p, const char *what, const char *word, size_t len)
{
	char printable[JSON_PRINTABLE_SIZE];
	_cleanup_free_ char *copy = strndup(word, len);

	if (!copy)
		return error_oom(p->err);
	return error_set(p->err, EINVAL, "template, column %zu: %s %s",
			 (size_t)(p->at - p->text) + 1, what, json_printable(copy, printable));
}

static void *make(struct parser *p, size_t size, int *r)
{
	void *made = NULL;

	if (++p->nodes > FORMAT_NODES_MAX)
		*r = error_set(p->err, E2BIG, "template: too long");
	else if (!(made = arena_alloc(&p->format->arena, 1, size)))
		*r = error_oom(p->err);
	return made;
}

static void skip_space(struct parser *p)
{
	while (*p->at && strchr(" \t\r\n", *p->at))
		p->at++;
}

static size_t word_len(const char *at)
{
	size_t n = 0;

	while (isalnum((unsigned char)at[n]) || at[n] == '_')
		n++;
	return n;
}

static bool at_close(const struct parser *p)
{
	return strncmp(p->at, "}}", 2) == 0 ||
	       (p->at[0] == '-' && strncmp(p->at + 1, "}}", 2) == 0);
}

static int expect_close(struct parser *p)
{
	skip_space(p);
	if (!at_close(p))
		return *p->at ? fail_word(p, "unexpected", p->at, 1)
			      : fail(p, "an action is not closed by }}");
	p->trim_next = *p->at == '-';
	p->at += p->trim_next ? 3 : 2;
	return 0;
}

static int keep_literal(struct parser *p, json_t *value, struct format_term *term)
{
	if (!value || json_array_append_new(p->format->literals, value) < 0)
		return error_oom(p->err);
	term->word = WORD_VALUE;
	term->value = value;
	return 0;
}

/* "…" with Go's escapes, as far as they are of one character. */
static int parse_quoted(struct parser *p, struct format_term *term)
{
	static const char escapes[] = "abfnrtv\\\"'", meant[] = "\a\b\f\n\r\t\v\\\"'";
	const size_t room = strlen(p->at);
	_cleanup_free_ char *value = malloc(room);
	size_t len = 0;

	if (!value)
		return error_oom(p->err);
	for (p->at++; *p->at && *p->at != '"'; p->at++) {
		if (*p->at == '\n')
			break;
		if (*p->at == '\\') {
			const char *found = p->at[1] ? strchr(escapes, p->at[1]) : NULL;

			if (!found)
				return fail_word(p, "unknown escape", p->at, 2);
			p->at++;
			value[len++] = meant[found - escapes];
		} else {
			value[len++] = *p->at;
		}
	}
	if (*p->at != '"')
		return fail(p, "a string is not closed");
	p->at++;
	return keep_literal(p, json_stringn_nocheck(value, len), term);
}

static int parse_raw(struct parser *p, struct format_term *term)
{
	const char *start = p->at + 1, *end = strchr(start, '`');

	if (!end)
		return fail(p, "a string is not closed");
	p->at = end + 1;
	return keep_literal(p, json_stringn_nocheck(start, (size_t)(end - start)), term);
}

static int parse_number(struct parser *p, struct format_term *term)
{
	size_t len = strspn(p->at, "+-0123456789.eE");
	char buf[40], *end;
	json_t *value;

	if (len >= sizeof(buf))
		return fail_word(p, "bad number", p->at, len);
	memcpy(buf, p->at, len);
	buf[len] = '\0';
	errno = 0;
	value = json_integer(strtoll(buf, &end, 10));
	if (*end || end == buf) {
		double real = strtod(buf, &end);

		json_decref(value);
		value = json_real(real);
	}
	if (*end || errno || !value || word_len(p->at + len) > 0) {
		json_decref(value);
		return fail_word(p, "bad number", p->at, len);
	}
	p->at += len;
	return keep_literal(p, value, term);
}

static int parse_name(struct parser *p, struct format_term *term)
{
	const size_t len = word_len(p->at);
	const char *name = arena_strndup(&p->format->arena, p->at, len);
	int r = 0;

	if (!name)
		return error_oom(p->err);
	if (strcmp(name, "true") == 0)
		r = keep_literal(p, json_true(), term);
	else if (strcmp(name, "false") == 0)
		r = keep_literal(p, json_false(), term);
	else if (strcmp(name, "nil") == 0)
		r = keep_literal(p, json_null(), term);
	else if (!format_function_known(name))
		return fail_word(p, "unknown function", name, len);
	else
		*term = (struct format_term){ .word = WORD_NAME,
					      .name = name,
					      .column = term->column };
	p->at += len;
	return r;
}

/* ".A.B" behind base (NULL: dot). */
static int parse_fields(struct parser *p, struct format_term *base, struct format_term **ret)
{
	struct format_term *term;
	size_t n = 0;
	int r = 0;

	for (const char *c = p->at; *c == '.' && word_len(c + 1) > 0; c += 1 + word_len(c + 1))
		n++;
	term = make(p, sizeof(*term), &r);
	if (!term)
		return r;
	*term = (struct format_term){ .word = WORD_FIELD,
				      .base = base,
				      .column = (size_t)(p->at - p->text) + 1 };
	term->fields = arena_array(&p->format->arena, char *, n + 1);
	if (!term->fields)
		return error_oom(p->err);
	while (n-- > 0) {
		const size_t len = word_len(p->at + 1);
		char *field = arena_strndup(&p->format->arena, p->at + 1, len);

		if (!field)
			return error_oom(p->err);
		term->fields[term->fields_len++] = field;
		p->at += 1 + len;
	}
	*ret = term;
	return 0;
}

static int parse_pipe(struct parser *p, struct format_pipe **ret);

static int parse_parentheses(struct parser *p, struct format_term *term)
{
	int r;

	if (++p->depth > FORMAT_DEPTH_MAX)
		return error_set(p->err, E2BIG, "template: nested too deep");
	p->at++;
	term->word = WORD_PIPE;
	r = parse_pipe(p, &term->pipe);
	if (r < 0)
		return r;
	skip_space(p);
	if (*p->at != ')')
		return fail(p, "a parenthesis is not closed");
	p->at++;
	p->depth--;
	return 0;
}

static int parse_variable_name(struct parser *p, const char **ret)
{
	const size_t len = word_len(p->at + 1);

	*ret = arena_strndup(&p->format->arena, p->at, len + 1);
	p->at += len + 1;
	return *ret ? 0 : error_oom(p->err);
}

static int parse_term(struct parser *p, struct format_term **ret)
{
	struct format_term *term;
	int r = 0;

	if (*p->at == '.' && word_len(p->at + 1) > 0)
		return parse_fields(p, NULL, ret);
	term = make(p, sizeof(*term), &r);
	if (!term)
		return r;
	term->column = (size_t)(p->at - p->text) + 1;
	if (*p->at == '.') {
		term->word = WORD_DOT;
		p->at++;
	} else if (*p->at == '$') {
		term->word = WORD_VARIABLE;
		r = parse_variable_name(p, &term->name);
	} else if (*p->at == '(') {
		r = parse_parentheses(p, term);
	} else if (*p->at == '"') {
		r = parse_quoted(p, term);
	} else if (*p->at == '`') {
		r = parse_raw(p, term);
	} else if (isdigit((unsigned char)*p->at) ||
		   ((*p->at == '-' || *p->at == '+') && isdigit((unsigned char)p->at[1]))) {
		r = parse_number(p, term);
	} else if (word_len(p->at) > 0) {
		r = parse_name(p, term);
	} else {
		r = *p->at ? fail_word(p, "unexpected", p->at, 1)
			   : fail(p, "an action is not closed by }}");
	}
	*ret = term;
	if (r == 0 && *p->at == '.' && word_len(p->at + 1) > 0 && term->word != WORD_DOT)
		r = parse_fields(p, term, ret);
	return r;
}

static bool ends_command(const struct parser *p)
{
	return !*p->at || *p->at == '|' || *p->at == ')' || at_close(p);
}

static int parse_command(struct parser *p, struct format_command **ret)
{
	struct format_term *terms[32];
	struct format_command *command;
	size_t len = 0;
	int r = 0;

	for (skip_space(p); !ends_command(p); skip_space(p)) {
		if (len == ARRAY_SIZE(terms))
			return fail(p, "too many arguments");
		r = parse_term(p, &terms[len]);
		if (r < 0)
			return r;
		len++;
		if (!ends_command(p) && !strchr(" \t\r\n", *p->at))
			return fail_word(p, "unexpected", p->at, 1);
	}
	if (len == 0)
		return fail(p, "a value is missing");
	command = make(p, sizeof(*command), &r);
	if (!command)
		return r;
	command->terms = arena_array(&p->format->arena, struct format_term *, len);
	if (!command->terms)
		return error_oom(p->err);
	memcpy(command->terms, terms, len * sizeof(*terms));
	command->len = len;
	*ret = command;
	return 0;
}

/* "$x := ", "$i, $x := ", "$x = "; nothing of it: *p->at stays. */
static int parse_declaration(struct parser *p, struct format_pipe *pipe)
{
	const char *start = p->at;
	int r = 0;

	while (*p->at == '$' && pipe->declares_len < 2 && r == 0) {
		r = parse_variable_name(p, &pipe->declares[pipe->declares_len++]);
		skip_space(p);
		if (*p->at != ',')
			break;
		p->at++;
		skip_space(p);
	}
	if (r == 0 && pipe->declares_len > 0 && strncmp(p->at, ":=", 2) == 0) {
		p->at += 2;
	} else if (r == 0 && pipe->declares_len == 1 && *p->at == '=') {
		p->at++;
		pipe->assigns = true;
	} else {
		p->at = start;
		pipe->declares_len = 0;
	}
	return r;
}

static int parse_pipe(struct parser *p, struct format_pipe **ret)
{
	struct format_command **to;
	int r = 0;

	*ret = make(p, sizeof(**ret), &r);
	if (!*ret)
		return r;
	skip_space(p);
	r = parse_declaration(p, *ret);
	for (to = &(*ret)->first; r == 0; to = &(*to)->next) {
		r = parse_command(p, to);
		if (r < 0 || *p->at != '|')
			break;
		p->at++;
	}
	return r;
}

static bool keyword(struct parser *p, const char *word)
{
	const size_t len = strlen(word);

	if (strncmp(p->at, word, len) != 0 || word_len(p->at) != len)
		return false;
	p->at += len;
	return true;
}

enum ending { END_OF_TEXT, END_OF_BLOCK, ELSE_OF_BLOCK };

static int parse_nodes(struct parser *p, struct format_node **first, enum ending *ret_ending);

/* The rest of an if, range or with, up to its end. "else if" is an if in the else part. */
static int parse_block(struct parser *p, struct format_node *node)
{
	enum ending ending;
	int r;

	if (++p->depth > FORMAT_DEPTH_MAX)
		return error_set(p->err, E2BIG, "template: nested too deep");
	p->loops += node->kind == NODE_RANGE;
	r = parse_pipe(p, &node->pipe);
	if (r == 0)
		r = expect_close(p);
	if (r == 0)
		r = parse_nodes(p, &node->then, &ending);
	p->loops -= node->kind == NODE_RANGE;
	if (r == 0 && ending == ELSE_OF_BLOCK) {
		skip_space(p);
		if (keyword(p, "if")) {
			node->otherwise = make(p, sizeof(*node), &r);
			if (!node->otherwise)
				return r;
			node->otherwise->kind = NODE_IF;
			r = parse_block(p, node->otherwise);
			p->depth--;
			return r;
		}
		r = expect_close(p);
		if (r == 0)
			r = parse_nodes(p, &node->otherwise, &ending);
	}
	if (r == 0 && ending != END_OF_BLOCK)
		return fail(p, ending == END_OF_TEXT ? "{{end}} is missing"
						     : "{{else}} where none can be");
	p->depth--;
	return r;
}

static int parse_loop_word(struct parser *p, struct format_node *node, enum format_kind kind)
{
	if (p->loops == 0)
		return fail(p, "{{break}} and {{continue}} belong into {{range}}");
	node->kind = kind;
	return expect_close(p);
}

static int parse_action(struct parser *p, struct format_node *node, bool *ret_ended,
			enum ending *ret_ending)
{
	static const char *const refused[] = { "define", "template", "block" };
	int r;

	skip_space(p);
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		if (word_len(p->at) == strlen(refused[i]) &&
		    strncmp(p->at, refused[i], strlen(refused[i])) == 0)
			return fail_word(p, "not supported:", refused[i], strlen(refused[i]));
	if (keyword(p, "end")) {
		*ret_ended = true;
		*ret_ending = END_OF_BLOCK;
		return expect_close(p);
	}
	if (keyword(p, "else")) { /* its rest is the block's */
		*ret_ended = true;
		*ret_ending = ELSE_OF_BLOCK;
		return 0;
	}
	if (keyword(p, "break"))
		return parse_loop_word(p, node, NODE_BREAK);
	if (keyword(p, "continue"))
		return parse_loop_word(p, node, NODE_CONTINUE);
	node->kind = keyword(p, "if")      ? NODE_IF
		     : keyword(p, "range") ? NODE_RANGE
		     : keyword(p, "with")  ? NODE_WITH
					   : NODE_ACTION;
	if (node->kind != NODE_ACTION)
		return parse_block(p, node);
	r = parse_pipe(p, &node->pipe);
	return r < 0 ? r : expect_close(p);
}

/* A comment, as C has it; false: it is none. */
static bool skip_comment(struct parser *p, int *r)
{
	const char *end;

	skip_space(p);
	if (strncmp(p->at, "/*", 2) != 0)
		return false;
	end = strstr(p->at + 2, "*/");
	if (!end) {
		*r = fail(p, "a comment is not closed");
		return true;
	}
	p->at = end + 2;
	*r = expect_close(p);
	return true;
}

static void trim(const char **start, const char **end, bool left, bool right)
{
	while (left && *start < *end && strchr(" \t\r\n", **start))
		(*start)++;
	while (right && *end > *start && strchr(" \t\r\n", (*end)[-1]))
		(*end)--;
}

static int parse_text(struct parser *p, struct format_node *node)
{
	const char *start = p->at, *end = strstr(p->at, "{{");
	bool trim_right;

	if (!end)
		end = start + strlen(start);
	p->at = end;
	trim_right = *end && end[2] == '-' && end[3] && strchr(" \t\r\n", end[3]);
	trim(&start, &end, p->trim_next, trim_right);
	p->trim_next = false;
	node->kind = NODE_TEXT;
	node->text = start;
	node->text_len = (size_t)(end - start);
	return 0;
}

static int parse_nodes(struct parser *p, struct format_node **first, enum ending *ret_ending)
{
	struct format_node **to = first;
	int r = 0;

	*ret_ending = END_OF_TEXT;
	while (*p->at && r == 0) {
		struct format_node *node = make(p, sizeof(*node), &r);
		bool ended = false;

		if (!node)
			return r;
		if (strncmp(p->at, "{{", 2) != 0) {
			r = parse_text(p, node);
		} else {
			p->at += 2;
			if (*p->at == '-' && p->at[1] && strchr(" \t\r\n", p->at[1]))
				p->at++;
			if (skip_comment(p, &r))
				continue;
			r = parse_action(p, node, &ended, ret_ending);
		}
		if (r < 0 || ended)
			return r;
		*to = node;
		to = &node->next;
	}
	return r;
}

/* As docker does; in actions they belong to strings. */
static const char *replace_escapes(struct arena *arena, const char *text)
{
	char *copy = arena_strdup(arena, text), *to = copy;
	bool action = false;

	for (const char *from = text; copy && *from; from++) {
		if (strncmp(from, action ? "}}" : "{{", 2) == 0)
			action = !action;
		if (!action && from[0] == '\\' && (from[1] == 't' || from[1] == 'n'))
			*to++ = *++from == 't' ? '\t' : '\n';
		else
			*to++ = *from;
	}
	if (copy)
		*to = '\0';
	return copy;
}

void format_free(struct format *format)
{
	if (!format)
		return;
	json_decref(format->literals);
	arena_done(&format->arena);
	free(format);
}

int format_parse(const char *text, struct format **ret, struct error *err)
{
	struct format *format = calloc(1, sizeof(*format));
	struct parser p = { .format = format, .err = err };
	enum ending ending;
	int r = 0;

	if (!format)
		return error_oom(err);
	format->literals = json_array();
	p.at = p.text = replace_escapes(&format->arena, text);
	if (!format->literals || !p.text)
		r = error_oom(err);
	if (r == 0)
		r = parse_nodes(&p, &format->first, &ending);
	if (r == 0 && ending != END_OF_TEXT)
		r = fail(&p, "{{end}} or {{else}} without a beginning");
	if (r < 0) {
		format_free(format);
		return r;
	}
	*ret = format;
	return 0;
}

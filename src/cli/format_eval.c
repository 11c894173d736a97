/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/json.h"
#include "base/json_tree.h"
#include "cli/format_tree.h"

#define FIELDS_SHOWN 400 /* bytes of the names of those that there are */

static int fail(const struct format_run *run, size_t column, const char *what, const char *name)
{
	char printable[JSON_PRINTABLE_SIZE];

	return error_set(run->err, EINVAL, "template, column %zu: %s %s", column, what,
			 json_printable(name, printable));
}

/* The names that there are, for an error. */
static void list_fields(const json_t *object, char *buf, size_t size)
{
	const char *key;
	json_t *value;
	size_t len = 0;

	buf[0] = '\0';
	json_object_foreach((json_t *)object, key, value)
	{
		const char *shown = *key == *FORMAT_HIDDEN ? key + 1 : key;

		if (len + strlen(shown) + 3 >= size)
			break;
		len += (size_t)snprintf(buf + len, size - len, "%s%s", len ? ", " : "", shown);
	}
}

static json_t *hidden(const json_t *object, const char *name)
{
	char key[64];

	if (snprintf(key, sizeof(key), FORMAT_HIDDEN "%s", name) >= (int)sizeof(key))
		return NULL;
	return json_object_get(object, key);
}

/* *value: owned, replaced by its member. */
static int take_field(const struct format_run *run, const struct format_term *term,
		      const char *name, json_t **value)
{
	json_t *member = json_object_get(*value, name);
	char shown[FIELDS_SHOWN];

	if (!member)
		member = hidden(*value, name);
	/* A member that is not there yet (an empty map) has none below it. */
	if (!member && json_is_null(*value))
		member = *value;
	if (!member && json_is_object(*value) && json_object_size(*value) > 0) {
		list_fields(*value, shown, sizeof(shown));
		return error_set(run->err, EINVAL,
				 "template, column %zu: there is no field %.80s (there are %s)",
				 term->column, name, shown);
	}
	if (!member)
		return fail(run, term->column, "there is no field", name);
	json_incref(member);
	json_decref(*value);
	*value = member;
	return 0;
}

static int eval_pipe(struct format_run *run, const struct format_pipe *pipe, const json_t *dot,
		     json_t **ret);

static int eval_variable(const struct format_run *run, const struct format_term *term, json_t **ret)
{
	for (size_t i = run->variables_len; i > 0; i--)
		if (strcmp(run->variables[i - 1].name, term->name) == 0) {
			*ret = json_incref(run->variables[i - 1].value);
			return 0;
		}
	return fail(run, term->column, "undefined variable", term->name);
}

/* The value of an operand that is no function with arguments. */
static int eval_term(struct format_run *run, const struct format_term *term, const json_t *dot,
		     json_t **ret)
{
	int r = 0;

	*ret = NULL;
	switch (term->word) {
	case WORD_DOT:
		*ret = json_incref((json_t *)dot);
		break;
	case WORD_VALUE:
		*ret = json_incref(term->value);
		break;
	case WORD_VARIABLE:
		r = eval_variable(run, term, ret);
		break;
	case WORD_PIPE:
		r = eval_pipe(run, term->pipe, dot, ret);
		break;
	case WORD_NAME:
		r = format_call(run, term->name, NULL, 0, ret);
		break;
	case WORD_FIELD:
		if (term->base)
			r = eval_term(run, term->base, dot, ret);
		else
			*ret = json_incref((json_t *)dot);
		for (size_t i = 0; i < term->fields_len && r == 0; i++)
			r = take_field(run, term, term->fields[i], ret);
		break;
	}
	if (r < 0) {
		json_decref(*ret);
		*ret = NULL;
	}
	return r;
}

/* docker's title of {{.Label "com.example.my-name"}}: "my name" */
static int label_title(struct format_run *run, const char *key, json_t **ret)
{
	const char *dot = strrchr(key, '.');
	_cleanup_free_ char *title = strdup(dot ? dot + 1 : key);

	for (char *c = title; c && *c; c++)
		if (*c == '-' || *c == '_')
			*c = ' ';
	*ret = title ? json_string(title) : NULL;
	return *ret ? 0 : error_oom(run->err);
}

/* A field with an argument: docker's methods, as {{.Label "k"}}; "" for what is not in the map. */
static int call_field(struct format_run *run, const struct format_term *term, json_t *map,
		      json_t *const *args, size_t len, json_t **ret)
{
	json_t *value;

	if (len != 1 || !json_is_string(args[0]) || (!json_is_object(map) && !run->headers))
		return fail(run, term->column, "can't give arguments to",
			    term->fields_len ? term->fields[term->fields_len - 1] : "a value");
	if (run->headers)
		return label_title(run, json_string_value(args[0]), ret);
	value = json_object_get(map, json_string_value(args[0]));
	*ret = value ? json_incref(value) : json_string("");
	return *ret ? 0 : error_oom(run->err);
}

/* piped: the value from before "|", its last argument; NULL: none. Taken. */
static int eval_command(struct format_run *run, const struct format_command *command,
			const json_t *dot, json_t *piped, json_t **ret)
{
	const struct format_term *first = command->terms[0];
	json_t *args[33];
	size_t len = 0;
	int r = 0;

	*ret = NULL;
	for (size_t i = 1; i < command->len && r == 0; i++) {
		r = eval_term(run, command->terms[i], dot, &args[len]);
		len += r == 0;
	}
	if (piped)
		args[len++] = piped;
	if (r == 0 && ++run->steps > FORMAT_STEPS_MAX)
		r = error_set(run->err, E2BIG, "template: more than %d steps", FORMAT_STEPS_MAX);
	if (r == 0 && first->word == WORD_NAME) {
		r = format_call(run, first->name, args, len, ret);
		if (r == -EINVAL)
			(void)error_wrap(run->err, r, "template, column %zu", first->column);
	} else if (r == 0) {
		json_t *value;

		r = eval_term(run, first, dot, &value);
		if (r == 0 && len > 0) {
			r = call_field(run, first, value, args, len, ret);
			json_decref(value);
		} else if (r == 0) {
			*ret = value;
		}
	}
	for (size_t i = 0; i < len; i++)
		json_decref(args[i]);
	return r;
}

static int set_variable(struct format_run *run, const char *name, json_t *value, bool assign)
{
	for (size_t i = run->variables_len; assign && i > 0; i--)
		if (strcmp(run->variables[i - 1].name, name) == 0) {
			json_decref(run->variables[i - 1].value);
			run->variables[i - 1].value = json_incref(value);
			return 0;
		}
	if (assign)
		return fail(run, 1, "undefined variable", name);
	if (run->variables_len == FORMAT_VARIABLES_MAX)
		return error_set(run->err, E2BIG, "template: more than %d variables",
				 FORMAT_VARIABLES_MAX);
	run->variables[run->variables_len].name = name;
	run->variables[run->variables_len++].value = json_incref(value);
	return 0;
}

static void drop_variables(struct format_run *run, size_t to)
{
	while (run->variables_len > to)
		json_decref(run->variables[--run->variables_len].value);
}

static int eval_pipe(struct format_run *run, const struct format_pipe *pipe, const json_t *dot,
		     json_t **ret)
{
	json_t *value = NULL;
	int r = 0;

	for (const struct format_command *c = pipe->first; c && r == 0; c = c->next) {
		json_t *piped = value;

		value = NULL;
		r = eval_command(run, c, dot, piped, &value);
	}
	*ret = value;
	return r;
}

enum flow { FLOW_ON, FLOW_BREAK, FLOW_CONTINUE };

static int run_nodes(struct format_run *run, const struct format_node *node, const json_t *dot,
		     enum flow *flow);

/* One turn of a loop; key and value go to the variables that the loop declares. */
static int run_turn(struct format_run *run, const struct format_node *node, json_t *key,
		    json_t *value, enum flow *flow)
{
	const size_t before = run->variables_len;
	int r = key ? 0 : error_oom(run->err);

	if (r == 0 && ++run->steps > FORMAT_STEPS_MAX)
		r = error_set(run->err, E2BIG, "template: more than %d steps", FORMAT_STEPS_MAX);
	if (r == 0 && node->pipe->declares_len == 2)
		r = set_variable(run, node->pipe->declares[0], key, false);
	if (r == 0 && node->pipe->declares_len > 0)
		r = set_variable(run, node->pipe->declares[node->pipe->declares_len - 1], value,
				 false);
	*flow = FLOW_ON;
	if (r == 0)
		r = run_nodes(run, node->then, value, flow);
	drop_variables(run, before);
	json_decref(key);
	return r;
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Maps are walked by their sorted keys, as in Go. */
static int run_map(struct format_run *run, const struct format_node *node, json_t *map)
{
	_cleanup_free_ const char **keys = calloc(json_object_size(map) + 1, sizeof(*keys));
	enum flow flow = FLOW_ON;
	const char *key;
	json_t *value;
	size_t len = 0;
	int r = 0;

	if (!keys)
		return error_oom(run->err);
	json_object_foreach(map, key, value) if (*key != *FORMAT_HIDDEN || map != run->root)
		keys[len++] = key;
	qsort(keys, len, sizeof(*keys), compare_keys);
	for (size_t i = 0; i < len && r == 0 && flow != FLOW_BREAK; i++)
		r = run_turn(run, node, json_string(keys[i]), json_object_get(map, keys[i]), &flow);
	return r;
}

static int run_range(struct format_run *run, const struct format_node *node, json_t *value,
		     const json_t *dot, enum flow *outer)
{
	enum flow flow = FLOW_ON;
	int r = 0;

	if (!format_truth(value))
		return run_nodes(run, node->otherwise, dot, outer);
	if (json_is_object(value))
		return run_map(run, node, value);
	if (!json_is_array(value))
		return fail(run, 1, "range can't walk", "what is neither a list nor a map");
	for (size_t i = 0; i < json_array_size(value) && r == 0 && flow != FLOW_BREAK; i++)
		r = run_turn(run, node, json_integer((json_int_t)i), json_array_get(value, i),
			     &flow);
	return r;
}

static void print_action(struct format_run *run, const json_t *value)
{
	const size_t before = run->out->len;

	format_print_value(run->out, value);
	/* What comes from a label or a name must not move the cursor nor start another row. */
	for (size_t i = before; run->printable && i < run->out->len; i++)
		if ((unsigned char)run->out->data[i] < 0x20 || run->out->data[i] == 0x7f)
			run->out->data[i] = '?';
}

static int run_node(struct format_run *run, const struct format_node *node, const json_t *dot,
		    enum flow *flow)
{
	const size_t before = run->variables_len;
	json_t *value;
	int r = eval_pipe(run, node->pipe, dot, &value);

	/* The variable of an action is there for what follows, that of a block for the block. */
	if (r == 0 && node->kind != NODE_RANGE)
		for (size_t i = 0; i < node->pipe->declares_len && r == 0; i++)
			r = set_variable(run, node->pipe->declares[i], value, node->pipe->assigns);
	if (r < 0) {
		json_decref(value);
		return r;
	}
	switch (node->kind) {
	case NODE_ACTION:
		if (node->pipe->declares_len == 0)
			print_action(run, value);
		break;
	case NODE_RANGE:
		r = run_range(run, node, value, dot, flow);
		break;
	default:
		if (format_truth(value))
			r = run_nodes(run, node->then, node->kind == NODE_WITH ? value : dot, flow);
		else
			r = run_nodes(run, node->otherwise, dot, flow);
		break;
	}
	if (node->kind != NODE_ACTION)
		drop_variables(run, before);
	json_decref(value);
	return r;
}

static int run_nodes(struct format_run *run, const struct format_node *node, const json_t *dot,
		     enum flow *flow)
{
	const size_t before = run->variables_len;
	int r = 0;

	for (; node && r == 0 && *flow == FLOW_ON; node = node->next) {
		if (node->kind == NODE_TEXT)
			output_bytes(run->out, node->text, node->text_len);
		else if (node->kind == NODE_BREAK)
			*flow = FLOW_BREAK;
		else if (node->kind == NODE_CONTINUE)
			*flow = FLOW_CONTINUE;
		else
			r = run_node(run, node, dot, flow);
	}
	drop_variables(run, before);
	return r;
}

int format_execute(struct format_run *run, const struct format *format)
{
	enum flow flow = FLOW_ON;
	int r = set_variable(run, "$", (json_t *)run->root, false);

	if (r == 0)
		r = run_nodes(run, format->first, run->root, &flow);
	drop_variables(run, 0);
	return r == 0 && run->out->failed ? error_oom(run->err) : r;
}

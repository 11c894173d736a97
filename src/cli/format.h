/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * --format: the common part of Go's templates (text/template) over JSON values. Actions: {{.Field.Sub}},
 * {{range}} {{if}} {{with}} {{else}} {{end}} {{break}} {{continue}}, variables, pipelines, parentheses,
 * {{- trimming -}}, comments. Functions: json index len slice split join upper lower title truncate pad print
 * println printf eq ne lt le gt ge and or not. What is not known is an error that names it, as is a
 * field that is not there: nothing is printed as "<no value>" by mistake.
 */
#include <jansson.h>

#include "base/error.h"
#include "cli/output.h"

struct format;
/* Parses a template; docker's "\t" and "\n" stand for themselves. -EINVAL names line and column. */
int format_parse(const char *text, struct format **ret, struct error *err);
void format_free(struct format *format);
static inline void format_freep(struct format **format)
{
	format_free(*format);
}
#define _cleanup_format_ _cleanup_(format_freep)

/* Appends what the template makes of data. Members of data whose name begins with FORMAT_HIDDEN are for
 * templates that name them without it ({{.Label "k"}}) and not in {{json .}}. */
#define FORMAT_HIDDEN "-"
int format_render(const struct format *format, const json_t *data, struct output *out,
		  struct error *err);

struct format_header { /* of a field in tables; ends with NULL */
	const char *field, *title;
};
/*
 * Prints rows (an array of objects) as a command's --format says: NULL: usual, "table TEMPLATE": under
 * headers, laid out as docker does, "json": an object a line, else the template a line.
 A table has its
 * headers also when there are no rows.
 */
int format_rows(const char *text, const char *usual, const struct format_header *headers,
		const json_t *rows, struct output *out, struct error *err);
/* For inspect: NULL: the array, indented by four; else the template for each element. */
int format_documents(const char *text, const json_t *documents, struct output *out,
		     struct error *err);

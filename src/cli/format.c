/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/json.h"
#include "cli/format_tree.h"
#include "cli/table.h"

#define TABLE_MIN ((size_t)20) /* narrowest column of docker's tables */

static int render(const struct format *format, const json_t *data, bool printable,
		  struct output *out, struct error *err)
{
	struct format_run run = { .root = data, .out = out, .err = err, .printable = printable };

	return format_execute(&run, format);
}

int format_render(const struct format *format, const json_t *data, struct output *out,
		  struct error *err)
{
	return render(format, data, false, out, err);
}

static int put_header(const struct format *format, const struct format_header *headers,
		      struct output *out, struct error *err)
{
	json_t *titles = json_object();
	int r = titles ? 0 : error_oom(err);

	for (; headers->field && r == 0; headers++)
		if (json_object_set_new(titles, headers->field, json_string(headers->title)) < 0)
			r = error_oom(err);
	if (r == 0)
		r = format_execute(&(struct format_run){ .root = titles,
							 .out = out,
							 .err = err,
							 .printable = true,
							 .headers = true },
				   format);
	json_decref(titles);
	if (r == 0)
		output_text(out, "\n");
	return r;
}

static int put_rows(const struct format *format, const json_t *rows, bool printable,
		    struct output *out, struct error *err)
{
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		int r = render(format, row, printable, out, err);

		if (r < 0)
			return r;
		output_text(out, "\n");
	}
	return 0;
}

/* {{json .}} of each row. */
static int put_json(const json_t *rows, struct output *out, struct error *err)
{
	_cleanup_format_ struct format *format = NULL;
	int r = format_parse("{{json .}}", &format, err);

	return r < 0 ? r : put_rows(format, rows, false, out, err);
}

int format_rows(const char *text, const char *usual, const struct format_header *headers,
		const json_t *rows, struct output *out, struct error *err)
{
	_cleanup_output_ struct output tabbed = OUTPUT_INIT;
	_cleanup_format_ struct format *format = NULL;
	bool table;
	int r;

	if (!text || !*text || strcmp(text, "table") == 0)
		text = usual;
	if (strcmp(text, "json") == 0)
		return put_json(rows, out, err);
	table = strncmp(text, "table", 5) == 0 && (text[5] == ' ' || text[5] == '\t');
	if (table)
		text += 5 + strspn(text + 5, " \t");
	r = format_parse(text, &format, err);
	if (r < 0 || !table)
		return r < 0 ? r : put_rows(format, rows, false, out, err);
	r = put_header(format, headers, &tabbed, err);
	if (r == 0)
		r = put_rows(format, rows, true, &tabbed, err);
	if (r < 0)
		return r;
	output_bytes(&tabbed, "", 1); /* the end of a string */
	if (tabbed.failed)
		return error_oom(err);
	table_tabbed(out, tabbed.data, TABLE_MIN);
	return 0;
}

int format_documents(const char *text, const json_t *documents, struct output *out,
		     struct error *err)
{
	_cleanup_format_ struct format *format = NULL;
	_cleanup_free_ char *json = NULL;
	int r;

	if (text && strcmp(text, "json") == 0)
		return put_json(documents, out, err);
	if (text && *text) {
		r = format_parse(text, &format, err);
		return r < 0 ? r : put_rows(format, documents, false, out, err);
	}
	json = json_dumps(documents, JSON_INDENT(4));
	if (!json)
		return error_oom(err);
	output_text(out, json);
	output_text(out, "\n");
	return 0;
}

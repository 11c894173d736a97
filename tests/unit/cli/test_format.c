/* SPDX-License-Identifier: Apache-2.0 */
/* --format: what Go's templates make of the same, and what is refused with a reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <string.h>

#include "cli/format.h"
#include "cli/table.h"

static const char data[] =
	"{\"ID\": \"abc\", \"Name\": \"/web\", \"Size\": 12, \"Real\": 1.5, \"Up\": true, "
	"\"Nothing\": null,"
	" \"List\": [\"a\", \"b\", \"c\"], \"Empty\": [], \"-Label\": {\"tier\": \"front\"},"
	" \"Config\": {\"Env\": [\"A=1\"], \"Labels\": {\"x.y\": \"z\"}}, \"Ports\": {\"80/tcp\": "
	"[{\"HostPort\": \"8080\"}]},"
	" \"Line\": \"a\\nb\\u001b[2J\"}";

static char *render(const char *template, struct error *err)
{
	_cleanup_output_ struct output out = OUTPUT_INIT;
	_cleanup_format_ struct format *format = NULL;
	json_t *json = json_loads(data, 0, NULL);
	int r = format_parse(template, &format, err);

	assert_non_null(json);
	if (r == 0)
		r = format_render(format, json, &out, err);
	json_decref(json);
	output_bytes(&out, "", 1);
	return r < 0 ? NULL : strdup(out.data);
}

static void rendered(void **state)
{
	static const struct {
		const char *template, *text;
	} cases[] = {
		{ "{{.ID}}", "abc" },
		{ "{{ .ID }} {{.Size}}", "abc 12" },
		{ "plain", "plain" },
		{ "", "" },
		{ "a\\tb\\n", "a\tb\n" },
		{ "{{.Real}} {{.Up}} {{.Nothing}}", "1.5 true <no value>" },
		{ "{{.List}} {{.Config}}", "[a b c] map[Env:[A=1] Labels:map[x.y:z]]" },
		{ "{{json .List}} {{json .ID}}", "[\"a\",\"b\",\"c\"] \"abc\"" },
		{ "{{.Config.Env}}", "[A=1]" },
		{ "{{index .List 1}}", "b" },
		{ "{{index .Config.Labels \"x.y\"}}", "z" },
		{ "{{index .Config.Labels \"none\"}}", "" },
		{ "{{(index (index .Ports \"80/tcp\") 0).HostPort}}", "8080" },
		{ "{{.Label \"tier\"}}{{.Label \"none\"}}", "front" },
		{ "{{range .List}}<{{.}}>{{end}}", "<a><b><c>" },
		{ "{{range $i, $x := .List}}{{$i}}={{$x}} {{end}}", "0=a 1=b 2=c " },
		{ "{{range $x := .List}}{{$x}}{{$.ID}}{{end}}", "aabcbabccabc" },
		{ "{{range .Empty}}x{{else}}none{{end}}", "none" },
		{ "{{range $k, $v := .Config.Labels}}{{$k}}:{{$v}}{{end}}", "x.y:z" },
		{ "{{range .List}}{{if eq . \"b\"}}{{continue}}{{end}}{{.}}{{end}}", "ac" },
		{ "{{range .List}}{{if eq . \"b\"}}{{break}}{{end}}{{.}}{{end}}", "a" },
		{ "{{if .Up}}yes{{else}}no{{end}}", "yes" },
		{ "{{if not .Up}}yes{{else if .Empty}}e{{else}}no{{end}}", "no" },
		{ "{{if and .Up .ID}}{{or .Empty .Name}}{{end}}", "/web" },
		{ "{{with .Config}}{{.Env}}{{end}}{{with .Empty}}x{{else}}y{{end}}", "[A=1]y" },
		{ "{{len .List}}{{len .ID}}{{len .Config}}", "332" },
		{ "{{slice .ID 0 2}}{{slice .ID 1}}", "abbc" },
		{ "{{join .List \", \"}}", "a, b, c" },
		{ "{{split .Name \"e\"}}", "[/w b]" },
		{ "{{upper .ID}}{{lower \"ABC\"}}{{title \"a bc\"}}", "ABCabcA Bc" },
		{ "{{.ID | upper | printf \"%s-%s\" \"x\"}}", "x-ABC" },
		{ "{{printf \"%5d|%-5s|%05d|%.2f|%q|%v|%x\" .Size .ID .Size .Real .ID .Up .Size}}",
		  "   12|abc  |00012|1.50|\"abc\"|true|c" },
		{ "{{truncate .ID 2}}{{pad .ID 1 2}}|", "ab abc  |" },
		{ "{{print .ID .Size .Size}}{{println .ID .Size}}", "abc12 12abc 12\n" },
		{ "{{eq .Size 12}} {{ne .ID \"x\"}} {{lt .Size 13}} {{ge .Size 13}}",
		  "true true true false" },
		{ "{{eq .ID \"x\" \"abc\"}}", "true" },
		{ "{{$x := .ID}}{{$x}}{{$x = \"n\"}}{{$x}}", "abcn" },
		{ "{{/* nothing */}}a{{- /* trims */ -}}  b", "ab" },
		{ "a  {{- .ID -}}  b", "aabcb" },
		{ "{{`raw \"x\"`}}{{\"q\\\"\\t\"}}", "raw \"x\"q\"\t" },
		{ "{{.Nothing.Below}}", "<no value>" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		_cleanup_free_ char *text = render(cases[i].template, &err);

		if (!text)
			fail_msg("%s: %s", cases[i].template, error_text(&err));
		assert_string_equal(text, cases[i].text);
	}
}

static void refused(void **state)
{
	static const struct {
		const char *template, *words;
	} cases[] = {
		{ "{{.Nam}}", "there is no field Nam (there are ID, Name," },
		{ "{{.Config.Nope}}", "there is no field Nope (there are Env, Labels)" },
		{ "{{.ID.x}}", "there is no field" },
		{ "{{.ID", "not closed" },
		{ "{{", "a value is missing" },
		{ "{{}}", "a value is missing" },
		{ "{{if .ID}}", "{{end}} is missing" },
		{ "{{end}}", "without a beginning" },
		{ "{{else}}", "without a beginning" },
		{ "{{if .Up}}{{else}}{{else}}{{end}}", "{{else}} where none can be" },
		{ "{{nope .ID}}", "unknown function nope" },
		{ "{{template \"x\"}}", "not supported: template" },
		{ "{{define \"x\"}}{{end}}", "not supported: define" },
		{ "{{break}}", "belong into {{range}}" },
		{ "{{$x}}", "undefined variable $x" },
		{ "{{\"abc}}", "a string is not closed" },
		{ "{{\"\\q\"}}", "unknown escape" },
		{ "{{(.ID}}", "a parenthesis is not closed" },
		{ "{{.ID)}}", "unexpected" },
		{ "{{.ID \"x\"}}", "can't give arguments to ID" },
		{ "{{index .List 9}}", "index: 9 is out of range" },
		{ "{{index .ID 1}}", "index: wants" },
		{ "{{join .ID}}", "wrong number of arguments: 1" },
		{ "{{printf \"%d\" .ID}}", "%d does not fit" },
		{ "{{printf \"%w\" .ID}}", "a verb is not known" },
		{ "{{printf \"%s\"}}", "an argument is missing" },
		{ "{{printf \"x\" .ID}}", "an argument too many" },
		{ "{{printf \"%99999999999d\" .Size}}", "a verb is not known" },
		{ "{{lt .ID 1}}", "different types" },
		{ "{{range .ID}}{{end}}", "range can't walk" },
		{ "{{1x}}", "bad number" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		_cleanup_free_ char *text = render(cases[i].template, &err);

		if (text)
			fail_msg("%s: rendered as %s", cases[i].template, text);
		if (!strstr(error_text(&err), cases[i].words))
			fail_msg("%s: %s", cases[i].template, error_text(&err));
	}
}

/* A template is short work whatever it says. */
static void bounded(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT, deep_err = ERROR_INIT;
	char nested[4096] = "", deep[1024] = "{{";
	char *text;

	(void)state;
	for (int i = 0; i < 40; i++)
		(void)strncat(nested, "{{range $.List}}", sizeof(nested) - strlen(nested) - 1);
	for (int i = 0; i < 40; i++)
		(void)strncat(nested, "{{end}}", sizeof(nested) - strlen(nested) - 1);
	text = render(nested, &err);
	assert_null(text);
	assert_non_null(strstr(error_text(&err), "steps"));
	for (int i = 0; i < 500; i++)
		(void)strncat(deep, "(", sizeof(deep) - strlen(deep) - 1);
	text = render(deep, &deep_err);
	assert_null(text);
	assert_non_null(strstr(error_text(&deep_err), "too deep"));
}

static void rows_in_tables(void **state)
{
	static const struct format_header headers[] = { { "ID", "CONTAINER ID" },
							{ "Names", "NAMES" },
							{ "Label", "LABELS" },
							{ NULL, NULL } };
	static const struct {
		const char *format, *text;
	} cases[] = {
		{ NULL, "CONTAINER ID           NAMES\n"
			"1                      one\n"
			"22222222222222222222   two\n" },
		{ "table {{.Names}}", "NAMES\none\ntwo\n" },
		{ "table {{.Names}}\\t{{.Label \"a.my-tier\"}}", "NAMES               my tier\n"
								 "one                 \n"
								 "two                 back\n" },
		{ "{{.ID}}:{{.Names}}", "1:one\n22222222222222222222:two\n" },
		{ "json", "{\"ID\":\"1\",\"Names\":\"one\"}\n"
			  "{\"ID\":\"22222222222222222222\",\"Names\":\"two\"}\n" },
	};
	json_t *rows = json_pack("[{s:s, s:s, s:{}}, {s:s, s:s, s:{s:s}}]", "ID", "1", "Names",
				 "one", "-Label", "ID", "22222222222222222222", "Names", "two",
				 "-Label", "a.my-tier", "back");

	(void)state;
	assert_non_null(rows);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		_cleanup_output_ struct output out = OUTPUT_INIT;

		assert_int_equal(format_rows(cases[i].format, "table {{.ID}}\\t{{.Names}}", headers,
					     rows, &out, &err),
				 0);
		output_bytes(&out, "", 1);
		assert_string_equal(out.data, cases[i].text);
	}
	json_decref(rows);
}

/* The columns of Go's tabwriter with minwidth 20, tabwidth 1, padding 3. */
static void tabs(void **state)
{
	static const struct {
		const char *text, *laid;
	} cases[] = {
		{ "a\tb\nccc\td\n", "a                   b\nccc                 d\n" },
		{ "a\tb\n123456789012345678901\td\n",
		  "a                       b\n123456789012345678901   d\n" },
		{ "alone\n", "alone\n" },
		{ "", "" },
		/* A line without the column ends its block. */
		{ "123456789012345678901\tb\nx\nc\td\n",
		  "123456789012345678901   b\nx\nc                   d\n" },
		{ "ä\tb\n", "ä                   b\n" },
		{ "a\t\tb\n", "a                                       b\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_output_ struct output out = OUTPUT_INIT;

		table_tabbed(&out, cases[i].text, 20);
		output_bytes(&out, "", 1);
		assert_string_equal(out.data, cases[i].laid);
	}
}

/* What a label or a name says does not drive the terminal. */
static void tables_are_printable(void **state)
{
	static const struct format_header headers[] = { { "Name", "NAME" }, { NULL, NULL } };
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_output_ struct output out = OUTPUT_INIT;
	json_t *rows = json_pack("[{s:s}]", "Name", "a\nb\x1b[2J\tc");

	(void)state;
	assert_int_equal(format_rows(NULL, "table {{.Name}}", headers, rows, &out, &err), 0);
	output_bytes(&out, "", 1);
	assert_string_equal(out.data, "NAME\na?b?[2J?c\n");
	json_decref(rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rendered), cmocka_unit_test(refused),
		cmocka_unit_test(bounded),  cmocka_unit_test(rows_in_tables),
		cmocka_unit_test(tabs),     cmocka_unit_test(tables_are_printable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

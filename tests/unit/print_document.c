/* SPDX-License-Identifier: Apache-2.0 */
/* Prints what the library makes, or what it thinks of configs, for test_schema.py. */
#include <stdio.h>
#include <string.h>

#include "oci/features.h"
#include "oci/parse.h"
#include "oci/template.h"

/* One config a line of stdin; for each a line: "ok", or why it is refused. */
static int parse_lines(void)
{
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	ssize_t len;

	while ((len = getline(&line, &size, stdin)) > 0) {
		_cleanup_oci_spec_ struct oci_spec spec = { 0 };
		_cleanup_error_ struct error err = ERROR_INIT;
		int r = oci_spec_parse(line, (size_t)len, &spec, &err);

		if (puts(r < 0 ? error_text(&err) : "ok") < 0)
			return 2;
	}
	return 0;
}

int main(int argc, char **argv)
{
	_cleanup_free_ char *text = NULL;

	if (argc == 2 && strcmp(argv[1], "parse") == 0)
		return parse_lines();
	if (argc == 2 && strcmp(argv[1], "features") == 0)
		text = oci_features(NULL);
	else if (argc == 2 && strcmp(argv[1], "spec") == 0)
		text = oci_template(false, 0, 0);
	else if (argc == 2 && strcmp(argv[1], "spec-rootless") == 0)
		text = oci_template(true, 1000, 100);
	if (!text || puts(text) < 0)
		return 2;
	return 0;
}

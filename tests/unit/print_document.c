/* SPDX-License-Identifier: Apache-2.0 */
/* Prints what the library makes, or what it thinks of a config, for test_schema.py. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "oci/features.h"
#include "oci/parse.h"
#include "oci/template.h"

static int parse(const char *path)
{
	_cleanup_oci_spec_ struct oci_spec spec = { 0 };
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_free_ char *text = NULL;
	size_t len;

	if (file_read(AT_FDCWD, path, OCI_CONFIG_MAX, &text, &len) < 0)
		return 2;
	if (oci_spec_parse(text, len, &spec, &err) < 0) {
		(void)puts(error_text(&err));
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	_cleanup_free_ char *text = NULL;

	if (argc == 3 && strcmp(argv[1], "parse") == 0)
		return parse(argv[2]);
	if (argc == 2 && strcmp(argv[1], "features") == 0)
		text = oci_features();
	else if (argc == 2 && strcmp(argv[1], "spec") == 0)
		text = oci_template(false, 0, 0);
	else if (argc == 2 && strcmp(argv[1], "spec-rootless") == 0)
		text = oci_template(true, 1000, 100);
	if (!text || puts(text) < 0)
		return 2;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Templates of --format over a document of fixed shape. */
#include <jansson.h>
#include <stdint.h>
#include <string.h>

#include "cli/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = size < 4096 ? strndup((const char *)data, size) : NULL;
	static const struct format_header headers[] = { { "ID", "ID" },
							{ "Label", "LABELS" },
							{ NULL, NULL } };
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_output_ struct output out = OUTPUT_INIT;
	json_t *rows;

	if (!text)
		return 0;
	rows = json_pack("[{s:s, s:i, s:f, s:n, s:[s, s], s:{s:{s:s}}, s:{s:s}}]", "ID", "abc", "N",
			 3, "R", 1.5, "Nil", "List", "a", "b", "Map", "x", "y", "z", "-Label", "k",
			 "v");
	(void)format_rows(text, "table {{.ID}}", headers, rows, &out, &err);
	json_decref(rows);
	return 0;
}

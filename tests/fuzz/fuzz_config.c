/* SPDX-License-Identifier: Apache-2.0 */
/* What comes from outside as JSON: config.json, exec's process, update's resources. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "oci/parse.h"
#include "oci/validate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A refusal is one line of printable ASCII whatever the input holds; no refusal leaves err alone.
 */
static void check(int r, struct error *err)
{
	const char *text = error_text(err);

	if (r > 0 || (r < 0) != (err->code != 0) || !*text)
		abort();
	for (; *text; text++)
		if (!isprint((unsigned char)*text))
			abort();
	error_done(err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_oci_spec_ struct oci_spec spec = { 0 };
	_cleanup_arena_ struct arena arena = { 0 };
	struct error err = ERROR_INIT;
	const char *text = (const char *)data;
	struct oci_process *process;
	struct oci_resources *resources;
	int r;

	r = oci_spec_parse(text, size, &spec, &err);
	check(r, &err);
	if (r == 0)
		check(oci_validate(&spec, &err), &err);
	r = oci_process_parse(text, size, &arena, &process, &err);
	check(r, &err);
	if (r == 0)
		check(oci_process_validate(process, "process", &err), &err);
	check(oci_resources_parse(text, size, &arena, &resources, &err), &err);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Names of images, platforms, and the documents that describe them: the first byte says which. */
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "image/config.h"
#include "image/manifest.h"
#include "image/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_error(int r, const struct error *err)
{
	if ((r < 0) != (err->code != 0))
		abort();
	for (const char *text = error_text(err); *text; text++)
		if (!isprint((unsigned char)*text))
			abort();
}

/* The full name is one that means itself. */
static void check_reference(const char *text)
{
	struct image_reference ref = IMAGE_REFERENCE_INIT, again = IMAGE_REFERENCE_INIT;
	struct error err = ERROR_INIT;
	int r = image_reference_parse(text, &ref, &err);

	check_error(r, &err);
	error_done(&err);
	if (r == 0) {
		char *name = image_reference_name(&ref), *familiar = image_reference_familiar(&ref);
		char *same;

		if (strstr(ref.repository, "..") || strchr(name, '\n'))
			abort();
		if (image_reference_parse(familiar, &again, &err) < 0)
			abort();
		same = image_reference_name(&again);
		if (strcmp(name, same) != 0)
			abort();
		free(name);
		free(familiar);
		free(same);
	}
	image_reference_done(&ref);
	image_reference_done(&again);
	error_done(&err);
}

static void check_platform(const char *text)
{
	struct error err = ERROR_INIT;
	struct image_platform platform = { 0 };
	int r = image_platform_parse(text, &platform, &err);

	check_error(r, &err);
	if (r == 0 && !image_platform_match(&platform, &platform))
		abort();
	error_done(&err);
}

static void check_index(const char *text, size_t len)
{
	const struct image_platform platform = { .os = "linux",
						 .architecture = "arm",
						 .variant = "v7" };
	struct image_descriptor chosen = { 0 };
	struct error err = ERROR_INIT;
	int r = image_index_choose(text, len, &platform, &chosen, &err);

	check_error(r, &err);
	if (r == 0 && !image_digest_valid(chosen.digest))
		abort();
	image_descriptor_done(&chosen);
	error_done(&err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct image_manifest manifest = { 0 };
	struct image_config config = { 0 };
	struct error err = ERROR_INIT;
	char *text;

	if (size < 1)
		return 0;
	text = malloc(size);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	switch (data[0] % 5) {
	case 0:
		check_reference(text);
		break;
	case 1:
		check_platform(text);
		break;
	case 2:
		check_index(text, size - 1);
		break;
	case 3:
		check_error(image_manifest_parse(text, size - 1, NULL, &manifest, &err), &err);
		image_manifest_done(&manifest);
		break;
	default:
		check_error(image_config_parse(text, size - 1, &config, &err), &err);
		image_config_done(&config);
	}
	error_done(&err);
	free(text);
	return 0;
}

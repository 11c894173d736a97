/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <string.h>

/* Does the name of an image say a tag or a digest? */
static inline bool reference_says_which(const char *text)
{
	const char *slash = strrchr(text, '/');

	return strchr(text, '@') || strchr(slash ? slash : text, ':');
}

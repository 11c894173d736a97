/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What a registry says when it refuses: {"errors": [{"code": …, "message": …}]}. */
#include "image/registry/http.h"

enum refusal_code {
	REFUSAL_OTHER,
	REFUSAL_UNAUTHORIZED,
	REFUSAL_DENIED,
	REFUSAL_MANIFEST_UNKNOWN,
	REFUSAL_NAME_UNKNOWN,
	REFUSAL_UNSUPPORTED,
	REFUSAL_TOO_MANY_REQUESTS,
};

/* By the code in the body, else by the status. */
enum refusal_code refusal_code(const struct http_response *response);
/* As docker words it: "manifest unknown: manifest unknown", "denied: …"; without such a body
 * "unexpected status 502". On one line, bounded, printable; owned. 0 or -ENOMEM. */
int refusal_text(const struct http_response *response, char **ret);

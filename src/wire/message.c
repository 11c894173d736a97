/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/message.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

/* Linux has none above this (MAX_ERRNO). */
#define ERRNO_MAX 4095

json_t *message_error(const struct error *err)
{
	const char *text = error_text(err);
	json_t *message = json_string(text);

	/* A file name in it need not be UTF-8, which JSON is. */
	if (!message) {
		_cleanup_free_ char *copy = strdup(text);

		for (char *c = copy; c && *c; c++)
			if (*c & 0x80)
				*c = '?';
		message = json_string(copy ? copy : strerror(ENOMEM));
	}
	return json_pack("{s:{s:i, s:o, s:i}}", "error", "code", err->code ? err->code : EIO,
			 "message", message, "status", err->exit_status);
}

json_t *message_result(json_t *result)
{
	return json_pack("{s:o}", "result", result ? result : json_object());
}

char *message_printable(const char *text)
{
	static const char digits[] = "0123456789abcdef";
	size_t len = strnlen(text, MESSAGE_TEXT_MAX), n = 0;
	char *copy = malloc(4 * len + 1);

	for (size_t i = 0; copy && i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c >= 0x20 && c < 0x7f) {
			copy[n++] = (char)c;
			continue;
		}
		copy[n++] = '\\';
		copy[n++] = 'x';
		copy[n++] = digits[c >> 4];
		copy[n++] = digits[c & 15];
	}
	if (copy)
		copy[n] = '\0';
	return copy;
}

static void take_error(json_t *error, struct error *err)
{
	json_int_t code = json_integer_value(json_object_get(error, "code"));
	json_int_t status = json_integer_value(json_object_get(error, "status"));
	const char *message = json_string_value(json_object_get(error, "message"));
	_cleanup_free_ char *text = message && *message ? message_printable(message) : NULL;

	if (code < 1 || code > ERRNO_MAX)
		code = EIO;
	if (text)
		(void)error_set(err, (int)code, "%s", text);
	else
		(void)error_set(err, (int)code, "the utility VM's agent refuses without a reason");
	err->exit_status = status > 0 && status < 256 ? (int)status : 0;
}

json_t *message_parse(const void *body, size_t len, struct error *err)
{
	_cleanup_json_doc_ struct json_doc doc = { 0 };
	json_t *error, *result;
	int r;

	if (!body || !len) {
		(void)error_set(err, EPROTO, "the utility VM's agent gave an empty answer");
		return NULL;
	}
	r = json_doc_parse(body, len, &doc, err);
	if (r < 0) {
		(void)error_wrap(err, r, "the utility VM's agent gave a broken answer");
		return NULL;
	}
	error = json_object_get(doc.root, "error");
	result = json_object_get(doc.root, "result");
	if (json_is_object(error)) {
		take_error(error, err);
		return NULL;
	}
	if (!json_is_object(result)) {
		(void)error_set(
			err, EPROTO,
			"the utility VM's agent gave an answer with neither result nor error");
		return NULL;
	}
	return json_incref(result);
}

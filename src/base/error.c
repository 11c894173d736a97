/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <stdarg.h>
#include <string.h>

static void take_message(struct error *err, int code, char *message)
{
	free(err->message);
	err->message = message;
	err->code = code > 0 ? code : EINVAL;
}

int error_set(struct error *err, int code, const char *fmt, ...)
{
	char *message = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&message, fmt, ap) < 0)
		message = NULL;
	va_end(ap);
	take_message(err, code, message);
	return -err->code;
}

int error_sys(struct error *err, int code, const char *fmt, ...)
{
	_cleanup_free_ char *what = NULL;
	char *message = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&what, fmt, ap) < 0)
		what = NULL;
	va_end(ap);
	if (!what || asprintf(&message, "%s: %s", what, strerror(code)) < 0)
		message = NULL;
	take_message(err, code, message);
	return -err->code;
}

int error_wrap(struct error *err, int r, const char *fmt, ...)
{
	_cleanup_free_ char *what = NULL;
	char *message = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&what, fmt, ap) < 0)
		what = NULL;
	va_end(ap);
	/* Without memory for the context the cause alone is still worth having. */
	if (what && asprintf(&message, "%s: %s", what, error_text(err)) >= 0) {
		free(err->message);
		err->message = message;
	}
	if (!err->code)
		err->code = r < 0 ? -r : EINVAL;
	return r;
}

int error_oom(struct error *err)
{
	take_message(err, ENOMEM, NULL);
	return -ENOMEM;
}

const char *error_text(const struct error *err)
{
	if (err->message)
		return err->message;
	return err->code ? strerror(err->code) : "no error";
}

void error_move(struct error *to, struct error *from)
{
	*to = *from;
	*from = ERROR_INIT;
}

void error_done(struct error *err)
{
	free(err->message);
	*err = ERROR_INIT;
}

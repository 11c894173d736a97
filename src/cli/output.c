/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "base/fd.h"

void output_done(struct output *out)
{
	free(out->data);
	*out = OUTPUT_INIT;
}

static bool reserve(struct output *out, size_t more)
{
	size_t size = out->size ? out->size : 4096;
	char *data;

	if (out->failed)
		return false;
	if (more <= out->size - out->len)
		return true;
	while (size - out->len < more) {
		if (size > SIZE_MAX / 2) {
			out->failed = true;
			return false;
		}
		size *= 2;
	}
	data = realloc(out->data, size);
	if (!data) {
		out->failed = true;
		return false;
	}
	out->data = data;
	out->size = size;
	return true;
}

void output_bytes(struct output *out, const char *data, size_t len)
{
	if (!len || !reserve(out, len))
		return;
	memcpy(out->data + out->len, data, len);
	out->len += len;
}

void output_text(struct output *out, const char *text)
{
	output_bytes(out, text, strlen(text));
}

void output_printable(struct output *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		/* C1 controls: U+0080 to U+009F. */
		if (c == 0xc2 && i + 1 < len && ((unsigned char)text[i + 1] & 0xe0) == 0x80) {
			output_text(out, "?");
			i++;
		} else {
			output_bytes(out, c < 0x20 || c == 0x7f ? "?" : text + i, 1);
		}
	}
}

void output_format(struct output *out, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	/* Room for the NUL that vsnprintf adds. */
	if (n < 0 || !reserve(out, (size_t)n + 1)) {
		out->failed = true;
		return;
	}
	va_start(ap, fmt);
	(void)vsnprintf(out->data + out->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	out->len += (size_t)n;
}

void output_pad(struct output *out, size_t n)
{
	if (!n || !reserve(out, n))
		return;
	memset(out->data + out->len, ' ', n);
	out->len += n;
}

int output_flush(struct output *out, struct error *err)
{
	int r;

	if (out->failed)
		return error_oom(err);
	r = fd_write_all(STDOUT_FILENO, out->data, out->len);
	out->len = 0;
	if (r < 0)
		return error_sys(err, -r, "cannot write to the standard output");
	return 0;
}

/* Length of the UTF-8 sequence at p, 0 when it is none (RFC 3629: no surrogates, nothing overlong).
 */
static size_t utf8_length(const unsigned char *p)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	uint32_t c;

	if (len < 2)
		return len;
	if (p[0] > 0xf4)
		return 0;
	c = p[0] & (0xffU >> (len + 1));
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	return len;
}

static void quoted(struct output *out, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	output_text(out, "\"");
	while (*p) {
		size_t len = utf8_length(p);

		if (len == 0) {
			output_text(out, "\\ufffd");
			len = 1;
		} else if (*p == '"' || *p == '\\') {
			output_format(out, "\\%c", *p);
		} else if (*p == '\n') {
			output_text(out, "\\n");
		} else if (*p == '\t') {
			output_text(out, "\\t");
		} else if (*p < 0x20 || *p == 0x7f) {
			output_format(out, "\\u%04x", (unsigned)*p);
		} else {
			output_bytes(out, (const char *)p, len);
		}
		p += len;
	}
	output_text(out, "\"");
}

static void begin_value(struct output *out, const char *key)
{
	/* The byte before tells: strings end with a quote, so a bracket is structure. */
	char before = out->len ? out->data[out->len - 1] : '\n';

	if (!strchr("{[\n", before))
		output_text(out, ",");
	if (key) {
		quoted(out, key);
		output_text(out, ":");
	}
}

void put_open(struct output *out, const char *key, char bracket)
{
	begin_value(out, key);
	output_bytes(out, &bracket, 1);
}

void put_close(struct output *out, char bracket)
{
	output_bytes(out, &bracket, 1);
}

void put_string(struct output *out, const char *key, const char *value)
{
	begin_value(out, key);
	quoted(out, value);
}

void put_unsigned(struct output *out, const char *key, uint64_t value)
{
	begin_value(out, key);
	output_format(out, "%" PRIu64, value);
}

void put_signed(struct output *out, const char *key, int64_t value)
{
	begin_value(out, key);
	output_format(out, "%" PRId64, value);
}

void put_number(struct output *out, const char *key, double value)
{
	begin_value(out, key);
	output_format(out, "%.15g", isfinite(value) ? value : 0.0);
}

void put_null(struct output *out, const char *key)
{
	begin_value(out, key);
	output_text(out, "null");
}

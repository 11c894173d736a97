/* SPDX-License-Identifier: Apache-2.0 */
/* The template function printf: Go's verbs for the kinds of values that JSON has. */
#include <string.h>

#include "base/json.h"
#include "cli/format_tree.h"

#define WIDTH_MAX 10000

struct verb {
	bool left, zero, plus;
	int width, precision; /* -1: none */
	char letter;
};

/* Behind the "%". NULL: not understood. */
static const char *parse_verb(const char *at, struct verb *ret)
{
	int *number = &ret->width;

	*ret = (struct verb){ .width = -1, .precision = -1 };
	for (; *at && strchr("-0+", *at); at++) {
		ret->left |= *at == '-';
		ret->zero |= *at == '0';
		ret->plus |= *at == '+';
	}
	for (; *at; at++) {
		if (*at == '.' && number == &ret->width) {
			number = &ret->precision;
			*number = 0;
		} else if (*at >= '0' && *at <= '9') {
			*number = (*number < 0 ? 0 : *number) * 10 + (*at - '0');
			if (*number > WIDTH_MAX)
				return NULL;
		} else {
			break;
		}
	}
	ret->letter = *at;
	return *at ? at + 1 : NULL;
}

static void put_padded(struct output *out, const struct verb *verb, const char *text, size_t len)
{
	const size_t width = verb->width > 0 ? (size_t)verb->width : 0;
	size_t shown = 0;

	for (size_t i = 0; i < len; i++)
		shown += ((unsigned char)text[i] & 0xc0) != 0x80;
	if (!verb->left && shown < width)
		output_pad(out, width - shown);
	output_bytes(out, text, len);
	if (verb->left && shown < width)
		output_pad(out, width - shown);
}

/* %s %v %q of any value. */
static void put_text(struct output *out, const struct verb *verb, const json_t *value)
{
	_cleanup_output_ struct output text = OUTPUT_INIT;
	size_t len;

	if (verb->letter == 'q') {
		char *quoted = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

		output_text(&text, quoted ? quoted : "");
		text.failed |= !quoted;
		free(quoted);
	} else {
		format_print_value(&text, value);
	}
	len = text.len;
	if (verb->precision >= 0 && verb->letter == 's' && (size_t)verb->precision < len)
		len = (size_t)verb->precision;
	put_padded(out, verb, text.data ? text.data : "", len);
	out->failed |= text.failed;
}

static bool put_integer(struct output *out, const struct verb *verb, const json_t *value)
{
	const char *format = verb->letter == 'd'   ? "lld"
			     : verb->letter == 'x' ? "llx"
			     : verb->letter == 'X' ? "llX"
						   : "llo";
	char full[32], digits[32];
	int n;

	if (!json_is_integer(value))
		return false;
	(void)snprintf(full, sizeof(full), "%%%s%s", verb->plus ? "+" : "", format);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	n = snprintf(digits, sizeof(digits), full, (long long)json_integer_value(value));
#pragma GCC diagnostic pop
	if (verb->zero && !verb->left && verb->width > n) {
		const size_t sign = digits[0] == '-' || digits[0] == '+';

		output_bytes(out, digits, sign);
		for (int i = n; i < verb->width; i++)
			output_text(out, "0");
		output_text(out, digits + sign);
	} else {
		put_padded(out, verb, digits, (size_t)n);
	}
	return true;
}

static bool put_real(struct output *out, const struct verb *verb, const json_t *value)
{
	const int precision = verb->precision < 0     ? 6
			      : verb->precision > 100 ? 100
						      : verb->precision;
	const double number = json_number_value(value);
	char text[512];
	int n;

	if (!json_is_number(value))
		return false;
	if (verb->letter == 'f')
		n = snprintf(text, sizeof(text), "%.*f", precision, number);
	else if (verb->letter == 'e')
		n = snprintf(text, sizeof(text), "%.*e", precision, number);
	else
		n = snprintf(text, sizeof(text), "%.*g", precision, number);
	put_padded(out, verb, text, n < (int)sizeof(text) ? (size_t)n : sizeof(text) - 1);
	return true;
}

static int put_verb(struct format_run *run, struct output *out, const struct verb *verb,
		    const json_t *value)
{
	bool fits = true;

	if (strchr("svq", verb->letter))
		put_text(out, verb, value);
	else if (strchr("dxXo", verb->letter))
		fits = put_integer(out, verb, value);
	else if (strchr("feg", verb->letter))
		fits = put_real(out, verb, value);
	else if (verb->letter == 't' && json_is_boolean(value))
		put_text(out, verb, value);
	else
		fits = false;
	return fits ? 0
		    : error_set(run->err, EINVAL, "printf: %%%c does not fit its value",
				verb->letter);
}

int format_printf(struct format_run *run, json_t *const *args, size_t len, struct output *out)
{
	const char *at = json_string_value(args[0]);
	size_t next = 1;
	int r = 0;

	if (!at)
		return error_set(run->err, EINVAL, "printf: the first argument must be a string");
	while (*at && r == 0) {
		const size_t plain = strcspn(at, "%");
		struct verb verb;

		output_bytes(out, at, plain);
		at += plain;
		if (!*at)
			break;
		at = parse_verb(at + 1, &verb);
		if (!at || (strchr("svqdxXofegt%", verb.letter) == NULL))
			return error_set(run->err, EINVAL,
					 "printf: a verb is not known (%%s %%v %%q %%d %%x %%o %%f "
					 "%%e %%g %%t are)");
		if (verb.letter == '%') {
			output_text(out, "%");
			continue;
		}
		if (next == len)
			return error_set(run->err, EINVAL, "printf: an argument is missing");
		r = put_verb(run, out, &verb, args[next++]);
	}
	if (r == 0 && next < len)
		return error_set(run->err, EINVAL, "printf: an argument too many");
	return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/number.h"

#include <inttypes.h>
#include <string.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Reads digits at *text, moves on. */
static int take_digits(const char **text, uint64_t *ret)
{
	const char *p = *text;
	uint64_t value = 0;

	if (!is_digit(*p))
		return -EINVAL;
	for (; is_digit(*p); p++)
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
			return -ERANGE;
	*text = p;
	*ret = value;
	return 0;
}

/* Reads ".digits" at *text, if it is there, as parts of a unit: what 0.digits of it is, rounded
 * down. */
static int take_fraction(const char **text, uint64_t *ret_numerator, uint64_t *ret_denominator)
{
	const char *p = *text;

	*ret_numerator = 0;
	*ret_denominator = 1;
	if (*p != '.')
		return 0;
	if (!is_digit(*++p))
		return -EINVAL;
	for (; is_digit(*p); p++) {
		/* Beyond nine places nothing is left that matters. */
		if (*ret_denominator >= 1000000000)
			continue;
		*ret_numerator = *ret_numerator * 10 + (uint64_t)(*p - '0');
		*ret_denominator *= 10;
	}
	*text = p;
	return 0;
}

/* whole.fraction × unit */
static int scale(uint64_t whole, uint64_t numerator, uint64_t denominator, uint64_t unit,
		 uint64_t *ret)
{
	unsigned __int128 value =
		(unsigned __int128)whole * unit + (unsigned __int128)numerator * unit / denominator;

	if (value > INT64_MAX)
		return -ERANGE;
	*ret = (uint64_t)value;
	return 0;
}

int number_unsigned(const char *text, uint64_t max, uint64_t *ret)
{
	uint64_t value;
	int r = take_digits(&text, &value);

	if (r < 0)
		return r;
	if (*text)
		return -EINVAL;
	if (value > max)
		return -ERANGE;
	*ret = value;
	return 0;
}

int number_signed(const char *text, int64_t *ret)
{
	const bool negative = *text == '-';
	uint64_t value;
	int r;

	r = number_unsigned(text + negative, (uint64_t)INT64_MAX + negative, &value);
	if (r < 0)
		return r;
	*ret = negative ? (int64_t)(0 - value) : (int64_t)value;
	return 0;
}

int number_size(const char *text, int64_t *ret)
{
	static const char suffixes[] = "kmgtp";
	uint64_t whole, numerator, denominator, unit = 1, value;
	const char *suffix;
	int r;

	if (!strcmp(text, "-1")) {
		*ret = -1;
		return 0;
	}
	r = take_digits(&text, &whole);
	if (r < 0)
		return r;
	r = take_fraction(&text, &numerator, &denominator);
	if (r < 0)
		return r;
	if (*text == ' ')
		text++;
	suffix = *text ? strchr(suffixes, *text | 0x20) : NULL;
	if (suffix) {
		unit = (uint64_t)1 << (10 * (suffix - suffixes + 1));
		text++;
	}
	if (suffix && (*text | 0x20) == 'i')
		text++;
	if ((*text | 0x20) == 'b')
		text++;
	if (*text)
		return -EINVAL;
	r = scale(whole, numerator, denominator, unit, &value);
	if (r < 0)
		return r;
	*ret = (int64_t)value;
	return 0;
}

/* Longest first, so that "ms" is not read as "m". */
static const struct {
	const char *name;
	uint64_t ns;
} duration_units[] = {
	{ "ns", 1 },
	{ "us", 1000 },
	{ "\xc2\xb5s", 1000 }, /* µ, micro sign */
	{ "\xce\xbcs", 1000 }, /* μ, Greek letter */
	{ "ms", 1000000 },
	{ "s", 1000000000 },
	{ "m", 60ULL * 1000000000 },
	{ "h", 3600ULL * 1000000000 },
};

static uint64_t take_unit(const char **text)
{
	for (size_t i = 0; i < ARRAY_SIZE(duration_units); i++) {
		size_t len = strlen(duration_units[i].name);

		if (!strncmp(*text, duration_units[i].name, len)) {
			*text += len;
			return duration_units[i].ns;
		}
	}
	return 0;
}

int number_duration(const char *text, int64_t *ret)
{
	uint64_t total = 0;

	if (!strcmp(text, "0")) {
		*ret = 0;
		return 0;
	}
	if (!*text)
		return -EINVAL;
	while (*text) {
		uint64_t whole, numerator, denominator, unit, value;
		int r = take_digits(&text, &whole);

		if (r < 0)
			return r;
		r = take_fraction(&text, &numerator, &denominator);
		if (r < 0)
			return r;
		unit = take_unit(&text);
		if (!unit)
			return -EINVAL;
		r = scale(whole, numerator, denominator, unit, &value);
		if (r < 0)
			return r;
		total += value;
		if (total > INT64_MAX)
			return -ERANGE;
	}
	*ret = (int64_t)total;
	return 0;
}

int number_user(const char *text, uint32_t *ret_uid, bool *ret_has_gid, uint32_t *ret_gid)
{
	uint64_t uid, gid = 0;
	bool has_gid = false;
	int r;

	r = take_digits(&text, &uid);
	if (r < 0)
		return r;
	if (*text == ':') {
		text++;
		has_gid = true;
		r = take_digits(&text, &gid);
		if (r < 0)
			return r;
	}
	if (*text)
		return -EINVAL;
	if (uid >= UINT32_MAX || gid >= UINT32_MAX)
		return -ERANGE;
	*ret_uid = (uint32_t)uid;
	*ret_has_gid = has_gid;
	*ret_gid = (uint32_t)gid;
	return 0;
}

int option_unsigned(const char *option, const char *text, uint64_t min, uint64_t max, uint64_t *ret,
		    struct error *err)
{
	uint64_t value;

	if (number_unsigned(text, max, &value) < 0 || value < min)
		return error_set(err, EINVAL,
				 "%s: expected a number from %" PRIu64 " to %" PRIu64
				 ", got \"%s\"",
				 option, min, max, text);
	*ret = value;
	return 0;
}

int option_signed(const char *option, const char *text, int64_t min, int64_t max, int64_t *ret,
		  struct error *err)
{
	int64_t value;

	if (number_signed(text, &value) < 0 || value < min || value > max)
		return error_set(err, EINVAL,
				 "%s: expected a number from %" PRId64 " to %" PRId64
				 ", got \"%s\"",
				 option, min, max, text);
	*ret = value;
	return 0;
}

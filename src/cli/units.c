/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/units.h"

#include <stdio.h>

#include "base/cleanup.h"

static char *scaled(uint64_t bytes, double base, int digits, const char *const *units, size_t len,
		    char buf[UNITS_SIZE])
{
	double value = (double)bytes;
	size_t i = 0;

	while (value >= base && i + 1 < len) {
		value /= base;
		i++;
	}
	(void)snprintf(buf, UNITS_SIZE, "%.*g%s", digits, value, units[i]);
	return buf;
}

static const char *const decimal_units[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };

char *units_decimal(uint64_t bytes, char buf[UNITS_SIZE])
{
	return scaled(bytes, 1000, 4, decimal_units, ARRAY_SIZE(decimal_units), buf);
}

char *units_decimal_short(uint64_t bytes, char buf[UNITS_SIZE])
{
	return scaled(bytes, 1000, 3, decimal_units, ARRAY_SIZE(decimal_units), buf);
}

char *units_binary(uint64_t bytes, char buf[UNITS_SIZE])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };

	return scaled(bytes, 1024, 4, units, ARRAY_SIZE(units), buf);
}

char *units_duration(int64_t seconds, char buf[UNITS_SIZE])
{
	const int64_t minute = 60, hour = 60 * minute, day = 24 * hour, week = 7 * day,
		      month = 30 * day, year = 365 * day;
	/* How far each unit goes, and what is said instead of "1 unit". */
	const struct {
		int64_t below, unit;
		const char *name, *one;
	} rows[] = {
		{ minute, 1, "seconds", "1 second" },
		{ hour, minute, "minutes", "About a minute" },
		{ 2 * day, hour, "hours", "About an hour" },
		{ 2 * week, day, "days", NULL },
		{ 2 * month, week, "weeks", NULL },
		{ 2 * year, month, "months", NULL },
		{ INT64_MAX, year, "years", NULL },
	};
	size_t i = 0;

	if (seconds < 1) {
		(void)snprintf(buf, UNITS_SIZE, "Less than a second");
		return buf;
	}
	while (i + 1 < ARRAY_SIZE(rows) && seconds >= rows[i].below)
		i++;
	if (rows[i].one && seconds / rows[i].unit == 1)
		(void)snprintf(buf, UNITS_SIZE, "%s", rows[i].one);
	else
		(void)snprintf(buf, UNITS_SIZE, "%lld %s", (long long)(seconds / rows[i].unit),
			       rows[i].name);
	return buf;
}

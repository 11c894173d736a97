/* SPDX-License-Identifier: Apache-2.0 */
#include "base/timestamp.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#define NS_PER_S 1000000000
#define DAY_S 86400

int64_t timestamp_now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

char *timestamp_now(char buf[TIMESTAMP_SIZE])
{
	return timestamp_text(timestamp_now_ns(), buf);
}

char *timestamp_text(int64_t ns, char buf[TIMESTAMP_SIZE])
{
	int64_t s = ns / NS_PER_S - (ns % NS_PER_S < 0), days = s / DAY_S - (s % DAY_S < 0);
	int64_t era, day_of_era, year_of_era, day_of_year, month;
	unsigned seconds = (unsigned)(s - days * DAY_S);

	/* Years begin in March here, so that the leap day is the last of its year. */
	days += 719468;
	era = days / 146097;
	day_of_era = days % 146097;
	year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	month = (5 * day_of_year + 2) / 153;
	(void)snprintf(buf, TIMESTAMP_SIZE, "%04d-%02d-%02dT%02u:%02u:%02u.%09dZ",
		       (int)(year_of_era + era * 400 + (month >= 10)),
		       (int)(month < 10 ? month + 3 : month - 9),
		       (int)(day_of_year - (153 * month + 2) / 5 + 1), seconds / 3600,
		       seconds / 60 % 60, seconds % 60, (int)(ns - s * NS_PER_S));
	return buf;
}

struct scan {
	const char *at, *end;
	bool bad;
};

static int number(struct scan *scan, int digits, int min, int max)
{
	int value = 0;

	for (; digits > 0; digits--, scan->at++) {
		if (scan->at == scan->end || *scan->at < '0' || *scan->at > '9') {
			scan->bad = true;
			return min;
		}
		value = value * 10 + (*scan->at - '0');
	}
	if (value < min || value > max)
		scan->bad = true;
	return value;
}

static char one_of(struct scan *scan, const char *allowed)
{
	for (; scan->at < scan->end && *allowed; allowed++)
		if (*scan->at == *allowed)
			return *scan->at++;
	scan->bad = true;
	return '\0';
}

/* Digits beyond the ninth count for nothing. */
static int64_t fraction(struct scan *scan)
{
	int64_t value = 0, unit = NS_PER_S / 10;
	const char *first;

	if (scan->at == scan->end || *scan->at != '.')
		return 0;
	for (first = ++scan->at; scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9';
	     scan->at++, unit /= 10)
		value += (*scan->at - '0') * unit;
	if (scan->at == first)
		scan->bad = true;
	return value;
}

static int64_t days_of(int year, int month, int day)
{
	int64_t y = year - (month <= 2), era = y / 400, year_of_era = y - era * 400;
	int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
	       day_of_year - 719468;
}

int timestamp_parse(const char *text, size_t len, int64_t *ret_ns)
{
	struct scan scan = { .at = text, .end = text + len };
	int year, month, day, hour, minute, second, offset = 0;
	int64_t ns;
	char zone;

	/* int64 nanoseconds reach from 1678 to 2262. */
	year = number(&scan, 4, 1700, 2260);
	(void)one_of(&scan, "-");
	month = number(&scan, 2, 1, 12);
	(void)one_of(&scan, "-");
	day = number(&scan, 2, 1, 31);
	(void)one_of(&scan, "Tt ");
	hour = number(&scan, 2, 0, 23);
	(void)one_of(&scan, ":");
	minute = number(&scan, 2, 0, 59);
	(void)one_of(&scan, ":");
	second = number(&scan, 2, 0, 60);
	ns = fraction(&scan);
	zone = one_of(&scan, "Zz+-");
	if (zone == '+' || zone == '-') {
		offset = number(&scan, 2, 0, 23) * 3600;
		(void)one_of(&scan, ":");
		offset += number(&scan, 2, 0, 59) * 60;
		if (zone == '-')
			offset = -offset;
	}
	if (scan.bad || scan.at != scan.end)
		return -EINVAL;
	*ret_ns =
		(days_of(year, month, day) * DAY_S + hour * 3600 + minute * 60 + second - offset) *
			NS_PER_S +
		ns;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <time.h>

#include "cli/number.h"
#include "hcs/hcs.h"

#define NANO ((int64_t)1000000000)

struct values {
	bool details, follow, timestamps;
	const char *since, *until, *tail;
};

static const struct flag flags[] = {
	FLAG(BOOL, "details", 0, struct values, details, NULL, "show attributes of the log"),
	FLAG(BOOL, "follow", 'f', struct values, follow, NULL, "go on as the container writes"),
	FLAG(STRING, "since", 0, struct values, since, "TIME",
	     "only from a time on: 2026-11-27T10:00:00Z, seconds of the epoch, or 10m ago"),
	FLAG(STRING, "tail", 'n', struct values, tail, "N", "only the last N lines (default all)"),
	FLAG(BOOL, "timestamps", 't', struct values, timestamps, NULL,
	     "show the time of each line"),
	FLAG(STRING, "until", 0, struct values, until, "TIME", "only up to a time"),
	FLAGS_END,
};

/* "123.5" → nanoseconds */
static int take_epoch(const char *text, int64_t *ret)
{
	const size_t whole = strspn(text, "0123456789");
	const char *fraction = text[whole] == '.' ? text + whole + 1 : "";
	char seconds[16] = "";
	int64_t value, unit = NANO / 10;

	if (whole == 0 || whole > 10 || (text[whole] && text[whole] != '.') ||
	    strlen(fraction) > 9 || fraction[strspn(fraction, "0123456789")])
		return -EINVAL;
	memcpy(seconds, text, whole);
	if (number_signed(seconds, &value) < 0)
		return -EINVAL;
	if (value > INT64_MAX / NANO - 1)
		return -ERANGE;
	value *= NANO;
	for (; *fraction; fraction++, unit /= 10)
		value += (*fraction - '0') * unit;
	*ret = value;
	return 0;
}

/* "2026-11-27", "2026-11-27T10:00", "…:30.5", with "Z" or "+01:00", or in local time */
static int take_date(const char *text, int64_t *ret)
{
	static const char *const formats[] = { "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d" };
	struct tm tm = { .tm_isdst = -1 };
	int64_t nano = 0, unit = NANO / 10, offset = 0;
	const char *rest = NULL;
	unsigned hours, minutes;

	for (size_t i = 0; !rest && i < ARRAY_SIZE(formats); i++) {
		tm = (struct tm){ .tm_isdst = -1 };
		rest = strptime(text, formats[i], &tm);
	}
	if (!rest)
		return -EINVAL;
	if (*rest == '.')
		for (rest++; *rest >= '0' && *rest <= '9'; rest++, unit /= 10)
			nano += (*rest - '0') * unit;
	if (!*rest) {
		*ret = (int64_t)mktime(&tm) * NANO + nano;
		return 0;
	}
	if (strcmp(rest, "Z") != 0) {
		if (strlen(rest) != 6 || !strchr("+-", rest[0]) ||
		    sscanf(rest + 1, "%2u:%2u", &hours, &minutes) != 2 || hours > 23 ||
		    minutes > 59)
			return -EINVAL;
		offset = (int64_t)(hours * 3600 + minutes * 60) * (rest[0] == '-' ? -1 : 1);
	}
	*ret = ((int64_t)timegm(&tm) - offset) * NANO + nano;
	return 0;
}

static int take_time(const char *flag, const char *text, int64_t *ret, struct error *err)
{
	struct timespec now;
	int64_t ago;

	if (!text || !*text)
		return 0;
	if (take_epoch(text, ret) == 0 || take_date(text, ret) == 0)
		return 0;
	if (number_duration(text, &ago) == 0) {
		(void)clock_gettime(CLOCK_REALTIME, &now);
		*ret = (int64_t)now.tv_sec * NANO + now.tv_nsec - ago;
		return 0;
	}
	return error_set(
		err, EINVAL,
		"invalid value for \"%s\": \"%s\" is neither a time, seconds of the epoch nor "
		"a duration such as 10m",
		flag, text);
}

static int take_tail(const char *text, int64_t *ret, struct error *err)
{
	*ret = -1;
	if (!text || strcmp(text, "all") == 0)
		return 0;
	if (number_signed(text, ret) < 0)
		return error_set(err, EINVAL, "invalid tail: \"%s\": a number or all", text);
	if (*ret < 0)
		*ret = -1;
	return 0;
}

static int logs(const struct cli *cli, const struct values *values, const char *name,
		struct error *err)
{
	_cleanup_service_ struct service service = { 0 };
	struct service_logs how = {
		.follow = values->follow,
		.stdout_ = true,
		.stderr_ = true,
		.timestamps = values->timestamps,
		.details = values->details,
	};
	int r = take_tail(values->tail, &how.tail, err);

	if (r == 0)
		r = take_time("since", values->since, &how.since_ns, err);
	if (r == 0)
		r = take_time("until", values->until, &how.until_ns, err);
	if (r == 0)
		r = hcs_open(cli, &service, err);
	return r < 0 ? r : service_logs(&service, name, &how, err);
}

static int run(const struct cli *cli, int argc, char **argv, int *ret_status, struct error *err)
{
	struct values values = { 0 };
	struct flag_args args;
	int r = flags_parse(&command_logs, argc, argv, &values, &args, err);

	(void)ret_status;
	return r ? r : logs(cli, &values, args.items[0], err);
}

const struct cli_command command_logs = {
	.name = "logs",
	.summary = "show what a container wrote",
	.usage = "[OPTIONS] CONTAINER",
	.examples = "  hcs logs -f --tail 20 web\n  hcs logs --since 10m web\n",
	.flags = flags,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};

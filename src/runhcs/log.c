/* SPDX-License-Identifier: Apache-2.0 */
#include "runhcs/log.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "base/fd.h"
#include "cli/output.h"

static const char *const level_names[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARNING] = "warning",
	[LOG_LEVEL_DEBUG] = "debug",
};

static int parse_level(const char *name, enum log_level *ret, struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(level_names); i++)
		if (!strcmp(name, level_names[i])) {
			*ret = (enum log_level)i;
			return 0;
		}
	return error_set(err, EINVAL, "--log-level is error, warning or debug, not \"%s\"", name);
}

int log_open(struct log *log, const char *path, const char *format, const char *level,
	     struct error *err)
{
	if (format && strcmp(format, "text") != 0 && strcmp(format, "json") != 0)
		return error_set(err, EINVAL, "--log-format is text or json, not \"%s\"", format);
	log->json = format && !strcmp(format, "json");
	if (level) {
		int r = parse_level(level, &log->level, err);

		if (r < 0)
			return r;
	}
	/* Opening /dev/stderr fails where stderr is a socket, and would print each error twice. */
	if (!path || !strcmp(path, "/dev/stderr"))
		return 0;
	if (!strncmp(path, "file:", 5))
		path += 5;
	else if (!strncmp(path, "syslog:", 7) || !strncmp(path, "journald:", 9))
		return error_set(err, ENOTSUP, "--log %s: only files can be logged to", path);
	log->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);
	if (log->fd < 0)
		return error_sys(err, errno, "cannot open the log %s", path);
	return 0;
}

void log_done(struct log *log)
{
	log->fd = close_fd(log->fd);
}

static void format_time(char *buf, size_t size)
{
	time_t now = time(NULL);
	struct tm tm;

	if (!gmtime_r(&now, &tm) || !strftime(buf, size, "%Y-%m-%dT%H:%M:%SZ", &tm))
		buf[0] = '\0';
}

static void format_line(const struct log *log, struct output *line, enum log_level level,
			const char *message)
{
	char when[32];

	format_time(when, sizeof(when));
	if (log->json) {
		put_open(line, NULL, '{');
		put_string(line, "level", level_names[level]);
		put_string(line, "msg", message);
		put_string(line, "time", when);
		put_close(line, '}');
	} else {
		struct output quoted = OUTPUT_INIT;

		/* JSON's quoting is what logfmt readers expect too. */
		put_string(&quoted, NULL, message);
		output_format(line, "time=\"%s\" level=%s msg=", when, level_names[level]);
		output_bytes(line, quoted.data, quoted.len);
		output_done(&quoted);
	}
	output_text(line, "\n");
}

/* One write, so that lines of several processes do not mix. A log that cannot be written must not
 * change what the command does. */
static void write_line(const struct log *log, int fd, enum log_level level, const char *message)
{
	_cleanup_output_ struct output line = OUTPUT_INIT;

	format_line(log, &line, level, message);
	if (!line.failed)
		(void)fd_write_all(fd, line.data, line.len);
}

void log_message(const struct log *log, enum log_level level, const char *message)
{
	if (level > log->level)
		return;
	write_line(log, log->fd >= 0 ? log->fd : STDERR_FILENO, level, message);
}

void log_failure(const struct log *log, const char *message)
{
	_cleanup_output_ struct output line = OUTPUT_INIT;

	if (log->fd >= 0)
		write_line(log, log->fd, LOG_LEVEL_ERROR, message);
	if (log->fd < 0 && log->json) {
		/* Who asks for JSON and names no file reads it from stderr. */
		write_line(log, STDERR_FILENO, LOG_LEVEL_ERROR, message);
		return;
	}
	output_format(&line, "runhcs: %s", message);
	for (size_t i = 0; i < line.len; i++) /* one line, whatever a config put in it */
		if (line.data[i] == '\n' || line.data[i] == '\r')
			line.data[i] = ' ';
	output_text(&line, "\n");
	if (!line.failed)
		(void)fd_write_all(STDERR_FILENO, line.data, line.len);
}

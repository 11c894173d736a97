/* SPDX-License-Identifier: Apache-2.0 */
#include "base/signal_name.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static const struct {
	const char *name;
	int number;
} names[] = {
	{ "HUP", SIGHUP },       { "INT", SIGINT },       { "QUIT", SIGQUIT },
	{ "ILL", SIGILL },       { "TRAP", SIGTRAP },     { "ABRT", SIGABRT },
	{ "IOT", SIGIOT },       { "BUS", SIGBUS },       { "FPE", SIGFPE },
	{ "KILL", SIGKILL },     { "USR1", SIGUSR1 },     { "SEGV", SIGSEGV },
	{ "USR2", SIGUSR2 },     { "PIPE", SIGPIPE },     { "ALRM", SIGALRM },
	{ "TERM", SIGTERM },     { "STKFLT", SIGSTKFLT }, { "CHLD", SIGCHLD },
	{ "CLD", SIGCHLD },      { "CONT", SIGCONT },     { "STOP", SIGSTOP },
	{ "TSTP", SIGTSTP },     { "TTIN", SIGTTIN },     { "TTOU", SIGTTOU },
	{ "URG", SIGURG },       { "XCPU", SIGXCPU },     { "XFSZ", SIGXFSZ },
	{ "VTALRM", SIGVTALRM }, { "PROF", SIGPROF },     { "WINCH", SIGWINCH },
	{ "IO", SIGIO },         { "POLL", SIGPOLL },     { "PWR", SIGPWR },
	{ "SYS", SIGSYS },
};

/* Decimal digits only, at most SIGRTMAX. */
static int parse_number(const char *text)
{
	char *end;
	long n;

	if (*text < '0' || *text > '9' || strlen(text) > 3)
		return -EINVAL;
	n = strtol(text, &end, 10);
	return *end || n > SIGRTMAX ? -EINVAL : (int)n;
}

int signal_from_name(const char *name)
{
	int n = parse_number(name);

	if (n >= 0)
		return n;
	if (strncasecmp(name, "SIG", 3) == 0)
		name += 3;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcasecmp(name, names[i].name) == 0)
			return names[i].number;
	if (strncasecmp(name, "RTMIN", 5) == 0) {
		n = name[5] == '+' ? parse_number(name + 6) : name[5] ? -EINVAL : 0;
		return n < 0 || SIGRTMIN + n > SIGRTMAX ? -EINVAL : SIGRTMIN + n;
	}
	if (strncasecmp(name, "RTMAX", 5) == 0) {
		n = name[5] == '-' ? parse_number(name + 6) : name[5] ? -EINVAL : 0;
		return n < 0 || SIGRTMAX - n < SIGRTMIN ? -EINVAL : SIGRTMAX - n;
	}
	return -EINVAL;
}

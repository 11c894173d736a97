/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <string.h>
#include <termios.h>

#include "base/fd.h"
#include "cli/output.h"
#include "hcsimage/commands.h"
#include "hcsimage/registries.h"

#define PASSWORD_MAX ((size_t)64 * 1024)

struct login_flags {
	const char *user, *password;
	bool password_stdin;
};

static const struct flag flags[] = {
	FLAG(STRING, "password", 'p', struct login_flags, password, "PASSWORD", "the password"),
	FLAG(BOOL, "password-stdin", 0, struct login_flags, password_stdin, NULL,
	     "read the password from the standard input"),
	FLAG(STRING, "username", 'u', struct login_flags, user, "NAME", "the user's name"),
	FLAGS_END,
};

static void wipe(char **secret)
{
	if (*secret)
		explicit_bzero(*secret, strlen(*secret));
	free(TAKE_PTR(*secret));
}

static int read_password_stdin(char **ret, struct error *err)
{
	size_t len;
	int r = fd_read_all(STDIN_FILENO, PASSWORD_MAX, ret, &len);

	if (r < 0)
		return error_sys(err, -r, "read the password from the standard input");
	while (len > 0 && ((*ret)[len - 1] == '\n' || (*ret)[len - 1] == '\r'))
		(*ret)[--len] = '\0';
	return 0;
}

static void on_interrupt(int signal)
{
	(void)signal; /* it ends the read, after which the terminal is put back */
}

static int read_line(char **ret, struct error *err)
{
	size_t size = 0;
	ssize_t n = getline(ret, &size, stdin);

	if (n < 0)
		return error_set(err, ECANCELED, "the login was broken off");
	while (n > 0 && ((*ret)[n - 1] == '\n' || (*ret)[n - 1] == '\r'))
		(*ret)[--n] = '\0';
	return 0;
}

static int ask(const char *prompt, bool secret, char **ret, struct error *err)
{
	const struct sigaction interrupt = { .sa_handler = on_interrupt };
	struct sigaction before;
	struct termios was, silent;
	int r;

	(void)fd_write_all(STDOUT_FILENO, prompt, strlen(prompt));
	if (!secret)
		return read_line(ret, err);
	if (tcgetattr(STDIN_FILENO, &was) < 0)
		return error_sys(err, errno, "the terminal");
	(void)sigaction(SIGINT, &interrupt, &before);
	silent = was;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
	r = read_line(ret, err);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &was);
	(void)sigaction(SIGINT, &before, NULL);
	(void)fd_write_all(STDOUT_FILENO, "\n", 1);
	return r;
}

static int find_password(const struct login_flags *given, char **ret, struct error *err)
{
	static const char insecure[] =
		"WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n";

	if (given->password_stdin)
		return read_password_stdin(ret, err);
	if (given->password) {
		(void)fd_write_all(STDERR_FILENO, insecure, strlen(insecure));
		*ret = strdup(given->password);
		return *ret ? 0 : error_oom(err);
	}
	return ask("Password: ", true, ret, err);
}

static int find_both(const struct login_flags *given, char **ret_user, char **ret_password,
		     struct error *err)
{
	const bool asks = !given->user || (!given->password && !given->password_stdin);
	int r = 0;

	if (given->password && given->password_stdin)
		return flags_error(&command_login, err,
				   "--password and --password-stdin are mutually exclusive");
	if (given->password_stdin && !given->user)
		return flags_error(&command_login, err,
				   "Must provide --username with --password-stdin");
	if (asks && !isatty(STDIN_FILENO))
		return error_set(err, ENOTTY,
				 "Cannot perform an interactive login from a non TTY device");
	if (given->user) {
		*ret_user = strdup(given->user);
		r = *ret_user ? 0 : error_oom(err);
	} else {
		r = ask("Username: ", false, ret_user, err);
	}
	if (r == 0)
		r = find_password(given, ret_password, err);
	if (r == 0 && (!**ret_user || !**ret_password))
		return error_set(err, EINVAL, "username and password must not be empty");
	if (r == 0 && strchr(*ret_user, ':'))
		return error_set(err, EINVAL, "a user's name has no colon");
	return r;
}

static int print_result(const char *plain, struct error *err)
{
	_cleanup_output_ struct output out = OUTPUT_INIT;
	_cleanup_free_ char *warning = NULL;

	if (plain) {
		if (asprintf(&warning, "WARNING! Your password is stored unencrypted in %s.\n",
			     plain) < 0) {
			warning = NULL;
			return error_oom(err);
		}
		(void)fd_write_all(STDERR_FILENO, warning, strlen(warning));
	}
	output_text(&out, "Login Succeeded\n");
	return output_flush(&out, err);
}

static int run(const struct cli *cli, int argc, char **argv, int *ret_status, struct error *err)
{
	_cleanup_registries_ struct registries registries = { 0 };
	_cleanup_free_ char *server = NULL;
	_cleanup_free_ char *user = NULL;
	_cleanup_free_ char *plain = NULL;
	_cleanup_(wipe) char *password = NULL;
	struct login_flags given = { 0 };
	struct flag_args args;
	int r = flags_parse(&command_login, argc, argv, &given, &args, err);

	(void)cli;
	(void)ret_status;
	if (r != 0)
		return r;
	r = registries_server(args.items[0], &server, err);
	if (r == 0)
		r = registries_load(&registries, err);
	if (r == 0)
		r = find_both(&given, &user, &password, err);
	if (r < 0)
		return r;
	r = image_login(&registries.config, server, user, password, &plain, err);
	if (r < 0)
		return error_wrap(err, r, "login to %s", server);
	return print_result(plain, err);
}

const struct cli_command command_login = {
	.name = "login",
	.summary = "Log in to a registry",
	.usage = "[OPTIONS] [SERVER]",
	.description = "Tries the credentials at the registry and stores them as docker does: in "
		       "~/.docker/config.json, or with the helper program that it names. Without a "
		       "server: Docker Hub.",
	.flags = flags,
	.max_args = 1,
	.run = run,
};

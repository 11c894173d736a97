/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "image/registry/credentials.h"

static char dir[] = "/tmp/hcs-credentials-XXXXXX";
static char file[64], helper[96], stored[96];

static void write_text(const char *path, const char *text, mode_t mode)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
}

static struct credentials find(const char *text, const char *host)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct credentials found;

	write_text(file, text, 0600);
	if (credentials_find(file, host, NULL, &found, &err) < 0)
		fail_msg("%s: %s", host, error_text(&err));
	return found;
}

static void assert_pair(const char *text, const char *host, const char *user, const char *password)
{
	_cleanup_credentials_ struct credentials found = find(text, host);

	if (!user) {
		assert_null(found.user);
		assert_null(found.password);
		return;
	}
	assert_non_null(found.user);
	assert_string_equal(found.user, user);
	assert_string_equal(found.password, password);
}

static void a_host_has_its_own(void **state)
{
	static const char text[] = "{\"auths\":{\"localhost:5000\":{\"auth\":\"dTpwOnE=\"},"
				   "\"https://index.docker.io/v1/\":{\"auth\":\"aHViOng=\"},"
				   "\"https://old.example/v1/\":{\"auth\":\"b2xkOnk=\"},"
				   "\"plain.example\":{\"username\":\"n\",\"password\":\"s\"}}}";

	(void)state;
	assert_pair(text, "localhost:5000", "u", "p:q");
	assert_pair(text, "docker.io", "hub", "x");
	assert_pair(text, "old.example", "old", "y");
	assert_pair(text, "plain.example", "n", "s");
	assert_pair(text, "localhost:5001", NULL, NULL);
	assert_pair(text, "index.docker.io.evil.example", NULL, NULL);
	assert_pair("{}", "localhost:5000", NULL, NULL);
	assert_pair("", "localhost:5000", NULL, NULL);
	assert_pair("{\"auths\":{\"a.example\":{}}}", "a.example", NULL, NULL);
}

static void a_repository_may_have_its_own(void **state)
{
	static const char text[] = "{\"auths\":{\"q.example/team\":{\"auth\":\"dDp0\"},"
				   "\"q.example/team/image\":{\"auth\":\"aTpp\"},"
				   "\"q.example\":{\"auth\":\"aDpo\"}}}";
	static const struct {
		const char *host, *repository, *user;
	} wanted[] = {
		{ "q.example", "team/image", "i" },  { "q.example", "team/other/x", "t" },
		{ "q.example", "teams/image", "h" }, { "q.example", NULL, "h" },
		{ "r.example", "team/image", NULL },
	};

	(void)state;
	write_text(file, text, 0600);
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		_cleanup_credentials_ struct credentials found = { 0 };

		assert_int_equal(
			credentials_find(file, wanted[i].host, wanted[i].repository, &found, &err),
			0);
		if (!wanted[i].user)
			assert_null(found.user);
		else
			assert_string_equal(found.user, wanted[i].user);
	}
	/* One team's are not for another. */
	assert_pair("{\"auths\":{\"q.example/team\":{\"auth\":\"dDp0\"}}}", "q.example", NULL,
		    NULL);
}

static void tokens_are_found(void **state)
{
	_cleanup_credentials_ struct credentials found =
		find("{\"auths\":{\"a.example\":{\"auth\":\"dTo=\",\"identitytoken\":\"i\","
		     "\"registrytoken\":\"r\"}}}",
		     "a.example");

	(void)state;
	assert_string_equal(found.identity_token, "i");
	assert_string_equal(found.registry_token, "r");
}

static void what_is_broken_is_named(void **state)
{
	static const char *const texts[] = { "[", "[]", "{\"auths\":{\"h\":{\"auth\":\"!\"}}}",
					     "{\"auths\":{\"h\":{\"auth\":\"dQ==\"}}}" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		struct credentials found;

		write_text(file, texts[i], 0600);
		assert_int_equal(credentials_find(file, "h", NULL, &found, &err), -EINVAL);
		assert_non_null(strstr(error_text(&err), file));
	}
}

static void what_is_stored_is_found_and_erased(void **state)
{
	const struct credentials given = { .user = (char *)"user",
					   .password = (char *)"p:\xc3\xa9" };
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_free_ char *plain = NULL;
	_cleanup_free_ char *text = NULL;
	struct credentials found;
	struct stat st;
	size_t len;
	bool was;

	(void)state;
	write_text(file, "{\"detachKeys\":\"ctrl-e\",\"auths\":{\"b\":{\"auth\":\"dTpw\"}}}", 0644);
	assert_int_equal(credentials_store(file, "h:1", &given, &plain, &err), 0);
	assert_string_equal(plain, file);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(credentials_find(file, "h:1", NULL, &found, &err), 0);
	assert_string_equal(found.user, "user");
	assert_string_equal(found.password, "p:\xc3\xa9");
	credentials_done(&found);
	assert_int_equal(credentials_erase(file, "h:1", &was, &err), 0);
	assert_true(was);
	assert_int_equal(credentials_erase(file, "h:1", &was, &err), 0);
	assert_false(was);
	/* What is none of ours stays. */
	assert_int_equal(file_read(AT_FDCWD, file, 4096, &text, &len), 0);
	assert_non_null(strstr(text, "ctrl-e"));
	assert_non_null(strstr(text, "dTpw"));
}

static void a_helper_is_asked(void **state)
{
	static const char script[] =
		"#!/bin/sh\n"
		"read -r server\n"
		"case $1,$server in\n"
		"get,h.example) echo '{\"ServerURL\":\"h\",\"Username\":\"hu\",\"Secret\":\"hs\"}' "
		";;\n"
		"get,t.example) echo '{\"Username\":\"<token>\",\"Secret\":\"tt\"}' ;;\n"
		"get,lies.example) echo '{\"Username\":7}' ;;\n"
		"get,fails.example) echo 'no keyring'; exit 3 ;;\n"
		"store,*) printf %s \"$server\" > \"$HELPER_STORED\" ;;\n"
		"*) echo 'credentials not found in native keychain'; exit 1 ;;\n"
		"esac\n";
	static const char config[] = "{\"credsStore\":\"hcstest\",\"auths\":{\"h.example\":{}}}";
	const struct credentials given = { .user = (char *)"u", .password = (char *)"p" };
	_cleanup_error_ struct error err = ERROR_INIT, lies = ERROR_INIT, fails = ERROR_INIT;
	_cleanup_credentials_ struct credentials token = { 0 };
	_cleanup_free_ char *plain = NULL;
	_cleanup_free_ char *text = NULL;
	struct credentials found;
	size_t len;

	(void)state;
	write_text(helper, script, 0755);
	assert_pair(config, "h.example", "hu", "hs");
	assert_pair(config, "other.example", NULL, NULL);
	assert_pair("{\"credHelpers\":{\"h.example\":\"hcstest\"}}", "h.example", "hu", "hs");
	token = find(config, "t.example");
	assert_string_equal(token.identity_token, "tt");
	assert_int_equal(credentials_find(file, "lies.example", NULL, &found, &lies), -EPROTO);
	assert_int_equal(credentials_find(file, "fails.example", NULL, &found, &fails), -EIO);
	assert_non_null(strstr(error_text(&fails), "no keyring"));
	assert_int_equal(credentials_store(file, "h.example", &given, &plain, &err), 0);
	assert_null(plain);
	assert_int_equal(file_read(AT_FDCWD, stored, 4096, &text, &len), 0);
	assert_non_null(strstr(text, "\"Secret\":\"p\""));
}

static void a_helper_that_is_not_there_is_named(void **state)
{
	static const struct {
		const char *text, *said;
	} cases[] = {
		{ "{\"credsStore\":\"hcs-none\"}", "docker-credential-hcs-none" },
		{ "{\"credsStore\":\"../evil\"}", "../evil" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		struct credentials found;

		write_text(file, cases[i].text, 0600);
		assert_true(credentials_find(file, "h", NULL, &found, &err) < 0);
		assert_non_null(strstr(error_text(&err), cases[i].said));
	}
}

static int make_dir(void **state)
{
	_cleanup_free_ char *path = NULL;

	(void)state;
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(file, sizeof(file), "%s/config.json", dir);
	(void)snprintf(helper, sizeof(helper), "%s/docker-credential-hcstest", dir);
	(void)snprintf(stored, sizeof(stored), "%s/stored", dir);
	if (asprintf(&path, "%s:%s", dir, getenv("PATH")) < 0)
		return -1;
	return setenv("PATH", path, 1) < 0 || setenv("HELPER_STORED", stored, 1) < 0;
}

static int remove_dir(void **state)
{
	(void)state;
	(void)unlink(file);
	(void)unlink(helper);
	(void)unlink(stored);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_host_has_its_own),
		cmocka_unit_test(a_repository_may_have_its_own),
		cmocka_unit_test(tokens_are_found),
		cmocka_unit_test(what_is_broken_is_named),
		cmocka_unit_test(what_is_stored_is_found_and_erased),
		cmocka_unit_test(a_helper_is_asked),
		cmocka_unit_test(a_helper_that_is_not_there_is_named),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}

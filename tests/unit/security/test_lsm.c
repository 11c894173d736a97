/* SPDX-License-Identifier: Apache-2.0 */
/* Labels are written to a tree shaped like procfs: what the kernel gets is what is then in the
 * files. */
#include "child.h"

#include <fcntl.h>
#include <linux/keyctl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/fd.h"
#include "container/keyring.h"
#include "container/lsm.h"

static int make_tree(char *dir, bool with_apparmor)
{
	int fd;

	CHECK(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(fd >= 0 && mkdirat(fd, "1", 0755) == 0 && mkdirat(fd, "1/attr", 0755) == 0);
	CHECK(symlinkat("1", fd, "thread-self") == 0);
	CHECK(mknodat(fd, "1/attr/exec", S_IFREG | 0644, 0) == 0);
	if (with_apparmor)
		CHECK(mkdirat(fd, "1/attr/apparmor", 0755) == 0 &&
		      mknodat(fd, "1/attr/apparmor/exec", S_IFREG | 0644, 0) == 0);
	return fd;
}

static void remove_tree(const char *dir)
{
	char command[64];

	(void)snprintf(command, sizeof(command), "rm -r %s", dir);
	CHECK(system(command) == 0);
}

static bool holds(int fd, const char *path, const char *text)
{
	_cleanup_free_ char *content = NULL;
	size_t len;

	CHECK(file_read(fd, path, 4096, &content, &len) == 0);
	return strcmp(content, text) == 0;
}

static void labels_go_to_the_files_of_their_module(void *arg)
{
	char dir[] = "/tmp/lsm-XXXXXX";
	struct error err = ERROR_INIT;
	int fd = make_tree(dir, true);

	(void)arg;
	CHECK_OK(lsm_set_exec(fd, NULL, "", &err), &err);
	CHECK(holds(fd, "1/attr/exec", "") && holds(fd, "1/attr/apparmor/exec", ""));
	CHECK_OK(lsm_set_exec(fd, "profile//child", "system_u:system_r:container_t:s0:c1,c2", &err),
		 &err);
	CHECK(holds(fd, "1/attr/apparmor/exec", "exec profile//child"));
	CHECK(holds(fd, "1/attr/exec", "system_u:system_r:container_t:s0:c1,c2"));
	remove_tree(dir);
}

static void older_kernels_have_one_file(void *arg)
{
	char dir[] = "/tmp/lsm-XXXXXX";
	struct error err = ERROR_INIT;
	int fd = make_tree(dir, false);

	(void)arg;
	CHECK_OK(lsm_set_exec(fd, "profile", NULL, &err), &err);
	CHECK(holds(fd, "1/attr/exec", "exec profile"));
	CHECK(unlinkat(fd, "1/attr/exec", 0) == 0);
	CHECK(lsm_set_exec(fd, "profile", NULL, &err) == -ENOENT);
	CHECK(strstr(error_text(&err), "AppArmor profile \"profile\" is not loaded"));
	remove_tree(dir);
}

/* CVE-2019-16884: a planted link sent the write of the label elsewhere, and no label was set. */
static void a_link_out_of_proc_is_refused(void *arg)
{
	char dir[] = "/tmp/lsm-XXXXXX";
	struct error err = ERROR_INIT;
	int fd = make_tree(dir, true);

	(void)arg;
	CHECK(unlinkat(fd, "1/attr/apparmor/exec", 0) == 0);
	CHECK(symlinkat("/dev/null", fd, "1/attr/apparmor/exec") == 0);
	CHECK(lsm_set_exec(fd, "profile", NULL, &err) == -EXDEV);
	remove_tree(dir);
}

/* What the host has decides; either way there is no silence. */
static void what_the_host_lacks_is_refused(void **state)
{
	const bool apparmor = access("/sys/kernel/security/apparmor", F_OK) == 0;
	const bool selinux = access("/sys/fs/selinux/enforce", F_OK) == 0;
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(lsm_check(NULL, "", "process", &err), 0);
	assert_int_equal(lsm_check("unconfined", NULL, "process", &err), 0);
	assert_int_equal(lsm_check("a\nb", NULL, "process", &err), -EINVAL);
	error_done(&err);
	if (apparmor)
		assert_int_equal(lsm_check("profile", NULL, "process", &err), 0);
	else
		assert_refused(lsm_check("profile", NULL, "process", &err), &err,
			       "process.apparmorProfile: AppArmor is not enabled on this host");
	if (selinux)
		assert_int_equal(lsm_check(NULL, "label", "process", &err), 0);
	else
		assert_refused(lsm_check(NULL, "label", "process", &err), &err,
			       "process.selinuxLabel: SELinux is not enabled on this host");
}

static void describe(char *text, size_t size)
{
	long n = syscall(SYS_keyctl, KEYCTL_DESCRIBE, KEY_SPEC_SESSION_KEYRING, text, size);

	CHECK(n > 0 && (size_t)n < size);
}

static void the_session_keyring_is_the_containers(void *arg)
{
	char name[64], before[256], after[256];
	struct error err = ERROR_INIT;
	long serial, again;

	(void)arg;
	describe(before, sizeof(before));
	(void)snprintf(name, sizeof(name), "test-%d", (int)getpid());
	CHECK_OK(keyring_join_session(name, &err), &err);
	describe(after, sizeof(after));
	CHECK(strcmp(before, after) != 0 && strstr(after, ";_ses.test-"));
	serial = syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0);
	CHECK_OK(keyring_join_session(name, &err), &err); /* exec: the same one */
	again = syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0);
	CHECK(serial > 0 && serial == again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_CHILD(labels_go_to_the_files_of_their_module),
		IN_CHILD(older_kernels_have_one_file),
		IN_CHILD(a_link_out_of_proc_is_refused),
		cmocka_unit_test(what_the_host_lacks_is_refused),
		IN_CHILD(the_session_keyring_is_the_containers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

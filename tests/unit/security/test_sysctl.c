/* SPDX-License-Identifier: Apache-2.0 */
#include "child.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "container/sysctl.h"
#include "procfs.h"

static struct oci_spec spec_with(struct oci_linux *linux_, struct key_value *items, size_t len)
{
	linux_->sysctl = (struct key_values){ .items = items, .len = len };
	return (struct oci_spec){ .linux_ = linux_ };
}

static int check(struct oci_linux *linux_, char *key, char *value, struct error *err)
{
	struct key_value kv = { .key = key, .value = value };
	struct oci_spec spec = spec_with(linux_, &kv, 1);

	return sysctl_check(&spec, err);
}

static struct oci_linux with_all_namespaces(void)
{
	struct oci_linux linux_ = { 0 };

	for (int i = 0; i < OCI_NS_KINDS; i++)
		linux_.namespaces[i].present = true;
	return linux_;
}

static void namespaced_settings_are_taken(void **state)
{
	static char *const keys[] = {
		"kernel.msgmax",
		"kernel.msgmnb",
		"kernel.msgmni",
		"kernel.sem",
		"kernel.shmall",
		"kernel.shmmax",
		"kernel.shmmni",
		"kernel.shm_rmid_forced",
		"kernel/shmmax",
		"fs.mqueue.msg_max",
		"net.ipv4.ip_forward",
		"net/ipv4/conf/eth0.100/forwarding",
		"net.ipv4.conf.eth0/100.forwarding",
		"kernel.domainname",
		"kernel.hostname",
		"user.max_user_namespaces",
	};
	struct oci_linux linux_ = with_all_namespaces();
	struct error err = ERROR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		assert_int_equal(check(&linux_, keys[i], "1", &err), 0);
}

static void settings_of_the_host_are_refused(void **state)
{
	static char *const keys[] = { "kernel.panic",
				      "vm.overcommit_memory",
				      "kernel.shmmaxx",
				      "fs.mqueue",
				      "kernel.core_pattern",
				      "fs.file-max",
				      "netx.a",
				      "net",
				      "kernel" };
	struct oci_linux linux_ = with_all_namespaces(), none = { 0 };
	struct error err = ERROR_INIT;

	(void)state;
	assert_refused(check(&linux_, "kernel.panic", "1", &err), &err,
		       "linux.sysctl.kernel.panic: not of a namespace: it would change the host");
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		assert_int_equal(check(&linux_, keys[i], "1", &err), -EINVAL);
		error_done(&err);
	}
	assert_refused(
		check(&none, "net.ipv4.ip_forward", "1", &err), &err,
		"linux.sysctl.net.ipv4.ip_forward: the container shares the network namespace of "
		"the host: it needs one of its own in linux.namespaces");
	assert_refused(
		check(&none, "kernel.sem", "1", &err), &err,
		"linux.sysctl.kernel.sem: the container shares the ipc namespace of the host: it "
		"needs one of its own in linux.namespaces");
	for (char *const *key =
		     (char *const[]){ "user.max_mnt_namespaces", "kernel.domainname", NULL };
	     *key; key++) {
		assert_int_equal(check(&none, *key, "1", &err), -EINVAL);
		error_done(&err);
	}
}

static void names_that_climb_are_refused(void **state)
{
	static char *const keys[] = { "",
				      ".",
				      "..",
				      "net..ipv4",
				      "net.",
				      ".net",
				      "net/../kernel/panic",
				      "net/./x",
				      "net//x",
				      "/net/x",
				      "net.//.kernel",
				      "net./.x",
				      "net/ipv4/" };
	struct oci_linux linux_ = with_all_namespaces();
	struct error err = ERROR_INIT;
	_cleanup_free_ char *longest = calloc(1, 8192);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		assert_int_equal(check(&linux_, keys[i], "1", &err), -EINVAL);
		assert_non_null(strstr(error_text(&err), "not the name of a setting"));
		error_done(&err);
	}
	memset(longest, 'n', 8191);
	assert_int_equal(check(&linux_, longest, "1", &err), -ENAMETOOLONG);
	error_done(&err);
}

static void the_runtimes_own_namespace_by_path_is_the_hosts(void **state)
{
	struct oci_linux linux_ = with_all_namespaces();
	struct error err = ERROR_INIT;

	(void)state;
	linux_.namespaces[OCI_NS_NETWORK].path = "/proc/self/ns/net";
	assert_int_equal(check(&linux_, "net.ipv4.ip_forward", "1", &err), -EINVAL);
	assert_non_null(strstr(error_text(&err), "shares the network namespace of the host"));
	error_done(&err);
	/* Any other is not: here one of another kind stands for it. */
	linux_.namespaces[OCI_NS_NETWORK].path = "/proc/self/ns/ipc";
	assert_int_equal(check(&linux_, "net.ipv4.ip_forward", "1", &err), 0);
	linux_.namespaces[OCI_NS_NETWORK].path = "/no/such";
	assert_int_equal(check(&linux_, "net.ipv4.ip_forward", "1", &err), -ENOENT);
	error_done(&err);
}

static void a_host_name_said_twice_must_agree(void **state)
{
	struct oci_linux linux_ = with_all_namespaces();
	struct key_value kv = { .key = "kernel.hostname", .value = "a" };
	struct oci_spec spec = spec_with(&linux_, &kv, 1);
	struct error err = ERROR_INIT;

	(void)state;
	spec.hostname = "b";
	assert_refused(sysctl_check(&spec, &err), &err,
		       "linux.sysctl.kernel.hostname: contradicts the field hostname");
	spec.hostname = "a";
	assert_int_equal(sysctl_check(&spec, &err), 0);
	kv.key = "kernel.domainname";
	spec.domainname = "b";
	assert_refused(sysctl_check(&spec, &err), &err,
		       "linux.sysctl.kernel.domainname: contradicts the field domainname");
}

static char *setting(const char *path)
{
	char *text;
	size_t len;

	CHECK(file_read(AT_FDCWD, path, 4096, &text, &len) == 0);
	return text;
}

static void settings_are_written(void *arg)
{
	struct key_value items[] = {
		{ "kernel.msgmax", "12345" },
		{ "net/ipv4/conf/lo/forwarding", "1" },
		{ "kernel.domainname", "example.org" },
		{ "net.ipv4.ip_local_reserved_ports", "8080,9000-9010" },
		{ "net.ipv4.ip_local_reserved_ports", "" }, /* an empty value clears the list */
	};
	struct key_values all = { .items = items, .len = ARRAY_SIZE(items) };
	struct error err = ERROR_INIT;
	int proc_fd;

	(void)arg;
	CHECK(unshare(CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWUTS) == 0);
	proc_fd = procfs_open();
	CHECK(proc_fd >= 0);
	CHECK_OK(sysctl_apply(proc_fd, &all, &err), &err);
	CHECK(strcmp(setting("/proc/sys/kernel/msgmax"), "12345\n") == 0);
	CHECK(strcmp(setting("/proc/sys/kernel/domainname"), "example.org\n") == 0);
	CHECK(strcmp(setting("/proc/sys/net/ipv4/conf/lo/forwarding"), "1\n") == 0);
	CHECK(strcmp(setting("/proc/sys/net/ipv4/ip_local_reserved_ports"), "\n") == 0);
}

static void what_the_kernel_refuses_is_named(void *arg)
{
	struct key_value absent = { "net.ipv4.no_such", "1" }, bad = { "kernel.msgmax", "many" };
	struct key_values all = { .items = &absent, .len = 1 };
	struct error err = ERROR_INIT;
	int proc_fd;

	(void)arg;
	CHECK(unshare(CLONE_NEWIPC | CLONE_NEWNET) == 0);
	proc_fd = procfs_open();
	CHECK(sysctl_apply(proc_fd, &all, &err) == -ENOENT);
	CHECK(strcmp(error_text(&err), "linux.sysctl.net.ipv4.no_such: the container's kernel and "
				       "namespaces have no such setting") == 0);
	all.items = &bad;
	CHECK(sysctl_apply(proc_fd, &all, &err) == -EINVAL);
	CHECK(strcmp(error_text(&err), "linux.sysctl.kernel.msgmax: set it to \"many\": Invalid "
				       "argument") == 0);
}

/* A tree that only looks like /proc/sys must not lead a write elsewhere. */
static void links_are_not_followed(void *arg)
{
	struct key_value kv = { "kernel.msgmax", "1" };
	struct key_values all = { .items = &kv, .len = 1 };
	char dir[] = "/tmp/sysctl-XXXXXX";
	struct error err = ERROR_INIT;
	int fd, victim;
	struct stat st;

	(void)arg;
	CHECK(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(mkdirat(fd, "sys", 0755) == 0 && mkdirat(fd, "other", 0755) == 0);
	victim = openat(fd, "other/msgmax", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	CHECK(victim >= 0);
	CHECK(symlinkat("../other", fd, "sys/kernel") == 0);
	CHECK(sysctl_apply(fd, &all, &err) == -ELOOP);
	CHECK(unlinkat(fd, "sys/kernel", 0) == 0 && mkdirat(fd, "sys/kernel", 0755) == 0);
	CHECK(symlinkat("../../other/msgmax", fd, "sys/kernel/msgmax") == 0);
	CHECK(sysctl_apply(fd, &all, &err) == -ELOOP);
	CHECK(fstat(victim, &st) == 0 && st.st_size == 0);
	CHECK(unlinkat(fd, "sys/kernel/msgmax", 0) == 0 &&
	      unlinkat(fd, "sys/kernel", AT_REMOVEDIR) == 0);
	CHECK(unlinkat(fd, "sys", AT_REMOVEDIR) == 0 && unlinkat(fd, "other/msgmax", 0) == 0);
	CHECK(unlinkat(fd, "other", AT_REMOVEDIR) == 0 && rmdir(dir) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(namespaced_settings_are_taken),
		cmocka_unit_test(settings_of_the_host_are_refused),
		cmocka_unit_test(names_that_climb_are_refused),
		cmocka_unit_test(the_runtimes_own_namespace_by_path_is_the_hosts),
		cmocka_unit_test(a_host_name_said_twice_must_agree),
		IN_CHILD(settings_are_written),
		IN_CHILD(what_the_kernel_refuses_is_named),
		IN_CHILD(links_are_not_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "child.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "container/seccomp.h"
#include "container/seccomp_cache.h"

struct fixture {
	char path[32];
	int fd;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	strcpy(f->path, "/tmp/seccomp-XXXXXX");
	assert_non_null(mkdtemp(f->path));
	f->fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(f->fd >= 0);
	*state = f;
	return 0;
}

static int each_name(int dir_fd, void (*act)(int dir_fd, const char *name))
{
	DIR *dir = fdopendir(openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	const struct dirent *entry;
	int n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		n++;
		if (act)
			act(dir_fd, entry->d_name);
	}
	(void)closedir(dir);
	return n;
}

static void remove_one(int dir_fd, const char *name)
{
	assert_int_equal(unlinkat(dir_fd, name, 0), 0);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	(void)each_name(f->fd, remove_one);
	(void)close(f->fd);
	assert_int_equal(rmdir(f->path), 0);
	free(f);
	return 0;
}

/* A profile, its key, and a program that no compiler makes: so that one can tell where it is from.
 */
struct sample {
	struct oci_seccomp oci;
	struct oci_seccomp_syscall rule;
	struct seccomp_key key;
	char name[SECCOMP_CACHE_NAME_SIZE];
};

static void make_sample(struct sample *s, char *const *names, size_t len)
{
	*s = (struct sample){ 0 };
	s->rule = (struct oci_seccomp_syscall){
		.names = { .items = (char **)(uintptr_t)names, .len = len },
		.action = "SCMP_ACT_ERRNO",
	};
	s->oci = (struct oci_seccomp){ .default_action = "SCMP_ACT_ALLOW",
				       .syscalls = &s->rule,
				       .syscalls_len = 1 };
	assert_int_equal(seccomp_key_make(&s->oci, &s->key), 0);
	seccomp_cache_name(&s->key, s->name);
}

static struct sock_filter marked[] = {
	{ .code = BPF_LD | BPF_W | BPF_ABS, .k = 4 },
	{ .code = BPF_RET | BPF_K, .k = 0x7fff0000 },
};

static void store_marked(int fd, const struct sample *s)
{
	const struct seccomp_program program = { .insns = marked, .len = ARRAY_SIZE(marked) };

	assert_int_equal(seccomp_cache_store(fd, &s->key, &program), 0);
}

static char *const getpid_only[] = { "getpid", NULL };
static char *const getuid_only[] = { "getuid", NULL };

static int load(int fd, const struct sample *s)
{
	struct seccomp_program program = { 0 };
	int r = seccomp_cache_load(fd, &s->key, &program);

	if (r == 0) {
		assert_int_equal(program.len, ARRAY_SIZE(marked));
		assert_memory_equal(program.insns, marked, sizeof(marked));
	}
	free(program.insns);
	return r;
}

static void what_is_stored_is_found(void **state)
{
	struct fixture *f = *state;
	struct sample a, b;
	struct stat st;

	make_sample(&a, getpid_only, 1);
	make_sample(&b, getuid_only, 1);
	assert_int_equal(load(f->fd, &a), -ENOENT);
	store_marked(f->fd, &a);
	assert_int_equal(load(f->fd, &a), 0);
	assert_int_equal(load(f->fd, &b), -ENOENT);
	assert_int_equal(fstatat(f->fd, a.name, &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(each_name(f->fd, NULL), 1); /* no temporary file is left */
	seccomp_key_done(&a.key);
	seccomp_key_done(&b.key);
}

static void compiling_goes_through_the_cache(void **state)
{
	struct fixture *f = *state;
	struct seccomp_filter fresh, stored, taken;
	struct error err = ERROR_INIT;
	struct sample a;

	make_sample(&a, getpid_only, 1);
	assert_int_equal(seccomp_compile(&a.oci, -1, &fresh, &err), 0);
	assert_int_equal(seccomp_compile(&a.oci, f->fd, &stored, &err), 0);
	assert_int_equal(fresh.len, stored.len);
	assert_memory_equal(fresh.insns, stored.insns, fresh.len * sizeof(*fresh.insns));
	store_marked(f->fd, &a);
	assert_int_equal(seccomp_compile(&a.oci, f->fd, &taken, &err), 0);
	assert_int_equal(taken.len, ARRAY_SIZE(marked));
	seccomp_filter_done(&fresh);
	seccomp_filter_done(&stored);
	seccomp_filter_done(&taken);
	seccomp_key_done(&a.key);
}

/* Every part of a profile makes another key. */
static void profiles_do_not_share_a_key(void **state)
{
	struct oci_seccomp_arg args[] = { { .index = 0, .value = 1, .op = "SCMP_CMP_EQ" } };
	struct oci_seccomp_syscall rules[2] = {
		{ .names = STRV("ab", "c"),
		  .action = "SCMP_ACT_ERRNO",
		  .args = args,
		  .args_len = 1 },
		{ .names = STRV("d"), .action = "SCMP_ACT_ERRNO" },
	};
	struct oci_seccomp oci = { .default_action = "SCMP_ACT_ALLOW",
				   .syscalls = rules,
				   .syscalls_len = 2,
				   .architectures = STRV("SCMP_ARCH_X86") };
	struct seccomp_key keys[10];
	size_t n = 0;

	(void)state;
#define NEXT assert_int_equal(seccomp_key_make(&oci, &keys[n++]), 0)
	NEXT;
	rules[0].names = STRV("a", "bc");
	NEXT;
	rules[0].names = STRV("abc");
	NEXT;
	args[0].value = 2;
	NEXT;
	args[0].value_two = 1;
	NEXT;
	args[0].op = "SCMP_CMP_NE";
	NEXT;
	rules[1].errno_ret = (struct opt_u64){ .set = true };
	NEXT;
	oci.default_action = "SCMP_ACT_LOG";
	NEXT;
	oci.architectures = STRV("SCMP_ARCH_X32");
	NEXT;
	oci.syscalls_len = 1;
	NEXT;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < i; k++) {
			assert_true(keys[i].hash != keys[k].hash);
			assert_false(keys[i].len == keys[k].len &&
				     memcmp(keys[i].data, keys[k].data, keys[i].len) == 0);
		}
	for (size_t i = 0; i < n; i++)
		seccomp_key_done(&keys[i]);
}

static void another_profile_under_the_same_name_is_not_taken(void **state)
{
	struct fixture *f = *state;
	struct sample a, b;

	make_sample(&a, getpid_only, 1);
	make_sample(&b, getuid_only, 1); /* the same length, so only the comparison can tell */
	store_marked(f->fd, &b);
	assert_int_equal(renameat(f->fd, b.name, f->fd, a.name), 0);
	assert_int_equal(load(f->fd, &a), -ENOENT);
	store_marked(f->fd, &a); /* and it is replaced */
	assert_int_equal(load(f->fd, &a), 0);
	seccomp_key_done(&a.key);
	seccomp_key_done(&b.key);
}

static void a_file_cut_or_changed_is_not_taken(void **state)
{
	struct fixture *f = *state;
	struct sample a;
	struct stat st;

	make_sample(&a, getpid_only, 1);
	store_marked(f->fd, &a);
	assert_int_equal(fstatat(f->fd, a.name, &st, 0), 0);
	for (off_t size = st.st_size - 1; size >= 0; size--) {
		int fd = openat(f->fd, a.name, O_WRONLY | O_CLOEXEC);

		assert_int_equal(ftruncate(fd, size), 0);
		(void)close(fd);
		assert_int_equal(load(f->fd, &a), -ENOENT);
	}
	for (off_t at = 0; at < st.st_size; at++) {
		unsigned char byte;
		int fd;

		store_marked(f->fd, &a);
		fd = openat(f->fd, a.name, O_RDWR | O_CLOEXEC);
		assert_int_equal(pread(fd, &byte, 1, at), 1);
		byte ^= 1;
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
		(void)close(fd);
		assert_int_equal(load(f->fd, &a), -ENOENT);
	}
	seccomp_key_done(&a.key);
}

static void a_file_of_another_is_not_taken(void **state)
{
	struct fixture *f = *state;
	struct sample a;

	make_sample(&a, getpid_only, 1);
	store_marked(f->fd, &a);
	assert_int_equal(fchownat(f->fd, a.name, 1000, 1000, 0), 0);
	assert_int_equal(load(f->fd, &a), -ENOENT);
	assert_int_equal(fchownat(f->fd, a.name, 0, 0, 0), 0);
	assert_int_equal(load(f->fd, &a), 0);
	assert_int_equal(fchmodat(f->fd, a.name, 0620, 0), 0);
	assert_int_equal(load(f->fd, &a), -ENOENT);
	assert_int_equal(fchmodat(f->fd, a.name, 0600, 0), 0);
	assert_int_equal(linkat(f->fd, a.name, f->fd, "other", 0),
			 0); /* another may hold it open */
	assert_int_equal(load(f->fd, &a), -ENOENT);
	assert_int_equal(renameat(f->fd, a.name, f->fd, "target"), 0);
	assert_int_equal(symlinkat("target", f->fd, a.name), 0);
	assert_int_equal(load(f->fd, &a), -ENOENT);
	assert_int_equal(unlinkat(f->fd, a.name, 0), 0);
	assert_int_equal(mkfifoat(f->fd, a.name, 0600), 0); /* and none that makes us wait */
	assert_int_equal(load(f->fd, &a), -ENOENT);
	seccomp_key_done(&a.key);
}

static void a_directory_open_to_others_is_not_used(void **state)
{
	struct fixture *f = *state;
	struct seccomp_program program = { .insns = marked, .len = ARRAY_SIZE(marked) };
	struct seccomp_filter filter;
	struct error err = ERROR_INIT;
	struct sample a;

	make_sample(&a, getpid_only, 1);
	store_marked(f->fd, &a);
	assert_int_equal(fchmod(f->fd, 0770), 0);
	assert_int_equal(load(f->fd, &a), -ENOENT);
	assert_int_equal(seccomp_cache_store(f->fd, &a.key, &program), -EPERM);
	assert_int_equal(fchmod(f->fd, 0700), 0);
	assert_int_equal(fchown(f->fd, 1000, 1000), 0);
	assert_int_equal(load(f->fd, &a), -ENOENT);
	/* That is no failure to whoever wants a filter. */
	assert_int_equal(seccomp_compile(&a.oci, f->fd, &filter, &err), 0);
	assert_true(filter.len > ARRAY_SIZE(marked));
	seccomp_filter_done(&filter);
	assert_int_equal(fchown(f->fd, 0, 0), 0);
	seccomp_key_done(&a.key);
}

static void the_oldest_make_room(void **state)
{
	struct fixture *f = *state;
	struct sample first, last;

	for (int i = 0; i < SECCOMP_CACHE_FILES + 6; i++) {
		char number[16];
		char *names[] = { number, NULL };
		struct timespec times[2] = { { .tv_sec = 1000 + i }, { .tv_sec = 1000 + i } };
		struct sample s;

		(void)snprintf(number, sizeof(number), "call%d", i);
		make_sample(&s, names, 1);
		store_marked(f->fd, &s);
		assert_int_equal(utimensat(f->fd, s.name, times, 0), 0);
		seccomp_key_done(&s.key);
	}
	assert_int_equal(each_name(f->fd, NULL), SECCOMP_CACHE_FILES);
	make_sample(&first, (char *const[]){ "call0", NULL }, 1);
	make_sample(&last, (char *const[]){ "call69", NULL }, 1);
	assert_int_equal(load(f->fd, &first), -ENOENT);
	assert_int_equal(load(f->fd, &last), 0);
	seccomp_key_done(&first.key);
	seccomp_key_done(&last.key);
}

static void fill_the_disk(void *arg)
{
	struct seccomp_program program = { .insns = marked, .len = ARRAY_SIZE(marked) };
	struct fixture *f = arg;
	struct seccomp_filter filter;
	struct error err = ERROR_INIT;
	char *names[2] = { malloc(16384), NULL };
	struct sample a;
	int fd;

	memset(names[0], 'x', 16383);
	names[0][16383] = '\0';
	make_sample(&a, names, 1);
	CHECK(unshare(CLONE_NEWNS) == 0 &&
	      mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	CHECK(mount("none", f->path, "tmpfs", 0, "size=8k,mode=0700") == 0);
	fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(seccomp_cache_store(fd, &a.key, &program) == -ENOSPC);
	CHECK(each_name(fd, NULL) == 0);
	CHECK(seccomp_compile(&a.oci, fd, &filter, &err) == 0);
}

static void a_full_disk_leaves_nothing_behind(void **state)
{
	in_child(fill_the_disk, *state);
}

#define WITH_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_DIRECTORY(what_is_stored_is_found),
		WITH_DIRECTORY(compiling_goes_through_the_cache),
		cmocka_unit_test(profiles_do_not_share_a_key),
		WITH_DIRECTORY(another_profile_under_the_same_name_is_not_taken),
		WITH_DIRECTORY(a_file_cut_or_changed_is_not_taken),
		WITH_DIRECTORY(a_file_of_another_is_not_taken),
		WITH_DIRECTORY(a_directory_open_to_others_is_not_used),
		WITH_DIRECTORY(the_oldest_make_room),
		WITH_DIRECTORY(a_full_disk_leaves_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

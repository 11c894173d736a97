/* SPDX-License-Identifier: Apache-2.0 */
#include "container/seccomp_cache.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "base/fd.h"

#define NAME_PREFIX "seccomp-"
#define TEMPORARY_PREFIX ".seccomp-"
#define SCAN_MAX 4096 /* names looked at when dropping; the directory is ours */
/* Part of the key: another library, or another build of this one, may compile differently. */
#define FORMAT "hcs-seccomp 2 " HCS_VERSION

struct header {
	char magic[8];
	uint64_t key_len, program_len; /* bytes, instructions */
	uint64_t program_hash;         /* a block that never reached the disk reads as zeros */
};
static const char magic[8] = "HCSBPF\0\1";

/* Eight bytes a step; mixes well enough to name files, and need not do more. */
static uint64_t hash_bytes(const void *data, size_t len)
{
	const unsigned char *p = data;
	uint64_t h = UINT64_C(0x9e3779b97f4a7c15) ^ len, w;

	for (; len >= sizeof(w); p += sizeof(w), len -= sizeof(w)) {
		memcpy(&w, p, sizeof(w));
		h = (h ^ w) * UINT64_C(0xd6e8feb86659fd93);
		h ^= h >> 32;
	}
	w = 0;
	memcpy(&w, p, len);
	h = (h ^ w) * UINT64_C(0xd6e8feb86659fd93);
	h ^= h >> 32;
	h *= UINT64_C(0xd6e8feb86659fd93);
	return h ^ h >> 29;
}

static int put(struct seccomp_key *key, const void *data, size_t len)
{
	if (key->size - key->len < len) {
		size_t size = key->size ? key->size : 4096;
		char *bigger;

		while (size - key->len < len)
			if (__builtin_mul_overflow(size, 2, &size))
				return -ENOMEM;
		bigger = realloc(key->data, size);
		if (!bigger)
			return -ENOMEM;
		key->data = bigger;
		key->size = size;
	}
	memcpy(key->data + key->len, data, len);
	key->len += len;
	return 0;
}

static int put_number(struct seccomp_key *key, uint64_t n)
{
	return put(key, &n, sizeof(n));
}

/* With its NUL, which no string from JSON has inside: so no two lists come out alike. */
static int put_text(struct seccomp_key *key, const char *text)
{
	return put(key, text ? text : "", text ? strlen(text) + 1 : 1);
}

static int put_strv(struct seccomp_key *key, const struct strv *v)
{
	int r = put_number(key, v->len);

	for (size_t i = 0; r == 0 && i < v->len; i++)
		r = put_text(key, v->items[i]);
	return r;
}

static int put_optional(struct seccomp_key *key, const struct opt_u64 *n)
{
	uint64_t pair[] = { n->set, n->set ? n->value : 0 };

	return put(key, pair, sizeof(pair));
}

static int put_rule(struct seccomp_key *key, const struct oci_seccomp_syscall *rule)
{
	int r = put_strv(key, &rule->names);

	if (r == 0)
		r = put_text(key, rule->action);
	if (r == 0)
		r = put_optional(key, &rule->errno_ret);
	if (r == 0)
		r = put_number(key, rule->args_len);
	for (size_t i = 0; r == 0 && i < rule->args_len; i++) {
		const struct oci_seccomp_arg *arg = &rule->args[i];
		uint64_t numbers[] = { arg->index, arg->value, arg->value_two };

		r = put(key, numbers, sizeof(numbers));
		if (r == 0)
			r = put_text(key, arg->op);
	}
	return r;
}

int seccomp_key_make(const struct oci_seccomp *oci, struct seccomp_key *ret)
{
	_cleanup_(seccomp_key_done) struct seccomp_key key = { .data = NULL };
	const struct scmp_version *lib = seccomp_version();
	uint64_t build[] = { lib->major, lib->minor, lib->micro, seccomp_arch_native() };
	int r = put_text(&key, FORMAT);

	if (r == 0)
		r = put(&key, build, sizeof(build));
	if (r == 0)
		r = put_text(&key, oci->default_action);
	if (r == 0)
		r = put_optional(&key, &oci->default_errno_ret);
	if (r == 0)
		r = put_strv(&key, &oci->architectures);
	if (r == 0)
		r = put_number(&key, oci->syscalls_len);
	for (size_t i = 0; r == 0 && i < oci->syscalls_len; i++)
		r = put_rule(&key, &oci->syscalls[i]);
	if (r < 0)
		return r;
	key.hash = hash_bytes(key.data, key.len);
	*ret = key;
	key.data = NULL;
	return 0;
}

void seccomp_key_done(struct seccomp_key *key)
{
	free(key->data);
	*key = (struct seccomp_key){ 0 };
}

void seccomp_cache_name(const struct seccomp_key *key, char *name)
{
	(void)snprintf(name, SECCOMP_CACHE_NAME_SIZE, NAME_PREFIX "%016" PRIx64, key->hash);
}

/* Whoever can write here chooses what containers may do: only the caller may. */
static bool directory_is_ours(int cache_fd)
{
	struct stat st;

	return fstat(cache_fd, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
	       !(st.st_mode & (S_IWGRP | S_IWOTH));
}

static bool file_is_ours(const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_uid == geteuid() && (st->st_mode & 07777) == 0600 &&
	       st->st_nlink == 1;
}

/* One read: the lengths follow from the size of the file and of our own key. */
static int read_parts(int fd, const struct seccomp_key *key, size_t size, struct header *header,
		      char *key_buf, struct sock_filter *insns, size_t insns_size)
{
	struct iovec parts[] = {
		{ .iov_base = header, .iov_len = sizeof(*header) },
		{ .iov_base = key_buf, .iov_len = key->len },
		{ .iov_base = insns, .iov_len = insns_size },
	};
	ssize_t n = preadv(fd, parts, ARRAY_SIZE(parts), 0);

	if (n < 0)
		return -errno;
	if ((size_t)n != size || memcmp(header->magic, magic, sizeof(magic)) != 0 ||
	    header->key_len != key->len || header->program_len != insns_size / sizeof(*insns) ||
	    memcmp(key_buf, key->data, key->len) != 0 ||
	    header->program_hash != hash_bytes(insns, insns_size))
		return -ENOENT;
	return 0;
}

int seccomp_cache_load(int cache_fd, const struct seccomp_key *key, struct seccomp_program *ret)
{
	_cleanup_free_ struct sock_filter *insns = NULL;
	_cleanup_free_ char *key_buf = NULL;
	_cleanup_close_ int fd = -1;
	char name[SECCOMP_CACHE_NAME_SIZE];
	struct header header;
	struct stat st;
	size_t size, insns_size;
	int r;

	if (!directory_is_ours(cache_fd))
		return -ENOENT;
	seccomp_cache_name(key, name);
	fd = openat(cache_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return errno == ELOOP ? -ENOENT : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!file_is_ours(&st) || st.st_size < 0 ||
	    (uintmax_t)st.st_size <= sizeof(header) + key->len)
		return -ENOENT;
	size = (size_t)st.st_size;
	insns_size = size - sizeof(header) - key->len;
	if (insns_size % sizeof(*insns) != 0 || insns_size / sizeof(*insns) > BPF_MAXINSNS)
		return -ENOENT;
	insns = malloc(insns_size);
	key_buf = malloc(key->len);
	if (!insns || !key_buf)
		return -ENOMEM;
	r = read_parts(fd, key, size, &header, key_buf, insns, insns_size);
	if (r < 0)
		return r;
	ret->insns = TAKE_PTR(insns);
	ret->len = insns_size / sizeof(*insns);
	return 0;
}

struct cached {
	char name[SECCOMP_CACHE_NAME_SIZE];
	struct timespec written;
};

static int by_age(const void *a, const void *b)
{
	const struct timespec *x = &((const struct cached *)a)->written;
	const struct timespec *y = &((const struct cached *)b)->written;

	if (x->tv_sec != y->tv_sec)
		return x->tv_sec < y->tv_sec ? -1 : 1;
	return x->tv_nsec < y->tv_nsec ? -1 : x->tv_nsec > y->tv_nsec;
}

/* Keeps the newest; counts what a killed writer left as well. */
static void drop_oldest(int cache_fd)
{
	_cleanup_free_ struct cached *files = NULL;
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;
	size_t n = 0;
	int fd = openat(cache_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	dir = fdopendir(fd);
	if (!dir) {
		(void)close_fd(fd);
		return;
	}
	files = calloc(SCAN_MAX, sizeof(*files));
	if (!files)
		return;
	while (n < SCAN_MAX && (entry = readdir(dir))) {
		struct stat st;

		if ((strncmp(entry->d_name, NAME_PREFIX, sizeof(NAME_PREFIX) - 1) != 0 &&
		     strncmp(entry->d_name, TEMPORARY_PREFIX, sizeof(TEMPORARY_PREFIX) - 1) != 0) ||
		    strlen(entry->d_name) >= sizeof(files[n].name) ||
		    fstatat(cache_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		strcpy(files[n].name, entry->d_name);
		files[n++].written = st.st_mtim;
	}
	if (n <= SECCOMP_CACHE_FILES)
		return;
	qsort(files, n, sizeof(*files), by_age);
	for (size_t i = 0; i < n - SECCOMP_CACHE_FILES; i++)
		(void)unlinkat(cache_fd, files[i].name, 0);
}

/* A name of this process alone; one of a dead process that had the same pid is taken over. */
static int create_temporary(int cache_fd, char *name, size_t size)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
	int fd;

	(void)snprintf(name, size, TEMPORARY_PREFIX "%d", (int)getpid());
	fd = openat(cache_fd, name, flags, 0600);
	if (fd < 0 && errno == EEXIST && unlinkat(cache_fd, name, 0) == 0)
		fd = openat(cache_fd, name, flags, 0600);
	return fd < 0 ? -errno : fd;
}

int seccomp_cache_store(int cache_fd, const struct seccomp_key *key,
			const struct seccomp_program *program)
{
	char name[SECCOMP_CACHE_NAME_SIZE], temporary[SECCOMP_CACHE_NAME_SIZE];
	const size_t program_size = program->len * sizeof(*program->insns);
	struct header header = { .key_len = key->len, .program_len = program->len };
	_cleanup_close_ int fd = -1;
	int r;

	if (!directory_is_ours(cache_fd))
		return -EPERM;
	memcpy(header.magic, magic, sizeof(magic));
	header.program_hash = hash_bytes(program->insns, program_size);
	seccomp_cache_name(key, name);
	fd = create_temporary(cache_fd, temporary, sizeof(temporary));
	if (fd < 0)
		return fd;
	r = fchmod(fd, 0600) < 0 ? -errno : 0; /* whatever the umask was */
	if (r == 0)
		r = fd_write_all(fd, &header, sizeof(header));
	if (r == 0)
		r = fd_write_all(fd, key->data, key->len);
	if (r == 0)
		r = fd_write_all(fd, program->insns, program_size);
	if (r == 0 && renameat(cache_fd, temporary, cache_fd, name) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(cache_fd, temporary, 0);
	else
		drop_oldest(cache_fd);
	return r;
}

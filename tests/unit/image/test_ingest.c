/* SPDX-License-Identifier: Apache-2.0 */
/* Content on its way into the store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/remove.h"
#include "image/transfer/digest.h"
#include "image/transfer/ingest.h"

struct fixture {
	char root[32];
	struct image_store *store;
	struct error err;
	char digest[DIGEST_SIZE]; /* of text */
};

static const char text[] = "the content of a blob, in more than one piece";
#define LEN (sizeof(text) - 1)

static int set_up(void **state)
{
	_cleanup_digest_ struct digest *digest = NULL;
	struct fixture *f = calloc(1, sizeof(*f));

	(void)snprintf(f->root, sizeof(f->root), "store-XXXXXX");
	assert_non_null(mkdtemp(f->root));
	assert_int_equal(image_store_open(f->root, &f->store, &f->err), 0);
	assert_int_equal(digest_begin(NULL, &digest, &f->err), 0);
	assert_int_equal(digest_update(digest, text, LEN, &f->err), 0);
	assert_int_equal(digest_end(digest, f->digest, &f->err), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	image_store_close(f->store);
	error_done(&f->err);
	assert_int_equal(remove_tree(AT_FDCWD, f->root), 0);
	free(f);
	return 0;
}

static struct image_ingest *begin(struct fixture *f, const char *digest, uint64_t size)
{
	struct image_ingest *ingest = NULL;

	if (image_ingest_begin(f->store, digest, size, &ingest, &f->err) < 0)
		fail_msg("%s", error_text(&f->err));
	return ingest;
}

static bool has(struct fixture *f)
{
	char *blob = NULL;
	size_t len;
	bool there = image_store_blob(f->store, f->digest, 1000, &blob, &len, &f->err) == 0;

	assert_true(!there || (len == LEN && memcmp(blob, text, LEN) == 0));
	error_done(&f->err);
	free(blob);
	return there;
}

static size_t files_in(struct fixture *f, const char *dir)
{
	int fd = openat(image_store_fd(f->store), dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fdopendir(fd);
	size_t n = 0;

	while (readdir(d))
		n++;
	(void)closedir(d);
	return n - 2;
}

static void content_is_there_when_all_of_it_is(void **state)
{
	struct fixture *f = *state;
	struct image_ingest *ingest = begin(f, f->digest, LEN);
	char *digest = NULL;

	assert_int_equal(image_ingest_write(ingest, text, 10, &f->err), 0);
	assert_false(has(f));
	assert_int_equal(image_ingest_write(ingest, text + 10, LEN - 10, &f->err), 0);
	assert_false(has(f));
	assert_int_equal(image_ingest_commit(ingest, &digest, &f->err), 0);
	assert_true(has(f));
	assert_string_equal(digest, f->digest);
	assert_int_equal(files_in(f, "ingest"), 0);
	free(digest);
	/* There is nothing to do a second time. */
	assert_null(begin(f, f->digest, LEN));
}

static void what_was_broken_off_is_taken_up(void **state)
{
	struct fixture *f = *state;
	struct image_ingest *ingest = begin(f, f->digest, LEN);

	assert_int_equal(image_ingest_write(ingest, text, 10, &f->err), 0);
	image_ingest_close(ingest);
	ingest = begin(f, f->digest, LEN);
	assert_int_equal(image_ingest_offset(ingest), 10);
	assert_int_equal(image_ingest_write(ingest, text + 10, LEN - 10, &f->err), 0);
	assert_int_equal(image_ingest_commit(ingest, NULL, &f->err), 0);
	assert_true(has(f));
}

static void or_begun_anew(void **state)
{
	struct fixture *f = *state;
	struct image_ingest *ingest = begin(f, f->digest, LEN);

	assert_int_equal(image_ingest_write(ingest, "rubbish", 7, &f->err), 0);
	image_ingest_close(ingest);
	ingest = begin(f, f->digest, LEN);
	assert_int_equal(image_ingest_restart(ingest, &f->err), 0);
	assert_int_equal(image_ingest_offset(ingest), 0);
	assert_int_equal(image_ingest_write(ingest, text, LEN, &f->err), 0);
	assert_int_equal(image_ingest_commit(ingest, NULL, &f->err), 0);
	assert_true(has(f));
}

static void a_wrong_digest_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	struct image_ingest *ingest = begin(f, f->digest, UINT64_MAX);

	assert_int_equal(image_ingest_write(ingest, "something else", 14, &f->err), 0);
	assert_int_equal(image_ingest_commit(ingest, NULL, &f->err), -EBADMSG);
	assert_non_null(strstr(error_text(&f->err), "what came is not what was asked for"));
	assert_non_null(strstr(error_text(&f->err), f->digest));
	error_done(&f->err);
	assert_false(has(f));
	ingest = begin(f, f->digest, LEN);
	assert_int_equal(image_ingest_offset(ingest), 0);
	image_ingest_close(ingest);
}

static void sizes_are_kept(void **state)
{
	struct fixture *f = *state;
	struct image_ingest *ingest = begin(f, f->digest, LEN);

	assert_int_equal(image_ingest_write(ingest, text, LEN, &f->err), 0);
	assert_int_equal(image_ingest_write(ingest, "x", 1, &f->err), -EFBIG);
	error_done(&f->err);
	image_ingest_close(ingest);
	ingest = begin(f, f->digest, LEN + 1);
	assert_int_equal(image_ingest_offset(ingest), LEN);
	assert_int_equal(image_ingest_commit(ingest, NULL, &f->err), -EBADMSG);
	assert_non_null(strstr(error_text(&f->err), "bytes instead of"));
	error_done(&f->err);
	assert_false(has(f));
}

static void without_a_digest_nothing_stays(void **state)
{
	struct fixture *f = *state;
	struct image_ingest *ingest = begin(f, NULL, UINT64_MAX);
	char *digest = NULL;

	assert_int_equal(image_ingest_write(ingest, text, 10, &f->err), 0);
	image_ingest_close(ingest);
	assert_int_equal(files_in(f, "tmp"), 0);
	ingest = begin(f, NULL, UINT64_MAX);
	assert_int_equal(image_ingest_write(ingest, text, LEN, &f->err), 0);
	assert_int_equal(image_ingest_commit(ingest, &digest, &f->err), 0);
	assert_string_equal(digest, f->digest);
	free(digest);
	assert_int_equal(files_in(f, "tmp"), 0);
}

static void no_path_by_a_digest(void **state)
{
	static const char *const names[] = { "sha256:../../x", "sha256:", "x",
					     "sha256:ABC",     "",        "/etc/passwd" };
	struct fixture *f = *state;
	struct image_ingest *ingest;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char *blob;
		size_t len;

		assert_int_equal(image_ingest_begin(f->store, names[i], 1, &ingest, &f->err),
				 -EINVAL);
		error_done(&f->err);
		assert_int_equal(image_store_blob(f->store, names[i], 10, &blob, &len, &f->err),
				 -EINVAL);
		error_done(&f->err);
	}
}

/* The second waits for the first, then has nothing to do. */
static void two_at_once_fetch_once(void **state)
{
	struct fixture *f = *state;
	struct image_ingest *ingest;
	int ready[2], go[2], status;
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(go), 0);
	/* Before the lock is taken: a child would have it too. */
	pid = fork();
	if (pid == 0) {
		_cleanup_error_ struct error err = ERROR_INIT;
		_cleanup_image_store_ struct image_store *store = NULL;
		struct image_ingest *mine = NULL;

		if (read(go[0], &byte, 1) != 1 || image_store_open(f->root, &store, &err) < 0 ||
		    write(ready[1], "x", 1) != 1 ||
		    image_ingest_begin(store, f->digest, LEN, &mine, &err) < 0)
			_exit(2);
		_exit(mine != NULL);
	}
	ingest = begin(f, f->digest, LEN);
	assert_int_equal(write(go[1], "x", 1), 1);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(image_ingest_write(ingest, text, LEN, &f->err), 0);
	assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
	assert_int_equal(image_ingest_commit(ingest, NULL, &f->err), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	for (int i = 0; i < 2; i++) {
		(void)close(ready[i]);
		(void)close(go[i]);
	}
}

static void garbage_goes_when_nobody_adds(void **state)
{
	struct fixture *f = *state;
	_cleanup_image_store_ struct image_store *other = NULL;
	struct image_ingest *ingest = begin(f, f->digest, LEN);

	assert_int_equal(image_ingest_write(ingest, text, LEN, &f->err), 0);
	assert_int_equal(image_ingest_commit(ingest, NULL, &f->err), 0);
	assert_int_equal(mkdirat(image_store_fd(f->store), "tmp/killed", 0700), 0);
	assert_int_equal(image_store_open(f->root, &other, &f->err), 0);
	/* The one who adds holds it. */
	assert_int_equal(image_store_collect(other, 0, &f->err), 0);
	assert_true(has(f));
	image_store_close(f->store);
	f->store = TAKE_PTR(other);
	/* Young content may be wanted by a transfer that is taken up again. */
	assert_int_equal(image_store_collect(f->store, 3600, &f->err), 0);
	assert_true(has(f));
	assert_int_equal(files_in(f, "tmp"), 0);
	assert_int_equal(image_store_collect(f->store, 0, &f->err), 0);
	assert_false(has(f));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(content_is_there_when_all_of_it_is),
		TEST(what_was_broken_off_is_taken_up),
		TEST(or_begun_anew),
		TEST(a_wrong_digest_leaves_nothing),
		TEST(sizes_are_kept),
		TEST(without_a_digest_nothing_stays),
		TEST(no_path_by_a_digest),
		TEST(two_at_once_fetch_once),
		TEST(garbage_goes_when_nobody_adds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

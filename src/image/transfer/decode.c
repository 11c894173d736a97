/* SPDX-License-Identifier: Apache-2.0 */
#include "image/transfer/decode.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>

#include "image/transfer/inflate.h"

#define BLOCK ((size_t)1024 * 1024)
#define BLOCKS 4

struct decode {
	struct inflate *inflate;
	struct digest *digest;
	pthread_t thread;
	bool started;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	/* Under the mutex: filled - taken blocks are ready, from taken % BLOCKS on. */
	size_t filled, taken, len[BLOCKS];
	bool end, stop;
	bool holds; /* the reader looks at block taken % BLOCKS */
	struct error failure;
	char *blocks; /* BLOCKS * BLOCK */
};

static void finish(struct decode *decode, struct error *failure)
{
	(void)pthread_mutex_lock(&decode->mutex);
	decode->end = true;
	if (failure->code)
		error_move(&decode->failure, failure);
	(void)pthread_cond_signal(&decode->changed);
	(void)pthread_mutex_unlock(&decode->mutex);
}

/* A block to fill; false when the reader has gone. */
static bool wait_for_room(struct decode *decode, size_t *ret)
{
	bool stop;

	(void)pthread_mutex_lock(&decode->mutex);
	while (!decode->stop && decode->filled - decode->taken == BLOCKS)
		(void)pthread_cond_wait(&decode->changed, &decode->mutex);
	stop = decode->stop;
	*ret = decode->filled % BLOCKS;
	(void)pthread_mutex_unlock(&decode->mutex);
	return !stop;
}

static void *run(void *data)
{
	_cleanup_error_ struct error failure = ERROR_INIT;
	struct decode *decode = data;
	size_t block;

	while (wait_for_room(decode, &block)) {
		char *to = decode->blocks + block * BLOCK;
		ssize_t n = inflate_read(decode->inflate, to, BLOCK, &failure);

		if (n > 0 && digest_update(decode->digest, to, (size_t)n, &failure) < 0)
			n = -1;
		if (n <= 0)
			break;
		(void)pthread_mutex_lock(&decode->mutex);
		decode->len[block] = (size_t)n;
		decode->filled++;
		(void)pthread_cond_signal(&decode->changed);
		(void)pthread_mutex_unlock(&decode->mutex);
	}
	finish(decode, &failure);
	return NULL;
}

/* Signals are for the program's own threads. */
static int start(struct decode *decode, struct error *err)
{
	sigset_t all, before;
	int r;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_BLOCK, &all, &before);
	r = pthread_create(&decode->thread, NULL, run, decode);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r != 0)
		return error_sys(err, r, "start a thread");
	decode->started = true;
	return 0;
}

int decode_begin(int fd, const char *like, struct decode **ret, struct error *err)
{
	struct decode *decode = calloc(1, sizeof(*decode));
	int r;

	if (!decode)
		return error_oom(err);
	(void)pthread_mutex_init(&decode->mutex, NULL);
	(void)pthread_cond_init(&decode->changed, NULL);
	decode->blocks = malloc(BLOCKS * BLOCK);
	r = decode->blocks ? inflate_begin(fd, &decode->inflate, err) : error_oom(err);
	if (r == 0)
		r = digest_begin(like, &decode->digest, err);
	if (r == 0)
		r = start(decode, err);
	if (r < 0) {
		decode_free(decode);
		return r;
	}
	*ret = decode;
	return 0;
}

ssize_t decode_read(void *data, const void **ret, struct error *err)
{
	struct decode *decode = data;
	ssize_t n = 0;

	(void)pthread_mutex_lock(&decode->mutex);
	if (decode->holds) {
		decode->holds = false;
		decode->taken++;
		(void)pthread_cond_signal(&decode->changed);
	}
	while (decode->filled == decode->taken && !decode->end)
		(void)pthread_cond_wait(&decode->changed, &decode->mutex);
	if (decode->filled > decode->taken) {
		size_t block = decode->taken % BLOCKS;

		decode->holds = true;
		*ret = decode->blocks + block * BLOCK;
		n = (ssize_t)decode->len[block];
	} else if (decode->failure.code) {
		n = -decode->failure.code;
		error_move(err, &decode->failure);
	}
	(void)pthread_mutex_unlock(&decode->mutex);
	return n;
}

uint64_t decode_progress(const struct decode *decode)
{
	return inflate_consumed(decode->inflate);
}

int decode_end(struct decode *decode, uint64_t max, char ret[DIGEST_SIZE], struct error *err)
{
	uint64_t left = 0;

	for (;;) {
		const void *data;
		ssize_t n = decode_read(decode, &data, err);

		if (n < 0)
			return (int)n;
		if (n == 0)
			break;
		left += (uint64_t)n;
		if (left > max)
			return error_set(err, EFBIG, "more than %llu bytes after its end",
					 (unsigned long long)max);
	}
	return digest_end(decode->digest, ret, err);
}

void decode_free(struct decode *decode)
{
	if (!decode)
		return;
	if (decode->started) {
		(void)pthread_mutex_lock(&decode->mutex);
		decode->stop = true;
		(void)pthread_cond_signal(&decode->changed);
		(void)pthread_mutex_unlock(&decode->mutex);
		(void)pthread_join(decode->thread, NULL);
	}
	inflate_free(decode->inflate);
	digest_free(decode->digest);
	(void)pthread_cond_destroy(&decode->changed);
	(void)pthread_mutex_destroy(&decode->mutex);
	error_done(&decode->failure);
	free(decode->blocks);
	free(decode);
}

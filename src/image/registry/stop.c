/* SPDX-License-Identifier: Apache-2.0 */
#include "image/registry/stop.h"

#include <errno.h>
#include <time.h>

int stop_init(struct stop *stop)
{
	pthread_condattr_t attributes;
	int e;

	atomic_init(&stop->asked, false);
	e = pthread_condattr_init(&attributes);
	if (e)
		return -e;
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	e = pthread_cond_init(&stop->changed, &attributes);
	(void)pthread_condattr_destroy(&attributes);
	if (e)
		return -e;
	e = pthread_mutex_init(&stop->lock, NULL);
	if (e)
		(void)pthread_cond_destroy(&stop->changed);
	return -e;
}

void stop_done(struct stop *stop)
{
	(void)pthread_cond_destroy(&stop->changed);
	(void)pthread_mutex_destroy(&stop->lock);
}

void stop_ask(struct stop *stop)
{
	(void)pthread_mutex_lock(&stop->lock);
	atomic_store(&stop->asked, true);
	(void)pthread_cond_broadcast(&stop->changed);
	(void)pthread_mutex_unlock(&stop->lock);
}

bool stop_wait(struct stop *stop, unsigned ms)
{
	struct timespec until;
	int e = 0;

	if (!stop) {
		until = (struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
		while (nanosleep(&until, &until) < 0 && errno == EINTR)
			;
		return true;
	}
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	(void)pthread_mutex_lock(&stop->lock);
	while (!atomic_load(&stop->asked) && e == 0)
		e = pthread_cond_timedwait(&stop->changed, &stop->lock, &until);
	(void)pthread_mutex_unlock(&stop->lock);
	return !atomic_load(&stop->asked);
}

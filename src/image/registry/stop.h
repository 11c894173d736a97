/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Several threads of one transfer: when one fails the others are to end soon, also out of a wait. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct stop {
	atomic_bool asked;
	pthread_mutex_t lock;
	pthread_cond_t changed;
};

int stop_init(struct stop *stop);
void stop_done(struct stop *stop);
void stop_ask(struct stop *stop);
static inline bool stop_asked(struct stop *stop)
{
	return stop && atomic_load(&stop->asked);
}
/* Waits so many milliseconds; false: asked to stop. stop NULL: nobody can. */
bool stop_wait(struct stop *stop, unsigned ms);

/* SPDX-License-Identifier: Apache-2.0 */
/* The rate that a guest is told is the rate at which this machine's counter runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <time.h>
#include <x86intrin.h>

#include "vm/tsc_x86_64.h"

static double now(void)
{
	struct timespec t;

	assert_int_equal(clock_gettime(CLOCK_MONOTONIC_RAW, &t), 0);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void a_guest_s_clock_runs_as_fast_as_ours(void **state)
{
	const struct timespec pause = { .tv_nsec = 200000000 };
	double start, measured;
	unsigned long long ticks;

	(void)state;
	start = now();
	ticks = __rdtsc();
	(void)nanosleep(&pause, NULL);
	measured = (double)(__rdtsc() - ticks) / (now() - start);
	/* An interruption between two readings here costs this much, and no more. */
	assert_true(measured * 0.99 < tsc_khz() && tsc_khz() < measured * 1.01);
}

static void it_is_the_same_each_time(void **state)
{
	unsigned first = tsc_khz();

	(void)state;
	assert_in_range(tsc_khz(), first - first / 10000, first + first / 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_guest_s_clock_runs_as_fast_as_ours),
		cmocka_unit_test(it_is_the_same_each_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

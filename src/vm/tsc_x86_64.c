/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/tsc_x86_64.h"

#include <linux/perf_event.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <x86intrin.h>

#include "base/cleanup.h"

#define MEASURE_NS 5000000
#define NS_PER_S 1000000000ll

/* The page of an event that counts nothing: perf_event_open(2), cap_user_time. */
static unsigned from_perf(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_DUMMY,
		.disabled = 1,
		.exclude_kernel = 1,
		.exclude_hv = 1,
	};
	_cleanup_close_ int fd =
		(int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	struct perf_event_mmap_page *page;
	unsigned ret = 0;

	if (fd < 0)
		return 0;
	page = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		return 0;
	/* ns = ticks * mult >> shift */
	if (page->cap_user_time && page->time_mult && page->time_shift < 40)
		ret = (unsigned)(((1000000ull << page->time_shift) + page->time_mult / 2) /
				 page->time_mult);
	(void)munmap(page, size);
	return ret;
}

static int64_t raw_ns(void)
{
	struct timespec now = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC_RAW, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* One reading of both clocks: the tightest of a few, as any may be interrupted half-way. */
static void read_both(uint64_t *ticks, int64_t *ns)
{
	uint64_t tightest = UINT64_MAX;

	for (int i = 0; i < 8; i++) {
		uint64_t before = __rdtsc();
		int64_t now = raw_ns();
		uint64_t after = __rdtsc();

		if (after - before < tightest) {
			tightest = after - before;
			*ticks = before + tightest / 2;
			*ns = now;
		}
	}
}

static unsigned from_clock(void)
{
	const struct timespec pause = { .tv_nsec = MEASURE_NS };
	uint64_t ticks[2] = { 0 };
	int64_t ns[2] = { 0 };

	read_both(&ticks[0], &ns[0]);
	(void)nanosleep(&pause, NULL);
	read_both(&ticks[1], &ns[1]);
	if (ns[1] <= ns[0] || ticks[1] <= ticks[0] || ns[1] - ns[0] > NS_PER_S)
		return 0;
	return (unsigned)(((ticks[1] - ticks[0]) * 2000000 / (uint64_t)(ns[1] - ns[0]) + 1) / 2);
}

unsigned tsc_khz(void)
{
	unsigned khz = from_perf();

	return khz ? khz : from_clock();
}

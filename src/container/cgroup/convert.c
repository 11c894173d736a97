/* SPDX-License-Identifier: Apache-2.0 */
#include "container/cgroup/convert.h"

#include <math.h>

uint64_t convert_shares_to_weight(uint64_t shares)
{
	double l;

	if (shares == 0)
		return 0;
	if (shares <= 2)
		return 1;
	if (shares >= 262144)
		return 10000;
	/* A parabola in log-log space through (2,1), (1024,100) and (262144,10000): with l =
	 * log2(shares) the three points give log10(weight) = (l² + 125 l) / 612 − 7/34. The
	 * straight line used earlier made 1024, everyone's default, 39 instead of 100. */
	l = log2((double)shares);
	return (uint64_t)ceil(pow(10, (l * l + 125 * l) / 612.0 - 7.0 / 34.0));
}

uint64_t convert_blkio_weight(uint64_t weight)
{
	if (weight == 0)
		return 0;
	if (weight <= 10)
		return 1;
	if (weight >= 1000)
		return 10000;
	return 1 + (weight - 10) * 9999 / 990;
}

int convert_swap(int64_t swap, int64_t limit, int64_t *ret)
{
	if (swap == 0) {
		/* Lifting the memory limit lifts that of both together. */
		*ret = limit < 0 ? -1 : -2;
		return 0;
	}
	if (swap < 0) {
		*ret = -1;
		return 0;
	}
	if (limit == 0 || limit < 0 || swap < limit)
		return -EINVAL;
	*ret = swap - limit;
	return 0;
}

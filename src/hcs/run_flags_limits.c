/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of run, create and update. */
#include <ctype.h>
#include <string.h>

#include "cli/number.h"
#include "hcs/run_flags.h"
#include "service/lifecycle.h"
#include "service/lists.h"

#define NANO ((int64_t)1000000000)

static int take_size(const char *flag, const char *text, bool unlimited, int64_t *ret,
		     struct error *err)
{
	if (!text)
		return 0;
	if (number_size(text, ret) < 0 || *ret < -1 || (*ret == -1 && !unlimited))
		return flag_invalid(err, flag, text, "invalid size: '%s'", text);
	return 1;
}

static int take_number(const char *flag, const char *text, int64_t min, int64_t *ret,
		       struct error *err)
{
	if (!text)
		return 0;
	if (number_signed(text, ret) < 0 || *ret < min)
		return flag_invalid(err, flag, text, "expected a number from %lld on",
				    (long long)min);
	return 1;
}

/* "1.5" → 1500000000. */
static int take_cpus(const char *text, int64_t *ret, struct error *err)
{
	const size_t whole = strspn(text, "0123456789");
	const char *fraction = text[whole] == '.' ? text + whole + 1 : "";
	int64_t nano = 0, unit = NANO / 10;

	if (whole > 6 || whole + strlen(fraction) == 0 ||
	    fraction[strspn(fraction, "0123456789")] || (text[whole] && text[whole] != '.'))
		return flag_invalid(err, "--cpus", text, "not a number such as 1.5");
	if (strlen(fraction) > 9)
		return flag_invalid(err, "--cpus", text, "value is too precise");
	for (size_t i = 0; i < whole; i++)
		nano = nano * 10 + (text[i] - '0');
	nano *= NANO;
	for (; *fraction; fraction++, unit /= 10)
		nano += (*fraction - '0') * unit;
	*ret = nano;
	return 0;
}

struct number_flag {
	const char *flag, *text;
	int64_t *to;
	uint64_t bit;
	int64_t min;
	bool size, unlimited;
};

static int take_numbers(const struct limit_flags *f, struct container_config *c, uint64_t *mask,
			struct error *err)
{
	int64_t weight = 0;
	const struct number_flag numbers[] = {
		{ "--memory", f->memory, &c->memory, UPDATE_MEMORY, 0, true, false },
		{ "--memory-reservation", f->memory_reservation, &c->memory_reservation,
		  UPDATE_MEMORY_RESERVATION, 0, true, false },
		{ "--memory-swap", f->memory_swap, &c->memory_swap, UPDATE_MEMORY_SWAP, 0, true,
		  true },
		{ "--cpu-shares", f->cpu_shares, &c->cpu_shares, UPDATE_CPU_SHARES, 0, false,
		  false },
		{ "--cpu-period", f->cpu_period, &c->cpu_period, UPDATE_CPU_PERIOD, 0, false,
		  false },
		{ "--cpu-quota", f->cpu_quota, &c->cpu_quota, UPDATE_CPU_QUOTA, -1, false, false },
		{ "--pids-limit", f->pids_limit, &c->pids_limit, UPDATE_PIDS, -1, false, false },
		{ "--blkio-weight", f->blkio_weight, &weight, UPDATE_BLKIO_WEIGHT, 0, false,
		  false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		const struct number_flag *n = &numbers[i];
		int r = n->size ? take_size(n->flag, n->text, n->unlimited, n->to, err)
				: take_number(n->flag, n->text, n->min, n->to, err);

		if (r < 0)
			return r;
		if (r > 0)
			*mask |= n->bit;
	}
	if (weight > UINT16_MAX)
		return flag_invalid(err, "--blkio-weight", f->blkio_weight,
				    "Range of blkio weight is from 10 to 1000");
	if (f->blkio_weight)
		c->blkio_weight = (uint32_t)weight;
	return 0;
}

int limit_flags_apply(const struct limit_flags *f, struct container_config *c, uint64_t *ret_mask,
		      struct error *err)
{
	uint64_t mask = 0;
	int r = take_numbers(f, c, &mask, err);

	if (r == 0 && f->cpus) {
		mask |= UPDATE_CPUS;
		r = take_cpus(f->cpus, &c->nano_cpus, err);
	}
	if (r == 0 && f->cpuset_cpus) {
		mask |= UPDATE_CPUSET_CPUS;
		r = text_set(&c->arena, &c->cpuset_cpus, f->cpuset_cpus, err);
	}
	if (r == 0 && f->cpuset_mems) {
		mask |= UPDATE_CPUSET_MEMS;
		r = text_set(&c->arena, &c->cpuset_mems, f->cpuset_mems, err);
	}
	if (r == 0 && f->restart) {
		mask |= UPDATE_RESTART;
		/* As in docker, an empty policy is none. */
		r = restart_policy_parse(*f->restart ? f->restart : "no", &c->restart.policy,
					 &c->restart.max_retries, err);
	}
	if (r == 0 && f->memory_swappiness) {
		r = take_number("--memory-swappiness", f->memory_swappiness, -1,
				&c->memory_swappiness.value, err);
		c->memory_swappiness.set = c->memory_swappiness.value >= 0;
		r = r > 0 ? 0 : r;
	}
	if (r == 0 && ret_mask)
		*ret_mask = mask;
	return r;
}

/* --- --ulimit NAME=SOFT[:HARD] ------------------------------------------------------------------ */

static int take_limit(const char *text, size_t len, uint64_t *ret)
{
	char number[24] = "";
	int64_t value;

	if (len == 0 || len >= sizeof(number))
		return -EINVAL;
	memcpy(number, text, len);
	if (number_signed(number, &value) < 0 || value < -1)
		return -EINVAL;
	*ret = value < 0 ? UINT64_MAX : (uint64_t)value;
	return 0;
}

static int take_ulimit(const char *text, struct container_config *config, struct error *err)
{
	const size_t name = strcspn(text, "=");
	const char *soft = text[name] ? text + name + 1 : "";
	const size_t soft_len = strcspn(soft, ":");
	const char *hard = soft[soft_len] ? soft + soft_len + 1 : soft;
	struct oci_rlimit limit = { 0 }, *items;
	size_t i = 0;

	if (!name || take_limit(soft, soft_len, &limit.soft) < 0 ||
	    take_limit(hard, hard == soft ? soft_len : strlen(hard), &limit.hard) < 0)
		return flag_invalid(err, "--ulimit", text, "invalid ulimit argument: %s", text);
	limit.type = arena_printf(&config->arena, "RLIMIT_%.*s", (int)name, text);
	if (!limit.type)
		return error_oom(err);
	for (char *c = limit.type; *c; c++)
		*c = (char)toupper((unsigned char)*c);
	while (i < config->ulimits.len && strcmp(config->ulimits.items[i].type, limit.type) != 0)
		i++;
	if (i < config->ulimits.len) {
		config->ulimits.items[i] = limit;
		return 0;
	}
	items = list_grow(&config->arena, config->ulimits.items, i, 1, sizeof(*items));
	if (!items)
		return error_oom(err);
	items[i] = limit;
	config->ulimits = (struct oci_rlimits){ items, i + 1 };
	return 0;
}

int run_flags_ulimits(const struct run_flags *flags, struct container_config *config,
		      struct error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < flags->ulimits.len; i++)
		r = take_ulimit(flags->ulimits.items[i], config, err);
	return r;
}

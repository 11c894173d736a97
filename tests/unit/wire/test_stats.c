/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/cleanup.h"
#include "wire/stats.h"

/* Each field a value of its own, so that none can stand for another. */
static void fill(struct cgroup_stats *s)
{
	uint64_t n = 1000;

	*s = (struct cgroup_stats){
		.has_cpu = true, .has_pids = true, .has_psi = true, .use_hierarchy = true
	};
	s->cpu_total = n++;
	s->cpu_user = n++;
	s->cpu_kernel = n++;
	s->percpu_len = 3;
	s->percpu = calloc(3, sizeof(*s->percpu));
	for (size_t i = 0; i < 3; i++)
		s->percpu[i] = n++;
	s->periods = n++;
	s->throttled_periods = n++;
	s->throttled_time = n++;
	s->memory = (struct cgroup_memory_counter){ n, n + 1, n + 2, UINT64_MAX };
	s->swap = (struct cgroup_memory_counter){ n + 3, n + 4, n + 5, INT64_MAX };
	s->kernel = (struct cgroup_memory_counter){ n + 6, n + 7, n + 8, n + 9 };
	s->kernel_tcp = (struct cgroup_memory_counter){ n + 10, n + 11, n + 12, n + 13 };
	n += 14;
	s->memory_cache = n++;
	s->memory_raw_len = 2;
	s->memory_raw = calloc(2, sizeof(*s->memory_raw));
	s->memory_raw[0] = (struct cgroup_stat_entry){ "anon", n++ };
	memset(s->memory_raw[1].name, 'x', sizeof(s->memory_raw[1].name) - 1);
	s->oom_kills = n++;
	s->pids_current = n++;
	s->pids_limit = n++;
	s->io_bytes_len = 1;
	s->io_bytes = calloc(1, sizeof(*s->io_bytes));
	s->io_bytes[0] = (struct cgroup_io_entry){ 8, 0, n++, "Read" };
	s->io_ops_len = 1;
	s->io_ops = calloc(1, sizeof(*s->io_ops));
	s->io_ops[0] = (struct cgroup_io_entry){ 8, 16, n++, "Write" };
	s->hugetlb_len = 1;
	s->hugetlb = calloc(1, sizeof(*s->hugetlb));
	s->hugetlb[0] = (struct cgroup_hugetlb_stat){ "2MB", n, n + 1, n + 2 };
	s->rdma_len = 1;
	s->rdma = calloc(1, sizeof(*s->rdma));
	s->rdma[0] = (struct cgroup_rdma_stat){ "mlx5_1", 3, UINT32_MAX, true };
	n += 3;
	s->cpu_some = (struct cgroup_psi){ 0.29, 1.15, 100, n++ };
	s->cpu_full = (struct cgroup_psi){ 0.01, 99.99, 33.33, n++ };
	s->memory_some = (struct cgroup_psi){ 4.35, 0.57, 0.58, n++ };
	s->memory_full = (struct cgroup_psi){ 5, 6, 7, n++ };
	s->io_some = (struct cgroup_psi){ 8, 9, 10, n++ };
	s->io_full = (struct cgroup_psi){ 11, 12, 13, n++ };
}

static json_t *filled(void)
{
	struct cgroup_stats stats;
	json_t *json;

	fill(&stats);
	json = wire_stats_json(&stats);
	assert_non_null(json);
	cgroup_stats_done(&stats);
	return json;
}

static void assert_list(const void *a, size_t a_len, const void *b, size_t b_len, size_t size)
{
	assert_int_equal(a_len, b_len);
	assert_memory_equal(a, b, a_len * size);
}

/* Everything that is not behind a pointer is compared as memory: a field that is added to the
 * struct but not to the table, and filled above, makes this fail. */
static void every_field_arrives(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct cgroup_stats sent, got, plain_sent, plain_got;
	json_t *json;

	(void)state;
	memset(&sent, 0, sizeof(sent));
	memset(&got, 0, sizeof(got));
	fill(&sent);
	json = wire_stats_json(&sent);
	if (wire_stats_parse(json, &got, &err) < 0)
		fail_msg("%s", error_text(&err));
#define SAME(field)                                                                                \
	assert_list(sent.field, sent.field##_len, got.field, got.field##_len,                      \
		    sizeof(*sent.field));                                                          \
	plain_sent.field = plain_got.field = NULL
	memcpy(&plain_sent, &sent, sizeof(sent));
	memcpy(&plain_got, &got, sizeof(got));
	SAME(percpu);
	SAME(memory_raw);
	SAME(io_bytes);
	SAME(io_ops);
	SAME(hugetlb);
	SAME(rdma);
	assert_memory_equal(&plain_sent, &plain_got, sizeof(sent));
	json_decref(json);
	cgroup_stats_done(&sent);
	cgroup_stats_done(&got);
}

static void nothing_counted_arrives_as_nothing(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct cgroup_stats none = { 0 }, got;
	json_t *json = wire_stats_json(&none);

	(void)state;
	assert_int_equal(wire_stats_parse(json, &got, &err), 0);
	assert_false(got.has_cpu || got.has_memory || got.has_pids || got.has_io || got.has_psi);
	assert_null(got.percpu);
	assert_int_equal(got.io_bytes_len, 0);
	json_decref(json);
}

static void assert_refused(json_t *json, const char *what)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct cgroup_stats got = { .oom_kills = 7 };

	if (wire_stats_parse(json, &got, &err) != -EPROTO)
		fail_msg("%s was taken", what);
	assert_int_equal(got.oom_kills, 7);
	assert_null(got.percpu);
	assert_true(error_text(&err)[0]);
	assert_null(strpbrk(error_text(&err), "\n\x1b"));
}

/* Each member of the object and of what is in it, in turn taken away or of another kind. */
static void assert_strict(json_t *root, json_t *object)
{
	json_t *members = json_copy(object), *value; /* members change place while they change */
	const char *key;

	json_object_foreach(members, key, value)
	{
		json_t *others[] = {
			json_null(),         json_integer(-1),  json_real(1.5),
			json_string("1\n"),  json_object(),     json_pack("[n]"),
			json_string("\x11"), json_pack("[{}]"), json_pack("{s:i}", "a", 1)
		};

		json_incref(value);
		for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
			json_object_set_new(object, key, others[i]);
			assert_refused(root, key);
		}
		json_object_set(object, key, value);
		json_object_del(object, key);
		assert_refused(root, key);
		json_object_set_new(object, "other", json_integer(1));
		assert_refused(root, key);
		json_object_del(object, "other");
		json_object_set(object, key, value);
		if (json_is_object(value))
			assert_strict(root, value);
		else if (json_is_object(json_array_get(value, 0)))
			assert_strict(root, json_array_get(value, 0));
		json_decref(value);
	}
	json_decref(members);
}

static void a_field_missing_or_of_another_kind_is_refused(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	json_t *json = filled();
	struct cgroup_stats got;

	(void)state;
	assert_refused(NULL, "nothing");
	assert_refused(json_object_get(json, "percpu"), "an array");
	assert_strict(json, json);
	assert_int_equal(wire_stats_parse(json, &got, &err), 0); /* whole again */
	cgroup_stats_done(&got);
	json_decref(json);
}

static json_t *many(const json_t *item, size_t n)
{
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append(array, (json_t *)item);
	return array;
}

static void lists_are_bounded(void **state)
{
	static const struct {
		const char *name;
		size_t max;
	} lists[] = {
		{ "percpu", WIRE_STATS_PERCPU_MAX },   { "memory_raw", WIRE_STATS_MEMORY_MAX },
		{ "io_bytes", WIRE_STATS_IO_MAX },     { "io_ops", WIRE_STATS_IO_MAX },
		{ "hugetlb", WIRE_STATS_HUGETLB_MAX }, { "rdma", WIRE_STATS_RDMA_MAX },
	};
	_cleanup_error_ struct error err = ERROR_INIT;
	json_t *json = filled();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		json_t *list = json_incref(json_object_get(json, lists[i].name));
		struct cgroup_stats got;

		json_object_set_new(json, lists[i].name,
				    many(json_array_get(list, 0), lists[i].max));
		assert_int_equal(wire_stats_parse(json, &got, &err), 0);
		cgroup_stats_done(&got);
		json_object_set_new(json, lists[i].name,
				    many(json_array_get(list, 0), lists[i].max + 1));
		assert_refused(json, lists[i].name);
		json_object_set_new(json, lists[i].name, list);
	}
	json_decref(json);
}

/* A host with more of something than is sent gets the first of them, not an error. */
static void the_writer_keeps_to_the_bounds(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct cgroup_stats stats = { .percpu_len = WIRE_STATS_PERCPU_MAX + 1 }, got;
	json_t *json;

	(void)state;
	stats.percpu = calloc(stats.percpu_len, sizeof(*stats.percpu));
	json = wire_stats_json(&stats);
	assert_int_equal(wire_stats_parse(json, &got, &err), 0);
	assert_int_equal(got.percpu_len, WIRE_STATS_PERCPU_MAX);
	json_decref(json);
	cgroup_stats_done(&got);
	cgroup_stats_done(&stats);
}

static void text_and_numbers_are_bounded(void **state)
{
	static const char *const names[] = {
		"a\tb", "a b", "\"", "\\", "\x1b[2J", "\xc3\xa9", "0123456789abcdef"
	};
	json_t *json = filled(), *io = json_array_get(json_object_get(json, "io_bytes"), 0);
	json_t *rdma = json_array_get(json_object_get(json, "rdma"), 0);
	json_t *psi = json_object_get(json, "cpu_some");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		json_object_set_new(io, "op", json_string(names[i]));
		assert_refused(json, names[i]);
	}
	json_object_set_new(io, "op", json_string("Read"));
	json_object_set_new(rdma, "handles", json_integer((json_int_t)UINT32_MAX + 1));
	assert_refused(json, "handles");
	json_object_set_new(rdma, "handles", json_integer(1));
	json_object_set_new(psi, "avg10", json_integer(10001));
	assert_refused(json, "avg10");
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_arrives),
		cmocka_unit_test(nothing_counted_arrives_as_nothing),
		cmocka_unit_test(a_field_missing_or_of_another_kind_is_refused),
		cmocka_unit_test(lists_are_bounded),
		cmocka_unit_test(the_writer_keeps_to_the_bounds),
		cmocka_unit_test(text_and_numbers_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

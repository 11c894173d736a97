/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/stats.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/json_tree.h"

enum field_type {
	FIELD_BOOL,
	FIELD_U32,
	FIELD_U64,
	FIELD_PERCENT, /* double from 0 to 100 with two digits, as hundredths */
	FIELD_TEXT,    /* char[max] */
	FIELD_OBJECT,  /* a struct in the struct */
	FIELD_LIST,    /* T * and size_t, at most max */
};

struct field {
	const char *name;
	enum field_type type;
	size_t offset, len_offset, max;
	const struct fields *fields; /* of the struct, or of each element; none: plain uint64_t */
};
struct fields {
	const struct field *items;
	size_t len, size; /* size: of the struct */
};

#define AT(s, kind, field) .name = #field, .type = (kind), .offset = offsetof(s, field)
#define TEXT(s, field) AT(s, FIELD_TEXT, field), .max = sizeof(((s *)0)->field)
#define OBJECT(s, field, of) AT(s, FIELD_OBJECT, field), .fields = &(of)
#define LIST(field, most, of)                                                                      \
	AT(struct cgroup_stats, FIELD_LIST, field),                                                \
		.len_offset = offsetof(struct cgroup_stats, field##_len), .max = (most),           \
		.fields = (of)
#define FIELDS(table, type)                                                                        \
	{                                                                                          \
		(table), ARRAY_SIZE(table), sizeof(type)                                           \
	}

static const struct field entry_table[] = {
	{ TEXT(struct cgroup_stat_entry, name) },
	{ AT(struct cgroup_stat_entry, FIELD_U64, value) },
};
static const struct fields entry_fields = FIELDS(entry_table, struct cgroup_stat_entry);

static const struct field counter_table[] = {
	{ AT(struct cgroup_memory_counter, FIELD_U64, usage) },
	{ AT(struct cgroup_memory_counter, FIELD_U64, max) },
	{ AT(struct cgroup_memory_counter, FIELD_U64, failcnt) },
	{ AT(struct cgroup_memory_counter, FIELD_U64, limit) },
};
static const struct fields counter_fields = FIELDS(counter_table, struct cgroup_memory_counter);

static const struct field io_table[] = {
	{ AT(struct cgroup_io_entry, FIELD_U64, major) },
	{ AT(struct cgroup_io_entry, FIELD_U64, minor) },
	{ AT(struct cgroup_io_entry, FIELD_U64, value) },
	{ TEXT(struct cgroup_io_entry, op) },
};
static const struct fields io_fields = FIELDS(io_table, struct cgroup_io_entry);

static const struct field hugetlb_table[] = {
	{ TEXT(struct cgroup_hugetlb_stat, size) },
	{ AT(struct cgroup_hugetlb_stat, FIELD_U64, usage) },
	{ AT(struct cgroup_hugetlb_stat, FIELD_U64, max) },
	{ AT(struct cgroup_hugetlb_stat, FIELD_U64, failcnt) },
};
static const struct fields hugetlb_fields = FIELDS(hugetlb_table, struct cgroup_hugetlb_stat);

static const struct field rdma_table[] = {
	{ TEXT(struct cgroup_rdma_stat, device) },
	{ AT(struct cgroup_rdma_stat, FIELD_U32, handles) },
	{ AT(struct cgroup_rdma_stat, FIELD_U32, objects) },
	{ AT(struct cgroup_rdma_stat, FIELD_BOOL, limit) },
};
static const struct fields rdma_fields = FIELDS(rdma_table, struct cgroup_rdma_stat);

static const struct field psi_table[] = {
	{ AT(struct cgroup_psi, FIELD_PERCENT, avg10) },
	{ AT(struct cgroup_psi, FIELD_PERCENT, avg60) },
	{ AT(struct cgroup_psi, FIELD_PERCENT, avg300) },
	{ AT(struct cgroup_psi, FIELD_U64, total) },
};
static const struct fields psi_fields = FIELDS(psi_table, struct cgroup_psi);

#define STAT(kind, field) AT(struct cgroup_stats, kind, field)
#define COUNTER(field) OBJECT(struct cgroup_stats, field, counter_fields)
#define PSI(field) OBJECT(struct cgroup_stats, field, psi_fields)

static const struct field stats_table[] = {
	{ STAT(FIELD_BOOL, has_cpu) },
	{ STAT(FIELD_BOOL, has_memory) },
	{ STAT(FIELD_BOOL, has_pids) },
	{ STAT(FIELD_BOOL, has_io) },
	{ STAT(FIELD_BOOL, has_psi) },
	{ STAT(FIELD_U64, cpu_total) },
	{ STAT(FIELD_U64, cpu_user) },
	{ STAT(FIELD_U64, cpu_kernel) },
	{ LIST(percpu, WIRE_STATS_PERCPU_MAX, NULL) },
	{ STAT(FIELD_U64, periods) },
	{ STAT(FIELD_U64, throttled_periods) },
	{ STAT(FIELD_U64, throttled_time) },
	{ COUNTER(memory) },
	{ COUNTER(swap) },
	{ COUNTER(kernel) },
	{ COUNTER(kernel_tcp) },
	{ STAT(FIELD_U64, memory_cache) },
	{ LIST(memory_raw, WIRE_STATS_MEMORY_MAX, &entry_fields) },
	{ STAT(FIELD_BOOL, use_hierarchy) },
	{ STAT(FIELD_U64, oom_kills) },
	{ STAT(FIELD_U64, pids_current) },
	{ STAT(FIELD_U64, pids_limit) },
	{ LIST(io_bytes, WIRE_STATS_IO_MAX, &io_fields) },
	{ LIST(io_ops, WIRE_STATS_IO_MAX, &io_fields) },
	{ LIST(hugetlb, WIRE_STATS_HUGETLB_MAX, &hugetlb_fields) },
	{ LIST(rdma, WIRE_STATS_RDMA_MAX, &rdma_fields) },
	{ PSI(cpu_some) },
	{ PSI(cpu_full) },
	{ PSI(memory_some) },
	{ PSI(memory_full) },
	{ PSI(io_some) },
	{ PSI(io_full) },
};
static const struct fields stats_fields = FIELDS(stats_table, struct cgroup_stats);

static json_t *write_fields(const struct fields *fields, const char *from);

static json_t *write_list(const struct field *f, const char *from)
{
	const char *items = *(const char *const *)(from + f->offset);
	size_t len = *(const size_t *)(from + f->len_offset);
	json_t *array = json_array();

	for (size_t i = 0; array && i < len && i < f->max; i++) {
		json_t *item = f->fields
				       ? write_fields(f->fields, items + i * f->fields->size)
				       : json_tree_u64(((const uint64_t *)(const void *)items)[i]);

		if (json_array_append_new(array, item) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static json_t *write_field(const struct field *f, const char *from)
{
	const void *at = from + f->offset;

	switch (f->type) {
	case FIELD_BOOL:
		return json_boolean(*(const bool *)at);
	case FIELD_U32:
		return json_integer(*(const uint32_t *)at);
	case FIELD_U64:
		return json_tree_u64(*(const uint64_t *)at);
	case FIELD_PERCENT:
		return json_integer((json_int_t)(*(const double *)at * 100 + 0.5));
	case FIELD_TEXT:
		return json_string(at);
	case FIELD_OBJECT:
		return write_fields(f->fields, at);
	default:
		return write_list(f, from);
	}
}

static json_t *write_fields(const struct fields *fields, const char *from)
{
	json_t *object = json_object();

	for (size_t i = 0; object && i < fields->len; i++) {
		json_t *value = write_field(&fields->items[i], from);

		if (json_object_set_new(object, fields->items[i].name, value) < 0) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}

json_t *wire_stats_json(const struct cgroup_stats *stats)
{
	return write_fields(&stats_fields, (const char *)stats);
}

static int wrong(const struct field *f, struct error *err)
{
	return error_set(err, EPROTO, "statistics from the guest: %s is not right", f->name);
}

/* Names are keys and words of what is printed. */
static bool is_name(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] > '~' || text[i] == '"' || text[i] == '\\')
			return false;
	return true;
}

static int parse_fields(const struct fields *fields, const json_t *from, char *ret,
			struct error *err);

/* What was read of a list that turns out to be broken is freed with the rest. */
static int parse_list(const struct field *f, const json_t *from, char *ret, struct error *err)
{
	size_t len = json_array_size(from), *ret_len = (size_t *)(void *)(ret + f->len_offset);
	char *items;

	if (!json_is_array(from) || len > f->max)
		return wrong(f, err);
	if (!len)
		return 0;
	items = calloc(len, f->fields ? f->fields->size : sizeof(uint64_t));
	if (!items)
		return error_oom(err);
	*(char **)(void *)(ret + f->offset) = items;
	*ret_len = len;
	for (size_t i = 0; i < len; i++) {
		const json_t *item = json_array_get(from, i);
		int r;

		if (f->fields)
			r = parse_fields(f->fields, item, items + i * f->fields->size, err);
		else if (!json_tree_get_u64(item, &((uint64_t *)(void *)items)[i]))
			r = wrong(f, err);
		else
			r = 0;
		if (r < 0)
			return r;
	}
	return 0;
}

static int parse_field(const struct field *f, const json_t *from, char *ret, struct error *err)
{
	void *at = ret + f->offset;
	uint64_t number = 0;

	switch (f->type) {
	case FIELD_BOOL:
		*(bool *)at = json_is_true(from);
		return json_is_boolean(from) ? 0 : wrong(f, err);
	case FIELD_U32:
		if (!json_tree_get_u64(from, &number) || number > UINT32_MAX)
			return wrong(f, err);
		*(uint32_t *)at = (uint32_t)number;
		return 0;
	case FIELD_U64:
		return json_tree_get_u64(from, at) ? 0 : wrong(f, err);
	case FIELD_PERCENT:
		if (!json_tree_get_u64(from, &number) || number > 10000)
			return wrong(f, err);
		*(double *)at = (double)number / 100;
		return 0;
	case FIELD_TEXT:
		if (!json_is_string(from) || json_string_length(from) >= f->max ||
		    !is_name(json_string_value(from), json_string_length(from)))
			return wrong(f, err);
		memcpy(at, json_string_value(from), json_string_length(from) + 1);
		return 0;
	case FIELD_OBJECT:
		return parse_fields(f->fields, from, at, err);
	default:
		return parse_list(f, from, ret, err);
	}
}

/* ret is zeroed. As many members as fields, and each of these there: no others. */
static int parse_fields(const struct fields *fields, const json_t *from, char *ret,
			struct error *err)
{
	if (!json_is_object(from) || json_object_size(from) != fields->len)
		return error_set(err, EPROTO,
				 "statistics from the guest: not the fields that are wanted");
	for (size_t i = 0; i < fields->len; i++) {
		const struct field *f = &fields->items[i];
		int r = parse_field(f, json_object_get(from, f->name), ret, err);

		if (r < 0)
			return r;
	}
	return 0;
}

int wire_stats_parse(const json_t *from, struct cgroup_stats *ret, struct error *err)
{
	struct cgroup_stats stats = { 0 };
	int r = parse_fields(&stats_fields, from, (char *)&stats, err);

	if (r < 0)
		cgroup_stats_done(&stats);
	else
		*ret = stats;
	return r;
}

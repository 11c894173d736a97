/* SPDX-License-Identifier: Apache-2.0 */
#include "service/container_config_parts.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "base/number.h"
#include "service/lists.h"
#include "service/volume_spec.h"

/* value, owned here, becomes *ret. */
static int give(json_t *value, json_t **ret, struct error *err)
{
	*ret = value;
	return value ? 0 : error_oom(err);
}

/* --- sets: the keys of an object whose values are empty objects --------------------------------- */

static int set_read(const struct json_at *at, struct arena *arena, struct strv *list,
		    struct error *err)
{
	struct json_at member;
	void *iter = NULL;
	size_t len;
	int r = json_get_object(at, &len, err);

	if (r == 0) {
		list->items =
			list_grow(arena, list->items, list->len, len + 1, sizeof(*list->items));
		r = list->items ? 0 : error_oom(err);
	}
	while (r == 0 && json_next_member(at, &iter, &member)) {
		r = text_set(arena, &list->items[list->len], member.key, err);
		list->len += r == 0;
	}
	return r;
}

static int set_write(const struct strv *list, json_t **ret, struct error *err)
{
	json_t *object = list->len > 0 ? json_object() : NULL;

	for (size_t i = 0; object && i < list->len; i++)
		if (json_object_set_new(object, list->items[i], json_object()) < 0) {
			json_decref(object);
			return error_set(err, EILSEQ, "\"%s\" is not UTF-8", list->items[i]);
		}
	*ret = object;
	return 0;
}

int exposed_ports_read(const struct json_at *at, struct arena *arena, void *ret, struct error *err)
{
	struct container_config *config = ret;

	return set_read(at, arena, &config->exposed_ports, err);
}

int exposed_ports_write(const struct json_at *at, const void *from, json_t **ret, struct error *err)
{
	const struct container_config *config = from;

	(void)at;
	return set_write(&config->exposed_ports, ret, err);
}

int image_volumes_read(const struct json_at *at, struct arena *arena, void *ret, struct error *err)
{
	struct container_config *config = ret;

	return set_read(at, arena, &config->volumes_of_image, err);
}

int image_volumes_write(const struct json_at *at, const void *from, json_t **ret, struct error *err)
{
	const struct container_config *config = from;

	(void)at;
	return set_write(&config->volumes_of_image, ret, err);
}

/* --- {"Type": "json-file", "Config": {"max-size": "10485760", "max-file": "3"}} ----------------- */

struct log_entry {
	char *type;
	struct key_values config;
};
static const struct property log_properties[] = {
	{ P_STRING(struct log_entry, "Type", type), P_REQUIRED },
	{ P_MAP(struct log_entry, "Config", config) },
};
static const struct object_type log_type = OBJECT_TYPE(log_properties, struct log_entry, NULL);

int log_config_read(const struct json_at *at, struct arena *arena, void *ret, struct error *err)
{
	struct container_config *config = ret;
	struct log_entry entry = { 0 };
	const char *size, *file;
	uint64_t files = 0;
	int r = object_read(at, &log_type, arena, &entry, err);

	if (r < 0)
		return r;
	size = key_values_get(&entry.config, "max-size");
	file = key_values_get(&entry.config, "max-file");
	if ((size && number_unsigned(size, INT64_MAX, &config->log.max_size) < 0) ||
	    (file && number_unsigned(file, UINT32_MAX, &files) < 0))
		return json_error(at, err, "max-size or max-file is not a number");
	config->log.driver = entry.type;
	config->log.max_file = (unsigned)files;
	return 0;
}

int log_config_write(const struct json_at *at, const void *from, json_t **ret, struct error *err)
{
	const struct container_config *config = from;
	json_t *options = json_object();
	char text[24];
	int bad = 0;

	(void)at;
	if (config->log.max_size) {
		(void)snprintf(text, sizeof(text), "%" PRIu64, config->log.max_size);
		bad |= json_object_set_new(options, "max-size", json_string(text));
	}
	if (config->log.max_file) {
		(void)snprintf(text, sizeof(text), "%u", config->log.max_file);
		bad |= json_object_set_new(options, "max-file", json_string(text));
	}
	if (bad) {
		json_decref(options);
		return error_oom(err);
	}
	return give(json_pack("{s:s,s:o}", "Type",
			      config->log.driver ? config->log.driver : "json-file", "Config",
			      options),
		    ret, err);
}

/* --- ports -------------------------------------------------------------------------------------- */

struct port_entry {
	char *ip, *port;
};
static const struct property port_properties[] = {
	{ P_STRING(struct port_entry, "HostIp", ip) },
	{ P_STRING(struct port_entry, "HostPort", port) },
};
static const struct object_type port_type = OBJECT_TYPE(port_properties, struct port_entry, NULL);

/* "8080", or "8000-8010": any of them. */
static bool parse_host_ports(const char *text, uint64_t *first, uint64_t *last)
{
	const char *dash = strchr(text, '-');
	char start[8] = "";

	*last = 0;
	if (!dash)
		return number_unsigned(text, UINT16_MAX, first) == 0;
	if ((size_t)(dash - text) >= sizeof(start))
		return false;
	memcpy(start, text, (size_t)(dash - text));
	return number_unsigned(start, UINT16_MAX, first) == 0 &&
	       number_unsigned(dash + 1, UINT16_MAX, last) == 0 && *first > 0 && *last > *first;
}

static int port_read(const struct json_at *at, const char *key, struct arena *arena,
		     struct network_port *ret, struct error *err)
{
	struct port_entry entry = { 0 };
	const char *slash = strchr(key, '/');
	char digits[8] = "";
	uint64_t port = 0, host = 0, host_end = 0;
	int r = object_read(at, &port_type, arena, &entry, err);

	if (r < 0)
		return r;
	if (slash && (size_t)(slash - key) < sizeof(digits))
		memcpy(digits, key, (size_t)(slash - key));
	if (number_unsigned(digits, UINT16_MAX, &port) < 0 || !port ||
	    strlen(slash + 1) >= sizeof(ret->protocol) ||
	    (entry.port && !parse_host_ports(entry.port, &host, &host_end)) ||
	    (entry.ip && strlen(entry.ip) >= sizeof(ret->host_ip)))
		return json_error(at, err, "not a port");
	*ret = (struct network_port){ .container = (uint16_t)port,
				      .host = (uint16_t)host,
				      .host_end = (uint16_t)host_end };
	(void)snprintf(ret->protocol, sizeof(ret->protocol), "%s", slash + 1);
	if (entry.ip)
		(void)snprintf(ret->host_ip, sizeof(ret->host_ip), "%s", entry.ip);
	return 0;
}

int port_bindings_read(const struct json_at *at, struct arena *arena, void *ret, struct error *err)
{
	struct container_config *config = ret;
	struct json_at member;
	void *iter = NULL;
	size_t len, n;
	int r = json_get_object(at, &len, err);

	while (r == 0 && json_next_member(at, &iter, &member)) {
		r = json_get_array(&member, JSON_ENTRIES_MAX, &n, err);
		if (r < 0)
			return r;
		config->ports = list_grow(arena, config->ports, config->ports_len, n + 1,
					  sizeof(*config->ports));
		if (!config->ports)
			return error_oom(err);
		for (size_t i = 0; r == 0 && i < n; i++) {
			struct json_at element = json_element(&member, i);

			r = port_read(&element, member.key, arena,
				      &config->ports[config->ports_len], err);
			config->ports_len += r == 0;
		}
	}
	return r;
}

int port_bindings_write(const struct json_at *at, const void *from, json_t **ret, struct error *err)
{
	const struct container_config *config = from;
	json_t *object = json_object();

	(void)at;
	for (size_t i = 0; object && i < config->ports_len; i++) {
		const struct network_port *port = &config->ports[i];
		char key[24], host[16] = "";
		json_t *list;

		(void)snprintf(key, sizeof(key), "%u/%s", port->container, port->protocol);
		if (port->host_end)
			(void)snprintf(host, sizeof(host), "%u-%u", port->host, port->host_end);
		else if (port->host)
			(void)snprintf(host, sizeof(host), "%u", port->host);
		list = json_object_get(object, key);
		if (!list) {
			list = json_array();
			if (json_object_set_new(object, key, list) < 0)
				goto failed;
		}
		if (json_array_append_new(list, json_pack("{s:s,s:s}", "HostIp", port->host_ip,
							  "HostPort", host)) < 0)
			goto failed;
	}
	return give(object, ret, err);
failed:
	json_decref(object);
	return error_oom(err);
}

/* --- words -------------------------------------------------------------------------------------- */

struct policy_entry {
	char *name;
	uint32_t max;
};
static const struct property policy_properties[] = {
	{ P_STRING(struct policy_entry, "Name", name), P_REQUIRED },
	{ P_U32(struct policy_entry, "MaximumRetryCount", max, UINT32_MAX) },
};
static const struct object_type policy_type =
	OBJECT_TYPE(policy_properties, struct policy_entry, NULL);

int restart_policy_read(const struct json_at *at, struct arena *arena, void *ret, struct error *err)
{
	struct container_config *config = ret;
	struct policy_entry entry = { 0 };
	uint32_t ignored;
	int r = object_read(at, &policy_type, arena, &entry, err);

	if (r == 0)
		r = restart_policy_parse(entry.name, &config->restart.policy, &ignored, err);
	config->restart.max_retries = entry.max;
	return r;
}

int restart_policy_write(const struct json_at *at, const void *from, json_t **ret,
			 struct error *err)
{
	const struct container_config *config = from;

	(void)at;
	return give(json_pack("{s:s,s:I}", "Name", restart_policy_name(config->restart.policy),
			      "MaximumRetryCount", (json_int_t)config->restart.max_retries),
		    ret, err);
}

int isolation_read(const struct json_at *at, struct arena *arena, void *ret, struct error *err)
{
	struct container_config *config = ret;
	char *name;
	int r = json_get_string(at, arena, &name, err);

	if (r == 0 && compute_isolation_parse(name, &config->isolation) < 0)
		r = json_error(at, err, "not process or hyperv");
	return r;
}

int isolation_write(const struct json_at *at, const void *from, json_t **ret, struct error *err)
{
	const struct container_config *config = from;

	(void)at;
	return give(json_string(config->isolation == ISOLATION_DEFAULT
					? "default"
					: compute_isolation_name(config->isolation)),
		    ret, err);
}

int swappiness_read(const struct json_at *at, struct arena *arena, void *ret, struct error *err)
{
	struct container_config *config = ret;

	(void)arena;
	config->memory_swappiness.set = true;
	return json_get_i64(at, 0, 100, &config->memory_swappiness.value, err);
}

int swappiness_write(const struct json_at *at, const void *from, json_t **ret, struct error *err)
{
	const struct container_config *config = from;

	(void)at;
	if (!config->memory_swappiness.set)
		return 0;
	return give(json_integer(config->memory_swappiness.value), ret, err);
}

/* --- device rules: "c 1:3 rwm" ------------------------------------------------------------------ */

static int device_number(const char *text, size_t len, struct opt_i64 *ret)
{
	char digits[12] = "";
	uint64_t value;

	if (len == 1 && *text == '*') {
		*ret = (struct opt_i64){ .set = true, .value = -1 };
		return 0;
	}
	if (len >= sizeof(digits))
		return -EINVAL;
	memcpy(digits, text, len);
	if (number_unsigned(digits, UINT32_MAX, &value) < 0)
		return -EINVAL;
	*ret = (struct opt_i64){ .set = true, .value = (int64_t)value };
	return 0;
}

int device_rule_parse(const char *text, struct arena *arena, struct oci_device_rule *ret,
		      struct error *err)
{
	struct oci_device_rule rule = { .allow = true };
	const char *numbers = text[0] && text[1] == ' ' ? text + 2 : "";
	const size_t major = strcspn(numbers, ":");
	const char *minor = numbers[major] ? numbers + major + 1 : "";
	const size_t minor_len = strcspn(minor, " ");
	const char *access = minor[minor_len] ? minor + minor_len + 1 : "";

	if (!strchr("acb", text[0]) || device_number(numbers, major, &rule.major) < 0 ||
	    device_number(minor, minor_len, &rule.minor) < 0 || !*access || strlen(access) > 3 ||
	    access[strspn(access, "rwm")])
		return error_set(err, EINVAL, "invalid device cgroup format '%s'", text);
	rule.type = arena_strndup(arena, text, 1);
	rule.access = arena_strdup(arena, access);
	if (!rule.type || !rule.access)
		return error_oom(err);
	*ret = rule;
	return 0;
}

int device_rules_read(const struct json_at *at, struct arena *arena, void *ret, struct error *err)
{
	struct container_config *config = ret;
	struct strv texts = { 0 };
	int r = json_get_strings(at, arena, &texts.items, &texts.len, err);

	if (r < 0)
		return r;
	config->device_cgroup_rules.items = arena_array(arena, struct oci_device_rule, texts.len);
	if (!config->device_cgroup_rules.items)
		return error_oom(err);
	for (size_t i = 0; r == 0 && i < texts.len; i++)
		r = device_rule_parse(texts.items[i], arena, &config->device_cgroup_rules.items[i],
				      err);
	config->device_cgroup_rules.len = texts.len;
	return r;
}

static void number_text(const struct opt_i64 *number, char text[24])
{
	if (number->set && number->value >= 0)
		(void)snprintf(text, 24, "%" PRId64, number->value);
	else
		(void)snprintf(text, 24, "*");
}

int device_rules_write(const struct json_at *at, const void *from, json_t **ret, struct error *err)
{
	const struct container_config *config = from;
	const struct oci_device_rules *rules = &config->device_cgroup_rules;
	json_t *array = rules->len ? json_array() : NULL;

	(void)at;
	for (size_t i = 0; array && i < rules->len; i++) {
		char major[24], minor[24], text[64];

		number_text(&rules->items[i].major, major);
		number_text(&rules->items[i].minor, minor);
		(void)snprintf(text, sizeof(text), "%s %s:%s %s", rules->items[i].type, major,
			       minor, rules->items[i].access);
		if (json_array_append_new(array, json_string(text)) < 0) {
			json_decref(array);
			return error_oom(err);
		}
	}
	*ret = array;
	return 0;
}

/* --- ulimits ------------------------------------------------------------------------------------ */

struct ulimit_entry {
	char *name;
	int64_t hard, soft;
};
static const struct property ulimit_properties[] = {
	{ P_STRING(struct ulimit_entry, "Name", name), P_REQUIRED },
	{ P_I64(struct ulimit_entry, "Hard", hard), P_REQUIRED },
	{ P_I64(struct ulimit_entry, "Soft", soft), P_REQUIRED },
};
static const struct object_type ulimit_type =
	OBJECT_TYPE(ulimit_properties, struct ulimit_entry, NULL);

static char *rlimit_type(const char *name, struct arena *arena)
{
	char *type = arena_printf(arena, "RLIMIT_%s", name);

	for (char *c = type; c && *c; c++)
		*c = (char)toupper((unsigned char)*c);
	return type;
}

int ulimits_read(const struct json_at *at, struct arena *arena, void *ret, struct error *err)
{
	struct container_config *config = ret;
	size_t len;
	int r = json_get_array(at, JSON_ENTRIES_MAX, &len, err);

	if (r < 0)
		return r;
	config->ulimits.items = arena_array(arena, struct oci_rlimit, len);
	if (!config->ulimits.items)
		return error_oom(err);
	for (size_t i = 0; r == 0 && i < len; i++) {
		struct json_at element = json_element(at, i);
		struct ulimit_entry entry = { 0 };

		r = object_read(&element, &ulimit_type, arena, &entry, err);
		if (r < 0)
			return r;
		config->ulimits.items[i] = (struct oci_rlimit){
			.type = rlimit_type(entry.name, arena),
			.hard = entry.hard < 0 ? UINT64_MAX : (uint64_t)entry.hard,
			.soft = entry.soft < 0 ? UINT64_MAX : (uint64_t)entry.soft,
		};
		if (!config->ulimits.items[i].type)
			return error_oom(err);
	}
	config->ulimits.len = len;
	return r;
}

int ulimits_write(const struct json_at *at, const void *from, json_t **ret, struct error *err)
{
	const struct container_config *config = from;
	json_t *array = config->ulimits.len ? json_array() : NULL;

	(void)at;
	for (size_t i = 0; array && i < config->ulimits.len; i++) {
		const struct oci_rlimit *limit = &config->ulimits.items[i];
		char name[32] = "";

		for (size_t k = 0; k + 1 < sizeof(name) && limit->type[k + 7]; k++)
			name[k] = (char)tolower((unsigned char)limit->type[k + 7]);
		if (json_array_append_new(array, json_pack("{s:s,s:I,s:I}", "Name", name, "Hard",
							   (json_int_t)limit->hard, "Soft",
							   (json_int_t)limit->soft)) < 0) {
			json_decref(array);
			return error_oom(err);
		}
	}
	*ret = array;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* org.systemd.property.*: a part of GVariant's text format, as much as unit properties use. */
#include <ctype.h>
#include <string.h>

#include "container/cgroup/systemd.h"

#define ANNOTATION "org.systemd.property."
#define USEC_PER_SEC 1000000

static const char *skip_blanks(const char *p)
{
	return p + strspn(p, " \t");
}

/* 'text' or "text" with backslash escapes of quotes; *ret_end is behind it. */
static json_t *parse_string(const char *p, const char **ret_end)
{
	_cleanup_free_ char *buf = malloc(strlen(p) + 1);
	char quote = *p++, *out = buf;

	if (!buf)
		return NULL;
	while (*p && *p != quote) {
		if (*p == '\\' && p[1])
			p++;
		*out++ = *p++;
	}
	if (*p != quote)
		return NULL;
	*out = 0;
	*ret_end = p + 1;
	return json_string(buf);
}

/* A number, with its type before it ("uint64 5", "@t 5") or int32. */
static json_t *parse_number(const char *p, char *type, const char **ret_end)
{
	static const struct {
		const char *word;
		char type;
	} words[] = { { "uint64 ", 't' }, { "int64 ", 'x' }, { "uint32 ", 'u' }, { "int32 ", 'i' },
		      { "uint16 ", 'q' }, { "int16 ", 'n' }, { "byte ", 'y' },   { "double ", 'd' },
		      { "@t ", 't' },     { "@x ", 'x' },    { "@u ", 'u' },     { "@i ", 'i' },
		      { "@q ", 'q' },     { "@n ", 'n' },    { "@y ", 'y' },     { "@d ", 'd' } };
	unsigned long long n;
	char *end;

	*type = 'i';
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strncmp(p, words[i].word, strlen(words[i].word)) == 0) {
			*type = words[i].type;
			p = skip_blanks(p + strlen(words[i].word));
			break;
		}
	}
	if (*type == 'd' || (strpbrk(p, ".") && *type == 'i')) {
		double real = strtod(p, &end);

		*type = 'd';
		*ret_end = end;
		return end == p ? NULL : json_real(real);
	}
	errno = 0;
	n = *p == '-' ? (unsigned long long)strtoll(p, &end, 0) : strtoull(p, &end, 0);
	*ret_end = end;
	/* The wire carries int64: larger ones keep their bits. */
	return end == p || errno ? NULL : json_integer((json_int_t)n);
}

/* ['a', 'b'] */
static json_t *parse_strings(const char *p, const char **ret_end)
{
	json_t *list = json_array();

	p = skip_blanks(p + 1);
	while (list && (*p == '\'' || *p == '"')) {
		json_t *item = parse_string(p, &p);

		if (!item || json_array_append_new(list, item) < 0)
			break;
		p = skip_blanks(p);
		if (*p == ',')
			p = skip_blanks(p + 1);
	}
	if (list && *p == ']') {
		*ret_end = p + 1;
		return list;
	}
	json_decref(list);
	return NULL;
}

static json_t *parse_value(const char *text, char *signature)
{
	const char *p = skip_blanks(text), *end = p;
	json_t *value = NULL;
	char type = 0;

	if (strncmp(p, "@as ", 4) == 0)
		p = skip_blanks(p + 4);
	if (strncmp(p, "true", 4) == 0 || strncmp(p, "false", 5) == 0) {
		value = json_boolean(*p == 't');
		end = p + (*p == 't' ? 4 : 5);
		type = 'b';
	} else if (*p == '\'' || *p == '"') {
		value = parse_string(p, &end);
		type = 's';
	} else if (*p == '[') {
		value = parse_strings(p, &end);
		strcpy(signature, "as");
	} else {
		value = parse_number(p, &type, &end);
	}
	if (type)
		(void)snprintf(signature, 3, "%c", type);
	if (value && *skip_blanks(end)) {
		json_decref(value);
		value = NULL;
	}
	return value;
}

static bool is_property_name(const char *name)
{
	if (strlen(name) < 3 || strlen(name) > 64)
		return false;
	for (; *name; name++)
		if (!isalpha((unsigned char)*name))
			return false;
	return true;
}

/* "TimeoutStopSec" 1.5 → "TimeoutStopUSec" 1500000 */
static json_t *convert_seconds(char *name, char *signature, json_t *value)
{
	double seconds = json_number_value(value);
	size_t len = strlen(name);

	json_decref(value);
	memcpy(name + len - 3, "USec", 5);
	strcpy(signature, "t");
	return seconds >= 0 && seconds < 1e12 ? json_integer((json_int_t)(seconds * USEC_PER_SEC))
					      : NULL;
}

int systemd_add_annotations(json_t *properties, const struct oci_spec *spec, struct error *err)
{
	for (size_t i = 0; i < spec->annotations.len; i++) {
		const struct key_value *kv = &spec->annotations.items[i];
		char name[72], signature[4] = "";
		json_t *value;
		size_t len;

		if (strncmp(kv->key, ANNOTATION, strlen(ANNOTATION)) != 0)
			continue;
		if (!is_property_name(kv->key + strlen(ANNOTATION)))
			return error_set(err, EINVAL, "annotations[\"%s\"]: no name of a property",
					 kv->key);
		len = (size_t)snprintf(name, sizeof(name), "%s", kv->key + strlen(ANNOTATION));
		value = parse_value(kv->value, signature);
		if (value && len > 3 && strcmp(name + len - 3, "Sec") == 0 &&
		    (len < 4 || strcmp(name + len - 4, "USec") != 0) && json_is_number(value))
			value = convert_seconds(name, signature, value);
		if (!value)
			return error_set(
				err, EINVAL,
				"annotations[\"%s\"]: '%s' is no value that a unit property "
				"can have (GVariant text, such as uint64 5 or 'text')",
				kv->key, kv->value);
		if (systemd_add(properties, name, signature, value) < 0)
			return error_oom(err);
	}
	return 0;
}

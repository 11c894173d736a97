/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/settings.h"

#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "base/json.h"

#define FILE_MAX ((size_t)64 * 1024)
#define PATH_LEN_MAX 4095

/* Reads the value at into the settings. 0, or -errno with err. */
typedef int (*setting_read_fn)(const struct json_at *at, struct compute_settings *settings,
			       struct error *err);
struct setting {
	const char *key;
	setting_read_fn read;
};

/* The value of a member that is there; not terminated by a NUL of its own before its end: the
 * decoder refuses these. */
static int get_text(const struct json_at *at, const char **ret, struct error *err)
{
	if (!json_is_string(at->value))
		return json_error(at, err, "expected a string");
	*ret = json_string_value(at->value);
	return 0;
}

static int wrong_word(const struct json_at *at, const char *wanted, const char *got,
		      struct error *err)
{
	char buf[JSON_PRINTABLE_SIZE];

	return json_error(at, err, "expected %s, not \"%s\"", wanted, json_printable(got, buf));
}

static int read_isolation(const struct json_at *at, struct compute_settings *settings,
			  struct error *err)
{
	const char *text = NULL;
	int r = get_text(at, &text, err);

	if (r < 0)
		return r;
	if (compute_isolation_parse(text, &settings->isolation) < 0 ||
	    settings->isolation == ISOLATION_DEFAULT)
		return wrong_word(at, "process or hyperv", text, err);
	return 0;
}

static int read_path(const struct json_at *at, char **ret, struct error *err)
{
	const char *text = NULL;
	char *copy;
	int r = get_text(at, &text, err);

	if (r < 0)
		return r;
	if (text[0] != '/' || strlen(text) > PATH_LEN_MAX)
		return json_error(at, err, "expected an absolute path");
	copy = strdup(text);
	if (!copy)
		return error_oom(err);
	free(*ret);
	*ret = copy;
	return 0;
}

static int read_kernel(const struct json_at *at, struct compute_settings *settings,
		       struct error *err)
{
	return read_path(at, &settings->hyperv.kernel, err);
}

static int read_initrd(const struct json_at *at, struct compute_settings *settings,
		       struct error *err)
{
	return read_path(at, &settings->hyperv.initrd, err);
}

/* Digits, and K, M, G or T for powers of 1024. */
static int parse_size(const char *text, uint64_t *ret)
{
	static const char units[] = "kmgt";
	const char *unit;
	uint64_t value = 0;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	for (; *text >= '0' && *text <= '9'; text++)
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (unsigned)(*text - '0'), &value))
			return -ERANGE;
	if (*text) {
		unit = strchr(units, *text | 0x20);
		if (!unit || text[1])
			return -EINVAL;
		if (__builtin_mul_overflow(value, 1ull << (10 * (unit - units + 1)), &value))
			return -ERANGE;
	}
	*ret = value;
	return 0;
}

static int read_memory(const struct json_at *at, struct compute_settings *settings,
		       struct error *err)
{
	uint64_t bytes = 0;
	int r = 0;

	if (json_is_string(at->value))
		r = parse_size(json_string_value(at->value), &bytes);
	else if (json_is_integer(at->value) && json_integer_value(at->value) >= 0)
		bytes = (uint64_t)json_integer_value(at->value);
	else
		r = -EINVAL;
	if (r == -EINVAL)
		return json_error(at, err,
				  "expected bytes, or a text such as \"512M\" (K, M, G or T)");
	if (r < 0 || bytes < VM_MEMORY_MIN || bytes > SETTINGS_MEMORY_MAX)
		return json_error(at, err, "expected a size from %lluM to %lluT",
				  VM_MEMORY_MIN >> 20, SETTINGS_MEMORY_MAX >> 40);
	settings->hyperv.memory = bytes & ~((1ull << 20) - 1);
	return 0;
}

static int read_cpus(const struct json_at *at, struct compute_settings *settings, struct error *err)
{
	return json_get_u32(at, 1, SETTINGS_CPUS_MAX, &settings->hyperv.cpus, err);
}

static int read_timeout(const struct json_at *at, unsigned *ret_ms, struct error *err)
{
	uint32_t seconds = 0;
	int r = json_get_u32(at, 1, SETTINGS_TIMEOUT_MAX, &seconds, err);

	*ret_ms = seconds * 1000;
	return r;
}

static int read_boot_timeout(const struct json_at *at, struct compute_settings *settings,
			     struct error *err)
{
	return read_timeout(at, &settings->hyperv.boot_timeout_ms, err);
}

static int read_request_timeout(const struct json_at *at, struct compute_settings *settings,
				struct error *err)
{
	return read_timeout(at, &settings->hyperv.request_timeout_ms, err);
}

static int read_accelerator(const struct json_at *at, struct compute_settings *settings,
			    struct error *err)
{
	static const char *const names[] = {
		[SETTINGS_ACCELERATOR_AUTO] = "auto",
		[SETTINGS_ACCELERATOR_KVM] = "kvm",
		[SETTINGS_ACCELERATOR_TCG] = "tcg",
	};
	const char *text = NULL;
	int r = get_text(at, &text, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(text, names[i]) == 0) {
			settings->hyperv.accelerator = (enum settings_accelerator)i;
			return 0;
		}
	return wrong_word(at, "auto, kvm or tcg", text, err);
}

/* A key that is not known is a mistake of spelling, which nobody would notice otherwise. */
static int read_members(const struct json_at *object, const struct setting *known, size_t len,
			struct compute_settings *settings, struct error *err)
{
	struct json_at member;
	void *iter = NULL;
	size_t members;
	int r = json_get_object(object, &members, err);

	while (r == 0 && json_next_member(object, &iter, &member)) {
		size_t i = 0;

		while (i < len && strcmp(known[i].key, member.key) != 0)
			i++;
		if (i == len)
			return json_error(&member, err, "there is no such key, see hcs-config(5)");
		if (member.value)
			r = known[i].read(&member, settings, err);
	}
	return r;
}

static int read_hyperv(const struct json_at *at, struct compute_settings *settings,
		       struct error *err)
{
	static const struct setting known[] = {
		{ "kernel", read_kernel },
		{ "initrd", read_initrd },
		{ "memory", read_memory },
		{ "cpus", read_cpus },
		{ "bootTimeout", read_boot_timeout },
		{ "requestTimeout", read_request_timeout },
		{ "accelerator", read_accelerator },
	};

	return read_members(at, known, ARRAY_SIZE(known), settings, err);
}

static void free_list(char **list)
{
	for (char **item = list; item && *item; item++)
		free(*item);
	free(list);
}

static int read_list(const struct json_at *at, bool (*valid)(const char *text), const char *wanted,
		     char ***ret, struct error *err)
{
	size_t len;
	char **list;
	int r = json_get_array(at, SETTINGS_REGISTRIES_MAX, &len, err);

	if (r < 0)
		return r;
	list = calloc(len + 1, sizeof(*list));
	if (!list)
		return error_oom(err);
	free_list(*ret);
	*ret = list;
	for (size_t i = 0; i < len; i++) {
		struct json_at element = json_element(at, i);
		const char *text = NULL;

		r = get_text(&element, &text, err);
		if (r < 0)
			return r;
		if (!valid(text))
			return wrong_word(&element, wanted, text, err);
		list[i] = strdup(text);
		if (!list[i])
			return error_oom(err);
	}
	return 0;
}

static bool is_host(const char *text)
{
	return *text && strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "0123456789.-_:[]") == strlen(text);
}

static bool is_url(const char *text)
{
	const size_t scheme = strncmp(text, "https://", 8) == 0  ? 8
			      : strncmp(text, "http://", 7) == 0 ? 7
								 : 0;

	return scheme && text[scheme] && !strpbrk(text, " @?#");
}

static int read_mirrors(const struct json_at *at, struct compute_settings *settings,
			struct error *err)
{
	return read_list(at, is_url, "a URL (https://HOST)", &settings->registries.mirrors, err);
}

static int read_insecure(const struct json_at *at, struct compute_settings *settings,
			 struct error *err)
{
	return read_list(at, is_host, "HOST or HOST:PORT", &settings->registries.insecure, err);
}

static int read_stall_timeout(const struct json_at *at, struct compute_settings *settings,
			      struct error *err)
{
	return json_get_u32(at, 1, SETTINGS_STALL_TIMEOUT_MAX, &settings->registries.stall_seconds,
			    err);
}

static int read_registries(const struct json_at *at, struct compute_settings *settings,
			   struct error *err)
{
	static const struct setting known[] = {
		{ "mirrors", read_mirrors },
		{ "insecure", read_insecure },
		{ "stallTimeout", read_stall_timeout },
	};

	return read_members(at, known, ARRAY_SIZE(known), settings, err);
}

/* "10.90.0.0/16"; the network looks closer. */
static int read_subnet(const struct json_at *at, struct compute_settings *settings,
		       struct error *err)
{
	const char *text = NULL, *slash;
	int r = get_text(at, &text, err);

	if (r < 0)
		return r;
	slash = strchr(text, '/');
	if (!slash || slash == text || !slash[1] || text[strspn(text, "0123456789./")])
		return wrong_word(at, "a subnet like 10.90.0.0/16", text, err);
	free(settings->network.subnet);
	settings->network.subnet = strdup(text);
	return settings->network.subnet ? 0 : error_oom(err);
}

static int read_network(const struct json_at *at, struct compute_settings *settings,
			struct error *err)
{
	static const struct setting known[] = {
		{ "subnet", read_subnet },
	};

	return read_members(at, known, ARRAY_SIZE(known), settings, err);
}

static int parse(const char *text, size_t len, struct compute_settings *settings, struct error *err)
{
	static const struct setting known[] = {
		{ "isolation", read_isolation },
		{ "hyperv", read_hyperv },
		{ "registries", read_registries },
		{ "network", read_network },
	};
	_cleanup_json_doc_ struct json_doc doc = { 0 };
	struct json_at root;
	int r = json_doc_parse(text, len, &doc, err);

	if (r < 0)
		return r;
	root = json_root(&doc, NULL);
	return read_members(&root, known, ARRAY_SIZE(known), settings, err);
}

int compute_settings_load(struct compute_settings *ret, struct error *err)
{
	_cleanup_settings_ struct compute_settings settings = { .isolation = ISOLATION_PROCESS };
	/* secure_getenv: nobody chooses the kernel of a set-id runtime. */
	const char *chosen = secure_getenv("HCS_CONFIG"), *path = HCS_SYSCONFDIR "/config.json";
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r;

	if (chosen && *chosen) {
		if (*chosen != '/')
			return error_set(err, EINVAL, "HCS_CONFIG: %s is not an absolute path",
					 chosen);
		path = chosen;
	}
	r = file_read_regular(AT_FDCWD, path, FILE_MAX, &text, &len);
	if (r == -EFBIG)
		return error_set(err, EFBIG, "%s: larger than %zu KiB", path, FILE_MAX >> 10);
	if (r == -EINVAL)
		return error_set(err, EINVAL, "%s: not a regular file", path);
	if (r == -ENOENT && path != chosen)
		r = 0;
	else if (r < 0)
		return error_sys(err, -r, "%s", path);
	else
		r = parse(text, len, &settings, err);
	if (r < 0)
		return error_wrap(err, r, "%s", path);
	*ret = settings;
	settings = (struct compute_settings){ 0 };
	return 0;
}

void compute_settings_done(struct compute_settings *settings)
{
	free(TAKE_PTR(settings->hyperv.kernel));
	free(TAKE_PTR(settings->hyperv.initrd));
	free_list(TAKE_PTR(settings->registries.mirrors));
	free_list(TAKE_PTR(settings->registries.insecure));
	free(TAKE_PTR(settings->network.subnet));
}

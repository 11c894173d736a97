/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/settings.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>

#include "base/json.h"

#define NAME_MAX_LEN 1024 /* as a container's id */
#define PARAMETERS_MAX 1024
#define MEMORY_MAX (1ull << 40)
#define CPUS_MAX 64 /* NR_CPUS of the guest's kernel */
#define BOOT_TIMEOUT_MAX_MS 3600000
#define SETTINGS_TEXT_MAX ((size_t)64 * 1024)

static const char *const accelerators[] = { [VM_TCG] = "tcg", [VM_KVM] = "kvm" };
static const char *const boots[] = { [VM_KERNEL_PVH] = "pvh", [VM_KERNEL_BZIMAGE] = "bzimage" };

const char *vm_accelerator_name(enum vm_accelerator accelerator)
{
	return accelerators[accelerator];
}

void vm_settings_done(struct vm_settings *settings)
{
	free(settings->name);
	free(settings->monitor);
	free(settings->kernel);
	free(settings->initrd);
	free(settings->kernel_parameters);
	*settings = (struct vm_settings){ 0 };
}

static json_t *disks_json(const struct vm_settings *s)
{
	json_t *list = json_array();

	for (size_t i = 0; i < s->disks_len; i++)
		(void)json_array_append_new(
			list, json_pack("{s:i,s:I,s:b,s:s}", "fd", s->disks[i].fd, "extents",
					(json_int_t)s->disks[i].extents, "readonly",
					s->disks[i].readonly, "serial", s->disks[i].serial));
	return list;
}

static json_t *nics_json(const struct vm_settings *s)
{
	json_t *list = json_array();

	for (size_t i = 0; i < s->nics_len; i++)
		(void)json_array_append_new(list, json_pack("{s:i,s:s}", "fd", s->nics[i].tap_fd,
							    "mac", s->nics[i].mac));
	return list;
}

json_t *vm_settings_json(const struct vm_settings *s)
{
	return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s*,s:I,s:I,s:I,s:I,s:o,s:o}", "name", s->name,
			 "monitor", s->monitor, "accelerator", accelerators[s->accelerator],
			 "kernel", s->kernel, "initrd", s->initrd, "kernel_boot",
			 boots[s->kernel_boot], "kernel_parameters", s->kernel_parameters, "memory",
			 (json_int_t)s->memory, "cpus", (json_int_t)s->cpus, "boot_timeout_ms",
			 (json_int_t)s->boot_timeout_ms, "uid", (json_int_t)s->uid, "disks",
			 disks_json(s), "nics", nics_json(s));
}

/* What there is to read, and which descriptors have been named already. */
struct reader {
	struct arena arena;
	struct vm_settings *to;
	uint64_t fds_seen[VM_FD_MAX / 64];
};

static int get_text(struct reader *reader, const struct json_at *at, size_t max, char **ret,
		    struct error *err)
{
	char *text;
	int r = json_get_string(at, &reader->arena, &text, err);

	if (r < 0)
		return r;
	if (!*text)
		return json_error(at, err, "empty");
	if (strlen(text) > max)
		return json_error(at, err, "longer than %zu", max);
	/* It goes into argument lists and onto terminals. */
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return json_error(at, err, "has control characters");
	*ret = strdup(text);
	return *ret ? 0 : error_oom(err);
}

static int get_path(struct reader *reader, const struct json_at *at, char **ret, struct error *err)
{
	int r = get_text(reader, at, PATH_MAX - 1, ret, err);

	if (r == 0 && **ret != '/')
		return json_error(at, err, "expected an absolute path");
	return r;
}

static int get_word(struct reader *reader, const struct json_at *at, const char *const *words,
		    size_t n, size_t *ret, struct error *err)
{
	char *text, buf[JSON_PRINTABLE_SIZE];
	int r = json_get_string(at, &reader->arena, &text, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		if (strcmp(words[i], text) == 0) {
			*ret = i;
			return 0;
		}
	return json_error(at, err, "unknown value \"%s\"", json_printable(text, buf));
}

/* The first of n, one after the other. */
static int get_fds(struct reader *reader, const struct json_at *object, uint32_t n, int *ret,
		   struct error *err)
{
	struct json_at at = json_member(object, "fd");
	uint32_t first;
	int r = json_get_u32(&at, VM_FD_FIRST, VM_FD_MAX - n, &first, err);

	if (r < 0)
		return r;
	for (uint32_t fd = first; fd < first + n; fd++) {
		if (reader->fds_seen[fd / 64] & 1ull << fd % 64)
			return json_error(&at, err, "descriptor %u is named twice", fd);
		reader->fds_seen[fd / 64] |= 1ull << fd % 64;
	}
	*ret = (int)first;
	return 0;
}

/* Refuses members that are not in keys. */
static int only(const struct json_at *object, const char *const *keys, size_t n, struct error *err)
{
	struct json_at member;
	void *iter = NULL;

	if (!json_is_object(object->value))
		return json_error(object, err, "expected an object");
	while (json_next_member(object, &iter, &member)) {
		size_t i = 0;

		while (i < n && strcmp(keys[i], member.key) != 0)
			i++;
		if (i == n)
			return json_error(&member, err, "unknown");
	}
	return 0;
}

static int read_disk(struct reader *reader, const struct json_at *at, struct vm_disk *disk,
		     struct error *err)
{
	static const char *const keys[] = { "fd", "extents", "readonly", "serial" };
	struct json_at readonly = json_member(at, "readonly"), serial = json_member(at, "serial");
	struct json_at extents = json_member(at, "extents");
	uint32_t n = 1;
	char *text;
	int r = only(at, keys, ARRAY_SIZE(keys), err);

	if (r == 0 && extents.value)
		r = json_get_u32(&extents, 1, VM_EXTENTS_MAX, &n, err);
	if (r == 0)
		r = get_fds(reader, at, n, &disk->fd, err);
	if (r == 0)
		r = json_get_bool(&readonly, &disk->readonly, err);
	if (r == 0 && n > 1 && !disk->readonly)
		r = json_error(&extents, err, "only a read-only disk can be of several files");
	disk->extents = n;
	if (r == 0)
		r = json_get_string(&serial, &reader->arena, &text, err);
	if (r < 0)
		return r;
	if (!*text || strlen(text) >= sizeof(disk->serial))
		return json_error(&serial, err, "expected 1 to %zu characters",
				  sizeof(disk->serial) - 1);
	for (const char *p = text; *p; p++)
		if (!isalnum((unsigned char)*p) && *p != '-' && *p != '_' && *p != '.')
			return json_error(&serial, err, "expected letters, digits, - _ .");
	memcpy(disk->serial, text, strlen(text) + 1);
	return 0;
}

static bool is_unicast_mac(const char *text)
{
	static const char hex[] = "0123456789abcdefABCDEF";

	if (strlen(text) != 17)
		return false;
	for (size_t i = 0; i < 17; i++)
		if (i % 3 == 2 ? text[i] != ':' : !strchr(hex, text[i]))
			return false;
	return strcmp(text, "00:00:00:00:00:00") != 0 && !strchr("13579bdfBDF", text[1]);
}

static int read_nic(struct reader *reader, const struct json_at *at, struct vm_nic *nic,
		    struct error *err)
{
	static const char *const keys[] = { "fd", "mac" };
	struct json_at mac = json_member(at, "mac");
	char *text;
	int r = only(at, keys, ARRAY_SIZE(keys), err);

	if (r == 0)
		r = get_fds(reader, at, 1, &nic->tap_fd, err);
	if (r == 0)
		r = json_get_string(&mac, &reader->arena, &text, err);
	if (r < 0)
		return r;
	if (!is_unicast_mac(text))
		return json_error(&mac, err, "expected a unicast address like 02:00:00:00:00:01");
	memcpy(nic->mac, text, sizeof(nic->mac));
	return 0;
}

static int read_devices(struct reader *reader, const struct json_at *root, struct error *err)
{
	struct json_at disks = json_member(root, "disks"), nics = json_member(root, "nics");
	struct vm_settings *to = reader->to;
	unsigned extents = 0;
	int r = 0;

	if (disks.value)
		r = json_get_array(&disks, VM_DISKS_MAX, &to->disks_len, err);
	for (size_t i = 0; r == 0 && i < to->disks_len; i++) {
		struct json_at at = json_element(&disks, i);

		r = read_disk(reader, &at, &to->disks[i], err);
		if (r == 0 && (extents += to->disks[i].extents) > VM_EXTENTS_MAX)
			r = json_error(&at, err, "more than %d files for disks", VM_EXTENTS_MAX);
		for (size_t k = 0; r == 0 && k < i; k++)
			if (strcmp(to->disks[i].serial, to->disks[k].serial) == 0)
				r = json_error(&at, err, "its serial is another disk's");
	}
	if (r == 0 && nics.value)
		r = json_get_array(&nics, VM_NICS_MAX, &to->nics_len, err);
	for (size_t i = 0; r == 0 && i < to->nics_len; i++) {
		struct json_at at = json_element(&nics, i);

		r = read_nic(reader, &at, &to->nics[i], err);
	}
	return r;
}

static int read_numbers(const struct json_at *root, struct vm_settings *to, struct error *err)
{
	struct json_at memory = json_member(root, "memory"), cpus = json_member(root, "cpus");
	struct json_at timeout = json_member(root, "boot_timeout_ms");
	struct json_at uid = json_member(root, "uid");
	int r = json_get_u64(&memory, VM_MEMORY_MIN, MEMORY_MAX, &to->memory, err);

	if (r == 0 && to->memory & ((1 << 20) - 1))
		r = json_error(&memory, err, "expected whole MiB");
	if (r == 0)
		r = json_get_u32(&cpus, 1, CPUS_MAX, &to->cpus, err);
	if (r == 0)
		r = json_get_u32(&timeout, 1, BOOT_TIMEOUT_MAX_MS, &to->boot_timeout_ms, err);
	/* Below the last two: uid + 1 is one too, and -1 is none. */
	if (r == 0)
		r = json_get_u32(&uid, 0, UINT32_MAX - 2, &to->uid, err);
	return r;
}

static int read_settings(struct reader *reader, const struct json_at *root, struct error *err)
{
	static const char *const keys[] = {
		"name",   "monitor",     "accelerator",     "kernel",
		"initrd", "kernel_boot", "memory",          "kernel_parameters",
		"cpus",   "uid",         "boot_timeout_ms", "disks",
		"nics"
	};
	struct json_at name = json_member(root, "name"), monitor = json_member(root, "monitor");
	struct json_at accelerator = json_member(root, "accelerator");
	struct json_at kernel = json_member(root, "kernel"), initrd = json_member(root, "initrd");
	struct json_at boot = json_member(root, "kernel_boot");
	struct json_at parameters = json_member(root, "kernel_parameters");
	struct vm_settings *to = reader->to;
	size_t word = 0;
	int r = only(root, keys, ARRAY_SIZE(keys), err);

	if (r == 0)
		r = get_text(reader, &name, NAME_MAX_LEN, &to->name, err);
	if (r == 0)
		r = get_text(reader, &monitor, 64, &to->monitor, err);
	if (r == 0)
		r = get_word(reader, &accelerator, accelerators, ARRAY_SIZE(accelerators), &word,
			     err);
	if (r == 0)
		to->accelerator = (enum vm_accelerator)word;
	if (r == 0)
		r = get_path(reader, &kernel, &to->kernel, err);
	if (r == 0)
		r = get_path(reader, &initrd, &to->initrd, err);
	if (r == 0)
		r = get_word(reader, &boot, boots, ARRAY_SIZE(boots), &word, err);
	if (r == 0)
		to->kernel_boot = (enum vm_kernel_boot)word;
	if (r == 0 && parameters.value)
		r = get_text(reader, &parameters, PARAMETERS_MAX, &to->kernel_parameters, err);
	for (const char *p = to->kernel_parameters; r == 0 && p && *p; p++)
		if (!isprint((unsigned char)*p))
			r = json_error(&parameters, err, "expected printable ASCII");
	if (r == 0)
		r = read_numbers(root, to, err);
	return r < 0 ? r : read_devices(reader, root, err);
}

int vm_settings_parse(const void *text, size_t len, struct vm_settings *ret, struct error *err)
{
	_cleanup_json_doc_ struct json_doc doc = { 0 };
	struct vm_settings settings = { 0 };
	struct reader reader = { .to = &settings };
	struct json_at root;
	int r;

	if (len > SETTINGS_TEXT_MAX)
		return error_set(err, E2BIG, "the VM's settings: longer than %zu bytes",
				 SETTINGS_TEXT_MAX);
	r = json_doc_parse(text, len, &doc, err);
	if (r == 0) {
		root = json_root(&doc, NULL);
		r = read_settings(&reader, &root, err);
	}
	arena_done(&reader.arena);
	if (r < 0) {
		vm_settings_done(&settings);
		return error_wrap(err, r, "the VM's settings");
	}
	*ret = settings;
	return 0;
}

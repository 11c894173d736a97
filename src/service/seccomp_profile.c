/* SPDX-License-Identifier: Apache-2.0 */
#include "service/seccomp_profile.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/json_tree.h"
#include "container/caps.h"
#include "service/seccomp_default.h"

static const struct {
	const char *arch, *names[5]; /* its own, then those whose programs it runs too */
} arch_map[] = {
	{ "amd64", { "SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32" } },
	{ "arm64", { "SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM" } },
	{ "386", { "SCMP_ARCH_X86" } },
	{ "arm", { "SCMP_ARCH_ARM" } },
	{ "ppc64le", { "SCMP_ARCH_PPC64LE" } },
	{ "s390x", { "SCMP_ARCH_S390X", "SCMP_ARCH_S390" } },
	{ "riscv64", { "SCMP_ARCH_RISCV64" } },
};

const char *seccomp_native_arch(void)
{
#if defined(__x86_64__)
	return "amd64";
#elif defined(__aarch64__)
	return "arm64";
#elif defined(__i386__)
	return "386";
#elif defined(__arm__)
	return "arm";
#elif defined(__powerpc64__)
	return "ppc64le";
#elif defined(__s390x__)
	return "s390x";
#else
	return "riscv64";
#endif
}

static const char *const *native_names(const char *arch)
{
	for (size_t i = 0; i < ARRAY_SIZE(arch_map); i++)
		if (strcmp(arch_map[i].arch, arch) == 0)
			return arch_map[i].names;
	return NULL;
}

static bool has_cap(const struct seccomp_for *who, const char *name)
{
	int number = caps_number(name);

	return number >= 0 && (who->caps & ((uint64_t)1 << number));
}

/* words: separated by spaces. */
static bool next_word(const char **words, char *word, size_t size)
{
	const char *at = *words + strspn(*words, " ");
	const size_t len = strcspn(at, " ");

	if (len == 0 || len >= size)
		return false;
	memcpy(word, at, len);
	word[len] = '\0';
	*words = at + len;
	return true;
}

static bool any_cap(const struct seccomp_for *who, const char *caps)
{
	char word[48];

	while (next_word(&caps, word, sizeof(word)))
		if (has_cap(who, word))
			return true;
	return false;
}

static bool has_arch(const struct seccomp_for *who, const char *archs)
{
	char word[48];

	while (next_word(&archs, word, sizeof(word)))
		if (strcmp(word, who->arch) == 0)
			return true;
	return false;
}

/* --- the default profile ------------------------------------------------------------------------ */

static json_t *names_of(const char *words)
{
	json_t *array = json_array();
	char word[48];

	while (array && next_word(&words, word, sizeof(word)))
		if (json_array_append_new(array, json_string(word)) < 0) {
			json_decref(array);
			return NULL;
		}
	return array;
}

static json_t *rule_json(const struct seccomp_default_rule *rule)
{
	json_t *names = names_of(rule->names), *args, *json;

	if (!names)
		return NULL;
	if (rule->errno_ret)
		json = json_pack("{s:o,s:s,s:i}", "names", names, "action", "SCMP_ACT_ERRNO",
				 "errnoRet", rule->errno_ret);
	else
		json = json_pack("{s:o,s:s}", "names", names, "action", "SCMP_ACT_ALLOW");
	if (!json || !rule->arg.op)
		return json;
	args = json_pack("[{s:i,s:I,s:I,s:s}]", "index", (int)rule->arg.index, "value",
			 (json_int_t)rule->arg.value, "valueTwo", (json_int_t)rule->arg.value_two,
			 "op", rule->arg.op);
	if (json_object_set_new(json, "args", args) < 0) {
		json_decref(json);
		return NULL;
	}
	return json;
}

static bool applies(const struct seccomp_default_rule *rule, const struct seccomp_for *who)
{
	if (rule->archs && !has_arch(who, rule->archs))
		return false;
	if (rule->not_archs && has_arch(who, rule->not_archs))
		return false;
	if (rule->caps && !any_cap(who, rule->caps))
		return false;
	return !rule->not_caps || !any_cap(who, rule->not_caps);
}

json_t *seccomp_default(const struct seccomp_for *who, struct error *err)
{
	const char *const *names = native_names(who->arch);
	json_t *json = json_pack("{s:s,s:i,s:[],s:[]}", "defaultAction", "SCMP_ACT_ERRNO",
				 "defaultErrnoRet", EPERM, "architectures", "syscalls");
	json_t *archs = json_object_get(json, "architectures");
	json_t *rules = json_object_get(json, "syscalls");
	int bad = 0;

	for (; names && *names; names++)
		bad |= json_array_append_new(archs, json_string(*names));
	for (size_t i = 0; i < seccomp_default_rules_len; i++)
		if (applies(&seccomp_default_rules[i], who))
			bad |= json_array_append_new(rules, rule_json(&seccomp_default_rules[i]));
	if (json && !bad)
		return json;
	json_decref(json);
	(void)error_oom(err);
	return NULL;
}

/* --- profiles from files ------------------------------------------------------------------------ */

static bool has_string(const json_t *array, const char *text)
{
	const json_t *item;
	size_t i;

	json_array_foreach(array, i,
			   item) if (json_is_string(item) &&
				     strcmp(json_string_value(item), text) == 0) return true;
	return false;
}

static bool kernel_is(const struct seccomp_for *who, const char *least)
{
	unsigned major = 0, minor = 0;

	if (sscanf(least, "%9u.%9u", &major, &minor) < 1)
		return false;
	return who->kernel_major != major ? who->kernel_major > major : who->kernel_minor >= minor;
}

static bool any_cap_of(const json_t *caps, const struct seccomp_for *who, bool all)
{
	const json_t *item;
	size_t i;

	json_array_foreach(caps, i, item)
	{
		const bool has = json_is_string(item) && has_cap(who, json_string_value(item));

		if (has != all)
			return has;
	}
	return all;
}

/* docker's rule: included when all that "includes" names holds, and nothing of "excludes". */
static bool is_wanted(const json_t *rule, const struct seccomp_for *who)
{
	const json_t *in = json_object_get(rule, "includes"),
		     *ex = json_object_get(rule, "excludes");
	const json_t *archs = json_object_get(in, "arches"), *caps = json_object_get(in, "caps");
	const char *least = json_string_value(json_object_get(in, "minKernel"));

	if (json_array_size(archs) && !has_string(archs, who->arch))
		return false;
	if (json_array_size(caps) && !any_cap_of(caps, who, true))
		return false;
	if (least && *least && !kernel_is(who, least))
		return false;
	archs = json_object_get(ex, "arches");
	caps = json_object_get(ex, "caps");
	least = json_string_value(json_object_get(ex, "minKernel"));
	if (json_array_size(archs) && has_string(archs, who->arch))
		return false;
	if (json_array_size(caps) && any_cap_of(caps, who, false))
		return false;
	return !(least && *least && kernel_is(who, least));
}

/* Members that OCI knows, from a rule; "name" becomes "names". */
static json_t *plain_rule(const json_t *rule)
{
	static const char *const members[] = { "names", "action", "errnoRet", "args" };
	json_t *plain = json_object(), *name = json_object_get(rule, "name"), *value;
	int bad = 0;

	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		value = json_object_get(rule, members[i]);
		if (value && !json_is_null(value))
			bad |= json_object_set(plain, members[i], value);
	}
	if (name && json_is_string(name) && *json_string_value(name))
		bad |= json_object_set_new(plain, "names", json_pack("[O]", name));
	if (!bad)
		return plain;
	json_decref(plain);
	return NULL;
}

static int convert_archs(const json_t *profile, const struct seccomp_for *who, json_t *to,
			 struct error *err)
{
	const char *const *native = native_names(who->arch);
	json_t *map = json_object_get(profile, "archMap");
	json_t *archs = json_object_get(profile, "architectures"), *entry, *all = json_array();
	size_t i;
	int bad = 0;

	if (json_array_size(map) && json_array_size(archs)) {
		json_decref(all);
		return error_set(err, EINVAL,
				 "both 'architectures' and 'archMap' are specified in the seccomp "
				 "profile, use either 'architectures' or 'archMap'");
	}
	if (json_array_size(archs))
		bad |= json_array_extend(all, archs);
	json_array_foreach(map, i, entry)
	{
		json_t *name = json_object_get(entry, "architecture");

		if (!native || !name || !json_is_string(name) ||
		    strcmp(json_string_value(name), native[0]) != 0)
			continue;
		bad |= json_array_append(all, name);
		if (json_object_get(entry, "subArchitectures"))
			bad |= json_array_extend(all, json_object_get(entry, "subArchitectures"));
	}
	if (bad) {
		json_decref(all);
		return error_set(err, EINVAL, "archMap: not lists of architectures");
	}
	return json_object_set_new(to, "architectures", all) < 0 ? error_oom(err) : 0;
}

static int convert(const json_t *profile, const struct seccomp_for *who, json_t *to,
		   struct error *err)
{
	static const char *const members[] = { "defaultAction", "defaultErrnoRet", "flags",
					       "listenerPath", "listenerMetadata" };
	json_t *rules = json_object_get(profile, "syscalls"), *rule, *kept = json_array();
	size_t i;
	int r, bad = json_object_set_new(to, "syscalls", kept);

	for (i = 0; i < ARRAY_SIZE(members); i++) {
		json_t *value = json_object_get(profile, members[i]);

		if (value && !json_is_null(value))
			bad |= json_object_set(to, members[i], value);
	}
	if (bad)
		return error_oom(err);
	if (!json_object_get(to, "defaultAction"))
		return error_set(err, EINVAL, "defaultAction: missing");
	r = convert_archs(profile, who, to, err);
	if (r < 0)
		return r;
	json_array_foreach(rules, i, rule)
	{
		if (!json_is_object(rule))
			return error_set(err, EINVAL, "syscalls[%zu]: not an object", i);
		if (is_wanted(rule, who) && json_array_append_new(kept, plain_rule(rule)) < 0)
			return error_oom(err);
	}
	return 0;
}

json_t *seccomp_from_profile(const char *text, const struct seccomp_for *who, struct error *err)
{
	json_t *profile = NULL, *to = json_object();
	int r = json_tree_parse(text, strlen(text), &profile, err);

	if (r == 0 && !to)
		r = error_oom(err);
	if (r == 0 && !json_is_object(profile))
		r = error_set(err, EINVAL, "not an object");
	if (r == 0)
		r = convert(profile, who, to, err);
	json_decref(profile);
	if (r == 0)
		return to;
	(void)error_wrap(err, r, "the seccomp profile");
	json_decref(to);
	return NULL;
}

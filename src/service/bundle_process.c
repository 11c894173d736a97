/* SPDX-License-Identifier: Apache-2.0 */
/* Section process: program, user, variables, capabilities, limits. */
#include <limits.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/json_tree.h"
#include "container/caps.h"
#include "service/bundle_parts.h"
#include "service/lists.h"

#define CAP(name) ((uint64_t)1 << (name))

/* capability.h of the kernel, by number: its header's macros would bring its own names along. */
enum {
	CHOWN = 0,
	DAC_OVERRIDE = 1,
	FOWNER = 3,
	FSETID = 4,
	KILL = 5,
	SETGID = 6,
	SETUID = 7,
	SETPCAP = 8,
	NET_BIND_SERVICE = 10,
	NET_RAW = 13,
	SYS_CHROOT = 18,
	MKNOD = 27,
	AUDIT_WRITE = 29,
	SETFCAP = 31,
	CAPS_KNOWN = 41, /* CAP_CHECKPOINT_RESTORE is the last that caps.h names */
};

#define CAPS_ALL (((uint64_t)1 << CAPS_KNOWN) - 1)
/* docker's default. */
#define CAPS_DEFAULT                                                                               \
	(CAP(CHOWN) | CAP(DAC_OVERRIDE) | CAP(FOWNER) | CAP(FSETID) | CAP(KILL) | CAP(SETGID) |    \
	 CAP(SETUID) | CAP(SETPCAP) | CAP(NET_BIND_SERVICE) | CAP(NET_RAW) | CAP(SYS_CHROOT) |     \
	 CAP(MKNOD) | CAP(AUDIT_WRITE) | CAP(SETFCAP))

static bool has_all(const struct strv *list)
{
	for (size_t i = 0; i < list->len; i++)
		if (strcasecmp(list->items[i], "ALL") == 0)
			return true;
	return false;
}

static uint64_t mask_of(const struct strv *list)
{
	uint64_t mask = 0;

	for (size_t i = 0; i < list->len; i++) {
		int number = caps_number(list->items[i]);

		if (number >= 0)
			mask |= CAP(number);
	}
	return mask;
}

/* All that there are: on the host, all that can be passed on from here. */
static uint64_t all_caps(const struct bundle *bundle)
{
	uint64_t caps = CAPS_ALL;

	for (unsigned i = 0; !bundle->hyperv && i < CAPS_KNOWN; i++)
		if (prctl(PR_CAPBSET_READ, i, 0, 0, 0) != 1)
			caps &= ~CAP(i);
	return caps;
}

/* docker's order: what is dropped, or all, then what is added; "ALL" on both sides means all but. */
int bundle_capabilities(struct bundle *bundle, struct error *err)
{
	const struct container_config *c = bundle->config;

	(void)err;
	if (c->privileged)
		bundle->caps = all_caps(bundle);
	else if (has_all(&c->cap_add))
		bundle->caps = all_caps(bundle) & ~mask_of(&c->cap_drop);
	else if (has_all(&c->cap_drop))
		bundle->caps = mask_of(&c->cap_add);
	else
		bundle->caps = (CAPS_DEFAULT & ~mask_of(&c->cap_drop)) | mask_of(&c->cap_add);
	return 0;
}

static json_t *cap_names(uint64_t caps)
{
	json_t *array = json_array();

	for (unsigned i = 0; array && i < CAPS_KNOWN; i++)
		if ((caps & CAP(i)) &&
		    json_array_append_new(array, json_string(caps_name(i))) < 0) {
			json_decref(array);
			return NULL;
		}
	return array;
}

/* Effective and permitted are for root only, as execve(2) has it; inheritable are none (CVE-2022-24769). */
static int put_capabilities(struct bundle *bundle, bool is_root, struct error *err)
{
	json_t *caps = json_object();
	int r = bundle_put(bundle->process, "capabilities", caps, err);

	if (r == 0)
		r = bundle_put(caps, "bounding", cap_names(bundle->caps), err);
	if (r == 0 && is_root)
		r = bundle_put(caps, "effective", cap_names(bundle->caps), err);
	if (r == 0 && is_root)
		r = bundle_put(caps, "permitted", cap_names(bundle->caps), err);
	return r;
}

static int put_user(struct bundle *bundle, const struct oci_user *user, struct error *err)
{
	json_t *object = json_pack("{s:I,s:I,s:[]}", "uid", (json_int_t)user->uid, "gid",
				   (json_int_t)user->gid, "additionalGids");
	json_t *gids = json_object_get(object, "additionalGids");
	int r = bundle_put(bundle->process, "user", object, err);

	for (size_t i = 0; r == 0 && i < user->additional_gids_len; i++)
		r = bundle_append(gids, json_integer(user->additional_gids[i]), err);
	return r;
}

static int put_args(struct bundle *bundle, struct error *err)
{
	static char *const init[] = { (char *)"/dev/init", (char *)"--" };
	const struct container_config *c = bundle->config;
	struct strv args = { 0 };
	int r = 0;

	if (c->init)
		r = strv_append(&bundle->arena, &args, init, ARRAY_SIZE(init), err);
	if (r == 0 && c->entrypoint.len)
		r = strv_append(&bundle->arena, &args, c->entrypoint.items, c->entrypoint.len, err);
	if (r == 0 && c->cmd.len)
		r = strv_append(&bundle->arena, &args, c->cmd.items, c->cmd.len, err);
	return r < 0 ? r
		     : bundle_put(bundle->process, "args", bundle_strings(args.items, args.len),
				  err);
}

static bool has_variable(const struct strv *env, const char *name)
{
	const size_t len = strlen(name);

	for (size_t i = 0; i < env->len; i++)
		if (strncmp(env->items[i], name, len) == 0 && env->items[i][len] == '=')
			return true;
	return false;
}

static int put_env(struct bundle *bundle, const char *home, struct error *err)
{
	const struct container_config *c = bundle->config;
	const char *hostname = json_string_value(json_object_get(bundle->spec, "hostname"));
	char host[HOST_NAME_MAX + 1] = "";
	const struct {
		const char *name, *value;
	} added[] = {
		{ "HOSTNAME", hostname ? hostname : host },
		{ "TERM", c->tty ? "xterm" : NULL },
		{ "HOME", home },
	};
	json_t *env = bundle_strings(c->env.items, c->env.len);
	int r = bundle_put(bundle->process, "env", env, err);

	if (!hostname && !bundle->hyperv)
		(void)gethostname(host, sizeof(host) - 1);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(added); i++) {
		char *text;

		if (!added[i].value || !*added[i].value || has_variable(&c->env, added[i].name))
			continue;
		text = arena_printf(&bundle->arena, "%s=%s", added[i].name, added[i].value);
		r = text ? bundle_append(env, json_string(text), err) : error_oom(err);
	}
	return r;
}

static int put_rlimits(struct bundle *bundle, struct error *err)
{
	const struct oci_rlimits *limits = &bundle->config->ulimits;
	json_t *array = json_array();
	int r = limits->len ? bundle_put(bundle->process, "rlimits", array, err) : 0;

	if (!limits->len)
		json_decref(array);
	for (size_t i = 0; r == 0 && i < limits->len; i++) {
		json_t *object = json_object();

		r = bundle_append(array, object, err);
		if (r == 0)
			r = bundle_put_text(object, "type", limits->items[i].type, err);
		if (r == 0)
			r = bundle_put(object, "hard", json_tree_u64(limits->items[i].hard), err);
		if (r == 0)
			r = bundle_put(object, "soft", json_tree_u64(limits->items[i].soft), err);
	}
	return r;
}

static int put_security(struct bundle *bundle, struct error *err)
{
	const struct container_config *c = bundle->config;
	const char *profile = NULL;
	int r = 0;

	if (bundle_security_option(c, "no-new-privileges", "true", NULL))
		r = bundle_put(bundle->process, "noNewPrivileges", json_true(), err);
	if (r == 0 && bundle_security_option(c, "apparmor", NULL, &profile) &&
	    strcmp(profile, "unconfined") != 0)
		r = bundle_put_text(bundle->process, "apparmorProfile", profile, err);
	if (r == 0 && c->oom_score_adj.set)
		r = bundle_put(bundle->process, "oomScoreAdj", json_integer(c->oom_score_adj.value),
			       err);
	return r;
}

/* Root needs no look into the image, which costs a millisecond: the engine finds its home. */
static int find_user(struct bundle *bundle, struct oci_user *ret, char **ret_home,
		     struct error *err)
{
	const struct container_config *c = bundle->config;
	const char *user = c->user ? c->user : "";

	if ((!*user || strcmp(user, "0:0") == 0) && !c->group_add.len) {
		ret->additional_gids = arena_array(&bundle->arena, uint32_t, 1);
		ret->additional_gids_len = 1;
		*ret_home = NULL;
		return ret->additional_gids ? 0 : error_oom(err);
	}
	return bundle_user(bundle->record, bundle->layers, user, ret, ret_home, &bundle->arena,
			   err);
}

int bundle_process(struct bundle *bundle, struct error *err)
{
	const struct container_config *c = bundle->config;
	struct oci_user user = { 0 };
	char *home = NULL;
	int r = find_user(bundle, &user, &home, err);

	if (r == 0)
		r = put_user(bundle, &user, err);
	if (r == 0 && c->tty)
		r = bundle_put(bundle->process, "terminal", json_true(), err);
	if (r == 0)
		r = put_args(bundle, err);
	if (r == 0)
		r = put_env(bundle, home, err);
	if (r == 0)
		r = bundle_put_text(bundle->process, "cwd", c->working_dir ? c->working_dir : "/",
				    err);
	if (r == 0)
		r = put_capabilities(bundle, user.uid == 0, err);
	if (r == 0)
		r = put_rlimits(bundle, err);
	return r < 0 ? r : put_security(bundle, err);
}

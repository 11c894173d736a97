/* SPDX-License-Identifier: Apache-2.0 */
#include "container/hooks.h"

#include <jansson.h>
#include <limits.h>
#include <string.h>

#include "base/subprocess.h"

static const char *const names[OCI_HOOK_KINDS] = {
	[OCI_HOOK_PRESTART] = "hooks.prestart",
	[OCI_HOOK_CREATE_RUNTIME] = "hooks.createRuntime",
	[OCI_HOOK_CREATE_CONTAINER] = "hooks.createContainer",
	[OCI_HOOK_START_CONTAINER] = "hooks.startContainer",
	[OCI_HOOK_POSTSTART] = "hooks.poststart",
	[OCI_HOOK_POSTSTOP] = "hooks.poststop",
};

const char *hook_kind_name(enum oci_hook_kind kind)
{
	return names[kind];
}

static char *state_text(const struct hook_state *state)
{
	json_t *o = json_pack("{s:s s:s s:s s:s}", "ociVersion", state->oci_version, "id",
			      state->id, "status", state->status, "bundle", state->bundle);
	char *text = NULL;

	if (o && state->pid > 0)
		(void)json_object_set_new(o, "pid", json_integer(state->pid));
	if (o && state->annotations && state->annotations->len > 0) {
		json_t *annotations = json_object();

		for (size_t i = 0; i < state->annotations->len; i++)
			(void)json_object_set_new(annotations, state->annotations->items[i].key,
						  json_string(state->annotations->items[i].value));
		(void)json_object_set_new(o, "annotations", annotations);
	}
	if (o)
		text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	return text;
}

/* The last line that is not empty: where programs say what went wrong. */
static void last_line(char *output, const char **ret)
{
	size_t len = output ? strlen(output) : 0;
	char *nl;

	*ret = "";
	while (len > 0 && (output[len - 1] == '\n' || output[len - 1] == ' '))
		output[--len] = '\0';
	if (len == 0)
		return;
	nl = strrchr(output, '\n');
	*ret = nl ? nl + 1 : output;
}

static int run_one(const struct oci_hook *hook, const char *input, int cwd_fd, struct error *err)
{
	char *const no_env[] = { NULL };
	char *const bare_argv[] = { hook->path, NULL };
	_cleanup_free_ char *output = NULL;
	const char *line;
	struct subprocess sp = {
		.path = hook->path,
		.argv = hook->args.len > 0 ? hook->args.items : bare_argv,
		/* The spec: an absent env is an empty one, not the runtime's. */
		.envp = hook->env.len > 0 ? hook->env.items : no_env,
		.input = input,
		.input_len = strlen(input),
		.timeout_ms = -1,
		.stdout_fd = -1,
		.stderr_fd = -1,
		.cwd_fd = cwd_fd,
	};
	int r;

	if (hook->timeout.set)
		sp.timeout_ms = hook->timeout.value > INT_MAX / 1000
					? INT_MAX
					: (int)hook->timeout.value * 1000;
	r = subprocess_run(&sp, &output, err);
	if (r <= 0)
		return r;
	last_line(output, &line);
	return error_set(err, ECANCELED, "%s: status %d%s%s", hook->path, r, *line ? ": " : "",
			 line);
}

int hooks_run(const struct oci_spec *spec, enum oci_hook_kind kind, const struct hook_state *state,
	      int cwd_fd, struct error *err)
{
	const struct oci_hook_list *list = &spec->hooks[kind];
	_cleanup_free_ char *input = NULL;

	if (list->len == 0)
		return 0;
	input = state_text(state);
	if (!input)
		return error_oom(err);
	for (size_t i = 0; i < list->len; i++) {
		int r = run_one(&list->items[i], input, cwd_fd, err);

		if (r < 0)
			return error_wrap(err, r, "%s[%zu]", names[kind], i);
	}
	return 0;
}

void hooks_run_poststop(const struct oci_spec *spec, const struct hook_state *state,
			void (*warn)(const char *message, void *data), void *data)
{
	const struct oci_hook_list *list = &spec->hooks[OCI_HOOK_POSTSTOP];
	_cleanup_free_ char *input = list->len > 0 ? state_text(state) : NULL;

	for (size_t i = 0; input && i < list->len; i++) {
		_cleanup_error_ struct error err = ERROR_INIT;

		if (run_one(&list->items[i], input, -1, &err) == 0 || !warn)
			continue;
		(void)error_wrap(&err, -err.code, "%s[%zu]", names[OCI_HOOK_POSTSTOP], i);
		warn(error_text(&err), data);
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "network/cni.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/environment.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/json_tree.h"
#include "base/subprocess.h"

#define PLUGIN_TIMEOUT_MS (120 * 1000)
#define WORDS_MAX 2000 /* of a plugin that go into an error */

/* Version of the list as a number that can be compared: 1.0.0 is 10000. */
static unsigned version_of(const json_t *list)
{
	const char *text = json_string_value(json_object_get(list, "cniVersion"));
	unsigned major_no = 0, minor_no = 0, patch = 0;

	if (!text || sscanf(text, "%u.%u.%u", &major_no, &minor_no, &patch) != 3)
		return 0;
	return major_no * 10000 + minor_no * 100 + patch;
}

/* The program of a plugin's type, looked for in the directories of CNI_PATH. */
static int find_plugin(const char *directories, const char *type, char **ret, struct error *err)
{
	for (const char *p = directories; *p;) {
		size_t len = strcspn(p, ":");
		_cleanup_free_ char *program = NULL;
		struct stat st;

		if (asprintf(&program, "%.*s/%s", (int)len, p, type) < 0) {
			program = NULL;
			return error_oom(err);
		}
		if (*p == '/' && stat(program, &st) == 0 && S_ISREG(st.st_mode) &&
		    access(program, X_OK) == 0) {
			*ret = TAKE_PTR(program);
			return 0;
		}
		p += len;
		p += *p == ':';
	}
	return error_set(err, ENOENT,
			 "CNI plugin \"%s\" not found in %s (install containernetworking-plugins)",
			 type, directories);
}

int cni_find(const char *plugins, const json_t *list, struct error *err)
{
	const json_t *plugin;
	size_t i;

	json_array_foreach(json_object_get(list, "plugins"), i, plugin)
	{
		_cleanup_free_ char *program = NULL;
		int r = find_plugin(plugins, json_string_value(json_object_get(plugin, "type")),
				    &program, err);

		if (r < 0)
			return r;
	}
	return 0;
}

/* What the plugin reads: its configuration with the list's name and version, the values for the
 * capabilities that it has, and the result so far. */
static char *make_input(const struct cni_attachment *at, const json_t *plugin, bool with_previous)
{
	json_t *conf = json_copy((json_t *)plugin), *runtime = NULL;
	const json_t *capabilities = json_object_get(plugin, "capabilities");
	char *text = NULL;
	const char *key;
	json_t *value;
	bool ok = conf != NULL;

	ok = ok && json_object_set(conf, "name", json_object_get(at->list, "name")) == 0 &&
	     json_object_set(conf, "cniVersion", json_object_get(at->list, "cniVersion")) == 0;
	if (ok)
		(void)json_object_del(conf, "capabilities");
	if (ok && capabilities && at->runtime) {
		runtime = json_object();
		ok = runtime != NULL;
		json_object_foreach((json_t *)at->runtime, key,
				    value) if (ok &&
					       json_is_true(json_object_get(capabilities, key)))
			ok = json_object_set(runtime, key, value) == 0;
		if (ok && json_object_size(runtime) > 0)
			ok = json_object_set(conf, "runtimeConfig", runtime) == 0;
	}
	if (ok && with_previous && at->previous)
		ok = json_object_set(conf, "prevResult", (json_t *)at->previous) == 0;
	if (ok)
		text = json_tree_text(conf);
	json_decref(runtime);
	json_decref(conf);
	return text;
}

static char **make_environment(const struct cni_attachment *at, const char *command,
			       struct error *err)
{
	const struct {
		const char *name, *value;
	} variables[] = {
		{ "CNI_COMMAND", command },  { "CNI_CONTAINERID", at->id },
		{ "CNI_NETNS", at->netns },  { "CNI_IFNAME", at->interface },
		{ "CNI_PATH", at->plugins }, { "CNI_ARGS", at->args },
	};
	char **base = environment_for_helpers(), **ret;
	size_t n = 0, own;

	while (base && base[n])
		n++;
	ret = base ? realloc(base, (n + ARRAY_SIZE(variables) + 1) * sizeof(*ret)) : NULL;
	if (!ret) {
		free(base);
		(void)error_oom(err);
		return NULL;
	}
	own = n;
	for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
		if (!variables[i].value)
			continue;
		if (asprintf(&ret[n], "%s=%s", variables[i].name, variables[i].value) < 0) {
			while (n > own)
				free(ret[--n]);
			free(ret);
			(void)error_oom(err);
			return NULL;
		}
		n++;
	}
	ret[n] = NULL;
	return ret;
}

/* The strings that make_environment made: those behind the borrowed ones. */
static void free_environment(char **environment)
{
	for (size_t i = 0; environment[i]; i++)
		if (strncmp(environment[i], "CNI_", 4) == 0)
			free(environment[i]);
	free(environment);
}

/* Words of a plugin for an error: on one line, nothing that drives a terminal. */
static void make_printable(char *text)
{
	size_t len = strlen(text);

	while (len > 0 && strchr(" \n", text[len - 1]))
		text[--len] = '\0';
	if (len > WORDS_MAX)
		text[WORDS_MAX] = '\0';
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = ' ';
}

/* Section 5, "Error": {"code", "msg", "details"} on stdout; else what it said on stderr. */
static int plugin_failed(const char *type, const char *command, int status, const char *output,
			 int stderr_fd, struct error *err)
{
	_cleanup_error_ struct error ignored = ERROR_INIT;
	_cleanup_free_ char *words = NULL;
	json_t *json = NULL;
	const char *message, *details;
	size_t len;

	if (output && json_tree_parse(output, strlen(output), &json, &ignored) == 0 &&
	    (message = json_string_value(json_object_get(json, "msg")))) {
		details = json_string_value(json_object_get(json, "details"));
		if (asprintf(&words, "%s%s%s", message, details && *details ? ": " : "",
			     details ? details : "") < 0)
			words = NULL;
	} else if (lseek(stderr_fd, 0, SEEK_SET) == 0 &&
		   fd_read_all(stderr_fd, (size_t)1024 * 1024, &words, &len) < 0) {
		words = NULL;
	}
	json_decref(json);
	if (words)
		make_printable(words);
	if (words && *words)
		return error_set(err, EIO, "CNI plugin \"%s\" failed (%s): %s", type, command,
				 words);
	return error_set(err, EIO, "CNI plugin \"%s\" failed (%s): exit status %d", type, command,
			 status);
}

/* *ret_result: what it printed, may be NULL where it printed nothing. */
static int run_plugin(const struct cni_attachment *at, const json_t *plugin, const char *command,
		      bool with_previous, json_t **ret_result, struct error *err)
{
	const char *type = json_string_value(json_object_get(plugin, "type"));
	_cleanup_free_ char *program = NULL, *input = NULL, *output = NULL;
	_cleanup_close_ int stderr_fd = -1;
	char **environment, *argv[] = { (char *)type, NULL };
	int r = find_plugin(at->plugins, type, &program, err);

	*ret_result = NULL;
	if (r < 0)
		return r;
	input = make_input(at, plugin, with_previous);
	if (!input)
		return error_oom(err);
	stderr_fd = memfd_create("cni-stderr", MFD_CLOEXEC);
	if (stderr_fd < 0)
		return error_sys(err, errno, "memfd_create");
	environment = make_environment(at, command, err);
	if (!environment)
		return -ENOMEM;
	/* It goes on when this process is killed: what it does half is undone by nobody. */
	r = subprocess_run(&(struct subprocess){ .path = program,
						 .argv = argv,
						 .envp = environment,
						 .input = input,
						 .input_len = strlen(input),
						 .timeout_ms = PLUGIN_TIMEOUT_MS,
						 .stdout_fd = -1,
						 .stderr_fd = stderr_fd,
						 .cwd_fd = -1,
						 .keep_fd = at->keep_fd,
						 .outlives = true },
			   &output, err);
	free_environment(environment);
	if (r < 0)
		return error_wrap(err, r, "CNI plugin \"%s\" (%s)", type, command);
	if (r > 0)
		return plugin_failed(type, command, r, output, stderr_fd, err);
	if (output && output[strspn(output, " \t\r\n")]) {
		r = json_tree_parse(output, strlen(output), ret_result, err);
		if (r < 0)
			return error_wrap(err, r, "result of CNI plugin \"%s\"", type);
		if (!json_is_object(*ret_result)) {
			json_decref(TAKE_PTR(*ret_result));
			return error_set(err, EINVAL, "result of CNI plugin \"%s\": no object",
					 type);
		}
	}
	return 0;
}

int cni_add(const struct cni_attachment *attachment, json_t **ret_result, struct error *err)
{
	const json_t *plugins = json_object_get(attachment->list, "plugins"), *plugin;
	struct cni_attachment at = *attachment;
	json_t *result = NULL;
	size_t i;

	json_array_foreach(plugins, i, plugin)
	{
		json_t *next;
		int r;

		at.previous = result;
		r = run_plugin(&at, plugin, "ADD", version_of(at.list) >= 300, &next, err);
		if (r == 0 && !next)
			r = error_set(err, EINVAL, "CNI plugin \"%s\" printed no result",
				      json_string_value(json_object_get(plugin, "type")));
		json_decref(result);
		if (r < 0)
			return r;
		result = next;
	}
	*ret_result = result;
	return 0;
}

int cni_delete(const struct cni_attachment *attachment, struct error *err)
{
	const json_t *plugins = json_object_get(attachment->list, "plugins");
	/* Section 4: the previous result comes with DEL since 0.4.0. */
	const bool with_previous = version_of(attachment->list) >= 400;
	int first = 0;

	for (size_t i = json_array_size(plugins); i > 0; i--) {
		_cleanup_error_ struct error why = ERROR_INIT;
		json_t *ignored;
		int r = run_plugin(attachment, json_array_get(plugins, i - 1), "DEL", with_previous,
				   &ignored, &why);

		json_decref(ignored);
		if (r < 0 && first == 0) {
			first = r;
			error_move(err, &why);
		}
	}
	return first;
}

int cni_check(const struct cni_attachment *attachment, struct error *err)
{
	const json_t *plugins = json_object_get(attachment->list, "plugins"), *plugin;
	size_t i;

	if (json_is_true(json_object_get(attachment->list, "disableCheck")) ||
	    version_of(attachment->list) < 400)
		return 0;
	json_array_foreach(plugins, i, plugin)
	{
		json_t *ignored;
		int r = run_plugin(attachment, plugin, "CHECK", true, &ignored, err);

		json_decref(ignored);
		if (r < 0)
			return r;
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "service/volume_spec.h"

#include <ctype.h>
#include <string.h>

#include "base/path.h"
#include "base/number.h"
#include "service/lists.h"

#define NAME_MAX_LEN 255

bool volume_name_valid(const char *name)
{
	const size_t len = strlen(name);

	if (len < 2 || len > NAME_MAX_LEN || !isalnum((unsigned char)name[0]))
		return false;
	for (const char *c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("_.-", *c))
			return false;
	return true;
}

int volume_set_destination(struct container_volume *volume, const char *path, const char *text,
			   struct arena *arena, struct error *err)
{
	_cleanup_free_ char *clean = NULL;

	if (path[0] != '/')
		return error_set(
			err, EINVAL,
			"invalid volume specification: '%s': invalid mount path: '%s' mount "
			"path must be absolute",
			text, path);
	clean = path_clean(path);
	if (!clean)
		return error_oom(err);
	if (strcmp(clean, "/") == 0)
		return error_set(err, EINVAL,
				 "invalid volume specification: '%s': invalid specification: "
				 "destination can't be '/'",
				 text);
	return text_set(arena, &volume->destination, clean, err);
}

static bool is_propagation(const char *option)
{
	static const char *const words[] = { "shared", "slave", "private" };

	option += option[0] == 'r';
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcmp(option, words[i]) == 0)
			return true;
	return false;
}

int volume_set_option(struct container_volume *volume, const char *option, struct arena *arena,
		      struct error *err)
{
	if (strcmp(option, "ro") == 0 || strcmp(option, "rw") == 0) {
		volume->readonly = option[1] == 'o';
		return 0;
	}
	if (strcmp(option, "nocopy") == 0) {
		volume->nocopy = true;
		return 0;
	}
	if (strcmp(option, "z") == 0 || strcmp(option, "Z") == 0) {
		/* A label that nobody enforces would only look like protection. */
		if (access("/sys/fs/selinux/enforce", F_OK) < 0)
			return error_set(err, ENOTSUP,
					 "volume option \"%s\" relabels for SELinux, which this "
					 "host does not have; leave it out",
					 option);
		return error_set(err, ENOTSUP,
				 "volume option \"%s\": relabelling is not supported; label the "
				 "directory with chcon -t container_file_t",
				 option);
	}
	if (is_propagation(option)) {
		if (volume->kind != VOLUME_BIND)
			return error_set(err, EINVAL,
					 "invalid mode: %s: propagation is for bind mounts only",
					 option);
		return text_set(arena, &volume->propagation, option, err);
	}
	if (strcmp(option, "consistent") == 0 || strcmp(option, "cached") == 0 ||
	    strcmp(option, "delegated") == 0)
		return error_set(err, ENOTSUP,
				 "volume option \"%s\": consistency is a matter of Docker Desktop; "
				 "here both sides always see the same",
				 option);
	return error_set(err, EINVAL, "invalid mode: %s", option);
}

static int set_options(struct container_volume *volume, char *options, struct arena *arena,
		       struct error *err)
{
	char *save = NULL;
	int r = 0;

	for (char *o = strtok_r(options, ",", &save); r == 0 && o; o = strtok_r(NULL, ",", &save))
		r = volume_set_option(volume, o, arena, err);
	return r;
}

static int set_source(struct container_volume *volume, const char *source, const char *cwd,
		      struct arena *arena, struct error *err)
{
	_cleanup_free_ char *joined = NULL, *clean = NULL;

	if (source[0] == '/' || (source[0] == '.' && cwd)) {
		volume->kind = VOLUME_BIND;
		joined = path_join(cwd ? cwd : "/", source);
		clean = joined ? path_clean(joined) : NULL;
		return clean ? text_set(arena, &volume->source, clean, err) : error_oom(err);
	}
	volume->kind = VOLUME_NAMED;
	if (!volume_name_valid(source))
		return error_set(err, EINVAL,
				 "create %s: \"%s\" includes invalid characters for a local volume "
				 "name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you "
				 "intended to pass a host directory, use absolute path",
				 source, source);
	return text_set(arena, &volume->source, source, err);
}

int volume_parse_short(const char *text, const char *cwd, struct arena *arena,
		       struct container_volume *ret, struct error *err)
{
	struct container_volume volume = { .kind = VOLUME_NAMED, .short_form = true };
	_cleanup_free_ char *copy = strdup(text);
	char *parts[3] = { copy, NULL, NULL };
	size_t n = 1;
	int r = 0;

	if (!copy)
		return error_oom(err);
	for (char *colon = strchr(copy, ':'); colon; colon = strchr(colon + 1, ':')) {
		if (n == ARRAY_SIZE(parts))
			return error_set(err, EINVAL, "invalid volume specification: '%s'", text);
		*colon = '\0';
		parts[n++] = colon + 1;
	}
	for (size_t i = 0; i < n; i++)
		if (!*parts[i])
			return error_set(err, EINVAL,
					 "invalid volume specification: '%s': a part is empty",
					 text);
	if (n == 1) {
		volume.anonymous = true;
		r = volume_set_destination(&volume, parts[0], text, arena, err);
	} else {
		r = set_source(&volume, parts[0], cwd, arena, err);
		if (r == 0)
			r = volume_set_destination(&volume, parts[1], text, arena, err);
	}
	if (r == 0 && n == 3)
		r = set_options(&volume, parts[2], arena, err);
	volume.create_source = volume.kind == VOLUME_BIND;
	if (r == 0)
		*ret = volume;
	return r;
}

char *volume_format_short(const struct container_volume *volume, struct arena *arena)
{
	return arena_printf(arena, "%s:%s%s%s%s%s%s", volume->source, volume->destination,
			    volume->readonly || volume->nocopy || volume->propagation ? ":" : "",
			    volume->readonly ? "ro" : "",
			    volume->nocopy ? (volume->readonly ? ",nocopy" : "nocopy") : "",
			    volume->propagation && (volume->readonly || volume->nocopy) ? "," : "",
			    volume->propagation ? volume->propagation : "");
}

int volume_parse_tmpfs(const char *text, struct arena *arena, struct container_volume *ret,
		       struct error *err)
{
	struct container_volume volume = { .kind = VOLUME_TMPFS, .short_form = true };
	_cleanup_free_ char *copy = strdup(text);
	char *options, *save = NULL;
	int r;

	if (!copy)
		return error_oom(err);
	options = strchr(copy, ':');
	if (options)
		*options++ = '\0';
	r = volume_set_destination(&volume, copy, text, arena, err);
	for (char *o = options ? strtok_r(options, ",", &save) : NULL; r == 0 && o;
	     o = strtok_r(NULL, ",", &save)) {
		if (strcmp(o, "ro") == 0)
			volume.readonly = true;
		r = strv_add(arena, &volume.options, o, err);
	}
	if (r == 0)
		*ret = volume;
	return r;
}

/* --- --mount ------------------------------------------------------------------------------------ */

struct long_form {
	struct container_volume volume;
	const char *type, *source, *target, *propagation, *recursive;
	const char *tmpfs_size, *tmpfs_mode;
	bool volume_options;
};

static int truth(const char *key, const char *value, bool *ret, struct error *err)
{
	*ret = true;
	if (!value || strcmp(value, "true") == 0 || strcmp(value, "1") == 0)
		return 0;
	*ret = false;
	if (strcmp(value, "false") == 0 || strcmp(value, "0") == 0)
		return 0;
	return error_set(err, EINVAL, "invalid value for %s: %s", key, value);
}

static const char *refused_key(const char *key)
{
	static const struct {
		const char *key, *why;
	} keys[] = {
		{ "consistency", "both sides always see the same" },
		{ "volume-driver", "volumes are directories of this host" },
		{ "volume-opt", "volumes are directories of this host" },
		{ "volume-label", "volumes have no labels" },
		{ "volume-subpath", "mount the whole volume" },
		{ "image-subpath", "images cannot be mounted" },
		{ "bind-nonrecursive", "write bind-recursive=disabled" },
		{ "relabel", "relabelling for SELinux is not supported" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (strcmp(keys[i].key, key) == 0)
			return keys[i].why;
	return NULL;
}

static int take_pair(struct long_form *form, const char *key, const char *value, struct error *err)
{
	const struct {
		const char *key;
		const char **to;
	} texts[] = {
		{ "type", &form->type },
		{ "source", &form->source },
		{ "src", &form->source },
		{ "target", &form->target },
		{ "dst", &form->target },
		{ "destination", &form->target },
		{ "bind-propagation", &form->propagation },
		{ "bind-recursive", &form->recursive },
		{ "tmpfs-size", &form->tmpfs_size },
		{ "tmpfs-mode", &form->tmpfs_mode },
	};
	const char *why = refused_key(key);

	if (why)
		return error_set(err, ENOTSUP, "--mount: %s is not supported: %s", key, why);
	if (strcmp(key, "readonly") == 0 || strcmp(key, "ro") == 0)
		return truth(key, value, &form->volume.readonly, err);
	if (strcmp(key, "volume-nocopy") == 0) {
		form->volume_options = true;
		return truth(key, value, &form->volume.nocopy, err);
	}
	if (strcmp(key, "bind-create-src") == 0)
		return truth(key, value, &form->volume.create_source, err);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		if (strcmp(texts[i].key, key) != 0)
			continue;
		if (!value)
			return error_set(err, EINVAL, "invalid field '%s' must be a key=value pair",
					 key);
		*texts[i].to = value;
		return 0;
	}
	return error_set(err, EINVAL, "unexpected key '%s' in '%s%s%s'", key, key, value ? "=" : "",
			 value ? value : "");
}

/* One field of comma-separated values, perhaps in quotes (doubled within); in place. NULL: broken. */
static char *next_field(char **at)
{
	char *from = *at, *to, *field;

	if (*from != '"') {
		field = from;
		from += strcspn(from, ",");
		*at = *from ? from + 1 : NULL;
		*from = '\0';
		return field;
	}
	field = to = ++from;
	while (*from && !(from[0] == '"' && from[1] != '"')) {
		from += *from == '"';
		*to++ = *from++;
	}
	if (*from != '"' || (from[1] && from[1] != ','))
		return NULL;
	*at = from[1] ? from + 2 : NULL;
	*to = '\0';
	return field;
}

static int finish_bind(struct long_form *form, const char *text, struct arena *arena,
		       struct error *err)
{
	static const struct {
		const char *word, *options[2];
	} recursions[] = {
		{ "enabled", { NULL, NULL } },
		{ "disabled", { "bind", NULL } },
		{ "writable", { "ro", NULL } },
		{ "readonly", { "rro", NULL } },
	};
	struct container_volume *v = &form->volume;
	int r = 0;

	v->kind = VOLUME_BIND;
	if (!form->source)
		return error_set(err, EINVAL,
				 "invalid mount config for type \"bind\": field Source must not be "
				 "empty");
	if (form->source[0] != '/')
		return error_set(err, EINVAL,
				 "invalid mount config for type \"bind\": invalid mount path: "
				 "'%s' mount path must be absolute",
				 form->source);
	if (form->volume_options)
		return error_set(err, EINVAL,
				 "cannot mix 'volume-*' options with mount type 'bind' in '%s'",
				 text);
	if (form->propagation) {
		if (!is_propagation(form->propagation))
			return error_set(err, EINVAL, "invalid bind-propagation: %s",
					 form->propagation);
		r = text_set(arena, &v->propagation, form->propagation, err);
	}
	if (r == 0 && form->recursive) {
		size_t i = 0;

		while (i < ARRAY_SIZE(recursions) &&
		       strcmp(recursions[i].word, form->recursive) != 0)
			i++;
		if (i == ARRAY_SIZE(recursions))
			return error_set(err, EINVAL,
					 "invalid bind-recursive: %s: must be \"enabled\", "
					 "\"disabled\", \"writable\", or \"readonly\"",
					 form->recursive);
		if (i >= 2 && !v->readonly)
			return error_set(err, EINVAL,
					 "option 'bind-recursive=%s' requires 'readonly' to be "
					 "specified in conjunction",
					 form->recursive);
		if (recursions[i].options[0])
			r = strv_add(arena, &v->options, recursions[i].options[0], err);
	}
	return r < 0 ? r : set_source(v, form->source, NULL, arena, err);
}

static int finish_tmpfs(struct long_form *form, struct arena *arena, struct error *err)
{
	struct container_volume *v = &form->volume;
	int64_t size;
	char *option;
	int r = 0;

	v->kind = VOLUME_TMPFS;
	if (form->source)
		return error_set(err, EINVAL,
				 "invalid mount config for type \"tmpfs\": field Source must not "
				 "be specified");
	if (form->tmpfs_size) {
		if (number_size(form->tmpfs_size, &size) < 0 || size < 0)
			return error_set(err, EINVAL, "invalid value for tmpfs-size: %s",
					 form->tmpfs_size);
		option = arena_printf(arena, "size=%lld", (long long)size);
		r = option ? strv_add(arena, &v->options, option, err) : error_oom(err);
	}
	if (r == 0 && form->tmpfs_mode) {
		if (form->tmpfs_mode[strspn(form->tmpfs_mode, "01234567")] ||
		    strlen(form->tmpfs_mode) > 5)
			return error_set(err, EINVAL, "invalid value for tmpfs-mode: %s",
					 form->tmpfs_mode);
		option = arena_printf(arena, "mode=%s", form->tmpfs_mode);
		r = option ? strv_add(arena, &v->options, option, err) : error_oom(err);
	}
	return r;
}

static int finish(struct long_form *form, const char *text, struct arena *arena, struct error *err)
{
	const char *type = form->type ? form->type : "volume";
	struct container_volume *v = &form->volume;
	int r;

	if (!form->target)
		return error_set(err, EINVAL, "target is required");
	r = volume_set_destination(v, form->target, text, arena, err);
	if (r < 0)
		return r;
	if ((form->propagation || form->recursive || v->create_source) && strcmp(type, "bind") != 0)
		return error_set(err, EINVAL, "cannot mix 'bind-*' options with mount type '%s'",
				 type);
	if ((form->tmpfs_size || form->tmpfs_mode) && strcmp(type, "tmpfs") != 0)
		return error_set(err, EINVAL, "cannot mix 'tmpfs-*' options with mount type '%s'",
				 type);
	if (strcmp(type, "bind") == 0)
		return finish_bind(form, text, arena, err);
	if (strcmp(type, "tmpfs") == 0)
		return finish_tmpfs(form, arena, err);
	if (strcmp(type, "volume") != 0)
		return error_set(err, EINVAL,
				 "mount type unknown: \"%s\": bind, volume and tmpfs are known",
				 type);
	v->kind = VOLUME_NAMED;
	v->anonymous = !form->source;
	if (form->source && form->source[0] == '/')
		return error_set(err, EINVAL,
				 "create %s: a volume has a name, not a path; use type=bind",
				 form->source);
	return form->source ? set_source(v, form->source, NULL, arena, err) : 0;
}

int volume_parse_long(const char *text, struct arena *arena, struct container_volume *ret,
		      struct error *err)
{
	struct long_form form = { 0 };
	_cleanup_free_ char *copy = strdup(text);
	char *at = copy, *field;
	int r = 0;

	if (!copy)
		return error_oom(err);
	while (r == 0 && at) {
		char *value;

		field = next_field(&at);
		if (!field)
			return error_set(err, EINVAL, "invalid --mount '%s': a quote is not closed",
					 text);
		value = strchr(field, '=');
		if (value)
			*value++ = '\0';
		for (char *c = field; *c; c++)
			*c = (char)tolower((unsigned char)*c);
		r = take_pair(&form, field, value, err);
	}
	if (r == 0)
		r = finish(&form, text, arena, err);
	if (r == 0)
		*ret = form.volume;
	return r < 0 ? error_wrap(err, r, "invalid argument \"%s\" for \"--mount\" flag", text) : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "hcs/names.h"

#include <string.h>

#include "hcs/hcs.h"

/* Commands of the program hcs-image: what needs TLS, decompression and hashing is not linked here. */
static const struct {
	const char *name, *summary;
} image_commands[] = {
	{ "pull", "fetch an image from a registry" },
	{ "push", "send an image to a registry" },
	{ "login", "store a registry's credentials" },
	{ "logout", "forget a registry's credentials" },
	{ "load", "load images from an archive" },
	{ "save", "save images to an archive" },
	{ "import", "make an image from a root file system's archive" },
};

/* docker's "GROUP WORD" → the flat command; what is not here is WORD itself. */
static const struct {
	const char *group, *word, *command;
} group_words[] = {
	{ "container", "ls", "ps" },
	{ "container", "list", "ps" },
	{ "container", "ps", "ps" },
	{ "container", "remove", "rm" },
	{ "image", "ls", "images" },
	{ "image", "list", "images" },
	{ "image", "rm", "rmi" },
	{ "image", "remove", "rmi" },
	{ "network", "list", "network ls" },
	{ "volume", "list", "volume ls" },
	{ "volume", "remove", "volume rm" },
	{ "system", "info", "info" },
	{ "system", "events", "events" },
};

static const struct {
	const char *group, *words; /* separated by spaces */
} groups[] = {
	{ "container",
	  "attach commit cp create diff enter exec export inspect kill logs pause port rename "
	  "restart rm run set start stats stop top unpause update wait" },
	{ "image", "history import inspect load pull push save tag" },
	{ "network", "inspect ls" },
	{ "system", "df prune" },
	{ "volume", "create inspect ls prune rm" },
};

static const struct {
	const char *name, *why;
} not_here[] = {
	{ "build", "images are built by other tools; load them with 'hcs load'" },
	{ "buildx", "images are built by other tools; load them with 'hcs load'" },
	{ "builder", "images are built by other tools" },
	{ "checkpoint", "use runhcs checkpoint" },
	{ "compose", "one container at a time: 'hcs run'" },
	{ "config", "there is no swarm" },
	{ "context", "there is no daemon to choose" },
	{ "events", "there is no daemon that would tell; 'hcs wait' waits for one container" },
	{ "manifest", "use skopeo" },
	{ "node", "there is no swarm" },
	{ "plugin", "there are no plugins" },
	{ "search", "registries are searched on their web pages" },
	{ "secret", "there is no swarm" },
	{ "service", "there is no swarm" },
	{ "stack", "there is no swarm" },
	{ "swarm", "one host only" },
	{ "trust", "name images by their digest" },
};

static bool is_image_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(image_commands); i++)
		if (strcmp(image_commands[i].name, name) == 0)
			return true;
	return false;
}

static bool has_word(const char *words, const char *word)
{
	const size_t len = strlen(word);

	for (const char *at = words; *at; at += strspn(at, " ")) {
		const size_t n = strcspn(at, " ");

		if (n == len && memcmp(at, word, n) == 0)
			return true;
		at += n;
	}
	return false;
}

static const char *group_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		if (strcmp(groups[i].group, name) == 0)
			return groups[i].words;
	return NULL;
}

/* The flat name of "GROUP WORD", or NULL. */
static const char *flat_name(const char *group, const char *word)
{
	const char *words = group_of(group);

	for (size_t i = 0; i < ARRAY_SIZE(group_words); i++)
		if (strcmp(group_words[i].group, group) == 0 &&
		    strcmp(group_words[i].word, word) == 0)
			return group_words[i].command;
	return words && has_word(words, word) ? word : NULL;
}

static int unknown(const char *name, const char *word, struct error *err)
{
	const bool is_group = group_of(name) != NULL;

	for (size_t i = 0; i < ARRAY_SIZE(not_here); i++)
		if (strcmp(not_here[i].name, name) == 0 ||
		    (is_group && word && strcmp(not_here[i].name, word) == 0))
			return error_set(err, ENOTSUP, "'%s' is not a command of hcs: %s",
					 not_here[i].name, not_here[i].why);
	if (word && strcmp(name, "network") == 0)
		return error_set(
			err, ENOTSUP,
			"'network %s' is not a command of hcs: networks are CNI's configuration "
			"files in /etc/cni/net.d",
			word);
	if (is_group && word)
		return error_set(err, EINVAL, "'%s %s' is not a command (see 'hcs --help')", name,
				 word);
	if (is_group)
		return error_set(err, EINVAL, "'hcs %s' needs a command: %s", name, group_of(name));
	return error_set(err, EINVAL, "'%s' is not a command (see 'hcs --help')", name);
}

int names_resolve(char **argv, int len, const struct cli_command **ret, int *ret_used,
		  struct error *err)
{
	const char *flat;
	char two[64];

	*ret = NULL;
	*ret_used = 1;
	if (len > 1 && argv[1][0] != '-') {
		(void)snprintf(two, sizeof(two), "%s %s", argv[0], argv[1]);
		*ret = command_find(two);
		flat = *ret ? NULL : flat_name(argv[0], argv[1]);
		if (flat && is_image_command(flat)) {
			*ret_used = 1; /* argv[1] is its name */
			return 0;
		}
		if (flat)
			*ret = command_find(flat);
		if (*ret) {
			*ret_used = 2;
			return 0;
		}
	}
	if (is_image_command(argv[0])) {
		*ret_used = 0;
		return 0;
	}
	*ret = command_find(argv[0]);
	if (!*ret) { /* a group alone lists what it is about */
		(void)snprintf(two, sizeof(two), "%s list", argv[0]);
		*ret = command_find(two);
	}
	return *ret ? 0 : unknown(argv[0], len > 1 ? argv[1] : NULL, err);
}

void names_print_image_commands(struct output *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(image_commands); i++)
		output_format(out, "  %-16s%s\n", image_commands[i].name,
			      image_commands[i].summary);
}

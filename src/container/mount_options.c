/* SPDX-License-Identifier: Apache-2.0 */
#include "container/mount_options.h"

#include <string.h>
#include <sys/mount.h>

enum option_kind {
	OPTION_NONE, /* the kernel's default, or concerns only the kernel's log */
	OPTION_SET,
	OPTION_CLEAR,
	OPTION_ATIME, /* one field of several bits: set as a whole */
	OPTION_SB,
	OPTION_SB_CLEAR,
	OPTION_PROPAGATION,
	OPTION_BIND,
	OPTION_REMOUNT,
	OPTION_IDMAP,
	OPTION_TMPCOPYUP,
	OPTION_COPY_SYMLINK,
};

struct option {
	const char *name;
	enum option_kind kind;
	bool recursive;
	uint64_t value;
};

static const struct option options_known[] = {
	/* File systems that can have ACLs have them, unless noacl tells them otherwise. */
	{ "acl", OPTION_NONE, false, 0 },
	{ "async", OPTION_SB_CLEAR, false, MOUNT_SB_SYNC },
	{ "atime", OPTION_ATIME, false, MOUNT_ATTR_RELATIME },
	{ "bind", OPTION_BIND, false, 0 },
	{ "copy-symlink", OPTION_COPY_SYMLINK, false, 0 },
	{ "defaults", OPTION_NONE, false, 0 },
	{ "dev", OPTION_CLEAR, false, MOUNT_ATTR_NODEV },
	{ "diratime", OPTION_CLEAR, false, MOUNT_ATTR_NODIRATIME },
	{ "dirsync", OPTION_SB, false, MOUNT_SB_DIRSYNC },
	{ "exec", OPTION_CLEAR, false, MOUNT_ATTR_NOEXEC },
	{ "idmap", OPTION_IDMAP, false, 0 },
	{ "iversion", OPTION_SB, false, MOUNT_SB_IVERSION },
	{ "lazytime", OPTION_SB, false, MOUNT_SB_LAZYTIME },
	{ "loud", OPTION_NONE, false, 0 },
	{ "mand", OPTION_SB, false, MOUNT_SB_MAND },
	{ "noatime", OPTION_ATIME, false, MOUNT_ATTR_NOATIME },
	{ "nodev", OPTION_SET, false, MOUNT_ATTR_NODEV },
	{ "nodiratime", OPTION_SET, false, MOUNT_ATTR_NODIRATIME },
	{ "nodirsync", OPTION_SB_CLEAR, false, MOUNT_SB_DIRSYNC },
	{ "noexec", OPTION_SET, false, MOUNT_ATTR_NOEXEC },
	{ "noiversion", OPTION_SB_CLEAR, false, MOUNT_SB_IVERSION },
	{ "nolazytime", OPTION_SB_CLEAR, false, MOUNT_SB_LAZYTIME },
	{ "nomand", OPTION_SB_CLEAR, false, MOUNT_SB_MAND },
	/* Kernels since 2.6.30 have relatime where nothing else is asked for. */
	{ "norelatime", OPTION_ATIME, false, MOUNT_ATTR_RELATIME },
	{ "nostrictatime", OPTION_ATIME, false, MOUNT_ATTR_RELATIME },
	{ "nosuid", OPTION_SET, false, MOUNT_ATTR_NOSUID },
	{ "nosymfollow", OPTION_SET, false, MOUNT_ATTR_NOSYMFOLLOW },
	{ "private", OPTION_PROPAGATION, false, MS_PRIVATE },
	{ "ratime", OPTION_ATIME, true, MOUNT_ATTR_RELATIME },
	{ "rbind", OPTION_BIND, true, 0 },
	{ "rdev", OPTION_CLEAR, true, MOUNT_ATTR_NODEV },
	{ "rdiratime", OPTION_CLEAR, true, MOUNT_ATTR_NODIRATIME },
	{ "relatime", OPTION_ATIME, false, MOUNT_ATTR_RELATIME },
	{ "remount", OPTION_REMOUNT, false, 0 },
	{ "rexec", OPTION_CLEAR, true, MOUNT_ATTR_NOEXEC },
	{ "ridmap", OPTION_IDMAP, true, 0 },
	{ "rnoatime", OPTION_ATIME, true, MOUNT_ATTR_NOATIME },
	{ "rnodev", OPTION_SET, true, MOUNT_ATTR_NODEV },
	{ "rnodiratime", OPTION_SET, true, MOUNT_ATTR_NODIRATIME },
	{ "rnoexec", OPTION_SET, true, MOUNT_ATTR_NOEXEC },
	{ "rnorelatime", OPTION_ATIME, true, MOUNT_ATTR_RELATIME },
	{ "rnostrictatime", OPTION_ATIME, true, MOUNT_ATTR_RELATIME },
	{ "rnosuid", OPTION_SET, true, MOUNT_ATTR_NOSUID },
	{ "rnosymfollow", OPTION_SET, true, MOUNT_ATTR_NOSYMFOLLOW },
	{ "ro", OPTION_SET, false, MOUNT_ATTR_RDONLY },
	{ "rprivate", OPTION_PROPAGATION, true, MS_PRIVATE },
	{ "rrelatime", OPTION_ATIME, true, MOUNT_ATTR_RELATIME },
	{ "rro", OPTION_SET, true, MOUNT_ATTR_RDONLY },
	{ "rrw", OPTION_CLEAR, true, MOUNT_ATTR_RDONLY },
	{ "rshared", OPTION_PROPAGATION, true, MS_SHARED },
	{ "rslave", OPTION_PROPAGATION, true, MS_SLAVE },
	{ "rstrictatime", OPTION_ATIME, true, MOUNT_ATTR_STRICTATIME },
	{ "rsuid", OPTION_CLEAR, true, MOUNT_ATTR_NOSUID },
	{ "rsymfollow", OPTION_CLEAR, true, MOUNT_ATTR_NOSYMFOLLOW },
	{ "runbindable", OPTION_PROPAGATION, true, MS_UNBINDABLE },
	{ "rw", OPTION_CLEAR, false, MOUNT_ATTR_RDONLY },
	{ "shared", OPTION_PROPAGATION, false, MS_SHARED },
	{ "silent", OPTION_NONE, false, 0 },
	{ "slave", OPTION_PROPAGATION, false, MS_SLAVE },
	{ "strictatime", OPTION_ATIME, false, MOUNT_ATTR_STRICTATIME },
	{ "suid", OPTION_CLEAR, false, MOUNT_ATTR_NOSUID },
	{ "symfollow", OPTION_CLEAR, false, MOUNT_ATTR_NOSYMFOLLOW },
	{ "sync", OPTION_SB, false, MOUNT_SB_SYNC },
	{ "tmpcopyup", OPTION_TMPCOPYUP, false, 0 },
	{ "unbindable", OPTION_PROPAGATION, false, MS_UNBINDABLE },
};

const char *mount_option_name(size_t i)
{
	return i < ARRAY_SIZE(options_known) ? options_known[i].name : NULL;
}

const char *mount_sb_flag_name(enum mount_sb_flag flag)
{
	switch (flag) {
	case MOUNT_SB_SYNC:
		return "sync";
	case MOUNT_SB_DIRSYNC:
		return "dirsync";
	case MOUNT_SB_MAND:
		return "mand";
	case MOUNT_SB_LAZYTIME:
		return "lazytime";
	case MOUNT_SB_IVERSION:
		return "iversion";
	}
	return "?";
}

char *mount_attrs_text(uint64_t attrs, char *buf, size_t size)
{
	static const struct {
		uint64_t attr;
		const char *name;
	} names[] = {
		{ MOUNT_ATTR_RDONLY, "ro" },
		{ MOUNT_ATTR_NOSUID, "nosuid" },
		{ MOUNT_ATTR_NODEV, "nodev" },
		{ MOUNT_ATTR_NOEXEC, "noexec" },
		{ MOUNT_ATTR__ATIME, "atime" },
		{ MOUNT_ATTR_NODIRATIME, "nodiratime" },
		{ MOUNT_ATTR_NOSYMFOLLOW, "nosymfollow" },
	};
	size_t used = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		int n;

		if (!(attrs & names[i].attr))
			continue;
		n = snprintf(buf + used, size - used, "%s%s", used ? "," : "", names[i].name);
		if (n < 0 || (size_t)n >= size - used)
			break;
		used += (size_t)n;
	}
	return buf;
}

static int compare_option(const void *key, const void *entry)
{
	return strcmp(key, ((const struct option *)entry)->name);
}

/* The last of contradicting options wins, as in mount(8). */
static void apply_attr(struct mount_attrs *attrs, const struct option *option)
{
	switch (option->kind) {
	case OPTION_SET:
		attrs->set |= option->value;
		attrs->clr &= ~option->value;
		break;
	case OPTION_CLEAR:
		attrs->clr |= option->value;
		attrs->set &= ~option->value;
		break;
	default: /* OPTION_ATIME: the kernel wants the whole field cleared whichever value is set */
		attrs->clr |= MOUNT_ATTR__ATIME;
		attrs->set = (attrs->set & ~(uint64_t)MOUNT_ATTR__ATIME) | option->value;
		break;
	}
}

static int apply(struct mount_options *ret, const struct option *option, size_t index,
		 struct error *err)
{
	switch (option->kind) {
	case OPTION_NONE:
		break;
	case OPTION_SET:
	case OPTION_CLEAR:
	case OPTION_ATIME:
		apply_attr(option->recursive ? &ret->rec_attrs : &ret->attrs, option);
		break;
	case OPTION_SB:
		ret->sb_flags |= (unsigned)option->value;
		ret->sb_index = index;
		break;
	case OPTION_SB_CLEAR:
		ret->sb_flags &= ~(unsigned)option->value;
		break;
	case OPTION_PROPAGATION:
		if (ret->propagations_len == MOUNT_PROPAGATIONS_MAX)
			return error_set(err, EINVAL,
					 "options[%zu]: more than %d propagation options", index,
					 MOUNT_PROPAGATIONS_MAX);
		ret->propagations[ret->propagations_len++] =
			(struct mount_propagation){ option->value, option->recursive };
		break;
	case OPTION_BIND:
		ret->bind = true;
		ret->rbind |= option->recursive;
		break;
	case OPTION_REMOUNT:
		ret->remount = true;
		break;
	case OPTION_IDMAP:
		ret->idmap = option->recursive ? MOUNT_IDMAP_RECURSIVE : MOUNT_IDMAP_TOP;
		break;
	case OPTION_TMPCOPYUP:
		ret->tmpcopyup = true;
		break;
	case OPTION_COPY_SYMLINK:
		ret->copy_symlink = true;
		break;
	}
	return 0;
}

static int add_data(struct arena *arena, struct mount_options *ret, const char *text, size_t index,
		    struct error *err)
{
	const char *equals = strchr(text, '=');
	struct mount_data *data = &ret->data[ret->data_len++];

	if (equals == text)
		return error_set(err, EINVAL, "options[%zu]: \"%s\" has no name", index, text);
	data->index = index;
	data->key = text;
	if (!equals)
		return 0;
	data->key = arena_strndup(arena, text, (size_t)(equals - text));
	data->value = equals + 1;
	return data->key ? 0 : error_oom(err);
}

int mount_options_parse(const struct strv *options, struct arena *arena, struct mount_options *ret,
			struct error *err)
{
	*ret = (struct mount_options){ 0 };
	if (options->len == 0)
		return 0;
	ret->data = arena_array(arena, struct mount_data, options->len);
	if (!ret->data)
		return error_oom(err);
	for (size_t i = 0; i < options->len; i++) {
		const char *text = options->items[i];
		const struct option *known = bsearch(text, options_known, ARRAY_SIZE(options_known),
						     sizeof(options_known[0]), compare_option);
		int r = 0;

		if (known)
			r = apply(ret, known, i, err);
		else if (*text)
			r = add_data(arena, ret, text, i, err);
		if (r < 0)
			return r;
	}
	return 0;
}

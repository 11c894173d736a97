/* SPDX-License-Identifier: Apache-2.0 */
/* OCI image-spec, layer.md "Whiteouts". */
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "archive/node.h"
#include "base/remove.h"

#define PREFIX ".wh."
#define META PREFIX PREFIX /* what aufs keeps beside: names of its own */
#define OPAQUE META ".opq"

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* It counts for the layers below; what this layer has by the name stays, without theirs. */
static int white_out(struct extract *extract, const struct place *place, const char *removed,
		     const char *name, struct error *err)
{
	char buf[FORMAT_NAME_SIZE];
	struct stat st;

	if (mknodat(place->dir, removed, S_IFCHR, makedev(0, 0)) == 0) {
		if (extract->how->same_owner &&
		    fchownat(place->dir, removed, 0, 0, AT_SYMLINK_NOFOLLOW) < 0)
			return error_sys(err, errno, "archive: %s", format_name(name, buf));
		return 0;
	}
	if (errno != EEXIST)
		return error_sys(err, errno, "archive: make the whiteout %s",
				 format_name(name, buf));
	if (fstatat(place->dir, removed, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, errno, "archive: %s", format_name(name, buf));
	return S_ISDIR(st.st_mode) ? tree_make_opaque(place->dir, removed, err) : 0;
}

int whiteout_apply(struct extract *extract, const char *name, struct error *err)
{
	char buf[FORMAT_NAME_SIZE];
	struct place place;
	const char *base;
	int r;

	for (const char *part = name; *part; part = strchrnul(part, '/')) {
		part++;
		if (!begins(part, PREFIX))
			continue;
		if (begins(part, META) && (strcmp(part, OPAQUE) != 0 || strchr(part, '/')))
			return 1;
		if (strchr(part, '/'))
			return error_set(err, EINVAL,
					 "archive: %s: a directory with the name of a whiteout",
					 format_name(name, buf));
	}
	base = strrchr(name, '/') + 1;
	if (!begins(base, PREFIX))
		return 0;
	if (strcmp(base, OPAQUE) != 0) {
		const char *removed = base + strlen(PREFIX);

		if (!*removed || strcmp(removed, ".") == 0 || strcmp(removed, "..") == 0)
			return error_set(err, EINVAL, "archive: %s: a whiteout of nothing",
					 format_name(name, buf));
	}
	r = tree_place(&extract->tree, name, &place, err);
	if (r < 0)
		return r;
	r = strcmp(base, OPAQUE) == 0
		    ? tree_make_opaque(place.dir, "", err)
		    : white_out(extract, &place, place.base + strlen(PREFIX), name, err);
	return r < 0 ? r : 1;
}

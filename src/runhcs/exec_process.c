/* SPDX-License-Identifier: Apache-2.0 */
#include "runhcs/exec_process.h"

#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "oci/parse.h"

static int add_strings(struct arena *arena, struct strv *list, const struct string_list *more)
{
	char **items = arena_array(arena, char *, list->len + more->len + 1);

	if (!items)
		return -ENOMEM;
	if (list->len)
		memcpy(items, list->items, list->len * sizeof(*items));
	memcpy(items + list->len, more->items, more->len * sizeof(*items));
	*list = (struct strv){ .items = items, .len = list->len + more->len };
	return 0;
}

/* Not inheritable: a set-user-id program must not find them there (CVE-2022-29162). */
static int add_caps(struct arena *arena, struct oci_process *process,
		    const struct string_list *caps)
{
	if (!caps->len)
		return 0;
	if (!process->capabilities)
		process->capabilities = arena_new(arena, struct oci_capabilities);
	if (!process->capabilities ||
	    add_strings(arena, &process->capabilities->bounding, caps) < 0 ||
	    add_strings(arena, &process->capabilities->effective, caps) < 0 ||
	    add_strings(arena, &process->capabilities->permitted, caps) < 0)
		return -ENOMEM;
	return 0;
}

int exec_process_read(const char *path, bool tty, const struct string_list *caps,
		      struct arena *arena, struct oci_process **ret, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	struct oci_process *process;
	size_t len;
	int r;

	r = file_read(AT_FDCWD, path, OCI_CONFIG_MAX, &text, &len);
	if (r < 0)
		return error_sys(err, -r, "cannot read the process file %s", path);
	r = oci_process_parse(text, len, arena, &process, err);
	if (r < 0)
		return error_wrap(err, r, "%s", path);
	process->terminal |= tty;
	if (add_caps(arena, process, caps) < 0)
		return error_oom(err);
	*ret = process;
	return 0;
}

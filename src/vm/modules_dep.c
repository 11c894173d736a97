/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/modules_dep.h"

#include <fcntl.h>
#include <string.h>

#include "base/fd.h"

#define TEXT_MAX (16u << 20) /* modules.dep of Debian's largest kernel: 600 KB */

int modules_dep_read(int dir_fd, struct modules_dep *ret, struct error *err)
{
	size_t len;
	int r = file_read_regular(dir_fd, "modules.dep", TEXT_MAX, &ret->dep, &len);

	if (r == -ENOENT)
		return error_set(err, ENOENT, "modules.dep: not there (depmod makes it)");
	if (r < 0)
		return error_sys(err, -r, "modules.dep");
	r = file_read_regular(dir_fd, "modules.builtin", TEXT_MAX, &ret->builtin, &len);
	/* Without the list nothing is known to be built in: every module must be a file. */
	if (r < 0 && r != -ENOENT)
		return error_sys(err, -r, "modules.builtin");
	return 0;
}

void modules_dep_done(struct modules_dep *dep)
{
	free(dep->dep);
	free(dep->builtin);
	*dep = (struct modules_dep){ 0 };
}

void modules_order_done(struct modules_order *order)
{
	for (size_t i = 0; i < order->len; i++)
		free(order->files[i]);
	order->len = 0;
}

/* Whether file ("kernel/drivers/virtio/virtio_mmio.ko.xz") is the module of that name. */
static bool is_module(const char *file, size_t len, const char *name)
{
	const char *base = memrchr(file, '/', len);
	size_t i;

	base = base ? base + 1 : file;
	len -= (size_t)(base - file);
	for (i = 0; name[i]; i++)
		if (i >= len ||
		    (base[i] == '-' ? '_' : base[i]) != (name[i] == '-' ? '_' : name[i]))
			return false;
	return len - i >= 3 && !memcmp(base + i, ".ko", 3) && (len - i == 3 || base[i + 3] == '.');
}

/* The line about name in text, up to where its file's name ends; NULL when there is none. */
static const char *find(const char *text, const char *name, size_t *ret_len)
{
	while (text && *text) {
		size_t len = strcspn(text, ":\n");

		if (is_module(text, len, name)) {
			*ret_len = len;
			return text;
		}
		text = strchr(text + len, '\n');
		text = text ? text + 1 : NULL;
	}
	return NULL;
}

static int add_file(struct modules_order *order, const char *file, size_t len, bool optional,
		    struct error *err)
{
	for (size_t i = 0; i < order->len; i++) {
		if (strlen(order->files[i]) == len && !memcmp(order->files[i], file, len)) {
			order->optional[i] &= optional;
			return 0;
		}
	}
	if (order->len == MODULES_MAX)
		return error_set(err, E2BIG, "modules.dep: more than %d modules are needed",
				 MODULES_MAX);
	order->files[order->len] = strndup(file, len);
	if (!order->files[order->len])
		return error_oom(err);
	order->optional[order->len++] = optional;
	return 0;
}

int modules_order_add(struct modules_order *order, const struct modules_dep *dep, const char *name,
		      bool optional, struct error *err)
{
	size_t len, end;
	const char *line = find(dep->dep, name, &len);
	int r;

	if (!line)
		return dep->builtin && find(dep->builtin, name, &len) ? MODULES_BUILTIN
								      : MODULES_NONE;
	/* All it needs stands there, what is to be loaded first last. */
	end = strcspn(line, "\n");
	while (end > len + 1) {
		size_t start = end;

		while (start > len + 1 && line[start - 1] != ' ')
			start--;
		if (start < end) {
			r = add_file(order, line + start, end - start, optional, err);
			if (r < 0)
				return r;
		}
		end = start > len + 1 ? start - 1 : start;
	}
	r = add_file(order, line, len, optional, err);
	return r < 0 ? r : MODULES_LISTED;
}

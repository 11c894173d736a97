/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/modules.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/fd.h"
#include "vm/modules_layout.h"

#define COMMAND_LINE_MAX (64u << 10)

static char plain(char c)
{
	return c == '-' ? '_' : c;
}

/* Length of "module." at the start of word, 0 when it does not start so. */
static size_t prefix(const char *word, size_t len, const char *module)
{
	size_t n = strlen(module);

	if (len <= n + 1 || word[n] != '.')
		return 0;
	for (size_t i = 0; i < n; i++)
		if (plain(word[i]) != plain(module[i]))
			return 0;
	return n + 1;
}

char *module_parameters(const char *command_line, const char *module)
{
	char *ret = malloc(strlen(command_line) + 1), *end = ret;
	const char *word = command_line;

	if (!ret)
		return NULL;
	while (*word) {
		bool quoted = false;
		size_t len = 0, skip;

		/* Blanks inside double quotes belong to the value, as in the kernel's parser. */
		for (; word[len] && (quoted || !isspace((unsigned char)word[len])); len++)
			quoted ^= word[len] == '"';
		skip = prefix(word, len, module);
		if (skip) {
			if (end != ret)
				*end++ = ' ';
			end = mempcpy(end, word + skip, len - skip);
		}
		word += len + (word[len] != '\0');
	}
	*end = '\0';
	return ret;
}

/* "virtio_mmio" of "virtio_mmio.ko". */
static void name_of(const char *file, char *name, size_t size)
{
	const char *base = strrchr(file, '/');

	base = base ? base + 1 : file;
	(void)snprintf(name, size, "%.*s", (int)strcspn(base, "."), base);
}

static int load(int dir, const char *file, const char *command_line, struct error *err)
{
	bool may_fail = file[0] == '-';
	_cleanup_free_ char *parameters = NULL;
	_cleanup_close_ int fd = -1;
	char name[64];
	int r = 0;

	file += may_fail;
	name_of(file, name, sizeof(name));
	parameters = module_parameters(command_line, name);
	if (!parameters)
		return error_oom(err);
	fd = openat(dir, file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, errno, "module %s", file);
	if (syscall(SYS_finit_module, fd, parameters, 0) < 0)
		r = -errno;
	(void)unlinkat(dir, file, 0);
	/* Two archives may bring the same module; what is already built in says so too. */
	if (r == -EEXIST || (r < 0 && may_fail))
		return 0;
	return r < 0 ? error_sys(err, -r, "load kernel module %s", file) : 0;
}

int guest_load_modules(struct error *err)
{
	_cleanup_close_ int dir = open(MODULES_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_free_ char *list = NULL, *command_line = NULL;
	char *rest, *file;
	size_t len;
	int r;

	if (dir < 0)
		return errno == ENOENT ? 0 : error_sys(err, errno, MODULES_DIR);
	r = file_read(dir, MODULES_LIST, MODULES_LIST_MAX, &list, &len);
	if (r < 0)
		return error_sys(err, -r, MODULES_DIR "/" MODULES_LIST);
	r = file_read(AT_FDCWD, "/proc/cmdline", COMMAND_LINE_MAX, &command_line, &len);
	if (r < 0)
		return error_sys(err, -r, "/proc/cmdline");
	rest = list;
	while ((file = strsep(&rest, "\n")))
		if (*file && (r = load(dir, file, command_line, err)) < 0)
			return r;
	return 0;
}

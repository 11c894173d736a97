/* SPDX-License-Identifier: Apache-2.0 */
/* compute_files for the tests: files_tool ROOT ID stat|pack|unpack|changes PATH [NAME|- [EXCLUDE...]];
 * -f: follow, -m: mounts, -o: owners, as one word of letters before ROOT. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "compute/files.h"

int main(int argc, char **argv)
{
	const char *letters = argc > 1 && argv[1][0] == '-' ? argv[1] : "";
	struct error err = ERROR_INIT;
	struct compute_host host = { .cgroup_manager = CGROUP_CGROUPFS };
	struct container_files files = { 0 };
	int r;

	argv += *letters ? 2 : 1;
	argc -= *letters ? 2 : 1;
	if (argc < 4 || container_files_parse(argv[2], &files.kind) < 0)
		return 2;
	host.root = argv[0];
	files.path = argv[3];
	files.name = argc > 4 && strcmp(argv[4], "-") != 0 ? argv[4] : NULL;
	files.exclude = argc > 5 ? (const char *const *)argv + 5 : NULL;
	files.follow = strchr(letters, 'f');
	files.mounts = strchr(letters, 'm');
	files.same_owner = strchr(letters, 'o');
	files.fd = files.kind == CONTAINER_FILES_UNPACK ? STDIN_FILENO : STDOUT_FILENO;
	r = compute_files(&host, argv[1], &files, &err);
	if (r < 0)
		(void)fprintf(stderr, "%d %s\n", -r, error_text(&err));
	error_done(&err);
	return r < 0;
}

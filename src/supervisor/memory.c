/* SPDX-License-Identifier: Apache-2.0 */
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include "supervisor/supervisor.h"

/* Of the linker: the program's own text and constants, which the loop needs little of. */
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char etext[] __attribute__((visibility("hidden")));

void memory_shrink(void)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t start = (uintptr_t)__ehdr_start & ~(page - 1);
	uintptr_t end = ((uintptr_t)etext + page - 1) & ~(page - 1);

	(void)malloc_trim(0);
	/* Unchanged pages of a file: what is needed again is mapped again, from the page cache. */
	(void)madvise((void *)start, end - start, MADV_DONTNEED);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program's entry point, before the C library's. What program_seal does for commands that enter
 * containers, execute this program again from a read-only mount of its own, is done here while nothing
 * has been set up yet: relocating and starting the library only to throw it all away would cost a
 * tenth of `run`. Whatever does not work here is left to program_seal, which says why.
 *
 * Nothing of the library may be called: it is not relocated yet, has no thread pointer and no string
 * functions (those are IFUNCs). Compiled without stack protector and sanitizers for that reason.
 */
#include <fcntl.h>
#include <linux/mount.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/statfs.h>
#include <sys/syscall.h>

#ifndef AT_EMPTY_PATH
#define AT_EMPTY_PATH 0x1000
#endif
#define STATFS_RDONLY 1 /* ST_RDONLY in statfs.f_flags */

void entry_seal(uintptr_t *stack);

#if defined(__x86_64__)
/* rdx (a function for atexit, from the kernel always 0) and the stack go to _start as they came. */
__asm__(".text\n"
	".globl runhcs_entry\n"
	".type runhcs_entry, @function\n"
	"runhcs_entry:\n"
	"	endbr64\n"
	"	mov %rsp, %rbx\n"
	"	mov %rdx, %r12\n"
	"	mov %rsp, %rdi\n"
	"	and $-16, %rsp\n"
	"	call entry_seal\n"
	"	mov %rbx, %rsp\n"
	"	mov %r12, %rdx\n"
	"	xor %ebp, %ebp\n"
	"	jmp _start\n"
	".size runhcs_entry, . - runhcs_entry\n");

static long call(long number, long a, long b, long c, long d, long e)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return ret;
}
#elif defined(__aarch64__)
__asm__(".text\n"
	".globl runhcs_entry\n"
	".type runhcs_entry, %function\n"
	"runhcs_entry:\n"
	"	mov x19, x0\n"
	"	mov x20, sp\n"
	"	mov x0, sp\n"
	"	bl entry_seal\n"
	"	mov sp, x20\n"
	"	mov x0, x19\n"
	"	b _start\n"
	".size runhcs_entry, . - runhcs_entry\n");

static long call(long number, long a, long b, long c, long d, long e)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4)
			 : "memory");
	return x0;
}
#else
#error "write the entry for this architecture, or link without -e runhcs_entry"
#endif

static bool same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

/* Does the command put a process into a container? A word too many only costs time. hcs's others leave
 * that to hcs-supervisor. */
static bool enters_container(char **argv)
{
	for (; *argv; argv++)
#ifdef ENTRY_OF_HCS
		if (same(*argv, "exec") || same(*argv, "enter"))
#else
		if (same(*argv, "run") || same(*argv, "create") || same(*argv, "exec") ||
		    same(*argv, "restore"))
#endif
			return true;
	return false;
}

void entry_seal(uintptr_t *stack)
{
	char **argv = (char **)(stack + 1);
	char **envp = argv + stack[0] + 1;
	struct mount_attr attr;
	struct statfs fs;
	long exe, tree;

	if (!enters_container(argv))
		return;
	exe = call(SYS_openat, AT_FDCWD, (long)"/proc/self/exe", O_PATH | O_CLOEXEC, 0, 0);
	if (exe < 0)
		return;
	if (call(SYS_fstatfs, exe, (long)&fs, 0, 0, 0) == 0 && !(fs.f_flags & STATFS_RDONLY)) {
		tree = call(SYS_open_tree, exe, (long)"",
			    OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH, 0, 0);
		if (tree >= 0) {
			attr.attr_set = MOUNT_ATTR_RDONLY;
			attr.attr_clr = 0;
			attr.propagation = 0;
			attr.userns_fd = 0;
			if (call(SYS_mount_setattr, tree, (long)"", AT_EMPTY_PATH, (long)&attr,
				 sizeof(attr)) == 0)
				(void)call(SYS_execveat, tree, (long)"", (long)argv, (long)envp,
					   AT_EMPTY_PATH);
			(void)call(SYS_close, tree, 0, 0, 0, 0);
		}
	}
	(void)call(SYS_close, exe, 0, 0, 0, 0);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the measured containers run, without a C library so that its own start costs nothing:
 * called as `true` it ends, called as `pause` it waits for a signal that never comes, called as
 * `write` it writes 200 MB to stdout, called as `read` it reads /file (200 MB), and says so before and after.
 */
static long call3(long nr, long arg, long arg2, long arg3)
{
	long ret;
#if defined(__x86_64__)
	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(arg), "S"(arg2), "d"(arg3)
			 : "rcx", "r11", "memory");
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = arg;
	register long x1 __asm__("x1") = arg2;
	register long x2 __asm__("x2") = arg3;
	register long x3 __asm__("x3") = 0;
	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
	ret = x0;
#else
#error "add the system call instruction of this architecture"
#endif
	return ret;
}

static long call(long nr, long arg)
{
	return call3(nr, arg, 0, 0);
}

#if defined(__x86_64__)
enum { SYS_READ = 0, SYS_OPEN = 2, SYS_WRITE = 1, SYS_WAIT = 34 /* pause */, SYS_EXIT_GROUP = 231 };
#else
enum {
	SYS_READ = 63,
	SYS_OPENAT = 56,
	SYS_WRITE = 64,
	SYS_WAIT = 73 /* ppoll of nothing, for ever */,
	SYS_EXIT_GROUP = 94
};
#endif

#define CHUNK 65536
#define STREAM 200000000L

/* Exit status 0 when all of it was taken. */
static long write_stream(void)
{
	static char zeros[CHUNK];
	long done = 0;

	while (done < STREAM) {
		long left = STREAM - done;
		long n = call3(SYS_WRITE, 1, (long)zeros, left < CHUNK ? left : CHUNK);
		if (n <= 0)
			return 1;
		done += n;
	}
	return 0;
}

static long read_file(void)
{
	static char buf[CHUNK];
	long done = 0, n, fd;

#if defined(__x86_64__)
	fd = call3(SYS_OPEN, (long)"/file", 0, 0);
#else
	fd = call3(SYS_OPENAT, -100 /* AT_FDCWD, which an absolute path does not need */,
		   (long)"/file", 0);
#endif
	(void)call3(SYS_WRITE, 1, (long)"B", 1);
	while ((n = call3(SYS_READ, fd, (long)buf, CHUNK)) > 0)
		done += n;
	(void)call3(SYS_WRITE, 1, (long)(done == STREAM ? "E" : "?"), 1);
	return done == STREAM ? 0 : 1;
}

/* stack: argc, argv[0], ... as the kernel leaves it */
__attribute__((noreturn, used)) void start(const long *stack)
{
	const char *name = (const char *)stack[1];
	const char *base = name;
	for (const char *p = name; *p; p++)
		if (*p == '/')
			base = p + 1;
	long status = base[0] == 'w' ? write_stream() : base[0] == 'r' ? read_file() : 0;
	while (base[0] == 'p')
		(void)call(SYS_WAIT, 0);
	for (;;)
		(void)call(SYS_EXIT_GROUP, status);
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall start\n");
#else
__asm__(".globl _start\n_start:\n\tmov x0, sp\n\tbl start\n");
#endif

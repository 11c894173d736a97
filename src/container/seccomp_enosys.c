/* SPDX-License-Identifier: Apache-2.0 */
#include "container/seccomp_program.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>

#define X32_BIT UINT32_C(0x40000000)
#define ARM_PRIVATE UINT32_C(0x0f0000) /* __ARM_NR_BASE: cacheflush, set_tls …, no sign of age */
#define RETURN_ENOSYS (SECCOMP_RET_ERRNO | ENOSYS)

struct stub {
	struct sock_filter *insns;
	size_t len;
};

static void emit(struct stub *s, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
	s->insns[s->len++] = (struct sock_filter){ .code = code, .jt = jt, .jf = jf, .k = k };
}

static void emit_load(struct stub *s, size_t offset)
{
	emit(s, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

/* The greatest system call number of arch that the profile names, 0 when there is none. */
static uint32_t last_named(const struct oci_seccomp *oci, uint32_t arch)
{
	uint32_t last = 0;

	for (size_t i = 0; i < oci->syscalls_len; i++) {
		const struct strv *names = &oci->syscalls[i].names;

		for (size_t k = 0; k < names->len; k++) {
			int nr = seccomp_syscall_resolve_name_arch(arch, names->items[k]);

			/* Negative ones are libseccomp's own numbers for calls the arch lacks. */
			if (nr < 0 || (arch == SCMP_ARCH_ARM && (uint32_t)nr >= ARM_PRIVATE))
				continue;
			if ((uint32_t)nr > last)
				last = (uint32_t)nr;
		}
	}
	return last;
}

static bool has_arch(const struct seccomp_profile *profile, uint32_t arch)
{
	for (size_t i = 0; i < profile->archs_len; i++)
		if (profile->archs[i] == arch)
			return true;
	return false;
}

/* With the number loaded: above last → ENOSYS. Falls through otherwise. */
static void emit_above(struct stub *s, uint32_t last)
{
	if (last == 0)
		return;
	emit(s, BPF_JMP | BPF_JGT | BPF_K, last, 0, 1);
	emit(s, BPF_RET | BPF_K, RETURN_ENOSYS, 0, 0);
}

/* x86-64 and x32 have one audit arch and tell themselves apart by a bit of the number. */
static void emit_x86_64(struct stub *s, const struct seccomp_profile *profile)
{
	uint32_t last = has_arch(profile, SCMP_ARCH_X86_64)
				? last_named(profile->oci, SCMP_ARCH_X86_64)
				: 0;
	uint32_t last_x32 =
		has_arch(profile, SCMP_ARCH_X32) ? last_named(profile->oci, SCMP_ARCH_X32) : 0;

	if (last) {
		/* jset bit → past the check */
		emit(s, BPF_JMP | BPF_JSET | BPF_K, X32_BIT, 2, 0);
		emit_above(s, last);
	}
	emit_above(s, last_x32); /* has the bit in it: greater than any number without */
}

static void emit_arch(struct stub *s, const struct seccomp_profile *profile, uint32_t arch)
{
	uint32_t last = last_named(profile->oci, arch);

	if (arch == SCMP_ARCH_S390 || arch == SCMP_ARCH_S390X) {
		/* setup(2), number 0: the kernel reports calls it does not know, and that have a
		 * large number, as this one. */
		emit(s, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1);
		emit(s, BPF_RET | BPF_K, RETURN_ENOSYS, 0, 0);
	}
	if (arch == SCMP_ARCH_ARM && last)
		emit(s, BPF_JMP | BPF_JGE | BPF_K, ARM_PRIVATE, 2, 0);
	emit_above(s, last);
}

size_t seccomp_enosys_stub(const struct seccomp_profile *profile, struct sock_filter *insns)
{
	struct stub s = { .insns = insns };
	bool done_x86_64 = false;

	if ((profile->default_action & SECCOMP_RET_ACTION_FULL) != SECCOMP_RET_ERRNO ||
	    profile->default_action == RETURN_ENOSYS)
		return 0;
	emit_load(&s, offsetof(struct seccomp_data, arch));
	for (size_t i = 0; i < profile->archs_len; i++) {
		uint32_t arch = profile->archs[i];
		size_t check = s.len, body;

		if (arch == SCMP_ARCH_X86_64 || arch == SCMP_ARCH_X32) {
			if (done_x86_64)
				continue;
			done_x86_64 = true;
			arch = SCMP_ARCH_X86_64;
		}
		emit(&s, BPF_JMP | BPF_JEQ | BPF_K, arch, 0, 0); /* SCMP_ARCH_*: AUDIT_ARCH_* */
		emit_load(&s, offsetof(struct seccomp_data, nr));
		body = s.len;
		if (arch == SCMP_ARCH_X86_64)
			emit_x86_64(&s, profile);
		else
			emit_arch(&s, profile, arch);
		if (s.len == body) {
			s.len = check; /* nothing of this arch is named */
			continue;
		}
		emit(&s, BPF_JMP | BPF_JA, 0, 0, 0);
		insns[check].jf = (uint8_t)(s.len - check - 1);
	}
	if (s.len == 1)
		return 0;
	/* The end of each section leads into the filter, which loads what it needs itself. */
	for (size_t i = 0; i < s.len; i++)
		if (insns[i].code == (BPF_JMP | BPF_JA))
			insns[i].k = (uint32_t)(s.len - i - 1);
	return s.len;
}

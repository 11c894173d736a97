/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtual machine of four pages that computes in long mode through page tables of its own: what
 * every kernel does first, and what a KVM that only pretends gets wrong.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "vm/machine_arch.h"

#define PAGE 4096
#define MEMORY (4 * PAGE)
#define CODE 0
#define PML4 (1 * PAGE)
#define PDPT (2 * PAGE)
#define PD (3 * PAGE)

#define PRESENT_WRITABLE 3
#define LARGE 0x80
#define CR0_PE 1
#define CR0_PG (1u << 31)
#define CR4_PAE (1 << 5)
#define EFER_LME (1 << 8)
#define EFER_LMA (1 << 10)

#define PORT 0x10

/* mov $40, %rax; shl $32, %rax; bswap %rax; add $2, %rax; out %al, $PORT; hlt. 40 << 32 swapped has
 * its 40 in bits 24 to 31; what comes out is 2, and rax tells the rest. */
static const uint8_t code[] = { 0x48, 0xc7, 0xc0, 40,   0,    0,    0, 0x48, 0xc1, 0xe0, 32,
				0x48, 0x0f, 0xc8, 0x48, 0x83, 0xc0, 2, 0xe6, PORT, 0xf4 };
#define RESULT ((UINT64_C(40) << 24) + 2)

struct probe {
	int vm, vcpu;
	uint8_t *memory;
	struct kvm_run *run;
	size_t run_size;
};

static void probe_done(struct probe *p)
{
	if (p->run)
		(void)munmap(p->run, p->run_size);
	(void)close_fd(p->vcpu);
	(void)close_fd(p->vm);
	if (p->memory)
		(void)munmap(p->memory, MEMORY);
}

static void fill_memory(uint8_t *memory)
{
	const uint64_t pml4 = PDPT | PRESENT_WRITABLE, pdpt = PD | PRESENT_WRITABLE;
	const uint64_t pd = 0 | PRESENT_WRITABLE | LARGE;

	memcpy(memory + CODE, code, sizeof(code));
	memcpy(memory + PML4, &pml4, sizeof(pml4));
	memcpy(memory + PDPT, &pdpt, sizeof(pdpt));
	memcpy(memory + PD, &pd, sizeof(pd));
}

static bool set_registers(int vcpu)
{
	const struct kvm_segment cs = {
		.limit = ~0U, .selector = 8, .type = 11, .present = 1, .s = 1, .l = 1, .g = 1
	};
	const struct kvm_segment data = {
		.limit = ~0U, .selector = 16, .type = 3, .present = 1, .db = 1, .s = 1, .g = 1
	};
	struct kvm_regs regs = { .rip = CODE, .rflags = 2 };
	struct kvm_sregs sregs;

	if (ioctl(vcpu, KVM_GET_SREGS, &sregs) < 0)
		return false;
	sregs.cs = cs;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	sregs.cr3 = PML4;
	sregs.cr4 = CR4_PAE;
	sregs.cr0 = CR0_PE | CR0_PG;
	sregs.efer = EFER_LME | EFER_LMA;
	return ioctl(vcpu, KVM_SET_SREGS, &sregs) == 0 && ioctl(vcpu, KVM_SET_REGS, &regs) == 0;
}

static const char *prepare(struct probe *p, int kvm)
{
	struct kvm_userspace_memory_region region = { .memory_size = MEMORY };
	int size;

	p->vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (p->vm < 0)
		return "KVM cannot create a virtual machine";
	p->memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p->memory == MAP_FAILED) {
		p->memory = NULL;
		return "no memory to try KVM with";
	}
	fill_memory(p->memory);
	region.userspace_addr = (uintptr_t)p->memory;
	if (ioctl(p->vm, KVM_SET_USER_MEMORY_REGION, &region) < 0)
		return "KVM cannot give memory to a virtual machine";
	p->vcpu = ioctl(p->vm, KVM_CREATE_VCPU, 0);
	size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (p->vcpu < 0 || size < (int)sizeof(*p->run))
		return "KVM cannot create a processor";
	p->run_size = (size_t)size;
	p->run = mmap(NULL, p->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, p->vcpu, 0);
	if (p->run == MAP_FAILED) {
		p->run = NULL;
		return "KVM cannot create a processor";
	}
	return set_registers(p->vcpu) ? NULL : "KVM cannot enter long mode";
}

const char *kvm_probe(int kvm)
{
	_cleanup_(probe_done) struct probe p = { .vm = -1, .vcpu = -1 };
	const char *why = prepare(&p, kvm);
	struct kvm_regs regs;

	if (why)
		return why;
	if (ioctl(p.vcpu, KVM_RUN, 0) < 0 || p.run->exit_reason != KVM_EXIT_IO ||
	    p.run->io.port != PORT || ioctl(p.vcpu, KVM_GET_REGS, &regs) < 0 || regs.rax != RESULT)
		return "KVM does not compute what a processor does";
	return NULL;
}

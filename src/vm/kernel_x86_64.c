/* SPDX-License-Identifier: Apache-2.0 */
/* vmlinux with a PVH note, and bzImage. Layouts: elf(5), xen/include/public/elfnote.h, and
 * Documentation/arch/x86/boot.rst of Linux. */
#include "vm/kernel_format.h"

#include <elf.h>
#include <string.h>

#define PROGRAM_HEADERS_MAX 64
#define NOTES_MAX 16384 /* of a kernel: some 500 bytes */
#define XEN_ELFNOTE_PHYS32_ENTRY 18

#define BZIMAGE_SETUP_SECTORS 0x1f1
#define BZIMAGE_BOOT_FLAG 0x1fe
#define BZIMAGE_HEADER 0x202 /* after the jump: "HdrS" */
#define BZIMAGE_VERSION 0x206
#define BZIMAGE_KERNEL_VERSION 0x20e
#define BZIMAGE_LOADFLAGS 0x211
#define BZIMAGE_XLOADFLAGS 0x236
#define BZIMAGE_HEADER_SIZE 0x268
#define SECTOR 512

static uint16_t u16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

/* Notes of one segment: name and descriptor, each padded to four bytes. */
static bool has_pvh_entry(const uint8_t *notes, size_t len)
{
	while (len >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr note;
		uint64_t name, size;

		memcpy(&note, notes, sizeof(note));
		name = ((uint64_t)note.n_namesz + 3) & ~3ull;
		size = sizeof(note) + name + (((uint64_t)note.n_descsz + 3) & ~3ull);
		if (size > len)
			return false;
		if (note.n_type == XEN_ELFNOTE_PHYS32_ENTRY && note.n_namesz == sizeof("Xen") &&
		    !memcmp(notes + sizeof(note), "Xen", sizeof("Xen")) &&
		    note.n_descsz >= sizeof(uint32_t))
			return true;
		notes += size;
		len -= size;
	}
	return false;
}

static int check_elf(const Elf64_Ehdr *elf, const char *path, struct error *err)
{
	if (elf->e_ident[EI_CLASS] != ELFCLASS64 || elf->e_ident[EI_DATA] != ELFDATA2LSB ||
	    elf->e_machine != EM_X86_64)
		return error_set(err, ENOEXEC,
				 "%s: an ELF file, but not for x86-64 (class %u, machine %u)", path,
				 elf->e_ident[EI_CLASS], elf->e_machine);
	if (elf->e_type != ET_EXEC && elf->e_type != ET_DYN)
		return error_set(err, ENOEXEC, "%s: an ELF object or core file, not a kernel",
				 path);
	if (elf->e_phentsize != sizeof(Elf64_Phdr) || elf->e_phnum > PROGRAM_HEADERS_MAX)
		return error_set(err, ENOEXEC, "%s: an ELF file without usable program headers",
				 path);
	return 0;
}

/* 1: the segment is notes with a PVH entry. -ENODATA: not all of it is in the file. */
static int check_segment(const struct kernel_file *file, const Elf64_Phdr *segment)
{
	uint8_t notes[NOTES_MAX];
	int r;

	if (segment->p_offset > file->size || segment->p_filesz > file->size - segment->p_offset)
		return -ENODATA;
	if (segment->p_type != PT_NOTE || segment->p_filesz > sizeof(notes))
		return 0;
	r = kernel_read(file, segment->p_offset, notes, segment->p_filesz);
	return r < 0 ? r : has_pvh_entry(notes, segment->p_filesz);
}

static int identify_vmlinux(const struct kernel_file *file, struct kernel *ret, struct error *err)
{
	Elf64_Ehdr elf;
	int pvh = 0, r;

	r = kernel_read(file, 0, &elf, sizeof(elf));
	if (r < 0)
		return error_sys(err, -r, "%s", file->path);
	if (memcmp(elf.e_ident, ELFMAG, SELFMAG) != 0)
		return 0;
	r = check_elf(&elf, file->path, err);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < elf.e_phnum && pvh == 0; i++) {
		Elf64_Phdr segment;

		r = kernel_read(file, elf.e_phoff + i * sizeof(segment), &segment, sizeof(segment));
		pvh = r < 0 ? r : check_segment(file, &segment);
	}
	if (pvh < 0)
		return error_set(err, ENOEXEC, "%s: an ELF file cut short", file->path);
	if (pvh == 0)
		return error_set(err, ENOEXEC,
				 "%s: an ELF file without a PVH entry: not a kernel, or one built "
				 "without CONFIG_PVH",
				 file->path);
	if (kernel_find_version(ret, file) < 0)
		return error_set(err, ENOEXEC, "%s: has a PVH entry, but no Linux version in it",
				 file->path);
	ret->boot = VM_KERNEL_PVH;
	return 1;
}

static int identify_bzimage(const struct kernel_file *file, struct kernel *ret, struct error *err)
{
	const char *path = file->path;
	uint8_t header[BZIMAGE_HEADER_SIZE];
	char text[sizeof(ret->version)];
	uint64_t setup, offset;
	int r;

	r = kernel_read(file, 0, header, sizeof(header));
	if (r < 0)
		return error_sys(err, -r, "%s", path);
	if (u16(header + BZIMAGE_BOOT_FLAG) != 0xaa55 ||
	    memcmp(header + BZIMAGE_HEADER, "HdrS", 4) != 0)
		return 0;
	/* 2.12 (Linux 3.8) says whether it has a 64-bit entry. */
	if (u16(header + BZIMAGE_VERSION) < 0x20c || !(header[BZIMAGE_LOADFLAGS] & 1))
		return error_set(err, ENOEXEC,
				 "%s: a kernel of boot protocol %u.%u, too old (2.12 is needed)",
				 path, header[BZIMAGE_VERSION + 1], header[BZIMAGE_VERSION]);
	if (!(u16(header + BZIMAGE_XLOADFLAGS) & 1))
		return error_set(err, ENOEXEC, "%s: a kernel for 32-bit x86", path);
	/* Zero sectors mean four: a rule of the first loaders. */
	setup = ((header[BZIMAGE_SETUP_SECTORS] ?: 4u) + 1u) * SECTOR;
	offset = u16(header + BZIMAGE_KERNEL_VERSION) + (uint64_t)SECTOR;
	if (setup >= file->size)
		return error_set(err, ENOEXEC, "%s: a kernel cut short", path);
	/* Kernels end their setup well after the text: what is read is inside the file. */
	if (offset >= setup || kernel_read(file, offset, text, sizeof(text)) < 0 ||
	    kernel_take_version(ret, text, sizeof(text)) < 0)
		return error_set(err, ENOEXEC, "%s: a kernel that does not tell its version", path);
	ret->boot = VM_KERNEL_BZIMAGE;
	return 1;
}

const struct kernel_format kernel_formats[] = {
	{ "ELF vmlinux with a PVH entry", identify_vmlinux },
	{ "bzImage", identify_bzimage },
	{ 0 },
};

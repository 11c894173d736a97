/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Kernel images as small as they can be, for a test to spoil in one place. x86-64's. */
#include <elf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IMAGE_SIZE 16384
#define IMAGE_NOTES 0x1000
#define IMAGE_BANNER 0x2000

struct image {
	uint8_t bytes[IMAGE_SIZE];
	char path[32];
};

static inline void image_put32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, sizeof(value));
}

/* vmlinux: one loaded segment, and a note that says where PVH enters. */
static inline void image_vmlinux(struct image *image)
{
	const Elf64_Ehdr elf = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB },
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_phoff = sizeof(elf),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 2,
	};
	const Elf64_Phdr segments[] = {
		{ .p_type = PT_LOAD, .p_offset = 0, .p_filesz = IMAGE_SIZE },
		{ .p_type = PT_NOTE, .p_offset = IMAGE_NOTES, .p_filesz = 20 },
	};
	const Elf64_Nhdr note = { .n_namesz = 4, .n_descsz = 4, .n_type = 18 };

	memset(image->bytes, 0, sizeof(image->bytes));
	memcpy(image->bytes, &elf, sizeof(elf));
	memcpy(image->bytes + sizeof(elf), segments, sizeof(segments));
	memcpy(image->bytes + IMAGE_NOTES, &note, sizeof(note));
	memcpy(image->bytes + IMAGE_NOTES + sizeof(note), "Xen", 4);
	memcpy(image->bytes + IMAGE_BANNER, "Linux version 6.12.117-hcs (hcs@hcs)", 37);
}

/* bzImage: boot.rst's header in the first kilobyte. */
static inline void image_bzimage(struct image *image)
{
	memset(image->bytes, 0, sizeof(image->bytes));
	image->bytes[0x1f1] = 3; /* sectors of setup after the first */
	image->bytes[0x1fe] = 0x55;
	image->bytes[0x1ff] = 0xaa;
	memcpy(image->bytes + 0x202, "HdrS", 4);
	image->bytes[0x206] = 15; /* protocol 2.15 */
	image->bytes[0x207] = 2;
	image->bytes[0x20e] = 0x00; /* the version, at 0x200 + 0x400 */
	image->bytes[0x20f] = 0x04;
	image->bytes[0x211] = 1;
	image->bytes[0x236] = 1;
	memcpy(image->bytes + 0x600, "6.1.0-56-cloud-amd64 (debian)", 30);
}

/* Writes the first size bytes to a new file. */
static inline const char *image_write(struct image *image, size_t size)
{
	FILE *file;
	int fd;

	strcpy(image->path, "/tmp/hcs-image.XXXXXX");
	fd = mkstemp(image->path);
	file = fd < 0 ? NULL : fdopen(fd, "w");
	if (!file || fwrite(image->bytes, size, 1, file) != 1 || fclose(file) != 0)
		abort();
	return image->path;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What of the files that people name as kernels is booted as what, and what they read otherwise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/stat.h>

#include "image.h"
#include "vm/kernel.h"

static struct image image;

/* Identifies the first size bytes of the image, and takes the file away. */
static int identify(size_t size, struct kernel *ret, struct error *err)
{
	int r = kernel_identify(image_write(&image, size), ret, err);

	assert_int_equal(unlink(image.path), 0);
	return r;
}

static void refused(size_t size, const char *why)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct kernel kernel = { 0 };

	assert_int_equal(identify(size, &kernel, &err), -ENOEXEC);
	assert_non_null(strstr(error_text(&err), image.path));
	if (!strstr(error_text(&err), why))
		fail_msg("\"%s\" does not say \"%s\"", error_text(&err), why);
	assert_int_equal(kernel.version[0], 0);
}

static void vmlinux_is_entered_by_its_note(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct kernel kernel = { .boot = VM_KERNEL_BZIMAGE };

	(void)state;
	image_vmlinux(&image);
	/* A format string of the kernel's own code, before the real one. */
	memcpy(image.bytes + 0x1800, "Linux version %s", 17);
	assert_int_equal(identify(IMAGE_SIZE, &kernel, &err), 0);
	assert_int_equal(kernel.boot, VM_KERNEL_PVH);
	assert_string_equal(kernel.version, "6.12.117-hcs");
}

static void bzimage_is_left_to_the_firmware(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct kernel kernel = { 0 };

	(void)state;
	image_bzimage(&image);
	assert_int_equal(identify(IMAGE_SIZE, &kernel, &err), 0);
	assert_int_equal(kernel.boot, VM_KERNEL_BZIMAGE);
	assert_string_equal(kernel.version, "6.1.0-56-cloud-amd64");
}

static void an_elf_file_that_cannot_be_entered_is_refused(void **state)
{
	(void)state;
	image_vmlinux(&image);
	image.bytes[offsetof(Elf64_Ehdr, e_machine)] = EM_AARCH64;
	refused(IMAGE_SIZE, "not for x86-64");
	image_vmlinux(&image);
	image.bytes[EI_CLASS] = ELFCLASS32;
	refused(IMAGE_SIZE, "not for x86-64");
	image_vmlinux(&image);
	image.bytes[offsetof(Elf64_Ehdr, e_type)] = ET_REL;
	refused(IMAGE_SIZE, "not a kernel");
	image_vmlinux(&image);
	image.bytes[IMAGE_NOTES + offsetof(Elf64_Nhdr, n_type)] = 17;
	refused(IMAGE_SIZE, "without a PVH entry");
	image_vmlinux(&image);
	image.bytes[IMAGE_BANNER] = 'l';
	refused(IMAGE_SIZE, "no Linux version");
}

static void what_an_elf_file_claims_is_not_believed(void **state)
{
	Elf64_Phdr *segments = (Elf64_Phdr *)(void *)(image.bytes + sizeof(Elf64_Ehdr));
	Elf64_Ehdr *elf = (Elf64_Ehdr *)(void *)image.bytes;

	(void)state;
	image_vmlinux(&image);
	refused(IMAGE_SIZE / 2, "cut short");
	image_vmlinux(&image);
	segments[1].p_offset = UINT64_MAX - 4;
	refused(IMAGE_SIZE, "cut short");
	image_vmlinux(&image);
	segments[1].p_filesz = UINT64_MAX;
	refused(IMAGE_SIZE, "cut short");
	image_vmlinux(&image);
	elf->e_phoff = UINT64_MAX - 8;
	refused(IMAGE_SIZE, "cut short");
	image_vmlinux(&image);
	elf->e_phnum = UINT16_MAX;
	refused(IMAGE_SIZE, "program headers");
	image_vmlinux(&image);
	image_put32(image.bytes + IMAGE_NOTES, UINT32_MAX); /* n_namesz */
	refused(IMAGE_SIZE, "without a PVH entry");
	image_vmlinux(&image);
	image_put32(image.bytes + IMAGE_NOTES + 4, UINT32_MAX); /* n_descsz */
	refused(IMAGE_SIZE, "without a PVH entry");
}

static void what_a_bzimage_claims_is_not_believed(void **state)
{
	(void)state;
	image_bzimage(&image);
	image.bytes[0x206] = 11;
	refused(IMAGE_SIZE, "2.11, too old");
	image_bzimage(&image);
	image.bytes[0x236] = 0;
	refused(IMAGE_SIZE, "32-bit");
	image_bzimage(&image);
	image.bytes[0x1f1] = 255;
	refused(IMAGE_SIZE, "cut short");
	image_bzimage(&image);
	image.bytes[0x20f] = 0xff;
	refused(IMAGE_SIZE, "version");
	/* The version becomes the name of a directory. */
	image_bzimage(&image);
	memcpy(image.bytes + 0x600, "6/../../../etc", 15);
	refused(IMAGE_SIZE, "version");
	image_bzimage(&image);
	memset(image.bytes + 0x600, '6', 256);
	refused(IMAGE_SIZE, "version");
}

static void other_files_are_named(void **state)
{
	static const struct {
		const char *start, *name;
	} files[] = {
		{ "070701", "cpio archive" }, { "!<arch>\n", "Debian package" },
		{ "\x1f\x8b", "gzip" },       { "#!/bin/sh\n", "script" },
		{ "plain", "unknown kind" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		memset(image.bytes, 0, sizeof(image.bytes));
		memcpy(image.bytes, files[i].start, strlen(files[i].start));
		refused(IMAGE_SIZE, files[i].name);
	}
	refused(100, "100 bytes");
}

static void what_is_no_file_is_refused_without_waiting(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	char path[] = "/tmp/hcs-image.XXXXXX";
	struct kernel kernel;

	(void)state;
	assert_int_equal(kernel_identify("/", &kernel, &err), -ENOEXEC);
	assert_int_equal(kernel_identify("/nowhere/vmlinuz", &kernel, &err), -ENOENT);
	assert_string_equal(error_text(&err), "/nowhere/vmlinuz: No such file or directory");
	assert_non_null(mkdtemp(path));
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(kernel_identify(path, &kernel, &err), -ENOEXEC);
	assert_int_equal(unlink(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vmlinux_is_entered_by_its_note),
		cmocka_unit_test(bzimage_is_left_to_the_firmware),
		cmocka_unit_test(an_elf_file_that_cannot_be_entered_is_refused),
		cmocka_unit_test(what_an_elf_file_claims_is_not_believed),
		cmocka_unit_test(what_a_bzimage_claims_is_not_believed),
		cmocka_unit_test(other_files_are_named),
		cmocka_unit_test(what_is_no_file_is_refused_without_waiting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

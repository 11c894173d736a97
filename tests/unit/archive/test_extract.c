/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "tar_build.h"

struct fixture {
	char name[32];
	int top;  /* scratch */
	int root; /* scratch/root */
	struct tar tar;
	struct archive_extract how;
	char message[256];
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->top = scratch_make(f->name);
	assert_int_equal(mkdirat(f->top, "root", 0755), 0);
	f->root = openat(f->top, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	f->how = (struct archive_extract){ .root = f->root,
					   .same_owner = geteuid() == 0,
					   .whiteout = ARCHIVE_WHITEOUT_OVERLAY,
					   .devices = true };
	tar_begin(&f->tar);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	(void)close(f->root);
	scratch_remove(f->top, f->name);
	free(f);
	return 0;
}

static void add(struct fixture *f, struct tar_entry entry)
{
	tar_add(&f->tar, &entry);
}

static void unpacks(struct fixture *f)
{
	(void)unpack(&f->tar, &f->how, f->message);
	assert_string_equal(f->message, "");
}

static void refused(struct fixture *f, int code, const char *what)
{
	int r = unpack(&f->tar, &f->how, f->message);

	if (!strstr(f->message, what))
		print_error("message: %s\n", f->message);
	assert_non_null(strstr(f->message, what));
	assert_int_equal(r, -code);
}

#define FILE_ENTRY(n, text) ((struct tar_entry){ .name = (n), .type = '0', .content = (text) })
#define DIR_ENTRY(n) ((struct tar_entry){ .name = (n), .type = '5' })
#define LINK_ENTRY(n, to) ((struct tar_entry){ .name = (n), .type = '2', .link = (to) })
#define HARD_ENTRY(n, to) ((struct tar_entry){ .name = (n), .type = '1', .link = (to) })

static void names_that_climb_stay_in_the_root(void **state)
{
	struct fixture *f = *state;

	add(f, FILE_ENTRY("../../up", "a"));
	add(f, FILE_ENTRY("/absolute", "b"));
	add(f, FILE_ENTRY("d/../../../side", "c"));
	unpacks(f);
	assert_false(exists(f->top, "up"));
	assert_false(exists(f->top, "side"));
	assert_string_equal(text_of(f->root, "up"), "a");
	assert_string_equal(text_of(f->root, "absolute"), "b");
	assert_string_equal(text_of(f->root, "side"), "c");
}

static void a_file_through_a_link_stays_in_the_root(void **state)
{
	struct fixture *f = *state;

	add(f, LINK_ENTRY("out", "../.."));
	add(f, FILE_ENTRY("out/one", "1"));
	add(f, LINK_ENTRY("abs", "/"));
	add(f, FILE_ENTRY("abs/two", "2"));
	add(f, LINK_ENTRY("file", "../outside"));
	add(f, FILE_ENTRY("file", "3"));
	unpacks(f);
	assert_string_equal(text_of(f->root, "one"), "1");
	assert_string_equal(text_of(f->root, "two"), "2");
	assert_string_equal(text_of(f->root, "file"), "3");
	assert_true(S_ISREG(stat_of(f->root, "file").st_mode));
	assert_false(exists(f->top, "one"));
	assert_false(exists(f->top, "outside"));
}

static void a_directory_that_becomes_a_link_is_looked_up_again(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mkdirat(f->top, "victim", 0755), 0);
	add(f, DIR_ENTRY("d/"));
	add(f, FILE_ENTRY("d/a", "a"));
	add(f, LINK_ENTRY("d", "../victim"));
	add(f, FILE_ENTRY("d/b", "b"));
	unpacks(f);
	assert_false(exists(f->top, "victim/b"));
	assert_string_equal(text_of(f->root, "victim/b"), "b");
}

static void hard_links_stay_in_the_root(void **state)
{
	struct fixture *f = *state;
	int fd = openat(f->top, "secret", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	(void)close(fd);
	add(f, LINK_ENTRY("out", ".."));
	add(f, HARD_ENTRY("mine", "../secret"));
	refused(f, ENOENT, "link /mine to ../secret");
	tar_begin(&f->tar);
	add(f, HARD_ENTRY("mine", "out/secret"));
	refused(f, ENOENT, "link /mine to out/secret");
	assert_int_equal(stat_of(f->top, "secret").st_nlink, 1);
}

static void hard_links_are_the_same_file(void **state)
{
	struct fixture *f = *state;

	add(f, FILE_ENTRY("d/a", "text"));
	add(f, HARD_ENTRY("e/b", "d/a"));
	add(f, HARD_ENTRY("d/a", "d/a")); /* to itself: it stays */
	add(f, LINK_ENTRY("l", "d/a"));
	add(f, HARD_ENTRY("m", "l")); /* of the link, not of what it points to */
	unpacks(f);
	assert_true(stat_of(f->root, "d/a").st_ino == stat_of(f->root, "e/b").st_ino);
	assert_string_equal(text_of(f->root, "d/a"), "text");
	assert_true(S_ISLNK(stat_of(f->root, "m").st_mode));
}

static void a_replaced_file_keeps_its_other_names(void **state)
{
	struct fixture *f = *state;

	add(f, FILE_ENTRY("a", "old"));
	add(f, HARD_ENTRY("b", "a"));
	add(f, FILE_ENTRY("a", "new"));
	unpacks(f);
	assert_string_equal(text_of(f->root, "a"), "new");
	assert_string_equal(text_of(f->root, "b"), "old");
}

static void files_and_directories_replace_each_other(void **state)
{
	struct fixture *f = *state;
	char value = 0;

	add(f, DIR_ENTRY("x/"));
	add(f, FILE_ENTRY("x/deep/below", "1"));
	add(f, FILE_ENTRY("x", "file"));
	add(f, FILE_ENTRY("y", "file"));
	add(f, DIR_ENTRY("y/"));
	add(f, FILE_ENTRY("y/z", "2"));
	unpacks(f);
	assert_string_equal(text_of(f->root, "x"), "file");
	assert_string_equal(text_of(f->root, "y/z"), "2");
	if (geteuid() == 0) {
		char path[64];
		int fd = openat(f->root, "y", O_RDONLY | O_CLOEXEC);

		/* The file took the place of what the layers below have there. */
		assert_int_equal(getxattr(fd_path(fd, path), "trusted.overlay.opaque", &value, 1),
				 1);
		(void)close(fd);
	}
}

static void copies_into_containers_do_not_replace_directories(void **state)
{
	struct fixture *f = *state;

	f->how.no_overwrite_dir = true;
	assert_int_equal(mkdirat(f->root, "d", 0755), 0);
	add(f, FILE_ENTRY("d", "x"));
	refused(f, EISDIR, "cannot overwrite directory /d with a non-directory");
	tar_begin(&f->tar);
	add(f, FILE_ENTRY("f", "x"));
	add(f, DIR_ENTRY("f/"));
	refused(f, ENOTDIR, "cannot overwrite non-directory /f with a directory");
}

static void a_file_below_a_file_is_an_error(void **state)
{
	struct fixture *f = *state;

	add(f, FILE_ENTRY("f", "x"));
	add(f, FILE_ENTRY("f/below", "x"));
	refused(f, ENOTDIR, "/f");
}

static void devices_only_where_they_are_allowed(void **state)
{
	struct fixture *f = *state;
	struct tar_entry null = {
		.name = "dev/null", .type = '3', .mode = 0666, .major = 1, .minor = 3
	};

	f->how.devices = false;
	add(f, null);
	refused(f, EPERM, "/dev/null: device nodes are not allowed here");
	assert_false(exists(f->root, "dev/null"));
	if (geteuid() != 0)
		return;
	tar_begin(&f->tar);
	f->how.devices = true;
	add(f, null);
	add(f, (struct tar_entry){ .name = "pipe", .type = '6', .mode = 0620 });
	unpacks(f);
	assert_true(stat_of(f->root, "dev/null").st_rdev == makedev(1, 3));
	assert_int_equal(stat_of(f->root, "dev/null").st_mode, S_IFCHR | 0666);
	assert_int_equal(stat_of(f->root, "pipe").st_mode, S_IFIFO | 0620);
}

static bool is_whiteout_at(struct fixture *f, const char *path)
{
	struct stat st = stat_of(f->root, path);

	return S_ISCHR(st.st_mode) && st.st_rdev == 0;
}

static bool is_opaque_at(struct fixture *f, const char *path)
{
	int fd = openat(f->root, path, O_RDONLY | O_CLOEXEC);
	char value = 0;
	ssize_t n = fgetxattr(fd, "trusted.overlay.opaque", &value, 1);

	(void)close(fd);
	return n == 1 && value == 'y';
}

static void whiteouts_become_overlayfs_own(void **state)
{
	struct fixture *f = *state;

	add(f, FILE_ENTRY("d/.wh.gone", ""));
	add(f, FILE_ENTRY("e/.wh..wh..opq", ""));
	add(f, FILE_ENTRY("e/kept", "x"));
	add(f, FILE_ENTRY(".wh..wh.aufs", ""));
	add(f, FILE_ENTRY(".wh..wh.plnk/1.2", ""));
	unpacks(f);
	assert_true(is_whiteout_at(f, "d/gone"));
	assert_true(is_opaque_at(f, "e"));
	assert_false(is_opaque_at(f, "d"));
	assert_false(exists(f->root, ".wh..wh.aufs"));
	assert_false(exists(f->root, ".wh..wh.plnk"));
	assert_false(exists(f->root, "e/.wh..wh..opq"));
}

/* It hides what is below; what the layer itself has stays, whichever comes first. */
static void whiteouts_count_for_the_layers_below_only(void **state)
{
	struct fixture *f = *state;

	add(f, FILE_ENTRY("a", "1"));
	add(f, FILE_ENTRY(".wh.a", ""));
	add(f, FILE_ENTRY(".wh.b", ""));
	add(f, FILE_ENTRY("b", "2"));
	add(f, DIR_ENTRY("c/"));
	add(f, FILE_ENTRY("c/x", "3"));
	add(f, FILE_ENTRY(".wh.c", ""));
	add(f, FILE_ENTRY(".wh.d", ""));
	add(f, DIR_ENTRY("d/"));
	add(f, FILE_ENTRY(".wh.e", ""));
	add(f, FILE_ENTRY("e/x", "4"));
	unpacks(f);
	assert_string_equal(text_of(f->root, "a"), "1");
	assert_string_equal(text_of(f->root, "b"), "2");
	assert_string_equal(text_of(f->root, "c/x"), "3");
	assert_true(is_opaque_at(f, "c"));
	assert_true(is_opaque_at(f, "d"));
	assert_true(is_opaque_at(f, "e"));
	assert_string_equal(text_of(f->root, "e/x"), "4");
}

static void whiteouts_of_nothing_are_refused(void **state)
{
	static const char *const names[] = { ".wh..", ".wh...", "d/.wh.", "d/.wh..." };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (i)
			tar_begin(&f->tar);
		add(f, FILE_ENTRY(names[i], ""));
		refused(f, EINVAL, "a whiteout of nothing");
	}
	tar_begin(&f->tar);
	add(f, FILE_ENTRY(".wh.dir/file", ""));
	refused(f, EINVAL, "a directory with the name of a whiteout");
}

static void whiteouts_are_names_where_there_are_no_layers(void **state)
{
	struct fixture *f = *state;

	f->how.whiteout = ARCHIVE_WHITEOUT_NONE;
	add(f, FILE_ENTRY(".wh.gone", "x"));
	add(f, FILE_ENTRY("d/.wh..wh..opq", "y"));
	unpacks(f);
	assert_string_equal(text_of(f->root, ".wh.gone"), "x");
	assert_string_equal(text_of(f->root, "d/.wh..wh..opq"), "y");
}

static void attributes_are_as_in_the_archive(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	if (geteuid() != 0)
		skip();
	add(f,
	    (struct tar_entry){
		    .name = "d/", .type = '5', .mode = 02750, .uid = 1, .gid = 2, .mtime = 1000 });
	add(f, (struct tar_entry){ .name = "d/suid",
				   .type = '0',
				   .content = "x",
				   .mode = 04755,
				   .uid = 4000000000U,
				   .gid = 7,
				   .mtime = 2000 });
	add(f, (struct tar_entry){ .name = "d/ro/", .type = '5', .mode = 01, .mtime = 3000 });
	add(f, FILE_ENTRY("d/ro/in", "x"));
	tar_pax(&f->tar, "mtime", "1234567890.123456789", 20);
	add(f, FILE_ENTRY("d/exact", "x"));
	add(f, (struct tar_entry){
		       .name = "d/l", .type = '2', .link = "x", .uid = 5, .gid = 6, .mtime = 77 });
	add(f, (struct tar_entry){ .name = "./", .type = '5', .mode = 01777, .mtime = 4000 });
	unpacks(f);
	st = stat_of(f->root, "d");
	assert_int_equal(st.st_mode, S_IFDIR | 02750);
	assert_int_equal(st.st_uid, 1);
	assert_int_equal(st.st_gid, 2);
	assert_int_equal(st.st_mtime, 1000);
	st = stat_of(f->root, "d/suid");
	assert_int_equal(st.st_mode, S_IFREG | 04755);
	assert_true(st.st_uid == 4000000000U);
	assert_int_equal(st.st_gid, 7);
	assert_int_equal(st.st_mtime, 2000);
	assert_int_equal(stat_of(f->root, "d/ro").st_mode, S_IFDIR | 01);
	assert_int_equal(stat_of(f->root, "d/ro").st_mtime, 3000);
	st = stat_of(f->root, "d/exact");
	assert_int_equal(st.st_mtim.tv_sec, 1234567890);
	assert_int_equal(st.st_mtim.tv_nsec, 123456789);
	assert_int_equal(st.st_gid, 0); /* not the set-gid directory's */
	assert_int_equal(stat_of(f->root, "d/l").st_uid, 5);
	assert_int_equal(stat_of(f->root, "d/l").st_mtime, 77);
	assert_int_equal(stat_of(f->top, "root").st_mode, S_IFDIR | 01777);
	assert_int_equal(stat_of(f->top, "root").st_mtime, 4000);
}

static void the_last_word_on_a_directory_counts(void **state)
{
	struct fixture *f = *state;

	add(f, FILE_ENTRY("d/in", "x")); /* made on the way: 0755 whatever the umask */
	add(f, FILE_ENTRY("e/in", "x"));
	add(f, (struct tar_entry){ .name = "d/", .type = '5', .mode = 0700 });
	add(f, (struct tar_entry){ .name = "./d", .type = '5', .mode = 0711 });
	(void)umask(077);
	unpacks(f);
	(void)umask(022);
	assert_int_equal(stat_of(f->root, "d").st_mode, S_IFDIR | 0711);
	assert_int_equal(stat_of(f->root, "e").st_mode, S_IFDIR | 0755);
}

static void extended_attributes_and_capabilities(void **state)
{
	static const char capability[20] = "\1\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
	struct fixture *f = *state;
	char value[64], path[64];
	int fd;

	if (geteuid() != 0)
		skip();
	tar_pax(&f->tar, "SCHILY.xattr.security.capability", capability, sizeof(capability));
	add(f, (struct tar_entry){
		       .name = "ping", .type = '0', .content = "x", .mode = 0755, .uid = 3 });
	tar_pax(&f->tar, "SCHILY.xattr.user.note", "a\0b", 3);
	add(f, DIR_ENTRY("d/"));
	tar_pax(&f->tar, "SCHILY.xattr.trusted.note", "t", 1);
	add(f, LINK_ENTRY("l", "nowhere"));
	tar_pax(&f->tar, "SCHILY.xattr.security.selinux", "label", 5);
	add(f, FILE_ENTRY("labelled", ""));
	unpacks(f);
	fd = openat(f->root, "ping", O_RDONLY | O_CLOEXEC);
	assert_int_equal(fgetxattr(fd, "security.capability", value, sizeof(value)), 20);
	assert_memory_equal(value, capability, sizeof(capability));
	(void)close(fd);
	fd = openat(f->root, "d", O_RDONLY | O_CLOEXEC);
	assert_int_equal(fgetxattr(fd, "user.note", value, sizeof(value)), 3);
	assert_memory_equal(value, "a\0b", 3);
	(void)close(fd);
	(void)snprintf(value, sizeof(value), "%s/l", fd_path(f->root, path));
	assert_int_equal(lgetxattr(value, "trusted.note", path, sizeof(path)), 1);
}

static void attributes_of_overlayfs_are_refused(void **state)
{
	struct fixture *f = *state;

	tar_pax(&f->tar, "SCHILY.xattr.trusted.overlay.redirect", "/other", 6);
	add(f, DIR_ENTRY("d/"));
	refused(f, EPERM, "/d: the extended attribute trusted.overlay.redirect is overlayfs's own");
}

static void long_names(void **state)
{
	struct fixture *f = *state;
	char *name = malloc(8192);

	memset(name, 'n', 255);
	name[255] = '\0';
	tar_pax(&f->tar, "path", name, 255);
	add(f, FILE_ENTRY("short", "x"));
	unpacks(f);
	assert_string_equal(text_of(f->root, name), "x");

	tar_begin(&f->tar);
	memset(name, 'n', 256);
	tar_pax(&f->tar, "path", name, 256);
	add(f, FILE_ENTRY("short", "x"));
	refused(f, ENAMETOOLONG, "nnnn");

	tar_begin(&f->tar);
	for (size_t i = 0; i < 5000; i++)
		name[i] = i % 100 ? 'd' : '/';
	tar_pax(&f->tar, "path", name, 5000);
	add(f, FILE_ENTRY("short", "x"));
	refused(f, ENAMETOOLONG, "the name is too long");

	/* As deep as a name can be. */
	tar_begin(&f->tar);
	for (size_t i = 0; i < 4094; i++)
		name[i] = i % 2 ? '/' : 'd';
	tar_pax(&f->tar, "path", name, 4093);
	add(f, FILE_ENTRY("short", "deep"));
	unpacks(f);
	free(name);
}

static void names_that_are_not_utf8(void **state)
{
	struct fixture *f = *state;

	add(f, FILE_ENTRY("\xff\xfe", "ustar"));
	tar_pax(&f->tar, "path", "p\xff", 2);
	add(f, FILE_ENTRY("short", "pax"));
	tar_pax(&f->tar, "path", "\xc3\xbc", 2);
	add(f, FILE_ENTRY("short", "utf-8"));
	unpacks(f);
	assert_string_equal(text_of(f->root, "\xff\xfe"), "ustar");
	assert_string_equal(text_of(f->root, "p\xff"), "pax");
	assert_string_equal(text_of(f->root, "\xc3\xbc"), "utf-8");
}

static void zeros_take_no_space(void **state)
{
	struct fixture *f = *state;
	size_t len = 8 << 20;
	char *text = malloc(len + 1);
	struct stat st;

	memset(text, 'x', len);
	text[len] = '\0';
	add(f, (struct tar_entry){ .name = "zeros", .type = '0', .size = len });
	for (size_t i = 0; i < len / 512; i++) {
		static const char zeros[512];

		(void)fwrite(zeros, 1, sizeof(zeros), f->tar.out);
	}
	add(f, (struct tar_entry){ .name = "full", .type = '0', .content = text });
	free(text);
	unpacks(f);
	st = stat_of(f->root, "zeros");
	assert_int_equal(st.st_size, len);
	assert_true(st.st_blocks < 256);
	st = stat_of(f->root, "full");
	assert_int_equal(st.st_size, len);
	assert_true((size_t)st.st_blocks * 512 >= len);
}

static void limits(void **state)
{
	struct fixture *f = *state;

	f->how.limits.bytes = 100;
	add(f, FILE_ENTRY("a", "small"));
	add(f, (struct tar_entry){ .name = "b", .type = '0', .size = 96 });
	refused(f, EFBIG, "/b: more than 100 bytes together");

	tar_begin(&f->tar);
	f->how.limits.bytes = 0;
	add(f, (struct tar_entry){ .name = "c", .type = '0', .size = (uint64_t)1 << 62 });
	refused(f, EFBIG, "/c: more than 1099511627776 bytes together");

	tar_begin(&f->tar);
	f->how.limits.entries = 3;
	for (int i = 0; i < 4; i++)
		add(f, FILE_ENTRY("same", ""));
	refused(f, E2BIG, "more than 3 entries");
}

static void damaged_archives(void **state)
{
	struct fixture *f = *state;

	add(f, (struct tar_entry){ .name = "cut", .type = '0', .content = "x", .size = 100000 });
	refused(f, EBADMSG, "");
	tar_begin(&f->tar);
	(void)fputs("this is no archive at all, but long enough to be looked at", f->tar.out);
	refused(f, EBADMSG, "archive:");
	tar_begin(&f->tar);
	unpacks(f); /* an empty one is one */
	tar_begin(&f->tar);
	add(f, LINK_ENTRY("l", ""));
	refused(f, EINVAL, "a symbolic link to nothing");
	tar_begin(&f->tar);
	add(f, LINK_ENTRY("/", "x"));
	refused(f, EINVAL, "the root must be a directory");
}

static void only_what_was_asked_for(void **state)
{
	struct fixture *f = *state;

	f->how.whiteout = ARCHIVE_WHITEOUT_NONE;
	f->how.only = "report";
	assert_int_equal(symlinkat("..", f->root, "up"), 0);
	add(f, DIR_ENTRY("report/"));
	add(f, FILE_ENTRY("report/a", "a"));
	add(f, HARD_ENTRY("report/b", "report/a"));
	add(f, FILE_ENTRY("x/../report/c", "c"));
	unpacks(f);
	assert_string_equal(text_of(f->root, "report/b"), "a");
	assert_false(exists(f->root, "x"));
	for (size_t i = 0; i < 4; i++) {
		static const char *const names[] = { ".bashrc", "reports", "report/../up/x", "./" };

		tar_begin(&f->tar);
		add(f, i < 3 ? FILE_ENTRY(names[i], "x") : DIR_ENTRY(names[i]));
		refused(f, EPERM, "is not what was asked for");
	}
	assert_false(exists(f->root, ".bashrc"));
	assert_false(exists(f->top, "x"));
	/* Nor does a link reach what was there. */
	tar_begin(&f->tar);
	add(f, HARD_ENTRY("report/d", "up"));
	refused(f, EPERM, "is not what was asked for");
	/* "/" has no name: it is all there is. */
	f->how.only = "";
	tar_begin(&f->tar);
	add(f, FILE_ENTRY("other", "o"));
	unpacks(f);
}

static void an_archive_that_gives_no_rights(void **state)
{
	static const char capability[20] = "\1\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
	struct fixture *f = *state;
	char value[64], path[64];

	if (geteuid() != 0)
		skip();
	f->how.no_rights = true;
	tar_pax(&f->tar, "SCHILY.xattr.security.capability", capability, sizeof(capability));
	add(f, (struct tar_entry){ .name = "suid", .type = '0', .content = "x", .mode = 06755 });
	add(f, (struct tar_entry){ .name = "dir/", .type = '5', .mode = 03777 });
	add(f, (struct tar_entry){ .name = "disk", .type = '4', .mode = 0666, .major = 7 });
	unpacks(f);
	assert_int_equal(stat_of(f->root, "suid").st_mode, S_IFREG | 0755);
	(void)snprintf(value, sizeof(value), "%s/suid", fd_path(f->root, path));
	assert_int_equal(getxattr(value, "security.capability", path, sizeof(path)), -1);
	assert_int_equal(stat_of(f->root, "dir").st_mode, S_IFDIR | 01777);
	assert_int_equal(stat_of(f->root, "disk").st_mode, S_IFBLK | 0600);
}

static void many_small_files(void **state)
{
	struct fixture *f = *state;
	char name[64];

	for (int i = 0; i < 5000; i++) {
		(void)snprintf(name, sizeof(name), "d%d/f%d", i / 1000, i);
		add(f, FILE_ENTRY(name, "x"));
	}
	unpacks(f);
	assert_string_equal(text_of(f->root, "d4/f4999"), "x");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(names_that_climb_stay_in_the_root),
		TEST(a_file_through_a_link_stays_in_the_root),
		TEST(a_directory_that_becomes_a_link_is_looked_up_again),
		TEST(hard_links_stay_in_the_root),
		TEST(hard_links_are_the_same_file),
		TEST(a_replaced_file_keeps_its_other_names),
		TEST(files_and_directories_replace_each_other),
		TEST(copies_into_containers_do_not_replace_directories),
		TEST(a_file_below_a_file_is_an_error),
		TEST(devices_only_where_they_are_allowed),
		TEST(whiteouts_become_overlayfs_own),
		TEST(whiteouts_count_for_the_layers_below_only),
		TEST(whiteouts_of_nothing_are_refused),
		TEST(whiteouts_are_names_where_there_are_no_layers),
		TEST(attributes_are_as_in_the_archive),
		TEST(the_last_word_on_a_directory_counts),
		TEST(extended_attributes_and_capabilities),
		TEST(attributes_of_overlayfs_are_refused),
		TEST(long_names),
		TEST(names_that_are_not_utf8),
		TEST(zeros_take_no_space),
		TEST(limits),
		TEST(damaged_archives),
		TEST(only_what_was_asked_for),
		TEST(an_archive_that_gives_no_rights),
		TEST(many_small_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/arena.h"

static void memory_is_zeroed_aligned_and_apart(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	unsigned char *last = NULL;

	(void)state;
	for (size_t size = 1; size < 5000; size += 37) {
		unsigned char *p = arena_alloc(&arena, 1, size);

		assert_non_null(p);
		assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xff, size);
		assert_ptr_not_equal(p, last);
		last = p;
	}
}

static void a_block_larger_than_a_chunk_is_given(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	char *small = arena_strdup(&arena, "small");
	char *large = arena_alloc(&arena, 3, 1 << 20);

	(void)state;
	assert_non_null(large);
	memset(large, 1, 3 << 20);
	assert_string_equal(small, "small");
}

static void a_product_that_overflows_is_refused(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };

	(void)state;
	assert_null(arena_alloc(&arena, SIZE_MAX / 2, 3));
	assert_null(arena_alloc(&arena, SIZE_MAX, 1));
}

static void no_objects_are_not_out_of_memory(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };

	(void)state;
	assert_non_null(arena_alloc(&arena, 0, 8));
	assert_non_null(arena_alloc(&arena, 8, 0));
}

static void text_is_copied(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	char text[] = "abcdef";
	char *copy = arena_strndup(&arena, text, 3);

	(void)state;
	text[0] = 'x';
	assert_string_equal(copy, "abc");
	assert_string_equal(arena_printf(&arena, "%s-%d", copy, 4), "abc-4");
}

static void an_emptied_arena_can_be_used_again(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };

	(void)state;
	assert_non_null(arena_strdup(&arena, "a"));
	arena_done(&arena);
	assert_string_equal(arena_strdup(&arena, "b"), "b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_zeroed_aligned_and_apart),
		cmocka_unit_test(a_block_larger_than_a_chunk_is_given),
		cmocka_unit_test(a_product_that_overflows_is_refused),
		cmocka_unit_test(no_objects_are_not_out_of_memory),
		cmocka_unit_test(text_is_copied),
		cmocka_unit_test(an_emptied_arena_can_be_used_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

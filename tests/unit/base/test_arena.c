/* base/arena: pieces are aligned, apart from each other, and freed together (ASan looks on). */
#include "base/arena.h"
#include "base/str.h"

#include <check.h>
#include <stdlib.h>

START_TEST(pieces_are_aligned_and_do_not_overlap)
{
    struct arena a;
    char *pieces[200];
    arena_init(&a, 512);
    for (size_t i = 0; i < 200; i++) {
        pieces[i] = arena_alloc(&a, i);
        ck_assert_ptr_nonnull(pieces[i]);
        ck_assert_uint_eq((uintptr_t)pieces[i] % 8, 0);
        memset(pieces[i], (int)i, i);
    }
    for (size_t i = 0; i < 200; i++)
        for (size_t j = 0; j < i; j++)
            ck_assert_uint_eq((unsigned char)pieces[i][j], i);
    arena_finish(&a);
}
END_TEST

START_TEST(begins_in_the_callers_memory)
{
    struct arena a;
    char first[256];
    arena_init_in(&a, first + 1, sizeof first - 1, 1024);
    char *p = arena_alloc(&a, 100);
    ck_assert(p >= first && p + 100 <= first + sizeof first);
    ck_assert_uint_eq((uintptr_t)p % 8, 0);
    char *q = arena_alloc(&a, 200);
    ck_assert(q < first || q >= first + sizeof first);
    arena_finish(&a);
    arena_init_in(&a, NULL, 0, 0);
    ck_assert_ptr_nonnull(arena_alloc(&a, 1));
    arena_finish(&a);
}
END_TEST

START_TEST(a_large_piece_wastes_no_block)
{
    struct arena a;
    arena_init(&a, 1024);
    char *before = arena_alloc(&a, 8), *large = arena_alloc(&a, 100000),
         *after = arena_alloc(&a, 8);
    ck_assert_ptr_nonnull(large);
    memset(large, 1, 100000);
    ck_assert_ptr_eq(after, before + 8);
    arena_finish(&a);
}
END_TEST

START_TEST(refuses_what_cannot_be)
{
    struct arena a;
    arena_init(&a, 0);
    ck_assert_ptr_null(arena_alloc(&a, SIZE_MAX));
    ck_assert_ptr_null(arena_alloc(&a, SIZE_MAX - 7));
    ck_assert_ptr_null(arena_str(&a, str_n("", SIZE_MAX)).p);
    ck_assert_ptr_nonnull(arena_alloc(&a, 0));
    arena_finish(&a);
    arena_finish(&a);
}
END_TEST

START_TEST(texts_end_with_a_0)
{
    struct arena a;
    arena_init(&a, 64);
    char text[] = "abcdef";
    parley_str s = arena_str(&a, str_n(text, 3));
    text[0] = 'x';
    ck_assert_str_eq(s.p, "abc");
    ck_assert_uint_eq(s.n, 3);
    ck_assert_ptr_null(arena_str(&a, PARLEY_NONE).p);
    ck_assert_str_eq(arena_str(&a, PARLEY_STR("")).p, "");
    s = arena_printf(&a, "%s=%d", "n", 42);
    ck_assert_str_eq(s.p, "n=42");
    ck_assert_uint_eq(s.n, 4);
    s = arena_printf(&a, "%5000d", 1);
    ck_assert_uint_eq(s.n, 5000);
    char *zeros = arena_zalloc(&a, 1000);
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(zeros[i], 0);
    arena_finish(&a);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/arena");
    TCase *t = tcase_create("arena");
    suite_add_tcase(suite, t);
    tcase_add_test(t, pieces_are_aligned_and_do_not_overlap);
    tcase_add_test(t, begins_in_the_callers_memory);
    tcase_add_test(t, a_large_piece_wastes_no_block);
    tcase_add_test(t, refuses_what_cannot_be);
    tcase_add_test(t, texts_end_with_a_0);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* base/str: comparing, checking and printing text that strangers sent. */
#include "base/str.h"

#include <check.h>
#include <stdlib.h>

START_TEST(absent_is_not_empty)
{
    ck_assert(str_eq(PARLEY_NONE, PARLEY_NONE));
    ck_assert(!str_eq(PARLEY_NONE, PARLEY_STR("")));
    ck_assert(str_eq(PARLEY_STR("ab"), str_n("abc", 2)));
    ck_assert(!str_eq(PARLEY_STR("ab"), PARLEY_STR("aB")));
    ck_assert(str_is(str_n("abc", 3), "abc"));
    ck_assert(!str_is(PARLEY_NONE, ""));
    ck_assert_ptr_null(str_of(NULL).p);
    ck_assert_int_eq(str_casecmp(PARLEY_NONE, PARLEY_NONE), 0);
    ck_assert_int_lt(str_casecmp(PARLEY_NONE, PARLEY_STR("")), 0);
    ck_assert_int_gt(str_casecmp(PARLEY_STR(""), PARLEY_NONE), 0);
}
END_TEST

START_TEST(case_is_that_of_ascii_alone)
{
    ck_assert_int_eq(str_casecmp(PARLEY_STR("General"), PARLEY_STR("gENERAL")), 0);
    ck_assert_int_ne(str_casecmp(PARLEY_STR("@"), PARLEY_STR("`")), 0);
    ck_assert_int_ne(str_casecmp(PARLEY_STR("\xc3\x84"), PARLEY_STR("\xc3\xa4")), 0);
    ck_assert_int_lt(str_casecmp(PARLEY_STR("ab"), PARLEY_STR("ABC")), 0);
    ck_assert_int_gt(str_casecmp(PARLEY_STR("b"), PARLEY_STR("ABC")), 0);
    ck_assert_uint_eq(str_hash_nocase(PARLEY_STR("General")),
                      str_hash_nocase(PARLEY_STR("gENERAL")));
    ck_assert_uint_ne(str_hash(PARLEY_STR("General")), str_hash(PARLEY_STR("gENERAL")));
    ck_assert_uint_eq(str_hash(PARLEY_NONE), str_hash(PARLEY_STR("")));
    ck_assert_uint_ne(str_hash_nocase(PARLEY_STR("a")), str_hash_nocase(PARLEY_STR("b")));
    char long_lower[300], long_upper[300];
    memset(long_lower, 'q', sizeof long_lower);
    memset(long_upper, 'Q', sizeof long_upper);
    for (size_t n = 100; n <= sizeof long_lower; n++)
        ck_assert_uint_eq(str_hash_nocase(str_n(long_lower, n)),
                          str_hash_nocase(str_n(long_upper, n)));
    long_upper[299] = 'r';
    ck_assert_uint_ne(str_hash_nocase(str_n(long_lower, 300)),
                      str_hash_nocase(str_n(long_upper, 300)));
}
END_TEST

START_TEST(trims_and_copies)
{
    ck_assert(str_is(str_trim(PARLEY_STR(" \t a b \t")), "a b"));
    ck_assert(str_is(str_trim(PARLEY_STR("  ")), ""));
    ck_assert(str_is(str_trim(PARLEY_STR("\na\n")), "\na\n"));
    AUTO(str_free) char *copy = str_dup(str_n("abcdef", 3));
    ck_assert_str_eq(copy, "abc");
    AUTO(str_free) char *empty = str_dup(PARLEY_NONE);
    ck_assert_str_eq(empty, "");
}
END_TEST

static bool valid(parley_str s)
{
    return str_valid_utf8(s.p, s.n);
}

START_TEST(utf8_is_judged_as_the_standard_does)
{
    ck_assert(valid(PARLEY_STR("")));
    ck_assert(valid(PARLEY_STR("plain ascii, longer than eight bytes")));
    ck_assert(valid(PARLEY_STR("\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf"
                               "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf")));
    const parley_str bad[] = {PARLEY_STR("\x80"),
                              PARLEY_STR("\xbf"),
                              PARLEY_STR("\xc0\xaf"),
                              PARLEY_STR("\xc1\xbf"),
                              PARLEY_STR("\xe0\x80\xaf"),
                              PARLEY_STR("\xe0\x9f\xbf"),
                              PARLEY_STR("\xf0\x80\x80\xaf"),
                              PARLEY_STR("\xf0\x8f\xbf\xbf"),
                              PARLEY_STR("\xed\xa0\x80"),
                              PARLEY_STR("\xed\xbf\xbf"),
                              PARLEY_STR("\xf4\x90\x80\x80"),
                              PARLEY_STR("\xf5\x80\x80\x80"),
                              PARLEY_STR("\xff"),
                              PARLEY_STR("\xc3"),
                              PARLEY_STR("\xe2\x82"),
                              PARLEY_STR("\xf0\x9f\x98"),
                              PARLEY_STR("\xc3(")};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[64];
        ck_assert_msg(!valid(bad[i]), "case %zu", i);
        for (size_t before = 0; before < 20;
             before++) { /* also behind what is read eight bytes at a time */
            memset(text, 'a', before);
            memcpy(text + before, bad[i].p, bad[i].n);
            ck_assert_msg(!str_valid_utf8(text, before + bad[i].n), "case %zu after %zu", i,
                          before);
        }
    }
    ck_assert_uint_eq(str_codepoints(PARLEY_STR("gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80")), 6);
}
END_TEST

START_TEST(lists_are_split_at_commas)
{
    ck_assert(str_list_has("a, bc ,d", PARLEY_STR("a")));
    ck_assert(str_list_has("a, bc ,d", PARLEY_STR("bc")));
    ck_assert(str_list_has("a, bc ,d", PARLEY_STR("d")));
    ck_assert(!str_list_has("a, bc ,d", PARLEY_STR("b")));
    ck_assert(!str_list_has("a, bc ,d", PARLEY_STR("a, bc")));
    ck_assert(!str_list_has(NULL, PARLEY_STR("a")));
    ck_assert(!str_list_has("a", PARLEY_NONE));
}
END_TEST

START_TEST(suggests_what_is_close)
{
    static const char *const names[] = {"messages", "window", "burst", "log", "hub"};
    ck_assert_str_eq(str_closest("mesages", names, 5), "messages");
    ck_assert_str_eq(str_closest("messgaes", names, 5), "messages");
    ck_assert_str_eq(str_closest("Windows", names, 5), "window");
    ck_assert_str_eq(str_closest("hbu", names, 5), "hub");
    ck_assert_str_eq(str_closest("mesage", names, 5), "messages");
    ck_assert_ptr_null(str_closest("mesag", names, 5));
    ck_assert_ptr_null(str_closest("lid", names, 5));
    ck_assert_ptr_null(str_closest("x", names, 5));
    ck_assert_ptr_null(str_closest("", names, 5));
    ck_assert_ptr_null(str_closest("mute", names, 0));
    char huge[1000];
    memset(huge, 'm', sizeof huge - 1);
    huge[sizeof huge - 1] = '\0';
    ck_assert_ptr_null(str_closest(huge, names, 5));
}
END_TEST

static void assert_printed(parley_str s, size_t room, const char *expected)
{
    char *out = malloc(room == 0 ? 1 : room); /* of exactly that size, for ASan */
    ck_assert_str_eq(str_printable(s, out, room), expected);
    free(out);
}

START_TEST(prints_nothing_that_a_terminal_obeys)
{
    assert_printed(PARLEY_STR("plain gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80"), 100,
                   "plain gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80");
    assert_printed(PARLEY_STR("a\r\n\x1b[31m\x7f"), 100, "a\\x0d\\x0a\\x1b[31m\\x7f");
    assert_printed(PARLEY_STR("\xc2\x9b"
                              "31m"),
                   100, "\\u{009b}31m");
    assert_printed(PARLEY_STR("\xe2\x80\xae"
                              "abc\xe2\x81\xa6\xd8\x9c\xe2\x80\xa8"),
                   100, "\\u{202e}abc\\u{2066}\\u{061c}\\u{2028}");
    assert_printed(PARLEY_STR("\xff\xc3"), 100, "\\xff\\xc3");
    assert_printed(PARLEY_NONE, 100, "");
    assert_printed(PARLEY_STR("\xe2\x80\x8d"), 100, "\xe2\x80\x8d"); /* joins emoji */
}
END_TEST

START_TEST(prints_within_its_room)
{
    assert_printed(PARLEY_STR("abcdef"), 7, "abcdef");
    assert_printed(PARLEY_STR("abcdef"), 6, "ab...");
    assert_printed(PARLEY_STR("abcdef"), 4, "...");
    assert_printed(PARLEY_STR("abcdef"), 3, "");
    assert_printed(PARLEY_STR("ab"), 3, "ab");
    assert_printed(PARLEY_STR("a\xc3\xbc\xc3\xbc\xc3\xbc"), 7, "a\xc3\xbc...");
    assert_printed(PARLEY_STR("a\x01\x02"), 8, "a...");
    parley_str s = PARLEY_STR("\x1b\xe2\x80\xae\xff\xc3\xbc"
                              "z");
    for (size_t room = 1; room < 40; room++) {
        char *out = malloc(room);
        ck_assert_uint_lt(strlen(str_printable(s, out, room)), room);
        ck_assert(str_valid_utf8(out, strlen(out)));
        free(out);
    }
    str_printable(s, NULL, 0);
}
END_TEST

START_TEST(random_bytes_differ)
{
    char a[64], b[64];
    ck_assert(str_random(a, sizeof a) && str_random(b, sizeof b));
    ck_assert_int_ne(memcmp(a, b, sizeof a), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/str");
    TCase *t = tcase_create("str");
    suite_add_tcase(suite, t);
    tcase_add_test(t, absent_is_not_empty);
    tcase_add_test(t, case_is_that_of_ascii_alone);
    tcase_add_test(t, trims_and_copies);
    tcase_add_test(t, utf8_is_judged_as_the_standard_does);
    tcase_add_test(t, lists_are_split_at_commas);
    tcase_add_test(t, suggests_what_is_close);
    tcase_add_test(t, prints_nothing_that_a_terminal_obeys);
    tcase_add_test(t, prints_within_its_room);
    tcase_add_test(t, random_bytes_differ);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

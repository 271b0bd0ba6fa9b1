/* base/buf: what is written is there, ends with a 0, stays within its limit; the first error
 * sticks. */
#include "base/buf.h"
#include "base/str.h"

#include <check.h>
#include <jansson.h>
#include <stdlib.h>

START_TEST(writes_and_ends_with_a_0)
{
    struct buf b;
    buf_init(&b, 0);
    buf_add_cstr(&b, "one ");
    buf_add_str(&b, PARLEY_STR("two"));
    buf_add_str(&b, PARLEY_NONE);
    buf_add_char(&b, ' ');
    buf_add(&b, "three!", 5);
    buf_addf(&b, " %d", 4);
    ck_assert_int_eq(b.error, 0);
    ck_assert_str_eq(b.p, "one two three 4");
    ck_assert_uint_eq(b.n, 15);
    buf_clear(&b);
    ck_assert_str_eq(b.p, "");
    buf_finish(&b);
    buf_finish(&b);
    struct buf zero = {0};
    buf_finish(&zero);
}
END_TEST

START_TEST(writes_every_integer)
{
    struct buf b;
    buf_init(&b, 0);
    const int64_t numbers[] = {0, -1, 7, 10, -10, 1234567890123, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char expected[32];
        buf_clear(&b);
        buf_add_int(&b, numbers[i]);
        snprintf(expected, sizeof expected, "%" PRId64, numbers[i]);
        ck_assert_str_eq(b.p, expected);
    }
    buf_finish(&b);
}
END_TEST

START_TEST(the_limit_holds_and_its_error_sticks)
{
    struct buf b;
    buf_init(&b, 10);
    buf_add(&b, "0123456789", 10);
    ck_assert_int_eq(b.error, 0);
    ck_assert_uint_le(b.cap, 11);
    buf_add_char(&b, 'x');
    ck_assert_int_eq(b.error, -E2BIG);
    buf_add_str(&b, PARLEY_NONE);
    buf_addf(&b, "%s", "");
    buf_add_json(&b, PARLEY_NONE);
    ck_assert_str_eq(b.p, "0123456789");
    ck_assert_int_eq(b.error, -E2BIG);
    ck_assert_ptr_null(buf_take(&b, NULL));
    ck_assert_ptr_null(b.p);
    buf_add(&b, "0123456789", 10); /* the limit stays, the error does not */
    ck_assert_int_eq(b.error, 0);
    buf_clear(&b);
    ck_assert_ptr_null(buf_reserve(&b, 11));
    buf_clear(&b);
    ck_assert_ptr_nonnull(buf_reserve(&b, 10));
    buf_finish(&b);
}
END_TEST

START_TEST(impossible_sizes_are_errors)
{
    struct buf b;
    buf_init(&b, 0);
    ck_assert_ptr_null(buf_reserve(&b, SIZE_MAX));
    ck_assert_int_eq(b.error, -ENOMEM);
    buf_clear(&b);
    buf_add_char(&b, 'a');
    ck_assert_ptr_null(buf_reserve(&b, SIZE_MAX - 1));
    ck_assert_int_eq(b.error, -ENOMEM);
    buf_finish(&b);
}
END_TEST

START_TEST(reserves_and_hands_over)
{
    struct buf b;
    size_t n = 99;
    buf_init(&b, 0);
    char *p = buf_reserve(&b, 100);
    memset(p, 'x', 100);
    b.n += 3;
    p = buf_take(&b, &n);
    ck_assert_str_eq(p, "xxx");
    ck_assert_uint_eq(n, 3);
    ck_assert_uint_eq(b.n, 0);
    free(p);
    p = buf_take(&b, &n);
    ck_assert_str_eq(p, "");
    ck_assert_uint_eq(n, 0);
    free(p);
}
END_TEST

START_TEST(grows_by_doubling)
{
    struct buf b;
    int grown = 0;
    size_t cap = 0;
    buf_init(&b, 0);
    for (int i = 0; i < 1000000; i++) {
        buf_add_char(&b, (char)('a' + i % 26));
        grown += b.cap != cap;
        cap = b.cap;
    }
    ck_assert_uint_eq(b.n, 1000000);
    ck_assert_uint_eq(strlen(b.p), 1000000);
    ck_assert_int_lt(grown, 20);
    buf_finish(&b);
}
END_TEST

static void assert_json(parley_str s, const char *expected)
{
    struct buf b;
    buf_init(&b, 0);
    buf_add_json(&b, s);
    ck_assert_str_eq(b.p, expected);
    buf_finish(&b);
}

START_TEST(fits_when_much_is_left)
{
    struct buf b;
    buf_init(&b, 0);
    buf_fit(&b);
    ck_assert_ptr_null(b.p);
    buf_reserve(&b, 5000);
    buf_add_cstr(&b, "kept");
    buf_fit(&b);
    ck_assert_uint_eq(b.cap, 5);
    ck_assert_str_eq(b.p, "kept");
    BUF_PUT(&b, " on");
    size_t cap = b.cap;
    buf_fit(&b); /* little is left: it stays */
    ck_assert_uint_eq(b.cap, cap);
    ck_assert_str_eq(b.p, "kept on");
    buf_finish(&b);
}
END_TEST

/* Memory that came from somewhere else: the limit counts all the same. */
START_TEST(room_within_the_limit_alone)
{
    struct buf b;
    buf_init(&b, 0);
    buf_reserve(&b, 100);
    buf_add_cstr(&b, "abc");
    b.limit = 4;
    buf_add_char(&b, 'd');
    ck_assert_int_eq(b.error, 0);
    BUF_PUT(&b, "e");
    ck_assert_int_eq(b.error, -E2BIG);
    b.error = 0;
    b.limit = 2; /* less than it holds */
    BUF_PUT(&b, "");
    ck_assert_int_eq(b.error, -E2BIG);
    b.limit = 0;
    buf_add_char(&b, 'e'); /* the error sticks */
    ck_assert_str_eq(b.p, "abcd");
    buf_finish(&b);
}
END_TEST

START_TEST(json_strings_are_escaped)
{
    assert_json(PARLEY_NONE, "\"\"");
    assert_json(PARLEY_STR("plain"), "\"plain\"");
    assert_json(PARLEY_STR("say \"hi\" \\ /"), "\"say \\\"hi\\\" \\\\ /\"");
    assert_json(PARLEY_STR("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\"");
    assert_json(PARLEY_STR("\x01\x1b\x7f"), "\"\\u0001\\u001b\x7f\"");
    assert_json(PARLEY_STR("gr\xc3\xbc\xc3\x9f \xe2\x80\xa8 \xf0\x9f\x98\x80"),
                "\"gr\xc3\xbc\xc3\x9f \xe2\x80\xa8 \xf0\x9f\x98\x80\"");
}
END_TEST

START_TEST(json_strings_come_back_from_a_parser)
{
    char all[2 * 127 + 1];
    size_t n = 0;
    for (int i = 1; i < 128; i++) {
        all[n++] = (char)i;
        all[n++] = 'x';
    }
    all[n] = '\0';
    struct buf b;
    buf_init(&b, 0);
    buf_add_json(&b, str_n(all, n));
    json_t *v = json_loadb(b.p, b.n, JSON_DECODE_ANY, NULL);
    ck_assert_ptr_nonnull(v);
    ck_assert_str_eq(json_string_value(v), all);
    json_decref(v);
    buf_finish(&b);
}
END_TEST

/* Each byte that a text may hold, at each place of words of eight, among bytes of every kind. */
START_TEST(json_strings_of_every_byte_at_every_place)
{
    static const unsigned char around[] = {'a', 0x21, 0x23, 0x5b, 0x5d, 0x7f, 0x20, 0xc3};
    struct buf b;
    buf_init(&b, 0);
    for (int c = 1; c < 256; c++)
        for (size_t n = 1; n <= 20; n++)
            for (size_t at = 0; at < n; at++) {
                unsigned char text[20];
                char expected[200];
                size_t wrote = 0;
                memset(text, around[(n + (size_t)c) % sizeof around], n);
                text[at] = (unsigned char)c;
                expected[wrote++] = '"';
                for (size_t i = 0; i < n; i++) {
                    const char *letter = strchr("\bb\ff\nn\rr\tt\"\"\\\\", text[i]);
                    if (text[i] < 0x20 && letter == NULL)
                        wrote += (size_t)sprintf(expected + wrote, "\\u%04x", text[i]);
                    else if (text[i] < 0x20 || text[i] == '"' || text[i] == '\\')
                        wrote += (size_t)sprintf(expected + wrote, "\\%c", letter[1]);
                    else
                        expected[wrote++] = (char)text[i];
                }
                expected[wrote++] = '"';
                buf_clear(&b);
                buf_add_json(&b, str_n((const char *)text, n));
                ck_assert(b.n == wrote && memcmp(b.p, expected, wrote) == 0);
            }
    buf_finish(&b);
}
END_TEST

START_TEST(json_strings_keep_to_the_limit)
{
    struct buf b;
    for (size_t limit = 1; limit < 20; limit++) {
        buf_init(&b, limit);
        buf_add_json(&b, PARLEY_STR("a\x01\x01"
                                    "b"));
        ck_assert_int_eq(b.error, limit < 16 ? -E2BIG : 0);
        ck_assert_uint_le(b.n, limit);
        buf_finish(&b);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/buf");
    TCase *t = tcase_create("buf");
    suite_add_tcase(suite, t);
    tcase_add_test(t, writes_and_ends_with_a_0);
    tcase_add_test(t, writes_every_integer);
    tcase_add_test(t, the_limit_holds_and_its_error_sticks);
    tcase_add_test(t, impossible_sizes_are_errors);
    tcase_add_test(t, reserves_and_hands_over);
    tcase_add_test(t, grows_by_doubling);
    tcase_add_test(t, fits_when_much_is_left);
    tcase_add_test(t, room_within_the_limit_alone);
    tcase_add_test(t, json_strings_are_escaped);
    tcase_add_test(t, json_strings_come_back_from_a_parser);
    tcase_add_test(t, json_strings_of_every_byte_at_every_place);
    tcase_add_test(t, json_strings_keep_to_the_limit);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

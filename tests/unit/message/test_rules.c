/* message/rules: what they let pass fields_check() lets pass; and what is common they let pass. */
#include "base/buf.h"
#include "base/str.h"
#include "base/units.h"
#include "host_table.h"
#include "message/fields.h"
#include "message/rules.h"

#include <check.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define TABLE(array) ((parley_table)PARLEY_TABLE(array))

static struct arena arena;

static void setup(void)
{
    arena_init(&arena, 4096);
}

static void teardown(void)
{
    arena_finish(&arena);
}

static const parley_value *parse(const char *json)
{
    const struct value *v = NULL;
    const char *why = "";
    ck_assert_msg(value_parse(&arena, str_of(json), 32, 2048, &v, &why) == 0, "%s: %s", why, json);
    return &v->pub;
}

/* Never more than fields_check(). */
static bool pass(const parley_table *fields, const char *json)
{
    struct rules *r = rules_new(fields);
    const parley_value *v = json == NULL ? NULL : parse(json);
    char why[256];
    bool passes = rules_pass(r, v);
    ck_assert_ptr_nonnull(r);
    ck_assert_msg(!passes || fields_check(fields, v, why) == 0, "%s: %s", json, why);
    free(r);
    return passes;
}

static const parley_field chat[] = {
    PARLEY_FIELD("channel", PARLEY_STRING, "1..8", NULL, PARLEY_REQUIRED | PARLEY_CHANNEL, "Where"),
    PARLEY_FIELD("message", PARLEY_STRING, "2..10", NULL, PARLEY_REQUIRED | PARLEY_TEXT, "What"),
    PARLEY_FIELD("count", PARLEY_INT, "1..5", NULL, 0, "How often"),
    PARLEY_FIELD("mode", PARLEY_STRING, "open|closed", NULL, 0, "How"),
};

START_TEST(the_daily_bread_passes)
{
    const parley_table t = TABLE(chat);
    ck_assert(pass(&t, "{\"type\":\"x\",\"channel\":\"general\",\"message\":\"hello\"}"));
    ck_assert(pass(&t, "{\"message\":\"he\",\"channel\":\"g\",\"other\":[{}]}"));
    ck_assert(pass(&t, "{\"message\":\"0123456789\",\"channel\":\"01234567\",\"count\":null}"));
    /* ten characters of four bytes each, two of one and two */
    ck_assert(pass(&t, "{\"message\":\"\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98"
                       "\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0"
                       "\x9f\x98\x80\xf0\x9f\x98\x80\",\"channel\":\"g\"}"));
    ck_assert(pass(&t, "{\"message\":\"a\xc3\xa9\",\"channel\":\"g\"}"));
}
END_TEST

START_TEST(what_is_wrong_does_not)
{
    const char *const wrong[] = {
        "{}",
        "[]",
        "{\"channel\":\"g\"}",
        "{\"channel\":\"g\",\"message\":null}",
        "{\"channel\":\"\",\"message\":\"hello\"}",
        "{\"channel\":\"012345678\",\"message\":\"hello\"}",
        "{\"channel\":\"g\",\"message\":\"h\"}",
        "{\"channel\":\"g\",\"message\":\"\xf0\x9f\x98\x80\"}", /* four bytes, one character */
        "{\"channel\":\"g\",\"message\":\"0123456789a\"}",
        ("{\"channel\":\"g\",\"message\":\"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
         "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\"}"),
        "{\"channel\":7,\"message\":\"hello\"}",
        "{\"channel\":\"g\",\"message\":[\"hello\"]}",
        "{\"channel\":\"g\",\"message\":\"hello\",\"count\":9}",
        "{\"channel\":\"g\",\"message\":\"hello\",\"mode\":\"ajar\"}",
    };
    const parley_table t = TABLE(chat);
    for (size_t i = 0; i < COUNT(wrong); i++)
        ck_assert_msg(!pass(&t, wrong[i]), "%s", wrong[i]);
    ck_assert(!pass(&t, NULL));
    ck_assert(!rules_pass(NULL, parse("{}")));
}
END_TEST

/* Every kind of range, at every length. */
START_TEST(never_more_than_the_table_says)
{
    static const char *const ranges[] = {NULL,
                                         "",
                                         "1..3",
                                         "2..",
                                         "..2",
                                         "..",
                                         "3..1",
                                         "2..2",
                                         "0..0",
                                         "-1..2",
                                         "1..x",
                                         "x..2",
                                         "1-2",
                                         "a|b",
                                         "aa",
                                         " 1 .. 2 ",
                                         "1...3",
                                         "+1..2",
                                         "1.5..3",
                                         "0..99999999999999999999",
                                         "9007199254740993..",
                                         "..9007199254740993"};
    unsigned passed = 0;
    for (size_t k = 0; k < COUNT(ranges); k++)
        for (int required = 0; required < 2; required++)
            for (unsigned n = 0; n < 6; n++) {
                const parley_field f = PARLEY_FIELD("s", PARLEY_STRING, ranges[k], NULL,
                                                    required ? PARLEY_REQUIRED : 0, "");
                const parley_table t = {&f, 1, sizeof f};
                char json[64];
                snprintf(json, sizeof json, "{\"s\":\"%.*s\"}", (int)n, "aaaaaa");
                passed += pass(&t, json);
            }
    ck_assert_uint_gt(passed, 60);
}
END_TEST

START_TEST(dotted_names_are_for_others)
{
    static const parley_field fields[] = {
        PARLEY_FIELD("a.b", PARLEY_STRING, NULL, NULL, 0, ""),
        PARLEY_FIELD("c", PARLEY_STRING, NULL, NULL, 0, ""),
    };
    const parley_table t = TABLE(fields), second = {&fields[1], 1, sizeof *fields};
    ck_assert(!pass(&t, "{\"a\":1}")); /* 'a' must be an object */
    ck_assert(!pass(&t, "{}"));
    ck_assert(pass(&second, "{\"a\":1}"));
}
END_TEST

START_TEST(ranges_of_lengths)
{
    size_t least = 7, most = 7;
    ck_assert(units_length_range("1..64", &least, &most) && least == 1 && most == 64);
    ck_assert(units_length_range(NULL, &least, &most) && least == 0 && most == SIZE_MAX);
    ck_assert(units_length_range("3..", &least, &most) && least == 3 && most == SIZE_MAX);
    ck_assert(units_length_range("..3", &least, &most) && least == 0 && most == 3);
    ck_assert(!units_length_range("a|b", &least, &most));
    ck_assert(!units_length_range("x", &least, &most));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("message/rules");
    TCase *t = tcase_create("rules");
    suite_add_tcase(suite, t);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, the_daily_bread_passes);
    tcase_add_test(t, what_is_wrong_does_not);
    tcase_add_test(t, never_more_than_the_table_says);
    tcase_add_test(t, dotted_names_are_for_others);
    tcase_add_test(t, ranges_of_lengths);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* base/units: what people write is read exactly or refused in a sentence that says what is allowed.
 */
#include "base/arena.h"
#include "base/str.h"
#include "base/units.h"

#include <check.h>
#include <stdlib.h>

#define OK(function, text, expected)                        \
    do {                                                    \
        int64_t got_ = -1;                                  \
        ck_assert_int_eq(function(str_of(text), &got_), 0); \
        ck_assert_int_eq(got_, expected);                   \
    } while (0)
#define NOT(function, text, error)                              \
    do {                                                        \
        int64_t got_ = -77;                                     \
        ck_assert_int_eq(function(str_of(text), &got_), error); \
        ck_assert_int_eq(got_, -77);                            \
    } while (0)

START_TEST(durations)
{
    OK(units_duration, "0", 0);
    OK(units_duration, "0s", 0);
    OK(units_duration, "250ms", 250);
    OK(units_duration, "60s", 60000);
    OK(units_duration, "5m", 300000);
    OK(units_duration, "1h", 3600000);
    OK(units_duration, "30d", INT64_C(2592000000));
    OK(units_duration, "9223372036854775807ms", INT64_MAX);
    static const char *const bad[] = {"",    "60",    "s",     "-1s",  "+1s", "1.5s", "1 s",
                                      "60S", "60sec", "1m30s", "0x1s", " 1s", "1s "};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        NOT(units_duration, bad[i], -EINVAL);
    NOT(units_duration, "9223372036854775808ms", -ERANGE);
    NOT(units_duration, "9223372036854775807s", -ERANGE);
    NOT(units_duration, "99999999999999999999999d", -ERANGE);
    NOT(units_duration, NULL, -EINVAL);
}
END_TEST

START_TEST(sizes)
{
    OK(units_size, "0", 0);
    OK(units_size, "512B", 512);
    OK(units_size, "16KiB", 16384);
    OK(units_size, "1MiB", 1048576);
    OK(units_size, "2GiB", INT64_C(2147483648));
    static const char *const bad[] = {"",    "16",     "16KB", "16kb", "16kib", "16K",
                                      "16k", "1.5MiB", "-1B",  "KiB",  "1TiB"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        NOT(units_size, bad[i], -EINVAL);
    NOT(units_size, "9223372036854775807KiB", -ERANGE);
}
END_TEST

START_TEST(plain_values)
{
    OK(units_int, "0", 0);
    OK(units_int, "-5", -5);
    OK(units_int, "007", 7);
    OK(units_int, "9223372036854775807", INT64_MAX);
    NOT(units_int, "9223372036854775808", -ERANGE);
    static const char *const bad[] = {"", "-", "+1", "1.0", "1e3", "0x10", "1 000", "one", "1-"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        NOT(units_int, bad[i], -EINVAL);
    bool b = false;
    ck_assert(units_bool(PARLEY_STR("yes"), &b) == 0 && b);
    ck_assert(units_bool(PARLEY_STR("off"), &b) == 0 && !b);
    ck_assert(units_bool(PARLEY_STR("true"), &b) == 0 && b);
    ck_assert(units_bool(PARLEY_STR("no"), &b) == 0 && !b);
    ck_assert(units_bool(PARLEY_STR("on"), &b) == 0 && b);
    ck_assert(units_bool(PARLEY_STR("false"), &b) == 0 && !b);
    ck_assert_int_eq(units_bool(PARLEY_STR("1"), &b), -EINVAL);
    ck_assert_int_eq(units_bool(PARLEY_STR("YES"), &b), -EINVAL);
    double d = 0;
    ck_assert_int_eq(units_number(PARLEY_STR("0.8"), &d), 0);
    ck_assert_double_eq(d, 0.8);
    ck_assert_int_eq(units_number(PARLEY_STR("-1e3"), &d), 0);
    ck_assert_double_eq(d, -1000);
    ck_assert_int_eq(units_number(PARLEY_STR("1e999"), &d), -ERANGE);
    static const char *const numbers[] = {"",   "inf",   "nan", "0x1p3", "1,5",
                                          "+1", "1.2.3", "--1", "e",     "."};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        ck_assert_int_eq(units_number(str_of(numbers[i]), &d), -EINVAL);
    ck_assert_double_eq(d, -1000);
}
END_TEST

static struct arena arena;
static char why[256];

static int read_as(int32_t kind, uint32_t flags, const char *range, const char *text, void *into)
{
    parley_field f = PARLEY_FIELD("x", kind, range, NULL, flags, "");
    *why = '\0';
    return units_read(&f, str_of(text), &arena, into, why);
}

static void assert_refused(int32_t kind, const char *range, const char *text, const char *sentence)
{
    union {
        parley_list list;
        double number;
        char bytes[16];
    } into, before;
    memset(&into, 0x5a, sizeof into);
    before = into;
    ck_assert_int_eq(read_as(kind, 0, range, text, &into), -EINVAL);
    ck_assert_str_eq(why, sentence);
    ck_assert_mem_eq(into.bytes, before.bytes, sizeof into);
}

START_TEST(values_are_read_as_their_kind)
{
    int64_t i;
    double d;
    bool b;
    const char *s;
    ck_assert_int_eq(read_as(PARLEY_INT, 0, "1..300", " 300 ", &i), 0);
    ck_assert_int_eq(i, 300);
    ck_assert_int_eq(read_as(PARLEY_INT, 0, "..5", "-9", &i), 0);
    ck_assert_int_eq(read_as(PARLEY_DURATION, 0, "1s..1h", "1h", &i), 0);
    ck_assert_int_eq(i, 3600000);
    ck_assert_int_eq(read_as(PARLEY_SIZE, 0, "1KiB..", "1KiB", &i), 0);
    ck_assert_int_eq(i, 1024);
    ck_assert_int_eq(read_as(PARLEY_NUMBER, 0, "0..2", "0.5", &d), 0);
    ck_assert_double_eq(d, 0.5);
    ck_assert_int_eq(read_as(PARLEY_BOOL, 0, NULL, "yes", &b), 0);
    ck_assert(b);
    ck_assert_int_eq(read_as(PARLEY_STRING, 0, "2..2", "\xc3\xbc\xc3\xbc", &s), 0);
    ck_assert_str_eq(s, "\xc3\xbc\xc3\xbc");
    ck_assert_int_eq(read_as(PARLEY_STRING, 0, "http://*|https://*", "https://x", &s), 0);
    ck_assert_str_eq(s, "https://x");
    ck_assert_int_eq(read_as(PARLEY_STRING, 0, "a..z", "a..z", &s), 0); /* no numbers: a word */
}
END_TEST

START_TEST(refusals_say_what_is_allowed)
{
    assert_refused(PARLEY_DURATION, "1s..1h", "60",
                   "must be a duration such as '60s' or '5m', not '60'");
    assert_refused(PARLEY_DURATION, "1s..1h", "2h", "must be from 1s to 1h, not '2h'");
    assert_refused(PARLEY_DURATION, NULL, "999999999999999999d",
                   "is a larger number than there is room for, not '999999999999999999d'");
    assert_refused(PARLEY_SIZE, "1KiB..", "16KB",
                   "must be a size such as '16KiB' or '1MiB', not '16KB'");
    assert_refused(PARLEY_SIZE, "1KiB..", "1B", "must be at least 1KiB, not '1B'");
    assert_refused(PARLEY_INT, "1..64", "65", "must be from 1 to 64, not '65'");
    assert_refused(PARLEY_INT, "..64", "65", "must be at most 64, not '65'");
    assert_refused(PARLEY_INT, "1..64", "many", "must be a whole number, not 'many'");
    assert_refused(PARLEY_NUMBER, "0..2", "2.01", "must be from 0 to 2, not '2.01'");
    assert_refused(PARLEY_BOOL, NULL, "maybe", "must be 'yes' or 'no', not 'maybe'");
    assert_refused(PARLEY_STRING, "1..3", "abcd", "must be 1 to 3 characters long, not 'abcd'");
    assert_refused(PARLEY_STRING, "reject|mask", "rejct",
                   "must be 'reject' or 'mask', not 'rejct' (did you mean 'reject'?)");
    assert_refused(PARLEY_STRING, "auto|json|text", "xml",
                   "must be 'auto', 'json' or 'text', not 'xml'");
    assert_refused(PARLEY_STRING, "http://*|https://*", "ftp://x",
                   "must match 'http://*' or 'https://*', not 'ftp://x'");
    assert_refused(PARLEY_STRING, "1..3", "a\x1b[2J",
                   "must be 1 to 3 characters long, not 'a\\x1b[2J'");
    assert_refused(PARLEY_INT, "1..3O", "2", "cannot be checked: '1..3O' is no range, not '2'");
    assert_refused(99, NULL, "2", "has no kind that this program knows");
}
END_TEST

START_TEST(secrets_are_not_repeated)
{
    const char *s = NULL;
    ck_assert_int_eq(read_as(PARLEY_STRING, PARLEY_SECRET, "1..3", "hunter2", &s), -EINVAL);
    ck_assert_ptr_null(strstr(why, "hunter2"));
    ck_assert_ptr_null(s);
    parley_list list;
    ck_assert_int_eq(read_as(PARLEY_LIST, PARLEY_SECRET, "of 1..3", "hunter2", &list), -EINVAL);
    ck_assert_ptr_null(strstr(why, "hunter2"));
    char text[400];
    memset(text, 'y', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    ck_assert_int_eq(read_as(PARLEY_STRING, 0, "1..3", text, &s), -EINVAL);
    ck_assert_uint_lt(strlen(why), 128); /* nor is a novel */
}
END_TEST

START_TEST(lists)
{
    parley_list list;
    ck_assert_int_eq(read_as(PARLEY_LIST, 0, "1..3 of 1..5", " a ,bc, d ", &list), 0);
    ck_assert_uint_eq(list.n, 3);
    ck_assert_str_eq(list.items[0].p, "a");
    ck_assert_str_eq(list.items[1].p, "bc");
    ck_assert_str_eq(list.items[2].p, "d");
    ck_assert_int_eq(read_as(PARLEY_LIST, 0, NULL, "", &list), 0);
    ck_assert_uint_eq(list.n, 0);
    ck_assert_int_eq(read_as(PARLEY_LIST, 0, NULL, NULL, &list), 0);
    ck_assert_int_eq(read_as(PARLEY_LIST, 0, "of a|b", "a, b, a", &list), 0);
    ck_assert_uint_eq(list.n, 3);
    assert_refused(PARLEY_LIST, "2..3", "a", "must have 2 to 3 items");
    assert_refused(PARLEY_LIST, "2..3 of 1..5", "a,b,c,d", "must have 2 to 3 items");
    assert_refused(PARLEY_LIST, "1..", "", "must have at least 1 items");
    assert_refused(PARLEY_LIST, NULL, "a,,b",
                   "must not have an empty item: a comma stands between two items");
    assert_refused(PARLEY_LIST, NULL, "a,",
                   "must not have an empty item: a comma stands between two items");
    assert_refused(PARLEY_LIST, "1..3 of 1..5", "a, bcdefg",
                   "has an item that must be 1 to 5 characters long, not 'bcdefg'");
    assert_refused(PARLEY_LIST, "of red|green", "red, gren",
                   "has an item that must be 'red' or 'green', not 'gren' (did you mean 'green'?)");
}
END_TEST

START_TEST(typed_values_meet_the_same_ranges)
{
    parley_field i = PARLEY_FIELD("n", PARLEY_INT, "0..9", NULL, 0, "");
    ck_assert_int_eq(units_check_int(&i, 9, why), 0);
    ck_assert_int_eq(units_check_int(&i, 10, why), -EINVAL);
    ck_assert_str_eq(why, "must be from 0 to 9");
    parley_field s = PARLEY_FIELD("s", PARLEY_STRING, "1..2", NULL, 0, "");
    ck_assert_int_eq(units_check_str(&s, PARLEY_STR("\xf0\x9f\x98\x80z"), why), 0);
    ck_assert_int_eq(units_check_str(&s, PARLEY_STR(""), why), -EINVAL);
    ck_assert_str_eq(why, "must be 1 to 2 characters long");
    parley_field n = PARLEY_FIELD("d", PARLEY_NUMBER, "0.5..", NULL, 0, "");
    ck_assert_int_eq(units_check_number(&n, 0.5, why), 0);
    ck_assert_int_eq(units_check_number(&n, 0.49, why), -EINVAL);
    ck_assert_str_eq(why, "must be at least 0.5");
    parley_field l = PARLEY_FIELD("l", PARLEY_LIST, "2..10 of 1..80", NULL, 0, "");
    ck_assert_int_eq(units_check_count(&l, 2, why), 0);
    ck_assert_int_eq(units_check_count(&l, 11, why), -EINVAL);
    ck_assert_str_eq(why, "must have 2 to 10 items");
    ck_assert_int_eq(units_check_item(&l, PARLEY_STR("x"), why), 0);
    ck_assert_int_eq(units_check_item(&l, PARLEY_STR(""), why), -EINVAL);
    parley_field any = PARLEY_FIELD("a", PARLEY_LIST, NULL, NULL, 0, "");
    ck_assert_int_eq(units_check_count(&any, 1000, why), 0);
    ck_assert_int_eq(units_check_item(&any, PARLEY_STR(""), why), 0);
}
END_TEST

START_TEST(a_star_matches_any_run_in_bounded_time)
{
    parley_field f =
        PARLEY_FIELD("s", PARLEY_STRING, "*a*a*a*a*a*a*a*a*a*b|*.example.org", NULL, 0, "");
    static char text[20001];
    memset(text, 'a', sizeof text - 1);
    ck_assert_int_eq(units_check_str(&f, str_of(text), why), -EINVAL);
    ck_assert_int_eq(units_check_str(&f, PARLEY_STR("x.example.org"), why), 0);
    ck_assert_int_eq(units_check_str(&f, PARLEY_STR(".example.org"), why), 0);
    ck_assert_int_eq(units_check_str(&f, PARLEY_STR("x.example.org.evil"), why), -EINVAL);
}
END_TEST

START_TEST(kinds_have_names)
{
    ck_assert_str_eq(units_kind_name(PARLEY_DURATION), "duration");
    ck_assert_str_eq(units_kind_name(0), "unknown");
    ck_assert_str_eq(units_kind_name(99), "unknown");
}
END_TEST

static void open_arena(void)
{
    arena_init(&arena, 1024);
}

static void close_arena(void)
{
    arena_finish(&arena);
}

int main(void)
{
    Suite *suite = suite_create("base/units");
    TCase *t = tcase_create("units");
    suite_add_tcase(suite, t);
    tcase_add_checked_fixture(t, open_arena, close_arena);
    tcase_add_test(t, durations);
    tcase_add_test(t, sizes);
    tcase_add_test(t, plain_values);
    tcase_add_test(t, values_are_read_as_their_kind);
    tcase_add_test(t, refusals_say_what_is_allowed);
    tcase_add_test(t, secrets_are_not_repeated);
    tcase_add_test(t, lists);
    tcase_add_test(t, typed_values_meet_the_same_ranges);
    tcase_add_test(t, a_star_matches_any_run_in_bounded_time);
    tcase_add_test(t, kinds_have_names);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* message/out: what is written is JSON that both parsers read back as it was meant, or an error. */
#include "base/str.h"
#include "host_table.h"
#include "json_corpus.h"
#include "json_same.h"
#include "message/out.h"

#include <check.h>
#include <float.h>
#include <math.h>

#define DEPTH  OUT_DEPTH
#define TOKENS 2048

static struct out out;
static parley_out *o;
static struct arena arena;

static void setup(void)
{
    arena_init(&arena, 4096);
    out_init(&out, 0);
    o = &out.pub;
}

static void teardown(void)
{
    out_finish_memory(&out);
    arena_finish(&arena);
}

static void expect(const char *json)
{
    ck_assert_int_eq(out_end(&out), 0);
    ck_assert_str_eq(out.text.p, json);
    ck_assert_uint_eq(out.text.n, strlen(json));
    const char *problem = json_same(json, strlen(json), DEPTH, TOKENS, NULL);
    ck_assert_msg(problem == NULL, "%s: %s", problem, json);
}

static void expect_error(int error)
{
    ck_assert_int_eq(out.error, error);
    ck_assert_int_eq(out_end(&out), error);
    out_clear(&out);
    expect("{}");
    out_clear(&out);
}

static const struct value *parse(parley_str text)
{
    const struct value *v = NULL;
    const char *why = NULL;
    value_parse(&arena, text, DEPTH, TOKENS, &v, &why);
    return v;
}

START_TEST(writes_objects_and_lists)
{
    ck_assert_ptr_eq(o->api, &parley_host_api);
    parley_put_str(o, "type", PARLEY_STR("poll"));
    parley_put_int(o, "id", -5);
    parley_put_bool(o, "open", true);
    parley_put_bool(o, "secret", false);
    parley_put_number(o, "share", 0.5);
    parley_open_list(o, "choices");
    parley_put_str(o, NULL, PARLEY_STR("a"));
    parley_open_object(o, NULL);
    parley_put_int(o, "n", 1);
    parley_close(o);
    parley_open_list(o, NULL);
    parley_put_int(o, NULL, 3);
    parley_put_int(o, NULL, 4);
    parley_close(o);
    parley_put_int(o, NULL, 2);
    parley_close(o);
    parley_open_object(o, "empty");
    parley_close(o);
    parley_put_str(o, "", PARLEY_STR(""));
    expect("{\"type\":\"poll\",\"id\":-5,\"open\":true,\"secret\":false,\"share\":0.5,"
           "\"choices\":[\"a\",{\"n\":1},[3,4],2],\"empty\":{},\"\":\"\"}");
}
END_TEST

START_TEST(absent_is_not_written)
{
    parley_put_str(o, "a", PARLEY_NONE);
    parley_put_value(o, "b", NULL);
    out_put_raw(o, "c", PARLEY_NONE);
    parley_put_int(o, "d", 1);
    parley_put_str(o, "e", PARLEY_NONE);
    parley_open_list(o, "f");
    parley_put_str(o, NULL, PARLEY_NONE);
    parley_close(o);
    expect("{\"d\":1,\"f\":[]}");
}
END_TEST

START_TEST(a_key_stands_where_it_must)
{
    parley_put_int(o, NULL, 1);
    expect_error(-EINVAL);
    parley_open_list(o, NULL);
    expect_error(-EINVAL);
    parley_open_list(o, "l");
    parley_put_int(o, "k", 1);
    expect_error(-EINVAL);
    parley_open_list(o, "l");
    parley_open_object(o, "k");
    expect_error(-EINVAL);
    parley_open_list(o, "l");
    parley_open_object(o, NULL);
    parley_put_bool(o, NULL, true);
    expect_error(-EINVAL);
    /* Back in the object, a key again. */
    parley_open_list(o, "l");
    parley_close(o);
    parley_put_int(o, "k", 1);
    expect("{\"l\":[],\"k\":1}");
}
END_TEST

START_TEST(only_what_is_open_is_closed)
{
    parley_close(o);
    expect_error(-EINVAL);
    parley_open_object(o, "a");
    parley_close(o);
    parley_close(o);
    expect_error(-EINVAL);
    parley_open_list(o, "a");
    ck_assert_int_eq(out.error, 0);
    ck_assert_int_eq(out_end(&out), -EINVAL);
    ck_assert_int_eq(out_end(&out), -EINVAL);
    out_clear(&out);
    expect("{}");
}
END_TEST

START_TEST(the_end_is_the_end)
{
    parley_put_int(o, "a", 1);
    expect("{\"a\":1}");
    expect("{\"a\":1}");
    parley_put_int(o, "b", 2);
    ck_assert_int_eq(out_end(&out), -EINVAL);
    ck_assert_str_eq(out.text.p, "{\"a\":1}");
    out_clear(&out);
    expect("{}");
    parley_close(o);
    ck_assert_int_eq(out_end(&out), -EINVAL);
}
END_TEST

START_TEST(the_first_error_sticks)
{
    parley_put_int(o, "a", 1);
    parley_close(o);
    ck_assert_int_eq(out.error, -EINVAL);
    size_t n = out.text.n;
    parley_put_int(o, "b", 2);
    parley_put_str(o, "b", PARLEY_STR("\xff"));
    parley_open_list(o, "c");
    parley_close(o);
    out_put_raw(o, "d", PARLEY_STR("1"));
    ck_assert_uint_eq(out.text.n, n);
    ck_assert_int_eq(parley_refuse(o, "no"), -EINVAL);
    ck_assert_str_eq(out.why, "");
    ck_assert_int_eq(out_end(&out), -EINVAL);
}
END_TEST

START_TEST(strings_are_escaped_or_refused)
{
    char every[0x80], key[0x80];
    for (int c = 1; c < 0x80; c++)
        every[c - 1] = key[c - 1] = (char)c;
    every[0x7f] = key[0x7f] = '\0';
    parley_put_str(o, key, str_n(every, 0x7f));
    parley_put_str(o, "u", PARLEY_STR("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xe2\x80\xa8"));
    ck_assert_int_eq(out_end(&out), 0);
    ck_assert_ptr_null(json_same(out.text.p, out.text.n, DEPTH, TOKENS, NULL));
    const struct value *v = parse(str_n(out.text.p, out.text.n));
    ck_assert(str_eq(value_as_str(value_get(&v->pub, key)), str_n(every, 0x7f)));
    ck_assert(str_is(value_as_str(value_get(&v->pub, "u")),
                     "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xe2\x80\xa8"));
    out_clear(&out);
    const parley_str bad[] = {PARLEY_STR("\xff"),         PARLEY_STR("a\0b"),
                              PARLEY_STR("\xed\xa0\x80"), PARLEY_STR("abcdefgh\xc3"),
                              PARLEY_STR("\xc0\x80"),     PARLEY_STR("abcdefghijk\0")};
    for (size_t i = 0; i < COUNT(bad); i++) {
        parley_put_str(o, "k", bad[i]);
        expect_error(-EINVAL);
    }
    parley_put_int(o, "\xff", 1);
    expect_error(-EINVAL);
}
END_TEST

static void check_number(double v)
{
    char expected[64];
    json_t *j = json_real(v);
    char *printed = json_dumps(j, JSON_ENCODE_ANY);
    snprintf(expected, sizeof expected, "{\"v\":%s}", printed);
    free(printed);
    json_decref(j);
    out_clear(&out);
    parley_put_number(o, "v", v);
    ck_assert_int_eq(out_end(&out), 0);
    ck_assert_str_eq(out.text.p, expected);
    const struct value *back = parse(str_n(out.text.p, out.text.n));
    ck_assert(back->items[0].kind == VALUE_REAL && memcmp(&back->items[0].d, &v, sizeof v) == 0);
}

START_TEST(numbers_are_printed_as_jansson_does)
{
    const double numbers[] = {
        0,        -0.0,   1,      -1,      0.1,    1e15,    1e16,    1e17,     1e20,      1e100,
        1e-4,     1e-5,   1e-7,   1e-10,   1e-100, 1.5e300, DBL_MAX, -DBL_MAX, 5e-324,    DBL_MIN,
        123456.0, 0x1p53, 0x1p63, 1.0 / 3, 1e5,    100,     1e9,     1e10,     0.00012345};
    for (size_t i = 0; i < COUNT(numbers); i++)
        check_number(numbers[i]);
    uint64_t bits = UINT64_C(0x9e3779b97f4a7c15);
    for (int i = 0; i < 20000; i++) {
        double v;
        bits = bits * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        memcpy(&v, &bits, sizeof v);
        if (isfinite(v))
            check_number(v);
    }
    const double bad[] = {INFINITY, -INFINITY, NAN};
    for (size_t i = 0; i < COUNT(bad); i++) {
        out_clear(&out);
        parley_put_number(o, "v", bad[i]);
        expect_error(-EINVAL);
    }
    parley_put_int(o, "least", INT64_MIN);
    parley_put_int(o, "most", INT64_MAX);
    expect("{\"least\":-9223372036854775808,\"most\":9223372036854775807}");
}
END_TEST

START_TEST(values_come_back_as_they_were)
{
    unsigned tried = 0;
    for (size_t i = 0; i < COUNT(corpus_texts); i++) {
        const struct value *v = parse(corpus_texts[i]);
        if (v == NULL)
            continue;
        tried++;
        out_clear(&out);
        parley_put_int(o, "before", 1);
        parley_put_value(o, "v", &v->pub);
        parley_put_int(o, "after", 2);
        ck_assert_int_eq(out_end(&out), 0);
        ck_assert_ptr_null(json_same(out.text.p, out.text.n, DEPTH, TOKENS, NULL));
        json_t *was = json_loadb(corpus_texts[i].p, corpus_texts[i].n, 0, NULL);
        const struct value *is = parse(str_n(out.text.p, out.text.n));
        ck_assert(is != NULL && same_value(was, &is->items[1]));
        json_decref(was);
    }
    ck_assert_uint_gt(tried, 20);
    out_clear(&out);
    out_put_raw(o, "raw", PARLEY_STR("[1,2]"));
    parley_open_list(o, "l");
    out_put_raw(o, NULL, PARLEY_STR("{}"));
    out_put_raw(o, NULL, PARLEY_STR("3"));
    parley_close(o);
    expect("{\"raw\":[1,2],\"l\":[{},3]}");
    out_clear(&out);
    out_put_raw(o, "raw", PARLEY_STR(""));
    expect_error(-EINVAL);
}
END_TEST

/* [[…]], n deep. */
static const struct value *nested(unsigned n)
{
    static char text[2 * DEPTH];
    memset(text, '[', n);
    memset(text + n, ']', n);
    return parse(str_n(text, (size_t)2 * n));
}

START_TEST(nothing_is_deeper_than_can_be_read)
{
    for (int i = 1; i < OUT_DEPTH; i++)
        parley_open_object(o, "k");
    parley_put_int(o, "v", 1);
    ck_assert_int_eq(out.error, 0);
    for (int i = 1; i < OUT_DEPTH; i++)
        parley_close(o);
    ck_assert_int_eq(out_end(&out), 0);
    ck_assert_ptr_nonnull(parse(str_n(out.text.p, out.text.n)));
    out_clear(&out);
    for (int i = 1; i < OUT_DEPTH; i++)
        parley_open_object(o, "k");
    parley_open_list(o, "k");
    expect_error(-E2BIG);
    parley_put_value(o, "k", &nested(DEPTH - 1)->pub);
    ck_assert_int_eq(out_end(&out), 0);
    ck_assert_ptr_nonnull(parse(str_n(out.text.p, out.text.n)));
    out_clear(&out);
    parley_put_value(o, "k", &nested(DEPTH)->pub);
    expect_error(-E2BIG);
    parley_open_object(o, "k");
    parley_put_value(o, "k", &nested(DEPTH - 1)->pub);
    expect_error(-E2BIG);
}
END_TEST

START_TEST(keeps_to_its_limit)
{
    const char *json = "{\"a\":\"b\\n\",\"c\":[1,{\"d\":null}]}";
    size_t n = strlen(json);
    const struct value *v = parse(str_of("[1,{\"d\":null}]"));
    for (size_t limit = 1; limit <= n + 1; limit++) {
        struct out small;
        out_init(&small, limit);
        parley_put_str(&small.pub, "a", PARLEY_STR("b\n"));
        parley_put_value(&small.pub, "c", &v->pub);
        ck_assert_int_eq(out_end(&small), limit < n ? -E2BIG : 0);
        ck_assert_int_eq(out_end(&small), limit < n ? -E2BIG : 0);
        ck_assert_uint_le(small.text.n, limit);
        if (limit >= n)
            ck_assert_str_eq(small.text.p, json);
        out_finish_memory(&small);
    }
}
END_TEST

START_TEST(refusing_says_why)
{
    ck_assert_int_eq(parley_refuse(o, "'%s' must be %d", "x", 5), -EINVAL);
    ck_assert_str_eq(out.why, "'x' must be 5");
    ck_assert_int_eq(parley_refuse(o, "again"), -EINVAL);
    ck_assert_str_eq(out.why, "'x' must be 5");
    ck_assert_int_eq(out_end(&out), -EINVAL);
    out_clear(&out);
    ck_assert_str_eq(out.why, "");
    char text[512];
    for (size_t i = 0; i + 1 < sizeof text; i += 2)
        memcpy(text + i, "\xc3\xa9", 2);
    for (size_t cut = 0; cut < 4; cut++) { /* whole characters alone */
        text[sizeof text - 1 - cut] = '\0';
        out_refuse(o, text);
        ck_assert_uint_gt(strlen(out.why), 200);
        ck_assert_uint_lt(strlen(out.why), sizeof out.why);
        ck_assert(str_valid_utf8(out.why, strlen(out.why)));
        out_clear(&out);
    }
}
END_TEST

START_TEST(is_as_new_when_cleared)
{
    out.owner_kind = 3;
    out.owner = &arena;
    parley_open_list(o, "a");
    parley_open_list(o, NULL);
    parley_put_int(o, NULL, 1);
    out_clear(&out);
    ck_assert_ptr_eq(out.owner, &arena);
    parley_put_int(o, "b", 1);
    parley_open_object(o, "c");
    parley_put_int(o, "d", 2);
    parley_close(o);
    expect("{\"b\":1,\"c\":{\"d\":2}}");
    struct out zero = {0};
    out_finish_memory(&zero);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("message/out");
    TCase *t = tcase_create("out");
    suite_add_tcase(suite, t);
    tcase_set_timeout(t, 20);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, writes_objects_and_lists);
    tcase_add_test(t, absent_is_not_written);
    tcase_add_test(t, a_key_stands_where_it_must);
    tcase_add_test(t, only_what_is_open_is_closed);
    tcase_add_test(t, the_end_is_the_end);
    tcase_add_test(t, the_first_error_sticks);
    tcase_add_test(t, strings_are_escaped_or_refused);
    tcase_add_test(t, numbers_are_printed_as_jansson_does);
    tcase_add_test(t, values_come_back_as_they_were);
    tcase_add_test(t, nothing_is_deeper_than_can_be_read);
    tcase_add_test(t, keeps_to_its_limit);
    tcase_add_test(t, refusing_says_why);
    tcase_add_test(t, is_as_new_when_cleared);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

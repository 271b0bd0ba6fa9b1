/* message/value: the parser against jansson, its bounds, and the readers that plugins use. */
#include "base/buf.h"
#include "base/str.h"
#include "host_table.h"
#include "json_mutate.h"
#include "json_same.h"
#include "message/value.h"

#include <check.h>
#include <time.h>

#if defined(__has_feature)
#define HAS(x) __has_feature(x)
#else
#define HAS(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || HAS(address_sanitizer) || \
    HAS(thread_sanitizer)
#define MUTANTS 60000
#define MANY    20000
#else
#define MUTANTS 600000
#define MANY    500000
#endif
#define DEPTH          32
#define TOKENS         2048
#define LONGEST_RUN_S  20
#define TEST_TIMEOUT_S 60

static struct arena arena;
static struct buf text;

static void setup(void)
{
    arena_init(&arena, 4096);
    buf_init(&text, 0);
}

static void teardown(void)
{
    arena_finish(&arena);
    buf_finish(&text);
}

/* The text, and the sentence if it is refused. */
static const parley_value *parse(const char *json, const char **ret_why)
{
    const struct value *v = NULL;
    const char *why = NULL;
    value_parse(&arena, str_of(json), DEPTH, TOKENS, &v, &why);
    if (ret_why != NULL)
        *ret_why = why;
    return v == NULL ? NULL : &v->pub;
}

static void agree(const char *p, size_t n)
{
    char shown[400];
    const char *problem = json_same(p, n, DEPTH, TOKENS, NULL);
    if (problem != NULL)
        ck_abort_msg("%s: %s", problem, str_printable(str_n(p, n), shown, sizeof shown));
}

/* `inner` at each place where %.*s stood. */
static void agree_within(const char *before, parley_str inner, const char *after)
{
    buf_clear(&text);
    buf_add_cstr(&text, before);
    buf_add_str(&text, inner);
    buf_add_cstr(&text, after);
    agree(text.p, text.n);
}

START_TEST(agrees_with_jansson_on_a_corpus)
{
    for (size_t i = 0; i < COUNT(corpus_texts); i++)
        agree(corpus_texts[i].p, corpus_texts[i].n);
    for (size_t i = 0; i < COUNT(corpus_numbers); i++) {
        agree_within("[", corpus_numbers[i], "]");
        agree_within("[", corpus_numbers[i], "");
        agree_within("{\"a\":", corpus_numbers[i], ",\"b\":1}");
        agree_within("", corpus_numbers[i], "");
    }
    for (size_t i = 0; i < COUNT(corpus_strings); i++) {
        agree_within("[\"", corpus_strings[i], "\"]");
        agree_within("[\"", corpus_strings[i], "");
        agree_within("{\"", corpus_strings[i], "\":\"longer than a word of eight bytes\"}");
        agree_within("[\"some text before it ", corpus_strings[i], " and some text behind it\",1]");
    }
}
END_TEST

/* Each of these texts, cut at every byte. */
START_TEST(agrees_with_jansson_on_every_beginning)
{
    for (size_t i = 0; i < COUNT(corpus_texts); i++)
        for (size_t n = 0; n < corpus_texts[i].n; n++)
            agree(corpus_texts[i].p, n);
}
END_TEST

START_TEST(agrees_with_jansson_on_mutants)
{
    char p[MUTANT_BYTES], shown[1600];
    unsigned accepted = 0, done = 0;
    time_t until = time(NULL) + LONGEST_RUN_S;
    random_state = UINT64_C(0x5eed0123456789ab);
    for (; done < MUTANTS && (done % 1024 != 0 || time(NULL) < until); done++) {
        parley_str seed = corpus_texts[pick(COUNT(corpus_texts))];
        if (pick(8) > 0) /* rather one of the rich ones */
            seed = corpus_texts[pick(6)];
        size_t n = splice(p, 0, 0, 0, seed);
        for (uint32_t changes = pick(4); changes > 0; changes--)
            n = mutate(p, n);
        bool narrow = pick(4) == 0, good = false;
        unsigned depth = narrow ? pick(4) : DEPTH, tokens = narrow ? pick(8) : TOKENS;
        const char *problem = json_same(p, n, depth, tokens, &good);
        accepted += good;
        if (problem != NULL)
            ck_abort_msg("mutant %u, depth %u, tokens %u: %s: %s", done, depth, tokens, problem,
                         str_printable(str_n(p, n), shown, sizeof shown));
    }
    ck_assert_uint_gt(accepted, done / 10); /* else it shows little */
    ck_assert_uint_lt(accepted, done / 10 * 6);
}
END_TEST

/* {"k00000":0,"k00001":1,…}, of which key `twice` (if below count) is spelled as key 1. */
static void make_object(unsigned count, unsigned twice)
{
    buf_clear(&text);
    for (unsigned i = 0; i < count; i++)
        buf_addf(&text, "%c\"k%06u\":%u", i == 0 ? '{' : ',', i == twice ? 1 : i, i);
    buf_add_cstr(&text, count == 0 ? "{}" : "}");
    ck_assert_int_eq(text.error, 0);
}

START_TEST(finds_duplicates_among_any_number_of_keys)
{
    const unsigned counts[] = {2, 3, 15, 16, 17, 18, 31, 32, 33, 64, 1000, 2047};
    for (size_t i = 0; i < COUNT(counts); i++) {
        unsigned n = counts[i];
        make_object(n, n);
        ck_assert_ptr_nonnull(parse(text.p, NULL));
        agree(text.p, text.n);
        for (unsigned twice = 0; twice < n; twice += twice < 40 ? 1 : 97) {
            make_object(n, twice);
            agree(text.p, text.n);
        }
    }
}
END_TEST

START_TEST(many_keys_take_no_quadratic_time)
{
    const struct value *v;
    const char *why = NULL;
    make_object(MANY, MANY);
    ck_assert_int_eq(value_parse(&arena, str_n(text.p, text.n), 1, MANY + 1, &v, &why), 0);
    ck_assert_uint_eq(v->count, MANY);
    make_object(MANY, MANY - 1);
    ck_assert_int_eq(value_parse(&arena, str_n(text.p, text.n), 1, MANY + 1, &v, &why), -EINVAL);
    ck_assert_str_eq(why, "a duplicate key");
}
END_TEST

START_TEST(holds_any_number_of_items)
{
    for (unsigned n = 0; n < 300; n++) { /* over each growth of its stack */
        buf_clear(&text);
        buf_add_cstr(&text, "[[],");
        for (unsigned i = 0; i < n; i++)
            buf_addf(&text, i % 7 == 3 ? "[%u]," : i % 7 == 5 ? "{\"a\":%u}," : "%u,", i);
        buf_add_cstr(&text, "\"end\"]");
        agree(text.p, text.n);
    }
}
END_TEST

START_TEST(keeps_to_its_bounds)
{
    const char *why = NULL, *json = "{\"a\":1,\"b\":[2,{\"c\":null}]}"; /* 3 deep, 6 values */
    const struct value *v = NULL;
    ck_assert_int_eq(value_parse(&arena, str_of(json), 3, 6, &v, &why), 0);
    ck_assert_ptr_null(why);
    v = NULL;
    ck_assert_int_eq(value_parse(&arena, str_of(json), 2, 6, &v, &why), -EINVAL);
    ck_assert_str_eq(why, "too deep");
    ck_assert_int_eq(value_parse(&arena, str_of(json), 3, 5, &v, &why), -EINVAL);
    ck_assert_str_eq(why, "too many values");
    ck_assert_int_eq(value_parse(&arena, str_of("{}"), 0, 9, &v, &why), -EINVAL);
    ck_assert_int_eq(value_parse(&arena, str_of("{}"), 9, 0, &v, &why), -EINVAL);
    why = NULL;
    ck_assert_int_eq(value_parse(&arena, PARLEY_NONE, 9, 9, &v, &why), -EINVAL);
    ck_assert_ptr_nonnull(why);
    ck_assert_ptr_null(v);
    /* Far deeper than a parser may go that calls itself. */
    buf_clear(&text);
    for (unsigned i = 0; i < MANY; i++)
        buf_add_char(&text, '[');
    for (unsigned i = 0; i < MANY; i++)
        buf_add_char(&text, ']');
    ck_assert_int_eq(value_parse(&arena, str_n(text.p, text.n), UINT32_MAX, UINT32_MAX, &v, &why),
                     0);
    ck_assert_int_eq(value_parse(&arena, str_n(text.p, text.n), MANY - 1, UINT32_MAX, &v, &why),
                     -EINVAL);
}
END_TEST

START_TEST(says_why)
{
    const char *const cases[][2] = {
        {"{\"a\":1,\"a\":2}", "a duplicate key"},
        {"5", "neither an object nor a list"},
        {"[\"\xff\"]", "not valid UTF-8"},
        {"[9223372036854775808]", "a number out of range"},
        {"[1e999]", "a number out of range"},
        {"[01]", "a comma is missing"},
        {"{\"a\"}", "a colon is missing"},
        {"{\"a\":}", "a value is missing"},
        {"{a:1}", "a key is missing"},
        {"[1,2 ", "ends too early"},
        {"[]]", "something after the end"},
        {"[\"\\u0000\"]", "a NUL character in a string"},
        {"[\"\\ud800\"]", "half a surrogate pair in a string"},
        {"[\"\\x\"]", "a bad escape in a string"},
        {"[\"\n\"]", "a control character in a string"},
        {"[\"", "a string without an end"},
        {"[nil]", "an unknown word"},
        {"[1.]", "a bad number"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *why = NULL;
        ck_assert_ptr_null(parse(cases[i][0], &why));
        ck_assert_str_eq(why, cases[i][1]);
    }
}
END_TEST

START_TEST(plugins_read_it)
{
    const parley_value *v = parse("{\"s\":\"h\\u00e9\",\"i\":-7,\"whole\":3e2,\"r\":2.5,\"t\":true,"
                                  "\"f\":false,\"n\":null,\"l\":[1,\"x\"],\"o\":{\"k\":\"v\"},"
                                  "\"sa\":1}",
                                  NULL);
    ck_assert_uint_eq(parley_length(v), 10);
    ck_assert_str_eq(parley_as_str(parley_get(v, "s")).p, "h\xc3\xa9");
    ck_assert_uint_eq(parley_as_str(parley_get(v, "s")).n, 3);
    ck_assert_int_eq(parley_as_int(parley_get(v, "i"), 1), -7);
    ck_assert_int_eq(parley_as_int(parley_get(v, "whole"), 1), 300);
    ck_assert_int_eq(parley_as_int(parley_get(v, "r"), 1), 1);
    ck_assert_double_eq(parley_as_number(parley_get(v, "r"), 1), 2.5);
    ck_assert_double_eq(parley_as_number(parley_get(v, "i"), 1), -7);
    ck_assert(parley_as_bool(parley_get(v, "t"), false));
    ck_assert(!parley_as_bool(parley_get(v, "f"), true));
    ck_assert_ptr_nonnull(parley_get(v, "n"));
    ck_assert_str_eq(parley_as_str(parley_at(parley_get(v, "l"), 1)).p, "x");
    ck_assert_str_eq(parley_as_str(parley_get(parley_get(v, "o"), "k")).p, "v");
    ck_assert_str_eq(parley_key(parley_at(v, 2)).p, "whole");
    ck_assert_uint_eq(parley_key(parley_at(v, 2)).n, 5);
    ck_assert_ptr_eq(parley_at(v, 9), parley_get(v, "sa"));
    ck_assert_ptr_null(parley_at(v, 10));
    ck_assert_ptr_null(parley_key(v).p);
    ck_assert_ptr_null(parley_key(parley_at(parley_get(v, "l"), 0)).p);
}
END_TEST

START_TEST(readers_take_what_is_absent_or_other)
{
    const parley_value *v = parse("{\"s\":\"1\",\"i\":1,\"l\":[\"s\"],\"n\":null}", NULL);
    const char *const keys[] = {"absent", "s", "i", "l", "n", ""};
    for (size_t i = 0; i < COUNT(keys); i++) {
        const parley_value *m = parley_get(v, keys[i]);
        ck_assert_ptr_null(parley_get(m, "s"));
        ck_assert(parley_as_bool(m, true) && !parley_as_bool(m, false));
        if (i != 1)
            ck_assert_ptr_null(parley_as_str(m).p);
        if (i != 2)
            ck_assert(parley_as_int(m, 5) == 5 && parley_as_number(m, 5) == 5);
        if (i != 3)
            ck_assert(parley_length(m) == 0 && parley_at(m, 0) == NULL);
    }
    ck_assert_ptr_null(value_get(v, NULL));
    ck_assert_ptr_null(value_get(NULL, "s"));
    ck_assert_uint_eq(value_length(NULL), 0);
    ck_assert_ptr_null(value_key(NULL).p);
    ck_assert_ptr_null(value_as_str(NULL).p);
    ck_assert(value_as_int(NULL, 5) == 5 && value_as_number(NULL, 5) == 5);
    ck_assert(value_as_bool(NULL, true));
    ck_assert_ptr_null(value_member(value_of(v), PARLEY_STR("")));
    ck_assert_ptr_eq(value_member(value_of(v), str_n("s.x", 1)), value_get(v, "s"));
}
END_TEST

START_TEST(reals_are_integers_where_they_fit)
{
    const parley_value *v = parse("[9223372036854774784.0,9223372036854775808.0,1e300,-1e300,"
                                  "-9223372036854775808.0,-9223372036854777856.0,-0.0,0.5]",
                                  NULL);
    const int64_t expected[] = {INT64_C(9223372036854774784), 1, 1, 1, INT64_MIN, 1, 0, 1};
    for (size_t i = 0; i < COUNT(expected); i++)
        ck_assert_int_eq(parley_as_int(parley_at(v, i), 1), expected[i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("message/value");
    TCase *t = tcase_create("value");
    suite_add_tcase(suite, t);
    tcase_set_timeout(t, TEST_TIMEOUT_S);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, agrees_with_jansson_on_a_corpus);
    tcase_add_test(t, agrees_with_jansson_on_every_beginning);
    tcase_add_test(t, agrees_with_jansson_on_mutants);
    tcase_add_test(t, finds_duplicates_among_any_number_of_keys);
    tcase_add_test(t, many_keys_take_no_quadratic_time);
    tcase_add_test(t, holds_any_number_of_items);
    tcase_add_test(t, keeps_to_its_bounds);
    tcase_add_test(t, says_why);
    tcase_add_test(t, plugins_read_it);
    tcase_add_test(t, readers_take_what_is_absent_or_other);
    tcase_add_test(t, reals_are_integers_where_they_fit);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

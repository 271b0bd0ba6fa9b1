/* The whole way in, from a text frame to a message, against a second opinion: the real protocol and
 * the real message types, and a few lines over jansson. */
#include "envelope_same.h"
#include "json_mutate.h"

#include <check.h>
#include <time.h>

#if defined(__has_feature)
#define HAS(x) __has_feature(x)
#else
#define HAS(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || HAS(address_sanitizer) || \
    HAS(thread_sanitizer)
#define MUTANTS 40000
#else
#define MUTANTS 300000
#endif
#define DEPTH          32
#define TOKENS         2048
#define LONGEST_RUN_S  5
#define TEST_TIMEOUT_S 60

/* Where %s stands comes a nasty string of the corpus, where %d a number. */
static const char *const seeds[] = {
    "{\"type\":\"chat_message\",\"channel\":\"general\",\"message\":\"Hello there, you\"}",
    "{\"id\":\"0190a1b2\",\"type\":\"chat_message\",\"channel\":\"General\",\"message\":\"x\"}",
    "{\"type\":\"private_chat_message\",\"recipient_id\":\"ann\",\"message\":\"psst\",\"id\":null}",
    "{\"type\":\"resume\",\"channel\":\"general\",\"epoch\":\"0123456789abcdef\",\"offset\":42}",
    "{\"type\":\"typing\",\"channel\":\"g\",\"more\":[1,{\"a\":[]},null,true,-0.5e3]}",
    "{\"type\":\"chat_message\",\"channel\":\"general\",\"message\":\"%s\"}",
    "{\"type\":\"chat_message\",\"channel\":\"%s\",\"message\":\"hi\",\"id\":\"a\"}",
    "{\"type\":\"private_chat_message\",\"recipient_id\":\"%s\",\"message\":\"%s\"}",
    "{\"type\":\"%s\",\"channel\":\"general\",\"message\":\"hi\"}",
    "{\"type\":\"typing\",\"channel\":\"general\",\"id\":\"%s\"}",
    "{\"type\":\"typing\",\"channel\":\"general\",\"%s\":\"%s\"}",
    "{\"type\":\"typing\",\"channel\":\"general\",\"id\":%d}",
    "{\"type\":\"typing\",\"channel\":\"general\",\"other\":%d}",
    "{\"type\":%d,\"channel\":\"general\"}",
    "{\"type\":\"resume\",\"channel\":\"general\",\"epoch\":\"e\",\"offset\":%d}",
    "{\"type\":\"resume\",\"channel\":\"%s\",\"epoch\":\"%s\",\"offset\":0,\"id\":\"i\"}",
};
static struct envelope envelope;
static struct buf text;

static void setup(void)
{
    envelope_open(&envelope, getenv("PARLEY_PLUGIN_PATH"));
    buf_init(&text, 0);
}

static void teardown(void)
{
    buf_finish(&text);
    envelope_close(&envelope);
}

/* Whether it is a message; both must think the same. */
static bool agree(const char *p, size_t n, unsigned depth, unsigned tokens)
{
    bool accepted = false;
    char shown[1600];
    const char *problem = envelope_same(&envelope, p, n, depth, tokens, &accepted);
    if (problem != NULL)
        ck_abort_msg("%s (depth %u, tokens %u): %s", problem, depth, tokens,
                     str_printable(str_n(p, n), shown, sizeof shown));
    return accepted;
}

static bool agree_on(const char *json)
{
    return agree(json, strlen(json), DEPTH, TOKENS);
}

static void fill_in(const char *seed, parley_str string, parley_str number)
{
    buf_clear(&text);
    for (const char *p = seed; *p != '\0'; p++) {
        if (*p == '%')
            buf_add_str(&text, *++p == 's' ? string : number);
        else
            buf_add_char(&text, *p);
    }
}

START_TEST(on_the_corpus)
{
    unsigned accepted = 0;
    for (size_t i = 0; i < COUNT(corpus_texts); i++)
        agree(corpus_texts[i].p, corpus_texts[i].n, DEPTH, TOKENS);
    for (size_t k = 0; k < COUNT(seeds); k++) {
        size_t count = strchr(seeds[k], '%') == NULL    ? 1
                       : strstr(seeds[k], "%s") != NULL ? COUNT(corpus_strings)
                                                        : COUNT(corpus_numbers);
        for (size_t i = 0; i < count; i++) {
            fill_in(seeds[k], corpus_strings[i % COUNT(corpus_strings)],
                    corpus_numbers[i % COUNT(corpus_numbers)]);
            accepted += agree(text.p, text.n, DEPTH, TOKENS);
        }
    }
    ck_assert_uint_gt(accepted, 300);
}
END_TEST

START_TEST(on_every_beginning)
{
    for (size_t k = 0; k < COUNT(seeds); k++) {
        fill_in(seeds[k], PARLEY_STR("caf\xc3\xa9 \\u00e9\\ud83d\\ude00"), PARLEY_STR("1.5e2"));
        for (size_t n = 0; n < text.n; n++)
            ck_assert(!agree(text.p, n, DEPTH, TOKENS));
    }
}
END_TEST

/* Each limit of what a message may be, from both sides. */
START_TEST(at_the_bounds)
{
    static const struct {
        const char *before, *unit, *after;
        size_t most;
    } bounds[] = {
        {"{\"type\":\"typing\",\"channel\":\"", "a", "\"}", 64},
        {"{\"type\":\"typing\",\"channel\":\"", "\xf0\x9f\x98\x80", "\"}", 64},
        {"{\"type\":\"typing\",\"channel\":\"", "\\u00e9", "\"}", 64},
        {"{\"type\":\"typing\",\"channel\":\"a\",\"id\":\"", "a", "\"}", 64},
        {"{\"type\":\"typing\",\"channel\":\"a\",\"id\":\"", "\\u0061", "\"}", 64},
        {"{\"type\":\"chat_message\",\"channel\":\"a\",\"message\":\"", "a", "\"}", 100},
        {"{\"type\":\"chat_message\",\"channel\":\"a\",\"message\":\"", "\xc3\xa9", "\"}", 100},
        {"{\"type\":\"chat_message\",\"channel\":\"a\",\"message\":\"", "\\u0001", "\"}", 100},
        {"{\"type\":\"private_chat_message\",\"message\":\"m\",\"recipient_id\":\"", "\xc3\xa9",
         "\"}", 255},
        {"{\"type\":\"private_chat_message\",\"recipient_id\":\"r\",\"message\":\"", "\xe2\x82\xac",
         "\"}", 1000},
        {"{\"type\":\"typing\",\"channel\":\"a\",\"x\":", "[", "1", 0},
    };
    for (size_t k = 0; k < COUNT(bounds); k++)
        for (size_t n = 0; n < 1005; n += n < 300 ? 1 : 23) {
            bool accepted;
            buf_clear(&text);
            buf_add_cstr(&text, bounds[k].before);
            for (size_t i = 0; i < n; i++)
                buf_add_cstr(&text, bounds[k].unit);
            buf_add_cstr(&text, bounds[k].after);
            accepted = agree(text.p, text.n, DEPTH, TOKENS);
            if (bounds[k].most > 0)
                ck_assert_int_eq(accepted, n >= 1 && n <= bounds[k].most);
        }
}
END_TEST

START_TEST(within_depth_and_number)
{
    for (unsigned deep = 0; deep < 40; deep++)
        for (unsigned wide = 0; wide < 2100; wide = wide < 3 ? wide + 1 : wide + 509) {
            buf_clear(&text);
            buf_add_cstr(&text, "{\"type\":\"typing\",\"channel\":\"a\",\"x\":");
            for (unsigned i = 0; i < deep; i++)
                buf_add_char(&text, '[');
            for (unsigned i = 0; i < wide && deep > 0; i++)
                buf_add_cstr(&text, i > 0 ? ",1" : "1");
            if (deep == 0)
                buf_add_cstr(&text, "1");
            for (unsigned i = 0; i < deep; i++)
                buf_add_char(&text, ']');
            buf_add_char(&text, '}');
            bool accepted = agree(text.p, text.n, DEPTH, TOKENS);
            if (deep > DEPTH - 1 || deep + wide + 3 > TOKENS)
                ck_assert(!accepted);
        }
}
END_TEST

START_TEST(on_ids)
{
    ck_assert(agree_on("{\"type\":\"typing\",\"channel\":\"a\",\"id\":null}"));
    ck_assert(agree_on("{\"type\":\"typing\",\"channel\":\"a\",\"id\":\"i\"}"));
    ck_assert(!agree_on("{\"type\":\"typing\",\"channel\":\"a\",\"id\":\"\"}"));
    ck_assert(!agree_on("{\"type\":\"typing\",\"channel\":\"a\",\"id\":7}"));
    ck_assert(!agree_on("{\"type\":\"typing\",\"channel\":\"a\",\"id\":0}"));
    ck_assert(!agree_on("{\"type\":\"typing\",\"channel\":\"a\",\"id\":true}"));
    ck_assert(!agree_on("{\"type\":\"typing\",\"channel\":\"a\",\"id\":false}"));
    ck_assert(!agree_on("{\"type\":\"typing\",\"channel\":\"a\",\"id\":[1]}"));
    ck_assert(!agree_on("{\"type\":\"typing\",\"channel\":\"a\",\"id\":{\"a\":1}}"));
    ck_assert(!agree_on("{\"type\":\"typing\",\"channel\":\"a\",\"id\":\"i\",\"id\":\"i\"}"));
    ck_assert(!agree_on("{\"type\":\"typing\",\"channel\":\"a\",\"id\":\"i\",\"\\u0069d\":\"i\"}"));
    ck_assert(!agree_on("{\"type\":\"typing\",\"type\":\"typing\",\"channel\":\"a\"}"));
    ck_assert(!agree_on("{\"id\":\"i\",\"channel\":\"a\"}"));
    ck_assert(!agree_on("[\"typing\"]"));
}
END_TEST

START_TEST(on_mutants)
{
    char p[MUTANT_BYTES];
    unsigned accepted = 0, done = 0;
    time_t until = time(NULL) + LONGEST_RUN_S;
    random_state = UINT64_C(0x5eed00e47e10bee5);
    for (; done < MUTANTS && (done % 1024 != 0 || time(NULL) < until); done++) {
        fill_in(seeds[pick(COUNT(seeds))], corpus_strings[pick(COUNT(corpus_strings))],
                corpus_numbers[pick(COUNT(corpus_numbers))]);
        size_t n = splice(p, 0, 0, 0, str_n(text.p, text.n));
        for (uint32_t changes = pick(4); changes > 0; changes--)
            n = mutate(p, n);
        bool narrow = pick(8) == 0;
        accepted += agree(p, n, narrow ? pick(3) : DEPTH, narrow ? pick(8) : TOKENS);
    }
    ck_assert_uint_gt(accepted, done / 10); /* else it shows little */
    ck_assert_uint_lt(accepted, done / 10 * 6);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("message/envelope");
    TCase *t = tcase_create("envelope");
    suite_add_tcase(suite, t);
    tcase_set_timeout(t, TEST_TIMEOUT_S);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, on_the_corpus);
    tcase_add_test(t, on_every_beginning);
    tcase_add_test(t, at_the_bounds);
    tcase_add_test(t, within_depth_and_number);
    tcase_add_test(t, on_ids);
    tcase_add_test(t, on_mutants);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* JSON that an authenticator reads in the middle of a check: what it is given, within which bounds,
 * and for how long. What the parser makes of texts is held in tests/unit/message/test_value.c.
 */
#include "scripted_auth.h"

struct question {
    parley_str text;
    unsigned depth, values;
};
static struct question question;
static bool read_it;
static void (*then)(parley_login *l);
static parley_login *kept;

static parley_answer_at_door read_json(parley_host *h, const void *snapshot, parley_login *l)
{
    (void)h;
    (void)snapshot;
    kept = l;
    read_it = parley_login_json(l, question.text, question.depth, question.values) != NULL;
    if (then)
        then(l);
    return read_it ? PARLEY_NOT_MINE : parley_login_refuse(l, "no");
}

static void ask(void (*in_check)(parley_login *l))
{
    struct login *l = with_bearer("t");

    then = in_check;
    auths[0].auth.check = read_json;
    login_check(logins, l);
    /* It was for the check alone. */
    ck_assert_ptr_null(parley_login_json(kept, PARLEY_STR("{}"), 1, 1));
    login_free(l);
}

static bool reads(parley_str text, unsigned depth, unsigned values)
{
    question = (struct question){text, depth, values};
    ask(NULL);
    return read_it;
}

START_TEST(what_is_read)
{
    static const parley_str good[] = {
        {"{}", 2}, {" [1]\n", 5}, {"{\"a\":\"\\u00e9\xc3\xa9\"}", 16}};
    static const parley_str bad[] = {
        {NULL, 0},         {"", 0},
        {"1", 1},          {"\"a\"", 3},
        {"{", 1},          {"{} x", 4},
        {"{\"a\":1,}", 8}, {"{\"a\":1,\"a\":1}", 13},
        {"[\"\xff\"]", 5}, {"[\"\\u0000\"]", 10},
        {"[1\0]", 4},      {"[1e999]", 7},
    };

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        ck_assert_msg(reads(good[i], 9, 99), "%zu", i);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!reads(bad[i], 9, 99), "%zu", i);
}
END_TEST

START_TEST(bounds)
{
    parley_str nested = PARLEY_STR("{\"a\":[[1,2]]}"); /* 3 deep, of 5 values */

    ck_assert(reads(nested, 3, 5));
    ck_assert(!reads(nested, 2, 5));
    ck_assert(!reads(nested, 3, 4));
    ck_assert(!reads(PARLEY_STR("{}"), 0, 9));
    ck_assert(!reads(PARLEY_STR("{}"), 9, 0));
}
END_TEST

/* Two texts at a time, as a token is of two; the first buffer is gone by then. */
static void two_texts(parley_login *l)
{
    char one[] = "{\"a\":{\"b\":[null,\"one\",1.5]}}", two[] = "{\"a\":\"two\"}";
    const parley_value *a = parley_login_json(l, str_of(one), 9, 99), *b, *list;

    memset(one, 'x', sizeof one);
    b = parley_login_json(l, str_of(two), 9, 99);
    memset(two, 'x', sizeof two);
    ck_assert_ptr_null(parley_login_json(l, PARLEY_STR("{\"a\":"), 9, 99));
    list = parley_get(parley_get(a, "a"), "b");
    ck_assert_uint_eq(parley_length(list), 3);
    ck_assert_str_eq(parley_as_str(parley_at(list, 1)).p, "one");
    ck_assert_double_eq(parley_as_number(parley_at(list, 2), 0), 1.5);
    ck_assert_str_eq(parley_as_str(parley_get(b, "a")).p, "two");
    ck_assert_ptr_nonnull(parley_get(b, "a"));
}

START_TEST(values_live_as_long_as_the_check)
{
    question = (struct question){PARLEY_STR("{}"), 1, 1};
    ask(two_texts);
}
END_TEST

/* More than the stack holds for it, in one piece and in many. */
static void large_texts(parley_login *l)
{
    size_t n = 100000;
    char *text = malloc(n);
    const parley_value *v;

    memset(text, 'a', n);
    memcpy(text, "[\"", 2);
    memcpy(text + n - 2, "\"]", 2);
    v = parley_login_json(l, (parley_str){text, n}, 1, 2);
    ck_assert_uint_eq(parley_as_str(parley_at(v, 0)).n, n - 4);
    for (size_t i = 0; i < n; i += 2)
        memcpy(text + i, i ? ",1" : "[1", 2);
    text[n - 1] = ']';
    text[n - 2] = '1';
    text[n - 3] = ' ';
    text[n - 4] = ',';
    ck_assert_ptr_null(parley_login_json(l, (parley_str){text, n}, 1, (unsigned)n / 2 - 1));
    v = parley_login_json(l, (parley_str){text, n}, 1, (unsigned)n / 2);
    ck_assert_uint_eq(parley_length(v), n / 2 - 1);
    for (int i = 0; i < 500; i++)
        ck_assert_ptr_nonnull(parley_login_json(l, PARLEY_STR("{\"key\":[1,2,3]}"), 2, 5));
    ck_assert_uint_eq(parley_length(v), n / 2 - 1);
    free(text);
}

START_TEST(large_ones_are_given_back)
{
    for (int i = 0; i < 3; i++) {
        question = (struct question){PARLEY_STR("[]"), 1, 1};
        ask(large_texts);
    }
}
END_TEST

/* A check that is run again, because its section published meanwhile, begins anew. */
static int rounds;
static void publish_once(parley_login *l)
{
    large_texts(l);
    if (rounds++ == 0)
        ck_assert_int_eq(publish(0), 0);
}

static parley_answer_at_door later(parley_host *h, const void *snapshot, parley_login *l)
{
    (void)h;
    (void)snapshot;
    publish_once(l);
    return PARLEY_LATER;
}

START_TEST(a_check_that_is_run_again)
{
    struct login *l = with_bearer("t");

    rounds = 0;
    auths[0].auth.check = later;
    auths[0].auth.wanted = NULL;
    ck_assert_int_eq(login_check(logins, l), PARLEY_LATER);
    ck_assert_int_eq(rounds, 2);
    login_free(l);
}
END_TEST

int main(void)
{
    TCase *c = tcase_create("json");

    tcase_add_test(c, what_is_read);
    tcase_add_test(c, bounds);
    tcase_add_test(c, values_live_as_long_as_the_check);
    tcase_add_test(c, large_ones_are_given_back);
    tcase_add_test(c, a_check_that_is_run_again);
    return run_tests("login_json", c);
}

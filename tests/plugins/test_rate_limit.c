/* rate_limit: what a bucket holds, when it is full again, and that nothing but time fills it. */
#include "base/clock.h"
#include "kit.h"

#include <check.h>
#include <stdlib.h>

#define REST                                                                  \
    "[type chat_message]\n[type typing]\n[type join_channel]\n[hub router]\n" \
    "[hub channels]\nlist = general\nauto_join = *\n"

static kit *k;

static void start(const char *limits)
{
    char ini[512];

    snprintf(ini, sizeof ini, "[hub rate_limit]\n%s" REST, limits);
    k = kit_start(ini, NULL);
    ck_assert_msg(k != NULL, "%s", kit_refusal());
}

static bool say(parley_client c)
{
    return kit_input(k, c,
                     "{\"type\":\"chat_message\",\"channel\":\"general\",\"message\":\"x\"}") ==
           PARLEY_PASS;
}

static bool type(parley_client c)
{
    return kit_input(k, c, "{\"type\":\"typing\",\"channel\":\"general\"}") == PARLEY_PASS;
}

static int say_all(parley_client c)
{
    int n = 0;

    while (say(c))
        n++;
    return n;
}

/* The testkit's clock goes on by itself between the steps, so waits are told within a few seconds.
 */
static void waits(parley_client c, long about_ms)
{
    const char *e = kit_last(k, c, "error"), *ms = kit_member(e, "payload.retry_after_ms");

    ck_assert_ptr_nonnull(ms);
    ck_assert_msg(atol(ms) <= about_ms && atol(ms) > about_ms - 5000, "%s", e);
}

START_TEST(a_burst_then_the_rate)
{
    parley_client c;

    start("messages = 10\nwindow = 10m\nburst = 3\n");
    c = kit_connect(k, "ada", "");
    ck_assert_int_eq(say_all(c), 3);
    waits(c, 60000);
    kit_advance_ms(k, 50000);
    ck_assert(!say(c));
    waits(c, 10000);
    kit_advance_ms(k, 10000);
    ck_assert_int_eq(say_all(c), 1);
    kit_advance_ms(k, 120000);
    ck_assert_int_eq(say_all(c), 2);
    kit_advance_ms(k, 3600000);
    ck_assert_int_eq(say_all(c), 3);
    kit_close(k);
}
END_TEST

START_TEST(the_wait_it_names_is_enough)
{
    parley_client c;

    start("messages = 7\nwindow = 100s\nburst = 1\n");
    c = kit_connect(k, "ada", "");
    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(say_all(c), 1);
        kit_advance_ms(k, atol(kit_member(kit_last(k, c, "error"), "payload.retry_after_ms")));
    }
    kit_close(k);
}
END_TEST

START_TEST(the_refusal_says_what_to_do)
{
    parley_client c;
    const char *e;
    long ms, s = 0;

    start("messages = 1\nwindow = 100s\nburst = 1\n");
    c = kit_connect(k, "ada", "");
    ck_assert_int_eq(say_all(c), 1);
    kit_advance_ms(k, 1500);
    ck_assert(!say(c));
    e = kit_last(k, c, "error");
    ck_assert_str_eq(kit_member(e, "payload.code"), "rate_limited");
    ms = atol(kit_member(e, "payload.retry_after_ms"));
    ck_assert_int_eq(
        sscanf(kit_member(e, "payload.message"), "You are too fast. Please wait %ld s before", &s),
        1);
    ck_assert_msg(ms <= 98500 && s * 1000 >= ms && s * 1000 < ms + 1000, "%s", e);
    kit_close(k);
}
END_TEST

/* 70 in 100 ms: 0.7 a millisecond. Rounding of any kind would show at once. */
START_TEST(nothing_drifts)
{
    int64_t from_ms;
    parley_client c;
    double expected;
    int n = 0;

    start("messages = 70\nwindow = 100ms\nburst = 2000\n");
    c = kit_connect(k, "ada", "");
    say_all(c);
    from_ms = clock_mono_ms();
    for (int ms = 0; ms < 5000; ms++) {
        kit_advance_ms(k, 1);
        n += say(c);
    }
    n += say_all(c);
    expected = (double)(clock_mono_ms() - from_ms) * 0.7;
    ck_assert_msg(n >= expected - 3 && n <= expected + 3, "%d, not %f", n, expected);
    kit_close(k);
}
END_TEST

START_TEST(reconnecting_fills_nothing)
{
    parley_client c;

    start("messages = 1\nwindow = 60s\nburst = 5\n");
    c = kit_connect(k, "ada", "");
    ck_assert_int_eq(say_all(c), 5);
    kit_disconnect(k, c);
    c = kit_connect(k, "ada", "");
    ck_assert_int_eq(say_all(c), 0);
    ck_assert_int_eq(say_all(kit_connect(k, "bob", "")), 5);
    kit_advance_ms(k, 60000);
    ck_assert_int_eq(say_all(c), 1);
    kit_close(k);
}
END_TEST

START_TEST(connections_of_a_user_share_his_bucket)
{
    parley_client a, b;

    start("messages = 1\nwindow = 60s\nburst = 5\n");
    a = kit_connect(k, "ada", "");
    b = kit_connect(k, "ada", "");
    ck_assert(say(a) && say(b) && say(a));
    ck_assert_int_eq(say_all(a), 2);
    ck_assert_int_eq(say_all(b), 0);
    kit_close(k);
}
END_TEST

/* A refused message must not take a token of the bucket that had one. */
START_TEST(what_is_refused_costs_nothing)
{
    parley_client a, b;

    start("messages = 1\nwindow = 60s\nburst = 1\n");
    a = kit_connect(k, "ada", "");
    b = kit_connect(k, "ada", "");
    ck_assert(say(a));
    kit_advance_ms(k, 30000);
    for (int i = 0; i < 20; i++)
        ck_assert(!say(a) && !say(b));
    kit_advance_ms(k, 30000);
    ck_assert(say(b));
    kit_close(k);
}
END_TEST

START_TEST(what_nobody_reads_is_counted_apart)
{
    parley_client c;
    int n = 0;

    start("messages = 10\nwindow = 100m\nburst = 3\n");
    c = kit_connect(k, "ada", "");
    while (type(c))
        n++;
    ck_assert_int_eq(n, 30);
    waits(c, 60000);
    ck_assert_int_eq(kit_input(k, c, "{\"type\":\"join_channel\",\"channel\":\"general\"}"),
                     PARLEY_REJECT);
    ck_assert_int_eq(say_all(c), 3);
    kit_advance_ms(k, 60000);
    ck_assert(type(c) && !type(c) && !say(c));
    kit_close(k);
}
END_TEST

START_TEST(large_numbers_do_not_overflow)
{
    parley_client c;

    start("messages = 1000000\nwindow = 1d\nburst = 1000000\n");
    c = kit_connect(k, "ada", "");
    for (int i = 0; i < 1000; i++)
        ck_assert(say(c) && type(c));
    kit_advance_ms(k, 100000);
    ck_assert(say(c) && type(c));
    kit_close(k);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("rate_limit");
    TCase *t = tcase_create("rate_limit");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_set_timeout(t, 30);
    tcase_add_test(t, a_burst_then_the_rate);
    tcase_add_test(t, the_wait_it_names_is_enough);
    tcase_add_test(t, the_refusal_says_what_to_do);
    tcase_add_test(t, nothing_drifts);
    tcase_add_test(t, reconnecting_fills_nothing);
    tcase_add_test(t, connections_of_a_user_share_his_bucket);
    tcase_add_test(t, what_is_refused_costs_nothing);
    tcase_add_test(t, what_nobody_reads_is_counted_apart);
    tcase_add_test(t, large_numbers_do_not_overflow);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Time that hooks take, and the breaker. The clock is the testkit's: a hook is slow by moving it.
 */
#include "hub/verdicts.h"
#include "scripted.h"

static parley_client ann;
static int calls, slow_ms;

static void start_with(const char *keys)
{
    char ini[512];

    kit_close(k);
    snprintf(ini, sizeof ini, "[plugin types]\n[hub a]\n%s\n[hub b]\n[hub c]\n[hub d]\n", keys);
    k = kit_start(ini, scripted);
    ck_assert_msg(k != NULL, "%s", kit_refusal());
    metrics_reset();
    ann = member_of("ann", "room");
    calls = 0;
}

static parley_verdict takes_time(parley_host *h, parley_message *m)
{
    (void)h;
    (void)m;
    calls++;
    clock_advance_ms(slow_ms);
    return PARLEY_PASS;
}

static void says_times(int n)
{
    for (int i = 0; i < n; i++)
        say(ann, "room");
}

static double counted(const char *name)
{
    return metric_find(name, PARLEY_STR("a"));
}

START_TEST(a_call_over_the_budget_is_counted_and_kept)
{
    start_with("budget = 5ms");
    a.on_message = takes_time;
    slow_ms = 5;
    ck_assert_int_eq(say(ann, "room"), PARLEY_PASS);
    ck_assert_double_eq(counted("hub_over_budget"), 0);
    ck_assert_ptr_null(kit_verdict(k, "a"));
    slow_ms = 6;
    ck_assert_int_eq(say(ann, "room"), PARLEY_PASS);
    ck_assert_double_eq(counted("hub_over_budget"), 1);
    ck_assert_double_eq(metric_find("hub_over_budget", PARLEY_STR("b")), 0);
    member_is(kit_verdict(k, "a"), "verdict", "over_budget");
    member_is(kit_verdict(k, "a"), "us", "6000");
    member_is(kit_verdict(k, "a"), "user", "ann");
    ck_assert_double_eq(counted("hub_breaker_open"), 0);
}
END_TEST

START_TEST(found_between_two_ticks_too)
{
    start_with("budget = 5ms");
    a.on_message = takes_time;
    slow_ms = 0;
    says_times(20); /* of which only the first is timed */
    ck_assert_double_le(counted("hub_seconds"), 2);
    slow_ms = 6;
    says_times(1);
    ck_assert_double_eq(counted("hub_over_budget"), 1);
}
END_TEST

START_TEST(no_budget_no_breach)
{
    start_with("budget = 0");
    a.on_message = takes_time;
    slow_ms = 1000;
    says_times(10);
    ck_assert_double_eq(counted("hub_over_budget"), 0);
    ck_assert_int_eq(calls, 10);
}
END_TEST

START_TEST(the_breaker_opens_and_refuses)
{
    start_with("");
    a.on_message = takes_time;
    slow_ms = 6;
    says_times(4);
    ck_assert_double_eq(counted("hub_breaker_open"), 0);
    says_times(1);
    ck_assert_double_eq(counted("hub_breaker_open"), 1);
    ck_assert_int_eq(say(ann, "room"), PARLEY_REJECT);
    ck_assert_int_eq(calls, 5);
    member_is(kit_last(k, ann, "error"), "payload.code", "unavailable");
    member_is(kit_verdict(k, "a"), "rule", "breaker");
    ck_assert_double_eq(counted("hub_skipped"), 1);
}
END_TEST

START_TEST(or_lets_pass)
{
    start_with("on_error = pass");
    a.on_message = takes_time;
    slow_ms = 6;
    says_times(5);
    ck_assert_int_eq(say(ann, "room"), PARLEY_PASS);
    ck_assert_int_eq(calls, 5);
    member_is(kit_verdict(k, "a"), "verdict", "breaker_opened");
}
END_TEST

START_TEST(a_shadow_is_passed_over_too)
{
    start_with("mode = shadow");
    a.on_message = takes_time;
    slow_ms = 6;
    says_times(5);
    ck_assert_int_eq(say(ann, "room"), PARLEY_PASS);
    ck_assert_int_eq(calls, 5);
    ck_assert_double_eq(counted("hub_skipped"), 1);
}
END_TEST

START_TEST(after_a_rest_one_call_tells)
{
    start_with("on_error = pass");
    a.on_message = takes_time;
    slow_ms = 6;
    says_times(5);
    kit_advance_ms(k, 9990);
    says_times(1);
    ck_assert_int_eq(calls, 5);
    kit_advance_ms(k, 10);
    says_times(3);
    ck_assert_int_eq(calls, 6); /* still slow: it rests again */
    kit_advance_ms(k, 10000);
    slow_ms = 0;
    says_times(3);
    ck_assert_int_eq(calls, 9);
    ck_assert_double_eq(counted("hub_breaker_open"), 0);
    member_is(kit_verdict(k, "a"), "verdict", "breaker_closed");
    slow_ms = 6;
    says_times(4); /* what was before is forgotten */
    ck_assert_double_eq(counted("hub_breaker_open"), 0);
    says_times(1);
    ck_assert_double_eq(counted("hub_breaker_open"), 1);
}
END_TEST

START_TEST(slow_calls_far_apart_open_nothing)
{
    start_with("");
    a.on_message = takes_time;
    slow_ms = 6;
    for (int i = 0; i < 10; i++) {
        says_times(1);
        kit_advance_ms(k, 2500); /* five within more than ten seconds */
    }
    ck_assert_double_eq(counted("hub_breaker_open"), 0);
    ck_assert_double_eq(counted("hub_over_budget"), 10);
}
END_TEST

START_TEST(few_slow_calls_among_many_open_nothing)
{
    start_with("");
    a.on_message = takes_time;
    for (int i = 0; i < 10; i++) {
        slow_ms = 6;
        says_times(1);
        slow_ms = 0;
        says_times(130); /* five in more than 500 calls */
    }
    ck_assert_double_eq(counted("hub_breaker_open"), 0);
}
END_TEST

static void settles_slowly(parley_host *h, const parley_message *m, const parley_outcome *o)
{
    (void)h;
    (void)m;
    (void)o;
    clock_advance_ms(20);
}

static parley_verdict connects_slowly(parley_host *h, parley_client who)
{
    (void)h;
    (void)who;
    clock_advance_ms(20);
    return PARLEY_PASS;
}

START_TEST(other_hooks_are_counted_and_never_left_out)
{
    start_with("");
    a.on_settled = settles_slowly;
    says_times(6);
    ck_assert_double_eq(counted("hub_over_budget"), 6);
    member_is(kit_verdict(k, "a"), "hook", "on_settled");
    a.on_connect = connects_slowly;
    kit_connect(k, "eve", "");
    member_is(kit_verdict(k, "a"), "hook", "on_connect");
    member_is(kit_verdict(k, "a"), "us", "20000");
    ck_assert_double_eq(counted("hub_breaker_open"), 0);
}
END_TEST

static parley_verdict sends_first(parley_host *h, parley_message *m)
{
    return notice(h, parley_to_client(parley_message_author(m))) == 0 ? PARLEY_PASS : PARLEY_FAIL;
}

static parley_verdict stores_slowly(parley_host *h, parley_message *m)
{
    (void)h;
    clock_advance_ms(parley_message_user(m).p ? 0 : 50); /* messages of the server */
    return PARLEY_PASS;
}

START_TEST(what_a_hub_asks_for_is_not_its_own_time)
{
    start_with("");
    a.on_message = sends_first;
    c.on_message = stores_slowly;
    says_times(3);
    ck_assert_double_eq(metric_find("hub_over_budget", PARLEY_STR("c")), 3);
    ck_assert_double_eq(counted("hub_over_budget"), 0);
    ck_assert_double_eq(metric_find("hub_over_budget", PARLEY_STR("b")), 0);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("budget");

    tcase_add_test(t, a_call_over_the_budget_is_counted_and_kept);
    tcase_add_test(t, found_between_two_ticks_too);
    tcase_add_test(t, no_budget_no_breach);
    tcase_add_test(t, the_breaker_opens_and_refuses);
    tcase_add_test(t, or_lets_pass);
    tcase_add_test(t, a_shadow_is_passed_over_too);
    tcase_add_test(t, after_a_rest_one_call_tells);
    tcase_add_test(t, slow_calls_far_apart_open_nothing);
    tcase_add_test(t, few_slow_calls_among_many_open_nothing);
    tcase_add_test(t, other_hooks_are_counted_and_never_left_out);
    tcase_add_test(t, what_a_hub_asks_for_is_not_its_own_time);
    return run_tests("budget", t);
}

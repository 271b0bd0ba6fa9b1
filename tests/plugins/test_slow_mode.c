/* slow_mode: one message in a while, by user and channel; what is refused costs nothing, and what
 * is under way already counts. */
#include "moderation.h"

#define SECTION "[hub slow_mode]\nevery = 0\n[hub slow_mode in slow]\nevery = 30s\n"

static bool posts(parley_client c)
{
    return say_in(c, "slow", "x") == PARLEY_PASS;
}

START_TEST(one_message_in_a_while_where_it_is_slow)
{
    const char *e;
    long ms;

    start(SECTION);
    ck_assert(posts(ada) && !posts(ada));
    e = kit_last(k, ada, "error");
    ck_assert_str_eq(kit_member(e, "payload.code"), "rate_limited");
    ms = atol(kit_member(e, "payload.retry_after_ms"));
    ck_assert_msg(ms > 20000 && ms <= 30000, "%s", e);
    ck_assert_int_eq(strncmp(kit_member(e, "payload.message"),
                             "Slow mode: one message in 30 s here. Please wait ", 49),
                     0);
    ck_assert(posts(bob));
    for (int i = 0; i < 5; i++)
        ck_assert(says(ada, "x"));
    kit_advance_ms(k, 10000);
    ck_assert(!posts(ada));
    kit_advance_ms(k, 20000);
    ck_assert(posts(ada) && !posts(ada));
    ck_assert_double_eq(kit_metric(k, "slow_mode", "refused"), 3);
    stop();
}
END_TEST

START_TEST(the_wait_it_names_is_enough)
{
    start(SECTION);
    for (int i = 0; i < 10; i++) {
        ck_assert(posts(ada) && !posts(ada));
        kit_advance_ms(k, atol(kit_member(kit_last(k, ada, "error"), "payload.retry_after_ms")));
    }
    stop();
}
END_TEST

START_TEST(without_options_every_channel_is_slow)
{
    start("[hub slow_mode]\n");
    ck_assert(says(ada, "x") && !says(ada, "x"));
    told(ada, "rate_limited", "one message in 10 s");
    ck_assert(posts(ada) && !posts(ada));
    kit_advance_ms(k, 10000);
    ck_assert(says(ada, "x") && posts(ada));
    stop();
}
END_TEST

START_TEST(connections_of_a_user_share_it_and_reconnecting_does_not_help)
{
    parley_client second;

    start(SECTION);
    second = kit_connect(k, "ada", "");
    ck_assert(posts(ada) && !posts(second));
    kit_disconnect(k, ada);
    kit_disconnect(k, second);
    ada = kit_connect(k, "ada", "");
    ck_assert(!posts(ada));
    stop();
}
END_TEST

START_TEST(some_roles_need_not_wait)
{
    parley_client mod, vip;

    start("[hub slow_mode]\nevery = 0\n[hub slow_mode in slow]\nevery = 1h\n"
          "[hub slow_mode in random]\nevery = 1h\nexempt_roles = vip\n");
    mod = kit_connect(k, "mod", "moderator");
    vip = kit_connect(k, "vip", "vip, other");
    ck_assert(posts(mod) && posts(mod) && posts(vip) && !posts(vip));
    ck_assert(say_in(vip, "random", "x") == PARLEY_PASS && say_in(vip, "random", "x") == 0);
    ck_assert(say_in(mod, "random", "x") == PARLEY_PASS && say_in(mod, "random", "x") != 0);
    told(mod, "rate_limited", "one message in 1 h here. Please wait 60 min");
    stop();
}
END_TEST

/* Refused elsewhere, it was never there; so was what a command plugin has dealt with. */
START_TEST(what_is_not_posted_does_not_count)
{
    start(SECTION);
    later_verdict = PARLEY_REJECT;
    ck_assert_int_eq(say_in(ada, "slow", "x"), PARLEY_REJECT);
    later_verdict = PARLEY_DONE;
    ck_assert_int_eq(say_in(ada, "slow", "x"), PARLEY_DONE);
    later_verdict = PARLEY_PASS;
    ck_assert(posts(ada));
    later_verdict = PARLEY_REJECT;
    ck_assert(!posts(ada)); /* by slow mode: it must not give back what the last one took */
    told(ada, "rate_limited", "Slow mode");
    later_verdict = PARLEY_PASS;
    ck_assert(!posts(ada));
    stop();
}
END_TEST

/* Its author sees a dropped message as posted; he must not learn the truth from the clock. */
START_TEST(what_is_dropped_counts)
{
    start(SECTION);
    later_verdict = PARLEY_DROP;
    ck_assert_int_eq(say_in(ada, "slow", "x"), PARLEY_DROP);
    ck_assert_int_eq(say_in(ada, "slow", "x"), PARLEY_REJECT);
    stop();
}
END_TEST

START_TEST(only_what_people_read_in_a_channel_counts)
{
    start(SECTION);
    ck_assert_int_eq(kit_input(k, ada, "{\"type\":\"typing\",\"channel\":\"slow\"}"), PARLEY_PASS);
    ck_assert_int_eq(kit_input(k, ada, "{\"type\":\"note\",\"channel\":\"slow\",\"ref\":\"x\"}"),
                     PARLEY_PASS);
    ck_assert(whispers(ada, "bob", "x") && whispers(ada, "bob", "x"));
    ck_assert_int_eq(kit_input(k, ada, "{\"type\":\"note\",\"channel\":\"slow\",\"items\":[\"\"]}"),
                     PARLEY_PASS);
    ck_assert_int_eq(kit_input(k, ada, "{\"type\":\"typing\",\"channel\":\"slow\"}"), PARLEY_PASS);
    ck_assert(!posts(ada));
    stop();
}
END_TEST

START_TEST(the_id_of_what_was_refused_may_be_used_again)
{
    static const char again[] = "{\"type\":\"chat_message\",\"id\":\"7\",\"channel\":\"slow\","
                                "\"message\":\"y\"}";

    start(SECTION);
    ck_assert(posts(ada));
    ck_assert_int_eq(kit_input(k, ada, again), PARLEY_REJECT);
    kit_advance_ms(k, 30000);
    ck_assert_int_eq(kit_input(k, ada, again), PARLEY_PASS);
    stop();
}
END_TEST

/* More channels than there are places: the one with the least left to wait is forgotten. */
START_TEST(many_channels)
{
    char channel[16];

    start("[hub slow_mode]\nevery = 60s\n[hub slow_mode in slow]\nevery = 1h\n");
    ck_assert(posts(ada));
    for (int i = 0; i < 40; i++) {
        snprintf(channel, sizeof channel, "c%d", i);
        kit_join(k, ada, channel);
        ck_assert_int_eq(say_in(ada, channel, "x"), PARLEY_PASS);
        ck_assert_int_eq(say_in(ada, channel, "x"), PARLEY_REJECT);
        kit_advance_ms(k, 1);
    }
    ck_assert(!posts(ada));
    for (int i = 39; i > 10; i--) {
        snprintf(channel, sizeof channel, "c%d", i);
        ck_assert_int_eq(say_in(ada, channel, "x"), PARLEY_REJECT);
    }
    stop();
}
END_TEST

START_TEST(two_sections_share_nothing)
{
    start("[hub slow_mode]\nevery = 0\n[hub slow_mode in general]\nevery = 60s\n"
          "[hub slower]\nplugin = slow_mode\nevery = 0\n[hub slower in general]\nevery = 120s\n");
    ck_assert(says(ada, "x") && !says(ada, "x"));
    told(ada, "rate_limited", "in 1 min");
    kit_advance_ms(k, 60000);
    ck_assert(!says(ada, "x")); /* the first lets it pass, and gets its place back */
    told(ada, "rate_limited", "in 2 min");
    kit_advance_ms(k, 60000);
    ck_assert(says(ada, "x"));
    stop();
}
END_TEST

START_TEST(hostile_texts_are_texts)
{
    char **all = hostile_texts();

    start(SECTION);
    for (size_t i = 0; all[i]; i++) {
        parley_verdict v = say_in(ada, "slow", all[i]);

        if (v == PARLEY_PASS)
            kit_advance_ms(k, 30000);
        else
            told(ada, "invalid_message", "white space"); /* by the type */
        free(all[i]);
    }
    stop();
}
END_TEST

START_TEST(bad_options_are_refused_with_their_line)
{
    refused("[hub slow_mode]\nevery = 10\n", "test.ini:2: ", "'every'");
    refused("[hub slow_mode]\nevery = 2d\n", "test.ini:2: ", "1d");
    refused("[hub slow_mode]\n[hub slow_mode in slow]\nevry = 1s\n",
            "test.ini:3: ", "did you mean 'every'");
    refused("[hub slow_mode in slow]\nevery = 1s\n", "test.ini:1: ", "needs a section");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("slow_mode");
    TCase *t = tcase_create("slow_mode");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_set_timeout(t, 30);
    tcase_add_test(t, one_message_in_a_while_where_it_is_slow);
    tcase_add_test(t, the_wait_it_names_is_enough);
    tcase_add_test(t, without_options_every_channel_is_slow);
    tcase_add_test(t, connections_of_a_user_share_it_and_reconnecting_does_not_help);
    tcase_add_test(t, some_roles_need_not_wait);
    tcase_add_test(t, what_is_not_posted_does_not_count);
    tcase_add_test(t, what_is_dropped_counts);
    tcase_add_test(t, only_what_people_read_in_a_channel_counts);
    tcase_add_test(t, the_id_of_what_was_refused_may_be_used_again);
    tcase_add_test(t, many_channels);
    tcase_add_test(t, two_sections_share_nothing);
    tcase_add_test(t, hostile_texts_are_texts);
    tcase_add_test(t, bad_options_are_refused_with_their_line);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

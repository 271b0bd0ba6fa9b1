/* review: who is held, what moderators see and decide, what happens if nobody does; and wordlist's
 * action `hold`, which goes the same way. */
#include "moderation.h"

static void begin(void)
{
    start("[hub review]\nmax = 4\nmax_of_user = 2\n[hub review in general]\nhold = all\n"
          "[hub review in slow]\nhold = all\nonly_roles = newcomer\nnotice = none\n");
}

static parley_verdict posts(parley_client who, const char *channel, const char *text)
{
    char json[256];

    snprintf(
        json, sizeof json,
        "{\"type\":\"note\",\"id\":\"%s\",\"channel\":\"%s\",\"title\":\"%s\",\"items\":[\"x\"]}",
        text, channel, text);
    return kit_input(k, who, json);
}

static const char *listed(void)
{
    const char *json;

    ck_assert_int_eq(kit_admin(k, "GET", "/admin/review/messages", NULL, &json), 200);
    return json;
}

/* The id of the n-th that is held. */
static const char *id_of(int n)
{
    static char path[32];

    snprintf(path, sizeof path, "messages.%d.id", n);
    return kit_member(listed(), path);
}

static int decide(const char *how, const char *more)
{
    char json[256], path[64];
    const char *id = id_of(0);

    snprintf(json, sizeof json, "{\"id\":%s%s}", id ? id : "999", more);
    snprintf(path, sizeof path, "/admin/review/%s", how);
    return kit_admin(k, "POST", path, json, NULL);
}

static void sees(parley_client who, const char *title)
{
    const char *f = kit_next(k, who, "note");

    if (!title) {
        ck_assert_ptr_null(f);
        return;
    }
    ck_assert_msg(f != NULL, "%s", title);
    ck_assert_pstr_eq(kit_member(f, "payload.title"), title);
}

static void is_refused(parley_client who, const char *code, const char *words)
{
    const char *f = kit_next(k, who, "error");

    ck_assert_msg(f != NULL, "%s", code);
    ck_assert_pstr_eq(kit_member(f, "payload.code"), code);
    ck_assert_pstr_eq(kit_member(f, "payload.message"), words);
}

START_TEST(held_listed_and_released)
{
    ck_assert_int_eq(posts(ada, "general", "1"), PARLEY_HOLD);
    ck_assert_pstr_eq(kit_member(kit_next(k, ada, "notice"), "payload.message"),
                      "A moderator will look at your message first.");
    const char *json = listed();
    ck_assert_pstr_eq(kit_member(json, "messages.0.user"), "ada");
    ck_assert_pstr_eq(kit_member(json, "messages.0.username"), "ada");
    ck_assert_pstr_eq(kit_member(json, "messages.0.channel"), "general");
    ck_assert_pstr_eq(kit_member(json, "messages.0.type"), "note");
    ck_assert_pstr_eq(kit_member(json, "messages.0.texts"), "[\"1\",\"x\"]");
    ck_assert_pstr_eq(kit_member(json, "messages.0.section"), "review");
    ck_assert_pstr_eq(kit_member(json, "messages.0.rule"), "hold");
    ck_assert_pstr_eq(kit_member(json, "messages.0.author_is_here"), "true");
    ck_assert_uint_eq(strlen(kit_member(json, "messages.0.since")), 24);
    ck_assert_uint_eq(strlen(kit_member(json, "messages.0.until")), 24);
    ck_assert_ptr_null(kit_member(json, "messages.0.recipient"));
    sees(bob, NULL);
    ck_assert_int_eq(decide("release", ""), 200);
    sees(bob, "1");
    ck_assert_int_eq(kit_frames(k, ada, "ack"), 1);
    ck_assert_pstr_eq(kit_member(listed(), "messages"), "[]");
    ck_assert_int_eq(decide("release", ""), 404);
    ck_assert_double_eq(kit_metric(k, "review", "held"), 1);
    ck_assert_double_eq(kit_metric(k, "review", "decided"), 1);
}
END_TEST

START_TEST(refused_with_a_reason_or_without)
{
    posts(ada, "general", "1");
    ck_assert_int_eq(decide("refuse", ",\"reason\":\"Not here.\""), 200);
    is_refused(ada, "rejected", "Not here.");
    posts(ada, "general", "2");
    ck_assert_int_eq(decide("refuse", ""), 200);
    is_refused(ada, "rejected", "A moderator refused it.");
    ck_assert_int_eq(decide("refuse", ""), 404);
    sees(bob, NULL);
}
END_TEST

START_TEST(a_reason_has_its_bound)
{
    char more[512];

    memset(more, 'x', sizeof more);
    memcpy(more, ",\"reason\":\"", 11);
    snprintf(more + 11 + 301, 2, "\"");
    posts(ada, "general", "1");
    char json[600], path[] = "/admin/review/refuse";
    snprintf(json, sizeof json, "{\"id\":%s%s}", id_of(0), more);
    ck_assert_int_eq(kit_admin(k, "POST", path, json, NULL), 400);
    ck_assert_int_eq(decide("release", ""), 200); /* it is still there */
}
END_TEST

START_TEST(whose_messages_are_held_and_where)
{
    parley_client mod = kit_connect(k, "mod", "moderator"), ned = kit_connect(k, "ned", "newcomer");

    ck_assert_int_eq(posts(mod, "general", "1"), PARLEY_PASS);
    ck_assert_int_eq(posts(ada, "random", "2"), PARLEY_PASS);
    ck_assert_int_eq(posts(ada, "slow", "3"), PARLEY_PASS);
    ck_assert_int_eq(posts(ned, "slow", "4"), PARLEY_HOLD);
    ck_assert_int_eq(kit_frames(k, ned, "notice"), 0);
    ck_assert_int_eq(kit_input(k, ada, "{\"type\":\"note\",\"to\":\"bob\",\"title\":\"w\"}"),
                     PARLEY_PASS);
    ck_assert_int_eq(
        kit_input(k, ada, "{\"type\":\"typing\",\"channel\":\"general\",\"is_typing\":true}"),
        PARLEY_PASS);
    ck_assert_int_eq(kit_input(k, ada, "{\"type\":\"note\",\"channel\":\"general\"}"), PARLEY_PASS);
    decide("release", "");
}
END_TEST

START_TEST(others_of_his_pass_and_the_oldest_is_the_first)
{
    posts(ada, "general", "1");
    posts(ada, "general", "2");
    ck_assert_int_eq(posts(ada, "random", "3"), PARLEY_PASS);
    sees(bob, "3");
    decide("release", "");
    sees(bob, "1");
    decide("release", "");
    sees(bob, "2");
}
END_TEST

START_TEST(it_survives_its_author)
{
    posts(ada, "general", "1");
    kit_disconnect(k, ada);
    ck_assert_pstr_eq(kit_member(listed(), "messages.0.author_is_here"), "false");
    ck_assert_pstr_eq(kit_member(listed(), "messages.0.user"), "ada");
    decide("release", "");
    sees(bob, "1");
}
END_TEST

START_TEST(nobody_decides)
{
    posts(ada, "general", "1");
    kit_advance_ms(k, 3599999);
    ck_assert_int_eq(kit_frames(k, ada, "error"), 0);
    kit_advance_ms(k, 1);
    is_refused(ada, "unavailable", "This cannot be judged just now. Please try again.");
    ck_assert_pstr_eq(kit_member(listed(), "messages"), "[]");
    posts(ada, "general", "1"); /* the same id may try again */
    decide("release", "");
    sees(bob, "1");
}
END_TEST

START_TEST(on_error_may_say_pass)
{
    stop();
    start("[hub review]\non_error = pass\nhold = all\ndeadline = 10s\nmax = 1\n");
    posts(ada, "general", "1");
    ck_assert_int_eq(posts(bob, "general", "2"), PARLEY_PASS); /* one too many */
    sees(bob, "2");
    kit_advance_ms(k, 10000);
    sees(bob, "1");
}
END_TEST

START_TEST(bounds_of_a_user_and_of_all)
{
    parley_client cat = kit_connect(k, "cat", ""), dan = kit_connect(k, "dan", "");

    posts(ada, "general", "1");
    posts(ada, "general", "2");
    ck_assert_int_eq(posts(ada, "general", "3"), PARLEY_REJECT);
    ck_assert_int_eq(posts(bob, "general", "4"), PARLEY_HOLD);
    ck_assert_int_eq(posts(cat, "general", "5"), PARLEY_HOLD);
    ck_assert_int_eq(posts(dan, "general", "6"), PARLEY_REJECT);
    decide("release", "");
    ck_assert_int_eq(posts(dan, "general", "7"), PARLEY_HOLD);
    kit_advance_ms(k, 3600000); /* those whose time is over have left room */
    ck_assert_int_eq(posts(ada, "general", "8"), PARLEY_HOLD);
    ck_assert_int_eq(posts(ada, "general", "9"), PARLEY_HOLD);
    decide("release", "");
    decide("release", "");
}
END_TEST

START_TEST(a_repeat_waits_with_it)
{
    posts(ada, "general", "1");
    posts(ada, "general", "1");
    ck_assert_int_eq(decide("release", ""), 200);
    ck_assert_int_eq(decide("release", ""), 404);
    sees(bob, "1");
    sees(bob, NULL);
}
END_TEST

START_TEST(hubs_behind_it_judge_what_was_released)
{
    posts(ada, "general", "1");
    later_verdict = PARLEY_REJECT;
    decide("release", "");
    is_refused(ada, "rejected", "Not today.");
}
END_TEST

START_TEST(the_end_refuses_what_is_held)
{
    posts(ada, "general", "1");
    posts(bob, "general", "2");
    ck_assert_int_eq(kit_close(k), 2);
    begin();
}
END_TEST

/* --- wordlist --- */

static void begin_words(void)
{
    start("[hub review]\nmax_of_user = 1\n[hub wordlist]\nwords = darn\naction = hold\n"
          "[hub wordlist in random]\naction = reject\n");
}

START_TEST(a_word_is_held)
{
    ck_assert_int_eq(posts(ada, "general", "oh darn"), PARLEY_HOLD);
    ck_assert_pstr_eq(kit_member(listed(), "messages.0.section"), "wordlist");
    ck_assert_pstr_eq(kit_member(listed(), "messages.0.rule"), "words");
    ck_assert_int_eq(posts(ada, "general", "fine"), PARLEY_PASS);
    ck_assert_int_eq(posts(ada, "random", "darn it"), PARLEY_REJECT);
    ck_assert_int_eq(decide("release", ""), 200);
    sees(bob, "fine");
    sees(bob, "oh darn");
    posts(ada, "general", "d a r n");
    decide("refuse", ",\"reason\":\"No.\"");
    kit_next(k, ada, "error");
    is_refused(ada, "rejected", "No.");
}
END_TEST

START_TEST(a_word_that_cannot_be_held_follows_wordlists_on_error)
{
    posts(ada, "general", "darn");
    ck_assert_int_eq(posts(ada, "general", "darn 2"), PARLEY_REJECT);
    decide("release", "");
    stop();
    start("[hub wordlist]\nwords = darn\naction = hold\non_error = pass\n");
    ck_assert_int_eq(posts(ada, "general", "darn"), PARLEY_PASS); /* there is no [hub review] */
    stop();
    start("[hub wordlist]\nwords = darn\naction = hold\n");
    ck_assert_int_eq(posts(ada, "general", "darn"), PARLEY_REJECT);
}
END_TEST

START_TEST(its_deadline_is_wordlists_on_error)
{
    stop();
    start("[hub review]\non_error = reject\n[hub wordlist]\nwords = darn\naction = hold\n"
          "on_error = pass\n");
    posts(ada, "general", "darn");
    kit_advance_ms(k, 3600000);
    sees(bob, "darn");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("review");
    TCase *t = tcase_create("review"), *w = tcase_create("wordlist");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(t, begin, stop);
    tcase_add_test(t, held_listed_and_released);
    tcase_add_test(t, refused_with_a_reason_or_without);
    tcase_add_test(t, a_reason_has_its_bound);
    tcase_add_test(t, whose_messages_are_held_and_where);
    tcase_add_test(t, others_of_his_pass_and_the_oldest_is_the_first);
    tcase_add_test(t, it_survives_its_author);
    tcase_add_test(t, nobody_decides);
    tcase_add_test(t, on_error_may_say_pass);
    tcase_add_test(t, bounds_of_a_user_and_of_all);
    tcase_add_test(t, a_repeat_waits_with_it);
    tcase_add_test(t, hubs_behind_it_judge_what_was_released);
    tcase_add_test(t, the_end_refuses_what_is_held);
    tcase_add_checked_fixture(w, begin_words, stop);
    tcase_add_test(w, a_word_is_held);
    tcase_add_test(w, a_word_that_cannot_be_held_follows_wordlists_on_error);
    tcase_add_test(w, its_deadline_is_wordlists_on_error);
    suite_add_tcase(s, t);
    suite_add_tcase(s, w);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}

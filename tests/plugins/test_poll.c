/* The SDK's example of types, hubs and timers: sdk/examples/poll.c, unchanged. */
#include "kit.h"

#include <check.h>
#include <stdlib.h>

static kit *k;
static parley_client ann, bob;

static void start(void)
{
    char ini[2048];

    snprintf(ini, sizeof ini,
             "[plugin poll]\nplugin = %s/poll.so\n"
             "[plugin poll in quiet]\ncreate_roles = moderator\nmax_duration = 1m\n"
             "[hub channels]\nlist = general, quiet, other\nauto_join = general, quiet\n"
             "[hub router]\n",
             getenv("PARLEY_FIXTURES"));
    k = kit_start(ini, NULL);
    ck_assert_msg(k != NULL, "%s", kit_refusal());
    ann = kit_connect(k, "ann", "moderator");
    bob = kit_connect(k, "bob", "");
}

static void stop(void)
{
    ck_assert_int_eq(kit_close(k), 0);
}

#define POLL(channel, more)                                                 \
    "{\"type\":\"poll\",\"channel\":\"" channel "\",\"question\":\"tea?\"," \
    "\"choices\":[\"yes\",\"no\"]" more "}"

static parley_verdict votes(parley_client who, int choice)
{
    char json[128];

    snprintf(json, sizeof json, "{\"type\":\"poll_vote\",\"poll_id\":1,\"choice\":%d}", choice);
    return kit_input(k, who, json);
}

static void is_told(parley_client who, const char *counts, const char *ended)
{
    const char *f = kit_next(k, who, "poll_result");

    ck_assert_ptr_nonnull(f);
    ck_assert_pstr_eq(kit_member(f, "payload.poll_id"), "1");
    ck_assert_pstr_eq(kit_member(f, "payload.counts"), counts);
    ck_assert_pstr_eq(kit_member(f, "payload.ended"), ended);
}

START_TEST(from_question_to_result)
{
    ck_assert_int_eq(kit_input(k, ann, POLL("general", ",\"duration\":60")), PARLEY_PASS);
    ck_assert_pstr_eq(kit_member(kit_next(k, bob, "poll"), "payload.cacheID"), "1");
    ck_assert_int_eq(votes(ann, 0), PARLEY_DONE);
    ck_assert_int_eq(votes(bob, 0), PARLEY_DONE);
    ck_assert_int_eq(votes(bob, 1), PARLEY_DONE); /* he changed his mind */
    ck_assert_ptr_null(kit_next(k, bob, "poll_result"));
    kit_advance_ms(k, 5000);
    is_told(bob, "[1,1]", "false");
    votes(ann, 1);
    kit_advance_ms(k, 55000);
    is_told(bob, "[0,2]", "false");
    is_told(bob, "[0,2]", "true");
    ck_assert_int_eq(votes(ann, 0), PARLEY_REJECT);
    ck_assert_ptr_null(kit_next(k, bob, "poll_result"));
}
END_TEST

START_TEST(a_poll_survives_a_restart)
{
    kit_input(k, ann, POLL("general", ",\"duration\":60"));
    votes(bob, 1);
    kit_restart(k);
    ann = kit_connect(k, "ann", "");
    bob = kit_connect(k, "bob", "");
    votes(ann, 1);
    kit_advance_ms(k, 60000);
    is_told(bob, "[0,2]", "false");
    is_told(bob, "[0,2]", "true");
}
END_TEST

START_TEST(a_secret_one_tells_at_its_end)
{
    kit_input(k, ann, POLL("general", ",\"duration\":60,\"settings\":{\"secret\":true}"));
    votes(bob, 0);
    kit_advance_ms(k, 59999);
    ck_assert_ptr_null(kit_next(k, bob, "poll_result"));
    kit_advance_ms(k, 1);
    is_told(bob, "[1,0]", "true");
}
END_TEST

START_TEST(who_may_ask_what_and_vote_where)
{
    ck_assert_int_eq(kit_input(k, bob, POLL("quiet", ",\"duration\":60")), PARLEY_REJECT);
    ck_assert_int_eq(kit_input(k, ann, POLL("quiet", ",\"duration\":61")), PARLEY_REJECT);
    ck_assert_int_eq(kit_input(k, ann, POLL("quiet", ",\"duration\":60")), PARLEY_PASS);
    ck_assert_int_eq(votes(bob, 2), PARLEY_REJECT);
    kit_leave(k, bob, "quiet");
    ck_assert_int_eq(votes(bob, 1), PARLEY_REJECT);
    ck_assert_int_eq(votes(ann, 1), PARLEY_DONE);
}
END_TEST

START_TEST(what_cannot_be_kept_is_refused)
{
    kit_store_fails(k, ENOSPC);
    ck_assert_int_eq(kit_input(k, ann, POLL("general", "")), PARLEY_REJECT);
    ck_assert_ptr_null(kit_next(k, bob, "poll"));
    kit_store_fails(k, 0);
    ck_assert_int_eq(kit_input(k, ann, POLL("general", "")), PARLEY_PASS);
    ck_assert_pstr_eq(kit_member(kit_next(k, bob, "poll"), "payload.cacheID"), "1");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("poll");
    TCase *t = tcase_create("poll");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(t, start, stop);
    tcase_add_test(t, from_question_to_result);
    tcase_add_test(t, a_poll_survives_a_restart);
    tcase_add_test(t, a_secret_one_tells_at_its_end);
    tcase_add_test(t, who_may_ask_what_and_vote_where);
    tcase_add_test(t, what_cannot_be_kept_is_refused);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}

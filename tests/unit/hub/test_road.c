/* The main road: from input to settled, with every verdict, and what the author and others get to
 * see of it. */
#include "kit.h"
#include "plugins.inc"

#include <check.h>

static kit *k;
static parley_client ann, bob;

static void start_with(const char *ini)
{
    memset(&judge, 0, sizeof judge);
    k = kit_start(ini, test_plugins);
    ck_assert_msg(k != NULL, "%s", kit_refusal());
    ann = kit_connect(k, "ann", "");
    bob = kit_connect(k, "bob", "moderator");
    kit_join(k, ann, "room");
    kit_join(k, bob, "room");
}

static void setup(void)
{
    start_with(TEST_SECTIONS);
}

static void teardown(void)
{
    ck_assert_int_eq(kit_close(k), 0);
}

static void member_is(const char *frame, const char *path, const char *value)
{
    ck_assert_ptr_nonnull(frame);
    ck_assert_pstr_eq(kit_member(frame, path), value);
}

START_TEST(delivered_to_members_with_what_the_host_adds)
{
    const char *f;

    ck_assert_int_eq(
        kit_input(
            k, ann,
            "{\"type\":\"say\",\"id\":\"1\",\"channel\":\"ROOM\",\"text\":\"hi \\\"you\\\"\"}"),
        PARLEY_PASS);
    f = kit_last(k, bob, "say");
    member_is(f, "sender", "ann");
    member_is(f, "payload.channel", "Room"); /* the catalogue's spelling */
    member_is(f, "payload.text", "hi \"you\"");
    member_is(f, "payload.cacheID", "1");
    member_is(f, "payload.owner_id", "ann");
    member_is(f, "payload.username", "ann");
    member_is(f, "payload.offset", "1");
    ck_assert_uint_eq(strlen(kit_member(f, "payload.authored_at")), 24);
    ck_assert_int_eq(kit_frames(k, ann, "say"), 1);
    f = kit_last(k, ann, "ack");
    member_is(f, "payload.id", "1");
    member_is(f, "payload.cacheID", "1");
    member_is(f, "payload.offset", "1");
}
END_TEST

START_TEST(ack_comes_after_its_message)
{
    const char *f;

    kit_input(k, ann, "{\"type\":\"say\",\"id\":\"1\",\"channel\":\"Room\",\"text\":\"hi\"}");
    while ((f = kit_next(k, ann, NULL)) && strcmp(kit_member(f, "type"), "say") != 0)
        ;
    member_is(kit_next(k, ann, NULL), "type", "ack");
}
END_TEST

START_TEST(no_ack_without_id)
{
    kit_input(k, ann, "{\"type\":\"say\",\"channel\":\"Room\",\"text\":\"hi\"}");
    ck_assert_int_eq(kit_frames(k, ann, "ack"), 0);
}
END_TEST

START_TEST(reject_tells_the_author_alone)
{
    judge.verdict = PARLEY_REJECT;
    ck_assert_int_eq(
        kit_input(k, ann, "{\"type\":\"say\",\"id\":\"7\",\"channel\":\"room\",\"text\":\"hi\"}"),
        PARLEY_REJECT);
    const char *f = kit_last(k, ann, "error");
    member_is(f, "payload.code", "rejected");
    member_is(f, "payload.message", "No, because of 42.");
    member_is(f, "payload.id", "7");
    ck_assert_int_eq(kit_frames(k, bob, "say"), 0);
    ck_assert_int_eq(judge.last_settled, PARLEY_REJECT);
    judge.verdict = PARLEY_PASS;
    kit_input(k, ann, "{\"type\":\"say\",\"channel\":\"room\",\"text\":\"hi\"}");
    member_is(kit_last(k, bob, "say"), "payload.offset", "1"); /* the refused one took no number */
}
END_TEST

START_TEST(drop_shows_it_to_its_author_alone)
{
    judge.verdict = PARLEY_DROP;
    ck_assert_int_eq(
        kit_input(k, ann, "{\"type\":\"say\",\"id\":\"7\",\"channel\":\"room\",\"text\":\"hi\"}"),
        PARLEY_DROP);
    ck_assert_int_eq(kit_frames(k, ann, "say"), 1);
    ck_assert_int_eq(kit_frames(k, ann, "ack"), 1); /* or it would show */
    ck_assert_int_eq(kit_frames(k, bob, "say"), 0);
}
END_TEST

START_TEST(fail_follows_on_error)
{
    judge.verdict = PARLEY_FAIL;
    kit_input(k, ann, "{\"type\":\"say\",\"channel\":\"room\",\"text\":\"hi\"}");
    member_is(kit_last(k, ann, "error"), "payload.code", "unavailable");
    kit_close(k);
    start_with("[plugin types]\n[plugin judge]\non_error = pass\n[plugin tail]\n");
    judge.verdict = PARLEY_FAIL;
    kit_input(k, ann, "{\"type\":\"say\",\"channel\":\"room\",\"text\":\"hi\"}");
    ck_assert_int_eq(kit_frames(k, bob, "say"), 1);
}
END_TEST

START_TEST(a_hold_that_holds_nothing_is_a_failure)
{
    judge.verdict = PARLEY_HOLD;
    ck_assert_int_eq(kit_input(k, ann, "{\"type\":\"say\",\"channel\":\"room\",\"text\":\"hi\"}"),
                     PARLEY_REJECT);
}
END_TEST

START_TEST(texts_and_members_can_be_changed)
{
    judge.new_text = "*** \x22";
    kit_input(k, ann, "{\"type\":\"say\",\"channel\":\"room\",\"text\":\"hi\"}");
    member_is(kit_last(k, bob, "say"), "payload.text", "*** \"");
    judge.new_text = NULL;
    judge.edit = true;
    kit_input(k, ann, "{\"type\":\"say\",\"channel\":\"room\",\"text\":\"hi\"}");
    const char *f = kit_last(k, bob, "say");
    member_is(f, "payload.text", "edited");
    member_is(f, "payload.added", "7");
    member_is(f, "payload.channel", "Room");
}
END_TEST

START_TEST(where_it_goes_must_exist)
{
    kit_input(k, ann, "{\"type\":\"say\",\"channel\":\"nowhere\",\"text\":\"hi\"}");
    member_is(kit_last(k, ann, "error"), "payload.code", "unknown_channel");
    kit_leave(k, ann, "room");
    kit_input(k, ann, "{\"type\":\"say\",\"channel\":\"room\",\"text\":\"hi\"}");
    member_is(kit_last(k, ann, "error"), "payload.code", "forbidden");
    kit_input(k, ann, "{\"type\":\"whisper\",\"to\":\"nobody\",\"text\":\"hi\"}");
    member_is(kit_last(k, ann, "error"), "payload.code", "unknown_recipient");
    ck_assert_int_eq(judge.calls, 0);
    ck_assert_int_eq(judge.settled, 3); /* told of all the same */
}
END_TEST

START_TEST(whisper_reaches_every_connection_of_both_once)
{
    parley_client bob2 = kit_connect(k, "bob", ""), eve = kit_connect(k, "eve", "");

    kit_input(k, ann, "{\"type\":\"whisper\",\"to\":\"bob\",\"text\":\"psst\"}");
    ck_assert_int_eq(kit_frames(k, ann, "whisper"), 1);
    ck_assert_int_eq(kit_frames(k, bob, "whisper"), 1);
    ck_assert_int_eq(kit_frames(k, bob2, "whisper"), 1);
    ck_assert_int_eq(kit_frames(k, eve, "whisper"), 0);
    member_is(kit_last(k, bob, "whisper"), "payload.cacheID",
              "1"); /* counted apart from channels */
    kit_input(k, ann, "{\"type\":\"whisper\",\"to\":\"ann\",\"text\":\"me\"}");
    ck_assert_int_eq(kit_frames(k, ann, "whisper"), 2);
}
END_TEST

START_TEST(ephemeral_takes_no_number)
{
    kit_input(k, ann, "{\"type\":\"wave\",\"channel\":\"room\"}");
    const char *f = kit_last(k, bob, "wave");
    ck_assert_ptr_nonnull(f);
    ck_assert_ptr_null(kit_member(f, "payload.cacheID"));
    ck_assert_ptr_null(kit_member(f, "payload.offset"));
    kit_input(k, ann, "{\"type\":\"say\",\"channel\":\"room\",\"text\":\"hi\"}");
    member_is(kit_last(k, bob, "say"), "payload.offset", "1");
}
END_TEST

START_TEST(what_nobody_routes_is_said)
{
    kit_input(k, ann, "{\"type\":\"stray\",\"channel\":\"room\",\"id\":\"s\"}");
    member_is(kit_last(k, ann, "error"), "payload.code", "unavailable");
}
END_TEST

START_TEST(what_a_hook_sends_leaves_in_the_order_of_its_calls)
{
    const char *f;

    judge.send_before = true;
    kit_input(k, ann, "{\"type\":\"say\",\"channel\":\"room\",\"text\":\"hi\"}");
    while ((f = kit_next(k, ann, NULL)) && strcmp(kit_member(f, "type"), "notice") != 0)
        ;
    member_is(f, "sender", "Server");
    member_is(kit_next(k, ann, NULL), "type", "say");
}
END_TEST

START_TEST(a_repeated_id_does_nothing_and_gets_the_first_outcome)
{
    const char *once = "{\"type\":\"say\",\"id\":\"x\",\"channel\":\"room\",\"text\":\"hi\"}";
    parley_client ann2 = kit_connect(k, "ann", "");

    kit_input(k, ann, once);
    kit_input(k, ann, once);
    kit_input(k, ann2, once);
    ck_assert_int_eq(kit_frames(k, bob, "say"), 1);
    ck_assert_int_eq(kit_frames(k, ann, "ack"), 2);
    member_is(kit_last(k, ann2, "ack"), "payload.cacheID", "1");
    member_is(kit_last(k, ann, "ack"), "payload.offset", "1");
    kit_input(k, bob, once); /* another user's id is another id */
    ck_assert_int_eq(kit_frames(k, bob, "say"), 2);
    kit_advance_ms(k, 121 * 1000); /* past the window */
    kit_input(k, ann, once);
    ck_assert_int_eq(kit_frames(k, bob, "say"), 3);
}
END_TEST

START_TEST(a_refusal_is_remembered_unless_it_says_later)
{
    const char *once = "{\"type\":\"say\",\"id\":\"x\",\"channel\":\"room\",\"text\":\"hi\"}";
    const char *again = "{\"type\":\"say\",\"id\":\"y\",\"channel\":\"room\",\"text\":\"hi\"}";

    judge.verdict = PARLEY_REJECT; /* the first: for good; the second: with retry_after_ms */
    kit_input(k, ann, once);
    kit_input(k, ann, again);
    member_is(kit_last(k, ann, "error"), "payload.retry_after_ms", "1500");
    judge.verdict = PARLEY_PASS;
    kit_input(k, ann, once);
    member_is(kit_last(k, ann, "error"), "payload.code", "rejected");
    ck_assert_int_eq(kit_frames(k, bob, "say"), 0);
    kit_input(k, ann, again);
    ck_assert_int_eq(kit_frames(k, bob, "say"), 1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("road");
    TCase *t = tcase_create("road");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, delivered_to_members_with_what_the_host_adds);
    tcase_add_test(t, ack_comes_after_its_message);
    tcase_add_test(t, no_ack_without_id);
    tcase_add_test(t, reject_tells_the_author_alone);
    tcase_add_test(t, drop_shows_it_to_its_author_alone);
    tcase_add_test(t, fail_follows_on_error);
    tcase_add_test(t, a_hold_that_holds_nothing_is_a_failure);
    tcase_add_test(t, texts_and_members_can_be_changed);
    tcase_add_test(t, where_it_goes_must_exist);
    tcase_add_test(t, whisper_reaches_every_connection_of_both_once);
    tcase_add_test(t, ephemeral_takes_no_number);
    tcase_add_test(t, what_nobody_routes_is_said);
    tcase_add_test(t, what_a_hook_sends_leaves_in_the_order_of_its_calls);
    tcase_add_test(t, a_repeated_id_does_nothing_and_gets_the_first_outcome);
    tcase_add_test(t, a_refusal_is_remembered_unless_it_says_later);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}

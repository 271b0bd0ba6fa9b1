/* The router: channels, whispers, typing, and that each connection gets a message once. */
#include "kit.h"

#include <check.h>
#include <stdlib.h>

#define INI                                                                           \
    "[type chat_message]\n[type private_chat_message]\n[type typing]\n[hub router]\n" \
    "[hub channels]\nlist = general, staff\nauto_join = general\n"

static kit *k;
static parley_client ada, ada2, bob, eve, board;

static void setup(void)
{
    k = kit_start(INI, NULL);
    ck_assert_msg(k != NULL, "%s", kit_refusal());
    ada = kit_connect_as(k, "u-ada", "Ada", "ChatClient", "");
    ada2 = kit_connect_as(k, "u-ada", "Ada", "ChatClient", "");
    bob = kit_connect_as(k, "u-bob", "Bob", "ChatClient", "");
    eve = kit_connect_as(k, "u-eve", "Eve", "ChatClient", "");
    board = kit_connect_as(k, "u-ada", "Ada", "WebClient", "admin");
}

static void teardown(void)
{
    ck_assert_int_eq(kit_close(k), 0);
}

START_TEST(what_has_a_channel_goes_to_its_members)
{
    kit_leave(k, eve, "general");
    ck_assert_int_eq(
        kit_input(k, ada, "{\"type\":\"chat_message\",\"channel\":\"general\",\"message\":\"hi\"}"),
        PARLEY_PASS);
    ck_assert_int_eq(kit_frames(k, ada, "chat_message"), 1);
    ck_assert_int_eq(kit_frames(k, ada2, "chat_message"), 1);
    ck_assert_int_eq(kit_frames(k, bob, "chat_message"), 1);
    ck_assert_int_eq(kit_frames(k, board, "chat_message"), 1);
    ck_assert_int_eq(kit_frames(k, eve, "chat_message"), 0);
}
END_TEST

START_TEST(a_whisper_goes_to_both_once_and_to_no_dashboard)
{
    const char *m;

    ck_assert_int_eq(kit_input(k, ada,
                               "{\"type\":\"private_chat_message\",\"recipient_id\":\"u-bob\","
                               "\"message\":\"psst\"}"),
                     PARLEY_PASS);
    m = kit_last(k, bob, "private_chat_message");
    ck_assert_ptr_nonnull(m);
    ck_assert_str_eq(kit_member(m, "sender"), "Ada");
    ck_assert_str_eq(kit_member(m, "payload.recipient"), "Bob");
    ck_assert_str_eq(kit_member(m, "payload.recipient_id"), "u-bob");
    ck_assert_str_eq(kit_member(m, "payload.owner_id"), "u-ada");
    ck_assert_str_eq(kit_member(m, "payload.cacheID"), "1");
    ck_assert_ptr_null(kit_member(m, "payload.offset"));
    ck_assert_int_eq(kit_frames(k, bob, "private_chat_message"), 1);
    ck_assert_int_eq(kit_frames(k, ada, "private_chat_message"), 1);
    ck_assert_int_eq(kit_frames(k, ada2, "private_chat_message"), 1);
    ck_assert_int_eq(kit_frames(k, eve, "private_chat_message"), 0);
    ck_assert_int_eq(kit_frames(k, board, "private_chat_message"), 0);
}
END_TEST

START_TEST(a_whisper_to_oneself_comes_once)
{
    ck_assert_int_eq(kit_input(k, ada,
                               "{\"type\":\"private_chat_message\",\"recipient_id\":\"u-ada\","
                               "\"message\":\"note\"}"),
                     PARLEY_PASS);
    ck_assert_int_eq(kit_frames(k, ada, "private_chat_message"), 1);
    ck_assert_int_eq(kit_frames(k, ada2, "private_chat_message"), 1);
    ck_assert_int_eq(kit_frames(k, board, "private_chat_message"), 0);
}
END_TEST

START_TEST(a_forged_recipient_is_overwritten)
{
    kit_input(k, ada,
              "{\"type\":\"private_chat_message\",\"recipient_id\":\"u-bob\",\"message\":\"x\","
              "\"recipient\":\"Eve\"}");
    ck_assert_str_eq(kit_member(kit_last(k, bob, "private_chat_message"), "payload.recipient"),
                     "Bob");
    ck_assert_int_eq(kit_input(k, ada,
                               "{\"type\":\"private_chat_message\",\"recipient_id\":\"u-nobody\","
                               "\"message\":\"x\"}"),
                     PARLEY_REJECT);
    ck_assert_str_eq(kit_member(kit_last(k, ada, "error"), "payload.code"), "unknown_recipient");
}
END_TEST

START_TEST(typing_goes_to_the_others)
{
    const char *m;

    ck_assert_int_eq(kit_input(k, ada, "{\"type\":\"typing\",\"channel\":\"general\"}"),
                     PARLEY_PASS);
    m = kit_last(k, bob, "typing");
    ck_assert_str_eq(kit_member(m, "payload.username"), "Ada");
    ck_assert_str_eq(kit_member(m, "payload.channel"), "general");
    ck_assert_ptr_null(kit_member(m, "payload.cacheID"));
    ck_assert_ptr_null(kit_member(m, "payload.offset"));
    ck_assert_int_eq(kit_frames(k, ada, "typing"), 0);
    ck_assert_int_eq(kit_frames(k, ada2, "typing"), 0);
    ck_assert_int_eq(kit_input(k, ada, "{\"type\":\"typing\",\"channel\":\"staff\"}"),
                     PARLEY_REJECT);
    ck_assert_int_eq(kit_input(k, ada, "{\"type\":\"typing\"}"), PARLEY_REJECT);
}
END_TEST

START_TEST(wishes_are_left_to_those_who_grant_them)
{
    kit_close(k);
    k = kit_start(INI "[type resume]\n", NULL);
    ck_assert_msg(k != NULL, "%s", kit_refusal());
    ada = kit_connect(k, "ada", "");
    bob = kit_connect(k, "bob", "");
    ck_assert_int_eq(
        kit_input(k, ada,
                  "{\"type\":\"resume\",\"channel\":\"general\",\"epoch\":\"x\",\"offset\":0}"),
        PARLEY_REJECT);
    ck_assert_str_eq(kit_member(kit_last(k, ada, "error"), "payload.code"), "unavailable");
    ck_assert_int_eq(kit_frames(k, bob, "resume"), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("router");
    TCase *t = tcase_create("router");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, what_has_a_channel_goes_to_its_members);
    tcase_add_test(t, a_whisper_goes_to_both_once_and_to_no_dashboard);
    tcase_add_test(t, a_whisper_to_oneself_comes_once);
    tcase_add_test(t, a_forged_recipient_is_overwritten);
    tcase_add_test(t, typing_goes_to_the_others);
    tcase_add_test(t, wishes_are_left_to_those_who_grant_them);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

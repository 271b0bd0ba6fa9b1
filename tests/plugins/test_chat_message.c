/* chat_message and private_chat_message: the length that the INI allows, and what says nothing. */
#include "kit.h"

#include <check.h>
#include <stdlib.h>

#define HUBS "[hub router]\n[hub channels]\nlist = general\nauto_join = *\n"

static kit *k;
static parley_client ada;

static void start(const char *ini)
{
    k = kit_start(ini, NULL);
    ck_assert_msg(k != NULL, "%s", kit_refusal());
    ada = kit_connect(k, "ada", "");
}

static parley_verdict say(const char *text)
{
    static char frame[80000];

    snprintf(frame, sizeof frame,
             "{\"type\":\"chat_message\",\"channel\":\"general\",\"message\":\"%s\"}", text);
    return kit_input(k, ada, frame);
}

static parley_verdict whisper(const char *text)
{
    static char frame[80000];

    snprintf(frame, sizeof frame,
             "{\"type\":\"private_chat_message\",\"recipient_id\":\"ada\",\"message\":\"%s\"}",
             text);
    return kit_input(k, ada, frame);
}

static const char *repeat(const char *s, int n)
{
    static char text[70000];

    text[0] = 0;
    for (char *at = text; n--; at += strlen(s))
        memcpy(at, s, strlen(s) + 1);
    return text;
}

START_TEST(length_is_counted_in_characters)
{
    start(
        "[type chat_message]\nmax_length = 3\n[type private_chat_message]\nmax_length = 2\n" HUBS);
    ck_assert_int_eq(say("abc"), PARLEY_PASS);
    ck_assert_int_eq(say("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"), PARLEY_PASS);
    ck_assert_int_eq(say("\\ud83d\\ude00ab"), PARLEY_PASS);
    ck_assert_int_eq(say("abcd"), PARLEY_REJECT);
    ck_assert_str_eq(kit_member(kit_last(k, ada, "error"), "payload.message"),
                     "'message' may have 3 characters, not more");
    ck_assert_int_eq(say("\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80"),
                     PARLEY_REJECT);
    ck_assert_int_eq(say(""), PARLEY_REJECT);
    ck_assert_int_eq(whisper("ab"), PARLEY_PASS);
    ck_assert_int_eq(whisper("abc"), PARLEY_REJECT);
    kit_close(k);
}
END_TEST

START_TEST(the_default_is_1000_and_the_most_16000)
{
    start("[type chat_message]\n" HUBS);
    ck_assert_int_eq(say(repeat("\xe2\x82\xac", 1000)), PARLEY_PASS);
    ck_assert_int_eq(say(repeat("a", 1001)), PARLEY_REJECT);
    kit_close(k);
    start("[type chat_message]\nmax_length = 16000\n" HUBS);
    ck_assert_int_eq(say(repeat("a", 16000)), PARLEY_PASS);
    ck_assert_int_eq(say(repeat("a", 16001)), PARLEY_REJECT);
    kit_close(k);
    ck_assert_ptr_null(kit_start("[type chat_message]\nmax_length = 16001\n", NULL));
    ck_assert_ptr_nonnull(strstr(kit_refusal(), "max_length"));
}
END_TEST

START_TEST(white_space_says_nothing)
{
    static const char *const blank[] = {" ",
                                        "\\t\\n\\r \\u000b",
                                        "\xc2\xa0\xc2\x85",
                                        "\xe2\x80\x83\xe3\x80\x80\xe1\x9a\x80",
                                        "\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaf\xe2\x81\x9f",
                                        "\xe2\x80\x8b\xef\xbb\xbf"};
    static const char *const seen[] = {" a ",          "\xc2\xa1",         "\xe2\x80\x94",
                                       "\xe3\x80\x81", "\xf0\x9f\x98\x80", "\xe2\x80\x83."};

    start("[type chat_message]\n[type private_chat_message]\n" HUBS);
    for (size_t i = 0; i < sizeof blank / sizeof *blank; i++) {
        ck_assert_msg(say(blank[i]) == PARLEY_REJECT, "%zu", i);
        ck_assert_str_eq(kit_member(kit_last(k, ada, "error"), "payload.code"), "invalid_message");
        ck_assert_msg(whisper(blank[i]) == PARLEY_REJECT, "%zu", i);
    }
    for (size_t i = 0; i < sizeof seen / sizeof *seen; i++) {
        ck_assert_msg(say(seen[i]) == PARLEY_PASS, "%zu", i);
        ck_assert_msg(whisper(seen[i]) == PARLEY_PASS, "%zu", i);
    }
    kit_close(k);
}
END_TEST

START_TEST(payloads_hold_what_is_told_and_no_more)
{
    const char *m;

    start("[type chat_message]\n[type private_chat_message]\n" HUBS);
    kit_input(k, ada,
              "{\"type\":\"chat_message\",\"channel\":\"general\",\"message\":\" hi \","
              "\"owner_id\":\"eve\",\"cacheID\":9,\"more\":1}");
    m = kit_last(k, ada, "chat_message");
    ck_assert_str_eq(kit_member(m, "payload.message"), " hi ");
    ck_assert_str_eq(kit_member(m, "payload.owner_id"), "ada");
    ck_assert_str_eq(kit_member(m, "payload.cacheID"), "1");
    ck_assert_ptr_null(kit_member(m, "payload.more"));
    ck_assert_int_eq(kit_input(k, ada, "{\"type\":\"chat_message\",\"message\":\"hi\"}"),
                     PARLEY_REJECT);
    ck_assert_int_eq(kit_input(k, ada, "{\"type\":\"private_chat_message\",\"message\":\"hi\"}"),
                     PARLEY_REJECT);
    kit_close(k);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("chat_message");
    TCase *t = tcase_create("chat_message");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_add_test(t, length_is_counted_in_characters);
    tcase_add_test(t, the_default_is_1000_and_the_most_16000);
    tcase_add_test(t, white_space_says_nothing);
    tcase_add_test(t, payloads_hold_what_is_told_and_no_more);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

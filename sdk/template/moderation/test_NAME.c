/* What @NAME@ refuses, and what it lets pass. */
#include <parley/kit.h>

#include <check.h>
#include <stdlib.h>

#define CHAT "[type chat_message]\n[hub router]\n"

static parley_verdict say(kit *k, parley_client c, const char *channel, const char *text)
{
    char json[256];

    snprintf(json, sizeof json, "{\"type\":\"chat_message\",\"channel\":\"%s\",\"message\":\"%s\"}", channel, text);
    return kit_input(k, c, json);
}

START_TEST(words_are_refused)
{
    kit *k = kit_start("[hub @NAME@]\nwords = darn, heck\n[hub @NAME@ in random]\nwords =\n" CHAT, NULL);
    parley_client ann, bob;

    ck_assert_msg(k != NULL, "%s", kit_refusal());
    ann = kit_connect(k, "ann", "");
    bob = kit_connect(k, "bob", "");
    kit_join(k, ann, "general");
    kit_join(k, bob, "general");
    kit_join(k, ann, "random");
    ck_assert_int_eq(say(k, ann, "general", "hello"), PARLEY_PASS);
    ck_assert_str_eq(kit_member(kit_last(k, bob, "chat_message"), "payload.message"), "hello");
    ck_assert_int_eq(say(k, ann, "general", "oh, HECK"), PARLEY_REJECT);
    ck_assert_str_eq(kit_member(kit_last(k, ann, "error"), "payload.message"), "'heck' is not said here.");
    ck_assert_ptr_null(kit_last(k, bob, "chat_message"));
    ck_assert_int_eq(say(k, ann, "random", "oh, heck"), PARLEY_PASS);
    ck_assert_int_eq(kit_close(k), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("@NAME@");
    TCase *t = tcase_create("@NAME@");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_add_test(t, words_are_refused);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

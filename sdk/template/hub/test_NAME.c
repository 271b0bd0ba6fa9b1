/* When @NAME@ tells a channel how much was said. */
#include <parley/kit.h>

#include <check.h>
#include <stdlib.h>

#define CHAT "[type chat_message]\n[hub router]\n"
#define HI   "{\"type\":\"chat_message\",\"channel\":\"general\",\"message\":\"hi\"}"

START_TEST(every_third_message)
{
    kit *k = kit_start("[hub @NAME@]\nevery = 3\n" CHAT, NULL);
    parley_client ann;

    ck_assert_msg(k != NULL, "%s", kit_refusal());
    ann = kit_connect(k, "ann", "");
    kit_join(k, ann, "general");
    for (int i = 1; i <= 6; i++) {
        ck_assert_int_eq(kit_input(k, ann, HI), PARLEY_PASS);
        ck_assert_int_eq(kit_frames(k, ann, "@NAME@"), i / 3);
    }
    ck_assert_str_eq(kit_member(kit_last(k, ann, "@NAME@"), "payload.messages"), "6");
    ck_assert_double_eq(kit_metric(k, "@NAME@", "told"), 2);
    ck_assert_int_eq(kit_close(k), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("@NAME@");
    TCase *t = tcase_create("@NAME@");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_add_test(t, every_third_message);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

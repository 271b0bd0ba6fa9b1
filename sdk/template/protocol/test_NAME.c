/* How @NAME@ reads and writes. */
#include <parley/kit.h>

#include <check.h>
#include <stdlib.h>

START_TEST(lists_in_and_out)
{
    kit *k = kit_start("[protocol @NAME@]\n[type chat_message]\n[hub router]\n", NULL);
    parley_client ann, bob;
    const char *frame;

    ck_assert_msg(k != NULL, "%s", kit_refusal());
    ann = kit_connect(k, "ann", "");
    bob = kit_connect(k, "bob", "");
    kit_join(k, ann, "general");
    kit_join(k, bob, "general");
    ck_assert_int_eq(kit_input(k, ann, "[\"chat_message\",{\"channel\":\"general\",\"message\":\"hi\"},\"m1\"]"), PARLEY_PASS);
    frame = kit_next(k, bob, NULL);
    ck_assert_msg(strncmp(frame, "[\"chat_message\",\"ann\",{", 23) == 0, "%s", frame);
    ck_assert_str_eq(kit_member(frame, "2.message"), "hi");
    kit_next(k, ann, NULL); /* his own message comes before the ack */
    ck_assert_str_eq(kit_next(k, ann, NULL), "[\"ack\",\"m1\",1]");
    ck_assert_int_eq(kit_input(k, ann, "{\"type\":\"chat_message\"}"), PARLEY_REJECT);
    ck_assert_str_eq(kit_member(kit_next(k, ann, NULL), "2"), "invalid_message");
    ck_assert_int_eq(kit_input(k, ann, "not JSON"), PARLEY_REJECT);
    ck_assert_int_eq(kit_close(k), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("@NAME@");
    TCase *t = tcase_create("@NAME@");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_add_test(t, lists_in_and_out);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

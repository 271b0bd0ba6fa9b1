/* What a @NAME@ may be, and what becomes of it. */
#include <parley/kit.h>

#include <check.h>
#include <stdlib.h>

START_TEST(stars)
{
    kit *k = kit_start("[type @NAME@]\nleast_stars = 2\n[hub router]\n", NULL);
    parley_client ann, bob;
    const char *frame;

    ck_assert_msg(k != NULL, "%s", kit_refusal());
    ann = kit_connect(k, "ann", "");
    bob = kit_connect(k, "bob", "");
    kit_join(k, ann, "general");
    kit_join(k, bob, "general");
    ck_assert_int_eq(kit_input(k, ann, "{\"type\":\"@NAME@\",\"channel\":\"general\",\"text\":\"hi\"}"), PARLEY_PASS);
    frame = kit_last(k, bob, "@NAME@");
    ck_assert_str_eq(kit_member(frame, "payload.text"), "hi");
    ck_assert_str_eq(kit_member(frame, "payload.stars"), "5");
    ck_assert_str_eq(kit_member(frame, "payload.username"), "ann");
    ck_assert_int_eq(kit_input(k, ann, "{\"type\":\"@NAME@\",\"channel\":\"general\",\"text\":\"hi\",\"stars\":1}"), PARLEY_REJECT);
    ck_assert_str_eq(kit_member(kit_last(k, ann, "error"), "payload.message"), "'stars' must be 2 here, or more");
    ck_assert_int_eq(kit_close(k), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("@NAME@");
    TCase *t = tcase_create("@NAME@");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_add_test(t, stars);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

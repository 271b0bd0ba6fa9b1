/* Whom @NAME@ lets in. */
#include <parley/auth.h>
#include <parley/kit.h>

#include <check.h>
#include <stdlib.h>

START_TEST(the_password)
{
    kit *k = kit_start("[auth @NAME@]\npassword = open sesame\n", NULL);
    const char *said;

    ck_assert_msg(k != NULL, "%s", kit_refusal());
    ck_assert_int_eq(kit_login(k, NULL, "name=ann&password=open%20sesame", &said), PARLEY_ADMIT);
    ck_assert_str_eq(said, "ann");
    ck_assert_int_eq(kit_login(k, NULL, "name=ann&password=open%20sesam", &said), PARLEY_REFUSE);
    ck_assert_str_eq(said, "The password is wrong.");
    ck_assert_int_eq(kit_login(k, NULL, "name=ann&password=", &said), PARLEY_REFUSE);
    ck_assert_int_eq(kit_login(k, NULL, "name=&password=open%20sesame", &said), PARLEY_REFUSE);
    ck_assert_int_eq(kit_login(k, NULL, "name=ann", &said), PARLEY_NOT_MINE);
    ck_assert_int_eq(kit_close(k), 0);
}
END_TEST

START_TEST(without_a_password_it_does_not_start)
{
    ck_assert_ptr_null(kit_start("[auth @NAME@]\n", NULL));
    ck_assert_ptr_nonnull(strstr(kit_refusal(), "'password' is missing"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("@NAME@");
    TCase *t = tcase_create("@NAME@");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_add_test(t, the_password);
    tcase_add_test(t, without_a_password_it_does_not_start);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

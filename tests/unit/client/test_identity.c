/* Identities: all of it copied, roles found, dashboards told by their app. */
#include "base/str.h"
#include "loop/mail.h"

#include <parley/auth.h>

#include <check.h>
#include <stdlib.h>

static struct parley_identity alice(parley_str *roles)
{
    return (struct parley_identity){.struct_size = sizeof(struct parley_identity),
                                    .user = PARLEY_STR("0001"),
                                    .username = PARLEY_STR("Alice"),
                                    .issuer = PARLEY_STR("https://sso"),
                                    .app = PARLEY_STR("WebClient"),
                                    .roles = {roles, 2},
                                    .expires_unix_ms = 1234567890123,
                                    .close_on_expiry = true};
}

START_TEST(all_is_copied)
{
    char admin[] = "admin";
    parley_str roles[2] = {{admin, 5}, PARLEY_STR("user")};
    struct parley_identity from = alice(roles);
    struct identity *i = identity_new(&from, NULL);

    memset(admin, 'x', 5);
    ck_assert(str_is(identity_user(i), "0001"));
    ck_assert(str_is(identity_username(i), "Alice"));
    ck_assert(str_is(identity_issuer(i), "https://sso"));
    ck_assert(str_is(identity_app(i), "WebClient"));
    ck_assert_int_eq(identity_app(i).p[identity_app(i).n], 0);
    ck_assert_uint_eq(i->role_count, 2);
    ck_assert(str_is(i->roles[0], "admin"));
    ck_assert(str_is(i->roles[1], "user"));
    ck_assert_int_eq(i->expires_unix_ms, 1234567890123);
    ck_assert(i->close_on_expiry);
    ck_assert(!i->dashboard);
    ck_assert_ptr_eq(identity_ref(i), i);
    identity_unref(i);
    ck_assert(str_is(identity_user(i), "0001"));
    identity_unref(i);
    identity_unref(NULL);
}
END_TEST

START_TEST(absent_stays_absent)
{
    struct parley_identity from = {
        .struct_size = sizeof from, .user = PARLEY_STR("bob"), .username = PARLEY_STR("")};
    parley_str app = PARLEY_STR("WebClient");
    struct identity *i = identity_new(&from, &(parley_list){&app, 1});

    ck_assert_ptr_null(identity_issuer(i).p);
    ck_assert_ptr_null(identity_app(i).p);
    ck_assert_ptr_nonnull(identity_username(i).p);
    ck_assert_uint_eq(i->role_count, 0);
    ck_assert(!i->dashboard);
    identity_unref(i);
}
END_TEST

/* Built with an SDK that ended before `roles`: what lies behind is not ours to read. */
START_TEST(older_struct)
{
    parley_str roles[2] = {PARLEY_STR("admin"), PARLEY_STR("user")};
    struct parley_identity from = alice(roles);
    struct identity *i;

    from.struct_size = offsetof(struct parley_identity, roles);
    i = identity_new(&from, NULL);
    ck_assert(str_is(identity_app(i), "WebClient"));
    ck_assert_uint_eq(i->role_count, 0);
    ck_assert_int_eq(i->expires_unix_ms, 0);
    ck_assert(!i->close_on_expiry);
    identity_unref(i);
}
END_TEST

static parley_str text_of(size_t n)
{
    static char text[IDENTITY_MOST + 2];

    memset(text, 'x', n);
    text[n] = 0;
    return (parley_str){text, n};
}

START_TEST(texts_have_a_bound)
{
    parley_str *roles = calloc(IDENTITY_MOST + 1, sizeof *roles);
    struct parley_identity from = alice(NULL);
    struct identity *i;

    from.roles = (parley_list){roles, IDENTITY_MOST};
    from.issuer = text_of(IDENTITY_MOST);
    i = identity_new(&from, NULL);
    ck_assert_uint_eq(identity_issuer(i).n, IDENTITY_MOST);
    ck_assert(str_is(identity_app(i), "WebClient"));
    ck_assert_uint_eq(i->role_count, IDENTITY_MOST);
    identity_unref(i);
    from.issuer = text_of(IDENTITY_MOST + 1);
    ck_assert_ptr_null(identity_new(&from, NULL));
    from.issuer = PARLEY_NONE;
    from.roles.n++;
    ck_assert_ptr_null(identity_new(&from, NULL));
    free(roles);
}
END_TEST

START_TEST(dashboards_and_roles)
{
    parley_str roles[2] = {PARLEY_STR("admin"), PARLEY_STR("user")};
    parley_str apps[2] = {PARLEY_STR("Other"), PARLEY_STR("WebClient")};
    parley_str none = PARLEY_STR("Admin"), one = PARLEY_STR("user");
    struct parley_identity from = alice(roles);
    struct identity *i = identity_new(&from, &(parley_list){apps, 2});

    ck_assert(i->dashboard);
    ck_assert(identity_has_role(i, &(parley_list){&one, 1}));
    ck_assert(!identity_has_role(i, &(parley_list){&none, 1}));
    ck_assert(!identity_has_role(i, &(parley_list){NULL, 0}));
    identity_unref(i);
    i = identity_new(&from, &(parley_list){apps, 1});
    ck_assert(!i->dashboard);
    identity_unref(i);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("identity");
    TCase *t = tcase_create("identity");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_add_test(t, all_is_copied);
    tcase_add_test(t, absent_stays_absent);
    tcase_add_test(t, older_struct);
    tcase_add_test(t, texts_have_a_bound);
    tcase_add_test(t, dashboards_and_roles);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Logins: the order in which authenticators are asked, what they may answer, and whom they may let
 * in. */
#include "scripted_auth.h"

START_TEST(sections_in_order)
{
    struct login *l = with_bearer("t");

    script[1].admit = true;
    script[1].answer = PARLEY_ADMIT;
    ck_assert_int_eq(login_check(logins, l), PARLEY_ADMIT);
    ck_assert_str_eq(identity_user(l->identity).p, "test:u-1");
    ck_assert_str_eq(identity_username(l->identity).p, "anna");
    ck_assert_int_eq(script[0].asked, 1);
    ck_assert_int_eq(script[1].asked, 1);
    ck_assert_int_eq(script[2].asked, 0);
    login_free(l);
}
END_TEST

static parley_answer_at_door admitted_by(size_t section, struct login *l, parley_str user)
{
    memset(script, 0, sizeof script);
    script[section].admit = true;
    script[section].answer = PARLEY_ADMIT;
    script[section].identity = (parley_identity){.struct_size = sizeof(parley_identity),
                                                 .user = user,
                                                 .username = PARLEY_STR("n"),
                                                 .issuer = PARLEY_STR("https://sso")};
    return login_check(logins, l);
}

START_TEST(users_of_later_sections_are_told_apart)
{
    static char long_name[256];
    struct login *l = with_bearer("t");

    instance[0].name = (char *)(uintptr_t) "open";
    instance[1].name = (char *)(uintptr_t) "jwt";
    instance[2].name = (char *)(uintptr_t) "guests";
    ck_assert_int_eq(admitted_by(0, l, PARLEY_STR("7")), PARLEY_ADMIT);
    ck_assert_str_eq(identity_user(l->identity).p, "7");
    ck_assert_int_eq(admitted_by(1, l, PARLEY_STR("7")), PARLEY_ADMIT);
    ck_assert_str_eq(identity_user(l->identity).p, "jwt:7");
    ck_assert_uint_eq(identity_user(l->identity).n, 5);
    ck_assert_str_eq(identity_username(l->identity).p, "n");
    ck_assert_str_eq(identity_issuer(l->identity).p, "https://sso");
    l->later_section = 0;
    ck_assert_int_eq(admitted_by(2, l, PARLEY_STR("jwt:7")), PARLEY_ADMIT);
    ck_assert_str_eq(identity_user(l->identity).p, "guests:jwt:7");
    /* Where anybody may call himself what he likes, he may not call himself that. */
    l->later_section = 0;
    ck_assert_int_eq(admitted_by(0, l, PARLEY_STR("jwt:7")), PARLEY_REFUSE);
    ck_assert_int_eq(admitted_by(0, l, PARLEY_STR("guests:")), PARLEY_REFUSE);
    ck_assert_int_eq(admitted_by(0, l, PARLEY_STR("jwt7")), PARLEY_ADMIT);
    ck_assert_int_eq(admitted_by(0, l, PARLEY_STR("jwt")), PARLEY_ADMIT);
    ck_assert_int_eq(admitted_by(0, l, PARLEY_STR("open:7")), PARLEY_ADMIT);
    memset(long_name, 'a', 251);
    ck_assert_int_eq(admitted_by(1, l, (parley_str){long_name, 251}), PARLEY_ADMIT);
    ck_assert_uint_eq(identity_user(l->identity).n, 255);
    long_name[251] = 'a';
    ck_assert_int_eq(admitted_by(1, l, (parley_str){long_name, 252}), PARLEY_REFUSE);
    ck_assert_ptr_nonnull(strstr(l->why, "too long"));
    login_free(l);
}
END_TEST

START_TEST(credentials_or_none)
{
    struct login *none = login_new(PARLEY_NONE, NULL, 0, NULL), *some = with_bearer("t");

    ck_assert_int_eq(login_check(logins, none), PARLEY_NOT_MINE);
    ck_assert_int_eq(login_check(logins, some), PARLEY_REFUSE);
    ck_assert_str_ne(some->why, "");
    /* A section that says why it is not its business is heard if nobody else takes it. */
    script[0].why = "another issuer";
    ck_assert_int_eq(login_check(logins, none), PARLEY_REFUSE);
    ck_assert_str_eq(none->why, "another issuer");
    script[2].admit = true;
    script[2].answer = PARLEY_ADMIT;
    ck_assert_int_eq(login_check(logins, none), PARLEY_ADMIT);
    login_free(none);
    login_free(some);
}
END_TEST

START_TEST(a_refusal_is_final)
{
    struct login *l = with_bearer("t");

    script[0].answer = PARLEY_REFUSE;
    script[0].why = "expired\r\n\x1b[2J";
    ck_assert_int_eq(login_check(logins, l), PARLEY_REFUSE);
    ck_assert_int_eq(script[1].asked, 0);
    ck_assert_ptr_nonnull(strstr(l->why, "expired"));
    ck_assert_ptr_null(strpbrk(l->why, "\r\n\x1b"));
    ck_assert_ptr_null(l->identity);
    login_free(l);
}
END_TEST

START_TEST(what_a_plugin_reads)
{
    char bearer[] = "token", name[] = "name", value[] = "anna", address[] = "::1";
    struct login_query q[] = {{str_of(name), str_of(value)}, {PARLEY_STR("empty"), PARLEY_STR("")}};
    struct login *l = login_new(str_of(bearer), q, 2, address);

    memset(bearer, 'x', 5);
    memset(name, 'x', 4);
    memset(value, 'x', 4);
    memset(address, 'x', 3);
    ck_assert_str_eq(parley_login_bearer(&l->pub).p, "token");
    ck_assert_str_eq(parley_login_query(&l->pub, "name").p, "anna");
    ck_assert_str_eq(parley_login_query(&l->pub, "empty").p, "");
    ck_assert_ptr_null(parley_login_query(&l->pub, "other").p);
    ck_assert_str_eq(parley_login_address(&l->pub).p, "::1");
    login_free(l);
    l = login_new(PARLEY_NONE, NULL, 0, NULL);
    ck_assert_ptr_null(parley_login_bearer(&l->pub).p);
    ck_assert_ptr_null(parley_login_address(&l->pub).p);
    login_free(l);
    login_free(NULL);
}
END_TEST

static char long_text[300];
static parley_str text_of(size_t n)
{
    memset(long_text, 'a', sizeof long_text);
    long_text[n] = 0;
    return (parley_str){long_text, n};
}

START_TEST(identities_are_checked)
{
    static const struct {
        parley_str user, username;
        bool good;
    } cases[] = {
        {{"u", 1}, {"n", 1}, true},          {{"u", 1}, {"J\xc3\xb6rg", 5}, true},
        {{"u", 1}, {"\xc2\xa0x", 3}, true},  {{"u", 1}, {NULL, 0}, false},
        {{NULL, 0}, {"n", 1}, false},        {{"", 0}, {"n", 1}, false},
        {{"u", 1}, {"", 0}, false},          {{"u", 1}, {"a\nb", 3}, false},
        {{"a\x1b", 2}, {"n", 1}, false},     {{"u", 1}, {"a\x7f", 2}, false},
        {{"u", 1}, {"a\xc2\x85", 3}, false}, {{"u", 1}, {"\xc0\xaf", 2}, false},
        {{"u\xff", 2}, {"n", 1}, false},     {{"u", 1}, {"a\0b", 3}, false},
    };
    static char endless[IDENTITY_MOST + 2];
    struct login *l = with_bearer("t");
    parley_identity *i = &script[0].identity;

    script[0].admit = true;
    script[0].answer = PARLEY_ADMIT;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        i->user = cases[k].user;
        i->username = cases[k].username;
        ck_assert_msg((login_check(logins, l) == PARLEY_ADMIT) == cases[k].good, "case %zu", k);
        ck_assert((l->identity != NULL) == cases[k].good);
        ck_assert((l->why[0] != 0) != cases[k].good);
    }
    i->user = text_of(255);
    i->username = PARLEY_STR("n");
    ck_assert_int_eq(login_check(logins, l), PARLEY_ADMIT);
    i->user = text_of(256);
    ck_assert_int_eq(login_check(logins, l), PARLEY_REFUSE);
    i->user = PARLEY_STR("u");
    i->username = text_of(64);
    ck_assert_int_eq(login_check(logins, l), PARLEY_ADMIT);
    i->username = text_of(65);
    ck_assert_int_eq(login_check(logins, l), PARLEY_REFUSE);
    i->username = PARLEY_STR("n");
    i->app = PARLEY_STR("a\n");
    ck_assert_int_eq(login_check(logins, l), PARLEY_REFUSE);
    memset(endless, 'a', sizeof endless - 1);
    i->app = str_of(endless);
    ck_assert_int_eq(login_check(logins, l), PARLEY_REFUSE);
    ck_assert_ptr_nonnull(strstr(l->why, "too long"));
    i->app = PARLEY_NONE;
    i->roles = (parley_list){(parley_str[]){PARLEY_STR("ok"), PARLEY_STR("\xff")}, 2};
    ck_assert_int_eq(login_check(logins, l), PARLEY_REFUSE);
    login_free(l);
}
END_TEST

START_TEST(identities_are_copied)
{
    static const parley_str roles[] = {{"admin", 5}, {"user", 4}};
    struct login *l = with_bearer("t");
    parley_identity *i = &script[0].identity;

    script[0].admit = true;
    script[0].answer = PARLEY_ADMIT;
    i->app = PARLEY_STR("WebClient");
    i->issuer = PARLEY_STR("https://sso");
    i->roles = (parley_list){roles, 2};
    i->expires_unix_ms = 77;
    i->close_on_expiry = true;
    ck_assert_int_eq(login_check(logins, l), PARLEY_ADMIT);
    ck_assert(l->identity->dashboard);
    ck_assert(l->identity->close_on_expiry);
    ck_assert_int_eq(l->identity->expires_unix_ms, 77);
    ck_assert_str_eq(identity_issuer(l->identity).p, "https://sso");
    ck_assert_uint_eq(l->identity->role_count, 2);
    /* A plugin of an older SDK: what lies behind its struct is not read. */
    i->struct_size = offsetof(parley_identity, app);
    ck_assert_int_eq(login_check(logins, l), PARLEY_ADMIT);
    ck_assert(!l->identity->dashboard);
    ck_assert_ptr_null(identity_app(l->identity).p);
    ck_assert_uint_eq(l->identity->role_count, 0);
    ck_assert_int_eq(l->identity->expires_unix_ms, 0);
    i->struct_size = offsetof(parley_identity, username);
    ck_assert_int_eq(login_check(logins, l), PARLEY_REFUSE);
    login_free(l);
}
END_TEST

START_TEST(answers_against_the_contract)
{
    static const parley_answer_at_door bad[] = {PARLEY_ADMIT, -1, 4, 1000};
    struct login *l = with_bearer("t");

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        script[0].answer = bad[i]; /* without having called anything */
        ck_assert_int_eq(login_check(logins, l), PARLEY_REFUSE);
        ck_assert_str_ne(l->why, "");
    }
    script[0].admit = true; /* called admit, and said something else */
    script[0].answer = PARLEY_REFUSE;
    ck_assert_int_eq(login_check(logins, l), PARLEY_REFUSE);
    ck_assert_ptr_null(l->identity);
    script[0].answer = PARLEY_LATER;
    ck_assert_int_eq(login_check(logins, l), PARLEY_LATER);
    ck_assert_ptr_null(l->identity);
    login_free(l);
}
END_TEST

int main(void)
{
    TCase *c = tcase_create("door");

    tcase_add_test(c, sections_in_order);
    tcase_add_test(c, users_of_later_sections_are_told_apart);
    tcase_add_test(c, credentials_or_none);
    tcase_add_test(c, a_refusal_is_final);
    tcase_add_test(c, what_a_plugin_reads);
    tcase_add_test(c, identities_are_checked);
    tcase_add_test(c, identities_are_copied);
    tcase_add_test(c, answers_against_the_contract);
    return run_tests("login", c);
}

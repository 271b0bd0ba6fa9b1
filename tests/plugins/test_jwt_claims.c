/* The jwt authenticator at the door: what a token with a good signature must say, and must not. */
#include "fake_jwt.h"

struct claims_case {
    const char *patch, *why;
}; /* why NULL: admitted */

static void check_cases(struct fake *f, const struct claims_case *c, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (c[i].why)
            refused(f, token(&keys[KEY_ED], NULL, c[i].patch), c[i].why);
        else
            admitted(f, token(&keys[KEY_ED], NULL, c[i].patch));
}
#define CHECK_CASES(f, c) check_cases(f, c, sizeof(c) / sizeof *(c))

START_TEST(claims_that_must_not_be)
{
    static const struct claims_case cases[] = {
        {"{\"iss\":\"" ISSUER "/\"}", "another issuer"},
        {"{\"iss\":\"https://sso.example.org/realms/cha\"}", "another issuer"},
        {"{\"iss\":\"HTTPS://sso.example.org/realms/chat\"}", "another issuer"},
        {"{\"iss\":null}", "no issuer"},
        {"{\"iss\":[\"" ISSUER "\"]}", "no issuer"},
        {"{\"aud\":\"account\"}", "not for this server"},
        {"{\"aud\":\"parley2\"}", "not for this server"},
        {"{\"aud\":\"Parley\"}", "not for this server"},
        {"{\"aud\":null}", "not for this server"},
        {"{\"aud\":[]}", "not for this server"},
        {"{\"aud\":{\"parley\":1}}", "not for this server"},
        {"{\"aud\":{\"a\":\"parley\"}}", "not for this server"},
        {"{\"aud\":[[\"parley\"]]}", "not for this server"},
        {"{\"aud\":[\"account\",\"parley\"]}", NULL},
        {"{\"exp\":null}", "when it expires"},
        {"{\"exp\":\"1900000000\"}", "when it expires"},
        {"{\"exp\":-1}", "when it expires"},
        {"{\"exp\":0}", "expired"},
        {"{\"exp\":1799999969}", "expired"},
        {"{\"exp\":1799999970}", "expired"},
        {"{\"exp\":1799999971}", NULL}, /* within the leeway of 30 s */
        {"{\"exp\":1800000300.5}", NULL},
        {"{\"exp\":1e300}", NULL},
        {"{\"exp\":9223372036854775807}", NULL},
        {"{\"nbf\":1800000031}", "not valid yet"},
        {"{\"nbf\":1800000030}", NULL},
        {"{\"nbf\":\"soon\"}", "malformed"},
        {"{\"iat\":1800000031}", "not valid yet"},
        {"{\"iat\":true}", "malformed"},
        {"{\"iat\":null}", NULL},
        {"{\"sub\":null}", "who the user is"},
        {"{\"sub\":\"\"}", "who the user is"},
        {"{\"sub\":7}", "who the user is"},
        {"{\"preferred_username\":null}", "is called"},
        {"{\"preferred_username\":\"\"}", "is called"},
        {"{\"azp\":7}", "client"},
        {"{\"azp\":null}", NULL},
        {"{\"realm_access\":{\"roles\":\"admin\"}}", NULL},
        {"{\"realm_access\":[]}", NULL},
    };
    struct fake *f = start();

    CHECK_CASES(f, cases);
    fake_free(f);
}
END_TEST

/* The same key signs ID tokens, refresh tokens and logout tokens. */
START_TEST(only_access_tokens)
{
    static const struct claims_case cases[] = {
        {"{\"typ\":\"ID\",\"aud\":\"parley\"}", "access token"},
        {"{\"typ\":\"Refresh\"}", "access token"},
        {"{\"typ\":\"Logout\"}", "access token"},
        {"{\"typ\":7}", "access token"},
        {"{\"nonce\":\"n\"}", "access token"},
        {"{\"at_hash\":\"n\"}", "access token"},
        {"{\"events\":{}}", "access token"},
        {"{\"typ\":\"Bearer\"}", NULL},
        {"{\"typ\":\"Bearer\",\"nonce\":\"n\"}", NULL}, /* older Keycloaks write it there too */
    };
    static const struct claims_case by_client[] = {
        {"{\"aud\":\"ChatClient\"}", "access token"}, /* for the client itself: an ID token */
        {"{\"aud\":[\"x\",\"ChatClient\"]}", "access token"},
        {"{\"aud\":\"ChatClient\",\"typ\":\"Bearer\"}", NULL},
        {"{\"aud\":\"account\"}", NULL},
        {"{\"aud\":null}", NULL},
    };
    struct fake *f = start();
    char *t = token(&keys[KEY_RSA], "{\"typ\":\"at+jwt\"}", "{\"nonce\":\"n\"}");

    CHECK_CASES(f, cases);
    admitted(f, t);
    fake_free(f);
    f = start_with(for_clients, jwks);
    CHECK_CASES(f, by_client);
    fake_free(f);
}
END_TEST

START_TEST(clients)
{
    static const struct claims_case cases[] = {
        {"{\"azp\":\"WebClient\"}", NULL},
        {"{\"azp\":\"Other\"}", "client"},
        {"{\"azp\":\"chatclient\"}", "client"},
        {"{\"azp\":null}", "client"},
        {"{\"azp\":null,\"client_id\":\"ChatClient\"}", NULL},
        {"{\"azp\":\"Other\",\"client_id\":\"ChatClient\"}",
         "client"}, /* the first that is there */
        {"{\"azp\":\"\"}", "client"},
    };
    struct fake *f = start_with(for_clients, jwks);

    CHECK_CASES(f, cases);
    fake_free(f);
}
END_TEST

START_TEST(claims_by_other_names)
{
    static const struct fake_option o[] = {{"audience", "other, parley"},
                                           {"user_claim", "oid"},
                                           {"username_claim", "name"},
                                           {"app_claims", "appid"},
                                           {"roles_claim", "https://x.example/roles"},
                                           {"on_expiry", "keep"},
                                           {"leeway", "0"},
                                           {0}};
    struct fake *f = start_with(o, jwks);
    struct fake_login l = admitted(f, token(&keys[KEY_EC], NULL,
                                            "{\"oid\":\"o1\",\"name\":\"Bo\",\"appid\":\"A\","
                                            "\"https://x.example/roles\":[\"r\",1,\"\",\"s\"]}"));

    ck_assert_str_eq(l.user, "o1");
    ck_assert_str_eq(l.username, "Bo");
    ck_assert_str_eq(l.app, "A");
    ck_assert_str_eq(l.roles, "r,s");
    ck_assert(!l.close_on_expiry);
    refused(f, token(&keys[KEY_EC], NULL, "{\"oid\":\"o\",\"name\":\"B\",\"exp\":1800000000}"),
            "expired");
    fake_free(f);
}
END_TEST

/* A list of strings, or none: what else stands there gives nobody a role. */
START_TEST(roles_that_are_no_list)
{
    static const char *const patches[] = {
        "{\"realm_access\":{\"roles\":{\"a\":\"admin\"}}}",
        "{\"realm_access\":{\"roles\":\"admin\"}}", "{\"realm_access\":{\"roles\":[]}}",
        "{\"realm_access\":{\"roles\":[[\"admin\"],null,1]}}", "{\"realm_access\":\"roles\"}"};
    struct fake *f = start();

    for (size_t i = 0; i < sizeof patches / sizeof *patches; i++)
        ck_assert_str_eq(admitted(f, token(&keys[KEY_ED], NULL, patches[i])).roles, "");
    fake_free(f);
}
END_TEST

/* Who is admitted within the leeway is not to be closed at once for the same expiry. */
START_TEST(expiry_in_the_leeway)
{
    struct fake *f = start();
    struct fake_login l = admitted(f, token(&keys[KEY_EC], NULL, "{\"exp\":1799999990}"));

    ck_assert_int_eq(l.expires_unix_ms, INT64_C(1800000020000));
    fake_free(f);
}
END_TEST

START_TEST(query_token)
{
    static const struct fake_option on[] = {{"audience", "parley"}, {"query_token", "yes"}, {0}};
    char *good = token(&keys[KEY_RSA], NULL, NULL),
         *bad = token(&keys[KEY_STRANGER], "{\"kid\":\"rsa\"}", NULL);
    struct fake_login l = {.query_name = "token", .query_value = good}, r;
    struct fake *f = start();

    ck_assert_int_eq(fake_ask(f, l).answer, PARLEY_NOT_MINE);
    fake_free(f);
    f = start_with(on, jwks);
    ck_assert_int_eq(fake_ask(f, l).answer, PARLEY_ADMIT);
    l.query_value = bad;
    r = fake_ask(f, l);
    ck_assert_int_eq(r.answer, PARLEY_REFUSE);
    assert_silent(f, bad, &r);
    l.query_value = good;
    l.bearer = bad; /* the header goes first */
    ck_assert_int_eq(fake_ask(f, l).answer, PARLEY_REFUSE);
    free(good);
    free(bad);
    fake_free(f);
}
END_TEST

int main(void)
{
    TCase *c = tcase_create("door");

    tcase_add_test(c, claims_that_must_not_be);
    tcase_add_test(c, only_access_tokens);
    tcase_add_test(c, clients);
    tcase_add_test(c, claims_by_other_names);
    tcase_add_test(c, roles_that_are_no_list);
    tcase_add_test(c, expiry_in_the_leeway);
    tcase_add_test(c, query_token);
    return run_tests(c);
}

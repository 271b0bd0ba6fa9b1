/* The jwt authenticator with its keys, tokens for it, and what a test says about them. One source
 * file includes it.
 */
#ifndef FAKE_JWT_H
#define FAKE_JWT_H
#include "fake_auth_host.h"
#include "fake_issuer.h"
#include "scratch.h"

#include <openssl/err.h>
#include <unistd.h>

#define ISSUER "https://sso.example.org/realms/chat"
#define NOW    1800000000

enum { KEY_RSA, KEY_EC, KEY_ED, KEY_STRANGER, KEYS };
static struct fake_key keys[KEYS]; /* made once: RSA keys take their time */
static char *jwks;

static inline char *header(const struct fake_key *k, const char *patch)
{
    return fake_patched(json_pack("{s:s,s:s,s:s}", "typ", "JWT", "alg", k->alg, "kid", k->kid),
                        patch);
}

static inline char *claims(const char *patch)
{
    return fake_patched(json_pack("{s:s,s:s,s:s,s:i,s:i,s:s,s:s,s:{s:[ss]}}", "iss", ISSUER, "sub",
                                  "u-1", "aud", "parley", "exp", NOW + 300, "iat", NOW - 5, "azp",
                                  "ChatClient", "preferred_username", "anna", "realm_access",
                                  "roles", "admin", "user"),
                        patch);
}

static inline char *token(const struct fake_key *k, const char *header_patch,
                          const char *claims_patch)
{
    char *h = header(k, header_patch), *c = claims(claims_patch), *t = fake_sign(k, h, c);

    free(h);
    free(c);
    return t;
}

/* With a key set in a file, so that it is there from the start. */
static inline struct fake *start_with(const struct fake_option *given, const char *key_set)
{
    struct fake_option all[16] = {{"issuer", ISSUER}};
    char path[SCRATCH_BYTES];
    int fd = scratch_file(path);
    size_t n = 1;
    struct fake *f;

    ck_assert_int_eq(write(fd, key_set, strlen(key_set)), (ssize_t)strlen(key_set));
    close(fd);
    all[n++] = (struct fake_option){"jwks", path};
    for (; given && given->name; given++)
        all[n++] = *given;
    f = fake_load("jwt", all);
    ck_assert_msg(fake_create(f) == 0, "%s", f->bad_option);
    ck_assert_int_eq(f->auth.start(&f->host), 0);
    unlink(path);
    return f;
}

static const struct fake_option for_audience[] = {{"audience", "parley"}, {0}};
static const struct fake_option for_clients[] = {{"clients", "ChatClient, WebClient"}, {0}};

static inline struct fake *start(void)
{
    return start_with(for_audience, jwks);
}

/* None of the parts of the token may be in what the plugin said, nor in what the client is told. */
static inline void assert_silent(struct fake *f, const char *t, const struct fake_login *l)
{
    char copy[32768], *at = copy;

    snprintf(copy, sizeof copy, "%s", t);
    for (char *part; (part = strsep(&at, "."));) {
        if (strlen(part) < 12)
            continue;
        part[strlen(part) < 40 ? strlen(part) : 40] = 0;
        ck_assert_ptr_null(strstr(f->transcript, part));
        ck_assert_ptr_null(strstr(l->why, part));
    }
}

/* A token of another kind or issuer is left to the next section, with words for the case that there
 * is none. */
static inline void refused(struct fake *f, char *take_token, const char *why)
{
    struct fake_login l = fake_check(f, take_token);

    ck_assert_msg(l.answer == PARLEY_REFUSE || l.answer == PARLEY_NOT_MINE, "answer %d for %s",
                  l.answer, why);
    ck_assert_msg(strstr(l.why, why) != NULL, "'%s' where '%s' was expected", l.why, why);
    ck_assert_uint_eq(ERR_peek_error(), 0);
    assert_silent(f, take_token, &l);
    free(take_token);
}

static inline struct fake_login admitted(struct fake *f, char *take_token)
{
    struct fake_login l = fake_check(f, take_token);

    ck_assert_msg(l.answer == PARLEY_ADMIT, "answer %d: %s", l.answer, l.why);
    ck_assert_uint_eq(ERR_peek_error(), 0);
    assert_silent(f, take_token, &l);
    free(take_token);
    return l;
}

#define URL       "https://sso.example.org/keys"
#define DISCOVERY ISSUER "/.well-known/openid-configuration"
#define COOLDOWN  30000

static inline struct fake *create_with(const char *name1, const char *value1, const char *name2,
                                       const char *value2)
{
    struct fake_option o[] = {{name1, value1}, {name2, value2}, {"audience", "parley"}, {0}, {0}};
    bool has_issuer = strcmp(name1, "issuer") == 0 || strcmp(name2, "issuer") == 0;
    struct fake *f;

    o[3] = has_issuer ? (struct fake_option){0} : (struct fake_option){"issuer", ISSUER};
    f = fake_load("jwt", o);
    return f;
}

static inline struct fake *start_from(const char *url)
{
    struct fake *f = create_with(url ? "jwks" : "leeway", url ? url : "30s", "leeway", "30s");

    ck_assert_msg(fake_create(f) == 0, "%s", f->bad_option);
    ck_assert_int_eq(f->fetch_count, 0);
    ck_assert_int_eq(f->auth.start(&f->host), 0);
    return f;
}

/* The answer to a token of that key that is good for five more minutes. */
static inline int ask(struct fake *f, const struct fake_key *k)
{
    struct fake_login l;
    char patch[64], *t;

    snprintf(patch, sizeof patch, "{\"exp\":%lld}", (long long)f->unix_ms / 1000 + 300);
    t = token(k, NULL, patch);
    l = fake_check(f, t);
    free(t);
    return l.answer;
}

static inline void wanted(struct fake *f)
{
    f->auth.wanted(&f->host, PARLEY_STR("x"));
}

static inline void make_keys(void)
{
    keys[KEY_RSA] = fake_key_new("RS256", "rsa");
    keys[KEY_EC] = fake_key_new("ES256", "ec");
    keys[KEY_ED] = fake_key_new("EdDSA", "ed");
    keys[KEY_STRANGER] = fake_key_new("RS256", "stranger");
    jwks = fake_jwks(keys, KEY_STRANGER);
}

static inline void free_keys(void)
{
    for (int i = 0; i < KEYS; i++)
        EVP_PKEY_free(keys[i].pkey);
    free(jwks);
}

static inline int run_tests(TCase *c)
{
    Suite *s = suite_create("jwt");
    SRunner *r;
    int failed;

    tcase_set_timeout(c, 30);
    tcase_add_unchecked_fixture(c, make_keys, free_keys);
    suite_add_tcase(s, c);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
#endif

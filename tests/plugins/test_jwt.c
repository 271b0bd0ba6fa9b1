/* The jwt authenticator at the door: good tokens of each algorithm, and every forgery of a
 * signature, a header or the JSON in it.
 */
#include "fake_jwt.h"

#include <openssl/hmac.h>
#include <openssl/pem.h>

START_TEST(every_algorithm_lets_in)
{
    struct fake *f = start();
    struct fake_login l = admitted(f, token(&keys[_i], NULL, NULL));

    ck_assert_str_eq(l.user, "u-1");
    ck_assert_str_eq(l.username, "anna");
    ck_assert_str_eq(l.issuer, ISSUER);
    ck_assert_str_eq(l.app, "ChatClient");
    ck_assert_str_eq(l.roles, "admin,user");
    ck_assert_int_eq(l.expires_unix_ms, (NOW + 300) * INT64_C(1000));
    ck_assert(l.close_on_expiry);
    fake_free(f);
}
END_TEST

START_TEST(no_credentials_are_not_ours)
{
    struct fake *f = start();
    struct fake_login l = fake_check(f, NULL);

    ck_assert_int_eq(l.answer, PARLEY_NOT_MINE);
    ck_assert_str_eq(l.why, "");
    fake_free(f);
}
END_TEST

START_TEST(foreign_tokens_are_left_to_the_next_section)
{
    struct fake *f = start();
    char *t = token(&keys[KEY_STRANGER], "{\"alg\":\"PS512\"}",
                    "{\"iss\":\"https://other.example.org\"}");

    ck_assert_int_eq(fake_check(f, t).answer, PARLEY_NOT_MINE);
    ck_assert_int_eq(fake_check(f, "an-opaque-token").answer, PARLEY_NOT_MINE);
    ck_assert_int_eq(fake_check(f, "").answer, PARLEY_NOT_MINE);
    ck_assert_int_eq(fake_check(f, "a.b.c.d.e").answer, PARLEY_NOT_MINE);
    ck_assert_int_eq(fake_check(f, "a.b.c").answer, PARLEY_REFUSE);
    free(t);
    fake_free(f);
}
END_TEST

/* --- signatures --- */
static char *with_signature(const char *header_text, const void *signature, size_t n)
{
    char *c = claims(NULL), *h64 = fake_base64url(header_text, strlen(header_text));
    char *c64 = fake_base64url(c, strlen(c)), *s64 = fake_base64url(signature, n);
    size_t room = strlen(h64) + strlen(c64) + strlen(s64) + 3;
    char *t = malloc(room);

    snprintf(t, room, "%s.%s.%s", h64, c64, s64);
    free(c);
    free(h64);
    free(c64);
    free(s64);
    return t;
}

START_TEST(alg_none_in_all_spellings)
{
    static const char *const spellings[] = {"none", "nOnE",  "NONE",   "None",
                                            "",     "rs256", "RS256 ", "RS512"};
    struct fake *f = start();
    char text[128];

    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
        snprintf(text, sizeof text, "{\"alg\":\"%s\"}", spellings[i]);
        refused(f, token(&keys[KEY_RSA], text, NULL), "algorithm");
        snprintf(text, sizeof text, "{\"typ\":\"JWT\",\"kid\":\"rsa\",\"alg\":\"%s\"}",
                 spellings[i]);
        refused(f, with_signature(text, "", 0), "algorithm");
    }
    refused(f, token(&keys[KEY_RSA], "{\"alg\":null}", NULL), "algorithm");
    refused(f, token(&keys[KEY_RSA], "{\"alg\":[\"RS256\"]}", NULL), "algorithm");
    refused(f, with_signature("{\"typ\":\"JWT\",\"kid\":\"rsa\",\"alg\":\"RS256\"}", "", 0),
            "signature");
    fake_free(f);
}
END_TEST

/* The oldest trick: the public key, which everybody has, as the secret of an HMAC. */
START_TEST(hs256_with_the_public_key)
{
    static const char head[] = "{\"typ\":\"JWT\",\"alg\":\"HS256\",\"kid\":\"rsa\"}";
    struct fake *f = start();
    BIO *pem = BIO_new(BIO_s_mem());
    unsigned char mac[32];
    char *secret, *unsigned_token = with_signature(head, "", 0);
    unsigned n = sizeof mac;
    long length;

    PEM_write_bio_PUBKEY(pem, keys[KEY_RSA].pkey);
    length = BIO_get_mem_data(pem, &secret);
    HMAC(EVP_sha256(), secret, (int)length, (unsigned char *)unsigned_token,
         strlen(unsigned_token) - 1, mac, &n);
    refused(f, with_signature(head, mac, n), "algorithm");
    free(unsigned_token);
    BIO_free(pem);
    fake_free(f);
}
END_TEST

START_TEST(alg_against_the_type_of_the_key)
{
    struct fake *f = start();

    for (int signer = KEY_RSA; signer <= KEY_ED; signer++)
        for (int named = KEY_RSA; named <= KEY_ED; named++) {
            char text[128];
            if (signer == named)
                continue;
            snprintf(text, sizeof text, "{\"kid\":\"%s\"}", keys[named].kid);
            refused(f, token(&keys[signer], text, NULL), "key is not for");
            snprintf(text, sizeof text, "{\"alg\":\"%s\"}", keys[named].alg);
            refused(f, token(&keys[signer], text, NULL), "key is not for");
        }
    fake_free(f);
}
END_TEST

START_TEST(only_listed_algorithms)
{
    static const struct fake_option o[] = {{"audience", "parley"}, {"algorithms", "ES256"}, {0}};
    struct fake *f = start_with(o, jwks);

    admitted(f, token(&keys[KEY_EC], NULL, NULL));
    refused(f, token(&keys[KEY_RSA], NULL, NULL), "algorithm");
    refused(f, token(&keys[KEY_ED], NULL, NULL), "algorithm");
    fake_free(f);
}
END_TEST

START_TEST(another_key_under_a_known_kid)
{
    struct fake *f = start();

    refused(f, token(&keys[KEY_STRANGER], "{\"kid\":\"rsa\"}", NULL), "signature");
    fake_free(f);
}
END_TEST

/* One text, one token: whatever character is changed, dropped or added, it is another. */
START_TEST(every_character_counts)
{
    struct fake *f = start();
    char *good = token(&keys[_i], NULL, NULL);
    size_t n = strlen(good);
    static const char *const tails[] = {"=", "==", "A", "AA", "AAAA", ".", " ", "\n", "+"};

    for (size_t i = 0; i < n; i += 1 + (size_t)(_i == KEY_RSA)) {
        char *t = strdup(good);
        struct fake_login l;
        t[i] = t[i] == 'A' ? 'B' : t[i] == '.' ? 'A' : 'A';
        l = fake_check(f, t);
        ck_assert_msg(l.answer != PARLEY_ADMIT, "at %zu of %zu", i, n);
        memmove(t + i, t + i + 1, n - i);
        ck_assert_int_ne(fake_check(f, t).answer, PARLEY_ADMIT);
        free(t);
    }
    /* The last digit carries bits that belong to no byte: no second spelling may pass. */
    for (int c = 1; c < 128; c++) {
        char *t = strdup(good);
        bool same = t[n - 1] == (char)c;
        t[n - 1] = (char)c;
        ck_assert_int_eq(fake_check(f, t).answer == PARLEY_ADMIT, same);
        free(t);
    }
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        char t[4096];
        snprintf(t, sizeof t, "%s%s", good, tails[i]);
        ck_assert_int_ne(fake_check(f, t).answer, PARLEY_ADMIT);
        snprintf(t, sizeof t, "%s%s", tails[i], good);
        ck_assert_int_ne(fake_check(f, t).answer, PARLEY_ADMIT);
    }
    free(good);
    fake_free(f);
}
END_TEST

START_TEST(ecdsa_in_strange_forms)
{
    static const char head[] = "{\"typ\":\"JWT\",\"alg\":\"ES256\",\"kid\":\"ec\"}";
    static const char edhead[] = "{\"typ\":\"JWT\",\"alg\":\"EdDSA\",\"kid\":\"ed\"}";
    struct fake *f = start();
    unsigned char zero[132] = {0}, ones[64], der[128];
    char *good = token(&keys[KEY_EC], NULL, NULL), *signed_end = strrchr(good, '.');
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    size_t n = sizeof der;
    char *d;

    memset(ones, 0xff, sizeof ones);
    refused(f, with_signature(head, zero, 64), "signature");
    refused(f, with_signature(head, ones, 64), "signature");
    refused(f, with_signature(head, zero, 63), "signature");
    refused(f, with_signature(head, zero, 132), "signature");
    refused(f, with_signature(edhead, zero, 64), "signature");
    refused(f, with_signature(edhead, zero, 65), "signature");
    /* A good signature, but in DER, as OpenSSL itself writes it. */
    ck_assert_int_eq(EVP_DigestSignInit(c, NULL, EVP_sha256(), NULL, keys[KEY_EC].pkey), 1);
    ck_assert_int_eq(EVP_DigestSign(c, der, &n, (unsigned char *)good, (size_t)(signed_end - good)),
                     1);
    EVP_MD_CTX_free(c);
    d = fake_base64url(der, n);
    good = realloc(good, strlen(good) + strlen(d) + 1);
    strcpy(strrchr(good, '.') + 1, d);
    free(d);
    refused(f, good, "signature");
    fake_free(f);
}
END_TEST

/* --- headers --- */
START_TEST(headers_that_must_not_be)
{
    static const struct {
        const char *patch, *why;
    } bad[] = {
        {"{\"crit\":[\"exp\"]}", "not understood"},
        {"{\"crit\":[\"urn:x\"],\"urn:x\":1}", "not understood"},
        {"{\"crit\":[]}", "not understood"},
        {"{\"b64\":false}", "not understood"},
        {"{\"b64\":false,\"crit\":[\"b64\"]}", "not understood"},
        {"{\"zip\":\"DEF\"}", "not understood"},
        {"{\"cty\":\"JWT\"}", "not understood"},
        {"{\"jku\":\"https://evil.example.org/jwks\"}", "own key"},
        {"{\"x5u\":\"https://evil.example.org/x\"}", "own key"},
        {"{\"jwk\":{\"kty\":\"oct\",\"k\":\"AA\"}}", "own key"},
        {"{\"x5c\":[\"MIIB\"]}", "own key"},
        {"{\"typ\":null}", "type"},
        {"{\"typ\":\"logout+jwt\"}", "type"},
        {"{\"typ\":\"JWT \"}", "type"},
        {"{\"typ\":\"JOSE\"}", "type"},
        {"{\"typ\":1}", "type"},
        {"{\"kid\":1}", "name a key"},
        {"{\"kid\":\"\"}", "name a key"},
        {"{\"kid\":[\"rsa\"]}", "name a key"},
    };
    struct fake *f = start();

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refused(f, token(&keys[KEY_RSA], bad[i].patch, NULL), bad[i].why);
    admitted(f, token(&keys[KEY_RSA], "{\"typ\":\"at+jwt\"}", NULL));
    admitted(f, token(&keys[KEY_RSA], "{\"typ\":\"AT+JWT\"}", NULL));
    admitted(f, token(&keys[KEY_RSA], "{\"typ\":\"application/at+jwt\"}", NULL));
    admitted(f, token(&keys[KEY_RSA], "{\"typ\":\"jwt\"}", NULL));
    fake_free(f);
}
END_TEST

START_TEST(kid_to_the_letter)
{
    static const char *const strange[] = {"RSA",         "rsa ",       " rsa",
                                          "rs",          "rsaa",       "../../dev/null",
                                          "' OR 1=1 --", "rsa\\u000a", "\\u0441"};
    struct fake *f = start();
    char text[512];

    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++) {
        snprintf(text, sizeof text, "{\"kid\":\"%s\"}", strange[i]);
        refused(f, token(&keys[KEY_RSA], text, NULL), "does not list");
    }
    snprintf(text, sizeof text, "{\"kid\":\"%0128d\"}", 1);
    refused(f, token(&keys[KEY_RSA], text, NULL), "does not list");
    snprintf(text, sizeof text, "{\"kid\":\"%0129d\"}", 1);
    refused(f, token(&keys[KEY_RSA], text, NULL), "name a key");
    fake_free(f);
}
END_TEST

START_TEST(without_kid_where_one_key_fits)
{
    struct fake_key two[] = {keys[KEY_RSA], keys[KEY_STRANGER], keys[KEY_EC]};
    char *set = fake_jwks(two, 3);
    struct fake *f = start_with(for_audience, set);

    refused(f, token(&keys[KEY_RSA], "{\"kid\":null}", NULL), "name a key");
    admitted(f, token(&keys[KEY_EC], "{\"kid\":null}", NULL));
    refused(f, token(&keys[KEY_ED], "{\"kid\":null}", NULL), "does not list");
    free(set);
    fake_free(f);
}
END_TEST

/* --- what the parser is fed --- */
START_TEST(json_that_must_not_be)
{
    static const struct {
        const char *header, *claims;
    } bad[] = {
        {"{\"typ\":\"JWT\",\"alg\":\"none\",\"alg\":\"RS256\",\"kid\":\"rsa\"}", NULL},
        {"{\"typ\":\"JWT\",\"alg\":\"RS256\",\"kid\":\"rsa\",\"kid\":\"rsa\"}", NULL},
        {"{\"typ\":\"JWT\",\"alg\":\"RS256\",\"kid\":\"rsa\"} ]", NULL},
        {"[\"typ\",\"alg\"]", NULL},
        {"\"RS256\"", NULL},
        {"", NULL},
        {"\xff\xfe", NULL},
        {NULL, "{\"iss\":\"" ISSUER "\",\"sub\":\"a\",\"sub\":\"b\"}"},
        {NULL, "{\"iss\":\"" ISSUER "\",\"sub\":\"a\\u0000b\"}"},
        {NULL, "{\"iss\":\"" ISSUER "\",\"sub\":\"\xc0\xaf\"}"},
        {NULL, "{\"iss\":\"" ISSUER "\",\"exp\":99999999999999999999}"},
        {NULL, "[1,2]"},
        {NULL, " []"},
        {NULL, "null"},
    };
    struct fake *f = start();

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *h = bad[i].header ? strdup(bad[i].header) : header(&keys[KEY_RSA], NULL);
        char *c = bad[i].claims ? strdup(bad[i].claims) : claims(NULL);
        refused(f, fake_sign(&keys[KEY_RSA], h, c), "malformed");
        free(h);
        free(c);
    }
    fake_free(f);
}
END_TEST

/* head, n times unit, tail */
static char *repeated(const char *head, const char *unit, int n, const char *tail)
{
    char *s = malloc(strlen(head) + strlen(unit) * (size_t)n + strlen(tail) + 1),
         *at = stpcpy(s, head);

    while (n-- > 0)
        at = stpcpy(at, unit);
    strcpy(at, tail);
    return s;
}

START_TEST(bombs)
{
    struct fake *f = start();
    /* Fewer than what the parser itself would refuse. */
    char *inner = repeated("", "[", 500, ""), *deep = repeated(inner, "]", 500, "}"), *nested;
    char *wide = repeated("{\"a\":[0", ",0", 3000, "]}");
    char *large = repeated("{\"pad\":\"", "x", 16384, "\"}");
    char *fits = repeated("{\"pad\":\"", "x", 11000, "\"}");
    char *h = header(&keys[KEY_RSA], NULL);

    nested = repeated("{\"iss\":\"" ISSUER "\",\"a\":", deep, 1, "");
    refused(f, fake_sign(&keys[KEY_RSA], nested, "{}"), "malformed");
    refused(f, fake_sign(&keys[KEY_RSA], h, nested), "malformed");
    refused(f, fake_sign(&keys[KEY_RSA], h, wide), "malformed");
    refused(f, token(&keys[KEY_RSA], NULL, large), "larger");
    admitted(f, token(&keys[KEY_RSA], NULL, fits));
    free(inner);
    free(deep);
    free(nested);
    free(wide);
    free(large);
    free(fits);
    free(h);
    fake_free(f);
}
END_TEST

/* The claims are one deep and of 12 values, if they hold nothing else. */
START_TEST(bounds_of_a_token)
{
    static const struct {
        const char *head, *unit, *tail;
        int most;
    } cases[] = {{"{\"a\":", "[", NULL, 15}, {"{\"a\":[0", ",0", "]}", 2048 - 12 - 2}};
    struct fake *f = start();

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int over = 0; over < 2; over++) {
            int n = cases[i].most + over;
            char *end = cases[i].tail ? strdup(cases[i].tail) : repeated("", "]", n, "}");
            char *patch = repeated(cases[i].head, cases[i].unit, n, end);
            if (over)
                refused(f, token(&keys[KEY_ED], NULL, patch), "malformed");
            else
                admitted(f, token(&keys[KEY_ED], NULL, patch));
            free(end);
            free(patch);
        }
    fake_free(f);
}
END_TEST

int main(void)
{
    TCase *c = tcase_create("door");

    tcase_add_loop_test(c, every_algorithm_lets_in, KEY_RSA, KEY_ED + 1);
    tcase_add_test(c, no_credentials_are_not_ours);
    tcase_add_test(c, foreign_tokens_are_left_to_the_next_section);
    tcase_add_test(c, alg_none_in_all_spellings);
    tcase_add_test(c, hs256_with_the_public_key);
    tcase_add_test(c, alg_against_the_type_of_the_key);
    tcase_add_test(c, only_listed_algorithms);
    tcase_add_test(c, another_key_under_a_known_kid);
    tcase_add_loop_test(c, every_character_counts, KEY_RSA, KEY_ED + 1);
    tcase_add_test(c, ecdsa_in_strange_forms);
    tcase_add_test(c, headers_that_must_not_be);
    tcase_add_test(c, kid_to_the_letter);
    tcase_add_test(c, without_kid_where_one_key_fits);
    tcase_add_test(c, json_that_must_not_be);
    tcase_add_test(c, bombs);
    tcase_add_test(c, bounds_of_a_token);
    return run_tests(c);
}

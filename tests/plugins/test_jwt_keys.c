/* Which keys the jwt authenticator takes, and from what source; and checks on four threads while
 * sets are published, for the sanitizers.
 */
#include "fake_jwt.h"

/* --- which keys --- */
START_TEST(keys_of_no_use_are_passed_over)
{
    static const struct {
        int key;
        const char *patch;
        bool taken;
    } cases[] = {
        {KEY_RSA, NULL, true},
        {KEY_RSA, "{\"use\":null}", true},
        {KEY_RSA, "{\"alg\":\"RS256\"}", true},
        {KEY_RSA, "{\"key_ops\":[\"verify\"]}", true},
        {KEY_RSA, "{\"x5c\":[\"MIIB\"],\"x5t\":\"a\",\"foo\":{}}", true},
        {KEY_RSA, "{\"use\":\"enc\"}", false},
        {KEY_RSA, "{\"use\":[\"sig\"]}", false},
        {KEY_RSA, "{\"alg\":\"RS512\"}", false},
        {KEY_RSA, "{\"alg\":\"PS256\"}", false},
        {KEY_RSA, "{\"alg\":\"ES256\"}", false},
        {KEY_RSA, "{\"alg\":null,\"key_ops\":[\"encrypt\"]}", false},
        {KEY_RSA, "{\"kty\":\"oct\",\"k\":\"AAAA\"}", false},
        {KEY_RSA, "{\"kty\":\"EC\"}", false},
        {KEY_RSA, "{\"kty\":null}", false},
        {KEY_RSA, "{\"kid\":7}", false},
        {KEY_RSA, "{\"kid\":\"\"}", false},
        {KEY_RSA, "{\"e\":\"AQ\"}", false}, /* 1: every signature would be good */
        {KEY_RSA, "{\"e\":\"AQAA\"}", false},
        {KEY_RSA, "{\"e\":\"AQABAAAAAAAAAAAAAAAAAAAAAAAAAAAB\"}", false},
        {KEY_RSA, "{\"e\":null}", false},
        {KEY_RSA, "{\"n\":\"AQAB\"}", false},
        {KEY_RSA, "{\"n\":\"not base64!\"}", false},
        {KEY_EC, NULL, true},
        {KEY_EC, "{\"crv\":\"P-384\"}", false},
        {KEY_EC, "{\"crv\":\"secp256k1\"}", false},
        {KEY_EC, "{\"crv\":null}", false},
        {KEY_EC, "{\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
         false}, /* off the curve */
        {KEY_EC, "{\"x\":\"AA\"}", false},
        {KEY_EC, "{\"x\":\"A===\"}", false},
        {KEY_EC, "{\"y\":null}", false},
        /* A private part, here of another key, changes nothing. */
        {KEY_EC, "{\"d\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\"}", true},
        {KEY_RSA, "{\"d\":\"AQAB\",\"p\":\"AQAB\",\"q\":7}", true},
        {KEY_ED, NULL, true},
        {KEY_ED, "{\"alg\":\"EdDSA\"}", true},
        {KEY_ED, "{\"crv\":\"Ed448\"}", false},
        {KEY_ED, "{\"crv\":\"X25519\"}", false},
        {KEY_ED, "{\"x\":\"AA\"}", false},
    };
    const struct fake_key other = fake_key_new("ES256", "other");

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct fake_key *k = &keys[cases[i].key];
        char *one = fake_patched(fake_jwk(k), cases[i].patch),
             *two = fake_patched(fake_jwk(&other), NULL);
        char set[8192];
        struct fake *f = start_from(URL);
        snprintf(set, sizeof set, "{\"keys\":[7,null,%s,{},%s]}", one, two);
        fake_answer(f, 0, 200, set);
        ck_assert_msg((ask(f, k) == PARLEY_ADMIT) == cases[i].taken, "case %zu", i);
        /* Passed over, and not just of no use for this signature. */
        ck_assert_msg(cases[i].taken || strstr(f->transcript, "does not list"), "case %zu", i);
        ck_assert_int_eq(ask(f, &other), PARLEY_ADMIT);
        ck_assert_uint_eq(ERR_peek_error(), 0);
        free(one);
        free(two);
        fake_free(f);
    }
    EVP_PKEY_free(other.pkey);
}
END_TEST

START_TEST(weak_and_strange_curves)
{
    struct fake_key k[] = {fake_key_new("RS256:1024", "weak"), fake_key_new("ES384", "p384"),
                           keys[KEY_ED]};
    char *set = fake_jwks(k, 3);
    struct fake *f = start_from(URL);

    k[0].alg = "RS256";
    k[1].alg = "ES256";
    fake_answer(f, 0, 200, set);
    ck_assert_int_eq(ask(f, &k[0]), PARLEY_REFUSE);
    ck_assert_int_eq(ask(f, &keys[KEY_ED]), PARLEY_ADMIT);
    free(set);
    EVP_PKEY_free(k[0].pkey);
    EVP_PKEY_free(k[1].pkey);
    fake_free(f);
}
END_TEST

START_TEST(sets_that_are_none)
{
    static const char *const bad[] = {"",
                                      "{",
                                      "[]",
                                      "{}",
                                      "{\"keys\":{}}",
                                      "{\"keys\":[]}",
                                      "{\"keys\":[],\"keys\":[]}",
                                      "<html>",
                                      "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}"};
    char *many = malloc(1 << 21), *at = stpcpy(many, "{\"keys\":[{}");
    char *jwk = fake_patched(fake_jwk(&keys[KEY_ED]), NULL);
    struct fake *f;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        f = start_from(URL);
        fake_answer(f, 0, 200, bad[i]);
        ck_assert_int_eq(f->published, 0);
        ck_assert_int_eq(f->ready, 0);
        fake_free(f);
    }
    for (int i = 0; i < 99; i++)
        at += sprintf(at, ",%s", i ? "{}" : jwk);
    strcpy(at, "]}"); /* 100 */
    f = start_from(URL);
    fake_answer(f, 0, 200, many);
    ck_assert_int_eq(f->published, 1);
    fake_free(f);
    strcpy(at, ",{}]}"); /* 101 */
    f = start_from(URL);
    fake_answer(f, 0, 200, many);
    ck_assert_int_eq(f->published, 0);
    fake_free(f);
    memset(at, ' ', 1 << 20);
    strcpy(at + (1 << 20), "]}"); /* over 1 MiB, if only by white space */
    f = start_from(URL);
    fake_answer(f, 0, 200, many);
    ck_assert_int_eq(f->published, 0);
    fake_free(f);
    free(many);
    free(jwk);
}
END_TEST

START_TEST(a_file_is_read_again)
{
    char path[SCRATCH_BYTES], *other = fake_jwks(&keys[KEY_STRANGER], 1);
    FILE *file = fdopen(scratch_file(path), "w");
    struct fake *f = create_with("jwks", path, "cache_max", "10m");

    fputs(jwks, file);
    fclose(file);
    ck_assert_int_eq(fake_create(f), 0);
    f->auth.start(&f->host);
    ck_assert_int_eq(f->ready, 1);
    ck_assert_int_eq(ask(f, &keys[KEY_RSA]), PARLEY_ADMIT);
    file = fopen(path, "w");
    fputs(other, file);
    fclose(file);
    ck_assert_int_eq(ask(f, &keys[KEY_STRANGER]), PARLEY_REFUSE);
    fake_advance(f, COOLDOWN);
    ck_assert_int_eq(ask(f, &keys[KEY_STRANGER]), PARLEY_LATER);
    wanted(f);
    ck_assert_int_eq(ask(f, &keys[KEY_STRANGER]), PARLEY_ADMIT);
    unlink(path);
    fake_advance(f, 600000);
    ck_assert_ptr_nonnull(strstr(f->transcript, "No such file"));
    ck_assert_int_eq(ask(f, &keys[KEY_STRANGER]), PARLEY_ADMIT);
    ck_assert_int_eq(f->fetch_count, 0);
    free(other);
    fake_free(f);
}
END_TEST

/* --- options --- */
START_TEST(bad_options)
{
    static const struct {
        const char *name, *value, *why;
    } bad[] = {
        {"jwks", "/nonexistent/jwks.json",
         "jwks: no keys in '/nonexistent/jwks.json': No such file"},
        {"jwks", "/tmp", "jwks: no keys in '/tmp': it is not a regular file"},
        {"jwks", "/dev/null", "not a regular file"},
        {"jwks", "/etc/passwd", "not a JSON Web Key Set"},
        {"jwks", "http://sso.example.org/keys", "no https:// address"},
        {"jwks", "http://127.0.0.1.example.org/keys", "no https:// address"},
        {"jwks", "http://127.0.0.1@example.org/keys", "no https:// address"},
        {"jwks", "ftp://sso.example.org/keys", "no https:// address"},
        {"issuer", "sso.example.org", "issuer: 'sso.example.org' is no https:// address"},
        {"issuer", "http://sso.example.org", "no https:// address"},
        {"issuer", "https://sso.example.org/?a=b", "no https:// address"},
        {"ca_file", "/nonexistent/ca.pem", "ca_file: '/nonexistent/ca.pem' cannot be read"},
    };
    static const char *const good[] = {"http://127.0.0.1:9/k", "http://localhost/k",
                                       "http://[::1]:9/k", URL};
    struct fake_option neither[] = {{"issuer", ISSUER}, {"jwks", URL}, {0}};
    struct fake *f;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        f = create_with(bad[i].name, bad[i].value, "leeway", "0");
        ck_assert_int_ne(fake_create(f), 0);
        ck_assert_msg(strstr(f->bad_option, bad[i].why) != NULL, "%s", f->bad_option);
        fake_free(f);
    }
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        f = create_with("jwks", good[i], "leeway", "0");
        ck_assert_msg(fake_create(f) == 0, "%s", f->bad_option);
        fake_free(f);
    }
    f = fake_load("jwt", neither);
    ck_assert_int_ne(fake_create(f), 0);
    ck_assert_ptr_nonnull(strstr(f->bad_option, "audience: set this or 'clients'"));
    fake_free(f);
}
END_TEST

/* --- threads --- */
#define THREADS 4
struct work {
    struct fake *f;
    char *token[KEY_STRANGER];
    int *stop, bad, good;
};

static void *check_on(void *arg)
{
    struct work *w = arg;

    for (int i = 0; i == 0 || !__atomic_load_n(w->stop, __ATOMIC_RELAXED); i++) {
        struct fake_login l = fake_check(w->f, w->token[i % KEY_STRANGER]);
        if (l.answer == PARLEY_ADMIT && strcmp(l.user, "u-1") == 0)
            w->good++;
        else
            w->bad++;
    }
    return NULL;
}

START_TEST(checks_while_keys_are_published)
{
    struct fake *f = start_from(URL);
    struct work work[THREADS];
    pthread_t threads[THREADS];
    int stop = 0;

    fake_answer(f, 0, 200, jwks);
    for (int i = 0; i < THREADS; i++) {
        work[i] = (struct work){.f = f, .stop = &stop};
        for (int k = 0; k < KEY_STRANGER; k++)
            work[i].token[k] = token(&keys[k], NULL, NULL);
        ck_assert_int_eq(pthread_create(&threads[i], NULL, check_on, &work[i]), 0);
    }
    for (int i = 0; i < 300; i++) {
        if (i % 30 == 0) { /* a new set; else the same one, with another cooldown */
            __atomic_store_n(&f->uptime_ms, f->uptime_ms + COOLDOWN, __ATOMIC_RELAXED);
            wanted(f);
            fake_answer(f, 0, 200, jwks);
        } else {
            wanted(f);
        }
        usleep(1000);
    }
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_int_eq(work[i].bad, 0);
        ck_assert_int_gt(work[i].good, 0);
        for (int k = 0; k < KEY_STRANGER; k++)
            free(work[i].token[k]);
    }
    fake_free(f);
}
END_TEST

int main(void)
{
    TCase *c = tcase_create("keys");

    tcase_add_test(c, keys_of_no_use_are_passed_over);
    tcase_add_test(c, weak_and_strange_curves);
    tcase_add_test(c, sets_that_are_none);
    tcase_add_test(c, a_file_is_read_again);
    tcase_add_test(c, bad_options);
    tcase_add_test(c, checks_while_keys_are_published);
    return run_tests(c);
}

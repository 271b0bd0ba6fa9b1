/* When the jwt authenticator fetches keys, how often strangers can cause it, and what holds while
 * it fails. */
#include "fake_jwt.h"

/* --- when --- */
START_TEST(not_ready_before_the_first_set)
{
    struct fake *f = start_from(URL);
    char *forged = token(&keys[KEY_RSA], "{\"alg\":\"none\"}", NULL),
         *old = token(&keys[KEY_RSA], NULL, "{\"exp\":1}");

    ck_assert_int_eq(f->ready, 0);
    ck_assert_str_eq(fake_last_url(f), URL);
    ck_assert_str_eq(f->fetches[0]->method, "GET");
    ck_assert_int_eq(f->fetches[0]->max_bytes, 1 << 20);
    ck_assert_int_eq(ask(f, &keys[KEY_RSA]), PARLEY_LATER);
    /* What no key could make good need not wait for one. */
    ck_assert_int_eq(fake_check(f, forged).answer, PARLEY_REFUSE);
    ck_assert_int_eq(fake_check(f, old).answer, PARLEY_REFUSE);
    wanted(f);
    ck_assert_int_eq(f->fetch_count, 1); /* one is under way */
    fake_answer(f, 0, 200, jwks);
    ck_assert_int_eq(f->ready, 1);
    ck_assert_int_eq(f->published, 1);
    ck_assert_int_eq(ask(f, &keys[KEY_RSA]), PARLEY_ADMIT);
    fake_answer(f, 0, 200, jwks); /* nobody asked */
    ck_assert_int_eq(f->published, 1);
    free(forged);
    free(old);
    fake_free(f);
}
END_TEST

START_TEST(first_set_is_tried_for_again)
{
    struct fake *f = start_from(URL);
    int64_t waits[] = {1000, 2000, 4000, 8000, 16000, 30000, 30000};

    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        fake_answer(f, -ECONNREFUSED, 0, NULL);
        ck_assert_int_eq(f->ready, 0);
        ck_assert_int_eq(ask(f, &keys[KEY_RSA]), PARLEY_LATER);
        wanted(f); /* strangers do not hurry it */
        ck_assert_int_eq(f->fetch_count, (int)i + 1);
        fake_advance(f, waits[i] - 1);
        ck_assert_int_eq(f->fetch_count, (int)i + 1);
        fake_advance(f, 1);
        ck_assert_int_eq(f->fetch_count, (int)i + 2);
    }
    fake_answer(f, 0, 200, jwks);
    ck_assert_int_eq(f->ready, 1);
    ck_assert_int_eq(ask(f, &keys[KEY_RSA]), PARLEY_ADMIT);
    fake_free(f);
}
END_TEST

START_TEST(discovery)
{
    struct fake_option o[] = {
        {"issuer", ISSUER "/"}, {"audience", "parley"}, {"ca_file", "/dev/null"}, {0}};
    struct fake *f = fake_load("jwt", o);

    ck_assert_int_eq(fake_create(f), 0);
    f->auth.start(&f->host);
    ck_assert_str_eq(fake_last_url(f), DISCOVERY);
    ck_assert_str_eq(f->fetches[0]->ca_file, "/dev/null");
    fake_answer(f, 0, 200, "{\"issuer\":\"" ISSUER "/\",\"jwks_uri\":\"" URL "\",\"x\":[]}");
    ck_assert_str_eq(fake_last_url(f), URL);
    ck_assert_str_eq(f->fetches[1]->ca_file, "/dev/null");
    ck_assert_int_eq(f->ready, 0);
    fake_answer(f, 0, 200, jwks);
    ck_assert_int_eq(f->ready, 1);
    /* An unknown key asks the address that is known; the timer asks where it is now. */
    fake_advance(f, COOLDOWN);
    wanted(f);
    ck_assert_str_eq(fake_last_url(f), URL);
    fake_answer(f, 0, 200, jwks);
    fake_advance(f, 3600000);
    ck_assert_int_eq(f->fetch_count, 4);
    ck_assert_str_eq(fake_last_url(f), DISCOVERY);
    fake_free(f);
}
END_TEST

START_TEST(discovery_that_is_not_to_be_followed)
{
    static const char *const bad[] = {
        "{\"issuer\":\"https://evil.example.org\",\"jwks_uri\":\"" URL "\"}",
        "{\"issuer\":\"" ISSUER "/\",\"jwks_uri\":\"" URL "\"}",
        "{\"jwks_uri\":\"" URL "\"}",
        "{\"issuer\":\"" ISSUER "\"}",
        "{\"issuer\":\"" ISSUER "\",\"jwks_uri\":7}",
        "{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"http://sso.example.org/keys\"}",
        "{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"http://127.0.0.1/keys\"}",
        "{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"file:///etc/passwd\"}",
        "{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"https://a b\"}",
        "{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"https://x@y/\"}",
        "nonsense",
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct fake *f = start_from(NULL);
        fake_answer(f, 0, 200, bad[i]);
        ck_assert_int_eq(f->fetch_count, 1);
        ck_assert_ptr_nonnull(strstr(f->transcript, "jwt_keys_failed"));
        fake_advance(f, 1000);
        ck_assert_str_eq(fake_last_url(f), DISCOVERY);
        fake_free(f);
    }
}
END_TEST

START_TEST(rotation)
{
    struct fake_key fresh = fake_key_new("ES256", "fresh"), both[] = {keys[KEY_RSA], fresh};
    char *next = fake_jwks(both, 2), *last = fake_jwks(&fresh, 1);
    struct fake *f = start_from(URL);

    fake_answer(f, 0, 200, jwks);
    ck_assert_int_eq(ask(f, &fresh), PARLEY_REFUSE); /* too soon to ask again */
    fake_advance(f, COOLDOWN);
    ck_assert_int_eq(ask(f, &fresh), PARLEY_LATER);
    ck_assert_int_eq(ask(f, &keys[KEY_RSA]), PARLEY_ADMIT); /* others go on coming in */
    wanted(f);
    fake_answer(f, 0, 200, next);
    ck_assert_int_eq(ask(f, &fresh), PARLEY_ADMIT);
    ck_assert_int_eq(ask(f, &keys[KEY_RSA]), PARLEY_ADMIT);
    ck_assert_int_eq(ask(f, &keys[KEY_EC]), PARLEY_REFUSE); /* no longer listed */
    fake_advance(f, 3600000);
    fake_answer(f, 0, 200, last);
    ck_assert_int_eq(ask(f, &keys[KEY_RSA]), PARLEY_REFUSE);
    free(next);
    free(last);
    EVP_PKEY_free(fresh.pkey);
    fake_free(f);
}
END_TEST

/* A set of one key without kid, as small issuers have it: a new key is known by the old one's
 * failure. */
START_TEST(rotation_without_kid)
{
    struct fake_key a = {keys[KEY_RSA].pkey, "RS256", NULL},
                    b = {keys[KEY_STRANGER].pkey, "RS256", NULL};
    char *first = fake_jwks(&a, 1), *second = fake_jwks(&b, 1);
    char *t = token(&keys[KEY_STRANGER], "{\"kid\":null}", NULL);
    struct fake *f = start_from(URL);

    fake_answer(f, 0, 200, first);
    ck_assert_int_eq(fake_check(f, t).answer, PARLEY_REFUSE);
    fake_advance(f, COOLDOWN);
    ck_assert_int_eq(fake_check(f, t).answer, PARLEY_LATER);
    wanted(f);
    fake_answer(f, 0, 200, second);
    ck_assert_int_eq(fake_check(f, t).answer, PARLEY_ADMIT);
    free(first);
    free(second);
    free(t);
    fake_free(f);
}
END_TEST

/* As the daemon does it: each LATER makes it wanted. */
START_TEST(ten_thousand_random_kids)
{
    struct fake *f = start_from(URL);
    int later = 0;

    fake_answer(f, 0, 200, jwks);
    fake_advance(f, COOLDOWN);
    for (int i = 0; i < 10000; i++) {
        char patch[64], *t;
        snprintf(patch, sizeof patch, "{\"kid\":\"k%08x\"}", (unsigned)i * 2654435761u);
        t = token(&keys[KEY_ED], patch, NULL);
        if (fake_check(f, t).answer == PARLEY_LATER) {
            later++;
            wanted(f);
        }
        free(t);
        if (i % 5000 == 500) /* the answer takes its time, and the first one is of no use */
            fake_answer(f, i == 500 ? -ETIMEDOUT : 0, 200, jwks);
        if (i == 5000)
            fake_advance(f, COOLDOWN);
    }
    ck_assert_int_eq(f->fetch_count, 3); /* the first, and one a cooldown */
    ck_assert_int_gt(later, 0);
    ck_assert_int_lt(later, 1100);
    ck_assert_int_eq(ask(f, &keys[KEY_RSA]), PARLEY_ADMIT);
    fake_free(f);
}
END_TEST

/* A login that was told LATER by an older snapshot is asked about again, and costs no fetch. */
START_TEST(wanted_in_the_cooldown_publishes)
{
    struct fake *f = start_from(URL);
    int published;

    fake_answer(f, 0, 200, jwks);
    published = f->published;
    wanted(f);
    ck_assert_int_eq(f->published, published + 1);
    ck_assert_int_eq(f->fetch_count, 1);
    fake_free(f);
}
END_TEST

START_TEST(old_keys_stay_while_fetches_fail)
{
    static const struct {
        int error, status;
        const char *body;
    } bad[] = {{-ETIMEDOUT, 0, NULL}, {0, 500, "oops"}, {0, 404, NULL},
               {0, 200, "{}"},        {0, 200, NULL},   {0, 302, ""}};
    struct fake *f = start_from(URL);
    char *other;

    fake_answer(f, 0, 200, jwks);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int published = f->published;
        fake_advance(f, i ? COOLDOWN : 3600000);
        ck_assert_int_eq(f->fetch_count, (int)i + 2);
        ck_assert_int_eq(ask(f, &keys[KEY_STRANGER]), PARLEY_LATER);
        fake_answer(f, bad[i].error, bad[i].status, bad[i].body);
        ck_assert_int_eq(f->published, published + 1); /* so that who waits is told */
        ck_assert_int_eq(ask(f, &keys[KEY_STRANGER]), PARLEY_REFUSE);
        ck_assert_int_eq(ask(f, &keys[KEY_RSA]), PARLEY_ADMIT);
        ck_assert_int_eq(f->ready, 1);
    }
    fake_advance(f, COOLDOWN); /* a set, but not as an answer to be trusted */
    other = fake_jwks(&keys[KEY_STRANGER], 1);
    fake_answer(f, 0, 500, other);
    free(other);
    ck_assert_int_eq(ask(f, &keys[KEY_STRANGER]), PARLEY_REFUSE);
    f->fetch_error = -EAGAIN; /* not even begun */
    fake_advance(f, COOLDOWN);
    ck_assert_int_eq(ask(f, &keys[KEY_RSA]), PARLEY_ADMIT);
    ck_assert_int_ne(f->timer_at_ms, 0);
    fake_free(f);
}
END_TEST

int main(void)
{
    TCase *c = tcase_create("fetch");

    tcase_add_test(c, not_ready_before_the_first_set);
    tcase_add_test(c, first_set_is_tried_for_again);
    tcase_add_test(c, discovery);
    tcase_add_test(c, discovery_that_is_not_to_be_followed);
    tcase_add_test(c, rotation);
    tcase_add_test(c, rotation_without_kid);
    tcase_add_test(c, ten_thousand_random_kids);
    tcase_add_test(c, wanted_in_the_cooldown_publishes);
    tcase_add_test(c, old_keys_stay_while_fetches_fail);
    return run_tests(c);
}

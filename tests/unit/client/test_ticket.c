/* Tickets: single use, short life, bounded in all and by user, from several threads. */
#include "base/clock.h"
#include "base/str.h"
#include "client/ticket.h"
#include "config/settings.h"
#include "plugin/registry.h"

#include <check.h>
#include <stdlib.h>

static struct registry registry;
static struct settings settings;
static struct logins *logins;

static void setup(void)
{
    logins = logins_new(&registry, &settings);
    ck_assert_ptr_nonnull(logins);
}

static void teardown(void)
{
    logins_free(logins);
}

static struct identity *user(const char *name, const char *issuer)
{
    struct parley_identity i = {.struct_size = sizeof i,
                                .user = str_of(name),
                                .username = str_of(name),
                                .issuer = str_of(issuer)};

    return identity_new(&i, NULL);
}

static size_t out(void)
{
    return tickets_out(logins_tickets(logins));
}

START_TEST(single_use)
{
    struct identity *i = user("anna", NULL), *got;
    char t[TICKET_BYTES];

    ck_assert_int_eq(ticket_issue(logins, i, t), 0);
    ck_assert_uint_ge(strlen(t), 22); /* 128 bits and more */
    ck_assert_uint_eq(strspn(t, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
                      strlen(t));
    got = ticket_redeem(logins, str_of(t));
    ck_assert_ptr_eq(got, i);
    identity_unref(got);
    ck_assert_ptr_null(ticket_redeem(logins, str_of(t)));
    ck_assert_uint_eq(out(), 0);
    ck_assert_int_eq(atomic_load(&i->refs), 1);
    identity_unref(i);
}
END_TEST

START_TEST(only_the_whole_ticket)
{
    struct identity *i = user("anna", NULL);
    char t[TICKET_BYTES], other[200];
    size_t n;

    ck_assert_int_eq(ticket_issue(logins, i, t), 0);
    n = strlen(t);
    for (size_t k = 0; k < n; k++) {
        strcpy(other, t);
        other[k] = other[k] == 'A' ? 'B' : 'A';
        ck_assert_ptr_null(ticket_redeem(logins, str_of(other)));
        ck_assert_ptr_null(ticket_redeem(logins, str_n(t, k)));
    }
    snprintf(other, sizeof other, "%sA", t);
    ck_assert_ptr_null(ticket_redeem(logins, str_of(other)));
    memset(other, 'A', sizeof other - 1);
    other[sizeof other - 1] = 0;
    ck_assert_ptr_null(ticket_redeem(logins, str_of(other)));
    ck_assert_ptr_null(ticket_redeem(logins, PARLEY_NONE));
    ck_assert_ptr_null(ticket_redeem(logins, PARLEY_STR("")));
    identity_unref(ticket_redeem(logins, str_of(t)));
    ck_assert_uint_eq(out(), 0);
    identity_unref(i);
}
END_TEST

START_TEST(thirty_seconds)
{
    struct identity *i = user("anna", NULL), *got;
    char a[TICKET_BYTES], b[TICKET_BYTES];

    ck_assert_int_eq(ticket_issue(logins, i, a), 0);
    clock_advance_ms(TICKET_LIFE_MS - 5000);
    ck_assert_int_eq(ticket_issue(logins, i, b), 0);
    clock_advance_ms(5000);
    ck_assert_ptr_null(ticket_redeem(logins, str_of(a)));
    got = ticket_redeem(logins, str_of(b));
    ck_assert_ptr_eq(got, i);
    identity_unref(got);
    identity_unref(i);
}
END_TEST

/* It stands for a token, and does not outlive it. */
START_TEST(not_after_expiry)
{
    struct identity *i = user("anna", NULL), *got;
    char t[TICKET_BYTES];

    i->close_on_expiry = true;
    i->expires_unix_ms = clock_unix_ms() + 10000;
    ck_assert_int_eq(ticket_issue(logins, i, t), 0);
    clock_advance_ms(10001);
    ck_assert_ptr_null(ticket_redeem(logins, str_of(t)));
    i->close_on_expiry = false;
    ck_assert_int_eq(ticket_issue(logins, i, t), 0);
    got = ticket_redeem(logins, str_of(t));
    ck_assert_ptr_eq(got, i);
    identity_unref(got);
    identity_unref(i);
}
END_TEST

START_TEST(bounded_by_user)
{
    struct identity *a = user("anna", "x"), *again = user("anna", "x"), *b = user("anna", "y");
    char t[TICKET_BYTES], first[TICKET_BYTES];

    ck_assert_int_eq(ticket_issue(logins, a, first), 0);
    for (int i = 1; i < TICKETS_USER_MAX; i++)
        ck_assert_int_eq(ticket_issue(logins, i % 2 ? a : again, t), 0);
    ck_assert_int_eq(ticket_issue(logins, a, t), -EAGAIN);
    ck_assert_int_eq(ticket_issue(logins, again, t), -EAGAIN);
    ck_assert_int_eq(ticket_issue(logins, b, t), 0); /* of another issuer: another user */
    identity_unref(ticket_redeem(logins, str_of(first)));
    ck_assert_int_eq(ticket_issue(logins, again, t), 0);
    ck_assert_int_eq(ticket_issue(logins, again, t), -EAGAIN);
    clock_advance_ms(TICKET_LIFE_MS);
    ck_assert_int_eq(ticket_issue(logins, again, t), 0);
    ck_assert_uint_eq(out(), 1);
    identity_unref(a);
    identity_unref(again);
    identity_unref(b);
}
END_TEST

#define ROUNDS 2000
static char shared[ROUNDS][TICKET_BYTES];
static _Atomic int redeemed;

static void issue_to_many(void)
{
    char name[32];

    for (int k = 0; k < ROUNDS; k++) {
        struct identity *i;
        snprintf(name, sizeof name, "user %d", k);
        i = user(name, NULL);
        ck_assert_int_eq(ticket_issue(logins, i, shared[k]), 0);
        identity_unref(i);
    }
}

START_TEST(each_its_own)
{
    char name[32];

    issue_to_many();
    for (int k = ROUNDS - 1; k >= 0; k--) {
        struct identity *i = ticket_redeem(logins, str_of(shared[k]));
        snprintf(name, sizeof name, "user %d", k);
        ck_assert_ptr_nonnull(i);
        ck_assert_str_eq(identity_user(i).p, name);
        identity_unref(i);
    }
}
END_TEST

START_TEST(bounded_in_all)
{
    char t[TICKET_BYTES], name[32];
    struct identity *i;

    for (int k = 0; k <= TICKETS_MAX; k++) {
        snprintf(name, sizeof name, "user %d", k / 2);
        i = user(name, NULL);
        ck_assert_int_eq(ticket_issue(logins, i, t), k < TICKETS_MAX ? 0 : -EAGAIN);
        identity_unref(i);
    }
    ck_assert_uint_eq(out(), TICKETS_MAX);
    clock_advance_ms(TICKET_LIFE_MS);
    ck_assert_uint_eq(out(), 0);
}
END_TEST

static void *redeem_all(void *arg)
{
    (void)arg;
    for (int k = 0; k < ROUNDS; k++) {
        struct identity *i = ticket_redeem(logins, str_of(shared[k]));
        redeemed += i != NULL;
        identity_unref(i);
    }
    return NULL;
}

START_TEST(each_once_among_threads)
{
    pthread_t threads[4];

    issue_to_many();
    for (int t = 0; t < 4; t++)
        pthread_create(&threads[t], NULL, redeem_all, NULL);
    for (int t = 0; t < 4; t++)
        pthread_join(threads[t], NULL);
    ck_assert_int_eq(redeemed, ROUNDS);
    ck_assert_uint_eq(out(), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("ticket");
    TCase *c = tcase_create("ticket");
    SRunner *r;
    int failed;

    tcase_set_timeout(c, 30);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, single_use);
    tcase_add_test(c, only_the_whole_ticket);
    tcase_add_test(c, thirty_seconds);
    tcase_add_test(c, not_after_expiry);
    tcase_add_test(c, bounded_by_user);
    tcase_add_test(c, bounded_in_all);
    tcase_add_test(c, each_its_own);
    tcase_add_test(c, each_once_among_threads);
    suite_add_tcase(s, c);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}

/* The life of what authenticators publish while several pumps read it, and how they learn that
 * somebody waits. Also run under ThreadSanitizer.
 */
#include "scripted_auth.h"

#include <unistd.h>

START_TEST(snapshots)
{
    struct login *l = with_bearer("t");
    struct plugin_instance stranger = {0};

    login_check(logins, l);
    ck_assert_ptr_null(script[1].snapshot);
    ck_assert_int_eq(publish(1), 0);
    ck_assert_int_eq(told, 1);
    login_check(logins, l);
    ck_assert_ptr_nonnull(script[1].snapshot);
    ck_assert_ptr_null(script[0].snapshot);
    ck_assert_int_eq(destroyed, 0);
    ck_assert_int_eq(publish(1), 0);
    ck_assert_int_eq(destroyed, 1);
    ck_assert_int_eq(logins_publish(logins, &stranger, malloc(8), count_destroyed), -EINVAL);
    ck_assert_int_eq(destroyed, 2);
    ck_assert_int_eq(logins_publish(logins, &instance[1], NULL, NULL), 0);
    ck_assert_int_eq(destroyed, 3);
    login_check(logins, l);
    ck_assert_ptr_null(script[1].snapshot);
    login_free(l);
}
END_TEST

static void publish_and_look(void)
{
    if (script[0].asked > 1)
        return;
    ck_assert_int_eq(publish(0), 0);
    ck_assert_int_eq(destroyed, 0); /* this check still reads the one before */
}

START_TEST(destroyed_after_the_last_check)
{
    struct login *l = with_bearer("t");

    publish(0);
    script[0].meanwhile = publish_and_look;
    script[0].answer = PARLEY_REFUSE;
    login_check(logins, l);
    ck_assert_int_eq(destroyed, 1);
    login_free(l);
}
END_TEST

/* A publication that comes while a check says LATER was not told to this login: it is asked again.
 */
START_TEST(no_publication_is_missed)
{
    struct login *l = with_bearer("t");

    script[0].meanwhile = publish_and_look;
    script[0].answer = PARLEY_LATER;
    ck_assert_int_eq(login_check(logins, l), PARLEY_LATER);
    ck_assert_int_eq(script[0].asked, 2);
    login_free(l);
}
END_TEST

START_TEST(who_waits_asks_where_he_waits)
{
    struct login *l = with_bearer("t");

    script[1].answer = PARLEY_LATER;
    ck_assert_int_eq(login_check(logins, l), PARLEY_LATER);
    ck_assert_int_eq(l->later_section, 1);
    ck_assert_int_eq(login_check(logins, l), PARLEY_LATER);
    ck_assert_int_eq(script[0].asked, 1);
    ck_assert_int_eq(script[1].asked, 2);
    script[1].answer = PARLEY_NOT_MINE;
    script[2].admit = true;
    script[2].answer = PARLEY_ADMIT;
    ck_assert_int_eq(login_check(logins, l), PARLEY_ADMIT);
    login_free(l);
}
END_TEST

/* --- wanted --- */
static void stop(void *loop)
{
    loop_stop(loop);
}

static void run_control(struct control *c)
{
    actor_call(control_actor(c), stop, control_loop(c));
    atomic_store(&control_loop(c)->stopping, false);
    loop_run(control_loop(c));
}

START_TEST(wanted_once_until_it_publishes)
{
    struct control *c = control_new(&settings);
    struct login *l = with_bearer("the token"), *by_query = login_new(PARLEY_NONE, NULL, 0, NULL);

    ck_assert_ptr_nonnull(c);
    for (size_t i = 0; i < SECTIONS; i++)
        instance[i].control = c;
    script[0].answer = PARLEY_LATER;
    for (int i = 0; i < 1000; i++)
        login_check(logins, l);
    run_control(c);
    ck_assert_int_eq(script[0].wanted, 1);
    ck_assert_str_eq(script[0].bearer, "the token");
    login_check(logins, l);
    run_control(c);
    ck_assert_int_eq(script[0].wanted, 1);
    publish(0);
    login_check(logins, by_query);
    login_check(logins, l);
    run_control(c);
    ck_assert_int_eq(script[0].wanted, 2);
    ck_assert_str_eq(script[0].bearer, "");
    clock_advance_ms(1000); /* it never published */
    login_check(logins, l);
    run_control(c);
    ck_assert_int_eq(script[0].wanted, 3);
    login_free(l);
    login_free(by_query);
    control_free(c);
}
END_TEST

/* --- threads --- */
static parley_answer_at_door check_number(parley_host *h, const void *snapshot, parley_login *l)
{
    const int *n = snapshot;

    (void)h;
    return n && n[0] == -n[1] ? parley_login_refuse(l, "%d", n[0]) : PARLEY_NOT_MINE;
}

static void *check_on(void *arg)
{
    struct login *l = with_bearer("t");
    int bad = 0;

    domain_current = DOMAIN_PUMP;
    while (!atomic_load((_Atomic bool *)arg))
        bad += login_check(logins, l) != PARLEY_REFUSE || atoi(l->why) < 1;
    login_free(l);
    return (void *)(intptr_t)bad;
}

static void break_and_free(void *snapshot)
{
    int *n = snapshot;

    n[0] = n[1] = 1;
    destroyed++;
    free(n);
}

START_TEST(checks_while_it_publishes)
{
    pthread_t threads[4];
    _Atomic bool done = false;

    auths[0].auth.check = check_number;
    for (int i = 0; i <= 2000; i++) {
        int *n = malloc(2 * sizeof *n);
        n[0] = i + 1;
        n[1] = -n[0];
        ck_assert_int_eq(logins_publish(logins, &instance[0], n, break_and_free), 0);
        for (int t = 0; i == 0 && t < 4; t++)
            pthread_create(&threads[t], NULL, check_on, &done);
        if (i % 50 == 0)
            usleep(1000);
    }
    atomic_store(&done, true);
    for (int t = 0; t < 4; t++) {
        void *bad;
        pthread_join(threads[t], &bad);
        ck_assert_ptr_null(bad);
    }
    ck_assert_int_eq(destroyed, 2000);
}
END_TEST

int main(void)
{
    TCase *c = tcase_create("snapshots");

    tcase_add_test(c, snapshots);
    tcase_add_test(c, destroyed_after_the_last_check);
    tcase_add_test(c, no_publication_is_missed);
    tcase_add_test(c, who_waits_asks_where_he_waits);
    tcase_add_test(c, wanted_once_until_it_publishes);
    tcase_add_test(c, checks_while_it_publishes);
    return run_tests("login", c);
}

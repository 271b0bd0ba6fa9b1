/* The lives of clients: connect, greeting, join, leave, disconnect, each once and in order; timers
 * and users beside them. */
#include "base/clock.h"
#include "hub/internal.h"
#include "kit.h"
#include "kit_internal.h"
#include "plugins.inc"

#include <check.h>

static kit *k;

static void setup(void)
{
    memset(&judge, 0, sizeof judge);
    k = kit_start(TEST_SECTIONS, test_plugins);
    ck_assert_msg(k != NULL, "%s", kit_refusal());
}

static void teardown(void)
{
    ck_assert_int_eq(kit_close(k), 0);
}

START_TEST(greeting_comes_in_its_order)
{
    parley_client c = kit_connect(k, "ann", "");

    ck_assert_pstr_eq(kit_member(kit_next(k, c, NULL), "type"), "first");
    ck_assert_pstr_eq(kit_member(kit_next(k, c, NULL), "type"), "second");
    ck_assert_ptr_null(kit_next(k, c, NULL));
}
END_TEST

START_TEST(connect_and_disconnect_once_each)
{
    parley_client c = kit_connect(k, "ann", "");

    kit_disconnect_for(k, c, PARLEY_LEFT_SLOW);
    kit_disconnect_for(k, c, PARLEY_LEFT_SLOW);
    ck_assert_int_eq(judge.connects, 1);
    ck_assert_int_eq(judge.disconnects, 1);
    ck_assert_int_eq(judge.last_reason, PARLEY_LEFT_SLOW);
    ck_assert_pstr_eq(judge.trace,
                      "connect:ann disconnect:ann "); /* still readable while it is told */
}
END_TEST

START_TEST(a_refused_one_is_closed_and_not_told_of_again)
{
    parley_client c;

    judge.refuse_connect = true;
    c = kit_connect(k, "ann", "");
    ck_assert_int_eq(kit_closed(k, c), 4403);
    ck_assert_int_eq(judge.disconnects, 0); /* its on_connect did not pass */
    ck_assert_int_eq(kit_frames(k, c, NULL), 0);
}
END_TEST

START_TEST(join_is_asked_of_the_others_and_may_be_refused)
{
    parley_client c = kit_connect(k, "ann", "");

    ck_assert_int_eq(kit_input(k, c, "{\"type\":\"enter\",\"channel\":\"ROOM\",\"id\":\"j\"}"),
                     PARLEY_DONE);
    ck_assert_pstr_eq(kit_member(kit_last(k, c, "ack"), "payload.id"), "j");
    ck_assert_int_eq(judge.joins, 1);
    kit_leave(k, c, "room");
    ck_assert_int_eq(judge.leaves, 1);
    judge.refuse_join = true;
    ck_assert_int_eq(kit_input(k, c, "{\"type\":\"enter\",\"channel\":\"room\",\"id\":\"k\"}"),
                     PARLEY_REJECT);
    ck_assert_pstr_eq(kit_member(kit_last(k, c, "error"), "payload.message"), "Members only.");
    ck_assert_int_eq(kit_input(k, c, "{\"type\":\"say\",\"channel\":\"room\",\"text\":\"x\"}"),
                     PARLEY_REJECT);
}
END_TEST

START_TEST(joining_twice_is_once)
{
    parley_client c = kit_connect(k, "ann", ""), d = kit_connect(k, "bob", "");

    kit_join(k, c, "room");
    kit_join(k, c, "room");
    kit_join(k, d, "room");
    kit_input(k, d, "{\"type\":\"say\",\"channel\":\"room\",\"text\":\"x\"}");
    ck_assert_int_eq(kit_frames(k, c, "say"), 1);
    kit_leave(k, c, "room");
    kit_input(k, d, "{\"type\":\"say\",\"channel\":\"room\",\"text\":\"y\"}");
    ck_assert_int_eq(kit_frames(k, c, "say"), 1);
}
END_TEST

START_TEST(a_stale_handle_reaches_nobody)
{
    parley_client c = kit_connect(k, "ann", "");

    kit_disconnect(k, c);
    ck_assert_ptr_null(clients_find(k->hub, c.v));
    ck_assert_ptr_null(clients_find(k->hub, c.v + 1));
    ck_assert_ptr_null(clients_find(k->hub, ~0ull));
    ck_assert_ptr_null(clients_find(k->hub, 0));
}
END_TEST

START_TEST(a_user_outlives_his_connections_for_a_while)
{
    static const parley_slot slot = {"n", 1, sizeof(int)};
    parley_client c = kit_connect(k, "ann", "");
    struct plugin_instance *i = k->registry->instances[0];
    int *n = slot_get(&users_find(k->hub, PARLEY_STR("ann"))->slots, i, &slot);

    ck_assert_int_eq(*n, 0);
    *n = 5;
    kit_disconnect(k, c);
    c = kit_connect(k, "ann", "");
    n = slot_get(&users_find(k->hub, PARLEY_STR("ann"))->slots, i, &slot);
    ck_assert_int_eq(*n, 5);
    kit_disconnect(k, c);
    kit_advance_ms(k, k->settings.server.user_memory_ms + 1000);
    ck_assert_ptr_null(users_find(k->hub, PARLEY_STR("ann")));
}
END_TEST

START_TEST(timers_run_once_by_name_in_order)
{
    struct plugin_instance *i = k->registry->instances[1]; /* judge */
    struct timers *t = k->hub->timers;
    int64_t now = clock_mono_ms();

    ck_assert_int_eq(timers_set(t, i, "c", now + 300), 0);
    ck_assert_int_eq(timers_set(t, i, "a", now + 100), 0);
    ck_assert_int_eq(timers_set(t, i, "b", now + 200), 0);
    ck_assert_int_eq(timers_set(t, i, "a", now + 900), 0); /* pending: stays */
    ck_assert_int_eq(timers_set(t, i, "x", now + 50), 0);
    ck_assert_int_eq(timers_cancel(t, i, "x"), 0);
    ck_assert_int_eq(timers_cancel(t, i, "x"), -ENOENT);
    kit_advance_ms(k, 1000);
    ck_assert_pstr_eq(judge.trace, "timer:a timer:b timer:c ");
}
END_TEST

START_TEST(many_timers_keep_their_order)
{
    struct timers *t = timers_new();
    struct plugin_instance *i = k->registry->instances[0], *got;
    unsigned random = 12345;
    int64_t last = 0;
    char key[16], *name;
    bool durable;
    int n = 0;

    for (int j = 0; j < 2000; j++) {
        random = random * 1103515245u + 12345u;
        snprintf(key, sizeof key, "%d", j);
        ck_assert_int_eq(timers_set(t, i, key, (int64_t)(random >> 8) % 100000), 0);
    }
    for (int j = 0; j < 2000; j += 3) {
        snprintf(key, sizeof key, "%d", j);
        ck_assert_int_eq(timers_cancel(t, i, key), 0);
    }
    for (int64_t at = timers_next(t); at != INT64_MAX; at = timers_next(t)) {
        ck_assert_int_ge(at, last);
        last = at;
        ck_assert(timers_take(t, at, &got, &name, &durable));
        ck_assert(atoi(name) % 3 != 0);
        free(name);
        n++;
    }
    ck_assert_int_eq(n, 2000 - 667);
    timers_free(t);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("clients");
    TCase *t = tcase_create("clients");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, greeting_comes_in_its_order);
    tcase_add_test(t, connect_and_disconnect_once_each);
    tcase_add_test(t, a_refused_one_is_closed_and_not_told_of_again);
    tcase_add_test(t, join_is_asked_of_the_others_and_may_be_refused);
    tcase_add_test(t, joining_twice_is_once);
    tcase_add_test(t, a_stale_handle_reaches_nobody);
    tcase_add_test(t, a_user_outlives_his_connections_for_a_while);
    tcase_add_test(t, timers_run_once_by_name_in_order);
    tcase_add_test(t, many_timers_keep_their_order);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}

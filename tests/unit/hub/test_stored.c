/* The hub and its store: one transaction a hook call, acks that wait until it is on the disk, and
 * timers that survive a restart and follow the wall clock. The file's writer runs when a test says
 * so: until then nothing is committed.
 */
#include "scratch.h"
#include "scripted.h"
#include "store/internal.h"

#include <unistd.h>

static char folder[SCRATCH_BYTES], file[96];

/* The hub anew, on a store in a file, of which nothing is written until run_writer. */
static void use_file(void)
{
    struct store_options o = {
        .file = file, .bytes = 1 << 20, .section_bytes = 1 << 20, .window_ms = 1, .retry_ms = 5};
    struct store *before = k->store;
    char why[256];

    scratch_folder(folder);
    snprintf(file, sizeof file, "%s/parley.db", folder);
    ck_assert_msg(store_open(&o, &k->store, why) == 0, "%s", why);
    kit_restart(k);
    store_close(before);
}

static void run_writer(void)
{
    char why[256];

    ck_assert_int_eq(store_run(k->store, why), 0);
}

static void stop(void)
{
    teardown();
    if (folder[0]) {
        unlink(file);
        ck_assert_int_eq(rmdir(folder), 0);
    }
}

static void until_acks(parley_client who, int count)
{
    while (kit_frames(k, who, "ack") < count)
        ev_run(k->loop.ev, EVRUN_ONCE);
    kit_run(k);
}

static parley_verdict count_it(parley_host *h, parley_message *m)
{
    (void)m;
    ck_assert_int_gt(parley_store_add(h, 1, "count"), 0);
    return PARLEY_PASS;
}

static parley_verdict count_hi(parley_host *h, parley_message *m)
{
    return str_is(parley_message_text(m, 0), "hi") ? count_it(h, m) : PARLEY_PASS;
}

#define OTHER "{\"type\":\"say\",\"id\":\"other\",\"channel\":\"room\",\"text\":\"ho\"}"

START_TEST(an_ack_waits_for_the_disk)
{
    parley_client ann, bob;

    use_file();
    c.on_message = count_hi;
    ann = member_of("ann", "room");
    bob = member_of("bob", "room");
    ck_assert_int_eq(kit_input(k, ann, SAY), PARLEY_HOLD); /* it has not come home */
    ck_assert_int_eq(kit_frames(k, bob, "say"), 1);        /* but everybody has it */
    ck_assert_int_eq(kit_frames(k, ann, "ack"), 0);
    ck_assert_int_eq(kit_input(k, ann, OTHER), PARLEY_PASS); /* of which nothing was kept */
    ck_assert_int_eq(kit_frames(k, ann, "ack"), 1);
    run_writer();
    until_acks(ann, 2);
    member_is(kit_last(k, ann, "ack"), "payload.id", "i");
    ck_assert_int_eq(k->messages_out, 0);
    ck_assert_int_eq(k->settled, PARLEY_PASS);
}
END_TEST

START_TEST(acks_come_in_the_order_of_what_was_kept)
{
    parley_client ann;
    char json[128], id[8];

    use_file();
    c.on_message = count_it;
    ann = member_of("ann", "room");
    for (int i = 0; i < 20; i++) {
        snprintf(json, sizeof json,
                 "{\"type\":\"say\",\"id\":\"%d\",\"channel\":\"room\",\"text\":\"hi\"}", i);
        kit_input(k, ann, json);
    }
    ck_assert_int_eq(k->messages_out, 20);
    run_writer();
    until_acks(ann, 20);
    for (int i = 0; i < 20; i++) {
        snprintf(id, sizeof id, "%d", i);
        member_is(kit_next(k, ann, "ack"), "payload.id", id);
    }
    ck_assert_int_eq(k->messages_out, 0);
}
END_TEST

START_TEST(who_repeats_it_waits_too)
{
    parley_client ann, again;

    use_file();
    c.on_message = count_it;
    ann = member_of("ann", "room");
    again = member_of("ann", "room");
    kit_input(k, ann, SAY);
    kit_input(k, again, SAY);
    ck_assert_int_eq(kit_frames(k, again, "say"), 1);
    ck_assert_int_eq(kit_frames(k, again, "ack"), 0);
    run_writer();
    until_acks(ann, 1);
    ck_assert_int_eq(kit_frames(k, again, "ack"), 1);
}
END_TEST

static parley_verdict strike(parley_host *h, parley_message *m)
{
    count_it(h, m);
    return parley_reject(h, PARLEY_E_REJECTED, "strike", "No.");
}

static parley_verdict keep_alone(parley_host *h, parley_message *m)
{
    count_it(h, m);
    return PARLEY_DONE;
}

START_TEST(a_refusal_does_not_wait)
{
    parley_client ann;

    use_file();
    a.on_message = strike;
    ann = member_of("ann", "room");
    ck_assert_int_eq(kit_input(k, ann, SAY), PARLEY_REJECT);
    ck_assert_int_eq(kit_frames(k, ann, "error"), 1);
    a.on_message = keep_alone;
    ck_assert_int_eq(kit_input(k, ann, OTHER), PARLEY_HOLD);
    say(ann, "room"); /* who wants no ack waits for none */
    ck_assert_int_eq(k->messages_out, 1);
    run_writer();
    until_acks(ann, 1);
    ck_assert_int_eq(k->settled, PARLEY_DONE);
}
END_TEST

static void count_settled(parley_host *h, const parley_message *m, const parley_outcome *o)
{
    (void)m;
    (void)o;
    parley_store_add(h, 1, "settled");
}

START_TEST(what_is_kept_afterwards_is_not_waited_for)
{
    parley_client ann;

    use_file();
    c.on_settled = count_settled;
    ann = member_of("ann", "room");
    ck_assert_int_eq(kit_input(k, ann, SAY), PARLEY_PASS);
    ck_assert_int_eq(kit_frames(k, ann, "ack"), 1);
    run_writer();
}
END_TEST

START_TEST(acks_that_do_not_wait)
{
    parley_client ann;

    c.on_message = count_it;
    ann = member_of("ann", "room"); /* in memory */
    ck_assert_int_eq(kit_input(k, ann, SAY), PARLEY_PASS);
    ck_assert_int_eq(kit_frames(k, ann, "ack"), 1);
    teardown();
    k = kit_start(SECTIONS "ack = accepted\n", scripted);
    use_file();
    ann = member_of("ann", "room");
    ck_assert_int_eq(kit_input(k, ann, SAY), PARLEY_PASS);
    ck_assert_int_eq(kit_frames(k, ann, "ack"), 1);
    run_writer();
}
END_TEST

START_TEST(at_the_end_nothing_is_acked_that_is_not_kept)
{
    parley_client ann;

    use_file();
    c.on_message = count_it;
    ann = member_of("ann", "room");
    kit_input(k, ann, SAY);
    hub_quiesce(k->hub);
    kit_run(k);
    ck_assert_int_eq(k->messages_out, 0);
    ck_assert_int_eq(kit_frames(k, ann, "ack"), 0);
}
END_TEST

static parley_verdict write_much(parley_host *h, parley_message *m)
{
    parley_out *o = parley_store_edit(h, "o");

    (void)m;
    parley_put_int(o, "a", 1);
    ck_assert_int_eq(parley_store_put(o), 0);
    ck_assert_int_eq(parley_store_put(o), -EINVAL); /* it was handed over */
    parley_store_add(h, 1, "n");
    parley_timer_at(h, parley_unix_ms(h) + 1000, "t");
    parley_store_edit(h, "forgotten");
    return PARLEY_PASS;
}

START_TEST(one_transaction_a_hook_call)
{
    parley_client ann;
    uint64_t before;

    use_file();
    a.on_message = write_much;
    ann = member_of("ann", "room");
    before = k->store->number;
    say(ann, "room");
    ck_assert_uint_eq(k->store->number, before + 1);
    c.on_message = count_it;
    d.on_message = count_it;
    say(ann, "room");
    ck_assert_uint_eq(k->store->number, before + 4);
    a = c = d = (struct hooks){0};
    say(ann, "room");
    ck_assert_uint_eq(k->store->number, before + 4);
    run_writer();
}
END_TEST

/* --- timers --- */

static int64_t fires[3]; /* when, by the wall clock */

static int set_times(parley_host *h, const parley_request *q, parley_out *answer)
{
    (void)q;
    (void)answer;
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(parley_timer_at(h, fires[i], "t%d", i), 0);
    ck_assert_int_eq(parley_timer_after(h, 5000, "short"), 0);
    ck_assert_int_eq(parley_timer_after(h, 1, "t0"), 0); /* a pending one stays */
    return 204;
}

static void note_timer(parley_host *h, const char *key)
{
    note(key);
    if (key[0] == 't')
        ck_assert_int_ge(parley_unix_ms(h), fires[key[1] - '0']);
}

static void set_all(void)
{
    a.serve = set_times;
    a.on_timer = note_timer;
    for (int i = 0; i < 3; i++)
        fires[i] = clock_unix_ms() + (3 - i) * INT64_C(100000);
    ck_assert_int_eq(kit_admin(k, "GET", "/admin/a/it", NULL, NULL), 204);
}

START_TEST(durable_timers_survive_a_restart_and_fire_once)
{
    set_all();
    kit_restart(k);
    kit_advance_ms(k, 90000);
    ck_assert_str_eq(notes, ""); /* the short one was of memory */
    kit_advance_ms(k, 20000);
    ck_assert_str_eq(notes, "t2");
    kit_restart(k);
    kit_advance_ms(k, 1000000);
    ck_assert_str_eq(notes, "t2 t1 t0");
    kit_restart(k);
    kit_advance_ms(k, 1000000);
    ck_assert_str_eq(notes, "t2 t1 t0");
}
END_TEST

START_TEST(what_is_overdue_fires_soon_in_order)
{
    set_all();
    clock_advance_ms(1000000); /* nobody was there */
    kit_restart(k);
    kit_advance_ms(k, 0);
    ck_assert_str_eq(notes, "t2 t1 t0");
}
END_TEST

START_TEST(a_clock_that_is_set_forward)
{
    set_all();
    clock_set_ms(150000);
    kit_advance_ms(k, 0); /* as the tick does, once a second */
    ck_assert_str_eq(notes, "t2");
    kit_advance_ms(k, 60000);
    ck_assert_ptr_nonnull(strstr(notes, "t1"));
    ck_assert_ptr_null(strstr(notes, "t0"));
    ck_assert_ptr_nonnull(strstr(notes, "short"));
}
END_TEST

START_TEST(a_clock_that_is_set_back)
{
    set_all();
    clock_set_ms(-1000000);
    kit_advance_ms(k, 1000000);
    ck_assert_str_eq(notes, "short"); /* which does not care */
    kit_advance_ms(k, 110000);
    ck_assert_str_eq(notes, "short t2");
    clock_set_ms(-50000);
    kit_advance_ms(k, 100000);
    ck_assert_str_eq(notes, "short t2"); /* never twice */
    kit_advance_ms(k, 1000000);
    ck_assert_str_eq(notes, "short t2 t1 t0");
}
END_TEST

/* Less than what is taken for a clock that was set, and between two looks at it. */
START_TEST(never_before_its_moment)
{
    set_all();
    clock_set_ms(-200);
    kit_advance_ms(k, 100100);
    ck_assert_ptr_null(strstr(notes, "t2"));
    kit_advance_ms(k, 5000);
    ck_assert_ptr_nonnull(strstr(notes, "t2"));
}
END_TEST

static int cancel_one(parley_host *h, const parley_request *q, parley_out *answer)
{
    (void)q;
    (void)answer;
    ck_assert_int_eq(parley_timer_cancel(h, "t1"), 0);
    ck_assert_int_eq(parley_timer_cancel(h, "t1"), -ENOENT);
    fires[2] = parley_unix_ms(h) + 400000;
    ck_assert_int_eq(parley_timer_at(h, fires[2], "t2"), 0); /* replaces */
    return 204;
}

START_TEST(a_timer_is_cancelled_for_good)
{
    set_all();
    a.serve = cancel_one;
    ck_assert_int_eq(kit_admin(k, "GET", "/admin/a/it", NULL, NULL), 204);
    clock_set_ms(150000);
    kit_advance_ms(k, 0);
    ck_assert_str_eq(notes, "");
    kit_restart(k);
    kit_advance_ms(k, 1000000);
    ck_assert_str_eq(notes, "t0 t2");
}
END_TEST

static void again(parley_host *h, const char *key)
{
    note(key);
    parley_store_add(h, 1, "fired");
    if (strcmp(key, "t2") == 0)
        parley_timer_at(h, parley_unix_ms(h) + 250000, "t2");
}

START_TEST(what_a_timer_does_and_that_it_fired_are_one)
{
    uint64_t before;

    set_all();
    a.on_timer = again;
    before = k->store->number;
    kit_advance_ms(k, 110000);
    ck_assert_str_eq(notes, "short t2");
    ck_assert_uint_eq(k->store->number, before + 2);
    kit_restart(k);
    kit_advance_ms(k, 300000);
    ck_assert_str_eq(notes, "short t2 t1 t0 t2");
}
END_TEST

static int try_timers(parley_host *h, const parley_request *q, parley_out *answer)
{
    (void)q;
    (void)answer;
    ck_assert_int_eq(parley_timer_at(h, fires[2] + 1, "t2"), -ENOSPC);
    ck_assert_int_eq(parley_timer_at(h, fires[2] + 1, "new"), -ENOSPC);
    ck_assert_int_eq(parley_timer_cancel(h, "t1"), -ENOSPC);
    ck_assert_int_eq(parley_timer_cancel(h, "short"), 0);
    ck_assert_int_eq(parley_timer_after(h, 1000, "short"), 0);
    return 204;
}

START_TEST(timers_while_the_store_fails)
{
    set_all();
    kit_store_fails(k, ENOSPC);
    a.serve = try_timers;
    ck_assert_int_eq(kit_admin(k, "GET", "/admin/a/it", NULL, NULL), 204);
    kit_advance_ms(k, 110000);
    ck_assert_str_eq(notes, "short t2");
    kit_restart(k);
    kit_advance_ms(k, 100000);
    ck_assert_str_eq(notes, "short t2 t1");
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("stored");
    Suite *suite = suite_create("hub/stored");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(t, setup, stop);
    tcase_add_test(t, an_ack_waits_for_the_disk);
    tcase_add_test(t, acks_come_in_the_order_of_what_was_kept);
    tcase_add_test(t, who_repeats_it_waits_too);
    tcase_add_test(t, a_refusal_does_not_wait);
    tcase_add_test(t, what_is_kept_afterwards_is_not_waited_for);
    tcase_add_test(t, acks_that_do_not_wait);
    tcase_add_test(t, at_the_end_nothing_is_acked_that_is_not_kept);
    tcase_add_test(t, one_transaction_a_hook_call);
    tcase_add_test(t, durable_timers_survive_a_restart_and_fire_once);
    tcase_add_test(t, what_is_overdue_fires_soon_in_order);
    tcase_add_test(t, a_clock_that_is_set_forward);
    tcase_add_test(t, a_clock_that_is_set_back);
    tcase_add_test(t, never_before_its_moment);
    tcase_add_test(t, a_timer_is_cancelled_for_good);
    tcase_add_test(t, what_a_timer_does_and_that_it_fired_are_one);
    tcase_add_test(t, timers_while_the_store_fails);
    suite_add_tcase(suite, t);
    r = srunner_create(suite);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}

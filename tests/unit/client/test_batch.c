/* Batches and flush windows: how many sends, how many copies, and when. */
#include "fake_net.h"

static struct lws *w;
static struct client *c;

static void begin(const char *window)
{
    fake_defaults(&fake.settings.server);
    fake.settings.server.flush_window = window;
    fake.settings.server.queue_bytes = 1 << 20;
    fake.settings.server.queue_messages = 10000;
    fake_start();
    w = new_socket();
    c = open_client(w, "ann", 7);
    post_member(c->handle, MAIL_JOIN, 1);
    turn();
}
static void setup(void)
{
    begin("0");
}
static void teardown(void)
{
    end_client(w);
    fake_end();
}
static struct batch *pending(uint32_t channel, enum lane lane)
{
    return &mirror_channel(&fake.pump, channel)->batches[0][lane];
}

/* --- sends and copies --- */

START_TEST(one_send_for_all_of_a_turn)
{
    for (int i = 0; i < 50; i++)
        post_publish(1, "many");
    turn();
    ck_assert_uint_eq(w->sends, 1);
    ck_assert(metric_find("deliveries", PARLEY_NONE) == 50);
    ck_assert(metric_find("sends", PARLEY_NONE) == 1);
    ck_assert(metric_find("bytes_sent", PARLEY_NONE) == 50 * 6);
}
END_TEST

START_TEST(both_lanes_in_one_send)
{
    post_typing(1, "typing");
    post_publish(1, "one");
    post_publish(1, "two");
    turn();
    ck_assert_uint_eq(w->sends, 1);
    ck_assert_str_eq(heard(w), "one\ntwo\ntyping\n");
}
END_TEST

START_TEST(batches_and_a_direct_frame_in_one_send)
{
    for (uint32_t i = 2; i < 20; i++) {
        post_member(c->handle, MAIL_JOIN, i);
        post_publish(i, "x");
        post_typing(i, "y");
    }
    post_frame(c->handle, "last", LANE_ORDERED, false);
    turn();
    ck_assert_uint_le(w->sends, 2);
    ck_assert_ptr_nonnull(strstr(heard(w), "last\n"));
}
END_TEST

START_TEST(many_parts_keep_their_order)
{
    char text[30000], expected[3];

    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = 0;
    for (uint32_t i = 2; i < 8; i++)
        post_member(c->handle, MAIL_JOIN, i);
    for (uint32_t i = 2; i < 8; i++) {
        text[0] = (char)('0' + i);
        post_publish(i, text);
    }
    post_frame(c->handle, "9", LANE_ORDERED, false);
    turn();
    ck_assert_uint_eq(w->sends, 3); /* 180,000 bytes, 64 KiB at a time */
    for (char *line = (char *)(uintptr_t)heard(w), i = '2'; i < '8'; i++, line += sizeof text) {
        snprintf(expected, sizeof expected, "%cx", i);
        ck_assert_mem_eq(line, expected, 2);
    }
}
END_TEST

START_TEST(first_publication_is_not_copied)
{
    struct mail_publish *m = new_publish(1, "as it is", LANE_ORDERED);
    struct frame *f = frame_ref(m->frames[0]);

    fake.pump.window.fixed_us = 1000000;
    fake.pump.window.waiting = true;
    fake.pump.window.until_us = clock_mono_us() + 1000000;
    actor_post(&fake.pump.actor, &m->mail, MAIL_PUBLISH);
    turn();
    ck_assert_ptr_eq(pending(1, LANE_ORDERED)->frame, f);
    post_publish(1, "another");
    turn();
    ck_assert_ptr_ne(pending(1, LANE_ORDERED)->frame, f);
    ck_assert_uint_eq(f->refs, 1);
    ck_assert_mem_eq(f->bytes + 2, "as it is", 8); /* and not written into: others share it */
    ck_assert_uint_eq(f->n, 10);
    frame_unref(f);
    clock_advance_ms(1001);
    turn();
    ck_assert_str_eq(heard(w), "as it is\nanother\n");
}
END_TEST

/* A queue refers to a batch that goes on being filled, and that must move to grow. */
START_TEST(batch_moves_under_a_queue)
{
    char text[600];

    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = 0;
    fake.pump.window.fixed_us = 1000000;
    fake.pump.window.waiting = true;
    fake.pump.window.until_us = clock_mono_us() + 1000000;
    w->room = 1;
    post_publish(1, text);
    post_publish(1, text);
    post_frame(c->handle, "direct", LANE_ORDERED, false); /* it has the rest of this, queued */
    turn();
    ck_assert_ptr_nonnull(c->queue);
    for (int i = 0; i < 40; i++)
        post_publish(1, text);
    turn();
    give_room(w, ROOM_FOR_ALL);
    ck_assert_uint_eq(frame_count(w->got.p, w->got.n), 3);
    clock_advance_ms(1001);
    turn();
    ck_assert_uint_eq(frame_count(w->got.p, w->got.n), 43);
}
END_TEST

START_TEST(nobody_speaks_that_protocol)
{
    struct mail_publish *m = new_publish(1, "one", LANE_ORDERED);

    m->frames[1] = text_frame("for nobody");
    actor_post(&fake.pump.actor, &m->mail, MAIL_PUBLISH);
    m = new_publish(1, "none", LANE_ORDERED);
    frame_unref(m->frames[0]);
    m->frames[0] = NULL;
    actor_post(&fake.pump.actor, &m->mail, MAIL_PUBLISH);
    post_publish(77, "no such channel");
    turn();
    ck_assert_str_eq(heard(w), "one\n");
}
END_TEST

START_TEST(joined_twice_is_once)
{
    post_member(c->handle, MAIL_JOIN, 1);
    post_publish(1, "once");
    turn();
    ck_assert_str_eq(heard(w), "once\n");
    post_member(c->handle, MAIL_LEAVE, 1);
    post_member(c->handle, MAIL_LEAVE, 1);
    post_publish(1, "gone");
    turn();
    ck_assert_str_eq(heard(w), "");
    ck_assert_ptr_null(mirror_channel(&fake.pump, 1));
}
END_TEST

/* Its number is another channel's at once, even while the old one's batch was pending. */
START_TEST(channel_number_is_used_again)
{
    post_publish(1, "old");
    post_member(0, MAIL_CHANNEL_CLOSED, 1);
    post_publish(1, "nobody is in the new one");
    post_member(c->handle, MAIL_JOIN, 1);
    post_publish(1, "new");
    turn();
    ck_assert_str_eq(heard(w), "old\nnew\n");
    post_member(0, MAIL_CHANNEL_CLOSED, 12345);
    turn();
}
END_TEST

START_TEST(exceptions_come_piecewise)
{
    struct mail_publish *m;
    static const char *const texts[] = {"a", "b", "c", "d", "e", "f"};

    for (int i = 0; i < 6; i++) {
        m = new_publish(1, texts[i], LANE_ORDERED);
        if (i == 1 || i == 2)
            m->but = c->handle;
        if (i == 4)
            m->but_user = 7;
        if (i == 5)
            m->but_user = 8;
        actor_post(&fake.pump.actor, &m->mail, MAIL_PUBLISH);
    }
    turn();
    ck_assert_str_eq(heard(w), "a\nd\nf\n");
    ck_assert_uint_eq(w->sends, 1);
}
END_TEST

/* His queue is full in the midst of it: the rest is nothing to him, nor he to the channels. _i / 4:
 * at which part of a channel that happens. */
START_TEST(closed_in_the_midst_of_a_flush)
{
    int how = _i % 4;

    fake.settings.server.queue_messages = 8;
    for (int i = 0; i < _i / 4; i++)
        post_member(c->handle, MAIL_JOIN, (uint32_t)(100 + i));
    for (uint32_t i = 2; i < 80; i++)
        post_member(c->handle, MAIL_JOIN, i);
    turn();
    w->room = 0;
    for (int i = 0; i < _i / 4; i++)
        post_publish((uint32_t)(100 + i), "shift");
    for (uint32_t i = 2; i < 80; i++) {
        struct mail_publish *m = new_publish(i, "left out", LANE_ORDERED);

        m->but = c->handle;
        post_publish(i, "x");
        actor_post(&fake.pump.actor, &m->mail, MAIL_PUBLISH);
        post_publish(i, "y");
        post_typing(i, "z");
    }
    if (how == 0)
        post_frame(c->handle, "last", LANE_ORDERED, false);
    if (how == 1)
        post_member(0, MAIL_CHANNEL_CLOSED, 50);
    if (how == 2)
        post_close(c->handle, 4403, PARLEY_LEFT_KICKED, "kicked");
    turn();
    ck_assert_int_eq(c->state, CLIENT_CLOSING);
    ck_assert_uint_eq(c->close_code, 4408);
    ck_assert_str_eq(c->close_text, "too slow");
    ck_assert_uint_eq(fake.gones, 1);
    ck_assert(metric_find("disconnects", PARLEY_STR("slow")) == 1);
    ck_assert(metric_find("disconnects", PARLEY_STR("kicked")) == 0);
    ck_assert_uint_eq(fake.pump.window.pending_bytes, 0);
    ck_assert_ptr_null(mirror_channel(&fake.pump, 30));
}
END_TEST

/* --- when it leaves --- */

START_TEST(full_batch_does_not_wait)
{
    char text[1000];
    unsigned sent;

    begin("1h");
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = 0;
    post_publish(1, "first");
    turn();
    heard(w);
    w->sends = 0;
    for (int i = 0; i < 60; i++)
        post_publish(1, text);
    turn();
    ck_assert_uint_eq(w->sends, 0);
    for (int i = 0; i < 10; i++)
        post_publish(1, text);
    turn();
    sent = frame_count(w->got.p, w->got.n);
    ck_assert_uint_eq(w->sends, 1);
    ck_assert_uint_ge(sent, 65);
    ck_assert_uint_lt(sent, 70);
    clock_advance_ms(3600001);
    turn();
    ck_assert_uint_eq(frame_count(w->got.p, w->got.n), 70);
}
END_TEST

START_TEST(too_much_in_all_does_not_wait)
{
    static char text[60000];

    begin("1h");
    memset(text, 'x', sizeof text - 1);
    post_publish(1, "first");
    for (uint32_t i = 2; i < 22; i++)
        post_member(c->handle, MAIL_JOIN, i);
    turn();
    for (uint32_t i = 2; i < 19; i++)
        post_publish(i, text);
    turn();
    ck_assert_uint_eq(frame_count(w->got.p, w->got.n), 1);
    post_publish(20, text);
    turn();
    ck_assert_uint_eq(frame_count(w->got.p, w->got.n), 19);
    ck_assert_uint_eq(fake.pump.window.pending_bytes, 0);
}
END_TEST

START_TEST(fixed_window)
{
    begin("10ms");
    post_publish(1, "at once");
    turn();
    ck_assert_str_eq(heard(w), "at once\n");
    post_publish(1, "waits");
    turn();
    ck_assert_str_eq(heard(w), "");
    ck_assert(atomic_load(&fake.loop.dozing)); /* nobody needs to wake it for more */
    post_publish(1, "with it");
    clock_advance_ms(11);
    turn();
    ck_assert_str_eq(heard(w), "waits\nwith it\n");
    ck_assert(!atomic_load(&fake.loop.dozing));
    clock_advance_ms(11);
    post_publish(1, "at once again");
    turn();
    ck_assert_str_eq(heard(w), "at once again\n");
}
END_TEST

/* What comes turn by turn without a pause leaves together, whatever the window; but not for ever.
 */
START_TEST(reading_goes_before_flushing)
{
    begin("auto");
    w->sends = 0;
    for (int i = 0; i < 3; i++) {
        post_publish(1, "more");
        loop_drain(&fake.loop);
        ck_assert_uint_eq(w->sends, 0);
    }
    loop_drain(&fake.loop);
    ck_assert_str_eq(heard(w), "more\nmore\nmore\n");
    ck_assert_uint_eq(w->sends, 1);
    clock_advance_ms(100);
    post_publish(1, "a");
    loop_drain(&fake.loop);
    clock_advance_ms(2);
    post_publish(1, "b");
    loop_drain(&fake.loop);
    ck_assert_str_eq(heard(w), "a\nb\n");
}
END_TEST

static void stop_loop(struct ev_loop *ev, ev_timer *t, int events)
{
    (void)t;
    (void)events;
    ev_break(ev, EVBREAK_ALL);
}

/* The timer alone brings it out, with nothing else going on. */
START_TEST(window_ends_by_its_timer)
{
    ev_timer stop;

    begin("20ms");
    post_publish(1, "at once");
    turn();
    post_publish(1, "waits");
    turn();
    heard(w);
    ev_timer_init(&stop, stop_loop, 0.2, 0.);
    ev_timer_start(fake.loop.ev, &stop);
    ev_run(fake.loop.ev, 0);
    ck_assert_str_eq(heard(w), "waits\n");
}
END_TEST

/* A channel that is busy is gathered; what then waits, waits about a millisecond. */
START_TEST(adaptive_window_gathers)
{
    unsigned published = 0;
    int64_t until;

    begin("auto");
    until = clock_mono_us() + 100000;
    w->sends = 0;
    while (clock_mono_us() < until) {
        post_publish(1, "busy");
        turn();
        published++;
    }
    clock_advance_ms(100);
    turn();
    ck_assert_uint_eq(frame_count(w->got.p, w->got.n), published);
    printf("%u publications in %u sends\n", published, w->sends);
    ck_assert_uint_lt(w->sends, published / 8); /* about a window each millisecond */
}
END_TEST

START_TEST(adaptive_window_lets_the_first_go)
{
    begin("auto");
    for (int i = 0; i < 50; i++) {
        post_publish(1, "rare");
        turn();
        ck_assert_str_eq(heard(w), "rare\n");
        clock_advance_ms(30);
    }
}
END_TEST

/* One client and his echo: he sends the next one when he has seen the last. Waiting gathers
 * nothing. */
START_TEST(adaptive_window_does_not_hold_up_an_echo)
{
    unsigned waited = 0, echoes = 0;

    begin("auto");
    for (; fake.pump.window.serial < 300; echoes++) {
        post_publish(1, "echo");
        turn();
        if (!*heard(w)) {
            waited++;
            clock_advance_ms(21);
            turn();
            ck_assert_str_eq(heard(w), "echo\n");
        }
    }
    printf("%u of %u echoes waited\n", waited, echoes);
    ck_assert_uint_lt(waited, 8 + 300 / 30); /* with each in vain, the next try is rarer */
}
END_TEST

/* A window in which nothing came is no reason to change one's mind. */
START_TEST(adaptive_window_remembers_through_silence)
{
    begin("auto");
    fake.pump.window.waiting = true;
    for (int i = 0; i < 3; i++) {
        clock_advance_ms(1000);
        post_publish(1, "at once");
        turn();
        ck_assert_str_eq(heard(w), "at once\n");
        ck_assert(fake.pump.window.waiting);
    }
}
END_TEST

/* Many channels with a publication each: nothing is saved by waiting for the others. */
START_TEST(adaptive_window_counts_by_channel)
{
    unsigned waited = 0;

    begin("auto");
    for (uint32_t i = 2; i < 300; i++)
        post_member(c->handle, MAIL_JOIN, i);
    turn();
    for (uint32_t i = 2; i < 300; i++) {
        post_publish(i, "alone");
        turn();
        waited += !*heard(w);
    }
    ck_assert_uint_eq(waited, 0);
    clock_advance_ms(100);
    turn();
}
END_TEST

START_TEST(setting_is_checked)
{
    struct settings s = {.server = {.flush_window = "soon"}};
    struct pump p;

    ck_assert_int_eq(pump_init(&p, 0, &s, &fake.registry, NULL, &fake.hub), -EINVAL);
    begin("auto");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("batch");
    TCase *t = tcase_create("batch"), *u = tcase_create("window");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, one_send_for_all_of_a_turn);
    tcase_add_test(t, both_lanes_in_one_send);
    tcase_add_test(t, batches_and_a_direct_frame_in_one_send);
    tcase_add_test(t, many_parts_keep_their_order);
    tcase_add_test(t, first_publication_is_not_copied);
    tcase_add_test(t, batch_moves_under_a_queue);
    tcase_add_test(t, nobody_speaks_that_protocol);
    tcase_add_test(t, joined_twice_is_once);
    tcase_add_test(t, channel_number_is_used_again);
    tcase_add_test(t, exceptions_come_piecewise);
    tcase_add_loop_test(t, closed_in_the_midst_of_a_flush, 0, 12);
    suite_add_tcase(s, t);
    tcase_add_checked_fixture(u, NULL, teardown);
    tcase_add_test(u, full_batch_does_not_wait);
    tcase_add_test(u, too_much_in_all_does_not_wait);
    tcase_add_test(u, fixed_window);
    tcase_add_test(u, reading_goes_before_flushing);
    tcase_add_test(u, window_ends_by_its_timer);
    tcase_add_test(u, adaptive_window_gathers);
    tcase_add_test(u, adaptive_window_lets_the_first_go);
    tcase_add_test(u, adaptive_window_does_not_hold_up_an_echo);
    tcase_add_test(u, adaptive_window_remembers_through_silence);
    tcase_add_test(u, adaptive_window_counts_by_channel);
    tcase_add_test(u, setting_is_checked);
    suite_add_tcase(s, u);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

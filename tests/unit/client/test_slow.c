/* Clients that take too little, and those that say nothing: bounds, deadlines, pings. */
#include "fake_net.h"

static struct lws *w;
static struct client *c;

static void setup(void)
{
    fake_begin();
    w = new_socket();
}
static void open_one(void)
{
    c = open_client(w, "ann", 7);
}
static void teardown(void)
{
    fake_end();
    ck_assert_uint_eq(fake_logins, 0);
}
/* What every life must come to. */
static void end_one(int reason)
{
    end_client(w);
    ck_assert_uint_eq(fake.connects, 1);
    ck_assert_uint_eq(fake.gones, 1);
    ck_assert_int_eq(fake.gone_reason, reason);
    ck_assert_int_eq(fake_addresses, 0);
    ck_assert_int_eq(fake_users, 0);
    ck_assert(pump_empty(&fake.pump));
}
/* --- slow ones --- */

START_TEST(choked_and_drained_in_order)
{
    open_one();
    post_member(c->handle, MAIL_JOIN, 1);
    turn();
    w->room = 5;
    post_publish(1, "one");
    post_publish(1, "two");
    turn();
    ck_assert_ptr_nonnull(c->queue);
    post_publish(1, "three");
    post_frame(c->handle, "four", LANE_ORDERED, false);
    post_typing(1, "typing");
    turn();
    ck_assert_uint_eq(c->queue->messages, 3);
    ck_assert_uint_eq(c->queue->bytes, 5 + 7 + 6);
    w->tail = false; /* room, but nobody may pass the queue */
    w->room = ROOM_FOR_ALL;
    post_publish(1, "five");
    turn();
    ck_assert_str_eq(heard(w), "one\n");
    ck_assert_int_eq(give_room(w, ROOM_FOR_ALL), 0);
    ck_assert_str_eq(heard(w), "two\nthree\nfour\nfive\n");
    ck_assert_ptr_null(c->queue);
    post_typing(1, "typing");
    turn();
    ck_assert_str_eq(heard(w), "typing\n");
    ck_assert(metric_find("drops", PARLEY_STR("choked")) == 1);
    end_one(PARLEY_LEFT_LOST);
}
END_TEST

/* Of the batch in which it choked, too much is left: what is ephemeral goes, and nobody is closed.
 */
START_TEST(choked_by_ephemeral_ones)
{
    open_one();
    w->room = 5;
    for (int i = 0; i < 12; i++)
        post_typing(0, "typing");
    turn();
    ck_assert_int_eq(c->state, CLIENT_OPEN);
    ck_assert_uint_eq(c->queue->count, 0);
    ck_assert(metric_find("drops", PARLEY_STR("queue_full")) == 11);
    post_frame(c->handle, "behind", LANE_ORDERED, false);
    turn();
    give_room(w, ROOM_FOR_ALL);
    ck_assert_str_eq(heard(w), "typing\nbehind\n");
    end_one(PARLEY_LEFT_LOST);
}
END_TEST

/* At its bound: out, with 4408 alone, which it sees as soon as it reads on. _i: by count, by bytes.
 */
START_TEST(too_slow)
{
    char text[1300];

    memset(text, 'x', sizeof text - 1);
    text[_i ? sizeof text - 1 : 10] = 0;
    open_one();
    w->room = 5;
    for (int i = 0; i < (_i ? 4 : 9); i++)
        post_frame(c->handle, text, LANE_ORDERED, false);
    turn();
    ck_assert_int_eq(c->state, CLIENT_OPEN); /* one is lws's; the others fill the queue */
    post_typing(0, "x");                     /* is dropped, and closes nobody */
    turn();
    ck_assert_int_eq(c->state, CLIENT_OPEN);
    post_frame(c->handle, text, LANE_ORDERED, false);
    turn();
    ck_assert_int_eq(c->state, CLIENT_CLOSING);
    ck_assert_uint_eq(c->close_code, 4408);
    ck_assert_ptr_null(c->queue);
    ck_assert_uint_eq(fake.gones, 1);
    ck_assert(metric_find("disconnects", PARLEY_STR("slow")) == 1);
    ck_assert(metric_find("drops", PARLEY_STR("slow")) == (_i ? 4 : 9));
    ck_assert_int_eq(client_writable(c), 0);
    tick(25000);
    ck_assert_msg(!w->aborted, "it may still come to read");
    ck_assert_int_eq(give_room(w, ROOM_FOR_ALL), -1);
    end_one(PARLEY_LEFT_SLOW);
}
END_TEST

START_TEST(too_slow_and_never_reads)
{
    open_one();
    w->room = 1;
    post_frame(c->handle, "x", LANE_ORDERED, false);
    post_frame(c->handle, "y", LANE_ORDERED, false);
    turn();
    tick(5000);
    give_room(w, 1); /* it takes a little: that is progress */
    tick(6000);
    ck_assert_int_eq(c->state, CLIENT_OPEN);
    post_frame(c->handle, "z", LANE_ORDERED, false);
    turn();
    tick(3900);
    ck_assert_int_eq(c->state, CLIENT_OPEN);
    tick(200);
    ck_assert_int_eq(c->state, CLIENT_CLOSING);
    ck_assert_uint_eq(c->close_code, 4408);
    tick(29900);
    ck_assert(!w->aborted);
    tick(200);
    ck_assert(w->aborted);
    end_one(PARLEY_LEFT_SLOW);
}
END_TEST

START_TEST(greeting_is_not_bounded_but_has_a_deadline)
{
    open_one();
    w->room = 1;
    for (int i = 0; i < 100; i++)
        post_frame(c->handle, "history", LANE_ORDERED, true);
    for (int i = 0; i < 8; i++)
        post_frame(c->handle, "live", LANE_ORDERED, false);
    turn();
    ck_assert_int_eq(c->state, CLIENT_OPEN);
    ck_assert_uint_eq(c->queue->count, 99 + 8);
    ck_assert_uint_eq(c->queue->messages, 8);
    for (int i = 0; i < 5; i++) { /* a little each time: it is not stalled */
        tick(5900);
        give_room(w, 20);
        ck_assert_int_eq(c->state, CLIENT_OPEN);
    }
    tick(600);
    ck_assert_int_eq(c->state, CLIENT_CLOSING);
    ck_assert_uint_eq(c->close_code, 4408);
    end_one(PARLEY_LEFT_SLOW);
}
END_TEST

START_TEST(greeting_taken_in_time)
{
    open_one();
    w->room = 1;
    post_frame(c->handle, "history", LANE_ORDERED, true);
    post_frame(c->handle, "more", LANE_ORDERED, true);
    turn();
    tick(5000);
    give_room(w, ROOM_FOR_ALL);
    ck_assert_ptr_null(c->queue);
    ck_assert_str_eq(heard(w), "history\nmore\n");
    end_one(PARLEY_LEFT_LOST);
}
END_TEST

/* A small part of a large batch is copied: else every queue could keep 64 KiB alive a message. */
START_TEST(small_parts_do_not_pin_large_batches)
{
    char text[900];

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    open_one();
    post_member(c->handle, MAIL_JOIN, 1);
    turn();
    w->room = 5;
    for (int i = 0; i < 4; i++)
        post_publish(1, text);
    post_publish(1, "small");
    turn();
    ck_assert_uint_eq(c->queue->count, 1);
    ck_assert_uint_ge(send_queue_peek(c->queue)->frame->n, 3600); /* most of it: shared */
    w->room = 2000;
    w->tail = false;
    client_writable(c);
    post_member(c->handle, MAIL_LEAVE, 1);
    post_member(c->handle, MAIL_JOIN, 2);
    turn();
    for (int i = 0; i < 2; i++) {
        struct mail_publish *m = new_publish(2, text, LANE_ORDERED);

        m->but = c->handle;
        actor_post(&fake.pump.actor, &m->mail, MAIL_PUBLISH);
    }
    post_publish(2, "end");
    turn();
    ck_assert_uint_eq(c->queue->count, 2);
    ck_assert_uint_eq(send_queue_at(c->queue, 1)->frame->n, 5);
    give_room(w, ROOM_FOR_ALL);
    end_one(PARLEY_LEFT_LOST);
}
END_TEST

/* --- silent ones --- */

START_TEST(ping_and_hang_up)
{
    open_one();
    tick(24000);
    ck_assert_str_eq(heard(w), "");
    tick(2000);
    ck_assert_str_eq(heard(w), "(ping)\n");
    tick(1000);
    ck_assert_str_eq(heard(w), "");
    client_heard(c);
    tick(24000);
    ck_assert_str_eq(heard(w), "");
    tick(2000);
    ck_assert_str_eq(heard(w), "(ping)\n");
    tick(8000);
    ck_assert_int_eq(c->state, CLIENT_OPEN);
    tick(2000);
    ck_assert_int_eq(c->state, CLIENT_CLOSING);
    ck_assert(w->aborted);
    end_one(PARLEY_LEFT_LOST);
}
END_TEST

START_TEST(nobody_is_silent_whom_we_do_not_read)
{
    open_one();
    for (int i = 0; i < 4; i++)
        say(c, "{\"type\":\"say\",\"room\":\"a\",\"text\":\"b\"}");
    ck_assert(!w->reading);
    turn();
    tick(100000);
    ck_assert_int_eq(c->state, CLIENT_OPEN);
    settle();
    turn();
    ck_assert(w->reading);
    tick(20000);
    ck_assert_int_eq(c->state, CLIENT_OPEN);
    end_one(PARLEY_LEFT_LOST);
}
END_TEST

START_TEST(who_reads_slowly_is_alive)
{
    open_one();
    w->room = 1;
    for (int i = 0; i < 8; i++)
        post_frame(c->handle, "x", LANE_ORDERED, false);
    turn();
    for (int i = 0; i < 7; i++) {
        tick(9000);
        ck_assert_int_eq(c->state, CLIENT_OPEN);
        give_room(w, 1);
    }
    ck_assert_ptr_null(strstr(heard(w), "(ping)"));
    end_one(PARLEY_LEFT_LOST);
}
END_TEST

START_TEST(pings_of_a_tick_are_limited)
{
    static struct lws sockets[3000];
    unsigned pinged = 0;

    for (int i = 0; i < 3000; i++) {
        sockets[i] = (struct lws){.room = ROOM_FOR_ALL};
        open_client(&sockets[i], "many", 1);
    }
    tick(26000);
    for (int i = 0; i < 3000; i++)
        pinged += sockets[i].sends;
    ck_assert_uint_eq(pinged, 1000);
    tick(1000);
    tick(1000);
    for (int i = 0; i < 3000; i++) {
        ck_assert_uint_eq(sockets[i].sends, 1);
        client_closed(sockets[i].client);
        buf_finish(&sockets[i].got);
    }
    free_socket(w);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("slow");
    TCase *t = tcase_create("slow");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, choked_and_drained_in_order);
    tcase_add_test(t, choked_by_ephemeral_ones);
    tcase_add_loop_test(t, too_slow, 0, 2);
    tcase_add_test(t, too_slow_and_never_reads);
    tcase_add_test(t, greeting_is_not_bounded_but_has_a_deadline);
    tcase_add_test(t, greeting_taken_in_time);
    tcase_add_test(t, small_parts_do_not_pin_large_batches);
    tcase_add_test(t, ping_and_hang_up);
    tcase_add_test(t, nobody_is_silent_whom_we_do_not_read);
    tcase_add_test(t, who_reads_slowly_is_alive);
    tcase_add_test(t, pings_of_a_tick_are_limited);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* The life of a client: each step once, whoever begins its end; slow ones, silent ones, and those
 * that wait at the door. */
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
static void wait_at_the_door(void)
{
    c = open_with(w, NULL, made(login_new(PARLEY_STR("t"), NULL, 0, "")));
    ck_assert_ptr_nonnull(c);
    turn();
}

/* --- the plain way --- */

START_TEST(from_door_to_door)
{
    client_handle h;

    c = open_with(w, new_identity("ann"), NULL);
    h = c->handle;
    ck_assert_int_eq(c->state, CLIENT_CONNECTING);
    ck_assert_msg(!w->reading, "reading is off until it is admitted");
    turn();
    ck_assert_uint_eq(fake.connects, 1);
    post_publish(0, "too early");
    post_client(h, MAIL_ADMITTED, 7);
    post_publish(0, "to everyone");
    turn();
    ck_assert_int_eq(c->state, CLIENT_OPEN);
    ck_assert_uint_eq(c->user, 7);
    ck_assert(w->reading);
    ck_assert_str_eq(heard(w), "to everyone\n");
    client_closed(c);
    turn();
    ck_assert_uint_eq(fake.gones, 1);
    ck_assert_int_eq(fake.gone_reason, PARLEY_LEFT_LOST);
    ck_assert_uint_eq(fake.gone_client, h);
    ck_assert_msg(client_find(&fake.pump, h), "the slot is kept until the hub has forgotten");
    post_client(h, MAIL_FORGOTTEN, 0);
    turn();
    ck_assert_ptr_null(client_find(&fake.pump, h));
    ck_assert_int_eq(fake_addresses + fake_users, 0);
    free_socket(w);
}
END_TEST

START_TEST(forgotten_before_it_is_closed)
{
    open_one();
    post_close(c->handle, 4403, PARLEY_LEFT_KICKED, "out");
    turn();
    post_client(c->handle, MAIL_FORGOTTEN, 0);
    turn();
    ck_assert_ptr_eq(client_find(&fake.pump, c->handle), c);
    client_closed(c);
    ck_assert(pump_empty(&fake.pump));
    ck_assert_uint_eq(fake.pump.slot_free, 1);
    free_socket(w);
}
END_TEST

START_TEST(stale_handles_are_passed_over)
{
    struct lws *w2 = new_socket();
    client_handle old;

    open_one();
    old = c->handle;
    end_client(w);
    w = w2;
    c = open_client(w2, "ben", 8);
    ck_assert_uint_eq(client_handle_slot(c->handle), client_handle_slot(old));
    ck_assert_uint_ne(c->handle, old);
    post_frame(old, "not for ben", LANE_ORDERED, false);
    post_member(old, MAIL_JOIN, 3);
    post_member(old, MAIL_LEAVE, 0);
    post_client(old, MAIL_ADMITTED, 9);
    post_client(old, MAIL_FORGOTTEN, 0);
    post_close(old, 4403, PARLEY_LEFT_KICKED, "");
    post_frame(client_handle_make(1, 1, 0), "another pump's", LANE_ORDERED, false);
    post_frame(client_handle_make(0, 1, 9999), "no slot", LANE_ORDERED, false);
    post_publish(3, "nor this");
    turn();
    ck_assert_int_eq(c->state, CLIENT_OPEN);
    ck_assert_str_eq(heard(w2), "");
    post_publish(0, "this");
    turn();
    ck_assert_str_eq(heard(w2), "this\n");
    end_client(w2);
}
END_TEST

/* --- closing --- */

START_TEST(close_sends_what_is_pending_first)
{
    open_one();
    post_member(c->handle, MAIL_JOIN, 1);
    post_publish(1, "before");
    post_typing(1, "typing");
    post_close(c->handle, 4403, PARLEY_LEFT_KICKED, "you know why");
    post_publish(1, "after");
    post_frame(c->handle, "neither", LANE_ORDERED, false);
    w->wants = false;
    turn();
    ck_assert_str_eq(heard(w), "before\ntyping\n");
    ck_assert_int_eq(c->state, CLIENT_CLOSING);
    ck_assert_uint_eq(c->membership_count, 0);
    ck_assert_uint_eq(fake.gones, 1);
    ck_assert(w->wants);
    ck_assert_int_eq(client_writable(c), -1);
    ck_assert_uint_eq(c->close_code, 4403);
    ck_assert_str_eq(c->close_text, "you know why");
    client_close(c, 1013, PARLEY_LEFT_LOST, "twice is once");
    ck_assert_uint_eq(c->close_code, 4403);
    ck_assert_int_eq(say(c, "{\"type\":\"say\",\"room\":\"a\",\"text\":\"b\"}"), 0);
    turn();
    ck_assert_uint_eq(fake.message_count, 0); /* what comes now is discarded */
    end_one(PARLEY_LEFT_KICKED);
}
END_TEST

START_TEST(close_waits_for_the_queue_and_for_lws)
{
    open_one();
    w->room = 3; /* the first frame is cut: lws holds its end */
    post_frame(c->handle, "first", LANE_ORDERED, false);
    post_frame(c->handle, "second", LANE_ORDERED, false);
    post_close(c->handle, 4403, PARLEY_LEFT_KICKED, "");
    turn();
    ck_assert_int_eq(client_writable(c), 0);
    ck_assert(w->wants);
    w->tail = false;
    w->room = 2;
    ck_assert_int_eq(client_writable(c), 0); /* the second is cut */
    ck_assert(w->wants);
    ck_assert_str_eq(heard(w), "first\nsecond\n");
    tick(4000);
    ck_assert(!w->aborted);
    ck_assert_int_eq(give_room(w, 1), -1);
    tick(4000); /* from here on the peer's answer is waited for */
    ck_assert(!w->aborted);
    tick(1500);
    ck_assert_msg(w->aborted, "no longer than close_ms");
    tick(1500); /* aborted once, says the fake */
    end_one(PARLEY_LEFT_KICKED);
}
END_TEST

START_TEST(close_of_one_that_does_not_take_it)
{
    open_one();
    w->room = 0;
    post_frame(c->handle, "x", LANE_ORDERED, false);
    post_close(c->handle, 1013, PARLEY_LEFT_LOST, "");
    turn();
    tick(4900);
    ck_assert(!w->aborted);
    tick(200);
    ck_assert(w->aborted);
    ck_assert_int_eq(client_writable(c), 0);
    end_one(PARLEY_LEFT_LOST);
}
END_TEST

START_TEST(peer_closes)
{
    open_one();
    client_peer_closing(c);
    ck_assert_int_eq(c->state, CLIENT_CLOSING);
    post_publish(0, "gone");
    turn();
    ck_assert_uint_eq(fake.gones, 1);
    ck_assert_int_eq(client_writable(c), 0); /* lws answers by itself */
    client_peer_closing(c);
    ck_assert_str_eq(heard(w), "");
    end_one(PARLEY_LEFT_NORMALLY);
}
END_TEST

START_TEST(broken_connection)
{
    open_one();
    w->broken = true;
    post_frame(c->handle, "x", LANE_ORDERED, false);
    turn();
    ck_assert(w->aborted);
    ck_assert_uint_eq(fake.gones, 1);
    post_frame(c->handle, "x", LANE_ORDERED, false);
    turn();
    tick(20000);
    end_one(PARLEY_LEFT_LOST);
}
END_TEST

START_TEST(broken_while_it_closes)
{
    open_one();
    w->room = 0;
    post_frame(c->handle, "x", LANE_ORDERED, false);
    post_close(c->handle, 4403, PARLEY_LEFT_KICKED, "");
    turn();
    w->broken = true;
    ck_assert_int_eq(client_writable(c), 0);
    ck_assert(w->aborted);
    tick(20000);
    end_one(PARLEY_LEFT_KICKED);
}
END_TEST

START_TEST(close_text_is_cut_between_characters)
{
    char text[200];

    open_one();
    for (int i = 0; i < 66; i++)
        memcpy(text + 2 + 2 * i, "\xc3\xa4", 3);
    memcpy(text, "ab", 2);
    client_close(c, 4403, PARLEY_LEFT_KICKED, text);
    ck_assert_uint_eq(strlen(c->close_text), 122);
    ck_assert(str_valid_utf8(c->close_text, 122));
    end_one(PARLEY_LEFT_KICKED);
}
END_TEST

START_TEST(refused_by_the_hub)
{
    c = open_with(w, new_identity("ann"), NULL);
    turn();
    post_close(c->handle, 4403, PARLEY_LEFT_REFUSED, "banned");
    turn();
    post_client(c->handle, MAIL_ADMITTED, 7); /* too late */
    turn();
    ck_assert_int_eq(c->state, CLIENT_CLOSING);
    ck_assert_int_eq(client_writable(c), -1);
    end_one(PARLEY_LEFT_REFUSED);
}
END_TEST

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
    ck_assert(c->choked);
    post_publish(1, "three");
    post_frame(c->handle, "four", LANE_ORDERED, false);
    post_typing(1, "typing");
    turn();
    ck_assert_uint_eq(c->queue.messages, 3);
    ck_assert_uint_eq(c->queue.bytes, 5 + 7 + 6);
    w->tail = false; /* room, but nobody may pass the queue */
    w->room = ROOM_FOR_ALL;
    post_publish(1, "five");
    turn();
    ck_assert_str_eq(heard(w), "one\n");
    ck_assert_int_eq(give_room(w, ROOM_FOR_ALL), 0);
    ck_assert_str_eq(heard(w), "two\nthree\nfour\nfive\n");
    ck_assert(!c->choked);
    ck_assert_int_eq(c->queue.stalled_since_ms, 0);
    post_typing(1, "typing");
    turn();
    ck_assert_str_eq(heard(w), "typing\n");
    ck_assert(metric_find("drops", PARLEY_STR("choked")) == 1);
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
    ck_assert_uint_eq(c->queue.count, 0);
    ck_assert_uint_eq(fake.gones, 1);
    ck_assert(metric_find("disconnects", PARLEY_STR("slow")) == 1);
    ck_assert(metric_find("drops", PARLEY_STR("slow")) == (_i ? 4 : 9));
    ck_assert_int_eq(client_writable(c), 0);
    tick(9000);
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
    tick(9900);
    ck_assert_int_eq(c->state, CLIENT_OPEN);
    tick(200);
    ck_assert_int_eq(c->state, CLIENT_CLOSING);
    ck_assert_uint_eq(c->close_code, 4408);
    tick(9900);
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
    ck_assert_uint_eq(c->queue.count, 99 + 8);
    ck_assert_uint_eq(c->queue.messages, 8);
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
    ck_assert_int_eq(c->queue.greeting_since_ms, 0);
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
    ck_assert_uint_eq(c->queue.count, 1);
    ck_assert_uint_ge(send_queue_peek(&c->queue)->frame->n, 3600); /* most of it: shared */
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
    ck_assert_uint_eq(c->queue.count, 2);
    ck_assert_uint_eq(send_queue_at(&c->queue, 1)->frame->n, 5);
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

/* --- tokens that end --- */

static void open_expiring(int64_t ms, bool close)
{
    struct parley_identity who = {.struct_size = sizeof who,
                                  .user = PARLEY_STR("ann"),
                                  .username = PARLEY_STR("ann"),
                                  .expires_unix_ms = clock_unix_ms() + ms,
                                  .close_on_expiry = close};

    c = open_with(w, made(identity_new(&who, NULL)), NULL);
    turn();
    post_client(c->handle, MAIL_ADMITTED, 1);
    turn();
}

START_TEST(token_expires)
{
    open_expiring(100000, true);
    tick(20000);
    client_heard(c);
    tick(19000);
    client_heard(c);
    ck_assert_str_eq(heard(w), "");
    tick(2000);
    ck_assert_str_eq(heard(w), "message token_expiring {\"expires_in\":59}\n");
    tick(1000);
    client_heard(c);
    tick(30000);
    client_heard(c);
    ck_assert_ptr_null(strstr(heard(w), "token_expiring"));
    tick(27000);
    ck_assert_int_eq(c->state, CLIENT_OPEN);
    tick(2000);
    ck_assert_int_eq(c->state, CLIENT_CLOSING);
    ck_assert_uint_eq(c->close_code, 4401);
    ck_assert_str_eq(c->close_text, "token expired");
    end_one(PARLEY_LEFT_EXPIRED);
}
END_TEST

START_TEST(token_is_short)
{
    open_expiring(10000, true);
    tick(0); /* not before the greeting had its room */
    ck_assert_str_eq(heard(w), "");
    tick(1500);
    ck_assert_str_eq(heard(w), "message token_expiring {\"expires_in\":9}\n");
    end_one(PARLEY_LEFT_LOST);
}
END_TEST

START_TEST(token_expires_and_nobody_minds)
{
    open_expiring(-1000000000000000, false);
    tick(2000);
    ck_assert_str_eq(heard(w), "message token_expiring {\"expires_in\":0}\n");
    tick(2000);
    ck_assert_int_eq(c->state, CLIENT_OPEN);
    end_one(PARLEY_LEFT_LOST);
}
END_TEST

/* --- at the door --- */

START_TEST(waits_and_is_let_in)
{
    wait_at_the_door();
    ck_assert_int_eq(c->state, CLIENT_PENDING);
    ck_assert(!w->reading);
    ck_assert_uint_eq(fake_checks, 1); /* what was published since the handshake */
    ck_assert_uint_eq(fake.connects, 0);
    post_plain(MAIL_RECHECK);
    turn();
    ck_assert_int_eq(c->state, CLIENT_PENDING);
    fake_answer = PARLEY_ADMIT;
    fake_who = (struct parley_identity){.user = PARLEY_STR("ann"), .username = PARLEY_STR("ann")};
    post_plain(MAIL_RECHECK);
    turn();
    ck_assert_int_eq(c->state, CLIENT_CONNECTING);
    ck_assert_uint_eq(fake.pump.pending_count, 0);
    ck_assert_int_eq(fake_users, 1);
    ck_assert_uint_eq(fake_logins, 0);
    tick(6000); /* no decision to wait for any more */
    ck_assert_int_eq(c->state, CLIENT_CONNECTING);
    end_one(PARLEY_LEFT_LOST);
}
END_TEST

/* _i: refused, too many of that user, no credentials, no decision */
START_TEST(waits_and_is_not_let_in)
{
    static const uint16_t codes[] = {4401, 4429, 4401, 4401};
    static const char *const texts[] = {"signed by a stranger", "too many connections",
                                        "no credentials", "no decision in time"};

    wait_at_the_door();
    fake_why = "signed by a stranger";
    fake_answer = _i == 0 ? PARLEY_REFUSE : _i == 1 ? PARLEY_ADMIT : PARLEY_NOT_MINE;
    fake_who = (struct parley_identity){.user = PARLEY_STR("ann"), .username = PARLEY_STR("ann")};
    fake_user_refusal = ADMIT_USER;
    if (_i == 3) {
        tick(4000);
        ck_assert_int_eq(c->state, CLIENT_PENDING);
        tick(1100);
    } else {
        post_plain(MAIL_RECHECK);
        turn();
    }
    ck_assert_int_eq(c->state, CLIENT_CLOSING);
    ck_assert_uint_eq(c->close_code, codes[_i]);
    ck_assert_str_eq(c->close_text, texts[_i]);
    ck_assert_int_eq(client_writable(c), -1);
    ck_assert_uint_eq(fake.pump.pending_count, 0);
    client_closed(c);
    turn();
    ck_assert_uint_eq(fake.connects + fake.gones, 0);
    ck_assert_int_eq(fake_addresses, 0);
    ck_assert_int_eq(fake_users, 0);
    ck_assert_uint_eq(fake.pump.slot_free, 1); /* no hub to wait for */
    free_socket(w);
}
END_TEST

START_TEST(few_may_wait)
{
    struct lws *more[4] = {w, new_socket(), new_socket(), new_socket()};

    for (int i = 0; i < 4; i++) {
        struct client *o = open_with(more[i], NULL, made(login_new(PARLEY_NONE, NULL, 0, "")));

        ck_assert_msg((o != NULL) == (i < 3), "three may wait");
    }
    ck_assert_int_eq(fake_addresses, 3);
    ck_assert_uint_eq(fake_logins, 3);
    for (int i = 0; i < 3; i++)
        client_closed(more[i]->client);
    ck_assert_int_eq(fake_addresses, 0);
    ck_assert_uint_eq(fake.pump.pending_count, 0);
    for (int i = 0; i < 4; i++)
        free_socket(more[i]);
}
END_TEST

/* --- drain --- */

START_TEST(drain)
{
    enum { MANY = 5000 };
    static struct lws sockets[MANY];
    unsigned buckets[4] = {0};
    int64_t began;

    for (int i = 0; i < MANY; i++) {
        sockets[i] = (struct lws){.room = ROOM_FOR_ALL};
        open_client(&sockets[i], "many", 1);
    }
    wait_at_the_door();
    post_publish(0, "last words");
    began = clock_mono_ms();
    post_plain(MAIL_DRAIN);
    turn();
    for (int i = 0; i < MANY; i++) {
        struct client *o = sockets[i].client;
        unsigned ms;

        ck_assert_str_eq(heard(&sockets[i]), "last words\n");
        ck_assert_int_eq(client_writable(o), -1);
        ck_assert_uint_eq(o->close_code, 1012);
        ck_assert_int_eq(sscanf(o->close_text, "{\"reconnect_in_ms\":%u}", &ms), 1);
        ck_assert_uint_ge(ms, 500);
        ck_assert_uint_le(ms, 30000);
        buckets[(ms - 500) * 4 / 29501]++;
        buf_finish(&sockets[i].got);
        client_closed(o);
    }
    ck_assert_int_lt(clock_mono_ms() - began, 2000);
    for (int i = 0; i < 4; i++)
        ck_assert_uint_ge(buckets[i], MANY / 5);
    turn();
    ck_assert_uint_eq(fake.gones, MANY);
    ck_assert_int_eq(fake.gone_reason, PARLEY_LEFT_RESTART);
    ck_assert_uint_eq(fake_stopped, 1);
    ck_assert_uint_eq(c->close_code, 1012); /* the one at the door too */
    ck_assert(!pump_empty(&fake.pump));
    client_closed(c);
    ck_assert(pump_empty(&fake.pump));
    ck_assert_ptr_null(open_with(w, new_identity("late"), NULL));
    ck_assert_int_eq(fake_addresses + fake_users, 0);
    free_socket(w);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("client");
    TCase *t = tcase_create("client");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, from_door_to_door);
    tcase_add_test(t, forgotten_before_it_is_closed);
    tcase_add_test(t, stale_handles_are_passed_over);
    tcase_add_test(t, close_sends_what_is_pending_first);
    tcase_add_test(t, close_waits_for_the_queue_and_for_lws);
    tcase_add_test(t, close_of_one_that_does_not_take_it);
    tcase_add_test(t, peer_closes);
    tcase_add_test(t, broken_connection);
    tcase_add_test(t, broken_while_it_closes);
    tcase_add_test(t, close_text_is_cut_between_characters);
    tcase_add_test(t, refused_by_the_hub);
    tcase_add_test(t, choked_and_drained_in_order);
    tcase_add_loop_test(t, too_slow, 0, 2);
    tcase_add_test(t, too_slow_and_never_reads);
    tcase_add_test(t, greeting_is_not_bounded_but_has_a_deadline);
    tcase_add_test(t, greeting_taken_in_time);
    tcase_add_test(t, small_parts_do_not_pin_large_batches);
    tcase_add_test(t, ping_and_hang_up);
    tcase_add_test(t, nobody_is_silent_whom_we_do_not_read);
    tcase_add_test(t, who_reads_slowly_is_alive);
    tcase_add_test(t, pings_of_a_tick_are_limited);
    tcase_add_test(t, token_expires);
    tcase_add_test(t, token_is_short);
    tcase_add_test(t, token_expires_and_nobody_minds);
    tcase_add_test(t, waits_and_is_let_in);
    tcase_add_loop_test(t, waits_and_is_not_let_in, 0, 4);
    tcase_add_test(t, few_may_wait);
    tcase_add_test(t, drain);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* The life of a client: each step once, whoever begins its end; and the drain, which ends them all.
 */
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
    post_admitted(h, 7);
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
    post_forgotten(h);
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
    post_forgotten(c->handle);
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
    post_admitted(old, 9);
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
    ck_assert_int_eq(client_writable(c),
                     0); /* and waits for the answer: a second -1 would end it */
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
    w->wants = false;
    ck_assert_int_eq(client_writable(c), 0);
    ck_assert(w->wants);
    w->tail = false;
    w->wants = false;
    ck_assert_int_eq(client_writable(c), 0); /* lws holds nothing, but nothing goes out either */
    ck_assert(w->wants);
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
    post_admitted(c->handle, 7); /* too late */
    turn();
    ck_assert_int_eq(c->state, CLIENT_CLOSING);
    ck_assert_int_eq(client_writable(c), -1);
    end_one(PARLEY_LEFT_REFUSED);
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
    tcase_add_test(t, drain);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Numbers: each kind has its own, without holes, and only what a whole channel gets has a place in
 * it; and what the host vouches for is in the payload. */
#include "scripted.h"

static parley_client ann, bob;

static void two(void)
{
    ann = member_of("ann", "room");
    bob = member_of("bob", "room");
}

static void numbered(const char *type, const char *cache_id, const char *offset)
{
    const char *f = kit_last(k, bob, type);

    member_is(f, "payload.cacheID", cache_id);
    member_is(f, "payload.offset", offset);
    ck_assert_int_eq(kit_member(f, "payload.epoch") != NULL, offset != NULL);
}

START_TEST(channels_and_whispers_are_counted_apart)
{
    two();
    kit_join(k, ann, "hall");
    kit_join(k, bob, "hall");
    say(ann, "room");
    numbered("say", "1", "1");
    say(ann, "hall");
    numbered("say", "2", "1");
    kit_input(k, ann, "{\"type\":\"whisper\",\"to\":\"bob\"}");
    numbered("whisper", "1", NULL);
    kit_input(k, ann, "{\"type\":\"wave\",\"channel\":\"room\"}");
    numbered("wave", NULL, NULL);
    say(ann, "room");
    numbered("say", "3", "2");
}
END_TEST

START_TEST(one_with_a_channel_and_a_recipient_is_the_channels)
{
    parley_client eve = kit_connect(k, "eve", "");

    two();
    kit_input(k, ann, "{\"type\":\"both\",\"where\":{\"channel\":\"ROOM\"},\"to\":\"eve\"}");
    numbered("both", "1", "1");
    ck_assert_int_eq(kit_frames(k, eve, "both"), 1);
    ck_assert_int_eq(kit_frames(k, ann, "both"), 1);
    kit_input(k, ann, "{\"type\":\"both\",\"where\":{\"channel\":\"ROOM\"}}");
    numbered("both", "2", "2");
}
END_TEST

START_TEST(the_catalogues_spelling_stands_where_the_clients_stood)
{
    const char *f;

    two();
    kit_input(k, ann, "{\"type\":\"both\",\"where\":{\"channel\":\"ROOM\"},\"to\":\"bob\"}");
    f = kit_last(k, bob, "both");
    member_is(f, "payload.where.channel", "room");
    member_is(f, "payload.to", "bob");
}
END_TEST

/* --- refusals by STORE hubs --- */
static parley_verdict tell_room(parley_host *h, parley_message *m)
{
    if (parley_message_user(m).p)
        notice(h, parley_to_channel(PARLEY_STR("room")));
    return PARLEY_PASS;
}

static parley_verdict no_room(parley_host *h, parley_message *m)
{
    ck_assert_int_gt(parley_message_cache_id(m), 0);
    ck_assert_ptr_nonnull(parley_message_packet(m));
    return parley_message_user(m).p ? parley_reject(h, PARLEY_E_UNAVAILABLE, "disk", "Full.")
                                    : PARLEY_PASS;
}

static void note_settled(parley_host *h, const parley_message *m, const parley_outcome *o)
{
    char text[64];

    (void)h;
    snprintf(text, sizeof text, "%d:%s:%d:%d", (int)o->verdict, o->section ? o->section : "-",
             (int)parley_message_cache_id(m), parley_message_packet(m) != NULL);
    note(text);
}

START_TEST(a_refusal_gives_the_numbers_back)
{
    two();
    say(ann, "room");
    c.on_message = tell_room; /* which must not take the next number meanwhile */
    d.on_message = no_room;
    ck_assert_int_eq(say(ann, "room"), PARLEY_REJECT);
    ck_assert_int_eq(kit_frames(k, bob, "say"), 1);
    numbered("notice", "2", "2");
    c.on_message = d.on_message = NULL;
    d.on_settled = note_settled;
    say(ann, "room");
    numbered("say", "3", "3");
    ck_assert_str_eq(notes, "0:-:3:1");
}
END_TEST

static parley_verdict done(parley_host *h, parley_message *m)
{
    (void)h;
    (void)m;
    return PARLEY_DONE;
}

START_TEST(done_by_a_store_hub_delivers_nothing)
{
    two();
    c.on_message = done;
    d.on_message = no_room;
    d.on_settled = note_settled;
    ck_assert_int_eq(kit_input(k, ann, SAY), PARLEY_DONE);
    ck_assert_int_eq(kit_frames(k, bob, "say"), 0);
    member_is(kit_last(k, ann, "ack"), "payload.offset", NULL);
    ck_assert_str_eq(notes, "4:c:0:0");
    c.on_message = d.on_message = NULL;
    say(ann, "room");
    numbered("say", "1", "1");
}
END_TEST

static parley_verdict drop(parley_host *h, parley_message *m)
{
    (void)h;
    (void)m;
    return PARLEY_DROP;
}

static parley_verdict note_and_drop(parley_host *h, parley_message *m)
{
    (void)m;
    note(h->section);
    return PARLEY_DROP;
}

static parley_verdict note_and_route(parley_host *h, parley_message *m)
{
    note(h->section);
    return route(h, m);
}

START_TEST(nobody_judges_what_was_dropped)
{
    kit_close(k);
    k = kit_start("[plugin types]\n[hub a]\n[hub again]\nplugin = a\n[hub b]\n", scripted);
    two();
    a.on_message = note_and_drop;
    b.on_message = note_and_route; /* it still has to be changed, and sent */
    say(ann, "room");
    ck_assert_str_eq(notes, "a b");
}
END_TEST

START_TEST(only_a_drop_leaves_a_hole)
{
    two();
    a.on_message = drop;
    d.on_message = no_room; /* it is not stored */
    d.on_settled = note_settled;
    ck_assert_int_eq(kit_input(k, ann, SAY), PARLEY_DROP);
    member_is(kit_last(k, ann, "ack"), "payload.offset", "1");
    ck_assert_str_eq(notes, "2:a:1:1");
    a.on_message = d.on_message = NULL;
    say(ann, "room");
    numbered("say", "2", "2");
}
END_TEST

/* --- what has a place in the channel --- */
static parley_verdict to_moderators(parley_host *h, parley_message *m)
{
    parley_to to = parley_to_channel(parley_message_channel(m));

    (void)h;
    to.role = PARLEY_STR("moderator");
    parley_deliver(m, to);
    parley_deliver(m, parley_to_user(PARLEY_STR("bob")));
    return PARLEY_PASS;
}

static int send_to_moderators(parley_host *h, const parley_request *q, parley_out *answer)
{
    parley_to to = parley_to_channel(PARLEY_STR("room"));

    (void)q;
    (void)answer;
    to.role = PARLEY_STR("moderator");
    return notice(h, to) == 0 ? 204 : 500;
}

START_TEST(what_some_of_a_channel_get_has_no_place_in_it)
{
    parley_client mod = kit_connect(k, "mod", "moderator");

    two();
    kit_join(k, mod, "room");
    b.on_message = to_moderators;
    ck_assert_int_eq(kit_input(k, ann, SAY), PARLEY_PASS);
    numbered("say", NULL, NULL);
    ck_assert_int_eq(kit_frames(k, mod, "say"), 1);
    a.serve = send_to_moderators;
    ck_assert_int_eq(kit_admin(k, "GET", "/admin/a/it", NULL, NULL), 204);
    member_is(kit_last(k, mod, "notice"), "payload.offset", NULL);
    ck_assert_int_eq(kit_frames(k, bob, "notice"), 0);
    b.on_message = NULL;
    say(ann, "room");
    numbered("say", "1", "1");
}
END_TEST

static int send_all(parley_host *h, const parley_request *q, parley_out *answer)
{
    parley_to to = parley_to_channel(PARLEY_STR("ROOM"));
    parley_out *o = parley_message_new(h, "notice");

    (void)q;
    (void)answer;
    parley_put_str(o, "word", PARLEY_STR("\"x\""));
    to.but = ann;
    return parley_send(o, to) == 0 && notice(h, parley_to_user(PARLEY_STR("bob"))) == 0 ? 204 : 500;
}

START_TEST(the_servers_own_words)
{
    const char *f;

    two();
    a.serve = send_all;
    ck_assert_int_eq(kit_admin(k, "GET", "/admin/a/it", NULL, NULL), 204);
    f = kit_next(k, bob, "notice");
    member_is(f, "sender", "Server");
    member_is(f, "payload.word", "\"x\"");
    member_is(f, "payload.offset", "1");
    member_is(f, "payload.owner_id", NULL);
    member_is(f, "payload.authored_at", NULL);
    numbered("notice", NULL, NULL);
    ck_assert_int_eq(kit_frames(k, ann, "notice"), 0);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("sequencer");

    tcase_add_test(t, channels_and_whispers_are_counted_apart);
    tcase_add_test(t, one_with_a_channel_and_a_recipient_is_the_channels);
    tcase_add_test(t, the_catalogues_spelling_stands_where_the_clients_stood);
    tcase_add_test(t, a_refusal_gives_the_numbers_back);
    tcase_add_test(t, done_by_a_store_hub_delivers_nothing);
    tcase_add_test(t, nobody_judges_what_was_dropped);
    tcase_add_test(t, only_a_drop_leaves_a_hole);
    tcase_add_test(t, what_some_of_a_channel_get_has_no_place_in_it);
    tcase_add_test(t, the_servers_own_words);
    return run_tests("sequencer", t);
}

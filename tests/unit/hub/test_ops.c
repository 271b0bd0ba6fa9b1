/* What hooks ask for: done in the order of the calls, when the hook has returned; never before what
 * it came after, and never of a channel or a client that is gone. */
#include "scripted.h"

static parley_client ann, bob;

static void both_in_room(void)
{
    ann = member_of("ann", "room");
    bob = member_of("bob", "room");
}

/* --- order --- */
static parley_verdict say_twice(parley_host *h, parley_message *m)
{
    (void)m;
    notice(h, parley_to_all());
    parley_send(parley_message_new(h, "second"), parley_to_all());
    return PARLEY_PASS;
}

START_TEST(in_the_order_of_the_calls_before_the_message_goes_on)
{
    both_in_room();
    a.on_message = say_twice;
    say(ann, "room");
    member_is(kit_next(k, bob, NULL), "type", "notice");
    member_is(kit_next(k, bob, NULL), "type", "second");
    member_is(kit_next(k, bob, NULL), "type", "say");
}
END_TEST

static parley_verdict tell_room(parley_host *h, parley_message *m)
{
    if (parley_message_user(m).p)
        notice(h, parley_to_channel(PARLEY_STR("room")));
    return PARLEY_PASS;
}

START_TEST(what_a_store_hub_says_comes_behind_the_message)
{
    const char *f;

    both_in_room();
    c.on_message = tell_room;
    say(ann, "room");
    f = kit_next(k, bob, NULL);
    member_is(f, "type", "say");
    member_is(f, "payload.offset", "1");
    f = kit_next(k, bob, NULL);
    member_is(f, "type", "notice");
    member_is(f, "payload.offset", "2");
}
END_TEST

static int depth;

static parley_verdict join_bob(parley_host *h, parley_message *m)
{
    (void)m;
    depth++;
    parley_join(h, bob, PARLEY_STR("room"));
    note(parley_client_in(h, bob, PARLEY_STR("room")) ? "in" : "out");
    depth--;
    return PARLEY_PASS;
}

static parley_verdict count_depth(parley_host *h, parley_client who, parley_str channel)
{
    (void)h;
    (void)who;
    (void)channel;
    note(depth ? "within" : "after");
    return PARLEY_PASS;
}

START_TEST(no_hook_within_a_hook)
{
    ann = member_of("ann", "room");
    bob = kit_connect(k, "bob", "");
    a.on_message = join_bob;
    c.on_join = count_depth;
    say(ann, "room");
    ck_assert_str_eq(notes, "out after");
    ck_assert_int_eq(kit_frames(k, bob, "say"), 1);
}
END_TEST

/* --- joins that are refused --- */
static parley_verdict join_author(parley_host *h, parley_message *m)
{
    parley_join(h, parley_message_author(m), parley_message_channel(m));
    return PARLEY_DONE;
}

static parley_verdict nobody_enters(parley_host *h, parley_client who, parley_str channel)
{
    (void)who;
    return parley_reject(h, PARLEY_E_FORBIDDEN, "full", "%s is full.", channel.p);
}

#define ENTER "{\"type\":\"enter\",\"channel\":\"room\",\"id\":\"e\"}"

START_TEST(a_refused_join_of_the_author_refuses_his_message)
{
    const char *f;

    both_in_room();
    kit_leave(k, ann, "room");
    b.on_message = join_author;
    c.on_join = nobody_enters;
    ck_assert_int_eq(kit_input(k, ann, ENTER), PARLEY_REJECT);
    f = kit_last(k, ann, "error");
    member_is(f, "payload.code", "forbidden");
    member_is(f, "payload.message", "room is full.");
    ck_assert_ptr_null(k->hub->hook_arena.blocks); /* such texts do not gather */
    c.on_join = NULL;
    ck_assert_int_eq(kit_input(k, ann, "{\"type\":\"enter\",\"channel\":\"room\"}"), PARLEY_DONE);
}
END_TEST

START_TEST(a_refused_join_of_another_does_not)
{
    ann = member_of("ann", "room");
    bob = kit_connect(k, "bob", "");
    a.on_message = join_bob;
    c.on_join = nobody_enters;
    ck_assert_int_eq(say(ann, "room"), PARLEY_PASS);
    ck_assert_int_eq(kit_frames(k, bob, "say"), 0);
}
END_TEST

static void join_when_settled(parley_host *h, const parley_message *m, const parley_outcome *o)
{
    (void)o;
    parley_channel_open(h, PARLEY_STR("other"), NULL);
    ck_assert_int_eq(parley_join(h, parley_message_author(m), PARLEY_STR("other")), 0);
}

START_TEST(one_that_is_refused_after_the_verdict_changes_no_other)
{
    both_in_room();
    c.on_settled = join_when_settled;
    d.on_join = nobody_enters;
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(say(ann, "room"), PARLEY_PASS);
}
END_TEST

static parley_verdict join_and_refuse(parley_host *h, parley_client who)
{
    parley_join(h, who, PARLEY_STR("room"));
    return parley_reject(h, PARLEY_E_FORBIDDEN, "closed", "We are closed.");
}

static char close_text[128];

START_TEST(a_refused_connection_is_told_its_own_reason)
{
    parley_client eve;

    both_in_room();
    a.on_connect = join_and_refuse;
    c.on_join = nobody_enters;
    eve = kit_connect(k, "eve", "");
    ck_assert_int_eq(kit_closed(k, eve), 4403);
    snprintf(close_text, sizeof close_text, "%s", kit_close_text(k, eve));
    ck_assert_str_eq(close_text, "We are closed.");
}
END_TEST

/* --- channels that close --- */
static parley_verdict close_room(parley_host *h, parley_message *m)
{
    (void)m;
    ck_assert_int_eq(parley_channel_close(h, PARLEY_STR("ROOM")), 0);
    return PARLEY_PASS;
}

static void note_leave(parley_host *h, parley_client who, parley_str channel)
{
    ck_assert_pstr_eq(channel.p, "room");
    note(parley_client_user(h, who).p);
}

START_TEST(a_channel_that_closes_under_a_message)
{
    both_in_room();
    a.on_message = close_room;
    a.on_leave = note_leave; /* who asked is not told */
    c.on_leave = note_leave;
    ck_assert_int_eq(kit_input(k, ann, SAY), PARLEY_REJECT);
    member_is(kit_last(k, ann, "error"), "payload.code", "unknown_channel");
    ck_assert_str_eq(notes, "ann bob");
    a.on_message = NULL;
    kit_join(k, ann, "room"); /* another one, of that name */
    ck_assert_int_eq(say(ann, "room"), PARLEY_PASS);
    member_is(kit_last(k, ann, "say"), "payload.offset", "1");
    ck_assert_int_eq(kit_frames(k, bob, "say"), 0);
}
END_TEST

static parley_verdict close_when_sealed(parley_host *h, parley_message *m)
{
    return parley_message_user(m).p ? close_room(h, m) : PARLEY_PASS;
}

static void close_when_settled(parley_host *h, const parley_message *m, const parley_outcome *o)
{
    (void)o;
    close_room(h, NULL);
    ck_assert_int_eq(parley_message_offset(m), 1);
}

START_TEST(a_channel_that_closes_behind_a_message)
{
    both_in_room();
    c.on_message = close_when_sealed;
    ck_assert_int_eq(kit_input(k, ann, SAY), PARLEY_PASS);
    ck_assert_int_eq(kit_frames(k, bob, "say"), 1); /* it was delivered before */
    c.on_message = NULL;
    kit_join(k, ann, "room");
    c.on_settled = close_when_settled;
    ck_assert_int_eq(kit_input(k, ann, "{\"type\":\"say\",\"id\":\"j\",\"channel\":\"room\"}"),
                     PARLEY_PASS);
    member_is(kit_last(k, ann, "ack"), "payload.offset", "1");
}
END_TEST

static parley_verdict close_then_use(parley_host *h, parley_message *m)
{
    parley_client who = parley_message_author(m);

    close_room(h, m);
    ck_assert_int_eq(notice(h, parley_to_channel(PARLEY_STR("room"))), 0);
    ck_assert_int_eq(parley_join(h, who, PARLEY_STR("room")), 0);
    ck_assert_int_eq(parley_leave(h, who, PARLEY_STR("room")), 0);
    ck_assert_int_eq(parley_channel_close(h, PARLEY_STR("room")), 0);
    return PARLEY_DONE;
}

START_TEST(what_was_asked_of_a_channel_that_closed_meanwhile)
{
    both_in_room();
    a.on_message = close_then_use;
    ck_assert_int_eq(say(ann, "room"), PARLEY_DONE);
    ck_assert_int_eq(kit_frames(k, ann, "notice"), 0);
    ck_assert_ptr_null(channel_find(&k->hub->channels, PARLEY_STR("room")));
}
END_TEST

/* --- clients that close --- */
static parley_verdict kick_author(parley_host *h, parley_message *m)
{
    parley_client who = parley_message_author(m);

    ck_assert_int_eq(parley_close_client(h, who, 4403, "out"), 0);
    parley_join(h, who, PARLEY_STR("room"));
    parley_close_client(h, who, 4404, "twice");
    return PARLEY_PASS;
}

START_TEST(who_was_closed_says_no_more)
{
    both_in_room();
    a.on_message = kick_author;
    say(ann, "room");
    ck_assert_int_eq(kit_closed(k, ann), 4403);
    ck_assert_int_eq(kit_frames(k, bob, "say"), 1); /* he had said it */
    ck_assert_uint_eq(channel_find(&k->hub->channels, PARLEY_STR("room"))->member_count, 1);
}
END_TEST

START_TEST(what_he_said_before_he_heard_of_it_is_refused)
{
    both_in_room();
    domain_enter(DOMAIN_HUB);
    clients_close(k->hub, ann.v, 4403, PARLEY_LEFT_KICKED, "out"); /* his pump has yet to read it */
    domain_leave(DOMAIN_NONE);
    ck_assert_int_eq(kit_input(k, ann, "{\"type\":\"whisper\",\"to\":\"bob\"}"), PARLEY_REJECT);
    ck_assert_int_eq(kit_frames(k, bob, "whisper"), 0);
    ck_assert_int_eq(kit_closed(k, ann), 4403);
}
END_TEST

/* --- the greeting --- */
static parley_verdict join_and_tell(parley_host *h, parley_client who)
{
    parley_join(h, who, PARLEY_STR("room"));
    parley_send(parley_message_new(h, "came"), parley_to_channel(PARLEY_STR("room")));
    parley_send(parley_message_new(h, "hello"), parley_to_client(who));
    return PARLEY_PASS;
}

static void greet_and_tell(parley_host *h, parley_client who)
{
    parley_packet *p = parley_pack(parley_message_new(h, "greeting"));
    char offset[24];

    snprintf(offset, sizeof offset, "%" PRId64, parley_joined_at(h, who, PARLEY_STR("room")));
    note(offset);
    parley_send(parley_message_new(h, "greeted"), parley_to_channel(PARLEY_STR("room")));
    parley_greet(h, who, 100, p);
    parley_packet_release(p);
}

START_TEST(newcomers_see_all_that_was_said_since_they_were_greeted)
{
    static const char *const seen[] = {"greeting", "hello", "greeted"};
    parley_client eve;

    ann = member_of("ann", "room");
    a.on_connect = join_and_tell;
    d.on_greet = greet_and_tell;
    eve = kit_connect(k, "eve", "");
    for (size_t i = 0; i < 3; i++)
        member_is(kit_next(k, eve, NULL), "type", seen[i]);
    ck_assert_ptr_null(kit_next(k, eve, NULL));
    ck_assert_str_eq(notes, "1"); /* `came` was said before: it is for the history */
    ck_assert_int_eq(kit_frames(k, ann, "came"), 1);
    ck_assert_int_eq(kit_frames(k, ann, "greeted"), 1);
}
END_TEST

static void greet_and_kick(parley_host *h, parley_client who)
{
    parley_close_client(h, who, 4000, "no");
    parley_leave(h, who, PARLEY_STR("room"));
}

START_TEST(closed_by_the_one_that_greets)
{
    parley_client eve;

    ann = member_of("ann", "room");
    a.on_connect = join_and_tell;
    c.on_greet = greet_and_kick;
    eve = kit_connect(k, "eve", "");
    ck_assert_int_eq(kit_closed(k, eve), 4000);
    ck_assert_uint_eq(channel_find(&k->hub->channels, PARLEY_STR("room"))->member_count, 1);
}
END_TEST

/* --- the beginning and the end --- */
static int tell_at_start(parley_host *h, const parley_value *saved)
{
    (void)saved;
    note(h->section);
    notice(h, parley_to_all());
    return 0;
}

static void note_settled(parley_host *h, const parley_message *m, const parley_outcome *o)
{
    (void)h;
    (void)m;
    (void)o;
    note("settled");
}

START_TEST(what_one_says_at_its_start_waits_for_all_to_start)
{
    ck_assert_int_eq(kit_close(k), 0);
    a.start = d.start = tell_at_start;
    d.on_settled = note_settled;
    k = kit_start(SECTIONS, scripted);
    ck_assert_str_eq(notes, "a d settled settled");
}
END_TEST

static int fail_at_start(parley_host *h, const parley_value *saved)
{
    (void)h;
    (void)saved;
    return -EIO;
}

static void note_quiesce(parley_host *h)
{
    note("quiesce");
    notice(h, parley_to_all());
}

START_TEST(who_did_not_start_is_not_quiesced)
{
    ck_assert_int_eq(kit_close(k), 0);
    b.start = fail_at_start;
    a.quiesce = b.quiesce = c.quiesce = note_quiesce;
    ck_assert_ptr_null(kit_start(SECTIONS, scripted));
    ck_assert_ptr_nonnull(strstr(kit_refusal(), "[hub b] could not start"));
    ck_assert_str_eq(notes, "quiesce");
    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    memset(&c, 0, sizeof c);
    k = kit_start(SECTIONS, scripted);
}
END_TEST

static void note_disconnect(parley_host *h, parley_client who, int reason)
{
    ck_assert_int_eq(reason, PARLEY_LEFT_RESTART);
    note(parley_client_user(h, who).p);
}

START_TEST(at_the_end_all_are_told_of_first_and_no_hook_runs_after)
{
    both_in_room();
    d.on_disconnect = note_disconnect;
    a.quiesce = note_quiesce;
    d.on_settled = note_settled;
    hub_quiesce(k->hub);
    ck_assert_str_eq(notes, "ann bob quiesce");
    ck_assert_int_eq(say(ann, "room"), PARLEY_REJECT);
    kit_disconnect(k, bob);
    ck_assert_int_eq(kit_closed(k, kit_connect(k, "late", "")), 1012);
    ck_assert_int_eq(kit_admin(k, "GET", "/admin/a/it", NULL, NULL), 503);
    hub_quiesce(k->hub);
    ck_assert_str_eq(notes, "ann bob quiesce");
}
END_TEST

static void again_at_once(parley_host *h, const char *key)
{
    note(key);
    ck_assert_int_eq(parley_timer_after(h, 0, "%s", key), 0);
}

START_TEST(a_timer_that_sets_itself_leaves_room_for_others)
{
    enum domain before = domain_enter(DOMAIN_HUB);

    a.on_timer = again_at_once;
    ck_assert_int_eq(parley_timer_after(&k->registry->instances[1]->host, 0, "x"), 0);
    domain_leave(before);
    kit_advance_ms(k, 3); /* it comes back; and the clock, which runs on, adds a few at most */
    ck_assert_int_eq(strncmp(notes, "x x x", 5), 0);
    a.on_timer = NULL;
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("ops");

    tcase_add_test(t, in_the_order_of_the_calls_before_the_message_goes_on);
    tcase_add_test(t, what_a_store_hub_says_comes_behind_the_message);
    tcase_add_test(t, no_hook_within_a_hook);
    tcase_add_test(t, a_refused_join_of_the_author_refuses_his_message);
    tcase_add_test(t, a_refused_join_of_another_does_not);
    tcase_add_test(t, one_that_is_refused_after_the_verdict_changes_no_other);
    tcase_add_test(t, a_refused_connection_is_told_its_own_reason);
    tcase_add_test(t, a_channel_that_closes_under_a_message);
    tcase_add_test(t, a_channel_that_closes_behind_a_message);
    tcase_add_test(t, what_was_asked_of_a_channel_that_closed_meanwhile);
    tcase_add_test(t, who_was_closed_says_no_more);
    tcase_add_test(t, what_he_said_before_he_heard_of_it_is_refused);
    tcase_add_test(t, newcomers_see_all_that_was_said_since_they_were_greeted);
    tcase_add_test(t, closed_by_the_one_that_greets);
    tcase_add_test(t, what_one_says_at_its_start_waits_for_all_to_start);
    tcase_add_test(t, who_did_not_start_is_not_quiesced);
    tcase_add_test(t, at_the_end_all_are_told_of_first_and_no_hook_runs_after);
    tcase_add_test(t, a_timer_that_sets_itself_leaves_room_for_others);
    return run_tests("ops", t);
}

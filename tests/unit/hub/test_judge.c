/* What sections are set to do: shadows change nothing and are put down; verdicts are counted, kept
 * and told again. */
#include "base/buf.h"
#include "hub/verdicts.h"
#include "scripted.h"

#define SHADOW "[plugin types]\n[hub a]\nmode = shadow\n[hub b]\n[hub c]\n[hub d]\n"

static parley_client ann, bob;

static void start_with(const char *ini)
{
    kit_close(k);
    k = kit_start(ini, scripted);
    ck_assert_msg(k != NULL, "%s", kit_refusal());
    ann = member_of("ann", "room");
    bob = member_of("bob", "room");
}

static parley_verdict refuses(parley_host *h, parley_message *m)
{
    (void)m;
    return parley_reject(h, PARLEY_E_REJECTED, "rude", "Not like that.");
}

static parley_verdict meddles(parley_host *h, parley_message *m)
{
    parley_out *edit = parley_message_edit(m);

    ck_assert_int_eq(parley_message_set_text(m, 0, PARLEY_STR("changed")), 0);
    ck_assert_pstr_eq(parley_message_text(m, 0).p, "changed"); /* it sees what it did */
    ck_assert_int_eq(parley_message_set_text(m, 0, PARLEY_STR("again")), 0);
    parley_put_int(edit, "added", 7);
    ck_assert_int_eq(notice(h, parley_to_all()), 0);
    ck_assert_int_eq(notice(h, parley_to_channel(PARLEY_STR("nowhere"))), -ENOENT);
    ck_assert_int_eq(parley_join(h, parley_message_author(m), PARLEY_STR("other")), 0);
    ck_assert_int_eq(parley_leave(h, parley_message_author(m), PARLEY_STR("room")), 0);
    ck_assert_int_eq(parley_deliver(m, parley_to_all()), 0);
    ck_assert_int_eq(parley_channel_open(h, PARLEY_STR("mine"), NULL), 0);
    ck_assert_int_eq(parley_channel_open(h, PARLEY_STR("room"), NULL), -EEXIST);
    ck_assert_int_eq(parley_channel_close(h, PARLEY_STR("room")), 0);
    ck_assert_int_eq(parley_close_client(h, parley_message_author(m), 4403, "out"), 0);
    return PARLEY_PASS;
}

START_TEST(a_shadow_changes_nothing)
{
    parley_client eve;
    const char *f, *v;

    start_with(SHADOW);
    eve = member_of("eve", "other");
    a.on_message = meddles;
    ck_assert_int_eq(kit_input(k, ann, SAY), PARLEY_PASS);
    f = kit_last(k, bob, "say");
    member_is(f, "payload.text", "hi");
    member_is(f, "payload.added", NULL);
    ck_assert_int_eq(kit_frames(k, eve, NULL), 0);
    ck_assert_int_eq(kit_frames(k, ann, "notice"), 0);
    ck_assert_int_eq(kit_closed(k, ann), 0);
    ck_assert_int_eq(kit_input(k, ann, SAY), PARLEY_PASS); /* and is still in the room */
    v = kit_verdict(k, "a");
    member_is(v, "verdict", "edit");
    member_is(v, "mode", "shadow");
    ck_assert_double_eq(metric_find("shadow_discarded", PARLEY_STR("a")), 7);
}
END_TEST

START_TEST(what_a_shadow_would_have_said_is_put_down)
{
    const char *v;

    start_with(SHADOW);
    metrics_reset();
    a.on_message = refuses;
    ck_assert_int_eq(kit_input(k, ann, SAY), PARLEY_PASS);
    ck_assert_int_eq(kit_frames(k, ann, "error"), 0);
    ck_assert_int_eq(kit_frames(k, bob, "say"), 1);
    v = kit_verdict(k, "a");
    member_is(v, "verdict", "reject");
    member_is(v, "mode", "shadow");
    member_is(v, "rule", "rude");
    member_is(v, "code", "rejected");
    member_is(v, "user", "ann");
    member_is(v, "channel", "room");
    member_is(v, "type", "say");
    member_is(v, "id", "i");
    member_is(v, "hook", "on_message");
    member_is(v, "plugin", "test.a");
    member_is(v, "version", "1");
    ck_assert_double_eq(metric_find("shadow_verdicts", PARLEY_STR("reject")), 1);
    ck_assert_double_eq(metric_find("verdicts", PARLEY_STR("reject")), 0);
}
END_TEST

static parley_verdict refuses_client(parley_host *h, parley_client who)
{
    (void)who;
    return parley_reject(h, PARLEY_E_FORBIDDEN, "closed", "We are closed.");
}

static parley_verdict refuses_entry(parley_host *h, parley_client who, parley_str channel)
{
    (void)who;
    (void)channel;
    return parley_reject(h, PARLEY_E_FORBIDDEN, "members", "Members only.");
}

static void counts_left(parley_host *h, parley_client who, int reason)
{
    (void)h;
    (void)who;
    (void)reason;
    note("left");
}

START_TEST(a_shadow_keeps_nobody_out)
{
    parley_client eve;

    start_with(SHADOW);
    a.on_connect = refuses_client;
    a.on_join = refuses_entry;
    a.on_disconnect = counts_left;
    eve = kit_connect(k, "eve", "");
    ck_assert_int_eq(kit_closed(k, eve), 0);
    member_is(kit_verdict(k, "a"), "hook", "on_connect");
    member_is(kit_verdict(k, "a"), "rule", "closed");
    member_is(kit_verdict(k, "a"), "user", "eve");
    b.on_message = NULL;
    kit_join(k, eve, "room");
    ck_assert_int_eq(say(eve, "room"), PARLEY_PASS);
    kit_disconnect(k, eve);
    ck_assert_str_eq(notes, "left"); /* it passed, and so is told */
}
END_TEST

static parley_verdict lets_in(parley_host *h, parley_message *m)
{
    parley_join(h, parley_message_author(m), parley_message_channel(m));
    return PARLEY_PASS;
}

START_TEST(a_join_that_a_hub_asks_for_is_not_stopped_by_a_shadow)
{
    start_with(SHADOW);
    kit_join(k, ann, "club");
    a.on_join = refuses_entry;
    b.on_message = lets_in;
    kit_input(k, bob, "{\"type\":\"enter\",\"channel\":\"club\"}");
    member_is(kit_verdict(k, "a"), "hook", "on_join");
    member_is(kit_verdict(k, "a"), "channel", "club");
    b.on_message = NULL;
    ck_assert_int_eq(say(bob, "club"), PARLEY_PASS);
}
END_TEST

static parley_verdict by_name(parley_host *h, parley_message *m)
{
    note(h->section);
    return strcmp(h->section, "a") == 0 ? refuses(h, m) : PARLEY_PASS;
}

START_TEST(shadows_see_what_the_live_one_refuses)
{
    /* behind it and before it; not what is of a later phase */
    start_with("[plugin types]\n[hub a0]\nplugin = a\nmode = shadow\n[hub a]\n"
               "[hub a2]\nplugin = a\nmode = shadow\n[hub a3]\nplugin = a\n"
               "[hub b]\n[hub b2]\nplugin = b\nmode = shadow\n[hub c]\n[hub d]\n");
    a.on_message = by_name;
    b.on_message = by_name;
    ck_assert_int_eq(kit_input(k, ann, SAY), PARLEY_REJECT);
    ck_assert_str_eq(notes, "a0 a a2");
    member_is(kit_last(k, ann, "error"), "payload.message", "Not like that.");
}
END_TEST

static parley_verdict keeps(parley_host *h, parley_message *m)
{
    (void)m;
    ck_assert_int_eq(parley_store_add(h, 1, "n"), 1);
    ck_assert_int_eq(parley_timer_after(h, 10, "t"), 0);
    return PARLEY_PASS;
}

static void fires(parley_host *h, const char *key)
{
    note(h->section);
    note(key);
    notice(h, parley_to_all());
}

START_TEST(a_shadow_keeps_records_and_timers_of_its_own)
{
    start_with("[plugin types]\n[hub a]\n[hub a2]\nplugin = a\nmode = shadow\n[hub b]\n");
    a.on_message = keeps;
    a.on_timer = fires;
    ck_assert_int_eq(kit_input(k, ann, SAY), PARLEY_PASS);
    kit_advance_ms(k, 20);
    ck_assert_str_eq(notes, "a t a2 t");
    ck_assert_int_eq(kit_frames(k, bob, "notice"), 1);
}
END_TEST

static parley_verdict asks(parley_host *h, parley_message *m)
{
    parley_out *q = parley_http_request(h, "POST", "http://127.0.0.1:1/");

    parley_put_str(q, "text", parley_message_text(m, 0));
    parley_message_set_text(m, 0, PARLEY_STR("changed"));
    return parley_ask(m, q, 5000, 7);
}

static parley_verdict says_what_it_heard(parley_host *h, parley_message *m, const parley_answer *x)
{
    ck_assert_uint_eq(x->tag, 7);
    ck_assert_ptr_nonnull(m);
    ck_assert_pstr_eq(parley_message_text(m, 0).p, "hi");
    ck_assert_pstr_eq(parley_message_user(m).p, "ann");
    ck_assert_int_eq(parley_message_set_text(m, 0, PARLEY_STR("again")), 0);
    return x->error ? parley_fail(h, "no answer")
                    : parley_reject(h, PARLEY_E_REJECTED, "asked", "No.");
}

START_TEST(what_a_shadow_asks_keeps_nobody_waiting)
{
    start_with(SHADOW);
    metrics_reset();
    kit_web(k, 1000, 200, "{}");
    kit_web(k, 1000, 200, "{}");
    a.on_message = asks;
    a.on_answer = says_what_it_heard;
    ck_assert_int_eq(kit_input(k, ann, SAY), PARLEY_PASS);
    ck_assert_int_eq(say(ann, "room"), PARLEY_PASS); /* does not wait behind it either */
    ck_assert_int_eq(kit_frames(k, bob, "say"), 2);
    ck_assert_int_eq(kit_web_count(k), 2);
    ck_assert_ptr_null(kit_verdict(k, "a"));
    kit_advance_ms(k, 1000);
    member_is(kit_verdict(k, "a"), "verdict", "reject");
    member_is(kit_verdict(k, "a"), "rule", "asked");
    member_is(kit_verdict(k, "a"), "hook", "on_answer");
    member_is(kit_verdict(k, "a"), "mode", "shadow");
    ck_assert_double_eq(metric_find("shadow_verdicts", PARLEY_STR("hold")), 2);
    ck_assert_double_eq(metric_find("shadow_verdicts", PARLEY_STR("reject")), 2);
    ck_assert_int_eq(kit_frames(k, ann, "error"), 0);
    member_is(kit_last(k, bob, "say"), "payload.text", "hi");
}
END_TEST

START_TEST(nor_when_no_answer_comes)
{
    start_with(SHADOW);
    kit_web(k, 60000, 200, "{}");
    kit_web(k, 60000, 200, "{}");
    a.on_message = asks;
    a.on_answer = says_what_it_heard;
    ck_assert_int_eq(kit_input(k, ann, SAY), PARLEY_PASS);
    kit_advance_ms(k, 5000);
    member_is(kit_verdict(k, "a"), "verdict", "fail");
    ck_assert_int_eq(kit_frames(k, ann, "error"), 0);
    ck_assert_int_eq(say(ann, "room"), PARLEY_PASS);
    ck_assert_int_eq(kit_close(k), 1); /* which still waits: nobody is told of it any more */
    k = NULL;
}
END_TEST

static parley_hold kept;
static parley_verdict holds_it(parley_host *h, parley_message *m)
{
    (void)h;
    return parley_hold_message(m, 60000, &kept);
}

START_TEST(what_a_shadow_holds_is_not_held)
{
    start_with(SHADOW);
    a.on_message = holds_it;
    ck_assert_int_eq(kit_input(k, ann, SAY), PARLEY_PASS);
    ck_assert_int_eq(kit_frames(k, bob, "say"), 1);
    member_is(kit_verdict(k, "a"), "verdict", "hold");
    kit_advance_ms(k, 60000);
    ck_assert_int_eq(kit_frames(k, ann, "error"), 0);
}
END_TEST

static parley_verdict judge_says;
static parley_verdict says_so(parley_host *h, parley_message *m)
{
    (void)h;
    (void)m;
    return judge_says;
}

START_TEST(verdicts_are_counted_and_kept)
{
    static const parley_verdict all[] = {PARLEY_REJECT, PARLEY_DROP, PARLEY_DONE, PARLEY_FAIL};
    static const char *const words[] = {"reject", "drop", "done", "fail"};

    start_with(SECTIONS);
    for (size_t n = 0; n < 4; n++) {
        metrics_reset();
        judge_says = all[n];
        a.on_message = says_so;
        say(ann, "room");
        ck_assert_double_eq(metric_find("verdicts", str_of(words[n])), 1);
        ck_assert_double_eq(metric_find("verdicts", PARLEY_STR("a")), 1);
        if (all[n] != PARLEY_DONE) /* which judges nothing */
            member_is(kit_verdict(k, "a"), "verdict", words[n]);
    }
    member_is(kit_verdict(k, "a"), "mode", "enforce");
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("judge");

    tcase_add_test(t, a_shadow_changes_nothing);
    tcase_add_test(t, what_a_shadow_would_have_said_is_put_down);
    tcase_add_test(t, a_shadow_keeps_nobody_out);
    tcase_add_test(t, a_join_that_a_hub_asks_for_is_not_stopped_by_a_shadow);
    tcase_add_test(t, shadows_see_what_the_live_one_refuses);
    tcase_add_test(t, a_shadow_keeps_records_and_timers_of_its_own);
    tcase_add_test(t, verdicts_are_counted_and_kept);
    tcase_add_test(t, what_a_shadow_asks_keeps_nobody_waiting);
    tcase_add_test(t, nor_when_no_answer_comes);
    tcase_add_test(t, what_a_shadow_holds_is_not_held);
    return run_tests("judge", t);
}

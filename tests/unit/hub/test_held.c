/* Messages that are held for a person: all pass them, and they go on when somebody says so, once.
 */
#include "hub/holds.h"
#include "scripted.h"

static parley_client ann, bob;
static parley_hold held[8];
static int held_count, resumed, settled;
static parley_verdict verdict;
static int64_t deadline_ms;

static parley_verdict hold_it(parley_host *h, parley_message *m)
{
    return strchr(parley_message_text(m, 0).p, '!')
               ? parley_hold_message(m, deadline_ms, &held[held_count++])
               : PARLEY_PASS;
}

static parley_verdict say_it(parley_host *h)
{
    return verdict == PARLEY_REJECT
               ? parley_reject(h, PARLEY_E_FORBIDDEN, "unkind", "Be %s.", "kind")
               : verdict;
}

/* GET /admin/a/it?n=: ends the n-th. */
static int end_it(parley_host *h, const parley_request *q, parley_out *answer)
{
    resumed = parley_resume(h, held[atoi(parley_request_query(q, "n").p)], say_it(h));
    parley_put_int(answer, "resumed", resumed);
    return 200;
}

static void count_settled(parley_host *h, const parley_message *m, const parley_outcome *o)
{
    settled++;
}

static void begin(void)
{
    held_count = resumed = settled = 0;
    verdict = PARLEY_PASS;
    deadline_ms = 60000;
    a.on_message = hold_it;
    a.on_settled = count_settled;
    a.serve = end_it;
    ann = member_of("ann", "room");
    bob = member_of("bob", "room");
}

static parley_verdict says(parley_client who, const char *text)
{
    char json[256];

    snprintf(json, sizeof json,
             "{\"type\":\"say\",\"id\":\"%s\",\"channel\":\"room\",\"text\":\"%s\"}", text, text);
    return kit_input(k, who, json);
}

static int end(int n)
{
    char path[32];

    snprintf(path, sizeof path, "/admin/a/it?n=%d", n);
    kit_admin(k, "GET", path, NULL, NULL);
    return resumed;
}

static void sees(parley_client who, const char *text)
{
    const char *f = kit_next(k, who, "say");

    if (text)
        member_is(f, "payload.text", text);
    else
        ck_assert_ptr_null(f);
}

START_TEST(all_pass_it_until_it_is_resumed_once)
{
    begin();
    ck_assert_int_eq(says(ann, "1!"), PARLEY_HOLD);
    ck_assert_int_eq(says(ann, "2"), PARLEY_PASS);
    sees(bob, "2");
    sees(bob, NULL);
    ck_assert_int_eq(kit_frames(k, ann, "ack"), 1);
    ck_assert_int_eq(end(0), 0);
    sees(bob, "1!");
    ck_assert_int_eq(kit_frames(k, ann, "ack"), 2);
    ck_assert_int_eq(end(0), -ENOENT);
    held[1].v = 999;
    ck_assert_int_eq(end(1), -ENOENT);
    ck_assert_int_eq(settled, 2);
}
END_TEST

START_TEST(it_may_be_refused_with_words)
{
    const char *f;

    begin();
    verdict = PARLEY_REJECT;
    says(ann, "1!");
    end(0);
    f = kit_last(k, ann, "error");
    member_is(f, "payload.message", "Be kind.");
    member_is(f, "payload.code", "forbidden");
    member_is(f, "payload.id", "1!");
    says(ann, "1!"); /* the same outcome again */
    ck_assert_int_eq(kit_frames(k, ann, "error"), 2);
    ck_assert_int_eq(held_count, 1);
}
END_TEST

START_TEST(it_may_be_dropped_dealt_with_or_fail)
{
    begin();
    verdict = PARLEY_DROP;
    says(ann, "1!");
    end(0);
    sees(ann, "1!");
    sees(bob, NULL);
    verdict = PARLEY_DONE;
    says(ann, "2!");
    end(1);
    ck_assert_int_eq(kit_frames(k, ann, "ack"), 2);
    verdict = PARLEY_FAIL;
    says(ann, "3!");
    end(2);
    member_is(kit_last(k, ann, "error"), "payload.code", "unavailable");
    verdict = PARLEY_HOLD;
    says(ann, "4!");
    ck_assert_int_eq(end(3), -EINVAL);
    verdict = 77;
    ck_assert_int_eq(end(3), -EINVAL);
    verdict = PARLEY_PASS;
    ck_assert_int_eq(end(3), 0);
    sees(bob, "4!");
}
END_TEST

/* The words of a refusal are those of this turn, or none. */
START_TEST(a_refusal_without_words_has_none_of_another_time)
{
    begin();
    says(ann, "1!");
    says(ann, "2!");
    verdict = PARLEY_REJECT;
    held[2].v = 999;
    ck_assert_int_eq(end(2), -ENOENT); /* said in vain */
    enum domain before = domain_enter(DOMAIN_HUB);
    ck_assert_int_eq(parley_resume(&k->hub->registry->instances[1]->host, held[0], PARLEY_REJECT),
                     0);
    domain_leave(before);
    kit_run(k);
    member_is(kit_last(k, ann, "error"), "payload.message", "Refused.");
    verdict = PARLEY_PASS;
    end(1);
}
END_TEST

START_TEST(nobody_resumes_it_and_its_deadline_decides)
{
    begin();
    says(ann, "1!");
    kit_advance_ms(k, 59999);
    ck_assert_int_eq(kit_frames(k, ann, "error"), 0);
    kit_advance_ms(k, 1);
    member_is(kit_last(k, ann, "error"), "payload.code", "unavailable");
    ck_assert_int_eq(end(0), -ENOENT);
    ck_assert_int_eq(settled, 1);
}
END_TEST

START_TEST(on_error_decides_what_a_deadline_means)
{
    kit_close(k);
    k = kit_start("[plugin types]\n[hub a]\non_error = pass\n[hub b]\n[hub c]\n[hub d]\n",
                  scripted);
    begin();
    says(ann, "1!");
    kit_advance_ms(k, 60000);
    sees(bob, "1!");
}
END_TEST

START_TEST(a_deadline_has_its_bounds)
{
    begin();
    deadline_ms = 0;
    says(ann, "1!");
    member_is(kit_last(k, ann, "error"), "payload.code", "unavailable");
    ck_assert_uint_eq(held[0].v, 0);
    deadline_ms = HOLD_MOST_MS + 1;
    says(ann, "2!");
    member_is(kit_last(k, ann, "error"), "payload.code", "unavailable");
    deadline_ms = HOLD_MOST_MS;
    ck_assert_int_eq(says(ann, "3!"), PARLEY_HOLD);
    end(2);
}
END_TEST

static parley_verdict hold_each(parley_host *h, parley_message *m)
{
    return parley_hold_message(m, deadline_ms, &held[0]);
}

static bool peeked;

static int peek(parley_host *h, const parley_request *q, parley_out *answer)
{
    parley_message *m = parley_hold_peek(h, held[0]);

    peeked = m != NULL;
    if (!m)
        return 404;
    parley_put_str(answer, "user", parley_message_user(m));
    parley_put_str(answer, "text", parley_message_text(m, 0));
    parley_put_bool(answer, "gone", parley_message_author(m).v == 0);
    if (!parley_message_author(m).v)
        parley_put_str(parley_message_edit(m), "text", PARLEY_STR("mild"));
    return 200;
}

START_TEST(it_is_shown_and_edited_while_it_waits)
{
    const char *json;

    begin();
    a.serve = peek;
    says(ann, "1!");
    kit_admin(k, "GET", "/admin/a/it", NULL, &json);
    ck_assert_str_eq(json, "{\"user\":\"ann\",\"text\":\"1!\",\"gone\":false}");
    kit_disconnect(k, ann);
    kit_admin(k, "GET", "/admin/a/it", NULL, &json);
    ck_assert_str_eq(json, "{\"user\":\"ann\",\"text\":\"1!\",\"gone\":true}");
    a.serve = end_it;
    end(0);
    sees(bob, "mild");
    a.serve = peek;
    kit_admin(k, "GET", "/admin/a/it", NULL, NULL);
    ck_assert(!peeked);
}
END_TEST

/* --- within hooks --- */

static parley_verdict resume_first(parley_host *h, parley_message *m)
{
    if (strchr(parley_message_text(m, 0).p, '!'))
        return hold_it(h, m);
    ck_assert_int_eq(parley_resume(h, held[0], say_it(h)), 0);
    ck_assert_int_eq(parley_resume(h, held[0], PARLEY_PASS), -ENOENT);
    ck_assert_ptr_null(parley_hold_peek(h, held[0]));
    note("resumed");
    return PARLEY_PASS;
}

static parley_verdict note_and_route(parley_host *h, parley_message *m)
{
    note(parley_message_text(m, 0).p);
    return route(h, m);
}

START_TEST(a_resume_within_a_hook_is_done_behind_it)
{
    begin();
    a.on_message = resume_first;
    b.on_message = note_and_route;
    says(ann, "1!");
    says(bob, "2");
    ck_assert_str_eq(notes, "resumed 2 1!");
    sees(bob, "2");
    sees(bob, "1!");
    held_count = 0;
    verdict = PARLEY_REJECT; /* the words are of the one that is held, not of the one at hand */
    says(ann, "3!");
    says(bob, "4");
    member_is(kit_last(k, ann, "error"), "payload.message", "Be kind.");
    sees(bob, "4");
    ck_assert_int_eq(kit_frames(k, bob, "error"), 0);
}
END_TEST

static parley_verdict hold_and_pass(parley_host *h, parley_message *m)
{
    parley_hold_message(m, 1000, &held[0]);
    return PARLEY_PASS;
}

START_TEST(who_holds_and_passes_holds_nothing)
{
    begin();
    a.on_message = hold_and_pass;
    says(ann, "1");
    sees(bob, "1");
    ck_assert_int_eq(end(0), -ENOENT);
    ck_assert_uint_eq(holds_left(k->hub), 0);
}
END_TEST

static parley_verdict resume_at_once(parley_host *h, parley_message *m)
{
    parley_verdict v = parley_hold_message(m, 1000, &held[0]);

    ck_assert_int_eq(parley_resume(h, held[0], PARLEY_PASS), -ENOENT); /* it does not wait yet */
    return v;
}

START_TEST(what_does_not_wait_yet_cannot_be_resumed)
{
    begin();
    a.on_message = resume_at_once;
    says(ann, "1");
    sees(bob, NULL);
    kit_advance_ms(k, 1000);
    ck_assert_int_eq(kit_frames(k, ann, "error"), 1);
}
END_TEST

/* --- its author --- */

START_TEST(it_survives_its_author_and_his_record)
{
    begin();
    deadline_ms = 3600000;
    says(ann, "1!");
    kit_disconnect(k, ann);
    kit_advance_ms(k, 1200000); /* longer than [server] user_memory */
    ck_assert_int_eq(end(0), 0);
    sees(bob, "1!");
    ck_assert_ptr_null(k->hub->holds->authors);
    kit_advance_ms(k, 1200000);
    ck_assert_uint_eq(dedupe_count(k->hub->dedupe), 0);
}
END_TEST

START_TEST(a_repeat_waits_however_long_it_takes)
{
    parley_client phone;

    begin();
    deadline_ms = 3600000;
    says(ann, "1!");
    phone = member_of("ann", "room");
    says(phone, "1!");
    kit_advance_ms(k, 1200000); /* longer than [server] dedupe_window */
    says(ann, "1!");
    ck_assert_int_eq(held_count, 1);
    end(0);
    sees(bob, "1!");
    sees(bob, NULL);
    ck_assert_int_eq(kit_frames(k, phone, "ack"), 1);
    kit_advance_ms(k, 1200000); /* and from then on it is forgotten as all are */
    says(ann, "1!");
    ck_assert_int_eq(held_count, 2);
    end(1);
}
END_TEST

START_TEST(an_author_has_so_many)
{
    char text[16];

    begin();
    a.on_message = hold_each;
    for (int i = 0; i < HOLDS_OF_AUTHOR; i++) {
        snprintf(text, sizeof text, "%d", i);
        ck_assert_int_eq(says(ann, text), PARLEY_HOLD);
    }
    ck_assert_int_eq(says(ann, "more"), PARLEY_REJECT);
    ck_assert_int_eq(says(bob, "b"), PARLEY_HOLD);
    kit_advance_ms(k, deadline_ms);
    ck_assert_int_eq(says(ann, "again"), PARLEY_HOLD);
    kit_advance_ms(k, deadline_ms);
}
END_TEST

/* It must not take what its author may have on the road. */
START_TEST(its_author_gets_his_credit_back_at_once)
{
    begin();
    says(ann, "1!");
    ck_assert(k->hub->holds->by_number->message->credited);
    end(0);
}
END_TEST

/* --- the end --- */

START_TEST(at_the_end_it_is_refused_unless_it_was_decided)
{
    begin();
    says(ann, "1!");
    says(ann, "2!");
    enum domain before = domain_enter(DOMAIN_HUB);
    parley_resume(&k->hub->registry->instances[1]->host, held[0], PARLEY_PASS);
    hub_quiesce(k->hub);
    domain_leave(before);
    kit_run(k);
    sees(bob, "1!");
    sees(bob, NULL);
    ck_assert_int_eq(settled, 2);
    ck_assert_int_eq(kit_close(k), 0);
    setup();
}
END_TEST

START_TEST(what_nobody_resumed_is_told_when_the_kit_closes)
{
    begin();
    says(ann, "1!");
    says(bob, "2!");
    ck_assert_int_eq(kit_close(k), 2);
    setup();
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("held");

    tcase_add_test(t, all_pass_it_until_it_is_resumed_once);
    tcase_add_test(t, it_may_be_refused_with_words);
    tcase_add_test(t, it_may_be_dropped_dealt_with_or_fail);
    tcase_add_test(t, a_refusal_without_words_has_none_of_another_time);
    tcase_add_test(t, nobody_resumes_it_and_its_deadline_decides);
    tcase_add_test(t, on_error_decides_what_a_deadline_means);
    tcase_add_test(t, a_deadline_has_its_bounds);
    tcase_add_test(t, it_is_shown_and_edited_while_it_waits);
    tcase_add_test(t, a_resume_within_a_hook_is_done_behind_it);
    tcase_add_test(t, who_holds_and_passes_holds_nothing);
    tcase_add_test(t, what_does_not_wait_yet_cannot_be_resumed);
    tcase_add_test(t, it_survives_its_author_and_his_record);
    tcase_add_test(t, a_repeat_waits_however_long_it_takes);
    tcase_add_test(t, an_author_has_so_many);
    tcase_add_test(t, its_author_gets_his_credit_back_at_once);
    tcase_add_test(t, at_the_end_it_is_refused_unless_it_was_decided);
    tcase_add_test(t, what_nobody_resumed_is_told_when_the_kit_closes);
    return run_tests("held", t);
}

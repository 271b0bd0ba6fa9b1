/* Messages that wait for an answer or a job: in their author's order, with their place in the
 * chain, within their bounds, whatever becomes of author, channel and server. */
#include "hub/holds.h"
#include "scripted.h"

static parley_client ann, bob;
static int answers, without_message, last_error, last_status, settled;
static uint32_t last_tag;
static parley_verdict answer_verdict, asked;
static char last_body[256];

static parley_verdict ask_about(parley_host *h, parley_message *m)
{
    parley_out *q = parley_http_request(h, "POST", "http://judge.example/v1");

    parley_put_str(q, "text", parley_message_text(m, 0));
    return asked = parley_ask(m, q, 2000, 7);
}

/* Only what says so. */
static parley_verdict ask_about_some(parley_host *h, parley_message *m)
{
    return parley_message_text(m, 0).p && strstr(parley_message_text(m, 0).p, "?") ? ask_about(h, m)
                                                                                   : PARLEY_PASS;
}

static parley_verdict take_answer(parley_host *h, parley_message *m, const parley_answer *an)
{
    answers++;
    without_message += m == NULL;
    last_error = an->error;
    last_status = an->status;
    last_tag = an->tag;
    snprintf(last_body, sizeof last_body, "%s", an->body.p ? an->body.p : "(none)");
    if (answer_verdict == PARLEY_REJECT)
        return parley_reject(h, PARLEY_E_REJECTED, "judged", "It says %s.",
                             parley_as_str(parley_get(an->json, "why")).p);
    return answer_verdict;
}

static void count_settled(parley_host *h, const parley_message *m, const parley_outcome *o)
{
    settled++;
}

static void begin(void)
{
    answers = without_message = last_error = last_status = settled = 0;
    last_tag = 0;
    asked = -1;
    answer_verdict = PARLEY_PASS;
    a.on_message = ask_about_some;
    a.on_answer = take_answer;
    a.on_settled = count_settled;
    ann = member_of("ann", "room");
    bob = member_of("bob", "room");
    kit_join(k, ann, "attic");
    kit_join(k, bob, "attic");
}

static parley_verdict says(parley_client who, const char *channel, const char *text)
{
    char json[256];

    snprintf(json, sizeof json,
             "{\"type\":\"say\",\"id\":\"%s\",\"channel\":\"%s\",\"text\":\"%s\"}", text, channel,
             text);
    return kit_input(k, who, json);
}

/* The next thing that he is shown of that type has this text. */
static void sees(parley_client who, const char *text)
{
    member_is(kit_next(k, who, "say"), "payload.text", text);
}

static void sees_no_more(parley_client who)
{
    ck_assert_ptr_null(kit_next(k, who, "say"));
}

START_TEST(it_waits_for_its_answer_and_goes_on_behind_its_link)
{
    begin();
    kit_web(k, 500, 200, "{\"good\":true}");
    ck_assert_int_eq(says(ann, "room", "1?"), PARLEY_HOLD);
    ck_assert_str_eq(kit_web_asked(k), "POST http://judge.example/v1");
    ck_assert_str_eq(kit_web_seen(k), "{\"text\":\"1?\"}");
    kit_advance_ms(k, 499);
    sees_no_more(bob);
    ck_assert_int_eq(kit_frames(k, ann, "ack"), 0);
    kit_advance_ms(k, 1);
    sees(bob, "1?");
    ck_assert_int_eq(kit_frames(k, ann, "ack"), 1);
    ck_assert_int_eq(answers, 1);
    ck_assert_int_eq(last_status, 200);
    ck_assert_int_eq(last_error, 0);
    ck_assert_uint_eq(last_tag, 7);
    ck_assert_str_eq(last_body, "{\"good\":true}");
    ck_assert_int_eq(settled, 1);
    ck_assert_int_eq(says(ann, "room", "2"), PARLEY_PASS);
}
END_TEST

START_TEST(an_answer_may_refuse_drop_or_deal_with_it)
{
    begin();
    answer_verdict = PARLEY_REJECT;
    kit_web(k, 0, 200, "{\"why\":\"no\"}");
    says(ann, "room", "1?");
    member_is(kit_last(k, ann, "error"), "payload.message", "It says no.");
    answer_verdict = PARLEY_DROP;
    kit_web(k, 0, 200, "{}");
    says(ann, "room", "2?");
    sees(ann, "2?");
    answer_verdict = PARLEY_DONE;
    kit_web(k, 0, 200, "{}");
    says(ann, "room", "3?");
    sees_no_more(bob);
    ck_assert_int_eq(kit_frames(k, ann, "ack"), 2);
    answer_verdict = PARLEY_FAIL;
    kit_web(k, 0, 200, "{}");
    says(ann, "room", "4?");
    member_is(kit_last(k, ann, "error"), "payload.code", "unavailable");
}
END_TEST

START_TEST(his_later_messages_wait_behind_it_and_others_pass)
{
    begin();
    kit_web(k, 100, 200, "{}");
    says(ann, "room", "1?");
    ck_assert_int_eq(says(ann, "ROOM", "2"), PARLEY_HOLD);
    ck_assert_int_eq(kit_input(k, ann, "{\"type\":\"wave\",\"channel\":\"room\",\"text\":\"w\"}"),
                     PARLEY_HOLD);
    ck_assert_int_eq(says(bob, "room", "b"), PARLEY_PASS);
    ck_assert_int_eq(says(ann, "attic", "elsewhere"), PARLEY_PASS);
    ck_assert_int_eq(kit_input(k, ann, "{\"type\":\"whisper\",\"to\":\"bob\",\"text\":\"psst\"}"),
                     PARLEY_PASS);
    sees(bob, "b");
    sees(bob, "elsewhere");
    sees_no_more(bob);
    kit_web(k, 100, 200, "{}");
    says(ann, "room", "3?");
    says(ann, "room", "4");
    ck_assert_int_eq(kit_web_count(k), 1); /* 3? is judged when its turn comes */
    kit_advance_ms(k, 100);
    sees(bob, "1?");
    sees(bob, "2");
    ck_assert_int_eq(kit_frames(k, bob, "wave"), 1);
    ck_assert_int_eq(kit_web_count(k), 2);
    sees_no_more(bob);
    kit_advance_ms(k, 100);
    sees(bob, "3?");
    sees(bob, "4");
    ck_assert_uint_eq(k->hub->lines, 0);
    ck_assert_ptr_null(k->hub->holds->authors);
}
END_TEST

START_TEST(whispers_keep_their_order_too)
{
    begin();
    kit_web(k, 100, 200, "{}");
    kit_input(k, ann, "{\"type\":\"whisper\",\"to\":\"bob\",\"text\":\"1?\"}");
    ck_assert_int_eq(kit_input(k, ann, "{\"type\":\"whisper\",\"to\":\"bob\",\"text\":\"2\"}"),
                     PARLEY_HOLD);
    kit_advance_ms(k, 100);
    member_is(kit_next(k, bob, "whisper"), "payload.text", "1?");
    member_is(kit_next(k, bob, "whisper"), "payload.text", "2");
}
END_TEST

START_TEST(the_order_is_kept_over_all_his_connections)
{
    parley_client phone;

    begin();
    phone = member_of("ann", "room");
    kit_web(k, 100, 200, "{}");
    says(ann, "room", "1?");
    ck_assert_int_eq(says(phone, "room", "2"), PARLEY_HOLD);
    kit_advance_ms(k, 100);
    sees(bob, "1?");
    sees(bob, "2");
}
END_TEST

START_TEST(without_an_answer_its_deadline_decides)
{
    begin();
    answer_verdict = PARLEY_FAIL;
    kit_web(k, 0, 0, NULL);
    says(ann, "room", "1?");
    says(ann, "room", "2");
    kit_advance_ms(k, 1999);
    ck_assert_int_eq(answers, 0);
    kit_advance_ms(k, 1);
    ck_assert_msg(last_error == -ETIMEDOUT && !strcmp(last_body, "(none)"), "%s", last_body);
    member_is(kit_last(k, ann, "error"), "payload.code", "unavailable");
    ck_assert_uint_eq(holds_of(k->hub->registry->instances[1]), 0);
    sees(bob, "2");
    sees_no_more(bob);
}
END_TEST

START_TEST(an_answer_behind_the_deadline_is_too_late)
{
    begin();
    kit_web(k, 3000, 200, "{}");
    says(ann, "room", "1?");
    kit_advance_ms(k, 2000);
    sees(bob, "1?"); /* the hook passed what timed out */
    ck_assert_uint_eq(k->hub->registry->instances[1]->hub_side->asking, 1);
    kit_advance_ms(k, 1000);
    ck_assert_int_eq(answers, 1);
    ck_assert_uint_eq(k->hub->registry->instances[1]->hub_side->asking, 0);
    ck_assert_uint_eq(holds_of(k->hub->registry->instances[1]), 0);
}
END_TEST

START_TEST(refused_connections_and_garbage_are_told)
{
    begin();
    says(ann, "room", "1?"); /* nobody is there */
    ck_assert_int_eq(last_error, -ECONNREFUSED);
    kit_web(k, 0, 500, "<html>");
    says(ann, "room", "2?");
    ck_assert_int_eq(last_error, 0);
    ck_assert_int_eq(last_status, 500);
    ck_assert_str_eq(last_body, "<html>");
    kit_web(k, 0, 204, "");
    says(ann, "room", "3?");
    ck_assert_str_eq(last_body, "");
}
END_TEST

START_TEST(it_survives_its_author)
{
    begin();
    kit_web(k, 100, 200, "{}");
    says(ann, "room", "1?");
    says(ann, "room", "2");
    kit_disconnect(k, ann);
    kit_advance_ms(k, 100);
    sees(bob, "1?");
    sees(bob, "2"); /* he was a member when he said it */
    ck_assert_int_eq(settled, 2);
}
END_TEST

START_TEST(who_is_thrown_out_is_not_heard_any_more)
{
    begin();
    kit_web(k, 100, 200, "{}");
    says(ann, "room", "1?");
    says(ann, "room", "2");
    enum domain before = domain_enter(DOMAIN_HUB);
    clients_close(k->hub, ann.v, 4403, PARLEY_LEFT_KICKED, "out");
    domain_leave(before);
    kit_run(k);
    ck_assert_int_eq(kit_closed(k, ann), 4403);
    kit_advance_ms(k, 100);
    sees(bob, "1?");
    sees_no_more(bob);
    ck_assert_int_eq(settled, 2);
}
END_TEST

START_TEST(its_channel_may_close_meanwhile)
{
    begin();
    kit_web(k, 100, 200, "{}");
    says(ann, "room", "1?");
    says(ann, "room", "2");
    enum domain before = domain_enter(DOMAIN_HUB);
    struct op *op = op_new(k->hub, OP_CHANNEL_CLOSE, NULL, 8);
    strcpy(op->text, "room");
    ops_run(k->hub);
    domain_leave(before);
    kit_advance_ms(k, 100);
    member_is(kit_next(k, ann, "error"), "payload.code", "unknown_channel");
    member_is(kit_next(k, ann, "error"), "payload.code", "unknown_channel");
}
END_TEST

START_TEST(whom_it_is_for_may_leave_meanwhile)
{
    begin();
    kit_web(k, 100, 200, "{}");
    kit_input(k, ann, "{\"type\":\"whisper\",\"to\":\"bob\",\"text\":\"1?\"}");
    kit_disconnect(k, bob);
    kit_advance_ms(k, 100);
    member_is(kit_last(k, ann, "error"), "payload.code", "unknown_recipient");
}
END_TEST

START_TEST(a_repeat_waits_for_the_first_outcome)
{
    begin();
    kit_web(k, 100, 200, "{}");
    says(ann, "room", "1?");
    says(ann, "room", "1?");
    ck_assert_int_eq(kit_frames(k, ann, "ack"), 0);
    kit_advance_ms(k, 100);
    sees(bob, "1?");
    sees_no_more(bob);
    ck_assert_int_eq(kit_web_count(k), 1);
}
END_TEST

START_TEST(it_may_ask_again)
{
    begin();
    a.on_answer = NULL;
    b.on_message = ask_about;
    b.on_answer = take_answer;
    kit_web(k, 100, 200, "{}");
    kit_web(k, 100, 200, "{}");
    says(ann, "room", "1?"); /* a, then b */
    says(ann, "room", "2");
    kit_advance_ms(k, 100);
    ck_assert_int_eq(kit_web_count(k), 2);
    sees_no_more(bob);
    ck_assert_uint_eq(k->hub->lines, 1);
    kit_web(k, 0, 200, "{}");
    kit_advance_ms(k, 100);
    ck_assert_int_eq(kit_web_count(k), 3); /* b asked about 2 as well */
    ck_assert_int_eq(answers, 2);
    member_is(kit_last(k, ann, "error"), "payload.code", "unavailable"); /* nobody routed it */
}
END_TEST

static parley_verdict ask_and_pass(parley_host *h, parley_message *m)
{
    ask_about(h, m);
    return PARLEY_PASS;
}

START_TEST(who_asks_and_passes_holds_nothing)
{
    begin();
    a.on_message = ask_and_pass;
    kit_web(k, 100, 200, "{}");
    ck_assert_int_eq(says(ann, "room", "1"), PARLEY_PASS);
    ck_assert_int_eq(says(ann, "attic", "2"), PARLEY_PASS);
    kit_advance_ms(k, 100);
    ck_assert_int_eq(answers, 2);
    ck_assert_int_eq(without_message, 2);
}
END_TEST

static parley_verdict ask_twice(parley_host *h, parley_message *m)
{
    parley_verdict first = ask_about(h, m);

    ck_assert_int_eq(ask_about(h, m), PARLEY_FAIL);
    return first;
}

START_TEST(a_message_waits_for_one_thing)
{
    begin();
    a.on_message = ask_twice;
    kit_web(k, 0, 200, "{}");
    says(ann, "room", "1");
    sees(bob, "1");
    ck_assert_int_eq(kit_web_count(k), 1);
}
END_TEST

START_TEST(what_has_its_number_cannot_wait)
{
    begin();
    c.on_message = ask_about;
    says(ann, "room", "1");
    ck_assert_int_eq(asked, PARLEY_FAIL);
    member_is(kit_last(k, ann, "error"), "payload.code", "unavailable");
    ck_assert_int_eq(kit_web_count(k), 0);
}
END_TEST

static int asks_accepted;

static int ask_many(parley_host *h, const parley_request *q, parley_out *answer)
{
    int64_t n = strtoll(parley_request_query(q, "n").p, NULL, 10);

    for (asks_accepted = 0; n > 0; n--)
        asks_accepted += parley_ask(NULL, parley_http_request(h, "GET", "http://x.example/"), 2000,
                                    9) == PARLEY_HOLD;
    return 204;
}

START_TEST(an_ask_without_a_message_holds_nothing)
{
    begin();
    a.serve = ask_many;
    kit_web(k, 100, 200, "{\"x\":1}");
    kit_admin(k, "GET", "/admin/a/it?n=1", NULL, NULL);
    ck_assert_int_eq(answers, 0);
    kit_advance_ms(k, 100);
    ck_assert_int_eq(without_message, 1);
    ck_assert_uint_eq(last_tag, 9);
    kit_web(k, 0, 0, NULL);
    kit_admin(k, "GET", "/admin/a/it?n=1", NULL, NULL);
    kit_advance_ms(k, 2000);
    ck_assert_int_eq(without_message, 2);
    ck_assert_int_eq(last_error, -ETIMEDOUT);
}
END_TEST

START_TEST(so_many_go_out_at_once_and_the_others_in_order)
{
    begin();
    a.serve = ask_many;
    for (int i = 0; i < ASKS_AT_ONCE; i++)
        kit_web(k, i == 0 ? 100 : 1000, 200, "{}");
    kit_admin(k, "GET", "/admin/a/it?n=70", NULL, NULL);
    ck_assert_int_eq(asks_accepted, 70);
    ck_assert_int_eq(kit_web_count(k), ASKS_AT_ONCE);
    kit_web(k, 5000, 200, "{}");
    kit_advance_ms(k, 100);
    ck_assert_int_eq(kit_web_count(k), ASKS_AT_ONCE + 1);
    for (int i = 0; i < 10; i++)
        kit_web(k, 0, 0, NULL);
    kit_advance_ms(k, 900);
    ck_assert_int_eq(kit_web_count(k), 70);
    kit_advance_ms(k, 1000); /* the rest of them runs out of time, sent or not */
    ck_assert_int_eq(answers, 70);
}
END_TEST

START_TEST(what_was_not_sent_in_time_is_never_sent)
{
    begin();
    a.serve = ask_many;
    for (int i = 0; i < ASKS_AT_ONCE; i++)
        kit_web(k, 3000, 200, "{}");
    kit_admin(k, "GET", "/admin/a/it?n=66", NULL, NULL);
    kit_advance_ms(k, 2000);
    ck_assert_int_eq(answers, 66);
    kit_advance_ms(k, 1000);
    ck_assert_int_eq(kit_web_count(k), ASKS_AT_ONCE);
    ck_assert_int_eq(answers, 66);
}
END_TEST

START_TEST(a_section_and_an_author_have_their_bounds)
{
    begin();
    a.serve = ask_many;
    kit_admin(k, "GET", "/admin/a/it?n=5000", NULL, NULL);
    ck_assert_int_eq(asks_accepted, HOLDS_OF_SECTION);
    kit_advance_ms(k, 2000);
    kit_web(k, 0, 0, NULL);
    says(ann, "room", "1?");
    for (int i = 1; i < HOLDS_OF_AUTHOR; i++)
        ck_assert_int_eq(say(ann, "room"), PARLEY_HOLD);
    ck_assert_int_eq(say(ann, "room"), PARLEY_REJECT);
    member_is(kit_last(k, ann, "error"), "payload.code", "unavailable");
    ck_assert_int_eq(says(bob, "room", "b"), PARLEY_PASS);
    kit_advance_ms(k, 2000);
    ck_assert_int_eq(kit_frames(k, bob, "say"), HOLDS_OF_AUTHOR + 1);
    ck_assert_int_eq(say(ann, "room"), PARLEY_PASS);
}
END_TEST

/* --- jobs --- */

static int jobs_run;

static int job(void *arg, parley_out *answer)
{
    ck_assert_int_eq(domain_current, DOMAIN_WORKER);
    jobs_run++;
    parley_put_int(answer, "twice", 2 * *(int *)arg);
    return *(int *)arg;
}

static int job_arg;

static parley_verdict work_on_it(parley_host *h, parley_message *m)
{
    return parley_work(m, job, &job_arg, 1000, 3);
}

START_TEST(a_job_is_done_elsewhere_and_its_answer_judged)
{
    begin();
    jobs_run = 0;
    job_arg = 21;
    a.on_message = work_on_it;
    says(ann, "room", "1");
    sees(bob, "1");
    ck_assert_int_eq(jobs_run, 1);
    ck_assert_int_eq(last_status, 21);
    ck_assert_str_eq(last_body, "{\"twice\":42}");
    job_arg = -EDOM;
    says(ann, "room", "2");
    ck_assert_int_eq(last_error, -EDOM);
    ck_assert_str_eq(last_body, "(none)");
}
END_TEST

START_TEST(a_job_keeps_its_order_and_its_deadline)
{
    begin();
    jobs_run = 0;
    job_arg = 1;
    a.on_message = work_on_it;
    kit_work_later(k, true);
    says(ann, "room", "1");
    says(ann, "room", "2");
    ck_assert_int_eq(kit_work(k), 1);
    sees(bob, "1");
    ck_assert_int_eq(kit_work(k), 1);
    sees(bob, "2");
    says(ann, "room", "3");
    kit_advance_ms(k, 1000);
    member_is(kit_last(k, ann, "error"), "payload.code", "unavailable");
    ck_assert_int_eq(answers, 2); /* what the job works on is not the plugin's yet */
    ck_assert_int_eq(kit_work(k), 1);
    ck_assert_int_eq(answers, 3);
    ck_assert_int_eq(without_message, 1);
    ck_assert_int_eq(last_error, -ETIMEDOUT);
}
END_TEST

/* --- the end --- */

START_TEST(at_the_end_all_that_waits_is_refused)
{
    begin();
    a.serve = ask_many;
    b.on_message = NULL;
    kit_web(k, 0, 0, NULL);
    says(ann, "room", "1?");
    says(ann, "room", "2");
    kit_web(k, 0, 0, NULL);
    kit_admin(k, "GET", "/admin/a/it?n=1", NULL, NULL);
    kit_work_later(k, true);
    job_arg = 1;
    a.on_message = work_on_it;
    says(bob, "room", "3");
    ck_assert_int_eq(kit_close(k), 3); /* 1?, the ask, the job; all came home */
    ck_assert_int_eq(settled, 3);
    ck_assert_int_eq(answers, 0);
    setup();
}
END_TEST

static int ask_when_it_ends;

static void ask_in_quiesce(parley_host *h)
{
    ask_when_it_ends = parley_ask(NULL, parley_http_request(h, "GET", "http://x.example/"), 10, 0);
}

START_TEST(nobody_asks_when_all_ends)
{
    ask_when_it_ends = -1;
    a.quiesce = ask_in_quiesce;
    ck_assert_int_eq(kit_close(k), 0);
    ck_assert_int_eq(ask_when_it_ends, PARLEY_FAIL);
    setup();
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("holds");

    tcase_add_test(t, it_waits_for_its_answer_and_goes_on_behind_its_link);
    tcase_add_test(t, an_answer_may_refuse_drop_or_deal_with_it);
    tcase_add_test(t, his_later_messages_wait_behind_it_and_others_pass);
    tcase_add_test(t, whispers_keep_their_order_too);
    tcase_add_test(t, the_order_is_kept_over_all_his_connections);
    tcase_add_test(t, without_an_answer_its_deadline_decides);
    tcase_add_test(t, an_answer_behind_the_deadline_is_too_late);
    tcase_add_test(t, refused_connections_and_garbage_are_told);
    tcase_add_test(t, it_survives_its_author);
    tcase_add_test(t, who_is_thrown_out_is_not_heard_any_more);
    tcase_add_test(t, its_channel_may_close_meanwhile);
    tcase_add_test(t, whom_it_is_for_may_leave_meanwhile);
    tcase_add_test(t, a_repeat_waits_for_the_first_outcome);
    tcase_add_test(t, it_may_ask_again);
    tcase_add_test(t, who_asks_and_passes_holds_nothing);
    tcase_add_test(t, a_message_waits_for_one_thing);
    tcase_add_test(t, what_has_its_number_cannot_wait);
    tcase_add_test(t, an_ask_without_a_message_holds_nothing);
    tcase_add_test(t, so_many_go_out_at_once_and_the_others_in_order);
    tcase_add_test(t, what_was_not_sent_in_time_is_never_sent);
    tcase_add_test(t, a_section_and_an_author_have_their_bounds);
    tcase_add_test(t, a_job_is_done_elsewhere_and_its_answer_judged);
    tcase_add_test(t, a_job_keeps_its_order_and_its_deadline);
    tcase_add_test(t, at_the_end_all_that_waits_is_refused);
    tcase_add_test(t, nobody_asks_when_all_ends);
    return run_tests("holds", t);
}

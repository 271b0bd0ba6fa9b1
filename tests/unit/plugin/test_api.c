/* The functions behind <parley/plugin.h>, as a plugin calls them, rightly and wrongly. */
#include "../hub/scripted.h"
#include "plugin/internal.h"

static parley_client ann, bob;

static void two(void)
{
    ann = member_of("ann", "room");
    bob = member_of("bob", "room");
}

/* Runs a test's own function as a hook of section a. */
static int (*in_hook)(parley_host *h);
static int serve(parley_host *h, const parley_request *q, parley_out *answer)
{
    (void)q;
    (void)answer;
    return in_hook(h);
}

static void run_hook(int (*fn)(parley_host *h))
{
    in_hook = fn;
    a.serve = serve;
    ck_assert_int_eq(kit_admin(k, "GET", "/admin/a/it", NULL, NULL), 204);
}

/* --- what is handed over --- */
static int misuse(parley_host *h)
{
    parley_out *o = parley_message_new(h, "once"), *kept = parley_message_new(h, "forgotten");
    parley_packet *p;

    parley_put_str(kept, "x", PARLEY_STR("never sent, and not lost"));
    parley_put_int(o, "n", 1);
    ck_assert_int_eq(parley_send(o, parley_to_all()), 0);
    parley_put_int(o, "n", 2);
    parley_open_list(o, "list");
    parley_close(o);
    parley_close(o);
    ck_assert_int_eq(parley_send(o, parley_to_all()), -EINVAL);
    ck_assert_ptr_null(parley_pack(o));
    o = parley_message_new(h, "packed");
    p = parley_pack(o);
    ck_assert_ptr_nonnull(p);
    ck_assert_ptr_null(parley_pack(o));
    ck_assert_int_eq(parley_send(o, parley_to_all()), -EINVAL);
    parley_packet_release(p);
    o = parley_message_new(h, "once");
    parley_put_int(o, NULL, 1); /* no key: its first error sticks */
    ck_assert_int_eq(parley_send(o, parley_to_all()), -EINVAL);
    o = parley_message_new(h, "once");
    parley_open_list(o, "left open");
    ck_assert_int_eq(parley_send(o, parley_to_all()), -EINVAL);
    ck_assert_int_eq(parley_send(parley_message_new(h, NULL), parley_to_all()), -EINVAL);
    ck_assert_int_eq(parley_send(parley_message_new(h, "once"), parley_to_channel(PARLEY_NONE)),
                     -EINVAL);
    ck_assert_int_eq(
        parley_send(parley_message_new(h, "once"), parley_to_channel(PARLEY_STR("nowhere"))),
        -ENOENT);
    ck_assert_int_eq(parley_send(parley_store_edit(h, "key"), parley_to_all()), -EINVAL);
    ck_assert_int_eq(parley_store_put(parley_message_new(h, "once")), -EINVAL);
    o = parley_store_edit(h, "key");
    ck_assert_int_eq(parley_store_put(o), 0);
    ck_assert_int_eq(parley_store_put(o), -EINVAL);
    ck_assert_int_eq(parley_store_put(parley_store_edit(h, "%s", "")), -EINVAL);
    return 204;
}

START_TEST(handed_over_once)
{
    two();
    run_hook(misuse);
    ck_assert_int_eq(kit_frames(k, ann, "once"), 1);
    member_is(kit_last(k, ann, "once"), "payload.n", "1");
    ck_assert_ptr_null(k->hub->outs);
}
END_TEST

static int requests(parley_host *h)
{
    parley_out *o = parley_http_request(h, "GET", "https://example.org/");

    ck_assert_int_eq(parley_send(o, parley_to_all()), -EINVAL);
    ck_assert_int_eq(parley_ask(NULL, o, 1000, 7), PARLEY_HOLD);
    ck_assert_int_eq(parley_ask(NULL, o, 1000, 7), PARLEY_FAIL);
    ck_assert_int_eq(parley_ask(NULL, parley_message_new(h, "x"), 1000, 7), PARLEY_FAIL);
    return 204;
}

START_TEST(requests_are_no_messages)
{
    run_hook(requests);
}
END_TEST

static int without_packet(parley_host *h)
{
    parley_out *o = parley_message_new(h, "x");

    ck_assert_int_eq(parley_send_packet(h, NULL, parley_to_all()), -EINVAL);
    ck_assert_ptr_null(parley_packet_keep(NULL));
    parley_packet_release(NULL);
    ck_assert_int_eq(parley_packet_offset(NULL), 0);
    ck_assert_uint_eq(parley_packet_bytes(NULL), 0);
    parley_put_payload(o, "none", NULL);
    ck_assert_int_eq(parley_send(o, parley_to_all()), 0);
    ck_assert_int_eq(parley_greet(h, ann, 1, NULL), -EBUSY); /* he is open */
    return 204;
}

static void greet_with_nothing(parley_host *h, parley_client who)
{
    note(parley_greet(h, who, 1, NULL) == -EINVAL ? "refused" : "taken");
}

START_TEST(no_packet)
{
    two();
    run_hook(without_packet);
    c.on_greet = greet_with_nothing;
    kit_connect(k, "eve", "");
    ck_assert_str_eq(notes, "refused");
}
END_TEST

static int nested_payload(parley_host *h)
{
    parley_out *o = parley_message_new(h, "inner"), *bulk = parley_message_new(h, "bulk");
    parley_packet *p;

    parley_put_str(o, "text", PARLEY_STR("\"}"));
    p = parley_pack(o);
    ck_assert_uint_eq(parley_packet_bytes(p), strlen("{\"text\":\"\\\"}\"}"));
    parley_open_list(bulk, "messages");
    parley_put_payload(bulk, NULL, p);
    parley_put_payload(bulk, NULL, p);
    parley_close(bulk);
    ck_assert_ptr_eq(parley_packet_keep(p), p);
    parley_packet_release(p);
    parley_packet_release(p);
    ck_assert_int_eq(parley_send(bulk, parley_to_client(ann)), 0);
    return 204;
}

START_TEST(a_payload_within_a_payload)
{
    two();
    run_hook(nested_payload);
    member_is(kit_last(k, ann, "bulk"), "payload.messages.1.text", "\"}");
}
END_TEST

/* --- verdicts, and who is said to have given them --- */
static parley_verdict verdict;
static parley_outcome seen;
static char seen_rule[32];

static parley_verdict chosen(parley_host *h, parley_message *m)
{
    (void)m;
    parley_reject_for(h, PARLEY_E_MUTED, "before", -5, "Said in vain, perhaps.");
    return verdict;
}

static void see(parley_host *h, const parley_message *m, const parley_outcome *o)
{
    (void)h;
    if (!parley_message_user(m).p)
        return;
    seen = *o;
    snprintf(seen_rule, sizeof seen_rule, "%s", o->rule ? o->rule : "");
}

static void judged(parley_verdict v, parley_verdict settled, const char *section, parley_code code)
{
    verdict = v;
    ck_assert_int_eq(say(ann, "room"), settled);
    ck_assert_int_eq(seen.verdict, settled);
    ck_assert_pstr_eq(seen.section, section);
    ck_assert_int_eq(seen.code, code);
}

START_TEST(who_decided_and_why)
{
    two();
    a.on_message = chosen;
    d.on_settled = see;
    judged(PARLEY_PASS, PARLEY_PASS, NULL, 0);
    ck_assert_str_eq(seen_rule, "");
    judged(PARLEY_DONE, PARLEY_DONE, "a", 0);
    judged(PARLEY_DROP, PARLEY_DROP, "a", 0);
    judged(PARLEY_REJECT, PARLEY_REJECT, "a", PARLEY_E_MUTED);
    ck_assert_str_eq(seen_rule, "before");
    member_is(kit_last(k, ann, "error"), "payload.retry_after_ms", NULL);
    judged(PARLEY_FAIL, PARLEY_REJECT, "a", PARLEY_E_UNAVAILABLE);
    ck_assert_str_eq(seen_rule, "on_error");
    judged(-7, PARLEY_REJECT, "a", PARLEY_E_UNAVAILABLE);
}
END_TEST

static parley_verdict bare_reject(parley_host *h, parley_message *m)
{
    (void)h;
    (void)m;
    return PARLEY_REJECT;
}

START_TEST(a_refusal_without_words)
{
    two();
    a.on_message = bare_reject;
    d.on_settled = see;
    say(ann, "room");
    ck_assert_int_eq(seen.code, PARLEY_E_REJECTED);
    member_is(kit_last(k, ann, "error"), "payload.message", "Refused.");
}
END_TEST

/* --- edits --- */
static parley_verdict too_much(parley_host *h, parley_message *m)
{
    static char long_text[3 << 20];
    parley_out *o = parley_message_edit(m);

    (void)h;
    memset(long_text, 'x', sizeof long_text - 1);
    ck_assert_ptr_eq(parley_message_edit(m), o);
    parley_put_str(o, "text", PARLEY_STR("***"));
    parley_put_str(o, "more", (parley_str){long_text, sizeof long_text - 1});
    return PARLEY_PASS;
}

START_TEST(what_could_not_be_edited_does_not_pass)
{
    two();
    a.on_message = too_much;
    ck_assert_int_eq(say(ann, "room"), PARLEY_REJECT);
    member_is(kit_last(k, ann, "error"), "payload.code", "unavailable");
    ck_assert_int_eq(kit_frames(k, bob, "say"), 0);
}
END_TEST

static parley_verdict edit_late(parley_host *h, parley_message *m)
{
    (void)h;
    parley_put_str(parley_message_edit(m), "text", PARLEY_STR("late"));
    ck_assert_int_eq(parley_message_set_text(m, 0, PARLEY_STR("late")), -ENOENT);
    ck_assert_int_eq(parley_deliver(m, parley_to_all()), -EBUSY);
    ck_assert_pstr_eq(parley_message_text(m, 0).p, "hi");
    ck_assert_int_eq(parley_as_int(parley_get(parley_message_payload(m), "cacheID"), 0), 1);
    return PARLEY_PASS;
}

START_TEST(what_is_sealed_stays)
{
    two();
    c.on_message = edit_late;
    ck_assert_int_eq(say(ann, "room"), PARLEY_PASS);
    member_is(kit_last(k, bob, "say"), "payload.text", "hi");
}
END_TEST

static parley_verdict bad_texts(parley_host *h, parley_message *m)
{
    (void)h;
    ck_assert_int_eq(parley_message_set_text(m, 1, PARLEY_STR("x")), -ENOENT);
    ck_assert_int_eq(parley_message_set_text(m, 0, PARLEY_STR("\xff")), -EINVAL);
    ck_assert_int_eq(parley_message_set_text(m, 0, (parley_str){"a\0b", 3}), -EINVAL);
    ck_assert_ptr_null(parley_message_text(m, 1).p);
    ck_assert_pstr_eq(parley_message_text(m, 0).p, "hi");
    ck_assert_int_eq(parley_message_set_text(m, 0, PARLEY_NONE), 0);
    ck_assert_pstr_eq(parley_message_text(m, 0).p, "");
    return PARLEY_PASS;
}

START_TEST(texts_that_are_none)
{
    two();
    a.on_message = bad_texts;
    ck_assert_int_eq(say(ann, "room"), PARLEY_PASS);
    member_is(kit_last(k, bob, "say"), "payload.text", "");
}
END_TEST

/* --- readers --- */
static parley_client stale;

static int read_stale(parley_host *h)
{
    static const parley_str role = {"user", 4};
    parley_str epoch = PARLEY_STR("as it was");
    int64_t offset = 77;

    ck_assert_ptr_null(parley_client_user(h, stale).p);
    ck_assert_ptr_null(parley_client_username(h, stale).p);
    ck_assert_ptr_null(parley_client_app(h, stale).p);
    ck_assert_int_eq(parley_client_connected_at(h, stale), 0);
    ck_assert(!parley_client_is_dashboard(h, stale));
    ck_assert(!parley_client_has_role(h, stale, (parley_list){&role, 1}));
    ck_assert(!parley_client_in(h, stale, PARLEY_STR("room")));
    ck_assert_int_eq(parley_joined_at(h, stale, PARLEY_STR("room")), -1);
    ck_assert_int_eq(parley_close_client(h, stale, 4403, NULL), -ESTALE);
    ck_assert_int_eq(parley_join(h, stale, PARLEY_STR("room")), -ESTALE);
    ck_assert_int_eq(parley_leave(h, stale, PARLEY_STR("room")), -ESTALE);
    ck_assert_ptr_null(parley_user_name(h, PARLEY_STR("eve")).p);
    ck_assert_ptr_null(parley_user_name(h, PARLEY_NONE).p);
    ck_assert_pstr_eq(parley_user_name(h, PARLEY_STR("ann")).p, "ann");
    ck_assert_int_eq(parley_channel_position(h, PARLEY_STR("nowhere"), &epoch, &offset), -ENOENT);
    ck_assert_pstr_eq(epoch.p, "as it was");
    ck_assert_int_eq(offset, 77);
    ck_assert_int_eq(parley_channel_position(h, PARLEY_STR("ROOM"), NULL, NULL), 0);
    ck_assert_pstr_eq(parley_channel_name(h, PARLEY_STR("ROOM")).p, "room");
    ck_assert_ptr_null(parley_channel_name(h, PARLEY_STR("nowhere")).p);
    ck_assert_int_eq(parley_join(h, ann, PARLEY_STR("nowhere")), -ENOENT);
    ck_assert_int_eq(parley_channel_close(h, PARLEY_STR("nowhere")), -ENOENT);
    ck_assert_int_eq(parley_channel_open(h, PARLEY_STR("Room"), NULL), -EEXIST);
    ck_assert_int_eq(parley_channel_open(h, PARLEY_STR("a\nb"), NULL), -EINVAL);
    return 204;
}

START_TEST(of_those_who_are_gone_nothing_is_read)
{
    two();
    stale = kit_connect(k, "eve", "user");
    kit_disconnect(k, stale);
    run_hook(read_stale);
}
END_TEST

static int close_codes(parley_host *h)
{
    static const int bad[] = {0, 999, 1002, 1005, 1006, 1015, 2999, 5000, -1};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_int_eq(parley_close_client(h, ann, bad[i], "x"), -EINVAL);
    ck_assert_int_eq(parley_close_client(h, ann, 4999, NULL), 0);
    /* 122 bytes, then a character of two */
    ck_assert_int_eq(
        parley_close_client(h, bob, 1008,
                            "0123456789012345678901234567890123456789012345678901234567890123456789"
                            "0123456789012345678901234567890123456789012345678901\xc3\xa9"),
        0);
    return 204;
}

START_TEST(codes_that_may_be_sent)
{
    two();
    run_hook(close_codes);
    ck_assert_int_eq(kit_closed(k, ann), 4999);
    ck_assert_str_eq(kit_close_text(k, ann), "");
    ck_assert_int_eq(kit_closed(k, bob), 1008);
    ck_assert_uint_eq(strlen(kit_close_text(k, bob)), 122);
}
END_TEST

static int timers(parley_host *h)
{
    ck_assert_int_eq(parley_timer_after(h, -1, "t"), -EINVAL);
    ck_assert_int_eq(parley_timer_after(h, INT64_MAX, "t"), -EINVAL);
    ck_assert_int_eq(parley_timer_at(h, INT64_MAX, "t"), -EINVAL);
    ck_assert_int_eq(parley_timer_cancel(h, "t"), -ENOENT);
    ck_assert_int_eq(parley_timer_after(h, 60000, "t %d", 1), 0);
    ck_assert_int_eq(parley_timer_after(h, 5, "t %d", 1), 0); /* a pending one stays */
    ck_assert_int_eq(parley_timer_at(h, 1, "past"), 0);
    ck_assert_int_eq(parley_timer_at(h, parley_unix_ms(h) + 500, "moved"), 0);
    ck_assert_int_eq(parley_timer_at(h, parley_unix_ms(h) + 50, "moved"), 0);
    return 204;
}

static void note_timer(parley_host *h, const char *key)
{
    (void)h;
    note(key);
}

START_TEST(timers_by_name)
{
    a.on_timer = note_timer;
    run_hook(timers);
    kit_advance_ms(k, 30000);
    ck_assert_str_eq(notes, "past moved");
    kit_advance_ms(k, 60000);
    ck_assert_str_eq(notes, "past moved t 1");
}
END_TEST

static int services(parley_host *h)
{
    parley_host *provider = h;

    ck_assert_ptr_null(parley_service(h, "org.example.none/1", &provider));
    ck_assert_ptr_null(provider);
    ck_assert_ptr_null(parley_service(h, "org.example.none/1", NULL));
    return 204;
}

START_TEST(what_nobody_provides)
{
    run_hook(services);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("api");

    tcase_add_test(t, handed_over_once);
    tcase_add_test(t, requests_are_no_messages);
    tcase_add_test(t, no_packet);
    tcase_add_test(t, a_payload_within_a_payload);
    tcase_add_test(t, who_decided_and_why);
    tcase_add_test(t, a_refusal_without_words);
    tcase_add_test(t, what_could_not_be_edited_does_not_pass);
    tcase_add_test(t, what_is_sealed_stays);
    tcase_add_test(t, texts_that_are_none);
    tcase_add_test(t, of_those_who_are_gone_nothing_is_read);
    tcase_add_test(t, codes_that_may_be_sent);
    tcase_add_test(t, timers_by_name);
    tcase_add_test(t, what_nobody_provides);
    return run_tests("api", t);
}

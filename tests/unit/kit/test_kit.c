/* The testkit itself: it starts or says why, its clients get what real ones would, its clock runs
 * from timer to timer, and what is left behind is counted. */
#include "../hub/scripted.h"

START_TEST(it_says_why_it_does_not_start)
{
    ck_assert_ptr_null(kit_start("[hub a]\nx = 1\n[hub nowhere]\n[hub", scripted));
    ck_assert_ptr_nonnull(strstr(kit_refusal(), "test.ini:2: "));
    ck_assert_ptr_nonnull(strstr(kit_refusal(), "test.ini:3: "));
    ck_assert_ptr_nonnull(strstr(kit_refusal(), "test.ini:4: "));
    kit_close(k);
    k = kit_start(SECTIONS, scripted);
    ck_assert_str_eq(kit_refusal(), "");
    ck_assert_int_eq(kit_close(NULL), 0);
}
END_TEST

START_TEST(frames_are_asked_for_once_each)
{
    parley_client ann = member_of("ann", "room"), bob = member_of("bob", "room");

    for (int i = 0; i < 3; i++)
        say(ann, "room");
    kit_input(k, ann, "{\"type\":\"whisper\",\"to\":\"bob\"}");
    ck_assert_int_eq(kit_frames(k, bob, NULL), 4);
    ck_assert_int_eq(kit_frames(k, bob, "say"), 3);
    member_is(kit_next(k, bob, "say"), "payload.offset", "1");
    member_is(kit_last(k, bob, "say"), "payload.offset", "3");
    member_is(kit_next(k, bob, NULL), "payload.offset", "2");
    ck_assert_ptr_null(kit_next(k, bob, "say"));
    ck_assert_ptr_null(kit_last(k, bob, "say"));
    member_is(kit_last(k, bob, NULL), "type", "whisper");
    ck_assert_ptr_null(kit_last(k, bob, NULL));
    ck_assert_int_eq(kit_frames(k, bob, NULL), 4);
    ck_assert_ptr_null(kit_next(k, (parley_client){0}, NULL));
}
END_TEST

START_TEST(members_of_frames)
{
    const char *f = "{\"a\":{\"b\":[1,\"two\",{\"c\":null}]},\"t\":true,\"r\":1.5}";

    ck_assert_str_eq(kit_member(f, "a.b.0"), "1");
    ck_assert_str_eq(kit_member(f, "a.b.1"), "two");
    ck_assert_str_eq(kit_member(f, "a.b.2"), "{\"c\":null}");
    ck_assert_str_eq(kit_member(f, "a.b.2.c"), "null");
    ck_assert_str_eq(kit_member(f, "t"), "true");
    ck_assert_str_eq(kit_member(f, "r"), "1.5");
    ck_assert_ptr_null(kit_member(f, "a.b.3"));
    ck_assert_ptr_null(kit_member(f, "a.x"));
    ck_assert_ptr_null(kit_member(f, "t.x"));
    ck_assert_ptr_null(kit_member(NULL, "a"));
    ck_assert_ptr_null(kit_member("{", "a"));
}
END_TEST

START_TEST(what_is_wrong_with_input_is_told_as_a_pump_tells_it)
{
    static const struct {
        const char *json, *code, *id;
    } bad[] = {
        {"{\"type\":", "invalid_json", NULL},
        {"{\"id\":\"7\"}", "invalid_message", "7"},
        {"{\"type\":\"none\",\"id\":\"7\"}", "unknown_type", "7"},
        {"{\"type\":\"say\",\"id\":\"7\"}", "invalid_message", "7"},
        {"{\"type\":\"say\",\"id\":\"7\",\"channel\":\"room\",\"text\":\"\"}", "invalid_message",
         "7"},
        {"{\"type\":\"say\",\"channel\":\"room\",\"id\":"
         "\"01234567890123456789012345678901234567890123456789012345678901234\"}",
         "invalid_message", NULL},
    };
    parley_client ann = member_of("ann", "room");

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *f;

        ck_assert_int_eq(kit_input(k, ann, bad[i].json), PARLEY_REJECT);
        f = kit_last(k, ann, "error");
        member_is(f, "payload.code", bad[i].code);
        member_is(f, "payload.id", bad[i].id);
    }
    kit_disconnect(k, ann);
    ck_assert_int_eq(say(ann, "room"), PARLEY_REJECT);
}
END_TEST

START_TEST(members_join_and_leave)
{
    parley_client ann = kit_connect(k, "ann", "");

    kit_leave(k, ann, "room");
    ck_assert_ptr_null(
        channel_find(&k->hub->channels, PARLEY_STR("room"))); /* not opened by that */
    kit_join(k, ann, "Room");
    kit_join(k, ann, "room");
    ck_assert_int_eq(say(ann, "room"), PARLEY_PASS);
    member_is(kit_last(k, ann, "say"), "payload.channel", "Room");
    kit_leave(k, ann, "ROOM");
    ck_assert_int_eq(say(ann, "room"), PARLEY_REJECT);
}
END_TEST

static int sum(parley_host *h, const parley_request *q, parley_out *answer)
{
    (void)h;
    parley_put_int(answer, "n",
                   parley_as_int(parley_get(parley_request_json(q), "n"), 0) +
                       atoi(parley_request_query(q, "plus").p));
    return 201;
}

START_TEST(an_admin)
{
    const char *json;

    a.serve = sum;
    ck_assert_int_eq(kit_admin(k, "GET", "/admin/a/it?plus=%35", "{\"n\":2}", &json), 201);
    ck_assert_str_eq(json, "{\"n\":7}");
    ck_assert_int_eq(kit_admin(k, "GET", "/admin/b/it", NULL, &json), 204);
    ck_assert_int_eq(kit_admin(k, "POST", "/admin/a/it", NULL, &json), 404);
    ck_assert_int_eq(kit_admin(k, "GET", "/admin/e/it", NULL, NULL), 404);
}
END_TEST

static int64_t began;

static void note_when(parley_host *h, const char *key)
{
    char text[32];

    snprintf(text, sizeof text, "%s@%d", key, (int)(parley_uptime_ms(h) - began));
    note(text);
    if (strcmp(key, "first") == 0)
        parley_timer_after(h, 20000, "second");
}

START_TEST(the_clock_goes_from_timer_to_timer)
{
    enum domain before = domain_enter(DOMAIN_HUB);

    a.on_timer = note_when;
    began = clock_mono_ms();
    ck_assert_int_eq(parley_timer_after(&k->registry->instances[1]->host, 100000, "first"), 0);
    domain_leave(before);
    kit_advance_ms(k, 50000);
    ck_assert_str_eq(notes, "");
    kit_advance_ms(k, 100000);
    ck_assert_str_eq(notes, "first@100000 second@120000");
    ck_assert_int_eq(clock_mono_ms() - began, 150000);
}
END_TEST

START_TEST(a_restart_forgets_all)
{
    parley_client ann = member_of("ann", "room");

    say(ann, "room");
    kit_restart(k);
    ck_assert_int_eq(kit_closed(k, ann), 1006);
    ck_assert_ptr_null(clients_find(k->hub, ann.v));
    ann = member_of("ann", "room");
    say(ann, "room");
    member_is(kit_last(k, ann, "say"), "payload.cacheID", "1");
}
END_TEST

START_TEST(what_is_still_on_the_road_is_counted)
{
    kit *other = k;

    k->messages_out++;
    ck_assert_int_eq(kit_close(other), 1);
    k = kit_start(SECTIONS, scripted);
}
END_TEST

START_TEST(counters_by_section)
{
    parley_client ann = member_of("ann", "room");

    say(ann, "room");
    ck_assert_double_eq(kit_metric(k, "a", "never_counted"), 0);
    ck_assert_double_ge(metric_find("hub_calls", PARLEY_STR("a")), 1);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("kit");

    tcase_add_test(t, it_says_why_it_does_not_start);
    tcase_add_test(t, frames_are_asked_for_once_each);
    tcase_add_test(t, members_of_frames);
    tcase_add_test(t, what_is_wrong_with_input_is_told_as_a_pump_tells_it);
    tcase_add_test(t, members_join_and_leave);
    tcase_add_test(t, an_admin);
    tcase_add_test(t, the_clock_goes_from_timer_to_timer);
    tcase_add_test(t, a_restart_forgets_all);
    tcase_add_test(t, what_is_still_on_the_road_is_counted);
    tcase_add_test(t, counters_by_section);
    return run_tests("kit", t);
}

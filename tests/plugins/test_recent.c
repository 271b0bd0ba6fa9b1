/* recent: greetings from memory, and returning without gap or repeat, or being told that it is not.
 */
#include "kit.h"

#include <check.h>
#include <stdlib.h>

#define TYPES                                                                         \
    "[type chat_message]\n[type typing]\n[type join_channel]\n[type leave_channel]\n" \
    "[type resume]\n[hub router]\n"
#define TWO         "[hub channels]\nlist = one, two\n"
#define TWO_FOR_ALL "[hub channels]\nlist = one, two\nauto_join = *\n"

/* --- hubs of the tests: one keeps people out, one lets some words reach only their author --- */
static bool closed, swallows;

static parley_verdict on_join(parley_host *h, parley_client c, parley_str channel)
{
    (void)c;
    (void)channel;
    return closed ? parley_reject(h, PARLEY_E_FORBIDDEN, "closed", "Closed today.") : PARLEY_PASS;
}

static parley_verdict on_message(parley_host *h, parley_message *m)
{
    parley_str text = parley_message_text(m, 0);

    (void)h;
    if (swallows && strcmp(parley_message_type(m).p, "resume") == 0)
        return PARLEY_DONE;
    return text.p && strncmp(text.p, "drop", 4) == 0 ? PARLEY_DROP : PARLEY_PASS;
}

/* Everybody is in the channel of his name. */
static parley_verdict on_connect(parley_host *h, parley_client c)
{
    parley_join(h, c, parley_client_user(h, c));
    return PARLEY_PASS;
}

/* A late hub that refuses: the number is given back. */
static parley_verdict on_store(parley_host *h, parley_message *m)
{
    parley_str text = parley_message_text(m, 0);

    return text.p && strncmp(text.p, "full", 4) == 0
               ? parley_reject(h, PARLEY_E_UNAVAILABLE, "full", "The disk is full.")
               : PARLEY_PASS;
}

static const parley_hub guard_hub = {.struct_size = sizeof guard_hub,
                                     .phase = PARLEY_PHASE_ADMIT,
                                     .on_message = on_message,
                                     .on_connect = on_connect,
                                     .on_join = on_join};
static const parley_hub store_hub = {
    .struct_size = sizeof store_hub, .phase = PARLEY_PHASE_STORE, .on_message = on_store};
static const parley_provided provides[] = {{"parley.hub/1", &guard_hub},
                                           {"parley.hub/1", &store_hub}};
static const parley_plugin guard = {.preamble = PARLEY_PREAMBLE,
                                    .id = "org.example.guard",
                                    .version = "1.0.0",
                                    .doc = "Keeps people and words out",
                                    .provides = PARLEY_TABLE(provides)};
static const parley_plugin *const plugins[] = {&guard, NULL};

static kit *k;
static parley_client ada;
static char epoch[64];

static void start(const char *recent, const char *channels)
{
    char ini[1024];

    closed = swallows = false;
    snprintf(ini, sizeof ini, "[hub recent]\n%s" TYPES "%s[hub guard]\n", recent, channels);
    k = kit_start(ini, plugins);
    ck_assert_msg(k != NULL, "%s", kit_refusal());
    ada = kit_connect(k, "ada", "");
}

static void stop(void)
{
    ck_assert_int_eq(kit_close(k), 0);
}

static parley_verdict say(const char *channel, const char *text)
{
    char frame[512];
    const char *m;
    parley_verdict v;

    snprintf(frame, sizeof frame,
             "{\"type\":\"chat_message\",\"channel\":\"%s\",\"message\":\"%s\"}", channel, text);
    v = kit_input(k, ada, frame);
    m = kit_last(k, ada, "chat_message");
    if (m)
        snprintf(epoch, sizeof epoch, "%s", kit_member(m, "payload.epoch"));
    return v;
}

/* "a b c": what a greeting holds, in its order. */
static const char *greeting(parley_client c)
{
    static char all[4096];
    const char *bulk = kit_last(k, c, "bulk_chat_messages");
    char path[64];
    size_t n = 0;

    all[0] = 0;
    for (int i = 0; bulk && n < sizeof all - 64; i++) {
        const char *text;

        snprintf(path, sizeof path, "payload.messages.%d.message", i);
        text = kit_member(bulk, path);
        if (!text)
            break;
        n += (size_t)snprintf(all + n, sizeof all - n, "%s%s", i ? " " : "", text);
    }
    return all;
}

static parley_verdict resume(parley_client c, const char *channel, const char *from_epoch,
                             long long offset)
{
    char frame[512];

    snprintf(frame, sizeof frame,
             "{\"type\":\"resume\",\"channel\":\"%s\",\"epoch\":\"%s\",\"offset\":%lld}", channel,
             from_epoch, offset);
    return kit_input(k, c, frame);
}

/* What came since the last call, in its order: "3 4 | true 4" is two messages by their offsets,
 * then `resumed`, recovered, at 4. */
static const char *came(parley_client c)
{
    static char all[8192];
    const char *f;
    size_t n = 0;

    all[0] = 0;
    while ((f = kit_next(k, c, NULL)) && n < sizeof all - 128) {
        char type[64];

        snprintf(type, sizeof type, "%s", kit_member(f, "type"));
        if (strcmp(type, "resumed") == 0) {
            n += (size_t)snprintf(all + n, sizeof all - n, "| %s",
                                  kit_member(f, "payload.recovered"));
            n += (size_t)snprintf(all + n, sizeof all - n, " %s", kit_member(f, "payload.offset"));
            ck_assert_str_eq(kit_member(f, "payload.epoch"), epoch);
        } else if (strcmp(type, "chat_message") == 0) {
            n += (size_t)snprintf(all + n, sizeof all - n, "%s ", kit_member(f, "payload.offset"));
        } else {
            n += (size_t)snprintf(all + n, sizeof all - n, "%s ", type);
        }
    }
    return all;
}

/* A connection that has nothing unread. */
static parley_client fresh(const char *name)
{
    parley_client c = kit_connect(k, name, "");

    came(c);
    return c;
}

START_TEST(the_greeting_merges_channels_by_age)
{
    parley_client c;

    start("", TWO_FOR_ALL);
    ck_assert_int_eq(kit_frames(k, ada, "bulk_chat_messages"), 0);
    say("one", "a");
    say("two", "b");
    say("two", "c");
    say("one", "d");
    c = kit_connect(k, "bob", "");
    ck_assert_str_eq(greeting(c), "a b c d");
    ck_assert_int_eq(kit_frames(k, c, "bulk_chat_messages"), 1);
    ck_assert_int_eq(kit_frames(k, c, "chat_message"), 0);
    say("one", "e");
    ck_assert_int_eq(kit_frames(k, c, "chat_message"), 1);
    ck_assert_str_eq(greeting(kit_connect(k, "eve", "")), "a b c d e");
    stop();
}
END_TEST

START_TEST(the_greeting_comes_first)
{
    parley_client c;

    start("", TWO_FOR_ALL);
    say("one", "a");
    c = kit_connect(k, "bob", "");
    ck_assert_str_eq(kit_member(kit_next(k, c, NULL), "type"), "bulk_chat_messages");
    ck_assert_str_eq(kit_member(kit_next(k, c, NULL), "type"), "active_channels");
    stop();
}
END_TEST

START_TEST(only_ones_own_channels_are_shown)
{
    start("", "[hub channels]\nlist = one, two, three\nauto_join = one\n");
    kit_join(k, ada, "two");
    kit_join(k, ada, "three");
    say("one", "a");
    say("two", "secret");
    ck_assert_str_eq(greeting(kit_connect(k, "bob", "")), "a");
    ck_assert_str_eq(greeting(kit_connect_as(k, "root", "root", "WebClient", "")), "a secret");
    ck_assert_str_eq(greeting(kit_connect(k, "eve", "")), "a");
    say("three", "more");
    ck_assert_str_eq(greeting(kit_connect(k, "bob", "")), "a");
    ck_assert_str_eq(greeting(kit_connect_as(k, "root", "root", "WebClient", "")), "a secret more");
    stop();
}
END_TEST

/* More sets than are kept: none may be taken for another. */
START_TEST(many_sets_of_channels)
{
    char list[512] = "[hub channels]\nauto_join = one\nlist = one, two", name[8], expected[32];

    for (int i = 0; i < 40; i++)
        snprintf(list + strlen(list), sizeof list - strlen(list), ", u%d", i);
    strcat(list, "\n");
    start("", list);
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof name, "u%d", i);
        kit_join(k, ada, name);
        ck_assert_int_eq(say(name, name), PARLEY_PASS);
    }
    say("one", "all");
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "u%d", i * 7 % 40);
        snprintf(expected, sizeof expected, "%s all", name);
        ck_assert_str_eq(greeting(kit_connect(k, name, "")), expected);
    }
    stop();
}
END_TEST

START_TEST(the_greeting_is_bounded_in_number_and_bytes)
{
    char text[200];
    const char *bulk;
    parley_client c;

    start("greeting = 3\nper_channel = 4\n", TWO_FOR_ALL);
    for (char t[] = "a"; t[0] <= 'f'; t[0]++)
        say("one", t);
    ck_assert_str_eq(greeting(kit_connect(k, "bob", "")), "d e f");
    say("two", "x");
    ck_assert_str_eq(greeting(kit_connect(k, "bob", "")), "e f x");
    stop();
    start("greeting_bytes = 1KiB\n", TWO_FOR_ALL);
    for (int i = 0; i < 20; i++) {
        snprintf(text, sizeof text, "%d%0100d", i, 0);
        say("one", text);
    }
    c = kit_connect(k, "bob", "");
    bulk = kit_last(k, c, "bulk_chat_messages");
    ck_assert_ptr_nonnull(bulk);
    ck_assert_uint_le(strlen(bulk), 1024);
    ck_assert_uint_gt(strlen(bulk), 700);
    snprintf(text, sizeof text, "%d%0100d", 19, 0);
    ck_assert_ptr_nonnull(strstr(bulk, text));
    stop();
    start("greeting = 0\n", TWO_FOR_ALL);
    say("one", "a");
    ck_assert_int_eq(kit_frames(k, kit_connect(k, "bob", ""), "bulk_chat_messages"), 0);
    stop();
}
END_TEST

START_TEST(what_few_saw_is_not_shown)
{
    start("", TWO_FOR_ALL);
    say("one", "a");
    ck_assert_int_eq(say("one", "drop this"), PARLEY_DROP);
    ck_assert_int_eq(say("one", "full up"), PARLEY_REJECT);
    kit_input(k, ada, "{\"type\":\"typing\",\"channel\":\"one\"}");
    say("one", "b");
    ck_assert_str_eq(greeting(kit_connect(k, "bob", "")), "a b");
    stop();
}
END_TEST

START_TEST(what_was_missed_comes_back_once)
{
    parley_client c;

    start("", TWO_FOR_ALL);
    for (char t[] = "a"; t[0] <= 'e'; t[0]++)
        say("one", t);
    c = fresh("bob");
    say("one", "live"); /* 6: he got it, so it does not come again */
    ck_assert_int_eq(resume(c, "ONE", epoch, 2), PARLEY_DONE);
    ck_assert_str_eq(came(c), "6 3 4 5 | true 6");
    say("one", "on");
    ck_assert_str_eq(came(c), "7 ");
    resume(c, "one", epoch, 0);
    ck_assert_str_eq(came(c), "1 2 3 4 5 | true 7");
    resume(c, "one", epoch, 7);
    ck_assert_str_eq(came(c), "| true 7");
    stop();
}
END_TEST

START_TEST(who_is_not_in_is_let_in)
{
    parley_client c;

    start("", TWO);
    kit_join(k, ada, "one");
    say("one", "a");
    say("one", "b");
    c = fresh("bob");
    say("one", "c");
    ck_assert_str_eq(came(c), "");
    resume(c, "one", epoch, 1);
    ck_assert_str_eq(came(c), "2 3 | true 3");
    say("one", "d");
    ck_assert_str_eq(came(c), "4 ");
    c = fresh("eve");
    resume(c, "one", "an older life", 1);
    ck_assert_str_eq(came(c), "| false 4");
    say("one", "e");
    ck_assert_str_eq(came(c), "5 ");
    stop();
}
END_TEST

START_TEST(what_cannot_be_recovered_is_said)
{
    parley_client c;

    start("per_channel = 3\n", TWO_FOR_ALL);
    c = fresh("bob");
    kit_leave(k, c, "one");
    for (char t[] = "a"; t[0] <= 'f'; t[0]++)
        say("one", t);
    resume(c, "one", epoch, 7);
    ck_assert_str_eq(came(c), "| false 6");
    kit_leave(k, c, "one");
    resume(c, "one", epoch, 2);
    ck_assert_str_eq(came(c), "| false 6");
    kit_leave(k, c, "one");
    resume(c, "one", epoch, 3);
    ck_assert_str_eq(came(c), "4 5 6 | true 6");
    kit_leave(k, c, "one");
    resume(c, "one", epoch, 6);
    ck_assert_str_eq(came(c), "| true 6");
    kit_leave(k, c, "one");
    resume(c, "one", "0123456789abcdef", 6);
    ck_assert_str_eq(came(c), "| false 6");
    resume(c, "one", epoch, 9223372036854775807);
    ck_assert_str_eq(came(c), "| false 6");
    ck_assert_int_eq(resume(c, "one", "", 1), PARLEY_REJECT);
    ck_assert_int_eq(resume(c, "one", epoch, -1), PARLEY_REJECT);
    ck_assert_int_eq(resume(c, "nowhere", epoch, 1), PARLEY_REJECT);
    stop();
}
END_TEST

/* 2, 4 and 5 were dropped for all but their author: that is no loss. */
START_TEST(holes_are_no_loss)
{
    parley_client c;

    start("per_channel = 3\n", TWO_FOR_ALL);
    c = fresh("bob");
    kit_leave(k, c, "one");
    ck_assert_int_eq(say("one", "drop"), PARLEY_DROP);
    say("one", "2");
    say("one", "drop");
    say("one", "drop");
    say("one", "5");
    say("one", "6");
    resume(c, "one", epoch, 0);
    ck_assert_str_eq(came(c), "2 5 6 | true 6");
    kit_leave(k, c, "one");
    say("one", "7"); /* pushes 2 out */
    resume(c, "one", epoch, 1);
    ck_assert_str_eq(came(c), "| false 7");
    kit_leave(k, c, "one");
    for (long long from = 2; from <= 4; from++) {
        resume(c, "one", epoch, from);
        ck_assert_str_eq(came(c), "5 6 7 | true 7");
        kit_leave(k, c, "one");
    }
    stop();
}
END_TEST

START_TEST(who_may_not_join_is_shown_nothing)
{
    parley_client c;

    start("", TWO);
    kit_join(k, ada, "one");
    say("one", "secret");
    c = fresh("eve");
    closed = true;
    ck_assert_int_eq(resume(c, "one", epoch, 0), PARLEY_REJECT);
    ck_assert_str_eq(kit_member(kit_last(k, c, "error"), "payload.message"), "Closed today.");
    ck_assert_str_eq(came(c), "");
    ck_assert_int_eq(resume(c, "one", "unknown", 0), PARLEY_REJECT);
    came(c);
    closed = false;
    swallows = true; /* another hub has dealt with it */
    ck_assert_int_eq(resume(c, "one", epoch, 0), PARLEY_DONE);
    ck_assert_str_eq(came(c), "");
    ck_assert_int_eq(kit_frames(k, c, "resumed"), 0);
    stop();
}
END_TEST

START_TEST(an_empty_channel_can_be_resumed)
{
    parley_client c;

    start("", TWO);
    kit_join(k, ada, "one");
    say("one", "a"); /* for the epoch of another channel */
    c = fresh("bob");
    ck_assert_int_eq(resume(c, "two", "unknown", 0), PARLEY_DONE);
    snprintf(epoch, sizeof epoch, "%s", kit_member(kit_last(k, c, "resumed"), "payload.epoch"));
    resume(c, "two", epoch, 0);
    ck_assert_str_eq(came(c), "| true 0");
    stop();
}
END_TEST

/* Random cuts and returns: what a client has, greeting apart, is every offset once. */
START_TEST(no_gap_and_no_repeat)
{
    long long seen = 0, said = 0;
    parley_client c = {0};

    start("per_channel = 40\n", TWO);
    kit_join(k, ada, "one");
    srand(7);
    for (int round = 0; round < 300; round++) {
        const char *f;

        for (int i = rand() % 12; i > 0; i--, said++)
            say("one", "x");
        c = kit_connect(k, "bob", "");
        if (rand() % 2)
            kit_join(k, c, "one");
        for (int i = rand() % 12; i > 0; i--, said++)
            say("one", "x");
        resume(c, "one", said ? epoch : "none", seen);
        for (int i = rand() % 12; i > 0; i--, said++)
            say("one", "x");
        /* The live ones may come before the others: all of them, sorted by what they say. */
        bool got[64] = {false};
        long long most = seen;
        while ((f = kit_next(k, c, NULL))) {
            long long offset =
                kit_member(f, "payload.offset") ? atoll(kit_member(f, "payload.offset")) : 0;

            if (strcmp(kit_member(f, "type"), "resumed") == 0 && said)
                ck_assert_str_eq(kit_member(f, "payload.recovered"), "true");
            if (strcmp(kit_member(f, "type"), "chat_message") != 0)
                continue;
            ck_assert_msg(offset > seen && offset - seen < 64 && !got[offset - seen],
                          "%lld again in round %d", offset, round);
            got[offset - seen] = true;
            most = offset > most ? offset : most;
        }
        for (long long i = 1; i <= most - seen; i++)
            ck_assert_msg(got[i], "%lld is missing in round %d", seen + i, round);
        ck_assert_int_eq(most, said);
        seen = most;
        kit_disconnect(k, c);
    }
    stop();
}
END_TEST

static void reload(const char *recent)
{
    char ini[1024];

    snprintf(ini, sizeof ini, "[hub recent]\n%s" TYPES TWO_FOR_ALL "[hub guard]\n", recent);
    ck_assert_msg(kit_reload(k, ini) == 0, "%s", kit_refusal());
}

START_TEST(a_reload_forgets_nothing)
{
    parley_client c;

    start("per_channel = 4\n", TWO_FOR_ALL);
    for (const char *t = "1\0002\0003\0004\0005\0006\0"; *t; t += 2)
        say("one", t);
    say("two", "a");
    say("one", "7");
    reload("per_channel = 6\n");
    c = kit_connect(k, "bob", "");
    ck_assert_str_eq(greeting(c), "4 5 6 a 7");
    came(c);
    ck_assert_int_eq(resume(c, "one", epoch, 3), PARLEY_DONE);
    ck_assert_str_eq(came(c), "4 5 6 7 | true 7");
    resume(c, "one", epoch, 2);
    ck_assert_str_eq(came(c), "| false 7"); /* it did not reach back so far before, either */
    say("one", "8");
    reload("per_channel = 2\n");
    c = kit_connect(k, "cat", "");
    ck_assert_str_eq(greeting(c), "a 7 8");
    came(c);
    resume(c, "one", epoch, 6);
    ck_assert_str_eq(came(c), "7 8 | true 8");
    resume(c, "one", epoch, 5);
    ck_assert_str_eq(came(c), "| false 8");
    say("one", "9");
    c = kit_connect(k, "dan", "");
    ck_assert_str_eq(greeting(c), "a 8 9");
    stop();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("recent");
    TCase *t = tcase_create("recent");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_set_timeout(t, 30);
    tcase_add_test(t, the_greeting_merges_channels_by_age);
    tcase_add_test(t, the_greeting_comes_first);
    tcase_add_test(t, only_ones_own_channels_are_shown);
    tcase_add_test(t, many_sets_of_channels);
    tcase_add_test(t, the_greeting_is_bounded_in_number_and_bytes);
    tcase_add_test(t, what_few_saw_is_not_shown);
    tcase_add_test(t, what_was_missed_comes_back_once);
    tcase_add_test(t, who_is_not_in_is_let_in);
    tcase_add_test(t, what_cannot_be_recovered_is_said);
    tcase_add_test(t, holes_are_no_loss);
    tcase_add_test(t, who_may_not_join_is_shown_nothing);
    tcase_add_test(t, an_empty_channel_can_be_resumed);
    tcase_add_test(t, no_gap_and_no_repeat);
    tcase_add_test(t, a_reload_forgets_nothing);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

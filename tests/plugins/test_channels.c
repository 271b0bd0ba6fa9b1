/* The hub `channels`: the list and its faults, who is in from the start, joining and leaving. */
#include "kit.h"

#include <check.h>
#include <stdlib.h>

#define TYPES "[type chat_message]\n[type join_channel]\n[type leave_channel]\n[hub router]\n"

static kit *k;

static void start(const char *ini)
{
    k = kit_start(ini, NULL);
    ck_assert_msg(k != NULL, "%s", kit_refusal());
}

static bool hears(parley_client listener, const char *channel)
{
    parley_client c = kit_connect(k, "speaker", "");
    int before = kit_frames(k, listener, "chat_message");
    char frame[256];

    kit_join(k, c, channel);
    snprintf(frame, sizeof frame,
             "{\"type\":\"chat_message\",\"channel\":\"%s\",\"message\":\"x\"}", channel);
    ck_assert_int_eq(kit_input(k, c, frame), PARLEY_PASS);
    kit_disconnect(k, c);
    return kit_frames(k, listener, "chat_message") > before;
}

static parley_verdict send_for(parley_client c, const char *type, const char *channel)
{
    char frame[256];

    snprintf(frame, sizeof frame, "{\"type\":\"%s\",\"channel\":\"%s\",\"id\":\"%d\"}", type,
             channel, kit_frames(k, c, NULL));
    return kit_input(k, c, frame);
}

static void refused(const char *ini, const char *words)
{
    ck_assert_ptr_null(kit_start(ini, NULL));
    ck_assert_msg(strstr(kit_refusal(), words) != NULL, "%s", kit_refusal());
}

START_TEST(bad_names_are_named)
{
    char ini[256];

    refused("[hub channels]\nlist = a, b, A\n", "test.ini:2: 'list'");
    refused("[hub channels]\nlist = a, b, A\n", "'A' stands in it twice");
    refused("[hub channels]\nlist = a\x07"
            "b\n",
            "control character");
    snprintf(ini, sizeof ini, "[hub channels]\nlist = %s%s%s\n",
             "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac",
             "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac",
             "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"
             "\xe2\x82\xac");
    refused(ini, "more than 64 bytes");
    start("[hub channels]\nlist = a@, a`, b[, b{, \xc3\x84, \xc3\xa4\n"); /* ASCII letters alone */
    kit_close(k);
    refused("[hub channels]\nlist = a\nauto_join = b\n", "'b' is not in 'list'");
    refused("[hub channels]\nlist = a\nauto_join = *, c\n", "'c' is not in 'list'");
}
END_TEST

START_TEST(clients_are_in_what_auto_join_names)
{
    parley_client c, board;

    start(TYPES "[hub channels]\nlist = one, Two, three\nauto_join = one, TWO\n");
    c = kit_connect(k, "ada", "");
    board = kit_connect_as(k, "root", "root", "WebClient", "");
    ck_assert(hears(c, "one") && hears(c, "Two") && !hears(c, "three"));
    ck_assert(hears(board, "one") && hears(board, "Two") && hears(board, "three"));
    kit_close(k);
    start(TYPES "[hub channels]\nlist = one, two\nauto_join = *\n");
    c = kit_connect(k, "ada", "");
    ck_assert(hears(c, "one") && hears(c, "two"));
    kit_close(k);
    start(TYPES "[hub channels]\nlist = one, two\n");
    c = kit_connect(k, "ada", "");
    board = kit_connect_as(k, "root", "root", "WebClient", "");
    ck_assert(!hears(c, "one") && !hears(c, "two") && hears(board, "two"));
    kit_close(k);
}
END_TEST

START_TEST(the_greeting_lists_them_in_order)
{
    parley_client c;
    const char *list, *json;

    start(TYPES "[hub channels]\nlist = General, Random, Help\n[hub channels in help]\n"
                "description = Ask \"here\"\nsort_order = 1\n[hub channels in General]\n"
                "sort_order = 7\n");
    c = kit_connect(k, "ada", "");
    list = kit_last(k, c, "active_channels");
    ck_assert_str_eq(kit_member(list, "sender"), "Server");
    ck_assert_str_eq(kit_member(list, "payload"),
                     "{\"channels\":[{\"id\":3,\"name\":\"Help\",\"description\":\"Ask "
                     "\\\"here\\\"\",\"sort_order\":1},{\"id\":2,\"name\":\"Random\","
                     "\"sort_order\":2},{\"id\":1,\"name\":\"General\",\"sort_order\":7}]}");
    ck_assert_int_eq(kit_frames(k, c, NULL), 1);
    ck_assert_int_eq(kit_admin(k, "GET", "/channels", NULL, &json), 200);
    ck_assert_str_eq(kit_member(json, "channels.0.name"), "Help");
    ck_assert_str_eq(kit_member(json, "channels.2.id"), "1");
    kit_close(k);
    start("[hub channels]\nlist =\n");
    c = kit_connect(k, "ada", "");
    ck_assert_str_eq(kit_member(kit_last(k, c, "active_channels"), "payload"), "{\"channels\":[]}");
    kit_close(k);
}
END_TEST

START_TEST(joining_and_leaving_may_be_said_twice)
{
    parley_client c;

    start(TYPES "[hub channels]\nlist = General\n");
    c = kit_connect(k, "ada", "");
    ck_assert(!hears(c, "General"));
    ck_assert_int_eq(send_for(c, "join_channel", "gENERAL"), PARLEY_DONE);
    ck_assert_ptr_nonnull(kit_last(k, c, "ack"));
    ck_assert_int_eq(send_for(c, "join_channel", "General"), PARLEY_DONE);
    ck_assert_ptr_nonnull(kit_last(k, c, "ack"));
    ck_assert(hears(c, "General"));
    ck_assert_int_eq(send_for(c, "leave_channel", "GENERAL"), PARLEY_DONE);
    ck_assert_int_eq(send_for(c, "leave_channel", "General"), PARLEY_DONE);
    ck_assert(!hears(c, "General"));
    ck_assert_int_eq(send_for(c, "join_channel", "nowhere"), PARLEY_REJECT);
    ck_assert_str_eq(kit_member(kit_last(k, c, "error"), "payload.code"), "unknown_channel");
    ck_assert_int_eq(kit_frames(k, c, "join_channel"), 0);
    kit_close(k);
}
END_TEST

/* --- a hub that keeps people out --- */
static parley_verdict on_join(parley_host *h, parley_client c, parley_str channel)
{
    (void)c;
    return channel.p[0] == 's' ? parley_reject(h, PARLEY_E_FORBIDDEN, "staff", "Staff only.")
                               : PARLEY_PASS;
}

static const parley_hub guard_hub = {
    .struct_size = sizeof guard_hub, .phase = PARLEY_PHASE_ADMIT, .on_join = on_join};
static const parley_provided guard_provides[] = {{"parley.hub/1", &guard_hub}};
static const parley_plugin guard = {.preamble = PARLEY_PREAMBLE,
                                    .id = "org.example.guard",
                                    .version = "1.0.0",
                                    .doc = "Keeps people out of staff",
                                    .provides = PARLEY_TABLE(guard_provides)};

START_TEST(others_may_refuse_a_join)
{
    static const parley_plugin *const plugins[] = {&guard, NULL};
    parley_client c;

    k = kit_start(TYPES "[hub guard]\n[hub channels]\nlist = a, staff\nauto_join = *\n", plugins);
    ck_assert_msg(k != NULL, "%s", kit_refusal());
    c = kit_connect(k, "ada", "");
    ck_assert_int_eq(kit_closed(k, c), 0);
    ck_assert_int_eq(send_for(c, "join_channel", "staff"), PARLEY_REJECT);
    ck_assert_str_eq(kit_member(kit_last(k, c, "error"), "payload.message"), "Staff only.");
    ck_assert_int_eq(
        kit_input(k, c, "{\"type\":\"chat_message\",\"channel\":\"staff\",\"message\":\"x\"}"),
        PARLEY_REJECT);
    ck_assert(hears(c, "a"));
    kit_close(k);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("channels");
    TCase *t = tcase_create("channels");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_add_test(t, bad_names_are_named);
    tcase_add_test(t, clients_are_in_what_auto_join_names);
    tcase_add_test(t, the_greeting_lists_them_in_order);
    tcase_add_test(t, joining_and_leaving_may_be_said_twice);
    tcase_add_test(t, others_may_refuse_a_join);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

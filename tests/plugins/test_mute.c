/* mute: who may not speak where, until when, what he is told, and that the table stays bounded. */
#include "kit.h"

#include <parley/services/mute.h>

#include <check.h>
#include <stdlib.h>

#define REST                                                                                 \
    "[type chat_message]\n[type private_chat_message]\n[type typing]\n[type join_channel]\n" \
    "[hub router]\n[hub channels]\nlist = general, random\nauto_join = *\n"

static kit *k;
static parley_client ada, bob;

static void setup(void)
{
    k = kit_start("[hub mute]\nmax = 3\n" REST, NULL);
    ck_assert_msg(k != NULL, "%s", kit_refusal());
    ada = kit_connect(k, "ada", "");
    bob = kit_connect(k, "bob", "");
}

static void teardown(void)
{
    ck_assert_int_eq(kit_close(k), 0);
}

static int mute(const char *json)
{
    return kit_admin(k, "POST", "/admin/mute/mutes", json, NULL);
}

static int unmute(const char *query)
{
    char path[256];

    snprintf(path, sizeof path, "/admin/mute/mutes?%s", query);
    return kit_admin(k, "DELETE", path, NULL, NULL);
}

static const char *mutes(void)
{
    const char *json;

    ck_assert_int_eq(kit_admin(k, "GET", "/admin/mute/mutes", NULL, &json), 200);
    return kit_member(json, "mutes");
}

static bool says(parley_client c, const char *channel)
{
    char frame[256];

    snprintf(frame, sizeof frame,
             "{\"type\":\"chat_message\",\"channel\":\"%s\",\"message\":\"x\"}", channel);
    return kit_input(k, c, frame) == PARLEY_PASS;
}

static bool whispers(void)
{
    return kit_input(k, ada,
                     "{\"type\":\"private_chat_message\",\"recipient_id\":\"bob\","
                     "\"message\":\"x\"}") == PARLEY_PASS;
}

START_TEST(in_one_channel_or_everywhere)
{
    ck_assert_int_eq(mute("{\"user\":\"ada\",\"channel\":\"GENERAL\"}"), 200);
    ck_assert(!says(ada, "general") && says(ada, "random") && whispers() && says(bob, "general"));
    ck_assert_int_eq(mute("{\"user\":\"ada\"}"), 200);
    ck_assert(!says(ada, "general") && !says(ada, "random") && !whispers());
    ck_assert_int_eq(unmute("user=ada"), 200);
    ck_assert(!says(ada, "general") && says(ada, "random") && whispers());
    ck_assert_int_eq(unmute("user=ada&channel=General"), 200);
    ck_assert(says(ada, "general"));
    ck_assert_int_eq(unmute("user=ada"), 404);
}
END_TEST

START_TEST(a_mute_ends_by_itself)
{
    const char *e;

    ck_assert_int_eq(mute("{\"user\":\"ada\",\"minutes\":2,\"why\":\"spam\"}"), 200);
    kit_advance_ms(k, 30000);
    ck_assert(!says(ada, "general"));
    e = kit_last(k, ada, "error");
    ck_assert_str_eq(kit_member(e, "payload.code"), "muted");
    ck_assert_int_le(atol(kit_member(e, "payload.retry_after_ms")), 90000);
    ck_assert_int_gt(atol(kit_member(e, "payload.retry_after_ms")), 80000);
    e = kit_member(e, "payload.message");
    ck_assert_msg(strncmp(e, "You are muted until ", 20) == 0 && strstr(e, " UTC: spam"), "%s", e);
    kit_advance_ms(k, 80000);
    ck_assert(!says(ada, "general"));
    kit_advance_ms(k, 10000);
    ck_assert(says(ada, "general"));
}
END_TEST

/* The sweep goes by the first mute; one that runs out between two rounds must not count. */
START_TEST(a_mute_ends_between_two_sweeps)
{
    ck_assert_int_eq(mute("{\"user\":\"a\",\"minutes\":50}"), 200);
    kit_advance_ms(k, 30000);
    ck_assert_int_eq(mute("{\"user\":\"ada\",\"minutes\":1}"), 200);
    ck_assert_int_eq(mute("{\"user\":\"b\",\"minutes\":1}"), 200);
    kit_advance_ms(k, 62000);
    ck_assert(says(ada, "general"));
    ck_assert_int_eq(mute("{\"user\":\"c\"}"), 200);
    ck_assert_int_eq(mute("{\"user\":\"d\"}"), 200);
    ck_assert_int_eq(mute("{\"user\":\"e\"}"), 503);
}
END_TEST

START_TEST(who_is_muted_is_told_on_all_connections)
{
    parley_client second = kit_connect(k, "ada", "");

    ck_assert_int_eq(mute("{\"user\":\"ada\",\"channel\":\"general\",\"why\":\"spam\"}"), 200);
    ck_assert_str_eq(kit_member(kit_last(k, ada, "notice"), "payload.message"),
                     "You have been muted in general: spam");
    ck_assert_str_eq(kit_member(kit_last(k, second, "notice"), "payload.message"),
                     "You have been muted in general: spam");
    ck_assert_int_eq(kit_frames(k, bob, "notice"), 0);
    ck_assert(!says(ada, "general"));
    ck_assert_ptr_null(kit_member(kit_last(k, ada, "error"), "payload.retry_after_ms"));
    unmute("user=ada&channel=general");
    ck_assert_str_eq(kit_member(kit_last(k, ada, "notice"), "payload.message"),
                     "You may speak again in general.");
}
END_TEST

START_TEST(what_nobody_reads_is_left_alone_and_typing_swallowed)
{
    int errors = kit_frames(k, ada, "error");

    mute("{\"user\":\"ada\"}");
    ck_assert_int_eq(kit_input(k, ada, "{\"type\":\"typing\",\"channel\":\"general\"}"),
                     PARLEY_DONE);
    ck_assert_int_eq(kit_frames(k, bob, "typing"), 0);
    ck_assert_int_eq(kit_input(k, ada, "{\"type\":\"join_channel\",\"channel\":\"general\"}"),
                     PARLEY_DONE);
    ck_assert_int_eq(kit_frames(k, ada, "error"), errors);
}
END_TEST

START_TEST(the_table_is_bounded_and_swept)
{
    ck_assert_int_eq(mute("{\"user\":\"a\",\"minutes\":1}"), 200);
    ck_assert_int_eq(mute("{\"user\":\"b\",\"minutes\":5}"), 200);
    ck_assert_int_eq(mute("{\"user\":\"c\"}"), 200);
    ck_assert_int_eq(mute("{\"user\":\"d\"}"), 503);
    ck_assert_int_eq(mute("{\"user\":\"b\",\"minutes\":9}"), 200);
    kit_advance_ms(k, 60000);
    ck_assert_int_eq(mute("{\"user\":\"d\"}"), 200);
    ck_assert_int_eq(mute("{\"user\":\"e\"}"), 503);
    kit_advance_ms(k, 9 * 60000);
    ck_assert_str_eq(mutes(), "[{\"user\":\"c\"},{\"user\":\"d\"}]");
}
END_TEST

START_TEST(bad_requests_are_explained)
{
    char json[1024];

    ck_assert_int_eq(mute(NULL), 400);
    ck_assert_int_eq(mute("{}"), 400);
    ck_assert_int_eq(mute("{\"user\":\"\"}"), 400);
    ck_assert_int_eq(mute("{\"user\":\"ada\",\"minutes\":-1}"), 400);
    ck_assert_int_eq(mute("{\"user\":\"ada\",\"minutes\":99999999999}"), 400);
    ck_assert_int_eq(mute("{\"user\":\"ada\",\"channel\":\"nowhere\"}"), 404);
    snprintf(json, sizeof json, "{\"user\":\"%0256d\"}", 1);
    ck_assert_int_eq(mute(json), 400);
    snprintf(json, sizeof json, "{\"user\":\"%0255d\"}", 1);
    ck_assert_int_eq(mute(json), 200);
    snprintf(json, sizeof json, "{\"user\":\"ada\",\"why\":\"%0301d\"}", 1);
    ck_assert_int_eq(mute(json), 400);
    snprintf(json, sizeof json, "{\"user\":\"ada\",\"why\":\"%0300d\"}", 1);
    ck_assert_int_eq(mute(json), 200);
    ck_assert(!says(ada, "general"));
    ck_assert_int_eq(unmute("channel=general"), 400);
    ck_assert_int_eq(unmute("user=ada&channel=nowhere"), 404);
}
END_TEST

START_TEST(the_list_says_it_all)
{
    const char *json;
    char until[32];

    mute("{\"user\":\"ada\",\"channel\":\"general\",\"minutes\":10,\"why\":\"spam\"}");
    kit_admin(k, "GET", "/admin/mute/mutes", NULL, &json);
    ck_assert_str_eq(kit_member(json, "mutes.0.user"), "ada");
    ck_assert_str_eq(kit_member(json, "mutes.0.channel"), "general");
    ck_assert_str_eq(kit_member(json, "mutes.0.why"), "spam");
    snprintf(until, sizeof until, "%s", kit_member(json, "mutes.0.until"));
    ck_assert_msg(strlen(until) == 24 && until[10] == 'T' && until[23] == 'Z', "%s", until);
    ck_assert_ptr_null(kit_member(json, "mutes.1"));
}
END_TEST

/* --- the service, as another plugin uses it: who says "mute me" is muted --- */
static int asked;

static parley_verdict on_message(parley_host *h, parley_message *m)
{
    parley_host *provider;
    const parley_mute *service = parley_service(h, PARLEY_MUTE_1, &provider);
    parley_str text = parley_message_text(m, 0), user = parley_message_user(m);
    int64_t now = parley_unix_ms(h);

    if (!service || !text.p)
        return PARLEY_FAIL;
    if (strcmp(text.p, "mute me") == 0)
        asked = service->mute(provider, user, PARLEY_NONE, now + 60000, "as you wish");
    else if (strcmp(text.p, "mute others") == 0)
        asked = service->mute(provider, PARLEY_STR("bob"), parley_message_channel(m), 0, NULL);
    else if (strcmp(text.p, "pardon others") == 0)
        asked = service->mute(provider, PARLEY_STR("bob"), parley_message_channel(m), now, NULL);
    else if (strcmp(text.p, "pardon long ago") == 0)
        asked = service->mute(provider, PARLEY_STR("bob"), parley_message_channel(m), -1, NULL);
    else if (strcmp(text.p, "mute nobody") == 0)
        asked = service->mute(provider, PARLEY_NONE, PARLEY_NONE, 0, NULL);
    else if (strcmp(text.p, "mute nowhere") == 0)
        asked = service->mute(provider, user, PARLEY_STR("nowhere"), 0, NULL);
    else if (strcmp(text.p, "mute many") == 0)
        for (char name[] = "a"; name[0] <= 'd'; name[0]++)
            asked = service->mute(provider, (parley_str){name, 1}, PARLEY_NONE, 0, NULL);
    return PARLEY_PASS;
}

static const parley_hub asker_hub = {
    .struct_size = sizeof asker_hub, .phase = PARLEY_PHASE_MODERATE, .on_message = on_message};
static const parley_provided asker_provides[] = {{"parley.hub/1", &asker_hub}};
static const parley_plugin asker = {.preamble = PARLEY_PREAMBLE,
                                    .id = "org.example.asker",
                                    .version = "1.0.0",
                                    .doc = "Mutes on request",
                                    .needs = PARLEY_MUTE_1,
                                    .provides = PARLEY_TABLE(asker_provides)};

static int ask(const char *text)
{
    char frame[256];

    snprintf(frame, sizeof frame,
             "{\"type\":\"chat_message\",\"channel\":\"general\",\"message\":\"%s\"}", text);
    asked = 1;
    kit_input(k, ada, frame);
    return asked;
}

START_TEST(other_plugins_may_mute)
{
    static const parley_plugin *const plugins[] = {&asker, NULL};

    kit_close(k);
    k = kit_start("[hub asker]\n[hub mute]\nmax = 3\n" REST, plugins);
    ck_assert_msg(k != NULL, "%s", kit_refusal());
    ada = kit_connect(k, "ada", "");
    bob = kit_connect(k, "bob", "");
    ck_assert_int_eq(ask("mute me"), 0);
    ck_assert_int_eq(ask("mute others"), 1); /* he is muted: nobody heard that */
    ck_assert(says(bob, "general"));
    kit_advance_ms(k, 60000);
    ck_assert_int_eq(ask("mute others"), 0);
    ck_assert(!says(bob, "general") && says(bob, "random"));
    ck_assert_int_eq(ask("pardon others"), 0);
    ck_assert(says(bob, "general"));
    ck_assert_int_eq(ask("mute others"), 0);
    ck_assert_int_eq(ask("pardon long ago"), 0);
    ck_assert(says(bob, "general"));
    ck_assert_int_eq(ask("mute nobody"), -EINVAL);
    ck_assert_int_eq(ask("mute nowhere"), -EINVAL);
    ck_assert_int_eq(ask("mute many"), -ENOSPC);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("mute");
    TCase *t = tcase_create("mute");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, in_one_channel_or_everywhere);
    tcase_add_test(t, a_mute_ends_by_itself);
    tcase_add_test(t, a_mute_ends_between_two_sweeps);
    tcase_add_test(t, who_is_muted_is_told_on_all_connections);
    tcase_add_test(t, what_nobody_reads_is_left_alone_and_typing_swallowed);
    tcase_add_test(t, the_table_is_bounded_and_swept);
    tcase_add_test(t, bad_requests_are_explained);
    tcase_add_test(t, the_list_says_it_all);
    tcase_add_test(t, other_plugins_may_mute);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

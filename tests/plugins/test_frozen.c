/* The plugin border over time: plugins of frozen versions of the ABI do what they did, on the
 * server of today and on one whose tables have grown (LATER_HOST, tests/abi/plugins.cmake); and a
 * plugin of that later version runs on the server of today unless it asks for more.
 *
 * What the plugins of tests/fixtures/abi-1.x report here is part of the contract: a difference is a
 * break.
 */
#include "kit_internal.h"

#include <check.h>
#include <stdlib.h>

static const char *const plugins[] = {"frozen-1.0", "frozen-1.1", "frozen-later",
#ifdef LATER_HOST
                                      "frozen-needs-later"
#endif
};
#define PLUGINS ((int)(sizeof plugins / sizeof *plugins))

static kit *k;
static parley_client ann, bob;

static const char *ini_of(const char *plugin, const char *keys)
{
    static char ini[4600];

    snprintf(ini, sizeof ini,
             "[hub channels]\nlist = pond, locked\n[hub mute]\n"
             "[plugin frozen]\nplugin = %s/%s.so\n%s[plugin frozen in pond]\nnumber = 9\n",
             getenv("PARLEY_FIXTURES"), plugin, keys);
    return ini;
}

static void start(int plugin)
{
    k = kit_start(ini_of(plugins[plugin], "word = here\nbytes = 2KiB\nlist = x, y, z\n"), NULL);
    ck_assert_msg(k != NULL, "%s: %s", plugins[plugin], kit_refusal());
    ann = kit_connect_as(k, "ann", "Ann", "app", "admin");
    bob = kit_connect_as(k, "bob", "Bob", NULL, "helper");
}

static void stop(void)
{
    ck_assert_int_eq(kit_close(k), 0);
}

static parley_verdict order(const char *what, const char *more)
{
    static int id;
    char json[512];

    snprintf(json, sizeof json, "{\"type\":\"order\",\"id\":\"%d\",\"do\":\"%s\"%s}", id++, what,
             more);
    return kit_input(k, ann, json);
}

/* What an order that was DONE reported, as JSON. */
static const char *report(const char *what, const char *more)
{
    ck_assert_msg(order(what, more) == PARLEY_DONE, "%s: %s", what, kit_last(k, ann, "error"));
    return kit_member(kit_last(k, ann, "report"), "payload");
}

static const char *told(parley_client c, const char *type, const char *member)
{
    return kit_member(kit_last(k, c, type), member);
}

static const char *seen(void)
{
    const char *json;

    ck_assert_int_eq(kit_admin(k, "GET", "/admin/frozen/seen?for=test", NULL, &json), 200);
    return json;
}
#define IS(is, said) ck_assert_str_eq(is, said)

START_TEST(options_of_every_kind)
{
    start(_i);
    IS(report("options", ""),
       "{\"flag\":true,\"number\":3,\"ratio\":0.5,\"word\":\"here\",\"secret\":false,"
       "\"bytes\":2048,\"ms\":60000,\"list\":[\"x\",\"y\",\"z\"]}");
    IS(report("options", ",\"channel\":\"pond\""),
       "{\"flag\":true,\"number\":9,\"ratio\":0.5,\"word\":\"here\",\"secret\":false,"
       "\"bytes\":2048,\"ms\":60000,\"list\":[\"x\",\"y\",\"z\"]}");
    stop();
    ck_assert_ptr_null(kit_start(ini_of(plugins[_i], ""), NULL));
    ck_assert_ptr_nonnull(strstr(kit_refusal(), "'word' is missing"));
    ck_assert_ptr_null(kit_start(ini_of(plugins[_i], "word = bad\n"), NULL));
    ck_assert_ptr_nonnull(strstr(kit_refusal(), "test.ini:6: 'word' in [plugin frozen]: it must"));
    ck_assert_ptr_null(kit_start(ini_of(plugins[_i], "word = a\nbytes = 2MiB\n"), NULL));
    ck_assert_msg(strstr(kit_refusal(), "test.ini:7: [plugin frozen]: 'bytes' must"), "%s",
                  kit_refusal());
}
END_TEST

START_TEST(messages_and_json)
{
    start(_i);
    IS(report("message", ",\"channel\":\"POND\",\"text\":\"hi\""),
       "{\"type\":\"order\",\"flags\":1,\"channel\":\"pond\",\"user\":\"ann\",\"username\":\"Ann\","
       "\"author\":\"ann\",\"cacheID\":0,\"offset\":0,\"role\":true,\"may_see\":true,\"text\":"
       "\"hi\",\"payload\":{\"do\":\"message\",\"channel\":\"pond\",\"text\":\"hi\"}}");
    IS(report("json", ",\"choices\":[\"a\",\"b\"],\"text\":\"t\""),
       "{\"length\":2,\"second\":\"b\",\"key\":\"do\",\"n\":-1,\"absent\":-1,\"number\":0.0,"
       "\"bool\":true,\"object\":{\"list\":[\"a\",\"b\"]}}");
    ck_assert_int_eq(order("json", ",\"choices\":[]"), PARLEY_REJECT);
    IS(told(ann, "error", "code"), "invalid_message");
    ck_assert_int_eq(order("refuse", ""), PARLEY_REJECT);
    IS(told(ann, "error", "text"), "it is refused");
    ck_assert_int_eq(kit_input(k, ann, "{\"id\":\"x\"}"), PARLEY_REJECT);
    IS(told(ann, "error", "text"), "no 'type'");
    stop();
}
END_TEST

START_TEST(what_is_kept)
{
    start(_i);
    IS(report("slots", ""), "{\"client\":1,\"user\":1,\"channel\":1}");
    IS(report("slots", ""), "{\"client\":2,\"user\":2,\"channel\":2}");
    kit_disconnect(k, ann);
    ann = kit_connect_as(k, "ann", "Ann", "app", "admin");
    IS(report("slots", ""), "{\"client\":1,\"user\":3,\"channel\":3}");
    IS(report("store", ""),
       "{\"put\":0,\"got\":{\"text\":\"kept\"},\"sum\":5,\"expire\":0,\"no "
       "expire\":-2,\"deleted\":0,\"not deleted\":-2,\"all\":0,\"not all\":-22}");
    IS(report("timers", ""), "{\"after\":0,\"at\":0,\"never\":0,\"cancel\":0,\"up\":true}");
    kit_advance_ms(k, 1000);
    IS(told(ann, "pulse", "payload.to"), "after/1");
    kit_restart(k);
    ann = kit_connect_as(k, "ann", "Ann", "app", "admin");
    kit_last(k, ann, "pulse");
    kit_advance_ms(k, 1001);
    IS(told(ann, "pulse", "payload.to"), "at/2");
    stop();
}
END_TEST

START_TEST(who_is_sent_what)
{
    start(_i);
    IS(told(ann, "pulse", "payload.to"), "greeted");
    IS(told(bob, "pulse", "payload.to"), "greeted");
    IS(report("send", ""),
       "{\"all\":0,\"others\":0,\"helpers\":0,\"client\":0,\"user\":0,\"nobody\":-22,\"bytes\":"
       "true,\"offset\":0,\"payload\":{\"to\":\"packet\"},\"packet\":0}");
    static const char *const to_ann[] = {"all", "client", NULL}, *const to_bob[] = {
                                                                     "all",  "others", "helpers",
                                                                     "user", "packet", NULL};

    for (int i = 0; to_ann[i]; i++)
        IS(kit_member(kit_next(k, ann, "pulse"), "payload.to"), to_ann[i]);
    for (int i = 0; to_bob[i]; i++)
        IS(kit_member(kit_next(k, bob, "pulse"), "payload.to"), to_bob[i]);
    ck_assert_ptr_null(kit_next(k, ann, "pulse"));
    ck_assert_ptr_null(kit_next(k, bob, "pulse"));
    stop();
}
END_TEST

START_TEST(clients_channels_and_services)
{
    parley_client carl;

    start(_i);
    IS(report("clients", ""),
       "{\"user\":\"ann\",\"username\":\"Ann\",\"app\":\"app\",\"connected\":true,\"dashboard\":"
       "false,\"role\":false,\"in\":true,\"name\":\"Bob\",\"closed\":-116}");
    IS(report("channels", ""),
       "{\"open\":0,\"again\":-17,\"name\":\"Lake\",\"position\":0,\"epoch\":true,\"offset\":0,"
       "\"joined\":true,\"not joined\":-1,\"join\":0,\"leave\":0,\"close\":0}");
    carl = kit_connect(k, "carl", "");
    IS(report("services", ""), "{\"twice\":42,\"mute\":0,\"absent\":true}");
    ck_assert_int_eq(kit_input(k, carl, "{\"type\":\"order\",\"do\":\"options\"}"), PARLEY_REJECT);
    IS(told(carl, "error", "code"), "muted");
    ck_assert_int_eq(kit_closed(k, kit_connect(k, "banned", "")), 4403);
    kit_join(k, ann, "locked");
    ck_assert_int_eq(order("options", ",\"channel\":\"locked\""), PARLEY_REJECT);
    kit_leave(k, ann, "pond");
    kit_join(k, ann, "pond");
    ck_assert_int_eq(order("options", ",\"channel\":\"pond\""), PARLEY_DONE);
    kit_disconnect(k, carl);
    IS(seen(), "{\"asked\":\"test\",\"connected\":3,\"joined\":1,\"left\":1,\"gone\":1,\"settled\":"
               "[0,2,0,0,4,0]}");
    stop();
}
END_TEST

START_TEST(verdicts)
{
    static const struct {
        int n;
        parley_verdict settled;
        const char *code, *text;
    } cases[] = {{PARLEY_REJECT, PARLEY_REJECT, "forbidden", "Not so."},
                 {PARLEY_DROP, PARLEY_DROP, NULL, NULL},
                 {PARLEY_DONE, PARLEY_DONE, NULL, NULL},
                 {PARLEY_FAIL, PARLEY_REJECT, "unavailable", NULL},
                 {6, PARLEY_REJECT, "rate_limited", "Later."}};

    start(_i);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char n[64];
        const char *error;

        snprintf(n, sizeof n, ",\"channel\":\"pond\",\"n\":%d", cases[i].n);
        ck_assert_msg(order("verdict", n) == cases[i].settled, "%d: %s", cases[i].n,
                      kit_last(k, ann, "error"));
        error = kit_last(k, ann, "error");
        if (cases[i].code)
            IS(kit_member(error, "code"), cases[i].code);
        if (cases[i].text)
            IS(kit_member(error, "text"), cases[i].text);
    }
    ck_assert_int_eq(order("edit", ",\"channel\":\"pond\",\"text\":\"hi\""), PARLEY_PASS);
    IS(told(bob, "order", "payload.text"), "***");
    IS(told(ann, "order", "payload.edited"), "true");
    IS(kit_member(kit_next(k, ann, "report"), "payload"), "{}");
    IS(kit_member(kit_next(k, ann, "report"), "payload"), "{\"set\":0}");
    IS(kit_member(kit_next(k, ann, "report"), "payload"), "{\"stored\":true,\"numbered\":true}");
    IS(seen(), "{\"asked\":\"test\",\"connected\":2,\"joined\":0,\"left\":0,\"gone\":0,\"settled\":"
               "[1,3,1,0,1,0]}");
    report("metrics", "");
    ck_assert_double_eq(kit_metric(k, "frozen", "orders"), 7);
    ck_assert_double_eq(kit_metric(k, "frozen", "by_kind"), 2);
    ck_assert_double_eq(kit_metric(k, "frozen", "level"), 3);
    stop();
}
END_TEST

START_TEST(what_waits)
{
    const char *json;

    start(_i);
    kit_web(k, 100, 200, "{\"ok\":true}");
    ck_assert_int_eq(order("ask", ",\"text\":\"hi\""), PARLEY_HOLD);
    kit_advance_ms(k, 100);
    IS(kit_web_asked(k), "POST http://127.0.0.1:1/judge");
    IS(kit_web_seen(k), "{\"text\":\"hi\"}");
    IS(told(ann, "report", "payload"),
       "{\"tag\":42,\"error\":0,\"status\":200,\"json\":{\"ok\":true}}");
    kit_web(k, 0, 0, NULL);
    ck_assert_int_eq(order("ask", ""), PARLEY_HOLD);
    kit_advance_ms(k, 500);
    IS(told(ann, "report", "payload"), "{\"tag\":42,\"error\":-110,\"status\":0}");
    kit_work_later(k, true);
    ck_assert_int_eq(order("work", ""), PARLEY_HOLD);
    ck_assert_int_eq(kit_work(k), 1);
    IS(told(ann, "report", "payload"),
       "{\"tag\":43,\"error\":0,\"status\":0,\"json\":{\"worked\":12}}");
    for (int pass = 0; pass < 2; pass++) {
        ck_assert_int_eq(order("hold", ",\"channel\":\"pond\",\"text\":\"hm\""), PARLEY_HOLD);
        ck_assert_int_eq(kit_admin(k, "POST", "/admin/frozen/release",
                                   pass ? "{\"pass\":true}" : "{\"pass\":false}", &json),
                         200);
        IS(kit_member(json, "text"), "hm");
        if (pass)
            IS(told(bob, "order", "payload.text"), "hm");
        else
            IS(told(ann, "error", "text"), "No.");
    }
    ck_assert_int_eq(kit_admin(k, "POST", "/admin/frozen/release", "{}", &json), 404);
    stop();
}
END_TEST

START_TEST(who_may_enter)
{
    const char *said;

    start(_i);
    ck_assert_int_eq(kit_login(k, NULL, "frozen=dora", &said), PARLEY_ADMIT);
    IS(said, "dora");
    ck_assert_int_eq(kit_login(k, NULL, "frozen=nobody", &said), PARLEY_REFUSE);
    IS(said, "Not nobody.");
    ck_assert_int_eq(kit_login(k, NULL, "other=dora", &said), PARLEY_NOT_MINE);
    stop();
}
END_TEST

/* Since 1.1. */
START_TEST(who_shows_json_may_enter)
{
    static const char *const bad[] = {"",
                                      "dora",
                                      "\"dora\"",
                                      "{\"sub\":\"dora\"",
                                      "{\"sub\":\"dora\",\"sub\":\"dora\"}",
                                      "{\"sub\":\"\xff\"}",
                                      "{\"sub\":\"\\u0000\"}",
                                      "{\"sub\":[[]]}",
                                      "{\"sub\":\"dora\",\"names\":[\"Dora\",\"D\"]}"};
    const char *said;

    start(_i);
    ck_assert_int_eq(kit_login(k, "{\"sub\":\"dora\",\"names\":[\"Dora\"]}", NULL, &said),
                     PARLEY_ADMIT);
    IS(said, "dora");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_int_eq(kit_login(k, bad[i], NULL, &said), PARLEY_REFUSE);
        IS(said, "That is no such JSON.");
    }
    stop();
}
END_TEST

#ifdef LATER_HOST
static bool is_zero(const void *const later[3])
{
    return !later[0] && !later[1] && !later[2];
}

START_TEST(what_an_older_plugin_does_not_have_is_zero)
{
    struct registry *r;

    start(0);
    r = k->registry;
    for (size_t i = 0; i < r->hub_count; i++)
        ck_assert(is_zero(r->hubs[i]->hub.later));
    for (size_t i = 0; i < r->type_count; i++)
        ck_assert(is_zero(r->types[i]->type.later));
    for (size_t i = 0; i < r->route_count; i++)
        ck_assert(is_zero(r->routes[i].route.later));
    ck_assert(is_zero(r->auths[0].auth.later) && is_zero(r->protocols[0].protocol.later));
    for (struct plugin_file *f = r->root->files; f; f = f->next)
        ck_assert(is_zero(f->copy.later));
    stop();
}
END_TEST
#else
START_TEST(who_asks_for_a_later_version_is_told_both)
{
    char words[256];

    ck_assert_ptr_null(kit_start(ini_of("frozen-needs-later", "word = here\n"), NULL));
    snprintf(
        words, sizeof words,
        "frozen-needs-later.so: plugin 'org.example.frozen' needs plugin ABI %d.%d (built with "
        "SDK %d.%d.0); this parleyd %s provides ABI %d.%d",
        PARLEY_ABI_MAJOR, PARLEY_ABI_MINOR + 7, PARLEY_ABI_MAJOR, PARLEY_ABI_MINOR + 7,
        PARLEY_VERSION, PARLEY_ABI_MAJOR, PARLEY_ABI_MINOR);
    ck_assert_msg(strstr(kit_refusal(), words), "%s", kit_refusal());
}
END_TEST
#endif

int main(void)
{
    Suite *s = suite_create("frozen");
    TCase *t = tcase_create("frozen");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_add_loop_test(t, options_of_every_kind, 0, PLUGINS);
    tcase_add_loop_test(t, messages_and_json, 0, PLUGINS);
    tcase_add_loop_test(t, what_is_kept, 0, PLUGINS);
    tcase_add_loop_test(t, who_is_sent_what, 0, PLUGINS);
    tcase_add_loop_test(t, clients_channels_and_services, 0, PLUGINS);
    tcase_add_loop_test(t, verdicts, 0, PLUGINS);
    tcase_add_loop_test(t, what_waits, 0, PLUGINS);
    tcase_add_loop_test(t, who_may_enter, 0, PLUGINS);
    tcase_add_loop_test(t, who_shows_json_may_enter, 1, PLUGINS);
#ifdef LATER_HOST
    tcase_add_test(t, what_an_older_plugin_does_not_have_is_zero);
#else
    tcase_add_test(t, who_asks_for_a_later_version_is_told_both);
#endif
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* What parleyctl asks below /admin/: the sections and their options, the log, clients and kicks;
 * and what is answered to who asks wrongly. The hub and the pump lie on the control loop, which the
 * test drains. */
#include "base/clock.h"
#include "base/log_ring.h"
#include "base/str.h"
#include "client/pump.h"
#include "control/control.h"
#include "http/pages_internal.h"
#include "hub/hub.h"

#include <check.h>
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

/* --- a plugin with an option of each kind --- */

struct options {
    bool yes;
    int64_t count, bytes, time, none;
    double number;
    const char *text, *absent, *key, *no_key;
    parley_list list, keys;
};
#define O(name, kind, range, dflt, flags) \
    PARLEY_OPTION(#name, kind, struct options, name, range, dflt, flags, "About " #name)
static const parley_field option_fields[] = {
    O(yes, PARLEY_BOOL, NULL, "yes", 0),
    O(count, PARLEY_INT, "1..10", "3", PARLEY_PER_CHANNEL),
    O(bytes, PARLEY_SIZE, NULL, "1536KiB", 0),
    O(time, PARLEY_DURATION, NULL, "90s", 0),
    O(none, PARLEY_DURATION, NULL, "0", 0),
    O(number, PARLEY_NUMBER, NULL, "0.25", 0),
    O(text, PARLEY_STRING, NULL, "a \"quoted\" one", 0),
    O(absent, PARLEY_STRING, NULL, NULL, 0),
    O(key, PARLEY_STRING, NULL, NULL, PARLEY_SECRET | PARLEY_PER_CHANNEL),
    O(no_key, PARLEY_STRING, NULL, NULL, PARLEY_SECRET),
    O(list, PARLEY_LIST, NULL, "a, b", 0),
    O(keys, PARLEY_LIST, NULL, "", PARLEY_SECRET),
};
static parley_verdict pass(parley_host *h, parley_message *m)
{
    (void)h;
    (void)m;
    return PARLEY_PASS;
}
static const parley_hub hub_table = {
    .struct_size = sizeof hub_table, .phase = PARLEY_PHASE_MODERATE, .on_message = pass};
static const parley_provided provides[] = {{"parley.hub/1", &hub_table}};
static const parley_plugin plugin = {.preamble = PARLEY_PREAMBLE,
                                     .id = "org.example.many",
                                     .version = "1.2.3",
                                     .doc = "Has many options",
                                     .options_size = sizeof(struct options),
                                     .options = PARLEY_TABLE(option_fields),
                                     .provides = PARLEY_TABLE(provides)};
static const parley_plugin *const builtin[] = {&plugin, NULL};
static const char ini[] = "[hub many]\nplugin = org.example.many\nkey = hunter2\nkeys = hunter3\n"
                          "[hub many in gaming]\ncount = 7\nkey = hunter4\n"
                          "[hub twice]\nplugin = org.example.many\n"
                          "[plugin twice]\nplugin = org.example.many\n";

static struct config config;
static struct settings settings;
static struct registry registry;
static struct control *control;
static struct hub *hub;
static struct pump pump;
static struct actor home, *actors[3], *pumps[1] = {&pump.actor};
static struct http_routes *routes;
static struct pages *pages;
static struct http_request *back; /* that came home */

static void on_mail(struct actor *a, struct mail *m)
{
    (void)a;
    ck_assert_uint_eq(m->kind, MAIL_ANSWER);
    ck_assert_ptr_null(back);
    back = (struct http_request *)((char *)m - offsetof(struct http_request, mail));
}

static void setup(void)
{
    domain_enter(DOMAIN_CONTROL);
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON, -1);
    ck_assert_int_eq(config_read_text(&config, "t.ini", ini), 0);
    ck_assert_int_eq(settings_read(&config, &settings), 0);
    registry.settings = &settings;
    ck_assert_int_eq(registry_load(&registry, &config, NULL, builtin), 0);
    control = control_new(&settings);
    home = (struct actor){.name = "home", .domain = DOMAIN_CONTROL, .on_mail = on_mail};
    pump.actor = (struct actor){.name = "pump 0", .domain = DOMAIN_PUMP, .on_mail = on_mail};
    hub = hub_new(&settings, &registry, pumps, 1);
    loop_add(control_loop(control), &home);
    loop_add(control_loop(control), &pump.actor);
    loop_add(control_loop(control), hub_actor(hub));
    actors[0] = control_actor(control);
    actors[1] = hub_actor(hub);
    actors[2] = &pump.actor;
    struct pages_context c = {.settings = &settings,
                              .registry = &registry,
                              .control = control,
                              .actors = actors,
                              .actor_count = 3,
                              .hub = hub,
                              .pumps = &pump,
                              .config_file = "t.ini",
                              .address = "127.0.0.1:1"};
    routes = http_routes_new();
    pages = pages_new(&c, routes);
    ck_assert_ptr_nonnull(pages);
}

static void teardown(void)
{
    http_routes_free(routes);
    pages_free(pages);
    control_quiesce(control);
    loop_drain(control_loop(control));
    loop_finish(control_loop(control));
    hub_free(hub);
    control_free(control);
    registry_finish(&registry);
    config_finish(&config);
}

static struct http_request *begin(enum http_method m, const char *path, const char *query,
                                  const char *body)
{
    struct http_request *q = http_request_new();
    const struct http_route *route;
    const struct value *value = NULL;
    const char *why;
    bool known;

    q->home = &home;
    q->address = PARLEY_STR("uid 0");
    ck_assert_int_eq(http_query_parse(q, str_of(query)), 0);
    if (body)
        ck_assert_int_eq(value_parse(&q->arena, str_of(body), 32, 2048, &value, &why), 0);
    q->json = value ? &value->pub : NULL;
    ck_assert_ptr_null(http_routes_find(routes, false, m, str_of(path), &known));
    route = http_routes_find(routes, true, m, str_of(path), &known);
    ck_assert_ptr_nonnull(route);
    ck_assert_str_eq(route->role, "admin");
    back = NULL;
    if (route->serve(q, route->context) == 0)
        return q;
    return NULL; /* it comes home */
}

/* The answer, of a request that is answered in one turn; its JSON, or NULL and its text. */
static int status;
static char text[512];
static json_t *asked(enum http_method m, const char *path, const char *query, const char *body)
{
    struct http_request *q = begin(m, path, query, body);
    json_t *answer;

    if (!q) {
        loop_drain(control_loop(control));
        q = back;
    }
    ck_assert_ptr_nonnull(q);
    status = q->status;
    snprintf(text, sizeof text, "%s", q->answer.p);
    answer = json_loads(q->answer.p, JSON_REJECT_DUPLICATES, NULL);
    ck_assert(answer || status != 200);
    http_request_free(q);
    return answer;
}

static void is_refused(int wanted, enum http_method m, const char *path, const char *query,
                       const char *body)
{
    json_decref(asked(m, path, query, body));
    ck_assert_msg(status == wanted, "%s?%s %s: %d %s", path, query, body ? body : "", status, text);
}

/* --- sections --- */

static void option_is(const json_t *section, const char *name, const char *wanted)
{
    const json_t *o;
    size_t i;

    json_array_foreach (json_object_get(section, "options"), i, o) {
        if (strcmp(json_string_value(json_object_get(o, "name")), name) != 0)
            continue;
        char *is = json_dumps(json_object_get(o, "value"), JSON_ENCODE_ANY | JSON_COMPACT);
        ck_assert_str_eq(is, wanted);
        free(is);
        return;
    }
    ck_abort_msg("no option %s", name);
}

START_TEST(options_as_they_are_in_force)
{
    json_t *s = asked(HTTP_GET, "/admin/plugins/show", "section=many", NULL);

    ck_assert_int_eq(status, 200);
    ck_assert_str_eq(json_string_value(json_object_get(s, "plugin")), "org.example.many");
    option_is(s, "yes", "true");
    option_is(s, "count", "3");
    option_is(s, "bytes", "\"1536KiB\"");
    option_is(s, "time", "\"90s\"");
    option_is(s, "none", "\"0\"");
    option_is(s, "number", "0.25");
    option_is(s, "text", "\"a \\\"quoted\\\" one\"");
    option_is(s, "absent", "null");
    option_is(s, "list", "[\"a\",\"b\"]");
    /* what is secret is nowhere, of a channel neither */
    option_is(s, "key", "\"(secret)\"");
    option_is(s, "no_key", "null");
    option_is(s, "keys", "\"(secret)\"");
    char *all = json_dumps(s, 0);
    ck_assert_ptr_null(strstr(all, "hunter"));
    ck_assert_ptr_nonnull(strstr(all, "{\"gaming\": 7}"));
    ck_assert_ptr_nonnull(strstr(all, "{\"gaming\": \"(secret)\"}"));
    free(all);
    json_decref(s);
}
END_TEST

START_TEST(sections_by_their_names)
{
    json_t *s = asked(HTTP_GET, "/admin/plugins", "", NULL);

    ck_assert_uint_eq(json_array_size(json_object_get(s, "plugins")), 3);
    json_decref(s);
    is_refused(409, HTTP_GET, "/admin/plugins/show", "section=twice", NULL);
    s = asked(HTTP_GET, "/admin/plugins/show", "section=plugin+twice", NULL);
    ck_assert_str_eq(json_string_value(json_object_get(s, "kind")), "plugin");
    json_decref(s);
    is_refused(404, HTTP_GET, "/admin/plugins/show", "section=none", NULL);
    is_refused(400, HTTP_GET, "/admin/plugins/show", "", NULL);
    s = asked(HTTP_GET, "/admin/plugins/chain", "", NULL);
    ck_assert_uint_eq(json_array_size(json_object_get(s, "lines")), 3);
    json_decref(s);
}
END_TEST

/* --- clients --- */

START_TEST(questions_about_clients)
{
    json_t *s = asked(HTTP_GET, "/admin/clients", "limit=5&from=0.3", NULL);

    ck_assert_uint_eq(json_array_size(json_object_get(s, "clients")), 0);
    ck_assert(json_is_null(json_object_get(s, "next")));
    json_decref(s);
    is_refused(404, HTTP_GET, "/admin/clients", "channel=nowhere", NULL);
    static const char *const bad[] = {"limit=0",  "limit=101",  "limit=x",   "limit=",   "from=1",
                                      "from=x.1", "from=1.2.3", "from=1.2x", "from=-1.0"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        is_refused(400, HTTP_GET, "/admin/clients", bad[i], NULL);
}
END_TEST

START_TEST(kicks_say_whom)
{
    static const char *const bad[] = {"{}", "{\"client\":\"0.1.2\",\"user\":\"u\"}",
                                      "{\"client\":1}", "{\"client\":\"x\"}", "[]"};
    char body[300];

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        is_refused(400, HTTP_POST, "/admin/kick", "", bad[i]);
    is_refused(400, HTTP_POST, "/admin/kick", "", NULL);
    for (int n = 123; n <= 124; n++) {
        snprintf(body, sizeof body, "{\"user\":\"u\",\"reason\":\"%0*d\"}", n, 0);
        is_refused(n == 123 ? 404 : 400, HTTP_POST, "/admin/kick", "", body);
    }
    is_refused(404, HTTP_POST, "/admin/kick", "", "{\"client\":\"0.1.2\"}");
}
END_TEST

START_TEST(status_goes_around)
{
    pump.client_count = 3;
    pump.pending_count = 1;
    json_t *s = asked(HTTP_GET, "/admin/status", "", NULL);
    ck_assert_int_eq(status, 200);
    const json_t *clients = json_object_get(s, "clients"), *loops = json_object_get(s, "loops");
    ck_assert_int_eq(json_integer_value(json_object_get(clients, "open")), 3);
    ck_assert_int_eq(json_integer_value(json_object_get(clients, "pending")), 1);
    ck_assert_uint_eq(json_array_size(loops), 3);
    ck_assert(json_is_false(json_object_get(s, "ready")));
    ck_assert_str_eq(json_string_value(json_array_get(json_object_get(s, "reasons"), 0)),
                     "the server is starting");
    json_decref(s);
    pump.client_count = pump.pending_count = 0;
}
END_TEST

/* --- the log --- */

/* Until something came home, or nothing will. */
static void run_until_home(void)
{
    for (int64_t until = clock_mono_ms() + 8000; !back && clock_mono_ms() < until;)
        ev_run(control_loop(control)->ev, EVRUN_ONCE);
}

START_TEST(who_follows_gets_what_comes)
{
    char query[64];

    log_event(LOG_LEVEL_INFO, "one");
    log_event(LOG_LEVEL_WARNING, "two");
    json_t *s = asked(HTTP_GET, "/admin/log/lines", "tail=2", NULL);
    const json_t *lines = json_object_get(s, "lines");
    ck_assert_uint_eq(json_array_size(lines), 2);
    ck_assert_str_eq(json_string_value(json_object_get(json_array_get(lines, 0), "event")), "one");
    snprintf(query, sizeof query, "level=warning&after=%lld",
             (long long)json_integer_value(json_object_get(s, "next")));
    json_decref(s);
    ck_assert_ptr_null(begin(HTTP_GET, "/admin/log/lines", query, NULL));
    log_event(LOG_LEVEL_INFO, "not_this");
    ev_run(control_loop(control)->ev, EVRUN_ONCE);
    ck_assert_ptr_null(back);
    log_event(LOG_LEVEL_ERROR, "three");
    run_until_home();
    ck_assert_ptr_nonnull(back);
    ck_assert_ptr_nonnull(strstr(back->answer.p, "\"three\""));
    ck_assert_ptr_null(strstr(back->answer.p, "not_this"));
    http_request_free(back);
    /* of another life of the daemon: begins anew */
    json_decref(asked(HTTP_GET, "/admin/log/lines", "after=999999&tail=1", NULL));
    ck_assert_ptr_nonnull(strstr(text, "\"three\""));
}
END_TEST

START_TEST(nothing_comes_for_a_while)
{
    char query[64];

    snprintf(query, sizeof query, "after=%lld", (long long)log_ring_last());
    ck_assert_ptr_null(begin(HTTP_GET, "/admin/log/lines", query, NULL));
    clock_advance_ms(5001);
    run_until_home();
    ck_assert_ptr_nonnull(back);
    ck_assert_int_eq(back->status, 200);
    ck_assert_ptr_nonnull(strstr(back->answer.p, "{\"lines\":[],\"next\":"));
    http_request_free(back);
    /* their number is bounded; at the end those that wait are freed */
    for (int i = 0; i < 32; i++)
        ck_assert_ptr_null(begin(HTTP_GET, "/admin/log/lines", query, NULL));
    is_refused(503, HTTP_GET, "/admin/log/lines", query, NULL);
}
END_TEST

START_TEST(levels)
{
    json_decref(asked(HTTP_POST, "/admin/log", "", "{\"level\":\"error\"}"));
    ck_assert_str_eq(text, "{\"level\":\"error\"}\n");
    ck_assert_int_eq(log_level(), LOG_LEVEL_ERROR);
    is_refused(400, HTTP_POST, "/admin/log", "", "{\"level\":\"loud\"}");
    is_refused(400, HTTP_POST, "/admin/log", "", "{\"level\":3}");
    is_refused(400, HTTP_POST, "/admin/log", "", NULL);
    is_refused(400, HTTP_GET, "/admin/log/lines", "level=loud", NULL);
    is_refused(400, HTTP_GET, "/admin/log/lines", "tail=1001", NULL);
    is_refused(400, HTTP_GET, "/admin/log/lines", "after=-1", NULL);
    ck_assert_int_eq(log_level(), LOG_LEVEL_ERROR);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("http/admin");
    TCase *t = tcase_create("admin");
    SRunner *r;
    int failed;

    suite_add_tcase(s, t);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 20);
    tcase_add_test(t, options_as_they_are_in_force);
    tcase_add_test(t, sections_by_their_names);
    tcase_add_test(t, questions_about_clients);
    tcase_add_test(t, kicks_say_whom);
    tcase_add_test(t, status_goes_around);
    tcase_add_test(t, who_follows_gets_what_comes);
    tcase_add_test(t, nothing_comes_for_a_while);
    tcase_add_test(t, levels);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}

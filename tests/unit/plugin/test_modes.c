/* How a section is to be run: the keys that all hubs share, what a shadowed section does not
 * provide, and the chain as it is shown. */
#include "base/buf.h"
#include "base/str.h"
#include "plugin/internal.h"

#include <check.h>
#include <stdlib.h>

static struct registry r;
static struct config c;
static struct settings settings;

static parley_verdict pass(parley_host *h, parley_message *m)
{
    (void)h;
    (void)m;
    return PARLEY_PASS;
}

static int serve(parley_host *h, const parley_request *q, parley_out *answer)
{
    (void)h;
    (void)q;
    (void)answer;
    return 204;
}

static const char mute_table[] = "a service";
static const parley_field fields[] = {
    PARLEY_FIELD("channel", PARLEY_STRING, NULL, NULL, PARLEY_CHANNEL, "Where")};
static const parley_type say = {
    .struct_size = sizeof say, .type = "say", .fields = PARLEY_TABLE(fields)};
static const parley_hub hub = {.struct_size = sizeof hub,
                               .phase = PARLEY_PHASE_MODERATE,
                               .types = "say, shout",
                               .on_message = pass};
static const parley_hub route = {
    .struct_size = sizeof route, .phase = PARLEY_PHASE_ROUTE, .on_message = pass};
static const parley_provided all_provide[] = {
    {"parley.hub/1", &hub}, {"parley.type/1", &say}, {"org.example.mute/1", mute_table}};
static const parley_provided route_provides[] = {{"parley.hub/1", &route}};
static const parley_provided type_provides[] = {{"parley.type/1", &say}};
static const parley_route routes[] = {{"GET", "/public", NULL, "For all", serve},
                                      {"GET", "own", "admin", "For some", serve}};
static const parley_plugin all_plugin = {.preamble = PARLEY_PREAMBLE,
                                         .id = "test.all",
                                         .version = "1.2",
                                         .routes = PARLEY_TABLE(routes),
                                         .provides = PARLEY_TABLE(all_provide)};
static const parley_plugin route_plugin = {.preamble = PARLEY_PREAMBLE,
                                           .id = "test.route",
                                           .version = "3",
                                           .provides = PARLEY_TABLE(route_provides)};
static const parley_plugin needy_plugin = {.preamble = PARLEY_PREAMBLE,
                                           .id = "test.needy",
                                           .version = "1",
                                           .needs = "org.example.mute/1",
                                           .provides = PARLEY_TABLE(route_provides)};
static const parley_plugin type_plugin = {.preamble = PARLEY_PREAMBLE,
                                          .id = "test.word",
                                          .version = "1",
                                          .provides = PARLEY_TABLE(type_provides)};
static const parley_plugin *const builtin[] = {&all_plugin, &route_plugin, &needy_plugin,
                                               &type_plugin, NULL};

static void setup(void)
{
    memset(&r, 0, sizeof r);
    memset(&c, 0, sizeof c);
    r.settings = &settings;
}

static void teardown(void)
{
    registry_finish(&r);
    config_finish(&c);
}

static const char *load(const char *ini)
{
    static char *text;
    size_t n;
    FILE *f;

    teardown();
    setup();
    config_read_text(&c, "t.ini", ini);
    registry_load(&r, &c, "/nonexistent", builtin);
    free(text);
    text = NULL;
    f = open_memstream(&text, &n);
    config_report(&c, f);
    fclose(f);
    return text;
}

START_TEST(keys_and_their_defaults)
{
    const struct plugin_instance *i;
    size_t n = 0;

    ck_assert_str_eq(load("[hub all]\n[hub route]\nmode = shadow\non_error = pass\nbudget = 1s\n"
                          "[hub three]\nplugin = route\nmode = enforce\nbudget = 0\n"),
                     "");
    i = r.instances[0];
    ck_assert(!i->shadow && !i->on_error_pass && i->budget_ms == 5);
    i = r.instances[++n];
    ck_assert(i->shadow && i->on_error_pass && i->budget_ms == 1000);
    i = r.instances[++n];
    ck_assert(!i->shadow && i->budget_ms == 0);
}
END_TEST

START_TEST(what_is_wrong_with_them_is_said)
{
    const char *t = load("[hub all]\nmode = shade\non_error = retry\nbudget = 5\n"
                         "[hub route]\nbudget = 2m\n"
                         "[hub route in gaming]\nmode = shadow\nbudget = 1ms\n"
                         "[type word]\nmode = shadow\non_error = pass\nbudget = 7ms\n");

    ck_assert_ptr_nonnull(strstr(t, "t.ini:2: 'mode' must be 'enforce' or 'shadow', not 'shade'"));
    ck_assert_ptr_nonnull(strstr(t, "t.ini:3: 'on_error' must be 'reject' or 'pass', not 'retry'"));
    ck_assert_ptr_nonnull(strstr(t, "t.ini:4: 'budget' must be a duration of 1m at most"));
    ck_assert_ptr_nonnull(strstr(t, "t.ini:6: 'budget' must be a duration"));
    ck_assert_ptr_nonnull(
        strstr(t, "t.ini:8: 'mode' is the same in all channels: it belongs into [hub route]"));
    ck_assert_ptr_nonnull(strstr(t, "t.ini:9: 'budget' is the same in all channels"));
    ck_assert_ptr_nonnull(
        strstr(t, "t.ini:11: 'mode' is for hubs, and there is none in [type word]"));
    ck_assert_ptr_nonnull(strstr(t, "t.ini:13: 'budget' is for hubs"));
    ck_assert_ptr_null(strstr(t, "t.ini:12:"));
}
END_TEST

START_TEST(a_shadow_provides_nothing_of_the_wire)
{
    ck_assert_str_eq(load("[plugin all]\nmode = shadow\n"), "");
    ck_assert_uint_eq(r.type_count, 0);
    ck_assert_uint_eq(r.hub_count, 1);
    ck_assert_uint_eq(r.route_count, 1);
    ck_assert_str_eq(r.routes[0].path, "/admin/all/own");
    /* so it can stand beside the live one, wherever */
    ck_assert_str_eq(load("[plugin b]\nplugin = all\nmode = shadow\n[plugin all]\n"), "");
    ck_assert_uint_eq(r.type_count, 1);
    ck_assert_str_eq(r.types[0]->instance->name, "all");
}
END_TEST

static const char *provider_for(bool to_shadow)
{
    const struct plugin_service *s =
        registry_service(&r, PARLEY_STR("org.example.mute/1"), to_shadow);

    return s ? s->instance->name : "nobody";
}

START_TEST(services_of_shadows_and_to_them)
{
    load("[plugin s]\nplugin = all\nmode = shadow\n[plugin all]\n");
    ck_assert_str_eq(provider_for(false), "all");
    ck_assert_str_eq(provider_for(true), "s");
    load("[plugin all]\n");
    ck_assert_str_eq(provider_for(false), "all");
    ck_assert_str_eq(provider_for(true), "nobody"); /* or it would act through that */
    load("[plugin all]\nmode = shadow\n[hub needy]\n");
    ck_assert_str_eq(provider_for(false), "all"); /* what it is told stays in its books */
    ck_assert_int_eq(c.fault_count, 0);
    ck_assert_ptr_nonnull(strstr(load("[plugin all]\n[hub needy]\nmode = shadow\n"),
                                 "needs the service 'org.example.mute/1', which no shadowed "
                                 "section provides"));
}
END_TEST

START_TEST(the_chain_is_shown_as_it_runs)
{
    char *text = NULL;
    size_t n;
    FILE *f;
    struct buf json;

    ck_assert_str_eq(load("[hub route]\nbudget = 0\n[plugin all]\nmode = shadow\non_error = pass\n"
                          "budget = 20ms\n"),
                     "");
    f = open_memstream(&text, &n);
    registry_print_chain(&r, f);
    fclose(f);
    ck_assert_str_eq(text, "  moderate  all (test.all 1.2) for say, shout; shadow, on_error pass, "
                           "budget 20 ms\n"
                           "  route     route (test.route 3); enforce, on_error reject, no "
                           "budget\n");
    free(text);
    buf_init(&json, 0);
    registry_chain_json(&r, &json);
    ck_assert_str_eq(
        json.p, "{\"chain\":[{\"phase\":\"moderate\",\"order\":200,\"section\":\"all\",\"plugin\":"
                "\"test.all\",\"version\":\"1.2\",\"types\":\"say, shout\",\"mode\":\"shadow\","
                "\"on_error\":\"pass\",\"budget_ms\":20,\"breaker_open\":false},{\"phase\":"
                "\"route\",\"order\":400,\"section\":\"route\",\"plugin\":\"test.route\","
                "\"version\":\"3\",\"mode\":\"enforce\",\"on_error\":\"reject\",\"budget_ms\":0,"
                "\"breaker_open\":false}]}");
    buf_finish(&json);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("modes");
    TCase *t = tcase_create("modes");
    SRunner *runner = srunner_create(s);
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, keys_and_their_defaults);
    tcase_add_test(t, what_is_wrong_with_them_is_said);
    tcase_add_test(t, a_shadow_provides_nothing_of_the_wire);
    tcase_add_test(t, services_of_shadows_and_to_them);
    tcase_add_test(t, the_chain_is_shown_as_it_runs);
    suite_add_tcase(s, t);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

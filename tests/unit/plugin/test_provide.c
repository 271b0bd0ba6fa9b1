/* What plugins provide, whatever SDK they were built with: tables that are shorter or longer than
 * ours, and those that are broken, which are faults of the configuration and not of the first
 * message. */
#include "base/str.h"
#include "plugin/internal.h"

#include <check.h>
#include <stdlib.h>

static struct registry r;
static struct config c;
static struct settings settings;
static parley_plugin plugin; /* the one that [hub x] or [plugin x] loads */
static const parley_plugin *builtin[] = {&plugin, NULL};

static void setup(void)
{
    memset(&r, 0, sizeof r);
    memset(&c, 0, sizeof c);
    r.settings = &settings;
    plugin = (parley_plugin){.preamble = PARLEY_PREAMBLE, .id = "org.example.x", .version = "1"};
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

    registry_finish(&r);
    config_finish(&c);
    memset(&c, 0, sizeof c);
    r.settings = &settings;
    config_read_text(&c, "t.ini", ini);
    registry_load(&r, &c, "/nonexistent", builtin);
    config_unused(&c);
    free(text);
    text = NULL;
    f = open_memstream(&text, &n);
    config_report(&c, f);
    fclose(f);
    return text;
}

static const char *load_table(const char *id, const void *table)
{
    static parley_provided one[1];

    one[0] = (parley_provided){id, table};
    plugin.provides = (parley_table)PARLEY_TABLE(one);
    return load("[plugin x]\n");
}

static parley_verdict pass(parley_host *h, parley_message *m)
{
    (void)h;
    (void)m;
    return PARLEY_PASS;
}

static void settled(parley_host *h, const parley_message *m, const parley_outcome *o)
{
    (void)h;
    (void)m;
    (void)o;
}

/* --- older and newer --- */
START_TEST(a_shorter_table_lacks_what_it_lacks)
{
    const parley_hub hub = {.struct_size = offsetof(parley_hub, on_settled),
                            .phase = PARLEY_PHASE_ROUTE,
                            .on_message = pass,
                            .on_settled = settled};

    ck_assert_str_eq(load_table("parley.hub/1", &hub), "");
    ck_assert_ptr_nonnull(r.hubs[0]->hub.on_message);
    ck_assert_ptr_null(r.hubs[0]->hub.on_settled);
}
END_TEST

START_TEST(a_longer_table_is_read_as_far_as_we_know)
{
    const struct {
        parley_hub hub;
        void *later[4];
    } newer = {.hub = {.struct_size = sizeof newer, .on_message = pass, .on_settled = settled}};

    ck_assert_str_eq(load_table("parley.hub/1", &newer), "");
    ck_assert_uint_eq(r.hub_count, 1);
    ck_assert_ptr_nonnull(r.hubs[0]->hub.on_settled);
}
END_TEST

START_TEST(entries_of_another_size)
{
    static const parley_hub hub = {.struct_size = sizeof hub, .on_message = pass};
    static const struct {
        parley_provided p;
        void *later;
    } provides[] = {{{"parley.hub/1", &hub}, NULL}, {{"org.example.s/1", &hub}, NULL}};
    static const struct {
        parley_field f;
        const char *later;
    } fields[] = {{PARLEY_FIELD("where", PARLEY_STRING, NULL, NULL, PARLEY_CHANNEL, "")},
                  {PARLEY_FIELD("who", PARLEY_STRING, NULL, NULL, PARLEY_USER, "")},
                  {PARLEY_FIELD("what", PARLEY_STRING, NULL, NULL, PARLEY_TEXT, "")}};
    static const parley_type type = {
        .struct_size = sizeof type, .type = "t", .fields = PARLEY_TABLE(fields)};

    plugin.provides = (parley_table)PARLEY_TABLE(provides);
    ck_assert_str_eq(load("[plugin x]\n"), "");
    ck_assert_uint_eq(r.hub_count, 1);
    ck_assert_uint_eq(r.service_count, 1);
    ck_assert_str_eq(load_table("parley.type/1", &type), "");
    ck_assert_str_eq(r.types[0]->channel_field->name, "where");
    ck_assert_str_eq(r.types[0]->user_field->name, "who");
    ck_assert(r.types[0]->has_text);
}
END_TEST

START_TEST(a_descriptor_of_another_size)
{
    static const parley_hub hub = {.struct_size = sizeof hub, .on_message = pass};
    static const parley_provided one[] = {{"parley.hub/1", &hub}};

    plugin.provides = (parley_table)PARLEY_TABLE(one);
    plugin.destroy = (void (*)(parley_host *))abort; /* behind what it says that it has */
    plugin.preamble.struct_size = offsetof(parley_plugin, create);
    ck_assert_str_eq(load("[plugin x]\n"), "");
    ck_assert_ptr_null(r.root->files->copy.destroy);
    plugin.preamble.struct_size = offsetof(parley_plugin, provides);
    ck_assert_ptr_nonnull(strstr(load("[plugin x]\n"), "too short"));
}
END_TEST

/* --- broken ones --- */
static void faulty(const char *id, const void *table, const char *words)
{
    const char *text = load_table(id, table);

    ck_assert_msg(strstr(text, words), "%s: '%s'", id, text);
    ck_assert_msg(strncmp(text, "t.ini:1: ", 9) == 0, "%s", text);
}

static int nothing(parley_host *h, const parley_request *q, parley_out *answer)
{
    (void)h;
    (void)q;
    (void)answer;
    return 204;
}

START_TEST(what_is_broken_is_said)
{
    static const parley_type nameless = {.struct_size = sizeof nameless};
    static const parley_auth no_check = {.struct_size = sizeof no_check};
    static const parley_protocol no_path = {.struct_size = sizeof no_path, .name = "p"};

    faulty("parley.hub/1", NULL, "an interface without its table");
    faulty("parley.type/1", &nameless, "a message type without a name");
    faulty("parley.auth/1", &no_check, "without 'check'");
    faulty("parley.protocol/1", &no_path, "without 'path', 'decode' or 'encode'");
    faulty("parley.hub/2", &no_path,
           "'parley.hub/2', which this parleyd " PARLEY_VERSION " does not know");
    faulty(NULL, &no_path, "an interface without an id");
}
END_TEST

START_TEST(routes)
{
    static const parley_route good[] = {{"GET", "/open", NULL, "", nothing},
                                        {"GET", "mine", "admin", "", nothing}};
    static const parley_route bad[] = {{"GET", NULL, NULL, "", nothing},
                                       {"GET", "/x", NULL, "", NULL},
                                       {NULL, "/x", NULL, "", nothing}};
    const char *text;

    plugin.routes = (parley_table)PARLEY_TABLE(good);
    ck_assert_str_eq(load("[plugin x]\n"), "");
    ck_assert_str_eq(r.routes[0].path, "/open");
    ck_assert_str_eq(r.routes[1].path, "/admin/x/mine");
    ck_assert_ptr_eq(r.routes[1].instance, r.instances[0]);
    plugin.routes = (parley_table)PARLEY_TABLE(bad);
    text = load("[plugin x]\n");
    for (int i = 0; i < 3; i++) {
        text = strstr(text, "a route without 'method', 'path' or 'serve'");
        ck_assert_ptr_nonnull(text++);
    }
    ck_assert_uint_eq(r.route_count, 0);
}
END_TEST

START_TEST(what_the_host_vouches_for_is_no_field)
{
    static const parley_field fields[] = {
        PARLEY_FIELD("username", PARLEY_STRING, NULL, NULL, 0, ""),
        PARLEY_FIELD("inner.owner_id", PARLEY_STRING, NULL, NULL, 0, "")};
    parley_type type = {.struct_size = sizeof type,
                        .type = "t",
                        .flags = PARLEY_SIGNED,
                        .fields = PARLEY_TABLE(fields)};
    const char *text = load_table("parley.type/1", &type);

    ck_assert_ptr_nonnull(strstr(text, "'username' of the message type 't' is the host's to say"));
    ck_assert_ptr_null(strstr(text, "inner"));
    type.flags = 0;
    ck_assert_str_eq(load_table("parley.type/1", &type), "");
}
END_TEST

START_TEST(one_name_one_type)
{
    static const parley_type type = {.struct_size = sizeof type, .type = "t"};
    static const parley_provided one[] = {{"parley.type/1", &type}};

    plugin.provides = (parley_table)PARLEY_TABLE(one);
    ck_assert_ptr_nonnull(
        strstr(load("[plugin x]\n[plugin y]\nplugin = x\n"),
               "t.ini:2: [plugin y]: the message type 't' is already provided by [plugin x]"));
}
END_TEST

static int refuse_create(parley_host *h)
{
    (void)h;
    return 7; /* neither 0 nor an error */
}

START_TEST(create_says_0_or_it_failed)
{
    plugin.create = refuse_create;
    ck_assert_ptr_nonnull(strstr(load("[plugin x]\n"), "could not be created"));
    ck_assert(!r.instances[0]->created);
}
END_TEST

START_TEST(types_are_found_by_name)
{
    static const parley_type types[] = {{.struct_size = sizeof *types, .type = "b"},
                                        {.struct_size = sizeof *types, .type = "ab"},
                                        {.struct_size = sizeof *types, .type = "a"},
                                        {.struct_size = sizeof *types, .type = "abc"}};
    static const parley_provided all[] = {{"parley.type/1", &types[0]},
                                          {"parley.type/1", &types[1]},
                                          {"parley.type/1", &types[2]},
                                          {"parley.type/1", &types[3]}};

    plugin.provides = (parley_table)PARLEY_TABLE(all);
    ck_assert_str_eq(load("[plugin x]\n"), "");
    for (int i = 0; i < 4; i++)
        ck_assert_str_eq(registry_type(&r, str_of(types[i].type))->type.type, types[i].type);
    for (size_t i = 0; i < r.type_count; i++) /* each has a place of its own in the chains */
        ck_assert(str_is(r.types[i]->name, r.root->type_names[r.types[i]->index]));
    ck_assert_ptr_null(registry_type(&r, PARLEY_STR("")));
    ck_assert_ptr_null(registry_type(&r, PARLEY_STR("abcd")));
    ck_assert_ptr_null(registry_type(&r, PARLEY_STR("c")));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("provide");
    TCase *t = tcase_create("provide");
    SRunner *runner = srunner_create(s);
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_shorter_table_lacks_what_it_lacks);
    tcase_add_test(t, a_longer_table_is_read_as_far_as_we_know);
    tcase_add_test(t, entries_of_another_size);
    tcase_add_test(t, a_descriptor_of_another_size);
    tcase_add_test(t, what_is_broken_is_said);
    tcase_add_test(t, routes);
    tcase_add_test(t, what_the_host_vouches_for_is_no_field);
    tcase_add_test(t, one_name_one_type);
    tcase_add_test(t, create_says_0_or_it_failed);
    tcase_add_test(t, types_are_found_by_name);
    suite_add_tcase(s, t);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

/* hub/generations, plugin/next: one generation of a plugin takes over from another, or does not and
 * nothing has happened. */
#include "base/str.h"
#include "hub/internal.h"
#include "kit.h"
#include "kit_internal.h"

#include <check.h>
#include <stdlib.h>

static kit *k;
static char notes[1024]; /* what the plugins noted, a word each */

static void note(parley_host *h, const char *word)
{
    size_t n = strlen(notes);

    snprintf(notes + n, sizeof notes - n, "%s%s%u", n ? " " : "", word,
             ((struct plugin_instance *)h)->generation);
}

struct options {
    const char *fails;
    bool asks;
};
static const parley_field options[] = {
    PARLEY_OPTION("fails", PARLEY_STRING, struct options, fails, "never|create|save|start", "never",
                  0, "Where it fails"),
    PARLEY_OPTION("asks", PARLEY_BOOL, struct options, asks, NULL, "no", 0, "Asks when it starts"),
};
struct state {
    int64_t count;
};

static bool fails(parley_host *h, const char *where)
{
    const struct options *o = parley_options(h, PARLEY_NONE);

    return strcmp(o->fails, where) == 0;
}

static int create(parley_host *h)
{
    h->self = calloc(1, sizeof(struct state));
    if (!fails(h, "create"))
        return 0;
    free(h->self);
    return -EIO;
}

static void destroy(parley_host *h)
{
    note(h, "destroy");
    free(h->self);
}

static int start(parley_host *h, const parley_value *saved)
{
    struct state *s = h->self;
    parley_out *o = parley_message_new(h, "news");

    s->count = parley_as_int(parley_get(saved, "count"), 0);
    note(h, "start");
    parley_send(o, parley_to_all());
    if (((const struct options *)parley_options(h, PARLEY_NONE))->asks)
        parley_ask(NULL, parley_http_request(h, "GET", "http://127.0.0.1/"), 60000, 1);
    return fails(h, "start") ? -ENODATA : 0;
}

static int save(parley_host *h, parley_out *to)
{
    struct state *s = h->self;

    note(h, "save");
    if (fails(h, "save"))
        return -EIO;
    parley_put_int(to, "count", s->count);
    return 0;
}

static void quiesce(parley_host *h)
{
    note(h, "quiesce");
}

static void on_timer(parley_host *h, const char *key)
{
    note(h, key);
}

static const parley_slot mine = {"mine", 1, sizeof(int64_t)}, newer = {"mine", 2, sizeof(int64_t)};

static parley_verdict on_answer(parley_host *h, parley_message *m, const parley_answer *a)
{
    note(h, "answer");
    if (m)
        parley_deliver(m, parley_to_channel(parley_message_channel(m)));
    return a->error ? PARLEY_FAIL : PARLEY_PASS;
}

static parley_verdict note_early(parley_host *h, parley_message *m)
{
    (void)m;
    note(h, "early");
    return PARLEY_PASS;
}

static parley_verdict note_late(parley_host *h, parley_message *m)
{
    (void)m;
    note(h, "late");
    return PARLEY_PASS;
}

static parley_verdict count(parley_host *h, parley_message *m, const parley_slot *slot)
{
    struct state *s = h->self;
    int64_t *n = parley_user_slot(h, parley_message_user(m), slot);
    parley_str text = parley_message_text(m, 0);
    parley_out *o;

    if (text.n == 3 && memcmp(text.p, "ask", 3) == 0)
        return parley_ask(m, parley_http_request(h, "GET", "http://127.0.0.1/"), 60000, 1);
    s->count++;
    if (n)
        ++*n;
    o = parley_message_edit(m);
    parley_put_int(o, "count", s->count);
    parley_put_int(o, "slot", n ? *n : -1);
    parley_put_int(o, "generation", ((struct plugin_instance *)h)->generation);
    if (text.n == 5 && memcmp(text.p, "timer", 5) == 0)
        parley_timer_after(h, 1000, "timer");
    return parley_deliver(m, parley_to_channel(parley_message_channel(m))) == 0 ? PARLEY_PASS
                                                                                : PARLEY_FAIL;
}

static parley_verdict count_one(parley_host *h, parley_message *m)
{
    return count(h, m, &mine);
}

static parley_verdict count_two(parley_host *h, parley_message *m)
{
    return count(h, m, &newer);
}

static parley_verdict on_connect(parley_host *h, parley_client c)
{
    (void)c;
    note(h, "connect");
    return PARLEY_PASS;
}

static void on_disconnect(parley_host *h, parley_client c, int reason)
{
    (void)c;
    (void)reason;
    note(h, h->section);
}

static int serve(parley_host *h, const parley_request *q, parley_out *answer)
{
    struct state *s = h->self;

    (void)q;
    parley_put_int(answer, "generation", ((struct plugin_instance *)h)->generation);
    parley_put_int(answer, "count", s->count);
    return 200;
}

static const parley_field fields[] = {
    PARLEY_FIELD("channel", PARLEY_STRING, "1..64", NULL, PARLEY_REQUIRED | PARLEY_CHANNEL,
                 "Where"),
    PARLEY_FIELD("text", PARLEY_STRING, "1..100", NULL, PARLEY_REQUIRED | PARLEY_TEXT, "What")};
static const parley_type say = {
    .struct_size = sizeof say, .type = "say", .fields = PARLEY_TABLE(fields)};
static const parley_hub hub_one = {.struct_size = sizeof hub_one,
                                   .phase = PARLEY_PHASE_ROUTE,
                                   .on_message = count_one,
                                   .on_answer = on_answer,
                                   .on_connect = on_connect,
                                   .on_disconnect = on_disconnect};
static const parley_hub hub_two = {.struct_size = sizeof hub_two,
                                   .phase = PARLEY_PHASE_ROUTE,
                                   .on_message = count_two,
                                   .on_answer = on_answer,
                                   .on_connect = on_connect,
                                   .on_disconnect = on_disconnect};
static const parley_hub hub_watcher = {.struct_size = sizeof hub_watcher,
                                       .phase = PARLEY_PHASE_ADMIT,
                                       .on_connect = on_connect,
                                       .on_disconnect = on_disconnect};
static const parley_hub hub_early = {
    .struct_size = sizeof hub_early, .phase = PARLEY_PHASE_ADMIT, .on_message = note_early};
static const parley_hub hub_late = {
    .struct_size = sizeof hub_late, .phase = PARLEY_PHASE_STORE, .on_message = note_late};
static const parley_route routes[] = {{"GET", "count", "admin", "How many", serve}};
static const parley_slot slots_one[] = {{"mine", 1, sizeof(int64_t)}},
                         slots_two[] = {{"mine", 2, sizeof(int64_t)}};
static const parley_provided provides_one[] = {{"parley.hub/1", &hub_one}, {"parley.type/1", &say}},
                             provides_two[] = {{"parley.hub/1", &hub_two}, {"parley.type/1", &say}},
                             provides_watcher[] = {{"parley.hub/1", &hub_watcher}},
                             provides_early[] = {{"parley.hub/1", &hub_early}},
                             provides_late[] = {{"parley.hub/1", &hub_late}};
#define PLUGIN(name, ...)                                                      \
    static const parley_plugin name = {.preamble = PARLEY_PREAMBLE,            \
                                       .id = "test." #name,                    \
                                       .version = "1",                         \
                                       .options_size = sizeof(struct options), \
                                       .options = PARLEY_TABLE(options),       \
                                       .routes = PARLEY_TABLE(routes),         \
                                       .create = create,                       \
                                       .on_timer = on_timer,                   \
                                       .start = start,                         \
                                       .save = save,                           \
                                       .quiesce = quiesce,                     \
                                       .destroy = destroy,                     \
                                       __VA_ARGS__}
PLUGIN(one, .slots = PARLEY_TABLE(slots_one), .provides = PARLEY_TABLE(provides_one));
PLUGIN(two, .slots = PARLEY_TABLE(slots_two), .provides = PARLEY_TABLE(provides_two));
PLUGIN(watcher, .provides = PARLEY_TABLE(provides_watcher));
PLUGIN(early, .provides = PARLEY_TABLE(provides_early));
PLUGIN(late, .provides = PARLEY_TABLE(provides_late));
static const parley_plugin *const plugins[] = {&one, &two, &watcher, &early, &late, NULL};

static parley_client ann;

static void setup(void)
{
    k = kit_start("[plugin x]\nplugin = one\n", plugins);
    ck_assert_msg(k != NULL, "%s", kit_refusal());
    ann = kit_connect(k, "ann", "");
    kit_join(k, ann, "room");
    notes[0] = 0;
}

static void teardown(void)
{
    ck_assert_int_eq(kit_close(k), 0);
}

/* What became of a word of ann's: "count slot generation". */
static const char *say_it(const char *text)
{
    static char got[64];
    char json[128];
    const char *frame;

    snprintf(json, sizeof json, "{\"type\":\"say\",\"channel\":\"room\",\"text\":\"%s\"}", text);
    ck_assert_int_eq(kit_input(k, ann, json), PARLEY_PASS);
    frame = kit_last(k, ann, "say");
    ck_assert_ptr_nonnull(frame);
    snprintf(got, sizeof got, "%s", kit_member(frame, "payload.count"));
    snprintf(got + strlen(got), 24, " %s", kit_member(frame, "payload.slot"));
    snprintf(got + strlen(got), 24, " %s", kit_member(frame, "payload.generation"));
    return got;
}

static void reload(const char *ini)
{
    ck_assert_msg(kit_reload(k, ini) == 0, "%s", kit_refusal());
}

START_TEST(state_is_handed_on_and_the_old_one_goes)
{
    ck_assert_str_eq(say_it("a"), "1 1 1");
    reload(NULL);
    ck_assert_str_eq(notes, "save1 start2 quiesce1 destroy1");
    ck_assert_str_eq(say_it("b"), "2 2 2");
    ck_assert_int_eq(kit_generations(k, "x"), 1);
    ck_assert_int_eq(kit_closed(k, ann), 0);
    ck_assert_int_eq(kit_frames(k, ann, "news"), 1); /* of the second start */
    for (int i = 0; i < 50; i++)
        reload(NULL);
    ck_assert_str_eq(say_it("c"), "3 3 52");
    ck_assert_int_eq(kit_generations(k, "x"), 1);
}
END_TEST

START_TEST(slots_are_known_by_name_version_and_size)
{
    say_it("a");
    reload("[plugin x]\nplugin = two\n");
    ck_assert_str_eq(say_it("b"), "2 1 2"); /* its own, zeroed */
    reload("[plugin x]\nplugin = two\n");
    ck_assert_str_eq(say_it("c"), "3 2 3");
    reload("[plugin x]\nplugin = one\n"); /* the older ones have gone by then */
    ck_assert_str_eq(say_it("d"), "4 1 4");
}
END_TEST

START_TEST(pending_timers_fire_for_who_serves_then)
{
    say_it("timer");
    reload(NULL);
    notes[0] = 0;
    kit_advance_ms(k, 1500);
    ck_assert_str_eq(notes, "timer2");
}
END_TEST

START_TEST(a_timer_of_a_section_that_is_gone_is_nobodys)
{
    reload("[plugin x]\nplugin = one\n[plugin y]\nplugin = watcher\n");
    domain_enter(DOMAIN_HUB);
    ck_assert_int_eq(
        parley_timer_after(&registry_section(k->registry, "plugin", "y")->host, 1000, "late"), 0);
    domain_leave(DOMAIN_NONE);
    reload("[plugin x]\nplugin = one\n");
    notes[0] = 0;
    kit_advance_ms(k, 1500);
    ck_assert_str_eq(notes, "");
}
END_TEST

static void refused(const char *ini, const char *why, const char *noted)
{
    notes[0] = 0;
    ck_assert_int_eq(kit_reload(k, ini), -EINVAL);
    ck_assert_msg(strstr(kit_refusal(), why) != NULL, "%s", kit_refusal());
    ck_assert_str_eq(notes, noted);
}

START_TEST(a_failure_at_any_step_leaves_the_old_one_serving)
{
    static const struct {
        const char *ini, *why, *noted;
    } all[] = {
        {"[plugin x]\nplugin = one\nnonsense = 1\n", "test.ini:3: unknown key 'nonsense'", ""},
        {"[plugin x]\nplugin = one\n[bad\n", "test.ini:3: ", ""},
        {"[server]\npumps = 0\n[plugin x]\nplugin = one\n", "'pumps'", ""},
        {"[plugin x]\nplugin = three\n", "there is no such plugin", ""},
        {"[plugin x]\nplugin = one\nfails = create\n", "could not be created", ""},
        {"[plugin x]\nplugin = one\nfails = start\n", "[plugin x] could not start: No data",
         "save1 start2 destroy2"},
        {"[plugin x]\nplugin = one\n[plugin y]\nplugin = one\n", "is already provided by", ""},
    };

    say_it("a");
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char *starts;

        notes[0] = 0;
        ck_assert_int_eq(kit_reload(k, all[i].ini), -EINVAL);
        ck_assert_msg(strstr(kit_refusal(), all[i].why) != NULL, "%s: %s", all[i].why,
                      kit_refusal());
        starts = strstr(notes, "save");
        ck_assert_str_eq(starts ? starts : "", all[i].noted);
        ck_assert_int_eq(kit_frames(k, ann, "news"), 0); /* what its start asked for */
        ck_assert_int_eq(kit_generations(k, "x"), 1);
    }
    ck_assert_str_eq(say_it("b"), "2 2 1");
    ck_assert_str_eq(kit_refusal() ? "kept" : "", "kept");
}
END_TEST

START_TEST(what_cannot_be_saved_is_not_replaced)
{
    reload("[plugin x]\nplugin = one\nfails = save\n");
    refused("[plugin x]\nplugin = one\n", "[plugin x] could not save what it knows: Input/output",
            "save2 destroy3");
    ck_assert_str_eq(say_it("b"), "1 1 2");
}
END_TEST

START_TEST(clients_are_told_of_by_those_that_they_passed)
{
    parley_client bob;

    reload("[plugin y]\nplugin = watcher\n[plugin x]\nplugin = one\n");
    bob = kit_connect(k, "bob", "");
    notes[0] = 0;
    kit_disconnect(k, ann); /* y never saw her */
    ck_assert_str_eq(notes, "x2");
    kit_disconnect(k, bob);
    ck_assert_str_eq(notes, "x2 y1 x2");
    ann = kit_connect(k, "ann", "");
    reload("[plugin x]\nplugin = one\n");
    notes[0] = 0;
    kit_disconnect(k, ann);
    ck_assert_str_eq(notes, "x3");
}
END_TEST

START_TEST(routes_are_those_of_who_serves)
{
    const char *json = NULL;

    say_it("a");
    reload("[plugin x]\nplugin = two\n");
    ck_assert_int_eq(kit_admin(k, "GET", "/admin/x/count", NULL, &json), 200);
    ck_assert_str_eq(json, "{\"generation\":2,\"count\":1}");
    reload("[plugin z]\nplugin = two\n");
    ck_assert_int_eq(kit_admin(k, "GET", "/admin/x/count", NULL, &json), 404);
    ck_assert_int_eq(kit_admin(k, "GET", "/admin/z/count", NULL, &json), 200);
}
END_TEST

/* As where the disk is slow: a message of an old type waits to be told that it is stored. */
START_TEST(who_is_referred_to_stays_until_the_message_is_gone)
{
    struct message *m = message_new();
    struct hub *h = k->hub;

    m->type = registry_type(k->registry, PARLEY_STR("say"));
    h->unstored = m;
    h->unstored_end = &m->next;
    ck_assert_int_eq(kit_reload(k, NULL), 0);
    ck_assert_str_eq(notes, "save1 start2 quiesce1"); /* it waits for nothing, and is still there */
    ck_assert_int_eq(kit_generations(k, "x"), 2);
    h->unstored = NULL;
    h->unstored_end = &h->unstored;
    message_destroy(m);
    ck_assert_int_eq(kit_generations(k, "x"), 1);
    ck_assert_str_eq(notes, "save1 start2 quiesce1 destroy1");
}
END_TEST

#define ASK "{\"type\":\"say\",\"channel\":\"room\",\"text\":\"ask\"}"

START_TEST(what_waits_is_answered_to_who_asked_and_goes_on_in_the_new_chain)
{
    kit_web(k, 1000, 200, "{}");
    ck_assert_int_eq(kit_input(k, ann, ASK), PARLEY_HOLD);
    reload("[plugin e]\nplugin = early\n[plugin x]\nplugin = one\n[plugin l]\nplugin = late\n");
    ck_assert_int_eq(kit_generations(k, "x"), 2);
    ck_assert_ptr_null(strstr(notes, "quiesce1")); /* held */
    notes[0] = 0;
    kit_advance_ms(k, 1500);
    ck_assert_str_eq(notes, "answer1 late1"); /* `early` stands before the link where it waited */
    ck_assert_ptr_nonnull(kit_last(k, ann, "say"));
    notes[0] = 0;
    ck_assert_int_eq(kit_generations(k, "x"), 1);
    ck_assert_str_eq(notes, "quiesce1 destroy1");
}
END_TEST

START_TEST(what_waits_at_a_link_that_is_gone_goes_on_behind_the_one_before)
{
    reload("[plugin e]\nplugin = early\n[plugin x]\nplugin = one\n");
    kit_web(k, 1000, 200, "{}");
    ck_assert_int_eq(kit_input(k, ann, ASK), PARLEY_HOLD);
    reload("[plugin e]\nplugin = early\n[plugin l]\nplugin = late\n");
    notes[0] = 0;
    kit_advance_ms(k, 1500);
    ck_assert_str_eq(notes, "answer2 late1");
    ck_assert_ptr_nonnull(kit_last(k, ann, "say"));
    ck_assert_int_eq(kit_generations(k, "x"), 0);
}
END_TEST

/* It asked before another one failed: it goes when the answer is in, and is told nothing. */
START_TEST(who_was_taken_back_goes_when_its_answer_is_in)
{
    kit_web(k, 1000, 200, "{}");
    refused("[plugin x]\nplugin = one\nasks = yes\n[plugin y]\nplugin = early\nfails = start\n",
            "[plugin y] could not start", "save1 start2 start1 quiesce2 destroy1");
    ck_assert_int_eq(kit_generations(k, "x"), 2);
    notes[0] = 0;
    kit_advance_ms(k, 1500);
    ck_assert_int_eq(kit_generations(k, "x"), 1);
    ck_assert_str_eq(notes, "destroy2");
    ck_assert_str_eq(say_it("b"), "1 1 1");
}
END_TEST

START_TEST(a_type_keeps_its_place_in_the_chains)
{
    uint16_t index = registry_type(k->registry, PARLEY_STR("say"))->index;

    reload("[plugin x]\nplugin = two\n");
    ck_assert_uint_eq(registry_type(k->registry, PARLEY_STR("say"))->index, index);
    reload("[plugin y]\nplugin = watcher\n");
    ck_assert_ptr_null(registry_type(k->registry, PARLEY_STR("say")));
    ck_assert_uint_gt(k->hub->chains->count, index); /* what is under way still finds a chain */
}
END_TEST

int main(void)
{
    Suite *s = suite_create("generations");
    TCase *t = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, state_is_handed_on_and_the_old_one_goes);
    tcase_add_test(t, slots_are_known_by_name_version_and_size);
    tcase_add_test(t, pending_timers_fire_for_who_serves_then);
    tcase_add_test(t, a_timer_of_a_section_that_is_gone_is_nobodys);
    tcase_add_test(t, a_failure_at_any_step_leaves_the_old_one_serving);
    tcase_add_test(t, what_cannot_be_saved_is_not_replaced);
    tcase_add_test(t, clients_are_told_of_by_those_that_they_passed);
    tcase_add_test(t, routes_are_those_of_who_serves);
    tcase_add_test(t, who_is_referred_to_stays_until_the_message_is_gone);
    tcase_add_test(t, what_waits_is_answered_to_who_asked_and_goes_on_in_the_new_chain);
    tcase_add_test(t, what_waits_at_a_link_that_is_gone_goes_on_behind_the_one_before);
    tcase_add_test(t, who_was_taken_back_goes_when_its_answer_is_in);
    tcase_add_test(t, a_type_keeps_its_place_in_the_chains);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}

/* Four hubs whose hooks a test writes itself: sections a (ADMIT), b (ROUTE), c and d (STORE). Where
 * it writes none, b routes to the channel, or to recipient and author, and the others pass.
 *
 * Types: say (channel), whisper (to), both (channel and, if given, to), wave (ephemeral), enter
 * (channel, open, SIGNED no). Included by one file of a program.
 */
#ifndef TEST_HUB_SCRIPTED_H
#define TEST_HUB_SCRIPTED_H
#include "base/clock.h"
#include "base/str.h"
#include "hub/internal.h"
#include "kit.h"
#include "kit_internal.h"

#include <check.h>
#include <stdlib.h>

struct hooks {
    parley_verdict (*on_message)(parley_host *h, parley_message *m);
    parley_verdict (*on_answer)(parley_host *h, parley_message *m, const parley_answer *a);
    void (*on_settled)(parley_host *h, const parley_message *m, const parley_outcome *o);
    parley_verdict (*on_connect)(parley_host *h, parley_client c);
    void (*on_disconnect)(parley_host *h, parley_client c, int reason);
    parley_verdict (*on_join)(parley_host *h, parley_client c, parley_str channel);
    void (*on_leave)(parley_host *h, parley_client c, parley_str channel);
    void (*on_greet)(parley_host *h, parley_client c);
    void (*on_timer)(parley_host *h, const char *key);
    int (*start)(parley_host *h, const parley_value *saved);
    void (*quiesce)(parley_host *h);
    int (*serve)(parley_host *h, const parley_request *q, parley_out *answer);
};
static struct hooks a, b, c, d;
static kit *k;
static char notes[1024]; /* what hooks noted, a word each */

static inline struct hooks *of(const parley_host *h)
{
    return h->section[0] == 'a' ? &a : h->section[0] == 'b' ? &b : h->section[0] == 'c' ? &c : &d;
}

static inline void note(const char *word)
{
    size_t n = strlen(notes);

    snprintf(notes + n, sizeof notes - n, "%s%s", n ? " " : "", word);
}

static inline parley_verdict route(parley_host *h, parley_message *m)
{
    (void)h;
    if (parley_message_channel(m).p)
        parley_deliver(m, parley_to_channel(parley_message_channel(m)));
    if (parley_message_recipient(m).p) {
        parley_deliver(m, parley_to_user(parley_message_recipient(m)));
        parley_deliver(m, parley_to_user(parley_message_user(m)));
    }
    return PARLEY_PASS;
}

static inline parley_verdict run_message(parley_host *h, parley_message *m)
{
    if (of(h)->on_message)
        return of(h)->on_message(h, m);
    return of(h) == &b ? route(h, m) : PARLEY_PASS;
}

static inline parley_verdict run_answer(parley_host *h, parley_message *m, const parley_answer *an)
{
    return of(h)->on_answer ? of(h)->on_answer(h, m, an) : PARLEY_PASS;
}

static inline void run_settled(parley_host *h, const parley_message *m, const parley_outcome *o)
{
    if (of(h)->on_settled)
        of(h)->on_settled(h, m, o);
}

static inline parley_verdict run_connect(parley_host *h, parley_client who)
{
    return of(h)->on_connect ? of(h)->on_connect(h, who) : PARLEY_PASS;
}

static inline void run_disconnect(parley_host *h, parley_client who, int reason)
{
    if (of(h)->on_disconnect)
        of(h)->on_disconnect(h, who, reason);
}

static inline parley_verdict run_join(parley_host *h, parley_client who, parley_str channel)
{
    return of(h)->on_join ? of(h)->on_join(h, who, channel) : PARLEY_PASS;
}

static inline void run_leave(parley_host *h, parley_client who, parley_str channel)
{
    if (of(h)->on_leave)
        of(h)->on_leave(h, who, channel);
}

static inline void run_greet(parley_host *h, parley_client who)
{
    if (of(h)->on_greet)
        of(h)->on_greet(h, who);
}

static inline void run_timer(parley_host *h, const char *key)
{
    if (of(h)->on_timer)
        of(h)->on_timer(h, key);
}

static inline int run_start(parley_host *h, const parley_value *saved)
{
    return of(h)->start ? of(h)->start(h, saved) : 0;
}

static inline void run_quiesce(parley_host *h)
{
    if (of(h)->quiesce)
        of(h)->quiesce(h);
}

static inline int run_serve(parley_host *h, const parley_request *q, parley_out *answer)
{
    return of(h)->serve ? of(h)->serve(h, q, answer) : 204;
}

/* --- the plugins --- */
static const parley_field say_fields[] = {
    PARLEY_FIELD("channel", PARLEY_STRING, "1..64", NULL, PARLEY_REQUIRED | PARLEY_CHANNEL,
                 "Where"),
    PARLEY_FIELD("text", PARLEY_STRING, "1..100", NULL, PARLEY_TEXT, "What"),
};
static const parley_field whisper_fields[] = {
    PARLEY_FIELD("to", PARLEY_STRING, "1..64", NULL, PARLEY_REQUIRED | PARLEY_USER, "To whom"),
    PARLEY_FIELD("text", PARLEY_STRING, "1..100", NULL, PARLEY_TEXT, "What"),
};
static const parley_field both_fields[] = {
    PARLEY_FIELD("where.channel", PARLEY_STRING, "1..64", NULL, PARLEY_REQUIRED | PARLEY_CHANNEL,
                 "Where"),
    PARLEY_FIELD("to", PARLEY_STRING, "1..64", NULL, PARLEY_USER, "To whom as well"),
};
static const parley_field enter_fields[] = {
    PARLEY_FIELD("channel", PARLEY_STRING, "1..64", NULL,
                 PARLEY_REQUIRED | PARLEY_CHANNEL | PARLEY_OPEN, "Which"),
};
#define TYPE(word, the_flags, the_fields)                                      \
    static const parley_type word##_type = {.struct_size = sizeof word##_type, \
                                            .type = #word,                     \
                                            the_flags,                         \
                                            .fields = PARLEY_TABLE(the_fields)}
TYPE(say, .flags = PARLEY_SIGNED, say_fields);
TYPE(whisper, .flags = PARLEY_SIGNED, whisper_fields);
TYPE(both, .flags = PARLEY_SIGNED, both_fields);
TYPE(wave, .flags = PARLEY_SIGNED | PARLEY_EPHEMERAL, say_fields);
TYPE(enter, .flags = 0, enter_fields);
static const parley_provided types_provide[] = {{"parley.type/1", &say_type},
                                                {"parley.type/1", &whisper_type},
                                                {"parley.type/1", &both_type},
                                                {"parley.type/1", &wave_type},
                                                {"parley.type/1", &enter_type}};
static const parley_plugin types_plugin = {.preamble = PARLEY_PREAMBLE,
                                           .id = "test.types",
                                           .version = "1",
                                           .provides = PARLEY_TABLE(types_provide)};
#define HUB(name, the_phase)                                                                    \
    static const parley_hub name##_hub = {.struct_size = sizeof name##_hub,                     \
                                          .phase = the_phase,                                   \
                                          .on_message = run_message,                            \
                                          .on_answer = run_answer,                              \
                                          .on_settled = run_settled,                            \
                                          .on_connect = run_connect,                            \
                                          .on_disconnect = run_disconnect,                      \
                                          .on_join = run_join,                                  \
                                          .on_leave = run_leave,                                \
                                          .on_greet = run_greet};                               \
    static const parley_provided name##_provides[] = {{"parley.hub/1", &name##_hub}};           \
    static const parley_route name##_routes[] = {{"GET", "it", "admin", "Does it", run_serve}}; \
    static const parley_plugin name##_plugin = {.preamble = PARLEY_PREAMBLE,                    \
                                                .id = "test." #name,                            \
                                                .version = "1",                                 \
                                                .routes = PARLEY_TABLE(name##_routes),          \
                                                .provides = PARLEY_TABLE(name##_provides),      \
                                                .on_timer = run_timer,                          \
                                                .start = run_start,                             \
                                                .quiesce = run_quiesce}
HUB(a, PARLEY_PHASE_ADMIT);
HUB(b, PARLEY_PHASE_ROUTE);
HUB(c, PARLEY_PHASE_STORE);
HUB(d, PARLEY_PHASE_STORE);
static const parley_plugin *const scripted[] = {&types_plugin, &a_plugin, &b_plugin,
                                                &c_plugin,     &d_plugin, NULL};
#define SECTIONS_ALONE "[plugin types]\n[hub a]\n[hub b]\n[hub c]\n[hub d]\n"
#define SECTIONS       SECTIONS_ALONE "[server]\ndashboards = Board\n"

/* --- what tests say --- */
#define SAY "{\"type\":\"say\",\"id\":\"i\",\"channel\":\"room\",\"text\":\"hi\"}"

static inline void setup(void)
{
    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    memset(&c, 0, sizeof c);
    memset(&d, 0, sizeof d);
    notes[0] = 0;
    k = kit_start(SECTIONS, scripted);
    ck_assert_msg(k != NULL, "%s", kit_refusal());
}

static inline void teardown(void)
{
    ck_assert_int_eq(kit_close(k), 0);
}

static inline parley_client member_of(const char *name, const char *channel)
{
    parley_client who = kit_connect(k, name, "");

    kit_join(k, who, channel);
    return who;
}

static inline void member_is(const char *frame, const char *path, const char *value)
{
    ck_assert_ptr_nonnull(frame);
    if (value)
        ck_assert_pstr_eq(kit_member(frame, path), value);
    else
        ck_assert_ptr_null(kit_member(frame, path));
}

/* As many messages of a type as say so, each of them without an id. */
static inline parley_verdict say(parley_client who, const char *channel)
{
    char json[256];

    snprintf(json, sizeof json, "{\"type\":\"say\",\"channel\":\"%s\",\"text\":\"hi\"}", channel);
    return kit_input(k, who, json);
}

/* A message from the server itself, of the type `notice`. */
static inline int notice(parley_host *h, parley_to to)
{
    return parley_send(parley_message_new(h, "notice"), to);
}

static inline __attribute__((unused)) int run_tests(const char *name, TCase *t)
{
    Suite *s = suite_create(name);
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
#endif

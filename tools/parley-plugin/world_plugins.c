/* What is built in for `run` and `validate`: the types of a chat, a router, and an observer that
 * remembers how messages end. So a plugin can be tried where no other plugin is installed. A
 * section of the same name in --ini takes their place. */
#include "tool.h"

static const parley_field in_channel[] = {
    PARLEY_FIELD("channel", PARLEY_STRING, "1..64", NULL, PARLEY_REQUIRED | PARLEY_CHANNEL,
                 "Where it is said"),
    PARLEY_FIELD("message", PARLEY_STRING, "1..16000", NULL, PARLEY_REQUIRED | PARLEY_TEXT,
                 "What is said"),
};
static const parley_type chat_message = {.struct_size = sizeof chat_message,
                                         .type = "chat_message",
                                         .flags = PARLEY_SIGNED,
                                         .fields = PARLEY_TABLE(in_channel)};
static const parley_provided chat_message_provides[] = {{"parley.type/1", &chat_message}};
static const parley_plugin chat_message_plugin = {.preamble = PARLEY_PREAMBLE,
                                                  .id = "org.parley.tool.chat_message",
                                                  .version = "1.0.0",
                                                  .provides = PARLEY_TABLE(chat_message_provides)};

static const parley_field to_user[] = {
    PARLEY_FIELD("recipient_id", PARLEY_STRING, "1..255", NULL, PARLEY_REQUIRED | PARLEY_USER,
                 "Who shall read it"),
    PARLEY_FIELD("message", PARLEY_STRING, "1..16000", NULL, PARLEY_REQUIRED | PARLEY_TEXT,
                 "What is said"),
};
static const parley_type private_message = {.struct_size = sizeof private_message,
                                            .type = "private_chat_message",
                                            .flags = PARLEY_SIGNED,
                                            .fields = PARLEY_TABLE(to_user)};
static const parley_provided private_provides[] = {{"parley.type/1", &private_message}};
static const parley_plugin private_plugin = {.preamble = PARLEY_PREAMBLE,
                                             .id = "org.parley.tool.private_chat_message",
                                             .version = "1.0.0",
                                             .provides = PARLEY_TABLE(private_provides)};

static const parley_field while_typing[] = {
    PARLEY_FIELD("channel", PARLEY_STRING, "1..64", NULL, PARLEY_REQUIRED | PARLEY_CHANNEL,
                 "Where he is writing"),
};
static const parley_type typing = {.struct_size = sizeof typing,
                                   .type = "typing",
                                   .flags = PARLEY_SIGNED | PARLEY_EPHEMERAL,
                                   .fields = PARLEY_TABLE(while_typing)};
static const parley_provided typing_provides[] = {{"parley.type/1", &typing}};
static const parley_plugin typing_plugin = {.preamble = PARLEY_PREAMBLE,
                                            .id = "org.parley.tool.typing",
                                            .version = "1.0.0",
                                            .provides = PARLEY_TABLE(typing_provides)};

/* --- where messages go --- */
static parley_verdict route(parley_host *h, parley_message *m)
{
    parley_str channel = parley_message_channel(m), to = parley_message_recipient(m);

    (void)h;
    if (channel.p)
        parley_deliver(m, parley_to_channel(channel));
    if (to.p) {
        parley_deliver(m, parley_to_user(to));
        parley_deliver(m, parley_to_user(parley_message_user(m)));
    }
    return PARLEY_PASS;
}
static const parley_hub router = {
    .struct_size = sizeof router, .phase = PARLEY_PHASE_ROUTE, .on_message = route};
static const parley_provided router_provides[] = {{"parley.hub/1", &router}};
static const parley_plugin router_plugin = {.preamble = PARLEY_PREAMBLE,
                                            .id = "org.parley.tool.router",
                                            .version = "1.0.0",
                                            .provides = PARLEY_TABLE(router_provides)};

/* --- how they end --- */
struct settled world_settled;

static void remember(parley_host *h, const parley_message *m, const parley_outcome *o)
{
    (void)h;
    if (!parley_message_user(m).p) /* the server's own */
        return;
    world_settled.told = true;
    world_settled.verdict = o->verdict;
    snprintf(world_settled.section, sizeof world_settled.section, "%s",
             o->section ? o->section : "");
    snprintf(world_settled.rule, sizeof world_settled.rule, "%s", o->rule ? o->rule : "");
}
static const parley_hub observer = {
    .struct_size = sizeof observer, .phase = PARLEY_PHASE_STORE, .on_settled = remember};
static const parley_provided observer_provides[] = {{"parley.hub/1", &observer}};
static const parley_plugin observer_plugin = {.preamble = PARLEY_PREAMBLE,
                                              .id = "org.parley.tool.observer",
                                              .version = "1.0.0",
                                              .provides = PARLEY_TABLE(observer_provides)};

/* --- somebody who throws people out while their messages are judged --- */
static parley_verdict kick(parley_host *h, parley_message *m)
{
    static unsigned messages;

    if (++messages % 5 == 0)
        parley_close_client(h, parley_message_author(m), 4403, "Enough.");
    return PARLEY_PASS;
}
static const parley_hub kicker = {
    .struct_size = sizeof kicker, .phase = PARLEY_PHASE_ADMIT / 2, .on_message = kick};
static const parley_provided kicker_provides[] = {{"parley.hub/1", &kicker}};
static const parley_plugin kicker_plugin = {.preamble = PARLEY_PREAMBLE,
                                            .id = "org.parley.tool.kicker",
                                            .version = "1.0.0",
                                            .provides = PARLEY_TABLE(kicker_provides)};

const parley_plugin *const world_plugins[] = {&chat_message_plugin,
                                              &private_plugin,
                                              &typing_plugin,
                                              &router_plugin,
                                              &observer_plugin,
                                              &kicker_plugin,
                                              NULL};

const char *verdict_name(parley_verdict v)
{
    static const char *const names[] = {"pass", "reject", "drop", "hold", "done", "fail"};

    return v >= 0 && v < (parley_verdict)(sizeof names / sizeof *names) ? names[v] : "unknown";
}

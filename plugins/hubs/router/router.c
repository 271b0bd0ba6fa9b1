/* The router: who gets a message.
 *
 * On the road: ROUTE, so everybody who may refuse or change it has spoken. Of what people say (it
 * is SIGNED) what has a channel goes to the channel, what has a recipient to him and to its author,
 * on all their connections; all else is left to the hubs that know it.
 */
#include <parley/plugin.h>

/* A client shows the name of whom it whispered to, which only the server knows. */
static parley_verdict on_whisper(parley_host *h, parley_message *m)
{
    parley_put_str(parley_message_edit(m), "recipient",
                   parley_user_name(h, parley_message_recipient(m)));
    return PARLEY_PASS;
}

static parley_verdict on_message(parley_host *h, parley_message *m)
{
    parley_str channel = parley_message_channel(m), recipient = parley_message_recipient(m);
    parley_str author = parley_message_user(m);
    parley_to to;
    int r = 0;

    /* What is not signed is a wish to the server (join, resume), whether or not a hub grants it. */
    if (!(parley_message_flags(m) & PARLEY_SIGNED))
        return PARLEY_PASS;
    if (channel.p) {
        to = parley_to_channel(channel);
        if (parley_message_flags(m) & PARLEY_EPHEMERAL)
            to.but_user = author; /* he knows that he is typing */
        r = parley_deliver(m, to);
    }
    if (recipient.p && r == 0) {
        to = parley_to_user(recipient);
        to.flags = PARLEY_NOT_DASHBOARDS;
        r = parley_deliver(m, to);
        to.name = author;
        if (author.p && r == 0)
            r = parley_deliver(m, to);
    }
    return r < 0 ? parley_fail(h, "a message could not be routed: %s", strerror(-r)) : PARLEY_PASS;
}

static const parley_hub whisper = {.struct_size = sizeof whisper,
                                   .phase = PARLEY_PHASE_ROUTE,
                                   .types = "private_chat_message",
                                   .on_message = on_whisper};
static const parley_hub route = {
    .struct_size = sizeof route, .phase = PARLEY_PHASE_ROUTE, .on_message = on_message};
static const parley_provided provides[] = {{"parley.hub/1", &whisper}, {"parley.hub/1", &route}};
PARLEY_PLUGIN = {.preamble = PARLEY_PREAMBLE,
                 .id = "org.parley.router",
                 .version = "1.0.0",
                 .doc = "Sends messages to their channel, or to their recipient and author",
                 .provides = PARLEY_TABLE(provides)};

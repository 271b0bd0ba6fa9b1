/* A bare relay, as the limit and the peer of Node's `ws` are: the path is the channel, and every
 * text frame goes to all who are on it, its author included.
 *
 * It is given, ready-made, the BaseMessage that Parley would have made of the same text: so members
 * get the same bytes from both, and what is compared is servers and not envelopes. With --bare it
 * is given what Parley is given, which is about half as long.
 */
#include "load.h"

static void path(const struct load *l, const struct conn *c, char *out, size_t cap)
{
    (void)l;
    snprintf(out, cap, "/b%u", c->channel);
}

static size_t publish(const struct load *l, const struct conn *c, const char *message, char *out,
                      size_t cap)
{
    const unsigned number = l->channels[c->channel].next;

    if (l->o.bare)
        return dialect_parley.publish(l, c, message, out, cap);
    return (size_t)snprintf(
        out, cap,
        "{\"type\":\"chat_message\",\"sender\":\"u%u\",\"payload\":{\"cacheID\":%u,"
        "\"owner_id\":\"u%u\",\"username\":\"u%u\",\"channel\":\"b%u\",\"message\":\"%s\","
        "\"authored_at\":\"2026-01-01T00:00:00.000Z\",\"epoch\":\"0123456789abcdef\","
        "\"offset\":%u}}",
        c->number, number, c->number, c->number, c->channel, message, number);
}

const struct dialect dialect_relay = {.name = "relay", .path = path, .publish = publish};

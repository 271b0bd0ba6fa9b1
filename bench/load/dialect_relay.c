/* A bare relay, as the limit and the peer of Node's `ws` are: the path is the channel, and every
 * text frame goes to all who are on it, its author included. The frame is the one that Parley gets,
 * so both read the same bytes. */
#include "load.h"

static void path(const struct load *l, const struct conn *c, char *out, size_t cap)
{
    (void)l;
    snprintf(out, cap, "/b%u", c->channel);
}

static size_t publish(const struct load *l, const struct conn *c, const char *message, char *out,
                      size_t cap)
{
    return dialect_parley.publish(l, c, message, out, cap);
}

const struct dialect dialect_relay = {.name = "relay", .path = path, .publish = publish};

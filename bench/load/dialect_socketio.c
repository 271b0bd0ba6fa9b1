/* socket.io over a WebSocket (Engine.IO 4): the room stands in the request, the namespace is asked
 * for with "40", an event is "42" and a JSON array. The object in it is the frame that Parley gets.
 */
#include "load.h"

#include <string.h>

static void path(const struct load *l, const struct conn *c, char *out, size_t cap)
{
    (void)l;
    snprintf(out, cap, "/socket.io/?EIO=4&transport=websocket&room=b%u", c->channel);
}

static void enter(struct load *l, struct conn *c)
{
    c->enters = 1;
    conn_send(l, c, 1, "40", 2);
}

static bool begins(const char *text, size_t n, const char *with)
{
    size_t length = strlen(with);

    return n >= length && memcmp(text, with, length) == 0;
}

static void entering(struct load *l, struct conn *c, const char *text, size_t n)
{
    (void)l;
    if (begins(text, n, "40{"))
        c->enters = 0;
    else if (begins(text, n, "44"))
        FAIL("the server would not let u%u into b%u: %.*s", c->number, c->channel, (int)n, text);
}

/* The server asks who is still there, and hangs up on who does not answer. */
static void other(struct load *l, struct conn *c, const char *text, size_t n)
{
    if (n == 1 && *text == '2')
        conn_send(l, c, 1, "3", 1);
}

static size_t publish(const struct load *l, const struct conn *c, const char *message, char *out,
                      size_t cap)
{
    static const char head[] = "42[\"chat_message\",";
    size_t n = sizeof head - 1;

    memcpy(out, head, n);
    n += dialect_parley.publish(l, c, message, out + n, cap - n - 1);
    out[n++] = ']';
    return n;
}

const struct dialect dialect_socketio = {.name = "socketio",
                                         .path = path,
                                         .enter = enter,
                                         .entering = entering,
                                         .other = other,
                                         .publish = publish};

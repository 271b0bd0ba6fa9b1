/* Parley's native protocol. */
#include "load.h"

#include <string.h>

static void path(const struct load *l, const struct conn *c, char *out, size_t cap)
{
    if (l->o.token)
        snprintf(out, cap, "/ws");
    else
        snprintf(out, cap, "/ws?name=u%u", c->number);
}

static void enter(struct load *l, struct conn *c)
{
    char text[128];
    int n = snprintf(text, sizeof text,
                     "{\"type\":\"join_channel\",\"channel\":\"b%u\",\"id\":\"in\"}", c->channel);

    c->enters = 1;
    conn_send(l, c, 1, text, (size_t)n);
}

static bool has(const char *text, size_t n, const char *what)
{
    return memmem(text, n, what, strlen(what)) != NULL;
}

static void entering(struct load *l, struct conn *c, const char *text, size_t n)
{
    (void)l;
    if (has(text, n, "\"ack\"") && has(text, n, "\"in\""))
        c->enters = 0;
    else if (has(text, n, "\"error\""))
        FAIL("the server would not let u%u into b%u: %.*s", c->number, c->channel, (int)n, text);
}

static size_t publish(const struct load *l, const struct conn *c, const char *message, char *out,
                      size_t cap)
{
    (void)l;
    return (size_t)snprintf(out, cap,
                            "{\"type\":\"chat_message\",\"channel\":\"b%u\",\"message\":\"%s\"}",
                            c->channel, message);
}

const struct dialect dialect_parley = {
    .name = "parley", .path = path, .enter = enter, .entering = entering, .publish = publish};

/* nchan, the module of nginx: who subscribes to a channel cannot publish on the same connection, so
 * each author has a second one, which is told how many heard it, and hears nothing else. */
#include "load.h"

static void path(const struct load *l, const struct conn *c, char *out, size_t cap)
{
    (void)l;
    snprintf(out, cap, "/b%u", c->channel);
}

static void author_path(const struct load *l, const struct conn *c, char *out, size_t cap)
{
    (void)l;
    snprintf(out, cap, "/say/b%u", c->channel);
}

static size_t publish(const struct load *l, const struct conn *c, const char *message, char *out,
                      size_t cap)
{
    return dialect_parley.publish(l, c, message, out, cap);
}

const struct dialect dialect_nchan = {
    .name = "nchan", .path = path, .publish = publish, .author_path = author_path};

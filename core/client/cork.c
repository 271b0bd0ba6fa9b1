/* Which sockets are to be uncorked. See cork.h.
 *
 * The kernel itself pulls a cork after 200 ms, and when the socket closes: nothing is ever held
 * back for longer, whatever becomes of the client.
 */
#include "client/cork.h"

#include "base/grow.h"
#include "client/pump.h"
#include "net/wire.h"

#include <stdlib.h>

#define FIRST 64

void cork_end(struct client *c)
{
    struct corked *k = &c->pump->corked;

    if (!c->corked)
        return;
    c->corked = false;
    if (k->count == k->cap) {
        uint32_t cap = grow_by_half(k->cap, FIRST);
        client_handle *more = realloc(k->clients, cap * sizeof *more);

        if (!more) {
            if (c->wsi)
                wire_uncork(c->wsi);
            return;
        }
        k->clients = more;
        k->cap = cap;
    }
    k->clients[k->count++] = c->handle;
}

void cork_pass(struct pump *p)
{
    struct corked *k = &p->corked;

    for (uint32_t i = 0; i < k->count; i++) {
        struct client *c = client_find(p, k->clients[i]);

        if (c && c->wsi)
            wire_uncork(c->wsi);
    }
    k->count = 0;
}

void cork_finish(struct pump *p)
{
    free(p->corked.clients);
    p->corked = (struct corked){0};
}

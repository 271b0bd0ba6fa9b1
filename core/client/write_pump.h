/* How bytes reach one client: at once while its socket takes them, through its queue when not.
 * Private to core/client. [pump]
 */
#ifndef CLIENT_WRITE_PUMP_H
#define CLIENT_WRITE_PUMP_H
#include "client/client.h"

#include <sys/types.h>

struct piece { /* part of a frame, at WebSocket frame boundaries; borrowed */
    struct frame *frame;
    uint32_t from, to;
    uint32_t messages; /* WebSocket frames in there */
    uint8_t lane;
    bool counted; /* false: a greeting */
};
#define GATHER_PIECES 32
struct gather { /* pieces on their way to one client, in as few sends as the scratch buffer allows
                 */
    struct client *client;
    struct piece pieces[GATHER_PIECES];
    unsigned count;
    size_t bytes;
};
static inline void gather_begin(struct gather *g, struct client *c)
{
    g->client = c; /* a kilobyte of pieces stays as it is */
    g->count = 0;
    g->bytes = 0;
}
/* Sends when it is full; then the client may be CLOSING, and in no channel any more. */
void gather_add(struct gather *g, struct frame *f, uint32_t from, uint32_t to, enum lane lane,
                bool counted);
void gather_end(struct gather *g);
/* The caller sent these pieces in one go, and `sent` was less than all: queues the rest. -1: the
 * connection is broken. */
void write_pump_rest(struct client *c, const struct piece *pieces, unsigned n, ssize_t sent);
/* The same, where wire_send_direct took `sent` of their bytes, perhaps in the middle of a frame. */
void write_pump_short(struct client *c, const struct piece *pieces, unsigned n, const char *bytes,
                      ssize_t sent);
bool write_pump_ping(struct client *c); /* false: not now */
#endif

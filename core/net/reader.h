/* The read pump's end of a socket without TLS: WebSocket frames, from the descriptor to the client.
 *
 * From the upgrade on lws reads nothing of such a connection. It would take as much as its buffer
 * of that connection holds, which is the memory that an idle connection costs; this takes all that
 * is there, in one call, and needs memory only for what has not come whole. [pump]
 */
#ifndef NET_READER_H
#define NET_READER_H
#include <ev.h>
#include <stdbool.h>

struct client;
struct reader_rest;
struct reader {
    ev_io io;
    struct reader_rest *rest; /* NULL: at the beginning of a frame, with nothing left over */
};

/* In ESTABLISHED, so within a call of lws, which still parses what came behind the request.
 * Whatever comes later is the reader's, once it is told to read. */
void reader_start(struct reader *r, struct client *c, int fd);
/* On, or let the peer wait. On: what it was made to keep is handed over now. */
void reader_read(struct reader *r, bool on);
void reader_stop(struct reader *r); /* before the descriptor is closed; frees */
#endif

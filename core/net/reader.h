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

#define READER_BYTES   16384 /* read at once, at most */
#define READER_ENTRIES 128

struct client;
struct net;
struct reader_rest;
struct reader {
    ev_io io;
    struct reader_rest *rest; /* NULL: at the beginning of a frame, with nothing left over */
};

/* What a turn of the loop read from its sockets, until all of it is taken, one after the other: a
 * call of the kernel in between makes each find the caches full of the kernel. */
struct reader_batch {
    ev_prepare prepare;
    struct reader_entry {
        struct reader *reader;    /* NULL: stopped meanwhile */
        struct reader_rest *rest; /* what it had kept, which the bytes begin with */
        size_t at, n;             /* in bytes[] */
    } entries[READER_ENTRIES];
    unsigned count;
    size_t n;
    char bytes[4 * READER_BYTES];
};

int reader_batch_start(struct net *n); /* 0, -ENOMEM */
void reader_batch_finish(struct net *n);

/* In ESTABLISHED, so within a call of lws, which still parses what came behind the request.
 * Whatever comes later is the reader's, once it is told to read. */
void reader_start(struct reader *r, struct client *c, int fd);
/* On, or let the peer wait. On: what it was made to keep is handed over now. */
void reader_read(struct reader *r, bool on);
void reader_stop(struct reader *r); /* before the descriptor is closed; frees */
#endif

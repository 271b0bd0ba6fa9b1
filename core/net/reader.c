/* WebSocket frames, from the descriptor to the client. See reader.h.
 *
 * The standard's rules about frames are kept here, and what breaks them closes with 1002: reserved
 * bits and opcodes, unmasked frames, control frames that are large or in pieces, continuations of
 * nothing. Limits and text are the read pump's affair. Control frames are answered here: a PING by
 * a PONG in the client's queue, a CLOSE by the end of the connection.
 */
#include "net/reader.h"

#include "base/str.h"
#include "client/client.h"
#include "client/pump.h"
#include "net/conn.h"
#include "net/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { OP_CONTINUATION, OP_TEXT, OP_BINARY, OP_CLOSE = 8, OP_PING, OP_PONG };

struct reader_rest {
    uint64_t remaining; /* of the payload at hand, still to come; 0: a head is next */
    char mask[4];       /* turned so that it fits the next byte */
    bool final;         /* of the frame at hand */
    bool binary, open;  /* of the message at hand: more frames of it are to come */
    uint32_t n;         /* bytes that were read and not taken: a part of a head, or of a control
                           frame, or what is more than the client has credit for */
    char bytes[];
};

struct head {
    int opcode;
    bool final;
    size_t bytes; /* its own */
    uint64_t payload;
    char mask[4];
};

/* --- frames --- */

/* 1: read; 0: it has not come whole; -1: against the standard. */
static int read_head(const char *p, size_t n, struct head *h)
{
    const unsigned char *b = (const unsigned char *)p;
    size_t length_bytes;

    if (n < 2)
        return 0;
    h->opcode = b[0] & 15;
    h->final = b[0] & 0x80;
    if (b[0] & 0x70 || !(b[1] & 0x80) || (h->opcode > OP_BINARY && h->opcode < OP_CLOSE) ||
        h->opcode > OP_PONG)
        return -1;
    h->payload = b[1] & 0x7f;
    if (h->opcode >= OP_CLOSE && (!h->final || h->payload > 125))
        return -1;
    length_bytes = h->payload == 127 ? 8 : h->payload == 126 ? 2 : 0;
    h->bytes = 2 + length_bytes + 4;
    if (n < h->bytes)
        return 0;
    if (length_bytes)
        h->payload = 0;
    for (size_t i = 0; i < length_bytes; i++)
        h->payload = h->payload << 8 | b[2 + i];
    if (h->payload >> 63)
        return -1;
    memcpy(h->mask, p + h->bytes - 4, 4);
    return 1;
}

static void unmask(char *p, size_t n, const char mask[4])
{
    uint32_t narrow;
    uint64_t wide, v;
    size_t i = 0;

    memcpy(&narrow, mask, 4);
    wide = (uint64_t)narrow << 32 | narrow;
    for (; i + 8 <= n; i += 8) {
        memcpy(&v, p + i, 8);
        v ^= wide;
        memcpy(p + i, &v, 8);
    }
    for (; i < n; i++)
        p[i] ^= mask[i & 3];
}

static void turn_mask(char mask[4], size_t by)
{
    char was[4];

    memcpy(was, mask, 4);
    for (size_t i = 0; i < 4; i++)
        mask[i] = was[(i + by) & 3];
}

/* --- one step --- */

struct step { /* through what was read */
    struct client *client;
    char *p;
    size_t n;
    struct reader_rest at; /* where in a message it is; n and bytes are not used */
};

static void skip(struct step *s, size_t n)
{
    s->p += n;
    s->n -= n;
}

/* A piece of the payload at hand; what there is of it. */
static void take_payload(struct step *s, bool first)
{
    size_t n = s->n < s->at.remaining ? s->n : (size_t)s->at.remaining;
    char *p = s->p;

    unmask(p, n, s->at.mask);
    turn_mask(s->at.mask, n);
    s->at.remaining -= n;
    skip(s, n);
    client_receive(s->client, p, n, s->at.remaining < SIZE_MAX / 4 ? s->at.remaining : SIZE_MAX / 4,
                   first, s->at.final && !s->at.remaining, s->at.binary);
}

static bool close_code_valid(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

/* The peer's CLOSE: its code comes back, or says what is wrong with it. */
static void take_close(struct client *c, const char *p, size_t n)
{
    const unsigned char *b = (const unsigned char *)p;
    unsigned code = n < 2 ? 0 : (unsigned)b[0] << 8 | b[1];

    if (n == 1 || (n > 1 && !close_code_valid(code)))
        code = 1002;
    else if (n > 2 && !str_valid_utf8(p + 2, n - 2))
        code = 1007;
    client_peer_closed(c, (uint16_t)code);
}

/* A control frame, whole. */
static void take_control(struct step *s, const struct head *h)
{
    char *p = s->p + h->bytes;

    unmask(p, (size_t)h->payload, h->mask);
    skip(s, h->bytes + (size_t)h->payload);
    if (h->opcode == OP_CLOSE)
        take_close(s->client, p, (size_t)h->payload);
    else if (h->opcode == OP_PING)
        client_pinged(s->client, (parley_str){p, (size_t)h->payload});
    else
        client_heard(s->client);
}

static void violation(struct step *s)
{
    client_close(s->client, 1002, PARLEY_LEFT_VIOLATION, "protocol error");
    s->n = 0; /* what follows could be anything */
}

/* True: something was taken. */
static bool take_some(struct step *s)
{
    struct head h;
    bool first;
    int r;

    if (s->at.remaining) {
        if (!s->n)
            return false;
        take_payload(s, false);
        return true;
    }
    r = read_head(s->p, s->n, &h);
    if (r == 0 || (r > 0 && h.opcode >= OP_CLOSE && s->n < h.bytes + h.payload))
        return false;
    first = h.opcode == OP_TEXT || h.opcode == OP_BINARY;
    if (r < 0 || (first && s->at.open) || (h.opcode == OP_CONTINUATION && !s->at.open)) {
        violation(s);
        return false;
    }
    if (h.opcode >= OP_CLOSE) {
        take_control(s, &h);
        return true;
    }
    if (first)
        s->at.binary = h.opcode == OP_BINARY;
    s->at.open = !h.final;
    s->at.final = h.final;
    s->at.remaining = h.payload;
    memcpy(s->at.mask, h.mask, 4);
    skip(s, h.bytes);
    take_payload(s, first);
    return true;
}

/* --- what was read --- */

/* A client that is closing is read to its CLOSE; one without credit waits. */
static bool wants_more(const struct client *c)
{
    return !c->aborted && (c->reading || c->state == CLIENT_CLOSING);
}

static void keep(struct reader *r, const struct step *s)
{
    struct reader_rest *rest;

    if (s->client->aborted || (!s->n && !s->at.remaining && !s->at.open))
        return;
    rest = malloc(sizeof *rest + s->n);
    if (!rest) {
        client_close(s->client, 1013, PARLEY_LEFT_LOST, "out of memory");
        return;
    }
    *rest = s->at;
    rest->n = (uint32_t)s->n;
    memcpy(rest->bytes, s->p, s->n);
    r->rest = rest;
}

/* What is at `bytes`: first what was kept, then what was read behind it. Meanwhile nothing is kept,
 * so that whoever asks for reading within this call starts nothing over. */
static void take(struct reader *r, struct reader_rest *rest, char *bytes, size_t n)
{
    struct step s = {.client = r->io.data, .p = bytes, .n = n};

    if (rest)
        s.at = *rest;
    free(rest);
    while (wants_more(s.client) && take_some(&s))
        ;
    keep(r, &s);
}

/* The rest of a reader that has none from now on. */
static struct reader_rest *take_rest(struct reader *r, char *to)
{
    struct reader_rest *rest = r->rest;

    if (rest)
        memcpy(to, rest->bytes, rest->n);
    r->rest = NULL;
    return rest;
}

/* --- the sockets of a turn --- */

static void take_batch(struct reader_batch *b)
{
    for (unsigned i = 0; i < b->count; i++) {
        struct reader_entry e = b->entries[i];
        struct client *c;

        if (!e.reader)
            continue;
        b->entries[i] = (struct reader_entry){0}; /* it may be stopped by what it takes */
        c = e.reader->io.data;
        take(e.reader, e.rest, b->bytes + e.at, e.n);
        if (c->aborted)
            wire_close_now(c->wsi); /* the client may be no more */
    }
    b->count = 0;
    b->n = 0;
}

static void on_prepare(struct ev_loop *ev, ev_prepare *w, int events)
{
    struct reader_batch *b = w->data;
    enum domain before;

    (void)ev;
    (void)events;
    if (!b->count)
        return;
    before = domain_enter(DOMAIN_PUMP);
    take_batch(b);
    domain_leave(before);
}

static struct reader_batch *batch_of(const struct reader *r)
{
    const struct client *c = r->io.data;

    return c->pump->net->batch;
}

/* As long as it reads, what is kept is less than a control frame. */
static void on_readable(struct reader *r)
{
    struct reader_batch *b = batch_of(r);
    size_t had = r->rest ? r->rest->n : 0;
    ssize_t n;

    if (b->count == READER_ENTRIES || sizeof b->bytes - b->n < READER_BYTES)
        take_batch(b);
    n = recv(r->io.fd, b->bytes + b->n + had, READER_BYTES - had, MSG_DONTWAIT);
    if (n > 0) {
        struct reader_rest *rest = take_rest(r, b->bytes + b->n);

        b->entries[b->count++] = (struct reader_entry){r, rest, b->n, had + (size_t)n};
        b->n += had + (size_t)n;
    } else if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
        client_broken(r->io.data);
    }
}

static void on_event(struct ev_loop *ev, ev_io *w, int events)
{
    struct client *c = w->data;
    enum domain before = domain_enter(DOMAIN_PUMP);

    (void)ev;
    if (events & EV_CUSTOM && !wire_handshake_over(c->wsi)) {
        c->fd = 0; /* nor may anything be sent past lws, which answers pings of its own */
        wire_read(c->wsi, c->reading);
    }
    if (events & EV_READ && !c->aborted)
        on_readable(&c->reader);
    if (c->aborted)
        wire_close_now(c->wsi); /* the client may be no more */
    domain_leave(before);
}

static struct ev_loop *loop_of(const struct reader *r)
{
    const struct client *c = r->io.data;

    return c->pump->actor.loop->ev;
}

void reader_start(struct reader *r, struct client *c, int fd)
{
    ev_io_init(&r->io, on_event, fd, EV_READ);
    r->io.events = EV_READ; /* lws has watched it already: nothing is new to the kernel */
    r->io.data = c;
    r->rest = NULL;
    ev_feed_event(loop_of(r), &r->io, EV_CUSTOM); /* when the call of lws has returned */
}

void reader_read(struct reader *r, bool on)
{
    char bytes[READER_BYTES];

    if (!on) {
        ev_io_stop(loop_of(r), &r->io);
        return;
    }
    ev_io_start(loop_of(r), &r->io);
    if (r->rest) {
        size_t n = r->rest->n;

        take(r, take_rest(r, bytes), bytes, n);
    }
}

void reader_stop(struct reader *r)
{
    struct reader_batch *b = batch_of(r);

    ev_io_stop(loop_of(r), &r->io);
    free(r->rest);
    r->rest = NULL;
    for (unsigned i = 0; i < b->count; i++)
        if (b->entries[i].reader == r) {
            free(b->entries[i].rest);
            b->entries[i] = (struct reader_entry){0};
        }
}

int reader_batch_start(struct net *n)
{
    struct reader_batch *b = malloc(sizeof *b);

    n->batch = b;
    if (!b)
        return -ENOMEM;
    b->count = 0;
    b->n = 0;
    ev_prepare_init(&b->prepare, on_prepare); /* before the mail of this turn is delivered */
    b->prepare.data = b;
    ev_prepare_start(n->loop->ev, &b->prepare);
    return 0;
}

void reader_batch_finish(struct net *n)
{
    if (!n->batch)
        return;
    ev_prepare_stop(n->loop->ev, &n->batch->prepare);
    free(n->batch);
    n->batch = NULL;
}

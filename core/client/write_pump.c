/* The write pump: the last step of the road, from frames to the socket.
 *
 * A client who keeps up costs one send and nothing else. One whose socket is full is choked: from
 * the first byte that was not taken until its queue has run empty, all that it is to get goes
 * through that queue, so order holds; the queue is bounded, and what is in it are references. lws
 * says when the socket takes more.
 */
#include "client/write_pump.h"

#include "base/clock.h"
#include "client/channel_mirror.h"
#include "client/pump.h"
#include "client/send_queue.h"
#include "net/wire.h"

/* A queue that holds a small part of a large batch would keep all of it alive, uncharged. */
#define WORTH_SHARING(part, whole) ((part) >= (whole) / 2)

static int push(struct client *c, const struct piece *e)
{
    const struct settings_server *s = &c->pump->settings->server;
    uint32_t n = e->to - e->from;
    struct frame *f = e->frame, *part = NULL;
    uint32_t from = e->from, to = e->to;
    int r;

    if (!c->queue)
        return -ENOMEM;
    if (e->counted && !WORTH_SHARING(n, f->n))
        part = frame_of_bytes(f->bytes + from, n, e->messages);
    if (part) {
        f = part;
        from = 0;
        to = n;
    }
    r = send_queue_push(c->queue, f, from, to, e->messages, e->lane, e->counted,
                        (uint32_t)s->queue_bytes, (uint32_t)s->queue_messages);
    frame_unref(part);
    if (r == 0 && !e->counted && !c->queue->greeting_since_ms)
        c->queue->greeting_since_ms = clock_mono_ms();
    return r;
}

/* What could not be sent: queued, or the policy of its lane. */
static void queue_piece(struct client *c, const struct piece *e)
{
    int r = push(c, e);

    if (r == 0)
        return;
    if (e->lane == LANE_EPHEMERAL) {
        pump_dropped(c, r == -ENOBUFS ? PUMP_DROP_FULL : PUMP_DROP_MEMORY, e->messages);
        return;
    }
    pump_dropped(c, r == -ENOBUFS ? PUMP_DROP_SLOW : PUMP_DROP_MEMORY, e->messages);
    client_close(c, 4408, PARLEY_LEFT_SLOW, "too slow");
}

/* From here on all that it is to get goes through its queue. False: there is no memory for one. */
static bool choke(struct client *c)
{
    if (!c->queue) {
        c->queue = send_queue_new();
        mirror_refresh(c);
    }
    if (c->queue)
        c->queue->stalled_since_ms = clock_mono_ms();
    else
        client_close(c, 1013, PARLEY_LEFT_LOST, "out of memory");
    return c->queue != NULL;
}

/* What lws holds of a frame must leave before anything else. */
static ssize_t send_now(struct client *c, const char *bytes, size_t n)
{
    ssize_t sent = wire_send(c->wsi, c->tls, bytes, n);

    if (sent == (ssize_t)n && wire_choked(c->wsi)) {
        wire_want_writable(c->wsi);
        choke(c);
    }
    return sent;
}

void write_pump_short(struct client *c, const struct piece *pieces, unsigned n, const char *bytes,
                      ssize_t sent)
{
    size_t all = 0;

    for (unsigned i = 0; i < n; i++)
        all += pieces[i].to - pieces[i].from;
    write_pump_rest(c, pieces, n, sent < 0 ? -1 : wire_complete(c->wsi, bytes, all, (size_t)sent));
}

void write_pump_rest(struct client *c, const struct piece *pieces, unsigned n, ssize_t sent)
{
    struct pump *p = c->pump;
    size_t left;

    if (sent < 0) {
        client_broken(c);
        return;
    }
    if (!choke(c))
        return;
    p->told.bytes += (uint64_t)sent;
    p->told.sends++;
    left = (size_t)sent;
    for (unsigned i = 0; i < n && c->state != CLIENT_CLOSING; i++) {
        struct piece e = pieces[i];
        size_t bytes = e.to - e.from;

        if (left >= bytes) {
            left -= bytes;
            p->told.deliveries += e.messages;
            continue;
        }
        if (left) {
            uint32_t taken = frame_count(e.frame->bytes + e.from, left);

            p->told.deliveries += taken;
            e.from += (uint32_t)left;
            e.messages -= taken;
            left = 0;
        }
        queue_piece(c, &e);
    }
}

/* From pieces[0] on, as many as go out in one send; returns how many that were. */
static unsigned send_some(struct client *c, const struct piece *pieces, unsigned n)
{
    struct pump *p = c->pump;
    const char *data = pieces[0].frame->bytes + pieces[0].from;
    size_t bytes = pieces[0].to - pieces[0].from;
    uint32_t messages = pieces[0].messages;
    unsigned count = 1;
    ssize_t sent;

    while (count < n && bytes + (pieces[count].to - pieces[count].from) <= PUMP_SCRATCH_BYTES) {
        const struct piece *e = &pieces[count];

        if (count == 1)
            memcpy(p->scratch, data, bytes);
        data = p->scratch;
        memcpy(p->scratch + bytes, e->frame->bytes + e->from, e->to - e->from);
        bytes += e->to - e->from;
        messages += e->messages;
        count++;
    }
    sent = send_now(c, data, bytes);
    if (sent < (ssize_t)bytes) {
        write_pump_rest(c, pieces, count, sent);
    } else {
        p->told.deliveries += messages;
        p->told.bytes += bytes;
        p->told.sends++;
    }
    return count;
}

static void send_pieces(struct client *c, const struct piece *pieces, unsigned n)
{
    unsigned i = 0;

    while (i < n && !c->queue && c->state != CLIENT_CLOSING)
        i += send_some(c, pieces + i, n - i);
    for (; i < n && c->state != CLIENT_CLOSING; i++) {
        if (pieces[i].lane == LANE_EPHEMERAL)
            pump_dropped(c, PUMP_DROP_CHOKED, pieces[i].messages);
        else
            queue_piece(c, &pieces[i]);
    }
}

void gather_end(struct gather *g)
{
    if (g->count)
        send_pieces(g->client, g->pieces, g->count);
    g->count = 0;
    g->bytes = 0;
}

void gather_add(struct gather *g, struct frame *f, uint32_t from, uint32_t to, enum lane lane,
                bool counted)
{
    if (from == to)
        return;
    if (g->count == GATHER_PIECES || (g->count && g->bytes + (to - from) > PUMP_SCRATCH_BYTES))
        gather_end(g);
    g->pieces[g->count++] = (struct piece){
        .frame = f,
        .from = from,
        .to = to,
        .messages = from == 0 && to == f->n ? f->count : frame_count(f->bytes + from, to - from),
        .lane = (uint8_t)lane,
        .counted = counted};
    g->bytes += to - from;
}

/* One send from the head of the queue. False: the socket takes no more, or is broken. */
static bool drain_some(struct client *c)
{
    struct pump *p = c->pump;
    struct send_queue *q = c->queue;
    struct send_entry *e = send_queue_peek(q);
    const char *data = e->frame->bytes + e->from;
    size_t bytes = e->to - e->from;
    ssize_t sent, left;

    for (uint32_t i = 1; i < q->count; i++) {
        struct send_entry *next = send_queue_at(q, i);

        if (bytes + (next->to - next->from) > PUMP_SCRATCH_BYTES)
            break;
        if (i == 1)
            memcpy(p->scratch, data, bytes);
        data = p->scratch;
        memcpy(p->scratch + bytes, next->frame->bytes + next->from, next->to - next->from);
        bytes += next->to - next->from;
    }
    sent = wire_send(c->wsi, c->tls, data, bytes);
    if (sent < 0) {
        client_broken(c);
        return false;
    }
    for (left = sent; left > 0;) {
        e = send_queue_peek(q);
        uint32_t n = e->to - e->from;

        if (n > (uint32_t)left)
            n = (uint32_t)left;
        p->told.deliveries += send_queue_advance(q, n);
        left -= n;
    }
    if (sent > 0) { /* it reads, if slowly: that is a sign of life */
        q->stalled_since_ms = c->heard_ms = clock_mono_ms();
        p->told.bytes += (uint64_t)sent;
        p->told.sends++;
    }
    return sent == (ssize_t)bytes;
}

int client_writable(struct client *c)
{
    enum domain before = domain_enter(DOMAIN_PUMP);
    int r = 0;

    if (c->wsi && !c->aborted && !c->peer_closing) {
        while (c->queue && c->queue->count && !wire_choked(c->wsi) && drain_some(c))
            ;
        if (c->queue && !c->queue->count && !wire_choked(c->wsi))
            client_unchoke(c);
        if (c->close_given) { /* -1 once more, and lws would not wait for the peer's answer */
            domain_leave(before);
            return 0;
        }
        if (c->state == CLIENT_CLOSING && !c->aborted && !c->queue && !wire_choked(c->wsi)) {
            c->since_ms = clock_mono_ms(); /* from now on the peer's answer is waited for */
            c->close_given = true;
            r = -1;
        } else if (!c->aborted && (c->queue || c->state == CLIENT_CLOSING)) {
            wire_want_writable(c->wsi);
        }
    }
    domain_leave(before);
    return r;
}

void client_send(struct client *c, struct frame *take_frame, enum lane lane, bool greeting)
{
    if (c->state == CLIENT_CONNECTING || c->state == CLIENT_OPEN)
        mirror_flush_client(c, take_frame, lane, !greeting);
    frame_unref(take_frame);
}

bool write_pump_ping(struct client *c)
{
    char ping[FRAME_HEADER_BYTES + 1];
    size_t n = frame_header(ping, FRAME_PING, 1);
    ssize_t sent;

    ping[n++] = '.'; /* the pong repeats it, and of an empty one lws says nothing */
    sent = send_now(c, ping, n);
    if (sent < 0)
        client_broken(c);
    return sent == (ssize_t)n;
}

/* Batches: what is published is gathered by channel, and leaves with one send a member.
 *
 * The first publication of a batch is taken as it is, without a copy; further ones make it a buffer
 * of the pump's own. Bytes below frame->n never change, so that queues of choked clients may refer
 * to a batch that is still being filled; it is moved only while nobody does. Publishing never fails
 * for want of memory: then the batch leaves at once, and the publication begins the next one.
 */
#include "client/channel_mirror.h"
#include "client/pump.h"
#include "client/write_pump.h"
#include "net/wire.h"

#include <stdlib.h>

#define BATCH_BYTES      4096u
#define BATCH_FULL_BYTES PUMP_SCRATCH_BYTES /* leaves without waiting for the flush */
#define SPARE_BYTES      (2 * PUMP_SCRATCH_BYTES)
#define PENDING_MOST                                                             \
    ((uint64_t)1024 * 1024) /* in all channels together: no window is worth more \
                             */
#define LOOK_AHEAD   8
#define EXCEPTS_KEPT 64
#define RUNS_KEPT    64

/* --- one batch --- */

static const struct batch_except *except_at(const struct batch *b, uint32_t i)
{
    return b->except_cap ? &b->excepts[i] : &b->first;
}

static bool is_excepted(const struct batch_except *e, const struct client *c)
{
    return (e->but && e->but == c->handle) || (e->but_user && e->but_user == c->user) ||
           (e->not_dashboards && c->identity->dashboard);
}

static bool any_excepted(const struct batch *b, const struct client *c)
{
    for (uint32_t i = 0; i < b->except_count; i++)
        if (is_excepted(except_at(b, i), c))
            return true;
    return false;
}

/* Room for n more bytes behind what is there. */
static int reserve(struct pump *p, struct batch *b, uint32_t n)
{
    struct frame *old = b->frame, *f;
    uint64_t need = (uint64_t)old->n + n, cap = b->cap ? 2 * (uint64_t)b->cap : BATCH_BYTES;
    bool shared = !b->cap || atomic_load_explicit(&old->refs, memory_order_relaxed) != 1;

    if (b->cap >= need)
        return 0;
    while (cap < need)
        cap *= 2;
    if (cap > UINT32_MAX - sizeof *f)
        return -ENOMEM;
    if (!shared) {
        f = realloc(old, sizeof *f + cap);
    } else if (p->spare && p->spare_cap >= need) {
        f = p->spare;
        cap = p->spare_cap;
        p->spare = NULL;
    } else {
        f = malloc(sizeof *f + cap);
    }
    if (!f)
        return -ENOMEM;
    if (shared) {
        atomic_init(&f->refs, 1);
        f->n = old->n;
        f->count = old->count;
        memcpy(f->bytes, old->bytes, old->n);
        frame_unref(old);
    }
    b->frame = f;
    b->cap = (uint32_t)cap;
    return 0;
}

/* Notes who does not get the n bytes that come next. */
static int add_except(struct batch *b, uint32_t n, const struct mail_publish *m)
{
    uint32_t from = b->frame ? b->frame->n : 0;
    struct batch_except e = {from, from + n, m->but, m->but_user, m->not_dashboards}, *last;

    if (!m->but && !m->but_user && !m->not_dashboards)
        return 0;
    if (b->except_count) {
        last = (struct batch_except *)except_at(b, b->except_count - 1);
        if (last->to == from && last->but == e.but && last->but_user == e.but_user &&
            last->not_dashboards == e.not_dashboards) {
            last->to = e.to;
            return 0;
        }
    }
    if (!b->except_cap && !b->except_count) { /* the one that needs no memory */
        b->first = e;
        b->except_count = 1;
        return 0;
    }
    if (b->except_count >= b->except_cap) {
        uint32_t cap = b->except_cap ? 2 * b->except_cap : 8;
        struct batch_except *more = realloc(b->excepts, cap * sizeof *more);

        if (!more)
            return -ENOMEM;
        if (!b->except_cap)
            more[0] = b->first;
        b->excepts = more;
        b->except_cap = cap;
    }
    b->excepts[b->except_count++] = e;
    return 0;
}

/* Notes that what comes next belongs to the run that goes on. */
static int add_run(struct batch *b, uint64_t serial)
{
    uint64_t last = b->run_count ? b->runs[b->run_count - 1].serial : b->serial;

    if (!b->frame) {
        b->serial = serial;
        return 0;
    }
    if (last == serial)
        return 0;
    if (b->run_count == b->run_cap) {
        uint32_t cap = b->run_cap ? 2 * b->run_cap : 8;
        struct batch_run *more = realloc(b->runs, cap * sizeof *more);

        if (!more)
            return -ENOMEM;
        b->runs = more;
        b->run_cap = cap;
    }
    b->runs[b->run_count++] = (struct batch_run){b->frame->n, serial};
    return 0;
}

static int append(struct pump *p, struct batch *b, struct frame *f, const struct mail_publish *m)
{
    if (b->frame && reserve(p, b, f->n) < 0)
        return -ENOMEM;
    if (m->lane == LANE_ORDERED && add_run(b, p->run_serial) < 0)
        return -ENOMEM;
    if (add_except(b, f->n, m) < 0)
        return -ENOMEM;
    if (!b->frame) {
        b->frame = f;
        b->cap = 0;
        return 0;
    }
    memcpy(b->frame->bytes + b->frame->n, f->bytes, f->n);
    b->frame->n += f->n;
    b->frame->count += f->count;
    frame_unref(f);
    return 0;
}

static void reset(struct pump *p, struct batch *b)
{
    struct frame *f = b->frame;

    if (f && b->cap && !p->spare && b->cap <= SPARE_BYTES &&
        atomic_load_explicit(&f->refs, memory_order_relaxed) == 1) {
        p->spare = f;
        p->spare_cap = b->cap;
    } else {
        frame_unref(f);
    }
    b->frame = NULL;
    b->cap = 0;
    b->except_count = b->run_count = 0;
    if (b->run_cap > RUNS_KEPT) {
        free(b->runs);
        b->runs = NULL;
        b->run_cap = 0;
    }
    if (b->except_cap > EXCEPTS_KEPT) {
        free(b->excepts);
        b->excepts = NULL;
        b->except_cap = 0;
    }
}

void mirror_publish(struct pump *p, struct mail_publish *m)
{
    struct pump_channel *ch = mirror_channel(p, m->channel);
    bool added = false, full = false;

    if (m->lane == LANE_ORDERED && p->run_channel != ch) {
        p->run_channel = ch;
        p->run_serial++;
    }
    for (int i = 0; i < PROTOCOLS_MAX; i++) {
        struct frame *f = m->frames[i];

        if (!f)
            continue;
        if (!ch || !ch->member_count[i]) {
            frame_unref(f);
            continue;
        }
        p->window.pending_bytes += f->n;
        if (append(p, &ch->batches[i][m->lane], f, m) < 0) {
            mirror_flush_channel(p, ch);
            append(p, &ch->batches[i][m->lane], f, m); /* the first of a batch needs no memory */
        }
        full = full || ch->batches[i][m->lane].frame->n >= BATCH_FULL_BYTES;
        added = true;
    }
    if (!added)
        return;
    if (!ch->is_dirty) {
        ch->is_dirty = true;
        ch->next_dirty = p->dirty;
        p->dirty = ch;
    }
    if (ch->window == p->window.serial && ch->batch_of != p->window.batch)
        p->window.gathered++;
    ch->window = p->window.serial;
    ch->batch_of = p->window.batch;
    p->window.published = true;
    if (full)
        mirror_flush_channel(p, ch);
    if (p->window.pending_bytes >= PENDING_MOST)
        p->window.full = true;
}

/* --- to one client --- */

/* Bytes of a batch, less what this client does not get. */
static void gather_range(struct gather *g, const struct batch *b, uint32_t at, uint32_t to,
                         enum lane lane)
{
    for (uint32_t i = 0; i < b->except_count; i++) {
        const struct batch_except *e = except_at(b, i);

        if (e->to <= at || e->from >= to || !is_excepted(e, g->client))
            continue;
        if (e->from > at)
            gather_add(g, b->frame, at, e->from, lane, true);
        at = e->to;
    }
    if (at < to)
        gather_add(g, b->frame, at, to, lane, true);
}

/* What of this batch is still for this member; afterwards it has had it. */
static void gather_batch(struct gather *g, struct member *m, const struct batch *b, enum lane lane)
{
    uint32_t at = m->cursor[lane];

    if (!b->frame || at == b->frame->n)
        return;
    m->cursor[lane] = b->frame->n; /* before anything is sent: m may be gone then */
    gather_range(g, b, at, b->frame->n, lane);
}

/* The serial of the run that a byte belongs to, and where that run ends. */
static uint64_t run_at(const struct batch *b, uint32_t at, uint32_t *ret_end)
{
    uint32_t i = 0;

    while (i < b->run_count && b->runs[i].from <= at)
        i++;
    *ret_end = i < b->run_count ? b->runs[i].from : b->frame->n;
    return i ? b->runs[i - 1].serial : b->serial;
}

static struct member *member_of(const struct client *c, uint32_t membership)
{
    const struct membership *ms = &c->memberships[membership];

    return &ms->channel->members[c->protocol][ms->index];
}

/* The ordered batches of all his channels, run by run in the order in which they were published. */
static void gather_ordered(struct gather *g)
{
    struct client *c = g->client;

    while (c->state != CLIENT_CLOSING) { /* who is closed by a send is in no channel any more */
        const struct batch *first = NULL;
        struct member *m = NULL;
        uint64_t serial = UINT64_MAX;
        uint32_t to = 0, at;

        for (uint32_t i = 0; i < c->membership_count; i++) {
            const struct pump_channel *ch = c->memberships[i].channel;
            const struct batch *b = &ch->batches[c->protocol][LANE_ORDERED];
            uint32_t end;

            if (!ch->is_dirty || !b->frame || member_of(c, i)->cursor[LANE_ORDERED] == b->frame->n)
                continue;
            if (run_at(b, member_of(c, i)->cursor[LANE_ORDERED], &end) >= serial)
                continue;
            m = member_of(c, i);
            serial = run_at(b, m->cursor[LANE_ORDERED], &to);
            first = b;
        }
        if (!first)
            return;
        at = m->cursor[LANE_ORDERED];
        m->cursor[LANE_ORDERED] = to;
        gather_range(g, first, at, to, LANE_ORDERED);
    }
}

static void gather_ephemeral(struct gather *g)
{
    struct client *c = g->client;

    for (uint32_t i = 0; i < c->membership_count; i++)
        if (c->memberships[i].channel->is_dirty)
            gather_batch(g, member_of(c, i),
                         &c->memberships[i].channel->batches[c->protocol][LANE_EPHEMERAL],
                         LANE_EPHEMERAL); /* when that closes him, he is in none any more */
}

void mirror_flush_client(struct client *c, struct frame *last, enum lane lane, bool counted)
{
    struct gather g;

    gather_begin(&g, c);
    if (c->pump->dirty) {
        gather_ordered(&g);
        gather_ephemeral(&g);
    }
    if (last && c->state != CLIENT_CLOSING)
        gather_add(&g, last, 0, last->n, lane, counted);
    gather_end(&g);
}

/* With others he would see the one channel's news before older ones of the other. */
static bool in_another(const struct pump *p, const struct client *c)
{
    unsigned dirty = 0;

    if (!p->dirty || !p->dirty->next_dirty)
        return false;
    for (uint32_t i = 0; i < c->membership_count; i++)
        dirty += c->memberships[i].channel->is_dirty;
    return dirty > 1;
}

/* --- to all --- */

struct whole { /* what every member gets who is not an exception */
    struct piece pieces[LANES];
    unsigned count;
    const char *data; /* NULL: too much for one send */
    size_t bytes;
    uint32_t messages;
};

static void prepare_whole(struct pump *p, struct batch batches[LANES], struct whole *w)
{
    *w = (struct whole){0};
    for (int lane = 0; lane < LANES; lane++) {
        struct frame *f = batches[lane].frame;

        if (!f)
            continue;
        w->pieces[w->count++] = (struct piece){
            .frame = f, .to = f->n, .messages = f->count, .lane = (uint8_t)lane, .counted = true};
        w->bytes += f->n;
        w->messages += f->count;
    }
    if (w->count == 1) {
        w->data = w->pieces[0].frame->bytes;
    } else if (w->count == LANES && w->bytes <= PUMP_SCRATCH_BYTES) {
        uint32_t n = w->pieces[0].to;

        memcpy(p->joint, w->pieces[0].frame->bytes, n);
        memcpy(p->joint + n, w->pieces[1].frame->bytes, w->pieces[1].to);
        w->data = p->joint;
    }
}

static void flush_odd(struct client *c, struct member *m)
{
    mirror_flush_client(c, NULL, LANE_ORDERED, true);
    if (c->state != CLIENT_CLOSING) /* else m is somebody else, or nobody */
        m->cursor[LANE_ORDERED] = m->cursor[LANE_EPHEMERAL] = 0;
}

/* Whether nobody in this channel can have something pending in another one, who is in no other but
 * everyone's. */
static bool others_are_clean(const struct pump *p, const struct pump_channel *ch)
{
    const struct pump_channel *everyone = p->channel_count ? p->channels[0] : NULL;

    return !p->dirty || !p->dirty->next_dirty || (ch->number && !(everyone && everyone->is_dirty));
}

/* Whether one send gives him all of it. As a rule the answer is in the channel's own array, and the
 * client, which lies elsewhere in memory, is not looked at. */
static bool is_direct(const struct pump *p, const struct member *m, bool others_clean, bool odd,
                      const struct batch batches[LANES])
{
    if (!m->fd || m->cursor[LANE_ORDERED] || m->cursor[LANE_EPHEMERAL])
        return false;
    if (!(m->alone && others_clean) && in_another(p, m->client))
        return false;
    return !odd || !(any_excepted(&batches[LANE_ORDERED], m->client) ||
                     any_excepted(&batches[LANE_EPHEMERAL], m->client));
}

static void flush_protocol(struct pump *p, struct pump_channel *ch, int proto)
{
    struct batch *ordered = &ch->batches[proto][LANE_ORDERED];
    struct batch *ephemeral = &ch->batches[proto][LANE_EPHEMERAL];
    bool odd = ordered->except_count || ephemeral->except_count;
    bool clean = others_are_clean(p, ch);
    uint64_t sends = 0;
    struct whole w;

    prepare_whole(p, ch->batches[proto], &w);
    if (!w.count)
        return;
    /* From the end, because whoever is closed by his send leaves, and the last one takes his place.
     */
    for (uint32_t i = ch->member_count[proto]; i-- > 0;) {
        struct member *m = &ch->members[proto][i];
        ssize_t sent;

        if (!w.data || !is_direct(p, m, clean, odd, ch->batches[proto])) {
            flush_odd(m->client, m);
            continue;
        }
        sent = wire_send_direct(m->fd, w.data, w.bytes);
        if (sent == (ssize_t)w.bytes)
            sends++;
        else
            write_pump_short(m->client, w.pieces, w.count, w.data, sent);
    }
    p->told.sends += sends;
    p->told.bytes += sends * w.bytes;
    p->told.deliveries += sends * w.messages;
    p->window.pending_bytes -= w.bytes;
    reset(p, ordered);
    reset(p, ephemeral);
}

void mirror_flush_channel(struct pump *p, struct pump_channel *ch)
{
    for (int proto = 0; proto < PROTOCOLS_MAX; proto++)
        flush_protocol(p, ch, proto);
}

void mirror_flush_now(struct pump *p)
{
    struct pump_channel *ch;

    while ((ch = p->dirty)) {
        mirror_flush_channel(p, ch);
        p->dirty =
            ch->next_dirty; /* dirty until here, or its last member would have taken it along */
        ch->is_dirty = false;
        mirror_release(p, ch);
    }
    p->window.full = false;
    metric_inc(p->metrics.flushes);
}

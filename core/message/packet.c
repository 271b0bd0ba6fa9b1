/* Packets: what is delivered. The texts lie behind the struct, in one allocation, the payload last.
 */
#include "message/packet.h"

#include "message/encode.h"

#include <stdlib.h>

static size_t bytes_of(parley_str s)
{
    return s.p ? s.n + 1 : 0;
}

static void add(struct buf *text, parley_str s)
{
    if (!s.p)
        return;
    buf_add(text, s.p, s.n);
    buf_add_char(text, 0);
}

/* Where add() has put it. */
static parley_str added(char **at, parley_str s)
{
    parley_str r = {*at, s.n};

    if (!s.p)
        return PARLEY_NONE;
    *at += s.n + 1;
    return r;
}

void packet_begin(struct buf *text, const struct packet_parts *parts, size_t expected_bytes)
{
    size_t n = sizeof(struct packet) + bytes_of(parts->type) + bytes_of(parts->sender) +
               bytes_of(parts->channel) + bytes_of(parts->epoch);

    buf_init(text, 0);
    if (!buf_reserve(text, n + expected_bytes))
        return;
    text->n = sizeof(struct packet);
    add(text, parts->type);
    add(text, parts->sender);
    add(text, parts->channel);
    add(text, parts->epoch);
}

struct packet *packet_end(struct buf *text, const struct packet_parts *parts)
{
    struct packet *p;
    char *at, *end;

    if (text->error) {
        buf_finish(text);
        return NULL;
    }
    buf_fit(text);
    p = (struct packet *)(void *)text->p;
    at = (char *)(p + 1);
    end = text->p + text->n;
    buf_init(text, 0);
    memset(p, 0, sizeof *p);
    p->pub.api = &parley_host_api;
    atomic_init(&p->refs, 1);
    p->lane = parts->lane;
    p->cache_id = parts->cache_id;
    p->offset = parts->offset;
    p->type = added(&at, parts->type);
    p->sender = added(&at, parts->sender);
    p->channel = added(&at, parts->channel);
    p->epoch = added(&at, parts->epoch);
    p->payload = (parley_str){at, (size_t)(end - at)};
    return p;
}

struct packet *packet_new(const struct packet_parts *parts)
{
    struct buf text;

    packet_begin(&text, parts, parts->payload.n);
    buf_add_str(&text, parts->payload);
    return packet_end(&text, parts);
}

struct packet *packet_ref(struct packet *p)
{
    atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    return p;
}

void packet_unref(struct packet *p)
{
    if (!p || (atomic_load_explicit(&p->refs, memory_order_acquire) != 1 &&
               atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) != 1))
        return;
    for (int i = 0; i < PROTOCOLS_MAX; i++)
        frame_unref(p->frames[i]);
    free(p);
}

struct frame *packet_frame(struct packet *p, const struct registry *r, uint8_t protocol)
{
    if (!p->frames[protocol]) {
        parley_event e = {.struct_size = sizeof e,
                          .kind = PARLEY_EVENT_MESSAGE,
                          .type = p->type,
                          .sender = p->sender,
                          .payload = p->payload,
                          .cache_id = p->cache_id,
                          .offset = p->offset,
                          .epoch = p->epoch,
                          .channel = p->channel};

        p->frames[protocol] = encode_event(&r->protocols[protocol], &e);
    }
    return p->frames[protocol];
}

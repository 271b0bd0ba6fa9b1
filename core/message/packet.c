/* Packets: what is delivered. The texts lie behind the struct, in one allocation. */
#include "message/packet.h"

#include "message/encode.h"

#include <stdlib.h>

static parley_str copy(char **at, parley_str s)
{
    parley_str r = PARLEY_NONE;

    if (!s.p)
        return r;
    r = (parley_str){*at, s.n};
    memcpy(*at, s.p, s.n);
    (*at)[s.n] = 0;
    *at += s.n + 1;
    return r;
}

struct packet *packet_new(const struct packet_parts *parts)
{
    size_t n =
        parts->type.n + parts->sender.n + parts->payload.n + parts->channel.n + parts->epoch.n + 5;
    struct packet *p = malloc(sizeof *p + n);
    char *at;

    if (!p)
        return NULL;
    at = (char *)(p + 1);
    memset(p, 0, sizeof *p);
    p->pub.api = &parley_host_api;
    atomic_init(&p->refs, 1);
    p->lane = parts->lane;
    p->cache_id = parts->cache_id;
    p->offset = parts->offset;
    p->type = copy(&at, parts->type);
    p->sender = copy(&at, parts->sender);
    p->payload = copy(&at, parts->payload);
    p->channel = copy(&at, parts->channel);
    p->epoch = copy(&at, parts->epoch);
    return p;
}

struct packet *packet_ref(struct packet *p)
{
    atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    return p;
}

void packet_unref(struct packet *p)
{
    if (!p || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) != 1)
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

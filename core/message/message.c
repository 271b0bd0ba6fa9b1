/* BaseMessages: their memory. One is born on a pump (or in the hub, when the server speaks), and
 * dies where it was born. */
#include "message/message.h"

#include "message/packet.h"

#include <stdlib.h>

#define MESSAGE_FIRST_BYTES 1024
#define MESSAGE_BLOCK_BYTES 4096

struct message_memory { /* most messages never need more than this one block */
    struct message message;
    _Alignas(8) char first[MESSAGE_FIRST_BYTES];
};

static void prepare(struct message_memory *mm)
{
    struct message *m = &mm->message;

    memset(m, 0, sizeof *m);
    m->pub.api = &parley_host_api;
    arena_init_in(&m->arena, mm->first, sizeof mm->first, MESSAGE_BLOCK_BYTES);
}

struct message *message_new(void)
{
    struct message_memory *mm = malloc(sizeof *mm);

    if (!mm)
        return NULL;
    prepare(mm);
    return &mm->message;
}

static void release(struct message *m)
{
    identity_unref(m->identity);
    packet_unref(m->packet);
    arena_finish(&m->arena);
}

void message_reset(struct message *m)
{
    struct buf payload = m->payload;

    release(m);
    prepare((struct message_memory *)m);
    buf_clear(&payload);
    m->payload = payload;
}

void message_destroy(struct message *m)
{
    if (!m)
        return;
    release(m);
    buf_finish(&m->payload);
    free(m);
}

struct message *message_copy(const struct message *m)
{
    struct message *c = message_new();

    if (!c)
        return NULL;
    c->hub = m->hub;
    c->type = m->type;
    c->type_name = arena_str(&c->arena, m->type_name);
    c->flags = m->flags;
    c->author = m->author;
    c->identity = m->identity ? identity_ref(m->identity) : NULL;
    c->id = arena_str(&c->arena, m->id);
    c->channel = arena_str(&c->arena, m->channel);
    c->recipient = arena_str(&c->arena, m->recipient);
    c->protocol = m->protocol;
    buf_add(&c->payload, m->payload.p, m->payload.n);
    if (c->payload.error || !c->type_name.p || (m->channel.p && !c->channel.p) ||
        (m->recipient.p && !c->recipient.p)) {
        message_destroy(c);
        return NULL;
    }
    return c;
}

const parley_value *message_parsed(struct message *m)
{
    parley_str text = m->packet ? m->packet->payload : (parley_str){m->payload.p, m->payload.n};
    const struct value *v;
    const char *why;

    if (!m->parsed && value_parse(&m->arena, text, OUT_DEPTH, UINT32_MAX, &v, &why) == 0)
        m->parsed = &v->pub;
    return m->parsed;
}

int message_replace_payload(struct message *m, struct out *take)
{
    int r = out_end(take);

    if (r == 0) {
        buf_finish(&m->payload);
        m->payload = take->text;
        buf_init(&take->text, 0);
        m->parsed = NULL;
    }
    out_finish_memory(take);
    return r;
}

int message_merge(struct message *m, struct out *take)
{
    const parley_value *old = message_parsed(m);
    const struct value *changes;
    const char *why;
    struct out merged;
    int r = out_end(take);

    if (r == 0 && !old)
        r = -ENOMEM;
    if (r == 0)
        r = value_parse(&m->arena, (parley_str){take->text.p, take->text.n}, OUT_DEPTH, UINT32_MAX,
                        &changes, &why);
    out_finish_memory(take);
    if (r)
        return r;
    out_init(&merged, 0);
    for (size_t i = 0; i < value_length(old); i++) {
        const parley_value *member = value_at(old, i), *change;
        parley_str key = value_key(member);

        change = value_get(&changes->pub, key.p);
        out_put_value(&merged.pub, key.p, change ? change : member);
    }
    for (size_t i = 0; i < value_length(&changes->pub); i++) {
        const parley_value *member = value_at(&changes->pub, i);

        if (!value_get(old, value_key(member).p))
            out_put_value(&merged.pub, value_key(member).p, member);
    }
    return message_replace_payload(m, &merged);
}

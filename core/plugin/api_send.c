/* The SDK's functions that tell the world: new messages, packets, deliveries, greetings. All but
 * deliver are queued. [hub] */
#include "base/log.h"
#include "base/str.h"
#include "hub/internal.h"
#include "plugin/internal.h"

#include <stdlib.h>

#define MESSAGE_LIMIT (4 << 20)

parley_out *out_nothing(void)
{
    static struct out nothing = {
        .pub.api = &parley_host_api, .error = -ENOMEM, .owner_kind = OUT_NOTHING};

    return &nothing.pub; /* never written: an out with an error takes no more */
}

void out_message_free(struct out_message *o)
{
    if (!o || o->out.owner_kind == OUT_NOTHING)
        return;
    out_finish_memory(&o->out);
    free(o->type);
    free(o->url);
    free(o);
}

parley_out *api_message_new(parley_host *h, const char *type)
{
    struct out_message *o = calloc(1, sizeof *o);

    if (o)
        o->type = str_dup(str_of(type));
    if (!o || !o->type) {
        free(o);
        return out_nothing();
    }
    out_init(&o->out, MESSAGE_LIMIT);
    o->out.owner_kind = OUT_MESSAGE;
    o->instance = instance_of(h);
    return &o->out.pub;
}

static struct out_message *message_out(parley_out *take)
{
    return out_of(take)->owner_kind == OUT_MESSAGE ? (struct out_message *)take : NULL;
}

static int check_to(const parley_to *to)
{
    if (to->kind < PARLEY_TO_ALL || to->kind > PARLEY_TO_CHANNEL)
        return -EINVAL;
    if (to->kind == PARLEY_TO_CLIENT)
        return to->client.v ? 0 : -EINVAL;
    return to->kind == PARLEY_TO_ALL || to->name.n ? 0 : -EINVAL;
}

/* `to`, whatever size it has in the plugin. */
static int read_to(const parley_to *from, parley_to *to)
{
    memset(to, 0, sizeof *to);
    memcpy(to, from, from->struct_size < sizeof *to ? from->struct_size : sizeof *to);
    to->struct_size = sizeof *to;
    return check_to(to);
}

static int add_delivery(struct message *m, const parley_to *to)
{
    if (m->delivery_count == m->delivery_cap) {
        uint32_t cap = m->delivery_cap ? 2 * m->delivery_cap : 4;
        parley_to *more = arena_alloc(&m->arena, cap * sizeof *more);

        if (!more)
            return -ENOMEM;
        if (m->delivery_count)
            memcpy(more, m->deliveries, m->delivery_count * sizeof *more);
        m->deliveries = more;
        m->delivery_cap = cap;
    }
    m->deliveries[m->delivery_count] = *to;
    m->deliveries[m->delivery_count].name = arena_str(&m->arena, to->name);
    m->deliveries[m->delivery_count].but_user = arena_str(&m->arena, to->but_user);
    m->deliveries[m->delivery_count].role = arena_str(&m->arena, to->role);
    m->delivery_count++;
    return 0;
}

int api_deliver(parley_message *pub, const parley_to *where)
{
    struct message *m = (struct message *)pub;
    parley_to to;

    DOMAIN_ASSERT(DOMAIN_HUB);
    if (read_to(where, &to) < 0)
        return -EINVAL;
    if (m->state != MESSAGE_NEW)
        return -EBUSY;
    for (uint32_t i = 0; i < m->delivery_count; i++)
        if (m->deliveries[i].kind == to.kind && m->deliveries[i].client.v == to.client.v &&
            str_eq(m->deliveries[i].name, to.name))
            return 0;
    return add_delivery(m, &to);
}

static struct message *server_message(struct hub *h, struct out_message *o)
{
    struct message *m = out_end(&o->out) == 0 ? message_new() : NULL;

    if (!m)
        return NULL;
    m->hub = h;
    m->type = registry_type(h->registry, str_of(o->type));
    m->type_name = arena_str(&m->arena, str_of(o->type));
    m->flags = m->type ? m->type->type.flags : 0;
    m->payload = o->out.text;
    buf_init(&o->out.text, 0);
    return m;
}

static int refuse_out(struct out_message *o, const char *what)
{
    int r = o->out.error ? o->out.error : -ENOMEM;

    log_event(LOG_LEVEL_WARNING, "message_not_sent", LOG_TEXT("section", o->instance->host.section),
              LOG_TEXT("type", o->type), LOG_TEXT("what", what), LOG_TEXT("msg", strerror(-r)));
    out_message_free(o);
    return r;
}

int api_send(parley_out *take, const parley_to *where)
{
    struct out_message *o = message_out(take);
    struct hub *h;
    struct message *m;
    struct op *op;
    parley_to to;

    DOMAIN_ASSERT(DOMAIN_HUB);
    if (!o)
        return out_of(take)->error ? out_of(take)->error : -EINVAL;
    h = o->instance->hub;
    if (read_to(where, &to) < 0) {
        out_message_free(o);
        return -EINVAL;
    }
    m = server_message(h, o);
    if (!m)
        return refuse_out(o, "payload");
    if (to.kind == PARLEY_TO_CHANNEL && !(m->to = channel_find(&h->channels, to.name))) {
        message_destroy(m);
        out_message_free(o);
        return -ENOENT;
    }
    if (m->to)
        m->channel = arena_str(&m->arena, m->to->name);
    if (to.role.p) /* for some of its members: it takes no place in the channel, or history would
                      show it to all */
        m->to = NULL;
    op = add_delivery(m, &to) == 0 ? op_new(h, OP_SEND, o->instance, 0) : NULL;
    if (!op) {
        message_destroy(m);
        return refuse_out(o, "queue");
    }
    op->message = m;
    out_message_free(o);
    return 0;
}

parley_packet *api_pack(parley_out *take)
{
    struct out_message *o = message_out(take);
    struct packet_parts parts = {.sender = PARLEY_STR("Server")};
    struct packet *p = NULL;
    struct plugin_type *t;

    DOMAIN_ASSERT(DOMAIN_HUB);
    if (!o)
        return NULL;
    t = registry_type(o->instance->hub->registry, str_of(o->type));
    if (out_end(&o->out) == 0) {
        parts.type = str_of(o->type);
        parts.payload = (parley_str){o->out.text.p, o->out.text.n};
        parts.lane = t && (t->type.flags & PARLEY_EPHEMERAL) ? LANE_EPHEMERAL : LANE_ORDERED;
        p = packet_new(&parts);
    }
    if (!p) {
        refuse_out(o, "pack");
        return NULL;
    }
    out_message_free(o);
    return &p->pub;
}

parley_packet *api_message_packet(const parley_message *pub)
{
    struct message *m = (struct message *)(uintptr_t)pub;

    return m->packet ? &m->packet->pub : NULL;
}

parley_packet *api_packet_keep(parley_packet *p)
{
    packet_ref(packet_of(p));
    return p;
}

void api_packet_release(parley_packet *p)
{
    packet_unref(packet_of(p));
}

int64_t api_packet_offset(const parley_packet *p)
{
    return packet_of(p)->offset;
}

size_t api_packet_bytes(const parley_packet *p)
{
    return packet_of(p)->payload.n;
}

void api_put_payload(parley_out *o, const char *key, const parley_packet *p)
{
    out_put_raw(o, key, packet_of(p)->payload);
}

int api_send_packet(parley_host *host, parley_packet *p, const parley_to *where)
{
    struct plugin_instance *i = instance_of(host);
    parley_to to;
    struct op *op;

    DOMAIN_ASSERT(DOMAIN_HUB);
    if (read_to(where, &to) < 0)
        return -EINVAL;
    op = op_new(i->hub, OP_PACKET, i, ops_to_bytes(&to));
    if (!op)
        return -ENOMEM;
    ops_to(op, &to);
    op->packet = packet_ref(packet_of(p));
    return 0;
}

int api_greet(parley_host *host, parley_client c, int32_t order, parley_packet *p)
{
    struct plugin_instance *i = instance_of(host);
    struct hub_client *client = clients_find(i->hub, c.v);
    struct op *op;

    DOMAIN_ASSERT(DOMAIN_HUB);
    if (!client)
        return -ESTALE;
    if (client->state != HUB_CLIENT_CONNECTING)
        return -EBUSY;
    op = op_new(i->hub, OP_GREET, i, 0);
    if (!op)
        return -ENOMEM;
    op->client = c.v;
    op->number = order;
    op->packet = packet_ref(packet_of(p));
    return 0;
}

/* The SDK's functions that tell the world: new messages, packets, deliveries, greetings. What
 * others see of it waits until the hook has returned. [hub] */
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

static void out_message_free(struct out_message *o)
{
    out_finish_memory(&o->out);
    free(o->type);
    free(o->url);
    free(o);
}

parley_out *out_message_new(parley_host *h, enum out_kind kind, const char *type, const char *url)
{
    struct plugin_instance *i = instance_of(h);
    struct out_message *o = calloc(1, sizeof *o);

    if (o) {
        o->type = str_dup(str_of(type));
        o->url = url ? str_dup(str_of(url)) : NULL;
    }
    if (!o || !o->type || (url && !o->url)) {
        if (o) {
            free(o->type);
            free(o->url);
        }
        free(o);
        return out_nothing();
    }
    out_init(&o->out, MESSAGE_LIMIT);
    o->out.owner_kind = kind;
    o->out.error = *o->type ? 0 : -EINVAL; /* a message of no type is none */
    o->instance = i;
    if (domain_current == DOMAIN_HUB) {
        o->listed = true;
        o->next = i->hub->outs;
        i->hub->outs = o;
    }
    return &o->out.pub;
}

void out_message_spend(struct out_message *o)
{
    if (!o->listed) {
        out_message_free(o);
        return;
    }
    out_finish_memory(&o->out);
    o->out.owner_kind = OUT_SPENT;
    o->out.error = -EINVAL;
}

void outs_free(struct hub *h)
{
    struct out_message *o;

    while ((o = h->outs)) {
        h->outs = o->next;
        out_message_free(o);
    }
}

parley_out *api_message_new(parley_host *h, const char *type)
{
    DOMAIN_ASSERT(DOMAIN_HUB);
    return out_message_new(h, OUT_MESSAGE, type, NULL);
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
    if (from->struct_size >= sizeof *to) {
        *to = *from;
    } else {
        memset(to, 0, sizeof *to);
        memcpy(to, from, from->struct_size);
    }
    to->struct_size = sizeof *to;
    return check_to(to);
}

static bool same_place(parley_str a, parley_str b)
{
    return a.p == b.p && a.n == b.n;
}

/* What a hub read of the message itself, as most do: it lives as long as the message. */
static bool is_own(const struct message *m, parley_str s)
{
    return same_place(s, m->channel) || same_place(s, m->recipient) ||
           (m->identity && same_place(s, identity_user(m->identity)));
}

/* Without memory a name would be absent: then somebody would get what was not for him. */
static bool keep(struct message *m, parley_str *s)
{
    parley_str copy = is_own(m, *s) ? *s : arena_str(&m->arena, *s);
    bool kept = copy.p || !s->p;

    *s = copy;
    return kept;
}

static int add_delivery(struct message *m, const parley_to *to)
{
    parley_to own = *to;

    if (!keep(m, &own.name) || !keep(m, &own.but_user) || !keep(m, &own.role))
        return -ENOMEM;
    if (m->delivery_count == m->delivery_cap) {
        uint32_t cap = m->delivery_cap ? 2 * m->delivery_cap : 2;
        parley_to *more = arena_alloc(&m->arena, cap * sizeof *more);

        if (!more)
            return -ENOMEM;
        if (m->delivery_count)
            memcpy(more, m->deliveries, m->delivery_count * sizeof *more);
        m->deliveries = more;
        m->delivery_cap = cap;
    }
    m->deliveries[m->delivery_count++] = own;
    return 0;
}

/* What goes to many is sent once for each entry; entries of one user or client are many, and looked
 * at when they are delivered. */
static bool same_crowd(const parley_to *a, const parley_to *b)
{
    return (a->kind == PARLEY_TO_CHANNEL || a->kind == PARLEY_TO_ALL) && a->kind == b->kind &&
           a->but.v == b->but.v && a->flags == b->flags && str_casecmp(a->name, b->name) == 0 &&
           str_eq(a->but_user, b->but_user) && str_eq(a->role, b->role);
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
    if (m->hub->current->shadow)
        return judge_discard(m->hub->current);
    for (uint32_t i = 0; i < m->delivery_count; i++)
        if (same_crowd(&to, &m->deliveries[i]))
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
    if (!m->type_name.p) {
        message_destroy(m);
        return NULL;
    }
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
    out_message_spend(o);
    return r;
}

/* The message that `take` became, and where it goes. */
static int make_message(struct out_message *o, const parley_to *to, struct message **ret)
{
    struct hub *h = o->instance->hub;
    struct hub_channel *ch =
        to->kind == PARLEY_TO_CHANNEL ? channel_find(&h->channels, to->name) : NULL;
    struct message *m;

    if (to->kind == PARLEY_TO_CHANNEL && !ch) {
        out_message_spend(o);
        return -ENOENT;
    }
    m = server_message(h, o);
    if (!m)
        return refuse_out(o, "payload");
    if (ch)
        m->channel = arena_str(&m->arena, ch->name);
    if ((ch && !m->channel.p) || add_delivery(m, to) < 0) {
        message_destroy(m);
        return refuse_out(o, "address");
    }
    *ret = m;
    return 0;
}

int api_send(parley_out *take, const parley_to *where)
{
    struct out_message *o = message_out(take);
    struct message *m = NULL;
    struct op *op;
    parley_to to;
    int r;

    DOMAIN_ASSERT(DOMAIN_HUB);
    if (!o)
        return out_of(take)->error ? out_of(take)->error : -EINVAL;
    if (read_to(where, &to) < 0) {
        out_message_spend(o);
        return -EINVAL;
    }
    r = make_message(o, &to, &m);
    if (r < 0)
        return r;
    if (o->instance->shadow) {
        message_destroy(m);
        out_message_spend(o);
        return judge_discard(o->instance);
    }
    op = op_new(o->instance->hub, OP_SEND, o->instance, 0);
    if (!op) {
        message_destroy(m);
        return refuse_out(o, "queue");
    }
    op->message = m;
    out_message_spend(o);
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
    out_message_spend(o);
    return &p->pub;
}

parley_packet *api_message_packet(const parley_message *pub)
{
    struct message *m = (struct message *)(uintptr_t)pub;

    return m->packet ? &m->packet->pub : NULL;
}

parley_packet *api_packet_keep(parley_packet *p)
{
    if (p)
        packet_ref(packet_of(p));
    return p;
}

void api_packet_release(parley_packet *p)
{
    packet_unref(packet_of(p));
}

int64_t api_packet_offset(const parley_packet *p)
{
    return p ? packet_of(p)->offset : 0;
}

size_t api_packet_bytes(const parley_packet *p)
{
    return p ? packet_of(p)->payload.n : 0;
}

void api_put_payload(parley_out *o, const char *key, const parley_packet *p)
{
    if (p)
        out_put_raw(o, key, packet_of(p)->payload);
}

int api_send_packet(parley_host *host, parley_packet *p, const parley_to *where)
{
    struct plugin_instance *i = instance_of(host);
    parley_to to;
    struct op *op;

    DOMAIN_ASSERT(DOMAIN_HUB);
    if (!p || read_to(where, &to) < 0)
        return -EINVAL;
    if (i->shadow)
        return judge_discard(i);
    op = op_new(i->hub, OP_PACKET, i, ops_to_bytes(&to));
    if (!op)
        return -ENOMEM;
    ops_to(op, &to);
    op->packet = packet_ref(packet_of(p));
    return 0;
}

int api_greet(parley_host *host, parley_client c, int32_t order, parley_packet *p)
{
    struct hub_client *client = clients_find(instance_of(host)->hub, c.v);

    DOMAIN_ASSERT(DOMAIN_HUB);
    if (!client)
        return -ESTALE;
    if (client->state != HUB_CLIENT_CONNECTING)
        return -EBUSY;
    if (!p)
        return -EINVAL;
    if (instance_of(host)->shadow)
        return judge_discard(instance_of(host));
    return clients_greet(client, order, packet_of(p));
}

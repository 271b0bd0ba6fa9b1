/* The way out of the hub: who gets a packet, and the mail that tells the pumps.
 *
 * A publication costs one entry a pump, whatever the number of members; what goes to one user or
 * client costs an entry a connection.
 */
#include "base/log.h"
#include "base/str.h"
#include "hub/internal.h"

#include <stdlib.h>

static void dropped(struct hub *h, const struct packet *p)
{
    metric_inc(h->metrics.dropped);
    log_event(LOG_LEVEL_ERROR, "delivery_lost", LOG_STR("type", p->type),
              LOG_TEXT("msg", "out of memory"));
}

void deliver_to_client(struct hub *h, struct hub_client *c, struct packet *p, bool greeting)
{
    struct frame *f;
    struct mail_frame *m;

    if (c->state == HUB_CLIENT_CLOSING)
        return;
    if (c->state == HUB_CLIENT_CONNECTING && !greeting) {
        struct hub_early *e = malloc(sizeof *e);

        if (!e) {
            dropped(h, p);
            return;
        }
        *e = (struct hub_early){NULL, packet_ref(p)};
        *c->arrival->early_end = e;
        c->arrival->early_end = &e->next;
        return;
    }
    f = packet_frame(p, h->registry, c->protocol);
    m = f ? malloc(sizeof *m) : NULL;
    if (!m) {
        dropped(h, p);
        return;
    }
    m->client = c->handle;
    m->frame = frame_ref(f);
    m->lane = p->lane;
    m->greeting = greeting;
    hub_post(h, client_handle_pump(c->handle), &m->mail, MAIL_FRAME);
}

static struct mail_publish *new_publish(const struct hub_channel *ch, const struct packet *p,
                                        const parley_to *to, const struct hub_user *but_user)
{
    struct mail_publish *m = malloc(sizeof *m);

    if (!m)
        return NULL;
    m->channel = ch ? ch->number : 0;
    m->lane = (uint8_t)p->lane;
    m->not_dashboards = (to->flags & PARLEY_NOT_DASHBOARDS) != 0;
    m->but = to->but.v;
    m->but_user = but_user ? but_user->number : 0;
    memset(m->frames, 0, sizeof m->frames);
    return m;
}

static void publish(struct hub *h, struct packet *p, const struct hub_channel *ch,
                    const parley_to *to)
{
    struct hub_user *but_user = to->but_user.p ? users_find(h, to->but_user) : NULL;

    for (uint32_t pump = 0; pump < h->pump_count; pump++) {
        struct mail_publish *m = NULL;

        for (uint8_t k = 0; k < h->registry->protocol_count; k++) {
            uint32_t there = ch ? ch->on_pump[pump * PROTOCOLS_MAX + k] : h->protocol_clients[k];
            struct frame *f;

            if (!there)
                continue;
            f = packet_frame(p, h->registry, k);
            if (f && !m)
                m = new_publish(ch, p, to, but_user);
            if (f && m)
                m->frames[k] = frame_ref(f);
            else
                dropped(h, p);
        }
        if (m)
            hub_post_patient(h, pump, &m->mail, MAIL_PUBLISH);
    }
}

static bool excepted(const struct hub_client *c, const parley_to *to)
{
    return to->but.v == c->handle ||
           (to->but_user.p && str_eq(to->but_user, identity_user(c->identity))) ||
           ((to->flags & PARLEY_NOT_DASHBOARDS) && c->identity->dashboard) ||
           (to->role.p && !identity_has_role(c->identity, &(parley_list){&to->role, 1}));
}

/* Whether `to` means this client. */
static bool reaches(const struct hub *h, const parley_to *to, struct hub_client *c)
{
    struct hub_channel *ch;

    if ((to->kind == PARLEY_TO_CLIENT && to->client.v != c->handle) ||
        (to->kind == PARLEY_TO_USER && !str_eq(to->name, identity_user(c->identity))))
        return false;
    if (to->kind == PARLEY_TO_CHANNEL &&
        (!(ch = channel_find(&h->channels, to->name)) || !clients_membership(c, ch)))
        return false;
    return !excepted(c, to);
}

/* To one of those whom `to` names, unless this delivery reached him already. */
static void give(struct hub *h, struct hub_client *c, struct packet *p, const parley_to *to,
                 const parley_to *published)
{
    if (excepted(c, to) || c->delivery == h->deliveries ||
        (published && c->state == HUB_CLIENT_OPEN && reaches(h, published, c)))
        return;
    c->delivery = h->deliveries;
    deliver_to_client(h, c, p,
                      to->kind == PARLEY_TO_CLIENT && c->state == HUB_CLIENT_OPEN &&
                          (to->flags & PARLEY_CATCH_UP));
}

/* Client by client: for roles, and for what is published elsewhere besides. Both are rare. Who is
 * not open yet finds it in his greeting, as he does what is published. */
static void give_each(struct hub *h, struct packet *p, const struct hub_channel *ch,
                      const parley_to *to, const parley_to *published)
{
    for (uint32_t pump = 0; pump < h->pump_count; pump++)
        for (uint32_t slot = 0; slot < h->client_caps[pump]; slot++) {
            struct hub_client *c = h->clients[pump][slot];

            if (c && c->state == HUB_CLIENT_OPEN && (!ch || clients_membership(c, ch)))
                give(h, c, p, to, published);
        }
}

static bool can_publish(const parley_to *to)
{
    return (to->kind == PARLEY_TO_CHANNEL || to->kind == PARLEY_TO_ALL) && !to->role.p;
}

/* `m`: the message that is delivered; NULL: a packet alone. `published`: of its targets the one
 * that is published, or NULL. */
static int deliver(struct hub *h, const struct message *m, struct packet *p, const parley_to *to,
                   const parley_to *published)
{
    struct hub_channel *ch = NULL;
    struct hub_client *c;
    struct hub_user *u;

    switch (to->kind) {
    case PARLEY_TO_CHANNEL:
        ch = hub_channel(h, m, to->name);
        if (!ch)
            return -ENOENT;
        /* fall through */
    case PARLEY_TO_ALL:
        if (to == published)
            publish(h, p, ch, to);
        else
            give_each(h, p, ch, to, published);
        return 0;
    case PARLEY_TO_USER:
        u = users_find(h, to->name);
        for (c = u ? u->clients : NULL; c; c = c->next_of_user)
            give(h, c, p, to, published);
        return u ? 0 : -ENOENT;
    case PARLEY_TO_CLIENT:
        c = clients_find(h, to->client.v);
        if (c)
            give(h, c, p, to, published);
        return c ? 0 : -ESTALE;
    default:
        return -EINVAL;
    }
}

int deliver_packet(struct hub *h, struct packet *p, const parley_to *to)
{
    h->deliveries++;
    return deliver(h, NULL, p, to, can_publish(to) ? to : NULL);
}

/* He sees of it what he would have seen, had it not been dropped. */
static void deliver_dropped(struct hub *h, struct message *m)
{
    struct hub_user *u = users_author(h, m);

    for (struct hub_client *c = u ? u->clients : NULL; c; c = c->next_of_user)
        for (uint32_t i = 0; i < m->delivery_count; i++)
            if (reaches(h, &m->deliveries[i], c)) {
                deliver_to_client(h, c, m->packet, false);
                break;
            }
}

void deliver_message(struct hub *h, struct message *m)
{
    const parley_to *published = NULL;

    if (m->dropped_by) {
        deliver_dropped(h, m);
        return;
    }
    h->deliveries++;
    for (uint32_t i = 0; i < m->delivery_count && !published; i++)
        if (can_publish(&m->deliveries[i]))
            published = &m->deliveries[i];
    for (uint32_t i = 0; i < m->delivery_count; i++)
        deliver(h, m, m->packet, &m->deliveries[i], published);
}

static void post_frame(struct hub *h, struct hub_client *c, struct frame *take)
{
    struct mail_frame *m = take ? malloc(sizeof *m) : NULL;

    if (!m) {
        frame_unref(take);
        metric_inc(h->metrics.dropped);
        return;
    }
    m->client = c->handle;
    m->frame = take;
    m->lane = LANE_ORDERED;
    m->greeting = false;
    hub_post(h, client_handle_pump(c->handle), &m->mail, MAIL_FRAME);
}

void deliver_error(struct hub *h, client_handle client, parley_str id, parley_code code,
                   const char *text, int64_t retry_after_ms)
{
    struct hub_client *c = clients_find(h, client);

    if (c && c->state == HUB_CLIENT_OPEN)
        post_frame(
            h, c,
            encode_error(&h->registry->protocols[c->protocol], id, code, text, retry_after_ms));
}

void deliver_ack(struct hub *h, client_handle client, parley_str id, const struct ack_of *of)
{
    struct hub_client *c = clients_find(h, client);
    parley_event e = {.struct_size = sizeof e,
                      .kind = PARLEY_EVENT_ACK,
                      .id = id,
                      .cache_id = of->cache_id,
                      .offset = of->offset,
                      .epoch = of->offset ? str_of(of->epoch) : PARLEY_NONE};

    if (c && c->state == HUB_CLIENT_OPEN)
        post_frame(h, c, encode_event(&h->registry->protocols[c->protocol], &e));
}

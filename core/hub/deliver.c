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
        struct hub_early *e = malloc(sizeof *e), **end = &c->early;

        if (!e) {
            dropped(h, p);
            return;
        }
        *e = (struct hub_early){NULL, packet_ref(p)};
        while (*end)
            end = &(*end)->next;
        *end = e;
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

static void publish(struct hub *h, struct packet *p, const struct hub_channel *ch,
                    const parley_to *to)
{
    struct hub_user *but_user = to->but_user.p ? users_find(h, to->but_user) : NULL;

    for (uint32_t pump = 0; pump < h->pump_count; pump++) {
        struct mail_publish *m = NULL;

        for (uint8_t k = 0; k < h->registry->protocol_count; k++) {
            uint32_t there = ch ? ch->on_pump[pump * PROTOCOLS_MAX + k] : h->protocol_clients[k];
            struct frame *f = there ? packet_frame(p, h->registry, k) : NULL;

            if (!f)
                continue;
            if (!m && !(m = calloc(1, sizeof *m))) {
                dropped(h, p);
                return;
            }
            m->frames[k] = frame_ref(f);
        }
        if (!m)
            continue;
        m->channel = ch ? ch->number : 0;
        m->lane = (uint8_t)p->lane;
        m->not_dashboards = (to->flags & PARLEY_NOT_DASHBOARDS) != 0;
        m->but = to->but.v;
        m->but_user = but_user ? but_user->number : 0;
        hub_post(h, pump, &m->mail, MAIL_PUBLISH);
    }
}

/* It got the packet already, as a member of a channel or as that user. */
static bool has_it(const struct hub *h, struct hub_client *c, const parley_to *already,
                   uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const parley_to *to = &already[i];
        struct hub_channel *ch;

        if (to->kind == PARLEY_TO_ALL ||
            (to->kind == PARLEY_TO_CLIENT && to->client.v == c->handle) ||
            (to->kind == PARLEY_TO_USER && str_eq(to->name, c->user->id)))
            return true;
        if (to->kind == PARLEY_TO_CHANNEL && (ch = channel_find(&h->channels, to->name)) &&
            clients_membership(c, ch))
            return true;
    }
    return false;
}

static bool excepted(const struct hub_client *c, const parley_to *to)
{
    return to->but.v == c->handle || (to->but_user.p && str_eq(to->but_user, c->user->id)) ||
           ((to->flags & PARLEY_NOT_DASHBOARDS) && c->identity->dashboard) ||
           (to->role.p && !identity_has_role(c->identity, &(parley_list){&to->role, 1}));
}

/* To those of a role: rare, and so client by client. */
static void to_role(struct hub *h, struct packet *p, const struct hub_channel *ch,
                    const parley_to *to)
{
    for (uint32_t pump = 0; pump < h->pump_count; pump++)
        for (uint32_t slot = 0; slot < h->client_caps[pump]; slot++) {
            struct hub_client *c = h->clients[pump][slot];

            if (c && !excepted(c, to) && (!ch || clients_membership(c, ch)))
                deliver_to_client(h, c, p, false);
        }
}

int deliver_packet(struct hub *h, struct packet *p, const parley_to *to, const parley_to *already,
                   uint32_t already_count)
{
    struct hub_channel *ch = NULL;
    struct hub_client *c;
    struct hub_user *u;

    switch (to->kind) {
    case PARLEY_TO_CHANNEL:
        ch = channel_find(&h->channels, to->name);
        if (!ch)
            return -ENOENT;
        /* fall through */
    case PARLEY_TO_ALL:
        if (to->role.p)
            to_role(h, p, ch, to);
        else
            publish(h, p, ch, to);
        return 0;
    case PARLEY_TO_USER:
        u = users_find(h, to->name);
        for (c = u ? u->clients : NULL; c; c = c->next_of_user)
            if (!excepted(c, to) && !has_it(h, c, already, already_count))
                deliver_to_client(h, c, p, false);
        return u ? 0 : -ENOENT;
    case PARLEY_TO_CLIENT:
        c = clients_find(h, to->client.v);
        if (c && !excepted(c, to) && !has_it(h, c, already, already_count))
            deliver_to_client(h, c, p,
                              c->state == HUB_CLIENT_OPEN && (to->flags & PARLEY_CATCH_UP));
        return c ? 0 : -ESTALE;
    default:
        return -EINVAL;
    }
}

void deliver_message(struct hub *h, struct message *m)
{
    parley_to author = {.struct_size = sizeof author, .kind = PARLEY_TO_USER};

    if (m->dropped && m->identity) {
        author.name = m->identity->user;
        deliver_packet(h, m->packet, &author, NULL, 0);
        return;
    }
    for (uint32_t i = 0; i < m->delivery_count; i++)
        deliver_packet(h, m->packet, &m->deliveries[i], m->deliveries, i);
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

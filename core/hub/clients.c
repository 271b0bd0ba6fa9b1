/* Clients, as the hub knows them: from CONNECT to FORGOTTEN, each step once.
 *
 * on_connect of every hub, then the greeting, then the channels: in one turn, so that history and
 * live traffic meet without gap or repeat. A client that closes, whoever decided it, is told of by
 * its pump's GONE alone. What must not fail needs no memory: ADMITTED is the mail that brought
 * CONNECT, FORGOTTEN the one that brought GONE, and CLOSE was made beforehand. [hub]
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "hub/internal.h"

#include <stdlib.h>

struct hub_client *clients_find(struct hub *h, client_handle c)
{
    uint32_t pump = client_handle_pump(c), slot = client_handle_slot(c);
    struct hub_client *r;

    if (!c || pump >= h->pump_count || slot >= h->client_caps[pump])
        return NULL;
    r = h->clients[pump][slot];
    return r && r->handle == c ? r : NULL;
}

static int reserve_slot(struct hub *h, uint32_t pump, uint32_t slot)
{
    uint32_t cap = h->client_caps[pump];
    struct hub_client **more;

    if (slot < cap)
        return 0;
    while (cap <= slot)
        cap = cap ? 2 * cap : 256;
    more = realloc(h->clients[pump], cap * sizeof *more);
    if (!more)
        return -ENOMEM;
    memset(more + h->client_caps[pump], 0, (cap - h->client_caps[pump]) * sizeof *more);
    h->clients[pump] = more;
    h->client_caps[pump] = cap;
    return 0;
}

/* Both in the memory of a mail that has been read, or was never sent. */
_Static_assert(sizeof(struct mail_client) <= sizeof(struct mail_connect) &&
                   sizeof(struct mail_client) <= sizeof(struct mail_gone) &&
                   sizeof(struct mail_close) <= sizeof(struct mail_connect),
               "a mail that comes back as another one has room for it");

static void post_client(struct hub *h, void *take, client_handle c, uint32_t kind, uint64_t user)
{
    struct mail_client *m = take;

    m->client = c;
    m->user = user;
    hub_post(h, client_handle_pump(c), &m->mail, kind);
}

static void post_close(struct hub *h, void *take, client_handle c, uint16_t code, int reason,
                       const char *text)
{
    struct mail_close *m = take;
    size_t n = text ? strlen(text) : 0;

    if (n >= sizeof m->text)
        for (n = sizeof m->text - 1; n && ((unsigned char)text[n] & 0xc0) == 0x80; n--)
            ; /* no half of a character */
    m->client = c;
    m->code = code;
    m->reason = reason;
    memcpy(m->text, n ? text : "", n);
    m->text[n] = 0;
    hub_post(h, client_handle_pump(c), &m->mail, MAIL_CLOSE);
}

struct hub_membership *clients_membership(struct hub_client *c, const struct hub_channel *ch)
{
    for (uint32_t i = 0; i < c->membership_count; i++)
        if (c->memberships[i].channel == ch)
            return &c->memberships[i];
    return NULL;
}

/* A pump that does not know would send him too much, or too little: then he goes. */
static void post_member(struct hub *h, struct hub_client *c, uint32_t channel, uint32_t kind)
{
    struct mail_member *m = malloc(sizeof *m);

    if (!m) {
        clients_close(h, c->handle, 1013, PARLEY_LEFT_LOST, "out of memory");
        return;
    }
    m->client = c->handle;
    m->channel = channel;
    hub_post(h, client_handle_pump(c->handle), &m->mail, kind);
}

int clients_join(struct hub *h, struct hub_client *c, struct hub_channel *ch)
{
    if (clients_membership(c, ch))
        return -EALREADY;
    if (c->membership_count == c->membership_cap) {
        uint32_t cap = c->membership_cap ? 2 * c->membership_cap : 4;
        struct hub_membership *more = realloc(c->memberships, cap * sizeof *more);

        if (!more)
            return -ENOMEM;
        c->memberships = more;
        c->membership_cap = cap;
    }
    c->memberships[c->membership_count++] = (struct hub_membership){ch, ch->offset};
    ch->member_count++;
    ch->on_pump[client_handle_pump(c->handle) * PROTOCOLS_MAX + c->protocol]++;
    if (c->state == HUB_CLIENT_OPEN) /* before that: after the greeting */
        post_member(h, c, ch->number, MAIL_JOIN);
    return 0;
}

void clients_leave(struct hub *h, struct hub_client *c, struct hub_channel *ch)
{
    struct hub_membership *m = clients_membership(c, ch);

    if (!m)
        return;
    ch->member_count--;
    ch->on_pump[client_handle_pump(c->handle) * PROTOCOLS_MAX + c->protocol]--;
    *m = c->memberships[--c->membership_count];
    if (c->state == HUB_CLIENT_OPEN)
        post_member(h, c, ch->number, MAIL_LEAVE);
}

static void leave_all(struct hub *h, struct hub_client *c)
{
    while (c->membership_count)
        clients_leave(h, c, c->memberships[c->membership_count - 1].channel);
}

void clients_close(struct hub *h, client_handle handle, uint16_t code, int reason, const char *text)
{
    struct hub_client *c = clients_find(h, handle);

    if (!c || c->state == HUB_CLIENT_CLOSING)
        return;
    c->state = HUB_CLIENT_CLOSING;
    leave_all(h, c);
    post_close(h, c->close, handle, code, reason, text);
    c->close = NULL;
}

int clients_greet(struct hub_client *c, int32_t order, struct packet *p)
{
    if (c->greeting_count == c->greeting_cap) {
        uint32_t cap = c->greeting_cap ? 2 * c->greeting_cap : 8;
        struct hub_greeting *more = realloc(c->greetings, cap * sizeof *more);

        if (!more)
            return -ENOMEM;
        c->greetings = more;
        c->greeting_cap = cap;
    }
    c->greetings[c->greeting_count] =
        (struct hub_greeting){order, c->greeting_count, packet_ref(p)};
    c->greeting_count++;
    return 0;
}

static int by_order(const void *a, const void *b)
{
    const struct hub_greeting *x = a, *y = b;

    return x->order != y->order ? (x->order < y->order ? -1 : 1) : x->asked < y->asked ? -1 : 1;
}

static void free_waiting(struct hub_client *c)
{
    struct hub_early *e;

    for (uint32_t i = 0; i < c->greeting_count; i++)
        packet_unref(c->greetings[i].packet);
    free(c->greetings);
    c->greetings = NULL;
    c->greeting_count = c->greeting_cap = 0;
    while ((e = c->early)) {
        c->early = e->next;
        packet_unref(e->packet);
        free(e);
    }
    c->early_end = &c->early;
}

/* ADMITTED, the greeting, the channels, and what was sent to it meanwhile: in the order in which it
 * is to see them. What was said before is for the greeting; what the hubs that greet ask for waits
 * until it is open, so that it sees that too. */
static void open_client(struct hub *h, struct hub_client *c, struct mail_connect *take)
{
    for (uint32_t i = 0; i < c->membership_count; i++)
        c->memberships[i].joined_at = c->memberships[i].channel->offset;
    ops_hold(h);
    chain_greet(h, c);
    post_client(h, take, c->handle, MAIL_ADMITTED, c->user->number);
    if (c->greeting_count)
        qsort(c->greetings, c->greeting_count, sizeof *c->greetings, by_order);
    for (uint32_t i = 0; i < c->greeting_count; i++)
        deliver_to_client(h, c, c->greetings[i].packet, true);
    c->state = HUB_CLIENT_OPEN;
    for (uint32_t i = 0; i < c->membership_count; i++)
        post_member(h, c, c->memberships[i].channel->number, MAIL_JOIN);
    for (struct hub_early *e = c->early; e; e = e->next)
        deliver_to_client(h, c, e->packet, false);
    free_waiting(c);
    ops_release(h);
}

static struct hub_client *new_client(struct hub *h, const struct mail_connect *m)
{
    struct hub_client *c = calloc(1, sizeof *c);
    struct mail_close *close = malloc(sizeof *close);
    struct hub_user *u =
        c && close &&
                reserve_slot(h, client_handle_pump(m->client), client_handle_slot(m->client)) == 0
            ? users_get(h, identity_user(m->identity))
            : NULL;

    if (!u) {
        free(c);
        free(close);
        return NULL;
    }
    c->close = close;
    c->early_end = &c->early;
    c->handle = m->client;
    c->identity = identity_ref(m->identity);
    c->protocol = m->protocol;
    c->connected_at = clock_unix_ms();
    users_attach(h, u, c);
    h->clients[client_handle_pump(c->handle)][client_handle_slot(c->handle)] = c;
    h->client_count++;
    h->protocol_clients[c->protocol]++;
    return c;
}

static void refuse(struct hub *h, struct hub_client *c, const struct outcome *why)
{
    log_event(LOG_LEVEL_INFO, "client_refused", LOG_STR("user", identity_user(c->identity)),
              LOG_TEXT("section", why->section), LOG_STR("rule", why->rule),
              LOG_STR("msg", why->text));
    clients_close(h, c->handle, 4403, PARLEY_LEFT_REFUSED, why->text.p);
}

void clients_connect(struct hub *h, struct mail_connect *take)
{
    struct identity *i = take->identity;
    struct hub_client *c = h->quiesced ? NULL : new_client(h, take);
    struct outcome why = {0};

    if (!c) {
        post_close(h, take, take->client, h->quiesced ? 1012 : 1013,
                   h->quiesced ? PARLEY_LEFT_RESTART : PARLEY_LEFT_REFUSED,
                   h->quiesced ? "" : "out of memory");
        identity_unref(i);
        return;
    }
    if (chain_connect(h, c, &why) == PARLEY_REJECT && c->state == HUB_CLIENT_CONNECTING)
        refuse(h, c, &why);
    if (c->state == HUB_CLIENT_CONNECTING)
        open_client(h, c, take);
    else
        free(take);
    free_waiting(c);
    identity_unref(i);
    metric_set(h->metrics.clients, h->client_count);
}

void clients_identity(struct hub *h, const struct mail_connect *m)
{
    struct hub_client *c = clients_find(h, m->client);

    if (!c || !str_eq(identity_user(c->identity), identity_user(m->identity)))
        return;
    if (c->identity->dashboard != m->identity->dashboard)
        c->user->people_count += c->identity->dashboard ? 1 : (uint32_t)-1;
    identity_unref(c->identity);
    c->identity = identity_ref(m->identity);
    users_identity(c->user, c->identity);
}

static void destroy(struct hub *h, struct hub_client *c)
{
    c->state = HUB_CLIENT_CLOSING;
    leave_all(h, c);
    users_detach(h, c);
    free_waiting(c);
    slots_free(&c->slots);
    h->clients[client_handle_pump(c->handle)][client_handle_slot(c->handle)] = NULL;
    h->client_count--;
    h->protocol_clients[c->protocol]--;
    identity_unref(c->identity);
    free(c->memberships);
    free(c->close);
    free(c);
}

void clients_gone(struct hub *h, struct mail_gone *take)
{
    struct hub_client *c = clients_find(h, take->client);

    if (c) {
        c->state = HUB_CLIENT_CLOSING; /* what hooks send to it now reaches nobody */
        chain_disconnect(h, c, take->reason);
        destroy(h, c);
    }
    metric_set(h->metrics.clients, h->client_count);
    post_client(h, take, take->client, MAIL_FORGOTTEN, 0);
}

void clients_quiesce(struct hub *h)
{
    for (uint32_t pump = 0; pump < h->pump_count; pump++)
        for (uint32_t slot = 0; slot < h->client_caps[pump]; slot++) {
            struct hub_client *c = h->clients[pump][slot];

            if (!c)
                continue;
            c->state = HUB_CLIENT_CLOSING;
            chain_disconnect(h, c, PARLEY_LEFT_RESTART);
        }
}

void clients_finish(struct hub *h)
{
    for (uint32_t pump = 0; h->clients && h->client_caps && pump < h->pump_count; pump++) {
        for (uint32_t slot = 0; slot < h->client_caps[pump]; slot++)
            if (h->clients[pump][slot])
                destroy(h, h->clients[pump][slot]);
        free(h->clients[pump]);
    }
    free(h->clients);
    free(h->client_caps);
}

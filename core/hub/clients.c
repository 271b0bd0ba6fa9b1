/* Clients, as the hub knows them: from CONNECT to FORGOTTEN, each step once.
 *
 * on_connect of every hub, then the greeting, then the channels: in one turn, so that history and
 * live traffic meet without gap or repeat. A client that closes, whoever decided it, is told of by
 * its pump's GONE alone. What must not fail needs no memory: ADMITTED, or CLOSE at the door, is the
 * mail that brought CONNECT, FORGOTTEN the one that brought GONE; and who is closed later, while
 * there is no memory to say so, has left all channels here and is told at the next turn with some.
 * [hub]
 */
#include "base/clock.h"
#include "base/grow.h"
#include "base/log.h"
#include "base/str.h"
#include "hub/holds.h"

#include <stdlib.h>

#define SLOTS_FIRST 256

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
        cap = grow_by_half(cap, SLOTS_FIRST);
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

/* The first one is part of the client: most are in one channel. */
static struct hub_membership *memberships(struct hub_client *c)
{
    return c->membership_cap == 1 ? &c->memberships.one : c->memberships.many;
}

static int reserve_membership(struct hub_client *c)
{
    uint32_t cap = c->membership_cap == 1 ? 4 : 2 * c->membership_cap;
    struct hub_membership *more;

    if (c->membership_count < c->membership_cap)
        return 0;
    more = realloc(c->membership_cap == 1 ? NULL : c->memberships.many, cap * sizeof *more);
    if (!more)
        return -ENOMEM;
    if (c->membership_cap == 1)
        more[0] = c->memberships.one;
    c->memberships.many = more;
    c->membership_cap = cap;
    return 0;
}

struct hub_membership *clients_membership(struct hub_client *c, const struct hub_channel *ch)
{
    struct hub_membership *m = memberships(c);

    for (uint32_t i = 0; i < c->membership_count; i++)
        if (m[i].channel == ch)
            return &m[i];
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
    if (reserve_membership(c) < 0)
        return -ENOMEM;
    memberships(c)[c->membership_count++] = (struct hub_membership){ch, ch->offset};
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
    *m = memberships(c)[--c->membership_count];
    if (c->state == HUB_CLIENT_OPEN)
        post_member(h, c, ch->number, MAIL_LEAVE);
}

static void leave_all(struct hub *h, struct hub_client *c)
{
    while (c->membership_count)
        clients_leave(h, c, memberships(c)[c->membership_count - 1].channel);
}

void clients_close(struct hub *h, client_handle handle, uint16_t code, int reason, const char *text)
{
    struct hub_client *c = clients_find(h, handle);
    void *mail;

    if (!c || c->state == HUB_CLIENT_CLOSING)
        return;
    c->state = HUB_CLIENT_CLOSING;
    if (h->lines)
        lines_closed(h, handle);
    leave_all(h, c);
    if (c->arrival && c->arrival->mail) {
        mail = c->arrival->mail;
        c->arrival->mail = NULL;
    } else {
        mail = malloc(sizeof(struct mail_close));
    }
    if (mail) {
        post_close(h, mail, handle, code, reason, text);
    } else {
        c->untold = true;
        h->untold++;
    }
}

/* False: there is no memory. */
static bool tell(struct hub *h, struct hub_client *c)
{
    struct mail_close *m = malloc(sizeof *m);

    if (!m)
        return false;
    post_close(h, m, c->handle, 1013, PARLEY_LEFT_LOST, "out of memory");
    c->untold = false;
    h->untold--;
    return true;
}

void clients_tell(struct hub *h)
{
    for (uint32_t pump = 0; h->untold && pump < h->pump_count; pump++)
        for (uint32_t slot = 0; slot < h->client_caps[pump]; slot++) {
            struct hub_client *c = h->clients[pump][slot];

            if (c && c->untold && !tell(h, c))
                return;
        }
}

int clients_greet(struct hub_client *c, int32_t order, struct packet *p)
{
    struct hub_arrival *a = c->arrival;

    if (a->greeting_count == a->greeting_cap) {
        uint32_t cap = a->greeting_cap ? 2 * a->greeting_cap : 8;
        struct hub_greeting *more = realloc(a->greetings, cap * sizeof *more);

        if (!more)
            return -ENOMEM;
        a->greetings = more;
        a->greeting_cap = cap;
    }
    a->greetings[a->greeting_count] =
        (struct hub_greeting){order, a->greeting_count, packet_ref(p)};
    a->greeting_count++;
    return 0;
}

static int by_order(const void *a, const void *b)
{
    const struct hub_greeting *x = a, *y = b;

    return x->order != y->order ? (x->order < y->order ? -1 : 1) : x->asked < y->asked ? -1 : 1;
}

static void arrived(struct hub_client *c)
{
    struct hub_arrival *a = c->arrival;
    struct hub_early *e;

    for (uint32_t i = 0; i < a->greeting_count; i++)
        packet_unref(a->greetings[i].packet);
    free(a->greetings);
    while ((e = a->early)) {
        a->early = e->next;
        packet_unref(e->packet);
        free(e);
    }
    free(a->mail);
    c->arrival = NULL;
}

/* ADMITTED, the greeting, the channels, and what was sent to it meanwhile: in the order in which it
 * is to see them. What was said before is for the greeting; what the hubs that greet ask for waits
 * until it is open, so that it sees that too. */
static void open_client(struct hub *h, struct hub_client *c)
{
    struct hub_arrival *a = c->arrival;

    for (uint32_t i = 0; i < c->membership_count; i++)
        memberships(c)[i].joined_at = memberships(c)[i].channel->offset;
    ops_hold(h);
    chain_greet(h, c);
    post_client(h, a->mail, c->handle, MAIL_ADMITTED, c->user->number);
    a->mail = NULL;
    if (a->greeting_count)
        qsort(a->greetings, a->greeting_count, sizeof *a->greetings, by_order);
    for (uint32_t i = 0; i < a->greeting_count; i++)
        deliver_to_client(h, c, a->greetings[i].packet, true);
    c->state = HUB_CLIENT_OPEN;
    for (uint32_t i = 0; i < c->membership_count; i++)
        post_member(h, c, memberships(c)[i].channel->number, MAIL_JOIN);
    for (struct hub_early *e = a->early; e; e = e->next)
        deliver_to_client(h, c, e->packet, false);
    arrived(c);
    ops_release(h);
}

static struct hub_client *new_client(struct hub *h, const struct mail_connect *m)
{
    struct hub_client *c = calloc(1, sizeof *c);
    struct hub_user *u =
        c && reserve_slot(h, client_handle_pump(m->client), client_handle_slot(m->client)) == 0
            ? users_get(h, m->identity)
            : NULL;

    if (!u) {
        free(c);
        return NULL;
    }
    c->membership_cap = 1;
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
    struct hub_arrival arrival = {.mail = take, .early_end = &arrival.early};
    struct outcome why = {0};

    if (!c) {
        post_close(h, take, take->client, h->quiesced ? 1012 : 1013,
                   h->quiesced ? PARLEY_LEFT_RESTART : PARLEY_LEFT_REFUSED,
                   h->quiesced ? "" : "out of memory");
        identity_unref(i);
        return;
    }
    c->arrival = &arrival;
    if (chain_connect(h, c, &why) == PARLEY_REJECT && c->state == HUB_CLIENT_CONNECTING)
        refuse(h, c, &why);
    if (c->state == HUB_CLIENT_CONNECTING)
        open_client(h, c);
    else
        arrived(c);
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
    slots_free(&c->slots);
    h->clients[client_handle_pump(c->handle)][client_handle_slot(c->handle)] = NULL;
    h->client_count--;
    h->protocol_clients[c->protocol]--;
    h->untold -= c->untold;
    h->clients_refused -= c->refused;
    identity_unref(c->identity);
    if (c->membership_cap > 1)
        free(c->memberships.many);
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

void clients_tell_refused(struct hub *h)
{
    for (uint32_t pump = 0; pump < h->pump_count; pump++)
        for (uint32_t slot = 0; slot < h->client_caps[pump]; slot++) {
            struct hub_client *c = h->clients[pump][slot];

            if (c && c->refused)
                chain_disconnect(h, c, PARLEY_LEFT_REFUSED);
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

/* Clients, as the hub knows them: from CONNECT to FORGOTTEN, each step once.
 *
 * on_connect of every hub, then the greeting, then the channels: in one turn, so that history and
 * live traffic meet without gap or repeat. A client that closes, whoever decided it, is told of by
 * its pump's GONE alone. [hub]
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

static void post_client(struct hub *h, client_handle c, uint32_t kind, uint64_t user)
{
    struct mail_client *m = malloc(sizeof *m);

    if (!m) { /* without it the slot would be lost; there is no other way to say it */
        log_event(LOG_LEVEL_ERROR, "out_of_memory",
                  LOG_TEXT("msg", "a client's slot is lost until restart"));
        return;
    }
    m->client = c;
    m->user = user;
    hub_post(h, client_handle_pump(c), &m->mail, kind);
}

static void post_close(struct hub *h, client_handle c, uint16_t code, int reason, const char *text)
{
    struct mail_close *m = malloc(sizeof *m);

    if (!m) {
        log_event(LOG_LEVEL_ERROR, "out_of_memory",
                  LOG_TEXT("msg", "a client could not be closed"));
        return;
    }
    m->client = c;
    m->code = code;
    m->reason = reason;
    snprintf(m->text, sizeof m->text, "%s", text ? text : "");
    hub_post(h, client_handle_pump(c), &m->mail, MAIL_CLOSE);
}

struct hub_membership *clients_membership(struct hub_client *c, const struct hub_channel *ch)
{
    for (uint32_t i = 0; i < c->membership_count; i++)
        if (c->memberships[i].channel == ch)
            return &c->memberships[i];
    return NULL;
}

static void post_member(struct hub *h, client_handle c, uint32_t channel, uint32_t kind)
{
    struct mail_member *m = malloc(sizeof *m);

    if (!m) {
        metric_inc(h->metrics.dropped);
        post_close(h, c, 1013, PARLEY_LEFT_LOST, "out of memory");
        return;
    }
    m->client = c;
    m->channel = channel;
    hub_post(h, client_handle_pump(c), &m->mail, kind);
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
        post_member(h, c->handle, ch->number, MAIL_JOIN);
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
        post_member(h, c->handle, ch->number, MAIL_LEAVE);
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
    post_close(h, handle, code, reason, text);
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
    c->greeting_count = 0;
    while ((e = c->early)) {
        c->early = e->next;
        packet_unref(e->packet);
        free(e);
    }
}

/* ADMITTED, the greeting, the channels, and what was sent to it meanwhile: in the order in which it
 * is to see them. */
static void open_client(struct hub *h, struct hub_client *c)
{
    chain_greet(h, c);
    if (c->state == HUB_CLIENT_CLOSING)
        return;
    post_client(h, c->handle, MAIL_ADMITTED, c->user->number);
    if (c->greeting_count)
        qsort(c->greetings, c->greeting_count, sizeof *c->greetings, by_order);
    for (uint32_t i = 0; i < c->greeting_count; i++)
        deliver_to_client(h, c, c->greetings[i].packet, true);
    c->state = HUB_CLIENT_OPEN;
    for (uint32_t i = 0; i < c->membership_count; i++)
        post_member(h, c->handle, c->memberships[i].channel->number, MAIL_JOIN);
    for (struct hub_early *e = c->early; e; e = e->next)
        deliver_to_client(h, c, e->packet, false);
}

static struct hub_client *new_client(struct hub *h, struct mail_connect *m)
{
    struct hub_client *c = calloc(1, sizeof *c);
    struct hub_user *u = users_get(h, m->identity->user);

    if (!c || !u ||
        reserve_slot(h, client_handle_pump(m->client), client_handle_slot(m->client)) < 0) {
        free(c);
        return NULL;
    }
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

void clients_connect(struct hub *h, struct mail_connect *m)
{
    struct hub_client *c = new_client(h, m);
    char user[160];

    if (!c) {
        post_close(h, m->client, 1013, PARLEY_LEFT_REFUSED, "out of memory");
        return;
    }
    if (chain_connect(h, c) == PARLEY_REJECT) {
        log_event(LOG_LEVEL_INFO, "client_refused",
                  LOG_TEXT("user", str_printable(c->identity->user, user, sizeof user)),
                  LOG_TEXT("section", h->hook_outcome.section),
                  LOG_STR("msg", h->hook_outcome.text));
        clients_close(h, c->handle, 4403, PARLEY_LEFT_REFUSED, h->hook_outcome.text.p);
    } else if (c->state == HUB_CLIENT_CONNECTING) {
        open_client(h, c);
    }
    free_waiting(c);
    metric_set(h->metrics.clients, h->client_count);
}

void clients_identity(struct hub *h, struct mail_connect *m)
{
    struct hub_client *c = clients_find(h, m->client);

    if (!c || !str_eq(c->identity->user, m->identity->user))
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
    free(c);
}

void clients_gone(struct hub *h, struct mail_gone *m)
{
    struct hub_client *c = clients_find(h, m->client);

    if (c) {
        c->state = HUB_CLIENT_CLOSING; /* what hooks send to it now reaches nobody */
        chain_disconnect(h, c, m->reason);
        destroy(h, c);
    }
    metric_set(h->metrics.clients, h->client_count);
    post_client(h, m->client, MAIL_FORGOTTEN, 0);
}

void clients_finish(struct hub *h)
{
    for (uint32_t pump = 0; pump < h->pump_count; pump++) {
        for (uint32_t slot = 0; slot < h->client_caps[pump]; slot++)
            if (h->clients[pump][slot])
                destroy(h, h->clients[pump][slot]);
        free(h->clients[pump]);
    }
    free(h->clients);
    free(h->client_caps);
}

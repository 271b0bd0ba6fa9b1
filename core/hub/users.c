/* Users: what all connections of one person share. A record stays for [server] user_memory after
 * the last connection, so that limits, mutes and ids survive a reconnect; their number is bounded,
 * the longest away go first. [hub]
 */
#include "base/clock.h"
#include "base/str.h"
#include "hub/internal.h"

#include <stdlib.h>

#define USERS_AWAY_MAX 100000

static void away_unlink(struct hub *h, struct hub_user *u)
{
    *(u->away_prev ? &u->away_prev->away_next : &h->away_first) = u->away_next;
    *(u->away_next ? &u->away_next->away_prev : &h->away_last) = u->away_prev;
    u->away_prev = u->away_next = NULL;
    u->away_since_ms = 0;
    h->users_away--;
}

static void away_append(struct hub *h, struct hub_user *u)
{
    u->away_since_ms = clock_mono_ms();
    u->away_prev = h->away_last;
    *(h->away_last ? &h->away_last->away_next : &h->away_first) = u;
    h->away_last = u;
    h->users_away++;
}

static struct hub_user *user_of(struct set_link *l)
{
    return (struct hub_user *)l; /* its first member */
}

/* The id is the `sub` of every token of his, so that of the newest will do. */
static parley_str id_of(const struct set_link *l)
{
    return identity_user(((const struct hub_user *)l)->newest);
}

void users_init(struct hub *h)
{
    h->users.key = id_of;
}

static void forget(struct hub *h, struct hub_user *u)
{
    if (u->client_count == 0)
        away_unlink(h, u);
    set_remove(&h->users, &u->link);
    slots_free(&u->slots);
    identity_unref(u->newest);
    free(u);
}

struct hub_user *users_find(struct hub *h, parley_str id)
{
    return id.p ? user_of(set_find(&h->users, id)) : NULL;
}

/* By his connection, as long as there is one: he is looked up for every message. */
struct hub_user *users_author(struct hub *h, const struct message *m)
{
    const struct hub_client *c = clients_find(h, m->author);

    if (c)
        return c->user;
    return m->identity ? users_find(h, identity_user(m->identity)) : NULL;
}

struct hub_user *users_get(struct hub *h, struct identity *i)
{
    struct hub_user *u = users_find(h, identity_user(i));

    if (u)
        return u;
    u = calloc(1, sizeof *u);
    if (!u)
        return NULL;
    u->newest = identity_ref(i);
    if (set_add(&h->users, &u->link) < 0) {
        identity_unref(i);
        free(u);
        return NULL;
    }
    u->number = ++h->next_user;
    away_append(h, u);
    return u;
}

void users_attach(struct hub *h, struct hub_user *u, struct hub_client *c)
{
    if (u->client_count++ == 0)
        away_unlink(h, u);
    if (!c->identity->dashboard)
        u->people_count++;
    c->user = u;
    c->next_of_user = u->clients;
    c->at_of_user = &u->clients;
    if (u->clients)
        u->clients->at_of_user = &c->next_of_user;
    u->clients = c;
    users_identity(u, c->identity);
}

void users_identity(struct hub_user *u, struct identity *newest)
{
    identity_ref(newest);
    identity_unref(u->newest);
    u->newest = newest;
}

void users_detach(struct hub *h, struct hub_client *c)
{
    struct hub_user *u = c->user;

    *c->at_of_user = c->next_of_user;
    if (c->next_of_user)
        c->next_of_user->at_of_user = c->at_of_user;
    c->next_of_user = NULL;
    c->user = NULL;
    if (!c->identity->dashboard)
        u->people_count--;
    if (--u->client_count == 0)
        away_append(h, u);
}

void users_tick(struct hub *h, int64_t now_ms)
{
    while (h->away_first &&
           (h->users_away > USERS_AWAY_MAX ||
            now_ms - h->away_first->away_since_ms > h->settings->server.user_memory_ms))
        forget(h, h->away_first);
}

static void forget_each(void *hub, struct set_link *l)
{
    forget(hub, user_of(l));
}

void users_finish(struct hub *h)
{
    set_each(&h->users, forget_each, h);
    set_finish(&h->users);
}

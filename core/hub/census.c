/* What an operator asks the hub: how many there are, who they are, and that one of them go. A page
 * looks at a bounded number of places, so that the road never waits for long. [hub] */
#include "client/census.h"

#include "base/str.h"
#include "hub/internal.h"

static const struct hub_membership *memberships(const struct hub_client *c)
{
    return c->membership_cap == 1 ? &c->memberships.one : c->memberships.many;
}

static bool is_in(const struct hub_client *c, const struct hub_channel *ch)
{
    for (uint32_t i = 0; i < c->membership_count; i++)
        if (memberships(c)[i].channel == ch)
            return true;
    return false;
}

/* The names are copied: a channel may be closed before the page is written. */
static int add_row(struct census *c, const struct hub_client *client)
{
    struct census_row *row = &c->rows[c->count];
    uint32_t n = client->membership_count;
    parley_str *names;

    n = n < CENSUS_CHANNELS ? n : CENSUS_CHANNELS;
    names = arena_alloc(c->arena, (n ? n : 1) * sizeof *names);
    if (!names)
        return -ENOMEM;
    for (uint32_t i = 0; i < n; i++) {
        names[i] = arena_str(c->arena, memberships(client)[i].channel->name);
        if (!names[i].p)
            return -ENOMEM;
    }
    *row = (struct census_row){.client = client->handle,
                               .identity = identity_ref(client->identity),
                               .connected_unix_ms = client->connected_at,
                               .protocol = client->protocol,
                               .closing = client->state == HUB_CLIENT_CLOSING,
                               .channels = names,
                               .channels_named = n,
                               .channel_count = client->membership_count};
    c->count++;
    return 0;
}

static bool is_wanted(const struct census *c, const struct hub_client *client,
                      const struct hub_channel *ch)
{
    return client && (!c->user.p || str_eq(c->user, identity_user(client->identity))) &&
           (!ch || is_in(client, ch));
}

/* From c->slot on, in the table of one pump; *looks go down. 1: the page is full */
static int gather(const struct hub *h, struct census *c, const struct hub_channel *ch,
                  unsigned *looks)
{
    for (; c->slot < h->client_caps[c->pump]; c->slot++) {
        const struct hub_client *client = h->clients[c->pump][c->slot];

        if (*looks == 0)
            return 1;
        --*looks;
        if (!is_wanted(c, client, ch))
            continue;
        if (c->count == c->limit)
            return 1;
        if (add_row(c, client) < 0)
            return -ENOMEM;
    }
    return 0;
}

int hub_census(struct hub *h, struct census *c)
{
    const struct hub_channel *ch = c->channel.p ? channel_find(&h->channels, c->channel) : NULL;
    unsigned looks = CENSUS_LOOKS;
    int r = 0;

    DOMAIN_ASSERT(DOMAIN_HUB);
    c->count = 0;
    c->more = false;
    c->unknown_channel = c->channel.p && !ch;
    if (c->unknown_channel)
        return 0;
    c->limit = c->limit < CENSUS_ROWS ? c->limit : CENSUS_ROWS;
    c->rows = arena_alloc(c->arena, (c->limit ? c->limit : 1) * sizeof *c->rows);
    if (!c->rows)
        return -ENOMEM;
    for (; c->pump < h->pump_count && c->count == 0; c->pump++, c->slot = 0) {
        c->of_pump = c->pump;
        r = gather(h, c, ch, &looks);
        if (r < 0)
            return r;
        if (r > 0)
            break;
    }
    c->more = c->pump < h->pump_count;
    return 0;
}

void hub_totals(const struct hub *h, struct hub_totals *ret)
{
    DOMAIN_ASSERT(DOMAIN_HUB);
    *ret = (struct hub_totals){.clients = h->client_count,
                               .users = (uint32_t)h->users.count - h->users_away,
                               .users_away = h->users_away,
                               .channels = HASH_COUNT(h->channels.by_name)};
    memcpy(ret->by_protocol, h->protocol_clients, sizeof ret->by_protocol);
}

unsigned hub_kick(struct hub *h, client_handle client, parley_str user, const char *reason)
{
    const struct hub_client *c = clients_find(h, client);
    const struct hub_user *u = user.p ? users_find(h, user) : NULL;
    unsigned n = 0;

    DOMAIN_ASSERT(DOMAIN_HUB);
    if (c && c->state != HUB_CLIENT_CLOSING) {
        clients_close(h, client, 4403, PARLEY_LEFT_KICKED, reason);
        n++;
    }
    /* closing takes nobody out of the list: that is GONE's */
    for (c = u ? u->clients : NULL; c; c = c->next_of_user)
        if (c->state != HUB_CLIENT_CLOSING) {
            clients_close(h, c->handle, 4403, PARLEY_LEFT_KICKED, reason);
            n++;
        }
    return n;
}

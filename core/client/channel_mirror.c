/* Who of this pump's clients is in which channel: two arrays that point at each other.
 *
 * A client is in few channels and a channel may hold many, so both sides keep the other's index:
 * joining, leaving and closing cost O(1) a channel, and the flush walks one dense array. A channel
 * exists here only while someone is in it, or while its batch waits for the flush.
 */
#include "client/channel_mirror.h"

#include "base/grow.h"
#include "client/pump.h"

#include <stdlib.h>

#define FEW_MEMBERSHIPS 3 /* with more of them it is never alone */

struct pump_channel *mirror_channel(struct pump *p, uint32_t channel)
{
    return channel < p->channel_count ? p->channels[channel] : NULL;
}

static struct pump_channel *get_channel(struct pump *p, uint32_t channel)
{
    if (channel >= p->channel_count) {
        uint32_t count = p->channel_count ? 2 * p->channel_count : 64;
        struct pump_channel **more;

        if (count <= channel)
            count = channel + 1;
        more = realloc(p->channels, count * sizeof(struct pump_channel *));
        if (!more)
            return NULL;
        memset(more + p->channel_count, 0,
               (count - p->channel_count) * sizeof(struct pump_channel *));
        p->channels = more;
        p->channel_count = count;
    }
    if (!p->channels[channel]) {
        p->channels[channel] = calloc(1, sizeof(struct pump_channel));
        if (p->channels[channel])
            p->channels[channel]->number = channel;
    }
    return p->channels[channel];
}

void mirror_release(struct pump *p, struct pump_channel *ch)
{
    if (ch->is_dirty)
        return;
    for (int i = 0; i < PROTOCOLS_MAX; i++)
        if (ch->member_count[i])
            return;
    for (int i = 0; i < PROTOCOLS_MAX; i++) {
        free(ch->members[i]);
        for (int lane = 0; lane < LANES; lane++) {
            frame_unref(ch->batches[i][lane].frame);
            free(ch->batches[i][lane].excepts);
            free(ch->batches[i][lane].runs);
        }
    }
    if (mirror_channel(p, ch->number) == ch)
        p->channels[ch->number] = NULL;
    free(ch);
}

static uint32_t find(const struct client *c, const struct pump_channel *ch)
{
    uint32_t i = 0;

    while (i < c->membership_count && c->memberships[i].channel != ch)
        i++;
    return i;
}

void mirror_client(struct client *c)
{
    c->memberships = c->first;
    c->membership_count = 0;
    c->membership_bits = 1;
}

static void tell(const struct client *c, const struct membership *ms, bool alone)
{
    struct member *m = &ms->channel->members[c->protocol][ms->index];

    m->fd = c->queue ? 0 : c->fd;
    m->alone = alone;
}

static bool is_alone(const struct client *c)
{
    uint32_t others = 0;

    for (uint32_t i = 0; i < c->membership_count && others < 2; i++)
        others += c->memberships[i].channel->number != 0;
    return others < 2;
}

void mirror_refresh(struct client *c)
{
    bool alone = is_alone(c);

    for (uint32_t i = 0; i < c->membership_count; i++)
        tell(c, &c->memberships[i], alone);
}

static int more_memberships(struct client *c)
{
    uint32_t cap = 2u << c->membership_bits;
    bool own = c->memberships == c->first;
    struct membership *more = realloc(own ? NULL : c->memberships, cap * sizeof *more);

    if (!more)
        return -ENOMEM;
    if (own)
        memcpy(more, c->first, sizeof c->first);
    c->memberships = more;
    c->membership_bits++;
    return 0;
}

static int reserve(struct client *c, struct pump_channel *ch)
{
    uint8_t proto = c->protocol;

    if (c->membership_count == 1u << c->membership_bits && more_memberships(c) < 0)
        return -ENOMEM;
    if (ch->member_count[proto] == ch->member_cap[proto]) {
        uint32_t cap = grow_by_half(ch->member_cap[proto], 4);
        struct member *more = realloc(ch->members[proto], cap * sizeof *more);

        if (!more)
            return -ENOMEM;
        ch->members[proto] = more;
        ch->member_cap[proto] = cap;
    }
    return 0;
}

int mirror_join(struct pump *p, struct client *c, uint32_t channel)
{
    struct pump_channel *ch = get_channel(p, channel);
    uint8_t proto = c->protocol;
    struct member *m;

    if (!ch)
        return -ENOMEM;
    if (find(c, ch) < c->membership_count)
        return 0;
    if (reserve(c, ch) < 0) {
        mirror_release(p, ch);
        return -ENOMEM;
    }
    m = &ch->members[proto][ch->member_count[proto]];
    *m = (struct member){.client = c, .membership = c->membership_count};
    for (int lane = 0; lane < LANES; lane++)
        if (ch->batches[proto][lane].frame)
            m->cursor[lane] = ch->batches[proto][lane].frame->n;
    c->memberships[c->membership_count++] = (struct membership){ch, ch->member_count[proto]++};
    if (c->membership_count <= FEW_MEMBERSHIPS)
        mirror_refresh(c);
    else /* none of them is alone any more, whichever it is */
        tell(c, &c->memberships[c->membership_count - 1], false);
    return 0;
}

/* Both arrays are unordered: the last one takes the place that became free. */
static void detach(struct pump *p, struct client *c, uint32_t membership)
{
    struct pump_channel *ch = c->memberships[membership].channel;
    uint8_t proto = c->protocol;
    struct member *hole = &ch->members[proto][c->memberships[membership].index];

    *hole = ch->members[proto][--ch->member_count[proto]];
    hole->client->memberships[hole->membership].index = (uint32_t)(hole - ch->members[proto]);
    c->memberships[membership] = c->memberships[--c->membership_count];
    if (membership < c->membership_count) {
        struct membership *moved = &c->memberships[membership];

        moved->channel->members[proto][moved->index].membership = membership;
    }
    if (c->membership_count < FEW_MEMBERSHIPS)
        mirror_refresh(c);
    mirror_release(p, ch);
}

void mirror_leave(struct pump *p, struct client *c, uint32_t channel)
{
    struct pump_channel *ch = mirror_channel(p, channel);
    uint32_t i;

    if (!ch || (i = find(c, ch)) == c->membership_count)
        return;
    if (ch->is_dirty)
        mirror_flush_client(c, NULL, LANE_ORDERED, true);
    if (c->state != CLIENT_CLOSING) /* else that send was one too many, and it has left them all */
        detach(p, c, i);
}

void mirror_leave_all(struct pump *p, struct client *c, bool flush)
{
    if (flush)
        mirror_flush_client(c, NULL, LANE_ORDERED, false);
    while (c->membership_count)
        detach(p, c, c->membership_count - 1);
    if (c->memberships != c->first)
        free(c->memberships);
    mirror_client(c);
}

void mirror_channel_closed(struct pump *p, uint32_t channel)
{
    struct pump_channel *ch = mirror_channel(p, channel);
    bool was_dirty;

    if (!ch)
        return;
    was_dirty = ch->is_dirty;
    ch->is_dirty = true; /* it outlives its last member until the end of this function */
    mirror_flush_channel(p, ch);
    p->channels[channel] = NULL;
    for (int proto = 0; proto < PROTOCOLS_MAX; proto++)
        while (ch->member_count[proto]) {
            struct member *last = &ch->members[proto][ch->member_count[proto] - 1];

            detach(p, last->client, last->membership);
        }
    ch->is_dirty = was_dirty;
    mirror_release(p, ch);
}

void mirror_finish(struct pump *p)
{
    struct pump_channel *ch;

    while ((ch = p->dirty)) { /* those with members went with their clients */
        p->dirty = ch->next_dirty;
        ch->is_dirty = false;
        mirror_release(p, ch);
    }
    free(p->channels);
    p->channels = NULL;
    p->channel_count = 0;
    free(p->spare);
    p->spare = NULL;
}

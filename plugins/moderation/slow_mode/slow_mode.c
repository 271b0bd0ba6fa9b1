/* Slow mode: in a channel each user has one message in `every`.
 *
 * On the road: MODERATE. The idea to see here is how to count what is posted, not what is tried: a
 * message takes its place when it is judged and gives it back when it is settled as refused, by
 * whomever. So two that are under way at once cannot both pass, and a refused one costs nothing.
 * Who waits for which channel is in the host's bytes of the user, which survive a reload.
 */
#include <parley/plugin.h>

#define PLACES 32 /* slow channels that one user can wait for at a time */

struct options {
    int64_t every_ms;
    parley_list exempt_roles;
};
static const parley_field options[] = {
    PARLEY_OPTION("every", PARLEY_DURATION, struct options, every_ms, "0..1d", "10s",
                  PARLEY_PER_CHANNEL,
                  "In this time a user has one message; 0: as many as he likes"),
    PARLEY_OPTION("exempt_roles", PARLEY_LIST, struct options, exempt_roles, NULL,
                  "moderator, admin", PARLEY_PER_CHANNEL, "Roles that need not wait"),
};
static const parley_metric metrics[] = {
    {"refused{channel}", PARLEY_COUNTER, "Messages that came too soon, by channel"}};

/* One that is all zero is free, as host bytes are at first. */
struct place {
    uint64_t channel;   /* hash of its name */
    int64_t until_ms;   /* uptime at which he may post again */
    uint64_t under_way; /* the message that took it, until it is settled; only ever compared */
};
struct places {
    struct place all[PLACES];
};
static const parley_slot slots[] = {{"places", 1, sizeof(struct places)}};

static uint64_t hash(parley_str s)
{
    uint64_t h = 0xcbf29ce484222325;

    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3;
    return h | 1; /* never that of a free place */
}

/* The channel's place; else one for it to take: that with the least left to wait. */
static struct place *find(struct places *p, uint64_t channel)
{
    struct place *least = &p->all[0];

    for (size_t i = 0; i < PLACES; i++) {
        if (p->all[i].channel == channel)
            return &p->all[i];
        if (p->all[i].until_ms < least->until_ms)
            least = &p->all[i];
    }
    return least;
}

static parley_verdict refuse(parley_host *h, parley_str channel, int64_t every_ms, int64_t wait_ms)
{
    static const struct {
        int64_t ms;
        const char *name;
    } units[] = {{3600000, "h"}, {60000, "min"}, {1000, "s"}};
    int e = 0, w = 0;

    while (e < 2 && every_ms % units[e].ms)
        e++;
    while (w < 2 && wait_ms < 2 * units[w].ms)
        w++;
    parley_metric_add_for(h, &metrics[0], channel, 1);
    return parley_reject_for(h, PARLEY_E_RATE_LIMITED, "slow_mode", wait_ms,
                             "Slow mode: one message in %" PRId64 " %s here. Please wait %" PRId64
                             " %s.",
                             (every_ms + units[e].ms - 1) / units[e].ms, units[e].name,
                             (wait_ms + units[w].ms - 1) / units[w].ms, units[w].name);
}

static parley_verdict on_message(parley_host *h, parley_message *m)
{
    parley_str channel = parley_message_channel(m);
    const struct options *o = parley_options(h, channel);
    uint64_t name = hash(channel);
    int64_t now_ms = parley_uptime_ms(h);
    struct places *p;
    struct place *here;

    if (!channel.p || !o->every_ms || !parley_message_text(m, 0).p || /* nothing to read */
        parley_message_has_role(m, o->exempt_roles))
        return PARLEY_PASS;
    p = parley_user_slot(h, parley_message_user(m), &slots[0]);
    if (!p)
        return parley_fail(h, "no memory for the places of a user");
    here = find(p, name);
    if (here->channel == name && here->until_ms > now_ms) {
        if (here->until_ms > now_ms + o->every_ms) /* `every` was longer before a reload */
            here->until_ms = now_ms + o->every_ms;
        return refuse(h, channel, o->every_ms, here->until_ms - now_ms);
    }
    *here = (struct place){name, now_ms + o->every_ms, (uintptr_t)m};
    return PARLEY_PASS;
}

/* Every message comes by here once, those that never reached on_message too. */
static void on_settled(parley_host *h, const parley_message *m, const parley_outcome *outcome)
{
    parley_str channel = parley_message_channel(m);
    const struct options *o = parley_options(h, channel);
    uint64_t name = hash(channel);
    struct places *p;
    struct place *here;

    if (!channel.p || !o->every_ms || !parley_message_text(m, 0).p)
        return;
    p = parley_user_slot(h, parley_message_user(m), &slots[0]);
    if (!p)
        return;
    here = find(p, name);
    if (here->channel != name || here->under_way != (uintptr_t)m)
        return;
    here->under_way = 0;
    if (outcome->verdict != PARLEY_PASS && outcome->verdict != PARLEY_DROP) /* DROP looks posted */
        memset(here, 0, sizeof *here);
}

static const parley_hub hub = {.struct_size = sizeof hub,
                               .phase = PARLEY_PHASE_MODERATE,
                               .on_message = on_message,
                               .on_settled = on_settled};
static const parley_provided provides[] = {{"parley.hub/1", &hub}};
PARLEY_PLUGIN = {.preamble = PARLEY_PREAMBLE,
                 .id = "org.parley.slow_mode",
                 .version = "1.0.0",
                 .doc = "One message a user in a while, by channel",
                 .options_size = sizeof(struct options),
                 .options = PARLEY_TABLE(options),
                 .slots = PARLEY_TABLE(slots),
                 .metrics = PARLEY_TABLE(metrics),
                 .provides = PARLEY_TABLE(provides)};

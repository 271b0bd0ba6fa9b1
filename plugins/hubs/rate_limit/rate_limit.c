/* Rate limits: a message costs a token of its connection and one of its user.
 *
 * On the road: ADMIT, so that what is too much costs nobody else anything. The buckets are slots:
 * those of a user outlive his connections, so reconnecting fills nothing. What nobody reads
 * (typing, joins, resumes) draws from buckets of its own, ten times as large, so that it neither
 * eats what a person may say nor floods.
 */
#include <parley/plugin.h>

#define UNREAD_TIMES 10

struct options {
    int64_t messages, window_ms, burst;
};
static const parley_field options[] = {
    PARLEY_OPTION("messages", PARLEY_INT, struct options, messages, "1..1000000", "10", 0,
                  "Messages that may be sent in each window, on and on"),
    PARLEY_OPTION("window", PARLEY_DURATION, struct options, window_ms, "100ms..1d", "1s", 0,
                  "How long a window is"),
    PARLEY_OPTION("burst", PARLEY_INT, struct options, burst, "1..1000000", "30", 0,
                  "Messages that may be sent at once after a silence"),
};

/* In units of which a message costs `window_ms` and `messages` come back each millisecond: all that
 * is counted is whole, so nothing drifts. Zero bytes are a full bucket. */
struct bucket {
    int64_t spent, at_ms;
};
struct buckets {
    struct bucket read, unread;
};
static const parley_slot slots[] = {{"connection", 1, sizeof(struct buckets)},
                                    {"user", 1, sizeof(struct buckets)}};

/* Milliseconds until there is a token; 0: there is one. */
static int64_t wait_ms(const struct options *o, struct bucket *b, int64_t now_ms)
{
    int64_t most = o->burst * o->window_ms, passed_ms = now_ms - b->at_ms, lacking;

    if (b->spent > most) /* the options were others before a reload */
        b->spent = most;
    if (passed_ms > b->spent / o->messages) /* asked this way round, it cannot overflow */
        b->spent = 0;
    else
        b->spent -= passed_ms * o->messages;
    b->at_ms = now_ms;
    lacking = b->spent + o->window_ms - most;
    return lacking > 0 ? (lacking + o->messages - 1) / o->messages : 0;
}

static parley_verdict on_message(parley_host *h, parley_message *m)
{
    struct options o = *(const struct options *)parley_options(h, PARLEY_NONE);
    bool read = (parley_message_flags(m) & (PARLEY_SIGNED | PARLEY_EPHEMERAL)) == PARLEY_SIGNED;
    struct buckets *of[2] = {parley_client_slot(h, parley_message_author(m), &slots[0]),
                             parley_user_slot(h, parley_message_user(m), &slots[1])};
    struct bucket *b[2] = {NULL, NULL};
    int64_t longest = 0, now_ms = parley_uptime_ms(h);

    if (!read) {
        o.messages *= UNREAD_TIMES;
        o.burst *= UNREAD_TIMES;
    }
    for (int i = 0; i < 2; i++) {
        int64_t wait;

        if (!of[i]) /* he has gone meanwhile, or there is no memory: the other bucket counts */
            continue;
        b[i] = read ? &of[i]->read : &of[i]->unread;
        wait = wait_ms(&o, b[i], now_ms);
        if (wait > longest)
            longest = wait;
    }
    if (longest)
        return parley_reject_for(h, PARLEY_E_RATE_LIMITED, "messages", longest,
                                 "You are too fast. Please wait %" PRId64 " s before the next one.",
                                 (longest + 999) / 1000);
    for (int i = 0; i < 2; i++)
        if (b[i])
            b[i]->spent += o.window_ms;
    return PARLEY_PASS;
}

static const parley_hub hub = {
    .struct_size = sizeof hub, .phase = PARLEY_PHASE_ADMIT, .on_message = on_message};
static const parley_provided provides[] = {{"parley.hub/1", &hub}};
PARLEY_PLUGIN = {.preamble = PARLEY_PREAMBLE,
                 .id = "org.parley.rate_limit",
                 .version = "1.0.0",
                 .doc = "Bounds how fast a connection and a user may send",
                 .options_size = sizeof(struct options),
                 .options = PARLEY_TABLE(options),
                 .slots = PARLEY_TABLE(slots),
                 .provides = PARLEY_TABLE(provides)};

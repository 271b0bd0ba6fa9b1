/* Analytics: how many came, how long they stayed, what was said where, what was refused by whom.
 *
 * On the road: STORE, last of all, so that who was refused at the door was never here. It changes
 * nothing; it counts into the metrics, and sums up in the log.
 */
#include <parley/plugin.h>

#include <stdlib.h>

struct options {
    int64_t interval_ms;
};
static const parley_field options[] = {
    PARLEY_OPTION("interval", PARLEY_DURATION, struct options, interval_ms, "1s..1d", "60s", 0,
                  "How often the log sums up, when there was anything"),
};
enum { OPENED, SESSION, MESSAGES, CHANNEL, REFUSALS };
static const parley_metric metrics[] = {
    {"sessions", PARLEY_COUNTER, "Connections that were let in"},
    {"session_seconds", PARLEY_SECONDS, "How long connections lasted"},
    {"messages{type}", PARLEY_COUNTER, "Messages that were delivered, by type"},
    {"channel_messages{channel}", PARLEY_COUNTER, "Messages delivered to channels"},
    {"refusals{by}", PARLEY_COUNTER, "Refused messages, by who refused them"},
};

struct counts { /* since the last summary */
    int64_t opened, closed, stayed_ms, delivered, refused;
    bool any;
};

/* Nothing happens, nothing is logged: the timer runs only when there is something to sum up. */
static struct counts *count(parley_host *h)
{
    const struct options *o = parley_options(h, PARLEY_NONE);
    struct counts *n = h->self;

    if (!n->any)
        n->any = parley_timer_after(h, o->interval_ms, "summary") == 0;
    return n;
}

static parley_verdict on_connect(parley_host *h, parley_client c)
{
    (void)c;
    count(h)->opened++;
    parley_metric_add(h, &metrics[OPENED], 1);
    return PARLEY_PASS;
}

static void on_disconnect(parley_host *h, parley_client c, int reason)
{
    int64_t stayed_ms = parley_unix_ms(h) - parley_client_connected_at(h, c);
    struct counts *n = count(h);

    (void)reason;
    if (stayed_ms < 0) /* the clock of the machine was set back */
        stayed_ms = 0;
    n->closed++;
    n->stayed_ms += stayed_ms;
    parley_metric_add(h, &metrics[SESSION], (double)stayed_ms / 1000);
}

static void on_settled(parley_host *h, const parley_message *m, const parley_outcome *o)
{
    parley_str channel = parley_message_channel(m), section = PARLEY_STR("core");

    if (!parley_message_user(m).p) /* the server's own */
        return;
    if (o->verdict == PARLEY_PASS) {
        count(h)->delivered++;
        parley_metric_add_for(h, &metrics[MESSAGES], parley_message_type(m), 1);
        if (channel.p)
            parley_metric_add_for(h, &metrics[CHANNEL], channel, 1);
    } else if (o->verdict == PARLEY_REJECT) {
        count(h)->refused++;
        if (o->section)
            section.p = o->section, section.n = strlen(o->section);
        parley_metric_add_for(h, &metrics[REFUSALS], section, 1);
    }
}

static void on_timer(parley_host *h, const char *key)
{
    struct counts *n = h->self;

    (void)key;
    parley_log(h, PARLEY_INFO, "activity",
               "%" PRId64 " sessions opened, %" PRId64 " closed after %" PRId64
               " s on average, %" PRId64 " messages delivered, %" PRId64 " refused",
               n->opened, n->closed, n->closed ? n->stayed_ms / n->closed / 1000 : 0, n->delivered,
               n->refused);
    memset(n, 0, sizeof *n);
}

static int create(parley_host *h)
{
    void *counts = calloc(1, sizeof(struct counts));

    h->self = counts;
    return counts ? 0 : -ENOMEM;
}

static void destroy(parley_host *h)
{
    free(h->self);
}

static const parley_hub hub = {.struct_size = sizeof hub,
                               .phase = PARLEY_PHASE_STORE,
                               .on_settled = on_settled,
                               .on_connect = on_connect,
                               .on_disconnect = on_disconnect};
static const parley_provided provides[] = {{"parley.hub/1", &hub}};
PARLEY_PLUGIN = {.preamble = PARLEY_PREAMBLE,
                 .id = "org.parley.analytics",
                 .version = "1.0.0",
                 .doc = "Counts sessions, messages and refusals",
                 .options_size = sizeof(struct options),
                 .options = PARLEY_TABLE(options),
                 .metrics = PARLEY_TABLE(metrics),
                 .provides = PARLEY_TABLE(provides),
                 .create = create,
                 .on_timer = on_timer,
                 .destroy = destroy};

/* Mutes: who may not speak, here or anywhere, and until when.
 *
 * On the road: ADMIT. Refused is what people would read; typing is swallowed without a word. Admins
 * mute over HTTP, other plugins by the service org.parley.mute/1. The table is in memory, bounded
 * by `max`, and forgets what has run out.
 */
#define _POSIX_C_SOURCE 200809L /* gmtime_r */
#include <parley/plugin.h>
#include <parley/services/mute.h>

#include <stdlib.h>
#include <time.h>

/* For want of memory an element is not added, and its hh.tbl is NULL; uthash would end the server.
 */
#define HASH_NONFATAL_OOM           1
#define uthash_nonfatal_oom(object) ((void)(object))
#include <uthash.h>

#define SWEEP_MS    60000
#define MINUTES_MAX 5256000 /* ten years */

struct options {
    int64_t max;
};
static const parley_field options[] = {
    PARLEY_OPTION("max", PARLEY_INT, struct options, max, "1..1000000", "10000", 0,
                  "Mutes at a time"),
};

struct key { /* the whole of it is hashed: zeroed before it is filled */
    char user[256], channel[65];
};
struct entry {
    UT_hash_handle hh;
    struct key key;
    int64_t until_ms; /* Unix; 0: for good */
    char why[301];
};
struct state {
    struct entry *entries; /* the oldest first */
};

static parley_str text(const char *s)
{
    parley_str r = {s, strlen(s)};

    return *s ? r : PARLEY_NONE;
}

static bool make_key(struct key *k, parley_str user, parley_str channel)
{
    memset(k, 0, sizeof *k);
    if (user.n < 1 || user.n >= sizeof k->user || channel.n >= sizeof k->channel)
        return false;
    memcpy(k->user, user.p, user.n);
    if (channel.n)
        memcpy(k->channel, channel.p, channel.n);
    return true;
}

static void forget(struct state *s, struct entry *e)
{
    HASH_DEL(s->entries, e);
    free(e);
}

/* What has run out is no mute, though the sweep has not come by yet. */
static struct entry *find(parley_host *h, parley_str user, parley_str channel)
{
    struct state *s = h->self;
    struct entry *e = NULL;
    struct key k;

    if (make_key(&k, user, channel))
        HASH_FIND(hh, s->entries, &k, sizeof k, e);
    if (e && e->until_ms && e->until_ms <= parley_unix_ms(h)) {
        forget(s, e);
        e = NULL;
    }
    return e;
}

static void sweep(parley_host *h, const char *key)
{
    struct state *s = h->self;
    int64_t now_ms = parley_unix_ms(h);
    struct entry *e, *next;
    bool more = false;

    (void)key;
    HASH_ITER (hh, s->entries, e, next) {
        if (e->until_ms && e->until_ms <= now_ms)
            forget(s, e);
        else
            more |= e->until_ms != 0;
    }
    if (more)
        parley_timer_after(h, SWEEP_MS, "sweep");
}

/* "You are muted in general until 3 May 2026, 14:05 UTC: spam" */
static void describe(const struct entry *e, const char *what, char *out, size_t bytes)
{
    time_t t = (time_t)(e->until_ms / 1000);
    char when[48] = "";
    struct tm tm;

    if (e->until_ms && gmtime_r(&t, &tm))
        strftime(when, sizeof when, " until %d %B %Y, %H:%M UTC", &tm);
    snprintf(out, bytes, "%s%s%s%s%s%s", what, e->key.channel[0] ? " in " : "", e->key.channel,
             when, e->why[0] ? ": " : ".", e->why);
}

static void tell(parley_host *h, const struct entry *e, const char *what)
{
    parley_out *o = parley_message_new(h, "notice");
    char words[512];

    describe(e, what, words, sizeof words);
    parley_put_str(o, "message", text(words));
    parley_send(o, parley_to_user(text(e->key.user))); /* to nobody, when he is away */
}

static void unmute(parley_host *h, struct entry *e)
{
    e->until_ms = 0;
    e->why[0] = 0;
    tell(h, e, "You may speak again");
    forget((struct state *)h->self, e);
}

static int add(parley_host *h, const struct key *k, struct entry **ret)
{
    const struct options *o = parley_options(h, PARLEY_NONE);
    struct state *s = h->self;
    struct entry *e;

    if (HASH_COUNT(s->entries) >= (size_t)o->max)
        sweep(h, NULL);
    if (HASH_COUNT(s->entries) >= (size_t)o->max)
        return -ENOSPC;
    e = (struct entry *)calloc(1, sizeof *e);
    if (!e)
        return -ENOMEM;
    e->key = *k;
    HASH_ADD(hh, s->entries, key, sizeof e->key, e);
    if (!e->hh.tbl) {
        free(e);
        return -ENOMEM;
    }
    *ret = e;
    return 0;
}

/* The service; the route uses it as well. */
static int mute(parley_host *h, parley_str user, parley_str channel, int64_t until_ms,
                const char *why)
{
    parley_str spelled = channel.p ? parley_channel_name(h, channel) : PARLEY_NONE;
    struct entry *e;
    struct key k;
    int r;

    if ((channel.p && !spelled.p) || !make_key(&k, user, spelled) ||
        (why && strlen(why) >= sizeof e->why))
        return -EINVAL;
    e = find(h, user, spelled);
    if (until_ms && until_ms <= parley_unix_ms(h)) {
        if (e)
            unmute(h, e);
        return 0;
    }
    if (!e && (r = add(h, &k, &e)) < 0)
        return r;
    e->until_ms = until_ms;
    snprintf(e->why, sizeof e->why, "%s", why ? why : "");
    if (until_ms)
        parley_timer_after(h, SWEEP_MS, "sweep");
    tell(h, e, "You have been muted");
    return 0;
}

static parley_verdict on_message(parley_host *h, parley_message *m)
{
    parley_str user = parley_message_user(m), channel = parley_message_channel(m);
    uint32_t flags = parley_message_flags(m);
    struct state *s = h->self;
    struct entry *e;
    char words[512];

    if (!(flags & PARLEY_SIGNED) || !s->entries)
        return PARLEY_PASS;
    e = find(h, user, PARLEY_NONE);
    if (!e && channel.p)
        e = find(h, user, channel);
    if (!e)
        return PARLEY_PASS;
    if (flags & PARLEY_EPHEMERAL)
        return PARLEY_DONE;
    describe(e, "You are muted", words, sizeof words);
    return parley_reject_for(h, PARLEY_E_MUTED, "mute",
                             e->until_ms ? e->until_ms - parley_unix_ms(h) : 0, "%s", words);
}

static int get_mutes(parley_host *h, const parley_request *q, parley_out *to)
{
    struct state *s = h->self;
    struct entry *e, *next;

    (void)q;
    sweep(h, NULL);
    parley_open_list(to, "mutes");
    HASH_ITER (hh, s->entries, e, next) {
        time_t t = (time_t)(e->until_ms / 1000);
        char until[32] = "";
        struct tm tm;

        if (e->until_ms && gmtime_r(&t, &tm))
            strftime(until, sizeof until, "%Y-%m-%dT%H:%M:%S.000Z", &tm);
        parley_open_object(to, NULL);
        parley_put_str(to, "user", text(e->key.user));
        parley_put_str(to, "channel", text(e->key.channel));
        parley_put_str(to, "until", text(until));
        parley_put_str(to, "why", text(e->why));
        parley_close(to);
    }
    parley_close(to);
    return 200;
}

static int refuse(parley_out *to, int status, const char *why)
{
    parley_refuse(to, "%s", why);
    return status;
}

static int post_mute(parley_host *h, const parley_request *q, parley_out *to)
{
    const parley_value *in = parley_request_json(q);
    parley_str user = parley_as_str(parley_get(in, "user"));
    parley_str channel = parley_as_str(parley_get(in, "channel"));
    int64_t minutes = parley_as_int(parley_get(in, "minutes"), 0);
    int r;

    if (minutes < 0 || minutes > MINUTES_MAX)
        return refuse(to, 400, "'minutes' must be 1..5256000; without it, for good");
    if (channel.p && !parley_channel_name(h, channel).p)
        return refuse(to, 404, "there is no such channel");
    r = mute(h, user, channel, minutes ? parley_unix_ms(h) + minutes * 60000 : 0,
             parley_as_str(parley_get(in, "why")).p);
    if (r == -EINVAL)
        return refuse(to, 400, "'user' is an id of 1..255 bytes, 'why' has 300 at most");
    if (r < 0)
        return refuse(to, 503, "there are as many mutes as 'max' allows");
    parley_put_str(to, "message", PARLEY_STR("User muted"));
    parley_put_str(to, "user", user);
    return 200;
}

static int delete_mute(parley_host *h, const parley_request *q, parley_out *to)
{
    parley_str user = parley_request_query(q, "user");
    parley_str channel = parley_request_query(q, "channel");
    struct entry *e;

    if (!user.n)
        return refuse(to, 400, "'user' is required");
    if (channel.n && !(channel = parley_channel_name(h, channel)).p)
        return refuse(to, 404, "there is no such channel");
    e = find(h, user, channel);
    if (!e)
        return refuse(to, 404, "he is not muted there");
    unmute(h, e);
    parley_put_str(to, "message", PARLEY_STR("User unmuted"));
    parley_put_str(to, "user", user);
    return 200;
}

static int create(parley_host *h)
{
    struct state *s = (struct state *)calloc(1, sizeof *s);

    h->self = s;
    return s ? 0 : -ENOMEM;
}

static void destroy(parley_host *h)
{
    struct state *s = h->self;
    struct entry *e, *next;

    HASH_ITER (hh, s->entries, e, next) {
        forget(s, e);
    }
    free(s);
}

static const parley_route routes[] = {
    {"GET", "mutes", "admin", "Who is muted", get_mutes},
    {"POST", "mutes", "admin", "Mute {user, channel?, minutes?, why?}", post_mute},
    {"DELETE", "mutes", "admin", "Let ?user= speak again, in ?channel= or everywhere", delete_mute},
};
static const parley_mute service = {.struct_size = sizeof service, .mute = mute};
static const parley_hub hub = {
    .struct_size = sizeof hub, .phase = PARLEY_PHASE_ADMIT, .on_message = on_message};
static const parley_provided provides[] = {{"parley.hub/1", &hub}, {PARLEY_MUTE_1, &service}};
PARLEY_PLUGIN = {.preamble = PARLEY_PREAMBLE,
                 .id = "org.parley.mute",
                 .version = "1.0.0",
                 .doc = "Who may not speak, and until when",
                 .options_size = sizeof(struct options),
                 .options = PARLEY_TABLE(options),
                 .routes = PARLEY_TABLE(routes),
                 .provides = PARLEY_TABLE(provides),
                 .create = create,
                 .on_timer = sweep,
                 .destroy = destroy};

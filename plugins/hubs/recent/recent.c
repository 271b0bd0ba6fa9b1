/* What was said last: the latest packets of every channel, for the greeting and for those who
 * return.
 *
 * On the road: STORE; it keeps references to what was delivered, never a copy. Everything here
 * happens in one turn of the hub, so what a client is shown from memory and what it gets live meet
 * without gap or repeat.
 */
#include <parley/plugin.h>

#include <stdlib.h>

/* For want of memory an element is not added, and its hh.tbl is NULL; uthash would end the server.
 */
#define HASH_NONFATAL_OOM           1
#define uthash_nonfatal_oom(object) ((void)(object))
#include <uthash.h>

#define CACHED      16  /* greetings that are kept at a time, by the set of channels they show */
#define FRAME_BYTES 128 /* of a greeting, around its messages */
#define NAME_BYTES  64  /* of channels and epochs */
#define LAYOUT      1   /* of struct state, ring and kept: another number whenever they change */

struct options {
    int64_t per_channel, greeting, greeting_bytes;
    parley_list types;
};
static const parley_field options[] = {
    PARLEY_OPTION("per_channel", PARLEY_INT, struct options, per_channel, "1..100000", "500", 0,
                  "Messages kept for each channel"),
    PARLEY_OPTION("greeting", PARLEY_INT, struct options, greeting, "0..10000", "500", 0,
                  "Messages that a client is greeted with, of all its channels together"),
    PARLEY_OPTION("greeting_bytes", PARLEY_SIZE, struct options, greeting_bytes, "1KiB..2MiB",
                  "128KiB", 0, "Largest greeting"),
    PARLEY_OPTION("types", PARLEY_LIST, struct options, types, NULL, "chat_message", 0,
                  "What the greeting shows; a resume brings all types back"),
};

struct kept {
    parley_packet *packet;
    int64_t cache_id;
    bool shown; /* in greetings */
};
struct ring { /* of a channel */
    UT_hash_handle hh;
    char name[NAME_BYTES + 1], epoch[NAME_BYTES + 1];
    int64_t reaches; /* what was delivered after this offset is here */
    int64_t newest;  /* cacheID of the newest that is shown; 0: none */
    size_t first, count, cursor;
    struct kept kept[]; /* per_channel of them, used round and round */
};
struct greeting { /* for those who are in just these channels */
    struct ring **of;
    size_t count;
    int64_t newest;
    uint64_t used;
    parley_packet *packet;
};
struct state {
    struct ring *rings;     /* by name */
    struct ring **set;      /* scratch: has room for all of them */
    parley_packet **picked; /* scratch: has room for a greeting */
    struct greeting cache[CACHED];
    uint64_t greetings;
};

static bool same(parley_str a, parley_str b)
{
    return a.p && b.p && a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

static parley_str text(const char *s)
{
    parley_str r = {s, strlen(s)};

    return r;
}

/* --- the rings --- */
static struct kept *nth(parley_host *h, struct ring *r, size_t i)
{
    const struct options *o = parley_options(h, PARLEY_NONE);

    return &r->kept[(r->first + i) % (size_t)o->per_channel];
}

static void forget(parley_host *h, struct ring *r)
{
    struct state *s = h->self;

    for (size_t i = 0; i < CACHED; i++) {
        parley_packet_release(s->cache[i].packet);
        free(s->cache[i].of);
        memset(&s->cache[i], 0, sizeof s->cache[i]);
    }
    for (size_t i = 0; i < r->count; i++)
        parley_packet_release(nth(h, r, i)->packet);
    HASH_DEL(s->rings, r);
    free(r);
}

/* It belongs to the channel that has its name now. */
static bool is_current(parley_host *h, const struct ring *r)
{
    parley_str epoch;

    return parley_channel_position(h, text(r->name), &epoch, NULL) == 0 &&
           same(epoch, text(r->epoch));
}

static struct ring *find(parley_host *h, parley_str channel)
{
    struct state *s = h->self;
    struct ring *r = NULL;

    if (channel.n)
        HASH_FIND(hh, s->rings, channel.p, channel.n, r);
    return r && is_current(h, r) ? r : NULL;
}

/* An empty one, of a channel that has none. */
static struct ring *new_ring(parley_host *h, parley_str channel, parley_str epoch)
{
    const struct options *o = parley_options(h, PARLEY_NONE);
    struct state *s = h->self;
    struct ring *r, **set;

    if (channel.n > NAME_BYTES || epoch.n > NAME_BYTES)
        return NULL;
    set = (struct ring **)realloc(s->set, (HASH_COUNT(s->rings) + 1) * sizeof(struct ring *));
    if (!set)
        return NULL;
    s->set = set;
    r = (struct ring *)calloc(1, sizeof *r + (size_t)o->per_channel * sizeof(struct kept));
    if (!r)
        return NULL;
    memcpy(r->name, channel.p, channel.n);
    memcpy(r->epoch, epoch.p, epoch.n);
    HASH_ADD_KEYPTR(hh, s->rings, r->name, channel.n, r);
    if (r->hh.tbl)
        return r;
    free(r);
    return NULL;
}

/* A ring for a channel whose first message that we see has this offset. */
static struct ring *add(parley_host *h, parley_str channel, int64_t offset)
{
    struct state *s = h->self;
    struct ring *r, *next;
    parley_str epoch;

    HASH_ITER (hh, s->rings, r, next) /* those of channels that were closed */
    {
        if (!is_current(h, r))
            forget(h, r);
    }
    if (parley_channel_position(h, channel, &epoch, NULL) < 0)
        return NULL;
    r = new_ring(h, channel, epoch);
    if (r)
        r->reaches = offset - 1;
    return r;
}

static bool is_shown(parley_host *h, parley_str type)
{
    const struct options *o = parley_options(h, PARLEY_NONE);

    for (size_t i = 0; i < o->types.n; i++)
        if (same(o->types.items[i], type))
            return true;
    return false;
}

static void on_settled(parley_host *h, const parley_message *m, const parley_outcome *outcome)
{
    const struct options *o = parley_options(h, PARLEY_NONE);
    parley_str channel = parley_message_channel(m);
    struct ring *r;
    struct kept *k;

    if (parley_message_offset(m) == 0)
        return;
    r = find(h, channel);
    if (!r)
        r = add(h, channel, parley_message_offset(m));
    if (!r || outcome->verdict != PARLEY_PASS) /* a hole: only its author saw it */
        return;
    if (r->count == (size_t)o->per_channel) {
        k = nth(h, r, 0);
        r->reaches = parley_packet_offset(k->packet);
        parley_packet_release(k->packet);
        r->first = (r->first + 1) % (size_t)o->per_channel;
        r->count--;
    }
    k = nth(h, r, r->count++);
    k->packet = parley_packet_keep(parley_message_packet(m));
    k->cache_id = parley_message_cache_id(m);
    k->shown = is_shown(h, parley_message_type(m));
    if (k->shown)
        r->newest = k->cache_id;
}

/* --- the greeting --- */
/* The newest message of a ring that is shown and was not picked yet. */
static struct kept *candidate(parley_host *h, struct ring *r)
{
    while (r->cursor && !nth(h, r, r->cursor - 1)->shown)
        r->cursor--;
    return r->cursor ? nth(h, r, r->cursor - 1) : NULL;
}

/* The latest messages of the channels in s->set, the newest first; how many. */
static size_t pick(parley_host *h, size_t set_count)
{
    const struct options *o = parley_options(h, PARLEY_NONE);
    struct state *s = h->self;
    size_t n = 0, bytes = FRAME_BYTES;

    for (size_t i = 0; i < set_count; i++)
        s->set[i]->cursor = s->set[i]->count;
    while (n < (size_t)o->greeting) {
        struct ring *from = NULL;
        struct kept *newest = NULL;

        for (size_t i = 0; i < set_count; i++) {
            struct kept *k = candidate(h, s->set[i]);

            if (k && (!newest || k->cache_id > newest->cache_id)) {
                newest = k;
                from = s->set[i];
            }
        }
        if (!newest)
            break;
        bytes += parley_packet_bytes(newest->packet) + 1;
        if (bytes > (size_t)o->greeting_bytes)
            break;
        s->picked[n++] = newest->packet;
        from->cursor--;
    }
    return n;
}

static void build(parley_host *h, struct greeting *g, size_t count, int64_t newest)
{
    struct state *s = h->self;
    size_t n = pick(h, count);
    parley_out *o;

    parley_packet_release(g->packet);
    free(g->of);
    memset(g, 0, sizeof *g);
    g->of = (struct ring **)malloc(count * sizeof(struct ring *));
    if (!g->of || n == 0)
        return;
    memcpy(g->of, s->set, count * sizeof *s->set);
    g->count = count;
    g->newest = newest;
    o = parley_message_new(h, "bulk_chat_messages");
    parley_open_list(o, "messages");
    while (n)
        parley_put_payload(o, NULL, s->picked[--n]);
    parley_close(o);
    g->packet = parley_pack(o);
}

/* Clients of the same channels share one, until something new was said there. */
static void on_greet(parley_host *h, parley_client c)
{
    struct state *s = h->self;
    struct greeting *g = &s->cache[0];
    int64_t newest = 0;
    size_t count = 0;

    for (struct ring *r = s->rings; r; r = (struct ring *)r->hh.next)
        if (r->newest && parley_client_in(h, c, text(r->name)) && is_current(h, r)) {
            s->set[count++] = r;
            newest = r->newest > newest ? r->newest : newest;
        }
    if (count == 0)
        return;
    for (size_t i = 0; i < CACHED; i++) { /* its own, or else the longest unused */
        struct greeting *at = &s->cache[i];

        if (at->count == count && memcmp(at->of, s->set, count * sizeof *s->set) == 0) {
            g = at;
            break;
        }
        if (at->used < g->used)
            g = at;
    }
    if (g->count != count || g->newest != newest ||
        memcmp(g->of, s->set, count * sizeof *s->set) != 0)
        build(h, g, count, newest);
    g->used = ++s->greetings;
    if (g->packet)
        parley_greet(h, c, PARLEY_GREET_CHANNELS_HISTORY, g->packet);
}

/* --- the return --- */
/* Only asks to be let in: another hub may refuse that, and then nothing is shown. */
static parley_verdict on_resume(parley_host *h, parley_message *m)
{
    int r = parley_join(h, parley_message_author(m), parley_message_channel(m));

    return r < 0 ? parley_fail(h, "could not join: %s", strerror(-r)) : PARLEY_DONE;
}

/* Still in the turn of on_resume, so nothing was said since; and by now he is in, or was refused.
 * What came after he joined he got live. */
static void on_resumed(parley_host *h, const parley_message *m, const parley_outcome *outcome)
{
    const parley_value *in = parley_message_payload(m);
    parley_str channel = parley_message_channel(m), epoch;
    parley_client c = parley_message_author(m);
    int64_t from = parley_as_int(parley_get(in, "offset"), 0), now;
    int64_t until = parley_joined_at(h, c, channel);
    struct ring *r = find(h, channel);
    parley_to to = parley_to_client(c);
    parley_out *answer;
    bool recovered;

    to.flags = PARLEY_CATCH_UP;
    if (outcome->verdict != PARLEY_DONE || until < 0 ||
        parley_channel_position(h, channel, &epoch, &now) < 0)
        return;
    recovered = from <= now && same(epoch, parley_as_str(parley_get(in, "epoch"))) &&
                (from >= until || (r && from >= r->reaches));
    for (size_t i = 0; recovered && r && i < r->count; i++) {
        parley_packet *p = nth(h, r, i)->packet;

        if (parley_packet_offset(p) > from && parley_packet_offset(p) <= until)
            parley_send_packet(h, p, to);
    }
    answer = parley_message_new(h, "resumed");
    parley_put_str(answer, "channel", channel);
    parley_put_str(answer, "epoch", epoch);
    parley_put_int(answer, "offset", now);
    parley_put_bool(answer, "recovered", recovered);
    parley_send(answer, parley_to_client(c));
}

/* --- birth and death --- */
static int create(parley_host *h)
{
    const struct options *o = parley_options(h, PARLEY_NONE);
    struct state *s = (struct state *)calloc(1, sizeof *s);

    if (s)
        s->picked = (parley_packet **)calloc((size_t)o->greeting + 1, sizeof(parley_packet *));
    if (!s || !s->picked) {
        free(s);
        return -ENOMEM;
    }
    h->self = s;
    return 0;
}

/* From one generation to the next goes where the old one's state lies: it stands still there while
 * the new one begins, which takes references of its own. What it does not know how to read, it
 * leaves. */
static int save(parley_host *h, parley_out *to)
{
    const struct options *o = parley_options(h, PARLEY_NONE);

    parley_put_int(to, "layout", LAYOUT);
    parley_put_int(to, "state", (int64_t)(intptr_t)h->self);
    parley_put_int(to, "per_channel", o->per_channel);
    return 0;
}

/* The latest of what an old ring holds, as many as there is room for. false: no memory. */
static bool copy(parley_host *h, const struct ring *old, size_t old_size)
{
    const struct options *o = parley_options(h, PARLEY_NONE);
    size_t room = (size_t)o->per_channel, skip = old->count > room ? old->count - room : 0;
    struct ring *r = new_ring(h, text(old->name), text(old->epoch));

    if (!r)
        return false;
    r->reaches = old->reaches;
    for (size_t i = 0; i < old->count; i++) {
        struct kept k = old->kept[(old->first + i) % old_size];

        if (i < skip) {
            r->reaches = parley_packet_offset(k.packet);
            continue;
        }
        k.packet = parley_packet_keep(k.packet);
        *nth(h, r, r->count++) = k;
        if (k.shown)
            r->newest = k.cache_id;
    }
    return true;
}

static int start(parley_host *h, const parley_value *saved)
{
    const struct state *old =
        (const struct state *)(intptr_t)parley_as_int(parley_get(saved, "state"), 0);
    size_t old_size = (size_t)parley_as_int(parley_get(saved, "per_channel"), 0);

    if (!old || !old_size || parley_as_int(parley_get(saved, "layout"), 0) != LAYOUT)
        return 0;
    for (const struct ring *r = old->rings; r; r = (const struct ring *)r->hh.next)
        if (is_current(h, r) && !copy(h, r, old_size))
            return 0; /* no memory: who asks for the others is told that they are gone */
    return 0;
}

static void quiesce(parley_host *h)
{
    struct state *s = h->self;
    struct ring *r, *next;

    HASH_ITER (hh, s->rings, r, next) {
        forget(h, r);
    }
}

static void destroy(parley_host *h)
{
    struct state *s = h->self;

    free(s->set);
    free(s->picked);
    free(s);
}

static const parley_hub keep = {.struct_size = sizeof keep,
                                .phase = PARLEY_PHASE_STORE,
                                .on_settled = on_settled,
                                .on_greet = on_greet};
static const parley_hub resume = {.struct_size = sizeof resume,
                                  .phase = PARLEY_PHASE_ROUTE,
                                  .types = "resume",
                                  .on_message = on_resume,
                                  .on_settled = on_resumed};
static const parley_provided provides[] = {{"parley.hub/1", &keep}, {"parley.hub/1", &resume}};
PARLEY_PLUGIN = {.preamble = PARLEY_PREAMBLE,
                 .id = "org.parley.recent",
                 .version = "1.0.0",
                 .doc = "The latest messages, for newcomers and for those who return",
                 .options_size = sizeof(struct options),
                 .options = PARLEY_TABLE(options),
                 .provides = PARLEY_TABLE(provides),
                 .create = create,
                 .start = start,
                 .save = save,
                 .quiesce = quiesce,
                 .destroy = destroy};

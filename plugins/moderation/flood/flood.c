/* Flood: the same again and again, shouting, and storms of mentions, links or one character.
 *
 * On the road: MODERATE. The idea to see here is how to know a text again without keeping it. One
 * pass over a message folds its letters and leaves two numbers: a hash, the same for the same
 * letters, and a sketch (SimHash), of which texts that are nearly alike differ in few bits. The
 * latest of them are in the host's bytes of the user, so they survive a reload and a reconnect.
 */
#include <parley/plugin.h>

#include <math.h>
#include <strings.h>
#include <utf8proc.h>

#define SAID      32 /* messages remembered of a user */
#define NEAR_FROM 12 /* letters from which two texts can be nearly alike */
#define PI        3.14159265358979

struct options {
    int64_t repeats, window_ms, similarity, capitals, capitals_from, mentions, links, run;
    bool across_channels;
    parley_list exempt_roles;
};
#define OPTION(name, kind, member, range, dflt, doc) \
    PARLEY_OPTION(name, kind, struct options, member, range, dflt, PARLEY_PER_CHANNEL, doc)
static const parley_field options[] = {
    OPTION("repeats", PARLEY_INT, repeats, "0..30", "2",
           "Times that the same text may be posted in each window; 0: any number"),
    OPTION("window", PARLEY_DURATION, window_ms, "1s..1h", "30s", "How long a text is remembered"),
    OPTION("similarity", PARLEY_INT, similarity, "60..100", "80",
           "Percent from which two texts count as the same; 100: only with the same letters"),
    OPTION("across_channels", PARLEY_BOOL, across_channels, NULL, "yes",
           "Whether repeats are counted over all channels and whispers together"),
    OPTION("capitals", PARLEY_INT, capitals, "1..100", "70",
           "Most capitals, in percent of the letters that can be one; 100: any number"),
    OPTION("capitals_from", PARLEY_INT, capitals_from, "1..10000", "12",
           "Letters from which on capitals are looked at"),
    OPTION("mentions", PARLEY_INT, mentions, "0..10000", "5", "Most @names; 0: any number"),
    OPTION("links", PARLEY_INT, links, "0..10000", "3", "Most links; 0: any number"),
    OPTION("run", PARLEY_INT, run, "0..10000", "20",
           "Most times one character in a row; 0: any number"),
    OPTION("exempt_roles", PARLEY_LIST, exempt_roles, NULL, "moderator, admin",
           "Roles never judged"),
};
static const parley_metric metrics[] = {
    {"refused{rule}", PARLEY_COUNTER, "Messages that were refused, by rule"}};

/* A message that was posted, or is under way. All zero: none. */
struct said {
    uint64_t hash, sketch; /* sketch 0: too short to be nearly like another */
    uint64_t place;        /* hash of the channel, or of whom it was whispered to */
    uint64_t under_way;    /* the message, until it is settled; only ever compared */
    int64_t at_ms;         /* uptime */
};
struct memory {
    uint64_t next; /* the oldest of `all` */
    struct said all[SAID];
};
static const parley_slot slots[] = {{"memory", 1, sizeof(struct memory)}};

/* What one pass over the texts of a message leaves. */
struct look {
    uint64_t hash, raw, gram; /* of all letters; of all bytes; the last four letters */
    int32_t votes[64];        /* for and against each bit of the sketch */
    int64_t letters, upper, lower, mentions, links, run, longest_run, marks;
    int32_t last;
};

static uint64_t hash_more(uint64_t h, uint64_t v)
{
    return (h ^ v) * 0x100000001b3;
}

static uint64_t hash_of(uint64_t h, parley_str s)
{
    for (size_t i = 0; i < s.n; i++)
        h = hash_more(h, (unsigned char)s.p[i]);
    return h;
}

/* Four letters vote for and against each bit, by a hash of theirs; texts that share most of their
 * groups of four get most of the bits alike. */
static void add_letter(struct look *l, int32_t c)
{
    uint64_t h;

    l->hash = hash_more(l->hash, (uint64_t)c);
    l->gram = l->gram << 16 ^ (uint64_t)c;
    if (++l->letters < 4)
        return;
    h = l->gram * 0x9e3779b97f4a7c15;
    h = (h ^ h >> 32) * 0xd6e8feb86659fd93;
    h ^= h >> 32;
    for (int b = 0; b < 64; b++)
        l->votes[b] += (int32_t)(h >> b & 1) * 2 - 1;
}

/* A character as it is after folding. Of marks only accents are passed over: a vowel sign of Hindi
 * is as much of a word as a letter. */
static void add_folded(struct look *l, int32_t c, utf8proc_category_t category)
{
    bool mark = category >= UTF8PROC_CATEGORY_MN && category <= UTF8PROC_CATEGORY_ME;

    if (mark) { /* a pile of them is a run, whichever they are */
        l->marks++;
        if (l->marks > l->longest_run)
            l->longest_run = l->marks;
    } else {
        l->marks = 0;
        l->run = c == l->last ? l->run + 1 : 1;
        l->last = c;
        if (l->run > l->longest_run)
            l->longest_run = l->run;
    }
    if (mark ? utf8proc_get_property(c)->combining_class < 200
             : (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_NO) ||
                   category == UTF8PROC_CATEGORY_SO || category == UTF8PROC_CATEGORY_CO ||
                   category == UTF8PROC_CATEGORY_CN)
        add_letter(l, c);
}

static void add_character(struct look *l, int32_t c)
{
    utf8proc_int32_t folded[32];
    utf8proc_category_t category = utf8proc_category(c);
    utf8proc_ssize_t n;
    int unused = 0;

    l->upper += category == UTF8PROC_CATEGORY_LU || category == UTF8PROC_CATEGORY_LT;
    l->lower += category == UTF8PROC_CATEGORY_LL;
    if (c < 0x80) {
        add_folded(l, category == UTF8PROC_CATEGORY_LU ? c | 0x20 : c, category);
        return;
    }
    n = utf8proc_decompose_char(
        c, folded, 32, UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE,
        &unused);
    for (utf8proc_ssize_t i = 0; i < n && i < 32; i++)
        add_folded(l, folded[i], utf8proc_category(folded[i]));
}

static bool in_name(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_' ||
           (c & 0x80);
}

static void look_at(struct look *l, parley_str s)
{
    utf8proc_int32_t c;
    utf8proc_ssize_t n;

    for (size_t i = 0; i < s.n; i++) { /* there is a 0 behind the last */
        const char *p = s.p + i;
        bool begins = i == 0 || !in_name(p[-1]);

        l->raw = hash_more(l->raw, (unsigned char)*p);
        l->mentions += *p == '@' && begins && in_name(p[1]);
        l->links += strncmp(p, "://", 3) == 0 || (begins && strncasecmp(p, "www.", 4) == 0 &&
                                                  (i < 3 || memcmp(p - 3, "://", 3) != 0));
    }
    l->last = -1;
    l->marks = 0;
    for (size_t i = 0; i < s.n; i += (size_t)n) {
        n = utf8proc_iterate((const utf8proc_uint8_t *)s.p + i, (utf8proc_ssize_t)(s.n - i), &c);
        if (n < 1) /* the host vouches for UTF-8 */
            return;
        add_character(l, c);
    }
}

static struct said sum_up(const struct look *l, const parley_message *m)
{
    uint64_t type = hash_of(0xcbf29ce484222325, parley_message_type(m));
    parley_str channel = parley_message_channel(m);
    struct said s = {.under_way = (uintptr_t)m};

    s.place = channel.p ? hash_of(1, channel) : hash_of(2, parley_message_recipient(m));
    for (int b = 0; b < 64 && l->letters >= NEAR_FROM; b++)
        s.sketch |= (uint64_t)(l->votes[b] > 0) << b;
    if (s.sketch)
        s.sketch ^= type; /* to correct a message is not to repeat it */
    s.hash = ((l->letters ? l->hash : l->raw) ^ type) | 1;
    return s;
}

/* Milliseconds until it may be said, and then it is not remembered; 0: it may be, and is. */
static int64_t wait_ms(const struct options *o, struct memory *memory, struct said s, int64_t now)
{
    int most = o->similarity == 100 ? -1 : (int)(acos((double)o->similarity / 100) * 64 / PI + 0.5);
    int64_t ends[SAID];
    int n = 0;

    for (uint64_t i = 0; i < SAID; i++) { /* the oldest first */
        const struct said *e = &memory->all[(memory->next + i) % SAID];
        bool near = e->sketch && s.sketch && __builtin_popcountll(e->sketch ^ s.sketch) <= most;

        if (e->hash && e->at_ms + o->window_ms > now && (e->hash == s.hash || near) &&
            (o->across_channels || e->place == s.place))
            ends[n++] = e->at_ms + o->window_ms;
    }
    if (n >= o->repeats)
        return ends[n - o->repeats] - now;
    s.at_ms = now;
    memory->all[memory->next] = s;
    memory->next = (memory->next + 1) % SAID;
    return 0;
}

static const char *count(parley_host *h, const char *rule)
{
    parley_metric_add_for(h, &metrics[0], (parley_str){rule, strlen(rule)}, 1);
    return rule;
}

static parley_verdict on_message(parley_host *h, parley_message *m)
{
    const struct options *o = parley_options(h, parley_message_channel(m));
    struct look l = {.hash = 1};
    struct memory *memory;
    int64_t wait;
    parley_str text;

    if (!parley_message_text(m, 0).p || parley_message_has_role(m, o->exempt_roles))
        return PARLEY_PASS;
    for (unsigned i = 0; (text = parley_message_text(m, i)).p; i++)
        look_at(&l, text);
    if (o->run && l.longest_run > o->run)
        return parley_reject(h, PARLEY_E_REJECTED, count(h, "run"),
                             "Please do not repeat one character more than %" PRId64 " times.",
                             o->run);
    if (l.upper + l.lower >= o->capitals_from && l.upper * 100 > o->capitals * (l.upper + l.lower))
        return parley_reject(h, PARLEY_E_REJECTED, count(h, "capitals"),
                             "Please do not shout: at most %" PRId64 "%% may be capitals.",
                             o->capitals);
    if (o->mentions && l.mentions > o->mentions)
        return parley_reject(h, PARLEY_E_REJECTED, count(h, "mentions"),
                             "A message may mention %" PRId64 " people at most; yours has %" PRId64
                             ".",
                             o->mentions, l.mentions);
    if (o->links && l.links > o->links)
        return parley_reject(h, PARLEY_E_REJECTED, count(h, "links"),
                             "A message may have %" PRId64 " links at most; yours has %" PRId64 ".",
                             o->links, l.links);
    if (!o->repeats)
        return PARLEY_PASS;
    memory = parley_user_slot(h, parley_message_user(m), &slots[0]);
    if (!memory)
        return parley_fail(h, "no memory for what a user says");
    wait = wait_ms(o, memory, sum_up(&l, m), parley_uptime_ms(h));
    if (wait)
        return parley_reject_for(h, PARLEY_E_RATE_LIMITED, count(h, "repeats"), wait,
                                 "You have said this, or nearly this, a moment ago. Please wait "
                                 "%" PRId64 " s before you say it again.",
                                 (wait + 999) / 1000);
    return PARLEY_PASS;
}

/* What was not posted after all was not said: whoever tries again repeats nothing. */
static void on_settled(parley_host *h, const parley_message *m, const parley_outcome *outcome)
{
    const struct options *o = parley_options(h, parley_message_channel(m));
    bool posted = outcome->verdict == PARLEY_PASS || outcome->verdict == PARLEY_DROP;
    struct memory *memory;

    if (!o->repeats || !parley_message_text(m, 0).p)
        return;
    memory = parley_user_slot(h, parley_message_user(m), &slots[0]);
    for (size_t i = 0; memory && i < SAID; i++)
        if (memory->all[i].under_way == (uintptr_t)m) {
            memory->all[i].under_way = 0;
            if (!posted)
                memset(&memory->all[i], 0, sizeof memory->all[i]);
        }
}

static const parley_hub hub = {.struct_size = sizeof hub,
                               .phase = PARLEY_PHASE_MODERATE,
                               .on_message = on_message,
                               .on_settled = on_settled};
static const parley_provided provides[] = {{"parley.hub/1", &hub}};
PARLEY_PLUGIN = {.preamble = PARLEY_PREAMBLE,
                 .id = "org.parley.flood",
                 .version = "1.0.0",
                 .doc = "Refuses repeats, shouting, and storms of mentions, links and characters",
                 .options_size = sizeof(struct options),
                 .options = PARLEY_TABLE(options),
                 .slots = PARLEY_TABLE(slots),
                 .metrics = PARLEY_TABLE(metrics),
                 .provides = PARLEY_TABLE(provides)};

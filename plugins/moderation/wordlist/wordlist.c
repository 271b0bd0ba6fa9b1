/* Word lists: a text in which an entry of a list stands is refused, masked, or held for a
 * moderator.
 *
 * On the road: MODERATE; every text of every type is looked at, on the hub's loop, in a few
 * microseconds. What takes time (reading, folding and compiling the lists) is done by create, on
 * the control loop. Nobody is told which word it was; the log has the list and the entry's line.
 */
#include "wordlist.h"

#include <parley/services/review.h>

#include <stdlib.h>
#include <utf8proc.h>

struct options {
    parley_list lists, words, exempt_roles;
    const char *action, *reply;
    bool spaced, repeats, leet;
};
static const parley_field options[] = {
    PARLEY_OPTION("lists", PARLEY_LIST, struct options, lists, "0..100", NULL, PARLEY_FILE,
                  "Files with an entry a line: bad, two words, bad*, *bad"),
    PARLEY_OPTION("words", PARLEY_LIST, struct options, words, "0..1000", NULL, 0,
                  "Entries without a file"),
    PARLEY_OPTION("action", PARLEY_STRING, struct options, action, "reject|mask|hold|off", "reject",
                  PARLEY_PER_CHANNEL, "What becomes of a message that has an entry in it"),
    PARLEY_OPTION("reply", PARLEY_STRING, struct options, reply, "1..120",
                  "There are words in it that are not welcome here.", PARLEY_PER_CHANNEL,
                  "What the author of a refused message is told"),
    PARLEY_OPTION("exempt_roles", PARLEY_LIST, struct options, exempt_roles, NULL, NULL,
                  PARLEY_PER_CHANNEL, "Roles whose messages are not looked at"),
    PARLEY_OPTION("spaced", PARLEY_BOOL, struct options, spaced, NULL, "yes", 0,
                  "Finds bad in b a d"),
    PARLEY_OPTION("repeats", PARLEY_BOOL, struct options, repeats, NULL, "yes", 0,
                  "Finds bad in baaad"),
    PARLEY_OPTION("leet", PARLEY_BOOL, struct options, leet, NULL, "no", 0, "Finds bad in b4d"),
};
static const parley_metric metrics[] = {
    {"matches{list}", PARLEY_COUNTER, "Texts in which an entry of the list was found"}};

enum action { REJECT, MASK, HOLD, OFF };
struct state {
    struct fold *fold;
    struct lists lists;
    hs_scratch_t *scratch;
    struct text text;
    char *masked; /* a copy of the original, zero where something was found */
    size_t masked_room;
};
struct search { /* in one text */
    struct state *state;
    const struct options *options;
    bool mask;
    const struct entry *found; /* the latest */
};

static enum action action_of(const struct options *o)
{
    return *o->action == 'r' ? REJECT : *o->action == 'm' ? MASK : *o->action == 'h' ? HOLD : OFF;
}

static int on_candidate(unsigned number, unsigned long long from, unsigned long long to,
                        unsigned flags, void *arg)
{
    struct search *search = (struct search *)arg;
    struct state *s = search->state;
    const struct entry *e = &s->lists.entries[number];
    const struct unit *first = s->text.units + to - e->text.n, *last = s->text.units + to - 1;

    if (!entry_is_at(e, &s->text, to - e->text.n, search->options->repeats))
        return 0;
    search->found = e;
    if (!search->mask)
        return 1; /* enough */
    memset(s->masked + first->from, 0, last->to - first->from);
    return 0;
}

static int scan(struct search *search)
{
    struct state *s = search->state;
    hs_error_t e = HS_SUCCESS;

    if (s->text.n && (search->mask || !search->found))
        e = hs_scan(s->lists.database, s->text.bytes, (unsigned)s->text.n, 0, s->scratch,
                    on_candidate, search);
    return e == HS_SUCCESS || e == HS_SCAN_TERMINATED ? 0 : -EIO;
}

/* In each way in which it may be read. */
static int find(struct search *search, parley_str text)
{
    struct text *t = &search->state->text;
    int r = 0;

    t->twofold = true;
    for (int capitals = 0; r == 0 && capitals < 2 && t->twofold; capitals++) {
        r = fold_text(search->state->fold, text, capitals, t);
        if (r == 0)
            r = scan(search);
        if (r == 0 && search->options->spaced && text_join(t))
            r = scan(search);
    }
    return r;
}

static int begin_mask(struct state *s, parley_str text)
{
    if (text.n >= s->masked_room) {
        char *more = (char *)realloc(s->masked, text.n + 1);

        if (!more)
            return -ENOMEM;
        s->masked = more;
        s->masked_room = text.n + 1;
    }
    memcpy(s->masked, text.p, text.n);
    return 0;
}

/* A '*' for each character that can be seen. In place: it only gets shorter. */
static parley_str end_mask(struct state *s, parley_str text)
{
    size_t n = 0;

    for (size_t i = 0, next; i < text.n; i = next) {
        int32_t c;

        next = i + (size_t)utf8proc_iterate((const uint8_t *)text.p + i,
                                            (utf8proc_ssize_t)(text.n - i), &c);
        if (!s->masked[i]) {
            if (fold_shows(s->fold, (uint32_t)c))
                s->masked[n++] = '*';
        } else {
            memmove(s->masked + n, s->masked + i, next - i);
            n += next - i;
        }
    }
    s->masked[n] = 0;
    return (parley_str){s->masked, n};
}

/* A moderator decides; it waits here, and goes on behind this hub. */
static parley_verdict hold(parley_host *h, parley_message *m, const char *list)
{
    parley_host *provider;
    const parley_review *review = parley_service(h, PARLEY_REVIEW_1, &provider);

    if (!review)
        return parley_fail(h, "'action = hold' needs a section [hub review]");
    return review->hold(provider, m, h->section, list);
}

static parley_verdict on_message(parley_host *h, parley_message *m)
{
    const struct options *o = parley_options(h, parley_message_channel(m));
    struct state *s = h->self;
    parley_str text;

    if (action_of(o) == OFF || !s->lists.database || parley_message_has_role(m, o->exempt_roles))
        return PARLEY_PASS;
    for (unsigned i = 0; (text = parley_message_text(m, i)).p; i++) {
        struct search search = {s, o, action_of(o) == MASK, NULL};
        int r = search.mask ? begin_mask(s, text) : 0;

        if (r == 0)
            r = find(&search, text);
        if (r == 0 && search.found) {
            parley_metric_add_for(h, &metrics[0],
                                  (parley_str){search.found->list, strlen(search.found->list)}, 1);
            parley_log(h, PARLEY_DEBUG, "wordlist_match", "%s:%u", search.found->list,
                       search.found->line);
            if (action_of(o) == HOLD)
                return hold(h, m, search.found->list);
            if (!search.mask)
                return parley_reject(h, PARLEY_E_REJECTED, search.found->list, "%s", o->reply);
            r = parley_message_set_text(m, i, end_mask(s, text));
        }
        if (r < 0)
            return parley_fail(h, "a text could not be searched: %s", strerror(-r));
    }
    return PARLEY_PASS;
}

static void destroy(parley_host *h)
{
    struct state *s = h->self;

    hs_free_scratch(s->scratch);
    lists_finish(&s->lists);
    fold_free(s->fold);
    text_finish(&s->text);
    free(s->masked);
    free(s);
}

static int create(parley_host *h)
{
    const struct options *o = parley_options(h, PARLEY_NONE);
    struct state *s = (struct state *)calloc(1, sizeof *s);
    int r = -ENOMEM;

    if (!s)
        return -ENOMEM;
    h->self = s;
    s->fold = fold_new(o->leet);
    if (!o->lists.n && !o->words.n)
        r = parley_bad_option(h, "lists", "nothing to look for: set 'lists' or 'words'");
    else if (hs_valid_platform() != HS_SUCCESS)
        r = parley_bad_option(h, NULL, "vectorscan does not run on this processor");
    else if (s->fold)
        r = lists_read(h, s->fold, o->lists, o->words, &s->lists);
    if (r == 0 && s->lists.database &&
        hs_alloc_scratch(s->lists.database, &s->scratch) != HS_SUCCESS)
        r = -ENOMEM;
    if (r < 0)
        destroy(h);
    return r;
}

static const parley_hub hub = {
    .struct_size = sizeof hub, .phase = PARLEY_PHASE_MODERATE, .on_message = on_message};
static const parley_provided provides[] = {{"parley.hub/1", &hub}};
PARLEY_PLUGIN = {.preamble = PARLEY_PREAMBLE,
                 .id = "org.parley.wordlist",
                 .version = "1.0.0",
                 .doc = "Refuses, masks or holds what is on lists of words and phrases",
                 .needs = PARLEY_REVIEW_1 "?",
                 .options_size = sizeof(struct options),
                 .options = PARLEY_TABLE(options),
                 .metrics = PARLEY_TABLE(metrics),
                 .provides = PARLEY_TABLE(provides),
                 .create = create,
                 .destroy = destroy};

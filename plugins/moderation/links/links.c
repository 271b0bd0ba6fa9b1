/* Links: which domains may be linked to, by lists.
 *
 * On the road: MODERATE. The idea to see here is one way of reading for both sides: an entry of a
 * list and a domain in a text go through the same name_read, so that case, wide and invisible
 * characters or a dot at the end cannot make them differ. The lists are one hash set; a domain is
 * looked up with all that it is below of in one walk from its end, and nothing is allocated.
 */
#define _POSIX_C_SOURCE 200809L /* getline, strndup */
#include "name.h"

#include <parley/plugin.h>

#include <stdlib.h>
#include <sys/stat.h>

#define SPACES      " \t\r\n"
#define MASK        "***"
#define SHOWN_BYTES 100 /* of a name, to its author */

struct options {
    parley_list allow, deny, endings, exempt_roles;
    const char *allow_file, *deny_file, *others, *action;
    bool defanged;
};
#define OPTION(name, kind, range, dflt, flags, doc) \
    PARLEY_OPTION(#name, kind, struct options, name, range, dflt, flags, doc)
static const parley_field options[] = {
    OPTION(others, PARLEY_STRING, "allow|deny", "allow", PARLEY_PER_CHANNEL,
           "What becomes of links to domains that are on no list"),
    OPTION(action, PARLEY_STRING, "reject|mask", "reject", PARLEY_PER_CHANNEL,
           "Whether the message is refused or the link becomes ***"),
    OPTION(allow, PARLEY_LIST, NULL, "", 0, "Domains that may be linked to, with all below them"),
    OPTION(deny, PARLEY_LIST, NULL, "", 0, "Domains that may not, with all below them"),
    OPTION(allow_file, PARLEY_STRING, NULL, NULL, 0, "File with more to allow, a line each"),
    OPTION(deny_file, PARLEY_STRING, NULL, NULL, 0, "File with more to deny, a line each"),
    OPTION(defanged, PARLEY_BOOL, NULL, "yes", 0, "Whether evil[.]com and evil(dot)com are links"),
    OPTION(endings, PARLEY_LIST, NULL,
           "com, net, org, info, biz, app, dev, xyz, top, site, online, shop, store, club, live, "
           "link, click, icu, website, zip",
           0, "By which a bare word with dots is a link; any two letters always are"),
    OPTION(exempt_roles, PARLEY_LIST, NULL, "moderator, admin", PARLEY_PER_CHANNEL,
           "Roles that may link to anything"),
};
static const parley_metric metrics[] = {
    {"refused{rule}", PARLEY_COUNTER, "Messages that were refused, by rule"},
    {"masked", PARLEY_COUNTER, "Links that became ***"}};

enum { ALLOW = 1, DENY = 2 };
struct entry {
    uint64_t hash;
    char *name; /* NULL: free */
    size_t n;
    int flag;
};
struct state {
    struct entry *set; /* `room` of them, a power of two; at least half are free */
    size_t room, used, scratch_bytes;
    char *scratch; /* for masked texts: as large as the largest needed so far */
};

/* The entry of a name whose hash is known; or the free one where it belongs. */
static struct entry *find(const struct state *s, uint64_t hash, const char *name, size_t n)
{
    size_t i = (hash ^ hash >> 32) & (s->room - 1);

    while (s->set[i].name &&
           (s->set[i].hash != hash || s->set[i].n != n || memcmp(s->set[i].name, name, n) != 0))
        i = (i + 1) & (s->room - 1);
    return &s->set[i];
}

/* The hash of a name, made from its last character to its first, so that those of all that it is
 * below of come by on the way: the flag of the longest that is listed. */
static uint64_t look_up(const struct state *s, const struct name *name, int *ret_flag)
{
    uint64_t hash = 0xcbf29ce484222325;

    *ret_flag = 0;
    for (size_t i = name->n; i > 0; i--) {
        hash = (hash ^ (unsigned char)name->s[i - 1]) * 0x100000001b3;
        if (i == 1 || name->s[i - 2] == '.') {
            const struct entry *e = find(s, hash, name->s + i - 1, name->n - i + 1);

            *ret_flag = e->name ? e->flag : *ret_flag;
        }
    }
    return hash;
}

static int grow(struct state *s)
{
    struct state more = {.room = s->room ? 2 * s->room : 64, .used = s->used};

    more.set = (struct entry *)calloc(more.room, sizeof *more.set);
    if (!more.set)
        return -ENOMEM;
    for (size_t i = 0; i < s->room; i++)
        if (s->set[i].name)
            *find(&more, s->set[i].hash, s->set[i].name, s->set[i].n) = s->set[i];
    free(s->set);
    *s = more;
    return 0;
}

static int add(parley_host *h, const char *option, const char *where, const char *text)
{
    struct state *s = h->self;
    struct name name;
    size_t end = name_read(text, false, false, &name);
    int unused, flag = option[0] == 'a' ? ALLOW : DENY;
    uint64_t hash;
    struct entry *e;

    if (!name.n || (text[end] && strcmp(text + end, ".") != 0))
        return parley_bad_option(h, option, "%s'%.80s' is no domain name", where, text);
    if (2 * s->used >= s->room && grow(s) < 0)
        return -ENOMEM;
    hash = look_up(s, &name, &unused);
    e = find(s, hash, name.s, name.n);
    if (e->name && e->flag != flag)
        return parley_bad_option(h, option, "%s'%.80s' is both allowed and denied", where, text);
    if (!e->name) {
        *e = (struct entry){hash, strndup(name.s, name.n), name.n, flag};
        s->used++;
    }
    return e->name ? 0 : -ENOMEM;
}

static int add_file(parley_host *h, const char *option, const char *path)
{
    struct stat st;
    char *line = NULL, where[300];
    size_t room = 0;
    int number = 0, r = 0;
    FILE *f =
        path[0] == '/' && stat(path, &st) == 0 && S_ISREG(st.st_mode) ? fopen(path, "r") : NULL;

    if (!f)
        return parley_bad_option(h, option, "'%s' must be the absolute path of a file to read",
                                 path);
    while (r == 0 && getline(&line, &room, f) >= 0) {
        char *text = line + strspn(line, SPACES);

        snprintf(where, sizeof where, "%s:%d: ", path, ++number);
        text[strcspn(text, "#\r\n")] = 0;
        for (size_t n = strlen(text); n && strchr(SPACES, text[n - 1]); n--)
            text[n - 1] = 0;
        if (*text)
            r = add(h, option, where, text);
    }
    free(line);
    fclose(f);
    return r;
}

static void destroy(parley_host *h)
{
    struct state *s = h->self;

    for (size_t i = 0; s && i < s->room; i++)
        free(s->set[i].name);
    if (s) {
        free(s->set);
        free(s->scratch);
    }
    free(s);
}

static int create(parley_host *h)
{
    const struct options *o = parley_options(h, PARLEY_NONE);
    struct state *s = (struct state *)calloc(1, sizeof *s);
    int r;

    h->self = s;
    r = s ? grow(s) : -ENOMEM;
    for (size_t i = 0; r == 0 && i < o->allow.n; i++)
        r = add(h, "allow", "", o->allow.items[i].p);
    for (size_t i = 0; r == 0 && i < o->deny.n; i++)
        r = add(h, "deny", "", o->deny.items[i].p);
    if (r == 0 && o->allow_file)
        r = add_file(h, "allow_file", o->allow_file);
    if (r == 0 && o->deny_file)
        r = add_file(h, "deny_file", o->deny_file);
    if (r < 0)
        destroy(h);
    return r;
}

/* The rule that it breaks, or NULL. */
static const char *judge(const struct state *s, const struct options *o,
                         const struct name_search *f)
{
    int flag;

    look_up(s, &f->name, &flag);
    if (flag)
        return flag == DENY ? "denied" : NULL;
    return f->sure && o->others[0] == 'd' ? "not_allowed" : NULL;
}

static parley_verdict refuse(parley_host *h, const struct name_search *f, const char *rule)
{
    size_t at = f->to > f->name_at ? f->name_at : f->from, n = f->to - at;

    if (n > SHOWN_BYTES)
        for (n = SHOWN_BYTES; (f->text[at + n] & 0xc0) == 0x80;) /* not within a character */
            n--;
    parley_metric_add_for(h, &metrics[0], (parley_str){rule, strlen(rule)}, 1);
    return parley_reject(
        h, PARLEY_E_REJECTED, rule,
        rule[0] == 'd' ? "Links to %.*s are not allowed here."
                       : "Only links to certain sites are allowed here, and %.*s is none of them.",
        (int)n, f->text + at);
}

/* Room for a text in which each link of one byte becomes a mask. */
static bool need(struct state *s, size_t bytes)
{
    char *more = bytes > s->scratch_bytes ? (char *)realloc(s->scratch, bytes) : s->scratch;

    if (!more)
        return false;
    s->scratch = more;
    s->scratch_bytes = bytes > s->scratch_bytes ? bytes : s->scratch_bytes;
    return true;
}

static parley_verdict check(parley_host *h, parley_message *m, unsigned i, const struct options *o)
{
    struct state *s = h->self;
    parley_str text = parley_message_text(m, i);
    struct name_search f = {.text = text.p, .endings = o->endings, .defanged = o->defanged};
    size_t done = 0, n = 0;
    const char *rule;
    int r;

    while (name_next(&f)) {
        rule = judge(s, o, &f);
        if (!rule)
            continue;
        if (o->action[0] == 'r')
            return refuse(h, &f, rule);
        if (!need(s, (sizeof MASK) * text.n))
            return parley_fail(h, "no memory to mask a link");
        if (f.from < done) /* what stands before an @ was masked already */
            f.from = f.name_at;
        memcpy(s->scratch + n, text.p + done, f.from - done);
        n += f.from - done;
        memcpy(s->scratch + n, MASK, sizeof MASK - 1);
        n += sizeof MASK - 1;
        done = f.at = f.end;
        parley_metric_add(h, &metrics[1], 1);
    }
    if (!done)
        return PARLEY_PASS;
    memcpy(s->scratch + n, text.p + done, text.n - done + 1);
    r = parley_message_set_text(m, i, (parley_str){s->scratch, n + text.n - done});
    return r < 0 ? parley_fail(h, "a link cannot be masked: %s", strerror(-r)) : PARLEY_PASS;
}

static parley_verdict on_message(parley_host *h, parley_message *m)
{
    const struct options *o = parley_options(h, parley_message_channel(m));
    parley_verdict v = PARLEY_PASS;

    if (!parley_message_text(m, 0).p || parley_message_has_role(m, o->exempt_roles))
        return PARLEY_PASS;
    for (unsigned i = 0; v == PARLEY_PASS && parley_message_text(m, i).p; i++)
        v = check(h, m, i, o);
    return v;
}

static const parley_hub hub = {
    .struct_size = sizeof hub, .phase = PARLEY_PHASE_MODERATE, .on_message = on_message};
static const parley_provided provides[] = {{"parley.hub/1", &hub}};
PARLEY_PLUGIN = {.preamble = PARLEY_PREAMBLE,
                 .id = "org.parley.links",
                 .version = "1.0.0",
                 .doc = "Which domains may be linked to",
                 .options_size = sizeof(struct options),
                 .options = PARLEY_TABLE(options),
                 .metrics = PARLEY_TABLE(metrics),
                 .provides = PARLEY_TABLE(provides),
                 .create = create,
                 .destroy = destroy};

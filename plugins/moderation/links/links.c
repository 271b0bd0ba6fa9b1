/* Links: which domains may be linked to, by lists.
 *
 * On the road: MODERATE. The idea to see here is one spelling for both sides: an expression finds
 * what might be a name, in whatever disguise, and domains.c makes of it what a browser would look
 * up; of the entries of the lists too, so that no way of writing makes the two differ.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "domains.h"

#include <ctype.h>
#include <pcre2.h>
#include <stdlib.h>
#include <unicode/uchar.h>

#define MASK "***"

/* Letters near to Latin, those far from it, all (with what becomes one, or a hyphen), and dots.
 * Nothing here goes back over what it took, and no name is begun in its middle; so a search takes
 * as long as the text is. */
#define BOTH                                                              \
    "0-9_\\-\\p{Cf}\\p{DI}\\x{20A8}\\x{FE33}\\x{FE34}\\x{FE4D}-\\x{FE4F}" \
    "\\x{FE63}\\x{FF0D}\\x{FF3F}"
#define NEAR                                                                         \
    "[" BOTH "A-Za-z\\x{C0}-\\x{D6}\\x{D8}-\\x{F6}\\x{F8}-\\x{2AF}\\x{300}-\\x{52F}" \
    "\\x{FF10}-\\x{FF19}\\x{FF21}-\\x{FF3A}\\x{FF41}-\\x{FF5A}]"
#define FAR  "(?:(?![\\x00-\\x{52F}\\x{FF01}-\\x{FF5A}])[\\p{L}\\p{M}\\p{N}]|[" BOTH "])"
#define ALL  BOTH "\\p{L}\\p{M}\\p{N}\\p{So}"
#define DOT  "\\.\\x{3002}\\x{FF0E}\\x{FF61}"
#define DOTS "(?:[" DOT "]|(?i:\\[\\.\\]|\\(\\.\\)|\\[dot\\]|\\(dot\\)))"
#define ENDS "\\s/\\\\?#<>\""
#define FIND(label)                                                          \
    "(?:(?:(?<![A-Za-z0-9+-])[A-Za-z0-9+-]*+)?://()[/\\\\]*+(?=[^" ENDS "])" \
    "(?:[^" ENDS "]*@)?((?:[" ALL "%]|" DOTS ")*+)|(" label "(?:" DOTS label ")++))"
enum { LINK, SCHEME, HOST, BARE }; /* groups; that of SCHEME is empty, at its end */

/* Where people write without spaces a name touches the words around it: the second one ends where
 * near and far letters meet. Both count, as nobody knows which of them a client makes a link. */
static const char *const expressions[2] = {
    FIND("(?<![" ALL "])[" ALL "]++"), FIND("(?:(?<!" NEAR ")" NEAR "++|(?<!" FAR ")" FAR "++)")};

struct options {
    parley_list allow, deny, exempt_roles;
    const char *others, *action;
};
#define OPTION(name, kind, range, dflt, flags, doc) \
    PARLEY_OPTION(#name, kind, struct options, name, range, dflt, flags, doc)
static const parley_field options[] = {
    OPTION(allow, PARLEY_LIST, NULL, "", PARLEY_FILE,
           "Domains that may be linked to; /a/file has more"),
    OPTION(deny, PARLEY_LIST, NULL, "", PARLEY_FILE, "Domains that may not; /a/file has more"),
    OPTION(others, PARLEY_STRING, "allow|deny", "allow", PARLEY_PER_CHANNEL,
           "What becomes of links to domains that are on no list"),
    OPTION(action, PARLEY_STRING, "reject|mask", "reject", PARLEY_PER_CHANNEL,
           "Whether the message is refused or the link becomes ***"),
    OPTION(exempt_roles, PARLEY_LIST, NULL, "moderator, admin", PARLEY_PER_CHANNEL,
           "Roles that may link to anything"),
};
static const parley_metric metrics[] = {
    {"refused{rule}", PARLEY_COUNTER, "Messages that were refused, by rule"},
    {"masked", PARLEY_COUNTER, "Links that became ***"}};

struct state {
    struct domains domains;
    pcre2_code *find[2];
    pcre2_match_data *found;
};

static void destroy(parley_host *h)
{
    struct state *s = h->self;

    if (!s)
        return;
    domains_finish(&s->domains);
    pcre2_match_data_free(s->found);
    pcre2_code_free(s->find[0]);
    pcre2_code_free(s->find[1]);
    free(s);
}

static int create(parley_host *h)
{
    const struct options *o = parley_options(h, PARLEY_NONE);
    struct state *s = (struct state *)calloc(1, sizeof *s);
    int r = s ? 0 : -ENOMEM, code;
    size_t at;

    h->self = s;
    for (int i = 0; r == 0 && i < 2; i++) {
        s->find[i] = pcre2_compile((PCRE2_SPTR)expressions[i], PCRE2_ZERO_TERMINATED,
                                   PCRE2_UTF | PCRE2_UCP, &code, &at, NULL);
        r = s->find[i] ? 0 : -ENOMEM;
        pcre2_jit_compile(s->find[i], PCRE2_JIT_COMPLETE); /* it is faster, no more */
    }
    if (r == 0) {
        s->found = pcre2_match_data_create_from_pattern(s->find[0], NULL);
        r = s->found ? domains_read(h, &s->domains, o->allow, o->deny) : -ENOMEM;
    }
    if (r < 0)
        destroy(h);
    return r;
}

/* --- the message --- */
/* The rule that it breaks, or NULL. A bare name is a link if it ends as domains do; one that is too
 * long to be read is words, but a host may be what is denied. */
static const char *judge(const struct domains *d, const struct options *o, bool host, bool first)
{
    enum domains_listed listed = domains_look_up(d);

    if (listed == DOMAINS_DENIED || (host && d->too_long && d->deny))
        return "denied";
    if (listed == DOMAINS_ALLOWED || o->others[0] != 'd')
        return NULL;
    return host || (first && domains_has_ending(d)) ? "not_allowed" : NULL;
}

/* Where the link ends whose name does at `to`: a path may follow, or a port. */
static size_t link_end(parley_str text, size_t to)
{
    const char *p = text.p + to;
    int32_t i = (int32_t)to, end = i;
    UChar32 c = ' ';

    if (!strchr("/\\?#", *p) && (*p != ':' || !isdigit((unsigned char)p[1])))
        return to;
    do {
        end = i;
        U8_NEXT(text.p, i, (int32_t)text.n, c);
    } while (c > 0 && !u_isUWhiteSpace(c));
    return (size_t)end;
}

/* Of any script; what is neither written nor said in an address makes none. */
static bool is_word(UChar32 c)
{
    return u_isalnum(c) || c == '_' || c == '-' || c == '+' || c == '.';
}

/* A bare name within ann@example.org, which is no link. */
static bool is_mail(parley_str text, size_t from, size_t to)
{
    const char *p = text.p + to;
    int32_t before = (int32_t)from - 1, after = (int32_t)to + 1;
    UChar32 c;

    if (*p == '@') {
        U8_NEXT(text.p, after, (int32_t)text.n, c);
        if (is_word(c))
            return true;
    }
    if (before < 1 || text.p[before] != '@' || *p == '/' ||
        (*p == ':' && isdigit((unsigned char)p[1])))
        return false;
    U8_PREV(text.p, 0, before, c);
    return is_word(c);
}

/* The next link that breaks a rule is from *from to *to; *to is where to go on, at first 0, and
 * *end where the URL ends that is being read. */
static const char *next(struct state *s, const struct options *o, int how, parley_str text,
                        size_t *from, size_t *to, size_t *end)
{
    const size_t *g = pcre2_get_ovector_pointer(s->found);
    const char *rule = NULL;

    while (!rule && pcre2_match(s->find[how], (PCRE2_SPTR)text.p, text.n, *to, PCRE2_NO_UTF_CHECK,
                                s->found, NULL) > 0) {
        bool host = g[2 * SCHEME] != PCRE2_UNSET, first = g[LINK] >= *end;
        const size_t *name = host ? g + 2 * HOST : g + 2 * BARE;

        domains_spell(&s->domains, text.p + name[0], name[1] - name[0]);
        if (host || !first || !is_mail(text, name[0], name[1]))
            rule = judge(&s->domains, o, host, first);
        *end = first ? link_end(text, name[1]) : *end;
        *from = g[LINK];
        *to = !rule && host ? g[2 * SCHEME] : rule && *end > name[1] ? *end : name[1];
    }
    return rule;
}

static bool is_ascii(parley_str s)
{
    size_t i = 0;

    while (i < s.n && !(s.p[i] & 0x80))
        i++;
    return i == s.n;
}

/* A link is never shorter than its mask; so what is written stays behind what is read, the second
 * time in the same place. */
static parley_verdict check(parley_host *h, parley_message *m, unsigned i, const struct options *o)
{
    struct state *s = h->self;
    parley_str text = parley_message_text(m, i);
    int ways = is_ascii(text) ? 1 : 2, r = 0;
    char *masked = NULL;
    const char *rule;

    for (int how = 0; how < ways; how++) {
        size_t from, to = 0, end = 0, done = 0, n = 0;

        while ((rule = next(s, o, how, text, &from, &to, &end))) {
            if (o->action[0] == 'r') {
                parley_metric_add_for(h, &metrics[0], (parley_str){rule, strlen(rule)}, 1);
                return parley_reject(h, PARLEY_E_REJECTED, rule,
                                     "Links to %s are not allowed here.",
                                     s->domains.name[0] ? s->domains.name : "such an address");
            }
            masked = masked ? masked : (char *)malloc(text.n + 1);
            if (!masked)
                return parley_fail(h, "no memory to mask a link");
            memmove(masked + n, text.p + done, from - done);
            memcpy(masked + n + from - done, MASK, sizeof MASK - 1);
            n += from - done + sizeof MASK - 1;
            done = to;
            parley_metric_add(h, &metrics[1], 1);
        }
        if (done) {
            memmove(masked + n, text.p + done, text.n - done + 1);
            text = (parley_str){masked, n + text.n - done};
        }
    }
    if (masked)
        r = parley_message_set_text(m, i, text);
    free(masked);
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

/* Links: which domains may be linked to, by lists.
 *
 * On the road: MODERATE. The idea to see here is one spelling for both sides: an expression finds
 * what might be a name, in whatever disguise, and `spell` makes of it what a browser would look up;
 * of the entries of the lists too, so that no way of writing makes the two differ.
 */
#define _GNU_SOURCE           /* tdestroy, inet_aton */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <parley/plugin.h>

#include <arpa/inet.h>
#include <ctype.h>
#include <libpsl.h>
#include <pcre2.h>
#include <search.h>
#include <stdlib.h>
#include <unicode/uchar.h>
#include <unicode/uidna.h>

#define NAME_BYTES 256
#define MASK       "***"
#define FALSE_HYPHENS \
    (UIDNA_ERROR_LEADING_HYPHEN | UIDNA_ERROR_TRAILING_HYPHEN | UIDNA_ERROR_HYPHEN_3_4)

/* Letters near to Latin, those far from it, all, and dots. Nothing here goes back over what it
 * took, and no name is begun in its middle; so a search takes as long as the text is. */
#define BOTH "0-9_\\-\\p{Cf}\\x{FE00}-\\x{FE0F}"
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
    OPTION(allow, PARLEY_LIST, NULL, "", 0, "Domains that may be linked to; /a/file has more"),
    OPTION(deny, PARLEY_LIST, NULL, "", 0, "Domains that may not; /a/file has more"),
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
    void *allow, *deny; /* trees of names */
    pcre2_code *find[2];
    pcre2_match_data *found;
    UIDNA *idna;
    char name[NAME_BYTES]; /* that is being judged; "": no name */
};

/* Invisible characters are no part of a name, nor hyphens at its ends, which may be emphasis. */
static int32_t strip(char *s, int32_t n)
{
    int32_t to = 0;

    for (int32_t i = 0, from = 0; i < n; from = i) {
        UChar32 c;

        U8_NEXT(s, i, n, c);
        if (c < 0)
            return 0;
        if (u_charType(c) == U_FORMAT_CHAR || (to == 0 && strchr("-_.", (char)c)))
            continue;
        memmove(s + to, s + from, (size_t)(i - from));
        to += i - from;
    }
    while (to && strchr("-_.", s[to - 1]))
        to--;
    return to;
}

/* Into s->name: xn-- for what is not ASCII, four numbers for an address that is one number. */
static void spell(struct state *s, const char *p, size_t bytes)
{
    char raw[4 * NAME_BYTES];
    UIDNAInfo info = UIDNA_INFO_INITIALIZER;
    UErrorCode e = U_ZERO_ERROR;
    struct in_addr address;
    int32_t n = 0;

    s->name[0] = 0;
    for (size_t i = 0; i < bytes && n < (int32_t)sizeof raw; i++)
        if (p[i] == '%' && isxdigit((unsigned char)p[i + 1]) && isxdigit((unsigned char)p[i + 2])) {
            raw[n++] = (char)strtoul((const char[]){p[i + 1], p[i + 2], 0}, NULL, 16);
            i += 2;
        } else if (p[i] == '[' || p[i] == '(') { /* around a dot */
            raw[n++] = '.';
            i += strcspn(p + i, "])");
        } else {
            raw[n++] = p[i];
        }
    n = strip(raw, n);
    n = uidna_nameToASCII_UTF8(s->idna, raw, n, s->name, NAME_BYTES, &info, &e);
    if (U_FAILURE(e) || info.errors & ~(uint32_t)FALSE_HYPHENS || n >= NAME_BYTES)
        n = 0;
    s->name[n] = 0;
    if (strspn(s->name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != (size_t)n)
        s->name[0] = 0; /* there was a 0 in it, too */
    if (isdigit((unsigned char)s->name[0]) && inet_aton(s->name, &address))
        inet_ntop(AF_INET, &address, s->name, NAME_BYTES);
}

/* --- the lists --- */
static int by_name(const void *a, const void *b)
{
    return strcmp((const char *)a, (const char *)b);
}

static int add(parley_host *h, const char *option, const char *where, const char *entry)
{
    struct state *s = h->self;
    void **mine = option[0] == 'a' ? &s->allow : &s->deny, **entered;
    char *name;

    spell(s, entry, strlen(entry));
    if (!s->name[0])
        return parley_bad_option(h, option, "%s'%.80s' is no domain name", where, entry);
    if (tfind(s->name, mine == &s->allow ? &s->deny : &s->allow, by_name))
        return parley_bad_option(h, option, "%s'%.80s' is both allowed and denied", where, entry);
    name = strdup(s->name);
    entered = name ? (void **)tsearch(name, mine, by_name) : NULL;
    if (!entered || *entered != name) /* no memory, or there already */
        free(name);
    return entered ? 0 : -ENOMEM;
}

static int add_file(parley_host *h, const char *option, const char *path)
{
    char line[NAME_BYTES * 4], where[300];
    int number = 0, r = 0;
    FILE *f = fopen(path, "r");

    while (f && r == 0 && fgets(line, sizeof line, f)) {
        snprintf(where, sizeof where, "%s:%d: ", path, ++number);
        line[strcspn(line, "#")] = 0;
        for (size_t n = strlen(line); n && isspace((unsigned char)line[n - 1]); n--)
            line[n - 1] = 0;
        if (*line)
            r = add(h, option, where, line + strspn(line, " \t"));
    }
    if (!f || ferror(f))
        r = parley_bad_option(h, option, "'%s' cannot be read", path);
    if (f)
        fclose(f);
    return r;
}

static int add_all(parley_host *h, const char *option, parley_list list)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < list.n; i++)
        r = list.items[i].p[0] == '/' ? add_file(h, option, list.items[i].p)
                                      : add(h, option, "", list.items[i].p);
    return r;
}

static void destroy(parley_host *h)
{
    struct state *s = h->self;

    if (!s)
        return;
    tdestroy(s->allow, free);
    tdestroy(s->deny, free);
    pcre2_match_data_free(s->found);
    pcre2_code_free(s->find[0]);
    pcre2_code_free(s->find[1]);
    uidna_close(s->idna);
    free(s);
}

static int create(parley_host *h)
{
    const struct options *o = parley_options(h, PARLEY_NONE);
    struct state *s = (struct state *)calloc(1, sizeof *s);
    UErrorCode e = U_ZERO_ERROR;
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
        s->idna = uidna_openUTS46(UIDNA_NONTRANSITIONAL_TO_ASCII, &e);
        r = s->found && U_SUCCESS(e) && psl_builtin() ? add_all(h, "allow", o->allow) : -ENOMEM;
    }
    if (r == 0)
        r = add_all(h, "deny", o->deny);
    if (r < 0)
        destroy(h);
    return r;
}

/* --- the message --- */
/* The rule that it breaks, or NULL: of the listed domains that it is below of the nearest counts.
 * A bare name is a link if it ends as domains do. */
static const char *judge(struct state *s, const struct options *o, bool host, bool maybe)
{
    const char *ending = s->name;

    for (const char *p = s->name; *p; p += *p == '.') {
        if (tfind(p, &s->allow, by_name))
            return NULL;
        if (tfind(p, &s->deny, by_name))
            return "denied";
        ending = p;
        p += strcspn(p, ".");
    }
    maybe = maybe && *ending &&
            psl_is_public_suffix2(psl_builtin(), ending, PSL_TYPE_ICANN | PSL_TYPE_NO_STAR_RULE);
    return o->others[0] == 'd' && (host || maybe) ? "not_allowed" : NULL;
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

/* A bare name within ann@example.org, which is no link. */
static bool is_mail(parley_str text, size_t from, size_t to)
{
    const char *p = text.p + to;

    return (*p == '@' && !isspace((unsigned char)p[1])) ||
           (from > 1 && text.p[from - 1] == '@' && !isspace((unsigned char)text.p[from - 2]) &&
            *p != '/' && (*p != ':' || !isdigit((unsigned char)p[1])));
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

        spell(s, text.p + name[0], name[1] - name[0]);
        if (host || !first || !is_mail(text, name[0], name[1]))
            rule = judge(s, o, host, first);
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
                                     s->name[0] ? s->name : "such an address");
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

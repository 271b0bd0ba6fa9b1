/* Anyone comes in, under the name that he asks for: to try Parley out on one's own machine.
 *
 * Nothing proves who is who here, so it refuses to serve where others could reach it. Whoever shows
 * a token wants to be somebody in particular, and is left to the authenticators that know tokens.
 */
#include <parley/auth.h>

#define NAME_BYTES 64

/* The next code point of [*p, end), strictly; -1: this is not UTF-8. */
static int32_t next_code_point(const unsigned char **p, const unsigned char *end)
{
    static const int32_t least[] = {0, 0x80, 0x800, 0x10000};
    unsigned char first = *(*p)++;
    int more = first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    int32_t c = first & (0x3f >> more);

    if (first < 0x80)
        return first;
    if (first < 0xc2 || first > 0xf4 || end - *p < more)
        return -1;
    for (int i = 0; i < more; i++) {
        unsigned char next = *(*p)++;
        if ((next & 0xc0) != 0x80)
            return -1;
        c = c << 6 | (next & 0x3f);
    }
    return c < least[more] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ? -1 : c;
}

static bool between(int32_t c, int32_t low, int32_t high)
{
    return c >= low && c <= high;
}

/* What would forge a line of a log, or turn the text around it about. */
static bool is_control(int32_t c)
{
    return c < 0x20 || between(c, 0x7f, 0x9f) || c == 0x061c || c == 0x200e || c == 0x200f ||
           between(c, 0x2028, 0x202e) || between(c, 0x2066, 0x2069);
}

/* What leaves no mark on a screen: a name of nothing else is no name. */
static bool is_blank(int32_t c)
{
    return c == ' ' || c == 0xa0 || c == 0xad || c == 0x034f || c == 0x115f || c == 0x1160 ||
           c == 0x1680 || c == 0x180e || between(c, 0x2000, 0x200d) || c == 0x202f ||
           between(c, 0x205f, 0x2064) || c == 0x2800 || c == 0x3000 || c == 0x3164 || c == 0xfeff ||
           c == 0xffa0 || between(c, 0xfe00, 0xfe0f) || between(c, 0xe0000, 0xe0fff);
}

static parley_str trim(parley_str s)
{
    for (; s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'); s.p++, s.n--)
        ;
    for (; s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'); s.n--)
        ;
    return s;
}

/* NULL: it may be somebody's name. */
static const char *fault_of(parley_str name)
{
    const unsigned char *p = (const unsigned char *)name.p, *end = p + name.n;
    bool visible = false;

    if (name.n > NAME_BYTES)
        return "The name is longer than 64 bytes.";
    while (p < end) {
        int32_t c = next_code_point(&p, end);
        if (c < 0)
            return "The name is not UTF-8.";
        if (is_control(c))
            return "The name has control characters.";
        visible = visible || !is_blank(c);
    }
    return visible ? NULL : "The name is empty.";
}

static parley_answer_at_door check(parley_host *h, const void *snapshot, parley_login *l)
{
    parley_str name = parley_login_query(l, "name");
    parley_identity who = {.struct_size = sizeof who};
    char copy[NAME_BYTES + 1]; /* a parley_str ends with a 0, and a trimmed one may not */
    const char *fault;

    (void)h;
    (void)snapshot;
    if (!name.p || parley_login_bearer(l).p)
        return PARLEY_NOT_MINE;
    name = trim(name);
    fault = fault_of(name);
    if (fault)
        return parley_login_refuse(l, "%s", fault);
    memcpy(copy, name.p, name.n);
    copy[name.n] = 0;
    who.user = who.username = (parley_str){copy, name.n};
    return parley_login_admit(l, &who);
}

static int create(parley_host *h)
{
    if (parley_on_loopback(h))
        return 0;
    return parley_bad_option(h, NULL,
                             "it lets in anyone under any name, so every listener must be on a "
                             "loopback address, such as 127.0.0.1:8080");
}

static const parley_auth auth = {.struct_size = sizeof auth, .check = check};
static const parley_provided provides[] = {{"parley.auth/1", &auth}};
PARLEY_PLUGIN = {.preamble = PARLEY_PREAMBLE,
                 .id = "org.parley.auth.open",
                 .version = "1.0.0",
                 .doc = "Lets anyone in under the name of ?name=, on loopback addresses alone",
                 .provides = PARLEY_TABLE(provides),
                 .create = create};

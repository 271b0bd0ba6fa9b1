/* Messages as text, by chance and by the plugin's tables: some that a client of ours might send,
 * and some that none would. Whether a message is refused is the server's business; that nothing
 * breaks is the plugin's. Every frame is valid UTF-8, as those that a server hands on are. */
#include "base/buf.h"
#include "base/str.h"
#include "validate.h"

#include <stdlib.h>

struct words {
    struct trial *t;
    struct buf *to;
    bool hostile;
};

static const char *const calm[] = {"hello",
                                   "How are you?",
                                   "one two three",
                                   "Fine, and you?",
                                   "\xc3\xa9t\xc3\xa9",
                                   "see https://example.org/x",
                                   "42",
                                   "ok :)"};
static const char *const sharp[] = {
    "",
    " ",
    "%s%n%s%n%d",
    "\\u0000",
    "\xef\xbb\xbf",
    "\xe2\x80\xae txet",
    "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7",
    "a\xcc\x81\xcc\x81\xcc\x81\xcc\x81",
    "\xf4\x8f\xbf\xbf",
    "../../../../etc/passwd",
    "'; DROP TABLE users; --",
    "<script>alert(1)</script>",
    "-1",
    "9223372036854775807",
    "org.parley",
    "general",
    "bob",
    "*",
    "@all @bob @ann",
    "/\x7f/",
};
enum { CALM = sizeof calm / sizeof *calm, SHARP = sizeof sharp / sizeof *sharp };

static uint64_t pick(struct words *w, uint64_t below)
{
    return trial_random(w->t, below);
}

static void put_text(struct words *w, const char *text)
{
    buf_add_json(w->to, str_of(text));
}

/* The same piece over and over, up to the longest that a frame may hold. */
static void put_long(struct words *w)
{
    static const char *const pieces[] = {"a",   " ",  "ab ",   "\xcc\x81", "\xf0\x9f\x98\x80",
                                         "@a ", "A!", "://x.", "%s",       "\\\\"};
    const char *piece = pieces[pick(w, sizeof pieces / sizeof *pieces)];
    size_t times = pick(w, 6000);

    buf_add_char(w->to, '"');
    for (size_t i = 0; i < times; i++)
        buf_add_cstr(w->to, piece);
    buf_add_char(w->to, '"');
}

static void put_number(struct words *w)
{
    static const char *const numbers[] = {"0",     "-0",   "-1",  "1",      "9223372036854775807",
                                          "1e308", "-1e9", "0.5", "1e-300", "-9223372036854775808"};

    buf_add_cstr(w->to, numbers[pick(w, sizeof numbers / sizeof *numbers)]);
}

static void put_any(struct words *w, int depth)
{
    uint64_t kind = pick(w, depth > 0 ? 9 : 7), n = pick(w, 5);

    switch (kind) {
    case 0:
        buf_add_cstr(w->to, "null");
        return;
    case 1:
        buf_add_cstr(w->to, pick(w, 2) ? "true" : "false");
        return;
    case 2:
        put_number(w);
        return;
    case 3:
        put_long(w);
        return;
    case 7:
    case 8:
        buf_add_char(w->to, kind == 7 ? '[' : '{');
        for (uint64_t i = 0; i < n; i++) {
            if (i)
                buf_add_char(w->to, ',');
            if (kind == 8)
                buf_addf(w->to, "\"%c%d\":", "kcmt"[pick(w, 4)], (int)i);
            put_any(w, depth - 1);
        }
        buf_add_char(w->to, kind == 7 ? ']' : '}');
        return;
    default:
        put_text(w, pick(w, 2) ? sharp[pick(w, SHARP)] : calm[pick(w, CALM)]);
    }
}

/* Of a number by its range; of "a|b" one of these. */
static void put_fitting(struct words *w, const parley_field *f)
{
    long long low = 0, high = 0;
    const char *range = f->range ? f->range : "";
    int n = sscanf(range, "%lld..%lld", &low, &high);

    if (f->flags & PARLEY_CHANNEL)
        put_text(w, pick(w, 4) ? "general" : "random");
    else if (f->flags & PARLEY_USER)
        put_text(w, pick(w, 2) ? "bob" : "ann");
    else if (f->kind == PARLEY_BOOL)
        buf_add_cstr(w->to, pick(w, 2) ? "true" : "false");
    else if (f->kind == PARLEY_INT || f->kind == PARLEY_NUMBER || f->kind == PARLEY_SIZE ||
             f->kind == PARLEY_DURATION)
        buf_addf(w->to, "%lld", n == 2 && pick(w, 3) == 0 ? high : n >= 1 ? low : 1);
    else if (f->kind == PARLEY_LIST)
        buf_add_cstr(w->to, "[\"one\",\"two\"]");
    else if (strchr(range, '|') && !strchr(range, '*'))
        buf_addf(w->to, "\"%.*s\"", (int)strcspn(range, "|"), range);
    else
        put_text(w, calm[pick(w, CALM)]);
}

static void put_field(struct words *w, const parley_field *f)
{
    if (w->hostile && pick(w, 3) == 0)
        put_any(w, 3);
    else if (w->hostile && (f->flags & PARLEY_TEXT) && pick(w, 2))
        put_long(w);
    else if (w->hostile && f->kind == PARLEY_STRING && pick(w, 2))
        put_text(w, sharp[pick(w, SHARP)]);
    else
        put_fitting(w, f);
}

/* "settings.secret" is a member of an object; two of one object are rare enough to be left out. */
static void put_members(struct words *w, const parley_table *fields)
{
    parley_field f;

    for (uint32_t i = 0; table_at(fields, i, &f, sizeof f); i++) {
        const char *dot = f.name ? strchr(f.name, '.') : NULL;

        if (!f.name || (!(f.flags & PARLEY_REQUIRED) && pick(w, 2)))
            continue;
        if (w->hostile && pick(w, 12) == 0)
            continue;
        if (dot)
            buf_addf(w->to, ",\"%.*s\":{\"%s\":", (int)(dot - f.name), f.name, dot + 1);
        else
            buf_addf(w->to, ",\"%s\":", f.name);
        put_field(w, &f);
        if (dot)
            buf_add_char(w->to, '}');
    }
    if (w->hostile && pick(w, 6) == 0) {
        buf_add_cstr(w->to, ",\"surplus\":");
        put_any(w, 4);
    }
}

static const parley_field channel_fields[] = {
    PARLEY_FIELD("channel", PARLEY_STRING, "1..64", NULL, PARLEY_REQUIRED | PARLEY_CHANNEL, ""),
    PARLEY_FIELD("message", PARLEY_STRING, "1..1000", NULL, PARLEY_REQUIRED | PARLEY_TEXT, "")};
static const parley_field user_fields[] = {
    PARLEY_FIELD("recipient_id", PARLEY_STRING, "1..255", NULL, PARLEY_REQUIRED | PARLEY_USER, ""),
    PARLEY_FIELD("message", PARLEY_STRING, "1..1000", NULL, PARLEY_REQUIRED | PARLEY_TEXT, "")};

/* A type of the plugin's own as often as one that every chat has. */
static const char *choose_type(struct words *w, const struct plugin *p, parley_table *ret_fields)
{
    parley_table channel = PARLEY_TABLE(channel_fields), user = PARLEY_TABLE(user_fields);
    static char name[128];
    uint32_t own = 0;
    parley_type t;

    while (plugin_provides(p, "parley.type/1", own, &t, sizeof t))
        own++;
    if (own && pick(w, 2)) {
        plugin_provides(p, "parley.type/1", (uint32_t)pick(w, own), &t, sizeof t);
        *ret_fields = t.fields;
        snprintf(name, sizeof name, "%s", t.type ? t.type : "");
        return name;
    }
    *ret_fields = channel;
    if (pick(w, 8) == 0) {
        ret_fields->count = 1; /* the channel alone */
        return "typing";
    }
    if (pick(w, 5) == 0) {
        *ret_fields = user;
        return "private_chat_message";
    }
    return "chat_message";
}

/* As the testkit's protocol and `native` read it; a protocol of the plugin's own may want a list.
 */
static void put_message(struct words *w, const struct plugin *p)
{
    parley_protocol own;
    bool list = plugin_provides(p, "parley.protocol/1", 0, &own, sizeof own) && pick(w, 2);
    parley_table fields;
    const char *type = choose_type(w, p, &fields);

    if (w->hostile && pick(w, 40) == 0)
        type = sharp[pick(w, SHARP)];
    if (list) {
        buf_add_char(w->to, '[');
        put_text(w, type);
        buf_add_cstr(w->to, ",{\"tool\":1");
    } else {
        buf_add_cstr(w->to, "{\"type\":");
        put_text(w, type);
    }
    if (pick(w, 3) == 0 && !list)
        buf_addf(w->to, ",\"id\":\"m%u\"", (unsigned)pick(w, 1000000));
    put_members(w, &fields);
    buf_add_cstr(w->to, list ? "},\"m1\"]" : "}");
}

void words_valid(struct trial *t, const struct plugin *p, struct buf *to)
{
    struct words w = {t, to, false};

    put_message(&w, p);
}

void words_hostile(struct trial *t, const struct plugin *p, struct buf *to)
{
    struct words w = {t, to, true};

    switch (pick(&w, 12)) {
    case 0:
        put_any(&w, 5);
        break;
    case 1: /* deeper than anything may be */
        for (int i = 0; i < 200; i++)
            buf_add_cstr(to, "[");
        break;
    case 2:
        buf_add_cstr(to, sharp[pick(&w, SHARP)]);
        break;
    default:
        put_message(&w, p);
        if (pick(&w, 10) == 0 && to->n > 2 && (to->p[to->n / 2] & 0x80) == 0 &&
            (to->p[to->n / 2 - 1] & 0x80) == 0) {
            to->n /= 2; /* cut off */
            to->p[to->n] = 0;
        }
    }
}

void words_query(struct trial *t, struct buf *to)
{
    static const char *const names[] = {"user", "channel", "id", "name", "limit", "password", "x"};
    static const char *const values[] = {"",   "ann", "bob",  "general", "%00",          "%FF%FE",
                                         "-1", "1e9", "%25n", "a%20b+c", "%F0%9F%98%80", "..%2F..",
                                         "0"};
    struct words w = {t, to, true};
    uint64_t n = pick(&w, 4);

    for (uint64_t i = 0; i < n; i++)
        buf_addf(to, "%s%s=%s", i ? "&" : "?", names[pick(&w, sizeof names / sizeof *names)],
                 values[pick(&w, sizeof values / sizeof *values)]);
}

void words_body(struct trial *t, struct buf *to)
{
    static const char *const members[] = {"\"user\":\"ann\"",      "\"channel\":\"general\"",
                                          "\"minutes\":5",         "\"why\":\"he knows\"",
                                          "\"id\":\"1\"",          "\"name\":\"news\"",
                                          "\"message\":\"hello\"", "\"description\":\"x\""};
    bool first = true;

    buf_add_char(to, '{');
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (trial_random(t, 3)) {
            buf_addf(to, "%s%s", first ? "" : ",", members[i]);
            first = false;
        }
    buf_add_char(to, '}');
}

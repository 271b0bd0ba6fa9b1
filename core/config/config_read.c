/* Reading the INI: lines, section heads, keys, and the faults in each.
 *
 * inih parses a line's structure, but it gives no line numbers, cuts a line at 199 bytes and a
 * section's name at 49, and lets the keys after a broken head fall into the section before (its
 * limits can be moved in Debian's build alone). So the reader under it owns the lines: it judges
 * them, reads the heads, and hands over the beginning of every other line, in which inih finds the
 * key; the value is taken from the whole line. Invariant: no byte is ever left out unsaid.
 */
#include "base/buf.h"
#include "base/str.h"
#include "config/config.h"

#include <ini.h>

#define LINE_BYTES 4095
#define NAME_BYTES 64
#define FILE_BYTES (1u << 20)
#define READ_BYTES 16384u

struct reader {
    struct config *c;
    const char *at, *end; /* what is still to be read */
    parley_str now;    /* the line that inih is at, trimmed; absent: inih was given nothing of it */
    int line;          /* its number, from 1 */
    bool taken;        /* inih found a key in it */
    bool passing_over; /* the last head was broken: its keys belong nowhere */
    int head_line;
    struct config_section *section;
    struct config_section **sections_end;
    struct config_key **keys_end;
    int error;
};

enum { NAMELESS, NAMED, BY_CHANNEL };
static const struct kind {
    const char *name;
    int takes;
    const char *example;
} kinds[] = {
    {"server", NAMELESS, NULL},        {"admin", NAMELESS, NULL},
    {"control", NAMELESS, NULL},       {"discovery", NAMELESS, NULL},
    {"log", NAMELESS, NULL},           {"auth", NAMED, "jwt"},
    {"protocol", NAMED, "native"},     {"type", BY_CHANNEL, "chat_message"},
    {"hub", BY_CHANNEL, "rate_limit"}, {"plugin", BY_CHANNEL, "poll"},
};
#define KINDS (sizeof kinds / sizeof *kinds)

static parley_str next_word(parley_str *rest)
{
    *rest = str_trim(*rest);
    size_t n = 0;
    while (n < rest->n && rest->p[n] != ' ' && rest->p[n] != '\t')
        n++;
    parley_str word = str_n(rest->p, n);
    *rest = str_trim(str_n(rest->p + n, rest->n - n));
    return word;
}

#define STR_ARGS(s) (int)(s).n, (s).p

static const struct kind *find_kind(struct reader *r, parley_str word, parley_str head)
{
    const char *names[KINDS];
    for (size_t i = 0; i < KINDS; i++) {
        if (str_is(word, kinds[i].name))
            return &kinds[i];
        names[i] = kinds[i].name;
    }
    char given[NAME_BYTES];
    snprintf(given, sizeof given, "%.*s", STR_ARGS(word));
    const char *meant = str_closest(given, names, KINDS);
    if (meant != NULL)
        config_fault(r->c, r->line, "unknown kind of section '%s' in [%.*s] (did you mean '%s'?)",
                     given, STR_ARGS(head), meant);
    else
        config_fault(r->c, r->line,
                     "unknown kind of section '%s' in [%.*s]: there are server, admin, discovery, "
                     "log, auth, protocol, "
                     "type, hub and plugin",
                     given, STR_ARGS(head));
    return NULL;
}

/* It names a plugin's file, a route and metrics. */
static bool is_name(parley_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            c != '_' && c != '-')
            return false;
    }
    return s.n > 0 && s.n <= NAME_BYTES;
}

/* The words between the brackets. false: a fault was noted. */
static bool parse_head(struct reader *r, parley_str head, struct config_section *ret)
{
    struct config *c = r->c;
    parley_str rest = head, word = next_word(&rest);
    if (word.n == 0) {
        config_fault(c, r->line, "a section needs a kind, such as [server] or [hub rate_limit]");
        return false;
    }
    const struct kind *kind = find_kind(r, word, head);
    if (kind == NULL)
        return false;
    *ret = (struct config_section){.kind = str_of(kind->name), .line = r->line};
    if (kind->takes == NAMELESS) {
        if (rest.n > 0)
            config_fault(c, r->line, "[%.*s]: there is one [%s], without a name", STR_ARGS(head),
                         kind->name);
        return rest.n == 0;
    }
    parley_str name = next_word(&rest);
    if (name.n == 0) {
        config_fault(c, r->line, "[%s] needs a name, such as [%s %s]", kind->name, kind->name,
                     kind->example);
        return false;
    }
    if (!is_name(name)) {
        config_fault(c, r->line,
                     "[%.*s]: a name has letters, digits, '_' and '-', at most %d of them",
                     STR_ARGS(head), NAME_BYTES);
        return false;
    }
    parley_str in = next_word(&rest);
    if (in.n > 0 && (kind->takes != BY_CHANNEL || !str_is(in, "in") || rest.n == 0)) {
        config_fault(
            c, r->line,
            kind->takes == BY_CHANNEL
                ? "[%.*s]: after the name only 'in CHANNEL' may stand, as in [%s %.*s in general]"
                : "[%.*s]: after the name nothing may stand, as in [%s %.*s]",
            STR_ARGS(head), kind->name, STR_ARGS(name));
        return false;
    }
    ret->name = arena_str(&c->arena, name);
    ret->channel = arena_str(&c->arena, in.n > 0 ? rest : PARLEY_NONE);
    if (ret->name.p == NULL || (in.n > 0 && ret->channel.p == NULL))
        r->error = -ENOMEM;
    return r->error == 0;
}

/* A section that stands twice keeps its keys, in the first: what is wrong in them is told in the
 * same run. */
static void add_section(struct reader *r, const struct config_section *head)
{
    r->head_line = head->line;
    /* The list is ours to change; config_find promises others that it does not. */
    r->section =
        (struct config_section *)config_find(r->c, head->kind.p, head->name, head->channel);
    if (r->section != NULL) {
        char title[CONFIG_TITLE_BYTES];
        config_fault(r->c, head->line, "%s stands twice, the first time in line %d",
                     config_title(head, title), r->section->line);
        for (r->keys_end = &r->section->keys; *r->keys_end != NULL;)
            r->keys_end = &(*r->keys_end)->next;
        return;
    }
    r->section = arena_alloc(&r->c->arena, sizeof *r->section);
    if (r->section == NULL) {
        r->error = -ENOMEM;
        return;
    }
    *r->section = *head;
    *r->sections_end = r->section;
    r->sections_end = &r->section->next;
    r->keys_end = &r->section->keys;
}

/* `line` begins with '['. */
static void read_head(struct reader *r, parley_str line)
{
    struct config_section head;
    const char *close = memchr(line.p, ']', line.n);
    r->passing_over = true;
    if (close == NULL) {
        config_fault(r->c, r->line, "the section head '%.*s' has no ']'", STR_ARGS(line));
        return;
    }
    parley_str after = str_trim(str_n(close + 1, line.n - (size_t)(close + 1 - line.p)));
    if (after.n > 0 && *after.p != ';' && *after.p != '#') {
        config_fault(r->c, r->line, "only a comment may follow ']', not '%.*s'", STR_ARGS(after));
        return;
    }
    if (!parse_head(r, str_trim(str_n(line.p + 1, (size_t)(close - line.p - 1))), &head))
        return;
    r->passing_over = false;
    add_section(r, &head);
}

/* What no line may hold, key or not. false: a fault was noted. */
static bool is_sound(struct reader *r, parley_str line)
{
    if (line.n > LINE_BYTES) {
        config_fault(r->c, r->line, "a line of %zu bytes; %d are the most", line.n, LINE_BYTES);
        return false;
    }
    for (size_t i = 0; i < line.n; i++) {
        unsigned char b = (unsigned char)line.p[i];
        if (b != '\t' && (b < 0x20 || b == 0x7f)) {
            config_fault(r->c, r->line, "the line holds the control character \\x%02x", b);
            return false;
        }
    }
    if (!str_valid_utf8(line.p, line.n)) {
        config_fault(r->c, r->line, "the line is not valid UTF-8");
        return false;
    }
    return true;
}

/* The text behind '=': up to a ';' or '#' that follows white space. */
static parley_str value_of(parley_str text)
{
    for (size_t i = 1; i < text.n; i++)
        if ((text.p[i] == ';' || text.p[i] == '#') &&
            (text.p[i - 1] == ' ' || text.p[i - 1] == '\t'))
            text.n = i;
    return str_trim(text);
}

/* inih found a key, at most once in a line. Its section and value are cut, and not
 * looked at. */
static int on_key(void *arg, const char *section, const char *name, const char *value)
{
    (void)section;
    (void)value;
    struct reader *r = arg;
    parley_str rest = str_n(r->now.p + strlen(name), r->now.n - strlen(name));
    r->taken = true;
    rest = str_trim(rest);
    if (*name == '\0' || *rest.p != '=') {
        int shown = rest.n > 20 ? 20 : (int)rest.n;
        if (*name == '\0')
            config_fault(r->c, r->line, "a key's name is missing before '%.*s'", shown, rest.p);
        else
            config_fault(r->c, r->line, "a key and its value are joined by '=', not by '%.1s'",
                         rest.p);
        return 1;
    }
    if (r->passing_over)
        return 1;
    if (r->section == NULL) {
        config_fault(r->c, r->line, "the key '%s' stands before any section", name);
        return 1;
    }
    for (const struct config_key *k = r->section->keys; k != NULL; k = k->next)
        if (k->line >= r->head_line && str_is(k->name, name)) {
            char title[CONFIG_TITLE_BYTES];
            config_fault(r->c, r->line,
                         "the key '%s' stands twice in %s, the first time in line %d", name,
                         config_title(r->section, title), k->line);
            return 1;
        }
    struct arena *a = &r->c->arena;
    struct config_key *k = arena_zalloc(a, sizeof *k);
    if (k != NULL) {
        k->name = arena_str(a, str_of(name));
        k->value = arena_str(a, value_of(str_n(rest.p + 1, rest.n - 1)));
        k->line = r->line;
    }
    if (k == NULL || k->name.p == NULL || k->value.p == NULL) {
        r->error = -ENOMEM;
        return 1;
    }
    *r->keys_end = k;
    r->keys_end = &k->next;
    return 1;
}

/* The line that inih was given is neither key nor comment to it. */
static void tell_untaken(struct reader *r)
{
    if (r->now.p != NULL && !r->taken)
        config_fault(r->c, r->line, "'%.*s' is neither '[section]' nor 'key = value' nor a comment",
                     r->now.n > 60 ? 60 : (int)r->now.n, r->now.p);
    r->now = PARLEY_NONE;
    r->taken = false;
}

/* Takes the next line from the text. */
static parley_str next_line(struct reader *r)
{
    const char *newline = memchr(r->at, '\n', (size_t)(r->end - r->at));
    parley_str line = str_n(r->at, (size_t)((newline != NULL ? newline : r->end) - r->at));
    r->at = newline != NULL ? newline + 1 : r->end;
    r->line++;
    if (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    if (r->line == 1 && line.n >= 3 && memcmp(line.p, "\xef\xbb\xbf", 3) == 0)
        line = str_n(line.p + 3, line.n - 3);
    return line;
}

/* inih's reader, in place of fgets. */
static char *on_read(char *to, int room, void *stream)
{
    struct reader *r = stream;
    tell_untaken(r);
    if (r->at == r->end || r->error != 0)
        return NULL;
    parley_str line = next_line(r), text = str_trim(line);
    size_t n = 0;
    bool sound = is_sound(r, line);
    if (text.n > 0 && text.p[0] == '[') {
        if (sound)
            read_head(r, text);
        r->passing_over |= !sound;
    } else if (sound && text.n > 0 && text.p[0] != ';' && text.p[0] != '#') {
        r->now = text;
        n = text.n < (size_t)room - 2 ? text.n : (size_t)room - 2;
        memcpy(to, text.p, n);
    }
    to[n] = '\n';
    to[n + 1] = '\0';
    return to;
}

static int parse(struct config *c, const char *text, size_t n)
{
    struct reader r = {.c = c, .at = text, .end = text + n, .sections_end = &c->sections};
    int parsed = ini_parse_stream(on_read, &r, on_key, &r);
    if (parsed == -2) /* inih's "no memory", where it is built to use the heap */
        r.error = -ENOMEM;
    if (r.error != 0)
        config_fault(c, 0, "there is no memory to read it");
    return r.error;
}

static int begin(struct config *c, const char *name)
{
    *c = (struct config){0};
    arena_init(&c->arena, 16384);
    c->file = arena_str(&c->arena, str_of(name));
    if (c->file.p != NULL)
        return 0;
    config_fault(c, 0, "there is no memory to read it");
    return -ENOMEM;
}

static int read_all(FILE *f, struct buf *to)
{
    char *room;
    size_t got;
    do {
        room = buf_reserve(to, READ_BYTES);
        got = room == NULL ? 0 : fread(room, 1, READ_BYTES, f);
        to->n += got;
    } while (got > 0);
    return ferror(f) ? -EIO : to->error;
}

int config_read_file(struct config *c, const char *path)
{
    int r = begin(c, path);
    if (r != 0)
        return r;
    struct buf text;
    buf_init(&text, FILE_BYTES + READ_BYTES); /* the end is seen by one more read */
    FILE *f = fopen(path, "re");
    errno = f != NULL ? 0 : errno;
    r = f == NULL ? -errno : read_all(f, &text);
    if (r == -EIO && errno != 0)
        r = -errno;
    if (r == -E2BIG)
        config_fault(c, 0, "is larger than %u bytes", FILE_BYTES);
    else if (r != 0)
        config_fault(c, 0, "cannot be read: %s", strerror(-r));
    else
        r = parse(c, text.p, text.n);
    if (f != NULL)
        fclose(f);
    buf_finish(&text);
    return r;
}

int config_read_text(struct config *c, const char *name, const char *text)
{
    int r = begin(c, name);
    return r != 0 ? r : parse(c, text, strlen(text));
}

/* The log: a line is built on the stack and written at once.
 *
 * Invariants: no memory is allocated, so that "no memory" can be logged; a line is at most PIPE_BUF
 * bytes, so that lines of several threads do not mix in a pipe; every text goes through
 * str_printable, so that even `jq -r` prints nothing that a terminal would obey.
 */
#include "base/log.h"

#include "base/clock.h"
#include "base/log_ring.h"
#include "base/str.h"

#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define LINE_BYTES  PIPE_BUF
#define TEXT_BYTES  1024 /* of one field, as printed */
#define NAME_BYTES  64   /* of an event or key, as printed */
#define EVENT_SLOTS 128
#define PROBES      8

struct line {
    char bytes[LINE_BYTES];
    size_t n, most;
    bool text; /* for people; else JSON */
    bool full; /* something did not fit */
};

struct event_count {
    char name[NAME_BYTES]; /* "": free */
    int64_t second;
    uint32_t lines, suppressed;
};

static _Atomic int least_level = LOG_LEVEL_INFO;
static int log_fd = STDERR_FILENO;
static bool as_text;
static _Atomic uint32_t lost; /* lines that the descriptor did not take */

static pthread_mutex_t counts_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned limit = 200;
static struct event_count counts[EVENT_SLOTS];
static int64_t swept_second;

static const char *const level_names[] = {"debug", "info", "warning", "error"};

void log_setup(enum log_level least, enum log_format format, int fd)
{
    atomic_store(&least_level, (int)least);
    log_fd = fd;
    as_text = format == LOG_FORMAT_TEXT || (format == LOG_FORMAT_AUTO && isatty(fd));
}

void log_set_level(enum log_level least)
{
    atomic_store(&least_level, (int)least);
}

enum log_level log_level(void)
{
    return (enum log_level)atomic_load_explicit(&least_level, memory_order_relaxed);
}

const char *log_level_name(enum log_level level)
{
    return level_names[level];
}

int log_level_parse(const char *name, enum log_level *ret)
{
    for (size_t i = 0; i < sizeof level_names / sizeof *level_names; i++)
        if (str_is(str_of(name), level_names[i])) {
            *ret = (enum log_level)i;
            return 0;
        }
    return -EINVAL;
}

bool log_wants(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&least_level, memory_order_relaxed);
}

void log_limit(unsigned lines_per_event_and_second)
{
    pthread_mutex_lock(&counts_lock);
    limit = lines_per_event_and_second;
    pthread_mutex_unlock(&counts_lock);
}

/* All of it or nothing, so that a cut line is still JSON. */
static void put(struct line *l, const char *p, size_t n)
{
    if (l->full || n > l->most - l->n) {
        l->full = true;
        return;
    }
    memcpy(l->bytes + l->n, p, n);
    l->n += n;
}

static void put_cstr(struct line *l, const char *s)
{
    put(l, s, strlen(s));
}

/* Of text that is printable already only two characters need a backslash. */
static void put_quoted(struct line *l, const char *printable)
{
    put(l, "\"", 1);
    for (const char *s = printable; *s != '\0';) {
        size_t n = strcspn(s, "\"\\");
        put(l, s, n);
        s += n;
        if (*s != '\0') {
            put(l, (char[]){'\\', *s}, 2);
            s++;
        }
    }
    put(l, "\"", 1);
}

static void put_int(struct line *l, int64_t v)
{
    char digits[24];
    size_t at = sizeof digits;
    uint64_t n = v < 0 ? -(uint64_t)v : (uint64_t)v;

    do
        digits[--at] = (char)('0' + n % 10);
    while ((n /= 10) != 0);
    if (v < 0)
        digits[--at] = '-';
    put(l, digits + at, sizeof digits - at);
}

static void put_number(struct line *l, double v)
{
    char digits[40];
    if (!isfinite(v)) { /* JSON has no word for it */
        put_cstr(l, "null");
        return;
    }
    for (int precision = 6; precision <= 17;
         precision++) { /* the shortest that is still the same number */
        snprintf(digits, sizeof digits, "%.*g", precision, v);
        double back = strtod(digits, NULL);
        if (back >= v && back <= v)
            break;
    }
    put_cstr(l, digits);
}

static void put_field(struct line *l, const struct log_field *f)
{
    char text[TEXT_BYTES];
    str_printable(str_of(f->key), text, NAME_BYTES);
    put_cstr(l, l->text ? " " : ",");
    if (l->text) {
        put_cstr(l, text);
        put_cstr(l, "=");
    } else {
        put_quoted(l, text);
        put_cstr(l, ":");
    }
    switch (f->kind) {
    case LOG_KIND_STR:
        str_printable(f->s, text, sizeof text);
        if (l->text && *text != '\0' && strpbrk(text, " \"=\\") == NULL)
            put_cstr(l, text);
        else
            put_quoted(l, text);
        break;
    case LOG_KIND_INT:
        put_int(l, f->i);
        break;
    case LOG_KIND_BOOL:
        put_cstr(l, f->i != 0 ? "true" : "false");
        break;
    case LOG_KIND_NUMBER:
        put_number(l, f->d);
        break;
    case LOG_END:
        break;
    }
}

static void begin(struct line *l, bool text, enum log_level level, const char *event)
{
    char time[CLOCK_RFC3339_BYTES], name[NAME_BYTES];
    *l = (struct line){.text = text,
                       .most = LINE_BYTES - sizeof ",\"lost\":4294967295,\"cut\":true}\n"};
    clock_rfc3339(clock_unix_ms(), time);
    str_printable(str_of(event), name, sizeof name);
    put_cstr(l, l->text ? "" : "{\"time\":\"");
    put_cstr(l, time);
    put_cstr(l, l->text ? " " : "\",\"level\":\"");
    put_cstr(l, level_names[level]);
    if (l->text) {
        put(l, "        ", 8 - strlen(level_names[level]));
        put_cstr(l, name);
    } else {
        put_cstr(l, "\",\"event\":");
        put_quoted(l, name);
    }
}

static void write_all(const char *p, size_t n)
{
    while (n > 0) {
        ssize_t wrote = write(log_fd, p, n);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0) { /* full or gone: a log must never hold up a loop */
            atomic_fetch_add(&lost, 1);
            return;
        }
        p += wrote;
        n -= (size_t)wrote;
    }
}

/* What begin() kept back is for this. */
static void end(struct line *l, uint32_t missing)
{
    bool cut = l->full;
    l->full = false;
    l->most = LINE_BYTES;
    if (missing != 0) {
        put_cstr(l, l->text ? " lost=" : ",\"lost\":");
        put_int(l, missing);
    }
    if (cut)
        put_cstr(l, l->text ? " cut=true" : ",\"cut\":true");
    put_cstr(l, l->text ? "\n" : "}\n");
}

static void build(struct line *l, bool text, enum log_level level, const char *event,
                  const struct log_field *fields, uint32_t missing)
{
    begin(l, text, level, event);
    for (const struct log_field *f = fields; f != NULL && f->kind != LOG_END; f++) {
        if (f->kind == LOG_KIND_STR && f->s.p == NULL)
            continue;
        size_t before = l->n;
        put_field(l, f);
        if (l->full) {
            l->n = before; /* not half of a field */
            break;
        }
    }
    end(l, missing);
}

static void write_line(enum log_level level, const char *event, const struct log_field *fields)
{
    struct line l;
    int error = errno;
    uint32_t missing = atomic_exchange(&lost, 0);
    build(&l, as_text, level, event, fields, missing);
    write_all(l.bytes, l.n);
    if (as_text)
        build(&l, false, level, event, fields, missing);
    log_ring_put(level, l.bytes, l.n - 1);
    errno = error;
}

/* The slot of an event; the last one probed is shared by what found no other. Under the lock. */
static struct event_count *count_of(const char *name, int64_t second)
{
    uint64_t at = str_hash(str_of(name));
    struct event_count *c = NULL;
    for (unsigned i = 0; i < PROBES; i++) {
        c = &counts[(at + i) % EVENT_SLOTS];
        if (strcmp(c->name, name) == 0)
            return c;
        if (*c->name == '\0' || (c->second != second && c->suppressed == 0)) {
            *c = (struct event_count){.second = second};
            snprintf(c->name, sizeof c->name, "%s", name);
            return c;
        }
    }
    return c;
}

/* One `log_suppressed` for each event of which lines were held back. */
static void tell_suppressed(void)
{
    for (unsigned i = 0; i < EVENT_SLOTS; i++) {
        pthread_mutex_lock(&counts_lock);
        struct event_count c = counts[i];
        counts[i].suppressed = 0;
        pthread_mutex_unlock(&counts_lock);
        if (c.suppressed != 0)
            write_line(LOG_LEVEL_WARNING, "log_suppressed",
                       (const struct log_field[]){
                           LOG_TEXT("of", c.name), LOG_INT("lines", c.suppressed), {0}});
    }
}

static bool is_allowed(const char *event, int64_t second)
{
    char name[NAME_BYTES];
    str_printable(str_of(event), name, sizeof name);
    pthread_mutex_lock(&counts_lock);
    bool allowed = true;
    if (limit != 0) {
        struct event_count *c = count_of(name, second);
        if (c->second != second) {
            c->second = second;
            c->lines = 0;
        }
        allowed = c->lines < limit;
        if (allowed)
            c->lines++;
        else
            c->suppressed++;
    }
    pthread_mutex_unlock(&counts_lock);
    return allowed;
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
    if (level > LOG_LEVEL_ERROR)
        level = LOG_LEVEL_ERROR;
    if (!log_wants(level))
        return;
    int64_t second = clock_mono_ms() / 1000;
    pthread_mutex_lock(&counts_lock);
    bool sweep = swept_second != second;
    swept_second = second;
    pthread_mutex_unlock(&counts_lock);
    if (sweep)
        tell_suppressed();
    if (level == LOG_LEVEL_ERROR || is_allowed(event, second))
        write_line(level, event, fields);
}

void log_last_words(const char *event, const struct log_field *fields)
{
    struct line l;

    build(&l, as_text, LOG_LEVEL_ERROR, event, fields, 0);
    write_all(l.bytes, l.n);
}

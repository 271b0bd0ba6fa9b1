/* Growable bytes. Grows by doubling, so that many small writes cost one copy a byte.
 *
 * Invariant: p is NULL, or n < cap and cap bytes are allocated; with a limit, n <= limit. After an
 * error nothing is written any more, so that what is there is a true beginning of what was meant.
 */
#include "base/buf.h"

#include "base/ascii.h"

#include <stdlib.h>

#define FIRST_BYTES 64u

void buf_init(struct buf *b, size_t limit_bytes)
{
    *b = (struct buf){.limit = limit_bytes};
}

void buf_finish(struct buf *b)
{
    free(b->p);
    *b = (struct buf){.limit = b->limit};
}

void buf_clear(struct buf *b)
{
    b->n = 0;
    b->error = 0;
    if (b->p != NULL)
        b->p[0] = '\0';
}

char *buf_reserve(struct buf *b, size_t n)
{
    if (b->error != 0)
        return NULL;
    size_t most = b->limit != 0 ? b->limit : SIZE_MAX / 4;
    if (b->n > most || n > most - b->n) {
        b->error = b->limit != 0 ? -E2BIG : -ENOMEM;
        return NULL;
    }
    size_t need = b->n + n + 1;
    if (need > b->cap) {
        size_t cap = b->cap < FIRST_BYTES ? FIRST_BYTES : b->cap * 2;
        if (cap < need)
            cap = need;
        if (b->limit != 0 && cap > b->limit + 1)
            cap = b->limit + 1;
        char *p = realloc(b->p, cap);
        if (p == NULL) {
            b->error = -ENOMEM;
            return NULL;
        }
        b->p = p;
        b->cap = cap;
    }
    b->p[b->n + n] = '\0'; /* so that filling all of it needs no more */
    return b->p + b->n;
}

void buf_fit(struct buf *b)
{
    if (b->cap - b->n <= FIRST_BYTES + b->n / 4)
        return;
    char *p = realloc(b->p, b->n + 1);
    if (p == NULL) /* it stays where it is */
        return;
    b->p = p;
    b->cap = b->n + 1;
}

char *buf_take(struct buf *b, size_t *ret_n)
{
    char *p = NULL;
    if (buf_reserve(b, 0) != NULL) { /* "" is a text too: NULL is an error alone */
        p = b->p;
        if (ret_n != NULL)
            *ret_n = b->n;
        b->p = NULL;
    }
    buf_finish(b);
    return p;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
    char *to = buf_room(b, n);
    if (to == NULL || n == 0)
        return;
    memcpy(to, p, n);
    b->n += n;
}

void buf_add_str(struct buf *b, parley_str s)
{
    buf_add(b, s.p, s.n);
}

void buf_add_cstr(struct buf *b, const char *s)
{
    if (s != NULL)
        buf_add(b, s, strlen(s));
}

void buf_add_char(struct buf *b, char c)
{
    char *to = buf_room(b, 1);
    if (to == NULL)
        return;
    *to = c;
    b->n++;
}

void buf_add_int(struct buf *b, int64_t v)
{
    char digits[24], *p = digits + sizeof digits;
    uint64_t u = v < 0 ? -(uint64_t)v : (uint64_t)v;
    do {
        *--p = (char)('0' + u % 10);
        u /= 10;
    } while (u != 0);
    if (v < 0)
        *--p = '-';
    buf_add(b, p, (size_t)(digits + sizeof digits - p));
}

void buf_addf(struct buf *b, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(NULL, 0, format, ap);
    va_end(ap);
    char *to = n < 0 ? NULL : buf_reserve(b, (size_t)n);
    if (to == NULL) {
        if (n < 0 && b->error == 0)
            b->error = -ENOMEM;
        return;
    }
    va_start(ap, format);
    vsnprintf(to, (size_t)n + 1, format, ap);
    va_end(ap);
    b->n += (size_t)n;
}

/* The letter after the backslash; 'u': \u00XX; 0: the byte stands as it is. */
static const char json_escapes[256] = {
    ['\b'] = 'b', ['\f'] = 'f',  ['\n'] = 'n',    ['\r'] = 'r', ['\t'] = 't',
    ['"'] = '"',  ['\\'] = '\\', [0 ... 7] = 'u', [11] = 'u',   [14 ... 31] = 'u',
};

/* Whether one of eight bytes is a control, a quote or a backslash. */
static inline bool needs_escape(uint64_t w)
{
    uint64_t quote = w ^ ASCII_EACH('"'), slash = w ^ ASCII_EACH('\\');
    uint64_t stop = ((w - ASCII_EACH(0x20)) & ~w) | ((quote - ASCII_EACH(1)) & ~quote) |
                    ((slash - ASCII_EACH(1)) & ~slash);
    return (stop & ASCII_EACH(0x80)) != 0;
}

/* Copies up to the first byte that needs an escape; how many. Eight at a time, and the last eight
 * of a longer text once more as far as they were copied already. */
static inline size_t copy_clean(char *to, const char *p, size_t n)
{
    size_t i = 0;
    uint64_t w;
    for (; n - i >= sizeof w; i += sizeof w) {
        memcpy(&w, p + i, sizeof w);
        if (needs_escape(w))
            break;
        memcpy(to + i, &w, sizeof w);
    }
    if (i > 0 && n - i < sizeof w) {
        memcpy(&w, p + n - sizeof w, sizeof w);
        if (!needs_escape(w)) {
            memcpy(to + n - sizeof w, &w, sizeof w);
            return n;
        }
    }
    for (; i < n && json_escapes[(unsigned char)p[i]] == 0; i++)
        to[i] = p[i];
    return i;
}

static void add_escape(struct buf *b, unsigned char c)
{
    if (json_escapes[c] == 'u')
        buf_addf(b, "\\u%04x", c);
    else
        buf_add(b, (char[]){'\\', json_escapes[c]}, 2);
}

/* From s.p[i] on, where the first escape stands. */
static void add_escaped(struct buf *b, parley_str s, size_t i)
{
    while (i < s.n) {
        add_escape(b, (unsigned char)s.p[i++]);
        char *to = buf_room(b, s.n - i);
        if (to == NULL)
            return;
        size_t clean = copy_clean(to, s.p + i, s.n - i);
        b->n += clean;
        i += clean;
    }
    buf_add_char(b, '"');
}

void buf_add_json(struct buf *b, parley_str s)
{
    if (s.p != NULL && ascii_plain(s.p, s.n)) {
        buf_add_quoted(b, s);
        return;
    }
    char *to = buf_room(b, s.n > SIZE_MAX / 8 ? SIZE_MAX / 2 : s.n + 2);
    if (to == NULL)
        return;
    if (s.p == NULL)
        s = PARLEY_STR("");
    *to++ = '"';
    size_t clean = copy_clean(to, s.p, s.n);
    if (clean < s.n) {
        b->n += clean + 1;
        add_escaped(b, s, clean);
        return;
    }
    to[clean] = '"';
    b->n += clean + 2;
}

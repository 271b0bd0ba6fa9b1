/* Growable bytes. Grows by doubling, so that many small writes cost one copy a byte.
 *
 * Invariant: p is NULL, or n < cap and cap bytes are allocated; with a limit, n <= limit. After an
 * error nothing is written any more, so that what is there is a true beginning of what was meant.
 */
#include "base/buf.h"

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
    char *to = buf_reserve(b, n);
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
    buf_add(b, &c, 1);
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

void buf_add_json(struct buf *b, parley_str s)
{
    /* One check for the usual text, which needs no escape: then the runs below never grow the
     * buffer. */
    if (buf_reserve(b, s.n > SIZE_MAX / 8 ? SIZE_MAX / 2 : s.n + 2) == NULL)
        return;
    if (s.p == NULL)
        s = PARLEY_STR("");
    buf_add_char(b, '"');
    size_t from = 0;
    for (size_t i = 0; i < s.n; i++) {
        char escape = json_escapes[(unsigned char)s.p[i]];
        if (escape == 0)
            continue;
        buf_add(b, s.p + from, i - from);
        from = i + 1;
        if (escape == 'u')
            buf_addf(b, "\\u%04x", (unsigned char)s.p[i]);
        else
            buf_add(b, (char[]){'\\', escape}, 2);
    }
    buf_add(b, s.p + from, s.n - from);
    buf_add_char(b, '"');
}

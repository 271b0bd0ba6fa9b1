/* A growable run of bytes, and the few ways in which the daemon writes text into one.
 *
 * The first error sticks (`error`), so that a writer checks once, at its end. The text is always
 * followed by a 0 byte that is not counted. Knows nothing of chat.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H
#include <parley/base.h>

struct buf {
    char *p;      /* owned; NULL when nothing was written yet */
    size_t n;     /* bytes in use */
    size_t cap;   /* bytes allocated, the 0 included */
    size_t limit; /* most bytes that it may hold; 0: no bound */
    int error;    /* 0, or the first -ENOMEM or -E2BIG: writes after it do nothing */
};

void buf_init(struct buf *b, size_t limit_bytes);
void buf_finish(struct buf *b); /* frees the bytes; takes one that is all zero */
void buf_clear(struct buf *b);  /* forgets text and error, keeps the memory */
void buf_fit(struct buf *b);    /* gives back what is not used, if that is much */
/* Hands the bytes over (free() them), NULL on error; b is empty again. */
char *buf_take(struct buf *b, size_t *ret_n);
/* Room for n more bytes at the end, NULL on error; then b->n += used. If fewer than n were used,
 * the 0 comes back with the next write or buf_take. */
char *buf_reserve(struct buf *b, size_t n);
/* buf_reserve() for what fits into the memory that is there, as most does. */
static inline char *buf_room(struct buf *b, size_t n)
{
    bool fits = b->error == 0 && n < b->cap - b->n &&
                (b->limit == 0 || (b->n <= b->limit && n <= b->limit - b->n));

    if (!fits)
        return buf_reserve(b, n);
    b->p[b->n + n] = '\0';
    return b->p + b->n;
}
/* buf_add() for an n that the compiler knows. */
static inline void buf_put(struct buf *b, const void *p, size_t n)
{
    char *to = buf_room(b, n);

    if (to == NULL)
        return;
    memcpy(to, p, n);
    b->n += n;
}
#define BUF_PUT(b, literal) buf_put(b, literal, sizeof(literal) - 1)
void buf_add(struct buf *b, const void *p, size_t n);
void buf_add_str(struct buf *b, parley_str s);
void buf_add_cstr(struct buf *b, const char *s);
void buf_add_char(struct buf *b, char c);
void buf_add_int(struct buf *b, int64_t v);
void buf_addf(struct buf *b, const char *format, ...) PARLEY_PRINTF(2);
/* A JSON string, quoted: the two-character escapes and \u00XX for controls; also U+2028/2029 stay
 * as they are; the text must be valid UTF-8. Fast for text without escapes. */
void buf_add_json(struct buf *b, parley_str s);
/* Likewise, for a text that needs no escapes. */
static inline void buf_add_quoted(struct buf *b, parley_str s)
{
    char *to = buf_room(b, s.n > SIZE_MAX / 8 ? SIZE_MAX / 2 : s.n + 2);

    if (to == NULL)
        return;
    to[0] = '"';
    memcpy(to + 1, s.p, s.n);
    to[s.n + 1] = '"';
    b->n += s.n + 2;
}
#endif

/* The strings and numbers of a JSON text, one at a time: the part of value.c that looks at each
 * byte.
 *
 * `out` is a piece of memory as large as the text. A string without its quotes but with its 0 is
 * always shorter than its source, so all strings fit, and so do writes of
 * eight or sixteen bytes wherever reads of as many do. Private to core/message.
 */
#ifndef MESSAGE_SCAN_H
#define MESSAGE_SCAN_H
#include "message/value.h"

struct scan {
    const unsigned char *p, *end;
    char *out;       /* where the next string goes */
    const char *why; /* of the first failure: a constant, for people */
};

static inline bool scan_fail(struct scan *s, const char *why)
{
    s->why = why;
    return false;
}

/* The next byte that is not blank, where s->p then stands; -1: the end. */
static inline int scan_peek(struct scan *s)
{
    for (; s->p < s->end; s->p++) {
        int c = *s->p;
        if (c > ' ' || (c != ' ' && c != '\n' && c != '\r' && c != '\t'))
            return c;
    }
    return -1;
}

/* s->p stands behind the opening quote, then behind the closing one. *ret_p is followed by a 0. */
bool scan_string(struct scan *s, const char **ret_p, size_t *ret_n);
/* s->p stands at a minus or digit. Sets kind and number. What follows is for the caller to judge,
 * but something must: a number at the very end of the text is refused. */
bool scan_number(struct scan *s, struct value *v);
/* true, false, null. */
bool scan_word(struct scan *s, struct value *v);
#endif

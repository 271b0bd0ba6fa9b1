/* See json.h. One pass counts, so that nothing is built for what is past the bounds; the next one
 * builds, in one piece of memory of just that many values. Strings are unescaped where they stand.
 *
 * Of each member the key is compared with those before it; where they are many, in order, so that
 * nobody makes that slow by sending more of them.
 */
#include "json.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FEW 8 /* members */

/* False: past a bound. Else *ret_values is no less than there are. */
static bool within(const char *p, size_t n, unsigned depth, unsigned values, unsigned *ret_values)
{
    unsigned deep = 0, seen = 1;
    bool in_string = false;

    for (size_t i = 0; i < n; i++) {
        if (in_string) {
            if (p[i] == '\\')
                i++;
            else if (p[i] == '"')
                in_string = false;
            continue;
        }
        switch (p[i]) {
        case '"':
            in_string = true;
            break;
        case '{':
        case '[':
            seen++;
            if (++deep > depth)
                return false;
            break;
        case '}':
        case ']':
            if (deep == 0)
                return false;
            deep--;
            break;
        case ',':
            seen++;
            break;
        default:
            break;
        }
        if (seen > values)
            return false;
    }
    *ret_values = seen;
    return true;
}

struct parser {
    char *p; /* what comes next; at the end stands a 0 */
    char *end;
    struct node *nodes;         /* the next free one; there are enough */
    const struct node **sorted; /* room for as many */
};

static bool parse_value(struct parser *s, struct node *ret);

static void skip_space(struct parser *s)
{
    while (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r')
        s->p++;
}

/* --- strings --- */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Four digits at p; -1: they are not. */
static int32_t unit(const char *p)
{
    int32_t v = 0;

    for (int i = 0; i < 4; i++) {
        int d = hex_digit(p[i]);
        if (d < 0)
            return -1;
        v = v << 4 | d;
    }
    return v;
}

static char *put_utf8(char *to, uint32_t c)
{
    if (c < 0x80) {
        *to++ = (char)c;
        return to;
    }
    if (c < 0x800) {
        *to++ = (char)(0xc0 | c >> 6);
    } else if (c < 0x10000) {
        *to++ = (char)(0xe0 | c >> 12);
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
    } else {
        *to++ = (char)(0xf0 | c >> 18);
        *to++ = (char)(0x80 | (c >> 12 & 0x3f));
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
    }
    *to++ = (char)(0x80 | (c & 0x3f));
    return to;
}

/* Behind \u. Never a 0, nor half of a pair. What is written is shorter than what was read. */
static bool unescape_unicode(struct parser *s, char **to)
{
    int32_t high = unit(s->p), low;

    if (high <= 0 || (high >= 0xdc00 && high <= 0xdfff))
        return false;
    s->p += 4;
    if (high < 0xd800 || high > 0xdbff) {
        *to = put_utf8(*to, (uint32_t)high);
        return true;
    }
    low = s->p[0] == '\\' && s->p[1] == 'u' ? unit(s->p + 2) : -1;
    if (low < 0xdc00 || low > 0xdfff)
        return false;
    s->p += 6;
    *to = put_utf8(*to, 0x10000 + ((uint32_t)(high - 0xd800) << 10) + (uint32_t)(low - 0xdc00));
    return true;
}

static bool unescape(struct parser *s, char **to)
{
    static const char names[] = "\"\\/bfnrt", stand_for[] = "\"\\/\b\f\n\r\t";
    char c = s->p[1];
    const char *at = c ? strchr(names, c) : NULL;

    s->p += 2;
    if (c == 'u')
        return unescape_unicode(s, to);
    if (!at)
        return false;
    *(*to)++ = stand_for[at - names];
    return true;
}

/* Bytes of the character at p, as Unicode's table 3-7 has it; 0: it is none. */
static size_t utf8_bytes(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;
    size_t n = u[0] >= 0xf0 ? 4 : u[0] >= 0xe0 ? 3 : 2;

    if (u[0] < 0xc2 || u[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((u[i] & 0xc0) != 0x80)
            return 0;
    if ((u[0] == 0xe0 && u[1] < 0xa0) || (u[0] == 0xed && u[1] > 0x9f) ||
        (u[0] == 0xf0 && u[1] < 0x90) || (u[0] == 0xf4 && u[1] > 0x8f))
        return 0;
    return n;
}

/* At the quote. The 0 at the end of the text is a control character, and ends every loop. */
static bool parse_string(struct parser *s, const char **ret, size_t *ret_n)
{
    char *begin = ++s->p, *to = begin;

    for (;;) {
        unsigned char c = (unsigned char)*s->p;
        if (c == '"')
            break;
        if (c < 0x20)
            return false;
        if (c == '\\') {
            if (!unescape(s, &to))
                return false;
        } else if (c < 0x80) {
            *to++ = *s->p++;
        } else {
            size_t n = utf8_bytes(s->p);
            if (!n)
                return false;
            memmove(to, s->p, n);
            to += n;
            s->p += n;
        }
    }
    s->p++;
    *to = 0;
    *ret = begin;
    *ret_n = (size_t)(to - begin);
    return true;
}

/* --- numbers and words --- */

static bool digits(struct parser *s)
{
    const char *begin = s->p;

    while (*s->p >= '0' && *s->p <= '9')
        s->p++;
    return s->p > begin;
}

/* Integers have to be of 64 bits, and reals finite. */
static bool parse_number(struct parser *s, double *ret)
{
    const char *begin = s->p;
    bool real = false;

    s->p += *s->p == '-';
    if (*s->p == '0')
        s->p++;
    else if (!digits(s))
        return false;
    if (*s->p == '.') {
        real = true;
        s->p++;
        if (!digits(s))
            return false;
    }
    if (*s->p == 'e' || *s->p == 'E') {
        real = true;
        s->p++;
        s->p += *s->p == '+' || *s->p == '-';
        if (!digits(s))
            return false;
    }
    errno = 0;
    if (real) {
        *ret = strtod(begin, NULL);
        return isfinite(*ret);
    }
    *ret = (double)strtoll(begin, NULL, 10);
    return errno == 0;
}

static bool parse_word(struct parser *s, struct node *ret)
{
    static const struct {
        const char *word;
        size_t n;
        enum node_kind kind;
    } words[] = {{"null", 4, NODE_NULL}, {"false", 5, NODE_FALSE}, {"true", 4, NODE_TRUE}};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strncmp(s->p, words[i].word, words[i].n) == 0) {
            s->p += words[i].n;
            ret->kind = words[i].kind;
            return true;
        }
    return false;
}

/* --- lists and objects --- */

static int by_key(const void *a, const void *b)
{
    const struct node *x = *(const struct node *const *)a, *y = *(const struct node *const *)b;

    if (x->key_bytes != y->key_bytes)
        return x->key_bytes < y->key_bytes ? -1 : 1;
    return memcmp(x->key, y->key, x->key_bytes);
}

static bool is_without_duplicates(struct parser *s, const struct node *object)
{
    size_t n = 0;

    for (const struct node *m = object->items.first; m; m = m->next)
        s->sorted[n++] = m;
    if (n <= FEW) {
        for (size_t i = 1; i < n; i++)
            for (size_t k = 0; k < i; k++)
                if (by_key(&s->sorted[i], &s->sorted[k]) == 0)
                    return false;
        return true;
    }
    qsort(s->sorted, n, sizeof *s->sorted, by_key);
    for (size_t i = 1; i < n; i++)
        if (by_key(&s->sorted[i], &s->sorted[i - 1]) == 0)
            return false;
    return true;
}

static bool parse_key(struct parser *s, struct node *member)
{
    skip_space(s);
    if (*s->p != '"' || !parse_string(s, &member->key, &member->key_bytes))
        return false;
    skip_space(s);
    return *s->p++ == ':';
}

/* At the bracket. */
static bool parse_items(struct parser *s, struct node *ret)
{
    bool object = *s->p++ == '{';
    struct node **last = &ret->items.first;

    ret->kind = object ? NODE_OBJECT : NODE_LIST;
    ret->items.first = NULL;
    ret->items.count = 0;
    skip_space(s);
    if (*s->p == (object ? '}' : ']')) {
        s->p++;
        return true;
    }
    for (;;) {
        struct node *item = s->nodes++;

        *item = (struct node){0};
        if ((object && !parse_key(s, item)) || !parse_value(s, item))
            return false;
        *last = item;
        last = &item->next;
        ret->items.count++;
        skip_space(s);
        if (*s->p++ == ',')
            continue;
        return s->p[-1] == (object ? '}' : ']') && (!object || is_without_duplicates(s, ret));
    }
}

/* No deeper than what was counted. */
static bool parse_value(struct parser *s, struct node *ret)
{
    skip_space(s);
    switch (*s->p) {
    case '{':
    case '[':
        return parse_items(s, ret);
    case '"':
        ret->kind = NODE_STRING;
        return parse_string(s, &ret->string.p, &ret->string.n);
    case 'n':
    case 'f':
    case 't':
        return parse_word(s, ret);
    default:
        ret->kind = NODE_NUMBER;
        return parse_number(s, &ret->number);
    }
}

struct node *nodes_parse(char *text, size_t n, unsigned depth, unsigned values)
{
    struct parser s = {.p = text, .end = text + n};
    struct node *root;
    unsigned count;

    if (!within(text, n, depth, values, &count))
        return NULL;
    root = malloc(count * (sizeof *root + sizeof *s.sorted));
    if (!root)
        return NULL;
    *root = (struct node){0};
    s.nodes = root + 1;
    s.sorted = (const struct node **)(root + count);
    skip_space(&s);
    if (*s.p == '{' && parse_items(&s, root)) {
        skip_space(&s);
        if (s.p == s.end)
            return root;
    }
    free(root);
    return NULL;
}

/* --- reading --- */

const struct node *node_get(const struct node *object, const char *key)
{
    if (!object || object->kind != NODE_OBJECT)
        return NULL;
    for (const struct node *m = object->items.first; m; m = m->next)
        if (strcmp(m->key, key) == 0)
            return m;
    return NULL;
}

const struct node *node_first(const struct node *list)
{
    return list && list->kind == NODE_LIST ? list->items.first : NULL;
}

size_t node_count(const struct node *list)
{
    return list && list->kind == NODE_LIST ? list->items.count : 0;
}

const char *node_string(const struct node *s)
{
    return s && s->kind == NODE_STRING ? s->string.p : NULL;
}

size_t node_string_bytes(const struct node *s)
{
    return s && s->kind == NODE_STRING ? s->string.n : 0;
}

json_t *json_read(const char *p, size_t n, unsigned depth, unsigned values)
{
    json_error_t ignored; /* it would quote the text */
    unsigned count;
    json_t *j = within(p, n, depth, values, &count)
                    ? json_loadb(p, n, JSON_REJECT_DUPLICATES, &ignored)
                    : NULL;

    if (json_is_object(j))
        return j;
    json_decref(j);
    return NULL;
}

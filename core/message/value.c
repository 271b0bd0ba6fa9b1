/* JSON text into a tree of values: what every message that comes in goes through first.
 *
 * One pass, no recursion. Values gather on a stack of nodes; when a list or object closes, its
 * items move from there into the arena, side by side. An open container remembers the one around
 * it in its own node, so that there is no other stack.
 */
#include "message/value.h"

#include "base/str.h"
#include "message/scan.h"

#include <stdlib.h>

#define NODES_FIRST 48u        /* on the C stack: a chat message has five */
#define NOT_OPEN    UINT32_MAX /* instead of the index of an open container */
#define PAIRWISE    16u        /* members up to which keys are compared each with each */

struct reader {
    struct scan scan;
    struct value *nodes;
    uint32_t top, cap;
    uint32_t open;          /* the innermost open container, or NOT_OPEN */
    unsigned depth, tokens; /* that may still come */
    struct arena *arena;
    int error;
};

static bool fail(struct reader *r, const char *why)
{
    return scan_fail(&r->scan, why);
}

static bool no_memory(struct reader *r)
{
    r->error = -ENOMEM;
    return fail(r, "no memory");
}

static bool open_container(struct reader *r, struct value *v, uint8_t kind)
{
    if (r->depth == 0)
        return fail(r, "too deep");
    r->depth--;
    r->scan.p++;
    v->kind = kind;
    v->i = r->open;
    r->open = r->top - 1;
    return true;
}

static struct value *new_node(struct reader *r)
{
    if (r->tokens == 0) {
        fail(r, "too many values");
        return NULL;
    }
    r->tokens--;
    if (r->top == r->cap) {
        bool first = r->cap == NODES_FIRST;
        struct value *nodes = realloc(first ? NULL : r->nodes, 2 * sizeof *nodes * r->cap);
        if (nodes == NULL) {
            no_memory(r);
            return NULL;
        }
        if (first)
            memcpy(nodes, r->nodes, sizeof *nodes * r->top);
        r->nodes = nodes;
        r->cap *= 2;
    }
    return &r->nodes[r->top++];
}

/* c: the byte at the scan, where the value begins. */
static bool read_value(struct reader *r, int c, const char *key, size_t key_bytes)
{
    struct value *v = new_node(r);
    if (v == NULL)
        return false;
    v->pub.api = &parley_host_api;
    v->count = 0;
    v->key_bytes = (uint32_t)key_bytes;
    v->key = key;
    switch (c) {
    case '"':
        r->scan.p++;
        v->kind = VALUE_STRING;
        return scan_string(&r->scan, &v->s.p, &v->s.n);
    case '{':
        return open_container(r, v, VALUE_OBJECT);
    case '[':
        return open_container(r, v, VALUE_LIST);
    case 't':
    case 'f':
    case 'n':
        return scan_word(&r->scan, v);
    case '-':
    case '0' ... '9':
        return scan_number(&r->scan, v);
    default:
        return fail(r, c < 0 ? "ends too early" : "a value is missing");
    }
}

static inline bool same_key(const struct value *a, const struct value *b)
{
    return a->key_bytes == b->key_bytes && *a->key == *b->key &&
           memcmp(a->key, b->key, a->key_bytes) == 0;
}

/* Few members are compared each with each; many go through a hash table whose seed strangers do not
 * know, so that no choice of keys makes it slow. */
static bool check_keys(struct reader *r, const struct value *items, uint32_t count)
{
    if (count <= PAIRWISE) {
        for (uint32_t i = 1; i < count; i++)
            for (uint32_t j = 0; j < i; j++)
                if (same_key(&items[i], &items[j]))
                    return fail(r, "a duplicate key");
        return true;
    }
    size_t slots = (size_t)1 << (33 - __builtin_clz(count)); /* at most half full */
    uint32_t *taken = calloc(slots, sizeof *taken);          /* index + 1; 0: free */
    if (taken == NULL)
        return no_memory(r);
    bool good = true;
    for (uint32_t i = 0; i < count && good; i++) {
        size_t at = str_hash(str_n(items[i].key, items[i].key_bytes)) & (slots - 1);
        for (; taken[at] != 0 && good; at = (at + 1) & (slots - 1))
            good = !same_key(&items[i], &items[taken[at] - 1]);
        taken[at] = i + 1;
    }
    free(taken);
    return good ? true : fail(r, "a duplicate key");
}

static bool close_container(struct reader *r)
{
    struct value *v = &r->nodes[r->open];
    uint32_t count = r->top - r->open - 1;
    struct value *items = NULL;
    if (count > 0) {
        items = arena_alloc(r->arena, sizeof *items * count);
        if (items == NULL)
            return no_memory(r);
        memcpy(items, v + 1, sizeof *items * count);
        if (v->kind == VALUE_OBJECT && !check_keys(r, items, count))
            return false;
    }
    r->scan.p++;
    r->depth++;
    r->top = r->open + 1;
    r->open = (uint32_t)v->i;
    v->count = count;
    v->items = items;
    return true;
}

/* What stands between the outermost brackets, and the closing one. */
static bool read_items(struct reader *r)
{
    while (r->open != NOT_OPEN) {
        bool object = r->nodes[r->open].kind == VALUE_OBJECT;
        int c = scan_peek(&r->scan);
        if (c == (object ? '}' : ']')) { /* looked for before a comma only: "[1,]" is refused */
            if (!close_container(r))
                return false;
            continue;
        }
        if (r->top > r->open + 1) {
            if (c != ',')
                return fail(r, c < 0 ? "ends too early" : "a comma is missing");
            r->scan.p++;
            c = scan_peek(&r->scan);
        }
        const char *key = NULL;
        size_t key_bytes = 0;
        if (object) {
            if (c != '"')
                return fail(r, c < 0 ? "ends too early" : "a key is missing");
            r->scan.p++;
            if (!scan_string(&r->scan, &key, &key_bytes))
                return false;
            if (scan_peek(&r->scan) != ':')
                return fail(r, "a colon is missing");
            r->scan.p++;
            c = scan_peek(&r->scan);
        }
        if (!read_value(r, c, key, key_bytes))
            return false;
    }
    return true;
}

static bool read_text(struct reader *r, const struct value **ret)
{
    int c = scan_peek(&r->scan);
    if (c != '{' && c != '[')
        return fail(r, "neither an object nor a list");
    if (!read_value(r, c, NULL, 0) || !read_items(r))
        return false;
    if (scan_peek(&r->scan) >= 0)
        return fail(r, "something after the end");
    struct value *root = arena_alloc(r->arena, sizeof *root);
    if (root == NULL)
        return no_memory(r);
    *root = r->nodes[0];
    *ret = root;
    return true;
}

int value_parse(struct arena *a, parley_str text, unsigned depth, unsigned tokens,
                const struct value **ret, const char **ret_why)
{
    struct value first[NODES_FIRST];
    const unsigned char *p = (const unsigned char *)text.p;
    struct reader r = {.nodes = first, .cap = NODES_FIRST, .open = NOT_OPEN, .arena = a};
    r.depth = depth;
    r.tokens = tokens;
    r.error = -EINVAL;
    bool good = false;
    if (p == NULL || text.n > INT32_MAX) {
        fail(&r, p == NULL ? "no text" : "too long");
    } else {
        r.scan = (struct scan){.p = p, .end = p + text.n, .out = arena_alloc(a, text.n)};
        good = r.scan.out == NULL ? no_memory(&r) : read_text(&r, ret);
    }
    if (r.nodes != first)
        free(r.nodes);
    if (good)
        return 0;
    *ret_why = r.scan.why;
    return r.error;
}

const struct value *value_member(const struct value *v, parley_str key)
{
    if (v == NULL || v->kind != VALUE_OBJECT)
        return NULL;
    char first = key.n > 0 ? *key.p : '\0'; /* of a key without bytes it is its 0 */
    for (uint32_t i = 0; i < v->count; i++)
        if (v->items[i].key_bytes == key.n && *v->items[i].key == first &&
            memcmp(v->items[i].key, key.p, key.n) == 0)
            return &v->items[i];
    return NULL;
}

const parley_value *value_get(const parley_value *v, const char *key)
{
    const struct value *member = key == NULL ? NULL : value_member(value_of(v), str_of(key));
    return member == NULL ? NULL : &member->pub;
}

const parley_value *value_at(const parley_value *v, size_t i)
{
    return i < value_length(v) ? &value_of(v)->items[i].pub : NULL;
}

parley_str value_key(const parley_value *v)
{
    const struct value *of = value_of(v);
    return of == NULL || of->key == NULL ? PARLEY_NONE : str_n(of->key, of->key_bytes);
}

size_t value_length(const parley_value *v)
{
    return v == NULL ? 0 : value_of(v)->count; /* of scalars it is 0 */
}

parley_str value_as_str(const parley_value *v)
{
    const struct value *of = value_of(v);
    return of == NULL || of->kind != VALUE_STRING ? PARLEY_NONE : str_n(of->s.p, of->s.n);
}

int64_t value_as_int(const parley_value *v, int64_t otherwise)
{
    const struct value *of = value_of(v);
    if (of != NULL && of->kind == VALUE_INT)
        return of->i;
    /* 2^63 is the first that does not fit; below it the conversion is defined. */
    const double end = 9223372036854775808.0;
    if (of != NULL && of->kind == VALUE_REAL && of->d >= -end && of->d < end &&
        (double)(int64_t)of->d == of->d)
        return (int64_t)of->d;
    return otherwise;
}

double value_as_number(const parley_value *v, double otherwise)
{
    const struct value *of = value_of(v);
    if (of == NULL || (of->kind != VALUE_INT && of->kind != VALUE_REAL))
        return otherwise;
    return of->kind == VALUE_REAL ? of->d : (double)of->i;
}

bool value_as_bool(const parley_value *v, bool otherwise)
{
    const struct value *of = value_of(v);
    if (of == NULL || (of->kind != VALUE_TRUE && of->kind != VALUE_FALSE))
        return otherwise;
    return of->kind == VALUE_TRUE;
}

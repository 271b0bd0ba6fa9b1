/* Copies a tree of values into one block: the cell, then all nodes, then all texts. */
#include "store/cell.h"

#include <stdlib.h>

struct room { /* what is left of the block */
    struct value *nodes;
    char *text;
};

static void measure(const struct value *v, size_t *nodes, size_t *text)
{
    if (v->key)
        *text += v->key_bytes + 1;
    if (v->kind == VALUE_STRING)
        *text += v->s.n + 1;
    *nodes += v->count;
    for (uint32_t i = 0; i < v->count; i++)
        measure(&v->items[i], nodes, text);
}

static const char *copy_text(struct room *r, const char *p, size_t n)
{
    char *to = r->text;

    if (n)
        memcpy(to, p, n);
    to[n] = '\0';
    r->text += n + 1;
    return to;
}

static void copy(struct room *r, const struct value *from, struct value *to)
{
    struct value *items = r->nodes;

    *to = *from;
    if (from->key)
        to->key = copy_text(r, from->key, from->key_bytes);
    if (from->kind == VALUE_STRING)
        to->s.p = copy_text(r, from->s.p, from->s.n);
    if (from->kind != VALUE_LIST && from->kind != VALUE_OBJECT)
        return;
    r->nodes += from->count;
    to->items = items;
    for (uint32_t i = 0; i < from->count; i++)
        copy(r, &from->items[i], &items[i]);
}

struct cell *cell_of(const struct value *v)
{
    size_t nodes = 0, text = 0, bytes;
    struct cell *c;
    struct room r;

    measure(v, &nodes, &text);
    bytes = sizeof *c + nodes * sizeof *v + text;
    c = malloc(bytes);
    if (!c)
        return NULL;
    c->next = NULL;
    c->bytes = bytes;
    r.nodes = (struct value *)(c + 1);
    r.text = (char *)(r.nodes + nodes);
    copy(&r, v, &c->value);
    return c;
}

struct cell *cell_of_int(int64_t n)
{
    struct cell *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    c->bytes = sizeof *c;
    c->value.pub.api = &parley_host_api;
    c->value.kind = VALUE_INT;
    c->value.i = n;
    return c;
}

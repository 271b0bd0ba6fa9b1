/* Chains in a table of a power of two. A chain is two members long on average before the table is
 * doubled: the look-up compares a key more, and the table is half as large. Without memory for a
 * larger table the chains grow; only the very first table can fail. */
#include "base/set.h"

#include "base/str.h"

#include <stdlib.h>

enum { BUCKETS_FIRST = 16, CHAIN = 2 };

static struct set_link **bucket(const struct set *s, parley_str key)
{
    return &s->buckets[str_hash(key) & (s->bucket_count - 1)];
}

static int grow(struct set *s)
{
    struct set old = *s;

    s->bucket_count = old.bucket_count ? 2 * old.bucket_count : BUCKETS_FIRST;
    s->buckets = calloc(s->bucket_count, sizeof(struct set_link *));
    if (!s->buckets) {
        *s = old;
        return -ENOMEM;
    }
    for (size_t i = 0; i < old.bucket_count; i++)
        for (struct set_link *l = old.buckets[i], *next; l; l = next) {
            struct set_link **to = bucket(s, s->key(l));

            next = l->next;
            l->next = *to;
            *to = l;
        }
    free(old.buckets);
    return 0;
}

struct set_link *set_find(const struct set *s, parley_str key)
{
    struct set_link *l = s->buckets ? *bucket(s, key) : NULL;

    while (l && !str_eq(s->key(l), key))
        l = l->next;
    return l;
}

int set_add(struct set *s, struct set_link *l)
{
    struct set_link **to;

    if (s->count >= CHAIN * s->bucket_count && grow(s) < 0 && !s->buckets)
        return -ENOMEM;
    to = bucket(s, s->key(l));
    l->next = *to;
    *to = l;
    s->count++;
    return 0;
}

void set_remove(struct set *s, struct set_link *l)
{
    struct set_link **at = bucket(s, s->key(l));

    while (*at != l)
        at = &(*at)->next;
    *at = l->next;
    l->next = NULL;
    s->count--;
}

void set_each(struct set *s, void (*fn)(void *arg, struct set_link *l), void *arg)
{
    for (size_t i = 0; i < s->bucket_count; i++)
        for (struct set_link *l = s->buckets[i], *next; l; l = next) {
            next = l->next;
            fn(arg, l);
        }
}

void set_finish(struct set *s)
{
    free(s->buckets);
    s->buckets = NULL;
    s->bucket_count = s->count = 0;
}

/* A table that only grows: entries never change and are never taken out, so readers need nothing
 * but the order in which they see them. A table that became too small stays, for those who still
 * read it, until the end; all of them together are no larger than the last.
 */
#include "plugin/series.h"

#include "base/str.h"

#include <pthread.h>
#include <stdlib.h>

#define SLOTS_FIRST 32

struct entry {
    uint64_t hash;
    struct metric *metric;
    size_t index, bytes;
    char label[];
};
struct series_table {
    struct series_table *smaller; /* the one before it */
    size_t slots, count;          /* at most half full; count: under the lock */
    _Atomic(struct entry *) at[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of those who write, into any table */

static uint64_t hash_of(size_t index, parley_str label)
{
    return str_hash(label) + index * UINT64_C(0x9e3779b97f4a7c15);
}

static const struct entry *find(const struct series_table *t, uint64_t hash, size_t index,
                                parley_str label)
{
    const struct entry *e;

    for (size_t i = hash & (t->slots - 1);; i = (i + 1) & (t->slots - 1)) {
        e = atomic_load_explicit(&t->at[i], memory_order_acquire);
        if (!e || (e->hash == hash && e->index == index && e->bytes == label.n &&
                   memcmp(e->label, label.p, label.n) == 0))
            return e;
    }
}

struct metric *series_find(const struct series *s, size_t index, parley_str label)
{
    const struct series_table *t = atomic_load_explicit(&s->table, memory_order_acquire);
    const struct entry *e = t ? find(t, hash_of(index, label), index, label) : NULL;

    return e ? e->metric : NULL;
}

static void put(struct series_table *t, struct entry *e)
{
    size_t i = e->hash & (t->slots - 1);

    while (atomic_load_explicit(&t->at[i], memory_order_relaxed))
        i = (i + 1) & (t->slots - 1);
    atomic_store_explicit(&t->at[i], e, memory_order_release);
    t->count++;
}

/* One with room for another entry, that holds what `t` holds; NULL: no memory. */
static struct series_table *with_room(struct series *s, struct series_table *t)
{
    size_t slots = t ? 2 * t->slots : SLOTS_FIRST;
    struct series_table *more;

    if (t && 2 * (t->count + 1) <= t->slots)
        return t;
    more = calloc(1, sizeof *more + slots * sizeof *more->at);
    if (!more)
        return NULL;
    more->smaller = t;
    more->slots = slots;
    for (size_t i = 0; t && i < t->slots; i++) {
        struct entry *e = atomic_load_explicit(&t->at[i], memory_order_relaxed);

        if (e)
            put(more, e);
    }
    atomic_store_explicit(&s->table, more, memory_order_release);
    return more;
}

void series_keep(struct series *s, size_t index, parley_str label, struct metric *m)
{
    uint64_t hash = hash_of(index, label);
    struct series_table *t;
    struct entry *e;

    if (!m || label.n > SERIES_LABEL_BYTES)
        return;
    pthread_mutex_lock(&lock);
    t = atomic_load_explicit(&s->table, memory_order_relaxed);
    if (!t || (t->count < SERIES_MOST && !find(t, hash, index, label))) {
        t = with_room(s, t);
        e = t ? malloc(sizeof *e + label.n) : NULL;
        if (e) {
            *e = (struct entry){.hash = hash, .metric = m, .index = index, .bytes = label.n};
            if (label.n)
                memcpy(e->label, label.p, label.n);
            put(t, e);
        }
    }
    pthread_mutex_unlock(&lock);
}

void series_finish(struct series *s)
{
    struct series_table *t = atomic_exchange(&s->table, NULL), *smaller;

    for (size_t i = 0; t && i < t->slots; i++)
        free(atomic_load_explicit(&t->at[i], memory_order_relaxed));
    for (; t; t = smaller) {
        smaller = t->smaller;
        free(t);
    }
}

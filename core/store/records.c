/* What the store knows, in memory: records by section and name, timers, and a heap of the records
 * that expire.
 *
 * Counts bytes as they are allocated, and knows the bounds; that they are kept is the business of
 * those who call. A value that is replaced stays until the turn ends, for a plugin may hold it.
 */
#include "base/clock.h"
#include "base/str.h"
#include "store/internal.h"

#include <stdlib.h>

#define MALLOC_BYTES 16 /* that a piece of memory costs beside itself, about */

/* --- bytes --- */

static int64_t bytes_of(size_t head, size_t key_bytes)
{
    return (int64_t)(head + key_bytes + 1 + TREE_INNER_BYTES + 2 * (size_t)MALLOC_BYTES);
}

static int64_t record_bytes(size_t key_bytes, const struct cell *c)
{
    return bytes_of(sizeof(struct record), key_bytes) + (int64_t)c->bytes + MALLOC_BYTES;
}

static void count(struct store_section *x, int64_t bytes)
{
    x->bytes += bytes;
    x->store->bytes += bytes;
    metric_set(x->store->metrics.bytes, (double)x->store->bytes);
}

static bool fits(const struct store_section *x, int64_t more)
{
    const struct store_options *o = &x->store->options;

    return more <= 0 || (x->bytes + more <= o->section_bytes && x->store->bytes + more <= o->bytes);
}

bool records_fit(struct store_section *x, parley_str key, const struct record *old,
                 const struct cell *cell)
{
    return fits(x, record_bytes(key.n, cell) - (old ? record_bytes(key.n, old->cell) : 0));
}

void records_bury(struct store *s, struct cell *c)
{
    c->next = s->buried;
    s->buried = c;
}

/* --- those that expire --- */

static void put(struct store *s, size_t place, struct record *r)
{
    s->expiring[place] = r;
    r->place = place;
}

static void sift_up(struct store *s, size_t place)
{
    struct record *r = s->expiring[place];

    while (place && s->expiring[(place - 1) / 2]->expires_ms > r->expires_ms) {
        put(s, place, s->expiring[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put(s, place, r);
}

static void sift_down(struct store *s, size_t place)
{
    struct record *r = s->expiring[place];
    size_t child;

    while ((child = 2 * place + 1) < s->expiring_count) {
        if (child + 1 < s->expiring_count &&
            s->expiring[child + 1]->expires_ms < s->expiring[child]->expires_ms)
            child++;
        if (s->expiring[child]->expires_ms >= r->expires_ms)
            break;
        put(s, place, s->expiring[child]);
        place = child;
    }
    put(s, place, r);
}

static void no_expiry(struct record *r)
{
    struct store *s = r->section->store;
    struct record *last;
    size_t place = r->place;

    if (!r->expires_ms)
        return;
    last = s->expiring[--s->expiring_count];
    if (last != r) {
        put(s, place, last);
        sift_up(s, place);
        sift_down(s, last->place);
    }
    r->expires_ms = 0;
}

static int room_to_expire(struct store *s)
{
    size_t cap = s->expiring_cap ? 2 * s->expiring_cap : 64;
    struct record **more;

    if (s->expiring_count < s->expiring_cap)
        return 0;
    more = realloc(s->expiring, cap * sizeof *more);
    if (!more)
        return -ENOMEM;
    s->expiring = more;
    s->expiring_cap = cap;
    return 0;
}

int records_expire(struct record *r, int64_t expires_ms)
{
    struct store *s = r->section->store;

    if (expires_ms && !r->expires_ms && room_to_expire(s) < 0)
        return -ENOMEM;
    no_expiry(r);
    r->expires_ms = expires_ms;
    if (expires_ms) {
        put(s, s->expiring_count++, r);
        sift_up(s, r->place);
    }
    return 0;
}

struct record *records_expired(struct store *s, int64_t unix_ms)
{
    return s->expiring_count && s->expiring[0]->expires_ms <= unix_ms ? s->expiring[0] : NULL;
}

bool records_live(const struct record *r)
{
    return !r->expires_ms || r->expires_ms > clock_unix_ms();
}

/* --- records --- */

struct record *records_find(struct store_section *x, parley_str key)
{
    return (struct record *)tree_find(&x->records, key);
}

static int add(struct store_section *x, parley_str key, struct record **ret)
{
    struct record *r = malloc(sizeof *r + key.n + 1);
    int error;

    if (!r)
        return -ENOMEM;
    *r = (struct record){.section = x, .leaf = {.key_bytes = (uint32_t)key.n, .key = r->key}};
    memcpy(r->key, key.p, key.n);
    r->key[key.n] = '\0';
    error = tree_add(&x->records, &r->leaf);
    if (error) {
        free(r);
        return error;
    }
    *ret = r;
    return 0;
}

int records_set(struct store_section *x, parley_str key, int64_t expires_ms, struct cell *take_cell)
{
    struct record *r = records_find(x, key);
    bool made = !r;

    if (made && add(x, key, &r) < 0)
        return -ENOMEM;
    if (r->expires_ms != expires_ms && records_expire(r, expires_ms) < 0) {
        if (made) {
            tree_remove(&x->records, &r->leaf);
            free(r);
        }
        return -ENOMEM;
    }
    count(x, record_bytes(key.n, take_cell) - (made ? 0 : record_bytes(key.n, r->cell)));
    if (r->cell)
        records_bury(x->store, r->cell);
    r->cell = take_cell;
    return 0;
}

static void drop(void *arg, struct tree_leaf *leaf)
{
    struct record *r = (struct record *)leaf;

    (void)arg;
    count(r->section, -record_bytes(leaf->key_bytes, r->cell));
    no_expiry(r);
    records_bury(r->section->store, r->cell);
    free(r);
}

void records_delete(struct record *r)
{
    tree_remove(&r->section->records, &r->leaf);
    drop(NULL, &r->leaf);
}

size_t records_delete_all(struct store_section *x, parley_str prefix)
{
    return tree_remove_prefix(&x->records, prefix, drop, NULL);
}

/* --- timers --- */

bool records_timer_fits(struct store_section *x, parley_str key)
{
    return tree_find(&x->timers, key) || fits(x, bytes_of(sizeof(struct timer_record), key.n));
}

int records_timer_set(struct store_section *x, parley_str key, int64_t at_ms)
{
    struct timer_record *t = (struct timer_record *)tree_find(&x->timers, key);

    if (t) {
        t->at_ms = at_ms;
        return 0;
    }
    t = malloc(sizeof *t + key.n + 1);
    if (!t)
        return -ENOMEM;
    *t = (struct timer_record){.at_ms = at_ms,
                               .leaf = {.key_bytes = (uint32_t)key.n, .key = t->key}};
    memcpy(t->key, key.p, key.n);
    t->key[key.n] = '\0';
    if (tree_add(&x->timers, &t->leaf) < 0) {
        free(t);
        return -ENOMEM;
    }
    count(x, bytes_of(sizeof *t, key.n));
    return 0;
}

bool records_timer_delete(struct store_section *x, parley_str key)
{
    struct tree_leaf *leaf = tree_find(&x->timers, key);

    if (!leaf)
        return false;
    tree_remove(&x->timers, leaf);
    free(leaf);
    count(x, -bytes_of(sizeof(struct timer_record), key.n));
    return true;
}

/* --- the end --- */

static void free_timer(void *arg, struct tree_leaf *leaf)
{
    (void)arg;
    free(leaf);
}

void records_finish(struct store *s)
{
    struct store_section *x;

    while ((x = s->sections)) {
        s->sections = x->next;
        records_delete_all(x, PARLEY_STR(""));
        tree_remove_prefix(&x->timers, PARLEY_STR(""), free_timer, NULL);
        free(x->name);
        free(x);
    }
    free(s->expiring);
    s->expiring = NULL;
}

/* Named timers of hub plugins: a binary heap by time, and a table by name. A name that is pending
 * stays as it was first set.
 *
 * Durable ones, which the store keeps, are meant for a moment of the wall clock. They wait by the
 * monotonic clock like all others; when the wall clock is set, the hub has them look again. So none
 * fires before its moment, and after it a second late at most. */
#include "base/clock.h"
#include "base/str.h"
#include "hub/internal.h"

#include <stdlib.h>

struct timer {
    int64_t at_ms;   /* monotonic */
    int64_t unix_ms; /* of a durable one: the moment that is meant; 0: after a while */
    size_t place;    /* in the heap */
    struct plugin_section *section; /* whichever generation of it serves then; NULL: tests */
    UT_hash_handle hh;
    size_t key_bytes;
    char key[]; /* the section's address, then the name: what the table finds it by */
};
struct timers {
    struct timer **heap;
    size_t count, cap;
    struct timer *by_key;
};

struct timers *timers_new(void)
{
    return calloc(1, sizeof(struct timers));
}

void timers_free(struct timers *t)
{
    if (!t)
        return;
    HASH_CLEAR(hh, t->by_key);
    for (size_t i = 0; i < t->count; i++)
        free(t->heap[i]);
    free(t->heap);
    free(t);
}

static void put(struct timers *t, size_t place, struct timer *x)
{
    t->heap[place] = x;
    x->place = place;
}

static void sift_up(struct timers *t, size_t place)
{
    struct timer *x = t->heap[place];

    while (place && t->heap[(place - 1) / 2]->at_ms > x->at_ms) {
        put(t, place, t->heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put(t, place, x);
}

static void sift_down(struct timers *t, size_t place)
{
    struct timer *x = t->heap[place];

    for (;;) {
        size_t child = 2 * place + 1;

        if (child >= t->count)
            break;
        if (child + 1 < t->count && t->heap[child + 1]->at_ms < t->heap[child]->at_ms)
            child++;
        if (t->heap[child]->at_ms >= x->at_ms)
            break;
        put(t, place, t->heap[child]);
        place = child;
    }
    put(t, place, x);
}

static void move(struct timers *t, struct timer *x, int64_t at_ms)
{
    x->at_ms = at_ms;
    sift_up(t, x->place);
    sift_down(t, x->place);
}

static struct timer *make(struct plugin_instance *i, const char *key)
{
    struct plugin_section *of = i ? i->of : NULL;
    size_t n = strlen(key);
    struct timer *x = malloc(sizeof *x + sizeof of + n + 1);

    if (!x)
        return NULL;
    x->section = of;
    x->unix_ms = 0;
    memcpy(x->key, &of, sizeof of);
    memcpy(x->key + sizeof of, key, n + 1);
    x->key_bytes = sizeof of + n;
    return x;
}

static void take_out(struct timers *t, struct timer *x)
{
    struct timer *last = t->heap[--t->count];
    size_t place = x->place;

    if (last != x) {
        put(t, place, last);
        sift_up(t, place);
        sift_down(t, last->place);
    }
    HASH_DEL(t->by_key, x);
}

/* Into heap and table; frees it when there is no memory. */
static int add(struct timers *t, struct timer *x, int64_t at_ms)
{
    if (t->count == t->cap) {
        size_t cap = t->cap ? 2 * t->cap : 64;
        struct timer **more = realloc(t->heap, cap * sizeof *more);

        if (!more) {
            free(x);
            return -ENOMEM;
        }
        t->heap = more;
        t->cap = cap;
    }
    x->at_ms = at_ms;
    HASH_ADD_KEYPTR(hh, t->by_key, x->key, x->key_bytes, x);
    if (!x->hh.tbl) {
        free(x);
        return -ENOMEM;
    }
    put(t, t->count++, x);
    sift_up(t, t->count - 1);
    return 0;
}

/* The one of the same name as `x`, which only was made to ask; NULL: there is none. */
static struct timer *find(const struct timers *t, const struct timer *x)
{
    struct timer *pending;

    HASH_FIND(hh, t->by_key, x->key, x->key_bytes, pending);
    return pending;
}

int timers_set(struct timers *t, struct plugin_instance *i, const char *key, int64_t at_ms)
{
    struct timer *x = make(i, key);

    if (!x)
        return -ENOMEM;
    if (find(t, x)) {
        free(x);
        return 0;
    }
    return add(t, x, at_ms);
}

int timers_set_at(struct timers *t, struct plugin_instance *i, const char *key, int64_t at_unix_ms,
                  int64_t at_ms)
{
    struct timer *x = make(i, key), *pending;

    if (!x)
        return -ENOMEM;
    pending = find(t, x);
    if (!pending) {
        x->unix_ms = at_unix_ms;
        return add(t, x, at_ms);
    }
    free(x);
    pending->unix_ms = at_unix_ms;
    move(t, pending, at_ms);
    return 0;
}

bool timers_is_durable(const struct timers *t, struct plugin_instance *i, const char *key)
{
    struct timer *x = make(i, key), *pending = x ? find(t, x) : NULL;

    free(x);
    return pending && pending->unix_ms;
}

int timers_cancel(struct timers *t, struct plugin_instance *i, const char *key)
{
    struct timer *x = make(i, key), *pending;

    if (!x)
        return -ENOMEM;
    pending = find(t, x);
    free(x);
    if (!pending)
        return -ENOENT;
    take_out(t, pending);
    free(pending);
    return 0;
}

int64_t timers_next(const struct timers *t)
{
    return t->count ? t->heap[0]->at_ms : INT64_MAX;
}

void timers_follow(struct timers *t, int64_t now_mono_ms, int64_t now_unix_ms)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->heap[i]->unix_ms)
            t->heap[i]->at_ms = now_mono_ms + t->heap[i]->unix_ms - now_unix_ms;
    for (size_t i = t->count / 2; i-- > 0;)
        sift_down(t, i);
}

/* The first that is due, also by the clock that it was meant for. NULL: none. */
static struct timer *first_due(struct timers *t, int64_t now_ms)
{
    while (t->count && t->heap[0]->at_ms <= now_ms) {
        struct timer *x = t->heap[0];
        int64_t left = x->unix_ms ? x->unix_ms - clock_unix_ms() : 0;

        if (left <= 0)
            return x;
        move(t, x, now_ms + left);
    }
    return NULL;
}

bool timers_take(struct timers *t, int64_t now_ms, struct plugin_instance **ret_i, char **ret_key,
                 bool *ret_durable)
{
    struct timer *x = first_due(t, now_ms);

    if (!x)
        return false;
    take_out(t, x);
    *ret_durable = x->unix_ms != 0;
    *ret_i = x->section ? x->section->current : NULL;
    if (x->section && !*ret_i)
        x->section->stored = false; /* the section is gone: it finds the durable ones in the store
                                       when it comes again */
    /* The key moves to the beginning of its own memory: without any, no timer may be lost. */
    *ret_key = memmove(x, x->key + sizeof x->section, x->key_bytes - sizeof x->section + 1);
    return true;
}

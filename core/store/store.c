/* The store as plugins use it: keys and bounds are checked here, memory is changed, and the turn's
 * transaction told of it. */
#include "store/store.h"

#include "base/clock.h"
#include "base/str.h"
#include "store/internal.h"

#include <stdlib.h>

#define DEPTH_MOST OUT_DEPTH
#define LONGEST_MS 100000000000000 /* thousands of years; sums with it do not overflow */

static int read_key(const char *text, parley_str *ret)
{
    parley_str key = str_of(text);

    if (key.n == 0)
        return -EINVAL;
    if (key.n > STORE_KEY_BYTES)
        return -ENAMETOOLONG; /* the SDK may have cut it: it would be the name of another */
    if (!str_valid_utf8(key.p, key.n))
        return -EINVAL;
    *ret = key;
    return 0;
}

/* Whether anything is accepted just now. */
static int accepts(struct store *s)
{
    int error = s->error;

    if (!error && s->writer && writer_full(s))
        error = -EAGAIN;
    return error;
}

static int begin(struct store_section *x, const char *text, parley_str *ret_key)
{
    int error = read_key(text, ret_key);

    return error ? error : accepts(x->store);
}

/* NULL: there is none, or it has expired. */
static struct record *live(struct store_section *x, parley_str key)
{
    struct record *r = records_find(x, key);

    return r && records_live(r) ? r : NULL;
}

const parley_value *store_get(struct store_section *x, const char *text)
{
    struct record *r;
    parley_str key;

    if (read_key(text, &key) < 0)
        return NULL;
    r = live(x, key);
    return r ? &r->cell->value.pub : NULL;
}

/* The record becomes what `take_cell` holds; `what` says the same to the database. */
static int set(struct store_section *x, parley_str key, struct cell *take_cell, struct write *what)
{
    struct record *old = records_find(x, key);
    struct write *w = NULL;
    int error;

    what->expires_ms = old && records_live(old) ? old->expires_ms : 0;
    error = turn_prepare(x, what, key, &w);
    if (!error && !take_cell)
        error = -ENOMEM;
    if (!error && !records_fit(x, key, old, take_cell))
        error = -ENOSPC;
    if (!error)
        error = records_set(x, key, what->expires_ms, take_cell);
    if (error) {
        turn_drop(w);
        free(take_cell);
        return error;
    }
    turn_write(x->store, w);
    return 0;
}

/* Members of `changes` in the place of their name in `old`, then those that are new. */
static int merge(const parley_value *old, const parley_value *changes, struct out *to)
{
    for (size_t i = 0; i < value_length(old); i++) {
        const parley_value *member = value_at(old, i);
        const char *key = value_key(member).p;
        const parley_value *change = value_get(changes, key);

        out_put_value(&to->pub, key, change ? change : member);
    }
    for (size_t i = 0; i < value_length(changes); i++) {
        const parley_value *member = value_at(changes, i);
        const char *key = value_key(member).p;

        if (!value_get(old, key))
            out_put_value(&to->pub, key, member);
    }
    return out_end(to);
}

/* What was written, as a tree in `a`, and `text` what goes to the database. */
static int read_record(struct arena *a, const struct record *old, struct buf *text,
                       const struct value **ret)
{
    const char *why;
    struct out merged;
    int error = value_parse(a, (parley_str){text->p, text->n}, DEPTH_MOST, UINT32_MAX, ret, &why);

    if (error || !old || old->cell->value.kind != VALUE_OBJECT)
        return error;
    out_init(&merged, STORE_RECORD_BYTES);
    error = merge(&old->cell->value.pub, &(*ret)->pub, &merged);
    if (error) {
        out_finish_memory(&merged);
        return error;
    }
    buf_finish(text);
    *text = merged.text;
    return value_parse(a, (parley_str){text->p, text->n}, DEPTH_MOST, UINT32_MAX, ret, &why);
}

int store_put(struct store_section *x, const char *text, struct out *take)
{
    struct write what = {.kind = WRITE_OBJECT};
    const struct value *v;
    struct arena a;
    parley_str key;
    int error = begin(x, text, &key);

    if (!error)
        error = out_end(take);
    if (!error && take->text.n > STORE_RECORD_BYTES)
        error = -E2BIG;
    if (!error) {
        arena_init(&a, 4096);
        error = read_record(&a, live(x, key), &take->text, &v);
        if (!error) {
            what.text = buf_take(&take->text, &what.text_bytes);
            error = set(x, key, cell_of(v), &what);
        }
        arena_finish(&a);
    }
    out_finish_memory(take);
    return error;
}

int64_t store_add(struct store_section *x, int64_t n, const char *text)
{
    struct write what = {.kind = WRITE_NUMBER};
    const struct record *r;
    parley_str key;
    int64_t sum = n;
    int error = begin(x, text, &key);

    if (error)
        return error;
    r = live(x, key);
    if (r && r->cell->value.kind != VALUE_INT)
        return -EINVAL;
    if (r && __builtin_add_overflow(r->cell->value.i, n, &sum))
        return -ERANGE;
    what.number = sum;
    error = set(x, key, cell_of_int(sum), &what);
    return error ? error : sum;
}

int store_expire(struct store_section *x, int64_t after_ms, const char *text)
{
    struct write what = {.kind = WRITE_EXPIRY}, *w;
    struct record *r;
    parley_str key;
    int error = begin(x, text, &key);

    if (!error && (after_ms < 0 || after_ms > LONGEST_MS))
        error = -EINVAL;
    if (error)
        return error;
    r = live(x, key);
    if (!r)
        return -ENOENT;
    what.expires_ms = after_ms ? clock_unix_ms() + after_ms : 0;
    if (turn_prepare(x, &what, key, &w) < 0)
        return -ENOMEM;
    if (records_expire(r, what.expires_ms) < 0) {
        turn_drop(w);
        return -ENOMEM;
    }
    turn_write(x->store, w);
    return 0;
}

int store_delete(struct store_section *x, const char *text)
{
    struct write what = {.kind = WRITE_DELETE}, *w;
    struct record *r;
    parley_str key;
    int error = begin(x, text, &key);

    if (error)
        return error;
    r = live(x, key);
    if (!r)
        return -ENOENT;
    if (turn_prepare(x, &what, key, &w) < 0)
        return -ENOMEM;
    records_delete(r);
    turn_write(x->store, w);
    return 0;
}

int store_delete_all(struct store_section *x, const char *text)
{
    struct write what = {.kind = WRITE_DELETE_ALL}, *w;
    parley_str prefix;
    int error = begin(x, text, &prefix);

    if (error)
        return error;
    if (turn_prepare(x, &what, prefix, &w) < 0)
        return -ENOMEM;
    if (records_delete_all(x, prefix))
        turn_write(x->store, w);
    else
        turn_drop(w);
    return 0;
}

/* --- timers --- */

int store_timer_set(struct store_section *x, const char *text, int64_t at_unix_ms)
{
    struct write what = {.kind = WRITE_TIMER, .number = at_unix_ms}, *w;
    parley_str key;
    int error = begin(x, text, &key);

    if (error)
        return error;
    if (!records_timer_fits(x, key))
        return -ENOSPC;
    if (turn_prepare(x, &what, key, &w) < 0)
        return -ENOMEM;
    if (records_timer_set(x, key, at_unix_ms) < 0) {
        turn_drop(w);
        return -ENOMEM;
    }
    turn_write(x->store, w);
    return 0;
}

static int delete_timer(struct store_section *x, parley_str key)
{
    struct write what = {.kind = WRITE_TIMER_DELETE}, *w;

    if (turn_prepare(x, &what, key, &w) < 0)
        return -ENOMEM;
    if (!records_timer_delete(x, key)) {
        turn_drop(w);
        return -ENOENT;
    }
    turn_write(x->store, w);
    return 0;
}

int store_timer_delete(struct store_section *x, const char *text)
{
    parley_str key;
    int error = begin(x, text, &key);

    return error ? error : delete_timer(x, key);
}

void store_timer_fired(struct store_section *x, const char *text)
{
    parley_str key;

    /* Without memory it stays on the disk, and fires once more after a restart: better than never.
     */
    if (read_key(text, &key) == 0)
        delete_timer(x, key);
}

struct seer {
    void (*see)(void *arg, const char *key, int64_t at_unix_ms);
    void *arg;
};

static void see_timer(void *arg, struct tree_leaf *leaf)
{
    const struct seer *s = arg;

    s->see(s->arg, leaf->key, ((struct timer_record *)leaf)->at_ms);
}

void store_timers(const struct store_section *x,
                  void (*see)(void *arg, const char *key, int64_t at_unix_ms), void *arg)
{
    struct seer s = {see, arg};

    tree_each(&x->timers, see_timer, &s);
}

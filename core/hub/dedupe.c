/* Repeats: a message with an id that its author used before, within [server] dedupe_window, does
 * nothing; it gets the first outcome, or waits for it.
 *
 * Remembered are outcomes that would be the same again. A refusal that says "later" (rate limits,
 * what cannot be judged just now) is forgotten at once, since the same id is how a client tries
 * again, and since it must not push out what others are remembered by. Bounded in bytes; the oldest
 * go first. [hub]
 */
#include "base/clock.h"
#include "base/str.h"
#include "hub/internal.h"

#include <stdlib.h>

#define BYTES_MAX (48 << 20)
#define WAITERS   4
#define ID_BYTES  64

struct key {
    uint64_t user;
    char id[ID_BYTES + 1];
};
struct entry {
    int64_t since_ms;
    size_t bytes; /* all that it takes */
    bool settled;
    parley_code code; /* 0: accepted */
    char *text;
    struct ack_of ack;
    client_handle waiting[WAITERS];
    UT_hash_handle hh;
    struct key key;
};
struct dedupe {
    struct entry *table; /* in the order of their coming: the oldest is the head */
    size_t bytes;
    int64_t window_ms;
};

struct dedupe *dedupe_new(int64_t window_ms)
{
    struct dedupe *d = calloc(1, sizeof *d);

    if (d)
        d->window_ms = window_ms;
    return d;
}

static void forget(struct dedupe *d, struct entry *e)
{
    HASH_DEL(d->table, e);
    d->bytes -= e->bytes;
    free(e->text);
    free(e);
}

void dedupe_free(struct dedupe *d)
{
    struct entry *e, *next;

    if (!d)
        return;
    HASH_ITER (hh, d->table, e, next)
        forget(d, e);
    free(d);
}

static bool make_key(struct hub *h, const struct message *m, struct key *k)
{
    struct hub_user *u = users_author(h, m);

    if (!u || m->id.n > ID_BYTES)
        return false;
    memset(k, 0, sizeof *k);
    k->user = u->number;
    memcpy(k->id, m->id.p, m->id.n);
    return true;
}

static void tell(struct hub *h, const struct entry *e, client_handle c)
{
    if (e->code)
        deliver_error(h, c, str_of(e->key.id), e->code, e->text ? e->text : "Refused.", 0);
    else
        deliver_ack(h, c, str_of(e->key.id), &e->ack);
}

static enum dedupe_answer repeat(struct hub *h, struct entry *e, client_handle c)
{
    if (e->settled) {
        tell(h, e, c);
        return DEDUPE_TOLD;
    }
    for (int i = 0; i < WAITERS; i++)
        if (!e->waiting[i] || e->waiting[i] == c) {
            e->waiting[i] = c;
            return DEDUPE_WAITS;
        }
    return DEDUPE_WAITS; /* more connections than that asked: these get no answer, and ask again */
}

enum dedupe_answer dedupe_begin(struct hub *h, struct message *m)
{
    struct dedupe *d = h->dedupe;
    struct entry *e;
    struct key k;

    if (d->window_ms == 0 || !make_key(h, m, &k))
        return DEDUPE_NEW;
    HASH_FIND(hh, d->table, &k, sizeof k, e);
    if (e)
        return repeat(h, e, m->author);
    e = calloc(1, sizeof *e);
    if (!e)
        return DEDUPE_NEW;
    e->key = k;
    e->since_ms = clock_mono_ms();
    e->bytes = sizeof *e;
    HASH_ADD(hh, d->table, key, sizeof e->key, e);
    if (!e->hh.tbl) {
        free(e);
        return DEDUPE_NEW;
    }
    d->bytes += e->bytes;
    while (d->bytes > BYTES_MAX)
        forget(d, d->table);
    return DEDUPE_NEW;
}

static bool says_later(const struct outcome *o)
{
    return o->verdict == PARLEY_REJECT &&
           (o->retry_after_ms > 0 || o->code == PARLEY_E_RATE_LIMITED ||
            o->code == PARLEY_E_UNAVAILABLE || o->code == PARLEY_E_INTERNAL);
}

void dedupe_settle(struct hub *h, struct message *m)
{
    struct dedupe *d = h->dedupe;
    struct entry *e;
    struct key k;

    if (d->window_ms == 0 || !make_key(h, m, &k))
        return;
    HASH_FIND(hh, d->table, &k, sizeof k, e);
    if (!e)
        return;
    e->settled = true;
    if (m->outcome.verdict == PARLEY_REJECT) {
        e->code = m->outcome.code;
        e->text = m->outcome.text.p ? str_dup(m->outcome.text) : NULL;
        if (e->text) {
            e->bytes += m->outcome.text.n + 1;
            d->bytes += m->outcome.text.n + 1;
        }
    }
    e->ack.cache_id = m->cache_id;
    e->ack.offset = m->offset;
    if (m->to && m->offset)
        memcpy(e->ack.epoch, m->to->epoch, sizeof e->ack.epoch);
    for (int i = 0; i < WAITERS && e->waiting[i]; i++)
        if (e->waiting[i] != m->author)
            tell(h, e, e->waiting[i]);
    if (says_later(&m->outcome))
        forget(d, e);
}

void dedupe_tick(struct hub *h, int64_t now_ms)
{
    struct dedupe *d = h->dedupe;

    while (d->table && now_ms - d->table->since_ms > d->window_ms)
        forget(d, d->table);
}

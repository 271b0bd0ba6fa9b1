/* Repeats: a message with an id that its author used before, within [server] dedupe_window, does
 * nothing; it gets the first outcome, or waits for it.
 *
 * Remembered are outcomes that would be the same again. A refusal that says "later" (rate limits,
 * what cannot be judged just now) is forgotten at once, since the same id is how a client tries
 * again. Bounded in number; the oldest go first. [hub]
 */
#include "base/clock.h"
#include "base/str.h"
#include "hub/internal.h"

#include <stdlib.h>

#define DEDUPE_MAX 200000
#define WAITERS    4
#define ID_BYTES   64

struct key {
    uint64_t user;
    char id[ID_BYTES + 1];
};
struct entry {
    struct entry *next; /* younger */
    int64_t since_ms;
    bool settled, forgotten; /* forgotten: out of the table, freed when its turn comes */
    parley_code code;        /* 0: accepted */
    char *text;
    struct ack_of ack;
    client_handle waiting[WAITERS];
    UT_hash_handle hh;
    struct key key;
};
struct dedupe {
    struct entry *table;
    struct entry *first, **end;
    size_t count;
    int64_t window_ms;
};

struct dedupe *dedupe_new(int64_t window_ms)
{
    struct dedupe *d = calloc(1, sizeof *d);

    if (d) {
        d->window_ms = window_ms;
        d->end = &d->first;
    }
    return d;
}

static void drop_first(struct dedupe *d)
{
    struct entry *e = d->first;

    d->first = e->next;
    if (!d->first)
        d->end = &d->first;
    if (!e->forgotten)
        HASH_DEL(d->table, e);
    d->count--;
    free(e->text);
    free(e);
}

void dedupe_free(struct dedupe *d)
{
    while (d && d->first)
        drop_first(d);
    free(d);
}

static bool make_key(struct hub *h, const struct message *m, struct key *k)
{
    struct hub_user *u = users_get(h, m->identity->user);

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
    *d->end = e;
    d->end = &e->next;
    d->count++;
    HASH_ADD(hh, d->table, key, sizeof e->key, e);
    while (d->count > DEDUPE_MAX)
        drop_first(d);
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
        e->text = str_dup(m->outcome.text);
    }
    e->ack.cache_id = m->cache_id;
    e->ack.offset = m->offset;
    if (m->to && m->offset)
        memcpy(e->ack.epoch, m->to->epoch, sizeof e->ack.epoch);
    for (int i = 0; i < WAITERS && e->waiting[i]; i++)
        if (e->waiting[i] != m->author)
            tell(h, e, e->waiting[i]);
    if (says_later(&m->outcome)) {
        HASH_DEL(d->table, e);
        e->forgotten = true;
    }
}

void dedupe_tick(struct hub *h, int64_t now_ms)
{
    struct dedupe *d = h->dedupe;

    while (d->first && now_ms - d->first->since_ms > d->window_ms)
        drop_first(d);
}

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
#include "hub/id_table.h"
#include "hub/internal.h"

#include <stdlib.h>

#define BYTES_MAX (48 << 20)
#define WAITERS   4

struct waiting { /* of a record, until it is settled; then its words stand there */
    client_handle clients[WAITERS];
};
struct dedupe {
    struct id_table *ids;
    int64_t window_ms;
};

struct dedupe *dedupe_new(int64_t window_ms)
{
    struct dedupe *d = calloc(1, sizeof *d);

    if (!d)
        return NULL;
    d->window_ms = window_ms;
    d->ids = id_table_new();
    if (!d->ids) {
        free(d);
        return NULL;
    }
    return d;
}

void dedupe_free(struct dedupe *d)
{
    if (!d)
        return;
    id_table_free(d->ids);
    free(d);
}

static void tell(struct hub *h, const struct id_record *r, client_handle c)
{
    parley_str id = {r->id, r->id_bytes};
    struct ack_of ack = {r->cache_id, r->offset, ""};

    if (r->code) {
        deliver_error(h, c, id, r->code, r->more ? (const char *)r->more : "Refused.", 0);
        return;
    }
    if (r->offset)
        memcpy(ack.epoch, r->epoch, sizeof r->epoch);
    deliver_ack(h, c, id, &ack);
}

static struct waiting *waiting_of(struct dedupe *d, struct id_record *r)
{
    struct waiting *w = r->more;

    if (!w && (w = calloc(1, sizeof *w)))
        id_table_set_more(d->ids, r, w, sizeof *w);
    return w;
}

static enum dedupe_answer repeat(struct hub *h, struct id_record *r, client_handle c)
{
    struct waiting *w;

    if (r->settled) {
        tell(h, r, c);
        return DEDUPE_TOLD;
    }
    w = waiting_of(h->dedupe, r);
    for (int i = 0; w && i < WAITERS; i++)
        if (!w->clients[i] || w->clients[i] == c) {
            w->clients[i] = c;
            return DEDUPE_WAITS;
        }
    return DEDUPE_WAITS; /* more connections than that asked: these get no answer, and ask again */
}

static struct id_record *find(struct hub *h, const struct message *m, uint64_t user)
{
    return user && m->id.n <= ID_TABLE_ID_BYTES ? id_table_find(h->dedupe->ids, user, m->id) : NULL;
}

enum dedupe_answer dedupe_begin(struct hub *h, struct message *m)
{
    struct dedupe *d = h->dedupe;
    struct hub_user *u = d->window_ms ? users_author(h, m) : NULL;
    struct id_record *r = find(h, m, u ? u->number : 0);

    if (r)
        return repeat(h, r, m->author);
    if (u) {
        m->user = u->number;
        id_table_add(d->ids, u->number, m->id, clock_mono_coarse_ms());
    }
    while (id_table_bytes(d->ids) > BYTES_MAX)
        id_table_forget(d->ids, id_table_oldest(d->ids));
    return DEDUPE_NEW;
}

static bool says_later(const struct outcome *o)
{
    return o->verdict == PARLEY_REJECT &&
           (o->retry_after_ms > 0 || o->code == PARLEY_E_RATE_LIMITED ||
            o->code == PARLEY_E_UNAVAILABLE || o->code == PARLEY_E_INTERNAL);
}

/* What whoever asks again is told. */
static void keep_outcome(struct dedupe *d, struct id_record *r, const struct message *m)
{
    bool refused = m->outcome.verdict == PARLEY_REJECT;
    char *text = refused && m->outcome.text.p ? str_dup(m->outcome.text) : NULL;

    r->settled = true;
    r->code = refused ? m->outcome.code : 0;
    id_table_set_more(d->ids, r, text, text ? m->outcome.text.n + 1 : 0);
    r->cache_id = m->cache_id;
    r->offset = m->to ? m->offset : 0;
    if (r->offset)
        memcpy(r->epoch, m->to->epoch, sizeof r->epoch);
}

void dedupe_settle(struct hub *h, struct message *m)
{
    struct id_record *r = find(h, m, m->user); /* who may be forgotten by now */
    struct waiting waiting = {{0}};

    if (!r)
        return;
    if (r->more && !r->settled)
        waiting = *(const struct waiting *)r->more;
    keep_outcome(h->dedupe, r, m);
    for (int i = 0; i < WAITERS && waiting.clients[i]; i++)
        if (waiting.clients[i] != m->author)
            tell(h, r, waiting.clients[i]);
    if (says_later(&m->outcome))
        id_table_forget(h->dedupe->ids, r);
}

/* Its message still waits, maybe for a person: until that is over it is no new one. Without memory
 * it may be judged twice. */
static void renew(struct dedupe *d, const struct id_record *old, int64_t now_ms)
{
    struct waiting *w = old->more ? malloc(sizeof *w) : NULL;
    char id[ID_TABLE_ID_BYTES + 1];
    parley_str key = {id, old->id_bytes};
    uint64_t user = old->user;
    struct id_record *r;

    if (w)
        *w = *(const struct waiting *)old->more;
    memcpy(id, old->id, old->id_bytes);
    id[key.n] = 0;
    id_table_forget(d->ids, id_table_oldest(d->ids));
    r = id_table_add(d->ids, user, key, now_ms);
    if (r && w)
        id_table_set_more(d->ids, r, w, sizeof *w);
    else
        free(w);
}

void dedupe_tick(struct hub *h)
{
    struct dedupe *d = h->dedupe;
    int64_t now_ms = clock_mono_coarse_ms(); /* that of dedupe_begin: it never falls */
    struct id_record *r;

    while ((r = id_table_oldest(d->ids)) && now_ms - r->since_ms > d->window_ms)
        if (r->settled)
            id_table_forget(d->ids, r);
        else
            renew(d, r, now_ms);
}

uint32_t dedupe_count(const struct dedupe *d)
{
    return id_table_count(d->ids);
}

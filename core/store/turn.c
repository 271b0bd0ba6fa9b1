/* What one hook call writes: gathered in the order of its calls, a transaction when it is over.
 *
 * Memory has changed by then. Between the two nothing can fail: whatever needs memory is got before
 * anything changes.
 */
#include "base/clock.h"
#include "base/str.h"
#include "store/internal.h"

#include <stdlib.h>

#define TICK_MOST 1000 /* records that expire at a time */

void turn_drop(struct write *take)
{
    if (take)
        free(take->text);
    free(take);
}

void transaction_free(struct transaction *t)
{
    struct write *w;

    if (!t)
        return;
    while ((w = t->first)) {
        t->first = w->next;
        turn_drop(w);
    }
    free(t);
}

static int begin(struct store *s)
{
    if (s->turn)
        return 0;
    s->turn = calloc(1, sizeof *s->turn);
    if (!s->turn)
        return -ENOMEM;
    s->turn->end = &s->turn->first;
    return 0;
}

int turn_prepare(struct store_section *x, const struct write *what, parley_str key,
                 struct write **ret)
{
    struct store *s = x->store;
    struct write *w = malloc(sizeof *w + key.n + 1);

    if (!w || begin(s) < 0) {
        free(w);
        free(what->text);
        return -ENOMEM;
    }
    *w = *what;
    w->next = NULL;
    w->section = x->name;
    w->key_bytes = key.n;
    memcpy(w->key, key.p, key.n);
    w->key[key.n] = '\0';
    *ret = w;
    return 0;
}

void turn_write(struct store *s, struct write *take)
{
    metric_inc(s->metrics.writes);
    s->turn->writes++;
    if (!s->writer) {
        turn_drop(take);
        return;
    }
    *s->turn->end = take;
    s->turn->end = &take->next;
    s->turn->bytes += sizeof *take + take->key_bytes + take->text_bytes;
}

uint64_t store_end(struct store *s)
{
    struct transaction *t = s->turn;
    struct cell *c;

    while ((c = s->buried)) {
        s->buried = c->next;
        free(c);
    }
    if (!t)
        return 0;
    s->turn = NULL;
    if (!t->writes) { /* what was prepared came to nothing */
        transaction_free(t);
        return 0;
    }
    t->number = ++s->number;
    if (s->writer)
        writer_post(s, t);
    else
        transaction_free(t);
    return s->number;
}

void store_tick(struct store *s)
{
    int64_t now = clock_unix_ms();
    struct record *r;

    /* Where nothing can be written they stay, and read as absent all the same. */
    for (int n = 0; n < TICK_MOST && !s->error && (r = records_expired(s, now)); n++) {
        struct write what = {.kind = WRITE_DELETE}, *w;

        if (turn_prepare(r->section, &what, (parley_str){r->key, r->leaf.key_bytes}, &w) < 0)
            return;
        records_delete(r);
        turn_write(s, w);
    }
}

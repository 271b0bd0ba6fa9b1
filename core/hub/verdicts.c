/* The ring of verdicts. A record has room of its own for all that it tells, so that keeping one
 * never fails and costs no allocation; longer texts are cut between characters. */
#include "hub/verdicts.h"

#include "base/clock.h"
#include "base/str.h"
#include "base/units.h"
#include "hub/internal.h"
#include "message/encode.h"
#include "message/out.h"

#include <pthread.h>
#include <stdlib.h>

struct text {
    uint8_t n;
    char p[127];
};
struct record {
    uint64_t number; /* from 1, in the order of time */
    int64_t unix_ms, cache_id, us;
    parley_code code;
    uint32_t generation;
    uint8_t kind, hook;
    bool shadow;
    struct text section, plugin, version, rule, type, channel, user, id;
};
struct verdicts {
    pthread_mutex_t lock;
    uint64_t written;
    size_t most;
    struct record records[];
};

static const char *const words[JUDGED_KINDS] = {[JUDGED_REJECT] = "reject",
                                                [JUDGED_DROP] = "drop",
                                                [JUDGED_DONE] = "done",
                                                [JUDGED_HOLD] = "hold",
                                                [JUDGED_FAIL] = "fail",
                                                [JUDGED_EDIT] = "edit",
                                                [JUDGED_OVER_BUDGET] = "over_budget",
                                                [JUDGED_OPENED] = "breaker_opened",
                                                [JUDGED_CLOSED] = "breaker_closed"};
static const char *const hooks[HOOKS] = {
    [HOOK_MESSAGE] = "on_message", [HOOK_ANSWER] = "on_answer", [HOOK_SETTLED] = "on_settled",
    [HOOK_CONNECT] = "on_connect", [HOOK_JOIN] = "on_join",     [HOOK_DISCONNECT] = "on_disconnect",
    [HOOK_LEAVE] = "on_leave",     [HOOK_GREET] = "on_greet",   [HOOK_TIMER] = "on_timer",
    [HOOK_ROUTE] = "route"};

const char *verdicts_hook(enum hook hook)
{
    return hooks[hook];
}

const char *verdicts_word(enum judged kind)
{
    return words[kind] ? words[kind] : "";
}

struct verdicts *verdicts_new(size_t most)
{
    struct verdicts *v = calloc(1, sizeof *v + most * sizeof *v->records);

    if (!v)
        return NULL;
    pthread_mutex_init(&v->lock, NULL);
    v->most = most;
    return v;
}

void verdicts_free(struct verdicts *v)
{
    if (!v)
        return;
    pthread_mutex_destroy(&v->lock);
    free(v);
}

static void keep(struct text *t, parley_str s)
{
    size_t n = s.p ? s.n : 0;

    if (n > sizeof t->p)
        for (n = sizeof t->p; n && ((unsigned char)s.p[n] & 0xc0) == 0x80; n--)
            ; /* no half of a character */
    t->n = (uint8_t)n;
    if (n)
        memcpy(t->p, s.p, n);
}

static void fill(struct record *r, const struct plugin_instance *i, enum judged kind,
                 const struct verdict_of *of)
{
    const struct message *m = of->message;

    r->unix_ms = clock_unix_ms();
    r->cache_id = m ? m->cache_id : 0;
    r->us = of->us;
    r->code = of->code;
    r->generation = i->generation;
    r->kind = (uint8_t)kind;
    r->hook = (uint8_t)of->hook;
    r->shadow = i->shadow;
    keep(&r->section, str_of(i->host.section));
    keep(&r->plugin, str_of(i->file->copy.id));
    keep(&r->version, str_of(i->file->copy.version));
    keep(&r->rule, of->rule);
    keep(&r->type, m ? m->type_name : PARLEY_NONE);
    keep(&r->channel, m ? m->channel : of->channel);
    keep(&r->user, m && m->identity ? identity_user(m->identity) : of->user);
    keep(&r->id, m ? m->id : PARLEY_NONE);
}

void verdicts_add(struct hub *h, struct plugin_instance *i, enum judged kind,
                  const struct verdict_of *of)
{
    struct verdicts *v = h->verdicts;

    if (kind < JUDGED_VERDICTS)
        metric_inc(i->hub_side->judge.verdicts[kind]);
    if (v->most == 0)
        return;
    pthread_mutex_lock(&v->lock);
    fill(&v->records[v->written % v->most], i, kind, of);
    v->written++;
    v->records[(v->written - 1) % v->most].number = v->written;
    pthread_mutex_unlock(&v->lock);
}

/* --- reading --- */

static bool is(const struct text *t, parley_str wanted)
{
    return !wanted.p || (t->n == (wanted.n < sizeof t->p ? wanted.n : t->n) &&
                         memcmp(t->p, wanted.p, t->n) == 0);
}

static bool matches(const struct record *r, const struct verdict_filter *f)
{
    return r->unix_ms >= f->since_unix_ms && is(&r->section, f->section) && is(&r->user, f->user) &&
           (!f->channel.p ||
            str_casecmp((parley_str){r->channel.p, r->channel.n}, f->channel) == 0) &&
           (!f->verdict.p || str_is(f->verdict, words[r->kind]));
}

static void put(parley_out *o, const char *key, const struct text *t)
{
    if (t->n)
        out_put_str(o, key, (parley_str){t->p, t->n});
}

static void put_record(parley_out *o, const struct record *r)
{
    char time[CLOCK_RFC3339_BYTES];

    out_open_object(o, NULL);
    out_put_int(o, "number", (int64_t)r->number);
    out_put_str(o, "time", str_of(clock_rfc3339(r->unix_ms, time)));
    put(o, "section", &r->section);
    put(o, "plugin", &r->plugin);
    put(o, "version", &r->version);
    out_put_int(o, "generation", r->generation);
    out_put_str(o, "mode", r->shadow ? PARLEY_STR("shadow") : PARLEY_STR("enforce"));
    out_put_str(o, "hook", str_of(hooks[r->hook]));
    out_put_str(o, "verdict", str_of(words[r->kind]));
    if (r->code)
        out_put_str(o, "code", str_of(code_name(r->code)));
    put(o, "rule", &r->rule);
    put(o, "type", &r->type);
    put(o, "channel", &r->channel);
    put(o, "user", &r->user);
    put(o, "id", &r->id);
    if (r->cache_id)
        out_put_int(o, "cacheID", r->cache_id);
    out_put_int(o, "us", r->us);
    out_close(o);
}

static size_t copy_matching(struct verdicts *v, const struct verdict_filter *f, struct record *to,
                            size_t limit)
{
    size_t n = 0;

    pthread_mutex_lock(&v->lock);
    for (uint64_t k = v->written; k > 0 && v->written - k < v->most && n < limit; k--) {
        const struct record *r = &v->records[(k - 1) % v->most];

        if (r->unix_ms < f->since_unix_ms)
            break;
        if (matches(r, f))
            to[n++] = *r;
    }
    pthread_mutex_unlock(&v->lock);
    return n;
}

void verdicts_query(struct verdicts *v, const struct verdict_filter *f, struct buf *to)
{
    size_t limit = f->limit == 0              ? VERDICTS_LIMIT
                   : f->limit > VERDICTS_MOST ? VERDICTS_MOST
                                              : f->limit;
    struct record *found;
    struct out o;
    size_t n;

    limit = limit < v->most ? limit : v->most;
    found = calloc(limit ? limit : 1, sizeof *found);
    if (!found) {
        to->error = to->error ? to->error : -ENOMEM;
        return;
    }
    n = copy_matching(v, f, found, limit);
    out_init(&o, 0);
    out_open_list(&o.pub, "verdicts");
    for (size_t k = 0; k < n; k++)
        put_record(&o.pub, &found[k]);
    out_close(&o.pub);
    free(found);
    if (out_end(&o) == 0)
        buf_add(to, o.text.p, o.text.n);
    else if (!to->error)
        to->error = o.error;
    out_finish_memory(&o);
}

static parley_str given(const char *word)
{
    return word && *word ? str_of(word) : PARLEY_NONE;
}

int verdicts_filter(const struct verdict_words *w, struct verdict_filter *ret, const char **why)
{
    struct verdict_filter f = {.section = given(w->section),
                               .user = given(w->user),
                               .channel = given(w->channel),
                               .verdict = given(w->verdict)};
    bool known = !f.verdict.p;
    int64_t since_ms;
    char *end;

    for (size_t k = 0; k < JUDGED_KINDS; k++)
        known |= words[k] && str_is(f.verdict, words[k]);
    if (!known) {
        *why = "'verdict' is reject, drop, done, hold, fail, edit, over_budget, breaker_opened or "
               "breaker_closed";
        return -EINVAL;
    }
    if (given(w->since).p) {
        if (units_duration(str_of(w->since), &since_ms) < 0) {
            *why = "'since' is a duration, such as 10m: what is not older";
            return -EINVAL;
        }
        f.since_unix_ms = clock_unix_ms() - since_ms;
    }
    if (given(w->limit).p) {
        unsigned long n = strtoul(w->limit, &end, 10);

        if (*end || w->limit[0] < '0' || w->limit[0] > '9' || n == 0 || n > VERDICTS_MOST) {
            *why = "'limit' is a number from 1 to 1000";
            return -EINVAL;
        }
        f.limit = n;
    }
    *ret = f;
    return 0;
}

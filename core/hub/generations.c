/* Generations: how an instance of a plugin gets its place in the hub, and how another one takes it
 * over while everything runs.
 *
 * Between two mails the old one says what it wants to hand on (save), the new one begins with that
 * (start), and the hub has another registry and another chain. Until the last start has returned
 * nothing of this is to be seen, and what was asked for on the way is dropped when one fails. An
 * old instance is quiesced as soon as nothing that it holds back is left, and goes when neither a
 * pump nor a message knows it any more. [hub]
 */
#include "base/log.h"
#include "base/str.h"
#include "hub/holds.h"

#include <stdlib.h>

enum { SAVED_BYTES = 64 << 20, SAVED_TOKENS = 16 << 20 };

static void make_metrics(struct plugin_instance *i)
{
    parley_str section = str_of(i->host.section);

    i->hub_side->waiting =
        metric(METRIC_GAUGE, "waiting", "What a section waits for: answers, jobs, moderators",
               "section", section);
}

int instance_attach(struct hub *h, struct plugin_instance *i)
{
    i->hub_side = calloc(1, sizeof *i->hub_side);
    if (!i->hub_side)
        return -ENOMEM;
    i->hub = h;
    i->hub_side->asks_end = &i->hub_side->asks;
    make_metrics(i);
    judge_attach(h, i);
    return 0;
}

void instance_detach(struct plugin_instance *i)
{
    free(i->hub_side);
    i->hub_side = NULL;
    i->hub = NULL;
    i->store = NULL;
}

int instance_start(struct hub *h, struct plugin_instance *i, const parley_value *saved,
                   char why[256])
{
    struct hook_before before;
    int r;

    if (i->file->copy.start) {
        before = hook_enter(h, i, "start", NULL, NULL);
        r = i->file->copy.start(&i->host, saved);
        hook_leave(h, before);
        if (r < 0) {
            snprintf(why, 256, "[%s %s] could not start: %s", i->kind, i->name, strerror(-r));
            return r;
        }
    }
    i->started = true;
    return 0;
}

void instance_quiesce(struct hub *h, struct plugin_instance *i)
{
    struct hook_before before;

    i->quiesced = true;
    if (!i->started || !i->file->copy.quiesce)
        return;
    i->started = false;
    before = hook_enter(h, i, "quiesce", NULL, NULL);
    i->file->copy.quiesce(&i->host);
    hook_leave(h, before);
}

/* --- one registry after the other --- */

static bool is_new(const struct plugin_instance *i)
{
    return i->of->current != i;
}

static int attach_all(struct hub *h, const struct registry *next, char why[256])
{
    for (size_t k = 0; k < next->instance_count; k++) {
        struct plugin_instance *i = next->instances[k];
        int r;

        if (!is_new(i))
            continue;
        r = instance_attach(h, i);
        if (r < 0)
            snprintf(why, 256, "there is not enough memory");
        else
            r = stored_attach_one(h, i, why);
        if (r < 0)
            return r;
    }
    return 0;
}

/* What the instance before it has to say to i, read into arena; NULL: nothing. */
static int save(struct hub *h, struct plugin_instance *i, struct arena *arena,
                const parley_value **ret, char why[256])
{
    struct plugin_instance *old = i->of->current;
    struct hook_before before;
    const struct value *v = NULL;
    const char *wrong;
    struct out out;
    int r;

    *ret = NULL;
    if (!old || !old->file->copy.save || !i->file->copy.start)
        return 0;
    out_init(&out, SAVED_BYTES);
    before = hook_enter(h, old, "save", NULL, NULL);
    r = old->file->copy.save(&old->host, &out.pub);
    hook_leave(h, before);
    if (r >= 0)
        r = out_end(&out);
    if (r >= 0)
        r = value_parse(arena, (parley_str){out.text.p, out.text.n}, OUT_DEPTH, SAVED_TOKENS, &v,
                        &wrong);
    out_finish_memory(&out);
    if (r < 0)
        snprintf(why, 256, "[%s %s] could not save what it knows: %s", old->kind, old->name,
                 strerror(-r));
    else
        *ret = &v->pub;
    return r;
}

static int start_all(struct hub *h, const struct registry *next, char why[256])
{
    int r = 0;

    for (size_t k = 0; k < next->instance_count && r >= 0; k++) {
        struct plugin_instance *i = next->instances[k];
        const parley_value *saved = NULL;
        struct arena arena;

        if (!is_new(i))
            continue;
        arena_init(&arena, 64 * 1024);
        r = save(h, i, &arena, &saved, why);
        if (r >= 0)
            r = instance_start(h, i, saved, why);
        arena_finish(&arena);
    }
    return r;
}

static void leave(struct hub *h, struct plugin_instance *i)
{
    i->leaves = true;
    i->next = h->leaving;
    h->leaving = i;
}

static void take_back(struct hub *h, const struct registry *next)
{
    for (size_t k = next->instance_count; k-- > 0;)
        if (is_new(next->instances[k]) && next->instances[k]->hub_side)
            instance_quiesce(h, next->instances[k]);
    ops_finish(h);
    for (size_t k = 0; k < next->instance_count; k++) {
        struct plugin_instance *i = next->instances[k];

        if (!is_new(i))
            continue;
        if (i->hub_side && holds_of(i)) { /* what it asked is still under way */
            i->known_to_none = true;
            leave(h, i);
        } else {
            instance_detach(i);
        }
    }
}

/* A hub has the seat of the one that it follows: the clients that passed that one passed it. */
static void take_seats(struct hub *h, struct plugin_instance *i)
{
    const struct plugin_hub *old = i->of->current ? i->of->current->hubs : NULL;

    for (struct plugin_hub *hub = i->hubs; hub; hub = hub->next) {
        hub->seat = old ? old->seat : ++h->seats;
        old = old ? old->next : NULL;
    }
}

static void publish(struct hub *h, const struct registry *old, const struct registry *next)
{
    for (size_t k = 0; k < old->instance_count; k++) {
        struct plugin_instance *i = old->instances[k];

        if (registry_section(next, i->kind, i->name) == i)
            continue;
        leave(h, i);
        if (!registry_section(next, i->kind, i->name))
            i->of->current = NULL;
    }
    for (size_t k = 0; k < next->instance_count; k++) {
        struct plugin_instance *i = next->instances[k];

        if (!is_new(i))
            continue;
        take_seats(h, i);
        slots_outdate(i->of, &i->file->copy);
        i->of->current = i;
    }
}

int hub_change(struct hub *h, const struct registry *next, char why[256])
{
    enum domain before = domain_enter(DOMAIN_HUB);
    const struct registry *old = h->registry;
    struct hub_chains *chains = chain_new(next), *old_chains = h->chains;
    int r = chains ? 0 : -ENOMEM;

    if (h->quiesced)
        r = -ESHUTDOWN;
    snprintf(why, 256, "%s",
             r == -ESHUTDOWN ? "the server is stopping" : "there is not enough memory");
    if (r == 0)
        r = attach_all(h, next, why);
    if (r == 0 && h->clients_refused)
        clients_tell_refused(h);
    ops_hold(h); /* what a new one says is for those that start after it, too */
    if (chains) {
        h->registry = next; /* those that start see the others as they will be */
        h->chains = chains;
    }
    if (r == 0)
        r = start_all(h, next, why);
    if (r < 0) {
        take_back(h, next);
        h->registry = old;
        h->chains = old_chains;
        chain_free(chains);
    } else {
        publish(h, old, next);
        holds_moved(h, old, old_chains);
        chain_free(old_chains);
    }
    ops_release(h);
    hub_arm_timer(h);
    domain_leave(before);
    return r < 0 ? r : 0;
}

/* --- who leaves --- */

static bool list_refers(const struct message *list, const struct plugin_instance *i)
{
    for (const struct message *m = list; m; m = m->next)
        if (m->type && m->type->instance == i)
            return true;
    return false;
}

/* Whether a message that waits is of a type of its own. */
static bool is_referred_to(const struct hub *h, const struct plugin_instance *i)
{
    return i->types &&
           (list_refers(h->deferred, i) || list_refers(h->unstored, i) || holds_refer(h, i));
}

struct plugin_instance *hub_gone(struct hub *h, bool pumps_moved)
{
    enum domain before = domain_enter(DOMAIN_HUB);
    struct plugin_instance *gone = NULL, **at = &h->leaving, *i;

    while ((i = *at)) {
        i->known_to_none |= pumps_moved;
        if (!i->quiesced && holds_of(i) == 0)
            instance_quiesce(h, i);
        if (holds_of(i) || !i->known_to_none || is_referred_to(h, i)) {
            at = &i->next;
            continue;
        }
        *at = i->next;
        instance_detach(i);
        i->next = gone;
        gone = i;
    }
    domain_leave(before);
    return gone;
}

struct plugin_instance *hub_left(struct hub *h)
{
    struct plugin_instance *left = h->leaving;

    for (struct plugin_instance *i = left; i; i = i->next)
        instance_detach(i);
    h->leaving = NULL;
    return left;
}

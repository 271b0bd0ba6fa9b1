/* The chain of hubs: which of them see a message, in which order, and what their verdicts mean.
 *
 * The order is the registry's (phase, then the INI); for each message type the hubs that want it
 * are listed once, when the registry is made. A hook runs between hook_enter and hook_leave, and
 * what it asked for is done before the next one runs, unless that is held. After quiesce no hook
 * runs any more.
 */
#include "base/str.h"
#include "hub/internal.h"

#include <stdlib.h>

#define PHASE_APART 100 /* from one phase to the next */

struct hook_before hook_enter(struct hub *h, struct plugin_instance *i, const char *hook,
                              struct message *m, struct outcome *refusal)
{
    struct hook_before before = {plugin_enter(i, hook), h->current, h->current_message, h->refusal,
                                 domain_enter(DOMAIN_HUB)};

    h->current = i;
    h->current_message = m;
    h->refusal = refusal;
    return before;
}

void hook_leave(struct hub *h, struct hook_before before)
{
    struct message *m = h->current_message;
    bool shadow = h->current->shadow;

    crumb_leave(before.crumb);
    if (m && m->edit) {
        if (message_merge(m, m->edit) < 0)
            m->edit_failed = true;
        free(m->edit);
        m->edit = NULL;
    }
    h->current = before.instance;
    h->current_message = before.message;
    h->refusal = before.refusal;
    if (!h->current) {
        if (h->wrote) /* no ack waits for what a shadow keeps */
            stored_turn(h, shadow ? NULL : m);
        outs_free(h);
        ops_run(h);
    }
    domain_leave(before.domain);
}

static bool wants(const struct plugin_hub *hub, parley_str type)
{
    return !hub->hub.types || str_list_has(hub->hub.types, type);
}

static int list_new(struct hub_list *l, size_t most)
{
    l->hubs = calloc(most ? most : 1, sizeof *l->hubs);
    return l->hubs ? 0 : -ENOMEM;
}

static int list_type(struct hub_chain *c, const struct registry *r, parley_str type)
{
    if (list_new(&c->on_message, r->hub_count) < 0 || list_new(&c->on_settled, r->hub_count) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < r->hub_count; i++) {
        const struct plugin_hub *hub = r->hubs[i];

        if (!wants(hub, type))
            continue;
        if (hub->hub.on_message)
            c->on_message.hubs[c->on_message.count++] = (uint16_t)i;
        if (hub->hub.on_settled)
            c->on_settled.hubs[c->on_settled.count++] = (uint16_t)i;
    }
    return 0;
}

struct hub_chains *chain_new(const struct registry *r)
{
    size_t count = r->root ? r->root->type_name_count : 0;
    struct hub_chains *c = calloc(1, sizeof *c + count * sizeof *c->of);

    if (!c)
        return NULL;
    c->count = count;
    for (size_t t = 0; t < count; t++)
        if (list_type(&c->of[t], r, str_of(r->root->type_names[t])) < 0) {
            chain_free(c);
            return NULL;
        }
    return c;
}

void chain_free(struct hub_chains *c)
{
    for (size_t t = 0; c && t < c->count; t++) {
        free(c->of[t].on_message.hubs);
        free(c->of[t].on_settled.hubs);
    }
    free(c);
}

/* A hub ended it: those of its phase that are shadowed see it all the same, wherever they stand, or
 * they could not be compared with the one that did. */
static void show_shadows(struct hub *h, struct message *m, const struct hub_list *l, size_t k,
                         parley_phase phase)
{
    const struct registry *r = h->registry;
    size_t count = l ? l->count : r->hub_count;

    for (; k < count; k++) {
        const struct plugin_hub *hub = r->hubs[l ? l->hubs[k] : k];

        if (hub->hub.phase / PHASE_APART != phase / PHASE_APART)
            return;
        if (hub->instance->shadow && (l || (hub->hub.on_message && wants(hub, m->type_name))))
            judge_link(h, m, hub, NULL);
    }
}

/* What was dropped goes on, for its author to see. */
static parley_verdict passed(struct message *m, parley_verdict v)
{
    if (v != PARLEY_DROP)
        return v;
    m->dropped_by = m->dropped_by ? m->dropped_by : m->outcome.section;
    return PARLEY_PASS;
}

parley_verdict chain_run(struct hub *h, struct message *m, parley_phase from, parley_phase until)
{
    const struct registry *r = h->registry;
    const struct hub_list *l = m->type ? &h->chains->of[m->type->index].on_message : NULL;
    size_t count = l ? l->count : r->hub_count;
    bool begun = false;

    for (size_t k = m->chain_at; k < count && !h->quiesced; k++) {
        const struct plugin_hub *hub = r->hubs[l ? l->hubs[k] : k];
        parley_verdict v;

        if (hub->hub.phase < from || hub->hub.phase >= until)
            continue;
        if (!l && (!hub->hub.on_message || !wants(hub, m->type_name)))
            continue;
        if (m->dropped_by && hub->hub.phase < PARLEY_PHASE_TRANSFORM && !hub->instance->shadow)
            continue;
        if (!begun)
            budget_begin(h);
        begun = true;
        v = passed(m, judge_link(h, m, hub, NULL));
        if (v == PARLEY_HOLD)
            m->chain_at = (uint16_t)(k + 1);
        else if (v != PARLEY_PASS && r->shadow_hubs)
            show_shadows(h, m, l, k + 1, hub->hub.phase);
        if (v != PARLEY_PASS)
            return v;
    }
    return PARLEY_PASS;
}

parley_verdict chain_resume(struct hub *h, struct message *m, const struct plugin_hub *link,
                            const struct hold_end *end)
{
    parley_verdict v = passed(m, judge_link(h, m, link, end));

    return v == PARLEY_PASS ? chain_run(h, m, INT32_MIN, PARLEY_PHASE_STORE) : v;
}

static const struct plugin_hub *link_at(const struct registry *r, const struct hub_chains *c,
                                        const struct message *m, size_t k)
{
    const struct hub_list *l = m->type ? &c->of[m->type->index].on_message : NULL;

    if (k >= (l ? l->count : r->hub_count))
        return NULL;
    return r->hubs[l ? l->hubs[k] : k];
}

void chain_move(struct hub *h, struct message *m, const struct registry *old,
                const struct hub_chains *old_chains)
{
    size_t at = m->chain_at;

    m->chain_at = 0;
    while (at-- > 0) {
        const struct plugin_hub *before = link_at(old, old_chains, m, at), *now;

        for (size_t k = 0; before && (now = link_at(h->registry, h->chains, m, k)); k++)
            if (now->seat == before->seat) {
                m->chain_at = (uint16_t)(k + 1);
                return;
            }
    }
}

void chain_settled(struct hub *h, struct message *m)
{
    const struct registry *r = h->registry;
    const struct hub_list *l = m->type ? &h->chains->of[m->type->index].on_settled : NULL;
    size_t count = l ? l->count : r->hub_count;
    parley_outcome o = {.struct_size = sizeof o,
                        .verdict = m->outcome.verdict,
                        .code = m->outcome.code,
                        .section = m->outcome.section,
                        .rule = m->outcome.rule.p};

    if (count)
        budget_begin(h);
    for (size_t k = 0; k < count && !h->quiesced; k++) {
        const struct plugin_hub *hub = r->hubs[l ? l->hubs[k] : k];
        struct hook_before before;
        bool more;

        if (!l && (!hub->hub.on_settled || !wants(hub, m->type_name)))
            continue;
        before = hook_enter(h, hub->instance, "on_settled", m, NULL);
        hub->hub.on_settled(&hub->instance->host, &m->pub, &o);
        budget_settled(h, hub->instance);
        more = h->ops != NULL;
        hook_leave(h, before);
        if (more)
            budget_begin(h);
    }
}

static void passed_some(struct hub *h, struct hub_client *c, size_t hubs)
{
    c->passed = (uint32_t)hubs;
    h->clients_refused += !c->refused;
    c->refused = true;
}

static bool has_passed(const struct hub_client *c, const struct plugin_hub *hub, size_t place)
{
    return c->refused ? place < c->passed : hub->seat <= c->passed;
}

parley_verdict chain_connect(struct hub *h, struct hub_client *c, struct outcome *ret_why)
{
    const struct registry *r = h->registry;

    for (size_t k = 0; k < r->hub_count && !h->quiesced; k++) {
        const struct plugin_hub *hub = r->hubs[k];
        struct hook_before before;
        int64_t start_ns, took_ns;
        parley_verdict v;

        if (hub->hub.on_connect) {
            memset(ret_why, 0, sizeof *ret_why);
            before = hook_enter(h, hub->instance, "on_connect", NULL, ret_why);
            start_ns = budget_start(h);
            v = hub->hub.on_connect(&hub->instance->host, (parley_client){c->handle});
            took_ns = budget_end(h, hub->instance, HOOK_CONNECT, start_ns);
            hook_leave(h, before);
            if (judge_client(h, hub->instance, c, PARLEY_NONE, ret_why, v, took_ns) ==
                PARLEY_REJECT) {
                passed_some(h, c, k);
                return PARLEY_REJECT;
            }
        }
        if (c->state == HUB_CLIENT_CLOSING) { /* kicked by what the hook asked for */
            passed_some(h, c, k + 1);
            return PARLEY_DONE;
        }
    }
    c->passed = h->seats;
    return PARLEY_PASS;
}

void chain_greet(struct hub *h, struct hub_client *c)
{
    const struct registry *r = h->registry;

    for (size_t k = 0; k < r->hub_count && !h->quiesced; k++) {
        const struct plugin_hub *hub = r->hubs[k];
        struct hook_before before;
        int64_t start_ns;

        if (!hub->hub.on_greet)
            continue;
        before = hook_enter(h, hub->instance, "on_greet", NULL, NULL);
        start_ns = budget_start(h);
        hub->hub.on_greet(&hub->instance->host, (parley_client){c->handle});
        budget_end(h, hub->instance, HOOK_GREET, start_ns);
        hook_leave(h, before);
    }
}

void chain_disconnect(struct hub *h, struct hub_client *c, int reason)
{
    const struct registry *r = h->registry;

    for (size_t k = 0; k < r->hub_count && !h->quiesced; k++) {
        const struct plugin_hub *hub = r->hubs[k];
        struct hook_before before;
        int64_t start_ns;

        if (!hub->hub.on_disconnect || !has_passed(c, hub, k))
            continue;
        before = hook_enter(h, hub->instance, "on_disconnect", NULL, NULL);
        start_ns = budget_start(h);
        hub->hub.on_disconnect(&hub->instance->host, (parley_client){c->handle}, reason);
        budget_end(h, hub->instance, HOOK_DISCONNECT, start_ns);
        hook_leave(h, before);
    }
    c->passed = 0;
}

parley_verdict chain_join(struct hub *h, struct hub_client *c, struct hub_channel *ch,
                          const struct plugin_instance *asker, struct outcome *ret_why)
{
    const struct registry *r = h->registry;

    for (size_t k = 0; k < r->hub_count && !h->quiesced; k++) {
        const struct plugin_hub *hub = r->hubs[k];
        struct hook_before before;
        int64_t start_ns, took_ns;
        parley_verdict v;

        if (!hub->hub.on_join || hub->instance == asker)
            continue;
        memset(ret_why, 0, sizeof *ret_why);
        before = hook_enter(h, hub->instance, "on_join", NULL, ret_why);
        start_ns = budget_start(h);
        v = hub->hub.on_join(&hub->instance->host, (parley_client){c->handle}, ch->name);
        took_ns = budget_end(h, hub->instance, HOOK_JOIN, start_ns);
        hook_leave(h, before);
        if (judge_client(h, hub->instance, c, ch->name, ret_why, v, took_ns) == PARLEY_REJECT)
            return PARLEY_REJECT;
    }
    return PARLEY_PASS;
}

void chain_leave(struct hub *h, struct hub_client *c, struct hub_channel *ch,
                 const struct plugin_instance *asker)
{
    const struct registry *r = h->registry;

    for (size_t k = 0; k < r->hub_count && !h->quiesced; k++) {
        const struct plugin_hub *hub = r->hubs[k];
        struct hook_before before;
        int64_t start_ns;

        if (!hub->hub.on_leave || hub->instance == asker)
            continue;
        before = hook_enter(h, hub->instance, "on_leave", NULL, NULL);
        start_ns = budget_start(h);
        hub->hub.on_leave(&hub->instance->host, (parley_client){c->handle}, ch->name);
        budget_end(h, hub->instance, HOOK_LEAVE, start_ns);
        hook_leave(h, before);
    }
}

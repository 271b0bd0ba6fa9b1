/* One hub judges one message: its hook is called here, and what it returned is made sense of.
 *
 * chain.c says which hub is asked, and when. What a section is set to do with a verdict (on_error)
 * is followed here and nowhere else, so the chain sees only verdicts that count.
 */
#include "base/log.h"
#include "hub/holds.h"

/* Makes sense of what a hub returned. What it said before in vain is forgotten. */
parley_verdict judge_verdict(struct plugin_instance *i, struct outcome *o, parley_verdict v)
{
    if (v == PARLEY_REJECT) {
        o->section = i->host.section;
        if (o->code == 0)
            o->code = PARLEY_E_REJECTED;
        metric_inc(i->hub_side->rejections);
        return v;
    }
    memset(o, 0, sizeof *o);
    switch (v) {
    case PARLEY_PASS:
        return v;
    case PARLEY_DONE:
    case PARLEY_DROP:
        o->section = i->host.section;
        return v;
    default: /* FAIL, a HOLD that holds nothing, and what is no verdict */
        metric_inc(i->hub_side->failures);
        if (i->on_error_pass)
            return PARLEY_PASS;
        o->section = i->host.section;
        o->code = PARLEY_E_UNAVAILABLE;
        o->rule = PARLEY_STR("on_error");
        o->text = PARLEY_STR("This cannot be judged just now. Please try again.");
        return PARLEY_REJECT;
    }
}

/* A hub asked for its author to be let in, and another one said no: then so does the message. */
static parley_verdict refuse_join(struct hub *h, struct message *m)
{
    m->outcome = h->join_outcome;
    m->outcome.text = arena_str(&m->arena, m->outcome.text);
    m->outcome.rule = arena_str(&m->arena, m->outcome.rule);
    return PARLEY_REJECT;
}

static parley_verdict call(struct message *m, const struct plugin_hub *hub,
                           const struct hold_end *end)
{
    if (end && !end->answer)
        return end->verdict;
    if (end)
        return hub->hub.on_answer(&hub->instance->host, &m->pub, end->answer);
    metric_inc_alone(hub->calls);
    return hub->hub.on_message(&hub->instance->host, &m->pub);
}

parley_verdict judge_link(struct hub *h, struct message *m, const struct plugin_hub *hub,
                          const struct hold_end *end)
{
    struct plugin_instance *i = hub->instance;
    struct hook_before before =
        hook_enter(h, i, end && end->answer ? "on_answer" : "on_message", m, &m->outcome);
    bool join_refused;
    parley_verdict v;

    v = call(m, hub, end);
    hook_leave(h, before);
    if (m->edit_failed) { /* what it meant to hide must not be seen */
        log_event(LOG_LEVEL_WARNING, "edit_failed", LOG_TEXT("section", i->host.section));
        m->edit_failed = false;
        v = v == PARLEY_PASS || v == PARLEY_HOLD ? PARLEY_FAIL : v;
    }
    if (m->hold) {
        if (v == PARLEY_HOLD && h->join_refused != m && holds_keep(h, m, hub))
            return v;
        holds_drop(h, m);
    }
    v = judge_verdict(i, &m->outcome, v);
    join_refused = h->join_refused == m;
    if (join_refused)
        h->join_refused = NULL;
    return join_refused && v != PARLEY_REJECT ? refuse_join(h, m) : v;
}

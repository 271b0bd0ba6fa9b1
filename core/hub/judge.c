/* One hub judges one message: its hook is called here, and what it returned is made sense of.
 *
 * chain.c says which hub is asked, and when. What a section is set to do (mode, on_error, its
 * breaker) is followed here and nowhere else, so the chain sees only verdicts that count. Every
 * verdict but PASS is counted by its kind; all but DONE, which judges nothing, become a record too.
 *
 * A shadowed hub is asked as any other, and what it says is put down and forgotten: what it wants
 * done is not done (plugin/api_*.c ask judge_discard), and what it edits is put back.
 */
#include "hub/judge.h"

#include "base/log.h"
#include "base/str.h"
#include "hub/holds.h"
#include "hub/verdicts.h"
#include "message/encode.h"

#include <stdlib.h>

void judge_attach(struct hub *h, struct plugin_instance *i)
{
    parley_str section = str_of(i->host.section);
    struct judge *j = &i->hub_side->judge;

    for (int k = 0; k < JUDGED_VERDICTS; k++)
        j->verdicts[k] =
            i->shadow ? metric2(METRIC_COUNTER, "shadow_verdicts",
                                "Verdicts of shadowed sections, which did not count", "section",
                                section, "verdict", str_of(verdicts_word((enum judged)k)))
                      : metric2(METRIC_COUNTER, "verdicts",
                                "Verdicts of sections that let nothing pass as it was", "section",
                                section, "verdict", str_of(verdicts_word((enum judged)k)));
    j->calls = metric(METRIC_COUNTER, "hub_calls", "Messages that a section was asked about",
                      "section", section);
    j->seconds = metric(METRIC_BRIEF, "hub_seconds",
                        "Time that a section took for a message, of those that were timed",
                        "section", section);
    j->over_budget = metric(METRIC_COUNTER, "hub_over_budget",
                            "Calls of a section that took longer than it may", "section", section);
    j->interrupted =
        metric(METRIC_COUNTER, "hub_interrupted",
               "Likewise, while the machine gave the processor to others", "section", section);
    j->skipped = metric(METRIC_COUNTER, "hub_skipped",
                        "Messages that a section was not asked about: its breaker was open",
                        "section", section);
    j->breaker = metric(METRIC_GAUGE, "hub_breaker_open",
                        "1 while a section is passed over for being slow", "section", section);
    if (i->shadow)
        j->discarded = metric(METRIC_COUNTER, "shadow_discarded",
                              "Things that shadowed sections wanted done", "section", section);
    for (struct plugin_hub *hub = i->hubs; hub; hub = hub->next)
        hub->calls = j->calls;
    budget_attach(h, i);
}

int judge_discard(struct plugin_instance *i)
{
    metric_inc(i->hub_side->judge.discarded);
    return 0;
}

static enum judged kind_of(parley_verdict v)
{
    switch (v) {
    case PARLEY_REJECT:
        return JUDGED_REJECT;
    case PARLEY_DROP:
        return JUDGED_DROP;
    case PARLEY_DONE:
        return JUDGED_DONE;
    case PARLEY_HOLD:
        return JUDGED_HOLD;
    default:
        return JUDGED_FAIL;
    }
}

static void cannot_judge(struct plugin_instance *i, struct outcome *o)
{
    o->section = i->host.section;
    o->code = PARLEY_E_UNAVAILABLE;
    o->rule = PARLEY_STR("on_error");
    o->text = PARLEY_STR("This cannot be judged just now. Please try again.");
}

/* What it said before in vain is forgotten. */
parley_verdict judge_verdict(struct plugin_instance *i, struct outcome *o, parley_verdict v)
{
    if (v == PARLEY_REJECT) {
        o->section = i->host.section;
        if (o->code == 0)
            o->code = PARLEY_E_REJECTED;
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
        if (i->on_error_pass)
            return PARLEY_PASS;
        cannot_judge(i, o);
        return PARLEY_REJECT;
    }
}

/* A verdict that is not PASS: counted, put down, and for those whom nobody else tells of it logged.
 * `us`: what the call took. */
static void put_down(struct hub *h, struct plugin_instance *i, enum judged kind,
                     struct verdict_of *of, parley_str text)
{
    char user[160], words[256];
    parley_str who =
        of->message && of->message->identity ? identity_user(of->message->identity) : of->user;

    if (kind == JUDGED_DONE && !i->shadow) {
        metric_inc(i->hub_side->judge.verdicts[kind]);
        return;
    }
    verdicts_add(h, i, kind, of);
    if (!i->shadow && kind != JUDGED_DROP)
        return; /* its refusal is logged when its author is told (road.c), by who refuses clients,
                   and a failure by parley_fail */
    log_event(LOG_LEVEL_INFO, i->shadow ? "shadow_verdict" : "message_dropped",
              LOG_TEXT("user", str_printable(who, user, sizeof user)),
              LOG_STR("type", of->message ? of->message->type_name : PARLEY_NONE),
              LOG_STR("channel", of->message ? of->message->channel : of->channel),
              LOG_TEXT("section", i->host.section), LOG_TEXT("version", i->file->copy.version),
              LOG_TEXT("hook", of->hook == HOOK_MESSAGE ? NULL : verdicts_hook(of->hook)),
              LOG_TEXT("verdict", i->shadow ? verdicts_word(kind) : NULL),
              LOG_STR("rule", of->rule), LOG_TEXT("code", of->code ? code_name(of->code) : NULL),
              LOG_INT("us", of->us),
              LOG_TEXT("msg", text.p ? str_printable(text, words, sizeof words) : NULL));
}

/* What `o` says belongs to the verdict only where it refuses. Microseconds that the call took. */
static int64_t note(struct hub *h, struct plugin_instance *i, enum judged kind, enum hook hook,
                    struct message *m, const struct outcome *o, int64_t took_ns)
{
    bool why = kind == JUDGED_REJECT;
    struct verdict_of of = {.hook = hook, .message = m};

    of.us = took_ns / 1000;
    if (why) {
        of.code = o->code ? o->code : PARLEY_E_REJECTED;
        of.rule = o->rule;
    }
    put_down(h, i, kind, &of, why ? o->text : PARLEY_NONE);
    return of.us;
}

/* --- shadow --- */

void judge_keep_payload(struct message *m)
{
    struct hub *h = m->hub;

    if (h->kept)
        return;
    h->kept = true;
    h->kept_payload = m->payload;
    h->kept_parsed = m->parsed;
    buf_init(&m->payload, h->kept_payload.limit);
}

/* True: it had changed something. */
static bool put_payload_back(struct hub *h, struct message *m)
{
    bool edited = h->kept || m->edit || m->edit_failed;

    if (h->kept) {
        buf_finish(&m->payload);
        m->payload = h->kept_payload;
        m->parsed = h->kept_parsed;
        h->kept = false;
    }
    if (m->edit)
        out_finish_memory(m->edit);
    free(m->edit);
    m->edit = NULL;
    m->edit_failed = false;
    return edited;
}

/* It asks: with a copy, for the message goes on. It is held for nobody. */
static void keep_asking(struct hub *h, struct message *m, const struct plugin_hub *hub,
                        parley_verdict v)
{
    struct message *copy = v == PARLEY_HOLD ? message_copy(m) : NULL;

    if (holds_keep_copy(m, copy, hub))
        return;
    message_destroy(copy);
    holds_drop(h, m);
}

/* Its hook is over: all is as it was, and what it said is put down. */
static void leave_shadow(struct hub *h, struct message *m, const struct plugin_hub *hub,
                         struct hook_before before, enum hook hook, parley_verdict v,
                         const struct outcome *why, int64_t took_ns)
{
    bool edited = put_payload_back(h, m), asks = m->hold && m->hold->kind != HOLD_MESSAGE;

    hook_leave(h, before);
    if (m->hold)
        keep_asking(h, m, hub, v);
    if (v == PARLEY_HOLD && asks)
        metric_inc(hub->instance->hub_side->judge.verdicts[JUDGED_HOLD]);
    else if (v != PARLEY_PASS)
        note(h, hub->instance, kind_of(v), hook, m, why, took_ns);
    else if (edited)
        note(h, hub->instance, JUDGED_EDIT, hook, m, why, took_ns);
}

void judge_shadow_end(struct hub *h, struct message *take_copy, const struct plugin_hub *hub,
                      const struct hold_end *end)
{
    struct message *m = take_copy;
    struct plugin_instance *i = hub->instance;
    struct outcome why = {0};
    int64_t start_ns, took_ns = 0;
    parley_verdict v;

    if (end) {
        struct hook_before before = hook_enter(h, i, "on_answer", m, &why);

        v = end->verdict;
        if (end->answer) {
            start_ns = budget_start(h);
            v = hub->hub.on_answer(&i->host, &m->pub, end->answer);
            took_ns = budget_end(h, i, HOOK_ANSWER, start_ns);
        }
        leave_shadow(h, m, hub, before, HOOK_ANSWER, v, &why, took_ns);
    }
    message_destroy(m);
}

static void shadow_link(struct hub *h, struct message *m, const struct plugin_hub *hub)
{
    struct plugin_instance *i = hub->instance;
    struct outcome why = {0};
    struct hook_before before = hook_enter(h, i, "on_message", m, &why);
    int64_t took_ns;
    parley_verdict v;

    metric_inc_alone(hub->calls);
    budget_call(h, i);
    v = hub->hub.on_message(&i->host, &m->pub);
    took_ns = budget_called(h, i);
    leave_shadow(h, m, hub, before, HOOK_MESSAGE, v, &why, took_ns);
}

/* --- the link --- */

/* A hub asked for its author to be let in, and another one said no: then so does the message. */
static parley_verdict refuse_join(struct hub *h, struct message *m)
{
    m->outcome = h->join_outcome;
    m->outcome.text = arena_str(&m->arena, m->outcome.text);
    m->outcome.rule = arena_str(&m->arena, m->outcome.rule);
    return PARLEY_REJECT;
}

/* Its breaker is open: as if it had failed, at no cost. */
static parley_verdict pass_over(struct hub *h, struct message *m, struct plugin_instance *i)
{
    if (i->shadow || i->on_error_pass)
        return PARLEY_PASS;
    memset(&m->outcome, 0, sizeof m->outcome);
    cannot_judge(i, &m->outcome);
    m->outcome.rule = PARLEY_STR("breaker");
    note(h, i, JUDGED_REJECT, HOOK_MESSAGE, m, &m->outcome, 0);
    return PARLEY_REJECT;
}

static parley_verdict judged(struct hub *h, struct message *m, struct plugin_instance *i,
                             enum hook hook, parley_verdict v, int64_t took_ns)
{
    struct outcome *o = &m->outcome;
    enum judged kind = v == PARLEY_HOLD ? JUDGED_FAIL : kind_of(v); /* it holds nothing */
    int64_t us = note(h, i, kind, hook, m, o, took_ns);

    v = judge_verdict(i, o, v);
    o->us = us;
    o->version = i->file->copy.version;
    return v;
}

static parley_verdict call(struct hub *h, struct message *m, const struct plugin_hub *hub,
                           const struct hold_end *end, int64_t *ret_took_ns)
{
    struct plugin_instance *i = hub->instance;
    parley_verdict v;

    if (end && end->answer) {
        int64_t start_ns = budget_start(h);

        v = hub->hub.on_answer(&i->host, &m->pub, end->answer);
        *ret_took_ns = budget_end(h, i, HOOK_ANSWER, start_ns);
        return v;
    }
    if (end)
        return end->verdict;
    metric_inc_alone(hub->calls);
    budget_call(h, i);
    v = hub->hub.on_message(&i->host, &m->pub);
    *ret_took_ns = budget_called(h, i);
    return v;
}

parley_verdict judge_link(struct hub *h, struct message *m, const struct plugin_hub *hub,
                          const struct hold_end *end)
{
    struct plugin_instance *i = hub->instance;
    struct hook_before before;
    enum hook hook = end ? HOOK_ANSWER : HOOK_MESSAGE;
    bool join_refused, more;
    int64_t took_ns = 0;
    parley_verdict v;

    if (i->breaker != BREAKER_CLOSED && !end && !budget_lets(i))
        return pass_over(h, m, i);
    if (i->shadow) {
        shadow_link(h, m, hub);
        return PARLEY_PASS;
    }
    before = hook_enter(h, i, end && end->answer ? "on_answer" : "on_message", m, &m->outcome);
    v = call(h, m, hub, end, &took_ns);
    more = h->ops != NULL;
    hook_leave(h, before);
    if (more) /* what it asked for took its own time */
        budget_begin(h);
    if (m->edit_failed) { /* what it meant to hide must not be seen */
        log_event(LOG_LEVEL_WARNING, "edit_failed", LOG_TEXT("section", i->host.section));
        m->edit_failed = false;
        v = v == PARLEY_PASS || v == PARLEY_HOLD ? PARLEY_FAIL : v;
    }
    if (m->hold) {
        if (v == PARLEY_HOLD && h->join_refused != m && holds_keep(h, m, hub)) {
            if (m->hold->kind == HOLD_MESSAGE)
                note(h, i, JUDGED_HOLD, hook, m, &m->outcome, took_ns);
            else /* it asks: what it says then is what counts */
                metric_inc(i->hub_side->judge.verdicts[JUDGED_HOLD]);
            return v;
        }
        holds_drop(h, m);
    }
    join_refused = h->join_refused == m;
    if (join_refused)
        h->join_refused = NULL;
    if (v == PARLEY_PASS)
        memset(&m->outcome, 0, sizeof m->outcome);
    else
        v = judged(h, m, i, hook, v, took_ns);
    return join_refused && v != PARLEY_REJECT ? refuse_join(h, m) : v;
}

parley_verdict judge_client(struct hub *h, struct plugin_instance *i, const struct hub_client *c,
                            parley_str channel, struct outcome *o, parley_verdict v,
                            int64_t took_ns)
{
    struct verdict_of of = {.hook = channel.p ? HOOK_JOIN : HOOK_CONNECT,
                            .user = identity_user(c->identity),
                            .channel = channel};
    parley_str text = PARLEY_NONE;

    if (v != PARLEY_PASS) {
        of.us = took_ns / 1000;
        if (v == PARLEY_REJECT) {
            of.code = o->code ? o->code : PARLEY_E_REJECTED;
            of.rule = o->rule;
            text = o->text;
        }
        put_down(h, i, kind_of(v), &of, text);
    }
    if (!i->shadow)
        return judge_verdict(i, o, v);
    memset(o, 0, sizeof *o);
    return PARLEY_PASS;
}

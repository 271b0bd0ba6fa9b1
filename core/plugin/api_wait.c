/* The SDK's functions that wait: for an answer over HTTP, for a job, for a person. The hub's side
 * is hub/holds.c. [hub] */
#include "base/log.h"
#include "base/str.h"
#include "control/ask.h"
#include "hub/holds.h"
#include "plugin/internal.h"

static struct message *of(parley_message *m)
{
    return (struct message *)m;
}

parley_out *api_http_request(parley_host *h, const char *method, const char *url)
{
    DOMAIN_ASSERT(DOMAIN_HUB | DOMAIN_CONTROL);
    return out_message_new(h, OUT_REQUEST, method, url ? url : "");
}

parley_verdict api_ask(parley_message *m, parley_out *take, int64_t deadline_ms, uint32_t tag)
{
    struct out_message *o =
        out_of(take)->owner_kind == OUT_REQUEST ? (struct out_message *)take : NULL;
    struct plugin_instance *i = o ? o->instance : NULL;
    struct ask *a;
    int r;

    DOMAIN_ASSERT(DOMAIN_HUB);
    if (!o)
        return PARLEY_FAIL;
    r = out_end(&o->out);
    a = r == 0 ? ask_new(o->type, o->url, &o->out.text) : NULL;
    out_message_spend(o);
    if (!a) {
        log_event(LOG_LEVEL_WARNING, "hub_failed", LOG_TEXT("section", i->host.section),
                  LOG_TEXT("msg", "the request could not be written"),
                  LOG_TEXT("why", strerror(r ? -r : ENOMEM)));
        return PARLEY_FAIL;
    }
    return holds_ask(i->hub, i, m ? of(m) : NULL, a, deadline_ms, tag);
}

parley_verdict api_work(parley_message *m, int (*job)(void *arg, parley_out *answer), void *arg,
                        int64_t deadline_ms, uint32_t tag)
{
    struct hub *h = of(m)->hub;

    DOMAIN_ASSERT(DOMAIN_HUB);
    return h && h->current ? holds_work(h, h->current, of(m), job, arg, deadline_ms, tag)
                           : PARLEY_FAIL;
}

parley_verdict api_hold(parley_message *m, int64_t deadline_ms, parley_hold *ret)
{
    struct hub *h = of(m)->hub;

    DOMAIN_ASSERT(DOMAIN_HUB);
    ret->v = 0;
    return h && h->current ? holds_message(h, h->current, of(m), deadline_ms, ret) : PARLEY_FAIL;
}

parley_message *api_peek(parley_host *h, parley_hold held)
{
    struct message *m = holds_peek(instance_of(h)->hub, held);

    DOMAIN_ASSERT(DOMAIN_HUB);
    return m ? &m->pub : NULL;
}

int api_resume(parley_host *h, parley_hold held, parley_verdict v)
{
    DOMAIN_ASSERT(DOMAIN_HUB);
    return holds_resume(instance_of(h)->hub, held, v);
}

/* The chain as it runs, for people and for programs: what --check-config prints, and parleyctl
 * shows. */
#include "base/metrics.h"
#include "base/str.h"
#include "hub/internal.h"
#include "message/out.h"
#include "plugin/registry.h"

static const char *phase_name(parley_phase phase)
{
    return phase >= PARLEY_PHASE_STORE       ? "store"
           : phase >= PARLEY_PHASE_ROUTE     ? "route"
           : phase >= PARLEY_PHASE_TRANSFORM ? "transform"
           : phase >= PARLEY_PHASE_MODERATE  ? "moderate"
                                             : "admit";
}

static void print_budget(const struct plugin_instance *i, FILE *to)
{
    if (i->budget_ms == 0)
        fprintf(to, ", no budget");
    else
        fprintf(to, ", budget %" PRId64 " ms", i->budget_ms);
}

void registry_print_chain(const struct registry *r, FILE *to)
{
    for (size_t k = 0; k < r->hub_count; k++) {
        const struct plugin_hub *hub = r->hubs[k];
        const struct plugin_instance *i = hub->instance;

        fprintf(to, "  %-10s%s (%s %s)%s%s; %s, on_error %s", phase_name(hub->hub.phase), i->name,
                i->file->copy.id, i->file->copy.version, hub->hub.types ? " for " : "",
                hub->hub.types ? hub->hub.types : "", i->shadow ? "shadow" : "enforce",
                i->on_error_pass ? "pass" : "reject");
        print_budget(i, to);
        fputc('\n', to);
    }
}

static void put_hub(parley_out *o, const struct plugin_hub *hub)
{
    const struct plugin_instance *i = hub->instance;

    out_open_object(o, NULL);
    out_put_str(o, "phase", str_of(phase_name(hub->hub.phase)));
    out_put_int(o, "order", hub->hub.phase);
    out_put_str(o, "section", str_of(i->name));
    out_put_str(o, "plugin", str_of(i->file->copy.id));
    out_put_str(o, "version", str_of(i->file->copy.version));
    out_put_str(o, "types", str_of(hub->hub.types));
    out_put_str(o, "mode", i->shadow ? PARLEY_STR("shadow") : PARLEY_STR("enforce"));
    out_put_str(o, "on_error", i->on_error_pass ? PARLEY_STR("pass") : PARLEY_STR("reject"));
    out_put_int(o, "budget_ms", i->budget_ms);
    out_put_bool(o, "breaker_open", i->hub_side && metric_read(i->hub_side->judge.breaker) > 0);
    out_close(o);
}

void registry_chain_json(const struct registry *r, struct buf *to)
{
    struct out o;

    out_init(&o, 0);
    out_open_list(&o.pub, "chain");
    for (size_t k = 0; k < r->hub_count; k++)
        put_hub(&o.pub, r->hubs[k]);
    out_close(&o.pub);
    if (out_end(&o) == 0)
        buf_add(to, o.text.p, o.text.n);
    else if (!to->error)
        to->error = o.error;
    out_finish_memory(&o);
}

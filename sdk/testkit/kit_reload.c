/* Reloads on the testkit: the plan, the filling and the change of the daemon's own, one after the
 * other, without a child that tries the plugins first. */
#include "base/str.h"
#include "kit_internal.h"

#include <stdlib.h>

static void destroy_all(struct plugin_instance *i)
{
    struct plugin_instance *next;

    for (; i; i = next) {
        next = i->next;
        registry_destroy(i);
    }
}

static void let_go(kit *k)
{
    destroy_all(hub_gone(k->hub, true));
}

static void free_registry(kit *k, struct registry *r)
{
    registry_retire(r);
    if (r != &k->first)
        free(r);
}

/* 0, or it is refused and kit_refusal() says why. */
static int change(kit *k, struct registry *next, struct config *c)
{
    struct registry *old = k->registry;
    char why[256];

    if (registry_fill(next, c) < 0 || config_unused(c)) {
        kit_refuse_by_faults(c);
        return -EINVAL;
    }
    if (hub_change(k->hub, next, why) < 0) {
        kit_refuse(why);
        return -EINVAL;
    }
    registry_published(next);
    k->registry = next;
    kit_run(k); /* what was under way was made of the old one */
    free_registry(k, old);
    let_go(k);
    kit_run(k);
    return 0;
}

static int plan(kit *k, struct registry *next, struct config_kept *kept, const char *ini)
{
    const struct registry_choice all = {.all = true};
    struct settings unused;
    struct buf notes;
    int r;

    buf_init(&notes, 0);
    config_read_text(&kept->config, "test.ini", ini);
    settings_read(&kept->config, &unused);
    kit_add_protocol(k, next);
    if (k->first.protocols[0].instance != &k->kit_instance)
        next->protocol_count = 0;
    r = registry_plan_next(next, k->registry, kept, k->plugins, &all, &notes);
    if (r < 0)
        kit_refuse_by_faults(&kept->config);
    buf_finish(&notes);
    return r;
}

int kit_reload(kit *k, const char *ini)
{
    struct registry *next = calloc(1, sizeof *next);
    struct config_kept *kept = config_kept_new();
    int r = next && kept ? plan(k, next, kept, ini ? ini : k->ini) : -ENOMEM;

    if (r == 0)
        r = change(k, next, &kept->config);
    if (r < 0 && next) {
        registry_discard(next);
        free(next);
    }
    config_kept_release(kept);
    kit_run(k);
    if (r == 0 && ini) {
        free(k->ini);
        k->ini = strdup(ini);
    }
    return r;
}

int kit_generations(kit *k, const char *section)
{
    int n = 0;

    let_go(k);
    for (size_t i = 0; i < k->registry->instance_count; i++)
        n += strcmp(k->registry->instances[i]->name, section) == 0;
    for (const struct plugin_instance *i = k->hub->leaving; i; i = i->next)
        n += strcmp(i->name, section) == 0;
    return n;
}

void kit_reload_finish(kit *k, struct plugin_instance *left)
{
    destroy_all(left);
    registry_finish(k->registry);
    if (k->registry != &k->first)
        free(k->registry);
    k->registry = &k->first;
}

/* What the INI asked for, loaded: a plugin file for each name, an instance for each section, and
 * the lists that the road uses.
 *
 * In two steps, so that what was planned can be tried elsewhere before it runs here: the plan finds
 * and copies files; only filling maps them, and calls create(), which reads options, no more.
 * Faults are noted with file and line, all of them.
 */
#include "plugin/registry.h"

#include "base/log.h"
#include "base/metrics.h"
#include "base/str.h"
#include "base/units.h"
#include "plugin/internal.h"
#include "plugin/loader.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#define BUDGET_MS      5
#define BUDGET_MOST_MS 60000

static const char *const reserved[] = {"plugin", "mode", "on_error", "budget", "unload", NULL};

char *registry_default_path(void)
{
    char exe[PATH_MAX], *cut;
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    char *path = NULL;

    if (n <= 0)
        return NULL;
    exe[n] = 0;
    for (int up = 0; up < 2; up++) /* the file, then its folder */
        if ((cut = strrchr(exe, '/')))
            *cut = 0;
    if (asprintf(&path, "%s/lib/parley/plugins", exe) < 0)
        return NULL;
    return path;
}

bool registry_is_kind(parley_str kind)
{
    return str_is(kind, "auth") || str_is(kind, "protocol") || str_is(kind, "type") ||
           str_is(kind, "hub") || str_is(kind, "plugin");
}

static void no_memory(struct config *c, int line)
{
    config_fault(c, line, "out of memory");
}

/* --- the plan --- */

static struct plugin_section *section_of(struct plugin_root *root, const struct config_section *s)
{
    struct plugin_section **at = &root->sections;

    while (*at && !(str_is(s->kind, (*at)->kind) && str_is(s->name, (*at)->name)))
        at = &(*at)->next;
    if (*at)
        return *at;
    *at = calloc(1, sizeof **at);
    if (*at) {
        (*at)->kind = str_dup(s->kind);
        (*at)->name = str_dup(s->name);
    }
    if (*at && (!(*at)->kind || !(*at)->name)) {
        free((*at)->kind);
        free((*at)->name);
        free(*at);
        *at = NULL;
    }
    return *at;
}

static struct plugin_instance *new_instance(struct registry *r, struct config *c,
                                            struct config_section *s, struct plugin_file *f)
{
    struct plugin_section *of = section_of(r->root, s);
    struct plugin_instance *i = of ? calloc(1, sizeof *i) : NULL;

    if (!i)
        return NULL;
    i->of = of;
    i->kind = of->kind;
    i->name = of->name;
    i->fresh = true;
    i->generation = of->generation + 1;
    i->file = f;
    f->users++;
    i->config = c;
    i->section = s;
    i->registry = r->first;
    i->host.struct_size = sizeof i->host;
    i->host.abi_major = PARLEY_ABI_MAJOR;
    i->host.abi_minor = PARLEY_ABI_MINOR;
    i->host.version = PARLEY_VERSION;
    i->host.section = i->name;
    i->host.api = &parley_host_api;
    return i;
}

bool registry_add(struct registry *r, struct plugin_instance *i)
{
    struct plugin_instance **more = realloc(r->instances, (r->instance_count + 1) * sizeof *more);

    if (!more)
        return false;
    r->instances = more;
    more[r->instance_count++] = i;
    return true;
}

const char *registry_plugin_of(const struct config_section *s)
{
    const struct config_key *named = config_key(s, "plugin");

    return named ? named->value.p : s->name.p;
}

void registry_plan_section(struct registry *r, struct config *c, struct config_section *s,
                           const parley_plugin *const *builtin)
{
    const struct config_key *named = config_key(s, "plugin");
    struct plugin_file *f;
    struct plugin_instance *i;
    char why[LOADER_WHY_BYTES];

    s->used = true;
    if (loader_fetch(r, registry_plugin_of(s), builtin, &f, why) < 0) {
        config_fault(c, named ? named->line : s->line, "[%s %s]: %s", s->kind.p, s->name.p, why);
        registry_pass_over(s); /* nobody knows what it may hold */
        return;
    }
    i = new_instance(r, c, s, f);
    if (i && registry_add(r, i))
        return;
    if (i)
        registry_destroy(i);
    no_memory(c, s->line);
}

void registry_pass_over(struct config_section *s)
{
    s->used = true;
    for (struct config_key *k = s->keys; k; k = k->next)
        k->used = true;
}

int registry_plan(struct registry *r, struct config *c, const char *plugin_path,
                  const parley_plugin *const *builtin)
{
    r->root = calloc(1, sizeof *r->root);
    r->first = r;
    r->plugin_path = plugin_path ? str_dup(str_of(plugin_path)) : registry_default_path();
    if (!r->root || !r->plugin_path) {
        no_memory(c, 0);
        return -EINVAL;
    }
    for (struct config_section *s = c->sections; s; s = s->next)
        if (registry_is_kind(s->kind) && !s->channel.p)
            registry_plan_section(r, c, s, builtin);
    return c->fault_count ? -EINVAL : 0;
}

/* --- filling --- */

/* Whether the second of two words stands there. */
static bool is_second(struct config *c, const struct config_key *k, const char *first,
                      const char *second)
{
    if (!str_is(k->value, first) && !str_is(k->value, second))
        config_fault(c, k->line, "'%s' must be '%s' or '%s', not '%s'", k->name.p, first, second,
                     k->value.p);
    return str_is(k->value, second);
}

static void read_budget(struct config *c, const struct config_key *k, struct plugin_instance *i)
{
    if (units_duration(k->value, &i->budget_ms) < 0 || i->budget_ms > BUDGET_MOST_MS)
        config_fault(c, k->line,
                     "'budget' must be a duration of 1m at most, such as '5ms', or 0, not '%s'",
                     k->value.p);
}

static void read_reserved(struct config *c, struct config_section *s, struct plugin_instance *i)
{
    i->budget_ms = BUDGET_MS;
    for (struct config_key *k = s->keys; k; k = k->next) {
        for (const char *const *r = reserved; *r; r++)
            k->used |= str_is(k->name, *r);
        if (str_is(k->name, "on_error"))
            i->on_error_pass = is_second(c, k, "reject", "pass");
        else if (str_is(k->name, "mode"))
            i->shadow = is_second(c, k, "enforce", "shadow");
        else if (str_is(k->name, "unload"))
            i->file->unload |= is_second(c, k, "no", "yes");
        else if (str_is(k->name, "budget"))
            read_budget(c, k, i);
    }
}

static void refuse_reserved(struct config *c, const struct config_section *s)
{
    for (struct config_key *k = s->keys; k; k = k->next)
        for (const char *const *r = reserved; *r; r++)
            if (str_is(k->name, *r))
                config_fault(c, k->line,
                             "'%s' is the same in all channels: it belongs into [%s %s]", *r,
                             s->kind.p, s->name.p);
}

static void fill_instance(const struct registry *r, struct config *c, struct plugin_instance *i)
{
    struct config_section *s = i->section;
    const struct config_key *named = config_key(s, "plugin");
    const parley_plugin *p = &i->file->copy;
    char why[LOADER_WHY_BYTES];
    struct crumb_before crumb = plugin_enter(i, "load");
    int e;

    if (r->on_step)
        r->on_step(i, "load");
    e = loader_map(i->file, why);

    crumb_leave(crumb);
    i->broken = true;
    if (e < 0) {
        config_fault(c, named ? named->line : s->line, "[%s %s]: %s", i->kind, i->name, why);
        registry_pass_over(s);
        return;
    }
    i->options = calloc(1, p->options_size ? p->options_size : 1);
    i->metrics = calloc(p->metrics.count ? p->metrics.count : 1, sizeof *i->metrics);
    if (!i->options || !i->metrics) {
        no_memory(c, s->line);
        return;
    }
    read_reserved(c, s, i);
    i->broken = config_fill(c, s, &p->options, reserved, NULL, i->options, p->options_size) < 0;
}

static void fill_channel(struct registry *r, struct config *c, struct config_section *s)
{
    struct plugin_instance *i = registry_section(r, s->kind.p, s->name.p);
    struct plugin_channel_options *more;

    if (!i) {
        s->used = true;
        if (!config_find(c, s->kind.p, s->name, PARLEY_NONE))
            config_fault(c, s->line, "[%s %s in %s] needs a section [%s %s]", s->kind.p, s->name.p,
                         s->channel.p, s->kind.p, s->name.p);
        return;
    }
    if (!i->fresh || !i->file->plugin)
        return;
    s->used = true;
    more = realloc(i->by_channel, (i->by_channel_count + 1) * sizeof *more);
    if (more) {
        i->by_channel = more;
        more += i->by_channel_count;
        more->channel = s->channel;
        more->options = calloc(1, i->file->copy.options_size ? i->file->copy.options_size : 1);
    }
    if (!more || !more->options) {
        no_memory(c, s->line);
        return;
    }
    i->by_channel_count++;
    refuse_reserved(c, s);
    if (i->options && config_fill(c, s, &i->file->copy.options, reserved, i->options, more->options,
                                  i->file->copy.options_size) < 0)
        i->broken = true;
}

int registry_check_kept(struct config *c, struct config_section *s, const struct plugin_instance *i)
{
    size_t bytes = i->file->copy.options_size;
    void *scratch = calloc(1, bytes ? bytes : 1);
    int r = scratch ? config_fill(c, s, &i->file->copy.options, reserved,
                                  s->channel.p ? i->options : NULL, scratch, bytes)
                    : -ENOMEM;

    for (struct config_key *k = s->keys; k; k = k->next)
        for (size_t n = 0; reserved[n]; n++)
            k->used |= str_is(k->name, reserved[n]);
    free(scratch);
    return r;
}

static void create(const struct registry *r, struct config *c, struct plugin_instance *i)
{
    struct crumb_before crumb;
    enum domain before;
    int e;

    if (!i->file->copy.create) {
        i->created = true;
        return;
    }
    if (r->on_step)
        r->on_step(i, "create");
    before = domain_enter(DOMAIN_CONTROL);
    crumb = plugin_enter(i, "create");
    e = i->file->copy.create(&i->host);
    crumb_leave(crumb);
    domain_leave(before);
    i->created = e == 0;
    if (e != 0 && !i->bad_option)
        config_fault(c, i->section->line, "[%s %s]: plugin '%s' could not be created: %s", i->kind,
                     i->name, i->file->copy.id, strerror(abs(e)));
}

int registry_fill(struct registry *r, struct config *c)
{
    char id[LOADER_ID_BYTES];

    for (size_t k = 0; k < r->instance_count; k++)
        if (r->instances[k]->fresh)
            fill_instance(r, c, r->instances[k]);
    for (struct config_section *s = c->sections; s; s = s->next)
        if (registry_is_kind(s->kind) && s->channel.p)
            fill_channel(r, c, s);
    registry_provide(r, c);
    for (size_t k = 0; k < r->instance_count; k++) {
        struct plugin_instance *i = r->instances[k];

        if (!i->fresh)
            continue;
        snprintf(id, sizeof id, "%s %s", i->file->path, i->file->id);
        i->fingerprint = fingerprint_of(id, c, i->section, &i->file->copy.options);
        if (!i->fingerprint)
            no_memory(c, i->section->line);
        if (!i->broken && i->file->plugin)
            create(r, c, i);
    }
    for (size_t k = 0; k < r->instance_count; k++) {
        r->instances[k]->config = NULL;
        r->instances[k]->section = NULL;
    }
    if (r->first == r)
        registry_published(r);
    return c->fault_count ? -EINVAL : 0;
}

int registry_load(struct registry *r, struct config *c, const char *plugin_path,
                  const parley_plugin *const *builtin)
{
    registry_plan(r, c, plugin_path, builtin);
    return r->root && r->plugin_path ? registry_fill(r, c) : -ENOMEM;
}

/* --- looking up --- */

struct plugin_instance *registry_section(const struct registry *r, const char *kind,
                                         const char *name)
{
    for (size_t k = 0; k < r->instance_count; k++)
        if (strcmp(r->instances[k]->kind, kind) == 0 && strcmp(r->instances[k]->name, name) == 0)
            return r->instances[k];
    return NULL;
}

struct plugin_type *registry_type(const struct registry *r, parley_str name)
{
    size_t low = 0, high = r->type_count;

    while (low < high) {
        size_t mid = (low + high) / 2;
        parley_str at = r->types[mid]->name;
        int d = memcmp(name.p, at.p, name.n < at.n ? name.n : at.n);

        if (d == 0 && name.n == at.n)
            return r->types[mid];
        if (d < 0 || (d == 0 && name.n < at.n))
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}

const struct plugin_route *registry_route(const struct registry *r,
                                          const struct plugin_route *route)
{
    for (size_t k = 0; k < r->route_count; k++)
        if (strcmp(r->routes[k].route.method, route->route.method) == 0 &&
            strcmp(r->routes[k].path, route->path) == 0)
            return &r->routes[k];
    return NULL;
}

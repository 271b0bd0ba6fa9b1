/* What the INI asked for, loaded: a plugin file for each name, an instance for each section, and
 * the lists that the road uses.
 *
 * Faults are noted with file and line, all of them, and nothing is started here: create() reads
 * options, no more.
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

static const char *const reserved[] = {"plugin", "mode", "on_error", "budget", NULL};

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

static bool is_plugin_kind(parley_str kind)
{
    return str_is(kind, "auth") || str_is(kind, "protocol") || str_is(kind, "type") ||
           str_is(kind, "hub") || str_is(kind, "plugin");
}

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

static struct plugin_instance *new_instance(struct registry *r, struct config *c,
                                            struct config_section *s, struct plugin_file *f)
{
    struct plugin_instance *i = calloc(1, sizeof *i), **end = &r->instances;

    if (!i)
        return NULL;
    i->kind = str_dup(s->kind);
    i->name = str_dup(s->name);
    i->options = calloc(1, f->copy.options_size ? f->copy.options_size : 1);
    i->metrics = calloc(f->copy.metrics.count ? f->copy.metrics.count : 1, sizeof *i->metrics);
    if (!i->kind || !i->name || !i->options || !i->metrics) {
        free(i->kind);
        free(i->name);
        free(i->options);
        free(i->metrics);
        free(i);
        return NULL;
    }
    i->file = f;
    i->config = c;
    i->section = s;
    i->registry = r;
    i->host.struct_size = sizeof i->host;
    i->host.abi_major = PARLEY_ABI_MAJOR;
    i->host.abi_minor = PARLEY_ABI_MINOR;
    i->host.version = PARLEY_VERSION;
    i->host.section = i->name;
    i->host.api = &parley_host_api;
    while (*end)
        end = &(*end)->next;
    *end = i;
    return i;
}

/* Sections without a channel first: those with one lean on them. */
static void load_section(struct registry *r, struct config *c, struct config_section *s,
                         const parley_plugin *const *builtin)
{
    const struct config_key *named = config_key(s, "plugin");
    struct plugin_file *f;
    struct plugin_instance *i;
    char why[LOADER_WHY_BYTES];

    s->used = true;
    if (loader_open(r, named ? named->value.p : s->name.p, builtin, &f, why) < 0) {
        config_fault(c, named ? named->line : s->line, "[%s %s]: %s", s->kind.p, s->name.p, why);
        for (struct config_key *k = s->keys; k; k = k->next)
            k->used = true; /* nobody knows what it may hold */
        return;
    }
    i = new_instance(r, c, s, f);
    if (!i) {
        config_fault(c, s->line, "out of memory");
        return;
    }
    read_reserved(c, s, i);
    i->broken =
        config_fill(c, s, &f->copy.options, reserved, NULL, i->options, f->copy.options_size) < 0;
}

static void load_channel_section(struct registry *r, struct config *c, struct config_section *s)
{
    struct plugin_instance *i;
    struct plugin_channel_options *more;

    for (i = r->instances; i; i = i->next)
        if (str_is(s->kind, i->kind) && str_is(s->name, i->name))
            break;
    s->used = true;
    if (!i) {
        if (!config_find(c, s->kind.p, s->name, PARLEY_NONE))
            config_fault(c, s->line, "[%s %s in %s] needs a section [%s %s]", s->kind.p, s->name.p,
                         s->channel.p, s->kind.p, s->name.p);
        return;
    }
    more = realloc(i->by_channel, (i->by_channel_count + 1) * sizeof *more);
    if (more) {
        i->by_channel = more;
        more += i->by_channel_count;
        more->channel = s->channel;
        more->options = calloc(1, i->file->copy.options_size ? i->file->copy.options_size : 1);
    }
    if (!more || !more->options) {
        config_fault(c, s->line, "out of memory");
        return;
    }
    i->by_channel_count++;
    refuse_reserved(c, s);
    if (config_fill(c, s, &i->file->copy.options, reserved, i->options, more->options,
                    i->file->copy.options_size) < 0)
        i->broken = true;
}

static void create(struct registry *r, struct config *c)
{
    for (struct plugin_instance *i = r->instances; i; i = i->next) {
        enum domain before;
        int e;

        if (i->broken)
            continue;
        if (!i->file->copy.create) {
            i->created = true;
            continue;
        }
        before = domain_enter(DOMAIN_CONTROL);
        e = i->file->copy.create(&i->host);
        domain_leave(before);
        i->created = e == 0;
        if (e != 0 && !i->bad_option)
            config_fault(c, i->section->line, "[%s %s]: plugin '%s' could not be created: %s",
                         i->kind, i->name, i->file->copy.id, strerror(abs(e)));
    }
}

int registry_load(struct registry *r, struct config *c, const char *plugin_path,
                  const parley_plugin *const *builtin)
{
    r->plugin_path = plugin_path ? str_dup(str_of(plugin_path)) : registry_default_path();
    if (!r->plugin_path)
        return -ENOMEM;
    for (struct config_section *s = c->sections; s; s = s->next)
        if (is_plugin_kind(s->kind) && !s->channel.p)
            load_section(r, c, s, builtin);
    for (struct config_section *s = c->sections; s; s = s->next)
        if (is_plugin_kind(s->kind) && s->channel.p)
            load_channel_section(r, c, s);
    registry_provide(r, c);
    create(r, c);
    for (struct plugin_instance *i = r->instances; i; i = i->next) {
        i->config = NULL;
        i->section = NULL;
    }
    return c->fault_count ? -EINVAL : 0;
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

static void free_instance(struct plugin_instance *i)
{
    if (i->created && i->file->copy.destroy) {
        enum domain before = domain_enter(DOMAIN_CONTROL);

        i->file->copy.destroy(&i->host);
        domain_leave(before);
    }
    for (size_t k = 0; k < i->by_channel_count; k++)
        free(i->by_channel[k].options);
    free(i->by_channel);
    free(i->options);
    free(i->metrics);
    series_finish(&i->series);
    free(i->kind);
    free(i->name);
    free(i);
}

static void free_last_first(struct plugin_instance *i)
{
    if (!i)
        return;
    free_last_first(i->next);
    free_instance(i);
}

void registry_finish(struct registry *r)
{
    struct plugin_file *f;

    free_last_first(r->instances);
    while ((f = r->files)) {
        r->files = f->next;
        free(f->path);
        free(f);
    }
    for (size_t t = 0; t < r->type_count; t++) {
        free((void *)(uintptr_t)r->types[t]->channel_field);
        free((void *)(uintptr_t)r->types[t]->user_field);
        free(r->types[t]->rules);
        free(r->types[t]);
    }
    for (size_t k = 0; k < r->route_count; k++)
        free(r->routes[k].path);
    free(r->types);
    free(r->hubs);
    free(r->auths);
    free(r->services);
    free(r->routes);
    free(r->plugin_path);
    memset(r, 0, sizeof *r);
}

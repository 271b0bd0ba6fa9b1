/* The plan of a reload: which sections of the INI, read anew, are made anew, and which stay as they
 * are.
 *
 * A section is made anew when its keys changed, or its plugin's file, or a file that an option of
 * it names; or because it was named. What cannot change while the server runs (authenticators, the
 * set of protocols) stays, and is told.
 */
#include "base/str.h"
#include "plugin/internal.h"
#include "plugin/loader.h"

#include <stdlib.h>

#define CLOSEST_MAX 128 /* names that "did you mean" looks through */

struct plan {
    struct registry *r;
    const struct registry *old;
    struct config *c;
    const parley_plugin *const *builtin;
    const struct registry_choice *choice;
    struct buf *notes;
};

static bool changed(const struct plan *p, const struct config_section *s,
                    const struct plugin_instance *i)
{
    char id[LOADER_ID_BYTES], *now;
    bool same;

    loader_identify(p->r, registry_plugin_of(s), p->builtin, id);
    now = fingerprint_of(id, p->c, s, &i->file->copy.options);
    same = now && strcmp(now, i->fingerprint) == 0;
    free(now);
    return !same;
}

/* Its keys are understood, whether or not they come to something now. */
static void keep(const struct plan *p, struct plugin_instance *i, bool check)
{
    struct config_section *own = NULL;

    for (struct config_section *s = p->c->sections; s; s = s->next) {
        if (!str_is(s->kind, i->kind) || !str_is(s->name, i->name))
            continue;
        own = own ? own : s;
        if (check)
            registry_check_kept(p->c, s, i);
        else
            registry_pass_over(s);
    }
    i->config = p->c;
    i->section = own;
    if (!registry_add(p->r, i))
        config_fault(p->c, 0, "out of memory");
}

static bool is_fixed(const char *kind)
{
    return strcmp(kind, "auth") == 0;
}

static void note(const struct plan *p, const char *kind, const char *name, const char *what)
{
    buf_addf(p->notes, "[%s %s]: %s\n", kind, name, what);
}

static bool is_chosen(const struct plan *p, const char *kind, const char *name)
{
    return !p->choice->name ||
           (strcmp(p->choice->kind, kind) == 0 && strcmp(p->choice->name, name) == 0);
}

static void plan_known(const struct plan *p, struct config_section *s, struct plugin_instance *i)
{
    bool differs = p->choice->all || p->choice->name || changed(p, s, i);

    if (!is_chosen(p, i->kind, i->name) || !differs) {
        keep(p, i, p->choice->name != NULL);
    } else if (is_fixed(i->kind)) {
        if (changed(p, s, i))
            note(p, i->kind, i->name,
                 "changed; authenticators stay as they are until the server is restarted");
        keep(p, i, true);
    } else {
        registry_plan_section(p->r, p->c, s, p->builtin);
    }
}

static void plan_new(const struct plan *p, struct config_section *s)
{
    bool fixed = is_fixed(s->kind.p) || str_is(s->kind, "protocol");

    if (!is_chosen(p, s->kind.p, s->name.p)) {
        registry_pass_over(s);
    } else if (fixed) {
        note(p, s->kind.p, s->name.p, "is new; it takes part when the server is restarted");
        registry_pass_over(s);
    } else {
        registry_plan_section(p->r, p->c, s, p->builtin);
    }
}

static void plan_gone(const struct plan *p, struct plugin_instance *i)
{
    bool fixed = is_fixed(i->kind) || strcmp(i->kind, "protocol") == 0;

    if (p->choice->name && is_chosen(p, i->kind, i->name) && !fixed)
        return;
    if (fixed)
        note(p, i->kind, i->name, "is no longer there; it serves on until the server is restarted");
    if (fixed || p->choice->name)
        keep(p, i, false);
}

static void plan_channels(const struct plan *p)
{
    for (struct config_section *s = p->c->sections; s; s = s->next)
        if (registry_is_kind(s->kind) && s->channel.p && p->choice->name &&
            !is_chosen(p, s->kind.p, s->name.p))
            registry_pass_over(s);
}

int registry_plan_next(struct registry *r, const struct registry *old, struct config_kept *kept,
                       const parley_plugin *const *builtin, const struct registry_choice *choice,
                       struct buf *notes)
{
    struct config *c = &kept->config;
    struct plan p = {r, old, c, builtin, choice, notes};

    r->settings = old->settings;
    r->root = old->root;
    r->first = old->first;
    r->plugin_path = old->first->plugin_path;
    for (struct config_section *s = c->sections; s; s = s->next) {
        struct plugin_instance *i;

        if (!registry_is_kind(s->kind) || s->channel.p)
            continue;
        i = registry_section(old, s->kind.p, s->name.p);
        if (i)
            plan_known(&p, s, i);
        else
            plan_new(&p, s);
    }
    for (size_t k = 0; k < old->instance_count; k++) {
        struct plugin_instance *i = old->instances[k];

        if (!config_find(c, i->kind, str_of(i->name), PARLEY_NONE))
            plan_gone(&p, i);
    }
    plan_channels(&p);
    for (size_t k = 0; k < r->instance_count; k++)
        if (r->instances[k]->fresh) {
            r->instances[k]->kept = kept;
            kept->users++;
        }
    return c->fault_count || notes->error ? -EINVAL : 0;
}

static bool is_section(const struct config_section *s, parley_str kind, parley_str name)
{
    return s->name.p && !s->channel.p && str_eq(s->name, name) &&
           (!kind.p || str_eq(s->kind, kind));
}

/* The one that was meant, as it was written: with its kind or without. NULL: none is like it. */
static const char *closest(struct config *c, const char *section)
{
    const char *names[CLOSEST_MAX];
    bool whole = strchr(section, ' ');
    size_t n = 0;

    for (const struct config_section *s = c->sections; s && n < CLOSEST_MAX; s = s->next)
        if (s->name.p && !s->channel.p) {
            names[n] = whole ? arena_printf(&c->arena, "%s %s", s->kind.p, s->name.p).p : s->name.p;
            n += names[n] != NULL;
        }
    return str_closest(section, names, n);
}

int registry_choose(struct config *c, const char *section, struct registry_choice *ret,
                    struct buf *notes)
{
    const char *space = strchr(section, ' '), *meant;
    parley_str kind = space ? str_n(section, (size_t)(space - section)) : PARLEY_NONE;
    parley_str name = str_of(space ? space + 1 : section);
    int found = 0;

    for (const struct config_section *s = c->sections; s; s = s->next)
        if (is_section(s, kind, name)) {
            ret->kind = s->kind.p;
            ret->name = s->name.p;
            found++;
        }
    if (found == 1)
        return 0;
    meant = found ? NULL : closest(c, section);
    if (found)
        buf_addf(notes, "'%s' is the name of several sections: say which, as 'hub %s'\n", section,
                 name.p);
    else if (meant)
        buf_addf(notes, "there is no section '%s' (did you mean '%s'?)\n", section, meant);
    else
        buf_addf(notes, "there is no section '%s'\n", section);
    return -ENOENT;
}

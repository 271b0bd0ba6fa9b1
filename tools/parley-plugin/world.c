/* The INI of a server with one plugin in it: what --ini says, what --set says over it, and around
 * it the sections that are needed to try the plugin at all.
 *
 * A section of --ini that is called as the plugin's file, or whose `plugin` is, is the plugin's;
 * without one it gets a section of its own. Either way `plugin` becomes the file's absolute path.
 */
#include "base/buf.h"
#include "base/str.h"
#include "config/config.h"
#include "plugin/registry.h"
#include "tool.h"

#include <stdlib.h>
#include <unistd.h>

struct writer {
    const struct setup *setup;
    const struct variant *variant;
    struct config given;
    struct buf text;
};

static const struct {
    const char *kind, *name, *interface;
} surroundings[] = {{"type", "chat_message", "parley.type/1"},
                    {"type", "private_chat_message", "parley.type/1"},
                    {"type", "typing", "parley.type/1"},
                    {"hub", "router", "parley.hub/1"}};

/* "…/wordban.so", "wordban" and "wordban.so" name the same plugin. */
static bool names_file(const char *value, const char *name)
{
    const char *base = strrchr(value, '/');
    size_t n;

    base = base ? base + 1 : value;
    n = strcspn(base, ".");
    return n == strlen(name) && strncmp(base, name, n) == 0;
}

static bool is_plugins(const struct setup *s, const struct config_section *c)
{
    const struct config_key *named = config_key(c, "plugin");

    if (!c->name.p || str_is(c->kind, "server") || str_is(c->kind, "admin"))
        return false;
    if (s->section[0])
        return str_is(c->name, s->section) && str_is(c->kind, s->kind);
    return names_file(named ? named->value.p : c->name.p, s->plugin->name);
}

static int read_given(const struct setup *s, struct config *c)
{
    memset(c, 0, sizeof *c);
    if (!s->ini_file)
        return config_read_text(c, "none", "");
    return config_read_file(c, s->ini_file);
}

int setup_begin(struct setup *s, const struct plugin *p)
{
    struct config given;
    int r;

    s->plugin = p;
    s->section[0] = 0;
    r = read_given(s, &given);
    if (r < 0 || given.fault_count)
        config_report(&given, stderr);
    for (const struct config_section *c = given.sections; r == 0 && c; c = c->next)
        if (!c->channel.p && is_plugins(s, c)) {
            snprintf(s->kind, sizeof s->kind, "%s", c->kind.p);
            snprintf(s->section, sizeof s->section, "%s", c->name.p);
            break;
        }
    if (!s->section[0]) {
        snprintf(s->kind, sizeof s->kind, "%s", plugin_kind(p));
        snprintf(s->section, sizeof s->section, "%s", p->name);
    }
    r = r < 0 || given.fault_count ? -EINVAL : 0;
    config_finish(&given);
    for (size_t i = 0; r == 0 && i < s->set_count; i++)
        if (!strchr(s->sets[i], '=')) {
            fprintf(stderr, "--set %s: it must be key=value\n", s->sets[i]);
            r = -EINVAL;
        }
    if (!getenv("PARLEY_PLUGIN_PATH")) {
        char *path = registry_default_path();

        setenv("PARLEY_PLUGIN_PATH", path ? path : "", 0);
        free(path);
    }
    return r;
}

static bool is_set(const struct setup *s, const char *key)
{
    size_t n = strlen(key);

    for (size_t i = 0; i < s->set_count; i++)
        if (strncmp(s->sets[i], key, n) == 0 && s->sets[i][strcspn(s->sets[i], " =")] &&
            strcspn(s->sets[i], " =") == n)
            return true;
    return false;
}

static void put_options(struct writer *w, const struct config_section *c)
{
    const struct setup *s = w->setup;
    const struct variant *v = w->variant;

    buf_addf(&w->text, "plugin = %s\n", v && v->plugin ? v->plugin : s->plugin->path);
    for (const struct config_key *k = c ? c->keys : NULL; k; k = k->next)
        if (!str_is(k->name, "plugin") && !is_set(s, k->name.p) &&
            !(v && v->key && str_is(k->name, v->key)))
            buf_addf(&w->text, "%s = %s\n", k->name.p, k->value.p);
    for (size_t i = 0; i < s->set_count; i++) {
        size_t n = strcspn(s->sets[i], " =");

        if (!(v && v->key && strlen(v->key) == n && strncmp(v->key, s->sets[i], n) == 0))
            buf_addf(&w->text, "%s\n", s->sets[i]);
    }
    if (v && v->key && v->value)
        buf_addf(&w->text, "%s = %s\n", v->key, v->value);
}

static bool provides_type(const struct plugin *p, const char *name)
{
    parley_type t;

    for (uint32_t i = 0; plugin_provides(p, "parley.type/1", i, &t, sizeof t); i++)
        if (t.type && strcmp(t.type, name) == 0)
            return true;
    return false;
}

static bool routes_all(const struct plugin *p)
{
    parley_hub h;

    for (uint32_t i = 0; plugin_provides(p, "parley.hub/1", i, &h, sizeof h); i++)
        if (h.phase >= PARLEY_PHASE_ROUTE && h.phase < PARLEY_PHASE_STORE && !h.types)
            return true;
    return false;
}

static void put_surroundings(struct writer *w)
{
    for (size_t i = 0; i < sizeof surroundings / sizeof *surroundings; i++) {
        const char *kind = surroundings[i].kind, *name = surroundings[i].name;
        bool is_hub = strcmp(kind, "hub") == 0;

        if (config_find(&w->given, kind, str_of(name), PARLEY_NONE) ||
            (is_hub ? routes_all(w->setup->plugin) : provides_type(w->setup->plugin, name)))
            continue;
        buf_addf(&w->text, "[%s %s]\n", kind, name);
    }
    buf_addf(&w->text, "[hub observer]\n");
}

/* "org.parley.mute/1" is offered by the section `mute`. */
static bool names_service(const char *id, const char *name)
{
    const char *dot = strrchr(id, '.');
    size_t n;

    id = dot ? dot + 1 : id;
    n = strcspn(id, "/");
    return n == strlen(name) && strncmp(id, name, n) == 0;
}

/* Who offers "org.parley.mute/1" is the hub `mute`, if there is its file. */
static void put_services(struct writer *w)
{
    char needs[512], *save = NULL;
    const char *all = w->setup->plugin->copy.needs;

    snprintf(needs, sizeof needs, "%s", all ? all : "");
    for (char *id = strtok_r(needs, ", ?", &save); id; id = strtok_r(NULL, ", ?", &save)) {
        char file[PATH_MAX], name[64];
        const char *dot = strrchr(id, '.'), *path = getenv("PARLEY_PLUGIN_PATH");

        if (w->variant && w->variant->without && strcmp(w->variant->without, id) == 0)
            continue;
        snprintf(name, sizeof name, "%.*s", (int)strcspn(dot ? dot + 1 : id, "/"),
                 dot ? dot + 1 : id);
        if (config_find(&w->given, "hub", str_of(name), PARLEY_NONE))
            continue;
        for (size_t n; path && *path; path += n + (path[n] == ':')) {
            n = strcspn(path, ":");
            snprintf(file, sizeof file, "%.*s/%s.so", (int)n, path, name);
            if (access(file, R_OK) == 0) {
                buf_addf(&w->text, "[hub %s]\nplugin = %s\n", name, file);
                break;
            }
        }
    }
}

static void put_given(struct writer *w)
{
    const struct variant *v = w->variant;

    for (const struct config_section *c = w->given.sections; c; c = c->next) {
        if (!c->channel.p && is_plugins(w->setup, c))
            continue;
        if (v && v->without && c->name.p && names_service(v->without, c->name.p))
            continue;
        buf_addf(&w->text, "[%s%s%s%s%s]\n", c->kind.p, c->name.p ? " " : "",
                 c->name.p ? c->name.p : "", c->channel.p ? " in " : "",
                 c->channel.p ? c->channel.p : "");
        for (const struct config_key *k = c->keys; k; k = k->next)
            buf_addf(&w->text, "%s = %s\n", k->name.p, k->value.p);
    }
}

char *setup_ini(const struct setup *s, const struct variant *v)
{
    struct writer w = {.setup = s, .variant = v};
    const struct config_section *own;

    read_given(s, &w.given);
    buf_init(&w.text, 0);
    own = config_find(&w.given, s->kind, str_of(s->section), PARLEY_NONE);
    put_surroundings(&w);
    put_services(&w);
    put_given(&w);
    buf_addf(&w.text, "[%s %s]\n", s->kind, s->section);
    put_options(&w, own);
    if (v && v->second) {
        buf_addf(&w.text, "[%s %s]\n", s->kind, v->second);
        put_options(&w, own);
    }
    if (v && v->extra)
        buf_add_cstr(&w.text, v->extra);
    config_finish(&w.given);
    return buf_take(&w.text, NULL);
}

const char *setup_missing(const struct setup *s)
{
    const struct config_section *own;
    const char *missing = NULL;
    struct config given;
    parley_field f;

    read_given(s, &given);
    own = config_find(&given, s->kind, str_of(s->section), PARLEY_NONE);
    for (uint32_t i = 0; !missing && table_at(&s->plugin->copy.options, i, &f, sizeof f); i++)
        if ((f.flags & PARLEY_REQUIRED) && !f.dflt && !is_set(s, f.name) &&
            !(own && config_key(own, f.name)))
            missing = f.name;
    config_finish(&given);
    return missing;
}

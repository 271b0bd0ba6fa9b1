/* Cases of the validator: the file and its tables, and servers of other versions. */
#include "refusing.h"

#include <stdlib.h>

enum { WRAPPED_MAX = 32 };
/* How far the host's table reached in the ABI 1.0. */
#define API_1_0_BYTES (offsetof(parley_api, bytes_add_json) + sizeof(void (*)(void)))

void case_exports(struct trial *t)
{
    char shown[128], wanted[128];
    int r = elf_symbols(t->setup->plugin, shown, wanted);

    if (r < 0)
        trial_fail(t, "its symbols cannot be read: %s", strerror(-r));
    if (shown[0])
        trial_fail(t, "it exports '%s', too: build it with -fvisibility=hidden", shown);
    if (wanted[0])
        trial_fail(t, "it wants '%s' of the program that loads it: a plugin calls what it is given",
                   wanted);
    if (!elf_is_constant(t->setup->plugin))
        trial_fail(t, "its descriptor can be written to: PARLEY_PLUGIN = {...} makes a constant");
}

/* --- tables --- */
static bool is_name(const char *s)
{
    return s && *s && s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_")] == 0;
}

static void check_options(struct trial *t, const parley_plugin *p)
{
    static const char *const reserved[] = {"plugin", "mode", "on_error", "budget"};
    parley_field f, other;

    for (uint32_t i = 0; table_at(&p->options, i, &f, sizeof f); i++) {
        if (!is_name(f.name))
            trial_fail(t, "option %u is called '%s': small letters, digits and '_' make a name", i,
                       f.name ? f.name : "");
        for (size_t k = 0; k < sizeof reserved / sizeof *reserved; k++)
            if (strcmp(reserved[k], f.name) == 0)
                trial_fail(t, "the option '%s' is the server's own", f.name);
        if (!f.doc || !*f.doc)
            trial_fail(t, "the option '%s' has no doc", f.name);
        if (f.kind < PARLEY_BOOL || f.kind > PARLEY_LIST)
            trial_fail(t, "the option '%s' is of no kind", f.name);
        if ((uint64_t)f.offset + f.size > p->options_size)
            trial_fail(t, "the option '%s' lies outside of options_size", f.name);
        for (uint32_t k = 0; k < i && table_at(&p->options, k, &other, sizeof other); k++) {
            if (strcmp(other.name, f.name) == 0)
                trial_fail(t, "there are two options '%s'", f.name);
            if (f.offset < other.offset + other.size && other.offset < f.offset + f.size)
                trial_fail(t, "the options '%s' and '%s' lie upon each other", other.name, f.name);
        }
    }
}

static void check_fields(struct trial *t, const parley_type *type)
{
    parley_field f;

    for (uint32_t i = 0; table_at(&type->fields, i, &f, sizeof f); i++) {
        if (!f.name || !*f.name)
            trial_fail(t, "field %u of '%s' has no name", i, type->type);
        if (!f.doc || !*f.doc)
            trial_fail(t, "the field '%s' of '%s' has no doc", f.name, type->type);
        if (f.kind != PARLEY_BOOL && f.kind != PARLEY_INT && f.kind != PARLEY_NUMBER &&
            f.kind != PARLEY_STRING && f.kind != PARLEY_LIST)
            trial_fail(t, "the field '%s' of '%s' is of no kind that JSON has", f.name, type->type);
        if ((f.flags & (PARLEY_CHANNEL | PARLEY_USER)) && f.kind != PARLEY_STRING)
            trial_fail(t, "the field '%s' of '%s' names somebody or something: it is a text",
                       f.name, type->type);
    }
}

static void check_rest(struct trial *t, const parley_plugin *p)
{
    parley_metric m;
    parley_route r;
    parley_slot s;

    for (uint32_t i = 0; table_at(&p->metrics, i, &m, sizeof m); i++)
        if (!m.name || !m.doc || m.kind < PARLEY_COUNTER || m.kind > PARLEY_SECONDS)
            trial_fail(t, "metric %u has no name, no doc or no kind", i);
    for (uint32_t i = 0; table_at(&p->routes, i, &r, sizeof r); i++) {
        if (!r.path || !*r.path || !r.serve || !r.doc)
            trial_fail(t, "route %u has no path, no doc or no function", i);
        if (!r.method || (strcmp(r.method, "GET") != 0 && strcmp(r.method, "POST") != 0 &&
                          strcmp(r.method, "PATCH") != 0 && strcmp(r.method, "DELETE") != 0))
            trial_fail(t, "the route '%s' is for no method that the server takes", r.path);
    }
    for (uint32_t i = 0; table_at(&p->slots, i, &s, sizeof s); i++)
        if (!is_name(s.name) || s.bytes == 0 || s.version == 0)
            trial_fail(t, "slot %u has no name, no bytes or no version", i);
}

void case_tables(struct trial *t)
{
    const struct plugin *p = t->setup->plugin;
    parley_type type;
    parley_hub hub;

    if (!strchr(p->copy.id, '.') || strpbrk(p->copy.id, " \t/"))
        trial_fail(t, "its id '%s' is not of the kind 'org.example.name'", p->copy.id);
    if (!p->copy.version[0] || !p->copy.doc || !p->copy.doc[0])
        trial_fail(t, "it has no version or no doc");
    check_options(t, &p->copy);
    check_rest(t, &p->copy);
    for (uint32_t i = 0; plugin_provides(p, "parley.type/1", i, &type, sizeof type); i++)
        check_fields(t, &type);
    for (uint32_t i = 0; plugin_provides(p, "parley.hub/1", i, &hub, sizeof hub); i++)
        if (hub.phase <= 0 || hub.phase >= PARLEY_PHASE_STORE + 100)
            trial_fail(t, "hub %u is of the phase %d, which is none", i, hub.phase);
}

/* --- servers --- */
void case_host(struct trial *t)
{
    struct scene s;

    scene_begin(&s, t, NULL, NULL);
    scene_people(&s);
    scene_chat(&s, 200);
    scene_end(&s);
}

/* The plugin as if it were built in, so that what it is handed can be changed on the way. */
static struct {
    const struct plugin *of;
    parley_plugin plugin;
    parley_provided provides[WRAPPED_MAX];
    parley_hub hub; /* the first that is told how messages end */
    void (*on_settled)(parley_host *h, const parley_message *m, const parley_outcome *o);
    uint16_t abi_minor;
    uint32_t host_bytes;
    const char *version;
} wrapped;

static int wrapped_create(parley_host *h)
{
    h->abi_minor = wrapped.abi_minor;
    h->struct_size = wrapped.host_bytes;
    h->version = wrapped.version;
    return wrapped.of->copy.create ? wrapped.of->copy.create(h) : 0;
}

/* A later server may know more ways to end. */
static void wrapped_settled(parley_host *h, const parley_message *m, const parley_outcome *o)
{
    struct {
        parley_outcome o;
        uint64_t later;
    } more = {.o = *o, .later = UINT64_MAX};
    static unsigned count;

    more.o.struct_size = sizeof more;
    if (++count % 3 == 0) {
        more.o.verdict = 77;
        more.o.code = 9999;
        more.o.rule = NULL;
    }
    wrapped.on_settled(h, m, &more.o);
}

static void wrap_provides(const struct plugin *p)
{
    parley_provided x;
    uint32_t n = 0;

    for (; n < WRAPPED_MAX && plugin_provides(p, NULL, n, &x, sizeof x); n++) {
        wrapped.provides[n] = x;
        if (strcmp(x.id, "parley.hub/1") != 0 || wrapped.on_settled)
            continue;
        table_copy(x.table, &wrapped.hub, sizeof wrapped.hub);
        wrapped.on_settled = wrapped.hub.on_settled;
        if (!wrapped.on_settled)
            continue;
        wrapped.hub.struct_size = sizeof wrapped.hub;
        wrapped.hub.on_settled = wrapped_settled;
        wrapped.provides[n].table = &wrapped.hub;
    }
    wrapped.plugin.provides =
        (parley_table){wrapped.provides, n, (uint32_t)sizeof *wrapped.provides};
}

static void on_host(struct trial *t, struct scene *s)
{
    const parley_plugin *plugins[WRAPPED_MAX] = {&wrapped.plugin};
    struct variant v = {.plugin = "org.parley.tool.wrapped"};

    for (int i = 0; world_plugins[i]; i++)
        plugins[i + 1] = world_plugins[i];
    wrapped.of = t->setup->plugin;
    wrapped.plugin = wrapped.of->copy;
    wrapped.plugin.preamble.struct_size = sizeof wrapped.plugin;
    wrapped.plugin.id = v.plugin;
    wrapped.plugin.create = wrapped_create;
    wrap_provides(wrapped.of);
    scene_begin(s, t, &v, plugins);
    scene_people(s);
    scene_chat(s, 100);
}

/* All that the oldest server does not have is nothing: to call it is a crash at address 0. */
void case_older_host(struct trial *t)
{
    uint16_t minor = t->setup->plugin->copy.preamble.min_minor;
    char version[16];
    struct scene s;

    if (minor == 0) {
        parley_api *api = refusing_table();

        if (!api)
            trial_skip(t, "the server's table cannot be cut here: %s", strerror(errno));
        memset((char *)api + API_1_0_BYTES, 0, sizeof *api - API_1_0_BYTES);
        api->struct_size = API_1_0_BYTES;
    }
    snprintf(version, sizeof version, "1.%u.0", minor);
    wrapped.version = version;
    wrapped.abi_minor = minor;
    wrapped.host_bytes = sizeof(parley_host);
    on_host(t, &s);
    scene_end(&s);
    trial_note(t, "on a server of the ABI 1.%u", minor);
}

void case_future_host(struct trial *t)
{
    struct scene s;

    wrapped.version = "1.99.0";
    wrapped.abi_minor = 99;
    wrapped.host_bytes = sizeof(parley_host) + 64;
    on_host(t, &s);
    for (int i = 0; i < ACTORS; i++) {
        trial_step(t, "a client left for a reason that a later server may have");
        kit_disconnect_for(s.kit, s.actors[i], 99);
    }
    scene_end(&s);
    trial_note(t, "on a server of the ABI 1.99");
}

/* --- services --- */
static void without(struct trial *t, const char *id, bool optional)
{
    struct variant v = {.without = id};
    struct scene s = {.trial = t};

    trial_step(t, "it was started without the service '%s'", id);
    s.kit = scene_kit(t, &v, NULL);
    if (!s.kit && optional)
        trial_fail(t, "it can go without '%s', it says, but does not start: %s", id, kit_refusal());
    if (!s.kit && !strstr(kit_refusal(), id))
        trial_fail(t, "without '%s' it is refused for another reason: %s", id, kit_refusal());
    if (s.kit && !optional)
        trial_fail(t, "it needs '%s', it says, but starts without", id);
    if (!s.kit)
        return;
    scene_people(&s);
    scene_chat(&s, 100);
    scene_end(&s);
}

void case_needs(struct trial *t)
{
    char needs[512], *save = NULL;
    const char *all = t->setup->plugin->copy.needs;

    snprintf(needs, sizeof needs, "%s", all ? all : "");
    if (!needs[strspn(needs, ", ")])
        trial_note(t, "it needs none");
    for (char *id = strtok_r(needs, ", ", &save); id; id = strtok_r(NULL, ", ", &save)) {
        bool optional = id[strlen(id) - 1] == '?';

        if (optional)
            id[strlen(id) - 1] = 0;
        without(t, id, optional);
    }
}

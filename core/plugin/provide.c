/* What plugins provide, sorted into the lists that the road uses: types by name, hubs in the order
 * of the chain, and the rest.
 *
 * A table of an older plugin is shorter than ours: what it lacks is zero.
 */
#include "base/log.h"
#include "base/metrics.h"
#include "base/str.h"
#include "message/fields.h"
#include "message/rules.h"
#include "plugin/internal.h"

#include <ctype.h>
#include <stdlib.h>

static void *grow(void *list, size_t count, size_t size)
{
    void *more = realloc(list, (count + 1) * size);

    if (more)
        memset((char *)more + count * size, 0, size);
    return more;
}

/* Every table begins with its size. */
static void copy_table(void *to, size_t to_bytes, const void *from)
{
    uint32_t n = *(const uint32_t *)from;

    memset(to, 0, to_bytes);
    memcpy(to, from, n < to_bytes ? n : to_bytes);
}

static void no_memory(struct config *c, const struct plugin_instance *i)
{
    config_fault(c, i->section->line, "[%s %s]: out of memory", i->kind, i->name);
}

/* What its author forgot would be a crash later, or a gap in what is checked. */
static void broken(struct config *c, const struct plugin_instance *i, const char *what)
{
    config_fault(c, i->section->line, "[%s %s]: plugin '%s' provides %s", i->kind, i->name,
                 i->file->copy.id, what);
}

static const parley_field *keep_field(struct config *c, const struct plugin_instance *i,
                                      const parley_field *f)
{
    parley_field *own = malloc(sizeof *own);

    if (own)
        *own = *f;
    else
        no_memory(c, i);
    return own;
}

/* Nobody may say by a field of his what the host vouches for. */
static bool is_the_hosts(const parley_type *t, const char *field)
{
    return (t->flags & PARLEY_SIGNED) &&
           str_list_has("owner_id, username, authored_at", str_of(field));
}

static void read_fields(struct config *c, struct plugin_instance *i, struct plugin_type *t)
{
    parley_field f;

    for (uint32_t k = 0; fields_at(&t->type.fields, k, &f); k++) {
        if ((f.flags & PARLEY_CHANNEL) && !t->channel_field)
            t->channel_field = keep_field(c, i, &f);
        if ((f.flags & PARLEY_USER) && !t->user_field)
            t->user_field = keep_field(c, i, &f);
        if (f.flags & PARLEY_TEXT)
            t->has_text = true;
        if (is_the_hosts(&t->type, f.name))
            config_fault(c, i->section->line,
                         "[%s %s]: '%s' of the message type '%s' is the host's to say", i->kind,
                         i->name, f.name, t->type.type);
    }
}

static void add_type(struct registry *r, struct config *c, struct plugin_instance *i,
                     const void *table)
{
    struct plugin_type *t = calloc(1, sizeof *t),
                       **more = grow(r->types, r->type_count, sizeof *more);

    if (more)
        r->types = more;
    if (!t || !more) {
        free(t);
        no_memory(c, i);
        return;
    }
    copy_table(&t->type, sizeof t->type, table);
    t->name = str_of(t->type.type);
    t->instance = i;
    t->options = i->options;
    if (!t->name.n) {
        broken(c, i, "a message type without a name");
        free(t);
        return;
    }
    for (size_t k = 0; k < r->type_count; k++)
        if (str_eq(more[k]->name, t->name)) {
            config_fault(c, i->section->line,
                         "[%s %s]: the message type '%s' is already provided by [%s %s]", i->kind,
                         i->name, t->type.type, more[k]->instance->kind, more[k]->instance->name);
            free(t);
            return;
        }
    read_fields(c, i, t);
    t->rules = rules_new(&t->type.fields);
    if (!t->rules)
        no_memory(c, i);
    t->metric_in = metric(METRIC_COUNTER, "messages_by_type", "Messages that clients sent, by type",
                          "type", t->name);
    r->types[r->type_count++] = t;
}

static void add_hub(struct registry *r, struct config *c, struct plugin_instance *i,
                    const void *table)
{
    struct plugin_hub *more = grow(r->hubs, r->hub_count, sizeof *more);

    if (!more) {
        no_memory(c, i);
        return;
    }
    r->hubs = more;
    more += r->hub_count++;
    copy_table(&more->hub, sizeof more->hub, table);
    more->instance = i;
}

static void add_auth(struct registry *r, struct config *c, struct plugin_instance *i,
                     const void *table)
{
    struct plugin_auth *more = grow(r->auths, r->auth_count, sizeof *more);

    if (!more) {
        no_memory(c, i);
        return;
    }
    r->auths = more;
    more += r->auth_count++;
    copy_table(&more->auth, sizeof more->auth, table);
    more->instance = i;
    if (!more->auth.check)
        broken(c, i, "an authenticator without 'check'");
}

static void add_protocol(struct registry *r, struct config *c, struct plugin_instance *i,
                         const void *table)
{
    struct plugin_protocol *p;

    if (r->protocol_count == PROTOCOLS_MAX) {
        config_fault(c, i->section->line, "[%s %s]: there may be %d protocols at most", i->kind,
                     i->name, PROTOCOLS_MAX);
        return;
    }
    p = &r->protocols[r->protocol_count];
    copy_table(&p->protocol, sizeof p->protocol, table);
    if (!p->protocol.path || !p->protocol.decode || !p->protocol.encode) {
        broken(c, i, "a protocol without 'path', 'decode' or 'encode'");
        return;
    }
    for (size_t k = 0; k < r->protocol_count; k++)
        if (strcmp(r->protocols[k].protocol.path, p->protocol.path) == 0) {
            config_fault(c, i->section->line,
                         "[%s %s]: the path '%s' already belongs to [protocol %s]", i->kind,
                         i->name, p->protocol.path, r->protocols[k].instance->name);
            return;
        }
    p->instance = i;
    p->options = i->options;
    r->protocol_count++;
}

static void add_service(struct registry *r, struct config *c, struct plugin_instance *i,
                        const parley_provided *p)
{
    struct plugin_service *more = grow(r->services, r->service_count, sizeof *more);

    if (!more) {
        no_memory(c, i);
        return;
    }
    r->services = more;
    more[r->service_count++] = (struct plugin_service){p->id, p->table, i};
}

static void add_routes(struct registry *r, struct config *c, struct plugin_instance *i)
{
    const parley_table *t = &i->file->copy.routes;

    for (uint32_t k = 0; k < t->count; k++) {
        struct plugin_route *more = grow(r->routes, r->route_count, sizeof *more);

        if (!more) {
            no_memory(c, i);
            return;
        }
        r->routes = more;
        more += r->route_count;
        memcpy(&more->route, (const char *)t->items + (size_t)k * t->size,
               t->size < sizeof more->route ? t->size : sizeof more->route);
        more->instance = i;
        if (i->shadow && more->route.path && more->route.path[0] == '/')
            continue; /* it belongs to what the public sees */
        if (!more->route.method || !more->route.path || !more->route.serve) {
            broken(c, i, "a route without 'method', 'path' or 'serve'");
            continue;
        }
        if (more->route.path[0] == '/')
            more->path = str_dup(str_of(more->route.path));
        else if (asprintf(&more->path, "/admin/%s/%s", i->name, more->route.path) < 0)
            more->path = NULL;
        if (more->path)
            r->route_count++;
        else
            no_memory(c, i);
    }
}

/* What a shadowed section provides of it is not offered. */
static bool is_of_the_wire(const char *id)
{
    return strcmp(id, "parley.type/1") == 0 || strcmp(id, "parley.auth/1") == 0 ||
           strcmp(id, "parley.protocol/1") == 0;
}

static void provide_one(struct registry *r, struct config *c, struct plugin_instance *i,
                        const parley_provided *p)
{
    if (!p->table)
        broken(c, i, "an interface without its table");
    else if (i->shadow && is_of_the_wire(p->id))
        return;
    else if (strcmp(p->id, "parley.type/1") == 0)
        add_type(r, c, i, p->table);
    else if (strcmp(p->id, "parley.hub/1") == 0)
        add_hub(r, c, i, p->table);
    else if (strcmp(p->id, "parley.auth/1") == 0)
        add_auth(r, c, i, p->table);
    else if (strcmp(p->id, "parley.protocol/1") == 0)
        add_protocol(r, c, i, p->table);
    else if (strncmp(p->id, "parley.", 7) == 0)
        config_fault(c, i->section->line,
                     "[%s %s]: plugin '%s' provides '%s', which this parleyd %s does not know",
                     i->kind, i->name, i->file->copy.id, p->id, PARLEY_VERSION);
    else
        add_service(r, c, i, p);
}

static void provide(struct registry *r, struct config *c, struct plugin_instance *i)
{
    const parley_table *t = &i->file->copy.provides;
    bool as_its_kind = strcmp(i->kind, "plugin") == 0;
    const char *first = NULL;

    for (uint32_t k = 0; k < t->count; k++) {
        parley_provided p = {0};

        memcpy(&p, (const char *)t->items + (size_t)k * t->size,
               t->size < sizeof p ? t->size : sizeof p);
        if (!p.id) {
            broken(c, i, "an interface without an id");
            continue;
        }
        if (strncmp(p.id, "parley.", 7) == 0) {
            size_t n = strlen(i->kind);

            first = first ? first : p.id;
            as_its_kind |= strncmp(p.id + 7, i->kind, n) == 0 && p.id[7 + n] == '/';
        }
        provide_one(r, c, i, &p);
    }
    if (!as_its_kind) {
        int n = first ? (int)strcspn(first + 7, "/") : 6;

        config_fault(c, i->section->line, "[%s %s]: plugin '%s' is no %s: its section is [%.*s %s]",
                     i->kind, i->name, i->file->copy.id, i->kind, n, first ? first + 7 : "plugin",
                     i->name);
    }
    add_routes(r, c, i);
}

static int by_name(const void *a, const void *b)
{
    const struct plugin_type *x = *(const struct plugin_type *const *)a,
                             *y = *(const struct plugin_type *const *)b;
    int d = memcmp(x->name.p, y->name.p, x->name.n < y->name.n ? x->name.n : y->name.n);

    return d ? d : (x->name.n > y->name.n) - (x->name.n < y->name.n);
}

/* Stable: within a phase the order of the INI stays. */
static void sort_by_phase(struct registry *r)
{
    for (size_t k = 1; k < r->hub_count; k++)
        for (size_t j = k; j && r->hubs[j - 1].hub.phase > r->hubs[j].hub.phase; j--) {
            struct plugin_hub x = r->hubs[j];

            r->hubs[j] = r->hubs[j - 1];
            r->hubs[j - 1] = x;
        }
}

static void move(struct registry *r, size_t from, size_t to)
{
    struct plugin_hub x = r->hubs[from];

    if (from < to)
        memmove(&r->hubs[from], &r->hubs[from + 1], (to - from) * sizeof x);
    else
        memmove(&r->hubs[to + 1], &r->hubs[to], (from - to) * sizeof x);
    r->hubs[to] = x;
}

/* One hub that stands where `before` or `after` forbids, put where it may stand. */
static bool mend_one(struct registry *r)
{
    for (size_t a = 0; a < r->hub_count; a++)
        for (size_t b = 0; b < r->hub_count; b++) {
            const parley_hub *hub = &r->hubs[a].hub;
            parley_str other = str_of(r->hubs[b].instance->name);

            if (a == b || hub->phase != r->hubs[b].hub.phase)
                continue;
            if ((hub->before && a > b && str_list_has(hub->before, other)) ||
                (hub->after && a < b && str_list_has(hub->after, other))) {
                move(r, a, b);
                return true;
            }
        }
    return false;
}

static void order_hubs(struct registry *r, struct config *c)
{
    size_t tries = r->hub_count * r->hub_count + 1;

    sort_by_phase(r);
    while (mend_one(r))
        if (tries-- == 0) {
            config_fault(c, 0,
                         "the hubs' wishes to stand before and after each other contradict: no "
                         "order of the chain fulfils them");
            return;
        }
}

static void check_needs(struct registry *r, struct config *c)
{
    for (struct plugin_instance *i = r->instances; i; i = i->next) {
        char needs[512], *save = NULL;

        snprintf(needs, sizeof needs, "%s", i->file->copy.needs ? i->file->copy.needs : "");
        for (char *id = strtok_r(needs, ", ", &save); id; id = strtok_r(NULL, ", ", &save)) {
            if (id[strlen(id) - 1] == '?' || registry_service(r, str_of(id), i->shadow))
                continue;
            i->broken = true; /* not to be created */
            config_fault(c, i->section->line,
                         "[%s %s]: plugin '%s' needs the service '%s', which no %ssection provides",
                         i->kind, i->name, i->file->copy.id, id, i->shadow ? "shadowed " : "");
        }
    }
}

/* Words about how a hub is run, in a section that has none, would be believed. */
static void check_modes(const struct registry *r, struct config *c)
{
    static const char *const words[] = {"mode", "budget"};

    for (const struct plugin_instance *i = r->instances; i; i = i->next) {
        size_t k = 0;

        while (k < r->hub_count && r->hubs[k].instance != i)
            k++;
        for (size_t w = 0; w < sizeof words / sizeof *words && k == r->hub_count; w++) {
            const struct config_key *key = config_key(i->section, words[w]);

            if (key)
                config_fault(c, key->line, "'%s' is for hubs, and there is none in [%s %s]",
                             words[w], i->kind, i->name);
        }
    }
}

const struct plugin_service *registry_service(const struct registry *r, parley_str id,
                                              bool to_shadow)
{
    const struct plugin_service *shadow = NULL;

    for (size_t k = 0; k < r->service_count; k++) {
        const struct plugin_service *s = &r->services[k];

        if (!str_is(id, s->id))
            continue;
        if (s->instance->shadow == to_shadow)
            return s;
        if (!to_shadow && !shadow)
            shadow = s;
    }
    return shadow;
}

void registry_provide(struct registry *r, struct config *c)
{
    for (struct plugin_instance *i = r->instances; i; i = i->next)
        provide(r, c, i);
    if (r->type_count)
        qsort(r->types, r->type_count, sizeof *r->types, by_name);
    for (size_t k = 0; k < r->type_count; k++)
        r->types[k]->index = (uint16_t)k;
    order_hubs(r, c);
    check_needs(r, c);
    check_modes(r, c);
}

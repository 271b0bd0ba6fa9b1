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

/* Of its section, which may no longer stand in the file. */
static int line_of(const struct plugin_instance *i)
{
    return i->section ? i->section->line : 0;
}

static void no_memory(struct config *c, const struct plugin_instance *i)
{
    config_fault(c, line_of(i), "[%s %s]: out of memory", i->kind, i->name);
}

/* What its author forgot would be a crash later, or a gap in what is checked. */
static void broken(struct config *c, const struct plugin_instance *i, const char *what)
{
    config_fault(c, line_of(i), "[%s %s]: plugin '%s' provides %s", i->kind, i->name,
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
            config_fault(c, line_of(i),
                         "[%s %s]: '%s' of the message type '%s' is the host's to say", i->kind,
                         i->name, f.name, t->type.type);
    }
}

/* The index that this name has for good. */
static int index_of(struct plugin_root *root, parley_str name, uint16_t *ret)
{
    char **more;

    for (size_t k = 0; k < root->type_name_count; k++)
        if (str_is(name, root->type_names[k])) {
            *ret = (uint16_t)k;
            return 0;
        }
    more = root->type_name_count < UINT16_MAX
               ? grow(root->type_names, root->type_name_count, sizeof *more)
               : NULL;
    if (!more)
        return -ENOMEM;
    root->type_names = more;
    more[root->type_name_count] = str_dup(name);
    if (!more[root->type_name_count])
        return -ENOMEM;
    *ret = (uint16_t)root->type_name_count++;
    return 0;
}

static struct plugin_type *make_type(struct registry *r, struct config *c,
                                     struct plugin_instance *i, const void *table)
{
    struct plugin_type *t = calloc(1, sizeof *t), **end = &i->types;

    if (!t) {
        no_memory(c, i);
        return NULL;
    }
    copy_table(&t->type, sizeof t->type, table);
    t->name = str_of(t->type.type);
    t->instance = i;
    t->options = i->options;
    while (*end)
        end = &(*end)->next;
    *end = t;
    if (!t->name.n) {
        broken(c, i, "a message type without a name");
        return NULL;
    }
    read_fields(c, i, t);
    t->rules = rules_new(&t->type.fields);
    if (!t->rules || index_of(r->root, t->name, &t->index) < 0)
        no_memory(c, i);
    t->metric_in = metric(METRIC_COUNTER, "messages_by_type", "Messages that clients sent, by type",
                          "type", t->name);
    return t;
}

/* What is at that place in the list of an instance that stays. */
static struct plugin_type *type_at(const struct plugin_instance *i, size_t place)
{
    struct plugin_type *t = i->types;

    while (place-- && t)
        t = t->next;
    return t;
}

static struct plugin_hub *hub_at(const struct plugin_instance *i, size_t place)
{
    struct plugin_hub *hub = i->hubs;

    while (place-- && hub)
        hub = hub->next;
    return hub;
}

static void add_type(struct registry *r, struct config *c, struct plugin_instance *i,
                     const void *table, size_t place)
{
    struct plugin_type **more = grow(r->types, r->type_count, sizeof *more), *t;

    if (!more) {
        no_memory(c, i);
        return;
    }
    r->types = more;
    t = i->fresh ? make_type(r, c, i, table) : type_at(i, place);
    if (!t)
        return;
    for (size_t k = 0; k < r->type_count; k++)
        if (str_eq(more[k]->name, t->name)) {
            config_fault(c, line_of(i),
                         "[%s %s]: the message type '%s' is already provided by [%s %s]", i->kind,
                         i->name, t->type.type, more[k]->instance->kind, more[k]->instance->name);
            return;
        }
    r->types[r->type_count++] = t;
}

static struct plugin_hub *make_hub(struct plugin_instance *i, const void *table)
{
    struct plugin_hub *hub = calloc(1, sizeof *hub), **end = &i->hubs;

    if (!hub)
        return NULL;
    copy_table(&hub->hub, sizeof hub->hub, table);
    hub->instance = i;
    while (*end)
        end = &(*end)->next;
    *end = hub;
    return hub;
}

static void add_hub(struct registry *r, struct config *c, struct plugin_instance *i,
                    const void *table, size_t place)
{
    struct plugin_hub **more = grow(r->hubs, r->hub_count, sizeof *more), *hub;

    if (more)
        r->hubs = more;
    hub = i->fresh ? make_hub(i, table) : hub_at(i, place);
    if (more && hub)
        r->hubs[r->hub_count++] = hub;
    else
        no_memory(c, i);
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
        config_fault(c, line_of(i), "[%s %s]: there may be %d protocols at most", i->kind, i->name,
                     PROTOCOLS_MAX);
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
            config_fault(c, line_of(i), "[%s %s]: the path '%s' already belongs to [protocol %s]",
                         i->kind, i->name, p->protocol.path, r->protocols[k].instance->name);
            return;
        }
    p->instance = i;
    p->of = i->of;
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
struct places { /* of what an instance provided so far */
    size_t types, hubs;
};

static void provide_one(struct registry *r, struct config *c, struct plugin_instance *i,
                        const parley_provided *p, struct places *at)
{
    if (!p->table)
        broken(c, i, "an interface without its table");
    else if (i->shadow && is_of_the_wire(p->id))
        return;
    else if (strcmp(p->id, "parley.type/1") == 0)
        add_type(r, c, i, p->table, at->types++);
    else if (strcmp(p->id, "parley.hub/1") == 0)
        add_hub(r, c, i, p->table, at->hubs++);
    else if (strcmp(p->id, "parley.auth/1") == 0)
        add_auth(r, c, i, p->table);
    else if (strcmp(p->id, "parley.protocol/1") == 0)
        add_protocol(r, c, i, p->table);
    else if (strncmp(p->id, "parley.", 7) == 0)
        config_fault(c, line_of(i),
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
    struct places at = {0};

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
        provide_one(r, c, i, &p, &at);
    }
    if (!as_its_kind) {
        int n = first ? (int)strcspn(first + 7, "/") : 6;

        config_fault(c, line_of(i), "[%s %s]: plugin '%s' is no %s: its section is [%.*s %s]",
                     i->kind, i->name, i->file->copy.id, i->kind, n, first ? first + 7 : "plugin",
                     i->name);
    }
    add_routes(r, c, i);
}

/* Clients, frames and packets know a protocol by its place: it stays, whatever the order of the INI
 * is now. */
static void order_protocols(struct registry *r, struct config *c)
{
    const struct registry *first = r->first;

    for (size_t k = 0; k < first->protocol_count; k++) {
        size_t j = k;
        struct plugin_protocol x;

        while (j < r->protocol_count && r->protocols[j].of != first->protocols[k].of)
            j++;
        if (j == r->protocol_count)
            break;
        x = r->protocols[j];
        memmove(&r->protocols[k + 1], &r->protocols[k], (j - k) * sizeof x);
        r->protocols[k] = x;
    }
    for (size_t k = 0; k < first->protocol_count || k < r->protocol_count; k++)
        if (first->protocol_count != r->protocol_count ||
            r->protocols[k].of != first->protocols[k].of ||
            strcmp(r->protocols[k].protocol.path, first->protocols[k].protocol.path) != 0) {
            config_fault(c, 0,
                         "the protocols that plugins provide, and their paths, are others: that "
                         "takes a restart");
            return;
        }
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
        for (size_t j = k; j && r->hubs[j - 1]->hub.phase > r->hubs[j]->hub.phase; j--) {
            struct plugin_hub *x = r->hubs[j];

            r->hubs[j] = r->hubs[j - 1];
            r->hubs[j - 1] = x;
        }
}

static void move(struct registry *r, size_t from, size_t to)
{
    struct plugin_hub *x = r->hubs[from];

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
            const parley_hub *hub = &r->hubs[a]->hub;
            parley_str other = str_of(r->hubs[b]->instance->name);

            if (a == b || hub->phase != r->hubs[b]->hub.phase)
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
    for (size_t n = 0; n < r->instance_count; n++) {
        struct plugin_instance *i = r->instances[n];
        char needs[512], *save = NULL;

        snprintf(needs, sizeof needs, "%s", i->file->copy.needs ? i->file->copy.needs : "");
        for (char *id = strtok_r(needs, ", ", &save); id; id = strtok_r(NULL, ", ", &save)) {
            if (id[strlen(id) - 1] == '?' || registry_service(r, str_of(id), i->shadow))
                continue;
            i->broken = true; /* not to be created */
            config_fault(c, line_of(i),
                         "[%s %s]: plugin '%s' needs the service '%s', which no %ssection provides",
                         i->kind, i->name, i->file->copy.id, id, i->shadow ? "shadowed " : "");
        }
    }
}

/* Words about how a hub is run, in a section that has none, would be believed. */
static void check_modes(const struct registry *r, struct config *c)
{
    static const char *const words[] = {"mode", "budget"};

    for (size_t k = 0; k < r->instance_count; k++) {
        const struct plugin_instance *i = r->instances[k];

        if (!i->fresh || !i->section || !i->file->plugin || i->hubs)
            continue;
        for (size_t w = 0; w < sizeof words / sizeof *words; w++) {
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
    for (size_t k = 0; k < r->instance_count; k++)
        if (r->instances[k]->file->plugin)
            provide(r, c, r->instances[k]);
    if (r->type_count)
        qsort(r->types, r->type_count, sizeof *r->types, by_name);
    order_hubs(r, c);
    for (size_t k = 0; k < r->hub_count; k++)
        r->shadow_hubs += r->hubs[k]->instance->shadow;
    if (r != r->first)
        order_protocols(r, c);
    if (!r->on_step)
        check_needs(r, c);
    check_modes(r, c);
}

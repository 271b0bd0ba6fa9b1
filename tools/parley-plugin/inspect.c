/* parley-plugin inspect: what a plugin is, from its tables alone. One JSON object is made of it,
 * which --json prints as it is, and the text for people is written from. */
#include "base/units.h"
#include "tool.h"

#include <stdlib.h>

struct arguments {
    const char *file;
    bool json;
};

static void put(json_t *o, const char *key, const char *value)
{
    if (value)
        json_object_set_new(o, key, json_string(value));
}

static void put_true(json_t *o, const char *key, bool value)
{
    if (value)
        json_object_set_new(o, key, json_true());
}

static json_t *fields_of(const parley_table *t)
{
    json_t *list = json_array();
    parley_field f;

    for (uint32_t i = 0; table_at(t, i, &f, sizeof f); i++) {
        json_t *o = json_object();

        put(o, "name", f.name);
        put(o, "kind", units_kind_name(f.kind));
        put(o, "range", f.range);
        put(o, "default", f.flags & PARLEY_SECRET ? NULL : f.dflt);
        put(o, "doc", f.doc);
        put_true(o, "required", f.flags & PARLEY_REQUIRED);
        put_true(o, "secret", f.flags & PARLEY_SECRET);
        put_true(o, "per_channel", f.flags & PARLEY_PER_CHANNEL);
        put_true(o, "text", f.flags & PARLEY_TEXT);
        put_true(o, "channel", f.flags & PARLEY_CHANNEL);
        put_true(o, "user", f.flags & PARLEY_USER);
        put_true(o, "open", f.flags & PARLEY_OPEN);
        json_array_append_new(list, o);
    }
    return list;
}

static void describe_hub(json_t *o, const void *table)
{
    json_t *hooks = json_array();
    parley_hub h;

    table_copy(table, &h, sizeof h);
    put(o, "phase", phase_name(h.phase));
    json_object_set_new(o, "phase_number", json_integer(h.phase));
    put(o, "types", h.types);
    put(o, "before", h.before);
    put(o, "after", h.after);
#define HOOK(name) \
    if (h.name)    \
    json_array_append_new(hooks, json_string(#name))
    HOOK(on_message);
    HOOK(on_answer);
    HOOK(on_settled);
    HOOK(on_connect);
    HOOK(on_disconnect);
    HOOK(on_join);
    HOOK(on_leave);
    HOOK(on_greet);
#undef HOOK
    json_object_set_new(o, "hooks", hooks);
}

static void describe_type(json_t *o, const void *table)
{
    parley_type t;

    table_copy(table, &t, sizeof t);
    put(o, "type", t.type);
    put_true(o, "signed", t.flags & PARLEY_SIGNED);
    put_true(o, "ephemeral", t.flags & PARLEY_EPHEMERAL);
    put_true(o, "constructs", t.construct != NULL);
    put_true(o, "from_clients", t.fields.count > 0);
    json_object_set_new(o, "fields", fields_of(&t.fields));
}

static json_t *provides_of(const struct plugin *p)
{
    json_t *list = json_array();
    parley_provided x;
    parley_protocol protocol;

    for (uint32_t i = 0; plugin_provides(p, NULL, i, &x, sizeof x); i++) {
        json_t *o = json_object();

        put(o, "id", x.id);
        if (strcmp(x.id, "parley.hub/1") == 0)
            describe_hub(o, x.table);
        else if (strcmp(x.id, "parley.type/1") == 0)
            describe_type(o, x.table);
        else if (strcmp(x.id, "parley.protocol/1") == 0) {
            table_copy(x.table, &protocol, sizeof protocol);
            put(o, "name", protocol.name);
            put(o, "path", protocol.path);
        }
        json_array_append_new(list, o);
    }
    return list;
}

static json_t *slots_of(const struct plugin *p)
{
    json_t *list = json_array();
    parley_slot s;

    for (uint32_t i = 0; table_at(&p->copy.slots, i, &s, sizeof s); i++)
        json_array_append_new(list, json_pack("{s:s?,s:I,s:I}", "name", s.name, "version",
                                              (json_int_t)s.version, "bytes", (json_int_t)s.bytes));
    return list;
}

static json_t *metrics_of(const struct plugin *p)
{
    static const char *const kinds[] = {"counter", "gauge", "seconds"};
    json_t *list = json_array();
    parley_metric m;

    for (uint32_t i = 0; table_at(&p->copy.metrics, i, &m, sizeof m); i++)
        json_array_append_new(list, json_pack("{s:s?,s:s,s:s?}", "name", m.name, "kind",
                                              m.kind >= 0 && m.kind < 3 ? kinds[m.kind] : "unknown",
                                              "doc", m.doc));
    return list;
}

static json_t *routes_of(const struct plugin *p)
{
    json_t *list = json_array();
    parley_route r;

    for (uint32_t i = 0; table_at(&p->copy.routes, i, &r, sizeof r); i++)
        json_array_append_new(list, json_pack("{s:s?,s:s?,s:s?,s:s?}", "method", r.method, "path",
                                              r.path, "role", r.role, "doc", r.doc));
    return list;
}

static json_t *needs_of(const struct plugin *p)
{
    char needs[512], *save = NULL;
    json_t *list = json_array();

    snprintf(needs, sizeof needs, "%s", p->copy.needs ? p->copy.needs : "");
    for (char *id = strtok_r(needs, ", ", &save); id; id = strtok_r(NULL, ", ", &save)) {
        bool optional = id[strlen(id) - 1] == '?';

        json_array_append_new(
            list, json_pack("{s:s%,s:b}", "id", id, strlen(id) - optional, "optional", optional));
    }
    return list;
}

static json_t *describe(const struct plugin *p)
{
    const parley_preamble *pre = &p->copy.preamble;
    char built[32], least[32];
    json_t *o = json_object();

    snprintf(built, sizeof built, "%u.%u", pre->abi_major, pre->abi_minor);
    snprintf(least, sizeof least, "%u.%u", pre->abi_major, pre->min_minor);
    put(o, "file", p->path);
    put(o, "id", p->copy.id);
    put(o, "version", p->copy.version);
    put(o, "doc", p->copy.doc);
    put(o, "section", plugin_kind(p));
    json_object_set_new(
        o, "abi",
        json_pack("{s:s,s:s,s:s?}", "built", built, "needs", least, "sdk", pre->sdk_version));
    json_object_set_new(o, "needs", needs_of(p));
    json_object_set_new(o, "provides", provides_of(p));
    json_object_set_new(o, "options", fields_of(&p->copy.options));
    json_object_set_new(o, "slots", slots_of(p));
    json_object_set_new(o, "metrics", metrics_of(p));
    json_object_set_new(o, "routes", routes_of(p));
    return o;
}

/* --- for people --- */
static const char *str(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));

    return s ? s : "";
}

static void print_field(const json_t *f, const char *indent)
{
    const char *range = str(f, "range"), *dflt = str(f, "default");
    static const char *const flags[] = {"required", "secret", "per_channel", "text",
                                        "channel",  "user",   "open"};

    printf("%s%-18s %s%s%s", indent, str(f, "name"), str(f, "kind"), *range ? " of " : "", range);
    if (json_object_get(f, "default"))
        printf(", default '%s'", dflt);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (json_object_get(f, flags[i]))
            printf(", %s", flags[i]);
    printf("\n%s%-18s   %s\n", indent, "", str(f, "doc"));
}

static void print_provided(const json_t *x)
{
    const json_t *hooks = json_object_get(x, "hooks"), *fields = json_object_get(x, "fields");
    const char *types = str(x, "types");
    json_t *item;
    size_t i;

    printf("  %s", str(x, "id"));
    if (hooks) {
        printf("  phase %s, %s%s:", str(x, "phase"), *types ? "for " : "for every type", types);
        json_array_foreach (hooks, i, item)
            printf(" %s", json_string_value(item));
    }
    if (fields) {
        printf("  '%s'%s%s", str(x, "type"), json_object_get(x, "signed") ? ", signed" : "",
               json_object_get(x, "ephemeral") ? ", ephemeral" : "");
        printf("%s\n", json_array_size(fields) ? "" : ", sent by the server alone");
        json_array_foreach (fields, i, item)
            print_field(item, "    ");
        return;
    }
    if (*str(x, "path"))
        printf("  '%s' on %s", str(x, "name"), str(x, "path"));
    printf("\n");
}

static void print(const json_t *o)
{
    const json_t *abi = json_object_get(o, "abi");
    json_t *item;
    size_t i;

    printf("%s %s: %s\n", str(o, "id"), str(o, "version"), str(o, "doc"));
    printf("file: %s\n", str(o, "file"));
    printf("ABI: %s, built with SDK %s; runs from ABI %s on\n", str(abi, "built"), str(abi, "sdk"),
           str(abi, "needs"));
    printf("needs:");
    json_array_foreach (json_object_get(o, "needs"), i, item)
        printf(" %s%s", str(item, "id"),
               json_is_true(json_object_get(item, "optional")) ? " (or goes without)" : "");
    printf("%s\nprovides:\n", json_array_size(json_object_get(o, "needs")) ? "" : " nothing");
    json_array_foreach (json_object_get(o, "provides"), i, item)
        print_provided(item);
    printf("options of [%s ...]:%s\n", str(o, "section"),
           json_array_size(json_object_get(o, "options")) ? "" : " none");
    json_array_foreach (json_object_get(o, "options"), i, item)
        print_field(item, "  ");
    printf("slots:%s\n", json_array_size(json_object_get(o, "slots")) ? "" : " none");
    json_array_foreach (json_object_get(o, "slots"), i, item)
        printf("  %-18s version %lld, %lld bytes\n", str(item, "name"),
               (long long)json_integer_value(json_object_get(item, "version")),
               (long long)json_integer_value(json_object_get(item, "bytes")));
    printf("metrics:%s\n", json_array_size(json_object_get(o, "metrics")) ? "" : " none");
    json_array_foreach (json_object_get(o, "metrics"), i, item)
        printf("  %-18s %s: %s\n", str(item, "name"), str(item, "kind"), str(item, "doc"));
    printf("routes:%s\n", json_array_size(json_object_get(o, "routes")) ? "" : " none");
    json_array_foreach (json_object_get(o, "routes"), i, item)
        printf("  %-6s %s (%s): %s\n", str(item, "method"), str(item, "path"),
               *str(item, "role") ? str(item, "role") : "anyone", str(item, "doc"));
}

static error_t parse(int key, char *value, struct argp_state *state)
{
    struct arguments *a = state->input;

    switch (key) {
    case 'j':
        a->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (a->file)
            argp_error(state, "one file at a time");
        a->file = value;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "which plugin? Name its .so file");
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int command_inspect(int argc, char **argv)
{
    static const struct argp_option options[] = {{"json", 'j', NULL, 0, "Print one JSON object", 0},
                                                 {0}};
    static const struct argp argp = {.options = options,
                                     .parser = parse,
                                     .args_doc = "FILE.so",
                                     .doc = "Says what a plugin is: its id, version and ABI, what "
                                            "it provides and needs, and all its tables."};
    struct arguments a = {0};
    struct plugin p;
    json_t *o;

    if (argp_parse(&argp, argc, argv, 0, NULL, &a))
        return EXIT_USAGE;
    if (plugin_open(a.file, &p) < 0)
        return EXIT_FAULT;
    o = describe(&p);
    if (a.json) {
        json_dumpf(o, stdout, JSON_INDENT(2));
        printf("\n");
    } else {
        print(o);
    }
    json_decref(o);
    return EXIT_SUCCESS;
}

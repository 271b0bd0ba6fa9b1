/* /admin/plugins: what the INI loaded, one section whole, and the chain. [control] */
#include "base/str.h"
#include "base/units.h"
#include "http/pages_internal.h"
#include "message/fields.h"

#include <stdlib.h>

/* --- the list --- */

static void write_section(struct buf *b, const struct plugin_instance *i)
{
    const parley_plugin *plugin = &i->file->copy;

    page_str(b, "section", str_of(i->name));
    page_str(b, "kind", str_of(i->kind));
    page_str(b, "plugin", str_of(plugin->id));
    page_str(b, "version", str_of(plugin->version));
    page_int(b, "generation", i->generation);
    page_str(b, "mode", i->shadow ? PARLEY_STR("shadow") : PARLEY_STR("enforce"));
    page_int(b, "budget_ms", i->budget_ms);
    page_str(b, "on_error", i->on_error_pass ? PARLEY_STR("pass") : PARLEY_STR("reject"));
    page_str(b, "doc", str_of(plugin->doc));
}

static int serve_list(struct http_request *q, void *context)
{
    const struct registry *r = ((const struct pages *)context)->context.registry;
    struct buf *b = &q->answer;

    buf_add_cstr(b, "{\"plugins\":[");
    for (size_t i = 0; i < r->instance_count; i++) {
        buf_add_cstr(b, i ? ",{" : "{");
        write_section(b, r->instances[i]);
        buf_add_char(b, '}');
    }
    buf_add_cstr(b, "]}\n");
    q->status = 200;
    return 0;
}

/* --- one of them --- */

static void write_list(struct buf *b, const parley_list *list)
{
    buf_add_char(b, '[');
    for (size_t i = 0; i < list->n; i++) {
        if (i)
            buf_add_char(b, ',');
        buf_add_json(b, list->items[i]);
    }
    buf_add_char(b, ']');
}

/* As a person would write it in the INI. */
static void write_units(struct buf *b, int64_t v, bool duration)
{
    static const struct {
        int64_t of;
        const char *name;
    } durations[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}},
      sizes[] = {{1LL << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}, {1, "B"}, {1, "B"}};

    for (size_t i = 0; v && i < 5; i++) {
        int64_t of = duration ? durations[i].of : sizes[i].of;
        if (v % of == 0) {
            buf_addf(b, "\"%" PRId64 "%s\"", v / of, duration ? durations[i].name : sizes[i].name);
            return;
        }
    }
    buf_add_cstr(b, "\"0\"");
}

/* A value in force. The table was checked against the struct when it was filled. */
static void write_value(struct buf *b, const parley_field *f, const void *options)
{
    const void *at = (const char *)options + f->offset;
    const char *text = NULL;
    double number;
    int64_t v = 0;

    if (f->kind == PARLEY_INT || f->kind == PARLEY_SIZE || f->kind == PARLEY_DURATION)
        memcpy(&v, at, sizeof v);
    switch (f->kind) {
    case PARLEY_BOOL:
        buf_add_cstr(b, *(const bool *)at ? "true" : "false");
        break;
    case PARLEY_INT:
        buf_add_int(b, v);
        break;
    case PARLEY_NUMBER:
        memcpy(&number, at, sizeof number);
        buf_addf(b, "%.15g", number);
        break;
    case PARLEY_SIZE:
    case PARLEY_DURATION:
        write_units(b, v, f->kind == PARLEY_DURATION);
        break;
    case PARLEY_STRING:
        memcpy(&text, at, sizeof text);
        if (text)
            buf_add_json(b, str_of(text));
        else
            buf_add_cstr(b, "null");
        break;
    case PARLEY_LIST:
        write_list(b, at);
        break;
    default:
        buf_add_cstr(b, "null");
    }
}

static bool is_set(const parley_field *f, const void *options)
{
    const char *text;

    if (f->kind == PARLEY_LIST)
        return ((const parley_list *)(const void *)((const char *)options + f->offset))->n > 0;
    if (f->kind != PARLEY_STRING)
        return true;
    memcpy(&text, (const char *)options + f->offset, sizeof text);
    return text != NULL;
}

/* What is secret is told to be there, and no more. */
static void write_masked(struct buf *b, const parley_field *f, const void *options)
{
    if (f->flags & PARLEY_SECRET)
        buf_add_cstr(b, is_set(f, options) ? "\"(secret)\"" : "null");
    else
        write_value(b, f, options);
}

static void write_by_channel(struct buf *b, const struct plugin_instance *i, const parley_field *f)
{
    page_key(b, "channels");
    buf_add_char(b, '{');
    for (size_t k = 0; k < i->by_channel_count; k++) {
        if (k)
            buf_add_char(b, ',');
        buf_add_json(b, i->by_channel[k].channel);
        buf_add_char(b, ':');
        write_masked(b, f, i->by_channel[k].options);
    }
    buf_add_char(b, '}');
}

static void write_options(struct buf *b, const struct plugin_instance *i)
{
    parley_field f;

    page_key(b, "options");
    buf_add_char(b, '[');
    for (uint32_t k = 0; fields_at(&i->file->copy.options, k, &f); k++) {
        buf_add_cstr(b, k ? ",{" : "{");
        page_str(b, "name", str_of(f.name));
        page_str(b, "kind", str_of(units_kind_name(f.kind)));
        page_key(b, "value");
        write_masked(b, &f, i->options);
        page_str(b, "default", str_of(f.dflt));
        page_str(b, "range", str_of(f.range));
        page_str(b, "doc", str_of(f.doc));
        if (i->by_channel_count && (f.flags & PARLEY_PER_CHANNEL))
            write_by_channel(b, i, &f);
        buf_add_char(b, '}');
    }
    buf_add_char(b, ']');
}

static void write_provided(struct buf *b, const struct registry *r, const struct plugin_instance *i)
{
    const char *comma = "";

    page_key(b, "types");
    buf_add_char(b, '[');
    for (size_t k = 0; k < r->type_count; k++)
        if (r->types[k]->instance == i) {
            buf_add_cstr(b, comma);
            buf_add_json(b, r->types[k]->name);
            comma = ",";
        }
    buf_add_char(b, ']');
    page_key(b, "services");
    buf_add_char(b, '[');
    comma = "";
    for (size_t k = 0; k < r->service_count; k++)
        if (r->services[k].instance == i) {
            buf_add_cstr(b, comma);
            buf_add_json(b, str_of(r->services[k].id));
            comma = ",";
        }
    buf_add_char(b, ']');
    page_key(b, "routes");
    buf_add_char(b, '[');
    comma = "";
    for (size_t k = 0; k < r->route_count; k++)
        if (r->routes[k].instance == i) {
            buf_addf(b, "%s{", comma);
            page_str(b, "method", str_of(r->routes[k].route.method));
            page_str(b, "path", str_of(r->routes[k].path));
            page_str(b, "doc", str_of(r->routes[k].route.doc));
            buf_add_char(b, '}');
            comma = ",";
        }
    buf_add_char(b, ']');
}

/* "rate_limit", or "hub rate_limit" where two kinds have the name. */
static bool is_called(const struct plugin_instance *i, parley_str name)
{
    char both[256];

    snprintf(both, sizeof both, "%s %s", i->kind, i->name);
    return str_is(name, i->name) || str_is(name, both);
}

static int serve_show(struct http_request *q, void *context)
{
    const struct registry *r = ((const struct pages *)context)->context.registry;
    const struct plugin_instance *found = NULL;
    parley_str name = http_query(q, "section");
    struct buf *b = &q->answer;

    for (size_t i = 0; name.p && i < r->instance_count; i++) {
        if (!is_called(r->instances[i], name))
            continue;
        if (found) {
            http_answer_error(q, 409,
                              "Several sections have that name: say the kind too, such as "
                              "'hub NAME'.");
            return 0;
        }
        found = r->instances[i];
    }
    if (!found) {
        http_answer_error(q, name.p ? 404 : 400,
                          name.p ? "There is no such section." : "'section' says which.");
        return 0;
    }
    buf_add_char(b, '{');
    write_section(b, found);
    page_str(b, "file", str_of(found->file->path));
    page_str(b, "needs", str_of(found->file->copy.needs));
    write_options(b, found);
    write_provided(b, r, found);
    buf_add_cstr(b, "}\n");
    q->status = 200;
    return 0;
}

/* --- the chain --- */

/* For programs, and for people as --check-config prints it. */
static int serve_chain(struct http_request *q, void *context)
{
    const struct registry *r = ((const struct pages *)context)->context.registry;
    struct buf *b = &q->answer;
    char *text = NULL;
    size_t n;
    FILE *f = open_memstream(&text, &n);

    if (!f)
        return -ENOMEM;
    registry_print_chain(r, f);
    if (fclose(f)) {
        free(text);
        return -ENOMEM;
    }
    registry_chain_json(r, b);
    while (b->n && b->p[b->n - 1] != ']') /* its object goes on */
        b->n--;
    buf_add_cstr(b, ",\"lines\":[");
    for (const char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        if (line > text)
            buf_add_char(b, ',');
        buf_add_json(b, str_n(line, (size_t)(end - line)));
    }
    buf_add_cstr(b, "]}\n");
    free(text);
    q->status = 200;
    return 0;
}

int page_plugins_add(struct pages *p, struct http_routes *to, const char *role)
{
    int error = page_admin_add(p, to, HTTP_GET, "/admin/plugins", role, serve_list);

    if (!error)
        error = page_admin_add(p, to, HTTP_GET, "/admin/plugins/show", role, serve_show);
    return error ? error
                 : page_admin_add(p, to, HTTP_GET, "/admin/plugins/chain", role, serve_chain);
}

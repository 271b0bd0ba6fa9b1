/* parley-plugin doc: the reference of a plugin in Markdown, from its tables alone: what an operator
 * may set, what clients may send, what may be asked and counted. Columns that nobody fills are left
 * out. */
#include "base/str.h"
#include "base/units.h"
#include "tool.h"

#include <stdlib.h>

struct arguments {
    const char *file;
};

/* In a cell a bar would begin the next one. */
static void print_cell(const char *text)
{
    for (const char *s = text ? text : ""; *s; s++)
        if (*s == '|')
            printf("\\|");
        else
            putchar(*s == '\n' ? ' ' : *s);
}

static void print_code(const char *text)
{
    if (!text || !*text)
        return;
    putchar('`');
    print_cell(text);
    putchar('`');
}

static void print_range(const parley_field *f)
{
    printf("%s", units_kind_name(f->kind));
    if (f->range) {
        printf(", ");
        print_code(f->range);
    }
}

static void print_options(const struct plugin *p)
{
    parley_field f;

    if (!p->copy.options.count)
        return;
    printf("\n## Options\n\n| option | kind | default | meaning |\n|---|---|---|---|\n");
    for (uint32_t i = 0; table_at(&p->copy.options, i, &f, sizeof f); i++) {
        printf("| ");
        print_code(f.name);
        printf(" | ");
        print_range(&f);
        printf(" | ");
        if (f.flags & PARLEY_REQUIRED)
            printf("*required*");
        else
            print_code(f.dflt);
        printf(" | ");
        print_cell(f.doc);
        printf("%s%s |\n", f.flags & PARLEY_PER_CHANNEL ? "; may differ by channel" : "",
               f.flags & PARLEY_SECRET ? "; secret" : "");
    }
}

static void print_example(const struct plugin *p)
{
    const char *kind = plugin_kind(p), *channel_option = NULL, *channel_value = NULL;
    parley_field f;

    printf("\n## Configuration\n\n```ini\n[%s %s]\nplugin = /path/to/%s.so\n", kind, p->name,
           p->name);
    for (uint32_t i = 0; table_at(&p->copy.options, i, &f, sizeof f); i++) {
        bool required = f.flags & PARLEY_REQUIRED;

        printf("%s%s = %s\n", required ? "" : "; ", f.name, f.dflt ? f.dflt : "...");
        if ((f.flags & PARLEY_PER_CHANNEL) && !channel_option) {
            channel_option = f.name;
            channel_value = f.dflt ? f.dflt : "...";
        }
    }
    if (channel_option)
        printf("\n[%s %s in general]\n; %s = %s\n", kind, p->name, channel_option, channel_value);
    printf("```\n");
}

static void print_type(const parley_type *t)
{
    static const struct {
        uint32_t flag;
        const char *text;
    } flags[] = {{PARLEY_TEXT, "; people read it"},
                 {PARLEY_CHANNEL, "; a channel that its author is in"},
                 {PARLEY_OPEN, " or not"},
                 {PARLEY_USER, "; a user who is there"}};
    parley_field f;

    printf("\n## Message type `%s`\n\n", t->type);
    printf("%s%s%s\n", t->fields.count ? "Clients send it." : "The server alone sends it.",
           t->flags & PARLEY_SIGNED ? " It says who wrote it, and when." : "",
           t->flags & PARLEY_EPHEMERAL ? " It is not kept, and a slow client may never see it."
                                       : "");
    if (!t->fields.count)
        return;
    printf("\n| field | kind | default | meaning |\n|---|---|---|---|\n");
    for (uint32_t i = 0; table_at(&t->fields, i, &f, sizeof f); i++) {
        printf("| ");
        print_code(f.name);
        printf(" | ");
        print_range(&f);
        printf(" | ");
        if (f.flags & PARLEY_REQUIRED)
            printf("*required*");
        else
            print_code(f.dflt);
        printf(" | ");
        print_cell(f.doc);
        for (size_t k = 0; k < sizeof flags / sizeof *flags; k++)
            if (f.flags & flags[k].flag)
                printf("%s", flags[k].text);
        printf(" |\n");
    }
}

static void print_interfaces(const struct plugin *p)
{
    parley_provided x;
    parley_type type;
    parley_protocol protocol;
    parley_hub hub;

    for (uint32_t i = 0; plugin_provides(p, "parley.hub/1", i, &hub, sizeof hub); i++)
        printf("\nIt is a hub of the phase *%s*, for %s%s%s.\n", phase_name(hub.phase),
               hub.types ? "`" : "messages of every type", hub.types ? hub.types : "",
               hub.types ? "`" : "");
    for (uint32_t i = 0; plugin_provides(p, "parley.protocol/1", i, &protocol, sizeof protocol);
         i++)
        printf("\nIt speaks the protocol `%s` on `%s`.\n", protocol.name ? protocol.name : p->name,
               protocol.path);
    for (uint32_t i = 0; plugin_provides(p, NULL, i, &x, sizeof x); i++)
        if (strcmp(x.id, "parley.auth/1") == 0)
            printf("\nIt says who may come in.\n");
        else if (strncmp(x.id, "parley.", 7) != 0)
            printf("\nIt offers the service `%s` to other plugins.\n", x.id);
    if (p->copy.needs)
        printf("\nIt needs the services `%s` (`?`: or goes without).\n", p->copy.needs);
    for (uint32_t i = 0; plugin_provides(p, "parley.type/1", i, &type, sizeof type); i++)
        print_type(&type);
}

static void print_routes(const struct plugin *p)
{
    parley_route r;

    if (!p->copy.routes.count)
        return;
    printf("\n## Routes\n\n| method | path | role | meaning |\n|---|---|---|---|\n");
    for (uint32_t i = 0; table_at(&p->copy.routes, i, &r, sizeof r); i++) {
        char path[512];

        snprintf(path, sizeof path, "%s%s%s%s", r.path && *r.path == '/' ? "" : "/admin/",
                 r.path && *r.path == '/' ? "" : p->name, r.path && *r.path == '/' ? "" : "/",
                 r.path ? r.path : "");
        printf("| %s | ", r.method ? r.method : "");
        print_code(path);
        printf(" | %s | ", r.role ? r.role : "anyone");
        print_cell(r.doc);
        printf(" |\n");
    }
}

static void print_metrics(const struct plugin *p)
{
    static const char *const kinds[] = {"counter", "gauge", "seconds"};
    parley_metric m;

    if (!p->copy.metrics.count)
        return;
    printf("\n## Metrics\n\n| metric | kind | meaning |\n|---|---|---|\n");
    for (uint32_t i = 0; table_at(&p->copy.metrics, i, &m, sizeof m); i++) {
        char name[256];

        snprintf(name, sizeof name, "parley_%s_%s", p->name, m.name ? m.name : "");
        printf("| ");
        print_code(name);
        printf(" | %s | ", m.kind >= 0 && m.kind < 3 ? kinds[m.kind] : "");
        print_cell(m.doc);
        printf(" |\n");
    }
}

static error_t parse(int key, char *value, struct argp_state *state)
{
    struct arguments *a = state->input;

    switch (key) {
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

int command_doc(int argc, char **argv)
{
    static const struct argp argp = {.parser = parse,
                                     .args_doc = "FILE.so",
                                     .doc = "Prints the reference of a plugin as Markdown: its "
                                            "options, message types, routes and metrics."};
    struct arguments a = {0};
    struct plugin p;

    if (argp_parse(&argp, argc, argv, 0, NULL, &a))
        return EXIT_USAGE;
    if (plugin_open(a.file, &p) < 0)
        return EXIT_FAULT;
    printf("# %s\n\n%s. `%s` %s, plugin ABI %u.%u.\n", p.name, p.copy.doc ? p.copy.doc : "",
           p.copy.id, p.copy.version, p.copy.preamble.abi_major, p.copy.preamble.min_minor);
    print_interfaces(&p);
    print_options(&p);
    print_example(&p);
    print_routes(&p);
    print_metrics(&p);
    return EXIT_SUCCESS;
}

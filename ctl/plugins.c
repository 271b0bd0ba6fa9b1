/* parleyctl plugins: the sections, one of them whole, the chain as it runs. */
#include "ctl.h"

#include <stdlib.h>
#include <string.h>

static void print_list(const json_t *answer)
{
    const json_t *p;
    size_t i;

    printf("%-28s %-28s %-10s %s\n", "section", "plugin", "version", "what it is");
    json_array_foreach (json_object_get(answer, "plugins"), i, p) {
        char title[256];

        snprintf(title, sizeof title, "%s %s%s", print_str(p, "kind"), print_str(p, "section"),
                 *print_str(p, "mode") == 's' ? " (shadow)" : "");
        print_text(title, 28);
        print_text(print_str(p, "plugin"), 28);
        print_text(print_str(p, "version"), 10);
        print_text(print_str(p, "doc"), 0);
        putchar('\n');
    }
}

/* Of an option: text and numbers as they are, lists with commas. */
static void print_value(const json_t *v)
{
    const json_t *item;
    size_t i;

    if (json_is_array(v)) {
        json_array_foreach (v, i, item) {
            if (i)
                printf(", ");
            print_text(json_string_value(item), 0);
        }
        if (!json_array_size(v))
            putchar('-');
    } else if (json_is_string(v)) {
        print_text(json_string_value(v), 0);
    } else {
        char *text = json_is_null(v) ? NULL : json_dumps(v, JSON_ENCODE_ANY);

        print_text(text, 0);
        free(text);
    }
}

static void print_options(const json_t *options)
{
    const json_t *o, *v;
    const char *channel;
    size_t i;

    if (json_array_size(options))
        printf("\noptions\n");
    json_array_foreach (options, i, o) {
        printf("  %s = ", print_str(o, "name"));
        print_value(json_object_get(o, "value"));
        printf("\n      ");
        print_text(print_str(o, "doc"), 0);
        printf(" (%s", print_str(o, "kind"));
        if (*print_str(o, "range"))
            printf(", %s", print_str(o, "range"));
        if (*print_str(o, "default"))
            printf(", default %s", print_str(o, "default"));
        printf(")\n");
        json_object_foreach (json_object_get(o, "channels"), channel, v) {
            printf("      in %s: ", channel);
            print_value(v);
            putchar('\n');
        }
    }
}

static void print_names(const char *title, const json_t *names)
{
    if (!json_array_size(names))
        return;
    printf("%-12s", title);
    print_value(names);
    putchar('\n');
}

static void print_section(const json_t *p)
{
    const json_t *routes = json_object_get(p, "routes"), *r;
    size_t i;

    print_field("section", "[%s %s]", print_str(p, "kind"), print_str(p, "section"));
    print_field("plugin", "%s %s", print_str(p, "plugin"), print_str(p, "version"));
    print_field("", "%s", print_str(p, "doc"));
    print_field("file", "%s", print_str(p, "file"));
    print_field("mode", "%s", print_str(p, "mode"));
    if (print_int(p, "budget_ms"))
        print_field("budget", "%" PRId64 " ms", print_int(p, "budget_ms"));
    print_field("on_error", "%s", print_str(p, "on_error"));
    if (*print_str(p, "needs"))
        print_field("needs", "%s", print_str(p, "needs"));
    print_names("types", json_object_get(p, "types"));
    print_names("services", json_object_get(p, "services"));
    json_array_foreach (routes, i, r)
        print_field(i ? "" : "routes", "%s %s: %s", print_str(r, "method"), print_str(r, "path"),
                    print_str(r, "doc"));
    print_options(json_object_get(p, "options"));
}

static void print_chain(const json_t *answer)
{
    const json_t *line;
    size_t i;

    json_array_foreach (json_object_get(answer, "lines"), i, line) {
        print_text(json_string_value(line), 0);
        putchar('\n');
    }
}

static int ask_and_print(struct ctl *c, const char *path, void (*print)(const json_t *answer))
{
    json_t *answer;
    int r = talk_ask(c, NULL, path, NULL, &answer);

    if (r != CTL_DONE)
        return r;
    if (c->json)
        print_json(answer);
    else
        print(answer);
    json_decref(answer);
    return CTL_DONE;
}

static int run(struct ctl *c)
{
    const char *what = c->arg_count ? c->args[0] : "list";
    char *path;
    int r;

    if (!strcmp(what, "list") && c->arg_count < 2)
        return ask_and_print(c, "/admin/plugins", print_list);
    if (!strcmp(what, "chain") && c->arg_count < 2)
        return ask_and_print(c, "/admin/plugins/chain", print_chain);
    if (strcmp(what, "show") != 0 || c->arg_count != 2)
        return ctl_fail(CTL_USAGE, "plugins takes list, chain, or show SECTION");
    path = talk_path(c, "/admin/plugins/show", "section", c->args[1], NULL);
    r = ask_and_print(c, path, print_section);
    free(path);
    return r;
}

const struct command command_plugins = {
    .name = "plugins",
    .args = "[list|chain|show SECTION]",
    .doc = "The plugins that run, the chain, or one section with its options\v"
           "'list' has a line a section; 'chain' is the order in which hubs are asked; 'show' "
           "tells what a section's options are now. What is secret is masked.",
    .most = 2,
    .run = run,
};

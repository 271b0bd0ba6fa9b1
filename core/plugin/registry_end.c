/* How registries, and what they are made of, come to their end.
 *
 * An instance belongs to every registry that has it in its list, and is destroyed once: when it was
 * never published, when it has left and nothing refers to it, or with the last registry.
 */
#include "plugin/internal.h"
#include "plugin/loader.h"

#include <stdlib.h>

struct config_kept *config_kept_new(void)
{
    struct config_kept *k = calloc(1, sizeof *k);

    if (k)
        k->users = 1;
    return k;
}

void config_kept_release(struct config_kept *k)
{
    if (!k || --k->users)
        return;
    config_finish(&k->config);
    free(k);
}

static void free_provided(struct plugin_instance *i)
{
    struct plugin_type *t;
    struct plugin_hub *hub;

    while ((t = i->types)) {
        i->types = t->next;
        free((void *)(uintptr_t)t->channel_field);
        free((void *)(uintptr_t)t->user_field);
        free(t->rules);
        free(t);
    }
    while ((hub = i->hubs)) {
        i->hubs = hub->next;
        free(hub);
    }
}

/* All but its use of the file. */
static void end_instance(struct plugin_instance *i)
{
    if (i->created && i->file->copy.destroy) {
        enum domain before = domain_enter(DOMAIN_CONTROL);
        struct crumb_before crumb = plugin_enter(i, "destroy");

        i->file->copy.destroy(&i->host);
        crumb_leave(crumb);
        domain_leave(before);
    }
    for (size_t k = 0; k < i->by_channel_count; k++)
        free(i->by_channel[k].options);
    free(i->by_channel);
    free(i->options);
    free(i->metrics);
    free(i->fingerprint);
    series_finish(&i->series);
    free_provided(i);
    config_kept_release(i->kept);
    free(i);
}

void registry_destroy(struct plugin_instance *i)
{
    struct plugin_root *root = i->registry->root;
    struct plugin_file *f = i->file;

    end_instance(i);
    loader_release(root, f);
}

void registry_published(struct registry *r)
{
    for (size_t k = 0; k < r->instance_count; k++) {
        struct plugin_instance *i = r->instances[k];

        if (i->fresh)
            i->of->generation = i->generation;
        i->fresh = false;
    }
}

static void free_lists(struct registry *r)
{
    free(r->instances);
    free(r->types);
    free(r->hubs);
    free(r->services);
    for (size_t k = 0; k < r->route_count; k++)
        free(r->routes[k].path);
    free(r->routes);
    r->instances = NULL;
    r->types = NULL;
    r->hubs = NULL;
    r->services = NULL;
    r->routes = NULL;
    r->instance_count = r->type_count = r->hub_count = r->service_count = r->route_count = 0;
}

void registry_retire(struct registry *r)
{
    free_lists(r);
    if (r->first == r)
        return; /* logins know its authenticators, pages its protocols and its path */
    free(r->auths);
    r->auths = NULL;
    r->auth_count = 0;
}

void registry_discard(struct registry *r)
{
    for (size_t k = r->instance_count; k-- > 0;) {
        r->instances[k]->config = NULL;
        r->instances[k]->section = NULL;
        if (r->instances[k]->fresh && !r->instances[k]->leaves)
            registry_destroy(r->instances[k]);
    }
    registry_retire(r);
}

static void free_root(struct plugin_root *root)
{
    struct plugin_section *s;

    if (!root)
        return;
    loader_forget(root);
    while ((s = root->sections)) {
        root->sections = s->next;
        free(s->kind);
        free(s->name);
        free(s);
    }
    for (size_t k = 0; k < root->type_name_count; k++)
        free(root->type_names[k]);
    free(root->type_names);
    free(root);
}

/* Plugins first, last to first, while what they provide to each other is still there. */
void registry_finish(struct registry *r)
{
    struct registry *first = (struct registry *)(uintptr_t)r->first;
    struct plugin_root *root = r->root;

    for (size_t k = r->instance_count; k-- > 0;)
        end_instance(r->instances[k]);
    free_lists(r);
    free(r->auths);
    if (first && first != r)
        free(first->auths);
    if (first)
        free(first->plugin_path);
    if (first && first != r)
        memset(first, 0, sizeof *first);
    memset(r, 0, sizeof *r);
    free_root(root);
}

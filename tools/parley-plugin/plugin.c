/* A plugin file as the tool sees it: loaded by the daemon's loader, so that what the daemon would
 * refuse is refused here, in the same words. Tables are read by the size that their maker had. */
#include "base/str.h"
#include "base/units.h"
#include "plugin/loader.h"
#include "tool.h"

#include <stdlib.h>

int plugin_open(const char *path, struct plugin *ret)
{
    char why[LOADER_WHY_BYTES], resolved[PATH_MAX];
    struct plugin_root root = {0};
    struct registry r = {.root = &root, .plugin_path = (char *)(uintptr_t) ""};
    struct plugin_file *f;
    const char *base;

    if (!realpath(path, resolved)) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return -EINVAL;
    }
    if (loader_open(&r, resolved, NULL, &f, why) < 0) {
        fprintf(stderr, "%s\n", why);
        return -EINVAL;
    }
    base = strrchr(resolved, '/') + 1;
    snprintf(ret->path, sizeof ret->path, "%s", resolved);
    snprintf(ret->name, sizeof ret->name, "%.*s", (int)strcspn(base, "."), base);
    ret->copy = f->copy;
    ret->descriptor = f->plugin;
    loader_forget(&root); /* which keeps it: who loads it again gets what is mapped here */
    return 0;
}

bool table_at(const parley_table *t, uint32_t i, void *into, size_t bytes)
{
    if (i >= t->count)
        return false;
    memset(into, 0, bytes);
    memcpy(into, (const char *)t->items + (size_t)i * t->size, t->size < bytes ? t->size : bytes);
    return true;
}

void table_copy(const void *from, void *into, size_t bytes)
{
    uint32_t n;

    memcpy(&n, from, sizeof n);
    memset(into, 0, bytes);
    memcpy(into, from, n < bytes ? n : bytes);
}

bool plugin_provides(const struct plugin *p, const char *id, uint32_t i, void *into, size_t bytes)
{
    parley_provided provided;

    for (uint32_t k = 0; table_at(&p->copy.provides, k, &provided, sizeof provided); k++) {
        if (!provided.id || !provided.table || (id && strcmp(provided.id, id) != 0) || i-- > 0)
            continue;
        if (id)
            table_copy(provided.table, into, bytes);
        else
            memcpy(into, &provided, sizeof provided < bytes ? sizeof provided : bytes);
        return true;
    }
    return false;
}

const char *plugin_kind(const struct plugin *p)
{
    static const char *const kinds[][2] = {{"parley.hub/1", "hub"},
                                           {"parley.type/1", "type"},
                                           {"parley.auth/1", "auth"},
                                           {"parley.protocol/1", "protocol"}};
    parley_provided first;
    const char *kind = "plugin";
    size_t different = 0;

    /* Who provides several kinds has a section [plugin x]. */
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (uint32_t i = 0; plugin_provides(p, NULL, i, &first, sizeof first); i++)
            if (strcmp(first.id, kinds[k][0]) == 0) {
                kind = kinds[k][1];
                different++;
                break;
            }
    return different == 1 ? kind : "plugin";
}

char *field_range(const parley_field *f, char *out, size_t bytes)
{
    snprintf(out, bytes, "%s%s%s", units_kind_name(f->kind), f->range ? " of " : "",
             f->range ? f->range : "");
    return out;
}

const char *phase_name(parley_phase phase)
{
    return phase < PARLEY_PHASE_MODERATE    ? "admit"
           : phase < PARLEY_PHASE_TRANSFORM ? "moderate"
           : phase < PARLEY_PHASE_ROUTE     ? "transform"
           : phase < PARLEY_PHASE_STORE     ? "route"
                                            : "store";
}

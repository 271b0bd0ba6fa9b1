/* From a section's keys to a struct, by a table: the server's own and every plugin's.
 *
 * The table may come from a plugin built with another SDK, so its entries are read by their own
 * size, and what they say of the struct is checked before anything is written. Every key is looked
 * at, also after a fault.
 */
#include "base/str.h"
#include "base/units.h"
#include "config/config.h"

#define CLOSEST_MAX 128 /* names that "did you mean" looks through */
#define LIST_BYTES  400 /* of names, where they are few enough to be told */
#define NAME_BYTES  64

struct fill {
    struct config *c;
    struct config_section *section; /* NULL: defaults alone */
    const parley_table *fields;
    const char *const *reserved;
    char *into;
    size_t into_bytes;
    bool by_channel;
    char title[CONFIG_TITLE_BYTES + 2]; /* "[hub x]: ", or empty */
    int error;
};

static parley_field field_at(const parley_table *t, uint32_t i)
{
    parley_field f = {0};
    memcpy(&f, (const char *)t->items + (size_t)i * t->size,
           t->size < sizeof f ? t->size : sizeof f);
    return f;
}

static size_t bytes_of(int32_t kind)
{
    switch (kind) {
    case PARLEY_BOOL:
        return sizeof(bool);
    case PARLEY_INT:
    case PARLEY_SIZE:
    case PARLEY_DURATION:
        return sizeof(int64_t);
    case PARLEY_NUMBER:
        return sizeof(double);
    case PARLEY_STRING:
        return sizeof(const char *);
    case PARLEY_LIST:
        return sizeof(parley_list);
    default:
        return 0;
    }
}

static void fault(struct fill *fill, int line, const char *option, const char *what)
{
    config_fault(fill->c, line, "%s'%s' %s", fill->title, option, what);
    if (fill->error == 0)
        fill->error = -EINVAL;
}

/* NULL where the table is wrong about its struct: a bug of the plugin, and no reason to write
 * beyond it. */
static void *place_of(struct fill *fill, const parley_field *f, int line)
{
    size_t bytes = bytes_of(f->kind), alignment = bytes < 8 ? bytes : 8;
    if (bytes != 0 && f->size == bytes && f->offset % alignment == 0 &&
        f->offset <= fill->into_bytes && bytes <= fill->into_bytes - f->offset)
        return fill->into + f->offset;
    fault(fill, line, f->name, "has no fitting place in the options: a bug of who made the table");
    return NULL;
}

static void read_value(struct fill *fill, const parley_field *f, parley_str text, int line)
{
    char why[256];
    void *place = place_of(fill, f, line);
    if (place == NULL)
        return;
    int r = units_read(f, text, &fill->c->arena, place, why);
    if (r == -ENOMEM)
        fill->error = -ENOMEM;
    else if (r != 0)
        fault(fill, line, f->name, why);
}

static bool is_reserved(const struct fill *fill, parley_str name)
{
    for (const char *const *r = fill->reserved; r != NULL && *r != NULL; r++)
        if (str_is(name, *r))
            return true;
    return false;
}

static void fault_unknown(struct fill *fill, const struct config_key *k)
{
    const char *names[CLOSEST_MAX];
    char given[NAME_BYTES], known[LIST_BYTES] = "", title[CONFIG_TITLE_BYTES];
    size_t count = 0, n = 0;
    for (uint32_t i = 0; i < fill->fields->count && count < CLOSEST_MAX; i++) {
        parley_field f = field_at(fill->fields, i);
        if (f.name != NULL && (!fill->by_channel || (f.flags & PARLEY_PER_CHANNEL) != 0))
            names[count++] = f.name;
    }
    for (const char *const *r = fill->reserved; r != NULL && *r != NULL && count < CLOSEST_MAX; r++)
        names[count++] = *r;
    for (size_t i = 0; i < count && n < sizeof known; i++)
        n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", i > 0 ? ", " : "", names[i]);
    snprintf(given, sizeof given, "%s", k->name.p);
    const char *meant = str_closest(given, names, count);
    config_title(fill->section, title);
    if (meant != NULL)
        config_fault(fill->c, k->line, "unknown key '%s' in %s (did you mean '%s'?)", given, title,
                     meant);
    else if (count == 0)
        config_fault(fill->c, k->line, "unknown key '%s' in %s, which has no keys", given, title);
    else if (n < sizeof known)
        config_fault(fill->c, k->line, "unknown key '%s' in %s, whose keys are: %s", given, title,
                     known);
    else
        config_fault(fill->c, k->line, "unknown key '%s' in %s", given, title);
    if (fill->error == 0)
        fill->error = -EINVAL;
}

static void fill_from_key(struct fill *fill, struct config_key *k)
{
    k->used = true;
    for (uint32_t i = 0; i < fill->fields->count; i++) {
        parley_field f = field_at(fill->fields, i);
        if (!str_is(k->name, f.name))
            continue;
        if (fill->by_channel && (f.flags & PARLEY_PER_CHANNEL) == 0)
            fault(fill, k->line, f.name,
                  "is the same in all channels: it belongs into the section without a channel");
        else if (k->value.n == 0 && f.kind != PARLEY_LIST)
            fault(fill, k->line, f.name, "has no value: write one, or leave the line out");
        else
            read_value(fill, &f, k->value, k->line);
        return;
    }
    fault_unknown(fill, k);
}

static void fill_default(struct fill *fill, const parley_field *f)
{
    int line = fill->section != NULL ? fill->section->line : 0;
    if (f->dflt != NULL) {
        read_value(fill, f, str_of(f->dflt), line);
    } else if ((f->flags & PARLEY_REQUIRED) != 0 && config_key(fill->section, f->name) == NULL) {
        char why[256];
        snprintf(why, sizeof why, "is missing; it has no default (%s)",
                 f->doc != NULL ? f->doc : units_kind_name(f->kind));
        fault(fill, line, f->name, why);
    }
}

int config_fill(struct config *c, struct config_section *s, const parley_table *fields,
                const char *const *reserved, const void *base, void *into, size_t into_bytes)
{
    struct fill fill = {.c = c,
                        .section = s,
                        .fields = fields,
                        .reserved = reserved,
                        .into = into,
                        .into_bytes = into_bytes,
                        .by_channel = base != NULL};
    if (s != NULL) {
        char title[CONFIG_TITLE_BYTES];
        snprintf(fill.title, sizeof fill.title, "%s: ", config_title(s, title));
        s->used = true;
    }
    if (into_bytes > 0 && base != NULL)
        memcpy(into, base, into_bytes);
    else if (into_bytes > 0) /* a plugin without options has no struct */
        memset(into, 0, into_bytes);
    for (uint32_t i = 0; base == NULL && i < fields->count; i++) {
        parley_field f = field_at(fields, i);
        fill_default(&fill, &f);
    }
    for (struct config_key *k = s != NULL ? s->keys : NULL; k != NULL; k = k->next)
        if (!is_reserved(&fill, k->name))
            fill_from_key(&fill, k);
    return fill.error;
}

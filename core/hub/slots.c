/* Slots: a plugin's bytes, kept by the host for a client, a user or a channel, zeroed at first and
 * gone with their owner. There may be several for each connection, so what they have in common,
 * their kind, is kept once. A kind is its section's, so that slots of the same name, version and
 * size pass from one generation of a plugin to the next. */
#include "hub/internal.h"

#include <stdlib.h>

static bool is_kind(const struct slot_kind *k, const parley_slot *slot)
{
    return k->version == slot->version && k->bytes == slot->bytes &&
           strcmp(k->name, slot->name) == 0;
}

static struct slot_kind *kind_of(struct plugin_section *s, const parley_slot *slot)
{
    struct slot_kind *k = s->slot_kinds;
    size_t n;

    while (k && !is_kind(k, slot))
        k = k->next;
    if (k)
        return k;
    n = strlen(slot->name) + 1;
    k = malloc(sizeof *k + n);
    if (!k)
        return NULL;
    *k = (struct slot_kind){.next = s->slot_kinds, .version = slot->version, .bytes = slot->bytes};
    memcpy(k->name, slot->name, n);
    s->slot_kinds = k;
    return k;
}

/* Those of the same section are known by their kinds, which are not shared. */
static void drop_outdated(struct hub_slot **at, const struct plugin_section *section)
{
    while (*at) {
        struct hub_slot *s = *at;
        const struct slot_kind *k = s->kind->outdated ? section->slot_kinds : NULL;

        while (k && k != s->kind)
            k = k->next;
        if (k) {
            *at = s->next;
            free(s);
        } else {
            at = &s->next;
        }
    }
}

void *slot_get(struct hub_slot **list, const struct plugin_instance *i, const parley_slot *slot)
{
    struct slot_kind *kind = kind_of(i->of, slot);
    struct hub_slot *s = *list;

    if (!kind)
        return NULL;
    kind->outdated = false;
    while (s && s->kind != kind)
        s = s->next;
    if (s)
        return s->data;
    drop_outdated(list, i->of);
    s = calloc(1, sizeof *s + kind->bytes);
    if (!s)
        return NULL;
    s->kind = kind;
    s->next = *list;
    *list = s;
    return s->data;
}

void slots_free(struct hub_slot **list)
{
    struct hub_slot *s;

    while ((s = *list)) {
        *list = s->next;
        free(s);
    }
}

void slots_outdate(struct plugin_section *s, const parley_plugin *serves)
{
    for (struct slot_kind *k = s->slot_kinds; k; k = k->next) {
        k->outdated = true;
        for (uint32_t n = 0; n < serves->slots.count && k->outdated; n++) {
            parley_slot slot = {0};

            memcpy(&slot, (const char *)serves->slots.items + (size_t)n * serves->slots.size,
                   serves->slots.size < sizeof slot ? serves->slots.size : sizeof slot);
            k->outdated = !slot.name || !is_kind(k, &slot);
        }
    }
}

void slots_finish(struct plugin_section *s)
{
    struct slot_kind *k;

    while ((k = s->slot_kinds)) {
        s->slot_kinds = k->next;
        free(k);
    }
}

/* Slots: a plugin's bytes, kept by the host for a client, a user or a channel, zeroed at first and
 * gone with their owner. There may be several for each connection, so what they have in common,
 * their kind, is kept once. */
#include "hub/internal.h"

#include <stdlib.h>

static const struct slot_kind *kind_of(struct hub_instance *i, const parley_slot *slot)
{
    struct slot_kind *k = i->slot_kinds;

    while (k && k->name != slot->name && strcmp(k->name, slot->name) != 0)
        k = k->next;
    if (k)
        return k->bytes >= slot->bytes ? k : NULL;
    k = malloc(sizeof *k);
    if (!k)
        return NULL;
    *k = (struct slot_kind){i->slot_kinds, slot->name, slot->bytes};
    i->slot_kinds = k;
    return k;
}

void *slot_get(struct hub_slot **list, const struct plugin_instance *i, const parley_slot *slot)
{
    const struct slot_kind *kind = kind_of(i->hub_side, slot);
    struct hub_slot *s = *list;

    if (!kind)
        return NULL;
    while (s && s->kind != kind)
        s = s->next;
    if (s)
        return s->data;
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

void slots_finish(struct hub_instance *i)
{
    struct slot_kind *k;

    while ((k = i->slot_kinds)) {
        i->slot_kinds = k->next;
        free(k);
    }
}

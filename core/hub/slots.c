/* Slots: a plugin's bytes, kept by the host for a client, a user or a channel, zeroed at first and
 * gone with their owner. */
#include "hub/internal.h"

#include <stdlib.h>

void *slot_get(struct hub_slot **list, const struct plugin_instance *i, const parley_slot *slot)
{
    struct hub_slot *s;

    for (s = *list; s; s = s->next)
        if (s->instance == i && (s->name == slot->name || strcmp(s->name, slot->name) == 0))
            return s->bytes >= slot->bytes ? s->data : NULL;
    s = calloc(1, sizeof *s + slot->bytes);
    if (!s)
        return NULL;
    s->instance = i;
    s->name = slot->name;
    s->version = slot->version;
    s->bytes = slot->bytes;
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

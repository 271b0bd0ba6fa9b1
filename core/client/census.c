/* The pump's part of a page, and the names of clients for people. */
#include "client/census.h"

#include "client/client.h"
#include "client/pump.h"
#include "client/send_queue.h"

#include <inttypes.h>
#include <stdio.h>

void pump_census(const struct pump *p, struct census *c)
{
    DOMAIN_ASSERT(DOMAIN_PUMP);
    for (uint32_t i = 0; i < c->count; i++) {
        struct census_row *row = &c->rows[i];
        uint32_t slot = client_handle_slot(row->client);
        const struct client *found = slot < p->slot_count ? p->slots[slot].client : NULL;

        if (!found || found->handle != row->client)
            continue;
        row->address = found->address;
        row->closing |= found->state == CLIENT_CLOSING;
        if (found->queue) {
            row->queue_bytes = found->queue->bytes;
            row->queue_messages = found->queue->messages;
        }
    }
}

void census_finish(struct census *c)
{
    for (uint32_t i = 0; i < c->count; i++)
        identity_unref(c->rows[i].identity);
    c->count = 0;
}

char *census_id(client_handle client, char out[CENSUS_ID_BYTES])
{
    snprintf(out, CENSUS_ID_BYTES, "%" PRIu32 ".%" PRIu32 ".%" PRIu32, client_handle_pump(client),
             client_handle_slot(client), client_handle_generation(client));
    return out;
}

client_handle census_parse_id(const char *text)
{
    uint32_t pump, slot, generation;
    int n = 0;

    if (strspn(text, "0123456789.") != strlen(text) || strlen(text) >= CENSUS_ID_BYTES ||
        sscanf(text, "%" SCNu32 ".%" SCNu32 ".%" SCNu32 "%n", &pump, &slot, &generation, &n) != 3 ||
        text[n] || pump > 0xfe || generation > 0xffffff)
        return 0;
    return client_handle_make(pump, generation, slot);
}

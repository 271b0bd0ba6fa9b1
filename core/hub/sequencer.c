/* The sequencer: the one place where an accepted message gets its number, its time, and the form in
 * which everybody sees it.
 *
 * After the chain has decided, before anyone has seen it. Numbers are local and given at once; a
 * refusal by a STORE hub gives them back in the same turn, so that nobody finds a hole.
 */
#include "base/clock.h"
#include "base/str.h"
#include "hub/internal.h"

/* Whether it goes to its channel, and not only to some of those who are in it: that which has a
 * place in the channel is shown to whoever asks for what he missed. */
static bool is_of_channel(const struct message *m)
{
    for (uint32_t i = 0; m->to && i < m->delivery_count; i++) {
        const parley_to *to = &m->deliveries[i];
        bool named = to->kind == PARLEY_TO_CHANNEL &&
                     (hub_is_channel_of(m, to->name) || str_casecmp(to->name, m->to->name) == 0);

        if (!to->role.p && (to->kind == PARLEY_TO_ALL || named))
            return true;
    }
    return false;
}

/* Where its cacheID comes from: those of channel messages and of private ones are counted apart. */
static int64_t *counter_of(struct hub *h, const struct message *m)
{
    if (m->flags & PARLEY_EPHEMERAL)
        return NULL;
    return is_of_channel(m) ? &h->cache_ids[0] : m->recipient.p ? &h->cache_ids[1] : NULL;
}

#define SEALED_BYTES 144 /* of keys, numbers and times around the payload, as a rule */

/* The payload of the type, with what the host vouches for around it. */
static void write_sealed(struct hub *h, const struct message *m, struct buf *b)
{
    bool is_signed = m->identity && (m->flags & PARLEY_SIGNED);

    BUF_PUT(b, "{");
    if (m->cache_id) {
        BUF_PUT(b, "\"cacheID\":");
        buf_add_int(b, m->cache_id);
        BUF_PUT(b, ",");
    }
    if (is_signed) {
        BUF_PUT(b, "\"owner_id\":");
        buf_add_json(b, identity_user(m->identity));
        BUF_PUT(b, ",\"username\":");
        buf_add_json(b, identity_username(m->identity));
        BUF_PUT(b, ",");
    }
    if (m->payload.n > 2) { /* more than {} */
        buf_add(b, m->payload.p + 1, m->payload.n - 2);
        BUF_PUT(b, ",");
    }
    if (is_signed) {
        BUF_PUT(b, "\"authored_at\":\"");
        buf_put(b, clock_stamp(&h->stamp, clock_unix_ms()), CLOCK_RFC3339_BYTES - 1);
        BUF_PUT(b, "\",");
    }
    if (m->offset) {
        BUF_PUT(b, "\"epoch\":\"");
        buf_put(b, m->to->epoch, sizeof m->to->epoch - 1);
        BUF_PUT(b, "\",\"offset\":");
        buf_add_int(b, m->offset);
        BUF_PUT(b, ",");
    }
    if (b->error)
        return;
    if (b->p[b->n - 1] == ',') /* each brought one for the next */
        b->n--;
    BUF_PUT(b, "}");
}

/* Counted before it is written: the payload tells its number and its place. */
static void take_numbers(struct hub *h, struct message *m, struct packet_parts *parts)
{
    int64_t *counter = counter_of(h, m);

    if (counter)
        m->cache_id = ++*counter;
    if (counter == &h->cache_ids[0]) {
        m->offset = ++m->to->offset;
        parts->epoch = (parley_str){m->to->epoch, sizeof m->to->epoch - 1};
    }
    if (m->to)
        parts->channel = m->to->name;
    parts->cache_id = m->cache_id;
    parts->offset = m->offset;
}

int sequencer_seal(struct hub *h, struct message *m)
{
    struct packet_parts parts = {
        .type = m->type_name,
        .sender = m->identity ? identity_username(m->identity) : PARLEY_STR("Server"),
        .lane = m->flags & PARLEY_EPHEMERAL ? LANE_EPHEMERAL : LANE_ORDERED};
    size_t expected = m->payload.n + SEALED_BYTES;
    struct buf text;

    if (m->identity)
        expected += identity_user(m->identity).n + identity_username(m->identity).n;
    take_numbers(h, m, &parts);
    packet_begin(&text, &parts, expected);
    write_sealed(h, m, &text);
    m->packet = packet_end(&text, &parts);
    if (!m->packet) {
        sequencer_give_back(h, m);
        return -ENOMEM;
    }
    m->parsed = NULL;
    m->state = MESSAGE_SEALED;
    return 0;
}

void sequencer_give_back(struct hub *h, struct message *m)
{
    int64_t *counter = counter_of(h, m);

    if (counter && *counter == m->cache_id)
        --*counter;
    if (m->to && m->offset && m->to->offset == m->offset)
        --m->to->offset;
    m->cache_id = m->offset = 0;
    packet_unref(m->packet);
    m->packet = NULL;
    m->parsed = NULL;
}

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

        if (!to->role.p && (to->kind == PARLEY_TO_ALL || (to->kind == PARLEY_TO_CHANNEL &&
                                                          str_casecmp(to->name, m->to->name) == 0)))
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

static void add_key(struct buf *b, const char *key)
{
    if (b->p[b->n - 1] != '{')
        buf_add_char(b, ',');
    buf_add_char(b, '"');
    buf_add_cstr(b, key);
    buf_add(b, "\":", 2);
}

static void add_int(struct buf *b, const char *key, int64_t v)
{
    add_key(b, key);
    buf_add_int(b, v);
}

static void add_str(struct buf *b, const char *key, parley_str v)
{
    add_key(b, key);
    buf_add_json(b, v);
}

/* The payload of the type, with what the host vouches for around it. */
static int write_sealed(const struct message *m, struct buf *b)
{
    char when[CLOCK_RFC3339_BYTES];

    buf_init(b, 0);
    if (!buf_reserve(b, m->payload.n + 256))
        return -ENOMEM;
    buf_add_char(b, '{');
    if (m->cache_id)
        add_int(b, "cacheID", m->cache_id);
    if (m->identity && (m->flags & PARLEY_SIGNED)) {
        add_str(b, "owner_id", identity_user(m->identity));
        add_str(b, "username", identity_username(m->identity));
    }
    if (m->payload.n > 2) { /* more than {} */
        if (b->p[b->n - 1] != '{')
            buf_add_char(b, ',');
        buf_add(b, m->payload.p + 1, m->payload.n - 2);
    }
    if (m->identity && (m->flags & PARLEY_SIGNED))
        add_str(b, "authored_at", str_of(clock_rfc3339(clock_unix_ms(), when)));
    if (m->offset) {
        add_str(b, "epoch", str_of(m->to->epoch));
        add_int(b, "offset", m->offset);
    }
    buf_add_char(b, '}');
    return b->error;
}

int sequencer_seal(struct hub *h, struct message *m)
{
    int64_t *counter = counter_of(h, m);
    struct packet_parts parts = {
        .type = m->type_name,
        .sender = m->identity ? identity_username(m->identity) : PARLEY_STR("Server"),
        .lane = m->flags & PARLEY_EPHEMERAL ? LANE_EPHEMERAL : LANE_ORDERED};
    struct buf sealed;

    if (counter)
        m->cache_id = ++*counter;
    if (counter == &h->cache_ids[0]) {
        m->offset = ++m->to->offset;
        parts.epoch = str_of(m->to->epoch);
    }
    if (m->to)
        parts.channel = m->to->name;
    if (write_sealed(m, &sealed) == 0) {
        parts.payload = (parley_str){sealed.p, sealed.n};
        parts.cache_id = m->cache_id;
        parts.offset = m->offset;
        m->packet = packet_new(&parts);
    }
    if (!m->packet) {
        buf_finish(&sealed);
        sequencer_give_back(h, m);
        return -ENOMEM;
    }
    buf_finish(&m->payload);
    m->payload = sealed;
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
}

/* What hooks ask for: queued, and done in the order of their calls once the hook has returned.
 *
 * So no hook runs within a hook, and a plugin never sees the world change under its feet. Doing one
 * may call hooks of others (on_join), which may ask for more: that goes to the end of the queue.
 * While a message is stored and delivered, or a client greeted, all of it waits: nothing may be
 * numbered or seen before what it came after.
 */
#include "base/log.h"
#include "base/str.h"
#include "hub/internal.h"

#include <stdlib.h>

struct op *op_new(struct hub *h, enum op_kind kind, struct plugin_instance *by, size_t text_bytes)
{
    struct op *op = calloc(1, sizeof *op + text_bytes);

    if (!op)
        return NULL;
    op->kind = kind;
    op->instance = by;
    *h->ops_end = op;
    h->ops_end = &op->next;
    return op;
}

size_t ops_to_bytes(const parley_to *to)
{
    return to->name.n + to->but_user.n + to->role.n + 3;
}

static parley_str keep(char **at, parley_str s)
{
    parley_str r = {*at, s.n};

    if (!s.p)
        return PARLEY_NONE;
    memcpy(*at, s.p, s.n);
    *at += s.n + 1; /* the 0 is calloc's */
    return r;
}

void ops_to(struct op *op, const parley_to *to)
{
    char *at = op->text;

    op->to = *to;
    op->to.name = keep(&at, to->name);
    op->to.but_user = keep(&at, to->but_user);
    op->to.role = keep(&at, to->role);
}

static void run_join(struct hub *h, const struct op *op)
{
    struct hub_client *c = clients_find(h, op->client);
    struct hub_channel *ch = channel_find(&h->channels, str_of(op->text));
    struct outcome why = {0};

    if (!c || !ch || c->state == HUB_CLIENT_CLOSING || clients_membership(c, ch))
        return;
    if (chain_join(h, c, ch, op->instance, &why) != PARLEY_REJECT) {
        if (clients_join(h, c, ch) < 0)
            clients_close(h, c->handle, 1013, PARLEY_LEFT_LOST, "out of memory");
    } else if (op->judged) {
        h->join_refused = op->judged;
        h->join_outcome = why;
    }
}

static void run_leave(struct hub *h, const struct op *op)
{
    struct hub_client *c = clients_find(h, op->client);
    struct hub_channel *ch = channel_find(&h->channels, str_of(op->text));

    if (!c || !ch || c->state == HUB_CLIENT_CLOSING || !clients_membership(c, ch))
        return;
    clients_leave(h, c, ch);
    chain_leave(h, c, ch, op->instance);
}

static void run_channel_close(struct hub *h, const struct op *op)
{
    struct hub_channel *ch = channel_find(&h->channels, str_of(op->text));
    bool all_told = true;

    if (!ch)
        return;
    for (uint32_t pump = 0; pump < h->pump_count; pump++) {
        struct mail_member *m;

        for (uint32_t slot = 0; slot < h->client_caps[pump] && ch->member_count; slot++) {
            struct hub_client *c = h->clients[pump][slot];

            if (!c || !clients_membership(c, ch))
                continue;
            clients_leave(h, c, ch);
            if (c->state != HUB_CLIENT_CLOSING)
                chain_leave(h, c, ch, op->instance);
        }
        m = calloc(1, sizeof *m);
        if (m) {
            m->channel = ch->number;
            hub_post(h, pump, &m->mail, MAIL_CHANNEL_CLOSED);
        }
        all_told &= m != NULL;
    }
    slots_free(&ch->slots);
    /* Its number must not be used again by a channel that a pump takes for this one. */
    channel_close(&h->channels, ch, !all_told);
}

static void run(struct hub *h, struct op *op)
{
    switch (op->kind) {
    case OP_SEND:
        road_server_message(h, op->message);
        op->message = NULL;
        break;
    case OP_PACKET:
        deliver_packet(h, op->packet, &op->to);
        break;
    case OP_JOIN:
        run_join(h, op);
        break;
    case OP_LEAVE:
        run_leave(h, op);
        break;
    case OP_CLOSE:
        clients_close(h, op->client, (uint16_t)op->number, PARLEY_LEFT_KICKED, op->text);
        break;
    case OP_CHANNEL_CLOSE:
        run_channel_close(h, op);
        break;
    }
}

static void op_free(struct op *op)
{
    packet_unref(op->packet);
    message_destroy(op->message);
    free(op);
}

void ops_run(struct hub *h)
{
    struct op *op;

    if (h->running_ops || h->ops_held)
        return;
    h->running_ops = true;
    while ((op = h->ops)) {
        h->ops = op->next;
        if (!h->ops)
            h->ops_end = &h->ops;
        run(h, op);
        op_free(op);
    }
    h->running_ops = false;
}

void ops_hold(struct hub *h)
{
    h->ops_held++;
}

void ops_release(struct hub *h)
{
    h->ops_held--;
    ops_run(h);
}

void ops_finish(struct hub *h)
{
    struct op *op;

    while ((op = h->ops)) {
        h->ops = op->next;
        op_free(op);
    }
    h->ops_end = &h->ops;
}

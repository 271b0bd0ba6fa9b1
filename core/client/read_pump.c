/* The read pump: the first steps of the road, from pieces of frames to a message for the hub.
 *
 * A message that comes in one piece is decoded where lws holds it; only pieces are copied together.
 * What is wrong with a message is told to its author and never ends the connection, unless the
 * WebSocket standard or a limit says so. What was handed in takes credit until the hub has settled
 * it; without credit nothing is read, but what lws had read already is taken.
 */
#include "client/read_pump.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "client/login_wait.h"
#include "client/pump.h"
#include "message/construct.h"
#include "net/wire.h"
#include "plugin/registry.h"

#include <stdlib.h>

#define SPARES_MOST   256
#define PAYLOAD_KEPT  4096 /* of a message that waits for its next use */
#define PAYLOAD_LEAST 4096 /* what a payload may have besides twice the bytes of a message */

/* --- messages: from the pool, and home again --- */

static struct message *take_message(struct pump *p)
{
    struct message *m = p->spares;

    if (!m)
        return message_new();
    p->spares = m->next;
    p->spare_count--;
    m->next = NULL;
    return m;
}

static void keep_message(struct pump *p, struct message *m)
{
    if (p->spare_count >= SPARES_MOST) {
        message_destroy(m);
        return;
    }
    message_reset(m);
    if (m->payload.cap > PAYLOAD_KEPT)
        buf_finish(&m->payload);
    m->next = p->spares;
    p->spares = m;
    p->spare_count++;
}

void read_pump_settled(struct pump *p, struct message *m)
{
    struct client *c = client_find(p, m->author);

    if (c && !m->credited)
        client_credit(c, 1, m->cost_bytes);
    keep_message(p, m);
}

void read_pump_credit(struct pump *p, const struct mail_credit *m)
{
    struct client *c = client_find(p, m->client);

    if (c)
        client_credit(c, 1, m->bytes);
}

void read_pump_finish(struct pump *p)
{
    struct message *m;

    while ((m = p->spares)) {
        p->spares = m->next;
        message_destroy(m);
    }
    p->spare_count = 0;
}

/* --- one whole message --- */

static void fill(struct client *c, struct message *m)
{
    metric_inc(m->type->metric_in);
    m->author = c->handle;
    m->identity = identity_ref(c->identity);
    m->protocol = c->protocol;
}

static void hand_in(struct client *c, struct message *m, size_t bytes)
{
    m->cost_bytes = (uint32_t)bytes;
    c->credit_messages--;
    c->credit_bytes -= (int32_t)bytes;
    m->last_credit = c->credit_messages <= 0 || c->credit_bytes <= 0;
    client_reading(c);
    actor_post(c->pump->hub, &m->mail, MAIL_MESSAGE);
}

static void answer_refusal(struct client *c, parley_str id, parley_str type,
                           const struct refusal *r)
{
    struct pump *p = c->pump;

    metric_inc(
        p->metrics.refused[r->code > 0 && r->code < PUMP_CODES ? r->code : PARLEY_E_INTERNAL]);
    log_event(LOG_LEVEL_DEBUG, "message_refused", LOG_STR("user", identity_user(c->identity)),
              LOG_STR("type", type), LOG_TEXT("code", code_name(r->code)), LOG_TEXT("msg", r->why));
    client_error(c, id, r->code, r->why, 0);
}

static void take_text(struct client *c, parley_str text)
{
    struct pump *p = c->pump;
    const struct settings_server *s = &p->settings->server;
    size_t limit = PAYLOAD_LEAST + 2 * (size_t)s->message_bytes;
    struct message *m = take_message(p);
    struct input in;
    struct refusal r;

    if (!m) {
        refusal_set(&r, PARLEY_E_UNAVAILABLE, "out of memory");
        answer_refusal(c, PARLEY_NONE, PARLEY_NONE, &r);
        return;
    }
    in.arena = &m->arena;
    in.depth = (unsigned)s->depth;
    in.tokens = (unsigned)s->tokens;
    if (construct_decode(&p->registry->protocols[c->protocol], text, &in, &r) == 0) {
        if (str_is(in.pub.type, "refresh")) {
            login_wait_refresh(c, in.pub.id, in.pub.fields);
            keep_message(p, m);
            return;
        }
        if (construct_message(p->registry, &in, &p->out, limit, m, &r) == 0) {
            fill(c, m);
            hand_in(c, m, text.n);
            return;
        }
    }
    answer_refusal(c, in.pub.id, in.pub.type, &r);
    keep_message(p, m);
}

/* --- what is not whole, or came too early --- */

static struct incoming *incoming(struct client *c)
{
    if (!c->in)
        c->in = calloc(1, sizeof *c->in);
    return c->in;
}

static void drop_pieces(struct client *c)
{
    struct incoming *in = c->in;

    if (!in)
        return;
    buf_finish(&in->pieces);
    in->fragments = 0;
    in->frame_open = false;
    if (!in->early.n) {
        buf_finish(&in->early);
        free(in);
        c->in = NULL;
    }
}

void read_pump_drop(struct client *c)
{
    if (c->in)
        buf_finish(&c->in->early);
    drop_pieces(c);
}

static int no_memory(struct client *c)
{
    client_close(c, 1013, PARLEY_LEFT_LOST, "out of memory");
    return 1013;
}

/* Reading is off by then, but lws may have read already. It waits here, within one message's size.
 */
static int keep_early(struct client *c, parley_str text)
{
    struct incoming *in = incoming(c);
    uint32_t n = (uint32_t)text.n;

    if (!in)
        return no_memory(c);
    if (in->early.n + n > (size_t)c->pump->settings->server.message_bytes) {
        client_close(c, 1008, PARLEY_LEFT_VIOLATION, "too much before it was admitted");
        return 1008;
    }
    buf_add(&in->early, &n, sizeof n);
    buf_add(&in->early, text.p, text.n);
    return in->early.error ? no_memory(c) : 0;
}

void read_pump_replay(struct client *c)
{
    struct buf early;
    uint32_t n;

    if (!c->in)
        return;
    early = c->in->early;
    c->in->early = (struct buf){0};
    if (!c->in->fragments)
        drop_pieces(c);
    for (size_t at = 0; at < early.n && c->state == CLIENT_OPEN; at += n) {
        memcpy(&n, early.p + at, sizeof n);
        at += sizeof n;
        take_text(c, (parley_str){early.p + at, n});
    }
    buf_finish(&early);
}

/* --- pieces --- */

static int violation(struct client *c, uint16_t code, const char *text)
{
    client_close(c, code, PARLEY_LEFT_VIOLATION, text);
    return code;
}

static int whole(struct client *c, parley_str text)
{
    if (!str_valid_utf8(text.p, text.n))
        return violation(c, 1007, "bad UTF-8");
    metric_inc(c->pump->metrics.messages_in);
    if (c->state != CLIENT_OPEN)
        return keep_early(c, text);
    take_text(c, text);
    return c->state == CLIENT_CLOSING ? c->close_code : 0;
}

static int add_piece(struct client *c, const char *p, size_t n, size_t remaining, bool final)
{
    const struct settings_server *s = &c->pump->settings->server;
    struct incoming *in = incoming(c);
    struct buf all;
    int code;

    if (!in)
        return no_memory(c);
    if (!in->fragments)
        in->since_ms = c->heard_ms;
    if (!in->frame_open)
        in->fragments++;
    in->frame_open = remaining > 0;
    if (in->pieces.n + n + remaining > (size_t)s->message_bytes)
        return violation(c, 1009, "message too big");
    if (in->fragments > s->fragments)
        return violation(c, 1008, "too many fragments");
    if (c->heard_ms - in->since_ms > s->message_ms)
        return violation(c, 1008, "a message took too long");
    buf_add(&in->pieces, p, n);
    if (in->pieces.error)
        return no_memory(c);
    if (!final || remaining)
        return 0;
    all = in->pieces; /* the client may close meanwhile, which frees its own */
    in->pieces = (struct buf){0};
    drop_pieces(c);
    code = whole(c, (parley_str){all.p ? all.p : "", all.n});
    buf_finish(&all);
    return code;
}

static int receive(struct client *c, const char *p, size_t n, size_t remaining, bool first,
                   bool final)
{
    size_t most = (size_t)c->pump->settings->server.message_bytes;

    if (first)
        drop_pieces(c);
    if (remaining > most || n + remaining > most)
        return violation(c, 1009, "message too big");
    if (first && final && !remaining)
        return whole(c, (parley_str){p, n});
    return add_piece(c, p, n, remaining, final);
}

int client_receive(struct client *c, const char *p, size_t n, size_t remaining, bool first,
                   bool final, bool binary)
{
    enum domain before = domain_enter(DOMAIN_PUMP);
    int code = 0;

    c->heard_ms = clock_mono_coarse_ms();
    if (c->state == CLIENT_CLOSING)
        ; /* discarded */
    else if (binary)
        code = violation(c, 1003, "binary frames are not understood");
    else
        code = receive(c, p, n, remaining, first, final);
    domain_leave(before);
    return code;
}

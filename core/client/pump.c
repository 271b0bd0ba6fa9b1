/* The pump as an actor: its mail, its flush, its tick.
 *
 * Mail is handled in the order in which it came, one entry after the other; that is all there is to
 * the order that clients see. The flush sends what the mail of this turn published.
 */
#include "client/pump.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "base/units.h"
#include "client/channel_mirror.h"
#include "client/cork.h"
#include "client/login_wait.h"
#include "client/read_pump.h"
#include "message/encode.h"
#include "message/message.h"
#include "net/net.h"

#include <stdlib.h>

#define HINT_LEAST_MS 500
#define PINGS_LEAST   1000 /* of a tick */
#define PAYLOAD_BYTES 4096

static const char *const drop_words[PUMP_DROPS] = {
    [PUMP_DROP_CHOKED] = "choked", [PUMP_DROP_FULL] = "queue_full", [PUMP_DROP_SLOW] = "slow",
    [PUMP_DROP_LOST] = "lost",     [PUMP_DROP_MEMORY] = "memory",
};

void pump_dropped(struct client *c, enum pump_drop why, uint32_t messages)
{
    enum log_level level =
        why == PUMP_DROP_CHOKED || why == PUMP_DROP_FULL ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO;

    metric_add(c->pump->metrics.drops[why], messages);
    log_event(level, "messages_dropped", LOG_TEXT("reason", drop_words[why]),
              LOG_INT("messages", messages),
              LOG_STR("user", c->identity ? identity_user(c->identity) : PARLEY_NONE),
              LOG_IP("address", &c->address));
}

uint64_t pump_random(struct pump *p)
{
    p->random ^= p->random << 13;
    p->random ^= p->random >> 7;
    p->random ^= p->random << 17;
    return p->random;
}

/* --- mail --- */

static void take_frame(struct pump *p, struct mail_frame *m)
{
    struct client *c = client_find(p, m->client);

    if (c)
        client_send(c, m->frame, m->lane, m->greeting);
    else
        frame_unref(m->frame);
}

static void take_member(struct pump *p, const struct mail_member *m)
{
    struct client *c = client_find(p, m->client);

    if (m->mail.kind == MAIL_CHANNEL_CLOSED)
        mirror_channel_closed(p, m->channel);
    else if (!c || (c->state != CLIENT_OPEN && c->state != CLIENT_CONNECTING))
        return;
    else if (m->mail.kind == MAIL_LEAVE)
        mirror_leave(p, c, m->channel);
    else if (mirror_join(p, c, m->channel) < 0)
        client_close(c, 1013, PARLEY_LEFT_LOST, "out of memory");
}

static void take_admitted(struct pump *p, const struct mail_client *m)
{
    struct client *c = client_find(p, m->client);

    if (c)
        client_admitted(c, m->user);
}

/* Its own GONE has come back. */
static void take_forgotten(struct mail *m)
{
    struct client *c = (struct client *)((char *)m - offsetof(struct client, gone));

    c->forgotten = true;
    client_release(c);
}

static void take_close(struct pump *p, const struct mail_close *m)
{
    struct client *c = client_find(p, m->client);

    if (c)
        client_close(c, m->code, m->reason, m->text);
}

static void drain(struct pump *p)
{
    uint64_t spread = (uint64_t)p->settings->server.drain_ms;
    char text[48];

    spread = spread > HINT_LEAST_MS ? spread - HINT_LEAST_MS : 0;
    p->draining = true;
    if (p->net)
        net_stop_accepting(p->net);
    for (uint32_t i = 0; i < p->slot_count; i++) {
        struct client *c = p->slots[i].client;

        if (!c || c->state == CLIENT_CLOSING)
            continue;
        snprintf(text, sizeof text, "{\"reconnect_in_ms\":%" PRIu64 "}",
                 HINT_LEAST_MS + pump_random(p) % (spread + 1));
        client_close(c, 1012, PARLEY_LEFT_RESTART, text);
    }
}

static void recheck(struct pump *p)
{
    for (uint32_t i = 0; i < p->slot_count; i++)
        if (p->slots[i].client)
            login_wait_check(p->slots[i].client);
}

static void on_mail(struct actor *a, struct mail *m)
{
    struct pump *p = (struct pump *)a;
    int64_t depth = actor_depth(a);

    if (depth > p->depth_seen)
        p->depth_seen = depth;
    switch (m->kind) {
    case MAIL_FRAME:
        take_frame(p, (struct mail_frame *)m);
        break;
    case MAIL_PUBLISH:
        mirror_publish(p, (struct mail_publish *)m);
        break;
    case MAIL_SETTLED:
        read_pump_settled(p, message_of_mail(m));
        return;
    case MAIL_CREDIT:
        read_pump_credit(p, (struct mail_credit *)m);
        break;
    case MAIL_JOIN:
    case MAIL_LEAVE:
    case MAIL_CHANNEL_CLOSED:
        take_member(p, (const struct mail_member *)m);
        break;
    case MAIL_ADMITTED:
        take_admitted(p, (const struct mail_client *)m);
        break;
    case MAIL_FORGOTTEN:
        take_forgotten(m);
        return;
    case MAIL_CLOSE:
        take_close(p, (const struct mail_close *)m);
        break;
    case MAIL_DRAIN:
        drain(p);
        break;
    case MAIL_RECHECK:
        recheck(p);
        break;
    default:
        if (p->on_other_mail)
            p->on_other_mail(p, m);
        else /* not freed: nobody here knows in what it lies */
            log_event(LOG_LEVEL_ERROR, "mail_unknown", LOG_TEXT("actor", a->name),
                      LOG_INT("kind", m->kind));
        return;
    }
    free(m);
}

/* --- after each drain, and once a second --- */

static void tell_metrics(struct pump *p)
{
    if (!p->told.sends)
        return;
    metric_add(p->metrics.sends, (double)p->told.sends);
    metric_add(p->metrics.bytes_out, (double)p->told.bytes);
    metric_add(p->metrics.deliveries, (double)p->told.deliveries);
    p->told.sends = p->told.bytes = p->told.deliveries = 0;
}

/* The hub holds messages back while a mailbox of ours is over its high-water mark, which is well
 * above this one: so whoever saw that is told. */
static void tell_drained(struct pump *p)
{
    struct mail *m;

    if (p->depth_seen < PUMP_LOW_WATER || actor_depth(&p->actor) >= PUMP_LOW_WATER)
        return;
    m = malloc(sizeof *m);
    if (!m) /* the next turn tries again */
        return;
    p->depth_seen = 0;
    actor_post(p->hub, m, MAIL_PUMP_DRAINED);
}

static void on_flush(struct actor *a)
{
    struct pump *p = (struct pump *)a;

    flush_window_pass(p);
    if (p->corked.count)
        cork_pass(p);
    tell_metrics(p);
    tell_drained(p);
}

static void on_flush_timer(struct ev_loop *ev, ev_timer *w, int events)
{
    (void)ev;
    (void)w;
    (void)events; /* it was woken: mail comes first, then the flush */
}

static void on_tick(struct actor *a, int64_t now_ms)
{
    struct pump *p = (struct pump *)a;

    p->pings_left = p->client_count / 4 > PINGS_LEAST ? p->client_count / 4 : PINGS_LEAST;
    for (uint32_t i = 0; i < p->slot_count; i++)
        if (p->slots[i].client)
            client_tick(p->slots[i].client, now_ms);
    tell_metrics(p);
    tell_drained(p);
}

/* --- its own life --- */

static void find_metrics(struct pump *p)
{
    static const char *const words[PUMP_LEFT_REASONS] = {
        "normal", "lost", "slow", "kicked", "expired", "restart", "refused", "violation"};

    p->metrics.messages_in = metric(METRIC_COUNTER, "messages_received",
                                    "Messages that clients sent.", NULL, PARLEY_NONE);
    p->metrics.deliveries =
        metric(METRIC_COUNTER, "deliveries", "Messages handed to sockets, one for each receiver.",
               NULL, PARLEY_NONE);
    p->metrics.bytes_out =
        metric(METRIC_COUNTER, "bytes_sent", "Bytes handed to sockets, WebSocket headers included.",
               NULL, PARLEY_NONE);
    p->metrics.sends =
        metric(METRIC_COUNTER, "sends", "Sends that carried deliveries.", NULL, PARLEY_NONE);
    p->metrics.flushes =
        metric(METRIC_COUNTER, "flushes", "Flushes of pending batches.", NULL, PARLEY_NONE);
    p->metrics.clients =
        metric(METRIC_GAUGE, "clients", "WebSocket connections that are open.", NULL, PARLEY_NONE);
    for (int i = 0; i < PUMP_DROPS; i++)
        p->metrics.drops[i] =
            metric(METRIC_COUNTER, "drops", "Messages that did not reach a client, by reason.",
                   "reason", str_of(drop_words[i]));
    for (int i = 0; i < PUMP_LEFT_REASONS; i++)
        p->metrics.left[i] =
            metric(METRIC_COUNTER, "disconnects", "Clients that left or were refused, by reason.",
                   "reason", str_of(words[i]));
    for (int i = 1; i < PUMP_CODES; i++)
        p->metrics.refused[i] =
            metric(METRIC_COUNTER, "messages_refused",
                   "Messages that a pump refused before the hub saw them, by error code.", "code",
                   str_of(code_name(i)));
}

/* -1: auto. */
static int read_window(const char *text, int64_t *ret_us)
{
    int64_t ms;

    *ret_us = -1;
    if (!text || strcmp(text, "auto") == 0)
        return 0;
    if (units_duration(str_of(text), &ms) < 0)
        return -EINVAL;
    *ret_us = ms * 1000;
    return 0;
}

int pump_init(struct pump *p, uint32_t index, const struct settings *s, const struct registry *r,
              struct logins *l, struct actor *hub)
{
    *p = (struct pump){.index = index, .settings = s, .registry = r, .logins = l, .hub = hub};
    p->actor.domain = DOMAIN_PUMP;
    p->actor.on_mail = on_mail;
    p->actor.flush = on_flush;
    p->actor.on_tick = on_tick;
    snprintf(p->name, sizeof p->name, "pump %u", index);
    p->actor.name = p->name;
    p->window.serial = 1;
    if (read_window(s->server.flush_window, &p->window.fixed_us) < 0)
        return -EINVAL;
    ev_timer_init(&p->flush_timer, on_flush_timer, 0., 0.);
    if (!str_random(&p->random, sizeof p->random) || !p->random)
        p->random = (uint64_t)clock_mono_us() | 1;
    out_init(&p->out, PAYLOAD_BYTES);
    p->scratch = malloc(PUMP_SCRATCH_BYTES);
    p->joint = malloc(PUMP_SCRATCH_BYTES);
    if (!p->scratch || !p->joint) {
        pump_finish(p);
        return -ENOMEM;
    }
    find_metrics(p);
    return 0;
}

void pump_finish(struct pump *p)
{
    struct ev_loop *ev = p->actor.loop ? p->actor.loop->ev : NULL;

    if (ev && ev_is_active(&p->flush_timer))
        ev_timer_stop(ev, &p->flush_timer);
    for (uint32_t i = 0; i < p->slot_count; i++) {
        struct client *c = p->slots[i].client;

        if (!c)
            continue;
        mirror_leave_all(p, c, false);
        c->wsi = NULL;
        c->forgotten = true;
        client_release(c);
    }
    mirror_finish(p);
    cork_finish(p);
    read_pump_finish(p);
    free(p->slots);
    p->slots = NULL;
    p->slot_count = p->slot_free = 0;
    out_finish_memory(&p->out);
    free(p->scratch);
    free(p->joint);
    p->scratch = p->joint = NULL;
}

bool pump_empty(const struct pump *p)
{
    return p->client_count == 0;
}

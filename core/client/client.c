/* The life of a client: opened by net/, connected and admitted, closed once, released.
 *
 * Closing has one beginning, whoever decides it: here the client leaves its channels and the hub is
 * told, before anything else can happen to it. That needs no memory (the mail that says GONE is
 * part of the client), so that connect, gone and release happen exactly once each, whatever fails
 * in between.
 */
#include "client/client.h"

#include "base/clock.h"
#include "base/grow.h"
#include "base/log.h"
#include "base/str.h"
#include "client/channel_mirror.h"
#include "client/cork.h"
#include "client/login.h"
#include "client/login_wait.h"
#include "client/pump.h"
#include "client/read_pump.h"
#include "client/send_queue.h"
#include "message/encode.h"
#include "net/admission.h"
#include "net/wire.h"

#include <stdlib.h>

#define PINGS_MOST       100 /* of a client, between two ticks */
#define CLOSE_TEXT_BYTES 123 /* that a CLOSE frame may hold behind its code */

static const char *const left_words[PUMP_LEFT_REASONS] = {
    [PARLEY_LEFT_NORMALLY] = "normal", [PARLEY_LEFT_LOST] = "lost",
    [PARLEY_LEFT_SLOW] = "slow",       [PARLEY_LEFT_KICKED] = "kicked",
    [PARLEY_LEFT_EXPIRED] = "expired", [PARLEY_LEFT_RESTART] = "restart",
    [PARLEY_LEFT_REFUSED] = "refused", [PARLEY_LEFT_VIOLATION] = "violation",
};

/* --- slots --- */

static int grow_slots(struct pump *p)
{
    uint32_t count = grow_by_half(p->slot_count, 64);
    struct client_slot *more = realloc(p->slots, count * sizeof *more);

    if (!more)
        return -ENOMEM;
    for (uint32_t i = p->slot_count; i < count; i++)
        more[i] = (struct client_slot){.generation = 1, .next_free = i + 1 < count ? i + 2 : 0};
    p->slot_free = p->slot_count + 1;
    p->slots = more;
    p->slot_count = count;
    return 0;
}

static struct client *new_client(struct pump *p, const struct handshake *hs)
{
    struct client_slot *slot;
    struct client *c;

    if (!p->slot_free && grow_slots(p) < 0)
        return NULL;
    c = calloc(1, sizeof *c);
    if (c && hs->login)
        c->wait = login_wait_new();
    if (!c || (hs->login && !c->wait)) {
        free(c);
        return NULL;
    }
    slot = &p->slots[p->slot_free - 1];
    c->pump = p;
    c->wsi = hs->wsi;
    c->handle = client_handle_make(p->index, slot->generation, p->slot_free - 1);
    c->protocol = hs->protocol;
    c->tls = hs->tls;
    c->fd = hs->fd;
    c->state = CLIENT_CONNECTING;
    c->forgotten = true;
    c->heard_ms = c->since_ms = c->opened_ms = clock_mono_ms();
    mirror_client(c);
    c->address = *hs->address;
    c->socket_counted = hs->socket_counted;
    p->slot_free = slot->next_free;
    slot->client = c;
    p->client_count++;
    metric_add(p->metrics.clients, 1);
    return c;
}

struct client *client_find(struct pump *p, client_handle h)
{
    uint32_t i = client_handle_slot(h);

    if (!h || client_handle_pump(h) != p->index || i >= p->slot_count || !p->slots[i].client ||
        p->slots[i].client->handle != h)
        return NULL;
    return p->slots[i].client;
}

void client_release(struct client *c)
{
    struct pump *p = c->pump;
    uint32_t i = client_handle_slot(c->handle);
    struct client_slot *slot = &p->slots[i];

    if (c->wsi || !c->forgotten)
        return;
    slot->client = NULL;
    slot->generation = (slot->generation + 1) & 0xffffff;
    slot->next_free = p->slot_free;
    p->slot_free = i + 1;
    identity_unref(c->identity);
    login_wait_free(c->wait);
    read_pump_drop(c);
    send_queue_free(c->queue);
    free(c->close_text);
    free(c);
}

/* --- in --- */

/* Whatever was counted at the door for one that is not let in, or has left. */
static void give_back(struct pump *p, const struct ip *address, const struct identity *user)
{
    if (!p->admission)
        return;
    admission_address_left(p->admission, address);
    if (user)
        admission_user_left(p->admission, identity_issuer(user), identity_user(user));
}

/* Each pump has its share of [server] pending, so that pumps count without asking each other. */
static bool too_many_wait(const struct pump *p)
{
    const struct settings_server *s = &p->settings->server;
    int64_t share = s->pending / (s->pumps > 0 ? s->pumps : 1);

    return p->pending_count >= (uint64_t)(share > 0 ? share : 1);
}

struct client *client_open(struct pump *p, const struct handshake *hs)
{
    enum domain before = domain_enter(DOMAIN_PUMP);
    struct client *c = NULL;

    if (!p->draining && (hs->identity || (hs->login && !too_many_wait(p))))
        c = new_client(p, hs);
    if (!c) {
        log_event(LOG_LEVEL_WARNING, "client_refused", LOG_IP("address", hs->address),
                  LOG_TEXT("msg", p->draining    ? "draining"
                                  : hs->identity ? "out of memory"
                                                 : "too many logins wait"));
        metric_inc(p->metrics.left[PARLEY_LEFT_REFUSED]);
        give_back(p, hs->address, hs->identity);
        identity_unref(hs->identity);
        if (hs->login)
            login_free(hs->login);
    } else {
        wire_read(c->wsi, false);
        log_event(LOG_LEVEL_DEBUG, "client_opened", LOG_IP("address", &c->address),
                  LOG_STR("user", hs->identity ? identity_user(hs->identity) : PARLEY_NONE));
        if (hs->identity) {
            c->user_counted = true;
            c->corked = hs->corked;
            client_connect(c, hs->identity);
        } else {
            c->state = CLIENT_PENDING;
            p->pending_count++;
            c->wait->login = hs->login;
            login_wait_check(c); /* what was published since the handshake asked */
        }
    }
    domain_leave(before);
    return c;
}

void client_set_identity(struct client *c, struct identity *take_identity)
{
    int64_t now = clock_mono_ms(), wall = clock_unix_ms(), at = take_identity->expires_unix_ms;

    identity_unref(c->identity);
    c->identity = take_identity;
    c->expiring_told = false;
    c->expires_ms = 0;
    if (at)
        c->expires_ms = at > wall ? now + (at - wall) : now;
    if (at && !c->expires_ms)
        c->expires_ms = 1;
}

static void leave_pending(struct client *c)
{
    if (c->state == CLIENT_PENDING)
        c->pump->pending_count--;
    login_wait_free(c->wait);
    c->wait = NULL;
}

void client_connect(struct client *c, struct identity *take_identity)
{
    struct mail_connect *m = malloc(sizeof *m);

    client_set_identity(c, take_identity);
    if (!m) {
        client_close(c, 1013, PARLEY_LEFT_REFUSED, "out of memory");
        return;
    }
    leave_pending(c);
    c->state = CLIENT_CONNECTING;
    c->since_ms = clock_mono_ms();
    c->forgotten = false;
    c->gone_due = true;
    m->client = c->handle;
    m->identity = identity_ref(c->identity);
    m->protocol = c->protocol;
    actor_post(c->pump->hub, &m->mail, MAIL_CONNECT);
}

void client_admitted(struct client *c, uint64_t user)
{
    const struct settings_server *s = &c->pump->settings->server;

    if (c->state != CLIENT_CONNECTING)
        return;
    c->user = user;
    c->state = CLIENT_OPEN;
    cork_end(c);
    c->since_ms = c->heard_ms = clock_mono_ms();
    c->credit_messages = (int32_t)s->credit_messages;
    c->credit_bytes = (int32_t)s->credit_bytes;
    if (mirror_join(c->pump, c, 0) < 0) {
        client_close(c, 1013, PARLEY_LEFT_LOST, "out of memory");
        return;
    }
    read_pump_replay(c);
    client_reading(c);
}

/* --- what it may send --- */

void client_reading(struct client *c)
{
    bool want = c->state == CLIENT_OPEN && c->credit_messages > 0 && c->credit_bytes > 0;

    if (c->state == CLIENT_CLOSING || want == c->reading)
        return;
    c->reading = want;
    if (want) /* silence while nobody listened is no silence */
        c->heard_ms = clock_mono_ms();
    wire_read(c->wsi, want);
}

void client_credit(struct client *c, uint32_t messages, uint32_t bytes)
{
    c->credit_messages += (int32_t)messages;
    c->credit_bytes += (int32_t)bytes;
    if (c->wsi)
        client_reading(c);
}

void client_heard(struct client *c)
{
    c->heard_ms = clock_mono_ms();
}

/* The PONG is a frame like any other: who asks for more of them than he reads is too slow. */
void client_pinged(struct client *c, parley_str payload)
{
    struct frame *f;

    client_heard(c);
    if (c->state == CLIENT_CLOSING)
        return;
    if (++c->pings > PINGS_MOST) {
        client_close(c, 1008, PARLEY_LEFT_VIOLATION, "too many pings");
        return;
    }
    f = frame_new(FRAME_PONG, payload);
    if (f)
        client_send(c, f, LANE_ORDERED, false);
}

void client_error(struct client *c, parley_str id, int code, const char *text,
                  int64_t retry_after_ms)
{
    struct frame *f =
        encode_error(&c->pump->registry->protocols[c->protocol], id, code, text, retry_after_ms);

    if (f)
        client_send(c, f, LANE_ORDERED, false);
    else
        pump_dropped(c, PUMP_DROP_MEMORY, 1);
}

void client_ack(struct client *c, parley_str id)
{
    struct frame *f;

    if (!id.p)
        return;
    f = encode_ack(&c->pump->registry->protocols[c->protocol], id);
    if (f)
        client_send(c, f, LANE_ORDERED, false);
    else
        pump_dropped(c, PUMP_DROP_MEMORY, 1);
}

/* --- out --- */

static char *cut_text(const char *text)
{
    size_t n = text ? strlen(text) : 0;

    if (n > CLOSE_TEXT_BYTES) {
        n = CLOSE_TEXT_BYTES;
        while (n && (text[n] & 0xC0) == 0x80)
            n--;
    }
    return n ? str_dup(str_n(text, n)) : NULL; /* without memory it closes without a word */
}

void client_unchoke(struct client *c)
{
    if (!c->queue)
        return;
    send_queue_free(c->queue);
    c->queue = NULL;
    mirror_refresh(c);
}

/* When it is decided, not when a socket that nobody reads is given up at last. */
static void log_closed(const struct client *c)
{
    log_event(LOG_LEVEL_INFO, "client_closed",
              LOG_STR("user", c->identity ? identity_user(c->identity) : PARLEY_NONE),
              LOG_IP("address", &c->address), LOG_INT("code", c->close_code),
              LOG_TEXT("reason", left_words[c->gone.reason]), LOG_TEXT("msg", c->close_text),
              LOG_NUMBER("seconds", (double)(clock_mono_ms() - c->opened_ms) / 1000.));
}

/* The one beginning of every end. */
static void begin_closing(struct client *c, uint16_t code, int left_reason, const char *text)
{
    struct pump *p = c->pump;
    uint32_t lost = c->queue ? c->queue->messages + c->queue->uncounted : 0;

    c->close_text = cut_text(text); /* first: it may be the words of the login that goes now */
    leave_pending(c);
    c->state = CLIENT_CLOSING;
    cork_end(c);
    c->since_ms = clock_mono_ms();
    c->close_code = code;
    c->gone.client = c->handle;
    c->gone.reason = left_reason;
    mirror_leave_all(p, c, false);
    read_pump_drop(c);
    if (code == 4408 || code == 1006 || c->peer_closing) {
        if (lost)
            pump_dropped(c, code == 4408 ? PUMP_DROP_SLOW : PUMP_DROP_LOST, lost);
        client_unchoke(c);
    }
    metric_inc(p->metrics.left[left_reason]);
    log_closed(c);
    if (c->gone_due) {
        c->gone_due = false;
        actor_post(p->hub, &c->gone.mail, MAIL_GONE);
    }
}

void client_close(struct client *c, uint16_t code, int left_reason, const char *text)
{
    if (c->state == CLIENT_CLOSING)
        return;
    if (left_reason < 0 || left_reason >= PUMP_LEFT_REASONS)
        left_reason = PARLEY_LEFT_KICKED; /* a plugin's number */
    if (code != 4408 && code != 1006) {
        mirror_leave_all(c->pump, c, true);
        if (c->state == CLIENT_CLOSING) /* what was pending for it was one too many */
            return;
    }
    begin_closing(c, code, left_reason, text);
    if (!c->wsi)
        return;
    if (code == 1006) {
        c->aborted = true;
        wire_abort(c->wsi);
        return;
    }
    if (!c->reading) /* else neither its CLOSE nor its end would be seen */
        wire_read(c->wsi, true);
    c->reading = true;
    wire_want_writable(c->wsi);
}

void client_peer_closing(struct client *c)
{
    enum domain before = domain_enter(DOMAIN_PUMP);

    c->peer_closing = true;
    if (c->state != CLIENT_CLOSING)
        begin_closing(c, 1000, PARLEY_LEFT_NORMALLY, NULL);
    domain_leave(before);
}

void client_peer_closed(struct client *c, uint16_t code)
{
    char frame[FRAME_HEADER_BYTES + 2];
    size_t n = frame_header(frame, FRAME_CLOSE, code ? 2 : 0);

    client_peer_closing(c);
    if (c->aborted || !c->wsi)
        return;
    if (code) {
        frame[n++] = (char)(code >> 8);
        frame[n++] = (char)code;
    }
    if (!c->close_given) /* else this is the answer to ours */
        wire_send(c->wsi, c->tls, frame, n);
    c->aborted = true;
    wire_abort(c->wsi);
}

void client_broken(struct client *c)
{
    if (c->state != CLIENT_CLOSING) {
        client_close(c, 1006, PARLEY_LEFT_LOST, NULL);
    } else if (!c->aborted) {
        client_unchoke(c);
        c->aborted = true;
        wire_abort(c->wsi);
    }
}

void client_closed(struct client *c)
{
    enum domain before = domain_enter(DOMAIN_PUMP);
    struct pump *p = c->pump;

    c->wsi = NULL;
    if (c->state != CLIENT_CLOSING)
        begin_closing(c, 1006, PARLEY_LEFT_LOST, NULL);
    client_unchoke(c);
    give_back(p, &c->address, c->user_counted ? c->identity : NULL);
    p->client_count--;
    metric_add(p->metrics.clients, -1);
    client_release(c);
    domain_leave(before);
}

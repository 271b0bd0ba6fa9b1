/* What time does to a client: deadlines, pings, the end of its token.
 *
 * Called for every client once a second, so it looks at a few numbers and returns. Any sign of life
 * counts; nobody is called silent while we are the ones who do not listen.
 */
#include "base/buf.h"
#include "base/log.h"
#include "client/client.h"
#include "client/login_wait.h"
#include "client/pump.h"
#include "client/read_pump.h"
#include "client/send_queue.h"
#include "client/write_pump.h"
#include "message/encode.h"
#include "net/wire.h"

#define EXPIRING_MS      60000
#define GREETING_ROOM_MS 1000 /* token_expiring is not to get between ADMITTED and the greeting */
#define SLOW_CLOSE_MS    30000

static void tick_closing(struct client *c, int64_t now_ms)
{
    int64_t limit = c->pump->settings->server.close_ms;

    /* Who is told that he was too slow has megabytes of ours to read before he comes to it, in his
     * system's buffers and in ours: the connection stays until he had a chance to, unless the
     * server itself is going. */
    if (c->close_code == 4408 && !c->close_given && !c->pump->draining && limit < SLOW_CLOSE_MS)
        limit = SLOW_CLOSE_MS;
    if (c->aborted || !c->wsi || now_ms - c->since_ms < limit)
        return;
    c->aborted = true;
    wire_abort(c->wsi);
}

/* True: it is closing now. */
static bool tick_queue(struct client *c, int64_t now_ms)
{
    const struct settings_server *s = &c->pump->settings->server;
    const struct send_queue *q = c->queue;

    if (!q)
        return false;
    if (q->stalled_since_ms && now_ms - q->stalled_since_ms >= s->stalled_ms) {
        log_event(LOG_LEVEL_INFO, "client_stalled", LOG_STR("user", identity_user(c->identity)),
                  LOG_INT("queue_bytes", q->bytes), LOG_INT("queue_messages", q->messages),
                  LOG_INT("kernel_bytes", wire_unsent(c->wsi)));
        client_close(c, 4408, PARLEY_LEFT_SLOW, "too slow");
    } else if (q->greeting_since_ms && now_ms - q->greeting_since_ms >= s->greeting_ms) {
        client_close(c, 4408, PARLEY_LEFT_SLOW, "the greeting was not taken in time");
    }
    return c->state == CLIENT_CLOSING;
}

static bool tick_life(struct client *c, int64_t now_ms)
{
    const struct settings_server *s = &c->pump->settings->server;
    int64_t silent = now_ms - c->heard_ms;

    if (!c->reading)
        return false;
    if (silent >= s->hangup_ms) {
        client_close(c, 1006, PARLEY_LEFT_LOST, "no sign of life");
        return true;
    }
    /* A choked one is watched by its queue. The pings of a tick are limited, so that thousands who
     * fell silent together do not hold up everybody else; there is time until hangup. */
    if (silent >= s->ping_ms && now_ms - c->pinged_ms >= s->ping_ms && !c->queue &&
        c->pump->pings_left) {
        c->pump->pings_left--;
        if (write_pump_ping(c))
            c->pinged_ms = now_ms;
    }
    return c->state == CLIENT_CLOSING;
}

static void tell_expiring(struct client *c, int64_t left_ms)
{
    char payload[48];
    struct frame *f;
    int n = snprintf(payload, sizeof payload, "{\"expires_in\":%" PRId64 "}",
                     left_ms > 0 ? (left_ms + 999) / 1000 : 0);

    f = encode_notice(&c->pump->registry->protocols[c->protocol], "token_expiring",
                      (parley_str){payload, (size_t)n});
    if (!f) /* the next tick tries again */
        return;
    c->expiring_told = true;
    client_send(c, f, LANE_ORDERED, false);
}

static void tick_expiry(struct client *c, int64_t now_ms)
{
    int64_t left = c->expires_ms - now_ms;

    if (!c->expires_ms)
        return;
    if (!c->expiring_told && left <= EXPIRING_MS && now_ms - c->since_ms >= GREETING_ROOM_MS)
        tell_expiring(c, left);
    if (left <= 0 && c->identity->close_on_expiry)
        client_close(c, 4401, PARLEY_LEFT_EXPIRED, "token expired");
}

void client_tick(struct client *c, int64_t now_ms)
{
    const struct settings_server *s = &c->pump->settings->server;

    c->pings = 0;
    switch ((enum client_state)c->state) {
    case CLIENT_CLOSING:
        tick_closing(c, now_ms);
        return;
    case CLIENT_PENDING:
        if (now_ms - c->since_ms >= s->authentication_ms)
            client_close(c, 4401, PARLEY_LEFT_REFUSED, "no decision in time");
        return;
    case CLIENT_CONNECTING:
        tick_queue(c, now_ms);
        return;
    case CLIENT_OPEN:
        break;
    }
    if (tick_queue(c, now_ms) || tick_life(c, now_ms))
        return;
    if (c->in && c->in->fragments && now_ms - c->in->since_ms > s->message_ms) {
        client_close(c, 1008, PARLEY_LEFT_VIOLATION, "a message took too long");
        return;
    }
    login_wait_tick(c, now_ms);
    if (c->state == CLIENT_OPEN)
        tick_expiry(c, now_ms);
}

/* Accepting: pacing, the reserve of descriptors, refusals that need no HTTP, and adoption by lws.
 *
 * Whatever is short (the rate, descriptors, memory) makes connections wait in the kernel's backlog,
 * by stopping the watchers of the listening sockets; a level-triggered watcher that cannot accept
 * would keep the loop busy. Only caps refuse.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/str.h"
#include "net/conn.h"

#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    ACCEPTS_A_TURN = 64,
    RESERVED_DESCRIPTORS = 128, /* of the process, for files, databases and fetches */
    LOOK_AHEAD = 32, /* descriptors before the reserve from where on each accept looks first */
    BACKOFF_MS = 50,
    BACKOFF_MOST_MS = 1000,
    LINGER_MS = 500,
    BURST_PART = 10, /* a tenth of a second's connections may come at once */
    BURST_LEAST = 4,
};

/* --- refusals --- */

void net_refused(struct net *n, const char *reason, const struct ip *address, parley_str path)
{
    static const struct ip unknown;

    (void)n;
    metric_inc(metric(METRIC_COUNTER, "refusals", "Connections and requests that were turned away",
                      "reason", str_of(reason)));
    log_event(LOG_LEVEL_INFO, "refused", LOG_TEXT("reason", reason),
              LOG_IP("address", address ? address : &unknown), LOG_STR("path", path));
}

static void on_linger(struct ev_loop *ev, ev_timer *w, int events)
{
    struct net *n = w->data;
    int64_t now = clock_mono_ms();

    (void)events;
    while (n->linger_count && n->linger[n->linger_first].until_ms <= now) {
        close(n->linger[n->linger_first].fd);
        n->linger_first = (n->linger_first + 1) % ACCEPT_LINGER;
        n->linger_count--;
    }
    if (n->linger_count) {
        ev_timer_set(w, LINGER_MS / 1000., 0.);
        ev_timer_start(ev, w);
    }
}

/* Says why in a few bytes and closes. A close() with unread bytes would send a reset, which takes
 * the answer with it: so a few sockets stay open until their peer has sent its request. */
void accept_turn_away(struct net *n, int fd, const char *answer)
{
    if (send(fd, answer, strlen(answer), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
        close(fd);
        return;
    }
    shutdown(fd, SHUT_WR);
    if (n->linger_count == ACCEPT_LINGER) {
        close(fd);
        return;
    }
    unsigned i = (n->linger_first + n->linger_count++) % ACCEPT_LINGER;
    n->linger[i].fd = fd;
    n->linger[i].until_ms = clock_mono_ms() + LINGER_MS;
    if (!ev_is_active(&n->linger_timer)) {
        ev_timer_set(&n->linger_timer, LINGER_MS / 1000., 0.);
        ev_timer_start(n->loop->ev, &n->linger_timer);
    }
}

static void turn_away(struct net *n, int fd, const char *answer)
{
    if (n->tls)
        close(fd);
    else
        accept_turn_away(n, fd, answer);
}

#define ANSWER(status, text)                                                     \
    "HTTP/1.1 " status                                                           \
    "\r\nContent-Type: text/plain; charset=utf-8\r\nCache-Control: no-store\r\n" \
    "Retry-After: 5\r\nConnection: close\r\n\r\n" text "\n"
static const char answer_full[] = ANSWER("503 Service Unavailable", "The server is full.");
static const char answer_address[] =
    ANSWER("429 Too Many Requests", "Too many connections from your address.");

/* --- one connection --- */

/* lws closes the descriptor of an adoption that fails. */
void accept_adopt(struct net *n, struct conn *c)
{
    lws_adopt_desc_t a = {.vh = n->vhost,
                          .type = LWS_ADOPT_SOCKET | LWS_ADOPT_HTTP |
                                  (c->local ? 0 : LWS_ADOPT_ALLOW_SSL),
                          .fd = {.sockfd = c->fd},
                          .opaque = c};
    struct lws *wsi;

    conn_wait(c, WAIT_HANDSHAKE);
    n->adopting = c;
    wsi = lws_adopt_descriptor_vhost_via_info(&a);
    if (wsi) {
        if (n->adopting) {
            c->wsi = wsi;
            /* Its own timeout would stand in one list with everybody's, which lws walks for each
             * that is set; conn_wait's deadline is shorter. */
            lws_set_timeout(wsi, NO_PENDING_TIMEOUT, 0);
        }
        metric_inc(n->metrics.accepts);
    } else {
        if (n->adopting)
            conn_free(n->adopting);
        net_refused(n, "adoption", NULL, PARLEY_NONE);
    }
    n->adopting = NULL;
}

static void welcome(struct net *n, int fd, const struct sockaddr_storage *from)
{
    struct ip peer;
    bool proxy = false, counted = false;
    struct conn *c;

    ip_of_socket(from, &peer);
    if (n->admission) {
        if (admission_connect(n->admission) != ADMIT_OK) {
            net_refused(n, "full", &peer, PARLEY_NONE);
            turn_away(n, fd, answer_full);
            return;
        }
        proxy = admission_is_proxy(n->admission, &peer);
        if (!proxy && !(counted = admission_socket(n->admission, &peer))) {
            admission_disconnected(n->admission);
            net_refused(n, "address_sockets", &peer, PARLEY_NONE);
            turn_away(n, fd, answer_address);
            return;
        }
    }
    c = conn_new(n);
    if (!c) {
        if (counted)
            admission_socket_left(n->admission, &peer);
        if (n->admission)
            admission_disconnected(n->admission);
        net_refused(n, "memory", &peer, PARLEY_NONE);
        close(fd);
        return;
    }
    c->fd = fd;
    c->is_proxy = proxy;
    c->socket_counted = counted;
    c->peer = peer;
    accept_adopt(n, c);
}

/* --- how many --- */

static void watch(struct net *n, bool on)
{
    for (size_t i = 0; i < n->listener_count; i++) {
        if (on)
            ev_io_start(n->loop->ev, &n->listeners[i].io);
        else
            ev_io_stop(n->loop->ev, &n->listeners[i].io);
    }
}

static void pause_for(struct net *n, double ms)
{
    watch(n, false);
    ev_timer_stop(n->loop->ev, &n->resume);
    ev_now_update(n->loop->ev);
    ev_timer_set(&n->resume, ms / 1000., 0.);
    ev_timer_start(n->loop->ev, &n->resume);
}

static void back_off(struct net *n, int error)
{
    if (!n->backoff_ms) {
        metric_inc(n->metrics.backoffs);
        log_event(LOG_LEVEL_WARNING, "accept_backoff", LOG_TEXT("error", strerrorname_np(error)),
                  LOG_TEXT("msg", "connections wait until descriptors or memory are free"));
    }
    n->backoff_ms = n->backoff_ms ? 2 * n->backoff_ms : BACKOFF_MS;
    if (n->backoff_ms > BACKOFF_MOST_MS)
        n->backoff_ms = BACKOFF_MOST_MS;
    pause_for(n, (double)n->backoff_ms);
}

/* Descriptors are handed out lowest first, so the next one tells how many are in use. What the last
 * one that was accepted says is believed for a turn. */
static bool reserve_is_safe(struct net *n, bool first_of_turn)
{
    struct rlimit limit;
    int reserved = RESERVED_DESCRIPTORS, next;

    if (!first_of_turn && n->last_fd + ACCEPTS_A_TURN < n->safe_fd)
        return true;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
        return true;
    if (limit.rlim_cur < 2 * RESERVED_DESCRIPTORS)
        reserved = (int)limit.rlim_cur / 2;
    n->safe_fd = limit.rlim_cur < INT_MAX ? (int)limit.rlim_cur - LOOK_AHEAD - reserved : INT_MAX;
    if ((rlim_t)n->last_fd + LOOK_AHEAD + (rlim_t)reserved < limit.rlim_cur)
        return true;
    next = fcntl(n->listeners[0].socket.fd, F_DUPFD_CLOEXEC, 0);
    if (next < 0)
        return false;
    close(next);
    n->last_fd = next;
    return (rlim_t)next + (rlim_t)reserved < limit.rlim_cur;
}

static bool take_token(struct net *n)
{
    int64_t now;

    if (n->tokens_per_ms <= 0)
        return true;
    now = clock_mono_ms();
    n->tokens += (double)(now - n->tokens_at_ms) * n->tokens_per_ms;
    n->tokens_at_ms = now;
    if (n->tokens > n->tokens_most)
        n->tokens = n->tokens_most;
    if (n->tokens < 1)
        return false;
    n->tokens -= 1;
    return true;
}

void accept_back_off(struct net *n, int error)
{
    if (error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS)
        back_off(n, error);
}

static void on_acceptable(struct ev_loop *ev, ev_io *w, int events)
{
    struct listener *l = w->data;
    struct net *n = l->net;

    (void)ev;
    (void)events;
    enum domain before = domain_enter(n->actor->domain);
    for (int i = 0; i < ACCEPTS_A_TURN && n->accepting; i++) {
        struct sockaddr_storage from = {0};
        socklen_t from_bytes = sizeof from;

        if (!reserve_is_safe(n, i == 0)) {
            back_off(n, EMFILE);
            break;
        }
        if (!take_token(n)) {
            metric_inc(n->metrics.delayed);
            pause_for(n, (1 - n->tokens) / n->tokens_per_ms + 1);
            break;
        }
        int fd = accept4(l->socket.fd, (struct sockaddr *)&from, &from_bytes,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            int error = errno;
            if (n->tokens_per_ms > 0)
                n->tokens += 1;
            accept_back_off(n, error);
            if (error == EINTR || error == ECONNABORTED || error == EPROTO)
                continue;
            break;
        }
        n->backoff_ms = 0;
        n->last_fd = fd;
        welcome(n, fd, &from);
    }
    domain_leave(before);
}

static void on_resume(struct ev_loop *ev, ev_timer *w, int events)
{
    struct net *n = w->data;

    (void)ev;
    (void)events;
    if (n->accepting)
        watch(n, true);
}

/* --- life --- */

void accept_init(struct net *n)
{
    const struct settings_server *s = &n->settings->server;
    double share;

    for (size_t i = 0; i < n->listener_count; i++) {
        ev_io_init(&n->listeners[i].io,
                   n->listeners[i].socket.local ? local_acceptable : on_acceptable,
                   n->listeners[i].socket.fd, EV_READ);
        n->listeners[i].io.data = &n->listeners[i];
    }
    ev_timer_init(&n->resume, on_resume, 0., 0.);
    ev_timer_init(&n->linger_timer, on_linger, 0., 0.);
    n->resume.data = n->linger_timer.data = n;
    if (n->pump && s->accept_rate > 0) {
        share = (double)s->accept_rate / (double)(s->pumps > 0 ? s->pumps : 1);
        n->tokens_per_ms = share / 1000.;
        n->tokens_most = share / BURST_PART > BURST_LEAST ? share / BURST_PART : BURST_LEAST;
        n->tokens = n->tokens_most;
        n->tokens_at_ms = clock_mono_ms();
    }
}

void accept_start(struct net *n)
{
    n->accepting = true;
    watch(n, true);
}

void accept_stop(struct net *n)
{
    watch(n, false);
    ev_timer_stop(n->loop->ev, &n->resume);
    n->accepting = false;
    for (size_t i = 0; i < n->listener_count; i++)
        close(n->listeners[i].socket.fd);
    n->listener_count = 0;
}

void accept_finish(struct net *n)
{
    accept_stop(n);
    ev_timer_stop(n->loop->ev, &n->linger_timer);
    while (n->linger_count--) {
        close(n->linger[n->linger_first].fd);
        n->linger_first = (n->linger_first + 1) % ACCEPT_LINGER;
    }
    n->linger_count = 0;
    free(n->listeners);
    n->listeners = NULL;
}

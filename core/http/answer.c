/* Sending an answer, past lws.
 *
 * From dispatch to the last byte lws neither reads nor writes: it would spin on whatever comes
 * behind a request (its state machine consumes nothing then), and while it does not read it does
 * not write either. So the bytes go to the descriptor, or to OpenSSL, by a watcher of our own; lws
 * is told when the transaction is complete.
 *
 * A connection that ends with its answer is shut down for writing, and then what still comes is
 * read and dropped for a moment: a close() with unread bytes would take the answer back by a reset.
 */
#include "base/clock.h"
#include "base/metrics.h"
#include "base/str.h"
#include "http/exchange.h"
#include "http/server.h"
#include "net/conn.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

enum {
    RECORD_BYTES = 16 * 1024,
    DROP_MOST_BYTES = 1024 * 1024, /* of a body that we refused to read */
};

static const struct {
    int status;
    const char *words;
} statuses[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {422, "Unprocessable Content"},
    {426, "Upgrade Required"},
    {429, "Too Many Requests"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
};

static const char *status_words(int status)
{
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        if (statuses[i].status == status)
            return statuses[i].words;
    return "Status";
}

/* --- the head --- */

static bool has_header(const struct http_request *q, const char *name)
{
    for (size_t i = 0; i < q->extra_count; i++)
        if (strncasecmp(q->extra_headers[i], name, strlen(name)) == 0)
            return true;
    return false;
}

static void add_date(struct buf *b)
{
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t now = (time_t)(clock_unix_ms() / 1000);
    struct tm t;

    if (gmtime_r(&now, &t)) /* strftime would speak the locale's language */
        buf_addf(b, "Date: %s, %02d %s %d %02d:%02d:%02d GMT\r\n", days[t.tm_wday], t.tm_mday,
                 months[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
}

static int write_head(struct http_exchange *x)
{
    struct http_request *q = x->request;
    struct buf *b = &x->head;
    bool bodyless = q->status == 204 || q->status == 304;

    x->out = q->static_body ? q->static_body : q->answer.p ? q->answer.p : "";
    x->out_bytes = bodyless ? 0 : q->static_body ? q->static_bytes : q->answer.n;
    buf_clear(b);
    buf_addf(b, "HTTP/1.1 %d %s\r\n", q->status, status_words(q->status));
    add_date(b);
    if (x->out_bytes)
        buf_addf(b, "Content-Type: %s\r\n", q->content_type ? q->content_type : "application/json");
    if (!bodyless)
        buf_addf(b, "Content-Length: %zu\r\n", x->out_bytes);
    if (!has_header(q, "Cache-Control:"))
        buf_add_cstr(b, "Cache-Control: no-store\r\n");
    buf_add_cstr(b, "X-Content-Type-Options: nosniff\r\n");
    if (!has_header(q, "Referrer-Policy:"))
        buf_add_cstr(b, "Referrer-Policy: no-referrer\r\n");
    for (size_t i = 0; i < q->extra_count; i++) {
        buf_add_cstr(b, q->extra_headers[i]);
        buf_add_cstr(b, "\r\n");
    }
    buf_add_cstr(b, x->keep ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n");
    if (x->head_only)
        x->out_bytes = 0;
    return q->answer.error ? q->answer.error : b->error;
}

static void count_answer(const struct http_request *q)
{
    char status[16];

    snprintf(status, sizeof status, "%d", q->status);
    metric_inc(metric(METRIC_COUNTER, "http_requests", "HTTP requests answered", "status",
                      str_of(status)));
}

/* --- the bytes: 1 all are out, 0 the socket takes no more, -1 broken --- */

static int push_plain(struct http_exchange *x)
{
    size_t all = x->head.n + x->out_bytes;

    while (x->sent < all) {
        bool in_head = x->sent < x->head.n;
        size_t from = in_head ? 0 : x->sent - x->head.n;
        struct iovec parts[2] = {
            {x->head.p + x->sent, in_head ? x->head.n - x->sent : 0},
            {(char *)(uintptr_t)x->out + from, x->out_bytes - from},
        };
        struct msghdr m = {.msg_iov = in_head ? parts : parts + 1,
                           .msg_iovlen = in_head && x->out_bytes ? 2 : 1};
        ssize_t n = sendmsg(x->conn->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
        x->sent += (size_t)n;
    }
    return 1;
}

static int push_tls(struct http_exchange *x)
{
    SSL *ssl = lws_get_ssl(x->conn->wsi);
    size_t all = x->head.n + x->out_bytes;

    while (ssl && x->sent < all) {
        bool in_head = x->sent < x->head.n;
        const char *p = in_head ? x->head.p + x->sent : x->out + (x->sent - x->head.n);
        size_t n = in_head ? x->head.n - x->sent : all - x->sent;
        int done;

        ERR_clear_error();
        done = SSL_write(ssl, p, (int)(n < RECORD_BYTES ? n : RECORD_BYTES));
        if (done <= 0)
            return SSL_get_error(ssl, done) == SSL_ERROR_WANT_WRITE ? 0 : -1;
        x->sent += (size_t)done;
    }
    return ssl ? 1 : -1;
}

/* --- the end --- */

static void watch(struct http_exchange *x, int events)
{
    struct ev_loop *ev = x->conn->net->loop->ev;

    ev_io_stop(ev, &x->io);
    ev_io_set(&x->io, x->conn->fd, events);
    ev_io_start(ev, &x->io);
}

/* Nothing more is said. Behind an earlier request lws may hold bytes, and would spin on them while
 * it may not read: such a connection is closed at once. */
static int linger(struct http_exchange *x)
{
    struct conn *c = x->conn;
    SSL *ssl = c->tls ? lws_get_ssl(c->wsi) : NULL;

    if (!x->first)
        return -1;
    if (ssl)
        SSL_shutdown(ssl);
    ERR_clear_error();
    shutdown(c->fd, SHUT_WR);
    x->lingering = true;
    conn_wait(c, WAIT_DISCARD);
    watch(x, EV_READ);
    return 0;
}

static int finished(struct http_exchange *x)
{
    struct conn *c = x->conn;
    struct lws *wsi = c->wsi;

    count_answer(x->request);
    if (!x->keep || !c->net->accepting)
        return linger(x);
    http_closed(c); /* frees x */
    lws_rx_flow_control(wsi, 1);
    conn_wait(c, WAIT_IDLE);
    return lws_http_transaction_completed(wsi) ? -1 : 0;
}

/* 1 the socket takes more, 0 not now, -1 it is broken, which looks unwritable too. */
static int writable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};

    if (poll(&p, 1, 0) < 0)
        return errno == EINTR ? 0 : -1;
    return p.revents & (POLLERR | POLLHUP | POLLNVAL) ? -1 : p.revents & POLLOUT ? 1 : 0;
}

static int go_on(struct http_exchange *x)
{
    size_t before = x->sent;
    int r = x->conn->tls ? push_tls(x) : push_plain(x);

    /* lws waits for a writable socket before the next request, and would read all the while */
    if (r > 0)
        r = writable(x->conn->fd);
    if (r < 0)
        return -1;
    if (r > 0)
        return finished(x);
    if (x->sent > before || x->conn->wait != WAIT_TAKE)
        conn_wait(x->conn, WAIT_TAKE);
    watch(x, EV_WRITE);
    return 0;
}

/* true: as much came as we are willing to drop, or all */
static bool drop_input(struct http_exchange *x)
{
    char bytes[16 * 1024];
    ssize_t n = recv(x->conn->fd, bytes, sizeof bytes, MSG_DONTWAIT);

    if (n < 0)
        return errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR;
    x->dropped += (size_t)n;
    return n == 0 || x->dropped > DROP_MOST_BYTES;
}

static void on_io(struct ev_loop *ev, ev_io *w, int events)
{
    struct http_exchange *x = w->data;
    struct conn *c = x->conn;

    (void)events;
    enum domain before = domain_enter(c->net->actor->domain);
    if (x->lingering ? drop_input(x) : go_on(x) < 0) {
        if (c->http) /* else x is gone, and its watcher with it */
            ev_io_stop(ev, w);
        conn_kill(c);
    }
    domain_leave(before);
}

/* Where lws holds bytes that came behind the request, each change of this makes it ask for the
 * socket to be writable; and it does not hear that, since it does not read. */
void answer_pause(struct http_exchange *x)
{
    if (x->paused)
        return;
    x->paused = true;
    lws_rx_flow_control(x->conn->wsi, 0);
    lws_set_timeout(x->conn->wsi, NO_PENDING_TIMEOUT, 0);
}

int answer_begin(struct http_exchange *x)
{
    struct conn *c = x->conn;

    if (write_head(x) < 0) {
        http_answer_error(x->request, 503, "Out of memory.");
        buf_finish(&x->head);
        x->keep = false;
        if (write_head(x) < 0)
            return -1;
    }
    ev_io_init(&x->io, on_io, c->fd, EV_WRITE);
    x->io.data = x;
    answer_pause(x);
    return go_on(x);
}

void answer_begin_outside(struct http_exchange *x)
{
    struct conn *c = x->conn;

    if (answer_begin(x) < 0)
        conn_kill(c);
}

void answer_stop(struct http_exchange *x)
{
    ev_io_stop(x->conn->net->loop->ev, &x->io);
}

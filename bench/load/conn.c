/* A connection: TCP, TLS where asked for, the upgrade, frames in and out.
 *
 * What one turn of the loop has to say on a connection goes out in one send. Reading goes through
 * one buffer for all; a connection keeps only the frame that has not come whole.
 */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES (256 * 1024)

static void listen_for(struct load *l, struct conn *c, int how, bool out)
{
    struct epoll_event e = {.events = EPOLLIN | (out ? EPOLLOUT : 0), .data.ptr = c};

    c->want_out = out;
    if (epoll_ctl(l->epoll, how, c->fd, &e) < 0)
        FAIL("epoll: %s", strerror(errno));
}

void conn_close(struct load *l, struct conn *c)
{
    if (c->state == CONN_FREE)
        return;
    if (c->state != CONN_OPEN)
        l->coming--;
    else
        l->opened--;
    if (c->ssl)
        SSL_free(c->ssl);
    close(c->fd);
    free(c->in);
    free(c->out);
    c->ssl = NULL;
    c->in = c->out = NULL;
    c->in_n = c->in_cap = c->out_n = c->out_cap = 0;
    c->state = CONN_FREE;
}

static void broken(struct load *l, struct conn *c)
{
    if (c->state != CONN_OPEN)
        FAIL("u%u: the server hung up before it was in: %.*s", c->number, (int)c->in_n,
             c->in ? c->in : "");
    l->closed++;
    run_closed(l, c);
    conn_close(l, c);
}

static void append(char **p, size_t *n, size_t *cap, const char *bytes, size_t more)
{
    if (*n + more > *cap) {
        *cap = (*n + more) * 2;
        *p = realloc(*p, *cap);
        if (!*p)
            FAIL("out of memory");
    }
    memcpy(*p + *n, bytes, more);
    *n += more;
}

static void mark_dirty(struct load *l, struct conn *c)
{
    if (c->dirty)
        return;
    c->dirty = true;
    c->next = l->dirty;
    l->dirty = c;
}

/* A client's frame: masked, by a key that no server can tell from a random one. */
void conn_send(struct load *l, struct conn *c, int opcode, const char *text, size_t n)
{
    static const unsigned char key[4] = {0x37, 0xfa, 0x21, 0x3d};
    unsigned char head[14];
    size_t at = 2;

    head[0] = (unsigned char)(0x80 | opcode);
    if (n < 126) {
        head[1] = (unsigned char)(0x80 | n);
    } else if (n < 65536) {
        head[1] = 0x80 | 126;
        head[at++] = (unsigned char)(n >> 8);
        head[at++] = (unsigned char)n;
    } else {
        FAIL("a frame of %zu bytes", n);
    }
    memcpy(head + at, key, 4);
    append(&c->out, &c->out_n, &c->out_cap, (char *)head, at + 4);
    append(&c->out, &c->out_n, &c->out_cap, text, n);
    for (size_t i = 0; i < n; i++)
        c->out[c->out_n - n + i] ^= (char)key[i & 3];
    mark_dirty(l, c);
}

/* -1: nothing just now; 0: it is over. */
static ssize_t read_some(struct conn *c, char *p, size_t cap)
{
    ssize_t n;

    if (!c->ssl) {
        n = recv(c->fd, p, cap, 0);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR ? -1 : 0;
        return n;
    }
    n = SSL_read(c->ssl, p, (int)cap);
    if (n > 0)
        return n;
    n = SSL_get_error(c->ssl, (int)n);
    return n == SSL_ERROR_WANT_READ || n == SSL_ERROR_WANT_WRITE ? -1 : 0;
}

static ssize_t write_some(struct conn *c, const char *p, size_t n)
{
    ssize_t sent;

    if (!c->ssl) {
        sent = send(c->fd, p, n, MSG_NOSIGNAL);
        if (sent < 0)
            return errno == EAGAIN || errno == EINTR ? -1 : 0;
        return sent;
    }
    sent = SSL_write(c->ssl, p, (int)n);
    if (sent > 0)
        return sent;
    sent = SSL_get_error(c->ssl, (int)sent);
    return sent == SSL_ERROR_WANT_READ || sent == SSL_ERROR_WANT_WRITE ? -1 : 0;
}

static void flush(struct load *l, struct conn *c)
{
    while (c->out_n) {
        ssize_t sent = write_some(c, c->out, c->out_n);

        if (sent == 0) {
            broken(l, c);
            return;
        }
        if (sent < 0)
            break;
        memmove(c->out, c->out + sent, c->out_n - (size_t)sent);
        c->out_n -= (size_t)sent;
    }
    if ((c->out_n > 0) != c->want_out)
        listen_for(l, c, EPOLL_CTL_MOD, c->out_n > 0);
}

void conn_flush_all(struct load *l)
{
    struct conn *c;

    while ((c = l->dirty)) {
        l->dirty = c->next;
        c->dirty = false;
        if (c->state >= CONN_SHAKING)
            flush(l, c);
    }
}

/* --- coming in --- */

void conn_open(struct load *l, struct conn *c, const char *path)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(l->o.port)};
    char request[4096];
    int one = 1, n;

    inet_pton(AF_INET, l->o.host, &to.sin_addr);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        FAIL("socket: %s (ulimit -n?)", strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(c->fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS)
        FAIL("%s:%u: %s", l->o.host, l->o.port, strerror(errno));
    if (l->ssl) {
        c->ssl = SSL_new(l->ssl);
        if (!c->ssl)
            FAIL("out of memory");
        SSL_set_fd(c->ssl, c->fd);
        SSL_set_connect_state(c->ssl);
    }
    n = snprintf(request, sizeof request,
                 "GET %s HTTP/1.1\r\nHost: %s:%u\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n",
                 path, l->o.host, l->o.port);
    if (l->o.token)
        n += snprintf(request + n, sizeof request - (size_t)n, "Authorization: Bearer %s\r\n",
                      l->o.token);
    if ((size_t)n + 2 >= sizeof request)
        FAIL("the request is too long");
    memcpy(request + n, "\r\n", 2);
    append(&c->out, &c->out_n, &c->out_cap, request, (size_t)n + 2);
    c->state = CONN_CONNECTING;
    l->coming++;
    listen_for(l, c, EPOLL_CTL_ADD, true);
}

/* How many of the bytes the answer to the upgrade is; 0: it has not come whole. */
static size_t shaken(struct load *l, struct conn *c, const char *p, size_t n)
{
    const char *end = memmem(p, n, "\r\n\r\n", 4);

    if (!end)
        return 0;
    if (n < 12 || memcmp(p, "HTTP/1.1 101", 12) != 0)
        FAIL("u%u was not let in: %.*s", c->number, (int)n, p);
    c->state = CONN_ENTERING;
    if (l->o.dialect->enter && !l->o.load.handshakes)
        l->o.dialect->enter(l, c);
    return (size_t)(end - p) + 4;
}

static void entered(struct load *l, struct conn *c)
{
    c->state = CONN_OPEN;
    l->coming--;
    l->opened++;
    run_opened(l, c);
}

/* --- frames --- */

/* The whole frame at p; its length with the header, or 0. */
static size_t frame(const char *p, size_t n, int *ret_opcode, const char **ret_text, size_t *ret_n)
{
    const unsigned char *b = (const unsigned char *)p;
    size_t head = 2, length;

    if (n < 2)
        return 0;
    length = b[1];
    if (length == 126)
        head = 4;
    else if (length == 127)
        head = 10;
    if (n < head)
        return 0;
    if (head > 2) {
        length = 0;
        for (size_t i = 2; i < head; i++)
            length = length << 8 | b[i];
    }
    if (length > n - head)
        return 0;
    *ret_opcode = b[0] & 15;
    *ret_text = p + head;
    *ret_n = length;
    return head + length;
}

/* Takes what is whole; how much that was. */
static size_t take(struct load *l, struct conn *c, const char *p, size_t n, int64_t now)
{
    size_t done = 0, length, text_n;
    const char *text;
    int opcode;

    if (c->state == CONN_SHAKING) {
        done = shaken(l, c, p, n);
        if (!done)
            return 0;
        if (!c->enters)
            entered(l, c);
    }
    while (c->state >= CONN_ENTERING && !c->stalled &&
           (length = frame(p + done, n - done, &opcode, &text, &text_n))) {
        done += length;
        if (opcode == 9)
            conn_send(l, c, 10, text, text_n);
        else if (opcode == 8)
            broken(l, c);
        else if (c->state == CONN_OPEN)
            run_text(l, c, text, text_n, now);
        else
            l->o.dialect->entering(l, c, text, text_n);
        if (c->state == CONN_ENTERING && !c->enters)
            entered(l, c);
    }
    return done;
}

static void keep(struct conn *c, const char *p, size_t n)
{
    if (n) {
        if (c->in != p || n > c->in_cap) {
            size_t none = 0;
            char *rest = NULL;
            size_t cap = 0;

            append(&rest, &none, &cap, p, n);
            free(c->in);
            c->in = rest;
            c->in_cap = cap;
        }
    } else {
        free(c->in);
        c->in = NULL;
        c->in_cap = 0;
    }
    c->in_n = n;
}

static void readable(struct load *l, struct conn *c)
{
    for (;;) {
        size_t had = c->in_n, done;
        ssize_t n;

        if (had)
            memcpy(l->buffer, c->in, had);
        n = read_some(c, l->buffer + had, READ_BYTES - had);
        if (n < 0)
            return;
        if (n == 0) {
            broken(l, c);
            return;
        }
        done = take(l, c, l->buffer, had + (size_t)n, now_us());
        if (c->state == CONN_FREE)
            return;
        keep(c, l->buffer + done, had + (size_t)n - done);
        if (c->stalled) {
            epoll_ctl(l->epoll, EPOLL_CTL_DEL, c->fd, NULL);
            return;
        }
        if (!c->ssl && (size_t)n < READ_BYTES - had)
            return;
    }
}

void conn_event(struct load *l, struct conn *c, uint32_t events)
{
    if (c->state == CONN_CONNECTING) {
        int error = 0;
        socklen_t n = sizeof error;

        getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &n);
        if (error)
            FAIL("%s:%u: %s", l->o.host, l->o.port, strerror(error));
        c->state = CONN_SHAKING;
    }
    if (events & EPOLLOUT)
        flush(l, c);
    if (c->state != CONN_FREE && events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        readable(l, c);
}

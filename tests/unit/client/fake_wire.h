/* Sockets as the write pump sees them, without a network: each takes as many bytes as a test gives
 * it room for, and keeps what it got. */
#ifndef TESTS_CLIENT_FAKE_WIRE_H
#define TESTS_CLIENT_FAKE_WIRE_H
#include "base/buf.h"
#include "client/client.h"
#include "net/wire.h"

#include <check.h>

/* As ck_assert_msg, but silent, and without memory, as long as all is well: for what is called
 * often, or while allocations fail. */
#define FAKE_CHECK(condition, ...)     \
    do {                               \
        if (!(condition))              \
            ck_abort_msg(__VA_ARGS__); \
    } while (0)

#define ROOM_FOR_ALL SIZE_MAX
struct lws {
    struct buf got; /* whole WebSocket frames, as lws guarantees */
    size_t room; /* bytes that it takes; the frame that begins within goes out by lws in the end */
    bool tail;   /* lws holds the rest of one */
    bool broken, reading, wants, aborted, corked;
    unsigned sends;
    struct client *client;
};
ssize_t wire_send(struct lws *w, bool tls, const char *bytes, size_t n)
{
    size_t sent = 0;

    (void)tls;
    FAKE_CHECK(n > 0, "something is sent");
    if (w->broken)
        return -1;
    w->sends++;
    while (!w->tail && sent < n && w->room) {
        size_t length = frame_length(bytes + sent, n - sent);

        FAKE_CHECK(length > 0, "whole frames are sent");
        if (w->room != ROOM_FOR_ALL) {
            w->tail = length > w->room;
            w->room -= w->tail ? w->room : length;
        }
        sent += length;
    }
    buf_add(&w->got, bytes, sent);
    if (sent < n)
        w->wants = true;
    return (ssize_t)sent;
}

bool wire_cork(struct lws *w)
{
    w->corked = true;
    return true;
}

void wire_uncork(struct lws *w)
{
    w->corked = false;
}

/* Descriptors are numbers of wires, used in turn: no test has so many at a time. */
#define FAKE_FDS 65536
static struct lws *fake_fds[FAKE_FDS];

static inline int fake_fd(struct lws *w)
{
    static int last;

    last = last % (FAKE_FDS - 1) + 1;
    fake_fds[last] = w;
    return last;
}

/* As the kernel does it: bytes, wherever frames end. */
ssize_t wire_send_direct(int fd, const char *bytes, size_t n)
{
    struct lws *w = fake_fds[fd];
    size_t sent = w->room < n ? w->room : n;

    FAKE_CHECK(n > 0, "something is sent");
    FAKE_CHECK(!w->tail, "nothing is sent past what lws holds");
    if (w->broken)
        return -1;
    w->sends++;
    if (w->room != ROOM_FOR_ALL)
        w->room -= sent;
    buf_add(&w->got, bytes, sent);
    return (ssize_t)sent;
}

ssize_t wire_complete(struct lws *w, const char *bytes, size_t n, size_t sent)
{
    size_t end = 0;

    FAKE_CHECK(sent < n, "something is left");
    while (end < sent)
        end += frame_length(bytes + end, n - end);
    buf_add(&w->got, bytes + sent, end - sent);
    w->tail = end > sent;
    w->wants = true;
    return (ssize_t)end;
}
bool wire_choked(struct lws *w)
{
    return w->tail;
}
void wire_want_writable(struct lws *w)
{
    w->wants = true;
}
void wire_read(struct lws *w, bool on)
{
    w->reading = on;
}
bool wire_handshake_over(struct lws *w)
{
    (void)w;
    return true;
}
void wire_abort(struct lws *w)
{
    FAKE_CHECK(!w->aborted, "aborted once");
    w->aborted = true;
}
void wire_close_now(struct lws *w)
{
    FAKE_CHECK(w->aborted, "closed when it was aborted");
}
int wire_unsent(struct lws *w)
{
    return w->tail ? 1 : 0;
}
#endif

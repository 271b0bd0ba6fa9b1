/* The write pump's end of a socket. See wire.h.
 *
 * What lws itself wants to send (a PONG, the CLOSE frame) it sends only while it holds no tail of
 * ours, so a frame that went out in part must be lws's to finish; all else goes past it, by
 * send(2).
 */
#include "net/wire.h"

#include "client/client.h"

#include <errno.h>
#include <libwebsockets.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define TLS_SLICE_BYTES (16 * 1024) /* a record */

/* The first frame boundary at or after `at`; n if the bytes end before. */
static size_t boundary(const char *bytes, size_t n, size_t at)
{
    size_t end = 0;

    while (end < at) {
        size_t length = frame_length(bytes + end, n - end);
        if (!length || length > n - end)
            return n;
        end += length;
    }
    return end;
}

/* lws takes raw bytes from a const buffer and copies what it could not send; it needs no room
 * before them, since it adds no header. */
static int give(struct lws *wsi, const char *bytes, size_t n)
{
    return lws_write(wsi, (unsigned char *)(uintptr_t)bytes, n, LWS_WRITE_HTTP);
}

ssize_t wire_send_direct(int fd, const char *bytes, size_t n)
{
    ssize_t sent;

    do
        sent = send(fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return 0;
    return sent;
}

ssize_t wire_complete(struct lws *wsi, const char *bytes, size_t n, size_t sent)
{
    size_t end = boundary(bytes, n, sent);

    if (end > sent && give(wsi, bytes + sent, end - sent) < 0)
        return -1;
    lws_callback_on_writable(wsi);
    return (ssize_t)end;
}

static ssize_t send_plain(struct lws *wsi, const char *bytes, size_t n)
{
    ssize_t sent = wire_send_direct(lws_get_socket_fd(wsi), bytes, n);

    return sent < 0 || sent == (ssize_t)n ? sent : wire_complete(wsi, bytes, n, (size_t)sent);
}

/* Whole frames of at most a record; a larger frame goes alone. */
static size_t slice(const char *bytes, size_t n)
{
    size_t end = 0;

    while (end < n) {
        size_t length = frame_length(bytes + end, n - end);
        if (!length || length > n - end)
            length = n - end;
        if (end && end + length > TLS_SLICE_BYTES)
            break;
        end += length;
    }
    return end;
}

static ssize_t send_tls(struct lws *wsi, const char *bytes, size_t n)
{
    size_t done = 0;

    while (done < n && !lws_partial_buffered(wsi)) {
        size_t part = slice(bytes + done, n - done);
        if (give(wsi, bytes + done, part) < 0)
            return -1;
        done += part;
    }
    if (done < n)
        lws_callback_on_writable(wsi);
    return (ssize_t)done;
}

ssize_t wire_send(struct lws *wsi, bool tls, const char *bytes, size_t n)
{
    if (!n)
        return 0;
    if (lws_partial_buffered(wsi)) {
        lws_callback_on_writable(wsi);
        return 0;
    }
    return tls ? send_tls(wsi, bytes, n) : send_plain(wsi, bytes, n);
}

static bool set_cork(struct lws *wsi, int on)
{
    return setsockopt(lws_get_socket_fd(wsi), IPPROTO_TCP, TCP_CORK, &on, sizeof on) == 0;
}

bool wire_cork(struct lws *wsi)
{
    return set_cork(wsi, 1);
}

void wire_uncork(struct lws *wsi)
{
    set_cork(wsi, 0);
}

bool wire_choked(struct lws *wsi)
{
    return lws_partial_buffered(wsi);
}

void wire_want_writable(struct lws *wsi)
{
    lws_callback_on_writable(wsi);
}

/* Before ESTABLISHED has returned it is not decided who reads: then lws does. */
void wire_read(struct lws *wsi, bool on)
{
    struct client *c = lws_wsi_user(wsi);

    if (c && c->fd)
        reader_read(&c->reader, on);
    else if (c || lws_is_ssl(wsi))
        lws_rx_flow_control(wsi, on);
}

/* Where lws keeps bytes of anybody it asks not to wait; it may be somebody else's, which does not
 * happen often enough to matter. */
bool wire_handshake_over(struct lws *wsi)
{
    if (lws_service_adjust_timeout(lws_get_context(wsi), 1, 0) == 0)
        return false;
    lws_rx_flow_control(wsi, 0);
    return true;
}

void wire_abort(struct lws *wsi)
{
    lws_set_timeout(wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
    lws_cancel_service(lws_get_context(wsi)); /* on a quiet loop it would wait for the next event */
}

void wire_close_now(struct lws *wsi)
{
    lws_set_timeout(wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_SYNC);
}

int wire_unsent(struct lws *wsi)
{
    int bytes;

    return ioctl(lws_get_socket_fd(wsi), SIOCOUTQ, &bytes) < 0 ? -1 : bytes;
}

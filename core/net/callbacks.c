/* What lws calls. Each reason is one line of work elsewhere; here stand the traps.
 *
 * lws has one protocol of ours, named as the subprotocol, for HTTP and WebSocket alike: so no
 * client can choose another one, and lws never binds a connection to a callback that does not know
 * it. The connection hangs on the wsi's opaque pointer, which lives from adoption to WSI_DESTROY;
 * the `user` pointer of lws comes and goes.
 */
#include "base/metrics.h"
#include "base/str.h"
#include "client/client.h"
#include "client/pump.h"
#include "http/server.h"
#include "net/conn.h"

#include <stdlib.h>

static void close_reason(struct lws *wsi, uint16_t code, const char *text)
{
    size_t n = text ? strlen(text) : 0;

    lws_close_reason(wsi, (enum lws_close_status)code, (unsigned char *)(uintptr_t)text,
                     n < 123 ? n : 123);
}

/* The 101 is out. client_open takes what the handshake found over, counts and all, also when it
 * has no room. */
static int established(struct conn *c)
{
    struct handshake hs = {.wsi = c->wsi,
                           .tls = c->tls,
                           .protocol = c->protocol,
                           .address = c->address,
                           .identity = c->identity,
                           .login = c->login};
    char *address = c->address;

    conn_wait(c, WAIT_NOTHING);
    c->identity = NULL;
    c->login = NULL;
    c->address = NULL;
    c->client = client_open(c->net->pump, &hs);
    free(address);
    if (!c->client) {
        net_refused(c->net, "pressure", c->peer, PARLEY_NONE);
        close_reason(c->wsi, 1013, "try again later");
        return -1;
    }
    metric_inc(c->net->metrics.handshakes);
    return 0;
}

/* lws hands a frame over in pieces of its rx buffer: `first` is told with the first piece of a
 * message's first frame, `final` with the last piece of its last one. The length of a frame is what
 * the peer says, and may be nonsense. */
static int receive(struct conn *c, const char *in, size_t n)
{
    size_t remaining = lws_remaining_packet_payload(c->wsi);

    if (!c->client)
        return 0;
    client_receive(c->client, in ? in : "", n, remaining < SIZE_MAX / 4 ? remaining : SIZE_MAX / 4,
                   lws_is_first_fragment(c->wsi), lws_is_final_fragment(c->wsi),
                   lws_frame_is_binary(c->wsi));
    return 0;
}

static int writable(struct conn *c)
{
    if (!c->client || client_writable(c->client) == 0)
        return 0;
    close_reason(c->wsi, c->client->close_code, c->client->close_text);
    return -1;
}

static void closed(struct conn *c)
{
    struct client *client = c->client;

    c->client = NULL;
    if (client)
        client_closed(client);
    http_closed(c);
}

static void destroyed(struct conn *c)
{
    struct net *n = c->net;

    closed(c);
    if (n->adopting == c)
        n->adopting = NULL;
    conn_free(c);
}

static int websocket(struct conn *c, enum lws_callback_reasons reason, void *in, size_t len)
{
    switch (reason) {
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE: /* `in` may be freed already: never read it */
        return handshake_confirm(c);
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
        return c->address ? 0 : -1; /* not by a way around CONFIRM_UPGRADE */
    case LWS_CALLBACK_ESTABLISHED:
        return c->address ? established(c) : -1;
    case LWS_CALLBACK_RECEIVE:
        return receive(c, in, len);
    case LWS_CALLBACK_RECEIVE_PONG:
        if (c->client)
            client_heard(c->client);
        return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return writable(c);
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        if (c->client)
            client_peer_closing(c->client);
        return 0;
    default:
        return 0;
    }
}

static int http(struct conn *c, enum lws_callback_reasons reason, void *in, size_t len)
{
    switch (reason) {
    case LWS_CALLBACK_HTTP:
        return http_begun(c);
    case LWS_CALLBACK_HTTP_BODY:
        return http_body(c, in, len);
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        return http_body_complete(c);
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return http_writable(c);
    default:
        return 0;
    }
}

/* CONNECT makes lws turn to raw mode, its timeouts off, whatever we say elsewhere. */
static int refuse_raw(struct conn *c)
{
    static const char words[] = "HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n"
                                "Connection: close\r\n\r\n";

    net_refused(c->net, "connect", c->peer, PARLEY_NONE);
    lws_write(c->wsi, (unsigned char *)(uintptr_t)words, sizeof words - 1, LWS_WRITE_RAW);
    return -1;
}

int net_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                 size_t len)
{
    struct conn *c;
    struct net *n;
    int r = 0;

    (void)user;
    switch (reason) {
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
    case LWS_CALLBACK_ESTABLISHED:
    case LWS_CALLBACK_RECEIVE:
    case LWS_CALLBACK_RECEIVE_PONG:
    case LWS_CALLBACK_SERVER_WRITEABLE:
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
    case LWS_CALLBACK_CLOSED:
    case LWS_CALLBACK_HTTP:
    case LWS_CALLBACK_HTTP_BODY:
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
    case LWS_CALLBACK_HTTP_WRITEABLE:
    case LWS_CALLBACK_CLOSED_HTTP:
    case LWS_CALLBACK_RAW_ADOPT:
    case LWS_CALLBACK_WSI_DESTROY:
        break;
    default: /* some of these come with a wsi that is none */
        return 0;
    }
    c = lws_get_opaque_user_data(wsi);
    if (!c)
        return 0;
    n = c->net;
    enum domain before = domain_enter(n->actor->domain);
    n->inside++;
    c->wsi = wsi; /* callbacks come before the adoption has returned it */
    if (reason == LWS_CALLBACK_WSI_DESTROY)
        destroyed(c);
    else if (reason == LWS_CALLBACK_CLOSED || reason == LWS_CALLBACK_CLOSED_HTTP)
        closed(c);
    else if (c->killed)
        r = -1;
    else if (reason == LWS_CALLBACK_RAW_ADOPT)
        r = refuse_raw(c);
    else if (reason == LWS_CALLBACK_HTTP || reason == LWS_CALLBACK_HTTP_BODY ||
             reason == LWS_CALLBACK_HTTP_BODY_COMPLETION || reason == LWS_CALLBACK_HTTP_WRITEABLE)
        r = http(c, reason, in, len);
    else
        r = websocket(c, reason, in, len);
    n->inside--;
    domain_leave(before);
    return r;
}

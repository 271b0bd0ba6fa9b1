/* What lws calls. Each reason is one line of work elsewhere; here stand the traps.
 *
 * lws has one protocol of ours, named as the subprotocol, for HTTP and WebSocket alike: so no
 * client can choose another one, and lws never binds a connection to a callback that does not know
 * it. A connection hangs on the wsi's opaque pointer from adoption to WSI_DESTROY, or to its
 * upgrade; a client hangs on the wsi's user pointer (which with HTTP comes and goes) from
 * ESTABLISHED to CLOSED. So never both, and after a client's CLOSED neither.
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

/* --- a client --- */

/* lws hands a frame over in pieces of its rx buffer: `first` is told with the first piece of a
 * message's first frame, `final` with the last piece of its last one. The length of a frame is what
 * the peer says, and may be nonsense. */
static int receive(struct lws *wsi, struct client *client, const char *in, size_t n)
{
    size_t remaining = lws_remaining_packet_payload(wsi);

    client_receive(client, in ? in : "", n, remaining < SIZE_MAX / 4 ? remaining : SIZE_MAX / 4,
                   lws_is_first_fragment(wsi), lws_is_final_fragment(wsi),
                   lws_frame_is_binary(wsi));
    return 0;
}

static int writable(struct lws *wsi, struct client *client)
{
    if (client_writable(client) == 0)
        return 0;
    close_reason(wsi, client->close_code, client->close_text);
    return -1;
}

static void client_left(struct net *n, struct lws *wsi, struct client *client)
{
    lws_set_wsi_user(wsi, NULL);
    if (!client->tls)
        reader_stop(&client->reader);
    conn_socket_closed(n, &client->address, client->socket_counted);
    client_closed(client);
}

static int websocket(struct net *n, struct lws *wsi, struct client *client,
                     enum lws_callback_reasons reason, void *in, size_t len)
{
    switch (reason) {
    case LWS_CALLBACK_RECEIVE:
        return receive(wsi, client, in, len);
    case LWS_CALLBACK_RECEIVE_PONG:
        client_heard(client);
        return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return writable(wsi, client);
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        client_peer_closing(client);
        return 0;
    case LWS_CALLBACK_CLOSED:
    case LWS_CALLBACK_CLOSED_HTTP:
    case LWS_CALLBACK_WSI_DESTROY:
        client_left(n, wsi, client);
        return 0;
    default:
        return 0;
    }
}

/* --- a connection that is none yet, or never --- */

/* The 101 is out. client_open takes what the handshake found over, counts and all, also when it
 * has no room. */
static int established(struct conn *c)
{
    struct net *n = c->net;
    struct lws *wsi = c->wsi;
    struct handshake hs = {.wsi = wsi,
                           .tls = c->tls,
                           .fd = c->tls ? 0 : lws_get_socket_fd(wsi),
                           .protocol = c->protocol,
                           .address = &c->address,
                           .socket_counted = c->socket_counted,
                           .corked = c->corked,
                           .identity = c->identity,
                           .login = c->login};
    struct client *client;

    conn_wait(c, WAIT_NOTHING);
    c->identity = NULL;
    c->login = NULL;
    c->upgrading = false;
    client = client_open(n->pump, &hs);
    if (!client) {
        net_refused(n, "pressure", &c->peer, PARLEY_NONE);
        close_reason(wsi, 1013, "try again later");
        return -1;
    }
    lws_set_opaque_user_data(wsi, NULL);
    lws_set_wsi_user(wsi, client);
    if (!client->tls)
        reader_start(&client->reader, client, lws_get_socket_fd(wsi));
    conn_upgraded(c);
    metric_inc(n->metrics.handshakes);
    return 0;
}

/* CONNECT makes lws turn to raw mode, its timeouts off, whatever we say elsewhere. */
static int refuse_raw(struct conn *c)
{
    static const char words[] = "HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n"
                                "Connection: close\r\n\r\n";

    net_refused(c->net, "connect", &c->peer, PARLEY_NONE);
    lws_write(c->wsi, (unsigned char *)(uintptr_t)words, sizeof words - 1, LWS_WRITE_RAW);
    return -1;
}

static int request(struct conn *c, enum lws_callback_reasons reason, void *in, size_t len)
{
    switch (reason) {
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE: /* `in` may be freed already: never read it */
        return handshake_confirm(c);
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
        return c->upgrading ? 0 : -1; /* not by a way around CONFIRM_UPGRADE */
    case LWS_CALLBACK_ESTABLISHED:
        return c->upgrading ? established(c) : -1;
    case LWS_CALLBACK_HTTP:
        return http_begun(c);
    case LWS_CALLBACK_HTTP_BODY:
        return http_body(c, in, len);
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        return http_body_complete(c);
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return http_writable(c);
    case LWS_CALLBACK_RAW_ADOPT:
        return refuse_raw(c);
    default:
        return 0;
    }
}

int net_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                 size_t len)
{
    struct client *client;
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
    client = lws_wsi_user(wsi);
    if (!c && !client)
        return 0;
    n = lws_context_user(lws_get_context(wsi));
    enum domain before = domain_enter(n->actor->domain);
    n->inside++;
    if (client) {
        r = websocket(n, wsi, client, reason, in, len);
    } else {
        c->wsi = wsi; /* callbacks come before the adoption has returned it */
        if (reason == LWS_CALLBACK_WSI_DESTROY)
            conn_free(c);
        else if (reason == LWS_CALLBACK_CLOSED || reason == LWS_CALLBACK_CLOSED_HTTP)
            http_closed(c); /* CLOSED: FILTER_PROTOCOL_CONNECTION refused it */
        else
            r = c->killed ? -1 : request(c, reason, in, len);
    }
    n->inside--;
    domain_leave(before);
    return r;
}

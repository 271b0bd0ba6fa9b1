/* A loop's network: one lws context on that loop, fed with sockets that we accepted ourselves.
 *
 * lws listens on nothing, keeps no idle list, compresses nothing (it corrupts), and serves no
 * files. fd_limit_per_thread stays 0: any other value makes each of its look-ups linear.
 */
#include "net/net.h"

#include "base/log.h"
#include "base/metrics.h"
#include "base/str.h"
#include "net/conn.h"
#include "net/reader.h"

#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    HEADER_BYTES = 16 * 1024, /* a head larger than that is not answered by lws at all */
    HEADERS_LEAST = 128,
    HEADERS_MOST = 4096,
    RX_BYTES = 256,         /* a connection's own; only under TLS is it read into (net/reader.h) */
    TX_BYTES = 1024 * 1024, /* lws may send as much at once: the pieces are ours to choose */
    SERVICE_BYTES = 64 * 1024, /* read from a socket at once: what came together is one turn's */
    IDLE_MS = 15000,
    ANSWER_MS = 10000,
    TAKE_MS = 20000,
    DISCARD_MS = 2000,
    DESCRIPTORS_BESIDE = 4096, /* what is not a client: listeners, files, refused sockets */
};

/* All zero: no idle list. Without a policy of ours lws has one of 300 s, and walks a sorted list of
 * all connections for each that comes. */
static const lws_retry_bo_t no_idle_list;

/* lws makes tables of as many entries as there may be descriptors, and touches them: 16 MiB a
 * context where the limit is a million. So the limit becomes what can be needed. */
static void bound_descriptors(const struct settings_server *s)
{
    rlim_t most = (rlim_t)s->connections + DESCRIPTORS_BESIDE;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur > most) {
        limit.rlim_cur = most;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* As many heads as can be on their way within the handshake's time. */
static unsigned header_pool(const struct settings_server *s)
{
    int64_t pumps = s->pumps > 0 ? s->pumps : 1;
    int64_t n = s->accept_rate > 0 ? s->accept_rate * s->handshake_ms / 1000 / pumps : HEADERS_MOST;

    return (unsigned)(n < HEADERS_LEAST ? HEADERS_LEAST : n > HEADERS_MOST ? HEADERS_MOST : n);
}

static void make_metrics(struct net *n)
{
    n->metrics.accepts =
        metric(METRIC_COUNTER, "accepts", "Connections accepted", NULL, PARLEY_NONE);
    n->metrics.handshakes =
        metric(METRIC_COUNTER, "handshakes", "Upgrades to WebSocket", NULL, PARLEY_NONE);
    n->metrics.open = metric(METRIC_GAUGE, "connections", "Open sockets", NULL, PARLEY_NONE);
    n->metrics.delayed =
        metric(METRIC_COUNTER, "accept_pauses",
               "Times that connections had to wait for accept_rate", NULL, PARLEY_NONE);
    n->metrics.backoffs =
        metric(METRIC_COUNTER, "accept_backoffs",
               "Times that descriptors or memory ran short at accept", NULL, PARLEY_NONE);
}

static bool take_sockets(struct net *n, const struct net_options *o)
{
    n->listeners = calloc(o->socket_count ? o->socket_count : 1, sizeof *n->listeners);
    if (!n->listeners)
        return false;
    n->listener_count = o->socket_count;
    for (size_t i = 0; i < o->socket_count; i++) {
        n->listeners[i].net = n;
        n->listeners[i].socket = o->sockets[i];
    }
    return true;
}

static int make_context(struct net *n, const struct net_options *o, char why[256])
{
    const struct settings_server *s = &n->settings->server;
    unsigned seconds = (unsigned)(s->handshake_ms / 1000) + 5;
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .protocols = n->protocols,
        .alpn = "http/1.1",
        .server_string = "parley",
        .vhost_name = "parley",
        .foreign_loops = n->loops,
        .user = n,
        .max_http_header_data = HEADER_BYTES,
        .max_http_header_pool = (unsigned short)header_pool(s),
        .retry_and_idle_policy = &no_idle_list,
        .pt_serv_buf_size = SERVICE_BYTES,
        .timeout_secs = seconds, /* behind our own deadlines */
        .timeout_secs_ah_idle = seconds,
        .keepalive_timeout = IDLE_MS / 1000 + 5,
        .options = LWS_SERVER_OPTION_LIBEV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
                   LWS_SERVER_OPTION_VALIDATE_UTF8 | LWS_SERVER_OPTION_SKIP_SERVER_CANONICAL_NAME |
                   LWS_SERVER_OPTION_DISABLE_IPV6,
    };

    for (size_t i = 0; i < n->listener_count; i++)
        if (n->listeners[i].socket.address[0] == '[')
            info.options &= ~(uint64_t)LWS_SERVER_OPTION_DISABLE_IPV6;
    if (n->tls) {
        /* The client's side is never used; lws would make one with all the system's authorities,
         * and leak it. */
        n->unused_client = SSL_CTX_new(TLS_client_method());
        info.provided_client_ssl_ctx = n->unused_client;
        info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
        info.ssl_cert_filepath = o->tls_certificate;
        info.ssl_private_key_filepath = o->tls_key;
        info.ssl_options_set = SSL_OP_NO_SSLv3 | SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1;
    }
    n->loops[0] = n->loop->ev;
    n->context = lws_create_context(&info);
    if (!n->context) {
        snprintf(why, 256,
                 "cannot start libwebsockets on libev: is libwebsockets-evlib-ev installed?");
        return -EINVAL;
    }
    n->vhost = lws_create_vhost(n->context, &info);
    if (!n->vhost) {
        snprintf(why, 256, "cannot start libwebsockets%s",
                 n->tls ? ": it refused the certificate" : "");
        return -EINVAL;
    }
    return 0;
}

struct net *net_new(const struct net_options *o, char why[256])
{
    struct net *n = calloc(1, sizeof *n);

    snprintf(why, 256, "cannot start the network: out of memory");
    if (!n || !take_sockets(n, o)) {
        for (size_t i = 0; i < o->socket_count; i++)
            close(o->sockets[i].fd);
        free(o->sockets);
        free(n);
        return NULL;
    }
    free(o->sockets);
    bound_descriptors(&o->settings->server);
    n->loop = o->loop;
    n->pump = o->pump;
    n->actor = o->actor;
    n->settings = o->settings;
    n->admission = o->admission;
    n->routes = o->routes;
    n->tls = o->tls_certificate || o->tls_key;
    n->durations_ms[WAIT_HANDSHAKE] = o->settings->server.handshake_ms;
    n->durations_ms[WAIT_IDLE] = IDLE_MS;
    n->durations_ms[WAIT_ANSWER] = ANSWER_MS;
    n->durations_ms[WAIT_TAKE] = TAKE_MS;
    n->durations_ms[WAIT_DISCARD] = DISCARD_MS;
    n->protocols[0] = (struct lws_protocols){.name = "parley",
                                             .callback = net_callback,
                                             .rx_buffer_size = RX_BYTES,
                                             .tx_packet_size = TX_BYTES};
    make_metrics(n);
    accept_init(n);
    conn_timers_init(n);
    if (n->pump && reader_batch_start(n) < 0) {
        net_free(n);
        return NULL;
    }
    if ((n->tls && tls_check(o->tls_certificate, o->tls_key, why) < 0) ||
        make_context(n, o, why) < 0) {
        net_free(n);
        return NULL;
    }
    why[0] = 0;
    return n;
}

void net_start(struct net *n)
{
    conn_timers_start(n);
    accept_start(n);
}

void net_stop_accepting(struct net *n)
{
    accept_stop(n);
}

bool net_idle(const struct net *n)
{
    return !n->conn_count && !n->linger_count;
}

void net_set_routes(struct net *n, const struct http_routes *routes)
{
    n->routes = routes;
}

void net_free(struct net *n)
{
    if (!n)
        return;
    accept_finish(n);
    conn_timers_stop(n);
    if (n->context)
        lws_context_destroy(n->context); /* closes what is left, by callbacks */
    reader_batch_finish(n);
    SSL_CTX_free(n->unused_client);
    while (n->blocks) {
        struct conn_block *next = n->blocks->next;
        free(n->blocks);
        n->blocks = next;
    }
    free(n);
}

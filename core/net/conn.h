/* What the files of net/ share, and http/server.c with them: a connection from accept to close, or
 * to its upgrade. From there on it is a client, and this record, which knows only of handshakes and
 * requests, serves the next one: ten thousand who are idle need none.
 *
 * A connection belongs to the loop of its net. Its memory goes back to the net's own free list and
 * is never unmapped while the net lives, so that whoever comes back with an old pointer (an answer
 * from another loop) may still compare the serial.
 */
#ifndef NET_CONN_H
#define NET_CONN_H
#include "base/ip.h"
#include "http/http.h"
#include "net/net.h"

#include <ev.h>
#include <libwebsockets.h>

struct identity;
struct login;
struct http_exchange;

/* What a connection waits for, each with one duration: so each list is in order of time. */
enum conn_wait {
    WAIT_NOTHING,
    WAIT_HANDSHAKE, /* from accept to the upgrade, or to a complete request */
    WAIT_IDLE,      /* kept alive, for the whole head and body of the next request */
    WAIT_ANSWER,    /* an answer is being made on another loop */
    WAIT_TAKE,      /* the peer takes the answer: since the last byte that it took */
    WAIT_DISCARD,   /* answered early; what still comes is read and dropped */
    WAIT_KINDS
};

struct conn {
    struct net *net;
    struct lws *wsi;             /* NULL: lws is done with it */
    struct conn *before, *after; /* in the list of `wait` */
    int64_t until_ms;
    uint64_t serial; /* of the request that is being answered elsewhere; 0: none */
    int fd;
    uint8_t wait; /* enum conn_wait */
    bool tls;
    bool socket_counted; /* at accept, by its peer's address */
    bool is_proxy;       /* a trusted one */
    bool local;          /* by the control socket, of a user who may: */
    bool killed;         /* told lws to close it */
    bool http_seen;      /* a complete request was read: keep-alive from now on */
    bool upgrading;      /* allowed by CONFIRM_UPGRADE; until ESTABLISHED: */
    bool corked;
    uint8_t protocol;
    uint32_t uid;
    struct ip address; /* the client's, proxies seen through; it is counted */
    struct identity *identity;
    struct login *login;
    struct ip peer;             /* address of the socket's other end */
    struct http_exchange *http; /* while a request is being read or answered */
};

#define ACCEPT_LINGER 64 /* refused sockets that are kept until the peer has read why */
struct conn_list {
    struct conn *first, *last;
};

struct listener {
    ev_io io;
    struct net *net;
    struct listener_socket socket;
};

struct net {
    struct loop *loop;
    struct pump *pump;
    struct actor *actor;
    const struct settings *settings;
    struct admission *admission;
    const struct http_routes *routes;
    bool tls, accepting;
    struct lws_context *context;
    struct lws_vhost *vhost;
    SSL_CTX *unused_client; /* TLS: NULL without it */
    struct lws_protocols protocols[2];
    void *loops[1];
    struct reader_batch *batch; /* NULL: no WebSocket here */

    struct listener *listeners;
    size_t listener_count;
    double tokens, tokens_per_ms, tokens_most; /* of accept pacing; per_ms 0: none */
    int64_t tokens_at_ms;
    int64_t backoff_ms;   /* 0: not out of descriptors */
    int last_fd, safe_fd; /* accepted; below which there is no need to look for the reserve */
    ev_timer resume;      /* accepting again */
    struct {
        int fd;
        int64_t until_ms;
    } linger[ACCEPT_LINGER];
    unsigned linger_first;
    _Atomic unsigned linger_count; /* net_idle asks from elsewhere */
    ev_timer linger_timer;

    _Atomic size_t conn_count; /* likewise */
    unsigned local_count;      /* of them by the control socket */
    struct conn *conn_free;
    struct conn_block {
        struct conn_block *next;
        struct conn conns[32];
    } * blocks;
    struct conn *adopting; /* not yet lws's; NULL again when lws destroyed it within the call */
    uint64_t serials;
    struct conn_list waiting[WAIT_KINDS];
    int64_t durations_ms[WAIT_KINDS];
    ev_timer deadline;
    lws_sorted_usec_list_t service;
    unsigned inside; /* lws's callbacks, on the stack */
    struct {
        struct metric *accepts, *handshakes, *open, *delayed, *backoffs;
    } metrics;
};

/* conn.c */
struct conn *conn_new(struct net *n); /* NULL: no memory */
void conn_free(struct conn *c);       /* the socket is closed: gives back what it still holds */
/* The upgrade was its end: what was counted for the socket is the client's from now on. */
void conn_upgraded(struct conn *c);
/* Gives that back. */
void conn_socket_closed(struct net *n, const struct ip *address, bool socket_counted);
void conn_wait(struct conn *c, enum conn_wait kind);
void conn_kill(
    struct conn *c); /* closed without a word; outside lws's callbacks at once: c is gone */
void conn_timers_init(struct net *n);
void conn_timers_start(struct net *n);
void conn_timers_stop(struct net *n);
void conn_drop_upgrade(struct conn *c); /* an upgrade that was allowed did not come about */

/* accept.c */
void accept_init(struct net *n);
void accept_start(struct net *n);
void accept_stop(struct net *n); /* closes the listening sockets */
void accept_finish(struct net *n);
void net_refused(struct net *n, const char *reason, const struct ip *address,
                 parley_str path); /* counted and logged; address NULL: not known */

void accept_adopt(struct net *n, struct conn *c); /* c->fd is lws's from here on */
/* Sends an answer in plain text, if that is possible, and closes. */
void accept_turn_away(struct net *n, int fd, const char *answer);
/* After an accept that failed by `error`: if something was short, later ones wait. */
void accept_back_off(struct net *n, int error);

/* local.c */
void local_acceptable(struct ev_loop *ev, ev_io *w, int events);

/* tls.c: one sentence in why; 0 or -EINVAL */
int tls_check(const char *certificate, const char *key, char why[256]);

/* callbacks.c */
int net_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                 size_t len);

/* handshake.c: at CONFIRM_UPGRADE. 0: goes on to 101; -1: answered, close */
int handshake_confirm(struct conn *c);

/* headers.c: of the request that lws holds. false: it is there, and longer than cap - 1 or not text
 */
bool header_get(struct lws *wsi, enum lws_token_indexes token, char *buf, size_t cap,
                parley_str *ret);
bool header_has_token(parley_str list, const char *token); /* "a, B": without regard to case */
/* The query's parts, decoded once by lws; copies go to arena. 0, -EINVAL, -ENOMEM, -E2BIG */
int header_query(struct lws *wsi, struct arena *a, struct http_query **ret, size_t *ret_count);
bool header_bearer(struct lws *wsi, struct arena *a,
                   parley_str *ret); /* absent: none; false: not usable */
/* The request's path, decoded, and its method. false: none that we know, or with a NUL. */
bool header_path(struct lws *wsi, parley_str *ret, enum http_method *ret_method);
/* The peer's; or that of X-Forwarded-For, if a trusted proxy asks. */
void header_address(struct conn *c, struct ip *ret);
#endif

/* One loop's network: its listening sockets, its lws context on that loop, and lws's callbacks.
 * Pumps have one, the admin listener on the control loop has one. */
#ifndef NET_NET_H
#define NET_NET_H
#include "loop/loop.h"
#include "net/admission.h"

struct pump;
struct http_routes;
struct net;
struct listener_socket {
    int fd;
    char address[64]; /* "127.0.0.1:43211"; of a local one empty */
    bool local;       /* the control socket. local.h */
    int64_t group;    /* whose members it lets in besides root and us; -1: none */
};

/* Binds and listens, with SO_REUSEPORT; port 0 takes a free one, which further calls for the same
 * entry then share. One clear sentence in why: "cannot listen on 127.0.0.1:8080: address already in
 * use". A first exclusive bind finds another daemon on the port, which SO_REUSEPORT would hide. */
int net_listen(const parley_list *addresses, bool first, struct listener_socket **sockets,
               size_t *count, char why[256]);

struct net_options {
    struct loop *loop;
    struct pump *pump;   /* NULL: no WebSocket here (admin) */
    struct actor *actor; /* the owner: pump's or control's */
    const struct settings *settings;
    struct admission *admission;
    const struct http_routes *routes;
    const char *tls_certificate, *tls_key; /* NULL: plain */
    struct listener_socket *sockets;       /* taken over */
    size_t socket_count;
};
/* All nets are made before the first accepts (with TLS lws wants all contexts before any
 * connection). NULL and why on failure
 * ("cannot read tls_key /etc/x.pem: permission denied"). [control] before the loops run */
struct net *net_new(const struct net_options *o, char why[256]);
void net_start(struct net *n);          /* begins to accept. [its loop] */
void net_stop_accepting(struct net *n); /* closes the listening sockets. [its loop] */
bool net_idle(const struct net *n);     /* no connection of any kind is open */
void net_set_routes(struct net *n, const struct http_routes *routes); /* [its loop] */
void net_free(struct net *n);                                         /* after its loop ended */
void net_setup_logging(void); /* lws's own log goes to ours */
#endif

/* The parts of a running daemon, made in one order and taken apart in the other. daemon.c says
 * when. [control] */
#ifndef PARTS_H
#define PARTS_H
#include "config/settings.h"
#include "net/local.h"
#include "plugin/registry.h"

struct net;
struct pump;
struct pages;
struct admission;
struct admin_token;
struct http_routes;
struct reload;

#define LISTENERS_MAX 32
struct parts_listener { /* for the log: what net/ has bound */
    bool admin, tls;
    char address[64];
};
struct parts {
    struct config config;
    struct settings settings;
    struct registry registry; /* the first; reload.h knows the latest */
    bool has_registry;        /* registry_load was called */

    struct control *control;
    struct admission *admission;
    struct logins *logins;
    struct store *store;
    struct hub *hub;
    struct actor *hub_actor;
    struct loop hub_loop; /* with more than one pump */
    bool own_hub_loop, workers;
    uint32_t pump_count, pumps_ready, loops_ready;
    struct pump *pumps;
    struct loop *loops;    /* the pumps' */
    struct actor **actors; /* control, hub, pumps: for /metrics; then of pumps alone from 2 on */
    struct net *admin_net; /* NULL: no admin listener */
    struct reload *reload;
    struct admin_token *admin_token;
    struct local_socket control_socket;
    struct http_routes *routes;
    struct pages *pages;
    struct parts_listener listeners[LISTENERS_MAX];
    size_t listener_count;
    bool threads; /* the loops run */
};

/* Reads the file and loads the plugins; every fault of both is noted in p->config. 0 or -EINVAL. */
int parts_load(struct parts *p, const char *config_file);
/* Makes everything up to the sockets that listen; nothing accepts or runs yet. 0; -Exxx and one
 * sentence in why. */
int parts_make(struct parts *p, char why[256]);
int parts_start(struct parts *p, char why[256]);  /* the threads of hub and pumps. Likewise */
int parts_accept(struct parts *p, char why[256]); /* tells all nets to begin. Likewise */
/* Quiesces the plugins, ends all loops but control's own, which has ended, and frees everything.
 * Takes what is half made. */
void parts_finish(struct parts *p);
/* parts_network.c: from the sockets to the nets. Part of parts_make. */
int parts_network(struct parts *p, char why[256]);
/* What is answered over HTTP with the routes of that registry. 0, -ENOMEM: free what is not NULL.
 */
int parts_make_pages(struct parts *p, const struct registry *r, struct http_routes **ret_routes,
                     struct pages **ret_pages);
/* They change places with those that p has; nets still know the old ones. */
void parts_swap_pages(struct parts *p, struct http_routes **routes, struct pages **pages);
int parts_no_memory(char why[256]); /* -ENOMEM */
#endif

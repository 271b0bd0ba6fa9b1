/* The network of a running daemon: sockets, the admin's token, routes and pages, a net for each
 * pump and one for the admin.
 *
 * Everything listens before a net is made of it, so that a port in use is found first; and all nets
 * are made before one accepts.
 */
#include "base/log.h"
#include "base/str.h"
#include "client/pump.h"
#include "control/control.h"
#include "http/admin_token.h"
#include "http/pages.h"
#include "http/routes.h"
#include "net/net.h"
#include "parts.h"

#include <stdlib.h>
#include <unistd.h>

/* --- an answer of a plugin's route comes home --- */

static void pump_answer(struct pump *pump, struct mail *m)
{
    pages_take_answer(pump->net, m);
}

static void admin_answer(void *arg, struct mail *m)
{
    pages_take_answer(((struct parts *)arg)->admin_net, m);
}

static void note_listeners(struct parts *p, const struct listener_socket *sockets, size_t count,
                           bool admin)
{
    for (size_t i = 0; i < count && p->listener_count < LISTENERS_MAX; i++) {
        struct parts_listener *l = &p->listeners[p->listener_count++];
        l->admin = admin;
        l->tls = (admin ? p->settings.admin.tls_certificate : p->settings.server.tls_certificate);
        snprintf(l->address, sizeof l->address, "%s", sockets[i].address);
    }
}

/* The sockets of everybody: all listen before anything else is made of them, so that a port in use
 * is found first. */
static int listen_all(struct parts *p, struct net_options *all, char why[256])
{
    int error = 0;

    for (uint32_t i = 0; i < p->pump_count && !error; i++)
        error = net_listen(&p->settings.server.listen, i == 0, &all[i].sockets,
                           &all[i].socket_count, why);
    if (!error)
        note_listeners(p, all[0].sockets, all[0].socket_count, false);
    return error;
}

static unsigned port_of(const char *address)
{
    const char *colon = strrchr(address, ':');

    return colon ? (unsigned)strtoul(colon + 1, NULL, 10) : 0;
}

static int open_admin_token(struct parts *p, const char *address, char why[256])
{
    const struct settings_admin *a = &p->settings.admin;

    if (a->auth && !strcmp(a->auth, "none")) {
        log_event(
            LOG_LEVEL_WARNING, "admin_open",
            LOG_TEXT("msg", "[admin] auth = none: whoever reaches the admin listener is admin"));
        return 0;
    }
    p->admin_token = admin_token_open(a, port_of(address), why);
    if (!p->admin_token)
        return -EIO;
    log_event(LOG_LEVEL_INFO, "admin_token", LOG_TEXT("file", admin_token_file(p->admin_token)));
    return 0;
}

static void drop_sockets(struct net_options *o)
{
    for (size_t i = 0; i < o->socket_count; i++)
        close(o->sockets[i].fd);
    free(o->sockets);
    o->sockets = NULL;
    o->socket_count = 0;
}

/* The admin listener's. Without [admin] it is a convenience, and nothing that goes wrong with it
 * stops the daemon. */
static int listen_admin(struct parts *p, struct net_options *o, char why[256])
{
    const parley_list *listen = &p->settings.admin.listen;
    int error;

    if (listen->n == 0 || (listen->n == 1 && str_is(listen->items[0], "none")))
        return 0;
    error = net_listen(listen, true, &o->sockets, &o->socket_count, why);
    if (!error)
        error = open_admin_token(p, o->sockets[0].address, why);
    if (!error) {
        note_listeners(p, o->sockets, o->socket_count, true);
    } else if (!p->settings.has_admin) {
        log_event(LOG_LEVEL_WARNING, "admin_unavailable", LOG_TEXT("msg", why));
        drop_sockets(o);
        error = 0;
    }
    return error;
}

/* The control socket is one more of the admin net's; and as with [admin], what nobody asked for may
 * fail. */
static int listen_control(struct parts *p, struct net_options *o, char why[256])
{
    const struct settings_control *c = &p->settings.control;
    struct listener_socket *more;
    int error;

    if (c->socket && !strcmp(c->socket, "none"))
        return 0;
    more = realloc(o->sockets, (o->socket_count + 1) * sizeof *more);
    if (!more)
        return parts_no_memory(why);
    o->sockets = more;
    error = local_listen(c->socket, c->group_id, &p->control_socket, &more[o->socket_count], why);
    if (!error) {
        o->socket_count++;
    } else if (!p->settings.has_control) {
        log_event(LOG_LEVEL_WARNING, "control_unavailable", LOG_TEXT("msg", why));
        error = 0;
    }
    return error;
}

int parts_make_pages(struct parts *p, const struct registry *r, struct http_routes **ret_routes,
                     struct pages **ret_pages)
{
    struct pages_context c = {.settings = &p->settings,
                              .registry = r,
                              .logins = p->logins,
                              .control = p->control,
                              .actors = p->actors,
                              .actor_count = p->pump_count + 2,
                              .hub = p->hub,
                              .pumps = p->pumps,
                              .config_file = p->config.file.p,
                              .reload = &p->reload,
                              .address = p->listeners[0].address};

    struct http_context guard = {.settings = &p->settings,
                                 .logins = p->logins,
                                 .admin_token = admin_token_text(p->admin_token)};

    *ret_pages = NULL;
    *ret_routes = http_routes_new();
    if (*ret_routes && http_routes_context(*ret_routes, &guard) == 0)
        *ret_pages = pages_new(&c, *ret_routes);
    return *ret_pages ? 0 : -ENOMEM;
}

void parts_swap_pages(struct parts *p, struct http_routes **routes, struct pages **pages)
{
    struct http_routes *old_routes = p->routes;
    struct pages *old_pages = p->pages;

    lockout_inherit(*routes, p->routes);
    p->routes = *routes;
    p->pages = *pages;
    *routes = old_routes;
    *pages = old_pages;
}

static int make_nets(struct parts *p, struct net_options *all, char why[256])
{
    const struct settings *s = &p->settings;

    for (uint32_t i = 0; i <= p->pump_count; i++) {
        bool admin = i == p->pump_count;
        struct net_options *o = &all[i];
        struct net *n;

        if (admin && !o->socket_count)
            break;
        o->settings = s;
        o->admission = p->admission;
        o->routes = p->routes;
        o->loop = admin ? control_loop(p->control) : &p->loops[i];
        o->actor = admin ? control_actor(p->control) : &p->pumps[i].actor;
        o->pump = admin ? NULL : &p->pumps[i];
        o->tls_certificate = admin ? s->admin.tls_certificate : s->server.tls_certificate;
        o->tls_key = admin ? s->admin.tls_key : s->server.tls_key;
        n = net_new(o, why);
        o->sockets = NULL; /* taken over, whatever came of it */
        o->socket_count = 0;
        if (!n)
            return -EINVAL;
        if (admin) {
            p->admin_net = n;
        } else {
            p->pumps[i].net = n;
            p->pumps[i].on_other_mail = pump_answer;
        }
    }
    control_on_other_mail(p->control, admin_answer, p);
    return 0;
}

int parts_network(struct parts *p, char why[256])
{
    struct net_options *all = calloc(p->pump_count + 1, sizeof *all);
    int error;

    if (!all)
        return parts_no_memory(why);
    net_setup_logging();
    error = listen_all(p, all, why);
    error = error ? error : listen_admin(p, &all[p->pump_count], why);
    error = error ? error : listen_control(p, &all[p->pump_count], why);
    if (!error && parts_make_pages(p, &p->registry, &p->routes, &p->pages) < 0)
        error = parts_no_memory(why);
    error = error ? error : make_nets(p, all, why);
    for (uint32_t i = 0; i <= p->pump_count; i++)
        drop_sockets(&all[i]);
    free(all);
    return error;
}

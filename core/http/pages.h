/* The core's own routes, and those of plugins: what this daemon answers over HTTP.
 *
 * Public: /discovery, /ticket, /healthz, /readyz and the web pages. On the admin listener, and by
 * the control socket, /metrics and what parleyctl asks under /admin/ as well. Plugins add theirs by
 * their tables; these are answered by the hub.
 */
#ifndef HTTP_PAGES_H
#define HTTP_PAGES_H
#include "http/http.h"
#include "plugin/registry.h"

struct settings;
struct control;
struct hub;
struct pump;
struct reload;
struct pages_context { /* all borrowed; must outlive the pages */
    const struct settings *settings;
    const struct registry *registry;
    struct logins *logins;
    struct control *control;
    struct actor *const *actors; /* control, hub, pumps: whose mailboxes /metrics shows */
    size_t actor_count;
    struct hub *hub; /* with pumps: for what /admin/ tells; NULL: it is not offered */
    struct pump *pumps;
    const char *config_file;
    struct reload *const *reload; /* once it is made; NULL: none will be */
    const char *address; /* of the first public listener, as bound: where no Host says it */
};
struct pages;
/* Makes them and adds them to the routes, which must not outlive them. NULL: no memory; faults of
 * plugins (a route that is already there, a method nobody knows) are logged, and left out.
 * [control] */
struct pages *pages_new(const struct pages_context *c, struct http_routes *to);
void pages_free(struct pages *p); /* takes NULL */
/* A MAIL_ANSWER came to the owner of a net: its connection is answered. NULL: there is none any
 * more. [the net's loop] */
struct net;
void pages_take_answer(struct net *n, struct mail *take_mail);
/* The UUID of this server: [discovery] id, or one made of the machine and the first address. */
#define PAGES_ID_BYTES 37
void pages_server_id(const struct settings *s, char out[PAGES_ID_BYTES]);
#endif

/* The core's routes: who this server is, tickets, health; and the hand-over of plugins' routes to
 * the hub. */
#include "http/pages.h"

#include "base/log.h"
#include "base/metrics.h"
#include "base/str.h"
#include "client/login.h"
#include "config/settings.h"
#include "control/control.h"
#include "http/pages_internal.h"
#include "http/server.h"
#include "hub/hub.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <unistd.h>

void page_header(struct http_request *q, const char *line)
{
    if (q->extra_count < sizeof q->extra_headers / sizeof *q->extra_headers)
        q->extra_headers[q->extra_count++] = line;
}

int page_text(struct http_request *q, int status, const char *text)
{
    q->status = status;
    q->content_type = "text/plain; charset=utf-8";
    q->static_body = text;
    q->static_bytes = strlen(text);
    page_header(q, "Cache-Control: no-store");
    return 0;
}

/* --- /discovery --- */

void pages_server_id(const struct settings *s, char out[PAGES_ID_BYTES])
{
    unsigned char h[EVP_MAX_MD_SIZE];
    char machine[128] = "", host[256] = "";
    parley_str address = s->server.listen.n ? s->server.listen.items[0] : PARLEY_STR("");
    FILE *f;

    if (s->discovery.id) {
        snprintf(out, PAGES_ID_BYTES, "%s", s->discovery.id);
        return;
    }
    f = fopen("/etc/machine-id", "re");
    if (f && !fgets(machine, sizeof machine, f))
        machine[0] = '\0';
    if (f)
        fclose(f);
    gethostname(host, sizeof host - 1);
    /* a hash: the machine's own id is nobody's business */
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    if (!md || !EVP_DigestInit_ex(md, EVP_sha256(), NULL) ||
        !EVP_DigestUpdate(md, "parley server id", 17) ||
        !EVP_DigestUpdate(md, machine, strlen(machine) + 1) ||
        !EVP_DigestUpdate(md, host, strlen(host) + 1) ||
        !EVP_DigestUpdate(md, address.p, address.n) || !EVP_DigestFinal_ex(md, h, NULL))
        memset(h, 0, sizeof h);
    EVP_MD_CTX_free(md);
    h[6] = (unsigned char)(0x80 | (h[6] & 0x0f)); /* version 8: made as its maker likes */
    h[8] = (unsigned char)(0x80 | (h[8] & 0x3f));
    snprintf(out, PAGES_ID_BYTES,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", h[0], h[1],
             h[2], h[3], h[4], h[5], h[6], h[7], h[8], h[9], h[10], h[11], h[12], h[13], h[14],
             h[15]);
}

static parley_str without_scheme(const char *url)
{
    const char *p = url ? strstr(url, "://") : NULL;

    return str_of(p ? p + 3 : url);
}

/* A Host that may be repeated in an answer. */
static bool is_host(parley_str h)
{
    if (h.n == 0 || h.n > 255)
        return false;
    for (size_t i = 0; i < h.n; i++) {
        char c = h.p[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!good && !strchr(".-_:[]", c))
            return false;
    }
    return true;
}

/* Where chat clients reach this server, as seen by who asks: "chat.example.org", "127.0.0.1:8080".
 */
static void public_host(const struct pages *p, const struct http_request *q, char out[512])
{
    const char *known = p->context.settings->discovery.public_url;
    const char *colon, *bracket;

    if (known || !is_host(q->host)) {
        snprintf(out, 512, "%s", known ? without_scheme(known).p : p->context.address);
        return;
    }
    snprintf(out, 512, "%s", q->host.p);
    if (!q->admin_listener)
        return;
    /* the same machine, but the public listener's port */
    colon = strrchr(out, ':');
    bracket = strrchr(out, ']');
    size_t n = colon && (!bracket || colon > bracket) ? (size_t)(colon - out) : strlen(out);
    colon = strrchr(p->context.address, ':');
    snprintf(out + n, 512 - n, "%s", colon ? colon : "");
}

static void add_field(struct buf *b, const char *key, const char *before, parley_str v,
                      const char *after)
{
    char text[1024];

    if (!v.p)
        return;
    snprintf(text, sizeof text, "%s%s%s", before, v.p, after);
    buf_addf(b, "%s\"%s\":", b->n > 1 ? "," : "", key);
    buf_add_json(b, str_of(text));
}

static int serve_discovery(struct http_request *q, void *context)
{
    const struct pages *p = context;
    const struct settings_discovery *d = &p->context.settings->discovery;
    const struct registry *r = p->context.registry;
    const char *path = r->protocol_count ? r->protocols[0].protocol.path : "/ws";
    bool tls = d->public_url ? strncmp(d->public_url, "https:", 6) == 0 : q->tls;
    char host[512];

    public_host(p, q, host);
    buf_add_char(&q->answer, '{');
    add_field(&q->answer, "auth_url", "", without_scheme(d->auth_url), "");
    add_field(&q->answer, "token_url", "", without_scheme(d->token_url), "");
    add_field(&q->answer, "health_url", "", str_of(host), "/healthz");
    add_field(&q->answer, "chat_url", tls ? "wss://" : "ws://", str_of(host), path);
    add_field(&q->answer, "chat_client", "", str_of(d->chat_client), "");
    add_field(&q->answer, "server_name", "", str_of(d->name ? d->name : "Parley"), "");
    add_field(&q->answer, "server_id", "", str_of(p->server_id), "");
    buf_add_char(&q->answer, '}');
    page_header(q, "Cache-Control: no-store");
    q->status = 200;
    return 0;
}

/* --- /ticket --- */

static int refuse(struct http_request *q, const char *why)
{
    page_header(q, "WWW-Authenticate: Bearer");
    http_answer_error(q, 401, why);
    return 0;
}

static int later(struct http_request *q, const char *why)
{
    page_header(q, "Retry-After: 1");
    http_answer_error(q, 503, why);
    return 0;
}

static int serve_ticket(struct http_request *q, void *context)
{
    const struct pages *p = context;
    char ticket[TICKET_BYTES];
    struct login *login;
    int r = 0;

    page_header(q, "Cache-Control: no-store");
    if (!q->bearer.p)
        return refuse(q, "a ticket is given for an access token: send it as Authorization: Bearer. "
                         "Where the server asks for no token, none is needed");
    login = login_new(q->bearer, NULL, 0, q->address.p);
    if (!login) {
        http_answer_error(q, 500, "no memory");
        return 0;
    }
    switch (login_check(p->context.logins, login)) {
    case PARLEY_ADMIT:
        r = ticket_issue(p->context.logins, login->identity, ticket);
        if (r == 0) {
            buf_addf(&q->answer, "{\"ticket\":\"%s\",\"expires_in\":%d}", ticket,
                     TICKET_LIFE_MS / 1000);
            q->status = 200;
        } else {
            later(q, "too many tickets are out");
        }
        break;
    case PARLEY_LATER:
        later(q, "the token cannot be checked yet");
        break;
    case PARLEY_REFUSE:
        refuse(q, login->why);
        break;
    default:
        refuse(q, "no authenticator of this server takes such a token");
    }
    login_free(login);
    return 0;
}

/* --- health --- */

static int serve_healthz(struct http_request *q, void *context)
{
    (void)context;
    return page_text(q, 200, "ok\n");
}

static int serve_readyz(struct http_request *q, void *context)
{
    const struct pages *p = context;

    if (!control_unready(p->context.control, &q->answer))
        return page_text(q, 200, "ready\n");
    page_header(q, "Cache-Control: no-store");
    q->content_type = "text/plain; charset=utf-8";
    q->status = 503;
    return 0;
}

/* --- routes of plugins --- */

/* [the listener's loop] It comes back to that loop as MAIL_ANSWER. */
static int serve_plugin(struct http_request *q, void *context)
{
    const struct plugin_route *route = context;

    q->route = route;
    actor_post(hub_actor(route->instance->hub), &q->mail, MAIL_REQUEST);
    return -EINPROGRESS;
}

void pages_take_answer(struct net *n, struct mail *take_mail)
{
    struct http_request *q =
        (struct http_request *)((char *)take_mail - offsetof(struct http_request, mail));

    if (n)
        http_answered(n, q);
    else
        http_request_free(q);
}

static int method_of(const char *name, enum http_method *ret)
{
    static const char *const names[] = {"GET", "POST", "PATCH", "DELETE"};
    static const enum http_method methods[] = {HTTP_GET, HTTP_POST, HTTP_PATCH, HTTP_DELETE};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(names[i], name)) {
            *ret = methods[i];
            return 0;
        }
    return -EINVAL;
}

/* Who may ask: under [admin] auth = none the admin listener asks nobody, and is on a loopback. */
static const char *admin_role(const struct pages *p)
{
    const struct settings_admin *a = &p->context.settings->admin;

    return a->auth && !strcmp(a->auth, "none") ? NULL : a->role ? a->role : "admin";
}

static void add_plugin_route(struct pages *p, struct http_routes *to, const struct plugin_route *r)
{
    bool own = r->route.path[0] != '/'; /* below /admin/ */
    bool for_admin = r->route.role && !strcmp(r->route.role, "admin");
    struct http_route route = {.path = r->path, .role = r->route.role, .serve = serve_plugin};
    int error = method_of(r->route.method, &route.method);

    route.context = (void *)(uintptr_t)r;
    /* What only an admin may do is not offered to the public at all. */
    if (!own && !for_admin) {
        route.on_public = true;
        error = error ? error : http_routes_add(to, &route);
        route.on_public = false;
    }
    route.on_admin = true;
    if (!admin_role(p) || for_admin)
        route.role = admin_role(p);
    error = error ? error : http_routes_add(to, &route);
    if (error)
        log_event(
            LOG_LEVEL_WARNING, "route_refused", LOG_TEXT("section", r->instance->host.section),
            LOG_TEXT("method", r->route.method), LOG_TEXT("path", r->path),
            LOG_TEXT("msg", error == -EEXIST ? "another one is already there"
                                             : "only GET, POST, PATCH and DELETE have routes"));
}

static int add_admin(struct pages *p, struct http_routes *to, const char *role)
{
    int status = page_status_add(p, to, role), log = page_log_add(p, to, role);
    int reload = page_reload_add(p, to, role), error = status ? status : log ? log : reload;

    p->admin = true;
    error = error ? error : page_clients_add(p, to, role);
    return error ? error : page_plugins_add(p, to, role);
}

struct pages *pages_new(const struct pages_context *c, struct http_routes *to)
{
    struct pages *p = calloc(1, sizeof *p);
    int error = 0;

    if (!p)
        return NULL;
    p->context = *c;
    pages_server_id(c->settings, p->server_id);
    const struct http_route own[] = {{HTTP_GET, "/discovery", true, true, NULL, serve_discovery, p},
                                     {HTTP_POST, "/ticket", true, true, NULL, serve_ticket, p},
                                     {HTTP_GET, "/healthz", true, true, NULL, serve_healthz, p},
                                     {HTTP_GET, "/readyz", true, true, NULL, serve_readyz, p}};
    for (size_t i = 0; i < sizeof own / sizeof *own && !error; i++)
        error = http_routes_add(to, &own[i]);
    if (!error)
        error = page_metrics_add(p, to, admin_role(p));
    if (!error && c->hub)
        error = add_admin(p, to, admin_role(p));
    if (!error)
        error = page_verdicts_add(p, to, admin_role(p));
    if (!error)
        error = page_web_add(p, to);
    if (error) {
        pages_free(p);
        return NULL;
    }
    for (size_t i = 0; i < c->registry->route_count; i++)
        add_plugin_route(p, to, &c->registry->routes[i]);
    return p;
}

void pages_free(struct pages *p)
{
    if (!p)
        return;
    page_web_finish(p);
    if (p->admin) {
        page_status_finish();
        page_log_finish();
        page_reload_finish();
    }
    free(p->depths);
    free(p);
}

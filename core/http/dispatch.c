/* What every request goes through after it is read: whose page asks, is there such a path, who
 * asks, is the method known there, is the body usable; then the route.
 *
 * Authentication comes before method and body, so that a stranger learns nothing about either. An
 * error carries CORS headers too, or the page that asked could not read it.
 */
#include "base/log.h"
#include "base/metrics.h"
#include "base/str.h"
#include "client/login.h"
#include "http/cors.h"
#include "http/routes.h"
#include "message/value.h"

#include <openssl/crypto.h>

enum { JSON_DEPTH = 32, JSON_TOKENS = 2048 };

static void add_header(struct http_request *q, const char *header)
{
    if (q->extra_count < sizeof q->extra_headers / sizeof *q->extra_headers)
        q->extra_headers[q->extra_count++] = header;
}

static bool wants_json(parley_str accept)
{
    return accept.p && memmem(accept.p, accept.n, "application/json", 16);
}

void http_answer_error(struct http_request *q, int status, const char *text)
{
    buf_clear(&q->answer);
    q->static_body = NULL;
    q->static_bytes = 0;
    q->status = status;
    if (wants_json(q->accept)) {
        q->content_type = "application/json";
        buf_add_cstr(&q->answer, "{\"error\":");
        buf_add_json(&q->answer, str_of(text));
        buf_add_cstr(&q->answer, "}\n");
    } else {
        q->content_type = "text/plain; charset=utf-8";
        buf_add_cstr(&q->answer, text);
        buf_add_char(&q->answer, '\n');
    }
}

static int refuse(struct http_request *q, int status, const char *text)
{
    http_answer_error(q, status, text);
    return 0;
}

static void count_refusal(const struct http_request *q, const char *reason)
{
    metric_inc(metric(METRIC_COUNTER, "refusals", "Connections and requests that were turned away",
                      "reason", str_of(reason)));
    log_event(LOG_LEVEL_INFO, "refused", LOG_TEXT("reason", reason), LOG_STR("address", q->address),
              LOG_STR("path", q->path));
}

/* --- who asks: 0, or answered with `true` --- */

static bool is_local_token(const struct http_request *q, const struct http_context *x)
{
    size_t n = x->admin_token ? strlen(x->admin_token) : 0;

    return q->admin_listener && n && q->bearer.n == n &&
           CRYPTO_memcmp(q->bearer.p, x->admin_token, n) == 0;
}

static bool unauthorized(struct http_request *q, const struct http_routes *r, const char *why)
{
    if (q->admin_listener && q->bearer.p)
        lockout_failed(r, q->address);
    count_refusal(q, "http_authentication");
    add_header(q, "WWW-Authenticate: Bearer");
    http_answer_error(q, 401, why && why[0] ? why : "Authentication is required.");
    return true;
}

static struct login *make_login(const struct http_request *q)
{
    struct login_query list[64];
    size_t n = q->query_count < 64 ? q->query_count : 64;

    for (size_t i = 0; i < n; i++)
        list[i] = (struct login_query){q->query[i].name, q->query[i].value};
    return login_new(q->bearer, list, n, q->address.p ? q->address.p : "");
}

static bool judge_login(struct http_request *q, const struct http_routes *r, struct login *login,
                        const char *role)
{
    parley_str name = str_of(role);
    parley_list any = {&name, 1};

    switch (login_check(r->context.logins, login)) {
    case PARLEY_ADMIT:
        if (role[0] && !identity_has_role(login->identity, &any)) {
            count_refusal(q, "http_role");
            http_answer_error(q, 403, "You may not do this.");
            return true;
        }
        q->identity = identity_ref(login->identity);
        return false;
    case PARLEY_LATER:
        add_header(q, "Retry-After: 1");
        http_answer_error(q, 503, "Your token cannot be checked yet; try again.");
        return true;
    case PARLEY_REFUSE:
        return unauthorized(q, r, login->why);
    default:
        return unauthorized(q, r, NULL);
    }
}

/* true: answered, he may not. role "": whoever has a valid token. */
static bool stopped_at_door(struct http_request *q, const struct http_routes *r, const char *role)
{
    const struct http_context *x = &r->context;
    struct login *login;
    bool stopped;

    if (q->local) /* the kernel said who it is, and he was let in */
        return false;
    if (q->admin_listener && x->settings && x->settings->admin.auth &&
        strcmp(x->settings->admin.auth, "none") == 0)
        return false;
    if (q->admin_listener && lockout_holds(r, q->address)) {
        count_refusal(q, "lockout");
        add_header(q, "Retry-After: 60");
        http_answer_error(q, 429, "Too many failed attempts; wait a minute.");
        return true;
    }
    if (is_local_token(q, x))
        return false;
    if (!x->logins)
        return unauthorized(q, r, NULL);
    login = make_login(q);
    if (!login) {
        http_answer_error(q, 503, "Out of memory.");
        return true;
    }
    stopped = judge_login(q, r, login, role);
    login_free(login);
    return stopped;
}

/* --- the rest of the way --- */

static int preflight(struct http_request *q, const struct http_routes *r, bool allowed)
{
    char allow[64];

    if (q->origin.p && !allowed) {
        count_refusal(q, "origin");
        return refuse(q, 403, "This origin is not allowed.");
    }
    if (allowed)
        cors_add_headers(q, true);
    http_routes_allow(r, q->admin_listener, q->path, allow);
    parley_str header = arena_printf(&q->arena, "Allow: %s, OPTIONS", allow);
    if (header.p)
        add_header(q, header.p);
    q->status = 200;
    return 0;
}

static int wrong_method(struct http_request *q, const struct http_routes *r)
{
    char allow[64];

    http_routes_allow(r, q->admin_listener, q->path, allow);
    parley_str header = arena_printf(&q->arena, "Allow: %s", allow);
    if (header.p)
        add_header(q, header.p);
    return refuse(q, 405, "This method is not known here.");
}

static int faulty_body(struct http_request *q, int status)
{
    switch (status) {
    case 411:
        return refuse(q, 411, "The body needs a Content-Length.");
    case 413:
        return refuse(q, 413, "The body is too large.");
    case 503:
        return refuse(q, 503, "Out of memory.");
    default:
        return refuse(q, 400, "Bad request.");
    }
}

static bool body_is_parsed(struct http_request *q, const struct http_routes *r)
{
    const struct settings *s = r->context.settings;
    const struct value *json = NULL;
    const char *why = NULL;
    int error;

    if (!q->body.n || q->method == HTTP_GET || q->method == HTTP_HEAD)
        return true;
    error = value_parse(&q->arena, q->body, s ? (unsigned)s->server.depth : JSON_DEPTH,
                        s ? (unsigned)s->server.tokens : JSON_TOKENS, &json, &why);
    if (error == -ENOMEM) {
        http_answer_error(q, 503, "Out of memory.");
        return false;
    }
    if (error) {
        parley_str text = arena_printf(&q->arena, "Malformed JSON: %s.", why ? why : "unreadable");
        http_answer_error(q, 400, text.p ? text.p : "Malformed JSON.");
        return false;
    }
    q->json = &json->pub;
    return true;
}

static bool changes_something(enum http_method m)
{
    return m != HTTP_GET && m != HTTP_HEAD && m != HTTP_OPTIONS;
}

/* q->status may come set: what was wrong with the body while it was read (411, 413, 400). */
int http_dispatch(struct http_request *q, const struct http_routes *routes)
{
    const struct settings *s = routes->context.settings;
    const struct http_route *route, *guard;
    bool known, allowed;
    int fault = q->status, error;

    q->status = 0;
    route = http_routes_find(routes, q->admin_listener, q->method, q->path, &known);
    allowed = q->origin.p && cors_allows(q->origin, q->host, s ? &s->server.origins : NULL);
    if (q->origin.p)
        add_header(q, "Vary: Origin");
    if (q->method == HTTP_OPTIONS && known && !route)
        return preflight(q, routes, allowed);
    if (allowed)
        cors_add_headers(q, false);
    if (!known)
        return refuse(q, 404, "Not found.");
    if (q->origin.p && !allowed && changes_something(q->method)) {
        count_refusal(q, "origin");
        return refuse(q, 403, "This origin is not allowed.");
    }
    guard = route ? route : http_routes_guard(routes, q->admin_listener, q->path);
    if (guard && guard->role && stopped_at_door(q, routes, guard->role))
        return 0;
    if (!route)
        return wrong_method(q, routes);
    if (fault)
        return faulty_body(q, fault);
    if (!body_is_parsed(q, routes))
        return 0;
    q->route = route;
    error = route->serve(q, route->context);
    if (error == -EINPROGRESS)
        return error; /* q belongs to whoever has it now */
    if (error || !q->status) {
        log_event(LOG_LEVEL_ERROR, "route_failed", LOG_TEXT("path", route->path),
                  LOG_INT("error", error));
        return refuse(q, 500, "Internal error.");
    }
    return 0;
}

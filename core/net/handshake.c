/* The verdict on an upgrade, in one go and before the 101: lws cannot hold one.
 *
 * The order is that of the security promises: what is no WebSocket request at all, draining, the
 * path, the origin, the address's cap, who it is, the user's cap. All is decided in
 * CONFIRM_UPGRADE, where an answer with a body can still be sent; later lws only hangs up. So
 * whatever lws itself would hang up on (an overlong subprotocol list, a missing key) is looked for
 * here too.
 */
#include "base/log.h"
#include "base/metrics.h"
#include "base/str.h"
#include "client/login.h"
#include "client/pump.h"
#include "http/cors.h"
#include "net/conn.h"
#include "net/wire.h"
#include "plugin/registry.h"

#include <ctype.h>
#include <stdlib.h>

enum {
    LWS_LIST_BYTES =
        127, /* lws copies Connection and Sec-WebSocket-Protocol into so many, 0 included */
    LWS_NAME_BYTES = 64, /* and each subprotocol's name into so many */
    KEY_BYTES = 24,
};

struct refusal {
    int status;
    const char *reason; /* of the metric */
    const char *text;   /* for the peer */
    const char *header; /* NULL: none */
};
static const struct refusal bad_request = {400, "bad_upgrade", "Not a WebSocket handshake.", NULL};
static const struct refusal bad_version = {
    400, "version", "This server speaks version 13 of WebSocket.", "Sec-WebSocket-Version: 13\r\n"};
static const struct refusal bad_subprotocol = {400, "subprotocol",
                                               "The only subprotocol here is 'parley'.", NULL};
static const struct refusal draining = {503, "draining", "The server is restarting.",
                                        "Retry-After: 5\r\n"};
static const struct refusal unknown_path = {404, "path", "Not found.", NULL};
static const struct refusal foreign_origin = {403, "origin", "This origin is not allowed.", NULL};
static const struct refusal many_of_address = {
    429, "address", "Too many connections from your address.", "Retry-After: 5\r\n"};
static const struct refusal many_of_user = {429, "user", "Too many connections of this user.",
                                            "Retry-After: 5\r\n"};
static const struct refusal no_memory = {503, "memory", "Out of memory.", "Retry-After: 5\r\n"};

struct attempt {
    struct conn *c;
    struct lws *wsi;
    struct arena *arena;
    parley_str path, host, ticket, bearer;
    struct http_query *query;
    size_t query_count;
    struct ip address;
    struct refusal told; /* a refusal whose text the authenticator gave */
    char why[256];
};

static const char *status_words(int status)
{
    switch (status) {
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 429:
        return "Too Many Requests";
    default:
        return "Service Unavailable";
    }
}

static int answer(const struct attempt *a, const struct refusal *r)
{
    unsigned char out[LWS_PRE + 1024];
    char *text = (char *)out + LWS_PRE;
    int n = snprintf(text, sizeof out - LWS_PRE,
                     "HTTP/1.1 %d %s\r\nContent-Type: text/plain; charset=utf-8\r\n"
                     "Content-Length: %zu\r\nCache-Control: no-store\r\n"
                     "X-Content-Type-Options: nosniff\r\n%sConnection: close\r\n\r\n%s",
                     r->status, status_words(r->status), strlen(r->text),
                     r->header ? r->header : "", r->text);

    net_refused(a->c->net, r->reason, &a->address, a->path);
    if (r == &a->told)
        log_event(LOG_LEVEL_INFO, "login_refused", LOG_IP("address", &a->address),
                  LOG_TEXT("msg", r->text));
    lws_write(a->wsi, (unsigned char *)text, (size_t)n, LWS_WRITE_HTTP_HEADERS);
    return -1;
}

/* --- the steps: NULL goes on --- */

static bool key_is_good(parley_str key)
{
    if (key.n != KEY_BYTES || key.p[KEY_BYTES - 1] != '=' || key.p[KEY_BYTES - 2] != '=')
        return false;
    for (size_t i = 0; i < KEY_BYTES - 2; i++)
        if (!isalnum((unsigned char)key.p[i]) && key.p[i] != '+' && key.p[i] != '/')
            return false;
    return true;
}

static const struct refusal *check_shape(struct attempt *a)
{
    enum http_method method = HTTP_OTHER;
    char buf[256], host[256];
    parley_str v;

    if (!header_path(a->wsi, &a->path, &method))
        return &unknown_path;
    if (method != HTTP_GET || lws_hdr_total_length(a->wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) ||
        lws_hdr_total_length(a->wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING))
        return &bad_request;
    if (!header_get(a->wsi, WSI_TOKEN_HTTP, buf, sizeof buf, &v) || !str_is(v, "HTTP/1.1"))
        return &bad_request;
    if (!header_get(a->wsi, WSI_TOKEN_CONNECTION, buf, LWS_LIST_BYTES, &v) ||
        !header_has_token(v, "upgrade"))
        return &bad_request;
    if (!header_get(a->wsi, WSI_TOKEN_KEY, buf, sizeof buf, &v) || !v.p || !key_is_good(v))
        return &bad_request;
    if (!header_get(a->wsi, WSI_TOKEN_HOST, host, sizeof host, &v) || !v.p)
        return &bad_request;
    a->host = arena_str(a->arena, v);
    if (!a->host.p)
        return &no_memory;
    if (!header_get(a->wsi, WSI_TOKEN_VERSION, buf, sizeof buf, &v) || !str_is(v, "13"))
        return &bad_version;
    return NULL;
}

static bool name_is_good(parley_str name)
{
    if (!name.n || name.n >= LWS_NAME_BYTES)
        return false;
    for (size_t i = 0; i < name.n; i++)
        if (!isalnum((unsigned char)name.p[i]) && !strchr("-._", name.p[i]))
            return false;
    return true;
}

/* "parley, ticket.<t>": lws answers the first name that it knows, and ours is the only one. */
static const struct refusal *check_subprotocols(struct attempt *a)
{
    char buf[LWS_LIST_BYTES];
    bool ours = false;
    parley_str list;

    if (!header_get(a->wsi, WSI_TOKEN_PROTOCOL, buf, sizeof buf, &list))
        return &bad_subprotocol;
    if (!list.p)
        return NULL;
    for (size_t at = 0, end; at <= list.n; at = end + 1) {
        parley_str name;

        for (end = at; end < list.n && list.p[end] != ',';)
            end++;
        name = str_trim(str_n(list.p + at, end - at));
        if (!name_is_good(name))
            return &bad_subprotocol;
        ours |= str_is(name, "parley");
        if (name.n > 7 && memcmp(name.p, "ticket.", 7) == 0) {
            a->ticket = arena_str(a->arena, str_n(name.p + 7, name.n - 7));
            if (!a->ticket.p)
                return &no_memory;
        }
    }
    return ours ? NULL : &bad_subprotocol;
}

static const struct refusal *check_path(struct attempt *a)
{
    const struct registry *r = a->c->net->pump->registry;

    if (a->c->net->pump->draining)
        return &draining;
    for (size_t i = 0; i < r->protocol_count; i++)
        if (str_is(a->path, r->protocols[i].protocol.path)) {
            a->c->protocol = (uint8_t)i;
            return NULL;
        }
    return &unknown_path;
}

static const struct refusal *check_origin(struct attempt *a)
{
    char buf[512];
    parley_str origin;

    if (!header_get(a->wsi, WSI_TOKEN_ORIGIN, buf, sizeof buf, &origin))
        return &foreign_origin;
    if (!origin.p && !lws_hdr_total_length(a->wsi, WSI_TOKEN_ORIGIN))
        return NULL;
    return cors_allows(origin, a->host, &a->c->net->settings->server.origins) ? NULL
                                                                              : &foreign_origin;
}

static const struct refusal *check_address(struct attempt *a)
{
    struct admission *admission = a->c->net->admission;

    if (admission && admission_address(admission, &a->address) != ADMIT_OK)
        return &many_of_address;
    a->c->address = a->address;
    a->c->upgrading = true;
    return NULL;
}

static const struct refusal *refuse_login(struct attempt *a, const char *why)
{
    snprintf(a->why, sizeof a->why, "%s", why && why[0] ? why : "Authentication is required.");
    a->told = (struct refusal){401, "authentication", a->why, "WWW-Authenticate: Bearer\r\n"};
    return &a->told;
}

static const struct refusal *check_login(struct attempt *a)
{
    struct logins *logins = a->c->net->pump->logins;
    struct login *login;

    if (a->ticket.p) {
        a->c->identity = ticket_redeem(logins, a->ticket);
        return a->c->identity ? NULL : refuse_login(a, "This ticket is unknown, used or too old.");
    }
    if (!header_bearer(a->wsi, a->arena, &a->bearer) ||
        header_query(a->wsi, a->arena, &a->query, &a->query_count) < 0)
        return &bad_request;
    struct login_query *query = arena_alloc(a->arena, (a->query_count + 1) * sizeof *query);
    if (!query)
        return &no_memory;
    for (size_t i = 0; i < a->query_count; i++)
        query[i] = (struct login_query){a->query[i].name, a->query[i].value};
    login = login_new(a->bearer, query, a->query_count, ip_print(&a->address, (char[IP_TEXT]){0}));
    if (!login)
        return &no_memory;
    switch (login_check(logins, login)) {
    case PARLEY_ADMIT:
        a->c->identity = identity_ref(login->identity);
        login_free(login);
        return NULL;
    case PARLEY_LATER:
        a->c->login = login;
        return NULL;
    case PARLEY_REFUSE:
        refuse_login(a, login->why);
        break;
    default:
        refuse_login(a, NULL);
    }
    login_free(login);
    return &a->told;
}

static const struct refusal *check_user(struct attempt *a)
{
    struct admission *admission = a->c->net->admission;
    struct identity *i = a->c->identity;

    if (!i || !admission ||
        admission_user(admission, identity_issuer(i), identity_user(i)) == ADMIT_OK)
        return NULL;
    identity_unref(i);
    a->c->identity = NULL; /* so that no count of the user is given back */
    return &many_of_user;
}

static const struct refusal *(*const steps[])(struct attempt *) = {
    check_shape,   check_subprotocols, check_path, check_origin,
    check_address, check_login,        check_user,
};

static int decide(struct attempt *a)
{
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        const struct refusal *r = steps[i](a);
        if (!r)
            continue;
        bool user_counted = steps[i] == check_user;
        if (!user_counted && a->c->identity) {
            identity_unref(a->c->identity);
            a->c->identity = NULL;
        }
        conn_drop_upgrade(a->c);
        return answer(a, r);
    }
    /* Who waits for his login is to have his answer meanwhile. */
    a->c->corked = a->c->identity && !a->c->tls && wire_cork(a->wsi);
    return 0;
}

int handshake_confirm(struct conn *c)
{
    _Alignas(16) char memory[24 * 1024];
    struct arena arena;
    struct attempt a = {.c = c, .wsi = c->wsi, .arena = &arena};
    char up[32];
    int r = -1, n = lws_hdr_copy(c->wsi, up, sizeof up, WSI_TOKEN_UPGRADE);

    a.address = c->peer;
    /* To anything but websocket and h2c lws has already answered 403, and may have let go of the
     * head, so not another word (CVE-2025-11677). */
    if (n != 9 || strcasecmp(up, "websocket") != 0) {
        bool h2c = n == 3 && strcasecmp(up, "h2c") == 0;
        if (h2c)
            return answer(&a, &bad_request);
        net_refused(c->net, "bad_upgrade", &c->peer, PARLEY_NONE);
        return -1;
    }
    arena_init_in(&arena, memory, sizeof memory, 16 * 1024);
    header_address(c, &a.address);
    if (c->net->pump)
        r = decide(&a);
    else
        r = answer(&a, &unknown_path);
    arena_finish(&arena);
    return r;
}

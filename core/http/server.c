/* HTTP requests, from lws's tables to the dispatcher.
 *
 * lws answers nothing that it finds odd (a POST without a length it takes for 100 MiB), so lengths
 * are judged here, and what is wrong with a body is told only behind authentication. While another
 * loop makes the answer, nothing is read, lws's timeouts are off, and a deadline of ours runs; the
 * request may outlive its connection, which the serial tells.
 */
#include "http/server.h"

#include "base/log.h"
#include "base/str.h"
#include "client/pump.h"
#include "http/exchange.h"
#include "net/conn.h"
#include "plugin/registry.h"

#include <ctype.h>
#include <stdlib.h>

enum {
    BODY_MOST_BYTES = 64 * 1024,
    HOST_BYTES = 256,
    ORIGIN_BYTES = 512,
    VALUE_BYTES = 4096, /* of headers that we can do without */
};

static void free_exchange(struct http_exchange *x)
{
    answer_stop(x);
    http_request_free(x->request);
    buf_finish(&x->body);
    buf_finish(&x->head);
    free(x);
}

void http_closed(struct conn *c)
{
    struct http_exchange *x = c->http;

    c->http = NULL;
    c->serial = 0;
    if (x)
        free_exchange(x);
}

/* --- reading the head --- */

/* A header that must be usable if it is there. false: it is not. */
static bool copy(struct conn *c, struct http_request *q, enum lws_token_indexes token, size_t most,
                 parley_str *ret)
{
    char buf[VALUE_BYTES];
    parley_str v;

    *ret = PARLEY_NONE;
    if (!header_get(c->wsi, token, buf, most, &v))
        return false;
    if (!v.p)
        return true;
    *ret = arena_str(&q->arena, v);
    return ret->p != NULL;
}

static void copy_if_usable(struct conn *c, struct http_request *q, enum lws_token_indexes token,
                           parley_str *ret)
{
    if (!copy(c, q, token, VALUE_BYTES, ret))
        *ret = PARLEY_NONE;
}

/* HTTP/1.0 and whoever says so get one answer. false: not HTTP/1.x, or 1.1 without a Host */
static bool read_version(struct conn *c, struct http_exchange *x)
{
    char buf[256];
    parley_str v;

    if (!header_get(c->wsi, WSI_TOKEN_HTTP, buf, sizeof buf, &v))
        return false;
    x->keep = str_is(v, "HTTP/1.1");
    if (x->keep ? !x->request->host.p : !str_is(v, "HTTP/1.0"))
        return false;
    if (!header_get(c->wsi, WSI_TOKEN_CONNECTION, buf, sizeof buf, &v) ||
        header_has_token(v, "close"))
        x->keep = false;
    return true;
}

/* 0, or the status that says what is wrong with the announced body. */
static int read_length(struct conn *c, struct http_exchange *x)
{
    enum http_method m = x->request->method;
    char buf[32];
    parley_str v;

    x->body_bytes = 0;
    if (lws_hdr_total_length(c->wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING))
        return 411;
    if (!lws_hdr_total_length(c->wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH))
        return m == HTTP_POST || m == HTTP_PATCH || m == HTTP_OTHER ? 411 : 0;
    if (!header_get(c->wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, buf, sizeof buf, &v) || !v.n)
        return 400;
    for (size_t i = 0; i < v.n; i++)
        if (!isdigit((unsigned char)v.p[i]))
            return 400;
    if (v.n > 15)
        return 413;
    x->body_bytes = strtoull(v.p, NULL, 10);
    return x->body_bytes > BODY_MOST_BYTES ? 413 : 0;
}

static void address_text(struct conn *c, char out[IP_TEXT])
{
    struct ip address;

    if (c->local) {
        snprintf(out, IP_TEXT, "uid %" PRIu32, c->uid);
        return;
    }
    header_address(c, &address);
    ip_print(&address, out);
}

/* 0, or a status. What a route might need is filled in as far as it is good. */
static int read_head(struct conn *c, struct http_exchange *x)
{
    struct http_request *q = x->request;
    char text[IP_TEXT];
    parley_str path;
    int fault = 0, error;

    q->admin_listener = !c->net->pump;
    q->tls = c->tls;
    q->method = HTTP_OTHER;
    q->local = c->local;
    address_text(c, text);
    q->address = arena_str(&q->arena, str_of(text));
    if (!header_path(c->wsi, &path, &q->method) || http_path_set(q, path) < 0)
        q->path = PARLEY_NONE; /* which no route has */
    x->head_only = q->method == HTTP_HEAD;
    if (!copy(c, q, WSI_TOKEN_HOST, HOST_BYTES, &q->host) || !read_version(c, x))
        fault = 400;
    if (!copy(c, q, WSI_TOKEN_ORIGIN, ORIGIN_BYTES, &q->origin))
        q->origin = PARLEY_STR("null"); /* there is one, and it is nobody's */
    if (!header_bearer(c->wsi, &q->arena, &q->bearer))
        fault = 400;
    copy_if_usable(c, q, WSI_TOKEN_HTTP_COOKIE, &q->cookie);
    copy_if_usable(c, q, WSI_TOKEN_HTTP_ACCEPT, &q->accept);
    copy_if_usable(c, q, WSI_TOKEN_HTTP_ACCEPT_ENCODING, &q->accept_encoding);
    copy_if_usable(c, q, WSI_TOKEN_HTTP_IF_NONE_MATCH, &q->if_none_match);
    error = header_query(c->wsi, &q->arena, &q->query, &q->query_count);
    if (error)
        fault = error == -ENOMEM ? 503 : 400;
    error = read_length(c, x);
    return fault ? fault : error;
}

/* --- on to the dispatcher --- */

static bool is_protocol_path(const struct conn *c, parley_str path)
{
    const struct registry *r = c->net->pump ? c->net->pump->registry : NULL;

    for (size_t i = 0; r && i < r->protocol_count; i++)
        if (str_is(path, r->protocols[i].protocol.path))
            return true;
    return false;
}

static void wait_for_answer(struct conn *c)
{
    answer_pause(c->http);
    conn_wait(c, WAIT_ANSWER);
}

static int dispatch(struct conn *c, int fault)
{
    struct http_exchange *x = c->http;
    struct http_request *q = x->request;
    bool upgrade = is_protocol_path(c, q->path);

    conn_wait(c, WAIT_NOTHING);
    x->dispatched = true;
    x->first = !c->http_seen;
    c->http_seen = true;
    if (fault)
        x->keep = false;
    q->status = fault;
    q->home = c->net->actor;
    q->connection = c;
    q->serial = c->serial = ++c->net->serials;
    x->request = NULL; /* if it goes elsewhere it is not ours to look at, not even once more */
    if (http_dispatch(q, c->net->routes) == -EINPROGRESS) {
        wait_for_answer(c);
        return 0;
    }
    c->serial = 0;
    x->request = q;
    if (upgrade && q->status == 404) {
        http_answer_error(q, 426, "This is a WebSocket endpoint.");
        if (q->extra_count < 8)
            q->extra_headers[q->extra_count++] = "Upgrade: websocket";
    }
    return answer_begin(x);
}

/* --- what lws's callbacks tell --- */

int http_begun(struct conn *c)
{
    struct http_exchange *x;
    int fault;

    if (c->http)
        return -1;
    x = calloc(1, sizeof *x);
    if (!x || !(x->request = http_request_new())) {
        free(x);
        return -1;
    }
    c->http = x;
    x->conn = c;
    buf_init(&x->body, BODY_MOST_BYTES);
    buf_init(&x->head, 0);
    fault = read_head(c, x);
    if (fault || !x->body_bytes)
        return dispatch(c, fault);
    return 0;
}

int http_body(struct conn *c, const char *p, size_t n)
{
    struct http_exchange *x = c->http;

    if (x && !x->dispatched && n)
        buf_add(&x->body, p, n);
    return 0;
}

/* lws tells this again and again while a request is being answered: once counts. */
int http_body_complete(struct conn *c)
{
    struct http_exchange *x = c->http;

    if (!x || x->dispatched)
        return 0;
    if (x->body.n != x->body_bytes || x->body.error)
        return dispatch(c, x->body.error == -ENOMEM ? 503 : 400);
    x->request->body = str_n(x->body.p, x->body.n);
    return dispatch(c, 0);
}

int http_writable(struct conn *c)
{
    (void)c; /* answers do not go through lws */
    return 0;
}

void http_late(struct conn *c)
{
    struct http_exchange *x = c->http;

    c->serial = 0; /* whatever comes now comes too late */
    conn_wait(c, WAIT_NOTHING);
    net_refused(c->net, "answer_late", &c->peer, PARLEY_NONE);
    x->keep = false;
    x->request = http_request_new();
    if (!x->request) {
        conn_kill(c);
        return;
    }
    http_answer_error(x->request, 504, "The answer took too long.");
    answer_begin_outside(x);
}

void http_answered(struct net *n, struct http_request *take_q)
{
    struct conn *c = take_q->connection;

    (void)n;
    if (!c || !take_q->serial || c->serial != take_q->serial || !c->http) {
        http_request_free(take_q);
        return;
    }
    c->serial = 0;
    if (!take_q->status)
        http_answer_error(take_q, 500, "Internal error.");
    c->http->request = take_q;
    answer_begin_outside(c->http);
}

/* HTTP on both listeners: a request is parsed once, finds its route, and is answered at once or
 * later from another loop.
 *
 * While an answer is pending nothing is read from the connection, lws's timeouts are off and our
 * own deadline runs.
 */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H
#include "base/buf.h"
#include "loop/mail.h"
#include "message/value.h"

struct logins;
struct http_query {
    parley_str name, value;
};
enum http_method {
    HTTP_GET,
    HTTP_POST,
    HTTP_PATCH,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_HEAD,
    HTTP_OTHER
};
struct http_request {
    struct parley_request pub; /* first: what a plugin's route is handed */
    struct mail mail;          /* MAIL_REQUEST out, MAIL_ANSWER back */
    struct arena arena;
    enum http_method method;
    parley_str path; /* decoded, "/channels"; one with "..", NUL or a broken escape is answered 404
                        before any route */
    struct http_query *query;
    size_t query_count;
    parley_str bearer, origin, host, address, cookie, accept, accept_encoding, if_none_match;
    bool admin_listener, tls;
    bool local; /* came by the control socket: who may use that is admin. address: "uid 1000" */
    struct identity *identity; /* who asks, when the route wanted to know; a reference */
    parley_str body;
    const parley_value
        *json; /* of the body, parsed by the dispatcher when it is JSON; NULL: none */
    const void *route;
    struct actor *home; /* where the answer must go */
    void *connection;   /* the asker's, valid on `home` only while serial agrees */
    uint64_t serial;
    /* the answer */
    int status;               /* 0: none yet */
    const char *content_type; /* default application/json when body_out has text */
    struct buf answer;
    const char *static_body; /* instead of `answer`: lives as long as the daemon */
    size_t static_bytes;
    const char *extra_headers[8]; /* "Cache-Control: no-store" …; static */
    size_t extra_count;
};
struct http_route {
    enum http_method method;
    const char *path; /* exact */
    bool on_public, on_admin;
    const char
        *role; /* NULL: anyone; "": any valid token; else that role (or the admin's local token) */
    /* Answers by filling status and body and returning 0; or returns -EINPROGRESS after handing the
     * request on: it comes back as MAIL_ANSWER. [the listener's loop] must not block */
    int (*serve)(struct http_request *q, void *context);
    void *context;
};
struct http_routes;
struct http_routes *http_routes_new(void);
int http_routes_add(struct http_routes *r, const struct http_route *route); /* -EEXIST */
const struct http_route *http_routes_find(const struct http_routes *r, bool admin,
                                          enum http_method m, parley_str path,
                                          bool *ret_path_known);
void http_routes_free(struct http_routes *r);
/* What every request goes through after it is read: authentication before method and body checks,
 * CORS, route. `r` is answered (status != 0), or -EINPROGRESS. http/dispatch.c */
int http_dispatch(struct http_request *q, const struct http_routes *routes);
void http_answer_error(
    struct http_request *q, int status,
    const char *text); /* one line of text, or JSON {"error":…} to whoever accepts that */
struct http_request *http_request_new(void);
void http_request_free(struct http_request *q);
parley_str http_query(const struct http_request *q, const char *name);
int http_query_parse(
    struct http_request *q,
    parley_str text); /* "a=b&c=%20"; also +; -EINVAL: bad escape, NUL, bad UTF-8 */
int http_path_parse(struct http_request *q, parley_str raw); /* decodes, refuses; -EINVAL */
#endif

/* One request and its answer on one connection. Private to core/http. [the connection's loop] */
#ifndef HTTP_EXCHANGE_H
#define HTTP_EXCHANGE_H
#include "http/http.h"

#include <ev.h>

struct conn;
struct http_exchange {
    struct conn *conn;
    struct http_request *request; /* NULL: on another loop */
    struct buf body;              /* as it comes in */
    size_t body_bytes;            /* Content-Length */
    bool dispatched;
    bool keep;  /* the connection is for more requests */
    bool first; /* the connection's first request: then lws holds nothing that came behind it */
    bool head_only;
    bool paused; /* lws reads nothing; told once, for the second time makes it spin */
    bool lingering;
    struct buf head;        /* status line and headers */
    const char *out;        /* the body */
    size_t out_bytes, sent; /* sent: of both */
    ev_io io;               /* writable while answering, readable while lingering */
    size_t dropped;
};
/* answer.c: begins to send x->request's answer. What lws's callback should return: 0; -1, close. */
int answer_begin(struct http_exchange *x);
/* The same, from outside lws's callbacks. */
void answer_begin_outside(struct http_exchange *x);
void answer_pause(
    struct http_exchange *x);              /* nothing is read from now on; lws's timeouts are off */
void answer_stop(struct http_exchange *x); /* the connection is gone */
#endif

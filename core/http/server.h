/* HTTP over a connection of net/: what its callbacks tell, and when time is up. Private to core/net
 * and core/http. [the connection's loop]
 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H
#include "http/http.h"

#include <libwebsockets.h>

struct conn;
struct net;
/* As http_path_parse, of a path that lws has decoded already. */
int http_path_set(struct http_request *q, parley_str path);

/* Each returns what lws wants: 0, or -1 to close. */
int http_begun(struct conn *c); /* a head is complete */
int http_body(struct conn *c, const char *p, size_t n);
int http_body_complete(struct conn *c);
int http_writable(struct conn *c);
void http_closed(struct conn *c); /* drops what it was about; twice is fine */
void http_late(struct conn *c);   /* the answer did not come in time */
/* The MAIL_ANSWER of a request came back to the net's owner. Takes the request. */
void http_answered(struct net *n, struct http_request *take_q);
#endif

/* Whose pages may talk to us: the rule about Origin, for upgrades and for HTTP alike. [any]
 */
#ifndef HTTP_CORS_H
#define HTTP_CORS_H
#include "http/http.h"

/* A page of `origin` may talk to `host` (the Host header): it came from there itself, or its origin
 * is in the list. Absent is not asked here; "null", user info, paths and the like never match. */
bool cors_allows(parley_str origin, parley_str host, const parley_list *origins);
/* Adds the headers that let such a page read the answer; preflight: and those for its questions. */
void cors_add_headers(struct http_request *q, bool preflight);
#endif

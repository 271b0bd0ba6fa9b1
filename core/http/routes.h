/* The table of routes, and what the dispatcher knows besides: made before the loops run, constant
 * from then on but for the lock-out, which has a lock of its own.
 */
#ifndef HTTP_ROUTES_H
#define HTTP_ROUTES_H
#include "config/settings.h"
#include "http/http.h"

#include <pthread.h>

/* What routes are guarded by. Borrowed, but for the token, which is copied. */
struct http_context {
    const struct settings *settings; /* NULL: defaults, no origins (tests) */
    struct logins *logins;           /* NULL: access tokens are of no use */
    const char *admin_token;         /* the local token of the admin listener; NULL: none */
};
/* 0 or -ENOMEM. [control] before anything is served */
int http_routes_context(struct http_routes *r, const struct http_context *context);

enum { LOCKOUT_ENTRIES = 256, LOCKOUT_FAILURES = 10, LOCKOUT_MS = 60000 };
struct lockout_entry {
    char address[46];
    unsigned failures;
    int64_t since_ms;
};
struct http_routes {
    struct http_route *list; /* strings are copied */
    size_t count, cap;
    struct http_context context;
    char *admin_token;
    pthread_mutex_t lock; /* of the lock-out */
    struct lockout_entry lockout[LOCKOUT_ENTRIES];
};
/* Any route of that path on that listener, the most guarded first in mind: NULL where all are open
 * to anyone. */
const struct http_route *http_routes_guard(const struct http_routes *r, bool admin,
                                           parley_str path);
/* "GET, PATCH", for the Allow header. */
void http_routes_allow(const struct http_routes *r, bool admin, parley_str path, char out[64]);
/* Too many failures of this address within a minute? [any] */
bool lockout_holds(const struct http_routes *r, parley_str address);
void lockout_failed(const struct http_routes *r, parley_str address);
void lockout_inherit(struct http_routes *to, struct http_routes *from);
const char *http_method_name(enum http_method m);
#endif

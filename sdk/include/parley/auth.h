/* <parley/auth.h>: authenticators, "parley.auth/1". Who is at the door, and may he come in?
 *
 * The question is asked on a pump, in the middle of a handshake, of what you published: no state of yours, no waiting. What
 * cannot be told at once (a key that must be fetched first) is PARLEY_LATER: the connection waits, bounded in number and
 * time, and is asked about again each time you publish. Terms and rules are those of <parley/plugin.h>; since 1.0 unless it says more.
 */
#ifndef PARLEY_AUTH_H
#define PARLEY_AUTH_H
#include <parley/plugin.h>

struct parley_login { const parley_api *api; };              /* who is at the door; its strings are borrowed for the check */

struct parley_identity { uint32_t struct_size;
    parley_str user, username;                               /* sub, 1..255 bytes; the name that others read, 1..64 */
    parley_str issuer, app;                                  /* absent: none; app is the OAuth client id */
    parley_list roles;                                       /* those that has_role asks for */
    int64_t expires_unix_ms;                                 /* 0: never */
    bool close_on_expiry; };                                 /* 4401 when it has passed without a refresh */

typedef int32_t parley_answer_at_door;
enum { PARLEY_NOT_MINE,                                      /* no credentials of my kind: ask the next section */
       PARLEY_ADMIT, PARLEY_REFUSE,                          /* by parley_login_admit, parley_login_refuse */
       PARLEY_LATER };

typedef struct { uint32_t struct_size;
    parley_answer_at_door (*check)(parley_host *h, const void *snapshot, parley_login *l); /* [pump] NULL before the first */
    void (*wanted)(parley_host *h, parley_str bearer);       /* [control] a check said LATER: get what is missing, publish */
    void (*on_answer)(parley_host *h, const parley_answer *a);   /* [control] of parley_fetch */
    void (*on_timer)(parley_host *h, const char *key);       /* [control] of timers set in [control] */
    int (*start)(parley_host *h); } parley_auth;             /* [control] the loop runs; fetches and timers may begin. 0, or refused */

#define API static inline
/* Read. [pump] */
API parley_str parley_login_bearer(const parley_login *l)    /* Authorization: Bearer, or the token of a refresh */
{ return l->api->login_bearer(l); }
API parley_str parley_login_query(const parley_login *l, const char *name)       /* decoded; absent: not in the URL */
{ return l->api->login_query(l, name); }
API parley_str parley_login_address(const parley_login *l)   /* the peer's, as text */
{ return l->api->login_address(l); }
/* Parse. [pump] JSON that credentials carry, by the server's own parser: any bytes, which may go away afterwards. */
API const parley_value *parley_login_json(parley_login *l, parley_str text, unsigned depth, unsigned values) /* since 1.1; an object or
    list, until the check returns. NULL: not strictly that, a key twice, a NUL; nested deeper (of scalars: 1), more values in all; no memory */
{ return l->api->login_json(l, text, depth, values); }
/* Answer. [pump] End with return. The text goes to the log and the client: no secrets in it. */
API parley_answer_at_door parley_login_admit(parley_login *l, const parley_identity *i) /* he is this; copied */
{ return l->api->login_admit(l, i); }
API parley_answer_at_door parley_login_refuse(parley_login *l, const char *format, ...) PARLEY_PRINTF(2); /* his credentials are bad */
API parley_answer_at_door parley_login_refuse(parley_login *l, const char *format, ...)
{ char b[256]; va_list ap; va_start(ap, format); vsnprintf(b, sizeof b, format, ap); va_end(ap); return l->api->login_refuse(l, b); }
/* Publish. [control] The host destroys a snapshot when the last check that reads it has returned; at once when publishing fails. */
API int parley_publish(parley_host *h, void *take_snapshot, void (*destroy)(void *snapshot)) /* -EINVAL: you provide no parley.auth/1 */
{ return h->api->publish(h, take_snapshot, destroy); }
API int parley_ready(parley_host *h, bool ready, const char *why)  /* [any] /readyz: all is well, or why not yet. -EAGAIN: no server runs */
{ return h->api->ready(h, ready, why); }
/* Fetch. [control] Follows https only, http to loopback addresses; "ca_file", "max_bytes" may be put into the request. */
API int parley_fetch(parley_host *h, parley_out *take_request, int64_t deadline_ms, uint32_t tag) /* -EINVAL: of the request; -EAGAIN: too many */
{ return h->api->fetch(h, take_request, deadline_ms, tag); }
API bool parley_on_loopback(parley_host *h)                  /* [control] every listener is on a loopback address */
{ return h->api->on_loopback(h); }
#undef API
#endif

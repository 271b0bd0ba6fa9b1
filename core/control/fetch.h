/* HTTP requests of the daemon's own: keys, and what else the control loop must get. Never blocks;
 * the answer comes later. */
#ifndef CONTROL_FETCH_H
#define CONTROL_FETCH_H
#include <parley/base.h>

struct control;
struct fetch_request {       /* borrowed for the call */
    parley_str method;       /* absent: GET */
    parley_str url;          /* https; or http to a loopback address */
    parley_str ca_file;      /* PEM; then nothing else is trusted. Absent: the system's */
    parley_str body;         /* absent: none */
    parley_str content_type; /* of the body; absent: application/json */
    int64_t max_bytes;       /* of the answer's body; 0: 1 MiB */
    int64_t deadline_ms;     /* for all of it, name look-up included; 0: 10 s */
    bool plain_http;         /* http may go to any address, and it is not one of the 64 */
};
struct fetch_answer { /* borrowed for the call */
    /* 0: an answer came, whatever its status. -ETIMEDOUT; -E2BIG: past max_bytes; -EHOSTUNREACH: no
     * such name; -ECONNREFUSED; -EACCES: its certificate, or an address that http may not go to;
     * -ELOOP: too many redirects; -EPROTO: redirected to where it may not; -ECANCELED: the daemon
     * stops; -EIO: the rest */
    int error;
    int status;      /* 0: none came */
    parley_str body; /* absent on error */
    const char *why; /* for people, when error is set; without the query of the URL */
};
/**
 * Begin a request.
 *
 * GET follows up to three redirects, to https alone. No proxy of the environment, no cookies, no
 * credentials of files.
 *
 * @param done  Called once for each 0, never within this call, in the control domain.
 * @retval 0
 * @retval -EINVAL    A method or URL that is none, or one that is not allowed.
 * @retval -EAGAIN    64 are under way, those with plain_http not counted.
 * @retval -ENOMEM
 * @retval -ESHUTDOWN The daemon stops.
 * [control]
 */
int control_fetch(struct control *c, const struct fetch_request *r,
                  void (*done)(void *arg, const struct fetch_answer *a), void *arg);
#endif

/* Fetches: libcurl's multi interface on the control loop.
 *
 * libcurl says which sockets and which time it waits for, libev waits, and results are collected
 * after each call into libcurl, so that nobody's `done` runs inside it. Names are looked up by
 * libcurl's resolver thread; QUICK_EXIT lets go of one that hangs, instead of waiting for it in the
 * loop.
 */
#include "control/fetch.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/str.h"
#include "control/internal.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    FETCHES_MAX = 64,
    MAX_BYTES = 1024 * 1024,
    DEADLINE_MS = 10000,
    REDIRECTS_MAX = 3,
    CONNECTIONS_KEPT =
        64, /* as many as a section may have under way: a classifier is asked often */
    HEADERS_MAX = 64 * 1024, /* bytes of all header lines together */
};

struct fetch {
    struct fetch *next;
    CURL *easy;
    struct curl_slist *headers;
    struct buf body;
    size_t header_bytes;
    bool too_big, forbidden, plain_http;
    char why[CURL_ERROR_SIZE];
    void (*done)(void *arg, const struct fetch_answer *a);
    void *arg;
};
struct fetch_socket { /* one that libcurl waits for */
    ev_io io;
    struct fetches *fetches;
};

static void collect(struct fetches *f);

/* --- libcurl asks, libev waits --- */

static void on_socket_event(struct ev_loop *ev, ev_io *w, int events)
{
    struct fetches *f = ((struct fetch_socket *)w)->fetches;
    enum domain before = domain_enter(DOMAIN_CONTROL);
    int running, what = (events & EV_READ ? CURL_CSELECT_IN : 0) |
                        (events & EV_WRITE ? CURL_CSELECT_OUT : 0);

    (void)ev;
    curl_multi_socket_action(f->multi, w->fd, what, &running); /* w may be gone now */
    collect(f);
    domain_leave(before);
}

static void on_timer_event(struct ev_loop *ev, ev_timer *w, int events)
{
    struct fetches *f = w->data;
    enum domain before = domain_enter(DOMAIN_CONTROL);
    int running;

    (void)ev;
    (void)events;
    curl_multi_socket_action(f->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    collect(f);
    domain_leave(before);
}

static int on_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *user, void *socket_user)
{
    struct fetches *f = user;
    struct fetch_socket *s = socket_user;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (s) {
            ev_io_stop(f->loop->ev, &s->io);
            curl_multi_assign(f->multi, fd, NULL);
            free(s);
        }
        return 0;
    }
    if (!s) {
        s = calloc(1, sizeof *s);
        if (!s)
            return -1;
        s->fetches = f;
        ev_init(&s->io, on_socket_event);
        curl_multi_assign(f->multi, fd, s);
    }
    ev_io_stop(f->loop->ev, &s->io);
    ev_io_set(&s->io, fd,
              (what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0));
    ev_io_start(f->loop->ev, &s->io);
    return 0;
}

static int on_timer_wanted(CURLM *multi, long ms, void *user)
{
    struct fetches *f = user;

    (void)multi;
    ev_timer_stop(f->loop->ev, &f->timer);
    if (ms >= 0) {
        ev_timer_set(&f->timer, (double)ms / 1000., 0.);
        ev_timer_start(f->loop->ev, &f->timer);
    }
    return 0;
}

/* --- one fetch --- */

static size_t on_body(char *p, size_t size, size_t n, void *user)
{
    struct fetch *f = user;

    buf_add(&f->body, p, size * n);
    f->too_big = f->body.error == -E2BIG;
    return f->body.error ? 0 : size * n;
}

static size_t on_header(char *p, size_t size, size_t n, void *user)
{
    struct fetch *f = user;

    (void)p;
    f->header_bytes += size * n;
    f->too_big |= f->header_bytes > HEADERS_MAX;
    return f->too_big ? 0 : size * n;
}

static bool is_loopback(const struct sockaddr *a)
{
    if (a->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr) >> 24 == 127;
    return a->sa_family == AF_INET6 &&
           IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr);
}

/* The last word on where plain http may go: whatever a name resolved to, the address decides. */
static curl_socket_t on_open(void *user, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct fetch *f = user;
    char *url = NULL;

    (void)purpose;
    curl_easy_getinfo(f->easy, CURLINFO_EFFECTIVE_URL, &url);
    if (!f->plain_http && (!url || strncasecmp(url, "https://", 8) != 0) &&
        !is_loopback(&address->addr)) {
        f->forbidden = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static bool host_is_loopback(const char *host)
{
    char bare[64];
    struct in_addr v4;
    struct in6_addr v6;
    size_t n = strlen(host);

    if (!strcasecmp(host, "localhost"))
        return true; /* and on_open looks at what it resolved to */
    if (inet_pton(AF_INET, host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    if (n < 3 || n >= sizeof bare || host[0] != '[')
        return false;
    snprintf(bare, sizeof bare, "%.*s", (int)(n - 2), host + 1);
    return inet_pton(AF_INET6, bare, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

/* Whether it may be fetched at all. */
static bool url_allowed(parley_str url, bool plain_http)
{
    CURLU *u = NULL;
    char *scheme = NULL, *host = NULL;
    bool allowed = false;

    if (!url.p || strlen(url.p) != url.n)
        return false;
    u = curl_url();
    if (u && !curl_url_set(u, CURLUPART_URL, url.p, 0) &&
        !curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) &&
        !curl_url_get(u, CURLUPART_HOST, &host, 0))
        allowed = !strcmp(scheme, "https") ||
                  (!strcmp(scheme, "http") && (plain_http || host_is_loopback(host)));
    curl_free(scheme);
    curl_free(host);
    curl_url_cleanup(u);
    return allowed;
}

static bool is_method(parley_str m)
{
    size_t n = 0;

    while (n < m.n && m.p[n] >= 'A' && m.p[n] <= 'Z')
        n++;
    return n == m.n && n >= 3 && n <= 16 && !str_is(m, "CONNECT") && !str_is(m, "TRACE");
}

static void fetch_free(struct fetch *f)
{
    if (f->easy)
        curl_easy_cleanup(f->easy);
    curl_slist_free_all(f->headers);
    buf_finish(&f->body);
    free(f);
}

/* What every fetch has in common. libcurl copies all strings. */
static CURLcode set_rules(CURL *e, struct fetch *f, const struct fetch_request *r)
{
    CURLcode bad = CURLE_OK;

#define SET(option, value) bad = bad ? bad : curl_easy_setopt(e, CURLOPT_##option, value)
    SET(URL, r->url.p);
    SET(PROTOCOLS_STR, "https,http");
    SET(REDIR_PROTOCOLS_STR, "https");
    SET(MAXREDIRS, (long)REDIRECTS_MAX);
    SET(PROXY, ""); /* also turns off those of the environment */
    SET(NOSIGNAL, 1L);
    SET(QUICK_EXIT, 1L);
    SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(TIMEOUT_MS, (long)(r->deadline_ms ? r->deadline_ms : DEADLINE_MS));
    SET(CONNECTTIMEOUT_MS, (long)(r->deadline_ms ? r->deadline_ms : DEADLINE_MS));
    SET(USERAGENT, "parley/" PARLEY_VERSION);
    SET(ERRORBUFFER, f->why);
    SET(PRIVATE, (char *)f);
    SET(WRITEFUNCTION, on_body);
    SET(WRITEDATA, f);
    SET(HEADERFUNCTION, on_header);
    SET(HEADERDATA, f);
    SET(OPENSOCKETFUNCTION, on_open);
    SET(OPENSOCKETDATA, f);
    SET(SSL_VERIFYPEER, 1L);
    SET(SSL_VERIFYHOST, 2L);
    if (r->ca_file.p) {
        SET(CAINFO, r->ca_file.p);
        SET(CAPATH, (char *)NULL);
    }
#undef SET
    return bad;
}

static CURLcode set_question(CURL *e, struct fetch *f, const struct fetch_request *r)
{
    parley_str method = r->method.p ? r->method : PARLEY_STR("GET");
    char line[160];
    CURLcode bad = CURLE_OK;

#define SET(option, value) bad = bad ? bad : curl_easy_setopt(e, CURLOPT_##option, value)
    if (r->body.p) {
        SET(POSTFIELDSIZE_LARGE, (curl_off_t)r->body.n);
        SET(COPYPOSTFIELDS, r->body.p);
        snprintf(line, sizeof line, "Content-Type: %s",
                 r->content_type.p ? r->content_type.p : "application/json");
        struct curl_slist *more = curl_slist_append(NULL, line);
        f->headers = more;
        more = more ? curl_slist_append(more, "Expect:") : NULL; /* no 100-continue */
        if (!more)
            return CURLE_OUT_OF_MEMORY;
        SET(HTTPHEADER, f->headers);
    } else if (str_is(method, "GET")) {
        SET(FOLLOWLOCATION, 1L); /* nothing else may be repeated elsewhere */
    } else if (str_is(method, "HEAD")) {
        SET(NOBODY, 1L);
    } else if (str_is(method, "POST")) {
        SET(POSTFIELDSIZE_LARGE, (curl_off_t)0);
        SET(COPYPOSTFIELDS, "");
    }
    if (!str_is(method, "GET") && !str_is(method, "HEAD") && !str_is(method, "POST"))
        SET(CUSTOMREQUEST, method.p);
    if (str_is(method, "GET") && r->body.p)
        SET(CUSTOMREQUEST, "GET");
#undef SET
    return bad;
}

static struct fetch *fetch_new(const struct fetch_request *r)
{
    struct fetch *f = calloc(1, sizeof *f);

    if (!f)
        return NULL;
    buf_init(&f->body, (size_t)(r->max_bytes ? r->max_bytes : MAX_BYTES));
    f->easy = curl_easy_init();
    if (f->easy && !set_rules(f->easy, f, r) && !set_question(f->easy, f, r))
        return f;
    fetch_free(f);
    return NULL;
}

int control_fetch(struct control *c, const struct fetch_request *r,
                  void (*done)(void *arg, const struct fetch_answer *a), void *arg)
{
    struct fetches *all = &c->fetches;
    struct fetch *f;

    DOMAIN_ASSERT(DOMAIN_CONTROL);
    if (all->closed)
        return -ESHUTDOWN;
    if ((r->method.p && !is_method(r->method)) || !url_allowed(r->url, r->plain_http) ||
        r->max_bytes < 0 || r->deadline_ms < 0 || r->content_type.n > 128)
        return -EINVAL;
    if (!r->plain_http && all->count >= FETCHES_MAX)
        return -EAGAIN;
    f = fetch_new(r);
    if (!f)
        return -ENOMEM;
    f->done = done;
    f->arg = arg;
    f->plain_http = r->plain_http;
    if (curl_multi_add_handle(all->multi,
                              f->easy)) { /* it begins with the timer that libcurl now asks for */
        fetch_free(f);
        return -ENOMEM;
    }
    f->next = all->first;
    all->first = f;
    all->count += !f->plain_http;
    return 0;
}

/* --- results --- */

static int error_of(const struct fetch *f, CURLcode code)
{
    switch (code) {
    case CURLE_OK:
        return 0;
    case CURLE_OPERATION_TIMEDOUT:
        return -ETIMEDOUT;
    case CURLE_COULDNT_RESOLVE_HOST:
        return -EHOSTUNREACH;
    case CURLE_COULDNT_CONNECT:
        return f->forbidden ? -EACCES : -ECONNREFUSED;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return -EACCES;
    case CURLE_TOO_MANY_REDIRECTS:
        return -ELOOP;
    case CURLE_UNSUPPORTED_PROTOCOL:
        return -EPROTO;
    case CURLE_OUT_OF_MEMORY:
        return -ENOMEM;
    default:
        return f->too_big ? -E2BIG : f->body.error ? f->body.error : -EIO;
    }
}

static void finish(struct fetches *all, struct fetch *f, CURLcode code, int error)
{
    struct fetch_answer a = {.error = error ? error : error_of(f, code)};
    struct fetch **at;
    long status = 0;

    curl_multi_remove_handle(all->multi, f->easy);
    for (at = &all->first; *at != f; at = &(*at)->next)
        ;
    *at = f->next;
    all->count -= !f->plain_http;
    curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status);
    a.status = (int)status;
    if (!a.error)
        a.body = (parley_str){f->body.p ? f->body.p : "", f->body.n};
    else if (a.error == -E2BIG)
        a.why = "the answer is longer than allowed";
    else if (a.error == -EACCES && f->forbidden)
        a.why = "http is allowed to loopback addresses alone";
    else if (a.error == -ECANCELED)
        a.why = "the server is stopping";
    else
        a.why = f->why[0] ? f->why : curl_easy_strerror(code);
    f->done(f->arg, &a);
    fetch_free(f);
}

static void collect(struct fetches *f)
{
    CURLMsg *m;
    int left;

    while ((m = curl_multi_info_read(f->multi, &left))) {
        struct fetch *one = NULL;
        CURLcode code = m->data.result; /* m does not outlive the handle's removal */

        if (m->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&one);
        finish(f, one, code, 0);
    }
}

int fetches_init(struct fetches *f, struct loop *l)
{
    f->loop = l;
    ev_init(&f->timer, on_timer_event);
    f->timer.data = f;
    if (curl_global_init(CURL_GLOBAL_DEFAULT))
        return -ENOMEM;
    f->multi = curl_multi_init();
    if (!f->multi)
        return -ENOMEM;
    curl_multi_setopt(f->multi, CURLMOPT_SOCKETFUNCTION, on_socket_wanted);
    curl_multi_setopt(f->multi, CURLMOPT_SOCKETDATA, f);
    curl_multi_setopt(f->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
    curl_multi_setopt(f->multi, CURLMOPT_TIMERDATA, f);
    curl_multi_setopt(f->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT);
    return 0;
}

void fetches_finish(struct fetches *f)
{
    f->closed = true;
    while (f->first)
        finish(f, f->first, CURLE_OK, -ECANCELED);
    if (!f->multi)
        return;
    curl_multi_cleanup(f->multi); /* closes kept connections, and says so */
    f->multi = NULL;
    ev_timer_stop(f->loop->ev, &f->timer);
    curl_global_cleanup();
}

/* A net on a loop of its own, with the client side of fake_client.h; and raw sockets against it. */
#ifndef TESTS_NET_DRIVER_H
#define TESTS_NET_DRIVER_H
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/str.h"
#include "fake_client.h"
#include "http/routes.h"
#include "http/server.h"
#include "net/conn.h"
#include "plugin/registry.h"
#include "scratch.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* --- the server --- */

struct server {
    struct settings settings;
    parley_str listen[1];
    parley_list addresses;
    struct registry registry;
    struct pump pump;
    struct actor control, *actor;
    struct loop loop;
    struct admission *admission;
    struct http_routes *routes;
    struct net *net;
    uint16_t port;
    bool admin, tls, started;
    int sndbuf;
    int64_t idle_ms, answer_ms, take_ms; /* 0: the net's own */
    char certificate[96], key[96], dir[SCRATCH_BYTES];
};
static struct server srv;

static void on_mail(struct actor *a, struct mail *m)
{
    (void)a;
    ck_assert_int_eq(m->kind, MAIL_ANSWER);
    http_answered(srv.net,
                  (struct http_request *)((char *)m - offsetof(struct http_request, mail)));
}

static void defaults(void)
{
    struct settings_server *s = &srv.settings.server;

    memset(&srv, 0, sizeof srv);
    memset(&seen, 0, sizeof seen);
    refuse_open = false;
    close_with = 0;
    needs_token = false;
    *s = (struct settings_server){.pumps = 1,
                                  .connections = 10000,
                                  .connections_per_address = 50,
                                  .connections_per_user = 0,
                                  .pending = 10,
                                  .accept_rate = 0,
                                  .message_bytes = 16384,
                                  .fragments = 64,
                                  .depth = 32,
                                  .tokens = 2048,
                                  .handshake_ms = 10000};
    srv.settings.admin.auth = "token";
    srv.settings.admin.role = "admin";
    srv.listen[0] = PARLEY_STR("127.0.0.1:0");
    srv.addresses = (parley_list){srv.listen, 1};
    srv.registry.protocols[0].protocol = (parley_protocol){.name = "native", .path = "/ws"};
    srv.registry.protocols[1].protocol = (parley_protocol){.name = "other", .path = "/other"};
    srv.registry.protocol_count = 2;
}

/* A key and a certificate of its own, in files. */
static inline void make_certificate(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    FILE *f;

    scratch_folder(srv.dir);
    snprintf(srv.certificate, sizeof srv.certificate, "%s/cert.pem", srv.dir);
    snprintf(srv.key, sizeof srv.key, "%s/key.pem", srv.dir);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -60);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               (const unsigned char *)"localhost", -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    ck_assert_int_gt(X509_sign(x, key, EVP_sha256()), 0);
    f = fopen(srv.certificate, "w");
    PEM_write_X509(f, x);
    fclose(f);
    f = fopen(srv.key, "w");
    PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
    fclose(f);
    X509_free(x);
    EVP_PKEY_free(key);
}

static inline void start(void)
{
    struct listener_socket *sockets;
    size_t count;
    char why[256];
    struct http_context context = {&srv.settings, (struct logins *)&srv, "local-token"};
    struct net_options o = {.loop = &srv.loop, .settings = &srv.settings};

    log_setup(getenv("VERBOSE") ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, 2);
    net_setup_logging();
    ck_assert_int_eq(loop_init(&srv.loop, false), 0);
    srv.actor = srv.admin ? &srv.control : &srv.pump.actor;
    srv.actor->name = "test";
    srv.actor->domain = srv.admin ? DOMAIN_CONTROL : DOMAIN_PUMP;
    srv.actor->on_mail = on_mail;
    loop_add(&srv.loop, srv.actor);
    srv.admission = admission_new(&srv.settings.server);
    srv.pump.settings = &srv.settings;
    srv.pump.registry = &srv.registry;
    srv.pump.admission = srv.admission;
    if (!srv.routes)
        srv.routes = http_routes_new();
    ck_assert_int_eq(http_routes_context(srv.routes, &context), 0);
    ck_assert_msg(net_listen(&srv.addresses, true, &sockets, &count, why) == 0, "%s", why);
    srv.port = (uint16_t)atoi(strrchr(sockets[0].address, ':') + 1);
    if (srv.sndbuf)
        setsockopt(sockets[0].fd, SOL_SOCKET, SO_SNDBUF, &srv.sndbuf, sizeof srv.sndbuf);
    if (srv.tls) {
        make_certificate();
        o.tls_certificate = srv.certificate;
        o.tls_key = srv.key;
    }
    o.pump = srv.admin ? NULL : &srv.pump;
    o.actor = srv.actor;
    o.admission = srv.admission;
    o.routes = srv.routes;
    o.sockets = sockets;
    o.socket_count = count;
    srv.net = net_new(&o, why);
    ck_assert_msg(srv.net != NULL, "%s", why);
    srv.pump.net = srv.net;
    if (srv.idle_ms)
        srv.net->durations_ms[WAIT_IDLE] = srv.idle_ms;
    if (srv.answer_ms)
        srv.net->durations_ms[WAIT_ANSWER] = srv.answer_ms;
    if (srv.take_ms)
        srv.net->durations_ms[WAIT_TAKE] = srv.take_ms;
    net_start(srv.net); /* the loop does not run yet, so this thread may */
    ck_assert_int_eq(loop_start(&srv.loop, "test"), 0);
    srv.started = true;
}

static inline void stop(void)
{
    if (!srv.started)
        return;
    loop_stop(&srv.loop);
    loop_join(&srv.loop);
    loop_drain(&srv.loop);
    net_free(srv.net);
    loop_finish(&srv.loop);
    admission_free(srv.admission);
    http_routes_free(srv.routes);
    if (srv.dir[0]) {
        unlink(srv.certificate);
        unlink(srv.key);
        rmdir(srv.dir);
    }
    ck_assert_int_eq(seen.opened, seen.closed);
    srv.started = false;
}

/* Waits until a condition on what the other thread counts holds. */
#define EVENTUALLY(condition)                                    \
    do {                                                         \
        for (int ms_ = 0; ms_ < 60000 && !(condition); ms_ += 5) \
            usleep(5000);                                        \
        ck_assert(condition);                                    \
    } while (0)

/* --- the other end --- */

static inline int dial_small(int rcvbuf)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons(srv.port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval most = {.tv_sec = 60};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;

    if (rcvbuf)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof rcvbuf);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static inline int dial(void)
{
    return dial_small(0);
}

static inline void put(int fd, const char *text)
{
    ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* What comes until the peer closes, or `until` was seen. A reset ends it too. */
static char answer_text[1 << 18];
static inline const char *get_until(int fd, const char *until)
{
    size_t n = 0;

    for (;;) {
        ssize_t r = recv(fd, answer_text + n, sizeof answer_text - n - 1, 0);
        if (r < 0 && errno == EAGAIN)
            ck_abort_msg("nothing came in time; so far: %.*s", (int)n, answer_text);
        if (r <= 0)
            break;
        n += (size_t)r;
        answer_text[n] = 0;
        if (until && strstr(answer_text, until))
            break;
    }
    answer_text[n] = 0;
    return answer_text;
}

static inline const char *get_all(int fd)
{
    const char *text = get_until(fd, NULL);

    close(fd);
    return text;
}

/* One request on a connection of its own; the whole answer. */
static inline const char *ask(const char *request)
{
    int fd = dial();

    put(fd, request);
    return get_all(fd);
}

static inline int status_of(const char *answer)
{
    int status = 0;

    return sscanf(answer, "HTTP/1.1 %d", &status) == 1 ? status : 0;
}

#define WS_HEAD(path, more)                                                                     \
    "GET " path " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" more "\r\n"
#define WS(path, more) WS_HEAD(path, "Sec-WebSocket-Version: 13\r\n" more)

static inline int upgrade(void)
{
    int fd = dial();

    put(fd, WS("/ws", ""));
    ck_assert_int_eq(status_of(get_until(fd, "\r\n\r\n")), 101);
    return fd;
}

static inline size_t masked_frame(char *out, int first_byte, const char *p, size_t n)
{
    static const char mask[4] = {0x12, 0x34, 0x56, 0x78};
    size_t h = frame_header(out, first_byte & 15, n);

    out[0] = (char)first_byte;
    out[1] |= (char)0x80;
    memcpy(out + h, mask, 4);
    h += 4;
    for (size_t i = 0; i < n; i++)
        out[h + i] = p[i] ^ mask[i & 3];
    return h + n;
}

static inline void put_frame(int fd, int first_byte, const char *p, size_t n)
{
    static char bytes[1 << 18];
    size_t all = masked_frame(bytes, first_byte, p, n);

    ck_assert_int_eq(send(fd, bytes, all, MSG_NOSIGNAL), all);
}

static inline void get_exactly(int fd, char *out, size_t n)
{
    while (n) {
        ssize_t r = recv(fd, out, n, 0);
        ck_assert_int_gt(r, 0);
        out += r;
        n -= (size_t)r;
    }
}

/* The next frame from the server; its opcode. */
static inline int get_frame(int fd, char *payload, size_t cap, size_t *ret_n)
{
    unsigned char h[10];
    size_t n;

    get_exactly(fd, (char *)h, 2);
    ck_assert_int_eq(h[1] & 0x80, 0);
    n = h[1];
    if (n == 126) {
        get_exactly(fd, (char *)h + 2, 2);
        n = (size_t)h[2] << 8 | h[3];
    } else if (n == 127) {
        get_exactly(fd, (char *)h + 2, 8);
        n = (size_t)h[6] << 24 | (size_t)h[7] << 16 | (size_t)h[8] << 8 | h[9];
    }
    ck_assert_uint_lt(n, cap);
    get_exactly(fd, payload, n);
    payload[n] = 0;
    *ret_n = n;
    ck_assert_int_eq(h[0] & 0xf0, 0x80);
    return h[0] & 15;
}

static inline int close_code(int fd)
{
    static char p[1 << 18];
    size_t n;

    while (get_frame(fd, p, sizeof p, &n) != 8)
        ;
    return n >= 2 ? (unsigned char)p[0] << 8 | (unsigned char)p[1] : 1005;
}

/* User and system time of the process, to find a loop that spins. */
static inline double cpu_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static inline int run_tests(const char *name, const TTest *const *tests, size_t count)
{
    Suite *s = suite_create(name);
    TCase *t = tcase_create(name);
    SRunner *r;
    int failed;

    suite_add_tcase(s, t);
    tcase_add_checked_fixture(t, defaults, NULL);
    tcase_set_timeout(t, 20);
    for (size_t i = 0; i < count; i++)
        tcase_add_test(t, tests[i]);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
#endif

/* HTTP on a listener that runs: bodies, keep-alive, answers that come later or not at all, peers
 * that do not read; by raw bytes. */
#include "../net/driver.h"

static char big[3 << 20];
static struct http_request *held;
static _Atomic int arrived;

static int serve_now(struct http_request *q, void *context)
{
    (void)context;
    q->status = 200;
    buf_addf(&q->answer, "%.*s %.*s", (int)q->path.n, q->path.p, (int)q->address.n, q->address.p);
    q->content_type = "text/plain";
    return 0;
}

static int serve_body(struct http_request *q, void *context)
{
    (void)context;
    q->status = 201;
    q->content_type = "text/plain";
    buf_addf(&q->answer, "%zu bytes, json %d, id %s", q->body.n, q->json != NULL,
             http_query(q, "id").p ? http_query(q, "id").p : "-");
    return 0;
}

static int serve_big(struct http_request *q, void *context)
{
    (void)context;
    q->status = 200;
    q->static_body = big;
    q->static_bytes = sizeof big;
    q->extra_headers[q->extra_count++] = "Cache-Control: max-age=60";
    return 0;
}

static int serve_nothing(struct http_request *q, void *context)
{
    (void)context;
    q->status = 204;
    return 0;
}

static int serve_later(struct http_request *q, void *context)
{
    (void)context;
    held = q;
    arrived++;
    return -EINPROGRESS;
}

static void answer_held(void)
{
    struct http_request *q = held;

    held = NULL;
    q->status = 200;
    buf_add_cstr(&q->answer, "{\"at\":\"last\"}");
    actor_post(q->home, &q->mail, MAIL_ANSWER);
}

static void start_http(void)
{
    static const struct http_route list[] = {
        {HTTP_GET, "/now", true, true, NULL, serve_now, NULL},
        {HTTP_GET, "/", true, true, NULL, serve_now, NULL},
        {HTTP_POST, "/body", true, true, NULL, serve_body, NULL},
        {HTTP_PATCH, "/body", true, true, NULL, serve_body, NULL},
        {HTTP_DELETE, "/body", true, true, NULL, serve_body, NULL},
        {HTTP_GET, "/big", true, true, NULL, serve_big, NULL},
        {HTTP_GET, "/later", true, true, NULL, serve_later, NULL},
        {HTTP_POST, "/later", true, true, NULL, serve_later, NULL},
        {HTTP_GET, "/nothing", true, true, NULL, serve_nothing, NULL},
        {HTTP_GET, "/secret", true, true, "admin", serve_now, NULL},
        {HTTP_POST, "/secret", true, true, "admin", serve_now, NULL},
    };

    srv.routes = http_routes_new();
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        ck_assert_int_eq(http_routes_add(srv.routes, &list[i]), 0);
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (char)('A' + i % 61 % 26);
    held = NULL;
    arrived = 0;
    start();
}

#define HEAD(line) line " HTTP/1.1\r\nHost: localhost\r\n"

static void check(const char *request, int status, const char *in)
{
    const char *a = ask(request);

    ck_assert_msg(status_of(a) == status, "wanted %d for\n%s\ngot\n%s", status, request, a);
    if (in)
        ck_assert_msg(strstr(a, in) != NULL, "no '%s' in\n%s", in, a);
}
#define CLOSE "Connection: close\r\n\r\n"

START_TEST(simple_requests)
{
    start_http();
    check(HEAD("GET /now") CLOSE, 200, "/now 127.0.0.1");
    ck_assert_ptr_nonnull(strstr(answer_text, "Content-Length: 14\r\n"));
    ck_assert_ptr_nonnull(strstr(answer_text, "X-Content-Type-Options: nosniff\r\n"));
    ck_assert_ptr_nonnull(strstr(answer_text, "Referrer-Policy: no-referrer\r\n"));
    ck_assert_ptr_nonnull(strstr(answer_text, "Cache-Control: no-store\r\n"));
    ck_assert_ptr_nonnull(strstr(answer_text, "Connection: close\r\n"));
    ck_assert_ptr_nonnull(strstr(answer_text, "Date: "));
    check(HEAD("HEAD /now") CLOSE, 200, "Content-Length: 14\r\n");
    ck_assert_ptr_null(strstr(answer_text, "127.0.0.1"));
    check(HEAD("GET /nothing") CLOSE, 204, NULL);
    ck_assert_ptr_null(strstr(answer_text, "Content-Length"));
    check("GET /now HTTP/1.0\r\n\r\n", 200, "Connection: close");
    check("GET /now HTTP/1.1\r\n" CLOSE, 400, NULL); /* no Host */
    check(HEAD("PUT /now") "Content-Length: 0\r\n" CLOSE, 405, "Allow: GET, HEAD\r\n");
    check(HEAD("GET /ws") CLOSE, 426, "Upgrade: websocket");
    check(HEAD("GET /secret") CLOSE, 403, NULL);
    EVENTUALLY(net_idle(srv.net));
    stop();
}
END_TEST

START_TEST(paths)
{
    start_http();
    check(HEAD("GET /..%2fetc/passwd") CLOSE, 404, NULL);
    check(HEAD("GET /%2e%2e/etc/passwd") CLOSE, 404, NULL);
    check(HEAD("GET /%00") CLOSE, 404, NULL);
    check(HEAD("GET /%00now") CLOSE, 404, NULL);
    check(HEAD("GET /now%5c..") CLOSE, 404, NULL);
    ck_assert_ptr_nonnull(strstr(ask(HEAD("GET /now%") CLOSE), "403 Forbidden")); /* lws's own */
    check(HEAD("GET /now%0d%0aX:y") CLOSE, 404, NULL);
    check(HEAD("GET /now?a=%ff") CLOSE, 400, NULL);
    /* lws resolves these before we see them, as a browser does; nothing is reached by it */
    check(HEAD("GET /a/../now") CLOSE, 200, "/now");
    check(HEAD("GET /..%2f") CLOSE, 200, "/ 127.0.0.1");
    /* and hangs up on a %00 within a path */
    ask(HEAD("GET /now%00") CLOSE);
    ck_assert_int_ne(status_of(answer_text), 200);
    stop();
}
END_TEST

START_TEST(bodies)
{
    static char huge[70000], request[80000];

    start_http();
    check(HEAD("POST /body?id=7%2B") "Content-Length: 8\r\n" CLOSE "{\"a\":1}\n", 201,
          "8 bytes, json 1, id 7+");
    check(HEAD("PATCH /body") "Content-Length: 2\r\n" CLOSE "{}", 201, "2 bytes, json 1");
    check(HEAD("DELETE /body?id=3") CLOSE, 201, "0 bytes, json 0, id 3");
    check(HEAD("DELETE /body") "Content-Length: 2\r\n" CLOSE "[]", 201, "2 bytes, json 1");
    check(HEAD("POST /body") "Content-Length: 0\r\n" CLOSE, 201, "0 bytes, json 0");
    check(HEAD("PATCH /body") "Content-Length: 0\r\n" CLOSE, 201, "0 bytes, json 0");
    check(HEAD("POST /body") "Content-Length: 3\r\n" CLOSE "{]}", 400, "Malformed JSON");
    check(HEAD("POST /body") CLOSE, 411, NULL);
    check(HEAD("POST /body") "Transfer-Encoding: chunked\r\n" CLOSE "2\r\n{}\r\n0\r\n\r\n", 411,
          NULL);
    check(HEAD("DELETE /body") "Transfer-Encoding: chunked\r\n" CLOSE "2\r\n{}\r\n0\r\n\r\n", 411,
          NULL);
    check(HEAD("GET /now") "Transfer-Encoding: chunked\r\n" CLOSE "0\r\n\r\n", 411, NULL);
    check(HEAD("POST /body") "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n" CLOSE "{}", 411,
          NULL);
    check(HEAD("POST /body") "Content-Length: -2\r\n" CLOSE "{}", 400, NULL);
    check(HEAD("POST /body") "Content-Length: 2x\r\n" CLOSE "{}", 400, NULL);
    check(HEAD("POST /body") "Content-Length: 2\r\nContent-Length: 2\r\n" CLOSE "{}", 400, NULL);
    check(HEAD("POST /body") "Content-Length: 65537\r\n" CLOSE, 413, NULL);
    check(HEAD("POST /body") "Content-Length: 99999999999999999999\r\n" CLOSE, 413, NULL);
    /* the answer is heard by one who goes on sending */
    memset(huge, ' ', sizeof huge - 1);
    snprintf(request, sizeof request, HEAD("POST /body") "Content-Length: 69999\r\n\r\n%s", huge);
    check(request, 413, "too large");
    snprintf(request, sizeof request,
             HEAD("POST /body") "Content-Length: 60002\r\n" CLOSE "{}%.60000s", huge);
    check(request, 201, "60002 bytes, json 1");
    /* authentication first */
    check(HEAD("POST /secret") "Content-Length: 70000\r\n" CLOSE, 403, NULL);
    check(HEAD("POST /secret") CLOSE, 403, NULL);
    check(HEAD("POST /secret") "Authorization: Bearer admin\r\n" CLOSE, 411, NULL);
    EVENTUALLY(net_idle(srv.net));
    stop();
}
END_TEST

START_TEST(kept_alive)
{
    int fd;

    start_http();
    fd = dial();
    for (int i = 0; i < 5; i++) {
        put(fd, HEAD("GET /now") "\r\n");
        ck_assert_int_eq(status_of(get_until(fd, "127.0.0.1")), 200);
        ck_assert_ptr_nonnull(strstr(answer_text, "Connection: keep-alive"));
        put(fd, HEAD("POST /body") "Content-Length: 2\r\n\r\n");
        usleep(10000);
        put(fd, "{}");
        ck_assert_int_eq(status_of(get_until(fd, "id -")), 201);
    }
    put(fd, HEAD("GET /missing") "\r\n"); /* an error is no reason to part */
    ck_assert_int_eq(status_of(get_until(fd, "Not found.\n")), 404);
    put(fd, HEAD("GET /now") CLOSE);
    ck_assert_int_eq(status_of(get_all(fd)), 200);
    /* two at once, the second in pieces */
    fd = dial();
    put(fd, HEAD("GET /now") "\r\n" HEAD("GET /now") "\r\nGET /now HTT");
    get_until(fd, "127.0.0.1");
    if (!strstr(strstr(answer_text, "127.0.0.1") + 1, "127.0.0.1"))
        get_until(fd, "127.0.0.1");
    put(fd, "P/1.1\r\nHost: localhost\r\n" CLOSE);
    ck_assert_int_eq(status_of(get_all(fd)), 200);
    EVENTUALLY(net_idle(srv.net));
    stop();
}
END_TEST

START_TEST(idle_connections_are_cut)
{
    int fd;

    srv.idle_ms = 1500;
    start_http();
    fd = dial();
    put(fd, HEAD("GET /now") "\r\n");
    get_until(fd, "127.0.0.1");
    int64_t began = clock_mono_ms();
    put(fd, "GET /now HT"); /* half a head does not count */
    get_all(fd);
    ck_assert_int_le(clock_mono_ms() - began, 10000); /* and no default of 15 s */
    stop();
}
END_TEST

START_TEST(answered_later)
{
    double before;
    int fd;

    start_http();
    fd = dial();
    put(fd, HEAD("GET /later") "\r\n");
    EVENTUALLY(arrived == 1);
    put(fd, HEAD("GET /now") "\r\n"); /* while it is pending: must not spin, nor be lost */
    usleep(100000);
    before = cpu_seconds();
    usleep(500000);
    ck_assert_double_lt(cpu_seconds() - before, 0.25);
    answer_held();
    get_until(fd, "{\"at\":\"last\"}");
    ck_assert_ptr_nonnull(strstr(answer_text, "Content-Type: application/json"));
    if (!strstr(answer_text, "127.0.0.1"))
        get_until(fd, "127.0.0.1");
    put(fd, HEAD("POST /later") "Content-Length: 2\r\n\r\n{}");
    EVENTUALLY(arrived == 2);
    shutdown(fd, SHUT_WR); /* a FIN meanwhile */
    before = cpu_seconds();
    usleep(500000);
    ck_assert_double_lt(cpu_seconds() - before, 0.25);
    answer_held();
    ck_assert_int_eq(status_of(get_all(fd)), 200);
    EVENTUALLY(net_idle(srv.net));
    stop();
}
END_TEST

START_TEST(answered_too_late)
{
    int fd;

    srv.answer_ms = 200;
    start_http();
    fd = dial();
    put(fd, HEAD("GET /later") "\r\n");
    ck_assert_int_eq(status_of(get_all(fd)), 504);
    ck_assert_int_eq(arrived, 1);
    EVENTUALLY(net_idle(srv.net));
    close(upgrade()); /* takes the same memory */
    answer_held();    /* for nobody */
    /* the asker went away, and another connection has his place */
    fd = dial();
    put(fd, HEAD("GET /later") "\r\n");
    EVENTUALLY(arrived == 2);
    struct linger hard = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(fd);
    usleep(400000);
    fd = dial();
    put(fd, HEAD("GET /now") "\r\n");
    get_until(fd, "127.0.0.1");
    answer_held();
    put(fd, HEAD("GET /now") "\r\n");
    get_until(fd, "127.0.0.1");
    close(fd);
    EVENTUALLY(net_idle(srv.net));
    stop();
}
END_TEST

/* Behind a request more is waiting in lws, and the peer is gone before the answer: lws would ask
 * for a writable socket for ever, and hear of it without end. */
START_TEST(gone_before_the_answer)
{
    struct linger hard = {1, 0};
    double before;
    int fd;

    start_http();
    for (int i = 0; i < 4; i++) {
        fd = dial();
        if (i & 1) {
            put(fd, HEAD("GET /now") "\r\n" HEAD("GET /later") "\r\n" HEAD("GET /now") "\r\n");
            get_until(fd, "127.0.0.1");
        } else {
            put(fd, HEAD("GET /later") "\r\n" HEAD("GET /now") "\r\nGET /n");
        }
        EVENTUALLY(arrived == i + 1);
        if (i & 2)
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        close(fd);
        usleep(50000);
        answer_held();
        usleep(200000);
        before = cpu_seconds();
        usleep(200000);
        ck_assert_double_lt(cpu_seconds() - before, 0.1);
    }
    EVENTUALLY(net_idle(srv.net));
    stop();
}
END_TEST

static void read_big(int fd, int pause_us)
{
    static char got[sizeof big + 1024];
    size_t n = 0;
    char *body = NULL;

    while (!body || n < (size_t)(body - got) + sizeof big) {
        ssize_t r = recv(fd, got + n, sizeof got - n, 0);
        ck_assert_int_gt(r, 0);
        n += (size_t)r;
        if (!body && (body = memmem(got, n, "\r\n\r\n", 4)))
            body += 4;
        if (pause_us)
            usleep((useconds_t)pause_us);
    }
    ck_assert_ptr_nonnull(memmem(got, 600, "Cache-Control: max-age=60\r\n", 27));
    ck_assert_ptr_null(memmem(got, 600, "no-store", 8));
    ck_assert_int_eq(memcmp(body, big, sizeof big), 0);
}

START_TEST(large_answers)
{
    int fd;

    srv.sndbuf = 8192;
    start_http();
    fd = dial_small(8192);
    for (int i = 0; i < 3; i++) {
        put(fd, HEAD("GET /big") "\r\n");
        read_big(fd, 0);
    }
    put(fd, HEAD("GET /now") "\r\n");
    ck_assert_int_eq(status_of(get_until(fd, "127.0.0.1")), 200);
    close(fd);
    EVENTUALLY(net_idle(srv.net));
    stop();
}
END_TEST

START_TEST(answers_not_taken)
{
    double before;
    int fd;

    srv.sndbuf = 8192;
    srv.take_ms = 1500;
    start_http();
    fd = dial_small(4096);
    put(fd, HEAD("GET /big") "\r\n" HEAD("GET /now") "\r\n");
    usleep(200000);
    before = cpu_seconds();
    put(fd, "and something more");
    usleep(700000);
    ck_assert_double_lt(cpu_seconds() - before, 0.3);
    EVENTUALLY(net_idle(srv.net)); /* cut */
    close(fd);
    stop();
}
END_TEST

START_TEST(large_answers_over_tls)
{
    SSL_CTX *x = SSL_CTX_new(TLS_client_method());
    static const char request[] = HEAD("GET /big") "\r\n";
    static char got[sizeof big + 1024];
    int fd;

    srv.tls = true;
    srv.sndbuf = 8192;
    start_http();
    fd = dial_small(8192);
    SSL *ssl = SSL_new(x);
    SSL_set_fd(ssl, fd);
    ck_assert_int_eq(SSL_connect(ssl), 1);
    for (int i = 0; i < 2; i++) {
        char *body = NULL;
        size_t n = 0;
        ck_assert_int_gt(SSL_write(ssl, request, (int)strlen(request)), 0);
        while (!body || n < (size_t)(body - got) + sizeof big) {
            int r = SSL_read(ssl, got + n, (int)(sizeof got - n));
            ck_assert_int_gt(r, 0);
            n += (size_t)r;
            if (!body && (body = memmem(got, n, "\r\n\r\n", 4)))
                body += 4;
        }
        ck_assert_int_eq(memcmp(body, big, sizeof big), 0);
    }
    SSL_free(ssl);
    SSL_CTX_free(x);
    close(fd);
    EVENTUALLY(net_idle(srv.net));
    stop();
}
END_TEST

START_TEST(on_the_admin_listener)
{
    srv.admin = true;
    needs_token = true;
    start_http();
    check(HEAD("GET /secret") CLOSE, 401, "WWW-Authenticate: Bearer");
    check(HEAD("GET /secret") "Authorization: Bearer local-token\r\n" CLOSE, 200, NULL);
    check(HEAD("GET /secret") "Authorization: Bearer user\r\n" CLOSE, 403, NULL);
    check(WS("/ws", ""), 404, NULL); /* no WebSocket here */
    check(HEAD("OPTIONS /secret") "Origin: http://localhost\r\nAccess-Control-Request-Method: "
                                  "GET\r\n" CLOSE,
          200, "Access-Control-Allow-Origin: http://localhost\r\n");
    EVENTUALLY(net_idle(srv.net));
    stop();
}
END_TEST

START_TEST(nonsense)
{
    static char huge[40000];
    static const char *const words[] = {
        "\r\n\r\n",
        "GET\r\n\r\n",
        "GET /now\r\n\r\n",
        "GET /now HTTP/2.0\r\nHost: x\r\n\r\n",
        "FOO /now HTTP/1.1\r\nHost: x\r\n\r\n",
        "\x16\x03\x01\x02\0\x01",
        "GET /now HTTP/1.1\r\nHost: a\0b\r\n\r\n",
        "GET /now HTTP/1.1\r\n:path: /now\r\nHost: x\r\n\r\n",
        "GET /now HTTP/1.1\r\nGET /now HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET http://evil/now HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    };

    srv.settings.server.handshake_ms = 1500;
    start_http();
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        ask(words[i]);
        ck_assert_msg(status_of(answer_text) != 200, "%s: %s", words[i], answer_text);
    }
    memset(huge, 'h', sizeof huge - 1);
    int fd = dial(); /* a head of 40,000 bytes */
    put(fd, "GET /now HTTP/1.1\r\nHost: x\r\nX-Long: ");
    (void)!send(fd, huge, sizeof huge, MSG_NOSIGNAL);
    get_all(fd);
    ck_assert_int_ne(status_of(answer_text), 200);
    EVENTUALLY(net_idle(srv.net));
    check(HEAD("GET /now") CLOSE, 200, NULL);
    stop();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {simple_requests,
                                  paths,
                                  bodies,
                                  kept_alive,
                                  idle_connections_are_cut,
                                  answered_later,
                                  answered_too_late,
                                  gone_before_the_answer,
                                  large_answers,
                                  answers_not_taken,
                                  large_answers_over_tls,
                                  on_the_admin_listener,
                                  nonsense};

    return run_tests("server", tests, sizeof tests / sizeof *tests);
}

/* Short sends: with a tiny socket buffer, a peer that reads slowly, and pings in between, every
 * frame must arrive whole and in order, over plain TCP and over TLS. And TLS as such. */
#include "driver.h"

static SSL_CTX *client_context;

struct peer {
    int fd;
    SSL *ssl; /* NULL: plain */
};

static void peer_read(struct peer *p, char *out, size_t n)
{
    while (n) {
        int r = p->ssl ? SSL_read(p->ssl, out, (int)n) : (int)recv(p->fd, out, n, 0);
        ck_assert_int_gt(r, 0);
        out += r;
        n -= (size_t)r;
    }
}

static void peer_write(struct peer *p, const char *bytes, size_t n)
{
    if (p->ssl)
        ck_assert_int_eq(SSL_write(p->ssl, bytes, (int)n), n);
    else
        ck_assert_int_eq(send(p->fd, bytes, n, MSG_NOSIGNAL), n);
}

static void peer_frame(struct peer *p, int first_byte, const char *text)
{
    char out[256];

    peer_write(p, out, masked_frame(out, first_byte, text, strlen(text)));
}

static struct peer peer_open(int rcvbuf)
{
    struct peer p = {.fd = dial_small(rcvbuf)};
    char head[512];
    size_t n = 0;

    if (srv.tls) {
        client_context = SSL_CTX_new(TLS_client_method());
        p.ssl = SSL_new(client_context);
        SSL_set_fd(p.ssl, p.fd);
        ck_assert_int_eq(SSL_connect(p.ssl), 1);
    }
    peer_write(&p, WS("/ws", ""), strlen(WS("/ws", "")));
    while (n < 4 || memcmp(head + n - 4, "\r\n\r\n", 4) != 0)
        peer_read(&p, head + n++, 1);
    ck_assert_int_eq(memcmp(head, "HTTP/1.1 101", 12), 0);
    return p;
}

static void peer_close(struct peer *p)
{
    SSL_free(p->ssl);
    if (p->ssl)
        SSL_CTX_free(client_context);
    close(p->fd);
}

/* One frame; true: of the flood, false: a pong (which is checked). */
static bool next_frame(struct peer *p, unsigned i, unsigned *pongs)
{
    static char wanted[100000], got[100000];
    unsigned char h[10];
    size_t n;

    peer_read(p, (char *)h, 2);
    n = h[1];
    if (n == 126) {
        peer_read(p, (char *)h + 2, 2);
        n = (size_t)h[2] << 8 | h[3];
    } else if (n == 127) {
        peer_read(p, (char *)h + 2, 8);
        n = (size_t)h[7] << 16 | (size_t)h[8] << 8 | h[9];
    }
    if (h[0] == 0x8a) {
        ck_assert_uint_eq(n, 7);
        peer_read(p, got, n);
        ck_assert_int_eq(memcmp(got, "echo me", 7), 0);
        ++*pongs;
        return false;
    }
    ck_assert_int_eq(h[0], 0x81);
    ck_assert_uint_eq(n, flood_frame(i, wanted));
    peer_read(p, got, n);
    ck_assert_int_eq(memcmp(got, wanted, n), 0);
    return true;
}

static void flood(unsigned count, int rcvbuf, int pause_us)
{
    unsigned pongs = 0, pings = 0;
    char command[32];
    struct peer p;

    srv.sndbuf = 4096;
    start();
    p = peer_open(rcvbuf);
    snprintf(command, sizeof command, "flood %u", count);
    peer_frame(&p, 0x81, command);
    for (unsigned i = 0; i < count;) {
        if (i % 5 == 0 && pings < i / 5 + 1) {
            peer_frame(&p, 0x89, "echo me");
            pings++;
        }
        if (pause_us)
            usleep((useconds_t)pause_us);
        if (next_frame(&p, i, &pongs))
            i++;
    }
    ck_assert_int_gt(seen.writables, 10);
    peer_frame(&p, 0x81, "still in step");
    char rest[64];
    do
        peer_read(&p, rest, 2 + (size_t)(rest[1] = 0));
    while (rest[0] == (char)0x8a && (peer_read(&p, rest + 2, (size_t)rest[1]), ++pongs));
    if (srv.tls) /* lws drops a ping that comes before it answered the last one */
        ck_assert_uint_gt(pongs, 0);
    else
        ck_assert_uint_eq(pongs, pings);
    ck_assert_int_eq(rest[1], 13);
    peer_read(&p, rest, 13);
    ck_assert_int_eq(memcmp(rest, "still in step", 13), 0);
    peer_close(&p);
    EVENTUALLY(net_idle(srv.net));
    stop();
}

START_TEST(plain_flood)
{
    flood(1500, 4096, 0);
}
END_TEST

START_TEST(plain_flood_slow)
{
    flood(120, 2048, 2000);
}
END_TEST

START_TEST(tls_flood)
{
    srv.tls = true;
    flood(600, 4096, 0);
}
END_TEST

START_TEST(tls_flood_slow)
{
    srv.tls = true;
    flood(60, 2048, 2000);
}
END_TEST

/* A peer that never reads costs nothing: neither time nor, at its end, a hang. */
START_TEST(never_reads)
{
    struct peer p;
    double before;

    srv.sndbuf = 4096;
    start();
    p = peer_open(2048);
    peer_frame(&p, 0x81, "flood 300");
    EVENTUALLY(seen.messages == 1);
    usleep(100000);
    before = cpu_seconds();
    for (int i = 0; i < 10; i++) {
        peer_frame(&p, 0x89, "echo me");
        usleep(50000);
    }
    ck_assert_double_lt(cpu_seconds() - before, 0.25);
    peer_close(&p);
    EVENTUALLY(seen.closed == 1);
    stop();
}
END_TEST

START_TEST(tls_versions_and_http)
{
    SSL_CTX *x = SSL_CTX_new(TLS_client_method());
    static const char request[] = "GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n";
    char text[1024];
    int fd, n;

    srv.tls = true;
    start();
    for (int old = 0; old < 2; old++) {
        fd = dial();
        SSL_CTX_set_security_level(x, 0);
        SSL_CTX_set_min_proto_version(x, TLS1_VERSION);
        SSL_CTX_set_max_proto_version(x, old ? TLS1_1_VERSION : TLS1_2_VERSION);
        SSL_CTX_set_alpn_protos(x, (const unsigned char *)"\x02h2\x08http/1.1", 12);
        SSL *ssl = SSL_new(x);
        SSL_set_fd(ssl, fd);
        ck_assert_int_eq(SSL_connect(ssl), old ? -1 : 1);
        for (int i = 0; !old && i < 3; i++) { /* kept alive */
            ck_assert_int_gt(SSL_write(ssl, request, (int)strlen(request)), 0);
            for (n = 0, text[0] = 0; !strstr(text, "Not found.\n");) {
                int r = SSL_read(ssl, text + n, (int)sizeof text - 1 - n);
                ck_assert_int_gt(r, 0);
                text[n += r] = 0;
            }
            ck_assert_int_eq(status_of(text), 404);
        }
        SSL_free(ssl);
        close(fd);
    }
    SSL_CTX_free(x);
    fd = dial(); /* plain text to a TLS port: hung up */
    put(fd, request);
    ck_assert_int_eq(status_of(get_all(fd)), 0);
    EVENTUALLY(net_idle(srv.net));
    stop();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {plain_flood,    plain_flood_slow, tls_flood,
                                  tls_flood_slow, never_reads,      tls_versions_and_http};

    return run_tests("wire", tests, sizeof tests / sizeof *tests);
}

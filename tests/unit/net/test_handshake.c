/* Who is let in, and how the others are told: upgrades by raw bytes against a net that runs. */
#include "driver.h"

static void check_upgrade(const char *request, int status)
{
    int fd = dial();
    const char *a;

    put(fd, request);
    a = get_until(fd, status == 101 ? "\r\n\r\n" : NULL);
    close(fd);
    ck_assert_msg(status_of(a) == status, "wanted %d for\n%s\ngot\n%s", status, request, a);
    if (status >= 400)
        ck_assert_ptr_nonnull(strstr(a, "Connection: close"));
}

START_TEST(refused_upgrades)
{
    start();
    check_upgrade(WS_HEAD("/ws", "Sec-WebSocket-Version: 8\r\n"), 400);
    ck_assert_ptr_nonnull(strstr(answer_text, "Sec-WebSocket-Version: 13"));
    check_upgrade(WS_HEAD("/ws", ""), 400);
    check_upgrade(WS_HEAD("/ws", "Sec-WebSocket-Version: 130\r\n"), 400);
    check_upgrade(WS("/nowhere", ""), 404);
    check_upgrade(WS("/ws/", ""), 404);
    check_upgrade(WS("/ws", "Content-Length: 5\r\n"), 400);
    check_upgrade("POST /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                  "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                  "Sec-WebSocket-Version: 13\r\n\r\n",
                  400);
    check_upgrade("GET /ws HTTP/1.0\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                  "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                  "Sec-WebSocket-Version: 13\r\n\r\n",
                  400);
    check_upgrade(
        "GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        400); /* no Host */
    check_upgrade("GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                  "Connection: keep-alive\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                  "Sec-WebSocket-Version: 13\r\n\r\n",
                  400);
    check_upgrade("GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                  "Connection: Upgrade\r\nSec-WebSocket-Key: short==\r\n"
                  "Sec-WebSocket-Version: 13\r\n\r\n",
                  400);
    ck_assert_int_eq(seen.opened, 0);
    check_upgrade(WS("/other", ""), 101);
    check_upgrade("GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: WebSocket\r\n"
                  "Connection: keep-alive, UPGRADE\r\nSec-WebSocket-Key: "
                  "dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
                  101);
    stop();
}
END_TEST

START_TEST(subprotocols)
{
    char request[2048], name[512];

    start();
    check_upgrade(WS("/ws", ""), 101);
    ck_assert_ptr_null(strcasestr(answer_text, "Sec-WebSocket-Protocol"));
    check_upgrade(WS("/ws", "Sec-WebSocket-Protocol: parley\r\n"), 101);
    ck_assert_ptr_nonnull(strstr(answer_text, "Sec-WebSocket-Protocol: parley\r\n"));
    check_upgrade(WS("/ws", "Sec-WebSocket-Protocol: parley, ticket.good\r\n"), 101);
    ck_assert_ptr_nonnull(strstr(answer_text, "Sec-WebSocket-Protocol: parley\r\n"));
    check_upgrade(WS("/ws", "Sec-WebSocket-Protocol: ticket.good,parley\r\n"), 101);
    check_upgrade(WS("/ws", "Sec-WebSocket-Protocol: parley, ticket.bad\r\n"), 401);
    check_upgrade(WS("/ws", "Sec-WebSocket-Protocol: chat\r\n"), 400);
    check_upgrade(WS("/ws", "Sec-WebSocket-Protocol: Parley\r\n"), 400);
    check_upgrade(WS("/ws", "Sec-WebSocket-Protocol: parley,\r\n"), 400);
    for (int n = 60; n <= 300; n += 60) { /* where lws alone would hang up without an answer */
        memset(name, 'x', (size_t)n);
        name[n] = 0;
        snprintf(request, sizeof request, WS("/ws", "Sec-WebSocket-Protocol: parley, %s\r\n"),
                 name);
        check_upgrade(request, n < 64 ? 101 : 400);
    }
    stop();
}
END_TEST

START_TEST(origins)
{
    static const parley_str listed[] = {{"https://chat.example.org", 24}};

    srv.settings.server.origins = (parley_list){listed, 1};
    start();
    check_upgrade(WS("/ws", "Origin: http://localhost\r\n"), 101);
    check_upgrade(WS("/ws", "Origin: HTTPS://Chat.Example.Org\r\n"), 101);
    check_upgrade(WS("/ws", "Origin: https://chat.example.org:443\r\n"), 101);
    check_upgrade(WS("/ws", "Origin: null\r\n"), 403);
    check_upgrade(WS("/ws", "Origin: \r\n"), 101); /* lws cannot tell an empty header from none */
    check_upgrade(WS("/ws", "Origin: https://evil.example\r\n"), 403);
    check_upgrade(WS("/ws", "Origin: https://chat.example.org.evil.example\r\n"), 403);
    check_upgrade(WS("/ws", "Origin: https://evilchat.example.org\r\n"), 403);
    check_upgrade(WS("/ws", "Origin: https://chat.example.org:8443\r\n"), 403);
    check_upgrade(WS("/ws", "Origin: https://chat.example.org@evil.example\r\n"), 403);
    check_upgrade(WS("/ws", "Origin: http://localhost.evil.example\r\n"), 403);
    check_upgrade(WS("/ws", "Origin: http://localhost:81\r\n"), 403);
    check_upgrade(WS("/ws", "Origin: http://localhost\r\nOrigin: https://evil.example\r\n"), 403);
    check_upgrade(WS("/ws", "Sec-WebSocket-Origin: https://evil.example\r\n"), 403);
    ck_assert_double_eq(metric_find("refusals", PARLEY_STR("origin")), 10);
    stop();
}
END_TEST

START_TEST(logins)
{
    char token[6000], request[8000];

    needs_token = true;
    start();
    check_upgrade(WS("/ws", ""), 401);
    ck_assert_ptr_nonnull(strstr(answer_text, "WWW-Authenticate: Bearer"));
    check_upgrade(WS("/ws", "Authorization: Bearer banned\r\n"), 401);
    ck_assert_str_eq(strstr(answer_text, "\r\n\r\n") + 4, "User is banned.");
    check_upgrade(WS("/ws", "Authorization: bearer user\r\n"), 101);
    check_upgrade(WS("/ws", "Authorization: Basic dXNlcg==\r\n"), 401);
    check_upgrade(WS("/ws?token=user", ""), 101);
    check_upgrade(WS("/ws?a=b&token=%75ser", ""), 101);
    ck_assert(noted(seen.bearer, "user"));
    check_upgrade(WS("/ws?token=100%25%3D%26", ""), 101); /* decoded once */
    ck_assert(noted(seen.bearer, "100%=&"));
    check_upgrade(WS("/ws?token=%ff", ""), 400);
    memset(token, 'j', sizeof token - 1);
    token[sizeof token - 1] = 0;
    snprintf(request, sizeof request, WS("/ws", "Authorization: Bearer %s\r\n"), token);
    check_upgrade(request, 101);
    ck_assert_uint_eq(seen.bearer_bytes, sizeof token - 1);
    snprintf(request, sizeof request, WS("/ws?token=%s", ""), token);
    check_upgrade(request, 101);
    ck_assert_uint_eq(seen.bearer_bytes, sizeof token - 1);
    check_upgrade(WS("/ws", "Authorization: Bearer later\r\n"), 101);
    EVENTUALLY(seen.later == 1);
    stop();
}
END_TEST

START_TEST(under_pressure_1013)
{
    int fd;

    refuse_open = true;
    start();
    fd = dial();
    put(fd, WS("/ws", ""));
    char head[512];
    size_t n = 0;
    while (n < 4 || memcmp(head + n - 4, "\r\n\r\n", 4) != 0)
        get_exactly(fd, head + n++, 1);
    ck_assert_int_eq(close_code(fd), 1013);
    put_frame(fd, 0x88, "\x03\xf5", 2);
    ck_assert_str_eq(get_all(fd), "");
    EVENTUALLY(net_idle(srv.net));
    ck_assert_int_eq(seen.opened, 0);
    stop();
}
END_TEST

START_TEST(draining)
{
    srv.pump.draining = true;
    start();
    check_upgrade(WS("/ws", ""), 503);
    stop();
}
END_TEST

START_TEST(caps)
{
    int fds[8];

    srv.settings.server.connections_per_address = 4;
    srv.settings.server.connections_per_user = 2;
    start();
    fds[0] = upgrade();
    fds[1] = upgrade();
    check_upgrade(WS("/ws", ""), 429); /* the user's */
    check_upgrade(WS("/ws", "Authorization: Bearer admin\r\n"), 101);
    EVENTUALLY(seen.closed == 1);
    for (int i = 2; i < 4; i++) {
        fds[i] = dial();
        put(fds[i], WS("/ws", "Authorization: Bearer admin\r\n"));
        ck_assert_int_eq(status_of(get_until(fds[i], "\r\n\r\n")), 101);
    }
    check_upgrade(WS("/ws", "Sec-WebSocket-Protocol: parley, ticket.good\r\n"), 429);
    ck_assert_ptr_nonnull(strstr(answer_text, "your address"));
    close(fds[0]);
    EVENTUALLY(seen.closed == 2);
    check_upgrade(WS("/ws", ""), 101); /* both were given back */
    for (int i = 1; i < 4; i++)
        close(fds[i]);
    EVENTUALLY(net_idle(srv.net));
    stop();
}
END_TEST

START_TEST(raw_connections_of_one_address)
{
    int fds[40], refused = 0;

    srv.settings.server.connections_per_address = 4;
    start();
    for (int i = 0; i < 40; i++)
        fds[i] = dial();
    for (int i = 20; i < 40; i++) /* the slack is 16 */
        refused += status_of(get_until(fds[i], NULL)) == 429;
    ck_assert_int_eq(refused, 20);
    for (int i = 0; i < 40; i++)
        close(fds[i]);
    EVENTUALLY(net_idle(srv.net));
    check_upgrade(WS("/ws", ""), 101);
    stop();
}
END_TEST

START_TEST(an_upgraded_socket_counts_until_it_closes)
{
    int fds[20];

    srv.settings.server.connections_per_address = 4;
    srv.settings.server.connections = 20;
    start();
    for (int round = 0; round < 3; round++) {
        int one_more;

        for (int i = 0; i < 20; i++)
            fds[i] = i < 4 ? upgrade() : dial();
        EVENTUALLY(metric_find("connections", PARLEY_NONE) == 20);
        one_more = dial();
        ck_assert_int_eq(status_of(get_until(one_more, NULL)), 503);
        close(one_more);
        close(fds[19]);
        EVENTUALLY(metric_find("connections", PARLEY_NONE) == 19);
        fds[19] = dial(); /* the slack is 16: nobody was forgotten, nor counted twice */
        EVENTUALLY(metric_find("connections", PARLEY_NONE) == 20);
        for (int i = 0; i < 20; i++)
            close(fds[i]);
        EVENTUALLY(net_idle(srv.net));
        ck_assert_double_eq(metric_find("connections", PARLEY_NONE), 0);
    }
    stop();
}
END_TEST

static void count_conns(void *arg)
{
    int n = 0;

    for (struct conn_block *b = srv.net->blocks; b; b = b->next)
        n += (int)(sizeof b->conns / sizeof *b->conns);
    *(_Atomic int *)arg = n;
}

START_TEST(who_is_upgraded_needs_no_connection)
{
    _Atomic int conns = 0;
    int fds[200];

    srv.settings.server.connections_per_address = 0;
    start();
    for (int i = 0; i < 200; i++)
        fds[i] = upgrade();
    ck_assert_int_eq(actor_call(srv.actor, count_conns, &conns), 0);
    EVENTUALLY(conns > 0);
    ck_assert_int_eq(conns, 32); /* one block: all of them were made in one or two */
    for (int i = 0; i < 200; i++)
        close(fds[i]);
    EVENTUALLY(seen.closed == 200 && net_idle(srv.net));
    stop();
}
END_TEST

START_TEST(full)
{
    int fds[3];

    srv.settings.server.connections = 2;
    start();
    fds[0] = upgrade();
    fds[1] = dial();
    EVENTUALLY(metric_find("connections", PARLEY_NONE) == 2);
    fds[2] = dial();
    put(fds[2], WS("/ws", ""));
    ck_assert_int_eq(status_of(get_until(fds[2], NULL)), 503);
    close(fds[2]);
    close(fds[1]);
    EVENTUALLY(metric_find("connections", PARLEY_NONE) == 1);
    check_upgrade(WS("/ws", ""), 101);
    close(fds[0]);
    stop();
}
END_TEST

START_TEST(behind_a_proxy)
{
    static const parley_str proxies[] = {{"127.0.0.0/8", 11}, {"10.0.0.1", 8}};

    srv.settings.server.trusted_proxies = (parley_list){proxies, 2};
    srv.settings.server.connections_per_address = 1;
    start();
    check_upgrade(WS("/ws", "X-Forwarded-For: 1.2.3.4, 203.0.113.9, 10.0.0.1\r\n"), 101);
    EVENTUALLY(noted(seen.address, "203.0.113.9")); /* the 101 comes first */
    EVENTUALLY(seen.closed == 1);
    check_upgrade(WS("/ws", "X-Forwarded-For: nonsense\r\n"), 101);
    EVENTUALLY(noted(seen.address, "127.0.0.1"));
    stop();
}
END_TEST

/* CVE-2025-11677, and its kin: run it under AddressSanitizer */
START_TEST(foreign_upgrades)
{
    static const char *const others[] = {
        "foo", "h2c", "websocket2", "websocket, h2c", "h2c, websocket", "WEBSOCKET foo", "TLS/1.0"};
    char request[512];
    int fd;

    start();
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        for (int keep_alive = 0; keep_alive < 2; keep_alive++) {
            fd = dial();
            if (keep_alive) {
                put(fd, "GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n");
                ck_assert_int_eq(status_of(get_until(fd, "Not found.\n")), 404);
            }
            snprintf(
                request, sizeof request,
                "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\n"
                "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\nUpgrade: %s\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                "Sec-WebSocket-Version: 13\r\n\r\n",
                others[i]);
            put(fd, request);
            get_all(fd);
            ck_assert_ptr_null(strstr(answer_text, "101 Switching"));
        }
    ck_assert_int_eq(seen.opened, 0);
    EVENTUALLY(net_idle(srv.net));
    stop();
}
END_TEST

START_TEST(keep_alive_then_websocket)
{
    int fd;

    start();
    fd = dial();
    put(fd, "GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n");
    ck_assert_int_eq(status_of(get_until(fd, "Not found.\n")), 404);
    put(fd, WS("/ws", ""));
    ck_assert_int_eq(status_of(get_until(fd, "\r\n\r\n")), 101);
    put_frame(fd, 0x81, "x", 1);
    EVENTUALLY(seen.messages == 1);
    close(fd);
    stop();
}
END_TEST

START_TEST(connect_is_refused)
{
    start();
    ck_assert_int_eq(status_of(ask("CONNECT example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n")), 405);
    ck_assert_int_eq(status_of(ask("CONNECT / HTTP/1.1\r\nHost: x\r\n\r\nmore")), 405);
    EVENTUALLY(net_idle(srv.net));
    stop();
}
END_TEST

START_TEST(many_refusals_leave_nothing)
{
    start();
    for (int i = 0; i < 300; i++)
        check_upgrade(WS("/ws", "Origin: https://evil.example\r\n"), 403);
    EVENTUALLY(net_idle(srv.net));
    stop();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {refused_upgrades,
                                  subprotocols,
                                  origins,
                                  logins,
                                  under_pressure_1013,
                                  draining,
                                  caps,
                                  raw_connections_of_one_address,
                                  an_upgraded_socket_counts_until_it_closes,
                                  who_is_upgraded_needs_no_connection,
                                  full,
                                  behind_a_proxy,
                                  foreign_upgrades,
                                  keep_alive_then_websocket,
                                  connect_is_refused,
                                  many_refusals_leave_nothing};

    return run_tests("handshake", tests, sizeof tests / sizeof *tests);
}

/* The traps of libwebsockets and the attacks of strangers, by raw bytes against a net that runs. */
#include "driver.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>

START_TEST(upgrade_echo_and_close)
{
    char p[256];
    size_t n;
    int fd;

    start();
    fd = upgrade();
    put_frame(fd, 0x81, "hello", 5);
    ck_assert_int_eq(get_frame(fd, p, sizeof p, &n), 1);
    ck_assert_str_eq(p, "hello");
    put_frame(fd, 0x89, "are you there", 13);
    ck_assert_int_eq(get_frame(fd, p, sizeof p, &n), 10);
    ck_assert_str_eq(p, "are you there");
    put_frame(fd, 0x8a, "x", 1);
    EVENTUALLY(seen.pongs == 1);
    put_frame(fd, 0x8a, "", 0);
    put_frame(fd, 0x81, "on", 2);
    ck_assert_int_eq(get_frame(fd, p, sizeof p, &n), 1);
    ck_assert_int_eq(seen.pongs, 2);
    put_frame(fd, 0x88, "\x03\xe8", 2);
    ck_assert_int_eq(close_code(fd), 1000);
    EVENTUALLY(seen.closed == 1 && seen.peer_closing == 1);
    ck_assert(noted(seen.address, "127.0.0.1"));
    close(fd);
    EVENTUALLY(net_idle(srv.net));
    stop();
}
END_TEST

START_TEST(slow_heads_are_cut)
{
    int fds[4];
    int64_t began;

    srv.settings.server.handshake_ms = 1500;
    start();
    began = clock_mono_ms();
    for (int i = 0; i < 4; i++)
        fds[i] = dial();
    put(fds[1], "GET / HT");
    put(fds[3], "GET /");
    put(fds[2], "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nab");
    for (int i = 0; i < 6; i++) { /* drops of a head do not help */
        usleep(50000);
        put(fds[3], "x");
    }
    for (int i = 0; i < 4; i++) {
        get_all(fds[i]);
        ck_assert_int_lt(clock_mono_ms() - began, 8000); /* and no default of 10 s */
    }
    ck_assert_double_ge(metric_find("refusals", PARLEY_STR("handshake_timeout")), 3);
    int fd = upgrade(); /* whose deadline is over */
    usleep(1700000);
    put_frame(fd, 0x81, "x", 1);
    EVENTUALLY(seen.messages == 1);
    close(fd);
    stop();
}
END_TEST

START_TEST(messages_in_pieces)
{
    static char big[200000], back[1 << 18];
    size_t n;
    int fd;

    start();
    fd = upgrade();
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (char)('a' + i % 26);
    put_frame(fd, 0x81, big, 10000);
    ck_assert_int_eq(get_frame(fd, back, sizeof back, &n), 1);
    ck_assert_uint_eq(n, 10000);
    ck_assert_mem_eq(back, big, n);
    ck_assert_int_eq(seen.firsts, 1);
    ck_assert_int_eq(seen.finals, 1);
    /* three frames, a ping between, the second one empty */
    put_frame(fd, 0x01, big, 3000);
    put_frame(fd, 0x89, "p", 1);
    put_frame(fd, 0x00, big, 0);
    put_frame(fd, 0x80, big + 3000, 2000);
    ck_assert_int_eq(get_frame(fd, back, sizeof back, &n), 10);
    ck_assert_int_eq(get_frame(fd, back, sizeof back, &n), 1);
    ck_assert_uint_eq(n, 5000);
    ck_assert_mem_eq(back, big, n);
    ck_assert_int_eq(seen.firsts, 2);
    ck_assert_int_eq(seen.finals, 2);
    put_frame(fd, 0x82, big, 70000);
    ck_assert_int_eq(get_frame(fd, back, sizeof back, &n), 2);
    ck_assert_uint_eq(n, 70000);
    ck_assert_int_gt(seen.receives, 8); /* more than is read at once */
    put_frame(fd, 0x81, "", 0);
    ck_assert_int_eq(get_frame(fd, back, sizeof back, &n), 1);
    ck_assert_uint_eq(n, 0);
    /* the frame right behind the upgrade is not lost */
    close(fd);
    fd = dial();
    char both[1024];
    strcpy(both, WS("/ws", ""));
    n = strlen(both);
    n += masked_frame(both + n, 0x81, "early", 5);
    ck_assert_int_eq(send(fd, both, n, 0), n);
    get_until(fd, "early");
    close(fd);
    stop();
}
END_TEST

START_TEST(impossible_frames)
{
    int fd;

    start();
    fd = upgrade(); /* 1 TiB */
    ck_assert_int_eq(send(fd, "\x81\xff\0\0\x01\0\0\0\0\0mask", 14, 0), 14);
    put(fd, "some of it");
    ck_assert_int_eq(close_code(fd), 1009);
    ck_assert_uint_gt(seen.most_remaining, 1ull << 39);
    close(fd);
    fd = upgrade(); /* an empty frame of a long form, unmasked: what follows is no frame */
    ck_assert_int_eq(send(fd, "\x81\x7e\0\0abcdefgh", 12, 0), 12);
    ck_assert_int_eq(close_code(fd), 1002);
    close(fd);
    fd = upgrade(); /* a reserved bit; an unknown opcode; a continuation of nothing */
    put_frame(fd, 0xc1, "x", 1);
    ck_assert_int_eq(close_code(fd), 1002);
    close(fd);
    fd = upgrade();
    put_frame(fd, 0x83, "x", 1);
    ck_assert_int_eq(close_code(fd), 1002);
    close(fd);
    fd = upgrade();
    put_frame(fd, 0x80, "x", 1);
    ck_assert_int_eq(close_code(fd), 1002);
    close(fd);
    fd = upgrade(); /* a new message within another one */
    put_frame(fd, 0x01, "x", 1);
    put_frame(fd, 0x81, "y", 1);
    ck_assert_int_eq(close_code(fd), 1002);
    close(fd);
    fd = upgrade(); /* a ping in pieces; one that is too long */
    put_frame(fd, 0x09, "x", 1);
    ck_assert_int_eq(close_code(fd), 1002);
    close(fd);
    fd = upgrade();
    ck_assert_int_eq(send(fd, "\x89\xfe\0\x7emask", 8, 0), 8);
    ck_assert_int_eq(close_code(fd), 1002);
    close(fd);
    fd = upgrade(); /* unmasked */
    ck_assert_int_eq(send(fd, "\x81\x02hi", 4, 0), 4);
    ck_assert_int_eq(close_code(fd), 1002);
    close(fd);
    EVENTUALLY(net_idle(srv.net));
    stop();
}
END_TEST

/* The peer's CLOSE comes back with its code, or with what is wrong with it. */
START_TEST(closing_by_the_peer)
{
    static const struct {
        const char *bytes;
        size_t n;
        int code;
    } closes[] = {
        {"\x03\xe8", 2, 1000},
        {"\x0f\xa0why", 5, 4000},
        {"\x03", 1, 1002},
        {"\x03\xed", 2, 1002},
        {"\x03\xe8\xc3\x28", 4, 1007},
        {"\x00\x00", 2, 1002},
        {"\x03\xe9going away", 12, 1001},
    };
    char p[64];
    size_t n;
    int fd;

    start();
    for (size_t i = 0; i < sizeof closes / sizeof *closes; i++) {
        fd = upgrade();
        put_frame(fd, 0x88, closes[i].bytes, closes[i].n);
        ck_assert_int_eq(close_code(fd), closes[i].code);
        ck_assert_int_eq(recv(fd, p, sizeof p, 0), 0); /* and the server hangs up first */
        close(fd);
    }
    fd = upgrade();
    put_frame(fd, 0x88, "", 0);
    ck_assert_int_eq(get_frame(fd, p, sizeof p, &n), 8);
    ck_assert_uint_eq(n, 0);
    close(fd);
    EVENTUALLY(net_idle(srv.net));
    stop();
}
END_TEST

/* Every cut of a stream of frames is understood as the whole is. */
START_TEST(any_cut_of_the_stream)
{
    char stream[2048], p[1024], big[300];
    size_t n = 0, got;

    start();
    memset(big, 'b', sizeof big);
    n += masked_frame(stream + n, 0x81, "one", 3);
    n += masked_frame(stream + n, 0x01, "tw", 2);
    n += masked_frame(stream + n, 0x89, "ping", 4);
    n += masked_frame(stream + n, 0x80, "o", 1);
    n += masked_frame(stream + n, 0x81, big, sizeof big);
    n += masked_frame(stream + n, 0x81, "", 0);
    for (size_t cut = 1; cut < n; cut += cut < 40 ? 1 : 23) {
        int fd = upgrade();

        for (size_t at = 0; at < n; at += cut) {
            size_t part = n - at < cut ? n - at : cut;

            ck_assert_int_eq(send(fd, stream + at, part, MSG_NOSIGNAL), part);
            if (cut > 3 || at % 7 == 0) /* let it arrive by itself; the rest together */
                usleep(200);
        }
        ck_assert_int_eq(get_frame(fd, p, sizeof p, &got), 1);
        ck_assert_str_eq(p, "one");
        ck_assert_int_eq(get_frame(fd, p, sizeof p, &got), 10);
        ck_assert_str_eq(p, "ping");
        ck_assert_int_eq(get_frame(fd, p, sizeof p, &got), 1);
        ck_assert_str_eq(p, "two");
        ck_assert_int_eq(get_frame(fd, p, sizeof p, &got), 1);
        ck_assert_uint_eq(got, sizeof big);
        ck_assert_mem_eq(p, big, sizeof big);
        ck_assert_int_eq(get_frame(fd, p, sizeof p, &got), 1);
        ck_assert_uint_eq(got, 0);
        close(fd);
    }
    EVENTUALLY(net_idle(srv.net));
    stop();
}
END_TEST

START_TEST(closing_by_us)
{
    int fd;

    close_with = 4403;
    start();
    fd = upgrade();
    put_frame(fd, 0x81, "x", 1);
    ck_assert_int_eq(close_code(fd), 4403);
    put_frame(fd, 0x88, "\x11\x33", 2);
    ck_assert_str_eq(get_all(fd), "");
    EVENTUALLY(seen.closed == 1);
    close_with = 0;
    fd = upgrade();
    put_frame(fd, 0x81, "abort", 5);
    int64_t began = clock_mono_ms();
    ck_assert_str_eq(get_all(fd), ""); /* not a word */
    ck_assert_int_lt(clock_mono_ms() - began, 4000);
    EVENTUALLY(seen.closed == 2);
    stop();
}
END_TEST

static void abort_last(void *arg)
{
    (void)arg;
    wire_abort(last_client->wsi);
}

static void read_last(void *arg)
{
    last_client->reading = arg != NULL;
    wire_read(last_client->wsi, arg != NULL);
}

START_TEST(from_mail)
{
    int fd;

    start();
    fd = upgrade();
    EVENTUALLY(seen.opened == 1);
    actor_call(srv.actor, read_last, NULL);
    usleep(50000);
    put_frame(fd, 0x81, "held back", 9);
    usleep(300000);
    double before = cpu_seconds();
    usleep(500000);
    ck_assert_double_lt(cpu_seconds() - before, 0.25);
    ck_assert_int_eq(seen.messages, 0);
    actor_call(srv.actor, read_last, &srv);
    EVENTUALLY(seen.messages == 1);
    usleep(1100000); /* the loop is quiet */
    int64_t began = clock_mono_ms();
    actor_call(srv.actor, abort_last, NULL);
    EVENTUALLY(seen.closed == 1);
    ck_assert_int_lt(clock_mono_ms() - began, 500);
    close(fd);
    stop();
}
END_TEST

START_TEST(accept_is_paced)
{
    int fds[60];
    int64_t began;

    srv.settings.server.accept_rate = 40;
    start();
    began = clock_mono_ms();
    for (int i = 0; i < 60; i++)
        fds[i] = dial();
    for (int i = 0; i < 60; i++)
        put(fds[i], "GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n");
    for (int i = 0; i < 60; i++) {
        ck_assert_int_eq(status_of(get_until(fds[i], "Not found.\n")), 404); /* none is refused */
        close(fds[i]);
    }
    ck_assert_int_ge(clock_mono_ms() - began, 1200);
    ck_assert_int_le(clock_mono_ms() - began, 30000);
    ck_assert_double_ge(metric_find("accept_pauses", PARLEY_NONE), 1);
    stop();
}
END_TEST

/* A child holds many connections; we run short of descriptors, and must neither spin nor lose the
 * connections that we have. */
START_TEST(out_of_descriptors)
{
    struct rlimit limit;
    double before;
    pid_t child;
    int fd, gate[2];

    ck_assert_int_eq(pipe(gate), 0);
    srv.settings.server.connections_per_address = 0;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = 200; /* of which half is kept back */
    setrlimit(RLIMIT_NOFILE, &limit);
    start();
    fd = upgrade();
    child = fork();
    if (child == 0) {
        char c;
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
        for (int i = 0; i < 150; i++) {
            struct sockaddr_in a = {.sin_family = AF_INET,
                                    .sin_port = htons(srv.port),
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
            int s = socket(AF_INET, SOCK_STREAM, 0);
            (void)!connect(s, (struct sockaddr *)&a, sizeof a);
        }
        close(gate[1]);
        (void)!read(gate[0], &c, 1);
        _exit(0);
    }
    EVENTUALLY(metric_find("accept_backoffs", PARLEY_NONE) >= 1);
    usleep(200000);
    before = cpu_seconds();
    usleep(1000000);
    ck_assert_double_lt(cpu_seconds() - before, 0.4);
    int spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(spare, 0);
    ck_assert_int_lt(spare, 110);
    close(spare);
    put_frame(fd, 0x81, "still here", 10);
    EVENTUALLY(seen.messages == 1);
    close(gate[1]);
    waitpid(child, NULL, 0);
    close(upgrade());
    close(fd);
    EVENTUALLY(net_idle(srv.net));
    stop();
}
END_TEST

START_TEST(stop_with_connections)
{
    int fds[6];

    start();
    fds[0] = upgrade();
    fds[1] = dial();
    fds[2] = dial();
    put(fds[2], "GET / HTT");
    fds[3] = upgrade();
    put_frame(fds[3], 0x81, "flood 300", 9); /* and nobody reads */
    EVENTUALLY(seen.messages == 1);
    stop(); /* counts that every client was told */
    for (int i = 0; i < 4; i++)
        close(fds[i]);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        upgrade_echo_and_close, slow_heads_are_cut,    messages_in_pieces,   impossible_frames,
        closing_by_the_peer,    any_cut_of_the_stream, closing_by_us,        from_mail,
        accept_is_paced,        out_of_descriptors,    stop_with_connections};

    return run_tests("net", tests, sizeof tests / sizeof *tests);
}

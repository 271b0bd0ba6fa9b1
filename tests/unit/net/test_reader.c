/* net/reader: what a turn of the loop reads from many sockets, and who is gone before it is taken.
 * Frames themselves, whole and cut anywhere, are test_net's. */
#include "driver.h"

#include <semaphore.h>

static sem_t held, go;

static void hold(void *arg)
{
    (void)arg;
    sem_post(&held);
    while (sem_wait(&go) < 0)
        ;
}

/* The loop stands still; what is sent meanwhile is read in one turn. */
static void hold_the_loop(void)
{
    sem_init(&held, 0, 0);
    sem_init(&go, 0, 0);
    ck_assert_int_eq(actor_call(srv.actor, hold, NULL), 0);
    while (sem_wait(&held) < 0)
        ;
}

enum { SMALL = READER_ENTRIES + 20, LARGE = 8, ALL = SMALL + LARGE, BYTES = READER_BYTES - 100 };

static size_t say(int i, char *out)
{
    if (i < SMALL)
        return (size_t)sprintf(out, "this is %d", i);
    memset(out, 'a' + i % 26, BYTES);
    return BYTES;
}

/* More sockets than a turn has places for, and then more bytes than it has room for; again and
 * again, because libev takes more at once each time. */
START_TEST(many_in_a_turn)
{
    static char said[BYTES + 1], got[2 * BYTES];
    int fds[ALL];
    size_t n;

    srv.settings.server.connections_per_address = 0;
    start();
    for (int i = 0; i < ALL; i++)
        fds[i] = upgrade();
    EVENTUALLY(seen.opened == ALL);
    for (int round = 0; round < 4; round++) {
        hold_the_loop();
        for (int i = 0; i < ALL; i++)
            put_frame(fds[i], 0x81, said, say(i, said));
        sem_post(&go);
        for (int i = 0; i < ALL; i++) {
            ck_assert_int_eq(get_frame(fds[i], got, sizeof got, &n), 1);
            ck_assert_uint_eq(n, say(i, said));
            ck_assert_mem_eq(got, said, n);
        }
    }
    for (int i = 0; i < ALL; i++)
        close(fds[i]);
    EVENTUALLY(net_idle(srv.net));
    stop();
}
END_TEST

/* Both are read, with a part of a frame that was kept before; the first that is taken ends the
 * other. */
START_TEST(ended_between_reading_and_taking)
{
    char whole[64];
    size_t n = masked_frame(whole, 0x81, "alone", 5);
    int fds[2];

    start();
    for (int i = 0; i < 2; i++) {
        fds[i] = upgrade();
        ck_assert_int_eq(send(fds[i], whole, 3, MSG_NOSIGNAL), 3);
    }
    EVENTUALLY(seen.opened == 2);
    hold_the_loop(); /* it may have seen the three bytes, or will together with the others */
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(send(fds[i], whole + 3, n - 3, MSG_NOSIGNAL), n - 3);
    sem_post(&go);
    EVENTUALLY(seen.closed == 1);
    EVENTUALLY(seen.messages == 1);
    for (int i = 0; i < 2; i++)
        close(fds[i]);
    EVENTUALLY(net_idle(srv.net));
    ck_assert_int_eq(seen.messages, 1);
    stop();
}
END_TEST

/* A head that came in two pieces, of the frame that ends its own connection. */
START_TEST(ended_by_what_it_took)
{
    char bytes[128], p[64];
    size_t ping = masked_frame(bytes, 0x89, "read", 4), n;
    size_t all = ping + masked_frame(bytes + ping, 0x88, "\x03\xe8", 2);
    int fd;

    start();
    for (int round = 0; round < 20; round++) {
        fd = upgrade();
        ck_assert_int_eq(send(fd, bytes, ping + 3, MSG_NOSIGNAL), ping + 3);
        ck_assert_int_eq(get_frame(fd, p, sizeof p, &n), 10); /* so the three are kept */
        ck_assert_int_eq(send(fd, bytes + ping + 3, all - ping - 3, MSG_NOSIGNAL), all - ping - 3);
        ck_assert_int_eq(close_code(fd), 1000);
        close(fd);
    }
    EVENTUALLY(net_idle(srv.net));
    stop();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {many_in_a_turn, ended_between_reading_and_taking,
                                  ended_by_what_it_took};

    return run_tests("reader", tests, sizeof tests / sizeof *tests);
}

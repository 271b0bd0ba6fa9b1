/* The store's promise: a process that is killed while it writes as fast as it can loses nothing
 * that was told to be committed, and of each turn all is there or nothing.
 *
 * The child writes turns of three records that must agree, and says on a pipe which number has been
 * committed; it is killed in the middle of it, again and again, always on the same file.
 */
#include "store_test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#define ROUNDS 40

static void start(void)
{
    make_folder();
}

static void stop(void)
{
    remove_folder();
}

static void write_turn(int64_t n)
{
    char key[32];

    ck_assert_int_eq(store_add(x, 1, "count"), n);
    snprintf(key, sizeof key, "turn/%d", (int)(n % 500));
    store_delete(x, key);
    ck_assert_int_eq(store_add(x, n, key), n);
    if (n % 7 == 0)
        ck_assert_int_eq(store_delete_all(x, "turn/1"), 0);
    ck_assert_int_eq(store_timer_set(x, "timer", n), 0);
    store_end(s);
}

static void report(int fd, int64_t n)
{
    if (write(fd, &n, sizeof n) != sizeof n)
        _exit(1);
}

/* [a process of its own] */
static void write_for_ever(int fd)
{
    struct store_options o = options_of(file);
    int64_t n, first;
    uint64_t told = 0;

    o.window_ms = 0;
    if (store_open(&o, &s, why) < 0 || store_section(s, "x", &x, why) < 0 || store_run(s, why) < 0)
        _exit(1);
    n = first = parley_as_int(store_get(x, "count"), 0);
    for (;;) {
        write_turn(++n);
        while (told < s->number && store_await(s, told + 1))
            told++;
        if (told)
            report(fd, first + (int64_t)told);
    }
}

static void see_timer(void *arg, const char *key, int64_t at_unix_ms)
{
    ck_assert_str_eq(key, "timer");
    *(int64_t *)arg = at_unix_ms;
}

/* All three agree, and no turn/ is newer than they. Returns how many turns there are. */
static int64_t check_file(void)
{
    int64_t count, timer = 0;
    char key[32];

    open_store(file); /* which refuses what is not whole */
    count = parley_as_int(store_get(x, "count"), 0);
    store_timers(x, see_timer, &timer);
    ck_assert_int_eq(timer, count);
    for (int i = 0; i < 500; i++) {
        int64_t n;

        snprintf(key, sizeof key, "turn/%d", i);
        n = parley_as_int(store_get(x, key), 0);
        ck_assert_int_le(n, count);
        ck_assert(n == 0 || n % 500 == i);
    }
    snprintf(key, sizeof key, "turn/%d", (int)(count % 500));
    if (count && !(count % 7 == 0 && key[5] == '1'))
        ck_assert_int_eq(parley_as_int(store_get(x, key), 0), count);
    close_store();
    return count;
}

START_TEST(killed_again_and_again)
{
    int64_t total = 0;
    unsigned seed = 7;

    for (int round = 0; round < ROUNDS; round++) {
        int64_t told = total, n, reports;
        int ends[2], status;
        pid_t child;

        seed = seed * 1103515245u + 12345u;
        reports = 1 + (seed >> 16) % 400;
        ck_assert_int_eq(pipe(ends), 0);
        child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0) {
            close(ends[0]);
            write_for_ever(ends[1]);
        }
        close(ends[1]);
        while (reports-- && read(ends[0], &n, sizeof n) == sizeof n)
            told = n;
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
        ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        while (read(ends[0], &n, sizeof n) == sizeof n)
            told = n; /* said before it died */
        close(ends[0]);
        total = check_file();
        ck_assert_msg(total >= told, "%" PRId64 " were told, %" PRId64 " are there", told, total);
    }
    ck_assert_int_gt(total, ROUNDS);
    printf("killed %d times in %" PRId64 " turns\n", ROUNDS, total);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("crash");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, killed_again_and_again);
    return run_suite("store/crash", t, start, stop);
}

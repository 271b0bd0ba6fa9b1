/* store/writer: what is told to be committed is on the disk, in order and in groups; and a disk
 * that refuses: reads go on, nothing is accepted, nothing of what was is lost, and it ends by
 * itself. */
#include "failing_vfs.h"
#include "store_test.h"

#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/resource.h>

static sem_t changes;
static _Atomic int last_change, change_count;
static char change_why[256];

static void on_change(void *arg, int error, const char *text)
{
    (void)arg;
    last_change = error;
    change_count++;
    snprintf(change_why, sizeof change_why, "%s", text);
    sem_post(&changes);
}

static void open_watched(const struct store_options *o)
{
    ck_assert_msg(store_open(o, &s, why) == 0, "%s", why);
    store_on_change(s, on_change, NULL);
    ck_assert_msg(store_section(s, "x", &x, why) == 0, "%s", why);
    ck_assert_msg(store_run(s, why) == 0, "%s", why);
}

static void start(void)
{
    struct store_options o;

    make_folder();
    o = options_of(file);
    failing_install();
    sem_init(&changes, 0, 0);
    change_count = 0;
    open_watched(&o);
}

static void stop(void)
{
    close_store();
    sqlite3_vfs_unregister(&failing_vfs);
    remove_folder();
}

static void wait_for_change(int error)
{
    do
        while (sem_wait(&changes) < 0)
            ;
    while (last_change != error);
}

/* Reads with eyes of its own what is in the file. */
static int64_t on_disk(const char *key)
{
    int64_t n = -1;
    struct store_section *y;
    struct store_options o = options_of(file);
    struct store *other;

    close_store();
    ck_assert_msg(store_open(&o, &other, why) == 0, "%s", why);
    ck_assert_int_eq(store_section(other, "x", &y, why), 0);
    n = parley_as_int(store_get(y, key), -1);
    store_close(other);
    return n;
}

START_TEST(what_is_told_is_synced)
{
    for (int i = 1; i <= 20; i++) {
        ck_assert_int_eq(store_add(x, 1, "n"), i);
        sync_store();
        ck_assert_int_eq(wal_unsynced, 0);
        ck_assert_int_ge(wal_syncs, i);
    }
    ck_assert_int_eq(on_disk("n"), 20);
}
END_TEST

START_TEST(many_turns_share_a_commit)
{
    double commits = metric_read(metric(METRIC_COUNTER, "store_commits", NULL, NULL, PARLEY_NONE));
    double writes = metric_read(metric(METRIC_COUNTER, "store_writes", NULL, NULL, PARLEY_NONE));

    s->options.window_ms = 20;
    sync_store();
    for (int i = 0; i < 1000; i++) {
        store_add(x, 1, "n");
        store_end(s);
    }
    sync_store();
    commits = metric_find("store_commits", PARLEY_NONE) - commits;
    ck_assert_double_ge(commits, 1);
    ck_assert_double_le(commits, 500);
    ck_assert_double_eq(metric_find("store_writes", PARLEY_NONE) - writes, 1000);
    ck_assert_double_ge(metric_find("store_commit", PARLEY_NONE), 1);
    ck_assert_int_eq(on_disk("n"), 1000);
}
END_TEST

START_TEST(nobody_is_told_who_does_not_wait)
{
    struct waiter w = {0};

    w.actor.on_mail = on_waiter_mail;
    ck_assert_int_eq(loop_init(&w.loop, false), 0);
    loop_add(&w.loop, &w.actor);
    store_tell(s, &w.actor, MAIL_FIRST);
    store_add(x, 1, "n");
    store_end(s);
    close_store(); /* all is written */
    ck_assert_int_eq(actor_depth(&w.actor), 0);
    loop_finish(&w.loop);
    open_store(file);
}
END_TEST

static void fail_and_recover(_Atomic int *which, int code, int error)
{
    double failures = metric_find("store_failures", PARLEY_NONE);

    store_add(x, 1, "n");
    sync_store();
    *which = code;
    ck_assert_int_eq(store_add(x, 1, "n"), 2); /* the first to meet it was accepted */
    store_end(s);
    wait_for_change(error);
    ck_assert_int_eq(store_add(x, 1, "n"), error);
    ck_assert_str_eq(json(x, "n"), "2");
    ck_assert(!store_await(s, s->number));
    ck_assert_uint_gt(strlen(change_why), 0);
    ck_assert_double_gt(metric_find("store_failures", PARLEY_NONE), failures);
    ck_assert_int_eq(change_count, 1); /* once, however often it is tried */
    *which = 0;
    wait_for_change(0);
    ck_assert_int_eq(change_count, 2);
    ck_assert_int_eq(store_add(x, 1, "n"), 3);
    sync_store();
    ck_assert_int_eq(wal_unsynced, 0);
    ck_assert_int_eq(on_disk("n"), 3);
}

START_TEST(a_full_disk)
{
    fail_and_recover(&failing_write, SQLITE_FULL, -ENOSPC);
}
END_TEST

START_TEST(a_disk_that_cannot_write)
{
    fail_and_recover(&failing_write, SQLITE_IOERR_WRITE, -EIO);
}
END_TEST

START_TEST(a_disk_that_cannot_sync)
{
    fail_and_recover(&failing_sync, SQLITE_IOERR_FSYNC, -EIO);
}
END_TEST

/* The n-th write of a transaction fails, for each n: all of it is there in the end, or none. */
START_TEST(in_the_middle_of_a_transaction)
{
    char key[32];
    int failed = 0;

    for (int after = 0; after < 30; after++) {
        int refused = writes_refused;

        failing_after = after;
        failing_write = SQLITE_FULL;
        for (int i = 0; i < 200; i++) {
            snprintf(key, sizeof key, "%d/%d", after, i);
            ck_assert_int_eq(put(x, key, "text", "some more, so that it fills some pages"), 0);
        }
        store_timer_set(x, key, 1);
        store_end(s);
        while (refused == writes_refused && !store_await(s, s->number))
            sched_yield();
        failed += refused != writes_refused;
        if (refused != writes_refused)
            wait_for_change(-ENOSPC);
        failing_write = 0;
        if (refused != writes_refused)
            wait_for_change(0);
        sync_store();
    }
    ck_assert_int_ge(failed, 10);
    close_store();
    open_store(file);
    for (int after = 0; after < 30; after++)
        for (int i = 0; i < 200; i++) {
            snprintf(key, sizeof key, "%d/%d", after, i);
            ck_assert_ptr_nonnull(store_get(x, key));
        }
}
END_TEST

START_TEST(what_waits_is_bounded)
{
    int n = 0, error = 0;
    struct out o;
    char *text = malloc(100001);

    memset(text, 't', 100000);
    text[100000] = '\0';
    failing_write = SQLITE_FULL;
    store_add(x, 1, "n");
    store_end(s);
    wait_for_change(-ENOSPC);
    store_fail(s, 0); /* as if the hub did not know yet */
    for (; error == 0 && n < 1000; n++) {
        out_init(&o, 0);
        out_put_str(&o.pub, "t", str_n(text, 100000));
        error = store_put(x, "o", &o);
        store_end(s);
    }
    ck_assert_int_eq(error, -EAGAIN);
    ck_assert_int_gt(n, 50);
    ck_assert_int_lt(n, 120);
    failing_write = 0;
    wait_for_change(0);
    sync_store();
    ck_assert_int_eq(store_add(x, 1, "n"), 2);
    free(text);
}
END_TEST

START_TEST(what_cannot_be_written_at_the_end_is_given_up)
{
    store_add(x, 1, "n");
    sync_store();
    failing_write = SQLITE_FULL;
    store_add(x, 1, "n");
    store_end(s);
    wait_for_change(-ENOSPC);
    close_store();
    failing_write = 0;
    ck_assert_int_eq(on_disk("n"), 1);
}
END_TEST

START_TEST(room_is_kept_free)
{
    struct store_options o = options_of(file);

    close_store();
    o.keep_free_bytes = INT64_MAX / 2;
    open_watched(&o);
    wait_for_change(-ENOSPC);
    ck_assert_ptr_nonnull(strstr(change_why, "MiB are to be kept free"));
    ck_assert_int_eq(store_add(x, 1, "n"), -ENOSPC);
    close_store();
    o.keep_free_bytes = 0;
    open_watched(&o);
    ck_assert_int_eq(store_add(x, 1, "n"), 1);
}
END_TEST

/* The kernel's own refusal: files of this process may not grow. */
START_TEST(files_that_may_not_grow)
{
    struct store_options o = options_of(file);
    struct rlimit before, none;
    char key[32];

    sqlite3_vfs_unregister(&failing_vfs);
    close_store();
    open_watched(&o);
    getrlimit(RLIMIT_FSIZE, &before);
    none = before;
    none.rlim_cur = 256 << 10;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &none);
    for (int i = 0; store_add(x, i, "n") >= 0; i++) {
        snprintf(key, sizeof key, "%d", i % 10000);
        if (put(x, key, "text", "some more, so that it fills some pages") < 0)
            break;
        store_end(s);
    }
    wait_for_change(-EIO); /* EFBIG is no word of ours for "full" */
    ck_assert_ptr_nonnull(store_get(x, "0"));
    setrlimit(RLIMIT_FSIZE, &before);
    wait_for_change(0);
    ck_assert_int_eq(put(x, "after", "a", "1"), 0);
    sync_store();
    failing_install();
    close_store();
    open_store(file);
    ck_assert_ptr_nonnull(store_get(x, "0"));
    ck_assert_ptr_nonnull(store_get(x, "after"));
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("writer");

    tcase_add_test(t, what_is_told_is_synced);
    tcase_add_test(t, many_turns_share_a_commit);
    tcase_add_test(t, nobody_is_told_who_does_not_wait);
    tcase_add_test(t, a_full_disk);
    tcase_add_test(t, a_disk_that_cannot_write);
    tcase_add_test(t, a_disk_that_cannot_sync);
    tcase_add_test(t, in_the_middle_of_a_transaction);
    tcase_add_test(t, what_waits_is_bounded);
    tcase_add_test(t, what_cannot_be_written_at_the_end_is_given_up);
    tcase_add_test(t, room_is_kept_free);
    tcase_add_test(t, files_that_may_not_grow);
    return run_suite("store/writer", t, start, stop);
}

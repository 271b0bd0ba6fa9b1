/* hook_watch: a call that does not return is named, and a busy thread is not. */
#include "base/crumb.h"
#include "base/log.h"
#include "hook_watch.h"
#include "loop/deliver.h"

#include <check.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static int file;
static _Atomic bool go_on = true;
static _Atomic int begun;

static char *logged(void)
{
    off_t n = lseek(file, 0, SEEK_END);
    char *text = calloc(1, (size_t)n + 1);

    ck_assert_int_eq(pread(file, text, (size_t)n, 0), n);
    return text;
}

/* Until the log has it: the watch has its own time. */
static void wait_for(const char *words)
{
    for (;;) {
        char *text = logged();
        bool there = strstr(text, words) != NULL;

        free(text);
        if (there)
            return;
        usleep(1000);
    }
}

static void *one_long_call(void *arg)
{
    struct crumb_before before = crumb_enter("poll", 3, "on_message");

    atomic_fetch_add(&begun, 1);
    while (atomic_load(&go_on))
        usleep(1000);
    crumb_leave(before);
    return arg;
}

static void *many_short_calls(void *arg)
{
    atomic_fetch_add(&begun, 1);
    while (atomic_load(&go_on)) {
        struct crumb_before before = crumb_enter("mute", 1, "on_message");

        usleep(100);
        crumb_leave(before);
    }
    return arg;
}

START_TEST(what_does_not_return_is_named_once_and_told_when_it_did)
{
    pthread_t slow, busy;
    char *text;

    file = memfd_create("log", 0);
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON, file);
    ck_assert_int_eq(thread_start(&slow, one_long_call, NULL, "hub"), 0);
    ck_assert_int_eq(thread_start(&busy, many_short_calls, NULL, "pump 0"), 0);
    hook_watch_start(2000, 50); /* longer than a busy machine holds up a short call */
    wait_for("hook_hangs");
    atomic_store(&go_on, false);
    pthread_join(slow, NULL);
    wait_for("hook_returned");
    hook_watch_stop();
    pthread_join(busy, NULL);
    text = logged();
    ck_assert_msg(strstr(text,
                         "\"event\":\"hook_hangs\",\"section\":\"poll\",\"hook\":\"on_message\","
                         "\"generation\":3,\"thread\":\"hub\",") != NULL,
                  "%s", text);
    ck_assert_ptr_null(strstr(text, "mute"));
    ck_assert_ptr_null(strstr(strstr(text, "hook_hangs") + 1, "hook_hangs"));
    free(text);
    close(file);
}
END_TEST

START_TEST(it_may_be_stopped_without_having_been_started)
{
    hook_watch_stop();
    hook_watch_start(1000, 1000);
    hook_watch_start(1000, 1000);
    hook_watch_stop();
    hook_watch_stop();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("hook_watch");
    TCase *t = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_test(t, what_does_not_return_is_named_once_and_told_when_it_did);
    tcase_add_test(t, it_may_be_stopped_without_having_been_started);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}

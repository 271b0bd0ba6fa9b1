/* base/crumb, base/crash: what a thread runs is known to others, and to the last line of the log.
 */
#include "base/crash.h"
#include "base/crumb.h"
#include "base/log.h"

#include <check.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct crumb_seen *find(struct crumb_seen *all, const char *thread)
{
    crumb_look(all);
    for (size_t i = 0; i < CRUMB_THREADS; i++)
        if (strcmp(all[i].thread, thread) == 0)
            return &all[i];
    return NULL;
}

START_TEST(calls_nest_and_are_counted)
{
    struct crumb_seen *all = calloc(CRUMB_THREADS, sizeof *all);
    struct crumb_before outer, inner;
    const struct crumb_seen *s;
    uint32_t calls;

    crumb_thread_begin("me");
    s = find(all, "me");
    ck_assert_ptr_nonnull(s);
    ck_assert_ptr_null(s->hook);
    calls = s->calls;
    outer = crumb_enter("mute", 2, "on_message");
    inner = crumb_enter("native", 1, "encode");
    s = find(all, "me");
    ck_assert_str_eq(s->hook, "encode");
    ck_assert_str_eq(s->section, "native");
    ck_assert_uint_eq(s->generation, 1);
    ck_assert_uint_eq(s->calls, calls + 2);
    crumb_leave(inner);
    s = find(all, "me");
    ck_assert_str_eq(s->hook, "on_message");
    ck_assert_str_eq(s->section, "mute");
    ck_assert_uint_eq(s->generation, 2);
    crumb_leave(outer);
    ck_assert_ptr_null(find(all, "me")->hook);
    crumb_thread_end();
    ck_assert_ptr_null(find(all, "me"));
    free(all);
}
END_TEST

START_TEST(more_threads_than_there_is_room_for_are_not_watched)
{
    struct crumb_seen *all = calloc(CRUMB_THREADS, sizeof *all);

    for (int i = 0; i < CRUMB_THREADS + 3; i++)
        crumb_thread_begin("crowd");
    crumb_look(all);
    for (size_t i = 0; i < CRUMB_THREADS; i++)
        ck_assert_str_eq(all[i].thread, "crowd");
    crumb_thread_end();
    crumb_look(all);
    for (size_t i = 0; i < CRUMB_THREADS; i++)
        ck_assert_str_eq(all[i].thread, "");
    free(all);
}
END_TEST

static volatile int *volatile nowhere;
static volatile int forever = 1;

static int overflow(int n)
{
    volatile char much[4096];

    much[n % 4096] = (char)n;
    return forever ? overflow(n + 1) + much[(n + 1) % 4096] : n;
}

static void crash(int how)
{
    switch (how) {
    case SIGSEGV:
        *nowhere = 1;
        break;
    case SIGABRT:
        abort();
    case 0:
        overflow(0);
        break;
    default:
        raise(how);
    }
}

/* What a child logs that crashes so, and how it ended. */
static char *last_words(int how, bool in_hook, int *ret_status)
{
    const struct rlimit none = {0, 0};
    int file = memfd_create("log", 0);
    char *text;
    pid_t child = fork();
    off_t n;

    if (child == 0) {
        setrlimit(RLIMIT_CORE, &none);
        dup2(open("/dev/null", O_WRONLY), STDERR_FILENO); /* a sanitizer's report */
        log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON, file);
        crash_watch();
        if (in_hook)
            crumb_enter("poll", 7, "on_timer");
        crash(how);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, ret_status, 0), child);
    n = lseek(file, 0, SEEK_END);
    text = calloc(1, (size_t)n + 1);
    ck_assert_int_eq(pread(file, text, (size_t)n, 0), n);
    close(file);
    return text;
}

START_TEST(the_last_line_names_the_call_and_the_process_dies_of_its_signal)
{
    static const int hows[] = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, 0};
    int how = hows[_i], status;
    char *text = last_words(how, true, &status), wanted[160];

    snprintf(wanted, sizeof wanted,
             "\"event\":\"crashed\",\"signal\":\"%s\",\"section\":\"poll\",\"hook\":\"on_timer\","
             "\"generation\":7,",
             crash_signal_name(how ? how : SIGSEGV));
    ck_assert_msg(strstr(text, wanted) != NULL, "%s", text);
    ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1); /* one line */
    ck_assert(WIFSIGNALED(status) || WEXITSTATUS(status) != 0);    /* a sanitizer exits */
    free(text);
}
END_TEST

START_TEST(a_crash_of_the_core_blames_no_plugin)
{
    int status;
    char *text = last_words(SIGSEGV, false, &status);

    ck_assert_msg(strstr(text, "not in a plugin's call") != NULL, "%s", text);
    ck_assert_ptr_null(strstr(text, "section"));
    free(text);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("crumb");
    TCase *t = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_test(t, calls_nest_and_are_counted);
    tcase_add_test(t, more_threads_than_there_is_room_for_are_not_watched);
    tcase_add_loop_test(t, the_last_line_names_the_call_and_the_process_dies_of_its_signal, 0, 6);
    tcase_add_test(t, a_crash_of_the_core_blames_no_plugin);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}

/* base/log: one event is one line of valid JSON, whatever strangers put into it; floods are bounded
 * and counted. */
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "scratch.h"

#include <check.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static int file; /* what the log writes to */
static char *text;

static void open_log(enum log_level least, enum log_format format)
{
    file = memfd_create("log", 0);
    log_setup(least, format, file);
}

/* Everything logged so far. */
static const char *logged(void)
{
    off_t n = lseek(file, 0, SEEK_END);
    free(text);
    text = calloc(1, (size_t)n + 1);
    ck_assert_int_eq(pread(file, text, (size_t)n, 0), n);
    return text;
}

static int lines(void)
{
    int n = 0;
    for (const char *p = logged(); (p = strchr(p, '\n')) != NULL; p++)
        n++;
    return n;
}

static json_t *only_line(void)
{
    ck_assert_int_eq(lines(), 1);
    json_t *v = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_msg(v != NULL, "not JSON: %s", text);
    return v;
}

static const char *string_of(const json_t *v, const char *key)
{
    const char *s = json_string_value(json_object_get(v, key));
    return s != NULL ? s : "(absent)";
}

START_TEST(fields_keep_their_types)
{
    open_log(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    log_event(LOG_LEVEL_WARNING, "client_closed", LOG_TEXT("user", "alice"),
              LOG_STR("absent", PARLEY_NONE), LOG_TEXT("null", NULL), LOG_INT("code", 4408),
              LOG_BOOL("clean", false), LOG_NUMBER("seconds", 0.1),
              LOG_NUMBER("nan", __builtin_nan("")));
    json_t *v = only_line();
    ck_assert_str_eq(string_of(v, "level"), "warning");
    ck_assert_str_eq(string_of(v, "event"), "client_closed");
    ck_assert_str_eq(string_of(v, "user"), "alice");
    ck_assert_int_eq(json_integer_value(json_object_get(v, "code")), 4408);
    ck_assert(json_is_false(json_object_get(v, "clean")));
    ck_assert_double_eq(json_real_value(json_object_get(v, "seconds")), 0.1);
    ck_assert(json_is_null(json_object_get(v, "nan")));
    ck_assert_uint_eq(json_object_size(v), 8);
    ck_assert_uint_eq(strlen(string_of(v, "time")), 24);
    ck_assert_int_eq(string_of(v, "time")[23], 'Z');
    ck_assert_ptr_nonnull(strstr(text, "\"seconds\":0.1,"));
    json_decref(v);
}
END_TEST

START_TEST(an_event_may_have_no_fields)
{
    open_log(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    log_event(LOG_LEVEL_INFO, "started");
    log_write(LOG_LEVEL_INFO, "started", NULL);
    ck_assert_int_eq(lines(), 2);
}
END_TEST

START_TEST(strangers_forge_nothing)
{
    open_log(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    static const char evil[] =
        "x\"}\n{\"event\":\"forged\"}\r\x1b[2J\xff\xe2\x80\xae\xe2\x80\xa8\\";
    log_event(LOG_LEVEL_INFO, "named", LOG_TEXT("name", evil), LOG_TEXT("ke\"y\n", "v"));
    json_t *v = only_line();
    ck_assert_str_eq(string_of(v, "name"),
                     "x\"}\\x0a{\"event\":\"forged\"}\\x0d\\x1b[2J\\xff\\u{202e}\\u{2028}\\");
    ck_assert_str_eq(string_of(v, "ke\"y\\x0a"), "v");
    for (const char *p = text; *p != '\0'; p++)
        ck_assert(*p == '\n' || (*p >= ' ' && *p < 0x7f));
    json_decref(v);
}
END_TEST

START_TEST(text_is_for_people_and_forges_nothing_either)
{
    open_log(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    log_event(LOG_LEVEL_ERROR, "oops", LOG_TEXT("plain", "word"), LOG_TEXT("empty", ""),
              LOG_TEXT("two", "a b"), LOG_TEXT("evil", "a\nb=\"c\""), LOG_INT("n", -1));
    ck_assert_int_eq(lines(), 1);
    ck_assert_ptr_nonnull(strstr(text, "Z error   oops plain=word empty=\"\" two=\"a b\" "
                                       "evil=\"a\\\\x0ab=\\\"c\\\"\" n=-1\n"));
}
END_TEST

START_TEST(only_what_is_wanted)
{
    open_log(LOG_LEVEL_WARNING, LOG_FORMAT_JSON);
    log_event(LOG_LEVEL_INFO, "quiet");
    log_event(LOG_LEVEL_DEBUG, "quiet");
    ck_assert_int_eq(lines(), 0);
    ck_assert(log_wants(LOG_LEVEL_ERROR) && log_wants(LOG_LEVEL_WARNING) &&
              !log_wants(LOG_LEVEL_INFO));
    enum log_level level = LOG_LEVEL_INFO;
    ck_assert_int_eq(log_level_parse("debug", &level), 0);
    ck_assert_int_eq(level, LOG_LEVEL_DEBUG);
    ck_assert_int_eq(log_level_parse("error", &level), 0);
    ck_assert_int_eq(level, LOG_LEVEL_ERROR);
    ck_assert_int_eq(log_level_parse("loud", &level), -EINVAL);
    ck_assert_int_eq(log_level_parse(NULL, &level), -EINVAL);
    ck_assert_int_eq(level, LOG_LEVEL_ERROR);
}
END_TEST

START_TEST(a_long_line_is_cut_and_still_json)
{
    open_log(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    char huge[10000];
    memset(huge, '"', sizeof huge - 1);
    huge[sizeof huge - 1] = '\0';
    log_event(LOG_LEVEL_INFO, "long", LOG_TEXT("a", huge), LOG_TEXT("b", huge), LOG_TEXT("c", huge),
              LOG_INT("d", 1));
    json_t *v = only_line();
    ck_assert_uint_le(strlen(text), 4096);
    ck_assert(json_is_true(json_object_get(v, "cut")));
    ck_assert_uint_eq(strlen(string_of(v, "a")), 1023);
    ck_assert_ptr_null(json_object_get(v, "c"));
    json_decref(v);
}
END_TEST

START_TEST(floods_are_bounded_and_told)
{
    open_log(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    log_limit(5);
    for (int i = 0; i < 100; i++) {
        log_event(LOG_LEVEL_INFO, "flood", LOG_INT("i", i));
        log_event(LOG_LEVEL_ERROR, "grave", LOG_INT("i", i));
    }
    log_event(LOG_LEVEL_INFO, "other");
    ck_assert_int_le(lines(), 100 + 10 + 2 + 1); /* a second may have turned once */
    ck_assert_int_ge(lines(), 100 + 5 + 1);
    ck_assert_ptr_nonnull(strstr(text, "\"other\""));
    clock_advance_ms(1000);
    log_event(LOG_LEVEL_INFO, "later");
    const char *told = strstr(logged(), "\"event\":\"log_suppressed\",\"of\":\"flood\",\"lines\":");
    ck_assert_ptr_nonnull(told);
    int suppressed = 0, written = 0;
    for (const char *p = text; (p = strstr(p, "\"lines\":")) != NULL; p++)
        suppressed += atoi(p + 8);
    for (const char *p = text; (p = strstr(p, "\"event\":\"flood\"")) != NULL; p++)
        written++;
    ck_assert_int_eq(suppressed + written, 100);
    int before = lines();
    log_event(LOG_LEVEL_INFO, "flood");
    ck_assert_int_eq(lines(), before + 1);
    clock_advance_ms(1000);
    log_event(LOG_LEVEL_INFO, "later"); /* nothing more to tell */
    ck_assert_int_eq(lines(), before + 2);
}
END_TEST

START_TEST(many_events_share_the_bound_but_none_is_lost_below_it)
{
    open_log(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    log_limit(1000);
    for (int i = 0; i < 500; i++) {
        char name[32];
        snprintf(name, sizeof name, "event_%d", i);
        log_write(LOG_LEVEL_INFO, name, NULL);
    }
    ck_assert_int_eq(lines(), 500);
    log_limit(0);
    for (int i = 0; i < 2000; i++)
        log_write(LOG_LEVEL_INFO, "unbounded", NULL);
    ck_assert_int_eq(lines(), 2500);
}
END_TEST

START_TEST(a_full_pipe_costs_lines_and_no_time)
{
    int ends[2];
    ck_assert_int_eq(pipe2(ends, O_NONBLOCK), 0);
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON, ends[1]);
    log_limit(0);
    for (int i = 0; i < 5000; i++)
        log_event(LOG_LEVEL_INFO, "much", LOG_INT("i", i));
    static char bytes[1 << 20];
    ssize_t n = read(ends[0], bytes, sizeof bytes - 1);
    ck_assert_int_gt(n, 0);
    ck_assert_int_eq(bytes[n - 1], '\n');
    log_event(LOG_LEVEL_INFO, "again");
    n = read(ends[0], bytes, sizeof bytes - 1);
    bytes[n] = '\0';
    json_t *v = json_loads(bytes, 0, NULL);
    ck_assert_ptr_nonnull(v);
    ck_assert_int_gt(json_integer_value(json_object_get(v, "lost")), 0);
    json_decref(v);
}
END_TEST

static void *write_many(void *arg)
{
    for (int i = 0; i < 500; i++)
        log_event(LOG_LEVEL_INFO, arg, LOG_INT("i", i),
                  LOG_TEXT("filler", "0123456789012345678901234567890123456789"));
    return NULL;
}

START_TEST(lines_of_threads_do_not_mix)
{
    char name[SCRATCH_BYTES];
    file = scratch_file(name);
    close(file);
    file = open(name, O_RDWR | O_APPEND);
    unlink(name);
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON, file);
    log_limit(0);
    pthread_t threads[4];
    static char names[4][8] = {"a", "b", "c", "d"};
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, write_many, names[i]);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_eq(lines(), 2000);
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL && *line != '\0';) {
        json_t *v = json_loads(line, 0, NULL);
        ck_assert_msg(v != NULL, "mixed: %s", line);
        json_decref(v);
    }
}
END_TEST

START_TEST(errno_is_left_alone)
{
    open_log(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON, -1);
    errno = ENOSPC;
    log_event(LOG_LEVEL_INFO, "to_nowhere");
    ck_assert_int_eq(errno, ENOSPC);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/log");
    TCase *t = tcase_create("log");
    suite_add_tcase(suite, t);
    tcase_add_test(t, fields_keep_their_types);
    tcase_add_test(t, an_event_may_have_no_fields);
    tcase_add_test(t, strangers_forge_nothing);
    tcase_add_test(t, text_is_for_people_and_forges_nothing_either);
    tcase_add_test(t, only_what_is_wanted);
    tcase_add_test(t, a_long_line_is_cut_and_still_json);
    tcase_add_test(t, floods_are_bounded_and_told);
    tcase_add_test(t, many_events_share_the_bound_but_none_is_lost_below_it);
    tcase_add_test(t, a_full_pipe_costs_lines_and_no_time);
    tcase_add_test(t, lines_of_threads_do_not_mix);
    tcase_add_test(t, errno_is_left_alone);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

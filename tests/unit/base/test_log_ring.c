/* base/log_ring: the latest lines, in order; what made room is counted as missed. */
#include "base/log_ring.h"
#include "base/str.h"

#include <check.h>
#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static struct buf out;
static uint64_t missed;

static uint64_t read_from(uint64_t after, enum log_level least, size_t most)
{
    buf_clear(&out);
    return log_ring_read(after, least, most, &out, &missed);
}

static void put(const char *line)
{
    log_ring_put(LOG_LEVEL_INFO, line, strlen(line));
}

START_TEST(lines_come_back_in_order)
{
    ck_assert_uint_eq(read_from(0, LOG_LEVEL_DEBUG, 1000), 0);
    ck_assert_uint_eq(log_ring_last(), 0);
    put("{1}");
    log_ring_put(LOG_LEVEL_ERROR, "{2}", 3);
    put("{3}");
    ck_assert_uint_eq(log_ring_last(), 3);
    ck_assert_uint_eq(read_from(0, LOG_LEVEL_DEBUG, 1000), 3);
    ck_assert_str_eq(out.p, "{1},{2},{3}");
    ck_assert_uint_eq(missed, 0);
    ck_assert_uint_eq(read_from(2, LOG_LEVEL_DEBUG, 1000), 3);
    ck_assert_str_eq(out.p, "{3}");
    ck_assert_uint_eq(read_from(3, LOG_LEVEL_DEBUG, 1000), 3);
    ck_assert_uint_eq(out.n, 0);
    /* of a level: what is passed over is read all the same */
    ck_assert_uint_eq(read_from(0, LOG_LEVEL_WARNING, 1000), 3);
    ck_assert_str_eq(out.p, "{2}");
    /* as much as there is room for */
    ck_assert_uint_eq(read_from(0, LOG_LEVEL_DEBUG, 7), 2);
    ck_assert_str_eq(out.p, "{1},{2}");
    ck_assert_uint_eq(read_from(0, LOG_LEVEL_DEBUG, 6), 1);
}
END_TEST

START_TEST(the_tail)
{
    ck_assert_uint_eq(log_ring_tail(5, LOG_LEVEL_DEBUG), 0);
    for (int i = 1; i <= 10; i++)
        log_ring_put(i % 2 ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, "x", 1);
    ck_assert_uint_eq(log_ring_tail(0, LOG_LEVEL_DEBUG), 10);
    ck_assert_uint_eq(log_ring_tail(3, LOG_LEVEL_DEBUG), 7);
    ck_assert_uint_eq(log_ring_tail(10, LOG_LEVEL_DEBUG), 0);
    ck_assert_uint_eq(log_ring_tail(99, LOG_LEVEL_DEBUG), 0);
    read_from(log_ring_tail(2, LOG_LEVEL_ERROR), LOG_LEVEL_ERROR, 100);
    ck_assert_str_eq(out.p, "x,x");
}
END_TEST

START_TEST(old_ones_make_room)
{
    static char line[4096];
    char number[32];
    uint64_t next;

    for (int i = 1; i <= 5000;
         i++) { /* of many lengths, over the end of the ring again and again */
        int n = snprintf(line, sizeof line, "{\"n\":%d,\"fill\":\"%0*d\"}", i, i * 7 % 1500 + 1, 0);
        log_ring_put(LOG_LEVEL_INFO, line, (size_t)n);
    }
    next = read_from(1, LOG_LEVEL_DEBUG, 1 << 20);
    ck_assert_uint_eq(next, 5000);
    ck_assert_uint_gt(out.n, 200000);
    ck_assert_uint_lt(out.n, 256 * 1024);
    snprintf(number, sizeof number, "{\"n\":%d,", (int)missed + 2); /* the first that is there */
    ck_assert_mem_eq(out.p, number, strlen(number));
    buf_clear(&out);
    buf_add_char(&out, '[');
    log_ring_read(1, LOG_LEVEL_DEBUG, 1 << 20, &out, &missed);
    buf_add_char(&out, ']');
    json_t *all = json_loads(out.p, 0, NULL);
    ck_assert_ptr_nonnull(all);
    ck_assert_uint_eq(json_array_size(all), 5000 - 1 - missed);
    for (size_t i = 0; i < json_array_size(all); i++)
        ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(all, i), "n")),
                         (int)(missed + 2 + i));
    json_decref(all);
    /* who is not behind misses nothing */
    ck_assert_uint_eq(read_from(missed + 1, LOG_LEVEL_DEBUG, 1 << 20), 5000);
    ck_assert_uint_eq(missed, 0);
}
END_TEST

static void *write_some(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3000; i++)
        put("{\"a\":\"line of some length, so that the ring goes round more than once\"}");
    return NULL;
}

START_TEST(any_thread)
{
    pthread_t threads[3];
    uint64_t after = 0, seen = 0;

    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, write_some, NULL);
    while (after < 9000) {
        after = read_from(after, LOG_LEVEL_DEBUG, 1 << 16);
        seen += missed;
        for (const char *p = out.p; out.n && (p = strstr(p, "{\"a\"")); p++)
            seen++;
    }
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(seen, 9000);
}
END_TEST

START_TEST(the_log_writes_json_here_whatever_it_writes_elsewhere)
{
    int pipes[2];

    ck_assert_int_eq(pipe(pipes), 0);
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT, pipes[1]);
    log_event(LOG_LEVEL_DEBUG, "unwanted");
    log_event(LOG_LEVEL_WARNING, "first", LOG_TEXT("key", "a b"));
    read_from(0, LOG_LEVEL_DEBUG, 10000);
    json_t *line = json_loads(out.p, 0, NULL);
    ck_assert_ptr_nonnull(line);
    ck_assert_str_eq(json_string_value(json_object_get(line, "event")), "first");
    ck_assert_str_eq(json_string_value(json_object_get(line, "key")), "a b");
    json_decref(line);
    ck_assert_int_eq(log_level(), LOG_LEVEL_INFO);
    log_set_level(LOG_LEVEL_DEBUG);
    ck_assert_str_eq(log_level_name(log_level()), "debug");
    log_event(LOG_LEVEL_DEBUG, "wanted");
    read_from(1, LOG_LEVEL_DEBUG, 10000);
    ck_assert_ptr_nonnull(strstr(out.p, "\"wanted\""));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("base/log_ring");
    TCase *t = tcase_create("log_ring");
    SRunner *r;
    int failed;

    suite_add_tcase(s, t);
    tcase_set_timeout(t, 20);
    tcase_add_test(t, lines_come_back_in_order);
    tcase_add_test(t, the_tail);
    tcase_add_test(t, old_ones_make_room);
    tcase_add_test(t, any_thread);
    tcase_add_test(t, the_log_writes_json_here_whatever_it_writes_elsewhere);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}

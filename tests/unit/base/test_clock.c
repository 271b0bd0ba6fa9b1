/* base/clock: both clocks move together when a test says so, and times are written as the wire
 * wants them. */
#include "base/clock.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void assert_time(int64_t unix_ms, const char *expected)
{
    char text[CLOCK_RFC3339_BYTES];
    ck_assert_ptr_eq(clock_rfc3339(unix_ms, text), text);
    ck_assert_str_eq(text, expected);
}

START_TEST(known_times)
{
    assert_time(0, "1970-01-01T00:00:00.000Z");
    assert_time(-1, "1969-12-31T23:59:59.999Z");
    assert_time(INT64_C(1767323045678), "2026-01-02T03:04:05.678Z");
    assert_time(INT64_C(951782400000), "2000-02-29T00:00:00.000Z");
    assert_time(INT64_C(4107542400000), "2100-03-01T00:00:00.000Z");
    assert_time(INT64_MAX, "9999-12-31T23:59:59.999Z");
    assert_time(INT64_MIN, "0000-01-01T00:00:00.000Z");
}
END_TEST

START_TEST(every_day_is_what_the_c_library_says)
{
    for (int64_t day = -200000; day < 400000; day++) {
        char text[CLOCK_RFC3339_BYTES], expected[64];
        time_t t = (time_t)(day * 86400 + (day & 0xffff));
        struct tm tm;
        gmtime_r(&t, &tm);
        size_t n = strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%S", &tm);
        snprintf(expected + n, sizeof expected - n, ".%03dZ", 7);
        clock_rfc3339((int64_t)t * 1000 + 7, text);
        if (strcmp(text, expected) != 0)
            ck_abort_msg("%s, not %s", text, expected);
    }
}
END_TEST

/* Whatever was asked before. */
START_TEST(a_stamp_is_that_time)
{
    static const int64_t steps[] = {0, 1,    1,   10,       987, 1,    999,
                                    1, 1000, 500, 86400000, -1,  -700, -400};
    static const int64_t starts[] = {0,     INT64_C(1767323045678), INT64_C(253402300798000),
                                     -2500, INT64_C(951782399000),  INT64_MAX - 87000000};
    struct clock_stamp s = {0};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        int64_t at = starts[i];
        for (size_t k = 0; k < sizeof steps / sizeof *steps; k++) {
            char expected[CLOCK_RFC3339_BYTES];
            at += steps[k];
            ck_assert_str_eq(clock_stamp(&s, at), clock_rfc3339(at, expected));
        }
    }
    ck_assert_str_eq(clock_stamp(&s, INT64_MIN), "0000-01-01T00:00:00.000Z");
}
END_TEST

START_TEST(clocks_move_together)
{
    int64_t mono = clock_mono_ms(), wall = clock_unix_ms(), us = clock_mono_us();
    ck_assert_int_le(llabs(wall - (int64_t)time(NULL) * 1000), 2000);
    ck_assert_int_le(mono, clock_mono_ms());
    ck_assert_int_le(us / 1000 - mono, 1000);
    ck_assert_int_le(clock_mono_coarse_ms(), clock_mono_ms());
    ck_assert_int_ge(clock_mono_coarse_ms() - mono, -100);
    clock_advance_ms(3600000);
    clock_advance_ms(1);
    ck_assert_int_ge(clock_mono_ms() - mono, 3600001);
    ck_assert_int_ge(clock_mono_coarse_ms() - mono, 3599901);
    ck_assert_int_ge(clock_unix_ms() - wall, 3600001);
    ck_assert_int_ge(clock_mono_us() - us, INT64_C(3600001000));
    ck_assert_int_le(clock_unix_ms() - wall, 3610000);
}
END_TEST

START_TEST(clocks_to_measure_with)
{
    int64_t ns = clock_mono_ns(), coarse = clock_mono_coarse_ns();

    ck_assert(clock_is_kernels());
    ck_assert_int_gt(clock_tick_ns(), 0);
    ck_assert_int_le(coarse, clock_mono_ns());
    ck_assert_int_le(llabs(ns / 1000 - clock_mono_us()), 10000000);
    clock_advance_ms(3600000);
    ck_assert(!clock_is_kernels());
    ck_assert_int_ge(clock_mono_ns() - ns, INT64_C(3600000000000));
    ck_assert_int_ge(clock_mono_coarse_ns() - coarse, INT64_C(3600000000000));
    clock_stop();
    ns = clock_mono_ns();
    ck_assert_int_eq(clock_mono_coarse_ns(), ns);
    ck_assert_int_eq(clock_mono_us(), ns / 1000);
    ck_assert_int_eq(clock_mono_ns(), ns);
}
END_TEST

START_TEST(the_wall_clock_can_be_set)
{
    int64_t mono = clock_mono_ms(), wall = clock_unix_ms();

    clock_set_ms(-7200000);
    ck_assert_int_le(clock_unix_ms() - wall, -7190000);
    ck_assert_int_ge(clock_unix_ms() - wall, -7200000);
    ck_assert_int_le(clock_mono_ms() - mono, 10000);
}
END_TEST

static void until_the_kernel_moves(void)
{
    struct timespec a, b;

    clock_gettime(CLOCK_REALTIME, &a);
    do
        clock_gettime(CLOCK_REALTIME, &b);
    while (b.tv_sec == a.tv_sec && b.tv_nsec - a.tv_nsec < 2000000);
}

START_TEST(clocks_that_stand_still)
{
    int64_t mono, wall, us = clock_mono_us();

    clock_stop_unix();
    wall = clock_unix_ms();
    until_the_kernel_moves();
    ck_assert_int_eq(clock_unix_ms(), wall);
    ck_assert_int_ge(clock_mono_us(), us + 1000);
    clock_stop();
    mono = clock_mono_ms(), us = clock_mono_us(), wall = clock_unix_ms();
    until_the_kernel_moves();
    ck_assert_int_eq(clock_mono_us(), us);
    ck_assert_int_eq(clock_mono_coarse_ms(), mono);
    ck_assert_int_eq(clock_unix_ms(), wall);
    clock_advance_ms(70);
    clock_set_ms(-20);
    ck_assert_int_eq(clock_mono_ms(), mono + 70);
    ck_assert_int_eq(clock_unix_ms(), wall + 50);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/clock");
    TCase *t = tcase_create("clock");
    suite_add_tcase(suite, t);
    tcase_add_test(t, known_times);
    tcase_add_test(t, every_day_is_what_the_c_library_says);
    tcase_add_test(t, a_stamp_is_that_time);
    tcase_add_test(t, clocks_move_together);
    tcase_add_test(t, clocks_to_measure_with);
    tcase_add_test(t, the_wall_clock_can_be_set);
    tcase_add_test(t, clocks_that_stand_still);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

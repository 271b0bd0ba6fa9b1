/* The clocks. Every reading of time in the daemon comes from here, so that a test can move it.
 *
 * One offset is added to both clocks alike, one to the wall clock alone, and each can be made to
 * stand still; outside tests the offsets are always 0, and the clocks run.
 */
#include "base/clock.h"

#include <stdatomic.h>
#include <string.h>
#include <time.h>

#define MS_PER_S       1000
#define NS_PER_S       INT64_C(1000000000)
#define NS_PER_MS      INT64_C(1000000)
#define MS_PER_DAY     INT64_C(86400000)
#define YEAR_0_MS      INT64_C(-62167219200000) /* 0000-01-01T00:00:00.000Z */
#define YEAR_9999_MS   INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */
#define DAYS_PER_ERA   INT64_C(146097)          /* 400 years */
#define DAYS_TO_MARCH0 INT64_C(719468)          /* from 0000-03-01 to 1970-01-01 */

static _Atomic int64_t advanced_ms, set_ms;

static _Atomic int64_t mono_still_us, unix_still_us; /* 0: it runs */

static int64_t kernel_ns(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

static int64_t kernel_us(clockid_t id)
{
    return kernel_ns(id) / 1000;
}

static int64_t read_us(clockid_t id)
{
    int64_t still_us = atomic_load_explicit(id == CLOCK_REALTIME ? &unix_still_us : &mono_still_us,
                                            memory_order_relaxed);

    return (still_us ? still_us : kernel_us(id)) +
           atomic_load_explicit(&advanced_ms, memory_order_relaxed) * 1000;
}

int64_t clock_mono_ms(void)
{
    return read_us(CLOCK_MONOTONIC) / 1000;
}

int64_t clock_mono_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

int64_t clock_mono_coarse_ms(void)
{
    return read_us(CLOCK_MONOTONIC_COARSE) / 1000;
}

static int64_t mono_ns(clockid_t id)
{
    int64_t still_us = atomic_load_explicit(&mono_still_us, memory_order_relaxed);

    return (still_us ? still_us * 1000 : kernel_ns(id)) +
           atomic_load_explicit(&advanced_ms, memory_order_relaxed) * NS_PER_MS;
}

int64_t clock_mono_ns(void)
{
    return mono_ns(CLOCK_MONOTONIC);
}

int64_t clock_mono_coarse_ns(void)
{
    return mono_ns(CLOCK_MONOTONIC_COARSE);
}

int64_t clock_tick_ns(void)
{
    struct timespec t;

    return clock_getres(CLOCK_MONOTONIC_COARSE, &t) == 0 ? t.tv_sec * NS_PER_S + t.tv_nsec
                                                         : NS_PER_S;
}

bool clock_is_kernels(void)
{
    return atomic_load_explicit(&mono_still_us, memory_order_relaxed) == 0 &&
           atomic_load_explicit(&advanced_ms, memory_order_relaxed) == 0;
}

int64_t clock_unix_ms(void)
{
    return read_us(CLOCK_REALTIME) / 1000 + atomic_load_explicit(&set_ms, memory_order_relaxed);
}

void clock_advance_ms(int64_t ms)
{
    atomic_fetch_add_explicit(&advanced_ms, ms, memory_order_relaxed);
}

void clock_set_ms(int64_t ms)
{
    atomic_fetch_add_explicit(&set_ms, ms, memory_order_relaxed);
}

static void put_digits(char *to, int64_t v, int digits)
{
    while (digits-- > 0) {
        to[digits] = (char)('0' + v % 10);
        v /= 10;
    }
}

void clock_stop_unix(void)
{
    unix_still_us = kernel_us(CLOCK_REALTIME);
}

void clock_stop(void)
{
    clock_stop_unix();
    mono_still_us = kernel_us(CLOCK_MONOTONIC);
}

/* By hand and not by gmtime_r, which takes the lock of the time zone; years begin in March here,
 * which puts the leap day last. What has no four-digit year is moved to the nearest time that has
 * one. */
char *clock_rfc3339(int64_t unix_ms, char out[CLOCK_RFC3339_BYTES])
{
    int64_t at = unix_ms < YEAR_0_MS ? YEAR_0_MS : unix_ms > YEAR_9999_MS ? YEAR_9999_MS : unix_ms;
    int64_t ms = at % MS_PER_DAY;
    if (ms < 0)
        ms += MS_PER_DAY;
    int64_t days = (at - ms) / MS_PER_DAY + DAYS_TO_MARCH0;
    int64_t era = (days < 0 ? days - (DAYS_PER_ERA - 1) : days) / DAYS_PER_ERA;
    int64_t day = days - era * DAYS_PER_ERA;
    int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    int64_t day_of_year = day - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * day_of_year + 2) / 153; /* 0: March */
    int64_t day_of_month = day_of_year - (153 * month + 2) / 5 + 1;

    memcpy(out, "0000-00-00T00:00:00.000Z", CLOCK_RFC3339_BYTES);
    put_digits(out, year + era * 400 + (month >= 10), 4);
    put_digits(out + 5, month < 10 ? month + 3 : month - 9, 2);
    put_digits(out + 8, day_of_month, 2);
    put_digits(out + 11, ms / 3600000, 2);
    put_digits(out + 14, ms / 60000 % 60, 2);
    put_digits(out + 17, ms / 1000 % 60, 2);
    put_digits(out + 20, ms % 1000, 3);
    return out;
}

const char *clock_stamp(struct clock_stamp *s, int64_t unix_ms)
{
    if (s->known && unix_ms >= s->second_ms && unix_ms < s->second_ms + MS_PER_S) {
        put_digits(s->text + 20, unix_ms - s->second_ms, 3);
        return s->text;
    }
    /* Not of what was moved to the nearest time that can be written. */
    s->known = unix_ms >= 0 && unix_ms <= YEAR_9999_MS - MS_PER_S;
    s->second_ms = s->known ? unix_ms - unix_ms % MS_PER_S : 0;
    return clock_rfc3339(unix_ms, s->text);
}

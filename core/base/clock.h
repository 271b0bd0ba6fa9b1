/* The two clocks, and what a test may do to them. Any thread. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H
#include <stdbool.h>
#include <stdint.h>

int64_t clock_mono_ms(void);
int64_t clock_mono_us(void);
/* clock_mono_ms() as the kernel's last tick left it: up to 10 ms behind, and several times as fast.
 * For deadlines of seconds. */
int64_t clock_mono_coarse_ms(void);
/* To measure with. The coarse one stands still between two ticks of the kernel, and costs an
 * eighth: while it has not moved, less than clock_tick_ns() has passed. */
int64_t clock_mono_ns(void);
int64_t clock_mono_coarse_ns(void);
int64_t clock_tick_ns(void);
bool clock_is_kernels(void); /* no test stops or moves it */
int64_t clock_unix_ms(void);
void clock_advance_ms(int64_t ms); /* tests only */
void clock_set_ms(int64_t ms);     /* tests only: moves the wall clock alone, as one sets it */
void clock_stop(void);             /* tests only: both stand still, but for what moves them here */
void clock_stop_unix(void);        /* tests only: the wall clock alone */
/* "2026-01-02T03:04:05.678Z": exactly three digits, 24 bytes and the 0. */
#define CLOCK_RFC3339_BYTES 25
char *clock_rfc3339(int64_t unix_ms, char out[CLOCK_RFC3339_BYTES]);
/* The same for times that follow closely upon one another: within a second only its digits are
 * written anew. One caller's; all zero at first. Valid until the next call. */
struct clock_stamp {
    int64_t second_ms; /* of the text, when it is known */
    bool known;
    char text[CLOCK_RFC3339_BYTES];
};
const char *clock_stamp(struct clock_stamp *s, int64_t unix_ms);
#endif

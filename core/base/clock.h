/* The two clocks, and the offset by which a test moves both. Any thread. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H
#include <stdint.h>

int64_t clock_mono_ms(void);
int64_t clock_mono_us(void);
int64_t clock_unix_ms(void);
void clock_advance_ms(int64_t ms); /* tests only */
void clock_set_ms(int64_t ms);     /* tests only: moves the wall clock alone, as one sets it */
/* "2026-01-02T03:04:05.678Z": exactly three digits, 24 bytes and the 0. */
#define CLOCK_RFC3339_BYTES 25
char *clock_rfc3339(int64_t unix_ms, char out[CLOCK_RFC3339_BYTES]);
#endif

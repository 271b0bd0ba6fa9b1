/* Series of measurements, and what is printed of them: a table for people, or JSON. */
#ifndef MICRO_MEASURE_H
#define MICRO_MEASURE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct series { /* nanoseconds a message, one value a repetition */
    const char *name;
    double *values;
    size_t count, cap;
};

int64_t measure_now_ns(void);
/* What two readings of the clock, one behind the other, seem to last: nobody's cost. */
int64_t measure_clock_ns(void);

void series_init(struct series *s, const char *name, size_t repetitions);
void series_finish(struct series *s);
/* What `messages` of them took, from one reading of the clock to another. */
void series_add(struct series *s, int64_t from_ns, int64_t until_ns, unsigned messages);
void series_add_value(struct series *s, double ns);
double series_median(struct series *s);

/* In the order of the calls. */
void report_begin(bool json, size_t text_bytes, size_t frame_bytes, unsigned batch);
void report_series(struct series *s);
void report_value(const char *name, double ns); /* derived from medians: no spread of its own */
void report_end(void);
#endif

/* Measurements, and what is printed of them: a table for people, or JSON. */
#ifndef MICRO_MEASURE_H
#define MICRO_MEASURE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct samples { /* nanoseconds a message, one value a repetition */
    const char *name;
    double *values;
    size_t count, cap;
};

int64_t measure_now_ns(void);
/* What two readings of the clock, one behind the other, seem to last: nobody's cost. */
int64_t measure_clock_ns(void);

void samples_init(struct samples *s, const char *name, size_t repetitions);
void samples_finish(struct samples *s);
/* What `messages` of them took, from one reading of the clock to another. */
void samples_add(struct samples *s, int64_t from_ns, int64_t until_ns, unsigned messages);
void samples_add_value(struct samples *s, double ns);
double samples_median(struct samples *s);

/* In the order of the calls. */
void report_begin(bool json, size_t text_bytes, size_t frame_bytes, unsigned batch);
void report_samples(struct samples *s);
void report_value(const char *name, double ns); /* derived from medians: no spread of its own */
void report_end(void);
#endif

/* Numbers about the daemon, for /metrics. Made at any time, kept for good, counted from any thread
 * without a lock. */
#ifndef BASE_METRICS_H
#define BASE_METRICS_H
#include <parley/base.h>

/* SECONDS: a histogram of durations, in seconds, from 0.1 ms on; BRIEF: likewise, from 1 us on */
enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_SECONDS, METRIC_BRIEF };
struct metric; /* one series, on a cache line of its own */

/* The series of that name and label (NULL, NULL: none), made on the first call. `name` is without
 * the prefix `parley_` and the suffix `_total`, which the page adds. At most 1,000 label values a
 * name; then all further ones share the value "other". NULL: no memory, or the name is of another
 * kind; every function below takes it. [any] takes a lock: look up once, keep the pointer. */
struct metric *metric(enum metric_kind kind, const char *name, const char *help,
                      const char *label_key, parley_str label_value);
/* With a second label, for plugins' metrics: parley_plugin_<name>{section="x",label="y"}. */
struct metric *metric2(enum metric_kind kind, const char *name, const char *help, const char *key1,
                       parley_str value1, const char *key2, parley_str value2);
void metric_add(struct metric *m, double v); /* counter: v >= 0; gauge: adds; seconds: observes */
void metric_inc(struct metric *m);           /* +1, fast */
/* +1, faster still: for a series that one thread counts alone. Others may read it. */
void metric_inc_alone(struct metric *m);
void metric_set(struct metric *m, double v); /* gauge */
double metric_read(const struct metric *m);  /* seconds: how many were observed */
/* Sum over what matches; tests. NAN: none */
double metric_find(const char *name, parley_str label_value);
/* The page, OpenMetrics 1.0 text, ends with "# EOF\n". */
struct buf;
void metrics_write(struct buf *to);
void metrics_reset(void); /* tests */
#endif

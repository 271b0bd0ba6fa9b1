/* The series of a plugin's metrics with a label, remembered by that label: counting, which hot
 * paths do for every message, then takes no lock. */
#ifndef PLUGIN_SERIES_H
#define PLUGIN_SERIES_H
#include <parley/base.h>

#include <stdatomic.h>

struct metric;
struct series_table;
struct series { /* all zero: empty */
    _Atomic(struct series_table *) table;
};

#define SERIES_MOST        4096 /* kept in all */
#define SERIES_LABEL_BYTES 256  /* of the longest label that is kept */

/* @param metric_index  In the plugin's table of metrics.
 * @return NULL: not kept. [any] O(1), no lock. */
struct metric *series_find(const struct series *s, size_t metric_index, parley_str label);
/* Remembers m, unless the label is known already or there is no room: then whoever asks next has to
 * look it up again. The label is copied. [any] takes a lock. */
void series_keep(struct series *s, size_t metric_index, parley_str label, struct metric *m);
void series_finish(struct series *s); /* when nobody counts any more */
#endif

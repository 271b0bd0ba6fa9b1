/* The latest lines of the log, in memory, for whoever asks while the daemon runs. Always JSON,
 * whatever is written to the log's own descriptor. Bounded: the oldest ones make room, and a reader
 * who comes too late is told how many he missed. [any] */
#ifndef BASE_LOG_RING_H
#define BASE_LOG_RING_H
#include "base/buf.h"
#include "base/log.h"

/* One line without its end. Takes a lock, copies, allocates nothing. */
void log_ring_put(enum log_level level, const char *line, size_t n);
/* The number of the last line; 0: there was none. Numbers count up by one. */
uint64_t log_ring_last(void);
/* Appends the lines behind number `after` whose level is at least `least`, comma between them, as
 * long as they are not more than `most` bytes together.
 * @param ret_missed  Lines behind `after` that are no longer there, of whatever level.
 * @return The number up to which it read: the next `after`. */
uint64_t log_ring_read(uint64_t after, enum log_level least, size_t most, struct buf *to,
                       uint64_t *ret_missed);
/* The `after` for the last n lines of that level, of those that are there. */
uint64_t log_ring_tail(unsigned n, enum log_level least);
#endif

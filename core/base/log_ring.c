/* Records of varying length in a ring of bytes. A position counts all bytes that were ever written,
 * so that the ring's own boundary is nobody's business but copy's. */
#include "base/log_ring.h"

#include <pthread.h>

#define RING_BYTES ((uint64_t)256 * 1024)

struct head {
    uint64_t number;
    uint32_t bytes; /* of the line */
    uint32_t level;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char ring[RING_BYTES];
static uint64_t first, end; /* positions of the oldest record, and behind the newest */
static uint64_t last;       /* number of the newest */

static void copy_in(uint64_t at, const void *from, size_t n)
{
    size_t offset = (size_t)(at % RING_BYTES), here = RING_BYTES - offset;

    here = n < here ? n : here;
    memcpy(ring + offset, from, here);
    memcpy(ring, (const char *)from + here, n - here);
}

static void copy_out(uint64_t at, void *to, size_t n)
{
    size_t offset = (size_t)(at % RING_BYTES), here = RING_BYTES - offset;

    here = n < here ? n : here;
    memcpy(to, ring + offset, here);
    memcpy((char *)to + here, ring, n - here);
}

/* Of the record there; returns the position of the next one. */
static uint64_t head_at(uint64_t at, struct head *ret)
{
    copy_out(at, ret, sizeof *ret);
    return at + sizeof *ret + ret->bytes;
}

void log_ring_put(enum log_level level, const char *line, size_t n)
{
    struct head h = {.bytes = (uint32_t)n, .level = level}, oldest;

    if (n > RING_BYTES / 2)
        return;
    pthread_mutex_lock(&lock);
    while (end + sizeof h + n - first > RING_BYTES)
        first = head_at(first, &oldest);
    h.number = ++last;
    copy_in(end, &h, sizeof h);
    copy_in(end + sizeof h, line, n);
    end += sizeof h + n;
    pthread_mutex_unlock(&lock);
}

uint64_t log_ring_last(void)
{
    pthread_mutex_lock(&lock);
    uint64_t n = last;
    pthread_mutex_unlock(&lock);
    return n;
}

uint64_t log_ring_read(uint64_t after, enum log_level least, size_t most, struct buf *to,
                       uint64_t *ret_missed)
{
    size_t begin = to->n;
    struct head h;

    *ret_missed = 0;
    pthread_mutex_lock(&lock);
    for (uint64_t at = first, next; at < end; at = next) {
        next = head_at(at, &h);
        if (h.number <= after)
            continue;
        if (at == first)
            *ret_missed = h.number - after - 1;
        if (h.level >= least) {
            bool more = to->n > begin;
            if (to->n - begin + more + h.bytes > most)
                break;
            if (more)
                buf_add_char(to, ',');
            char *room = buf_reserve(to, h.bytes);
            if (!room)
                break;
            copy_out(at + sizeof h, room, h.bytes);
            to->n += h.bytes;
        }
        after = h.number;
    }
    pthread_mutex_unlock(&lock);
    return after;
}

uint64_t log_ring_tail(unsigned n, enum log_level least)
{
    unsigned there = 0;
    uint64_t after;
    struct head h;

    pthread_mutex_lock(&lock);
    for (uint64_t at = first; at < end;) {
        at = head_at(at, &h);
        there += h.level >= least;
    }
    after = last;
    for (uint64_t at = first; at < end && n > 0;) {
        at = head_at(at, &h);
        if (h.level < least || there-- > n)
            continue;
        after = h.number - 1;
        break;
    }
    pthread_mutex_unlock(&lock);
    return after;
}

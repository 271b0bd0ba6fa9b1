/* The send queue of a client that does not read fast enough: a ring of references.
 *
 * Nothing is copied: a thousand choked clients of one channel share its batches. What they are
 * charged is what they have still to get, and the bound is asked before anything is taken. The ring
 * goes as soon as it has run empty.
 */
#include "client/send_queue.h"

#include <stdlib.h>

#define FIRST_ENTRIES 8

struct send_entry *send_queue_at(struct send_queue *q, uint32_t i)
{
    return &q->entries[(q->head + i) & (q->cap - 1)];
}

static int grow(struct send_queue *q)
{
    uint32_t cap = q->cap ? 2 * q->cap : FIRST_ENTRIES; /* a power of two: indexes are masked */
    struct send_entry *entries = malloc(cap * sizeof *entries);

    if (!entries)
        return -ENOMEM;
    for (uint32_t i = 0; i < q->count; i++)
        entries[i] = *send_queue_at(q, i);
    free(q->entries);
    q->entries = entries;
    q->head = 0;
    q->cap = cap;
    return 0;
}

int send_queue_push(struct send_queue *q, struct frame *f, uint32_t from, uint32_t to,
                    uint32_t messages, enum lane lane, bool counted, uint32_t max_bytes,
                    uint32_t max_messages)
{
    uint32_t n = to - from;

    if (counted && ((max_bytes && (uint64_t)q->bytes + n > max_bytes) ||
                    (max_messages && (uint64_t)q->messages + messages > max_messages)))
        return -ENOBUFS;
    if (!counted && q->uncounted == SEND_QUEUE_UNCOUNTED)
        return -ENOBUFS;
    if (q->count == q->cap && grow(q) < 0)
        return -ENOMEM;
    q->count++;
    *send_queue_at(q, q->count - 1) = (struct send_entry){.frame = frame_ref(f),
                                                          .from = from,
                                                          .to = to,
                                                          .messages = messages,
                                                          .lane = (uint8_t)lane,
                                                          .counted = counted};
    if (counted) {
        q->bytes += n;
        q->messages += messages;
    } else {
        q->uncounted++;
    }
    return 0;
}

struct send_entry *send_queue_peek(struct send_queue *q)
{
    return q->count ? send_queue_at(q, 0) : NULL;
}

static void drop_first(struct send_queue *q)
{
    struct send_entry *e = send_queue_at(q, 0);

    if (e->counted) {
        q->bytes -= e->to - e->from;
        q->messages -= e->messages;
    } else if (--q->uncounted == 0) {
        q->greeting_since_ms = 0;
    }
    frame_unref(e->frame);
    q->head = (q->head + 1) & (q->cap - 1);
    if (--q->count == 0) {
        free(q->entries);
        q->entries = NULL;
        q->head = q->cap = 0;
    }
}

uint32_t send_queue_advance(struct send_queue *q, uint32_t bytes)
{
    struct send_entry *e = send_queue_at(q, 0);
    uint32_t messages = e->messages;

    if (bytes < e->to - e->from) {
        const char *at = e->frame->bytes + e->from;

        messages = frame_count(at, bytes);
        if (e->counted) {
            q->bytes -= bytes;
            q->messages -= messages;
        }
        e->messages -= messages;
        e->from += bytes;
    } else {
        drop_first(q);
    }
    return messages;
}

void send_queue_finish(struct send_queue *q)
{
    while (q->count)
        drop_first(q);
    q->stalled_since_ms = q->greeting_since_ms = 0;
}

struct send_queue *send_queue_new(void)
{
    return calloc(1, sizeof(struct send_queue));
}

void send_queue_free(struct send_queue *q)
{
    if (!q)
        return;
    send_queue_finish(q);
    free(q);
}

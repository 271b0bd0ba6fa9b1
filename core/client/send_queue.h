/* What one slow client has still to get: references to frames, bounded in bytes and messages. All
 * the others have none. [pump]
 */
#ifndef CLIENT_SEND_QUEUE_H
#define CLIENT_SEND_QUEUE_H
#include "client/frame.h"
#include "loop/mail.h"

struct send_entry {
    struct frame *frame;
    uint32_t from, to; /* bytes of it; both at WebSocket frame boundaries */
    uint32_t messages; /* WebSocket frames in there */
    uint8_t lane;
    bool counted; /* false: a greeting */
};
#define SEND_QUEUE_UNCOUNTED 4096 /* entries: a greeting, and a few replays that were asked for */
struct send_queue {
    struct send_entry *entries; /* ring; allocated when first needed, freed when it has run empty */
    uint32_t head, count, cap;
    uint32_t bytes, messages;  /* that are counted */
    uint32_t uncounted;        /* entries that are not */
    int64_t stalled_since_ms;  /* 0: not; else since when nothing could be sent */
    int64_t greeting_since_ms; /* 0: no greeting in it */
};
/**
 * Queue part of a frame.
 *
 * @param f        Borrowed; the queue takes a reference of its own on success.
 * @param messages WebSocket frames in [from, to).
 * @retval 0        Queued.
 * @retval -ENOBUFS Would pass max_bytes or max_messages (0: no bound); nothing was queued.
 * @retval -ENOMEM
 * [pump] O(1).
 */
int send_queue_push(struct send_queue *q, struct frame *f, uint32_t from, uint32_t to,
                    uint32_t messages, enum lane lane, bool counted, uint32_t max_bytes,
                    uint32_t max_messages);
struct send_entry *send_queue_peek(struct send_queue *q); /* NULL: empty */
/* The i-th from the head, i < count. */
struct send_entry *send_queue_at(struct send_queue *q, uint32_t i);
/* Of the first entry, whole WebSocket frames; drops it when it is done. Returns how many frames. */
uint32_t send_queue_advance(struct send_queue *q, uint32_t bytes);
void send_queue_finish(struct send_queue *q); /* drops everything */
struct send_queue *send_queue_new(void);      /* empty; NULL: no memory */
void send_queue_free(struct send_queue *q);   /* drops everything; takes NULL */
#endif

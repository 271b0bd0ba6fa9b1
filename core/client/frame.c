/* Frames: bytes as they go over the wire, WebSocket header and all, made once and counted.
 *
 * The hub makes them, pumps send them, and whoever holds the last reference frees them, on whatever
 * thread. Nothing is written into a frame once anyone else can see it; a batch that is still being
 * filled (batch.c) is seen by its pump alone.
 */
#include "client/frame.h"

#include <stdlib.h>

size_t frame_header(char out[FRAME_HEADER_BYTES], int opcode, size_t payload_bytes)
{
    unsigned char *h = (unsigned char *)out;

    h[0] = (unsigned char)(0x80 | opcode);
    if (payload_bytes < 126) {
        h[1] = (unsigned char)payload_bytes;
        return 2;
    }
    if (payload_bytes <= UINT16_MAX) {
        h[1] = 126;
        h[2] = (unsigned char)(payload_bytes >> 8);
        h[3] = (unsigned char)payload_bytes;
        return 4;
    }
    h[1] = 127;
    for (int i = 0; i < 8; i++)
        h[2 + i] = (unsigned char)((uint64_t)payload_bytes >> (56 - 8 * i));
    return 10;
}

static struct frame *alloc_frame(size_t n, uint32_t count)
{
    struct frame *f;

    if (n > UINT32_MAX - sizeof *f)
        return NULL;
    f = malloc(sizeof *f + n);
    if (!f)
        return NULL;
    atomic_init(&f->refs, 1);
    f->n = (uint32_t)n;
    f->count = count;
    return f;
}

struct frame *frame_new(int opcode, parley_str payload)
{
    char header[FRAME_HEADER_BYTES];
    size_t n = frame_header(header, opcode, payload.n);
    struct frame *f = payload.n < UINT32_MAX ? alloc_frame(n + payload.n, 1) : NULL;

    if (!f)
        return NULL;
    memcpy(f->bytes, header, n);
    if (payload.n)
        memcpy(f->bytes + n, payload.p, payload.n);
    return f;
}

static size_t header_bytes(size_t payload_bytes)
{
    return payload_bytes < 126 ? 2 : payload_bytes <= UINT16_MAX ? 4 : 10;
}

/* The payload begins where it is to stay, if it becomes about as long as was expected. */
void frame_begin(struct buf *b, size_t expected_bytes)
{
    size_t head = sizeof(struct frame) + header_bytes(expected_bytes);

    buf_init(b, 0);
    if (buf_reserve(b, head + expected_bytes))
        b->n = head;
}

struct frame *frame_end(struct buf *b, int opcode, size_t expected_bytes)
{
    size_t left = header_bytes(expected_bytes), n, head;
    struct frame *f;

    if (b->error)
        return NULL;
    n = b->n - sizeof *f - left;
    head = header_bytes(n);
    if (n >= UINT32_MAX - sizeof *f - FRAME_HEADER_BYTES || (head > left && !buf_reserve(b, head)))
        return NULL;
    f = (struct frame *)(void *)b->p;
    if (head != left)
        memmove(f->bytes + head, f->bytes + left, n);
    b->n = sizeof *f + head + n;
    buf_fit(b);
    f = (struct frame *)(void *)b->p;
    frame_header(f->bytes, opcode, n);
    atomic_init(&f->refs, 1);
    f->n = (uint32_t)(head + n);
    f->count = 1;
    buf_init(b, 0);
    return f;
}

struct frame *frame_of_bytes(const char *bytes, size_t n, uint32_t count)
{
    struct frame *f = alloc_frame(n, count);

    if (f && n)
        memcpy(f->bytes, bytes, n);
    return f;
}

struct frame *frame_ref(struct frame *f)
{
    atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
    return f;
}

/* Who holds the only reference needs no atomic subtraction: nobody else can take one. */
void frame_unref(struct frame *f)
{
    if (f && (atomic_load_explicit(&f->refs, memory_order_acquire) == 1 ||
              atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) == 1))
        free(f);
}

size_t frame_length(const char *bytes, size_t n)
{
    const unsigned char *h = (const unsigned char *)bytes;
    size_t head, length;

    if (n < 2)
        return 0;
    head = h[1] < 126 ? 2 : h[1] == 126 ? 4 : 10;
    length = h[1];
    if (n < head)
        return 0;
    if (head == 4) {
        length = (size_t)h[2] << 8 | h[3];
    } else if (head == 10) {
        length = 0;
        for (int i = 2; i < 10; i++)
            length = length << 8 | h[i];
    }
    return length <= n - head ? head + length : 0;
}

uint32_t frame_count(const char *bytes, size_t n)
{
    uint32_t count = 0;
    size_t length;

    for (; (length = frame_length(bytes, n)); count++) {
        bytes += length;
        n -= length;
    }
    return count;
}

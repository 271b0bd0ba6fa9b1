/* Bytes for the wire: WebSocket headers included, immutable, counted, shared by every loop.
 *
 * A frame may hold several WebSocket frames one after another (a batch): whoever sends part of it
 * goes on at a boundary.
 */
#ifndef CLIENT_FRAME_H
#define CLIENT_FRAME_H
#include "base/buf.h"

#include <stdatomic.h>

struct frame {
    _Atomic uint32_t refs;
    uint32_t n;     /* bytes */
    uint32_t count; /* WebSocket frames in it */
    char bytes[];
};
enum { FRAME_TEXT = 1, FRAME_CLOSE = 8, FRAME_PING = 9, FRAME_PONG = 10 };
#define FRAME_HEADER_BYTES 10 /* at most, from the server */

/* FIN, unmasked; returns its length */
size_t frame_header(char out[FRAME_HEADER_BYTES], int opcode, size_t payload_bytes);
/* One reference, the caller's. NULL: no memory. */
struct frame *frame_new(int opcode, parley_str payload);
/* A frame whose payload is written in its place: begin, add `payload` to b, end. `expected_bytes`
 * of payload need no second allocation. What does not become a frame is given to buf_finish. */
void frame_begin(struct buf *b, size_t expected_bytes);
/* One reference, the caller's; b is empty then. NULL: b->error, or too large. */
struct frame *frame_end(struct buf *b, int opcode, size_t expected_bytes);
/* Ready bytes, copied. */
struct frame *frame_of_bytes(const char *bytes, size_t n, uint32_t count);
struct frame *frame_ref(struct frame *f);
void frame_unref(struct frame *f); /* takes NULL */
/* Length of the whole WebSocket frame that begins at bytes (server to client, so unmasked); 0:
 * fewer than n bytes are there. */
size_t frame_length(const char *bytes, size_t n);
/* Whole WebSocket frames in n bytes. */
uint32_t frame_count(const char *bytes, size_t n);
#endif
